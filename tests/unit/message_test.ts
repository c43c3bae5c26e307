import assert from "node:assert/strict";
import { WireError } from "../../src/errors.ts";
import { Writer } from "../../src/wire/buffer.ts";
import { struct, U16, U8 } from "../../src/wire/kind.ts";
import {
  addFlags,
  decodeDone,
  decodeError,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  readHeader,
  type Refusal,
  splitMessages,
  writeMessage,
} from "../../src/wire/message.ts";
import { hex, toHex } from "../support/bytes.ts";

function only(text: string): Message {
  const messages = splitMessages(hex(text));
  assert.equal(messages.length, 1);
  return messages[0]!;
}

const write = (body: string) => ({
  command: "TEST",
  type: 0x1234,
  flags: 0x400,
  write: (to: Writer) => to.append(hex(body)),
});

Deno.test("writeMessage() lays out length, type, flags, sequence, port and a padded body", () => {
  const writer = new Writer();
  writeMessage(writer, write("aabbcc"), { flags: NLM_F_REQUEST, sequence: 7, port: 0x0a0b0c0d });
  writeMessage(writer, write(""), { flags: NLM_F_REQUEST, sequence: 0xffffffff, port: 0 });
  assert.equal(
    toHex(writer.take()),
    toHex(hex(`
      14000000 3412 0104 07000000 0d0c0b0a  aabbcc00
      10000000 3412 0104 ffffffff 00000000
    `)),
  );
});

Deno.test("addFlags() adds to the message it is pointed at", () => {
  const writer = new Writer();
  writeMessage(writer, write(""), { flags: NLM_F_REQUEST, sequence: 1, port: 0 });
  const second = writer.length;
  writeMessage(writer, write(""), { flags: NLM_F_REQUEST, sequence: 2, port: 0 });
  addFlags(writer, second, NLM_F_ACK);
  assert.deepEqual(splitMessages(writer.take()).map(({ flags }) => flags), [0x401, 0x405]);
});

Deno.test("splitMessages() reads several messages, and the last without its padding", () => {
  const messages = splitMessages(hex(`
    11000000 1000 1200 01000000 02000000  aa000000
    12000000 1100 0000 03000000 04000000  bbcc
  `));
  assert.deepEqual(
    messages.map(({ type, flags, sequence, port, input }) => [
      type,
      flags,
      sequence,
      port,
      toHex(input.bytes.subarray(16)),
    ]),
    [[16, 0x12, 1, 2, "aa"], [17, 0, 3, 4, "bbcc"]],
  );
  assert.notEqual(messages[0]!.flags & NLM_F_DUMP_INTR, 0);
});

Deno.test("splitMessages() finds nothing in an empty datagram", () => {
  assert.deepEqual(splitMessages(hex("")), []);
});

const MISFRAMED: readonly [name: string, text: string, offset: number][] = [
  ["a header cut short", "10000000 1000 0000 01000000", 0],
  ["a length below the header's", "0f000000 1000 0000 01000000 02000000", 0],
  ["a length of zero", "00000000 1000 0000 01000000 02000000", 0],
  ["a length that runs over the end", "11000000 1000 0000 01000000 02000000", 0],
  ["the largest length", "ffffffff 1000 0000 01000000 02000000", 0],
  ["stray bytes behind the last", "10000000 1000 0000 01000000 02000000 00000000", 16],
];

for (const [name, text, offset] of MISFRAMED) {
  Deno.test(`splitMessages() refuses ${name}`, () => {
    assert.throws(
      () => splitMessages(hex(text)),
      (error) => error instanceof WireError && error.offset === offset,
    );
  });
}

const REQUEST = "14000000 1000 0500 01000000 02000000 01020000";
const HEADER = "14000000 1000 0500 01000000 02000000";
const TEXT = "0800 0100 6e6f2100 0800 0200 14000000"; // "no!", offset 20

