/** What the kernel refuses, as pure checks: seen with Linux 6.1. */

import { addressFamily, addressToBytes, type Family } from "../../model/address.ts";
import type { Persistence, Server, SyncDaemon } from "../../model/ipvs.ts";
import { messageLength } from "../../model/sync_daemon.ts";

export interface Refusal {
  readonly errno: string;
  readonly why: string;
}

export function refuse(errno: string, why: string): Refusal {
  return { errno, why };
}

const MAX_INT = 0x7fffffff;

export function checkPersistence({ prefix }: Persistence, family: Family): Refusal | undefined {
  // For IPv4 the kernel takes any mask, also that of no bits at all.
  if (family === "ipv4" || (prefix >= 1 && prefix <= 128)) return undefined;
  return refuse("EINVAL", `a prefix of ${prefix} bits: must be 1 to 128`);
}

/** Whether the address stands in the table before the change. */
export type Presence = "new" | "exists" | "edited" | "missing";

/** In the kernel's order: numbers, then presence, then (for a new one) the address. */
export function checkServer(server: Server, presence: Presence): Refusal | undefined {
  if (server.weight < 0 || server.weight > MAX_INT) return refuse("ERANGE", "weight out of range");
  if (server.lowerThreshold > server.upperThreshold) {
    return refuse("ERANGE", "the lower threshold is above the upper one");
  }
  if (presence === "exists") return refuse("EEXIST", "server exists");
  if (presence === "missing") return refuse("ENOENT", "no such server");
  if (presence === "new" && !isUnicast(server)) {
    return refuse("EINVAL", `${server.address} is no unicast address`);
  }
}

function isUnicast({ address }: Server): boolean {
  const bytes = addressToBytes(address);
  if (addressFamily(address) === "ipv4") {
    const isBroadcast = bytes.every((byte) => byte === 255);
    return bytes[0] !== 0 && (bytes[0]! < 224 || bytes[0]! >= 240) && !isBroadcast;
  }
  const isMulticast = bytes[0] === 0xff;
  const isLinkLocal = bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
  return !isMulticast && !isLinkLocal && bytes.some((byte) => byte !== 0);
}

export function checkDaemon(
  daemon: SyncDaemon,
  interfaces: readonly string[],
): Refusal | undefined {
  if (daemon.syncId < 0 || daemon.syncId > 255) return refuse("EINVAL", "syncid out of range");
  if (!interfaces.includes(daemon.interface)) {
    return refuse("ENODEV", `no interface ${daemon.interface}`);
  }
}

/** A running daemon as the kernel tells of it: with its defaults in the place of what was not given. */
export function reportDaemon(daemon: SyncDaemon): SyncDaemon {
  const { role, syncId, maxLength, group, port, ttl } = daemon;
  return {
    role,
    syncId,
    interface: daemon.interface,
    maxLength: messageLength(daemon, maxLength),
    group: group ?? DEFAULT_GROUP,
    port: port ?? 8848,
    ttl: ttl ?? 1,
  };
}

const DEFAULT_GROUP = "224.0.0.81" as NonNullable<SyncDaemon["group"]>;
