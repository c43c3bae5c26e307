/** The contract for a kernel's IPVS table; netlink, ipvsadm and an in-memory fake implement it. */

import type { LvscareError } from "../errors.ts";
import type {
  DaemonRole,
  IpvsChange,
  IpvsInfo,
  ServiceEntry,
  ServiceKey,
  SyncDaemon,
  Timeouts,
} from "../model/ipvs.ts";

export interface ListOptions {
  /** Also read counters and rates, which cost time. Default: false. */
  readonly stats?: boolean;
}

export interface IpvsTable {
  /** Which implementation this is, for a log line: "netlink over libc". */
  readonly name: string;

  info(): Promise<IpvsInfo>;

  /** All services with their servers, in the kernel's order. */
  list(options?: ListOptions): Promise<ServiceEntry[]>;
  /** One service with its servers, whatever else is in the table; undefined where there is none. */
  find(key: ServiceKey, options?: ListOptions): Promise<ServiceEntry | undefined>;

  /**
   * Makes the changes in their order, each on its own: one that fails does not keep the next from being
   * tried. The answer has one place for each change: the error, or undefined where it was made.
   */
  apply(changes: readonly IpvsChange[]): Promise<(LvscareError | undefined)[]>;

  /** Removes every service, foreign ones too. Only for an operator who asks for just that. */
  clear(): Promise<void>;

  /** Sets the counters of one service, or of all, to zero. */
  zero(key?: ServiceKey): Promise<void>;

  timeouts(): Promise<Timeouts>;
  /** Sets the timeouts that are given; 0 is not a timeout and is refused. */
  setTimeouts(timeouts: Partial<Timeouts>): Promise<void>;

  daemons(): Promise<SyncDaemon[]>;
  startDaemon(daemon: SyncDaemon): Promise<void>;
  stopDaemon(role: DaemonRole): Promise<void>;

  close(): void;
}
