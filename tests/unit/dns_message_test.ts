/** DNS_SEED in the environment says which mutated messages are tried. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeDnsAnswer,
  DNS_CODES,
  DNS_TYPES,
  type DnsAnswer,
  dnsCodeName,
  type DnsQuestion,
  type DnsRecord,
  dnsTypeName,
  encodeDnsQuery,
  isDnsName,
} from "../../src/health/probes/dns_message.ts";
import { ProbeFailure } from "../../src/health/probes/failure.ts";
import { hex, toHex } from "../support/bytes.ts";

const QUESTION: DnsQuestion = { name: "www.example", type: 1, id: 0x1234, recursive: true };
/** At byte 12 of a message, as c00c says; "example" is at byte 16, c010. */
const WWW = "03 777777 07 6578616d706c65 00";
const ASKED = `${WWW} 0001 0001`;
/** Where records begin behind that question. */
const RECORDS_AT = 29;
const A_RECORD = "c00c 0001 0001 0000003c 0004 0a000001";

const QUERIES: readonly (readonly [what: string, question: Partial<DnsQuestion>, text: string])[] =
  [
    ["a question", {}, `1234 0100 0001 0000 0000 0000 ${ASKED}`],
    ["the dot at its end", { name: "www.example." }, `1234 0100 0001 0000 0000 0000 ${ASKED}`],
    ["no recursion", { recursive: false }, `1234 0000 0001 0000 0000 0000 ${ASKED}`],
    [
      "the largest numbers",
      { id: 65535, type: 65535 },
      `ffff 0100 0001 0000 0000 0000 ${WWW} ffff 0001`,
    ],
    ["the root", { name: ".", type: 2 }, "1234 0100 0001 0000 0000 0000 00 0002 0001"],
    [
      "case as it is given",
      { name: "wWw" },
      "1234 0100 0001 0000 0000 0000 03 775777 00 0001 0001",
    ],
    [
      "escaped dots, backslashes, bytes and others",
      { name: "a\\.\\\\\\255\\000\\ \\b.\\.\\." },
      "1234 0100 0001 0000 0000 0000 07 612e5cff002062 02 2e2e 00 0001 0001",
    ],
  ];

for (const [what, question, text] of QUERIES) {
  Deno.test(`encodeDnsQuery() lays out ${what}`, () => {
    assert.equal(toHex(encodeDnsQuery({ ...QUESTION, ...question })), toHex(hex(text)));
  });
}

const l = (length: number) => "l".repeat(length);

const NAMES: readonly (readonly [what: string, text: string, isName: boolean])[] = [
  ["the root", ".", true],
  ["one label", "localhost", true],
  ["digits, hyphens and underscores", "_ldap._tcp.1-2.example", true],
  ["a wildcard", "*.example", true],
  ["a label of 63 bytes", l(63), true],
  ["a label of 64 bytes", l(64), false],
  ["a label of 63 escaped bytes", "\\255".repeat(63), true],
  ["a label of 64 escaped bytes", "\\255".repeat(64), false],
  ["255 bytes in all", `${l(63)}.${l(63)}.${l(63)}.${l(61)}`, true],
  ["255 bytes in all and a dot", `${l(63)}.${l(63)}.${l(63)}.${l(61)}.`, true],
  ["256 bytes in all", `${l(63)}.${l(63)}.${l(63)}.${l(62)}`, false],
  ["127 labels", "l.".repeat(127), true],
  ["128 labels", "l.".repeat(128), false],
  ["nothing", "", false],
  ["two dots alone", "..", false],
  ["a dot before it", ".example", false],
  ["two dots within it", "www..example", false],
  ["two dots at its end", "example..", false],
  ["an escaped dot and its end", "example\\..", true],
  ["an escaped dot alone", "\\.", true],
  ["a space", "www example", false],
  ["white space behind it", "example\n", false],
  ["a letter that is not ASCII", "bücher.example", false],
  ["an escaped letter that is not ASCII", "b\\ücher.example", false],
  ["a control character", "a\u0007", false],
  ["a backslash at its end", "example\\", false],
  ["an escape above 255", "\\256", false],
  ["an escape of two digits", "\\25", false],
  ["an escape of two digits and a letter", "\\25a", false],
  ["an escape with a sign", "\\-25", true],
];

