import assert from "node:assert/strict";
import http2 from "node:http2";
import fc from "fast-check";
import { ProbeFailure } from "../../src/health/probes/failure.ts";
import {
  type Http2Answer,
  Http2Exchange,
  type Http2Request,
} from "../../src/health/probes/http2/exchange.ts";
import {
  concat,
  encodeFrame,
  FLAG,
  FRAME,
  type Frame,
  FrameReader,
} from "../../src/health/probes/http2/frames.ts";
import {
  encodeHeaders,
  type HeaderList,
  HpackDecoder,
} from "../../src/health/probes/http2/hpack.ts";
import { decodeHuffman } from "../../src/health/probes/http2/huffman.ts";
import { hex, toHex } from "../support/bytes.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Huffman

/** RFC 7541, appendix B: the code of each byte, without its length. */
const CODES = `
1ff8 7fffd8 fffffe2 fffffe3 fffffe4 fffffe5 fffffe6 fffffe7 fffffe8 ffffea 3ffffffc fffffe9 fffffea
3ffffffd fffffeb fffffec fffffed fffffee fffffef ffffff0 ffffff1 ffffff2 3ffffffe ffffff3 ffffff4
ffffff5 ffffff6 ffffff7 ffffff8 ffffff9 ffffffa ffffffb 14 3f8 3f9 ffa 1ff9 15 f8 7fa 3fa 3fb f9 7fb
fa 16 17 18 0 1 2 19 1a 1b 1c 1d 1e 1f 5c fb 7ffc 20 ffb 3fc 1ffa 21 5d 5e 5f 60 61 62 63 64 65 66 67
68 69 6a 6b 6c 6d 6e 6f 70 71 72 fc 73 fd 1ffb 7fff0 1ffc 3ffc 22 7ffd 3 23 4 24 5 25 26 27 6 74 75
28 29 2a 7 2b 76 2c 8 9 2d 77 78 79 7a 7b 7ffe 7fc 3ffd 1ffd ffffffc fffe6 3fffd2 fffe7 fffe8 3fffd3
3fffd4 3fffd5 7fffd9 3fffd6 7fffda 7fffdb 7fffdc 7fffdd 7fffde ffffeb 7fffdf ffffec ffffed 3fffd7
7fffe0 ffffee 7fffe1 7fffe2 7fffe3 7fffe4 1fffdc 3fffd8 7fffe5 3fffd9 7fffe6 7fffe7 ffffef 3fffda
1fffdd fffe9 3fffdb 3fffdc 7fffe8 7fffe9 1fffde 7fffea 3fffdd 3fffde fffff0 1fffdf 3fffdf 7fffeb
7fffec 1fffe0 1fffe1 3fffe0 1fffe2 7fffed 3fffe1 7fffee 7fffef fffea 3fffe2 3fffe3 3fffe4 7ffff0
3fffe5 3fffe6 7ffff1 3ffffe0 3ffffe1 fffeb 7fff1 3fffe7 7ffff2 3fffe8 1ffffec 3ffffe2 3ffffe3
3ffffe4 7ffffde 7ffffdf 3ffffe5 fffff1 1ffffed 7fff2 1fffe3 3ffffe6 7ffffe0 7ffffe1 3ffffe7 7ffffe2
fffff2 1fffe4 1fffe5 3ffffe8 3ffffe9 ffffffd 7ffffe3 7ffffe4 7ffffe5 fffec fffff3 fffed 1fffe6
3fffe9 1fffe7 1fffe8 7ffff3 3fffea 3fffeb 1ffffee 1ffffef fffff4 fffff5 3ffffea 7ffff4 3ffffeb
7ffffe6 3ffffec 3ffffed 7ffffe7 7ffffe8 7ffffe9 7ffffea 7ffffeb ffffffe 7ffffec 7ffffed 7ffffee
7ffffef 7fffff0 3ffffee`.trim().split(/\s+/).map((code) => parseInt(code, 16));

/** How long they are: the first and the last of each length. */
const BOUNDS: readonly (readonly [length: number, codes: readonly [from: number, to: number]])[] = [
  [5, [0x0, 0x9]],
  [6, [0x14, 0x2d]],
  [7, [0x5c, 0x7b]],
  [8, [0xf8, 0xfd]],
  [10, [0x3f8, 0x3fc]],
  [11, [0x7fa, 0x7fc]],
  [12, [0xffa, 0xffb]],
  [13, [0x1ff8, 0x1ffd]],
  [14, [0x3ffc, 0x3ffd]],
  [15, [0x7ffc, 0x7ffe]],
  [19, [0x7fff0, 0x7fff2]],
  [20, [0xfffe6, 0xfffed]],
  [21, [0x1fffdc, 0x1fffe8]],
  [22, [0x3fffd2, 0x3fffeb]],
  [23, [0x7fffd8, 0x7ffff4]],
  [24, [0xffffea, 0xfffff5]],
  [25, [0x1ffffec, 0x1ffffef]],
  [26, [0x3ffffe0, 0x3ffffee]],
  [27, [0x7ffffde, 0x7fffff0]],
  [28, [0xfffffe2, 0xffffffe]],
  [30, [0x3ffffffc, 0x3ffffffe]],
];

function bitsOf(code: number): string {
  const length = BOUNDS.find(([, [from, to]]) => from <= code && code <= to)?.[0];
  assert.ok(length, code.toString(16));
  return code.toString(2).padStart(length, "0");
}

/** Bits as bytes; what is left of the last one is filled up. */
function pack(bits: string, filler = "1"): Uint8Array {
  const octets = bits.padEnd(Math.ceil(bits.length / 8) * 8, filler).match(/.{8}/g) ?? [];
  return Uint8Array.from(octets, (octet) => parseInt(octet, 2));
}

function huffman(bytes: Uint8Array): Uint8Array {
  return pack(Array.from(bytes, (byte) => bitsOf(CODES[byte]!)).join(""));
}

Deno.test("decodeHuffman() knows the code of every byte, alone and beside others", () => {
  assert.equal(CODES.length, 256);
  for (let byte = 0; byte < 256; byte++) {
    assert.deepEqual(decodeHuffman(huffman(Uint8Array.of(byte))), Uint8Array.of(byte));
  }
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assert.deepEqual(decodeHuffman(huffman(all)), all);
  assert.deepEqual(decodeHuffman(huffman(all.toReversed())), all.toReversed());
});

Deno.test("decodeHuffman() gives back any text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(decodeHuffman(huffman(bytes)), bytes);
    }),
    { numRuns: 1000 },
  );
});

const HUFFMAN_TEXTS: readonly (readonly [digits: string, text: string])[] = [
  ["", ""],
  ["f1e3 c2e5 f23a 6ba0 ab90 f4ff", "www.example.com"],
  ["a8eb 1064 9cbf", "no-cache"],
  ["25a8 49e9 5ba9 7d7f", "custom-key"],
  ["25a8 49e9 5bb8 e8b4 bf", "custom-value"],
  ["6402", "302"],
  ["640e ff", "307"],
  ["aec3 771a 4b", "private"],
  ["d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", "https://www.example.com"],
  ["9bd9 ab", "gzip"],
];

for (const [digits, text] of HUFFMAN_TEXTS) {
  Deno.test(`decodeHuffman() reads "${text}"`, () => {
    assert.equal(decoder.decode(decodeHuffman(hex(digits))), text);
  });
}

const PADDING = "malformed answer: its headers have a Huffman code with wrong padding";
const EOS = "malformed answer: its headers have the Huffman code of EOS";

const WRONG_HUFFMAN: readonly (readonly [what: string, bytes: Uint8Array, message: string])[] = [
  ["padding of 8 bits", hex("ff"), PADDING],
  ["a symbol and padding of 8 bits", pack(`${bitsOf(0xf8)}11111111`), PADDING],
  ["a symbol and padding of 11 bits", hex("1fff"), PADDING],
  ["padding of 29 bits", pack(`00011${"1".repeat(27)}`), PADDING],
  ["padding of zeros", hex("00"), PADDING],
  ["padding whose last bit is zero", pack("00011110", "0"), PADDING],
  ["padding of 7 bits that are zero", pack("111110000", "0"), PADDING],
  ["EOS alone", pack("1".repeat(30)), EOS],
  ["EOS behind a symbol", pack(`00011${"1".repeat(30)}`), EOS],
  ["EOS before a symbol", pack(`${"1".repeat(30)}00011`), EOS],
];

for (const [what, bytes, message] of WRONG_HUFFMAN) {
  Deno.test(`decodeHuffman() refuses ${what}`, () => {
    assert.throws(() => decodeHuffman(bytes), { name: "ProbeFailure", message });
  });
}

