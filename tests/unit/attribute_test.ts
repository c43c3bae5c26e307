import assert from "node:assert/strict";
import { WireError } from "../../src/errors.ts";
import {
  attribute,
  type Attributes,
  attributes,
  bytes,
  flag,
  indexed,
  nested,
  netByteOrder,
  required,
  sequence,
  string,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64be,
  u8,
} from "../../src/wire/attribute.ts";
import { Input, Writer } from "../../src/wire/buffer.ts";
import { S32, struct, U16, U32 } from "../../src/wire/kind.ts";
import { hex, toHex } from "../support/bytes.ts";

const INNER = attributes({ id: required(u32(1, "INNER_ID")), name: string(2, "INNER_NAME") });

const TABLE = attributes({
  byte: u8(1, "T_U8"),
  short: u16(2, "T_U16"),
  port: u16be(3, "T_PORT"),
  word: u32(4, "T_U32"),
  mask: netByteOrder(u32be(5, "T_MASK")),
  long: u64(6, "T_U64"),
  counter: u64be(7, "T_COUNTER"),
  on: flag(8, "T_FLAG"),
  name: string(9, "T_NAME"),
  free: bytes(10, "T_FREE"),
  fixed: bytes(11, "T_FIXED", 3),
  inner: nested(12, "T_INNER", INNER),
  array: indexed(13, "T_ARRAY", INNER),
  list: nested(14, "T_LIST", sequence(u16(1, "T_ELEMENT"))),
  pair: attribute(15, "T_PAIR", struct({ low: U16, pad: U16, high: U32 })),
  signed: attribute(16, "T_SIGNED", S32),
});

function write(value: Attributes<typeof TABLE>): Uint8Array {
  const writer = new Writer(1);
  TABLE.write(writer, value);
  return writer.take();
}

function read(text: string): Attributes<typeof TABLE> {
  return TABLE.read(new Input(hex(text)), 0);
}

const KINDS: readonly [name: string, value: Attributes<typeof TABLE>, bytes: string][] = [
  ["an empty table", {}, ""],
  ["u8, padded to four bytes", { byte: 0xfe }, "0500 0100 fe000000"],
  ["u16 in host order", { short: 0x1234 }, "0600 0200 34120000"],
  ["u16 in network order", { port: 80 }, "0600 0300 00500000"],
  ["u32", { word: 0xfffefdfc }, "0800 0400 fcfdfeff"],
  ["network order that says so", { mask: 0xffffff00 }, "0800 0540 ffffff00"],
  ["u64", { long: 2n ** 64n - 2n }, "0c00 0600 feffffff ffffffff"],
  ["u64 in network order", { counter: 258n }, "0c00 0700 00000000 00000102"],
  ["a flag, all header", { on: true }, "0400 0800"],
  ["text with its NUL", { name: "lo" }, "0700 0900 6c6f0000"],
  ["text that fills its word", { name: "eth" }, "0800 0900 65746800"],
  ["empty text", { name: "" }, "0500 0900 00000000"],
  ["text that is not ASCII", { name: "é" }, "0700 0900 c3a90000"],
  ["text longer than names are", { name: "a".repeat(33) }, `2600 0900 ${"61".repeat(33)}00 0000`],
  ["bytes of any length", { free: hex("0102030405") }, "0900 0a00 01020304 05000000"],
  ["no bytes", { free: hex("") }, "0400 0a00"],
  ["bytes of one length", { fixed: hex("010203") }, "0700 0b00 01020300"],
  ["a table in a table", { inner: { id: 7 } }, "0c00 0c80 0800 0100 07000000"],
  [
    "an array by index",
    { array: [{ id: 1 }, { id: 2, name: "b" }] },
    "2400 0d80  0c00 0180 0800 0100 01000000  1400 0280 0800 0100 02000000 0600 0200 62000000",
  ],
  ["an array by one type", { list: [1, 2] }, "1400 0e80 0600 0100 01000000 0600 0100 02000000"],
  ["an empty array", { list: [] }, "0400 0e80"],
  ["a struct", { pair: { low: 1, pad: 0, high: 2 } }, "0c00 0f00 0100 0000 02000000"],
  ["a signed integer", { signed: -2 }, "0800 1000 feffffff"],
  ["several, in the table's order", { word: 2, byte: 1 }, "0500 0100 01000000 0800 0400 02000000"],
];

for (const [name, value, text] of KINDS) {
  Deno.test(`attributes() writes and reads ${name}`, () => {
    assert.equal(toHex(write(value)), toHex(hex(text)));
    assert.deepEqual(read(text), value);
  });
}

const TOLERATED: readonly [name: string, text: string, value: Attributes<typeof TABLE>][] = [
  ["attributes it does not know", "0800 ff00 01020304 0500 0100 07000000", { byte: 7 }],
  ["an unknown attribute that is given twice", "0400 ff00 0400 ff00", {}],
  ["NLA_F_NESTED where it did not expect it", "0500 0180 07000000", { byte: 7 }],
  ["a nest without NLA_F_NESTED", "0c00 0c00 0800 0100 07000000", { inner: { id: 7 } }],
  ["NLA_F_NET_BYTEORDER where it did not expect it", "0600 0340 00500000", { port: 80 }],
  ["a last attribute without its padding", "0500 0100 07", { byte: 7 }],
  ["other types among the elements of an array", "0c00 0e80 0400 0200 0400 0300", { list: [] }],
  ["text padded with NULs", "0800 0900 6c000000", { name: "l" }],
];

for (const [name, text, value] of TOLERATED) {
  Deno.test(`a table reads past ${name}`, () => {
    assert.deepEqual(read(text), value);
  });
}

