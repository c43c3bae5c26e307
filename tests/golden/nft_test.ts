/** What nft sent to a kernel, and what it answered, against what we send and understand. */

import assert from "node:assert/strict";
import {
  masqueradeChains,
  masqueradeSet,
  masqueradeTable,
} from "../../src/kernel/netlink/nft_masquerade_table.ts";
import { planRepairs } from "../../src/kernel/netlink/nft_repairs.ts";
import { parseAddress } from "../../src/model/address.ts";
import type { Protocol } from "../../src/model/ipvs.ts";
import { Writer } from "../../src/wire/buffer.ts";
import {
  decodeError,
  type Message,
  NLM_F_APPEND,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  type Request,
} from "../../src/wire/message.ts";
import {
  batchBegin,
  batchEnd,
  NFGENMSG,
  NFNL_BODY,
  type NfnlCommand,
} from "../../src/wire/nfnetlink.ts";
import {
  appendRuleRequest,
  decodeChain,
  decodeRule,
  decodeTable,
  deleteChainRequest,
  deleteTableRequest,
  flushChainRequest,
  getGenerationRequest,
  newChainRequest,
  newTableRequest,
} from "../../src/wire/nft.ts";
import {
  addElementsRequest,
  decodeElements,
  decodeSet,
  deleteElementsRequest,
  newSetRequest,
} from "../../src/wire/nft_set.ts";
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_CHAIN,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFT_RULE,
  NFT_SET,
  NFT_SET_ELEMENTS,
  NFT_TABLE,
  NFT_TABLE_F_DORMANT,
} from "../../src/wire/nft_tables.ts";
import { attributeTree, encoded, messageOf } from "../support/attribute_tree.ts";
import { hex } from "../support/bytes.ts";
import { NetlinkFixtures } from "../support/netlink_fixtures.ts";

const FIXTURES = NetlinkFixtures.of(["nft"], 32);

const V4 = masqueradeTable("ipv4");
const V6 = masqueradeTable("ipv6");
const SET = masqueradeSet("ipv4").name;
const CHAINS_V4 = masqueradeChains({ family: "ipv4", markBit: 0 });
const CHAINS_V6 = masqueradeChains({ family: "ipv6", markBit: 31 });

const element = (host: string, protocol: Protocol, port: number) => ({
  address: parseAddress(host)!,
  protocol,
  port,
});

const CHAINS = listed(NFT_MSG_NEWCHAIN).map((each) => decodeChain(each, V4))
  .filter((each) => each !== undefined);
/** nft asked for them once for all and once for each table. */
const RULES = listed(NFT_MSG_NEWRULE).map((each) => decodeRule(each, V4))
  .filter((each) => each !== undefined).slice(0, 3);

/** Which table describes a message of nftables. */
const TABLES = [
  ...[
    NFT_TABLE,
    NFT_TABLE,
    NFT_TABLE,
    NFT_CHAIN,
    NFT_CHAIN,
    NFT_CHAIN,
    NFT_RULE,
    NFT_RULE,
    NFT_RULE,
  ],
  ...[NFT_SET, NFT_SET, NFT_SET, NFT_SET_ELEMENTS, NFT_SET_ELEMENTS, NFT_SET_ELEMENTS],
];

Deno.test("every change that nft sent is decoded by our tables, and says the same encoded again", () => {
  let count = 0;
  for (const [name, { sent }] of FIXTURES) {
    for (const text of sent) {
      const { input, type } = messageOf(hex(text));
      const isChange = [0, 2, 3, 5, 6, 8, 9, 12, 14].includes(type & 0xff);
      if (type >> 8 !== NFNL_SUBSYS_NFTABLES || !isChange) continue;
      const table = TABLES[type & 0xff]!;
      const writer = new Writer();
      table.write(writer, table.read(input, NFNL_BODY) as never);
      assert.deepEqual(
        attributeTree(writer.take(), 0),
        attributeTree(input.bytes, NFNL_BODY),
        name,
      );
      count++;
    }
  }
  assert.equal(count, 26);
});

