/** The values that ipvsadm's options take, checked one by one. */

import { UsageError } from "../errors.ts";
import { type Address, addressFamily, type Family, parseAddress } from "../model/address.ts";
import type { Protocol, SchedulerFlag } from "../model/ipvs.ts";
import type { Names } from "./names.ts";
import { type ClientMask, parseNetmask, printNetmask } from "./netmask.ts";
import { schedulerFlag, schedulerFlagNames } from "./scheduler_flags.ts";
import { suggest } from "./suggest.ts";

/** Weights and thresholds are signed 32-bit numbers in the kernel. */
export const MAX_INT = 0x7fffffff;
export const MAX_MARK = 0xffffffff;
/** ipvsadm's own bound for every timeout: 31 days. */
export const MAX_TIMEOUT_S = 31 * 86_400;
/** What -p means without a number; the manual page says 300, the program does 360. */
export const DEFAULT_PERSISTENCE_S = 360;
/** A UDP payload in one IPv4 packet. */
export const MAX_SYNC_LENGTH = 65_535 - 20 - 8;

/** "weight "x": must be …", the one form of these messages. */
export function refuse(what: string, value: string, must: string): UsageError {
  return new UsageError(`${what} ${JSON.stringify(value)}: ${must}`);
}

export function parseNumber(what: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw refuse(what, text, `must be a whole number from ${least} to ${most}`);
  }
  return value;
}

/** A host with an optional port, as -t, -u and -r take it. */
export interface HostPort {
  readonly address: Address;
  readonly port?: number;
}

const HOST_PORT = /^(?:\[(?<bracketed>[^\]]*)\]|(?<plain>[^[\]]*?))(?::(?<port>[^:]*))?$/;

export function parseHostPort(
  what: string,
  text: string,
  protocol: Protocol,
  names: Names,
): HostPort {
  // An IPv6 address without brackets has no port: all of its colons are its own.
  const whole = parseAddress(text);
  if (whole !== undefined) return { address: whole };
  const groups = HOST_PORT.exec(text)?.groups;
  const host = groups?.["bracketed"] ?? groups?.["plain"] ?? "";
  if (!groups || host === "") {
    throw refuse(
      what,
      text,
      'must be an address and a port, as "10.0.0.1:80" or "[2001:db8::1]:80"',
    );
  }
  const address = parseAddress(host);
  if (address === undefined) throw refuseHost(what, text, host);
  const bracketed = groups["bracketed"] !== undefined;
  if (bracketed !== (addressFamily(address) === "ipv6")) {
    throw refuse(
      what,
      text,
      bracketed
        ? "only an IPv6 address stands in brackets"
        : `an IPv6 address with a port must stand in brackets, as "[${address}]:${groups["port"]}"`,
    );
  }
  const port = groups["port"];
  return port === undefined
    ? { address }
    : { address, port: parsePort(what, text, port, protocol, names) };
}

function refuseHost(what: string, text: string, host: string): UsageError {
  if (/^[\d.]+$/.test(host)) {
    return refuse(what, text, `"${host}" is no IPv4 address: must be four numbers from 0 to 255`);
  }
  if (host.includes(":")) return refuse(what, text, `"${host}" is no IPv6 address`);
  return refuse(what, text, `"${host}" must be an IP address: host names are not looked up`);
}

function parsePort(
  what: string,
  text: string,
  port: string,
  protocol: Protocol,
  names: Names,
): number {
  if (/^\d+$/.test(port)) {
    const value = Number(port);
    if (value <= 65_535) return value;
    throw refuse(what, text, `the port must be from 0 to 65535, not ${port}`);
  }
  const named = port === "" ? undefined : names.servicePort(port, protocol);
  if (named !== undefined) return named;
  throw refuse(
    what,
    text,
    `the port must be a number from 0 to 65535 or a ${protocol} service of /etc/services, not "${port}"`,
  );
}

/** The kernel keeps 16 bytes for the name, the last of them a zero. */
export function parseScheduler(text: string): string {
  if (/^[A-Za-z0-9_-]{1,15}$/.test(text)) return text;
  throw refuse(
    "scheduler",
    text,
    "must be a name of 1 to 15 letters, as rr, wrr, lc, wlc, sh or mh",
  );
}

export function parseSchedulerFlags(scheduler: string, text: string): SchedulerFlag[] {
  const flags = new Set<SchedulerFlag>();
  for (const name of text.split(",")) {
    const answer = schedulerFlag(scheduler, name);
    if (answer === undefined || "belongsTo" in answer) {
      const known = schedulerFlagNames(scheduler);
      const meant = suggest(name, known);
      const must = answer === undefined
        ? `"${name}" is no flag of scheduler ${scheduler}: must be of ${known.join(", ")}`
        : `"${name}" belongs to scheduler ${answer.belongsTo}, not to ${scheduler}`;
      throw refuse(
        "scheduler flags",
        text,
        meant === undefined ? must : `${must}; did you mean "${meant}"?`,
      );
    }
    flags.add(answer.flag);
  }
  return [...flags].sort();
}

/** What a mask keeps: a dotted mask for IPv4, a length for IPv6. */
export function parsePersistenceMask(text: string, family: Family): ClientMask {
  if (family === "ipv6") return { prefix: parseNumber("netmask", text, 1, 128) };
  const mask = parseNetmask(text);
  if (mask) return mask;
  if (/^\d+$/.test(text) && Number(text) <= 32) {
    throw refuse("netmask", text, `must be dotted for IPv4, as "${printNetmask(Number(text))}"`);
  }
  throw refuse("netmask", text, 'must be a dotted mask, as "255.255.255.0"');
}

/** A multicast group for synchronisation. */
export function parseGroup(text: string): Address {
  const address = parseAddress(text);
  const multicast = address !== undefined &&
    (address.includes(":") ? /^ff/.test(address) : isMulticast4(address));
  if (multicast) return address;
  throw refuse(
    "multicast group",
    text,
    'must be a multicast address, as "224.0.0.81" or "ff02::81"',
  );
}

function isMulticast4(address: Address): boolean {
  const first = Number(address.split(".")[0]);
  return first >= 224 && first <= 239;
}

/** The kernel keeps 16 bytes for an interface's name, the last of them a zero. */
export function parseInterface(text: string): string {
  if (/^[^\s/]{1,15}$/.test(text)) return text;
  throw refuse("multicast interface", text, "must be an interface's name of 1 to 15 letters");
}
