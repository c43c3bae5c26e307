/** Servers that behave badly, each in one way, whatever they are asked. */

import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Address } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { certificate, untilClosed, write } from "./http_servers.ts";
import { pem } from "./check_requests.ts";

/** What a server does with a connection, which ends with it. */
export type Conduct = (connection: Deno.Conn) => Promise<void>;

export interface BadServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Who connected, in turn. */
  readonly peers: readonly Deno.NetAddr[];
  /** Resolves when all connections have ended, as those do whose other side closes them. */
  abandoned(): Promise<void>;
}

export interface BadServerOptions {
  readonly hostname?: string;
  /** A file of certificates/, without its ending: speaks TLS. */
  readonly certificate?: string;
}

export function serveAs(conduct: Conduct, options: BadServerOptions = {}): BadServer {
  const listener = listen(options);
  const { hostname, port } = listener.addr as Deno.NetAddr;
  const peers: Deno.NetAddr[] = [];
  const open = new Set<Deno.Conn>();
  const conversations = new Set<Promise<void>>();
  const serving = (async () => {
    for (;;) {
      const connection = await acceptNext(listener);
      if (!connection) return;
      peers.push(connection.remoteAddr as Deno.NetAddr);
      open.add(connection);
      const conversation = conduct(connection).catch(() => {}).finally(() => {
        open.delete(connection);
        conversations.delete(conversation);
        closeQuietly(connection);
      });
      conversations.add(conversation);
    }
  })();
  return {
    endpoint: { address: hostname as Address, port },
    peers,
    async abandoned() {
      await Promise.all(conversations);
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      open.forEach(closeQuietly);
      await serving;
      await Promise.all(conversations);
    },
  };
}

function listen({ hostname = "127.0.0.1", certificate: name }: BadServerOptions): Deno.Listener {
  if (name === undefined) return Deno.listen({ hostname, port: 0 });
  const key = Deno.readTextFileSync(pem("server.key"));
  return Deno.listenTls({ hostname, port: 0, cert: certificate(name), key });
}

/** Whoever was gone before it was taken is passed over; undefined when it is closed. */
async function acceptNext(listener: Deno.Listener): Promise<Deno.Conn | undefined> {
  for (;;) {
    try {
      return await listener.accept();
    } catch (error) {
      if (error instanceof Deno.errors.BadResource) return undefined;
      if (!(error instanceof Deno.errors.NotConnected)) throw error;
    }
  }
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed before.
  }
}

export const silent: Conduct = untilClosed;

export function leaving(): Promise<void> {
  return Promise.resolve();
}

/** Over TLS: leaves when the handshake is done. */
export async function greeting(connection: Deno.Conn): Promise<void> {
  await (connection as Deno.TlsConn).handshake();
}

/** Hears one question out, and leaves. */
export async function closing(connection: Deno.Conn): Promise<void> {
  await connection.read(new Uint8Array(4096));
}

/** Says that it will say nothing, and stays. */
export async function halfClosed(connection: Deno.Conn): Promise<void> {
  await connection.closeWrite();
  await untilClosed(connection);
}

export function saying(text: string | Uint8Array): Conduct {
  return async (connection) => {
    await write(connection, text);
    await untilClosed(connection);
  };
}

/** Hears a question first. */
export function answering(text: string | Uint8Array): Conduct {
  return async (connection) => {
    await connection.read(new Uint8Array(4096));
    await write(connection, text);
    await untilClosed(connection);
  };
}

const DRIP_MS = 10;

/** Says this, and then a byte now and then, of which there is no end. */
export function dripping(beginning: string | Uint8Array, drop: string | Uint8Array): Conduct {
  return async (connection) => {
    await write(connection, beginning);
    for (;;) {
      await write(connection, drop);
      await new Promise((resolve) => setTimeout(resolve, DRIP_MS));
    }
  };
}

/** Says this, and then as much as is taken, of which there is no end. */
export function flooding(beginning: string | Uint8Array, unit: string | Uint8Array): Conduct {
  const one = typeof unit === "string" ? new TextEncoder().encode(unit) : unit;
  const count = Math.ceil((64 << 10) / one.length);
  const many = new Uint8Array(count * one.length);
  for (let i = 0; i < count; i++) many.set(one, i * one.length);
  return async (connection) => {
    await write(connection, beginning);
    for (;;) await write(connection, many);
  };
}

export interface ResettingServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
}

/** Resets connections, at once or when something was said, which Deno's own sockets cannot. */
export async function serveResets(
  hostname: Address,
  when: "connection" | "data",
): Promise<ResettingServer> {
  const reset = (socket: Socket) => void socket.resetAndDestroy();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (when === "connection") reset(socket);
    else socket.on("data", () => reset(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: { address: hostname, port },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