for (const [what, text, isName] of NAMES) {
  Deno.test(`isDnsName() says ${isName ? "yes" : "no"} to ${what}, and encodeDnsQuery() too`, () => {
    assert.equal(isDnsName(text), isName);
    const encode = () => encodeDnsQuery({ ...QUESTION, name: text });
    if (isName) encode();
    else assert.throws(encode, RangeError);
  });
}

for (const value of [-1, 65536, 1.5, NaN]) {
  Deno.test(`encodeDnsQuery() refuses the number ${value}`, () => {
    assert.throws(() => encodeDnsQuery({ ...QUESTION, id: value }), RangeError);
    assert.throws(() => encodeDnsQuery({ ...QUESTION, type: value }), RangeError);
  });
}

Deno.test("types and codes have one name each, both ways", () => {
  for (const [name, number] of Object.entries(DNS_TYPES)) assert.equal(dnsTypeName(number), name);
  for (const [name, number] of Object.entries(DNS_CODES)) assert.equal(dnsCodeName(number), name);
  assert.deepEqual([dnsTypeName(99), dnsCodeName(15)], ["TYPE99", "RCODE15"]);
  assert.deepEqual([DNS_TYPES["AAAA"], DNS_CODES["REFUSED"]], [28, 5]);
  assert.deepEqual([DNS_TYPES["constructor"], DNS_CODES["__proto__"]], [undefined, undefined]);
});

/** What becomes of the bytes: an answer, undefined, or the failure's words. */
function read(bytes: Uint8Array, question = QUESTION): DnsAnswer | string | undefined {
  try {
    return decodeDnsAnswer(bytes, question);
  } catch (error) {
    assert.ok(error instanceof ProbeFailure, String(error));
    assert.match(error.message, /^malformed answer: [\x20-\x7e]+$/);
    return error.message.replace("malformed answer: ", "");
  }
}

const RECORD: DnsRecord = { name: "www.example.", type: 1, ttl: 60, text: "10.0.0.1" };
const GOOD: DnsAnswer = { code: 0, truncated: false, authoritative: false, answers: [RECORD] };

const ANSWERS: readonly (readonly [what: string, text: string, expected: DnsAnswer])[] = [
  ["an answer", `1234 8180 0001 0001 0000 0000 ${ASKED} ${A_RECORD}`, GOOD],
  [
    "one of a server whose own name it is",
    `1234 8400 0001 0001 0000 0000 ${ASKED} ${A_RECORD}`,
    { ...GOOD, authoritative: true },
  ],
  [
    "the question's name in another case",
    `1234 8180 0001 0001 0000 0000 03 577777 07 4558416d706c65 00 0001 0001 ${A_RECORD}`,
    { ...GOOD, answers: [{ ...RECORD, name: "Www.EXAmple." }] },
  ],
  ["no records", `1234 8180 0001 0000 0000 0000 ${ASKED}`, { ...GOOD, answers: [] }],
  ["NXDOMAIN", `1234 8183 0001 0000 0000 0000 ${ASKED}`, { ...GOOD, code: 3, answers: [] }],
  ["REFUSED without the question", "1234 8005 0000 0000 0000 0000", {
    ...GOOD,
    code: 5,
    answers: [],
  }],
  ["a code that has no name", `1234 818f 0001 0000 0000 0000 ${ASKED}`, {
    ...GOOD,
    code: 15,
    answers: [],
  }],
  [
    "a truncated answer with the counts of the whole",
    `1234 8380 0001 0005 0001 0002 ${ASKED}`,
    { ...GOOD, truncated: true, answers: [] },
  ],
  [
    "a truncated answer that ends within a record",
    `1234 8380 0001 0005 0001 0002 ${ASKED} ${A_RECORD} c00c 0001`,
    { ...GOOD, truncated: true, answers: [] },
  ],
  [
    "an alias and what it stands for",
    `1234 8180 0001 0002 0000 0000 ${ASKED}
     c00c 0005 0001 00000e10 0004 01 61 c010   # at byte 41 "a.example."
     c029 0001 0001 0000003c 0004 0a000001`,
    {
      ...GOOD,
      answers: [
        { name: "www.example.", type: 5, ttl: 3600, text: "a.example." },
        { ...RECORD, name: "a.example." },
      ],
    },
  ],
  [
    "authority and additional records, of any class, that nobody looks at",
    `1234 8180 0001 0001 0001 0002 ${ASKED} ${A_RECORD}
     c010 0002 0001 00000e10 0005 02 6e73 c010
     c036 0001 0001 00000e10 0004 0a000035
     00   0029 1000 00000000 0000              # EDNS has a size for its class`,
    GOOD,
  ],
  [
    "bytes behind its end",
    `1234 8180 0001 0001 0000 0000 ${ASKED} ${A_RECORD} 0000`,
    GOOD,
  ],
];

