/** Addresses as IPVS has them: union nf_inet_addr beside the number of its family. */

import { WireError } from "../errors.ts";
import {
  type Address,
  addressFamily,
  addressFromBytes,
  addressToBytes,
  type Family,
} from "../model/address.ts";
import { Input } from "./buffer.ts";
import { fixed, type FixedKind } from "./kind.ts";

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

/** Four words in network order, of which an IPv4 address takes the first. Bytes would cost thrice as much. */
export type InetAddr = readonly [number, number, number, number];

export const INET_ADDR: FixedKind<InetAddr> = fixed(
  16,
  ({ view }, at) => [
    view.getUint32(at),
    view.getUint32(at + 4),
    view.getUint32(at + 8),
    view.getUint32(at + 12),
  ],
  (view, at, words) => {
    view.setUint32(at, words[0]);
    view.setUint32(at + 4, words[1]);
    view.setUint32(at + 8, words[2]);
    view.setUint32(at + 12, words[3]);
  },
);

export function encodeInetAddress(address: Address): InetAddr {
  if (addressFamily(address) === "ipv4") return [ipv4Word(address), 0, 0, 0];
  return INET_ADDR.get(new Input(addressToBytes(address)), 0);
}

/** The family has to be known: 2001:db8:: and 32.1.13.184 are the same sixteen bytes. */
export function decodeInetAddress(words: InetAddr, family: Family): Address {
  if (family === "ipv4") {
    const word = words[0];
    // Canonical by construction.
    return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${
      word & 0xff
    }` as Address;
  }
  const bytes = new Uint8Array(INET_ADDR.size);
  INET_ADDR.put(new DataView(bytes.buffer), 0, words, "");
  return addressFromBytes(bytes);
}

/** Thousands of these are written at once; that the text is canonical spares checking it again. */
function ipv4Word(address: Address): number {
  let word = 0;
  let octet = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      word = (word << 8) | octet;
      octet = 0;
    } else octet = 10 * octet + code - ZERO;
  }
  return ((word << 8) | octet) >>> 0;
}
