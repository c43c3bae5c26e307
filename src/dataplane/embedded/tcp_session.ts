/** One client's connection and the one to its server, and the bytes between them. */

import { FAILED, HUNG_UP, PEER_ENDED, READABLE, WRITABLE } from "../../sys/epoll.ts";
import {
  AGAIN,
  closeSocket,
  CONNECTION_REFUSED,
  connectionError,
  endWriting,
  meetsItself,
  receive,
  resetSocket,
  send,
  startConnect,
  TIMED_OUT,
} from "../../sys/sockets.ts";
import type { Backend, Session } from "./backend.ts";
import type { Choice } from "./balancer.ts";
import type { Unfinished, Watcher } from "./reactor.ts";
import type { Client } from "../../sys/socket_address.ts";
import type { TcpListener } from "./tcp_listener.ts";

/** The most that is held for a side that does not read: one chunk, for each direction. */
const CHUNK = 64 << 10;
const CHUNK_SIZE = BigInt(CHUNK);
/** So many chunks at a stretch, and others have their turn. */
const CHUNKS = 8;
const EVENTS = READABLE | WRITABLE | PEER_ENDED;

/** Where bytes are between two calls. Nothing stays in it. */
const passing = new Uint8Array(CHUNK);

/** One of the two sockets. */
class Leg implements Watcher {
  readonly fd: number;
  readonly #session: TcpSession;
  isReadable = false;
  isWritable: boolean;
  hasFailed = false;
  /** Nothing comes after what is there to read. */
  isLast = false;
  /** All of it was read. */
  hasEnded = false;
  /** It was told that nothing comes from the other leg. */
  isFinished = false;
  /** What came from the other leg and did not fit. */
  held: Uint8Array<ArrayBuffer> | undefined;

  constructor(fd: number, session: TcpSession, isWritable: boolean) {
    this.fd = fd;
    this.#session = session;
    this.isWritable = isWritable;
  }

  onReady(events: number): void {
    if (events & WRITABLE) this.isWritable = true;
    if (events & READABLE) this.isReadable = true;
    if (events & (PEER_ENDED | HUNG_UP | FAILED)) this.isLast = this.isReadable = true;
    if (events & (HUNG_UP | FAILED)) this.hasFailed = this.isWritable = true;
    this.#session.advance();
  }

  onDefect(): void {
    this.#session.abort();
  }
}

export class TcpSession implements Session, Unfinished {
  readonly #listener: TcpListener;
  readonly #address: Client;
  readonly #client: Leg;
  #server: Leg | undefined;
  #choice: Choice | undefined;
  /** Servers that did not take it. */
  #tried: Set<Backend> | undefined;
  #isOpen = false;
  #isOver = false;
  /** It comes back to what it has left. */
  #hasTurn = false;
  /** When bytes flowed last, or it began to connect. */
  #sinceS: number;

  /** Takes over the client's socket. */
  constructor(listener: TcpListener, fd: number, address: Client) {
    this.#listener = listener;
    this.#address = address;
    this.#client = new Leg(fd, this, true);
    this.#sinceS = listener.nowS;
  }