Deno.test("decodeHuffman() takes padding of up to 7 bits", () => {
  const paddings = new Set<number>();
  for (let count = 1; count <= 8; count++) {
    const text = "0".repeat(count);
    paddings.add((8 - count * bitsOf(CODES[0x30]!).length % 8) % 8);
    assert.equal(decoder.decode(decodeHuffman(huffman(encoder.encode(text)))), text);
  }
  assert.equal(paddings.size, 8);
});

// HPACK

const GET_HTTP: HeaderList = [[":method", "GET"], [":scheme", "http"], [":path", "/"]];
const AUTHORITY = [":authority", "www.example.com"] as const;
const THIRD_REQUEST: HeaderList = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  AUTHORITY,
  ["custom-key", "custom-value"],
];
const REQUESTS: readonly HeaderList[] = [
  [...GET_HTTP, AUTHORITY],
  [...GET_HTTP, AUTHORITY, ["cache-control", "no-cache"]],
  THIRD_REQUEST,
];

const redirect = (status: string): HeaderList => [
  [":status", status],
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["location", "https://www.example.com"],
];
const RESPONSES: readonly HeaderList[] = [
  redirect("302"),
  redirect("307"),
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];

/** Makes the table as small as the RFC's examples of answers have it. */
const TABLE_OF_256 = "3fe101";

/** RFC 7541, appendix C: blocks of one connection each. */
const EXAMPLES: readonly (readonly [string, readonly string[], readonly HeaderList[]])[] = [
  [
    "C.2.1, a literal with indexing",
    ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "be"],
    [[["custom-key", "custom-header"]], [["custom-key", "custom-header"]]],
  ],
  [
    "C.2.2, a literal without indexing",
    ["040c 2f73 616d 706c 652f 7061 7468"],
    [[[":path", "/sample/path"]]],
  ],
  [
    "C.2.3, a literal that is never indexed",
    ["1008 7061 7373 776f 7264 0673 6563 7265 74"],
    [[["password", "secret"]]],
  ],
  ["C.2.4, an indexed header", ["82"], [[[":method", "GET"]]]],
  [
    "C.3, requests without Huffman codes",
    [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    REQUESTS,
  ],
  [
    "C.4, requests with Huffman codes",
    [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
    REQUESTS,
  ],
  [
    "C.5, answers without Huffman codes",
    [
      `${TABLE_OF_256} 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230
       3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65
       2e63 6f6d`,
      "4803 3330 37c1 c0bf",
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04
       677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49
       553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ],
    RESPONSES,
  ],
  [
    "C.6, answers with Huffman codes",
    [
      `${TABLE_OF_256} 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0
       82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      "4883 640e ffc1 c0bf",
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7
       821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed
       4ee5 b106 3d50 07`,
    ],
    RESPONSES,
  ],
];

for (const [what, blocks, lists] of EXAMPLES) {
  Deno.test(`HpackDecoder reads the RFC's example ${what}`, () => {
    const hpack = new HpackDecoder();
    assert.deepEqual(blocks.map((block) => hpack.decode(hex(block))), lists);
  });
}

Deno.test("HpackDecoder has the RFC's table of 61 headers", () => {
  const list = new HpackDecoder().decode(Uint8Array.from({ length: 61 }, (_, i) => 0x81 + i));
  assert.equal(list.length, 61);
  const at = (number: number) => list[number - 1]!.join("=");
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17].map(at).join(" "),
    ":authority= :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https " +
      ":status=200 :status=204 :status=206 :status=304 :status=400 :status=404 :status=500 " +
      "accept-charset= accept-encoding=gzip, deflate accept-language=",
  );
  // Names of the whole table are in the order of the alphabet from here on, but for these.
  assert.deepEqual(
    [18, 19, 20, 28, 31, 38, 46, 54, 57, 61].map(at).join(" "),
    "accept-ranges= accept= access-control-allow-origin= content-length= content-type= host= " +
      "location= server= transfer-encoding= www-authenticate=",
  );
});

/** What the decoder says of blocks of one connection: their headers, or why the last is refused. */
function decodeAll(...blocks: readonly (string | Uint8Array)[]): HeaderList | string {
  const hpack = new HpackDecoder();
  try {
    return blocks.flatMap((block) => hpack.decode(typeof block === "string" ? hex(block) : block));
  } catch (error) {
    assert.ok(error instanceof ProbeFailure, String(error));
    return error.message.replace("malformed answer: ", "");
  }
}

const MIDST = "its headers end in the midst of one";
const LARGE_NUMBER = "its headers have a number that is too large";
const noNumber = (index: number) => `its headers name number ${index} of a table that has no such`;

const WRONG_HPACK: readonly (readonly [what: string, block: string, message: string])[] = [
  ["the index 0", "80", noNumber(0)],
  ["an index behind the table", "be", noNumber(62)],
  ["a name behind the table", "7e 0161", noNumber(62)],
  ["a name far behind the table", "0f ffffff07 00", noNumber(15 + (1 << 24) - 1)],
  ["an index that does not end", "ff80", MIDST],
  ["a length that does not end", "0001617f80", MIDST],
  ["a literal without its name", "40", MIDST],
  ["a literal without its value", "400161", MIDST],
  ["a name that is shorter than it says", "400261", MIDST],
  ["a value that is shorter than it says", "4001610261", MIDST],
  ["a value that is said to have 256 MiB", "4001617fffffff7f", MIDST],
  ["an index of 5 more bytes", "ff8080808000", LARGE_NUMBER],
  ["an index over 32 bits", "ffffffffff0f", LARGE_NUMBER],
  ["an index over 64 bits", `ff${"ff".repeat(12)}01`, LARGE_NUMBER],
  ["a length over 32 bits", "4001617fffffffff0f", LARGE_NUMBER],
  ["a table size over 32 bits", "3fffffffff0f", LARGE_NUMBER],
  ["a table size of 4097", "3fe21f", "its header table has 4097 bytes, must have 4096 at most"],
  ["a table size behind a header", "8820", "the size of its header table comes too late"],
  ["a name without characters", "0000", 'it has the header "", must be a name in lower case'],
  ["an upper case name", "00015800", 'it has the header "X", must be a name in lower case'],
  ["a name of a colon alone", "00013a00", 'it has the header ":", must be a name in lower case'],
  ["a name with a space", "0003612062 00", 'it has the header "a b", must be a name in lower case'],
  [
    "a name with a line's end",
    "0002610a 00",
    'it has the header "a.", must be a name in lower case',
  ],
  ["a name with a NUL", "0002610000", 'it has the header "a.", must be a name in lower case'],
  [
    "a name behind a mark",
    "0004efbbbf61 00",
    'it has the header ".a", must be a name in lower case',
  ],
  ["a name that is not UTF-8", "0001ff00", 'it has the header ".", must be a name in lower case'],
  ["wrong Huffman codes", "000161 81ff", "its headers have a Huffman code with wrong padding"],
];

for (const [what, block, message] of WRONG_HPACK) {
  Deno.test(`HpackDecoder refuses ${what}`, () => {
    assert.equal(decodeAll(block), message);
  });
}

const RIGHT_HPACK: readonly (readonly [what: string, block: string, list: HeaderList])[] = [
  ["nothing", "", []],
  [
    "a length that has zeros in front",
    `000161 7f81808000 ${"78".repeat(128)}`,
    [["a", "x".repeat(128)]],
  ],
  ["a table size of 4096", "3fe11f 88", [[":status", "200"]]],
  ["two table sizes", "20 3fe11f 88", [[":status", "200"]]],
  ["a value that is empty", "00016100", [["a", ""]]],
  ["a value in UTF-8", "00016102c3a4", [["a", "ä"]]],
  ["a value that is not UTF-8", "00016101ff", [["a", "\ufffd"]]],
];

for (const [what, block, list] of RIGHT_HPACK) {
  Deno.test(`HpackDecoder reads ${what}`, () => assert.deepEqual(decodeAll(block), list));
}

/** A literal with indexing of this size, as the table counts it. */
function entry(name: string, size: number): string {
  const length = size - 32 - name.length;
  const value = encodeHeaders([[name, "x".repeat(length)]]);
  return toHex(Uint8Array.of(0x40, ...value.subarray(1)));
}