for (const [what, text, expected] of ANSWERS) {
  Deno.test(`decodeDnsAnswer() reads ${what}`, () => {
    assert.deepEqual(read(hex(text)), expected);
  });
}

/** An answer with one record. */
const withRecord = (text: string) => hex(`1234 8180 0001 0001 0000 0000 ${ASKED} ${text}`);

const RECORDS: readonly (readonly [what: string, text: string, expected: Partial<DnsRecord>])[] = [
  ["an A record", A_RECORD, {}],
  [
    "an AAAA record",
    "c00c 001c 0001 0000003c 0010 fd000000 00000000 00000000 00000001",
    { type: 28, text: "fd00::1" },
  ],
  [
    "an AAAA record of a mapped address",
    "c00c 001c 0001 0000003c 0010 00000000 00000000 0000ffff 0a000001",
    { type: 28, text: "::ffff:10.0.0.1" },
  ],
  [
    "an NS record",
    "c00c 0002 0001 0000003c 0006 03 6e7331 c010",
    { type: 2, text: "ns1.example." },
  ],
  [
    "a CNAME record without compression",
    "c00c 0005 0001 0000003c 0005 01 61 01 62 00",
    { type: 5, text: "a.b." },
  ],
  ["a PTR record to the root", "c00c 000c 0001 0000003c 0001 00", { type: 12, text: "." }],
  [
    "an MX record",
    "c00c 000f 0001 0000003c 0009 000a 04 6d61696c c010",
    { type: 15, text: "10 mail.example." },
  ],
  ["an MX record of no mail", "c00c 000f 0001 0000003c 0003 0000 00", { type: 15, text: "0 ." }],
  [
    "a TXT record",
    "c00c 0010 0001 0000003c 0006 05 68656c6c6f",
    { type: 16, text: "hello" },
  ],
  [
    "a TXT record of three strings, one of them empty",
    "c00c 0010 0001 0000003c 0008 03 68656c 00 02 6c6f",
    { type: 16, text: "hello" },
  ],
  ["a TXT record of an empty string", "c00c 0010 0001 0000003c 0001 00", { type: 16, text: "" }],
  [
    "a TXT record with a character in two strings",
    "c00c 0010 0001 0000003c 0006 02 67c3 02 bc6e",
    { type: 16, text: "gün" },
  ],
  [
    "a TXT record of bytes that are no text, behind a byte order mark",
    "c00c 0010 0001 0000003c 0006 05 efbbbf ff 0a",
    { type: 16, text: "\ufeff\ufffd\n" },
  ],
  [
    "an SRV record in hex",
    "c00c 0021 0001 0000003c 0009 0001 0002 0050 c010 00",
    { type: 33, text: "000100020050c01000" },
  ],
  [
    "a record of a type without a name",
    "c00c 0063 0001 0000003c 0003 c0ffee",
    { type: 99, text: "c0ffee" },
  ],
  ["a record without data", "c00c 000a 0001 0000003c 0000", { type: 10, text: "" }],
  ["the longest time", "c00c 0001 0001 7fffffff 0004 0a000001", { ttl: 0x7fff_ffff }],
  ["a time beyond the longest as none", "c00c 0001 0001 80000000 0004 0a000001", { ttl: 0 }],
  ["a record of the root", "00 0001 0001 0000003c 0004 0a000001", { name: "." }],
  [
    "a name of odd bytes",
    "05 2e205cff41 00 0001 0001 0000003c 0004 0a000001",
    { name: "\\.\\032\\\\\\255A." },
  ],
];

