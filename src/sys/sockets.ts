/**
 * Sockets of the internet family that never wait. What can go wrong in the middle of traffic is an answer, the
 * errno below zero; only what fails when something is set up is thrown.
 */

import { addressFromBytes } from "../model/address.ts";
import { printEndpoint } from "../model/endpoint.ts";
import { errnoNumber } from "./errno.ts";
import { errnoError, openLibc } from "./libc.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // What they answer is never longer than the buffer, so half of the register is all of it.
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  epoll_wait_later: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
} as const;

type SocketLibrary = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let loaded: SocketLibrary | undefined;
let errnoAt: Deno.PointerValue = null;
const errnoBytes = new Int32Array(1);

export function socketLibrary(): SocketLibrary {
  if (loaded) return loaded;
  loaded = openLibc(SYMBOLS);
  // It belongs to the thread, and all calls are made by the same one.
  errnoAt = loaded.__errno_location();
  return loaded;
}

/** The errno of the call before, below zero. */
function failure(): number {
  loaded!.memcpy(errnoBytes, errnoAt, 4n);
  return -errnoBytes[0]!;
}

function negative(name: string): number {
  return -errnoNumber(name)!;
}

/** Nothing there now, or no room. */
export const AGAIN = negative("EAGAIN");
const IN_PROGRESS = negative("EINPROGRESS");
export const CONNECTION_REFUSED = negative("ECONNREFUSED");
export const TIMED_OUT = negative("ETIMEDOUT");
/** This process or this host has no descriptor left. */
export const NO_DESCRIPTOR: readonly number[] = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]
  .map(negative);

export const AF_INET = 2;
export const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_LINGER = 13;
const SO_BINDTODEVICE = 25;
const SO_MARK = 36;
const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IP_PKTINFO = 8;
const IP_RECVERR = 11;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const IPV6_RECVERR = 25;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
/** More than hosts usually allow (net.core.somaxconn), which then is what counts. */
const BACKLOG = 65_535;

const ONE = new Int32Array([1]);
/** struct linger: on, for no time at all. */
const LINGER_NONE = new Int32Array([1, 0]);

/** struct cmsghdr: length, level, type. */
const CONTROL_HEADER = 16;

export type SocketKind = "stream" | "datagram";
/** "echo" and "raw echo" are for pings: the first by a user whom the host allows that, the other by root. */
export type ClientKind = SocketKind | "echo" | "raw echo";

/** Where a socket's packets come from; what is undefined is the kernel's choice. */
export interface SocketSource {
  readonly address?: SocketAddress | undefined;
  readonly device?: string | undefined;
  readonly mark?: number | undefined;
}

/** A struct sockaddr_in or sockaddr_in6. */
export type SocketAddress = Uint8Array<ArrayBuffer>;

export function socketFamily(address: SocketAddress): number {
  return address[0]! | (address[1]! << 8);
}

/** A socket that is bound to the address, and listens if it is for streams. */
export function openListener(kind: SocketKind, address: SocketAddress, subject: string): number {
  const fd = openSocket(kind, socketFamily(address));
  if (fd < 0) throw errnoError("socket", subject, -fd);
  const { bind, listen } = socketLibrary();
  const six = socketFamily(address) === AF_INET6;
  const steps: readonly (readonly [call: string, () => number])[] = [
    ["setsockopt", () => kind === "stream" ? setOption(fd, SOL_SOCKET, SO_REUSEADDR) : 0],
    ["setsockopt", () => six ? setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY) : 0],
    // A datagram's answer must come from the address that the question went to.
    ["setsockopt", () => {
      if (kind === "stream") return 0;
      return six
        ? setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
        : setOption(fd, IPPROTO_IP, IP_PKTINFO);
    }],
    ["bind", () => bind(fd, address, address.length)],
    ["listen", () => kind === "stream" ? listen(fd, BACKLOG) : 0],
  ];
  for (const [call, step] of steps) {
    if (step() >= 0) continue;
    const errno = -failure();
    closeSocket(fd);
    throw errnoError(call, subject, errno);
  }
  return fd;
}

