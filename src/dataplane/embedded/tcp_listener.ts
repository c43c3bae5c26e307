/** Takes the connections of one virtual service. */

import { READABLE } from "../../sys/epoll.ts";
import {
  accept,
  acceptedPeer,
  AGAIN,
  closeSocket,
  localAddress,
  NO_DESCRIPTOR,
  openListener,
} from "../../sys/sockets.ts";
import { type Endpoint, printEndpoint } from "../../model/endpoint.ts";
import type { Backend } from "./backend.ts";
import type { Balancer } from "./balancer.ts";
import { proxyHeader } from "../../wire/proxy_protocol.ts";
import type { Reactor, Unfinished, Watcher } from "./reactor.ts";
import { type Client, toClient, toSocketAddress } from "../../sys/socket_address.ts";
import type { Complaint, Frontend, Surroundings } from "./frontend.ts";
import { TcpSession } from "./tcp_session.ts";

/** So many connections are taken at a stretch, and others have their turn. */
const STRETCH = 64;
const UNKNOWN: Client = { bytes: new Uint8Array(4), port: 0 };

export class TcpListener implements Frontend, Watcher, Unfinished {
  readonly balancer: Balancer;
  readonly reactor: Reactor;
  readonly #surroundings: Surroundings;
  readonly #name: string;
  readonly #fd: number;
  readonly #sessions = new Set<TcpSession>();
  #isClosed = false;
  #hasTurn = false;
  /** Some may be waiting that were not taken. */
  #isBehind = false;

  /** Throws where the address cannot be listened on. */
  constructor(endpoint: Endpoint, balancer: Balancer, surroundings: Surroundings) {
    this.#name = printEndpoint(endpoint);
    this.balancer = balancer;
    this.reactor = surroundings.reactor;
    this.#surroundings = surroundings;
    this.#fd = openListener("stream", toSocketAddress(endpoint), this.#name);
    this.reactor.watch(this.#fd, READABLE, this);
  }

  get nowS(): number {
    return this.#surroundings.nowS;
  }

  get limits(): Surroundings["limits"] {
    return this.#surroundings.limits;
  }

  onReady(): void {
    this.#accept();
  }

  onTurn(): void {
    this.#hasTurn = false;
    this.#accept();
  }

  tick(): void {
    for (const session of this.#sessions) session.expire();
    if (this.#isBehind) this.#accept();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.reactor.forget(this.#fd);
    closeSocket(this.#fd);
    for (const session of [...this.#sessions]) session.abort();
  }

  ended(session: TcpSession): void {
    this.#sessions.delete(session);
  }

  /** What a server gets before the client's first byte. */
  header(fd: number, client: Client): Uint8Array<ArrayBuffer> | undefined {
    const { proxyProtocol } = this.#surroundings;
    return proxyProtocol && proxyHeader(proxyProtocol, client, toClient(localAddress(fd)));
  }

  failed({ name }: Backend, why: number): void {
    this.#complain("server", name, why);
  }

  /** Nobody took a connection. */
  refused(why: number): void {
    this.#complain("service", this.#name, why);
  }

  #complain(kind: Complaint["kind"], subject: string, why: number): void {
    this.#surroundings.complain({ kind, subject, service: this.#name, why });
  }

  #accept(): void {
    if (this.#isClosed) return;
    const { proxyProtocol } = this.#surroundings;
    const wantsClient = proxyProtocol !== undefined || this.balancer.wantsClient;
    // Until it is seen that nobody waits: of those that do, the kernel tells once only.
    this.#isBehind = true;
    for (let i = 0; i < STRETCH; i++) {
      const fd = accept(this.#fd);
      if (fd === AGAIN) {
        this.#isBehind = false;
        return;
      }
      if (NO_DESCRIPTOR.includes(fd)) {
        this.#complain("accept", this.#name, fd);
        return;
      }
      // Whoever was gone before it was taken is no loss.
      if (fd < 0) continue;
      const client = wantsClient ? toClient(acceptedPeer()) : UNKNOWN;
      const session = new TcpSession(this, fd, client);
      this.#sessions.add(session);
      session.start();
    }
    // A tick or an event may ask for the same; once is enough.
    if (!this.#hasTurn) this.reactor.later(this);
    this.#hasTurn = true;
  }
}
