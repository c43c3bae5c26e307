/** The configuration of `lvscare care`: one virtual server over TCP, its servers and how they are checked. */

import type { LogLevel } from "@logtape/logtape";
import type { LogFormat } from "../log.ts";
import type { Address } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";

/** How a packet for the virtual address gets to IPVS on this host. */
export type Mode =
  /** The address on a dummy device; what goes there is marked and masqueraded. */
  | { readonly kind: "link"; readonly device: string; readonly markBit: number }
  /** A route to the address by way of this host's own; undefined where no such address is known. */
  | { readonly kind: "route"; readonly gateway: Address | undefined }
  | { readonly kind: "none" };

export interface HttpCheck {
  readonly scheme: "http" | "https";
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly body: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Status codes that are healthy too, beside all below 400. */
  readonly extraStatus: readonly number[];
  readonly skipVerify: boolean;
  readonly timeoutMs: number;
}

export type Backend = "netlink" | "command";
export type MasqueradeChoice = "auto" | "nftables" | "iptables";

export interface CareConfig {
  readonly virtualServer: Endpoint;
  readonly scheduler: string;
  /** In the order given, without repetition. */
  readonly servers: readonly Endpoint[];
  readonly mode: Mode;
  readonly check: HttpCheck;
  readonly intervalMs: number;
  /** How many results in a row bring a server back, and take it down. */
  readonly rise: number;
  readonly fall: number;
  /** Never take the last server out. */
  readonly keepLast: boolean;
  /** How long a server that is no longer listed may keep its connections. */
  readonly drainTimeoutMs: number;
  readonly stateDir: string;
  /** Unset: chosen at start. */
  readonly backend: Backend | undefined;
  readonly masquerade: MasqueradeChoice;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly runOnce: boolean;
  readonly clean: boolean;
  readonly dryRun: boolean;
}
