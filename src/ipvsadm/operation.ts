/** What one command line of ipvsadm asks for. */

import type { DaemonRole, IpvsChange, ServiceKey, SyncDaemon, Timeouts } from "../model/ipvs.ts";

/** Which of its tables ipvsadm prints. */
export type ListView =
  | "servers"
  | "stats"
  | "rate"
  | "thresholds"
  | "persistent-conn"
  | "tun-info";

export interface ListFormat {
  readonly view: ListView;
  /** Numbers instead of the names of ports. */
  readonly numeric: boolean;
  /** Counters in full instead of in thousands and millions. */
  readonly exact: boolean;
  readonly sorted: boolean;
}

export interface ConnectionsFormat {
  readonly numeric: boolean;
  /** Also what the persistence engine keeps about each connection. */
  readonly engineData: boolean;
}

export type Operation =
  | { readonly op: "change"; readonly change: IpvsChange }
  /** The whole table, or one service. */
  | { readonly op: "list"; readonly key?: ServiceKey; readonly format: ListFormat }
  | { readonly op: "connections"; readonly format: ConnectionsFormat }
  | { readonly op: "timeouts" }
  | { readonly op: "daemons" }
  | { readonly op: "save"; readonly numeric: boolean }
  | { readonly op: "restore" }
  | { readonly op: "clear" }
  | { readonly op: "zero"; readonly key?: ServiceKey }
  | { readonly op: "setTimeouts"; readonly timeouts: Partial<Timeouts> }
  | { readonly op: "startDaemon"; readonly daemon: SyncDaemon }
  | { readonly op: "stopDaemon"; readonly role: DaemonRole }
  | { readonly op: "help" }
  | { readonly op: "version" };
