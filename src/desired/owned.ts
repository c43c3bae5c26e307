/** What one instance has made in the kernel and must take away when it is no longer wanted. */

import type { Family } from "../model/address.ts";
import { printServiceKey, type ServiceKey } from "../model/ipvs.ts";
import { type InterfaceAddress, printInterfaceAddress, type Route } from "../model/link.ts";
import { type MasqueradeKind, printSetEntry, type SetEntry } from "../model/masquerade.ts";
import type { DesiredState } from "./state.ts";

export interface OwnedDevice {
  readonly name: string;
  /** Whether it was made for virtual services; one that was there before stays. */
  readonly made: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

export interface OwnedMasquerade {
  readonly kind: MasqueradeKind;
  readonly family: Family;
  readonly entries: readonly SetEntry[];
}

export interface Owned {
  readonly devices: readonly OwnedDevice[];
  readonly masquerades: readonly OwnedMasquerade[];
  readonly services: readonly ServiceKey[];
  readonly routes: readonly Route[];
}

export const NOTHING_OWNED: Owned = { devices: [], masquerades: [], services: [], routes: [] };

/** What is ours once the state is reached; of devices, those that `isMade` says were made for it. */
export function ownedOf(desired: DesiredState, isMade: (device: string) => boolean): Owned {
  const { devices, masquerades, services, routes } = desired;
  return {
    devices: devices.map((device) => ({ ...device, made: isMade(device.name) })),
    masquerades: masquerades.map(({ kind, family, entries }) => ({ kind, family, entries })),
    services: services.map(({ service }) => service.key),
    routes,
  };
}

/** What is ours by the one or by the other. A device that either has made is made. */
export function joinOwned(a: Owned, b: Owned): Owned {
  return {
    devices: merge(
      [...a.devices, ...b.devices],
      ({ name }) => name,
      (one, other) => ({
        name: one.name,
        made: one.made || other.made,
        addresses: unique([...one.addresses, ...other.addresses], printInterfaceAddress),
      }),
    ),
    masquerades: merge(
      [...a.masquerades, ...b.masquerades],
      rulesKey,
      (one, other) => ({
        ...one,
        entries: unique([...one.entries, ...other.entries], printSetEntry),
      }),
    ),
    services: unique([...a.services, ...b.services], printServiceKey),
    routes: unique([...a.routes, ...b.routes], routeKey),
  };
}

/** What nobody else owns: of a device that others use too, it is never the one to be asked for its end. */
export function withoutOthers(owned: Owned, others: readonly Owned[]): Owned {
  const theirs = others.reduce(joinOwned, NOTHING_OWNED);
  const devices = new Map(theirs.devices.map((device) => [device.name, device]));
  const services = new Set(theirs.services.map(printServiceKey));
  const routes = new Set(theirs.routes.map(routeKey));
  return {
    devices: owned.devices.map(({ name, made, addresses }) => {
      const shared = devices.get(name);
      const kept = new Set(shared?.addresses.map(printInterfaceAddress));
      return {
        name,
        made: made && !shared,
        addresses: addresses.filter((address) => !kept.has(printInterfaceAddress(address))),
      };
    }),
    masquerades: owned.masquerades.map((ours) => {
      const shared = theirs.masquerades.find((each) => rulesKey(each) === rulesKey(ours));
      const kept = new Set(shared?.entries.map(printSetEntry));
      return { ...ours, entries: ours.entries.filter((each) => !kept.has(printSetEntry(each))) };
    }),
    services: owned.services.filter((key) => !services.has(printServiceKey(key))),
    routes: owned.routes.filter((route) => !routes.has(routeKey(route))),
  };
}

/** Which rules they are: "iptables ipv4". */
export function rulesKey({ kind, family }: Pick<OwnedMasquerade, "kind" | "family">): string {
  return `${kind} ${family}`;
}

/** Two routes of one key cannot be there at once, in whatever way they lead. */
export function routeKey({ destination, metric }: Route): string {
  return `${printInterfaceAddress(destination)} metric ${metric}`;
}

function unique<T>(values: readonly T[], key: (value: T) => string): T[] {
  return merge(values, key, (_, later) => later);
}

function merge<T>(values: readonly T[], key: (value: T) => string, join: (a: T, b: T) => T): T[] {
  const merged = new Map<string, T>();
  for (const value of values) {
    const known = merged.get(key(value));
    merged.set(key(value), known === undefined ? value : join(known, value));
  }
  return [...merged.values()];
}
