/** Desired, owned and observed to the steps between them: first all that is wanted, then what is left over. */

import { type Owned, routeKey } from "../desired/owned.ts";
import type { DesiredState } from "../desired/state.ts";
import { addressToBytes } from "../model/address.ts";
import { printServiceKey } from "../model/ipvs.ts";
import { type InterfaceAddress, type Link, printInterfaceAddress } from "../model/link.ts";
import { printSetEntry, type SetEntry } from "../model/masquerade.ts";
import type { Observed } from "./observed.ts";
import { planService } from "./service.ts";
import type { Step } from "./step.ts";

export interface Situation {
  readonly desired: DesiredState;
  /** What was ours before; of it goes what is not wanted any more. */
  readonly owned: Owned;
  readonly observed: Observed;
}

export function plan(situation: Situation): Step[] {
  return [
    ...planParameters(situation),
    ...planDevice(situation),
    ...planMasquerade(situation),
    ...planServices(situation),
    ...planRoute(situation),
    ...planLeftRoutes(situation),
    ...planLeftServices(situation),
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

function planDevice({ desired: { device }, observed }: Situation): Step[] {
  if (!device || !observed.devices.has(device.name)) return [];
  const { name } = device;
  const link = observed.devices.get(name);
  const steps: Step[] = [];
  // A device of another kind is asked for all the same: the refusal says what is in the way.
  if (!link || link.kind !== "dummy") steps.push({ kind: "makeDevice", name, found: "nothing" });
  else if (!link.up) steps.push({ kind: "makeDevice", name, found: "down" });
  const there = new Set(link?.addresses.map(printInterfaceAddress));
  for (const address of device.addresses) {
    if (there.has(printInterfaceAddress(address))) continue;
    steps.push({ kind: "addAddress", device: name, address });
  }
  return steps;
}

function planMasquerade({ desired: { masquerade }, observed }: Situation): Step[] {
  if (!masquerade) return [];
  const { kind: by, family, markBit } = masquerade;
  const found = observed.masquerades.find((each) => each.kind === by && each.family === family);
  if (!found) return [];
  const steps: Step[] = [];
  const { missing } = found;
  if (missing.length > 0) steps.push({ kind: "makeRules", by, family, markBit, missing });
  const entries = without(masquerade.entries, found.entries);
  if (entries.length > 0) steps.push({ kind: "addEntries", by, family, entries });
  return steps;
}

function planServices({ desired: { services }, observed }: Situation): Step[] {
  const table = observed.services;
  if (!table) return [];
  return services.flatMap((wanted) => {
    const key = printServiceKey(wanted.service.key);
    return planService(wanted, table.find(({ service }) => printServiceKey(service.key) === key));
  });
}

function planRoute({ desired: { route }, observed }: Situation): Step[] {
  if (!route || !observed.routes) return [];
  const before = observed.routes.find((each) => routeKey(each) === routeKey(route));
  const isSame = before?.gateway === route.gateway &&
    (route.device === undefined || before?.device === route.device);
  return before && isSame ? [] : [{ kind: "putRoute", route, before }];
}

function planLeftRoutes({ desired, owned, observed }: Situation): Step[] {
  const wanted = desired.route && routeKey(desired.route);
  const left = owned.routes.map(routeKey).filter((key) => key !== wanted);
  return (observed.routes ?? []).filter((route) => left.includes(routeKey(route)))
    .map((route) => ({ kind: "removeRoute", route }));
}

function planLeftServices({ desired, owned, observed }: Situation): Step[] {
  const wanted = new Set(desired.services.map(({ service }) => printServiceKey(service.key)));
  const there = new Set(observed.services?.map(({ service }) => printServiceKey(service.key)));
  return owned.services
    .filter((key) => !wanted.has(printServiceKey(key)) && there.has(printServiceKey(key)))
    .map((key) => ({ kind: "change", change: { kind: "deleteService", key } }));
}

/** The rules are shared: they go with the last entry, whoever made them. */
function planLeftMasquerades({ desired: { masquerade }, owned, observed }: Situation): Step[] {
  return owned.masquerades.flatMap(({ kind: by, family, entries: ours }): Step[] => {
    const found = observed.masquerades.find((each) => each.kind === by && each.family === family);
    if (!found) return [];
    const isWanted = masquerade?.kind === by && masquerade.family === family;
    const left = without(ours, isWanted ? masquerade.entries : []);
    const others = without(found.entries, left);
    if (!isWanted && others.length === 0) {
      return found.exists ? [{ kind: "removeRules", by, family }] : [];
    }
    const entries = without(found.entries, others);
    return entries.length > 0 ? [{ kind: "removeEntries", by, family, entries }] : [];
  });
}

function planLeftDevices({ desired: { device }, owned, observed }: Situation): Step[] {
  return owned.devices.flatMap(({ name, made, addresses }): Step[] => {
    const link = observed.devices.get(name);
    if (!link || link.kind !== "dummy") return [];
    const isWanted = device?.name === name;
    const wanted = new Set((isWanted ? device.addresses : []).map(printInterfaceAddress));
    const left = new Set(
      addresses.map(printInterfaceAddress).filter((address) => !wanted.has(address)),
    );
    if (!isWanted && made && !hasOthers(link, left)) return [{ kind: "removeDevice", name }];
    return link.addresses
      .filter((address) => left.has(printInterfaceAddress(address)))
      .map((address) => ({ kind: "removeAddress", device: name, address }));
  });
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
