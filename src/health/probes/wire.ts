/** Connections for one exchange: plain, encrypted, and encrypted without a look at the certificate. */

import { isAddress } from "./host_name.ts";

/** A way to a server and back. Closing it ends whatever waits on it. */
export interface Wire extends Disposable {
  write(bytes: Uint8Array): Promise<void>;
  /** Undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
}

export interface WireOptions {
  readonly hostname: string;
  readonly port: number;
  /** Whom a certificate must be for, and whom a server with several of them is asked for. */
  readonly serverName: string;
  readonly caCerts: readonly string[];
  readonly signal: AbortSignal;
}

const CHUNK = 16 << 10;

export async function openPlain({ hostname, port, signal }: WireOptions): Promise<Wire> {
  return streamWire(await Deno.connect({ hostname, port, signal }));
}

export async function openVerified(options: WireOptions): Promise<Wire> {
  const { hostname, port, serverName, caCerts, signal } = options;
  const plain = await Deno.connect({ hostname, port, signal });
  const close = () => closeQuietly(plain);
  signal.addEventListener("abort", close);
  try {
    const connection = await Deno.startTls(plain, { hostname: serverName, caCerts: [...caCerts] });
    const wire = streamWire(connection);
    signal.addEventListener("abort", () => wire[Symbol.dispose]());
    try {
      await connection.handshake();
      return wire;
    } catch (error) {
      wire[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

function streamWire(connection: Deno.Conn): Wire {
  const buffer = new Uint8Array(CHUNK);
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    },
    async read() {
      const length = await connection.read(buffer);
      return length === null ? undefined : buffer.slice(0, length);
    },
    [Symbol.dispose]: () => closeQuietly(connection),
  };
}

/** The runtime can leave certificates unlooked at for all connections or for none: Node's module can for one. */
export async function openUnverified(options: WireOptions): Promise<Wire> {
  const { hostname, port, serverName, signal } = options;
  const { connect, secureContext } = await loadTls();
  signal.throwIfAborted();
  const socket = connect({
    host: hostname,
    port,
    rejectUnauthorized: false,
    secureContext,
    ...(!isAddress(serverName) && { servername: serverName }),
  });
  const wire = eventWire(socket);
  signal.addEventListener("abort", () => wire[Symbol.dispose]());
  try {
    await wire.opened;
    return wire;
  } catch (error) {
    wire[Symbol.dispose]();
    throw error;
  }
}

type Tls = typeof import("node:tls");
interface LoadedTls {
  readonly connect: Tls["connect"];
  readonly secureContext: ReturnType<Tls["createSecureContext"]>;
}
let loaded: Promise<LoadedTls> | undefined;

/** Loaded when first used, for it costs some 20 ms; one context for all, for each reads all roots again. */
function loadTls(): Promise<LoadedTls> {
  loaded ??= import("node:tls").then(({ connect, createSecureContext }) => ({
    connect,
    secureContext: createSecureContext(),
  }));
  return loaded;
}

/** Events as calls: one reader, one writer, and the first error ends both. */
function eventWire(socket: ReturnType<Tls["connect"]>): Wire & { readonly opened: Promise<void> } {
  const opened = Promise.withResolvers<void>();
  const chunks: Uint8Array[] = [];
  let failure: Error | undefined;
  let isOver = false;
  let wake = () => {};
  const end = (error?: Error) => {
    failure ??= error;
    isOver = true;
    opened.reject(failure ?? new Deno.errors.UnexpectedEof("closed before it was open"));
    wake();
  };
  opened.promise.catch(() => {}); // said again by whoever reads or writes
  socket.on("secureConnect", () => opened.resolve());
  socket.on("data", (chunk: Uint8Array) => {
    chunks.push(chunk);
    wake();
  });
  socket.on("error", end);
  socket.on("end", () => end());
  socket.on("close", () => end());
  return {
    opened: opened.promise,
    write(bytes) {
      return new Promise((resolve, reject) => {
        socket.write(bytes, (error) => error ? reject(error) : resolve());
      });
    },
    async read() {
      while (chunks.length === 0 && !isOver) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      const chunk = chunks.shift();
      if (chunk === undefined && failure) throw failure;
      return chunk;
    },
    [Symbol.dispose]() {
      socket.destroy();
      end();
    },
  };
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // closed already
  }
}
