/** ICMP_SEED in the environment says which mutated messages are tried. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeIcmp,
  encodeEcho,
  type IcmpMessage,
  type IcmpOptions,
} from "../../src/health/probes/icmp_message.ts";
import type { Family } from "../../src/model/address.ts";
import { hex, toHex } from "../support/bytes.ts";

const PAYLOAD = "6c767363617265"; // "lvscare"
const REQUEST = { id: 0x1234, sequence: 7 };
const REPLY = { kind: "reply", ...REQUEST, payload: hex(PAYLOAD) } as const;

const ECHOES: readonly (readonly [
  what: string,
  family: Family,
  id: number,
  sequence: number,
  payload: string,
  text: string,
])[] = [
  ["an echo request", "ipv4", 0x1234, 7, PAYLOAD, `08 00 3f78 1234 0007 ${PAYLOAD}`],
  ["one of IPv6, without checksum", "ipv6", 0x1234, 7, PAYLOAD, `80 00 0000 1234 0007 ${PAYLOAD}`],
  ["one without payload", "ipv4", 1, 2, "", "08 00 f7fc 0001 0002"],
  ["the largest numbers", "ipv4", 65535, 65535, "ffff", "08 00 f7ff ffff ffff ffff"],
  ["the smallest numbers", "ipv4", 0, 0, "00", "08 00 f7ff 0000 0000 00"],
  [
    "a sum whose carry carries once more",
    "ipv4",
    0xffff,
    0xf7ff,
    "0001",
    "08 00 fffe ffff f7ff 0001",
  ],
];

for (const [what, family, id, sequence, payload, text] of ECHOES) {
  Deno.test(`encodeEcho() lays out ${what}`, () => {
    const bytes = encodeEcho({ family, id, sequence, payload: hex(payload) });
    assert.equal(toHex(bytes), toHex(hex(text)));
  });
}

Deno.test("encodeEcho() refuses what has no room", () => {
  const good = { family: "ipv4" as const, ...REQUEST, payload: new Uint8Array(65507) };
  assert.equal(encodeEcho(good).length, 65515);
  for (const value of [-1, 65536, 0.5, NaN]) {
    assert.throws(() => encodeEcho({ ...good, id: value }), RangeError);
    assert.throws(() => encodeEcho({ ...good, sequence: value }), RangeError);
  }
  assert.throws(() => encodeEcho({ ...good, payload: new Uint8Array(65508) }), RangeError);
});

const RAW4 = { family: "ipv4", hasIpHeader: true } as const;
const PING4 = { family: "ipv4", hasIpHeader: false } as const;
const PING6 = { family: "ipv6", hasIpHeader: false } as const;

/** From 10.77.0.2 to 10.77.0.1: the header as Linux sent it. */
const HEADER4 = "45 00 0023 16f7 0000 40 01 4f47 0a4d0002 0a4d0001";
const REPLY4 = `00 00 4778 1234 0007 ${PAYLOAD}`;
const REPLY6 = `81 00 cb3b 1234 0007 ${PAYLOAD}`;
/** The echo request that a router sends back, with the time to live that was left. */
const SENT4 = `45 00 0023 158e 4000 40 01 109a 0a4d0001 0a630002  08 00 3f78 1234 0007 ${PAYLOAD}`;
const SENT6 = `600c50ec 000f 3a 40
  fd770000 00000000 00000000 00000001  fd990000 00000000 00000000 00000002
  80 00 cc19 1234 0007 ${PAYLOAD}`;
/** Eight bytes of a datagram to a port where nobody is. */
const UDP4 = "45 00 001e 28c3 4000 40 11 fd6f 0a4d0001 0a4d0002  b93d 0009 000a 14b8 6869";
const UDP6 = `6003367f 000a 11 40
  fd770000 00000000 00000000 00000001  fd770000 00000000 00000000 00000002
  c835 0009 000a fb0d 6869`;

