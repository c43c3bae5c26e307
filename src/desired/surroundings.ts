/** What leads packets to the services: addresses on devices, rules that mark and masquerade, routes. */

import { type Config, PLAIN_TABLE, type ServiceConfig } from "../config/config.ts";
import { type Address, addressFamily, familyBits } from "../model/address.ts";
import { printServiceKey, type ServiceKey } from "../model/ipvs.ts";
import { type InterfaceAddress, printInterfaceAddress, type Route } from "../model/link.ts";
import { type MasqueradeKind, printSetEntry, type SetEntry } from "../model/masquerade.ts";
import { type Owned, routeKey } from "./owned.ts";
import type { DesiredMasquerade, Surroundings, TableSettings } from "./state.ts";

export const ROUTE_METRIC = 50;
/** Without it IPVS keeps its connections from connection tracking, and nothing is masqueraded. */
export const CONNTRACK = "net.ipv4.vs.conntrack";
const EXPIRE_GONE = "net.ipv4.vs.expire_nodest_conn";
const EXPIRE_QUIESCENT = "net.ipv4.vs.expire_quiescent_template";

/** Who balances: the kernel, led to by rules of a kind, or this program, where the address is. */
export type Means =
  | { readonly kind: "kernel"; readonly rules: MasqueradeKind }
  | { readonly kind: "embedded" };

export interface SurroundingsOptions {
  readonly means: Means;
  readonly owned: Owned;
  /** Services that are no longer listed and still have connections: what we own of theirs stays. */
  readonly leaving: readonly ServiceKey[];
  /** Addresses that are not to be here now, whoever has services on them. */
  readonly withdrawn?: ReadonlySet<Address>;
}

export function surroundingsOf(
  { services }: Config,
  { means, owned, leaving, withdrawn }: SurroundingsOptions,
): Surroundings {
  const devices = new Gathering<InterfaceAddress>(printInterfaceAddress);
  const entries = new Gathering<SetEntry>(printSetEntry);
  const routes = new Map<string, Route>();
  let markBit = 0;
  for (const service of services) {
    const { mode, service: { key } } = service;
    if (key.kind !== "address" || withdrawn?.has(key.address)) continue;
    if (mode.kind === "link") {
      devices.add(mode.device, hostAddress(key));
      markBit = mode.markBit;
      if (isMasqueraded(service)) entries.add(addressFamily(key.address), entryOf(key));
    } else if (mode.kind === "route" && mode.gateway !== undefined) {
      const { gateway } = mode;
      const route = { destination: hostAddress(key), gateway, metric: ROUTE_METRIC };
      routes.set(routeKey(route), route);
    }
  }
  if (leaving.length > 0) {
    const kept = new Kept(
      leaving.filter((key) => key.kind !== "address" || !withdrawn?.has(key.address)),
    );
    for (const { name, addresses } of owned.devices) {
      for (const each of addresses) if (kept.address(each.address)) devices.add(name, each);
    }
    for (const { family, entries: ours } of owned.masquerades) {
      for (const each of ours) if (kept.entry(each)) entries.add(family, each);
    }
    for (const route of owned.routes) {
      if (kept.address(route.destination.address)) routes.set(routeKey(route), route);
    }
  }
  const isKernel = means.kind === "kernel";
  const masquerades = isKernel
    ? entries.groups(["ipv4", "ipv6"]).map(([family, entries]): DesiredMasquerade => ({
      ...{ kind: means.rules, family, markBit, entries },
    }))
    : [];
  return {
    sysctls: isKernel ? sysctlsOf(services, masquerades.length > 0) : {},
    devices: devices.groups().map(([name, addresses]) => ({ name, addresses })),
    masquerades,
    routes: isKernel ? [...routes.values()] : [],
  };
}

/** IPVS's own settings, of which a proxy has none. */
export function settingsOf({ table }: Config, means: Means): TableSettings {
  return means.kind === "kernel" ? table : PLAIN_TABLE;
}

function sysctlsOf(
  services: readonly ServiceConfig[],
  isMasquerading: boolean,
): Surroundings["sysctls"] {
  const sysctls: Record<string, string> = {};
  if (isMasquerading) sysctls[CONNTRACK] = "1";
  for (const { service: { key, persistence } } of services) {
    // A client of UDP goes on for ever, and would go on to a server that is gone.
    if (key.kind === "mark" || key.protocol === "udp") sysctls[EXPIRE_GONE] = "1";
    // A client that belongs to a server would go on to one of weight 0.
    if (persistence) sysctls[EXPIRE_QUIESCENT] = "1";
  }
  return sysctls;
}

/** The virtual address alone, without a network around it. */
export function hostAddress({ address }: { readonly address: Address }): InterfaceAddress {
  return { address, prefix: familyBits(addressFamily(address)) };
}

/** What is forwarded in another way keeps its source: servers answer their clients themselves. */
function isMasqueraded({ servers }: ServiceConfig): boolean {
  for (const { forwarding } of servers.values()) {
    if (forwarding.method === "masquerade") return true;
  }
  return servers.size === 0;
}

function entryOf({ address, protocol, port }: ServiceKey & { readonly kind: "address" }): SetEntry {
  return { address, protocol, port };
}

/** What services that are leaving need. */
class Kept {
  readonly #addresses = new Set<Address>();
  readonly #names: ReadonlySet<string>;

  constructor(leaving: readonly ServiceKey[]) {
    for (const key of leaving) if (key.kind === "address") this.#addresses.add(key.address);
    this.#names = new Set(leaving.map(printServiceKey));
  }

  address(address: Address): boolean {
    return this.#addresses.has(address);
  }

  entry(entry: SetEntry): boolean {
    return this.#names.has(printServiceKey({ kind: "address", ...entry }));
  }
}

/** Values in groups, each value once in its group, in the order in which they came. */
class Gathering<T> {
  readonly #groups = new Map<string, Map<string, T>>();
  readonly #print: (value: T) => string;

  constructor(print: (value: T) => string) {
    this.#print = print;
  }

  add(group: string, value: T): void {
    let values = this.#groups.get(group);
    if (!values) this.#groups.set(group, values = new Map());
    values.set(this.#print(value), value);
  }

  groups<const G extends string = string>(order?: readonly G[]): (readonly [G, readonly T[]])[] {
    const names = order ?? [...this.#groups.keys()] as G[];
    return names.filter((name) => this.#groups.has(name))
      .map((name) => [name, [...this.#groups.get(name)!.values()]]);
  }
}