const TYPES: Readonly<Record<ClientKind, number>> = {
  "stream": SOCK_STREAM,
  "datagram": SOCK_DGRAM,
  "echo": SOCK_DGRAM,
  "raw echo": SOCK_RAW,
};

function openSocket(kind: ClientKind, family: number): number {
  const echo = family === AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
  const protocol = kind === "stream" || kind === "datagram" ? 0 : echo;
  const type = TYPES[kind] | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = socketLibrary().socket(family, type, protocol);
  return fd < 0 ? failure() : fd;
}

function setOption(fd: number, level: number, option: number): number {
  return socketLibrary().setsockopt(fd, level, option, ONE, 4);
}

/** Room for the address of whoever was accepted last. */
const PEER = new Uint8Array(28);
const PEER_LENGTH = new Uint32Array(1);

/** The next connection of a listener, or what is in the way. */
export function accept(fd: number): number {
  PEER_LENGTH[0] = PEER.length;
  const accepted = loaded!.accept4(fd, PEER, PEER_LENGTH, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted < 0) return failure();
  // What is small is sent at once: whoever sent it meant it so.
  loaded!.setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, ONE, 4);
  return accepted;
}

/** Who was accepted last. */
export function acceptedPeer(): SocketAddress {
  return PEER.slice(0, PEER_LENGTH[0]);
}

export function localAddress(fd: number): SocketAddress {
  const address = new Uint8Array(28);
  const length = new Uint32Array([address.length]);
  if (socketLibrary().getsockname(fd, address, length) < 0) {
    throw errnoError("getsockname", `socket ${fd}`, -failure());
  }
  return address.slice(0, length[0]);
}

/**
 * A socket on its way to the address. Whether it got there says connectionError() once it can be written.
 * Throws where it cannot come from where it is to come.
 */
export function startConnect(
  kind: ClientKind,
  address: SocketAddress,
  source?: SocketSource,
): number {
  const fd = openSocket(kind, socketFamily(address));
  if (fd < 0) return fd;
  if (source) comeFrom(fd, source);
  if (kind === "stream") loaded!.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, 4);
  // Otherwise only a refusal is told, and a host that cannot be reached is as one that says nothing.
  else if (socketFamily(address) === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_RECVERR);
  else setOption(fd, IPPROTO_IP, IP_RECVERR);
  if (loaded!.connect(fd, address, address.length) >= 0) return fd;
  const why = failure();
  if (why === IN_PROGRESS) return fd;
  closeSocket(fd);
  return why;
}

function comeFrom(fd: number, { address, device, mark }: SocketSource): void {
  const { bind, setsockopt } = socketLibrary();
  const fail = (call: string, subject: string) => {
    const errno = -failure();
    closeSocket(fd);
    throw errnoError(call, subject, errno);
  };
  if (device !== undefined) {
    const name = new TextEncoder().encode(device);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0) fail("device", device);
  }
  if (mark !== undefined) {
    const bits = new Uint32Array([mark]);
    if (setsockopt(fd, SOL_SOCKET, SO_MARK, bits, 4) < 0) fail("mark", `${mark}`);
  }
  if (!address) return;
  // A port that was given is asked from again and again; one that was not is best chosen by the connection.
  setOption(fd, SOL_SOCKET, SO_REUSEADDR);
  setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  if (bind(fd, address, address.length) < 0) fail("source", printSource(address));
}

function printSource(address: SocketAddress): string {
  const six = socketFamily(address) === AF_INET6;
  const port = (address[2]! << 8) | address[3]!;
  const host = addressFromBytes(six ? address.subarray(8, 24) : address.subarray(4, 8));
  return port === 0 ? host : printEndpoint({ address: host, port });
}

const ERROR = new Int32Array(1);
const ERROR_LENGTH = new Uint32Array([4]);

/** 0, or what went wrong. */
export function connectionError(fd: number): number {
  if (loaded!.getsockopt(fd, SOL_SOCKET, SO_ERROR, ERROR, ERROR_LENGTH) < 0) return failure();
  return -ERROR[0]!;
}

/**
 * Whether a connection has come back to its own beginning: to a port of this host that nobody listens on the
 * kernel connects whoever happens to come from that very port.
 */