for (const [what, text, expected] of RECORDS) {
  Deno.test(`decodeDnsAnswer() reads ${what}`, () => {
    assert.deepEqual(read(withRecord(text)), { ...GOOD, answers: [{ ...RECORD, ...expected }] });
  });
}

const OTHERS: readonly (readonly [what: string, text: string])[] = [
  ["another id", `1235 8180 0001 0001 0000 0000 ${ASKED} ${A_RECORD}`],
  ["another id and nothing that it announces", "1235 8180 0001 0001 0000 0000"],
  ["a question", `1234 0100 0001 0000 0000 0000 ${ASKED}`],
  ["what is no query", `1234 a180 0001 0000 0000 0000 ${ASKED}`],
  ["another name", "1234 8180 0001 0000 0000 0000 03 777776 07 6578616d706c65 00 0001 0001"],
  ["the name's end", "1234 8180 0001 0000 0000 0000 07 6578616d706c65 00 0001 0001"],
  [
    "a name of one label that looks the same",
    "1234 8180 0001 0000 0000 0000 0b 777777 2e 6578616d706c65 00 0001 0001",
  ],
  ["another type", `1234 8180 0001 0000 0000 0000 ${WWW} 001c 0001`],
  ["another class", `1234 8180 0001 0000 0000 0000 ${WWW} 0001 0003`],
  ["no question at all, and has no error", "1234 8180 0000 0001 0000 0000"],
];

for (const [what, text] of OTHERS) {
  Deno.test(`decodeDnsAnswer() leaves alone what answers ${what}`, () => {
    assert.equal(read(hex(text)), undefined);
  });
}

const MALFORMED: readonly (readonly [what: string, text: string, message: string])[] = [
  ["nothing", "", "it has 0 bytes, must have at least 12"],
  [
    "two questions",
    `1234 8180 0002 0000 0000 0000 ${ASKED} ${ASKED}`,
    "it has 2 questions, must have 1",
  ],
  [
    "more answers than bytes",
    `1234 8180 0001 ffff 0000 0000 ${ASKED} ${A_RECORD}`,
    "it has 45 bytes, must have at least 46",
  ],
  [
    "more authority than bytes",
    `1234 8180 0001 0001 ffff 0000 ${ASKED} ${A_RECORD}`,
    "it has 45 bytes, must have at least 46",
  ],
  [
    "more additional records than bytes",
    `1234 8180 0001 0001 0000 ffff ${ASKED} ${A_RECORD}`,
    "it has 45 bytes, must have at least 46",
  ],
  [
    "a question's name compressed",
    "1234 8180 0001 0000 0000 0000 c00c 0001 0001",
    "a name at byte 12 goes on at byte 12, must be before it and behind the header",
  ],
];

for (const [what, text, message] of MALFORMED) {
  Deno.test(`decodeDnsAnswer() refuses ${what}`, () => assert.equal(read(hex(text)), message));
}

