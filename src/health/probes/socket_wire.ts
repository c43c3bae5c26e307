/** Connections to addresses, over sockets of our own. */

import type { SourceConfig } from "../../config/check.ts";
import { type Address, addressFamily, parseAddress } from "../../model/address.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { errnoName, errnoNumber } from "../../sys/errno.ts";
import { toEndpoint, toSocketAddress } from "../../sys/socket_address.ts";
import {
  AGAIN,
  type ClientKind,
  closeSocket,
  CONNECTION_REFUSED,
  connectionError,
  localAddress,
  meetsItself,
  receive,
  resetSocket,
  send,
  type SocketAddress,
  type SocketSource,
  startConnect,
} from "../../sys/sockets.ts";
import { UnableError } from "./failure.ts";
import { sharedPoll } from "./socket_poll.ts";
import { openRuntime, type Wire, type WireOptions } from "./wire.ts";

/** The longest datagram. It is everybody's, and what came is taken out of it at once. */
const CHUNK = new Uint8Array(64 << 10);
const CHUNK_SIZE = BigInt(CHUNK.length);
const FORBIDDEN = -errnoNumber("EACCES")!;

/** Names are left to the runtime, which can look them up, unless it is told where to come from. */
export async function openPlain(options: WireOptions): Promise<Wire> {
  const address = parseAddress(options.hostname);
  if (address !== undefined) return await openStream(address, options);
  if (!options.source) return await openRuntime(options);
  return await openStream(await lookUp(options), options);
}

/** The first address of a name that can be reached from the source. */
async function lookUp({ hostname, source, signal }: WireOptions): Promise<Address> {
  const { lookup } = await import("node:dns/promises");
  signal.throwIfAborted();
  const from = source?.address;
  const family = from === undefined ? 0 : addressFamily(from) === "ipv4" ? 4 : 6;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(codeError("ECONNABORTED"));
  signal.addEventListener("abort", abort);
  try {
    // It knows of no signal, and a resolver that is silent is waited for longer than any check may take.
    const { address } = await Promise.race([lookup(hostname, { family }), aborted.promise]);
    return parseAddress(address)!;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function openStream(address: Address, options: WireOptions): Promise<Wire> {
  const { port, preface, trace } = options;
  const wire = openSocket("stream", address, options);
  try {
    await wire.open();
    trace?.(`connected to ${printEndpoint({ address, port })} from ${wire.local}`);
    if (preface) await wire.write(preface);
    return wire;
  } catch (error) {
    wire[Symbol.dispose]();
    throw error;
  }
}

/** Each write is a datagram, and so is each read; or of pings, the message. */
export function openDatagrams(
  kind: Exclude<ClientKind, "stream">,
  address: Address,
  options: Pick<WireOptions, "port" | "source" | "signal">,
): Wire {
  return openSocket(kind, address, options);
}

function openSocket(
  kind: ClientKind,
  address: Address,
  { port, source, signal }: Pick<WireOptions, "port" | "source" | "signal">,
): SocketWire {
  signal.throwIfAborted();
  const from = source && sourceOf(source, address);
  const close = kind === "stream" && source?.port !== undefined ? resetSocket : closeSocket;
  return new SocketWire(kind, toSocketAddress({ address, port }), { signal, source: from, close });
}

/** A source of the other family is of no use, and the kernel would not say why. */
function sourceOf(
  { address, port = 0, device, mark }: SourceConfig,
  target: Address,
): SocketSource {
  if (address === undefined && port === 0) return { device, mark };
  const any = addressFamily(target) === "ipv6" ? "::" : "0.0.0.0";
  const own = address ?? parseAddress(any)!;
  if (addressFamily(own) !== addressFamily(target)) {
    throw new UnableError(`the source ${own} is of another family than ${target}`);
  }
  return { address: toSocketAddress({ address: own, port }), device, mark };
}

interface SocketOptions {
  readonly signal: AbortSignal;
  readonly source: SocketSource | undefined;
  /**
   * A connection that we end first keeps its port for a minute, in which the same one cannot be made again;
   * one that comes from a certain port must be, and so is reset.
   */
  readonly close: (fd: number) => void;
}

class SocketWire implements Wire {
  readonly #address: SocketAddress;
  readonly #signal: AbortSignal;
  readonly #closeSocket: SocketOptions["close"];
  readonly #close = () => this[Symbol.dispose]();
  /** Below zero: closed. */
  #fd: number;
  /** End waits: of one who reads, and of one who writes. */
  #wakes: (() => void)[] = [];

  constructor(
    kind: ClientKind,
    address: SocketAddress,
    { signal, source, close }: SocketOptions,
  ) {
    this.#address = address;
    this.#signal = signal;
    this.#closeSocket = close;
    this.#fd = startConnect(kind, address, source);
    if (this.#fd < 0) throw failure(this.#fd);
    if (!sharedPoll().watch(this.#fd, () => this.#wake())) {
      closeSocket(this.#fd);
      throw codeError("ENOMEM");
    }
    signal.addEventListener("abort", this.#close);
  }

  async open(): Promise<void> {
    await this.#ready();
    const error = connectionError(this.#fd);
    if (error < 0) throw told(error);
    if (meetsItself(this.#fd, this.#address)) throw failure(CONNECTION_REFUSED);
  }

  /** This end, as people read it. */
  get local(): string {
    return printEndpoint(toEndpoint(localAddress(this.#fd)));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0;;) {
      const rest = bytes.slice(at);
      const sent = send(this.#live(), rest, rest.length);
      if (sent === AGAIN) await this.#ready();
      else if (sent < 0) throw failure(sent);
      else at += sent;
      // Not before the first: a datagram may be empty.
      if (sent >= 0 && at >= bytes.length) return;
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const length = receive(this.#live(), CHUNK, CHUNK_SIZE);
      if (length > 0) return CHUNK.slice(0, length);
      if (length === 0) return undefined;
      if (length !== AGAIN) throw told(length);
      await this.#ready();
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.#signal.removeEventListener("abort", this.#close);
    sharedPoll().forget(this.#fd);
    this.#closeSocket(this.#fd);
    this.#fd = -1;
    this.#wake();
  }

  #live(): number {
    if (this.#fd < 0) throw codeError("ECONNABORTED");
    return this.#fd;
  }

  /** Until something happened. */
  async #ready(): Promise<void> {
    await new Promise<void>((resolve) => this.#wakes.push(resolve));
    this.#live();
  }

  #wake(): void {
    const wakes = this.#wakes;
    if (wakes.length === 0) return;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}

function failure(negative: number): Error {
  return codeError(errnoName(-negative));
}

/**
 * What came from the network. Where somebody there forbids it, IPv4 calls that unreachable, and IPv6 as this
 * host calls what it forbids itself.
 */
function told(negative: number): Error {
  return negative === FORBIDDEN ? codeError("EHOSTUNREACH") : failure(negative);
}

const ERRORS = new Map<string, Error>();

/** What reasonOf() reads. That is all it says, and to make one takes longer than all that led to it: once a code. */
function codeError(code: string): Error {
  let error = ERRORS.get(code);
  if (!error) ERRORS.set(code, error = Object.assign(new Error(code), { code }));
  return error;
}
