/**
 * Encrypted connections, by Node's module over any wire. Deno's own cannot leave one certificate unlooked at
 * (its switch is for the whole process), and keeps the descriptor of a connection that is closed in the midst
 * of its handshake until the server closes it too: a server that hangs would cost one with every probe.
 */

import type { TlsConfig } from "../../config/check.ts";
import { fileStamp } from "../../sys/file_stamp.ts";
import { ProbeFailure, UnableError } from "./failure.ts";
import { isAddress } from "./host_name.ts";
import type { Trace } from "./probe.ts";
import type { Wire } from "./wire.ts";

type Tls = typeof import("node:tls");
type TlsSocket = ReturnType<Tls["connect"]>;
type SecureContext = ReturnType<Tls["createSecureContext"]>;

export interface SecureOptions {
  /** Whom a server of several certificates is asked for, and whom its certificate must name. */
  readonly serverName: string;
  /** What is spoken inside, by preference: "h2". */
  readonly protocols?: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly trace?: Trace | undefined;
}

export interface SecureWire extends Wire {
  /** What the server chose of the protocols; undefined: it did not. */
  readonly protocol: string | undefined;
  /** When its certificate ends: milliseconds since 1970. */
  readonly validToMs: number;
}

/** All connections of one check share what is read from files, and read it again when it is another one. */
export class TlsClient {
  readonly #config: TlsConfig;
  readonly #caCerts: readonly string[] | undefined;
  #context: { readonly stamp: string; readonly value: SecureContext } | undefined;

  /** Authorities in PEM, for checks that do not name their own. */
  constructor(config: TlsConfig, caCerts?: readonly string[]) {
    this.#config = config;
    this.#caCerts = caCerts;
  }

  /** Encrypts the wire, which is closed with it, and closed where that fails. */
  async secure(wire: Wire, options: SecureOptions): Promise<SecureWire> {
    try {
      return await this.#secure(wire, options);
    } catch (error) {
      wire[Symbol.dispose]();
      throw error;
    }
  }

  async #secure(wire: Wire, options: SecureOptions): Promise<SecureWire> {
    // Here and not at start: it takes some 15 ms, and many hosts do without.
    const tls = await import("node:tls");
    const { Duplex } = await import("node:stream");
    const secureContext = await this.#contextFor(tls);
    options.signal.throwIfAborted();
    const { protocols, signal, trace } = options;
    const serverName = this.#config.serverName ?? options.serverName;
    const socket = tls.connect({
      host: serverName || options.serverName,
      socket: streamOf(Duplex, wire),
      secureContext,
      // A certificate is judged when the handshake is done, as one that is refused within cannot be looked
      // at any more, and "expired" cannot be told from "not trusted".
      rejectUnauthorized: false,
      ...(serverName !== "" && !isAddress(serverName) && { servername: serverName }),
      ...(protocols && { ALPNProtocols: [...protocols] }),
    });
    const secured = new TlsWire(socket, wire, signal);
    try {
      await secured.opened;
      trace?.(describeSession(socket));
      if (this.#config.verify && socket.authorized !== true) throw certificateFault(socket);
      return secured;
    } catch (error) {
      secured[Symbol.dispose]();
      throw error;
    }
  }

  /** One for all connections, for each reads all its authorities anew: 3 ms and 0.7 MB. */
  async #contextFor(tls: Tls): Promise<SecureContext> {
    const { caFile, certificateFile, keyFile } = this.#config;
    const files = [caFile, certificateFile, keyFile].filter((each) => each !== undefined);
    const stamp = files.map(stampOf).join("\n");
    if (this.#context?.stamp === stamp) return this.#context.value;
    const ca = caFile === undefined ? this.#caCerts : [(await readCertificate(caFile)).text];
    const own = certificateFile !== undefined && keyFile !== undefined
      ? await readOwn(certificateFile, keyFile)
      : {};
    const value = createContext(tls, { ...(ca && { ca: [...ca] }), ...own });
    this.#context = { stamp, value };
    return value;
  }
}

function createContext(
  { createSecureContext }: Tls,
  options: Parameters<Tls["createSecureContext"]>[0],
): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new UnableError(`its certificate, key or authorities cannot be used: ${words}`);
  }
}

// All of them are looked at here: the handshake fails with what is wrong, and says nothing of it, or does without.

