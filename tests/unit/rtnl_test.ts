import assert from "node:assert/strict";
import { WireError } from "../../src/errors.ts";
import { parseAddress } from "../../src/model/address.ts";
import type { Request } from "../../src/wire/message.ts";
import {
  addAddressRequest,
  createLinkRequest,
  decodeAddress,
  decodeLink,
  decodeRoute,
  deleteRouteRequest,
  getAddressRequest,
  getLinkRequest,
  getRouteRequest,
  type NumberedRoute,
  replaceRouteRequest,
} from "../../src/wire/rtnl.ts";
import { encoded, messageOf } from "../support/attribute_tree.ts";
import { hex, toHex } from "../support/bytes.ts";

const V4: NumberedRoute = {
  destination: { address: parseAddress("10.0.0.1")!, prefix: 32 },
  gateway: parseAddress("192.168.77.2")!,
  device: 3,
  metric: 50,
};

const REQUESTS: readonly (readonly [name: string, request: Request, bytes: string])[] = [
  [
    "all devices, without counters",
    getLinkRequest(),
    `28000000 1200 0000 00000000 00000000
    00 00 0000 00000000 00000000 00000000  # ifinfomsg
    0800 1d00 08000000                     # IFLA_EXT_MASK`,
  ],
  [
    "one device",
    getLinkRequest("lo"),
    `30000000 1200 0000 00000000 00000000
    00 00 0000 00000000 00000000 00000000
    0800 1d00 08000000
    0700 0300 6c6f00 00                    # IFLA_IFNAME, padded`,
  ],
  [
    "a device that is up at once",
    createLinkRequest("a", "dummy"),
    `38000000 1000 0006 00000000 00000000
    00 00 0000 00000000 01000000 01000000  # IFF_UP, and that it is to be changed
    0600 0300 6100 0000
    1000 1200 0900 0100 64756d6d79 000000  # IFLA_LINKINFO with IFLA_INFO_KIND, without a NUL`,
  ],
  [
    "addresses of one device",
    getAddressRequest(3),
    `18000000 1600 0000 00000000 00000000
    00 00 00 00 03000000`,
  ],
  [
    "an IPv6 address without duplicate address detection",
    addAddressRequest({
      device: 3,
      address: { address: parseAddress("2001:db8::1")!, prefix: 128 },
    }),
    `40000000 1400 0006 00000000 00000000
    0a 80 02 00 03000000
    1400 0200 20010db8 00000000 00000000 00000001
    1400 0100 20010db8 00000000 00000000 00000001`,
  ],
  [
    "routes of the main table",
    getRouteRequest("ipv6"),
    `24000000 1a00 0000 00000000 00000000
    0a 00 00 00 00 00 00 00 00000000
    0800 0f00 fe000000                     # RTA_TABLE`,
  ],
  [
    "a route",
    replaceRouteRequest(V4),
    `3c000000 1800 0005 00000000 00000000
    02 20 00 00 fe 03 00 01 00000000
    0800 0100 0a000001
    0800 0500 c0a84d02
    0800 0600 32000000
    0800 0400 03000000`,
  ],
  [
    "a route by a gateway of the other family",
    replaceRouteRequest({ ...V4, gateway: parseAddress("fe80::7")! }),
    `4c000000 1800 0005 00000000 00000000
    02 20 00 00 fe 03 00 01 00000000
    0800 0100 0a000001
    1600 1200 0a00 fe800000 00000000 00000000 00000007 0000
    0800 0600 32000000
    0800 0400 03000000`,
  ],
  [
    "a route without a gateway is of scope link, when deleted too",
    deleteRouteRequest({ destination: V4.destination, device: 3, metric: 0 }),
    `2c000000 1900 0000 00000000 00000000
    02 20 00 00 fe 00 fd 01 00000000
    0800 0100 0a000001
    0800 0400 03000000`,
  ],
];

for (const [name, request, bytes] of REQUESTS) {
  Deno.test(`rtnetlink request: ${name}`, () => {
    assert.equal(toHex(encoded(request)), toHex(hex(bytes)));
  });
}

/** A message with its nlmsghdr around the body. */
function answer(type: string, body: string) {
  const bytes = hex(`00000000 ${type} 0200 00000000 00000000 ${body}`);
  new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  return messageOf(bytes);
}

