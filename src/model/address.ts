/** IP addresses as canonical text: equal addresses are equal strings, so they serve as keys as they are. */

export type Family = "ipv4" | "ipv6";

declare const canonical: unique symbol;
/** An IP address in its one canonical spelling (IPv6 as RFC 5952 writes it, without a zone). */
export type Address = string & { readonly [canonical]: true };

export function addressFamily(address: Address): Family {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** How many bits an address of this family has. */
export function familyBits(family: Family): 32 | 128 {
  return family === "ipv4" ? 32 : 128;
}

/** The address that the text spells, or undefined where it spells none. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) return parseIpv4(text) && text as Address;
  const bytes = parseIpv6(text);
  return bytes && addressFromBytes(bytes);
}

/** The 4 or 16 bytes of the address, in network order. */
export function addressToBytes(address: Address): Uint8Array {
  const bytes = address.includes(":") ? parseIpv6(address) : parseIpv4(address);
  if (!bytes) throw new TypeError(`not a canonical address: ${address}`);
  return bytes;
}

/** The address that 4 or 16 bytes in network order mean. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Address;
  if (bytes.length === 16) return printIpv6(bytes) as Address;
  throw new TypeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
}

const DOT = 46;
const ZERO = 48;

/** Four numbers up to 255. A leading zero is refused: half of the world reads 010 as eight, the other half as ten. */
function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length > 15) return undefined;
  const bytes = new Uint8Array(4);
  let [parts, value, digits] = [0, 0, 0];
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (digits === 0 || value > 255 || parts === 4) return undefined;
      bytes[parts++] = value;
      value = digits = 0;
    } else {
      const digit = code - ZERO;
      if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return undefined;
      value = 10 * value + digit;
      digits++;
    }
  }
  return parts === 4 ? bytes : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "", true) : [];
  if (!head || !tail) return undefined;
  const given = head.length + tail.length;
  // "::" stands for at least one group of zeros.
  if (halves.length === 2 ? given > 14 : given !== 16) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** The bytes of colon-separated groups, of which the last may be a dotted IPv4 address. */
function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [i, group] of groups.entries()) {
    if (mayEndDotted && i === groups.length - 1 && group.includes(".")) {
      const dotted = parseIpv4(group);
      if (!dotted) return undefined;
      bytes.push(...dotted);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

function printIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${bytes.slice(12).join(".")}`;
  const zeros = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (zeros.length < 2) return hex.join(":");
  return `${hex.slice(0, zeros.start).join(":")}::${
    hex.slice(zeros.start + zeros.length).join(":")
  }`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