export function meetsItself(fd: number, address: SocketAddress): boolean {
  PEER_LENGTH[0] = PEER.length;
  if (loaded!.getsockname(fd, PEER, PEER_LENGTH) < 0) return false;
  // Family, port and address; what is behind them says nothing of the place.
  const from = socketFamily(address) === AF_INET6 ? 8 : 4;
  const to = from === 8 ? 24 : 8;
  for (let i = 0; i < 4; i++) if (PEER[i] !== address[i]) return false;
  for (let i = from; i < to; i++) if (PEER[i] !== address[i]) return false;
  return true;
}

/** How many bytes came; 0 at their end. The size is the buffer's, made once. */
export function receive(fd: number, buffer: Uint8Array<ArrayBuffer>, size: bigint): number {
  const length = loaded!.recv(fd, buffer, size, 0);
  return length < 0 ? failure() : length;
}

export function send(fd: number, buffer: Uint8Array<ArrayBuffer>, length: number): number {
  const sent = loaded!.send(fd, buffer, BigInt(length), MSG_NOSIGNAL);
  return sent < 0 ? failure() : sent;
}

/** Nothing more will be written. */
export function endWriting(fd: number): void {
  loaded!.shutdown(fd, SHUT_WR);
}

export function closeSocket(fd: number): void {
  socketLibrary().close(fd);
}

/** Closes it so that the other side learns that something is wrong. */
export function resetSocket(fd: number): void {
  loaded!.setsockopt(fd, SOL_SOCKET, SO_LINGER, LINGER_NONE, 8);
  closeSocket(fd);
}

/**
 * A datagram with the address at its other end, and the one at this end: a wildcard's answers have to say
 * where they come from.
 */
export class DatagramBuffer {
  readonly data: Uint8Array<ArrayBuffer>;
  /** The other end. */
  readonly peer = new Uint8Array(28);
  /** The control message that names this end, as received and to be sent back. */
  readonly #control = new Uint8Array(64);
  /** struct iovec: where, how long. */
  readonly #vector = new BigUint64Array(2);
  /** struct msghdr: name, its length, vectors, how many, control, its length, flags. */
  readonly #header = new BigUint64Array(7);

  constructor(size: number) {
    this.data = new Uint8Array(size);
    this.#vector[0] = addressOf(this.data);
    this.#header[0] = addressOf(this.peer);
    this.#header[2] = addressOf(this.#vector);
    this.#header[3] = 1n;
    this.#header[4] = addressOf(this.#control);
  }

  get peerLength(): number {
    return Number(this.#header[1]! & 0xffff_ffffn);
  }

  /** The control message, to be kept for the answer: the address, and whatever interface leads back. */
  get control(): Uint8Array<ArrayBuffer> {
    const control = this.#control.slice(0, Number(this.#header[5]!));
    const view = new DataView(control.buffer);
    if (control.length < CONTROL_HEADER) return control;
    const at = view.getInt32(8, true) === IPPROTO_IPV6 ? CONTROL_HEADER + 16 : CONTROL_HEADER;
    if (control.length >= at + 4) view.setUint32(at, 0);
    return control;
  }

  /** The length of the next datagram, or what is in the way. */
  receive(fd: number): number {
    this.#vector[1] = BigInt(this.data.length);
    this.#header[1] = BigInt(this.peer.length);
    this.#header[5] = BigInt(this.#control.length);
    this.#header[6] = 0n;
    const length = loaded!.recvmsg(fd, this.#header, 0);
    return length < 0 ? failure() : length;
  }

  /** Sends what is in `data` to a peer, as coming from where the control message says. */
  send(
    fd: number,
    length: number,
    peer: SocketAddress,
    control: Uint8Array<ArrayBuffer>,
  ): number {
    this.peer.set(peer);
    this.#control.set(control);
    this.#vector[1] = BigInt(length);
    this.#header[1] = BigInt(peer.length);
    this.#header[5] = BigInt(control.length);
    const sent = loaded!.sendmsg(fd, this.#header, MSG_NOSIGNAL);
    return sent < 0 ? failure() : sent;
  }
}

/** Memory of an array stays where it is as long as the array lives. */
function addressOf(array: Uint8Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array)));
}
