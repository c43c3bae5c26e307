/** Addresses as IPVS has them: union nf_inet_addr beside the number of its family. */

import { WireError } from "../errors.ts";
import {
  type Address,
  addressFamily,
  addressFromBytes,
  addressToBytes,
  type Family,
} from "../model/address.ts";

const AF_INET = 2;
const AF_INET6 = 10;

const DOT = ".".charCodeAt(0);
const ZERO = "0".charCodeAt(0);

export function encodeFamily(family: Family): number {
  return family === "ipv4" ? AF_INET : AF_INET6;
}

export function decodeFamilyNumber(number: number, attribute: string): Family {
  if (number === AF_INET) return "ipv4";
  if (number === AF_INET6) return "ipv6";
  throw new WireError(
    `decode ${attribute}: family ${number}, must be ${AF_INET} (IPv4) or ${AF_INET6} (IPv6)`,
    { attribute },
  );
}

/** Sixteen bytes, of which an IPv4 address takes the first four. */
export function encodeInetAddress(address: Address): Uint8Array {
  const bytes = new Uint8Array(16);
  if (addressFamily(address) === "ipv6") bytes.set(addressToBytes(address));
  else writeIpv4(bytes, address);
  return bytes;
}

/** Thousands of these are written at once; that the text is canonical spares checking it again. */
function writeIpv4(to: Uint8Array, address: Address): void {
  let at = 0;
  let value = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      to[at++] = value;
      value = 0;
    } else value = 10 * value + code - ZERO;
  }
  to[at] = value;
}

/** The family has to be known: 2001:db8:: and 32.1.13.184 are the same sixteen bytes. */
export function decodeInetAddress(bytes: Uint8Array, family: Family): Address {
  return addressFromBytes(family === "ipv4" ? bytes.subarray(0, 4) : bytes);
}