const EVICTIONS: readonly (readonly [what: string, blocks: readonly string[], last: string])[] = [
  ["two that fill the table stay", [entry("a", 2048), entry("b", 2048), "bf"], "a"],
  ["the oldest goes for another", [entry("a", 2048), entry("b", 2048), entry("c", 33), "bf"], "b"],
  [
    "only the oldest goes",
    [entry("a", 2048), entry("b", 2048), entry("c", 33), "c0"],
    noNumber(64),
  ],
  ["one of 4096 stays", [entry("a", 4096), "be"], "a"],
  ["one of 4097 is not taken", [entry("a", 4097), "be"], noNumber(62)],
  ["one of 4097 empties the table", [entry("a", 40), entry("b", 4097), "be"], noNumber(62)],
  ["a table of size 0 is empty", [entry("a", 40), "20", "be"], noNumber(62)],
  ["a table of size 0 stays empty", ["20", entry("a", 40), "be"], noNumber(62)],
  ["a table of size 0 may grow again", ["20 3fe11f", entry("a", 40), "be"], "a"],
  ["a size keeps what it has room for", [entry("a", 40), entry("b", 40), "3f09", "be"], "b"],
  ["a size evicts the oldest", [entry("a", 40), entry("b", 40), "3f30", "bf"], noNumber(63)],
  ["a table of 10 takes nothing (C.1.1)", ["2a", entry("a", 34), "be"], noNumber(62)],
  ["a table of 1337 takes 1337 (C.1.2)", ["3f9a0a", entry("a", 1337), "be"], "a"],
  ["a table of 1337 does not take 1338", ["3f9a0a", entry("a", 1338), "be"], noNumber(62)],
  ["a name outlives its entry", [entry("a", 4096), "7e 00", "be"], "a"],
];

for (const [what, blocks, last] of EVICTIONS) {
  Deno.test(`HpackDecoder's table: ${what}`, () => {
    const list = decodeAll(...blocks);
    assert.equal(typeof list === "string" ? list : list.at(-1)![0], last);
  });
}

const TOO_MANY = "its headers have more than 64 KiB";

Deno.test("HpackDecoder has a limit for all headers of a connection together", () => {
  const large = entry("a", 4096);
  assert.equal((decodeAll(large, "be".repeat(15)) as HeaderList).length, 16);
  assert.equal(decodeAll(large, "be".repeat(16)), TOO_MANY);
  assert.equal(decodeAll(large, ...Array(16).fill("be")), TOO_MANY);
  assert.equal(decodeAll(large, "be".repeat(60_000)), TOO_MANY);
  assert.equal(decodeAll(entry("a", 65_537)), TOO_MANY);
  assert.equal((decodeAll(entry("a", 65_536)) as HeaderList).length, 1);
});

Deno.test("encodeHeaders() writes literals that are never indexed", () => {
  const bytes = encodeHeaders([[":path", "/"], ["a", "ä"], ["b", ""]]);
  assert.equal(toHex(bytes), toHex(hex("10053a70617468012f 10016102c3a4 10016200")));
});

Deno.test("what encodeHeaders() writes is read back, however long it is", () => {
  for (const length of [0, 1, 126, 127, 128, 254, 255, 256, 16_510, 16_511, 16_512, 60_000]) {
    const list: HeaderList = [["a", "x".repeat(length)], ["b", "y"]];
    assert.deepEqual(decodeAll(encodeHeaders(list)), list);
  }
});

Deno.test("HpackDecoder gives headers or a ProbeFailure for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void decodeAll(bytes)), {
    numRuns: 5000,
  });
});

// Frames

const EMPTY = new Uint8Array();

function framesOf(chunks: readonly Uint8Array[]): Frame[] {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame; frame = reader.next()) frames.push(frame);
  }
  return frames;
}

function cut(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const bounds = [0, ...cuts.filter((at) => at < whole.length), whole.length].sort((a, b) => a - b);
  return bounds.slice(1).map((end, i) => whole.slice(bounds[i], end));
}

const bytewise = (bytes: Uint8Array) => Array.from(bytes, (byte) => Uint8Array.of(byte));

Deno.test("encodeFrame() writes length, type, flags and stream before the payload", () => {
  const bytes = encodeFrame(FRAME.HEADERS, 0x25, 0x7fff_fffe, Uint8Array.of(1, 2, 3));
  assert.equal(toHex(bytes), toHex(hex("000003 01 25 7ffffffe 010203")));
});

