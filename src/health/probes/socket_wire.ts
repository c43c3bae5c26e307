/** Connections to addresses, over sockets of our own. */

import { type Address, parseAddress } from "../../model/address.ts";
import { errnoName } from "../../sys/errno.ts";
import { toSocketAddress } from "../../sys/socket_address.ts";
import {
  AGAIN,
  closeSocket,
  CONNECTION_REFUSED,
  connectionError,
  meetsItself,
  receive,
  send,
  type SocketAddress,
  startConnect,
} from "../../sys/sockets.ts";
import { SocketPoll } from "./socket_poll.ts";
import { openRuntime, type Wire, type WireOptions } from "./wire.ts";

/** Answers to health checks are small. It is everybody's, and what came is taken out of it at once. */
const CHUNK = new Uint8Array(4 << 10);
const CHUNK_SIZE = BigInt(CHUNK.length);

let poll: SocketPoll | undefined;

/** Names are left to the runtime, which can look them up. */
export function openPlain(options: WireOptions): Promise<Wire> {
  const address = parseAddress(options.hostname);
  return address === undefined ? openRuntime(options) : openSocket(address, options);
}

async function openSocket(
  address: Address,
  { port, preface, signal }: WireOptions,
): Promise<Wire> {
  signal.throwIfAborted();
  const wire = new SocketWire(toSocketAddress({ address, port }), signal);
  try {
    await wire.open();
    if (preface) await wire.write(preface);
    return wire;
  } catch (error) {
    wire[Symbol.dispose]();
    throw error;
  }
}

class SocketWire implements Wire {
  readonly #address: SocketAddress;
  readonly #signal: AbortSignal;
  readonly #close = () => this[Symbol.dispose]();
  /** Below zero: closed. */
  #fd: number;
  /** Ends a wait; true where the connection has been closed meanwhile. */
  #wake: ((isClosed: boolean) => void) | undefined;

  constructor(address: SocketAddress, signal: AbortSignal) {
    this.#address = address;
    this.#signal = signal;
    this.#fd = startConnect("stream", address);
    if (this.#fd < 0) throw failure(this.#fd);
    poll ??= new SocketPoll();
    if (!poll.watch(this.#fd, () => this.#wake?.(false))) {
      closeSocket(this.#fd);
      throw codeError("ENOMEM");
    }
    signal.addEventListener("abort", this.#close);
  }

  async open(): Promise<void> {
    await this.#ready();
    const error = connectionError(this.#fd);
    if (error < 0) throw failure(error);
    if (meetsItself(this.#fd, this.#address)) throw failure(CONNECTION_REFUSED);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const rest = bytes.slice(at);
      const sent = send(this.#live(), rest, rest.length);
      if (sent === AGAIN) await this.#ready();
      else if (sent < 0) throw failure(sent);
      else at += sent;
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const length = receive(this.#live(), CHUNK, CHUNK_SIZE);
      if (length > 0) return CHUNK.slice(0, length);
      if (length === 0) return undefined;
      if (length !== AGAIN) throw failure(length);
      await this.#ready();
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.#signal.removeEventListener("abort", this.#close);
    poll!.forget(this.#fd);
    closeSocket(this.#fd);
    this.#fd = -1;
    this.#wake?.(true);
  }

  #live(): number {
    if (this.#fd < 0) throw codeError("ECONNABORTED");
    return this.#fd;
  }

  /** Until something happened. */
  async #ready(): Promise<void> {
    const isClosed = await new Promise<boolean>((resolve) => this.#wake = resolve);
    this.#wake = undefined;
    if (isClosed) throw codeError("ECONNABORTED");
  }
}

function failure(negative: number): Error {
  return codeError(errnoName(-negative));
}

/** What reasonOf() reads. */
function codeError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