const ERRORS: readonly [name: string, text: string, refusal: Refusal | undefined][] = [
  [
    "an acknowledgement",
    `24000000 0200 0001 01000000 02000000  00000000 ${HEADER}`,
    undefined,
  ],
  [
    "a refusal",
    `24000000 0200 0001 01000000 02000000  efffffff ${HEADER}`,
    { errno: 17 },
  ],
  [
    "a refusal with details behind a capped request",
    `34000000 0200 0003 01000000 02000000  ffffffff ${HEADER} ${TEXT}`,
    { errno: 1, text: "no!", offset: 20 },
  ],
  [
    "a refusal with details behind the whole request",
    `38000000 0200 0002 01000000 02000000  ffffffff ${REQUEST} ${TEXT}`,
    { errno: 1, text: "no!", offset: 20 },
  ],
  [
    "a refusal that names what is missing",
    `34000000 0200 0003 01000000 02000000  eaffffff ${HEADER} 0800 0500 06000000 0800 0600 14000000`,
    { errno: 22, missingType: 6, missingNest: 20 },
  ],
  [
    "details of which some are not known",
    `2c000000 0200 0003 01000000 02000000  eaffffff ${HEADER} 0800 6300 06000000`,
    { errno: 22 },
  ],
  [
    "details that are not announced",
    `34000000 0200 0001 01000000 02000000  ffffffff ${HEADER} ${TEXT}`,
    { errno: 1 },
  ],
  [
    "details that are malformed: the refusal still counts",
    `34000000 0200 0003 01000000 02000000  ffffffff ${HEADER} 0800 0100 6e6f2121 0800 0200 14000000`,
    { errno: 1 },
  ],
  [
    "details behind a request whose length is absurd",
    `34000000 0200 0002 01000000 02000000  ffffffff f0ffffff 1000 0500 01000000 02000000 ${TEXT}`,
    { errno: 1 },
  ],
  [
    "details announced where the message ends",
    "14000000 0200 0003 01000000 02000000  ffffffff",
    { errno: 1 },
  ],
];

for (const [name, text, refusal] of ERRORS) {
  Deno.test(`decodeError() reads ${name}`, () => {
    assert.deepEqual(decodeError(only(text)), refusal);
  });
}

const DONES: readonly [name: string, text: string, refusal: Refusal | undefined][] = [
  ["success", "14000000 0300 0200 01000000 02000000  00000000", undefined],
  ["an end without a number", "10000000 0300 0200 01000000 02000000", undefined],
  ["an errno", "14000000 0300 0200 01000000 02000000  f4ffffff", { errno: 12 }],
  [
    "an errno with details",
    `24000000 0300 0202 01000000 02000000  f4ffffff ${TEXT}`,
    { errno: 12, text: "no!", offset: 20 },
  ],
];

for (const [name, text, refusal] of DONES) {
  Deno.test(`decodeDone() reads ${name}`, () => {
    assert.deepEqual(decodeDone(only(text)), refusal);
  });
}

const NO_ERRNO: readonly [name: string, text: string][] = [
  ["an error without its number", "10000000 0200 0000 01000000 02000000"],
  ["an error with half a number", "12000000 0200 0000 01000000 02000000 ffff0000"],
  ["a positive number", "14000000 0200 0000 01000000 02000000 01000000"],
];

for (const [name, text] of NO_ERRNO) {
  Deno.test(`decodeError() refuses ${name}`, () => {
    assert.throws(() => decodeError(only(text)), WireError);
  });
}

Deno.test("readHeader() reads the struct behind the nlmsghdr, and refuses a message too short for it", () => {
  const header = struct({ family: U8, pad: U8, type: U16 });
  const message = only("14000000 1000 0000 01000000 02000000 0a00 0300");
  assert.deepEqual(readHeader(message, header, "test"), { family: 10, pad: 0, type: 3 });
  const short = only("12000000 1000 0000 01000000 02000000 0a000000");
  assert.throws(() => readHeader(short, header, "test"), WireError);
});
