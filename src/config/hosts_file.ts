/** The hosts file, as resolvers read it. */

import { type Address, parseAddress } from "../model/address.ts";

/** Nobody writes more; a larger file is something else, and only its beginning is looked at. */
const MAX_LENGTH = 1 << 20;

/** The addresses of a host name in the order of the file. Lines that mean nothing are passed over. */
export function findHostAddresses(file: string, name: string): Address[] {
  return file.slice(0, MAX_LENGTH).split(/\r?\n/).flatMap((line) => {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    const known = parseAddress(address);
    return known !== undefined && names.some((other) => isSameName(other, name)) ? [known] : [];
  });
}

function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
