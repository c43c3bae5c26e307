/** Which virtual services a virtual_server stands for: one, or those of a group. */

import {
  type Address,
  addressFamily,
  addressFromBytes,
  addressToBytes,
  parseAddress,
} from "../../model/address.ts";
import { quote } from "../given.ts";
import type { BlockReader } from "./block.ts";
import { readFamily, type ServiceBlock } from "./service_block.ts";
import type { Statement } from "./statements.ts";
import type { Word } from "./words.ts";

export type Target =
  | {
    readonly kind: "addresses";
    readonly word: Word;
    readonly addresses: readonly Address[];
    /** 0: every port. */
    readonly port: number;
  }
  | {
    readonly kind: "mark";
    readonly word: Word;
    readonly mark: number;
    readonly family: "inet" | "inet6" | undefined;
  };

/** More addresses than that are no range that was meant. */
const RANGE_LIMIT = 65_536;

export function targetsOf(
  reader: BlockReader,
  { word, target, family }: ServiceBlock,
  groups: ReadonlyMap<string, Statement>,
): readonly Target[] {
  const [first, second, more] = target;
  if (!first) {
    reader.complain(word, "virtual_server has no address, must have one, or fwmark, or group");
    return [];
  }
  if (more) reader.complain(more, `${quote(more.text)} is one word too many behind ${word.text}`);
  if (first.text === "group") {
    if (second) return groupOf(reader, second, groups);
    reader.complain(first, "group has no name, must have one");
    return [];
  }
  if (first.text === "fwmark") {
    const mark = markOf(reader, first, second);
    return mark === undefined ? [] : [{ kind: "mark", word: first, mark, family: family?.value }];
  }
  const address = reader.address(first);
  const port = reader.port(second);
  if (!address || (second && !port && second.text !== "0")) return [];
  return [{
    ...{ kind: "addresses", word: first, addresses: [address.value] },
    port: port?.value ?? 0,
  }];
}

/** The mark behind the word. */
function markOf(reader: BlockReader, keyword: Word, word: Word | undefined): number | undefined {
  if (word) return reader.wholeOf(word, 1, 0xffff_ffff)?.value;
  return reader.complain(keyword, "fwmark has no number, must have one");
}

function groupOf(
  reader: BlockReader,
  name: Word,
  groups: ReadonlyMap<string, Statement>,
): readonly Target[] {
  const group = groups.get(name.text);
  if (!group) {
    reader.complain(name, `there is no virtual_server_group ${quote(name.text)}`);
    return [];
  }
  const entries = reader.enter(group) ?? [];
  if (entries.length === 0) {
    reader.complain(group.words[0], `${quote(name.text)} has no entries, must have some`);
  }
  return entries.map((entry) => entryOf(reader, entry)).filter((each) => each !== undefined);
}

/** A line of a group. */
function entryOf(reader: BlockReader, entry: Statement): Target | undefined {
  const { words: [first, second, third, fourth] } = entry;
  reader.leave(entry);
  const isMark = first.text === "fwmark";
  const more = isMark ? fourth : third;
  if (more) reader.complain(more, `${quote(more.text)} is one word too many`);
  if (isMark) {
    const mark = markOf(reader, first, second);
    const family = readFamily(reader, third)?.value;
    return mark === undefined ? undefined : { kind: "mark", word: first, mark, family };
  }
  const addresses = rangeOf(reader, first);
  const port = reader.port(second);
  if (!addresses || (second && !port && second.text !== "0")) return undefined;
  return { kind: "addresses", word: first, addresses, port: port?.value ?? 0 };
}

/** "10.0.0.1", "10.0.0.1-9", "10.0.0.1-10.0.1.9" or "10.0.0.8/29". */
function rangeOf(reader: BlockReader, word: Word): readonly Address[] | undefined {
  const [, from, end, bits] = /^([^-/]+)(?:-([^-/]+)|\/(\d{1,3}))?$/.exec(word.text) ?? [];
  if (from === undefined) return wrongRange(reader, word);
  const first = reader.address({ ...word, text: from })?.value;
  if (first === undefined) return undefined;
  if (end === undefined && bits === undefined) return [first];
  const count = end === undefined ? sizeOf(first, Number(bits)) : countTo(first, end);
  if (count === undefined) return wrongRange(reader, word);
  const past = end === undefined ? numberOf(first) % BigInt(count) : 0n;
  if (past > 0n) {
    const must = `must be ${shifted(first, -past)}/${bits}, which begins its network`;
    return reader.complain(word, `${quote(word.text)}: ${must}`);
  }
  if (count > RANGE_LIMIT) {
    const must = `must be at most ${RANGE_LIMIT}`;
    return reader.complain(word, `${quote(word.text)} stands for too many addresses, ${must}`);
  }
  return Array.from({ length: count }, (_, i) => shifted(first, i));
}

function wrongRange(reader: BlockReader, word: Word): undefined {
  return reader.complain(
    word,
    `${quote(word.text)}: must be an address, or a range that goes up, as 10.0.0.1-9, ` +
      "10.0.0.250-10.0.1.5 or 10.0.0.8/29",
  );
}

function numberOf(address: Address): bigint {
  return addressToBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function shifted(address: Address, by: number | bigint): Address {
  const bytes = addressToBytes(address);
  let value = numberOf(address) + BigInt(by);
  for (let at = bytes.length - 1; at >= 0; at--, value >>= 8n) bytes[at] = Number(value & 0xffn);
  return addressFromBytes(bytes);
}

/** Of a network. */
function sizeOf(first: Address, bits: number): number | undefined {
  const all = addressFamily(first) === "ipv6" ? 128 : 32;
  return bits > all ? undefined : 2 ** (all - bits);
}

/** The end is an address, or the last part of one: of IPv4 in decimal, of IPv6 in hexadecimal. */
function countTo(first: Address, end: string): number | undefined {
  const six = addressFamily(first) === "ipv6";
  const start = numberOf(first);
  const unit = six ? 0x1_0000n : 0x100n;
  const isPart = six ? /^[0-9a-f]{1,4}$/i.test(end) : /^\d{1,3}$/.test(end);
  let last: bigint;
  if (isPart) {
    const part = BigInt(six ? `0x${end}` : end);
    if (part >= unit) return undefined;
    last = start - start % unit + part;
  } else {
    const address = parseAddress(end);
    if (address === undefined || addressFamily(address) !== addressFamily(first)) return undefined;
    last = numberOf(address);
  }
  return last < start ? undefined : Number(last - start) + 1;
}