const BAD_RECORDS: readonly (readonly [what: string, text: string, message: string])[] = [
  [
    "another class",
    "c00c 0001 0003 0000003c 0004 0a000001",
    "it has a record of class 3, must be 1",
  ],
  [
    "data beyond the end",
    "c00c 0001 0001 0000003c 0005 0a000001",
    "it has 45 bytes, must have at least 46",
  ],
  [
    "an address of five bytes",
    "c00c 0001 0001 0000003c 0005 0a00000100",
    "the data of its A record have 5 bytes",
  ],
  [
    "an address of three bytes",
    "c00c 0001 0001 0000003c 0003 0a0000 00",
    "the data of its A record have 3 bytes",
  ],
  [
    "a short IPv6 address",
    "c00c 001c 0001 0000003c 0004 fd000000",
    "it has 45 bytes, must have at least 57",
  ],
  [
    "a name that ends before its data",
    "c00c 0005 0001 0000003c 0003 c00c 00",
    "the data of its CNAME record have 3 bytes",
  ],
  [
    "a name that ends behind its data",
    "c00c 0005 0001 0000003c 0001 c00c",
    "the data of its CNAME record have 1 bytes",
  ],
  [
    "an MX record without a name",
    "c00c 000f 0001 0000003c 0002 000a",
    "it has 43 bytes, must have at least 44",
  ],
  [
    "a TXT record without a string",
    "c00c 0010 0001 0000003c 0000 00",
    "the data of its TXT record have 0 bytes",
  ],
  [
    "a string that ends behind its data",
    "c00c 0010 0001 0000003c 0002 02 6161",
    "the data of its TXT record have 2 bytes",
  ],
  ["a label of type 1", "41 0001", "a name has a label of type 1, must be 0"],
  ["a label of type 2", "80 0001", "a name has a label of type 2, must be 0"],
  [
    "a pointer to itself",
    "c01d 0001",
    "a name at byte 29 goes on at byte 29, must be before it and behind the header",
  ],
  [
    "a label that goes on with itself",
    "01 61 c01d 0001",
    "a name at byte 29 goes on at byte 29, must be before it and behind the header",
  ],
  [
    "a pointer to itself behind a label",
    "01 61 c01f 0001",
    "a name at byte 29 goes on at byte 31, must be before it and behind the header",
  ],
  [
    "a pointer forwards",
    "c01f 00 0001",
    "a name at byte 29 goes on at byte 31, must be before it and behind the header",
  ],
  [
    "a pointer into the header",
    "c000 0001",
    "a name at byte 29 goes on at byte 0, must be before it and behind the header",
  ],
  [
    "a pointer beyond the end",
    "ffff 0001",
    "a name at byte 29 goes on at byte 16383, must be before it and behind the header",
  ],
  [
    "a name in data that goes on within them",
    "c00c 0005 0001 0000003c 0004 c02b c029",
    "a name at byte 41 goes on at byte 43, must be before it and behind the header",
  ],
];

for (const [what, text, message] of BAD_RECORDS) {
  Deno.test(`decodeDnsAnswer() refuses ${what}`, () => {
    assert.equal(read(withRecord(text)), message);
  });
}

Deno.test("decodeDnsAnswer() refuses a name that goes on in a loop before it", () => {
  const bytes = hex(`1234 8180 0001 0002 0000 0000 ${ASKED}
    c00c 000a 0001 00000000 0004 c02b c029   # at byte 41, two pointers to each other
    c02b 0001 0001 0000003c 0004 0a000001`);
  const message = "a name at byte 41 goes on at byte 43, must be before it and behind the header";
  assert.equal(read(bytes), message);
});

const u16 = (value: number) => value.toString(16).padStart(4, "0");

/** A record whose data are pointers, each to the one before it, and one whose name begins with the last. */
function chained(pointers: number): Uint8Array {
  const dataAt = RECORDS_AT + 12;
  const inData = pointers - 1;
  const data = Array.from({ length: inData }, (_, i) => {
    return u16(0xc000 | (i === 0 ? 12 : dataAt + 2 * (i - 1)));
  });
  const last = u16(0xc000 | (dataAt + 2 * (inData - 1)));
  const bytes = withRecord(`c00c 000a 0001 00000000 ${u16(2 * inData)} ${data.join("")}
    ${last} 0001 0001 0000003c 0004 0a000001`);
  bytes[7] = 2;
  return bytes;
}

