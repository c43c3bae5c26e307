/** What holds for all devices, addresses, routes and elements, and for all bytes. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Address, addressFromBytes } from "../../src/model/address.ts";
import { Writer } from "../../src/wire/buffer.ts";
import {
  addElementRequest,
  createRequest,
  decodeElement,
  decodeHeader,
  decodeListing,
  decodeProtocols,
  decodeRevisions,
  type Element,
} from "../../src/wire/ipset.ts";
import { CHANGE, CREATE, ELEMENT, IPSET_CMD_LIST, LISTING } from "../../src/wire/ipset_tables.ts";
import { NFNL_BODY } from "../../src/wire/nfnetlink.ts";
import { type Message, type Request, splitMessages } from "../../src/wire/message.ts";
import {
  addAddressRequest,
  createLinkRequest,
  decodeAddress,
  decodeLink,
  decodeRoute,
  replaceRouteRequest,
} from "../../src/wire/rtnl.ts";
import { encoded, messageOf } from "../support/attribute_tree.ts";
import { tolerates } from "../support/hostile_bytes.ts";

const RUNS = { numRuns: 500 };
const PLAIN = { noNullPrototype: true };

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const index = fc.integer({ min: 1, max: 0x7fff_ffff });
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(addressFromBytes);
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressFromBytes);
const network = fc.oneof(
  fc.record({ address: ipv4, prefix: fc.integer({ min: 0, max: 32 }) }, PLAIN),
  fc.record({ address: ipv6, prefix: fc.integer({ min: 0, max: 128 }) }, PLAIN),
);
const element: fc.Arbitrary<Element> = fc.record({
  address: fc.oneof(ipv4, ipv6),
  protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
  port: fc.integer({ min: 0, max: 65535 }),
}, PLAIN);
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 })
  .filter((text) => !text.includes("\0"));

/** A route as it can be: to an address without bits beyond its prefix, by something. */
const route = fc.record({
  destination: fc.oneof(
    ipv4.map((address) => ({ address, prefix: 32 })),
    ipv6.map((address) => ({ address, prefix: 128 })),
    fc.constant({ address: "0.0.0.0" as Address, prefix: 0 }),
    fc.constant({ address: "::" as Address, prefix: 0 }),
    fc.integer({ min: 1, max: 32 }).map((prefix) => ({ address: "128.0.0.0" as Address, prefix })),
  ),
  gateway: fc.option(fc.oneof(ipv4, ipv6), { nil: undefined }),
  device: index,
  metric: u32,
}).map(({ gateway, ...rest }) => ({ ...rest, ...(gateway !== undefined && { gateway }) }));

Deno.test("decodeRoute(replaceRouteRequest(x)) is x", () => {
  fc.assert(
    fc.property(route, (x) => assert.deepEqual(decodeRoute(sent(replaceRouteRequest(x))), x)),
    RUNS,
  );
});

Deno.test("decodeAddress(addAddressRequest(x)) is x", () => {
  fc.assert(
    fc.property(fc.record({ device: index, address: network }, PLAIN), (x) => {
      assert.deepEqual(decodeAddress(sent(addAddressRequest(x))), x);
    }),
    RUNS,
  );
});

Deno.test("decodeLink(createLinkRequest(x)) is x", () => {
  fc.assert(
    fc.property(name, name, (link, kind) => {
      const expected = { index: 0, name: link, kind, up: true };
      assert.deepEqual(decodeLink(sent(createLinkRequest(link, kind))), expected);
    }),
    RUNS,
  );
});

Deno.test("an element is decoded as it was encoded, and a listing holds all that it lists", () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 40 }), name, (elements, set) => {
      const members = elements.map((x) => {
        const { data } = CHANGE.read(sent(addElementRequest(7, set, x)).input, NFNL_BODY);
        const writer = new Writer();
        ELEMENT.write(writer, data!);
        return writer.take();
      });
      const message = sent({
        command: "listing",
        type: (6 << 8) | IPSET_CMD_LIST.number,
        write(to) {
          to.append(new Uint8Array(4));
          LISTING.write(to, { name: set, members });
        },
      });
      const part = decodeListing(message);
      assert.equal(part.name, set);
      assert.deepEqual(part.members.map(decodeElement), elements);
    }),
    RUNS,
  );
});

Deno.test("createRequest() says what was asked for", () => {
  const revision = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(
      name,
      revision,
      fc.constantFrom("ipv4" as const, "ipv6" as const),
      (set, at, family) => {
        const { input } = sent(createRequest(6, { name: set, family, revision: at }));
        const values = CREATE.read(input, NFNL_BODY);
        assert.deepEqual([values.protocol, values.name, values.revision], [6, set, at]);
        assert.equal(values.family, family === "ipv4" ? 2 : 10);
      },
    ),
    RUNS,
  );
});

const DECODERS: readonly ((message: Message) => unknown)[] = [
  decodeLink,
  decodeAddress,
  decodeRoute,
  decodeListing,
  decodeHeader,
  decodeProtocols,
  decodeRevisions,
  ({ input }) => decodeElement(input.bytes),
];

/** Messages that were really sent and received. */
const GOLDEN = [
  "ip_link_show_one",
  "ip_addr_show",
  "ip_route_show_v4",
  "ip_route_show_v6",
  "ipset_list_v4",
  "ipset_add_taken",
  "ipset_create_taken",
]
  .flatMap((file) => {
    const path = new URL(`../golden/netlink/${file}.json`, import.meta.url);
    const { received } = JSON.parse(Deno.readTextFileSync(path)) as { received: string[] };
    return received.map((text) => Uint8Array.fromHex(text));
  });

Deno.test("every truncation of what a kernel answered is a value or a WireError", () => {
  assert.ok(GOLDEN.length >= 40, String(GOLDEN.length));
  let refused = 0;
  for (const bytes of GOLDEN) {
    for (let length = 16; length < bytes.length; length++) {
      for (const decode of DECODERS) refused += tolerates(decode, bytes.slice(0, length));
    }
  }
  assert.ok(refused > 10_000, String(refused));
});

Deno.test("whatever bytes are changed in it, it is a value or a WireError", () => {
  const change = fc.record({
    message: fc.constantFrom(...GOLDEN),
    changes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    }),
  });
  fc.assert(
    fc.property(change, ({ message, changes }) => {
      const bytes = message.slice();
      for (const [at, value] of changes) bytes[16 + at % (bytes.length - 16)] = value;
      for (const decode of DECODERS) tolerates(decode, bytes);
    }),
    { numRuns: 3000 },
  );
});

function sent(request: Request): Message {
  const bytes = encoded(request);
  assert.equal(splitMessages(bytes).length, 1);
  return messageOf(bytes);
}