const MALFORMED: readonly [name: string, text: string, attribute: string, offset: number][] = [
  ["a u8 of two bytes", "0600 0100 01020000", "T_U8", 4],
  ["an empty u8", "0400 0100", "T_U8", 4],
  ["a u16 of four bytes", "0800 0200 01000000", "T_U16", 4],
  ["a u32 of three bytes", "0700 0400 01000000", "T_U32", 4],
  ["a u64 of four bytes", "0800 0600 01000000", "T_U64", 4],
  ["a flag with content", "0500 0800 01000000", "T_FLAG", 4],
  ["text without a NUL", "0600 0900 6c6f0000", "T_NAME", 4],
  ["text that is not even a NUL", "0400 0900", "T_NAME", 4],
  ["text that goes on after its NUL", "0800 0900 6c006f00", "T_NAME", 6],
  ["fixed bytes that are too few", "0600 0b00 01020000", "T_FIXED", 4],
  ["a struct cut short", "0a00 0f00 0100 0000 02000000", "T_PAIR", 4],
  ["a struct that is too long", "1000 0f00 0100 0000 02000000 00000000", "T_PAIR", 4],
  ["an attribute given twice", "0500 0100 01000000 0500 0100 02000000", "T_U8", 8],
  ["a nested table without what it needs", "0400 0c80", "INNER_ID", 4],
  ["an element without what it needs", "0800 0d80 0400 0180", "INNER_ID", 8],
  ["a nested attribute that runs over its nest", "0c00 0c80 0c00 0100 07000000", "T_INNER", 4],
  ["an element of the wrong width", "0c00 0e80 0500 0100 01000000", "T_ELEMENT", 8],
];

for (const [name, text, attribute, offset] of MALFORMED) {
  Deno.test(`a table refuses ${name}`, () => {
    assert.throws(
      () => read(text),
      (error) =>
        error instanceof WireError && error.attribute === attribute && error.offset === offset &&
        error.message.includes(attribute),
    );
  });
}

const MISFRAMED: readonly [name: string, text: string, offset: number][] = [
  ["a length below the header's", "0300 0100 00000000", 0],
  ["a length of zero", "0000 0000", 0],
  ["a length that runs over the end", "0900 0100 00000000", 0],
  ["a header cut short", "0500 0100 01000000 0500 01", 8],
];

for (const [name, text, offset] of MISFRAMED) {
  Deno.test(`a table refuses ${name}`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof WireError && error.offset === offset,
    );
  });
}

Deno.test("a table refuses to start behind the end of the message", () => {
  assert.throws(() => TABLE.read(new Input(hex("00000000")), 8), WireError);
});

const UNWRITABLE: readonly [name: string, value: Attributes<typeof TABLE>, attribute: string][] = [
  ["a u8 of 256", { byte: 256 }, "T_U8"],
  ["a negative u16", { short: -1 }, "T_U16"],
  ["a port of 65536", { port: 65536 }, "T_PORT"],
  ["a fraction", { word: 1.5 }, "T_U32"],
  ["NaN", { word: NaN }, "T_U32"],
  ["a u64 of 2^64", { long: 2n ** 64n }, "T_U64"],
  ["a negative u64", { counter: -1n }, "T_COUNTER"],
  ["a signed integer of 2^31", { signed: 2 ** 31 }, "T_SIGNED"],
  ["text with a NUL", { name: "a\0b" }, "T_NAME"],
  ["fixed bytes that are too many", { fixed: hex("01020304") }, "T_FIXED"],
  ["more than an attribute holds", { free: new Uint8Array(65532) }, "T_FREE"],
  ["a struct's field out of range", { pair: { low: -1, pad: 0, high: 0 } }, "T_PAIR"],
];

for (const [name, value, attribute] of UNWRITABLE) {
  Deno.test(`a table refuses to write ${name}`, () => {
    assert.throws(
      () => write(value),
      (error) => error instanceof WireError && error.attribute === attribute,
    );
  });
}

Deno.test("a table writes as much as an attribute holds", () => {
  assert.deepEqual(TABLE.read(new Input(write({ free: new Uint8Array(65531) })), 0), {
    free: new Uint8Array(65531),
  });
});

Deno.test("attributes() refuses two lines of one type", () => {
  assert.throws(() => attributes({ a: u8(1, "A"), b: u8(1, "B") }), TypeError);
});

Deno.test("required() fails reading where the attribute is missing, and says which", () => {
  assert.throws(
    () => INNER.read(new Input(hex("0500 0200 00000000")), 0),
    (error) => error instanceof WireError && error.attribute === "INNER_ID",
  );
});

Deno.test("a table reads between two offsets of a larger message", () => {
  const input = new Input(hex("ffffffff 0500 0100 07000000 ffffffff"));
  assert.deepEqual(TABLE.read(input, 4, 12), { byte: 7 });
});

Deno.test("a table extends another by its shape", () => {
  const WIDER = attributes({ ...INNER.shape, extra: u8(3, "WIDER_EXTRA") });
  const writer = new Writer();
  WIDER.write(writer, { id: 1, extra: 2 });
  assert.deepEqual(WIDER.read(new Input(writer.take()), 0), { id: 1, extra: 2 });
});

Deno.test("what a table read does not change with the input", () => {
  const input = new Input(hex("0800 0a00 01020304"));
  const value = TABLE.read(input, 0);
  input.bytes.fill(0xff);
  assert.deepEqual(value, { free: hex("01020304") });
});

Deno.test("a writer that is used again leaves nothing of before in the padding", () => {
  const writer = new Writer(64);
  TABLE.write(writer, { word: 0xffffffff, long: 2n ** 64n - 1n });
  writer.reset();
  TABLE.write(writer, { byte: 1 });
  assert.equal(toHex(writer.take()), "05000100 01000000");
});