Deno.test("decodeDnsAnswer() follows 127 pointers, and no more", () => {
  const answer = read(chained(127));
  assert.ok(typeof answer === "object");
  assert.deepEqual(answer.answers[1], RECORD);
  for (const count of [128, 8_000]) {
    assert.equal(read(chained(count)), "a name has more than 127 compression pointers");
  }
});

/** Labels of these lengths, and the root. */
const longName = (...lengths: readonly number[]) =>
  `${lengths.map((n) => u16(n).slice(2) + "6c".repeat(n)).join("")} 00`;

Deno.test("decodeDnsAnswer() reads names of 255 bytes, and no longer ones", () => {
  const rest = "0001 0001 0000003c 0004 0a000001";
  const answer = read(withRecord(`${longName(63, 63, 63, 61)} ${rest}`));
  assert.ok(typeof answer === "object");
  assert.equal(answer.answers[0]!.name, `${l(63)}.${l(63)}.${l(63)}.${l(61)}.`);
  const refused = "a name has more than 255 bytes";
  assert.equal(read(withRecord(`${longName(63, 63, 63, 62)} ${rest}`)), refused);
  assert.equal(read(withRecord(`${longName(63, 63, 63, 54).slice(0, -2)} c010 ${rest}`)), refused);
});

Deno.test("decodeDnsAnswer() takes 65535 bytes, and no more", () => {
  const most = Math.floor((0xffff - RECORDS_AT) / 12);
  const bytes = new Uint8Array(0xffff);
  bytes.set(hex(`1234 8180 0001 ${u16(most)} 0000 0000 ${ASKED}`));
  for (let i = 0; i < most; i++) {
    bytes.set(hex("c00c 000a 0001 00000000 0000"), RECORDS_AT + 12 * i);
  }
  const answer = read(bytes);
  assert.ok(typeof answer === "object");
  assert.equal(answer.answers.length, most);
  const larger = new Uint8Array(0x1_0000);
  larger.set(bytes);
  const message = /: it has 65536 bytes, must have at most 65535$/;
  assert.throws(() => decodeDnsAnswer(larger, QUESTION), message);
});

/** All sections, and all types that are spelled. */
const WHOLE = hex(`
  1234 8580 0001 0007 0001 0001
  03 777777 07 6578616d706c65 00 0001 0001
  c00c 0005 0001 00000e10 0004 01 61 c010
  c029 0001 0001 0000003c 0004 0a000001
  c029 001c 0001 0000003c 0010 fd000000 00000000 00000000 00000001
  c010 000f 0001 00000e10 0009 000a 04 6d61696c c010
  c010 0010 0001 00000e10 0009 03 68656c 04 6c6f2021
  c010 0006 0001 00000e10 0018 c010 c00c 00000001 00000002 00000003 00000004 00000005
  01 31 02 3130 00 000c 0001 00000e10 0002 c00c
  c010 0002 0001 00000e10 0005 02 6e73 c010
  00   0029 1000 00000000 0000
`);

Deno.test("decodeDnsAnswer() refuses every truncation of an answer", () => {
  const answer = read(WHOLE);
  assert.ok(typeof answer === "object");
  assert.deepEqual(answer.answers.map(({ name, text }) => [name, text]), [
    ["www.example.", "a.example."],
    ["a.example.", "10.0.0.1"],
    ["a.example.", "fd00::1"],
    ["example.", "10 mail.example."],
    ["example.", "hello !"],
    ["example.", "c010c00c0000000100000002000000030000000400000005"],
    ["1.10.", "www.example."],
  ]);
  for (let length = 0; length < WHOLE.length; length++) {
    const message = read(WHOLE.slice(0, length));
    assert.match(String(message), /^it has \d+ bytes, must have at least \d+$/, `${length} bytes`);
  }
});

