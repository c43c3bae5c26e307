/**
 * What holds for all bytes and all values. WIRE_MUTATIONS and WIRE_SEED in the environment say how many
 * mutated messages are tried and which: a million take a few seconds.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LvscareError, WireError } from "../../src/errors.ts";
import { keyFamily } from "../../src/model/ipvs.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import {
  attribute,
  attributes,
  bytes,
  flag,
  indexed,
  nested,
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
import { decodeFamily } from "../../src/wire/genl.ts";
import {
  changeRequest,
  decodeInfo,
  decodeListedDaemon,
  decodeListedServer,
  decodeListedService,
  decodeTimeouts,
} from "../../src/wire/ipvs.ts";
import { decodeServer, encodeServer } from "../../src/wire/ipvs_server.ts";
import { SERVER } from "../../src/wire/ipvs_tables.ts";
import { S32, struct, U16, U8 } from "../../src/wire/kind.ts";
import {
  decodeDone,
  decodeError,
  type Message,
  splitMessages,
  writeMessage,
} from "../../src/wire/message.ts";
import { hex, toHex } from "../support/bytes.ts";
import { fakeTransport } from "../support/fake_transport.ts";
import { server, service } from "../support/ipvs_arbitraries.ts";
import {
  MARK_MESSAGE_IPV6,
  SERVER_MESSAGE,
  SERVICE_MESSAGE,
  SERVICE_MESSAGE_IPV6,
} from "../support/ipvs_dumps.ts";

const FAMILY = { id: 32, name: "IPVS", version: 1, groups: new Map<string, number>() };

const INNER = attributes({ id: required(u32(1, "INNER_ID")), name: string(2, "INNER_NAME") });
const ALL_KINDS = attributes({
  byte: u8(1, "BYTE"),
  short: u16(2, "SHORT"),
  port: u16be(3, "PORT"),
  word: u32(4, "WORD"),
  mask: u32be(5, "MASK"),
  long: u64(6, "LONG"),
  counter: u64be(7, "COUNTER"),
  on: flag(8, "ON"),
  name: string(9, "NAME"),
  free: bytes(10, "FREE"),
  fixed: bytes(11, "FIXED", 5),
  inner: nested(12, "INNER", INNER),
  array: indexed(13, "ARRAY", INNER),
  list: nested(14, "LIST", sequence(u16(1, "ELEMENT"))),
  pair: attribute(15, "PAIR", struct({ low: U8, high: U16 })),
  signed: attribute(16, "SIGNED", S32),
});

const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: "binary", maxLength: 40 }).map((each) => each.replaceAll("\0", ""));
const inner = fc.record({ id: uint(32), name: text }, {
  requiredKeys: ["id"],
  noNullPrototype: true,
});
const allKinds = fc.record({
  byte: uint(8),
  short: uint(16),
  port: uint(16),
  word: uint(32),
  mask: uint(32),
  long: uint64,
  counter: uint64,
  on: fc.constant(true as const),
  name: text,
  free: fc.uint8Array({ maxLength: 40 }),
  fixed: fc.uint8Array({ minLength: 5, maxLength: 5 }),
  inner,
  array: fc.array(inner, { maxLength: 4 }),
  list: fc.array(uint(16), { maxLength: 4 }),
  pair: fc.record({ low: uint(8), high: uint(16) }, { noNullPrototype: true }),
  signed: fc.integer(),
}, { requiredKeys: [], noNullPrototype: true });

Deno.test("a table reads what it wrote, and writes it again as it was", () => {
  fc.assert(fc.property(allKinds, (value) => {
    const writer = new Writer(1);
    ALL_KINDS.write(writer, value);
    const written = writer.take();
    const read = ALL_KINDS.read(new Input(written), 0);
    assert.deepEqual(read, value);
    writer.reset();
    ALL_KINDS.write(writer, read);
    assert.equal(toHex(writer.take()), toHex(written));
  }));
});

Deno.test("decodeListedService() reads every service that changeRequest() writes", () => {
  fc.assert(fc.property(service, (service) => {
    const writer = new Writer();
    const request = changeRequest(FAMILY, { kind: "addService", service });
    writeMessage(writer, request, { flags: 0, sequence: 1, port: 2 });
    const [message] = splitMessages(writer.take());
    assert.deepEqual(decodeListedService(message!, false).service, service);
  }));
});

Deno.test("decodeServer() reads every server that encodeServer() writes, by way of its bytes", () => {
  const pair = service.chain(({ key }) => fc.tuple(fc.constant(key), server(key)));
  fc.assert(fc.property(pair, ([key, server]) => {
    const writer = new Writer();
    SERVER.write(writer, encodeServer(server));
    const read = SERVER.read(new Input(writer.take()), 0);
    assert.deepEqual(decodeServer(read, keyFamily(key)), server);
  }));
});

/** Everything that reads messages, with a message that it reads without complaint. */
const DECODERS: readonly [name: string, message: string, decode: (message: Message) => unknown][] =
  [
    ["decodeListedService()", SERVICE_MESSAGE, (message) => decodeListedService(message, true)],
    ["decodeListedService() IPv6", SERVICE_MESSAGE_IPV6, (m) => decodeListedService(m, false)],
    ["decodeListedService() mark", MARK_MESSAGE_IPV6, (m) => decodeListedService(m, false)],
    [
      "decodeListedServer()",
      SERVER_MESSAGE,
      (message) => decodeListedServer(message, "ipv4", true),
    ],
    [
      "decodeListedDaemon()",
      `5c000000 2000 0200 22000000 8a000000 09010000 4800 0300
     0800 0100 02000000 0700 0200 6c6f0000 0800 0300 08000000 0600 0400 78050000
     0600 0700 28230000 0500 0800 03000000 1400 0600 ff020000 00000000 00000000 00000005`,
      decodeListedDaemon,
    ],
    [
      "decodeInfo()",
      "24000000 2000 0000 01000000 02000000 0e010000 0800 0100 01020100 0800 0200 00100000",
      decodeInfo,
    ],
    [
      "decodeTimeouts()",
      `2c000000 2000 0000 01000000 02000000 0c010000
     0800 0400 84030000 0800 0500 78000000 0800 0600 2c010000`,
      decodeTimeouts,
    ],
    [
      "decodeFamily()",
      `4c000000 1000 0000 01000000 02000000 01020000 0900 0200 49505653 00000000
     0600 0100 25000000 0800 0300 01000000 1c00 0780 1800 0180 0800 0200 05000000
     0a00 0100 6e6f6973 65000000`,
      decodeFamily,
    ],
    [
      "decodeError()",
      `34000000 0200 0003 01000000 02000000 ffffffff 14000000 1000 0500 01000000 02000000
     0800 0100 6e6f2100 0800 0200 14000000`,
      decodeError,
    ],
    [
      "decodeDone()",
      "24000000 0300 0202 01000000 02000000 f4ffffff 0800 0100 6e6f2100 0800 0200 14000000",
      decodeDone,
    ],
  ];