Deno.test("FrameReader gives the frames that were written, however they are cut", () => {
  const frame = fc.record({
    type: fc.nat(255),
    flags: fc.nat(255),
    stream: fc.nat(0x7fff_ffff),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.integer({ min: 1000, max: 16_384 }).map((length) => new Uint8Array(length).fill(7)),
    ),
  }, { noNullPrototype: true });
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 6 }),
      fc.array(fc.nat(40_000), { maxLength: 8 }),
      (frames, cuts) => {
        const whole = concat(
          frames.map(({ type, flags, stream, payload }) =>
            encodeFrame(type, flags, stream, payload)
          ),
        );
        assert.deepEqual(framesOf(cut(whole, cuts)), frames);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("FrameReader reads frames byte by byte", () => {
  const whole = concat([
    encodeFrame(FRAME.DATA, 0, 1, new Uint8Array(5000).fill(1)),
    encodeFrame(FRAME.DATA, 1, 1, EMPTY),
  ]);
  assert.deepEqual(framesOf(bytewise(whole)), framesOf([whole]));
  assert.equal(framesOf([whole]).length, 2);
});

Deno.test("FrameReader does not look at the bit before a stream's number", () => {
  assert.equal(framesOf([hex("000000 00 00 80000001")])[0]!.stream, 1);
});

Deno.test("FrameReader's frames stay as they are when more comes in", () => {
  const reader = new FrameReader();
  reader.push(encodeFrame(FRAME.DATA, 0, 1, Uint8Array.of(1)));
  const frame = reader.next();
  for (let i = 0; i < 2000; i++) {
    reader.push(encodeFrame(FRAME.DATA, 0, 1, Uint8Array.of(2)));
    reader.next();
  }
  assert.deepEqual(frame?.payload, Uint8Array.of(1));
});

Deno.test("FrameReader takes frames of 16384 bytes, and refuses larger ones before they are there", () => {
  assert.equal(framesOf([encodeFrame(FRAME.DATA, 0, 1, new Uint8Array(16_384))]).length, 1);
  assert.throws(() => framesOf([hex("004001 00 00 00000001")]), {
    name: "ProbeFailure",
    message: "malformed answer: its DATA frame has 16385 bytes, must have 16384 at most",
  });
  assert.throws(() => framesOf([hex("ffffff 2a 00 00000001")]), {
    name: "ProbeFailure",
    message: "malformed answer: its 0x2a frame has 16777215 bytes, must have 16384 at most",
  });
});

// The exchange

const GET: Http2Request = {
  method: "GET",
  scheme: "http",
  authority: "10.0.0.1:80",
  path: "/healthz?full=1",
  headers: [],
  body: EMPTY,
};
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const { END_STREAM, END_HEADERS, ACK, PADDED } = FLAG;
const END = END_STREAM | END_HEADERS;

const u32 = (value: number) =>
  Uint8Array.of(value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff);
const setting = (id: number, value: number) => Uint8Array.of(0, id, ...u32(value));
const settings = (...parts: readonly Uint8Array[]) =>
  encodeFrame(FRAME.SETTINGS, 0, 0, concat(parts));
const SETTINGS = settings();
const headers = (list: HeaderList, flags: number = END_HEADERS) =>
  encodeFrame(FRAME.HEADERS, flags, 1, encodeHeaders(list));
const data = (text: string, flags = 0) => encodeFrame(FRAME.DATA, flags, 1, encoder.encode(text));
const windowUpdate = (stream: number, increment: number) =>
  encodeFrame(FRAME.WINDOW_UPDATE, 0, stream, u32(increment));
const goAway = (last: number, code: number) =>
  encodeFrame(FRAME.GOAWAY, 0, 0, concat([u32(last), u32(code), encoder.encode("debug")]));
const reset = (code: number) => encodeFrame(FRAME.RST_STREAM, 0, 1, u32(code));
const ping = (flags = 0) => encodeFrame(FRAME.PING, flags, 0, encoder.encode("12345678"));

const OK: HeaderList = [[":status", "200"]];
const HEAD = headers(OK);

interface Fed {
  readonly exchange: Http2Exchange;
  /** What was sent behind the beginning. */
  readonly sent: Uint8Array;
  readonly failure: string | undefined;
}

/** An exchange that got these bytes. Failures of another class are defects, and thrown on. */
function feed(
  chunks: readonly Uint8Array[],
  request: Partial<Http2Request> = {},
  bodyLimit = 1000,
): Fed {
  const exchange = new Http2Exchange({ ...GET, ...request }, { bodyLimit });
  exchange.begin();
  const sent: Uint8Array[] = [];
  try {
    for (const chunk of chunks) sent.push(exchange.push(chunk));
    return { exchange, sent: concat(sent), failure: undefined };
  } catch (error) {
    if (!(error instanceof ProbeFailure)) throw error;
    assert.equal(exchange.answer, undefined);
    return { exchange, sent: concat(sent), failure: error.message };
  }
}

/** In short what came out: `200 "body"`, a failure, or that more is waited for. */
function summary({ exchange, failure }: Fed): string {
  if (failure !== undefined) return failure;
  if (!exchange.answer) return exchange.head ? "unfinished behind its head" : "unfinished";
  return print(exchange.answer);
}

function print({ status, headers, body, trailers }: Http2Answer): string {
  const fields = (list: HeaderList) => list.map((field) => ` ${field.join("=")}`).join("");
  const behind = trailers.length > 0 ? ` +${fields(trailers)}` : "";
  return `${status}${fields(headers)} "${decoder.decode(body)}"${behind}`;
}

/** What begins the connection, apart: the preface, and the frames behind it. */
function beginning(request: Partial<Http2Request> = {}): Frame[] {
  const bytes = new Http2Exchange({ ...GET, ...request }, { bodyLimit: 0 }).begin();
  assert.equal(decoder.decode(bytes.subarray(0, PREFACE.length)), PREFACE);
  return framesOf([bytes.subarray(PREFACE.length)]);
}

Deno.test("an exchange begins with preface, settings and a request that ends", () => {
  const [first, second, ...rest] = beginning();
  assert.deepEqual(first, {
    type: FRAME.SETTINGS,
    flags: 0,
    stream: 0,
    payload: hex("0001 00001000 0002 00000000"),
  });
  assert.deepEqual({ ...second, payload: undefined }, {
    type: FRAME.HEADERS,
    flags: END,
    stream: 1,
    payload: undefined,
  });
  assert.deepEqual(decodeAll(second!.payload), [
    [":method", "GET"],
    [":scheme", "http"],
    [":authority", "10.0.0.1:80"],
    [":path", "/healthz?full=1"],
  ]);
  assert.deepEqual(rest, []);
});

Deno.test("an exchange sends headers in lower case, and none that are about a connection", () => {
  const [, request] = beginning({
    headers: [
      ["X-Key", "A: b"],
      ["Connection", "x"],
      ["HOST", "x"],
      ["Keep-Alive", "x"],
      ["Transfer-Encoding", "x"],
      ["upgrade", "x"],
      ["Proxy-Connection", "x"],
      ["te", "trailers"],
    ],
  });
  const list = decodeAll(request!.payload);
  assert.deepEqual(list.slice(4), [["x-key", "A: b"], ["te", "trailers"]]);
});

Deno.test("an exchange sends headers that are too long for a frame in more of them", () => {
  const long: HeaderList = [["a", "x".repeat(40_000)]];
  const [, ...frames] = beginning({ headers: long, body: encoder.encode("x") });
  assert.deepEqual(frames.map(({ type, flags }) => [type, flags]), [
    [FRAME.HEADERS, 0],
    [FRAME.CONTINUATION, 0],
    [FRAME.CONTINUATION, END_HEADERS],
    [FRAME.DATA, END_STREAM],
  ]);
  const block = concat(frames.slice(0, 3).map(({ payload }) => payload));
  assert.deepEqual(decodeAll(block).slice(4), long);
  const [, ...alone] = beginning({ headers: long });
  assert.deepEqual(alone.map(({ flags }) => flags), [END_STREAM, 0, END_HEADERS]);
});

Deno.test("an exchange sends a body that has room behind its headers", () => {
  const [, request, body, ...rest] = beginning({ method: "POST", body: encoder.encode("text") });
  assert.equal(request!.flags, END_HEADERS);
  assert.deepEqual(body, {
    type: FRAME.DATA,
    flags: END_STREAM,
    stream: 1,
    payload: encoder.encode("text"),
  });
  assert.deepEqual(rest, []);
});

/** Sizes of the frames of a body of 100,000 bytes that follow each of these; END marks the last. */
const INITIAL_WINDOW_SIZE = 4;
const BODIES:
  readonly (readonly [what: string, steps: readonly (readonly [Uint8Array, string])[]])[] = [
    ["waits for both windows", [
      [SETTINGS, ""],
      [windowUpdate(1, 40_000), ""],
      [windowUpdate(0, 10), "10"],
      [windowUpdate(0, 100_000), "16384 16384 1687 END"],
      [windowUpdate(0, 100_000), ""],
    ]],
    ["waits for the window of its stream", [
      [concat([SETTINGS, windowUpdate(0, 100_000)]), ""],
      [windowUpdate(1, 1), "1"],
      [windowUpdate(1, 100_000), "16384 16384 1696 END"],
    ]],
    ["goes on where the initial window grows", [
      [concat([settings(setting(INITIAL_WINDOW_SIZE, 65_545)), windowUpdate(0, 100_000)]), "10"],
      [settings(setting(INITIAL_WINDOW_SIZE, 65_546)), "1"],
      [settings(setting(INITIAL_WINDOW_SIZE, 0x7fff_ffff)), "16384 16384 1686 END"],
    ]],
    ["waits where the initial window gets less than what is sent", [
      [concat([settings(setting(INITIAL_WINDOW_SIZE, 0)), windowUpdate(0, 100_000)]), ""],
      [windowUpdate(1, 65_535), ""],
      [windowUpdate(1, 5), "5"],
      [settings(setting(INITIAL_WINDOW_SIZE, 10)), "10"],
      [settings(setting(INITIAL_WINDOW_SIZE, 0)), ""],
      [settings(setting(INITIAL_WINDOW_SIZE, 11)), "1"],
    ]],
    ["takes frames as large as the server does", [
      [settings(setting(5, 20_000)), ""],
      [concat([windowUpdate(0, 100_000), windowUpdate(1, 100_000)]), "20000 14465 END"],
    ]],
    ["goes on behind a head, which may say how it is", [
      [concat([SETTINGS, HEAD, data("x")]), ""],
      [concat([windowUpdate(0, 1), windowUpdate(1, 1)]), "1"],
    ]],
    ["stops where the answer ends before", [
      [concat([SETTINGS, windowUpdate(0, 9), windowUpdate(1, 9), headers(OK, END)]), ""],
      [concat([windowUpdate(0, 100_000), windowUpdate(1, 100_000)]), ""],
    ]],
  ];

/** The DATA in what is sent, whose frames may be larger than those that we take. */
function dataIn(bytes: Uint8Array): string {
  const found: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = view.getUint32(0) >>> 8;
    if (view.getUint8(3) === FRAME.DATA) found.push(`${length}`);
    if (view.getUint8(3) === FRAME.DATA && view.getUint8(4) === END_STREAM) found.push("END");
    at += 9 + length;
  }
  return found.join(" ");
}

for (const [what, steps] of BODIES) {
  Deno.test(`a request's body ${what}`, () => {
    const body = new Uint8Array(100_000).fill(1);
    const exchange = new Http2Exchange({ ...GET, body }, { bodyLimit: 0 });
    const begin = exchange.begin();
    assert.equal(dataIn(begin.subarray(PREFACE.length)), "16384 16384 16384 16383");
    assert.deepEqual(
      steps.map(([bytes]) => dataIn(exchange.push(bytes))),
      steps.map(([, sent]) => sent),
    );
  });
}

Deno.test("a request's body is sent whole and in order", () => {
  const body = Uint8Array.from({ length: 150_000 }, (_, i) => i * 7 & 0xff);
  const exchange = new Http2Exchange({ ...GET, body }, { bodyLimit: 0 });
  const sent = [exchange.begin().subarray(PREFACE.length), exchange.push(SETTINGS)];
  for (let i = 0; i < 100; i++) {
    sent.push(exchange.push(concat([windowUpdate(0, 1000), windowUpdate(1, 1000)])));
  }
  const frames = framesOf(sent).filter(({ type }) => type === FRAME.DATA);
  assert.deepEqual(concat(frames.map(({ payload }) => payload)), body);
  assert.deepEqual(frames.filter(({ flags }) => flags !== 0), [frames.at(-1)]);
});

const padded = (type: number, flags: number, payload: Uint8Array, padding: number) =>
  encodeFrame(
    type,
    flags | PADDED,
    1,
    concat([Uint8Array.of(padding), payload, new Uint8Array(padding)]),
  );
const withPriority = (list: HeaderList, flags: number) =>
  encodeFrame(
    FRAME.HEADERS,
    flags | FLAG.PRIORITY,
    1,
    concat([hex("8000000310"), encodeHeaders(list)]),
  );
const continuation = (payload: Uint8Array, flags = 0, stream = 1) =>
  encodeFrame(FRAME.CONTINUATION, flags, stream, payload);

