/** What is so on a host, gathered once. Each fact may be unknown, and then says why. */

import type { Address, Family } from "../model/address.ts";
import type { Timeouts } from "../model/ipvs.ts";
import type { Link } from "../model/link.ts";

export type Fact<T> =
  | { readonly known: true; readonly value: T }
  | {
    readonly known: false;
    readonly why: string;
    /** Nobody misses it: it was not needed, or what hides it is told as a finding of its own. */
    readonly isMoot: boolean;
  };

export function known<T>(value: T): Fact<T> {
  return { known: true, value };
}

export function unknown<T>(why: string): Fact<T> {
  return { known: false, why, isMoot: false };
}

/** How a reason begins that more permissions would do away with. */
export const FORBIDDEN = "not permitted";

export function moot<T>(why = "not needed"): Fact<T> {
  return { known: false, why, isMoot: true };
}

/** The value, or undefined where it is not known. */
export function valueOf<T>(fact: Fact<T> | undefined): T | undefined {
  return fact?.known ? fact.value : undefined;
}

export type ModuleState =
  | "loaded"
  | "built in"
  | "loadable"
  /** modprobe is configured to do something else in its place. */
  | "blocked"
  | "missing"
  /** It is not loaded, and there are no files to look for it in. */
  | "not found"
  /** It may be built in, which nothing here says. */
  | "unsure";

export interface TableFacts {
  /** Rows of the table of connections. */
  readonly size: number;
  readonly connections: number;
  readonly timeouts: Timeouts;
  /** The keys of its services, as text. */
  readonly services: ReadonlySet<string>;
}

/** What a rule does with bits of a packet's mark. */
export interface MarkUse {
  readonly bits: number;
  readonly how: "reads" | "writes";
}

/** A rule of a packet filter, as far as it matters here. */
export interface FoundRule {
  readonly by: "nftables" | "iptables-legacy";
  /** As nft calls it: "ip", "ip6", "inet". */
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly comment: string;
  /** What it ends in: "ACCEPT", "DROP", or the chain that it leads to; empty where it goes on. */
  readonly target: string;
  readonly marks: readonly MarkUse[];
  /** The one port that it is for, if it is for one. */
  readonly port: number | undefined;
}

export interface KubeProxyFacts {
  /** Its mode, as it says. */
  readonly mode: Fact<string>;
  /** Networks of which it leaves services alone. */
  readonly excluded: Fact<readonly string[]>;
}

/** Another host that has an address. */
export interface Neighbour {
  readonly address: Address;
  /** Ours, on which it answered. */
  readonly device: string;
  /** Its hardware address. */
  readonly hardware: string;
}

export interface NeighbourFacts {
  readonly asked: readonly Address[];
  /** How many were not, for there are too many. */
  readonly left: number;
  readonly answers: readonly Neighbour[];
}

/** How the checks of one server ended. */
export interface ServerCheck {
  readonly service: string;
  readonly server: string;
  readonly level: "good" | "failed" | "unable";
  /** Why, where it is not good. */
  readonly reason: string;
}

export interface CheckFacts {
  readonly servers: readonly ServerCheck[];
  /** How many servers were not checked, for there are too many or time was over. */
  readonly left: number;
}

export interface ConntrackFacts {
  readonly count: number;
  readonly most: number;
}

export interface HostFacts {
  readonly isRoot: Fact<boolean>;
  /** The kernel's release: "6.1.0-18-amd64". */
  readonly kernel: Fact<string>;
  /** Of those that are wanted. */
  readonly modules: Fact<ReadonlyMap<string, ModuleState>>;
  /** Those that are loaded with every boot. */
  readonly bootModules: Fact<ReadonlySet<string>>;
  /** Kernel parameters; undefined is one that the kernel does not have. */
  readonly parameters: Fact<ReadonlyMap<string, string | undefined>>;
  readonly devices: Fact<readonly Link[]>;
  readonly table: Fact<TableFacts>;
  /** nftables' rules, those of iptables on nftables too. */
  readonly rules: Fact<readonly FoundRule[]>;
  readonly legacyRules: Fact<readonly FoundRule[]>;
  /** Whether the program is there, by which rules are made where both ways are open. */
  readonly hasIptables: Fact<boolean>;
  /** Whether its process is there. */
  readonly firewalld: Fact<boolean>;
  /** Moot where kube-proxy leaves no trace of mode ipvs. */
  readonly kubeProxy: Fact<KubeProxyFacts>;
  readonly conntrack: Fact<ConntrackFacts>;
  readonly neighbours: Readonly<Record<Family, Fact<NeighbourFacts>>>;
  readonly checks: Fact<CheckFacts>;
}