/** What Linux 6.18 sent. */
const CAPTURED: readonly (readonly [
  what: string,
  options: IcmpOptions,
  text: string,
  expected: IcmpMessage,
])[] = [
  ["a reply behind its IP header", RAW4, `${HEADER4} ${REPLY4}`, REPLY],
  ["a reply", PING4, REPLY4, REPLY],
  ["a reply of IPv6", PING6, REPLY6, REPLY],
  [
    "a router that must not send on",
    RAW4,
    `45 c0 003f 16f8 0000 40 01 4e6a 0a4d0002 0a4d0001  03 0d fcf2 00000000 ${SENT4}`,
    {
      kind: "unreachable",
      reason: "destination unreachable: communication prohibited",
      request: REQUEST,
    },
  ],
  [
    "a router that must not send on, of IPv6",
    PING6,
    `01 01 1894 00000000 ${SENT6}`,
    {
      kind: "unreachable",
      reason: "destination unreachable: communication prohibited",
      request: REQUEST,
    },
  ],
  [
    "a router that cannot send on",
    RAW4,
    `45 c0 003f 16f9 0000 40 01 4e69 0a4d0002 0a4d0001  03 01 fcfe 00000000
     45 00 0023 a102 4000 40 01 8526 0a4d0001 0a620002  08 00 3f78 1234 0007 ${PAYLOAD}`,
    { kind: "unreachable", reason: "destination unreachable: host unreachable", request: REQUEST },
  ],
  [
    "a port where nobody is",
    RAW4,
    `45 c0 003a 18ff 0000 40 01 4c68 0a4d0002 0a4d0001  03 03 c68a 00000000 ${UDP4}`,
    {
      kind: "unreachable",
      reason: "destination unreachable: port unreachable",
      request: undefined,
    },
  ],
  [
    "a port where nobody is, of IPv6",
    PING6,
    `01 04 3515 00000000 ${UDP6}`,
    {
      kind: "unreachable",
      reason: "destination unreachable: port unreachable",
      request: undefined,
    },
  ],
];

for (const [what, options, text, expected] of CAPTURED) {
  Deno.test(`decodeIcmp() reads ${what}`, () => {
    assert.deepEqual(decodeIcmp(hex(text), options), expected);
  });
}

/** The message with the checksum that it must have: its second field is left zero. */
function summed(text: string): Uint8Array<ArrayBuffer> {
  const bytes = hex(text);
  const words = Array.from({ length: Math.ceil(bytes.length / 2) }, (_, i) => {
    return 256 * bytes[2 * i]! + (bytes[2 * i + 1] ?? 0);
  });
  // What a sum of ones' complements leaves is what division by 0xffff does.
  const rest = words.reduce((sum, word) => sum + word, 0) % 0xffff;
  new DataView(bytes.buffer).setUint16(2, 0xffff - rest);
  return bytes;
}

const COMPLAINTS: readonly (readonly [
  what: string,
  family: Family,
  text: string,
  kind: IcmpMessage["kind"],
  reason: string,
])[] = [
  [
    "the first code",
    "ipv4",
    `03 00 0000 00000000 ${SENT4}`,
    "unreachable",
    "destination unreachable: network unreachable",
  ],
  [
    "the last code",
    "ipv4",
    `03 0f 0000 00000000 ${SENT4}`,
    "unreachable",
    "destination unreachable: precedence cutoff in effect",
  ],
  [
    "a code without a name",
    "ipv4",
    `03 10 0000 00000000 ${SENT4}`,
    "unreachable",
    "destination unreachable: code 16",
  ],
  [
    "a packet that went too far",
    "ipv4",
    `0b 00 0000 00000000 ${SENT4}`,
    "timeExceeded",
    "time exceeded: time to live exceeded in transit",
  ],
  [
    "a packet that did not come whole",
    "ipv4",
    `0b 01 0000 00000000 ${SENT4}`,
    "timeExceeded",
    "time exceeded: fragment reassembly time exceeded",
  ],
  ["a type without codes", "ipv4", `04 00 0000 00000000 ${SENT4}`, "other", "source quench"],
  [
    "a code where there are none",
    "ipv4",
    `04 02 0000 00000000 ${SENT4}`,
    "other",
    "source quench: code 2",
  ],
  ["a shorter way", "ipv4", `05 01 0000 0a4d0003 ${SENT4}`, "other", "redirect: for the host"],
  [
    "a bad header",
    "ipv4",
    `0c 00 0000 14000000 ${SENT4}`,
    "other",
    "parameter problem: erroneous header field",
  ],
  ["a packet too big", "ipv6", `02 00 0000 00000500 ${SENT6}`, "other", "packet too big"],
  [
    "a packet that went too far, of IPv6",
    "ipv6",
    `03 00 0000 00000000 ${SENT6}`,
    "timeExceeded",
    "time exceeded: hop limit exceeded in transit",
  ],
  [
    "a packet without a route, of IPv6",
    "ipv6",
    `01 00 0000 00000000 ${SENT6}`,
    "unreachable",
    "destination unreachable: no route to destination",
  ],
  [
    "a bad header of IPv6",
    "ipv6",
    `04 01 0000 00000006 ${SENT6}`,
    "other",
    "parameter problem: unknown next header",
  ],
];