const LONG_LIST: HeaderList = [...OK, ["a", "x".repeat(100)]];
const LONG = encodeHeaders(LONG_LIST);
const ofLong = (start: number, end?: number) => LONG.subarray(start, end);
const longFrom = (flags: number, end: number) =>
  encodeFrame(FRAME.HEADERS, flags, 1, ofLong(0, end));
const A_LONG = `a=${"x".repeat(100)}`;

/** Frames behind the server's first SETTINGS, and what comes of them. */
type Case = readonly [what: string, frames: readonly Uint8Array[], expected: string];

const RIGHT: readonly Case[] = [
  ["a head alone", [headers(OK, END)], '200 ""'],
  ["a head and an empty body", [HEAD, data("", END_STREAM)], '200 ""'],
  ["a body in parts", [HEAD, data("a"), data(""), data("bc", END_STREAM)], '200 "abc"'],
  ["a head that is waited for", [], "unfinished"],
  ["a body that is waited for", [HEAD, data("a")], "unfinished behind its head"],
  ["a status of 599", [headers([[":status", "599"]], END)], '599 ""'],
  [
    "headers in their order, also twice",
    [headers([...OK, ["b", "1"], ["a", "2"], ["b", "3"]], END)],
    '200 b=1 a=2 b=3 ""',
  ],
  ["trailers", [HEAD, data("x"), headers([["t", "1"]], END)], '200 "x" + t=1'],
  ["trailers without a body", [HEAD, headers([["t", "1"]], END)], '200 "" + t=1'],
  ["trailers without a header", [HEAD, headers([], END)], '200 ""'],
  [
    "interim answers",
    [headers([[":status", "100"]]), headers([[":status", "103"], ["a", "b"]]), headers(OK, END)],
    '200 ""',
  ],
  ["an interim answer alone", [headers([[":status", "100"]])], "unfinished"],
  ["padding of nothing", [padded(FRAME.HEADERS, END, encodeHeaders(OK), 0)], '200 ""'],
  ["padding of a head", [padded(FRAME.HEADERS, END, encodeHeaders(OK), 255)], '200 ""'],
  [
    "padding of a body",
    [HEAD, padded(FRAME.DATA, END_STREAM, encoder.encode("a"), 9)],
    '200 "a"',
  ],
  ["padding alone", [HEAD, padded(FRAME.DATA, END_STREAM, EMPTY, 9)], '200 ""'],
  ["a head with priority", [withPriority(OK, END)], '200 ""'],
  [
    "a head with padding and priority",
    [padded(
      FRAME.HEADERS,
      END | FLAG.PRIORITY,
      concat([hex("0000000010"), encodeHeaders(OK)]),
      3,
    )],
    '200 ""',
  ],
  [
    "a head in three frames",
    [
      longFrom(END_STREAM, 3),
      continuation(ofLong(3, 50)),
      continuation(ofLong(50), END_HEADERS),
    ],
    `200 ${A_LONG} ""`,
  ],
  [
    "a head in 33 frames",
    [
      longFrom(END_STREAM, 3),
      ...Array.from({ length: 31 }, (_, i) => continuation(ofLong(3 + i, 4 + i))),
      continuation(ofLong(34), END_HEADERS),
    ],
    `200 ${A_LONG} ""`,
  ],
  [
    "trailers in two frames",
    [
      HEAD,
      encodeFrame(FRAME.HEADERS, END_STREAM, 1, EMPTY),
      continuation(encodeHeaders([["t", "1"]]), END_HEADERS),
    ],
    '200 "" + t=1',
  ],
  [
    "frames of unknown types, flags and settings",
    [
      encodeFrame(0x2a, 0xff, 7, encoder.encode("what?")),
      settings(setting(0x2a, 0xffff_ffff), setting(6, 0)),
      encodeFrame(FRAME.HEADERS, END | 0xd2, 1, encodeHeaders(OK)),
    ],
    '200 ""',
  ],
  [
    "a body of the length that it tells",
    [headers([...OK, ["content-length", "3"]]), data("ab"), data("c", END_STREAM)],
    '200 content-length=3 "abc"',
  ],
  ...["204", "304"].map((status): Case => [
    `no body with ${status}, whatever its length is said to be`,
    [headers([[":status", status], ["content-length", "3"]], END)],
    `${status} content-length=3 ""`,
  ]),
  ["going away with the answer to come", [goAway(1, 0), headers(OK, END)], '200 ""'],
  ["going away after what is under way", [goAway(0x7fff_ffff, 0), headers(OK, END)], '200 ""'],
  ["a reset behind its end", [HEAD, data("", END_STREAM), reset(0)], '200 ""'],
  ["a reset with an error behind its end", [headers(OK, END), reset(8)], '200 ""'],
  ["going away behind its end", [headers(OK, END), goAway(0, 2)], '200 ""'],
  ["garbage behind its end", [headers(OK, END), encoder.encode("garbage!!!")], '200 ""'],
  [
    "PRIORITY frames",
    [encodeFrame(FRAME.PRIORITY, 0, 3, new Uint8Array(5)), headers(OK, END)],
    '200 ""',
  ],
  ["an ACK", [encodeFrame(FRAME.SETTINGS, ACK, 0, EMPTY), headers(OK, END)], '200 ""'],
  ["a PING's ACK", [ping(ACK), headers(OK, END)], '200 ""'],
  [
    "settings at their limits",
    [
      settings(
        setting(1, 0xffff_ffff),
        setting(2, 0),
        setting(3, 0),
        setting(4, 0x7fff_ffff),
        setting(5, 16_384),
        setting(5, 16_777_215),
      ),
      headers(OK, END),
    ],
    '200 ""',
  ],
  [
    "windows at their limit",
    [
      windowUpdate(0, 0x7fff_ffff - 65_535),
      windowUpdate(1, 0x7fff_ffff - 65_535),
      headers(OK, END),
    ],
    '200 ""',
  ],
];

for (const [what, frames, expected] of RIGHT) {
  Deno.test(`an answer may have ${what}`, () => {
    const whole = concat([SETTINGS, ...frames]);
    assert.equal(summary(feed([whole])), expected);
    assert.equal(summary(feed(bytewise(whole))), expected);
  });

  Deno.test(`an answer with ${what} that is cut anywhere is waited for, and no failure`, () => {
    const whole = concat([SETTINGS, ...frames]);
    const first = feed([whole]).exchange.answer;
    let answered = 0;
    for (let length = 0; length < whole.length; length++) {
      const { exchange, failure } = feed([whole.subarray(0, length)]);
      assert.equal(failure, undefined);
      // Behind an answer's end there may be something that is not looked at.
      if (exchange.answer) answered++;
      assert.deepEqual(exchange.answer, answered > 0 ? first : undefined);
    }
    const last = frames.at(-1)?.length ?? 0;
    assert.ok(answered <= (what.includes("behind its end") ? last : 0), `${answered}`);
  });
}

const onStream = (stream: number, type: number, payload = EMPTY, flags = 0) =>
  encodeFrame(type, flags, stream, payload);
const MISPLACED: readonly (readonly [name: keyof typeof FRAME, stream: number, length: number])[] =
  [
    ["DATA", 0, 0],
    ["DATA", 3, 0],
    ["HEADERS", 0, 0],
    ["HEADERS", 2, 0],
    ["HEADERS", 3, 0],
    ["PRIORITY", 0, 5],
    ["RST_STREAM", 0, 4],
    ["RST_STREAM", 3, 4],
    ["SETTINGS", 1, 0],
    ["PUSH_PROMISE", 0, 4],
    ["PUSH_PROMISE", 1, 4],
    ["PING", 1, 8],
    ["GOAWAY", 1, 8],
    ["WINDOW_UPDATE", 3, 4],
    ["CONTINUATION", 0, 0],
  ];
const SIZES: readonly (readonly [name: keyof typeof FRAME, stream: number, must: number])[] = [
  ["PRIORITY", 1, 5],
  ["RST_STREAM", 1, 4],
  ["PING", 0, 8],
  ["WINDOW_UPDATE", 0, 4],
  ["WINDOW_UPDATE", 1, 4],
];

