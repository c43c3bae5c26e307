/** What one instance remembers in the state directory, and how it is read again: it may hold anything. */

import { type Drains, NO_DRAINS } from "../desired/leaving.ts";
import {
  NOTHING_OWNED,
  type Owned,
  type OwnedDevice,
  type OwnedMasquerade,
} from "../desired/owned.ts";
import type { WeightMemories, WeightMemory } from "../desired/weights.ts";
import { addressFamily, type Family, familyBits, parseAddress } from "../model/address.ts";
import { type Endpoint, parseEndpoint, printEndpoint } from "../model/endpoint.ts";
import type { ServiceKey } from "../model/ipvs.ts";
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
  readonly weights: WeightMemories;
  readonly drains: Drains;
}

export const EMPTY_RECORD: CareRecord = {
  phase: "running",
  unit: undefined,
  owned: NOTHING_OWNED,
  weights: new Map(),
  drains: NO_DRAINS,
};

const VERSION = 1;

/** The record as a JSON value. */
export function encodeRecord({ phase, unit, owned, weights, drains }: CareRecord): unknown {
  return {
    version: VERSION,
    phase,
    ...(unit !== undefined && { unit }),
    owned,
    weights: Object.fromEntries(weights),
    drains: Object.fromEntries(drains),
  };
}

/** The record that the value is, or undefined: then nothing of it may be believed. */
export function decodeRecord(value: unknown): CareRecord | undefined {
  try {
    return readRecord(value);
  } catch (error) {
    if (error instanceof NotARecord) return undefined;
    throw error;
  }
}

class NotARecord extends Error {}

function readRecord(value: unknown): CareRecord {
  const { version, phase, unit, owned, weights, drains } = object(value);
  if (version !== VERSION) throw new NotARecord();
  const { devices, masquerades, services, routes } = object(owned);
  return {
    phase: oneOf(phase, ["running", "stopped", "once"]),
    unit: optional(unit, text),
    owned: {
      devices: list(devices, readDevice),
      masquerades: list(masquerades, readMasquerade),
      services: list(services, readServiceKey),
      routes: list(routes, readRoute),
    },
    weights: new Map(entries(weights, readWeight)),
    drains: new Map(entries(drains, (each) => whole(each, 0, Number.MAX_SAFE_INTEGER))),
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

function readWeight(value: unknown): WeightMemory {
  const { ours, operator } = object(value);
  const weight = (each: unknown) => whole(each, 0, 0x7fff_ffff);
  return { ours: list(ours, weight), operator: optional(operator, weight) };
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
  if (typeof value !== "object" || value === null) throw new NotARecord();
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

function text(value: unknown): string {
  if (typeof value !== "string") throw new NotARecord();
  return value;
}

function whole(value: unknown, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw new NotARecord();
  }
  return value;
}
