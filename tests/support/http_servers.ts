/** Servers on loopback that answer health checks well, badly or not at all, byte by byte as a test says. */

import { type AddressInfo, createServer } from "node:net";
import type { Address } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";

/** What a server does with one request that it read. */
export type Answer = (connection: Deno.Conn, request: string) => Promise<void> | void;

export interface ServerOptions {
  readonly hostname?: string;
  /** A file of certificates/, without its ending: speaks TLS. */
  readonly certificate?: string;
  /** Answers before anything was asked. */
  readonly isFirst?: boolean;
}

export interface TestServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** All that was asked so far. */
  readonly requests: readonly string[];
  /** Resolves when the next connection is there (and, for TLS, before its handshake). */
  accepted(): Promise<void>;
  /** Resolves when the other side has closed all connections. */
  abandoned(): Promise<void>;
}

const CERTIFICATES = new URL("certificates/", import.meta.url);

export function certificate(name: string): string {
  return Deno.readTextFileSync(new URL(`${name}.pem`, CERTIFICATES));
}

export function serve(answer: Answer, options: ServerOptions = {}): TestServer {
  const listener = listen(options);
  const { hostname, port } = listener.addr as Deno.NetAddr;
  const requests: string[] = [];
  const open = new Set<Deno.Conn>();
  const conversations = new Set<Promise<void>>();
  let arrival = Promise.withResolvers<void>();

  async function converse(connection: Deno.Conn): Promise<void> {
    try {
      const request = options.isFirst ? "" : await readRequest(connection);
      requests.push(request);
      await answer(connection, request);
    } catch {
      // Whoever asked is free to leave at any time.
    } finally {
      open.delete(connection);
      closeQuietly(connection);
    }
  }

  async function acceptAll(): Promise<void> {
    for await (const connection of listener) {
      open.add(connection);
      arrival.resolve();
      arrival = Promise.withResolvers();
      const conversation = converse(connection).finally(() => conversations.delete(conversation));
      conversations.add(conversation);
    }
  }

  const accepting = acceptAll();
  return {
    endpoint: { address: hostname as Address, port },
    requests,
    accepted: () => arrival.promise,
    async abandoned() {
      await Promise.all(conversations);
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      open.forEach(closeQuietly);
      await accepting;
      await Promise.all(conversations);
    },
  };
}

/** Answers every request with these bytes and closes. */
export function serveText(text: string, options: ServerOptions = {}): TestServer {
  return serve((connection) => write(connection, text), options);
}

/** Accepts, and never says a word; leaves when the other side does. */
export function serveSilence(options: ServerOptions = {}): TestServer {
  return serve(untilClosed, { ...options, isFirst: true });
}

export async function untilClosed(connection: Deno.Conn): Promise<void> {
  const chunk = new Uint8Array(4096);
  while (await connection.read(chunk) !== null);
}

export async function write(connection: Deno.Conn, data: string | Uint8Array): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Answers whatever it hears with a reset, which Deno's own sockets cannot. */
export async function serveReset(): Promise<Disposable & { readonly endpoint: Endpoint }> {
  const server = createServer((socket) => {
    socket.on("data", () => socket.resetAndDestroy());
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: { address: "127.0.0.1" as Address, port },
    [Symbol.dispose]: () => void server.close(),
  };
}

export interface FullServer extends Disposable {
  readonly endpoint: Endpoint;
}

/** A server that has no room for one more connection: whoever connects waits. */
export async function serveFull(): Promise<FullServer> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { hostname, port } = listener.addr;
  // Linux takes one more than the backlog says.
  const guests = [
    await Deno.connect({ hostname, port }),
    await Deno.connect({ hostname, port }),
  ];
  return {
    endpoint: { address: hostname as Address, port },
    [Symbol.dispose]() {
      for (const guest of guests) guest.close();
      listener.close();
    },
  };
}

/** A port of loopback where nobody listens. */
export function closedPort(hostname = "127.0.0.1"): Endpoint {
  using listener = Deno.listen({ hostname, port: 0 });
  return { address: hostname as Address, port: (listener.addr as Deno.NetAddr).port };
}

/** How many sockets this process has open. */
export function openSockets(): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    if (isSocket(`/proc/self/fd/${name}`)) count++;
  }
  return count;
}

function isSocket(path: string): boolean {
  try {
    return Deno.readLinkSync(path).startsWith("socket:");
  } catch {
    return false; // the descriptor that the folder was read by
  }
}

function listen({ hostname = "127.0.0.1", certificate: name }: ServerOptions): Deno.Listener {
  if (name === undefined) return Deno.listen({ hostname, port: 0 });
  const key = Deno.readTextFileSync(new URL("server.key", CERTIFICATES));
  return Deno.listenTls({ hostname, port: 0, cert: certificate(name), key });
}

async function readRequest(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(4096);
  let text = "";
  while (!isWhole(text)) {
    const length = await connection.read(chunk);
    if (length === null) throw new Error("closed within a request");
    text += decoder.decode(chunk.subarray(0, length), { stream: true });
  }
  return text;
}

function isWhole(request: string): boolean {
  const end = request.indexOf("\r\n\r\n");
  const length = Number(/^content-length: (\d+)$/im.exec(request)?.[1] ?? 0);
  return end >= 0 && new TextEncoder().encode(request.slice(end + 4)).length >= length;
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // closed already
  }
}