/** Expected is a reason without its beginning. */
const WRONG: readonly Case[] = [
  ...MISPLACED.map(([name, stream, length]): Case => [
    `${name} on stream ${stream}`,
    [onStream(stream, FRAME[name], new Uint8Array(length))],
    `its ${name} frame is on stream ${stream}, where it must not be`,
  ]),
  ...SIZES.flatMap(([name, stream, must]) =>
    [0, must - 1, must + 1].map((length): Case => [
      `${name} of ${length} bytes on stream ${stream}`,
      [onStream(stream, FRAME[name], new Uint8Array(length))],
      `its ${name} frame has ${length} bytes, must have ${must}`,
    ])
  ),
  [
    "GOAWAY of 7 bytes",
    [onStream(0, FRAME.GOAWAY, new Uint8Array(7))],
    "its GOAWAY frame has 7 bytes, must have 8 at least",
  ],
  [
    "SETTINGS of 5 bytes",
    [onStream(0, FRAME.SETTINGS, new Uint8Array(5))],
    "its SETTINGS frame has 5 bytes, must have a multiple of 6",
  ],
  [
    "an ACK of settings",
    [onStream(0, FRAME.SETTINGS, setting(3, 1), ACK)],
    "its SETTINGS ACK has 6 bytes, must have none",
  ],
  [
    "ENABLE_PUSH of 1",
    [settings(setting(2, 1))],
    "its SETTINGS_ENABLE_PUSH is 1, must be from 0 to 0",
  ],
  [
    "ENABLE_PUSH of 2 behind another setting",
    [settings(setting(3, 1), setting(2, 2))],
    "its SETTINGS_ENABLE_PUSH is 2, must be from 0 to 0",
  ],
  [
    "INITIAL_WINDOW_SIZE of 2^31",
    [settings(setting(4, 0x8000_0000))],
    "its SETTINGS_INITIAL_WINDOW_SIZE is 2147483648, must be from 0 to 2147483647",
  ],
  [
    "MAX_FRAME_SIZE of 16383",
    [settings(setting(5, 16_383))],
    "its SETTINGS_MAX_FRAME_SIZE is 16383, must be from 16384 to 16777215",
  ],
  [
    "MAX_FRAME_SIZE of 2^24",
    [settings(setting(5, 16_777_216))],
    "its SETTINGS_MAX_FRAME_SIZE is 16777216, must be from 16384 to 16777215",
  ],
  ...[0, 1].flatMap((stream): Case[] => [
    [
      `WINDOW_UPDATE of 0 on stream ${stream}`,
      [windowUpdate(stream, 0)],
      "its WINDOW_UPDATE is of 0 bytes, must be of more",
    ],
    [
      `a window that gets too large on stream ${stream}`,
      [windowUpdate(stream, 0x7fff_ffff - 65_534)],
      "it opens a window to 2147483648, must be 2147483647 at most",
    ],
  ]),
  [
    "a window that a setting makes too large",
    [windowUpdate(1, 1), settings(setting(4, 0x7fff_ffff))],
    "it opens a window to 2147483648, must be 2147483647 at most",
  ],
  ["a body before its head", [data("x")], "its body comes before its head"],
  [
    "a body behind an interim head",
    [headers([[":status", "100"]]), data("x")],
    "its body comes before its head",
  ],
  [
    "an interim head that ends",
    [headers([[":status", "100"]], END)],
    "it ends with the interim status 100",
  ],
  ["trailers that do not end", [HEAD, headers([["a", "b"]])], "its trailers are not the end of it"],
  [
    "trailers with a status",
    [HEAD, headers(OK, END)],
    'it has the header ":status", which has no place there',
  ],
  ["no headers", [headers([])], 'it begins with "", must have ":status" first'],
  [
    "a status behind a header",
    [headers([["a", "b"], ...OK])],
    'it begins with "a", must have ":status" first',
  ],
  ["no status", [headers([["a", "b"]])], 'it begins with "a", must have ":status" first'],
  [
    "a method",
    [headers([[":method", "GET"]])],
    'it begins with ":method", must have ":status" first',
  ],
  [
    "two statuses",
    [headers([...OK, ...OK])],
    'it has the header ":status", which has no place there',
  ],
  [
    "a path",
    [headers([...OK, [":path", "/"]])],
    'it has the header ":path", which has no place there',
  ],
  ...["", "20", "2000", "099", "abc", "+20", "2 0", "101", "-1", "20\n"].map((status): Case => [
    `the status ${JSON.stringify(status)}`,
    [headers([[":status", status]], END)],
    `its status is "${status.replace("\n", ".")}"`,
  ]),
  ...["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"].map((
    name,
  ): Case => [
    `the header ${name}`,
    [headers([...OK, [name, "x"]])],
    `it has the header "${name}", which has no place there`,
  ]),
  ...["\0", "\r", "\n"].map((char): Case => [
    `a value with ${JSON.stringify(char)}`,
    [headers([...OK, ["a", `b${char}c`]])],
    'its header "a" is "b.c"',
  ]),
  [
    "an upper case header",
    [headers([...OK, ["Server", "x"]])],
    'it has the header "Server", must be a name in lower case',
  ],
  ["wrong HPACK", [encodeFrame(FRAME.HEADERS, END, 1, hex("80"))], noNumber(0)],
  [
    "padding that is longer than its DATA",
    [HEAD, encodeFrame(FRAME.DATA, PADDED, 1, hex("03 0000"))],
    "its DATA frame has 3 bytes, but padding of 3",
  ],
  [
    "padded DATA without a length",
    [HEAD, encodeFrame(FRAME.DATA, PADDED, 1, EMPTY)],
    "its DATA frame has 0 bytes, but padding of 0",
  ],
  [
    "padding that is longer than its HEADERS",
    [encodeFrame(FRAME.HEADERS, PADDED | END, 1, hex("02 88"))],
    "its HEADERS frame has 2 bytes, but padding of 2",
  ],
  [
    "HEADERS too short for their priority",
    [encodeFrame(FRAME.HEADERS, FLAG.PRIORITY | END, 1, hex("00000000"))],
    "its HEADERS end within their priority",
  ],
  [
    "padding within the priority",
    [encodeFrame(FRAME.HEADERS, PADDED | FLAG.PRIORITY | END, 1, hex("01 0000000000"))],
    "its HEADERS end within their priority",
  ],
  ["CONTINUATION of nothing", [continuation(EMPTY)], "it has a CONTINUATION of nothing"],
  [
    "CONTINUATION of headers that ended",
    [HEAD, continuation(EMPTY)],
    "it has a CONTINUATION of nothing",
  ],
  [
    "CONTINUATION on another stream",
    [longFrom(0, 3), continuation(ofLong(3), END_HEADERS, 3)],
    "its CONTINUATION frame is on stream 3, where it must not be",
  ],
  ...[ping(), SETTINGS, windowUpdate(0, 1), data("x"), HEAD, onStream(0, 0x2a)].map((
    frame,
  ): Case => [
    `a frame of type ${frame[3]} amid headers`,
    [longFrom(0, 3), frame],
    "its headers are interrupted by another frame",
  ]),
  [
    "34 frames of headers",
    [longFrom(0, 3), ...Array<Uint8Array>(33).fill(continuation(EMPTY))],
    "its headers are in more than 32 CONTINUATION frames",
  ],
  [
    "64 KiB of headers that do not end",
    [longFrom(0, 3), ...Array<Uint8Array>(4).fill(continuation(new Uint8Array(16_384)))],
    TOO_MANY,
  ],
  [
    "headers that get too many when they are read",
    [encodeFrame(FRAME.HEADERS, END, 1, hex(`88 ${entry("a", 4096)} ${"be".repeat(16)}`))],
    TOO_MANY,
  ],
  [
    "trailers that are too many beside the head",
    [
      encodeFrame(FRAME.HEADERS, END_HEADERS, 1, hex(`88 ${entry("a", 4096)} ${"be".repeat(10)}`)),
      encodeFrame(FRAME.HEADERS, END, 1, hex("be".repeat(10))),
    ],
    TOO_MANY,
  ],
  [
    "a body that is shorter than it tells",
    [headers([...OK, ["content-length", "3"]]), data("ab", END_STREAM)],
    'its body has 2 bytes, must have "3" by its content-length',
  ],
  [
    "a body that is longer than it tells",
    [headers([...OK, ["content-length", "3"]]), data("abcd"), headers([["t", "1"]], END)],
    'its body has 4 bytes, must have "3" by its content-length',
  ],
  [
    "two lengths",
    [headers([...OK, ["content-length", "1"], ["content-length", "2"]]), data("a", END_STREAM)],
    'its body has 1 bytes, must have "2" by its content-length',
  ],
  [
    "a length that is no number",
    [headers([...OK, ["content-length", ""]], END)],
    'its body has 0 bytes, must have "" by its content-length',
  ],
  [
    "a frame that is too large",
    [hex("004001 00 00 00000001")],
    "its DATA frame has 16385 bytes, must have 16384 at most",
  ],
];

for (const [what, frames, reason] of WRONG) {
  Deno.test(`an answer is refused for ${what}`, () => {
    const whole = concat([SETTINGS, ...frames]);
    const expected = `malformed answer: ${reason}`;
    assert.equal(summary(feed([whole])), expected);
    assert.equal(summary(feed(bytewise(whole))), expected);
  });
}

