import assert from "node:assert/strict";
import { WireError } from "../../src/errors.ts";
import { parseAddress } from "../../src/model/address.ts";
import {
  addElementRequest,
  createRequest,
  decodeElement,
  decodeHeader,
  decodeListing,
  decodeProtocols,
  decodeRevisions,
  deleteElementRequest,
  destroyRequest,
  protocolRequest,
  typeRequest,
} from "../../src/wire/ipset.ts";
import type { Request } from "../../src/wire/message.ts";
import { encoded, messageOf } from "../support/attribute_tree.ts";
import { hex, toHex } from "../support/bytes.ts";

const WEB = { address: parseAddress("10.0.0.1")!, protocol: "tcp", port: 80 } as const;
const DNS = { address: parseAddress("2001:db8::1")!, protocol: "udp", port: 53 } as const;

const REQUESTS: readonly (readonly [name: string, request: Request, bytes: string])[] = [
  [
    "which protocols there are",
    protocolRequest(),
    `1c000000 0106 0000 00000000 00000000
    02 00 0000
    0500 0100 07 000000`,
  ],
  [
    "which revisions there are",
    typeRequest(6, "ipv6"),
    `38000000 0d06 0000 00000000 00000000
    02 00 0000
    0500 0100 06 000000
    1100 0300 686173683a69702c706f727400 000000  # hash:ip,port
    0500 0500 0a 000000`,
  ],
  [
    "a set, in protocol 6",
    createRequest(6, { name: "s", family: "ipv4", revision: 2 }),
    `4c000000 0206 0006 00000000 00000000
    02 00 0000
    0500 0100 06 000000
    0600 0200 7300 0000
    1100 0300 686173683a69702c706f727400 000000
    0500 0400 02 000000
    0500 0500 02 000000
    0400 0780                                    # IPSET_ATTR_DATA, which must be there`,
  ],
  [
    "a set's end",
    destroyRequest(7, "s"),
    `24000000 0306 0002 00000000 00000000
    02 00 0000
    0500 0100 07 000000
    0600 0200 7300 0000`,
  ],
  [
    "an IPv4 element",
    addElementRequest(7, "s", WEB),
    `44000000 0906 0002 00000000 00000000
    02 00 0000
    0500 0100 07 000000
    0600 0200 7300 0000
    2000 0780
      0c00 0180 0800 0140 0a000001               # in network order, and said so
      0600 0440 0050 0000
      0500 0700 06 000000`,
  ],
  [
    "an IPv6 element's end",
    deleteElementRequest(6, "s", DNS),
    `50000000 0a06 0002 00000000 00000000
    02 00 0000
    0500 0100 06 000000
    0600 0200 7300 0000
    2c00 0780
      1800 0180 1400 0240 20010db8 00000000 00000000 00000001
      0600 0440 0035 0000
      0500 0700 11 000000`,
  ],
];

for (const [name, request, bytes] of REQUESTS) {
  Deno.test(`ipset request: ${name}`, () => {
    assert.equal(toHex(encoded(request)), toHex(hex(bytes)));
  });
}

function answer(type: string, attributes: string) {
  const bytes = hex(`00000000 ${type} 0000 00000000 00000000 02 00 0000 ${attributes}`);
  new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  return messageOf(bytes);
}

Deno.test("a kernel that knows but one protocol or revision names no lowest one", () => {
  assert.deepEqual(decodeProtocols(answer("0106", "0500 0100 06 000000")), {
    lowest: 6,
    highest: 6,
  });
  assert.deepEqual(decodeRevisions(answer("0d06", "0500 0400 05 000000 0500 0a00 01 000000")), {
    lowest: 1,
    highest: 5,
  });
});

Deno.test("a set of a type without family has none", () => {
  const attributes = "0600 0200 7300 0000 0800 0300 61626300 0500 0500 00 000000";
  assert.deepEqual(decodeHeader(answer("0c06", attributes)), {
    name: "s",
    type: "abc",
    family: undefined,
  });
});

Deno.test("later parts of a listing have only members", () => {
  const part = decodeListing(answer("0706", "0600 0200 7300 0000 0c00 0880 0800 0780 01020304"));
  assert.deepEqual(part, {
    name: "s",
    type: undefined,
    family: undefined,
    members: [Uint8Array.of(1, 2, 3, 4)],
  });
});

const IP = "0c00 0180 0800 0140 0a000001";
const ELEMENTS: readonly (readonly [name: string, bytes: string, expected: unknown])[] = [
  ["TCP", `${IP} 0600 0440 0050 0000 0500 0700 06 000000`, WEB],
  [
    "with a timeout and what is not known",
    `${IP} 0600 0440 0050 0000 0500 0700 06 000000 0800 0640 0000003c 0800 1f00 01020304`,
    WEB,
  ],
  ["SCTP", `${IP} 0600 0440 ffff 0000 0500 0700 84 000000`, {
    ...WEB,
    protocol: "sctp",
    port: 65535,
  }],
  ["ICMP, which has no services", `${IP} 0600 0440 0800 0000 0500 0700 01 000000`, undefined],
];

for (const [name, bytes, expected] of ELEMENTS) {
  Deno.test(`decodeElement(): ${name}`, () =>
    assert.deepEqual(decodeElement(hex(bytes)), expected));
}

const MALFORMED: readonly (readonly [name: string, bytes: string, attribute: string])[] = [
  ["without an address", "0600 0440 0050 0000 0500 0700 06 000000", "IPSET_ATTR_IP"],
  ["without a port", `${IP} 0500 0700 06 000000`, "IPSET_ATTR_PORT"],
  ["without a protocol", `${IP} 0600 0440 0050 0000`, "IPSET_ATTR_PROTO"],
  ["with an address cut short", "0a00 0180 0600 0140 0a00", "IPSET_ATTR_IPADDR_IPV4"],
];

for (const [name, bytes, attribute] of MALFORMED) {
  Deno.test(`decodeElement(): an element ${name} is a WireError`, () => {
    assert.throws(
      () => decodeElement(hex(bytes)),
      (error) => error instanceof WireError && error.attribute === attribute,
    );
  });
}
