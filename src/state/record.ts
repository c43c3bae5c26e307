/** What one instance remembers in the state directory, and how it is read again: it may hold anything. */

import { type Drains, NO_DRAINS } from "../desired/leaving.ts";
import {
  NOTHING_OWNED,
  type Owned,
  type OwnedDevice,
  type OwnedMasquerade,
} from "../desired/owned.ts";
import { NO_WEIGHTS, type WeightMemories, type WeightMemory } from "../desired/weights.ts";
import type { ServerState } from "../health/reducer.ts";
import { addressFamily, type Family, familyBits, parseAddress } from "../model/address.ts";
import { type Endpoint, parseEndpoint, printEndpoint } from "../model/endpoint.ts";
import { printServiceKey, type ServiceKey, type SyncDaemon } from "../model/ipvs.ts";
import { type InterfaceAddress, isDeviceName, type Route } from "../model/link.ts";
import type { SetEntry } from "../model/masquerade.ts";

/**
 * How it ended, as far as it wrote so: "running" is one that runs or was killed; "stopped" was asked to and
 * left everything in place; "once" was never meant to stay.
 */
export type Phase = "running" | "stopped" | "once";

export interface CareRecord {
  readonly phase: Phase;
  /** The unit of the init system that it ran in, which tells its successor from another instance. */
  readonly unit: string | undefined;
  readonly owned: Owned;
  /** Services that are no longer listed and still have connections, by their names. */
  readonly leaving: ReadonlyMap<string, LeavingService>;
  /** What is known of each service, by its name. */
  readonly services: ReadonlyMap<string, ServiceMemory>;
}

export interface LeavingService {
  readonly key: ServiceKey;
  /** When the last of its servers goes: milliseconds since 1970. */
  readonly untilMs: number;
}

/** What is remembered of one service. Where nothing of it changes it stays the very same value. */
export interface ServiceMemory {
  readonly weights: WeightMemories;
  readonly drains: Drains;
  /** The servers that are not up. */
  readonly health: ReadonlyMap<string, Illness>;
  /** Whether it has its quorum; undefined: it has never been found out. */
  readonly quorum: boolean | undefined;
}

/** Why and since when a server is not up. */
export interface Illness {
  readonly state: Exclude<ServerState, "up">;
  readonly sinceMs: number;
  /** Undefined: it has never been up. */
  readonly failedMs: number | undefined;
  readonly reason: string | undefined;
}

export const NO_ILLNESS: ServiceMemory["health"] = new Map();

export const EMPTY_MEMORY: ServiceMemory = {
  weights: NO_WEIGHTS,
  drains: NO_DRAINS,
  health: NO_ILLNESS,
  quorum: undefined,
};

export const EMPTY_RECORD: CareRecord = {
  phase: "running",
  unit: undefined,
  owned: NOTHING_OWNED,
  leaving: new Map(),
  services: new Map(),
};

const VERSION = 2;

/** A record's parts as JSON values; of an amendment only those that it changes. */
export interface RecordParts {
  version?: typeof VERSION;
  phase?: Phase;
  /** Null: none. */
  unit?: string | null;
  owned?: unknown;
  leaving?: unknown;
  /** Null for a service that is to be forgotten. */
  services?: Record<string, unknown>;
}

/** The record as a JSON value. */
export function encodeRecord({ phase, unit, owned, leaving, services }: CareRecord): RecordParts {
  return {
    version: VERSION,
    phase,
    unit: unit ?? null,
    owned,
    leaving: [...leaving.values()],
    services: encodeServices(services),
  };
}

/** What makes the one record into the other; undefined where nothing differs. */
export function amendRecord(before: CareRecord, after: CareRecord): RecordParts | undefined {
  const parts: RecordParts = {};
  if (after.phase !== before.phase) parts.phase = after.phase;
  if (after.unit !== before.unit) parts.unit = after.unit ?? null;
  if (!isSameJson(after.owned, before.owned)) parts.owned = after.owned;
  const [leaving, left] = [[...after.leaving.values()], [...before.leaving.values()]];
  if (!isSameJson(leaving, left)) parts.leaving = leaving;
  const changed = new Map<string, ServiceMemory | null>();
  for (const [name, memory] of after.services) {
    if (before.services.get(name) !== memory) changed.set(name, memory);
  }
  for (const name of before.services.keys()) {
    if (!after.services.has(name)) changed.set(name, null);
  }
  if (changed.size > 0) parts.services = encodeServices(changed);
  return Object.keys(parts).length === 0 ? undefined : parts;
}

function isSameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function encodeServices(
  services: ReadonlyMap<string, ServiceMemory | null>,
): Record<string, unknown> {
  const encoded: Record<string, unknown> = {};
  for (const [name, memory] of services) encoded[name] = memory && encodeMemory(memory);
  return encoded;
}

function encodeMemory({ weights, drains, health, quorum }: ServiceMemory): unknown {
  const encoded: Record<string, unknown> = {};
  for (const [name, { ours, operator }] of weights) {
    // Nearly all servers have just one.
    encoded[name] = operator === undefined && ours.length === 1 ? ours[0] : { ours, operator };
  }
  return {
    weights: encoded,
    ...(drains.size > 0 && { drains: Object.fromEntries(drains) }),
    ...(health.size > 0 && { health: Object.fromEntries(health) }),
    ...(quorum !== undefined && { quorum }),
  };
}

/** The record that the value is, with its amendments, or undefined: then nothing of it may be believed. */
export function decodeRecord(
  value: unknown,
  amendments: readonly unknown[] = [],
): CareRecord | undefined {
  try {
    const parts = object(value);
    if (parts["version"] !== VERSION) throw new NotARecord();
    return amendments.reduce(
      (record: CareRecord, each) => readParts(record, object(each)),
      readParts(EMPTY_RECORD, parts),
    );
  } catch (error) {
    if (error instanceof NotARecord) return undefined;
    throw error;
  }
}

class NotARecord extends Error {}

function readParts(record: CareRecord, parts: Readonly<Record<string, unknown>>): CareRecord {
  const { phase, unit, owned, leaving, services } = parts;
  return {
    phase: phase === undefined ? record.phase : oneOf(phase, ["running", "stopped", "once"]),
    unit: unit === undefined ? record.unit : unit === null ? undefined : text(unit),
    owned: owned === undefined ? record.owned : readOwned(owned),
    leaving: leaving === undefined ? record.leaving : readLeaving(leaving),
    services: services === undefined ? record.services : readServices(record, services),
  };
}

function readOwned(value: unknown): Owned {
  const { devices, masquerades, services, routes, daemons = [] } = object(value);
  return {
    devices: list(devices, readDevice),
    masquerades: list(masquerades, readMasquerade),
    services: list(services, readServiceKey),
    routes: list(routes, readRoute),
    // Records from before there were any have none.
    daemons: list(daemons, readDaemon),
  };
}

function readLeaving(value: unknown): CareRecord["leaving"] {
  return new Map(
    list(value, (each) => {
      const { key: spelt, untilMs } = object(each);
      const key = readServiceKey(spelt);
      return [printServiceKey(key), { key, untilMs: time(untilMs) }];
    }),
  );
}

function readServices({ services }: CareRecord, value: unknown): CareRecord["services"] {
  const read = new Map(services);
  for (const [name, memory] of Object.entries(object(value))) {
    if (memory === null) read.delete(name);
    else read.set(name, readMemory(memory));
  }
  return read;
}

function readMemory(value: unknown): ServiceMemory {
  const { weights, drains, health, quorum } = object(value);
  return {
    weights: new Map(entries(weights, readWeight)),
    drains: drains === undefined ? NO_DRAINS : new Map(entries(drains, time)),
    health: health === undefined ? NO_ILLNESS : new Map(entries(health, readIllness)),
    quorum: optional(quorum, flag),
  };
}

function readIllness(value: unknown): Illness {
  const { state, sinceMs, failedMs, reason } = object(value);
  return {
    state: oneOf(state, ["draining", "down"]),
    sinceMs: time(sinceMs),
    failedMs: optional(failedMs, time),
    reason: optional(reason, text),
  };
}