const chain = (chains: typeof CHAINS_V4, name: string) =>
  chains.find((each) => each.chain.name === name)!;
const rule = (chains: typeof CHAINS_V4, name: string) => chain(chains, name).rules[0]!;

/** What we send in the place of nft's change. */
const OURS: readonly (readonly [name: string, request: Request])[] = [
  ["nft_add_table_v4", newTableRequest(V4)],
  ["nft_add_table_v6", newTableRequest(V6)],
  ["nft_add_chain_prerouting", newChainRequest(V4, chain(CHAINS_V4, "prerouting").chain)],
  ["nft_add_chain_output", newChainRequest(V6, chain(CHAINS_V6, "output").chain)],
  ["nft_add_chain_postrouting", newChainRequest(V4, chain(CHAINS_V4, "postrouting").chain)],
  ["nft_add_set_v4", newSetRequest(V4, masqueradeSet("ipv4"))],
  ["nft_add_set_v6", newSetRequest(V6, masqueradeSet("ipv6"))],
  ["nft_add_element_v4", addElementsRequest(V4, SET, [element("10.0.0.1", "tcp", 80)])],
  [
    "nft_add_element_v4_two",
    addElementsRequest(V4, SET, [element("10.0.0.1", "udp", 53), element("10.0.0.2", "sctp", 9)]),
  ],
  ["nft_add_element_v6", addElementsRequest(V6, SET, [element("2001:db8::1", "tcp", 443)])],
  ["nft_delete_element_v4", deleteElementsRequest(V4, SET, [element("10.0.0.1", "tcp", 80)])],
  ["nft_add_rule_mark_v4", appendRuleRequest(V4, rule(CHAINS_V4, "prerouting"))],
  ["nft_add_rule_mark_v6", appendRuleRequest(V6, rule(CHAINS_V6, "output"))],
  ["nft_add_rule_masquerade", appendRuleRequest(V4, rule(CHAINS_V4, "postrouting"))],
  ["nft_flush_chain", flushChainRequest(V4, "prerouting")],
  ["nft_delete_chain", deleteChainRequest(V4, "prerouting")],
  ["nft_delete_table", deleteTableRequest(V4)],
];

Deno.test("what we send says what nft's changes say", () => {
  for (const [name, request] of OURS) {
    const theirs = FIXTURES.sent(name, -2);
    const ours = messageOf(encoded(request));
    assert.equal(ours.type, theirs.type, name);
    const flags = (message: Message) => message.flags & NLM_F_APPEND;
    assert.equal(flags(ours), flags(theirs), name);
    assert.deepEqual(said(ours), said(theirs), name);
  }
});

Deno.test("a transaction stands between the messages that nft puts around it", () => {
  const body = ({ input }: Message) => input.bytes.slice(NLMSG_HDRLEN).toHex();
  const edges = [batchBegin(NFNL_SUBSYS_NFTABLES), batchEnd(NFNL_SUBSYS_NFTABLES)];
  for (const [i, request] of edges.entries()) {
    const theirs = FIXTURES.sent("nft_add_rule_masquerade", i === 0 ? -3 : -1);
    const ours = messageOf(encoded(request));
    assert.equal(ours.type, theirs.type);
    assert.equal(body(ours), body(theirs));
  }
  const asked = messageOf(encoded(getGenerationRequest()));
  assert.equal(asked.type, FIXTURES.sent("nft_list_ruleset", 0).type);
});

