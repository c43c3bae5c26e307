/**
 * Encrypted connections, by Node's module. Deno's own cannot leave one certificate unlooked at (its switch is
 * for the whole process), and keeps the descriptor of a connection that is closed in the midst of its
 * handshake until the server closes it too: a server that hangs would cost one with every probe.
 */

import { ProbeFailure } from "./failure.ts";
import { isAddress } from "./host_name.ts";
import type { OpenWire, Wire, WireOptions } from "./wire.ts";

type Tls = typeof import("node:tls");
type Net = typeof import("node:net");
type TlsSocket = ReturnType<Tls["connect"]>;
type SecureContext = ReturnType<Tls["createSecureContext"]>;

export interface TlsOptions {
  /** Refuse certificates that are not trusted, or of another server. */
  readonly verify: boolean;
  /** Authorities in PEM, to be trusted instead of the host's. */
  readonly caCerts?: readonly string[] | undefined;
}

export function tlsOpener({ verify, caCerts }: TlsOptions): OpenWire {
  let context: SecureContext | undefined;
  return async (options) => {
    // Here and not at start: it takes some 15 ms, and many hosts do without.
    const tls = await import("node:tls");
    options.signal.throwIfAborted();
    // One for all connections, for each reads all its authorities anew: 3 ms and 0.7 MB.
    context ??= tls.createSecureContext(caCerts && { ca: [...caCerts] });
    const net = options.preface && await import("node:net");
    options.signal.throwIfAborted();
    const socket = connect(tls, context, options, net);
    const wire = socketWire(socket, options.signal);
    try {
      await wire.opened;
      if (verify && socket.authorized !== true) throw certificateFault(socket);
      return wire;
    } catch (error) {
      wire[Symbol.dispose]();
      throw error;
    }
  };
}

function connect(
  { connect }: Tls,
  secureContext: SecureContext,
  { hostname, port, serverName, preface }: WireOptions,
  net: Net | undefined,
): TlsSocket {
  const name = serverName === "" || isAddress(serverName) ? {} : { servername: serverName };
  // A certificate is judged when the handshake is done, as one that is refused within cannot be looked at any
  // more, and "expired" cannot be told from "not trusted".
  const rejectUnauthorized = false;
  const options = { secureContext, rejectUnauthorized, ...name };
  if (!net) return connect({ host: hostname, port, ...options });
  const socket = net.connect({ host: hostname, port });
  socket.write(preface!);
  return connect({ socket, ...options });
}

function certificateFault(socket: TlsSocket): ProbeFailure | Error {
  const certificate = socket.getPeerCertificate();
  // By the clock of the host, as the check of the certificate is.
  const now = Date.now();
  if (now > Date.parse(certificate.valid_to)) return new ProbeFailure("certificate expired");
  if (now < Date.parse(certificate.valid_from)) {
    return new ProbeFailure("certificate not valid yet");
  }
  // An error, or its code alone.
  const fault: unknown = socket.authorizationError;
  return fault instanceof Error ? fault : Object.assign(new Error(String(fault)), { code: fault });
}

interface SocketWire extends Wire {
  /** Resolves when the handshake is done. */
  readonly opened: Promise<void>;
}

/** A socket's events as calls: one reads at a time, and what ends the connection ends every call. */
function socketWire(socket: TlsSocket, signal: AbortSignal): SocketWire {
  const chunks: Uint8Array[] = [];
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {}); // thrown by whatever call comes next
  let isAtEnd = false;
  let wake = () => {};
  const close = () => {
    signal.removeEventListener("abort", close);
    socket.destroy();
    over.reject(new ProbeFailure("connection closed before an answer"));
  };
  signal.addEventListener("abort", close);
  socket.on("data", (chunk: Uint8Array) => {
    chunks.push(chunk);
    wake();
  });
  socket.on("end", () => {
    isAtEnd = true;
    wake();
  });
  socket.on("error", over.reject);
  socket.on("close", close);
  return {
    opened: Promise.race([
      over.promise,
      new Promise<void>((done) => socket.on("secureConnect", done)),
    ]),
    write: (bytes) =>
      Promise.race([
        over.promise,
        new Promise<void>((resolve, reject) =>
          socket.write(bytes, (error) => error ? reject(error) : resolve())
        ),
      ]),
    async read() {
      if (chunks.length === 0 && !isAtEnd) {
        await Promise.race([over.promise, new Promise<void>((resolve) => wake = resolve)]);
      }
      return chunks.shift();
    },
    [Symbol.dispose]: close,
  };
}
