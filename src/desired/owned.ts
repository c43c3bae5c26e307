/** What one instance has made in the kernel and must take away when it is no longer wanted. */

import type { Family } from "../model/address.ts";
import { printServiceKey, type ServiceKey, type SyncDaemon } from "../model/ipvs.ts";
import { type InterfaceAddress, printInterfaceAddress, type Route } from "../model/link.ts";
import { type MasqueradeKind, printSetEntry, type SetEntry } from "../model/masquerade.ts";
import { printSyncDaemon } from "../model/sync_daemon.ts";
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
  /** As they were asked for. Two of a role: the one is to take the other's place. */
  readonly daemons: readonly SyncDaemon[];
}

export const NOTHING_OWNED: Owned = {
  devices: [],
  masquerades: [],
  services: [],
  routes: [],
  daemons: [],
};

/** What somebody else may have made just as it is wanted. */
export interface Making {
  /** Whether the device was made for virtual services. */
  isMade(device: string): boolean;
  /** Whether the daemon is ours, or will be. */
  isStarted(daemon: SyncDaemon): boolean;
}

/** What is ours once the state is reached. */
export function ownedOf(desired: DesiredState, { isMade, isStarted }: Making): Owned {
  const { devices, masquerades, services, routes, daemons } = desired;
  return {
    devices: devices.map((device) => ({ ...device, made: isMade(device.name) })),
    masquerades: masquerades.map(({ kind, family, entries }) => ({ kind, family, entries })),
    services: services.map(({ service }) => service.key),
    routes,
    daemons: daemons.filter(isStarted),
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
    daemons: unique([...a.daemons, ...b.daemons], printSyncDaemon),
  };
}

/** The same where these daemons have been stopped, and then these started: of their roles there is no other. */
export function withDaemons(
  owned: Owned,
  stopped: readonly SyncDaemon[],
  started: readonly SyncDaemon[],
): Owned {
  const roles = new Set([...stopped, ...started].map(({ role }) => role));
  if (roles.size === 0) return owned;
  const kept = owned.daemons.filter(({ role }) => !roles.has(role));
  return { ...owned, daemons: [...kept, ...started] };
}

/** What nobody else owns: of a device that others use too, it is never the one to be asked for its end. */
export function withoutOthers(owned: Owned, others: readonly Owned[]): Owned {
  const theirs = others.reduce(joinOwned, NOTHING_OWNED);
  const devices = new Map(theirs.devices.map((device) => [device.name, device]));
  const services = new Set(theirs.services.map(printServiceKey));
  const routes = new Set(theirs.routes.map(routeKey));
  const daemons = new Set(theirs.daemons.map(printSyncDaemon));
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
    daemons: owned.daemons.filter((daemon) => !daemons.has(printSyncDaemon(daemon))),
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
