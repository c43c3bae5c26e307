import assert from "node:assert/strict";
import { DumpMemory } from "../../src/kernel/netlink/dump_memory.ts";
import { type Message, splitMessages } from "../../src/wire/message.ts";
import { hex, toHex } from "../support/bytes.ts";

const STATS = 10;

/** A message of one attribute with these inside. */
function message(attributes: string, sequence = 1): Message {
  const content = hex(attributes);
  const bytes = new Uint8Array(24 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(8, sequence, true);
  view.setUint16(20, 4 + content.length, true);
  view.setUint16(22, 2, true);
  bytes.set(content, 24);
  return splitMessages(bytes)[0]!;
}

function counting() {
  let count = 0;
  const decode = ({ input }: Message) => ({
    bytes: toHex(input.bytes.subarray(24)),
    number: count++,
  });
  return { decode, count: () => count };
}

const A = "0800 0100 00000001";
const B = "0800 0100 00000002";
const stats = (value: string) => `0800 0a00 ${value}`;

/** Whether a second message is decoded again after a first. */
const PAIRS: readonly [name: string, first: string, second: string, again: boolean][] = [
  ["the same", A, A, false],
  ["another value", A, B, true],
  [
    "other statistics behind all else",
    `${A} ${stats("00000001")}`,
    `${A} ${stats("00000002")}`,
    false,
  ],
  [
    "other statistics before something else",
    `${stats("00000001")} ${A}`,
    `${stats("00000002")} ${A}`,
    true,
  ],
  ["one attribute more", A, `${A} 0800 0200 00000001`, true],
  ["one attribute less", `${A} 0800 0200 00000001`, A, true],
  ["statistics where there were none", A, `${A} ${stats("00000001")}`, true],
  ["nothing at all", "", "", false],
];

for (const [name, first, second, again] of PAIRS) {
  Deno.test(`DumpMemory decodes ${again ? "again" : "only once"}: ${name}`, () => {
    const memory = new DumpMemory<unknown>([STATS]);
    const { decode, count } = counting();
    const [before] = memory.decode([message(first, 1)], decode);
    const [after] = memory.decode([message(second, 2)], decode);
    assert.equal(count(), again ? 2 : 1);
    assert.equal(after === before, !again);
  });
}

Deno.test("DumpMemory follows a table that grows and shrinks", () => {
  const memory = new DumpMemory<{ bytes: string }>([STATS]);
  const { decode, count } = counting();
  const read = (...contents: string[]) =>
    memory.decode(contents.map((each) => message(each)), decode).map(({ bytes }) => bytes);
  assert.deepEqual(read(A, B), [toHex(hex(A)), toHex(hex(B))]);
  assert.deepEqual(read(A, B, A), [toHex(hex(A)), toHex(hex(B)), toHex(hex(A))]);
  assert.equal(count(), 3);
  assert.deepEqual(read(B), [toHex(hex(B))]);
  assert.deepEqual(read(), []);
  assert.deepEqual(read(B), [toHex(hex(B))]);
});

Deno.test("DumpMemory keeps what it had when an entry cannot be decoded", () => {
  const memory = new DumpMemory<unknown>([STATS]);
  const { decode } = counting();
  const [before] = memory.decode([message(A)], decode);
  assert.throws(() =>
    memory.decode([message(A), message(B)], () => {
      throw new RangeError("unreadable");
    }), RangeError);
  assert.equal(memory.decode([message(A)], decode)[0], before);
});
