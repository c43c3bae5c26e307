/**
 * The contract for marking and source-NATing what goes to virtual services, so that answers come back through
 * this host; nftables over nfnetlink, iptables with ipset, and an in-memory fake implement it. The rules are
 * shared by all instances on a host, the entries are each instance's own.
 */

import type { Family } from "../model/address.ts";
import type { SetEntry } from "./sets.ts";

export interface MasqueradeOptions {
  readonly family: Family;
  /** Which bit of the packet mark is ours, 0 to 31; every other bit is left alone and not looked at. */
  readonly markBit: number;
}

export interface Masquerade {
  /** Which implementation this is, for a log line: "nftables over netlink", "iptables and ipset". */
  readonly name: string;

  /**
   * The pieces of the rules that are not there or not as they must be, in words for a log line
   * ("chain VIRTUAL-SERVICES", "jump from OUTPUT to VIRTUAL-SERVICES"). Empty where all is well.
   */
  missing(options: MasqueradeOptions): Promise<string[]>;
  /** Makes the rules and set whole, all pieces at once where the kernel can; says what was missing. */
  ensure(options: MasqueradeOptions): Promise<string[]>;

  /** Whether anything of the rules or the set is there, whole or not. */
  exists(family: Family): Promise<boolean>;
  /** What the set holds, entries of other instances too; empty where there is no set. */
  entries(family: Family): Promise<SetEntry[]>;
  /** Adds and removes entries; both may be there, or gone, already. The set must be there. */
  changeEntries(
    family: Family,
    change: { readonly add?: readonly SetEntry[]; readonly remove?: readonly SetEntry[] },
  ): Promise<void>;

  /** Removes rules and set, whatever is left of them; says whether anything was there. */
  remove(family: Family): Promise<boolean>;

  close(): void;
}