for (const [what, family, text, kind, reason] of COMPLAINTS) {
  Deno.test(`decodeIcmp() puts into words ${what}`, () => {
    const message = decodeIcmp(summed(text), { family, hasIpHeader: false });
    assert.deepEqual(message, { kind, reason, request: REQUEST });
  });
}

const EMBEDDED: readonly (readonly [what: string, family: Family, text: string])[] = [
  ["nothing", "ipv4", ""],
  ["half an IP header", "ipv4", "45 00 0023 158e 4000 40 01 109a"],
  ["six bytes of an echo request", "ipv4", SENT4.replace(/ 0007 .*/, "")],
  ["an echo reply", "ipv4", SENT4.replace("08 00", "00 00")],
  ["an echo request with a code", "ipv4", SENT4.replace("08 00", "08 01")],
  ["a later fragment", "ipv4", SENT4.replace("4000 40", "0001 40")],
  ["a packet of another protocol", "ipv4", SENT4.replace("40 01", "40 11")],
  ["a packet that says it is of IPv6", "ipv4", SENT4.replace("45", "65")],
  ["an IP header of 16 bytes", "ipv4", SENT4.replace("45", "44").replace("0a630002", "")],
  ["an IP header of more than there is", "ipv4", SENT4.replace("45", "4f")],
  ["nothing of IPv6", "ipv6", ""],
  ["half an IPv6 header", "ipv6", "600c50ec 000f 3a 40 fd770000 00000000 00000000 00000001"],
  ["six bytes of an echo request of IPv6", "ipv6", SENT6.replace(/ 0007 .*/, "")],
  ["a packet of another protocol over IPv6", "ipv6", SENT6.replace("3a 40", "11 40")],
  ["a packet that says it is of IPv4", "ipv6", SENT6.replace("600c", "400c")],
];

for (const [what, family, text] of EMBEDDED) {
  Deno.test(`decodeIcmp() finds no echo request in ${what}`, () => {
    const type = family === "ipv4" ? "03 03" : "01 04";
    const message = decodeIcmp(summed(`${type} 0000 00000000 ${text}`), {
      family,
      hasIpHeader: false,
    });
    const reason = "destination unreachable: port unreachable";
    assert.deepEqual(message, { kind: "unreachable", reason, request: undefined });
  });
}

Deno.test("decodeIcmp() finds an echo request behind the options of an IP header", () => {
  const options = "94040000";
  const sent = SENT4.replace("45", "46").replace("0a630002", `0a630002 ${options}`);
  const message = decodeIcmp(summed(`03 03 0000 00000000 ${sent}`), PING4);
  assert.ok(message && message.kind !== "reply");
  assert.deepEqual(message.request, REQUEST);
  const header = HEADER4.replace("45", "46").replace("0023", "0027");
  assert.deepEqual(decodeIcmp(hex(`${header} ${options} ${REPLY4}`), RAW4), REPLY);
});

const NOT_FOR_US: readonly (readonly [what: string, options: IcmpOptions, text: string])[] = [
  ["an echo request", PING4, `08 00 3f78 1234 0007 ${PAYLOAD}`],
  ["an echo request of IPv6", PING6, `80 00 c72c 1234 0007 ${PAYLOAD}`],
  ["a reply with a code", PING4, `00 01 4777 1234 0007 ${PAYLOAD}`],
  ["a damaged reply", PING4, `00 00 4778 1234 0008 ${PAYLOAD}`],
  ["a reply without its checksum", PING4, `00 00 0000 1234 0007 ${PAYLOAD}`],
  ["a reply of the other family", PING4, `81 00 c677 1234 0007 ${PAYLOAD}`],
  ["a reply of the other family, of IPv6", PING6, REPLY4],
  [
    "a neighbour's question",
    PING6,
    "88 00 0627 e0000000 fd770000 00000000 00000000 00000002 02 01 46957caf93b0",
  ],
  ["a time stamp", PING4, "0e 00 f1fc 0001 0002"],
  ["a complaint of no known type", PING6, `64 00 0000 00000000 ${SENT6}`],
  ["an IP header alone", RAW4, HEADER4],
  ["a packet of another protocol", RAW4, `${HEADER4.replace("40 01", "40 11")} ${REPLY4}`],
  ["a packet of IPv6 for one of IPv4", RAW4, `${HEADER4.replace("45", "65")} ${REPLY4}`],
  ["a later fragment", RAW4, `${HEADER4.replace("16f7 0000", "16f7 0001")} ${REPLY4}`],
  [
    "a packet whose length is less than its header's",
    RAW4,
    `${HEADER4.replace("0023", "0010")} ${REPLY4}`,
  ],
];