const ENDED: readonly Case[] = [
  [
    "GOAWAY with an error",
    [goAway(1, 0xb)],
    "connection refused by the server: GOAWAY ENHANCE_YOUR_CALM",
  ],
  [
    "GOAWAY with an error of no name",
    [goAway(1, 0xffff_ffff)],
    "connection refused by the server: GOAWAY 0xffffffff",
  ],
  ["GOAWAY without us", [goAway(0, 0)], "connection refused by the server: GOAWAY NO_ERROR"],
  [
    "GOAWAY without us behind one with",
    [goAway(0x7fff_ffff, 0), goAway(0, 0)],
    "connection refused by the server: GOAWAY NO_ERROR",
  ],
  [
    "GOAWAY behind the head",
    [HEAD, goAway(1, 2)],
    "connection refused by the server: GOAWAY INTERNAL_ERROR",
  ],
  ["a reset", [reset(7)], "stream reset: REFUSED_STREAM"],
  ["a reset behind the head", [HEAD, data("x"), reset(8)], "stream reset: CANCEL"],
  ["a reset without an error before the end", [HEAD, reset(0)], "stream reset: NO_ERROR"],
  ["a reset of the highest name", [reset(13)], "stream reset: HTTP_1_1_REQUIRED"],
  ["a reset of no name", [reset(14)], "stream reset: 0xe"],
];

for (const [what, frames, reason] of ENDED) {
  Deno.test(`${what} ends an exchange with "${reason}"`, () => {
    const whole = concat([SETTINGS, ...frames]);
    assert.equal(summary(feed([whole])), reason);
    assert.equal(summary(feed(bytewise(whole))), reason);
  });
}

Deno.test("a head stays there when what follows is a failure", () => {
  const { exchange, failure } = feed([concat([SETTINGS, HEAD, reset(2)])]);
  assert.equal(failure, "stream reset: INTERNAL_ERROR");
  assert.deepEqual(exchange.head, { status: 200, headers: [] });
});

const begins = (text: string) => `malformed answer: it begins with "${text}", must be HTTP/2`;
const BEGINNINGS: readonly (readonly [what: string, bytes: Uint8Array, expected: string])[] = [
  ["HTTP/1", encoder.encode("HTTP/1.1 400 Bad Request\r\n\r\n"), begins("HTTP/1.1 400 Bad Req")],
  ["one byte of HTTP/1", encoder.encode("H"), begins("H")],
  ["a TLS alert", hex("15030100020246"), begins("......F")],
  ["a PING", ping(), begins("........." + "12345678")],
  ["an answer", HEAD, begins("...........:status.2")],
  ["GOAWAY", goAway(0, 0), begins(".................deb")],
  ["an ACK", encodeFrame(FRAME.SETTINGS, ACK, 0, EMPTY), begins(".........")],
  [
    "SETTINGS of a stream",
    encodeFrame(FRAME.SETTINGS, 0, 1, EMPTY),
    "malformed answer: its SETTINGS frame is on stream 1, where it must not be",
  ],
  [
    "SETTINGS that are too long",
    hex("004002 04 00 00000000"),
    "malformed answer: its SETTINGS frame has 16386 bytes, must have 16384 at most",
  ],
  ["nothing", EMPTY, "unfinished"],
  ["the beginning of SETTINGS", SETTINGS.subarray(0, 5), "unfinished"],
  ["SETTINGS", SETTINGS, "unfinished"],
];

/** What is quoted of a wrong beginning is what there is when it is known, and depends on the cut. */
const unquoted = (text: string) => text.replace(/ ".*", must be HTTP\/2$/, "");

for (const [what, bytes, expected] of BEGINNINGS) {
  Deno.test(`a server that begins with ${what} is ${expected}`, () => {
    assert.equal(summary(feed([bytes])), expected);
    assert.equal(unquoted(summary(feed(bytewise(bytes)))), unquoted(expected));
  });
}

Deno.test("settings and pings are answered, ACKs are not", () => {
  const { sent } = feed([
    concat([
      SETTINGS,
      ping(),
      settings(setting(3, 1)),
      ping(ACK),
      encodeFrame(FRAME.SETTINGS, ACK, 0, EMPTY),
    ]),
  ]);
  const acknowledgement = { type: FRAME.SETTINGS, flags: ACK, stream: 0, payload: EMPTY };
  assert.deepEqual(framesOf([sent]), [
    acknowledgement,
    { type: FRAME.PING, flags: ACK, stream: 0, payload: encoder.encode("12345678") },
    acknowledgement,
  ]);
});

Deno.test("a body is kept up to its limit, and the windows are opened for all of it", () => {
  const part = "x".repeat(16_384);
  const parts = Array.from({ length: 100 }, () => data(part));
  const whole = concat([SETTINGS, HEAD, ...parts, data("end", END_STREAM)]);
  const { exchange, sent } = feed([whole], {}, 20_000);
  assert.equal(decoder.decode(exchange.answer?.body), "x".repeat(20_000));
  const opened = [0, 0];
  for (const { type, stream, payload } of framesOf([sent])) {
    if (type !== FRAME.WINDOW_UPDATE) continue;
    opened[stream]! += new DataView(payload.buffer).getUint32(0);
  }
  assert.deepEqual(opened, [100 * 16_384, 100 * 16_384]);
});

Deno.test("a server that keeps to its windows never stands still, also with padding alone", () => {
  for (const frame of [data("x"), data("x".repeat(16_384)), padded(FRAME.DATA, 0, EMPTY, 255)]) {
    const { exchange } = feed([SETTINGS, HEAD]);
    const windows = [65_535, 65_535];
    const size = frame.length - 9;
    for (let i = 0; i < 2000; i++) {
      assert.ok(windows.every((window) => window >= size), `${windows}`);
      for (const stream of [0, 1]) windows[stream]! -= size;
      for (const { type, stream, payload } of framesOf([exchange.push(frame)])) {
        assert.equal(type, FRAME.WINDOW_UPDATE);
        windows[stream]! += new DataView(payload.buffer).getUint32(0);
      }
    }
  }
});

for (const [limit, kept] of [[0, ""], [1, "a"], [3, "abc"], [4, "abcd"], [9, "abcdef"]] as const) {
  Deno.test(`of a body no more than ${limit} bytes are kept`, () => {
    const frames = [SETTINGS, HEAD, data("abc"), data("def", END_STREAM)];
    assert.equal(decoder.decode(feed(frames, {}, limit).exchange.answer?.body), kept);
  });
}

Deno.test("an answer to HEAD may tell the length of what it leaves out", () => {
  const bytes = concat([SETTINGS, headers([...OK, ["content-length", "5"]], END)]);
  assert.equal(summary(feed([bytes], { method: "HEAD" })), '200 content-length=5 ""');
  assert.match(summary(feed([bytes])), /^malformed answer: its body has 0 bytes/);
});

const FLOODS: readonly (readonly [what: string, frame: Uint8Array])[] = [
  ["empty DATA", data("")],
  ["padding", padded(FRAME.DATA, 0, EMPTY, 1)],
  ["PING", ping()],
  ["SETTINGS", SETTINGS],
  ["WINDOW_UPDATE", windowUpdate(0, 1)],
  ["PRIORITY", encodeFrame(FRAME.PRIORITY, 0, 3, new Uint8Array(5))],
  ["unknown", encodeFrame(0x2a, 0, 0, EMPTY)],
];

for (const [what, frame] of FLOODS) {
  Deno.test(`a flood of ${what} frames is a failure`, () => {
    const most = concat([SETTINGS, HEAD, ...Array<Uint8Array>(9_998).fill(frame)]);
    assert.equal(summary(feed([most])), "unfinished behind its head");
    assert.equal(summary(feed([most, frame])), "malformed answer: it has more than 10000 frames");
  });
}

Deno.test("a flood of interim answers is a failure", () => {
  const interim = headers([[":status", "103"]]);
  const bytes = concat([SETTINGS, ...Array<Uint8Array>(5_000).fill(interim)]);
  assert.equal(summary(feed([bytes])), `malformed answer: ${TOO_MANY}`);
});

Deno.test("nothing is sent or looked at behind an answer", () => {
  const { exchange } = feed([SETTINGS, headers(OK, END)]);
  const { answer } = exchange;
  assert.deepEqual(exchange.push(ping()), EMPTY);
  assert.deepEqual(exchange.push(encoder.encode("garbage")), EMPTY);
  assert.equal(exchange.answer, answer);
});

// By chance

