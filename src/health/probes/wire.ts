/** Connections for one exchange, and those that the runtime makes. */

import type { SourceConfig } from "../../config/check.ts";
import type { Trace } from "./probe.ts";

/** A way to a server and back. Closing it ends whatever waits on it. */
export interface Wire extends Disposable {
  write(bytes: Uint8Array): Promise<void>;
  /** What came in, as soon as something did; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
}

export interface WireOptions {
  /** A name or an address. */
  readonly hostname: string;
  readonly port: number;
  readonly source?: SourceConfig | undefined;
  /** What the server must read before anything else, encrypted or not. */
  readonly preface?: Uint8Array | undefined;
  /** Closes the connection, also one that is still being made. */
  readonly signal: AbortSignal;
  readonly trace?: Trace | undefined;
}

export type OpenWire = (options: WireOptions) => Promise<Wire>;

/** Answers to health checks are small. */
const CHUNK = 4 << 10;

export async function openRuntime(
  { hostname, port, preface, signal, trace }: WireOptions,
): Promise<Wire> {
  const connection = await Deno.connect({ hostname, port, signal });
  const { remoteAddr, localAddr } = connection;
  trace?.(`connected to ${remoteAddr.hostname} from ${localAddr.hostname}`);
  const close = () => {
    signal.removeEventListener("abort", close);
    try {
      connection.close();
    } catch {
      // Closed already, when the signal was aborted.
    }
  };
  signal.addEventListener("abort", close);
  const buffer = new Uint8Array(CHUNK);
  const write = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  };
  try {
    if (preface) await write(preface);
  } catch (error) {
    close();
    throw error;
  }
  return {
    write,
    async read() {
      const length = await connection.read(buffer);
      return length === null ? undefined : buffer.slice(0, length);
    },
    [Symbol.dispose]: close,
  };
}