const ROUTE = "0800 0100 0a000000 0800 0500 c0a84d02 0800 0400 03000000 0800 0600 32000000";
const ROUTES: readonly (readonly [name: string, header: string, plain: boolean])[] = [
  ["of the main table", "02 18 00 00 fe 03 00 01 00000000", true],
  ["that is offloaded to hardware", "02 18 00 00 fe 03 00 01 00400000", true],
  ["of another table", "02 18 00 00 64 03 00 01 00000000", false],
  ["of the local table", "02 18 00 00 ff 02 fe 02 00000000", false],
  ["for a type of service", "02 18 00 08 fe 03 00 01 00000000", false],
  ["for a source", "02 18 18 00 fe 03 00 01 00000000", false],
  ["to nowhere", "02 18 00 00 fe 03 00 06 00000000", false],
  ["that is cached", "02 18 00 00 fe 03 00 01 00020000", false],
  ["of MPLS", "1c 18 00 00 fe 03 00 01 00000000", false],
];

for (const [name, header, plain] of ROUTES) {
  Deno.test(`decodeRoute() ${plain ? "reads" : "skips"} a route ${name}`, () => {
    const route = decodeRoute(answer("1800", `${header} ${ROUTE}`));
    assert.deepEqual(
      route,
      plain ? { ...V4, destination: { address: parseAddress("10.0.0.0"), prefix: 24 } } : undefined,
    );
  });
}

Deno.test("decodeRoute(): a table above 255 stands in an attribute, not in the header", () => {
  const header = "02 18 00 00 fc 03 00 01 00000000";
  assert.equal(decodeRoute(answer("1800", `${header} ${ROUTE} 0800 0f00 e8030000`)), undefined);
  assert.ok(decodeRoute(answer("1800", `${header} ${ROUTE} 0800 0f00 fe000000`)));
});

Deno.test("decodeRoute() skips a route of a nexthop object, of which nothing else is said", () => {
  const body = "02 18 00 00 fe 03 00 01 00000000 0800 0100 0a000000 0800 1e00 01000000";
  assert.equal(decodeRoute(answer("1800", body)), undefined);
});

Deno.test("decodeRoute(): without a destination it is the default route", () => {
  const body = "0a 00 00 00 fe 03 00 01 00000000 0800 0400 03000000 0800 0600 00040000";
  assert.deepEqual(decodeRoute(answer("1800", body)), {
    destination: { address: parseAddress("::"), prefix: 0 },
    device: 3,
    metric: 1024,
  });
});

Deno.test("decodeLink(): the kind is read with its NUL and without", () => {
  for (const kind of ["0900 0100 64756d6d79 000000", "0a00 0100 64756d6d7900 0000"]) {
    const body = `00 00 0100 07000000 01000000 00000000 0600 0300 6100 0000 1000 1200 ${kind}`;
    assert.deepEqual(decodeLink(answer("1000", body)), {
      index: 7,
      name: "a",
      kind: "dummy",
      up: true,
    });
  }
});

Deno.test("decodeAddress() skips families without IP", () => {
  assert.equal(decodeAddress(answer("1400", "1c 20 80 00 01000000 0800 0100 7f000001")), undefined);
});

const MALFORMED: readonly (readonly [name: string, decode: () => unknown, message: RegExp])[] = [
  [
    "an address of five bytes",
    () => decodeAddress(answer("1400", "02 20 80 00 01000000 0900 0100 7f00000101 000000")),
    /IFA_ADDRESS: it has 5 bytes, must have 4 or 16/,
  ],
  [
    "an address that is not given",
    () => decodeAddress(answer("1400", "02 20 80 00 01000000")),
    /an address that has none/,
  ],
  [
    "a prefix longer than the address",
    () => decodeAddress(answer("1400", "02 21 80 00 01000000 0800 0100 7f000001")),
    /prefix 33, must be at most 32/,
  ],
  [
    "a destination of another family",
    () => decodeRoute(answer("1800", `0a 18 00 00 fe 03 00 01 00000000 ${ROUTE}`)),
    /RTA_DST: not of the route's family/,
  ],
  [
    "a gateway without its family",
    () => decodeRoute(answer("1800", "02 18 00 00 fe 03 00 01 00000000 0500 1200 0a 000000")),
    /RTA_VIA: 1 bytes are not a family and its address/,
  ],
  [
    "a gateway of a family that is not IP",
    () =>
      decodeRoute(answer("1800", "02 18 00 00 fe 03 00 01 00000000 0a00 1200 1c00 01020304 0000")),
    /RTA_VIA: 6 bytes are not a family/,
  ],
  [
    "a device without a name",
    () => decodeLink(answer("1000", "00 00 0100 07000000 01000000 00000000")),
    /IFLA_IFNAME/,
  ],
  ["a header cut short", () => decodeLink(answer("1000", "00 00 0100")), /ifinfomsg/],
  [
    "a message of another type",
    () => decodeLink(answer("1400", "00 00 0100 07000000 01000000 00000000")),
    /type 20, must be 16/,
  ],
];

for (const [name, decode, message] of MALFORMED) {
  Deno.test(`rtnetlink: ${name} is a WireError`, () => {
    assert.throws(decode, (error) => {
      assert.ok(error instanceof WireError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}