async function readOwn(
  certificateFile: string,
  keyFile: string,
): Promise<{ readonly cert: string; readonly key: string }> {
  const { createPrivateKey } = await import("node:crypto");
  const { text: cert, certificate } = await readCertificate(certificateFile);
  const { text: key, first } = readPem(keyFile, "key");
  if (certificate.checkPrivateKey(parsed(keyFile, "key", () => createPrivateKey(first)))) {
    return { cert, key };
  }
  throw new UnableError(
    `the key in ${keyFile} is not that of the certificate in ${certificateFile}`,
  );
}

/** The first of perhaps many. */
async function readCertificate(path: string) {
  const { X509Certificate } = await import("node:crypto");
  const { text, first } = readPem(path, "certificate");
  return { text, certificate: parsed(path, "certificate", () => new X509Certificate(first)) };
}

function stampOf(path: string): string {
  return withFile(path, () => fileStamp(Deno.statSync(path)));
}

const PEM = {
  certificate: /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/,
  key: /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^]*?-----END \1-----/,
} as const;

/** All of the file, and the first of what it must have. */
function readPem(path: string, what: keyof typeof PEM): { text: string; first: string } {
  const text = withFile(path, () => Deno.readTextFileSync(path));
  const [first] = PEM[what].exec(text) ?? [];
  if (first !== undefined) return { text, first };
  throw new UnableError(`the file ${path} has no ${what} in PEM`);
}

function parsed<T>(path: string, what: keyof typeof PEM, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new UnableError(`the ${what} in ${path} cannot be read`);
  }
}

function withFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const words = error instanceof Deno.errors.NotFound ? "is not there" : "cannot be read";
    throw new UnableError(`the file ${path} ${words}`);
  }
}

/** The wire as Node's module wants one. */
function streamOf(
  Duplex: typeof import("node:stream").Duplex,
  wire: Wire,
): import("node:stream").Duplex {
  let isReading = false;
  const stream = new Duplex({
    read() {
      if (isReading) return;
      isReading = true;
      wire.read().then((chunk) => {
        isReading = false;
        stream.push(chunk ?? null);
      }, (error) => stream.destroy(error));
    },
    write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void) {
      wire.write(chunk.slice()).then(() => done(), done);
    },
    final(done: () => void) {
      done();
    },
    destroy(error: Error | null, done: (error?: Error | null) => void) {
      wire[Symbol.dispose]();
      done(error);
    },
  });
  return stream;
}

function describeSession(socket: TlsSocket): string {
  const { subject, valid_to: validTo, issuer } = socket.getPeerCertificate();
  const names = [subject?.CN, issuer?.CN].map((name) => `"${name ?? ""}"`);
  return `${socket.getProtocol()}, certificate of ${names[0]} by ${names[1]}, valid to ${validTo}`;
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

/** A socket's events as calls: one reads at a time, and what ends the connection ends every call. */
class TlsWire implements SecureWire {
  /** Resolves when the handshake is done. */
  readonly opened: Promise<void>;
  readonly #socket: TlsSocket;
  readonly #wire: Wire;
  readonly #signal: AbortSignal;
  readonly #close = () => this[Symbol.dispose]();
  readonly #chunks: Uint8Array[] = [];
  readonly #over = Promise.withResolvers<never>();
  #isAtEnd = false;
  #wake = () => {};

  constructor(socket: TlsSocket, wire: Wire, signal: AbortSignal) {
    this.#socket = socket;
    this.#wire = wire;
    this.#signal = signal;
    this.#over.promise.catch(() => {}); // thrown by whatever call comes next
    signal.addEventListener("abort", this.#close);
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    socket.on("end", () => {
      this.#isAtEnd = true;
      this.#wake();
    });
    socket.on("error", this.#over.reject);
    socket.on("close", this.#close);
    this.opened = this.#orOver(new Promise((done) => socket.on("secureConnect", () => done())));
  }

  get protocol(): string | undefined {
    const { alpnProtocol } = this.#socket;
    return typeof alpnProtocol === "string" ? alpnProtocol : undefined;
  }

  get validToMs(): number {
    return Date.parse(this.#socket.getPeerCertificate().valid_to);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#orOver(
      new Promise((resolve, reject) =>
        this.#socket.write(bytes, (error) => error ? reject(error) : resolve())
      ),
    );
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#chunks.length === 0 && !this.#isAtEnd) {
      await this.#orOver(new Promise<void>((resolve) => this.#wake = resolve));
    }
    return this.#chunks.shift();
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#close);
    this.#socket.destroy();
    this.#wire[Symbol.dispose]();
    this.#over.reject(new ProbeFailure("connection closed before an answer"));
  }

  #orOver<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#over.promise, work]);
  }
}
