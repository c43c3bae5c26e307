/**
 * Names instead of numbers: what /etc/services and /etc/hosts know. Host names are only ever printed; they
 * are not looked up, in files or elsewhere.
 */

import { type Address, parseAddress } from "../model/address.ts";
import type { Protocol } from "../model/ipvs.ts";

export interface Names {
  /** The port of a service by its name or one of its aliases. */
  servicePort(name: string, protocol: Protocol): number | undefined;
  serviceName(port: number, protocol: Protocol): string | undefined;
  hostName(address: Address): string | undefined;
}

/** For where everything is a number. */
export const NO_NAMES: Names = {
  servicePort: () => undefined,
  serviceName: () => undefined,
  hostName: () => undefined,
};

/** The names in the texts of /etc/services and /etc/hosts; lines that are none are passed over. */
export function parseNames(services: string, hosts = ""): Names {
  const ports = new Map<string, number>();
  const names = new Map<string, string>();
  for (const [name, target, ...aliases] of words(services)) {
    const match = /^(\d{1,5})\/(tcp|udp|sctp)$/.exec(target ?? "");
    if (!name || !match || Number(match[1]) > 65535) continue;
    const [, port, protocol] = match;
    // As in the C library, the first line that fits wins.
    setOnce(names, `${port}/${protocol}`, name);
    for (const each of [name, ...aliases]) setOnce(ports, `${each}/${protocol}`, Number(port));
  }
  const hostNames = new Map<Address, string>();
  for (const [address, name] of words(hosts)) {
    const parsed = parseAddress(address ?? "");
    if (parsed !== undefined && name !== undefined) setOnce(hostNames, parsed, name);
  }
  return {
    servicePort: (name, protocol) => ports.get(`${name}/${protocol}`),
    serviceName: (port, protocol) => names.get(`${port}/${protocol}`),
    hostName: (address) => hostNames.get(address),
  };
}

/** The words of each line that has some, without its comment. */
function words(text: string): string[][] {
  return text.split("\n").map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "").map((line) => line.split(/\s+/));
}

function setOnce<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  if (!map.has(key)) map.set(key, value);
}
