/** A transport over an open netlink socket's descriptor, whichever library opened it. */

import { SyscallError } from "../errors.ts";
import { errnoNumber } from "./errno.ts";
import { errnoError, lastErrno, type Libc, libc, syscallError } from "./libc.ts";
import { NLMSG_ALIGN } from "../wire/message.ts";
import type { Transport } from "./transport.ts";

export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
/** With MSG_TRUNC the answer is a datagram's true length, whatever fits. */
const RECEIVE_FLAGS = MSG_TRUNC | MSG_DONTWAIT;

const EAGAIN = errnoNumber("EAGAIN");

/** struct sockaddr_nl: family, padding, port, groups. */
const SOCKADDR_NL_SIZE = 12;

/**
 * Room for thousands of answers in flight, and for a transaction in one datagram. The kernel takes the
 * memory only as it is used.
 */
const SOCKET_BUFFER = 2 << 20;
/**
 * For a datagram, to begin with: what the kernel makes when it is not asked for more. Asked for more, it
 * allocates up to 32 KiB for each piece of each dump, however small: thousands of dumps take a fifth longer.
 */
const DATAGRAM_SIZE = 8 << 10;
/** A dump of thousands of small datagrams would else be as many allocations. */
const CHUNK_SIZE = 256 << 10;

export interface TransportOptions {
  /** Have the kernel refuse read requests with fields it does not know, and filter dumps as they ask. */
  readonly strictCheck?: boolean;
}

/** A bound socket, and how its library sends on it and closes it. */
export interface OpenSocket {
  readonly library: string;
  readonly fd: number;
  send(datagram: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export class SocketTransport implements Transport {
  readonly name: string;
  readonly port: number;
  readonly receiveBuffer: number;
  readonly #libc: Libc = libc();
  /** Undefined once closed: its descriptor may be another file's a moment later. */
  #socket: OpenSocket | undefined;
  /** Where the next datagram goes; those before it stay in the same chunk of memory, each used once. */
  #free = new Uint8Array(CHUNK_SIZE + DATAGRAM_SIZE);
  /** How long the next datagram may be: longer ones are refused, and make it grow. */
  #room = DATAGRAM_SIZE;

  /** Takes the socket over, and closes it where it cannot be used. */
  constructor(socket: OpenSocket, options: TransportOptions = {}) {
    this.name = socket.library;
    this.#socket = socket;
    try {
      this.receiveBuffer = this.#configure(options);
      this.port = this.#connect();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(datagram: Uint8Array<ArrayBuffer>): void {
    this.#open.send(datagram);
  }

  receive(): Uint8Array | undefined {
    const room = BigInt(this.#room);
    const length = Number(this.#libc.recv(this.#open.fd, this.#free, room, RECEIVE_FLAGS));
    if (length < 0) {
      const errno = lastErrno();
      if (errno === EAGAIN) return undefined;
      throw errnoError("recv", "netlink socket", errno);
    }
    if (length > this.#room) {
      this.#room = 2 * length;
      this.#free = new Uint8Array(CHUNK_SIZE + this.#room);
      throw new SyscallError(
        `recv netlink socket: a datagram of ${length} bytes was cut off at ${room}`,
        "recv",
        "EMSGSIZE",
      );
    }
    const datagram = this.#free.subarray(0, length);
    this.#free = this.#free.subarray(NLMSG_ALIGN(length));
    if (this.#free.length < this.#room) this.#free = new Uint8Array(CHUNK_SIZE + this.#room);
    return datagram;
  }

  join(group: number): void {
    if (!this.#set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)) {
      throw syscallError("setsockopt", `NETLINK_ADD_MEMBERSHIP ${group}`);
    }
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #open(): OpenSocket {
    if (!this.#socket) {
      throw new SyscallError("use netlink socket: it is closed", "send", "EBADF");
    }
    return this.#socket;
  }

  /** Sets the options and says how large the receive buffer has become. */
  #configure(options: TransportOptions): number {
    // Forcing needs CAP_NET_ADMIN; without it the host's limit holds.
    if (!this.#set(SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER)) {
      this.#set(SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
    }
    if (!this.#set(SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER)) {
      this.#set(SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
    }
    // Since Linux 4.3, 4.12 and 4.20; without them errors only say less.
    this.#set(SOL_NETLINK, NETLINK_CAP_ACK, 1);
    this.#set(SOL_NETLINK, NETLINK_EXT_ACK, 1);
    if (options.strictCheck) this.#set(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);

    const { fd } = this.#open;
    const size = new Int32Array(1);
    if (this.#libc.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, new Uint32Array([4])) < 0) {
      throw syscallError("getsockopt", "SO_RCVBUF");
    }
    return size[0]!;
  }

  /**
   * Connects to the kernel and says which port we have. To a socket so connected no other process can
   * send, so answers cannot be forged.
   */
  #connect(): number {
    const { fd } = this.#open;
    if (this.#libc.connect(fd, kernelAddress(), SOCKADDR_NL_SIZE) < 0) {
      throw syscallError("connect", "netlink socket");
    }
    const address = new Uint32Array(SOCKADDR_NL_SIZE / 4);
    if (this.#libc.getsockname(fd, address, new Uint32Array([address.byteLength])) < 0) {
      throw syscallError("getsockname", "netlink socket");
    }
    return address[1]!;
  }

  #set(level: number, option: number, value: number): boolean {
    return this.#libc.setsockopt(this.#open.fd, level, option, new Int32Array([value]), 4) === 0;
  }
}

/** A sockaddr_nl of port 0: the kernel's when connecting, "choose one for me" when binding. */
export function kernelAddress(): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(SOCKADDR_NL_SIZE);
  new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
  return address;
}
