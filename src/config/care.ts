/** The configuration of `lvscare care`: one virtual server over TCP, its servers and how they are checked. */

import type { LogLevel } from "@logtape/logtape";
import type { LogFormat } from "../log.ts";
import type { Address } from "../model/address.ts";
import type { ProxyProtocol } from "../wire/proxy_protocol.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { HttpCheck } from "./check.ts";

/** How a packet for the virtual address gets to IPVS on this host. */
export type Mode =
  /** The address on a dummy device; what goes there is marked and masqueraded. */
  | { readonly kind: "link"; readonly device: string; readonly markBit: number }
  /** A route to the address by way of this host's own; undefined where no such address is known. */
  | { readonly kind: "route"; readonly gateway: Address | undefined }
  | { readonly kind: "none" };

/** How the kernel is talked to: by sockets, or by the usual programs. */
export const BACKENDS = ["netlink", "command"] as const;
export type Backend = typeof BACKENDS[number];

/** Who balances: IPVS in the kernel, this program, or IPVS where the kernel has it. */
export const DATAPLANES = ["kernel", "embedded", "auto"] as const;
export type DataplaneChoice = typeof DATAPLANES[number];

/** The schedulers that mean something to the embedded proxy. */
export const PROXY_SCHEDULERS = ["rr", "wrr", "lc", "wlc", "sh", "mh"] as const;
export type ProxyScheduler = typeof PROXY_SCHEDULERS[number];

/** "auto" is what suits the host. */
export const MASQUERADE_CHOICES = ["auto", "nftables", "iptables"] as const;
export type MasqueradeChoice = typeof MASQUERADE_CHOICES[number];

/** What only the embedded proxy has. */
export interface ProxyConfig {
  /** How servers are told who the client is; undefined: not at all. */
  readonly protocol: ProxyProtocol | undefined;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** All of it valid, and its parts agree: every server is of the virtual server's family. */
export interface CareConfig {
  readonly virtualServer: Endpoint;
  /** A name that can be one; whether the kernel has it is only known there. */
  readonly scheduler: string;
  /** How long a client belongs to a server after its last connection; 0: not at all. */
  readonly persistenceMs: number;
  /** Connections at which a server gets no more; 0: no limit. */
  readonly serverLimit: number;
  /** In the order given, without repetition; empty only for a clean. */
  readonly servers: readonly Endpoint[];
  readonly mode: Mode;
  readonly check: HttpCheck;
  /** Between the starts of two checks of one server. */
  readonly intervalMs: number;
  /** How many results in a row bring a server back, and take it down. */
  readonly rise: number;
  readonly fall: number;
  /** Never take the last server out. */
  readonly keepLast: boolean;
  /** How long a server that is no longer listed may keep its connections; 0: removed at once. */
  readonly drainTimeoutMs: number;
  /** A server that fails its checks keeps the connections that it has. */
  readonly drain: boolean;
  readonly dataplane: DataplaneChoice;
  readonly proxy: ProxyConfig;
  /** Absolute. */
  readonly stateDir: string;
  /** Unset: chosen at start. */
  readonly backend: Backend | undefined;
  readonly masquerade: MasqueradeChoice;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** Set up without checks and end. */
  readonly runOnce: boolean;
  /** Remove what was made and end; goes before runOnce. */
  readonly clean: boolean;
  /** Say what would be changed, and change nothing. */
  readonly dryRun: boolean;
}
