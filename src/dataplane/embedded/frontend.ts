/** What stands before the servers of one virtual service, and what it needs around it. */

import type { ProxyProtocol } from "../../wire/proxy_protocol.ts";
import type { Reactor } from "./reactor.ts";

export interface Frontend {
  /** Called a few times a second, to end what has taken too long. */
  tick(): void;
  /** Ends it with all that goes on. */
  close(): void;
}

/** In seconds. */
export interface Limits {
  readonly connectS: number;
  /** Nothing flowed: of a connection, of one that has one direction left, of a client's datagrams. */
  readonly tcpS: number;
  readonly tcpFinS: number;
  readonly udpS: number;
}

/** Something that an operator should know, of which there may be thousands a second. */
export interface Complaint {
  /** A server did not take a connection; none of a service did; a connection could not be taken. */
  readonly kind: "server" | "service" | "accept";
  readonly subject: string;
  readonly service: string;
  /** The errno below zero; 0 where there was no server to ask. */
  readonly why: number;
}

export interface Surroundings {
  readonly reactor: Reactor;
  /** Seconds that only grow, as exact as ticks are. */
  readonly nowS: number;
  readonly limits: Limits;
  readonly proxyProtocol: ProxyProtocol | undefined;
  complain(complaint: Complaint): void;
}
