/** The contract for ipsets of type hash:ip,port; nfnetlink, ipset and an in-memory fake implement it. */

import type { Family } from "../model/address.ts";
import type { SetEntry } from "../model/masquerade.ts";

export { printSetEntry, type SetEntry } from "../model/masquerade.ts";

export interface IpSet {
  readonly name: string;
  /** "hash:ip,port" for those that this program makes. */
  readonly type: string;
  /** Undefined for types that have none. */
  readonly family: Family | undefined;
  /** Only of sets of type hash:ip,port. */
  readonly entries: readonly SetEntry[];
}

/** Each `ensure` and `remove` says whether it had to change anything. */
export interface Sets {
  /** Which implementation this is, for a log line. */
  readonly name: string;

  find(name: string): Promise<IpSet | undefined>;
  /**
   * A set of type hash:ip,port and that family. One of another type or family under that name is not touched:
   * that is a KernelError that is("EEXIST").
   */
  ensureSet(name: string, family: Family): Promise<boolean>;
  /** Removes a set. One that a rule refers to is a KernelError that is("EBUSY"). */
  removeSet(name: string): Promise<boolean>;

  ensureEntry(name: string, entry: SetEntry): Promise<boolean>;
  removeEntry(name: string, entry: SetEntry): Promise<boolean>;

  close(): void;
}
