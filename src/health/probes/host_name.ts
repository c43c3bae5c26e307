/** Hosts as they stand in URLs and in Host headers. */

import { parseAddress } from "../../model/address.ts";

/** Servers with several certificates are asked by name; an address is not one. */
export function isAddress(host: string): boolean {
  return parseAddress(host) !== undefined;
}

/** The host alone: of "a.example:80" and "[fd00::1]:80", "a.example" and "fd00::1". */
export function withoutPort(host: string): string {
  return host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** An IPv6 address as it stands beside a port. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
