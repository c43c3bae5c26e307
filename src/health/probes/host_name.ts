/** Hosts as they stand in URLs, headers and certificates. */

import { addressFamily, parseAddress } from "../../model/address.ts";
import type { Endpoint } from "../../model/endpoint.ts";

/** Certificates are asked for by names only; an address is not one. */
export function isAddress(host: string): boolean {
  return parseAddress(host) !== undefined;
}

/** "10.0.0.1:6443", "[fd00::1]:6443": with its port, even the usual one. */
export function hostOf({ address, port }: Endpoint): string {
  return addressFamily(address) === "ipv6" ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The name alone of what stands in a Host header. */
export function nameOfHost(host: string): string {
  return host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}