Deno.test("tables, chains and rules are read from what the kernel said to nft", () => {
  const tables = listed(NFT_MSG_NEWTABLE).map(decodeTable);
  assert.deepEqual(tables, [
    { name: "lvscare", flags: 0 },
    { name: "lvscare", flags: 0 },
    { name: "asleep", flags: NFT_TABLE_F_DORMANT },
  ]);
  assert.deepEqual(CHAINS.map(({ name }) => name), ["prerouting", "postrouting", "plain"]);
  assert.deepEqual(CHAINS[0], chain(CHAINS_V4, "prerouting").chain);
  const plain = { name: "plain", type: undefined, hook: undefined, policy: undefined };
  assert.deepEqual(CHAINS[2], plain);
  assert.deepEqual(RULES.map(({ chain, comment }) => [chain, comment]), [
    ["prerouting", "from other hosts"],
    ["postrouting", "to a server, as this host"],
    ["plain", ""],
  ]);
  const foreign = RULES[2]!.expressions
    .map((each) => each.name === "other" ? each.other : each.name);
  assert.deepEqual(foreign, ["meta", "cmp", "payload", "cmp", "counter", "immediate"]);
});

Deno.test("what nft made is ours: nothing is to be mended but what it did not make", () => {
  const found = {
    flags: 0,
    set: masqueradeSet("ipv4"),
    chains: CHAINS,
    rules: RULES,
  };
  const mend = (markBit: number) =>
    planRepairs({ family: "ipv4", markBit }, found).map(({ piece }) => piece);
  assert.deepEqual(mend(0), ["chain output"]);
  assert.deepEqual(mend(1), [
    "rules of chain prerouting",
    "chain output",
    "rules of chain postrouting",
  ]);
});

Deno.test("sets are read from what the kernel said to nft", () => {
  for (
    const [name, family, expected] of [
      ["nft_list_set_v4", "ipv4", ["10.0.0.1 tcp 80", "10.0.0.1 udp 53", "10.0.0.2 sctp 9"]],
      ["nft_list_set_v6", "ipv6", ["2001:db8::1 tcp 443"]],
    ] as const
  ) {
    const table = masqueradeTable(family);
    const sets = FIXTURES.answers(name, typeOf(NFT_MSG_NEWSET)).map(decodeSet);
    assert.deepEqual(sets.at(-1), masqueradeSet(family));
    const elements = FIXTURES.answers(name, typeOf(NFT_MSG_NEWSETELEM))
      .flatMap((each) => decodeElements(each, table));
    // One more is of ICMP, which has no services.
    assert.deepEqual(
      elements.map(({ address, protocol, port }) => `${address} ${protocol} ${port}`).toSorted(),
      expected,
    );
  }
});

Deno.test("refusals have the errno that nft's exit stands for", () => {
  const ENOENT = 2;
  const EBUSY = 16;
  const EEXIST = 17;
  const refused: readonly (readonly [name: string, errno: number | undefined])[] = [
    ["nft_add_set_taken", EEXIST],
    ["nft_list_table_absent", ENOENT],
    ["nft_add_element_absent", undefined],
    ["nft_delete_table_absent", ENOENT],
    ["nft_delete_element_absent", ENOENT],
    ["nft_delete_chain_used", EBUSY],
  ];
  const failed = [...FIXTURES].filter(([, { status }]) => status !== 0).map(([name]) => name);
  assert.deepEqual(refused.map(([name]) => name).toSorted(), failed.toSorted());
  for (const [name, errno] of refused) {
    const errors = FIXTURES.answers(name, NLMSG_ERROR).map(decodeError)
      .filter((each) => each !== undefined);
    assert.equal(errors.at(-1)?.errno, errno, name);
  }
});

function listed(command: NfnlCommand): Message[] {
  return FIXTURES.answers("nft_list_ruleset", typeOf(command));
}

function typeOf({ subsystem, number }: NfnlCommand): number {
  return (subsystem << 8) | number;
}

/** Family and attributes, without what nft numbers and notes for itself and what it says of the usual. */
function said({ input, type }: Message): unknown {
  const { family } = NFGENMSG.read(input, NLMSG_HDRLEN, NFNL_BODY, "nfgenmsg");
  const values = TABLES[type & 0xff]!.read(input, NFNL_BODY);
  const own = ["setId", "id", ...("keyType" in values ? ["userData"] : [])];
  return JSON.parse(JSON.stringify({ family, values }, (key, value) => {
    if (own.includes(key) || (key === "op" && value === 0)) return undefined;
    return value instanceof Uint8Array ? value.toHex() : value;
  }));
}