function readDevice(value: unknown): OwnedDevice {
  const { name, made, addresses } = object(value);
  if (!isDeviceName(text(name)) || typeof made !== "boolean") throw new NotARecord();
  return { name: text(name), made, addresses: list(addresses, readInterfaceAddress) };
}

function readMasquerade(value: unknown): OwnedMasquerade {
  const { kind, family, entries } = object(value);
  return {
    kind: oneOf(kind, ["iptables", "nftables"]),
    family: readFamily(family),
    entries: list(entries, readEntry),
  };
}

function readEntry(value: unknown): SetEntry {
  const { protocol } = object(value);
  return { ...readEndpoint(value), protocol: oneOf(protocol, ["tcp", "udp", "sctp"]) };
}

function readServiceKey(value: unknown): ServiceKey {
  const { kind, mark, family } = object(value);
  if (kind === "address") return { kind, ...readEntry(value) };
  if (kind !== "mark") throw new NotARecord();
  return { kind, mark: whole(mark, 1, 0xffff_ffff), family: readFamily(family) };
}

function readRoute(value: unknown): Route {
  const { destination, gateway, device, metric } = object(value);
  return {
    destination: readInterfaceAddress(destination),
    ...(gateway !== undefined && { gateway: readAddress(gateway) }),
    ...(device !== undefined && { device: text(device) }),
    metric: whole(metric, 0, 0xffff_ffff),
  };
}

function readDaemon(value: unknown): SyncDaemon {
  const { role, syncId, interface: device, maxLength, group, port, ttl } = object(value);
  if (!isDeviceName(text(device))) throw new NotARecord();
  return {
    role: oneOf(role, ["master", "backup"]),
    syncId: whole(syncId, 0, 255),
    interface: text(device),
    ...(maxLength !== undefined && { maxLength: whole(maxLength, 1, 65_535) }),
    ...(group !== undefined && { group: readAddress(group) }),
    ...(port !== undefined && { port: whole(port, 1, 65_535) }),
    ...(ttl !== undefined && { ttl: whole(ttl, 1, 255) }),
  };
}

function readWeight(value: unknown): WeightMemory {
  const weight = (each: unknown) => whole(each, 0, 0x7fff_ffff);
  if (typeof value === "number") return { ours: [weight(value)], operator: undefined };
  const { ours, operator } = object(value);
  return {
    ours: list(ours, weight),
    operator: optional(operator, (each) => {
      const { weight: set, insteadOf } = object(each);
      return { weight: weight(set), insteadOf: weight(insteadOf) };
    }),
  };
}

function readInterfaceAddress(value: unknown): InterfaceAddress {
  const { address: spelt, prefix } = object(value);
  const address = readAddress(spelt);
  return { address, prefix: whole(prefix, 0, familyBits(addressFamily(address))) };
}

function readEndpoint(value: unknown): Endpoint {
  const { address, port } = object(value);
  return { address: readAddress(address), port: whole(port, 0, 65_535) };
}

function readAddress(value: unknown) {
  const address = parseAddress(text(value));
  if (address === undefined) throw new NotARecord();
  return address;
}

function readFamily(value: unknown): Family {
  return oneOf(value, ["ipv4", "ipv6"]);
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NotARecord();
  return value as Record<string, unknown>;
}

/** Values by the endpoints of servers. */
function entries<T>(value: unknown, read: (value: unknown) => T): [string, T][] {
  return Object.entries(object(value)).map(([name, each]) => {
    const server = parseEndpoint(name);
    if (!server) throw new NotARecord();
    return [printEndpoint(server), read(each)];
  });
}

function list<T>(value: unknown, read: (value: unknown) => T): T[] {
  if (!Array.isArray(value)) throw new NotARecord();
  return value.map(read);
}

function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : read(value);
}

function oneOf<const T extends string>(value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new NotARecord();
  return found;
}

function flag(value: unknown): boolean {
  if (typeof value !== "boolean") throw new NotARecord();
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new NotARecord();
  return value;
}

/** Milliseconds since 1970. */
function time(value: unknown): number {
  return whole(value, 0, Number.MAX_SAFE_INTEGER);
}

function whole(value: unknown, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw new NotARecord();
  }
  return value;
}
