/** What every way to masquerade refuses before it asks the kernel. */

import { addressFamily, type Family } from "../model/address.ts";
import type { MasqueradeOptions } from "./masquerade.ts";
import { type Attempt, refusal } from "./refusal.ts";
import { printSetEntry, type SetEntry } from "./sets.ts";

export function checkMarkBit(attempt: Attempt, { markBit }: MasqueradeOptions): void {
  if (Number.isInteger(markBit) && markBit >= 0 && markBit <= 31) return;
  throw refusal(attempt, "EINVAL", { why: `mark bit "${markBit}": must be from 0 to 31` });
}

export function checkEntries(attempt: Attempt, family: Family, entries: readonly SetEntry[]): void {
  for (const entry of entries) {
    const { address, port } = entry;
    const why = addressFamily(address) !== family
      ? `must be an address of the family ${family}`
      : address === "0.0.0.0" || address === "::"
      ? "must be the address of a host"
      : !(Number.isInteger(port) && port >= 0 && port <= 65535)
      ? "must have a port from 0 to 65535"
      : undefined;
    if (why !== undefined) {
      throw refusal(attempt, "EINVAL", { why: `"${printSetEntry(entry)}" ${why}` });
    }
  }
}

/** The entries whose like is not among the others, without repetition. */
export function without(
  entries: readonly SetEntry[],
  others: readonly SetEntry[],
): SetEntry[] {
  const known = new Set(others.map(printSetEntry));
  const unique = new Map(entries.map((entry) => [printSetEntry(entry), entry]));
  return [...unique].filter(([key]) => !known.has(key)).map(([, entry]) => entry);
}

/** The entries whose like is among the others. */
export function within(entries: readonly SetEntry[], others: readonly SetEntry[]): SetEntry[] {
  return without(entries, without(entries, others));
}