/** Answers to be spoiled: frames that are changed, dropped, doubled and moved. */
const ANSWERS: readonly (readonly Uint8Array[])[] = [
  ...RIGHT.map(([, frames]) => [SETTINGS, ...frames]),
  [
    settings(setting(3, 100), setting(4, 10), setting(5, 16_384)),
    encodeFrame(FRAME.SETTINGS, ACK, 0, EMPTY),
    windowUpdate(0, 1000),
    encodeFrame(FRAME.HEADERS, END_HEADERS, 1, hex("88 5f87497ca58ae819aa 0f0d0133")),
    padded(FRAME.DATA, 0, encoder.encode("abc"), 5),
    ping(),
    headers([["t", "1"]], END),
  ],
];

const seedOf = () => {
  const given = Deno.env.get("HTTP2_SEED");
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  console.log(`HTTP2_SEED=${seed}`);
  return seed;
};

const change = fc.record({
  kind: fc.constantFrom("byte", "byte", "byte", "head", "drop", "double", "swap", "cut", "insert"),
  frame: fc.nat(1000),
  at: fc.nat(1000),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 4, 5, 8, 9, 0x7f, 0x80, 0xff)),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function spoil(answer: readonly Uint8Array[], changes: readonly Change[]): Uint8Array {
  const frames: Uint8Array[] = answer.map((frame) => frame.slice());
  for (const { kind, frame, at, value } of changes) {
    const which = frame % Math.max(1, frames.length);
    const bytes = frames[which];
    if (!bytes || bytes.length === 0) continue;
    if (kind === "byte") bytes[at % bytes.length] = value;
    // The length mostly stays right: else hardly anything would get past the framing.
    if (kind === "head") bytes[Math.min(3 + at % 6, bytes.length - 1)] = value;
    if (kind === "drop") frames.splice(which, 1);
    if (kind === "double") frames.splice(which, 0, bytes.slice());
    if (kind === "swap") frames.push(...frames.splice(which, 1));
    if (kind === "cut") frames[which] = bytes.slice(0, at % bytes.length);
    if (kind === "insert") {
      frames.splice(which, 0, encodeFrame(value % 11, at & 0xff, at % 3, hex("88")));
    }
  }
  return concat(frames);
}

const spoiled = fc.tuple(
  fc.constantFrom(...ANSWERS),
  fc.array(change, { minLength: 1, maxLength: 4 }),
).map(([answer, changes]) => spoil(answer, changes));

Deno.test("5,000 spoiled answers end in an answer or a ProbeFailure, or are waited for", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(spoiled, fc.array(fc.nat(300), { maxLength: 6 }), (bytes, cuts) => {
      const found = summary(feed([bytes]));
      assert.match(
        found,
        /^[1-9]\d\d |^malformed answer: [ -~]+$|^stream reset: |: GOAWAY |^unfinished/s,
      );
      assert.equal(unquoted(summary(feed(cut(bytes, cuts)))), unquoted(found));
      assert.equal(unquoted(summary(feed(bytewise(bytes)))), unquoted(found));
      const kind = /^[1-9]/.test(found)
        ? "answer"
        : found.startsWith("unf")
        ? "unfinished"
        : "failure";
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }),
    { numRuns: 5000, seed: seedOf() },
  );
  for (const kind of ["answer", "unfinished", "failure"]) {
    assert.ok((seen.get(kind) ?? 0) > 200, JSON.stringify([...seen]));
  }
});

Deno.test("any bytes behind the first SETTINGS end in an answer or a ProbeFailure, or are waited for", () => {
  const frame = fc.tuple(fc.nat(11), fc.nat(255), fc.nat(2), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, stream, payload]) => encodeFrame(type, flags, stream, payload));
  fc.assert(
    fc.property(fc.array(fc.oneof(frame, fc.uint8Array({ maxLength: 20 }))), (parts) => {
      assert.ok(summary(feed([SETTINGS, ...parts])).length > 0);
    }),
    { numRuns: 5000, seed: seedOf() },
  );
});

// A real server

interface RealServer extends AsyncDisposable {
  readonly port: number;
}

/** Says what was asked; a number as its path asks for as many bytes. */
async function serveReal(): Promise<RealServer> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, asked) => {
    stream.on("error", () => {});
    let received = 0;
    stream.on("data", (chunk: Uint8Array) => received += chunk.length);
    stream.on("end", () => {
      const path = String(asked[":path"]);
      if (path === "/reset") return stream.close(http2.constants.NGHTTP2_CANCEL);
      if (path === "/trailers") {
        stream.respond({ ":status": 200 }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        return void stream.end("body");
      }
      stream.respond({
        ":status": path === "/teapot" ? 418 : 200,
        "x-asked": `${asked[":method"]} ${asked[":authority"]} ${asked["x-key"]} ${received}`,
        "x-odd": "~!@#$%^&*(){}[]<>|`'\";:,./?\\ ".trim(),
      });
      stream.end("x".repeat(Number(path.slice(1)) || 0));
    });
    stream.resume();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  assert.ok(address && typeof address === "object");
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function ask(
  port: number,
  request: Partial<Http2Request>,
  bodyLimit = 1000,
): Promise<Http2Answer | string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  // A window that is never opened must not keep the tests waiting.
  const timer = setTimeout(() => connection.close(), 20_000);
  const write = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  };
  const authority = `127.0.0.1:${port}`;
  const headers: HeaderList = [["X-Key", "value"]];
  const exchange = new Http2Exchange({ ...GET, authority, headers, ...request }, { bodyLimit });
  try {
    await write(exchange.begin());
    const buffer = new Uint8Array(5000);
    while (!exchange.answer) {
      const length = await connection.read(buffer);
      if (length === null) return "closed";
      await write(exchange.push(buffer.subarray(0, length)));
    }
    return exchange.answer;
  } catch (error) {
    if (error instanceof ProbeFailure) return error.message;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("a real server answers what an exchange asks", async (t) => {
  await using server = await serveReal();
  const { port } = server;
  const headerOf = (answer: Http2Answer | string, name: string) => {
    assert.ok(typeof answer !== "string", String(answer));
    return answer.headers.find((header) => header[0] === name)?.[1];
  };

  await t.step("GET", async () => {
    const answer = await ask(port, { path: "/" });
    assert.equal(headerOf(answer, "x-asked"), `GET 127.0.0.1:${port} value 0`);
    assert.equal(headerOf(answer, "x-odd"), "~!@#$%^&*(){}[]<>|`'\";:,./?\\");
    assert.ok(typeof answer !== "string");
    assert.deepEqual([answer.status, answer.body, answer.trailers], [200, EMPTY, []]);
  });
  await t.step("another status", async () => {
    const answer = await ask(port, { path: "/teapot" });
    assert.ok(typeof answer !== "string");
    assert.equal(answer.status, 418);
  });
  await t.step("HEAD", async () => {
    const answer = await ask(port, { method: "HEAD", path: "/" });
    assert.match(headerOf(answer, "x-asked") ?? "", /^HEAD /);
  });
  for (const length of [1, 65_535, 65_536, 1_000_000]) {
    await t.step(`POST of ${length} bytes`, async () => {
      const answer = await ask(port, { method: "POST", path: "/", body: new Uint8Array(length) });
      assert.equal(headerOf(answer, "x-asked"), `POST 127.0.0.1:${port} value ${length}`);
    });
  }
  await t.step("POST with headers of more than a frame", async () => {
    const headers: HeaderList = [["x-key", "v"], ["a", "x".repeat(20_000)], [
      "b",
      "y".repeat(20_000),
    ]];
    const answer = await ask(port, { method: "POST", path: "/", headers, body: new Uint8Array(3) });
    assert.equal(headerOf(answer, "x-asked"), `POST 127.0.0.1:${port} v 3`);
  });
  await t.step("a large answer, kept whole", async () => {
    const answer = await ask(port, { path: "/3000000" }, 10_000_000);
    assert.ok(typeof answer !== "string", String(answer));
    assert.equal(answer.body.length, 3_000_000);
    assert.ok(answer.body.every((byte) => byte === 0x78));
  });
  await t.step("a large answer, kept in part", async () => {
    const answer = await ask(port, { path: "/3000000" }, 10);
    assert.ok(typeof answer !== "string", String(answer));
    assert.equal(decoder.decode(answer.body), "x".repeat(10));
  });
  await t.step("trailers", async () => {
    const answer = await ask(port, { path: "/trailers" });
    assert.ok(typeof answer !== "string", String(answer));
    assert.equal(decoder.decode(answer.body), "body");
    assert.deepEqual(answer.trailers, [["grpc-status", "0"]]);
  });
  await t.step("a reset", async () => {
    assert.equal(await ask(port, { path: "/reset" }), "stream reset: CANCEL");
  });
});
