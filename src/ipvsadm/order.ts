/**
 * The order in which ipvsadm lists, to the byte. It subtracts unsigned 32-bit words into a signed int, so
 * that 192.0.0.0 comes before 10.0.0.0 (their distance overflows). Such an order is not transitive, and what
 * comes out depends on the sorting algorithm: qsort() of the C library that the tool came with is a merge
 * sort from the top, and so is this one.
 */

import { type Address, addressToBytes } from "../model/address.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import {
  keyFamily,
  printServiceKey,
  type Protocol,
  type ServerEntry,
  type ServiceEntry,
} from "../model/ipvs.ts";

const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };
const FAMILY_NUMBERS = { ipv4: 2, ipv6: 10 } as const;

export function sortEntries(entries: readonly ServiceEntry[]): ServiceEntry[] {
  return mergeSort(entries, compareServices)
    .map((entry) => ({ ...entry, servers: sortServers(entry.servers) }));
}

/**
 * The same order, but one that does not depend on the order of the entries that are given: where ipvsadm's
 * own is not transitive, two printings of one table shall not differ.
 */
export function sortStably(entries: readonly ServiceEntry[]): ServiceEntry[] {
  const byText = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
  const given = entries.map((entry) => ({
    ...entry,
    servers: entry.servers.toSorted((a, b) =>
      byText(printEndpoint(a.server), printEndpoint(b.server))
    ),
  })).toSorted((a, b) => byText(printServiceKey(a.service.key), printServiceKey(b.service.key)));
  return sortEntries(given);
}

export function sortServers(servers: readonly ServerEntry[]): ServerEntry[] {
  return mergeSort(servers, (a, b) => compareEndpoints(a.server, b.server));
}

function compareServices({ service: a }: ServiceEntry, { service: b }: ServiceEntry): number {
  const mark = (a.key.kind === "mark" ? a.key.mark : 0) - (b.key.kind === "mark" ? b.key.mark : 0) |
    0;
  if (mark !== 0) return mark;
  const family = FAMILY_NUMBERS[keyFamily(a.key)] - FAMILY_NUMBERS[keyFamily(b.key)];
  if (family !== 0) return family;
  if (a.key.kind === "mark" || b.key.kind === "mark") return 0;
  const protocol = PROTOCOL_NUMBERS[a.key.protocol] - PROTOCOL_NUMBERS[b.key.protocol];
  return protocol !== 0 ? protocol : compareEndpoints(a.key, b.key);
}

function compareEndpoints(a: Endpoint, b: Endpoint): number {
  const wordsA = addressWords(a.address);
  const wordsB = addressWords(b.address);
  // A tunnel's servers may be of both families; ipvsadm looks at the first one's only.
  const length = wordsA.length;
  for (let i = 0; i < length; i++) {
    const distance = wordsA[i]! - (wordsB[i] ?? 0) | 0;
    if (distance !== 0) return distance;
  }
  return a.port - b.port;
}

function addressWords(address: Address): number[] {
  const bytes = addressToBytes(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i));
}

function mergeSort<T>(items: readonly T[], compare: (a: T, b: T) => number): T[] {
  if (items.length < 2) return [...items];
  const middle = Math.floor(items.length / 2);
  const left = mergeSort(items.slice(0, middle), compare);
  const right = mergeSort(items.slice(middle), compare);
  const merged: T[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    merged.push(compare(left[l]!, right[r]!) <= 0 ? left[l++]! : right[r++]!);
  }
  return [...merged, ...left.slice(l), ...right.slice(r)];
}
