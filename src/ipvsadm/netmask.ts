/** IPv4 netmasks as ipvsadm writes them, and the lengths of prefixes that they mean. */

import { addressFromBytes, addressToBytes, parseAddress } from "../model/address.ts";

/** "255.255.255.0" for 24. */
export function printNetmask(prefix: number): string {
  const bits = prefix === 0 ? 0 : 0xffffffff << (32 - prefix);
  return addressFromBytes(Uint8Array.of(bits >>> 24, bits >>> 16, bits >>> 8, bits));
}

/** 24 for "255.255.255.0"; undefined for what is no address or has a hole in it. */
export function parseNetmask(text: string): number | undefined {
  const address = parseAddress(text);
  if (address === undefined || address.includes(":")) return undefined;
  const bits = [...addressToBytes(address)].map((byte) => byte.toString(2).padStart(8, "0")).join(
    "",
  );
  return /^(1*)0*$/.exec(bits)?.[1]?.length;
}
