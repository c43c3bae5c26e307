/**
 * Desired, owned and observed to the steps between them: first all that is wanted, then what is left over. A sync
 * daemon and a server of another family than its service's exclude each other: daemons end before servers come,
 * and begin when servers are gone.
 */

import { type Owned, routeKey, rulesKey } from "../desired/owned.ts";
import type { DesiredState } from "../desired/state.ts";
import { addressToBytes } from "../model/address.ts";
import { printServiceKey } from "../model/ipvs.ts";
import { type InterfaceAddress, type Link, printInterfaceAddress } from "../model/link.ts";
import { printSetEntry, type SetEntry } from "../model/masquerade.ts";
import type { Observed } from "./observed.ts";
import { planService } from "./service.ts";
import type { Step } from "./step.ts";
import { planDaemons, planLeftDaemons, planTimeouts } from "./table.ts";

export interface Situation {
  readonly desired: DesiredState;
  /** What was ours before; of it goes what is not wanted any more. */
  readonly owned: Owned;
  readonly observed: Observed;
  /** Services that are known to be as they must be. */
  readonly settled?: ReadonlySet<string> | undefined;
}

export function plan(situation: Situation): Step[] {
  return [
    ...planParameters(situation),
    ...planTimeouts(situation),
    ...planDevices(situation),
    ...planMasquerades(situation),
    ...planLeftDaemons(situation),
    ...planServices(situation),
    ...planRoutes(situation),
    ...planLeftRoutes(situation),
    ...planLeftServices(situation),
    ...planDaemons(situation),
    ...planLeftMasquerades(situation),
    ...planLeftDevices(situation),
  ];
}

function planParameters({ desired, observed }: Situation): Step[] {
  const steps: Step[] = [];
  for (const [name, value] of Object.entries(desired.sysctls)) {
    if (!observed.parameters.has(name)) continue;
    const before = observed.parameters.get(name);
    if (before === value) continue;
    steps.push({ kind: "setParameter", name, before: before ?? "not there", value });
  }
  return steps;
}

function planDevices({ desired: { devices }, observed }: Situation): Step[] {
  return devices.flatMap(({ name, addresses }): Step[] => {
    if (!observed.devices.has(name)) return [];
    const link = observed.devices.get(name);
    const steps: Step[] = [];
    // A device of another kind is asked for all the same: the refusal says what is in the way.
    if (!link || link.kind !== "dummy") steps.push({ kind: "makeDevice", name, found: "nothing" });
    else if (!link.up) steps.push({ kind: "makeDevice", name, found: "down" });
    const there = new Set(link?.addresses.map(printInterfaceAddress));
    for (const address of addresses) {
      if (there.has(printInterfaceAddress(address))) continue;
      steps.push({ kind: "addAddress", device: name, address });
    }
    return steps;
  });
}

function planMasquerades({ desired: { masquerades }, observed }: Situation): Step[] {
  return masquerades.flatMap((wanted): Step[] => {
    const { kind: by, family, markBit } = wanted;
    const found = findRules(observed.masquerades, wanted);
    if (!found) return [];
    const steps: Step[] = [];
    const { missing } = found;
    if (missing.length > 0) steps.push({ kind: "makeRules", by, family, markBit, missing });
    const entries = without(wanted.entries, found.entries);
    if (entries.length > 0) steps.push({ kind: "addEntries", by, family, entries });
    return steps;
  });
}

function planServices({ desired: { services }, observed, settled }: Situation): Step[] {
  const table = observed.services;
  if (!table) return [];
  const steps: Step[] = [];
  for (const wanted of services) {
    if (!settled?.has(wanted.name)) planService(steps, wanted, table.get(wanted.name));
  }
  return steps;
}

function planRoutes({ desired: { routes }, observed }: Situation): Step[] {
  if (!observed.routes) return [];
  const there = new Map(observed.routes.map((route) => [routeKey(route), route]));
  return routes.flatMap((route): Step[] => {
    const before = there.get(routeKey(route));
    const isSame = before?.gateway === route.gateway &&
      (route.device === undefined || before?.device === route.device);
    return before && isSame ? [] : [{ kind: "putRoute", route, before }];
  });
}

function planLeftRoutes({ desired, owned, observed }: Situation): Step[] {
  const wanted = new Set(desired.routes.map(routeKey));
  const left = new Set(owned.routes.map(routeKey).filter((key) => !wanted.has(key)));
  return (observed.routes ?? []).filter((route) => left.has(routeKey(route)))
    .map((route) => ({ kind: "removeRoute", route }));
}

function planLeftServices({ desired, owned, observed }: Situation): Step[] {
  const wanted = new Set(desired.services.map(({ name }) => name));
  return owned.services
    .filter((key) => {
      const name = printServiceKey(key);
      return !wanted.has(name) && observed.services?.has(name);
    })
    .map((key) => ({ kind: "change", change: { kind: "deleteService", key } }));
}

/** The rules are shared: they go with the last entry, whoever made them. */
function planLeftMasquerades({ desired, owned, observed }: Situation): Step[] {
  return owned.masquerades.flatMap((ours): Step[] => {
    const { kind: by, family } = ours;
    const found = findRules(observed.masquerades, ours);
    if (!found) return [];
    const wanted = findRules(desired.masquerades, ours);
    const left = without(ours.entries, wanted?.entries ?? []);
    const others = without(found.entries, left);
    if (!wanted && others.length === 0) {
      return found.exists ? [{ kind: "removeRules", by, family }] : [];
    }
    const entries = without(found.entries, others);
    return entries.length > 0 ? [{ kind: "removeEntries", by, family, entries }] : [];
  });
}

function planLeftDevices({ desired, owned, observed }: Situation): Step[] {
  return owned.devices.flatMap(({ name, made, addresses }): Step[] => {
    const link = observed.devices.get(name);
    if (!link || link.kind !== "dummy") return [];
    const device = desired.devices.find((each) => each.name === name);
    const wanted = new Set(device?.addresses.map(printInterfaceAddress));
    const left = new Set(
      addresses.map(printInterfaceAddress).filter((address) => !wanted.has(address)),
    );
    if (!device && made && !hasOthers(link, left)) return [{ kind: "removeDevice", name }];
    return link.addresses
      .filter((address) => left.has(printInterfaceAddress(address)))
      .map((address) => ({ kind: "removeAddress", device: name, address }));
  });
}

type Rules = Parameters<typeof rulesKey>[0];

function findRules<T extends Rules>(all: readonly T[], wanted: Rules): T | undefined {
  return all.find((each) => rulesKey(each) === rulesKey(wanted));
}

/** Whether somebody else's addresses are on the device. The kernel itself adds one of the link (fe80::/10). */
function hasOthers({ addresses }: Link, ours: ReadonlySet<string>): boolean {
  return addresses.some((address) =>
    !ours.has(printInterfaceAddress(address)) && !isOfLink(address)
  );
}

function isOfLink({ address }: InterfaceAddress): boolean {
  const [first = 0, second = 0] = addressToBytes(address);
  return address.includes(":") && first === 0xfe && (second & 0xc0) === 0x80;
}

function without(entries: readonly SetEntry[], others: readonly SetEntry[]): SetEntry[] {
  const known = new Set(others.map(printSetEntry));
  return entries.filter((entry) => !known.has(printSetEntry(entry)));
}