/** Whether the bytes gave a value; anything but a WireError goes on up. */
function tryRead(datagram: Uint8Array, decode: (message: Message) => unknown): boolean {
  try {
    for (const message of splitMessages(datagram)) decode(message);
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

/** The message up to this length, with the lengths of message and outermost attribute made to fit. */
function shortened(message: Uint8Array, length: number): Uint8Array {
  const short = message.slice(0, length);
  if (length >= 16) new DataView(short.buffer).setUint32(0, length, true);
  if (length >= 24) new DataView(short.buffer).setUint16(20, length - 20, true);
  return short;
}

for (const [name, text, decode] of DECODERS) {
  Deno.test(`${name} reads its message, and makes of each truncation a value or a WireError`, () => {
    const message = hex(text);
    assert.equal(tryRead(message, decode), true);
    let refused = 0;
    for (let length = 0; length < message.length; length++) {
      if (!tryRead(message.subarray(0, length), decode)) refused++;
      tryRead(shortened(message, length), decode);
    }
    // Nothing at all is no message, and so no wrong one.
    assert.equal(refused, message.length - 1);
  });
}

function setting(name: string, otherwise: number): number {
  const value = Deno.env.get(name);
  return value === undefined ? otherwise : Number(value);
}

/** Mulberry32: small, fast and the same for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Values at which lengths and types break. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 0x7f, 0x80, 0xfe, 0xff];

function mutate(message: Uint8Array, below: (limit: number) => number): Uint8Array {
  const copy = message.slice();
  for (let times = 1 + below(4); times > 0; times--) {
    const at = below(copy.length);
    copy[at] = below(2) === 0 ? EDGES[below(EDGES.length)]! : below(256);
  }
  // The message's own length stays right mostly: else hardly anything would get past the framing.
  if (below(16) !== 0) copy.set(message.subarray(0, 4), 0);
  return below(8) === 0 ? copy.subarray(0, below(copy.length)) : copy;
}

Deno.test("mutated messages give values or WireErrors, and both do occur", () => {
  const seed = setting("WIRE_SEED", Date.now() % 2 ** 31);
  const mutations = setting("WIRE_MUTATIONS", 20_000);
  console.log(`WIRE_SEED=${seed} WIRE_MUTATIONS=${mutations}`);
  const below = random(seed);
  const messages = DECODERS.map(([, text]) => hex(text));
  let values = 0;
  for (let i = 0; i < mutations; i++) {
    const which = below(DECODERS.length);
    const mutated = mutate(messages[which]!, below);
    try {
      if (tryRead(mutated, DECODERS[which]![2])) values++;
    } catch (error) {
      throw new Error(`${DECODERS[which]![0]} of ${toHex(mutated)}`, { cause: error });
    }
  }
  assert.ok(values > mutations / 100 && values < mutations * 0.99, `${values} values`);
});

Deno.test("whatever a kernel answers, a socket gives values or errors of this program", () => {
  const seed = setting("WIRE_SEED", Date.now() % 2 ** 31);
  console.log(`WIRE_SEED=${seed}`);
  const below = random(seed);
  const messages = DECODERS.map(([, text]) => hex(text));
  for (let i = 0; i < 2_000; i++) {
    const transport = fakeTransport((request) =>
      Array.from({ length: 1 + below(4) }, () => {
        const datagram = mutate(messages[below(messages.length)]!, below);
        // Addressed to the request, as a forger would: else it would be skipped.
        if (datagram.length >= 16) datagram.set(request.input.bytes.subarray(8, 16), 8);
        return datagram;
      })
    );
    const socket = new NetlinkSocket(transport);
    const request = changeRequest(FAMILY, {
      kind: "deleteService",
      key: { kind: "mark", mark: 1, family: "ipv4" },
    });
    const talks = [
      () => socket.ask(request),
      () => socket.dump(request, (message) => decodeListedService(message, true)),
      () => socket.batch([request, request]),
      () => socket.transaction(request, [request], request),
      () => socket.family("IPVS"),
      () => socket.notifications(),
    ];
    for (const talk of talks) {
      try {
        talk();
      } catch (error) {
        if (!(error instanceof LvscareError)) throw error;
      }
    }
  }
});