  start(): void {
    try {
      if (this.#listener.reactor.watch(this.#client.fd, EVENTS, this.#client)) this.#connect();
      else this.abort();
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** Does all that can be done now. */
  advance(): void {
    if (this.#isOver) return;
    if (!this.#isOpen && !this.#arrive()) return;
    const client = this.#client;
    const server = this.#server!;
    const up = this.#pump(client, server, true);
    // Also after the server stopped reading: what it had to say before that is worth knowing.
    const down = this.#pump(server, client, false);
    if (!up || !down) this.abort();
    else if (client.isFinished && server.isFinished) this.#end(closeSocket);
  }

  onTurn(): void {
    this.#hasTurn = false;
    this.advance();
  }

  onDefect(): void {
    this.abort();
  }

  /** Both sides get a reset. */
  abort(): void {
    this.#end(resetSocket);
  }

  /** Ends what has taken too long. */
  expire(): void {
    const { limits, nowS } = this.#listener;
    const idleS = nowS - this.#sinceS;
    if (!this.#isOpen) {
      if (idleS >= limits.connectS) this.#refused(TIMED_OUT);
      return;
    }
    const isHalf = this.#client.hasEnded || this.#server!.hasEnded;
    if (idleS >= (isHalf ? limits.tcpFinS : limits.tcpS)) this.abort();
  }

  /** Whether the server was reached; if not, the next one is on its way, or all is over. */
  #arrive(): boolean {
    const server = this.#server!;
    if (this.#client.hasFailed) {
      this.abort();
      return false;
    }
    if (!server.isWritable) return false;
    const { address } = this.#choice!.backend;
    const error = connectionError(server.fd) ||
      (meetsItself(server.fd, address) ? CONNECTION_REFUSED : 0);
    if (error !== 0) {
      this.#refused(error);
      return false;
    }
    this.#isOpen = true;
    this.#tried = undefined;
    this.#sinceS = this.#listener.nowS;
    this.#choice!.backend.meter.connections++;
    this.#listener.balancer.meter.connections++;
    server.held = this.#listener.header(this.#client.fd, this.#address);
    return true;
  }

  #connect(): void {
    const { balancer, reactor, nowS } = this.#listener;
    let why = 0;
    for (;;) {
      const choice = balancer.choose(this.#address, this.#tried ?? NOBODY, nowS);
      if (!choice) {
        this.#listener.refused(why);
        this.abort();
        return;
      }
      const fd = startConnect("stream", choice.backend.address);
      if (fd >= 0) {
        this.#choice = choice;
        choice.backend.enter(this);
        this.#server = new Leg(fd, this, false);
        this.#sinceS = nowS;
        if (reactor.watch(fd, EVENTS, this.#server)) return;
        this.abort();
        return;
      }
      why = fd;
      balancer.release(choice, nowS);
      (this.#tried ??= new Set()).add(choice.backend);
    }
  }

  /** The server did not take it: the next one may, and the client has noticed nothing. */
  #refused(why: number): void {
    const { backend } = this.#choice!;
    this.#listener.failed(backend, why);
    this.#leave(resetSocket);
    (this.#tried ??= new Set()).add(backend);
    this.#connect();
  }

  /** Moves what there is. False where one of the two is broken. */
  #pump(from: Leg, to: Leg, isInward: boolean): boolean {
    for (let i = 0; i < CHUNKS; i++) {
      if (to.held && !flush(to)) return !to.hasFailed;
      if (from.hasEnded) {
        if (!to.isFinished) endWriting(to.fd);
        to.isFinished = true;
        return true;
      }
      if (!from.isReadable) return true;
      const length = receive(from.fd, passing, CHUNK_SIZE);
      if (length <= 0) {
        if (length === AGAIN) from.isReadable = false;
        else if (length < 0) return false;
        else from.hasEnded = true;
        continue;
      }
      this.#count(length, isInward);
      // Whatever comes after a short read is an event of its own.
      if (length < CHUNK && !from.isLast) from.isReadable = false;
      if (!pass(to, length)) return !to.hasFailed;
    }
    if (!this.#hasTurn) this.#listener.reactor.later(this);
    this.#hasTurn = true;
    return true;
  }

  #count(length: number, isInward: boolean): void {
    this.#sinceS = this.#listener.nowS;
    const server = this.#choice!.backend.meter;
    const service = this.#listener.balancer.meter;
    if (isInward) {
      server.inBytes += length;
      service.inBytes += length;
    } else {
      server.outBytes += length;
      service.outBytes += length;
    }
  }

  #leave(close: (fd: number) => void): void {
    if (this.#server) {
      this.#listener.reactor.forget(this.#server.fd);
      close(this.#server.fd);
      this.#server = undefined;
    }
    if (this.#choice) {
      this.#choice.backend.leave(this);
      this.#listener.balancer.release(this.#choice, this.#listener.nowS);
      this.#choice = undefined;
    }
  }

  #end(close: (fd: number) => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave(close);
    this.#listener.reactor.forget(this.#client.fd);
    close(this.#client.fd);
    this.#listener.ended(this);
  }
}

const NOBODY: ReadonlySet<Backend> = new Set();

/** Writes what is held; false where some of it stays. */
function flush(to: Leg): boolean {
  const held = to.held!;
  if (!to.isWritable) return false;
  const sent = write(to, held, held.length);
  if (sent < held.length) {
    to.held = held.subarray(sent);
    return false;
  }
  to.held = undefined;
  return true;
}

/** Writes what was read just now, and holds what does not fit; false where something is held. */
function pass(to: Leg, length: number): boolean {
  const sent = to.isWritable ? write(to, passing, length) : 0;
  if (sent === length) return true;
  to.held = passing.slice(sent, length);
  return false;
}

/** How much was written; what broke is told by the leg. */
function write(to: Leg, bytes: Uint8Array<ArrayBuffer>, length: number): number {
  const sent = send(to.fd, bytes, length);
  if (sent === length) return sent;
  to.isWritable = false;
  if (sent >= 0) return sent;
  if (sent !== AGAIN) to.hasFailed = true;
  return 0;
}