for (const [what, options, text] of NOT_FOR_US) {
  Deno.test(`decodeIcmp() leaves alone ${what}`, () => {
    assert.equal(decodeIcmp(hex(text), options), undefined);
  });
}

Deno.test("decodeIcmp() looks at the packet's length, and not at what is behind", () => {
  assert.deepEqual(decodeIcmp(hex(`${HEADER4} ${REPLY4} 123456`), RAW4), REPLY);
});

Deno.test("decodeIcmp() reads the whole of what has an IP header, or nothing", () => {
  // Zeros at the end, which the checksum does not count.
  const zeros = `${HEADER4.replace("0023", "0020")} 00 00 edc4 1234 0007 00000000`;
  for (const text of [`${HEADER4} ${REPLY4}`, zeros, CAPTURED[3]![2]]) {
    const bytes = hex(text);
    assert.notEqual(decodeIcmp(bytes, RAW4), undefined);
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(decodeIcmp(bytes.slice(0, length), RAW4), undefined, `${length} bytes`);
    }
  }
});

Deno.test("decodeIcmp() reads a whole message, or what its checksum allows, without an IP header", () => {
  const bytes = hex(REPLY4);
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(decodeIcmp(bytes.slice(0, length), PING4), undefined, `${length} bytes`);
  }
  // The kernel has looked at the checksum of ICMPv6.
  const bytes6 = hex(REPLY6);
  for (let length = 0; length < bytes6.length; length++) {
    const payload = bytes6.slice(8, length);
    const expected = length < 8 ? undefined : { ...REPLY, payload };
    assert.deepEqual(decodeIcmp(bytes6.slice(0, length), PING6), expected, `${length} bytes`);
  }
});

Deno.test("decodeIcmp() copies the payload out of a buffer that is used again", () => {
  const buffer = new Uint8Array(100).fill(0xff);
  const bytes = buffer.subarray(3, 3 + hex(REPLY4).length);
  bytes.set(hex(REPLY4));
  const message = decodeIcmp(bytes, PING4);
  buffer.fill(0);
  assert.deepEqual(message, REPLY);
});

const short = fc.integer({ min: 0, max: 65535 });

Deno.test("every echo request is known again in its reply", () => {
  fc.assert(
    fc.property(short, short, fc.uint8Array({ maxLength: 100 }), (id, sequence, payload) => {
      for (const family of ["ipv4", "ipv6"] as const) {
        const options = { family, hasIpHeader: false };
        const bytes = encodeEcho({ family, id, sequence, payload });
        assert.equal(decodeIcmp(bytes, options), undefined);
        const text = bytes.toHex();
        const reply = family === "ipv4" ? `00000000${text.slice(8)}` : `8100${text.slice(4)}`;
        const expected = { kind: "reply", id, sequence, payload };
        assert.deepEqual(decodeIcmp(summed(reply), options), expected);
      }
    }),
    { numRuns: 1000 },
  );
});

const mutated = fc.record({
  message: fc.constantFrom(...CAPTURED),
  changes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
  cut: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.nat()),
  family: fc.constantFrom("ipv4" as const, "ipv6" as const),
}).map(({ message: [, options, text], changes, cut, family }) => {
  const bytes = hex(text);
  for (const [at, value] of changes) bytes[at % bytes.length] = value;
  const end = cut === undefined ? bytes.length : cut % bytes.length;
  return { bytes: bytes.slice(0, end), options, other: { ...options, family } };
});

Deno.test("mutated messages give messages or nothing, and every kind occurs", () => {
  const seed = Number(Deno.env.get("ICMP_SEED") ?? Date.now() % 2 ** 31);
  console.log(`ICMP_SEED=${seed}`);
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(mutated, ({ bytes, options, other }) => {
      const message = decodeIcmp(bytes, options);
      const kind = message?.kind ?? "nothing";
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      decodeIcmp(bytes, other);
      decodeIcmp(bytes, { ...other, hasIpHeader: !other.hasIpHeader });
    }),
    { numRuns: 5000, seed },
  );
  for (const kind of ["reply", "unreachable", "nothing"]) {
    assert.ok((seen.get(kind) ?? 0) > 100, JSON.stringify([...seen]));
  }
});
