/** Masks of clients' addresses as ipvsadm writes them: dotted for IPv4, the length of a prefix for IPv6. */

import {
  type Address,
  addressFromBytes,
  addressToBytes,
  type Family,
  parseAddress,
} from "../model/address.ts";
import type { Persistence } from "../model/ipvs.ts";

export type ClientMask = Pick<Persistence, "prefix" | "mask">;

/** "255.255.255.0" for 24. */
export function printNetmask(prefix: number): string {
  const bits = prefix === 0 ? 0 : 0xffffffff << (32 - prefix);
  return addressFromBytes(Uint8Array.of(bits >>> 24, bits >>> 16, bits >>> 8, bits));
}

export function printClientMask({ prefix, mask }: ClientMask, family: Family): string {
  return mask ?? (family === "ipv4" ? printNetmask(prefix) : String(prefix));
}

/** What a dotted mask means; undefined for what is no IPv4 address. */
export function parseNetmask(text: string): ClientMask | undefined {
  const address = parseAddress(text);
  return address === undefined || address.includes(":") ? undefined : readNetmask(address);
}

function readNetmask(address: Address): ClientMask {
  const bits = new DataView(addressToBytes(address).buffer).getUint32(0);
  const prefix = Math.clz32(~bits);
  return printNetmask(prefix) === address ? { prefix } : { prefix, mask: address };
}