Deno.test("decodeDnsAnswer() reads every truncation that says so, from its question on", () => {
  const truncated = WHOLE.slice();
  truncated[2]! |= 0x02;
  const expected = { ...GOOD, truncated: true, authoritative: true, answers: [] };
  for (let length = 0; length <= truncated.length; length++) {
    const answer = read(truncated.slice(0, length));
    if (length < RECORDS_AT) assert.equal(typeof answer, "string", `${length} bytes`);
    else assert.deepEqual(answer, expected);
  }
});

Deno.test("decodeDnsAnswer() reads bytes within a larger buffer", () => {
  const buffer = new Uint8Array(WHOLE.length + 20).fill(0xff);
  buffer.set(WHOLE, 7);
  assert.deepEqual(read(buffer.subarray(7, 7 + WHOLE.length)), read(WHOLE));
});

/** Any bytes, all escaped. */
const label = fc.uint8Array({ minLength: 1, maxLength: 20 })
  .map((bytes) => Array.from(bytes, (byte) => `\\${String(byte).padStart(3, "0")}`).join(""));
const dnsName = fc.array(label, { minLength: 1, maxLength: 10 }).map((labels) => labels.join("."));

/** The same letters, large. */
function upperCase(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);
}

Deno.test("every question is known again in its answer, and its name is read as it was", () => {
  const number = fc.integer({ min: 0, max: 65535 });
  fc.assert(
    fc.property(dnsName, number, number, fc.boolean(), (name, type, id, recursive) => {
      const question = { name, type, id, recursive };
      const query = encodeDnsQuery(question);
      const record = hex("c00c 0001 0001 0000003c 0004 0a000001");
      const bytes = Uint8Array.from([...query, ...record]);
      bytes[2]! |= 0x80;
      bytes[7] = 1;
      const answer = decodeDnsAnswer(bytes, question)!;
      const read = { ...question, name: answer.answers[0]!.name };
      assert.equal(toHex(encodeDnsQuery(read)), toHex(query));
      bytes.set(upperCase(bytes.subarray(12, query.length - 4)), 12);
      assert.notEqual(decodeDnsAnswer(bytes, question), undefined);
      const other = { ...question, name: `${name}.x` };
      assert.equal(decodeDnsAnswer(bytes, other), undefined);
    }),
    { numRuns: 1000 },
  );
});

const MESSAGES = [
  WHOLE,
  chained(20),
  ...ANSWERS.map(([, text]) => hex(text)),
  ...RECORDS.map(([, text]) => withRecord(text)),
];

/** Values at which lengths, types and pointers break. */
const byte = fc.oneof(
  fc.constantFrom(0, 1, 2, 0x0c, 0x1d, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff),
  fc.integer({ min: 0, max: 255 }),
);
const mutated = fc.record({
  message: fc.constantFrom(...MESSAGES),
  changes: fc.array(fc.tuple(fc.nat(), byte), { minLength: 1, maxLength: 6 }),
  /** What is wrong before the records keeps them from being read. */
  from: fc.constantFrom(0, 2, RECORDS_AT, RECORDS_AT, RECORDS_AT),
  cut: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.nat()),
}).map(({ message, changes, from, cut }) => {
  const bytes = message.slice();
  const start = from < bytes.length ? from : 0;
  for (const [at, value] of changes) bytes[start + at % (bytes.length - start)] = value;
  return cut === undefined ? bytes : bytes.slice(0, cut % bytes.length);
});

Deno.test("mutated messages give answers, nothing or ProbeFailures, and all three occur", () => {
  const seed = Number(Deno.env.get("DNS_SEED") ?? Date.now() % 2 ** 31);
  console.log(`DNS_SEED=${seed}`);
  const seen = { answer: 0, nothing: 0, refused: 0 };
  fc.assert(
    fc.property(mutated, (bytes) => {
      const result = read(bytes);
      if (result === undefined) seen.nothing++;
      else if (typeof result === "string") seen.refused++;
      else seen.answer++;
    }),
    { numRuns: 5000, seed },
  );
  assert.ok(Math.min(...Object.values(seen)) > 100, JSON.stringify(seen));
});
