/** One real server as the proxy knows it, with what goes on there. */

import { printEndpoint } from "../../model/endpoint.ts";
import type { Server } from "../../model/ipvs.ts";
import type { SocketAddress } from "../../sys/sockets.ts";
import { Meter } from "./meter.ts";
import type { Candidate } from "./schedulers.ts";
import { toSocketAddress } from "../../sys/socket_address.ts";

/** A connection or a client's datagrams, as long as they last. */
export interface Session {
  /** Ends it so that both sides learn of it. */
  abort(): void;
}

export class Backend implements Candidate {
  readonly name: string;
  readonly address: SocketAddress;
  readonly meter = new Meter();
  readonly #sessions = new Set<Session>();
  #server: Server;
  /** Above the upper threshold, until it is below the lower one. */
  #isFull = false;

  constructor(server: Server) {
    this.name = printEndpoint(server);
    this.address = toSocketAddress(server);
    this.#server = server;
  }

  get server(): Server {
    return this.#server;
  }

  set server(server: Server) {
    this.#server = server;
    this.#isFull = false;
    this.#judge();
  }

  get weight(): number {
    return this.#server.weight;
  }

  get active(): number {
    return this.#sessions.size;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  enter(session: Session): void {
    this.#sessions.add(session);
    this.#judge();
  }

  leave(session: Session): void {
    this.#sessions.delete(session);
    this.#judge();
  }

  /** Ends all that goes on there. */
  abort(): void {
    for (const session of [...this.#sessions]) session.abort();
  }

  /** Without a lower threshold a full one is used again below three quarters of the upper. */
  #judge(): void {
    const { upperThreshold: upper, lowerThreshold: lower } = this.#server;
    if (upper === 0) this.#isFull = false;
    else if (this.active >= upper) this.#isFull = true;
    else if (lower > 0 ? this.active < lower : this.active * 4 < upper * 3) this.#isFull = false;
  }
}
