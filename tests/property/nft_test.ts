/** What holds for all rules and elements of nftables, and for all bytes that a kernel could answer. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  masqueradeChains,
  masqueradeSet,
  masqueradeTable,
} from "../../src/kernel/netlink/nft_masquerade_table.ts";
import { planRepairs } from "../../src/kernel/netlink/nft_repairs.ts";
import { addressFamily, addressFromBytes } from "../../src/model/address.ts";
import { decodeError, type Message, NLMSG_ERROR } from "../../src/wire/message.ts";
import {
  appendRuleRequest,
  decodeChain,
  decodeRule,
  decodeTable,
  newChainRequest,
} from "../../src/wire/nft.ts";
import {
  addElementsRequest,
  decodeElements,
  decodeSet,
  type NftElement,
} from "../../src/wire/nft_set.ts";
import { encoded, messageOf } from "../support/attribute_tree.ts";
import { NetlinkFixtures } from "../support/netlink_fixtures.ts";
import { tolerates } from "../support/hostile_bytes.ts";

const FAMILIES = ["ipv4", "ipv6"] as const;
const options = fc.record({
  family: fc.constantFrom(...FAMILIES),
  markBit: fc.integer({ min: 0, max: 31 }),
});

Deno.test("chains and rules are decoded as they were encoded, and nothing of them is to be mended", () => {
  fc.assert(
    fc.property(options, fc.integer({ min: 0, max: 31 }), ({ family, markBit }, otherBit) => {
      const table = masqueradeTable(family);
      const wanted = masqueradeChains({ family, markBit });
      const chains = wanted.map(({ chain }) =>
        decodeChain(sent(newChainRequest(table, chain)), table)!
      );
      const rules = wanted.flatMap((each) => each.rules)
        .map((rule) => decodeRule(sent(appendRuleRequest(table, rule)), table)!);
      assert.deepEqual(chains, wanted.map(({ chain }) => chain));
      const found = { flags: 0, set: masqueradeSet(family), chains, rules };
      assert.deepEqual(planRepairs({ family, markBit }, found), []);
      const other = planRepairs({ family, markBit: otherBit }, found);
      assert.equal(other.length, otherBit === markBit ? 0 : 3);
    }),
  );
});

Deno.test("elements are decoded as they were encoded", () => {
  const element = (size: 4 | 16): fc.Arbitrary<NftElement> =>
    fc.record({
      address: fc.uint8Array({ minLength: size, maxLength: size }).map(addressFromBytes),
      protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
      port: fc.integer({ min: 0, max: 65535 }),
    }, { noNullPrototype: true });
  const elements = fc.oneof(
    fc.array(element(4), { minLength: 1, maxLength: 40 }),
    fc.array(element(16), { minLength: 1, maxLength: 40 }),
  );
  fc.assert(
    fc.property(elements, (expected) => {
      const table = masqueradeTable(addressFamily(expected[0]!.address));
      const message = sent(addElementsRequest(table, "virtual-services", expected));
      assert.deepEqual(decodeElements(message, table), expected);
    }),
  );
});

const TABLE = masqueradeTable("ipv4");
const DECODERS: readonly ((message: Message) => unknown)[] = [
  decodeTable,
  (message) => decodeChain(message, TABLE),
  (message) => decodeRule(message, TABLE),
  decodeSet,
  (message) => decodeElements(message, TABLE),
  (message) => message.type === NLMSG_ERROR ? decodeError(message) : undefined,
];

const FIXTURES = NetlinkFixtures.of(["nft"], 32);
const GOLDEN = [...FIXTURES.keys()].flatMap((name) => FIXTURES.answers(name))
  .map(({ input }) => input.bytes);

Deno.test("every truncation of what a kernel answered is a value or a WireError", () => {
  assert.ok(GOLDEN.length >= 60, String(GOLDEN.length));
  let refused = 0;
  for (const bytes of GOLDEN) {
    for (let length = 16; length < bytes.length; length++) {
      for (const decode of DECODERS) refused += tolerates(decode, bytes.slice(0, length));
    }
  }
  assert.ok(refused > 10_000, String(refused));
});

Deno.test("whatever bytes are changed in it, it is a value or a WireError", () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.constantFrom(...GOLDEN), changes, (message, list) => {
      const bytes = message.slice();
      for (const [at, value] of list) bytes[16 + at % (bytes.length - 16)] = value;
      for (const decode of DECODERS) tolerates(decode, bytes);
    }),
    { numRuns: 5000 },
  );
});

function sent(request: Parameters<typeof encoded>[0]): Message {
  return messageOf(encoded(request));
}
