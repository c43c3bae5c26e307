/** Datagrams of one virtual service: each client has a server, and a socket of its own to it, for a while. */

import { READABLE } from "../../sys/epoll.ts";
import {
  AGAIN,
  closeSocket,
  CONNECTION_REFUSED,
  DatagramBuffer,
  openListener,
  receive,
  send,
  type SocketAddress,
  startConnect,
} from "../../sys/sockets.ts";
import { type Endpoint, printEndpoint } from "../../model/endpoint.ts";
import type { Backend, Session } from "./backend.ts";
import type { Balancer, Choice } from "./balancer.ts";
import type { Frontend, Surroundings } from "./frontend.ts";
import type { Reactor, Unfinished, Watcher } from "./reactor.ts";
import { toClient, toSocketAddress } from "../../sys/socket_address.ts";

/** Clients at once; of more than that, those that were silent for longest have to come again. */
const CLIENTS_LIMIT = 8192;
const STRETCH = 128;
const SIZE = 65_536;

export class UdpFrontend implements Frontend, Watcher, Unfinished {
  readonly #balancer: Balancer;
  readonly #surroundings: Surroundings;
  readonly #reactor: Reactor;
  readonly #name: string;
  readonly #fd: number;
  readonly #passing = new DatagramBuffer(SIZE);
  /** In the order of their last datagrams. */
  readonly #sessions = new Map<string, UdpSession>();
  #isClosed = false;
  #hasTurn = false;

  /** Throws where the address cannot be listened on. */
  constructor(endpoint: Endpoint, balancer: Balancer, surroundings: Surroundings) {
    this.#name = printEndpoint(endpoint);
    this.#balancer = balancer;
    this.#surroundings = surroundings;
    this.#reactor = surroundings.reactor;
    this.#fd = openListener("datagram", toSocketAddress(endpoint), this.#name);
    this.#reactor.watch(this.#fd, READABLE, this);
  }

  onReady(): void {
    if (this.#isClosed) return;
    for (let i = 0; i < STRETCH; i++) {
      const length = this.#passing.receive(this.#fd);
      if (length === AGAIN) return;
      if (length >= 0) this.#takeIn(length);
    }
    if (!this.#hasTurn) this.#reactor.later(this);
    this.#hasTurn = true;
  }

  onTurn(): void {
    this.#hasTurn = false;
    this.onReady();
  }

  tick(): void {
    const { nowS, limits } = this.#surroundings;
    for (const session of this.#sessions.values()) {
      if (nowS - session.sinceS >= limits.udpS) session.abort();
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reactor.forget(this.#fd);
    closeSocket(this.#fd);
    for (const session of [...this.#sessions.values()]) session.abort();
  }

  /** All that the server has sent to the client. */
  takeOut(session: UdpSession): void {
    const { data } = this.#passing;
    for (let i = 0; i < STRETCH; i++) {
      const length = receive(session.fd, data, BigInt(SIZE));
      if (length === CONNECTION_REFUSED) session.isRefused = true;
      if (length < 0) return;
      // A datagram that finds no room is lost, as it would be on the way.
      this.#passing.send(this.#fd, length, session.peer, session.control);
      session.sinceS = this.#surroundings.nowS;
      for (const meter of [session.choice.backend.meter, this.#balancer.meter]) {
        meter.outPackets++;
        meter.outBytes += length;
      }
    }
    this.#reactor.later(session);
  }

  ended(session: UdpSession): void {
    this.#reactor.forget(session.fd);
    closeSocket(session.fd);
    session.choice.backend.leave(session);
    this.#balancer.release(session.choice, this.#surroundings.nowS);
    this.#sessions.delete(session.key);
  }

  #takeIn(length: number): void {
    const { peer, peerLength, data } = this.#passing;
    const key = String.fromCharCode(...peer.subarray(0, peerLength));
    const tried = new Set<Backend>();
    for (;;) {
      const session = this.#sessions.get(key) ?? this.#open(key, tried);
      if (!session) return;
      const { backend } = session.choice;
      const sent = session.isRefused ? CONNECTION_REFUSED : send(session.fd, data, length);
      if (sent === CONNECTION_REFUSED) {
        // Nobody was there for the one before: this client needs another server.
        tried.add(backend);
        session.abort();
        continue;
      }
      this.#sessions.delete(key);
      this.#sessions.set(key, session);
      session.sinceS = this.#surroundings.nowS;
      for (const meter of [backend.meter, this.#balancer.meter]) {
        meter.inPackets++;
        meter.inBytes += length;
      }
      return;
    }
  }

  #open(key: string, tried: Set<Backend>): UdpSession | undefined {
    const { nowS } = this.#surroundings;
    const peer = this.#passing.peer.slice(0, this.#passing.peerLength);
    for (;;) {
      const choice = this.#balancer.choose(toClient(peer), tried, nowS);
      if (!choice) return undefined;
      const { backend } = choice;
      const fd = startConnect("datagram", backend.address);
      const session = new UdpSession({
        ...{ frontend: this, key, fd, choice, nowS },
        ...{ peer, control: this.#passing.control },
      });
      if (fd >= 0 && this.#reactor.watch(fd, READABLE, session)) {
        backend.enter(session);
        for (const meter of [backend.meter, this.#balancer.meter]) meter.connections++;
        this.#sessions.set(key, session);
        this.#forgetOldest();
        return session;
      }
      if (fd >= 0) closeSocket(fd);
      this.#balancer.release(choice, nowS);
      tried.add(backend);
      this.#surroundings.complain({
        kind: "server",
        subject: backend.name,
        service: this.#name,
        why: Math.min(fd, 0),
      });
    }
  }

  #forgetOldest(): void {
    if (this.#sessions.size <= CLIENTS_LIMIT) return;
    for (const oldest of this.#sessions.values()) {
      oldest.abort();
      return;
    }
  }
}

interface UdpSessionOptions {
  readonly frontend: UdpFrontend;
  readonly key: string;
  readonly fd: number;
  readonly choice: Choice;
  readonly peer: SocketAddress;
  readonly control: Uint8Array<ArrayBuffer>;
  readonly nowS: number;
}

class UdpSession implements Session, Watcher, Unfinished {
  readonly #frontend: UdpFrontend;
  readonly key: string;
  readonly fd: number;
  readonly choice: Choice;
  readonly peer: SocketAddress;
  /** Which of this host's addresses the client knows. */
  readonly control: Uint8Array<ArrayBuffer>;
  sinceS: number;
  /** Its server's host has said that nobody listens there. */
  isRefused = false;
  #isOver = false;

  constructor({ frontend, key, fd, choice, peer, control, nowS }: UdpSessionOptions) {
    this.#frontend = frontend;
    this.key = key;
    this.fd = fd;
    this.choice = choice;
    this.peer = peer;
    this.control = control;
    this.sinceS = nowS;
  }

  onReady(): void {
    if (!this.#isOver) this.#frontend.takeOut(this);
  }

  onTurn(): void {
    this.onReady();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#frontend.ended(this);
  }
}
