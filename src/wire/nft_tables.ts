/** nftables' numbers and attributes: subsystem 10 of nfnetlink. */

import {
  attribute,
  type Attributes,
  attributes,
  bytes,
  indexed,
  nested,
  required,
  sequence,
  string,
  u32be,
  u64be,
} from "./attribute.ts";
import { BYTES, fixed, type FixedKind, type Kind } from "./kind.ts";
import type { NfnlCommand } from "./nfnetlink.ts";

export const NFNL_SUBSYS_NFTABLES = 10;

export const NFT_MSG_NEWTABLE = command("NFT_MSG_NEWTABLE", 0);
export const NFT_MSG_GETTABLE = command("NFT_MSG_GETTABLE", 1);
export const NFT_MSG_DELTABLE = command("NFT_MSG_DELTABLE", 2);
export const NFT_MSG_NEWCHAIN = command("NFT_MSG_NEWCHAIN", 3);
export const NFT_MSG_GETCHAIN = command("NFT_MSG_GETCHAIN", 4);
export const NFT_MSG_DELCHAIN = command("NFT_MSG_DELCHAIN", 5);
export const NFT_MSG_NEWRULE = command("NFT_MSG_NEWRULE", 6);
export const NFT_MSG_GETRULE = command("NFT_MSG_GETRULE", 7);
export const NFT_MSG_DELRULE = command("NFT_MSG_DELRULE", 8);
export const NFT_MSG_NEWSET = command("NFT_MSG_NEWSET", 9);
export const NFT_MSG_GETSET = command("NFT_MSG_GETSET", 10);
export const NFT_MSG_NEWSETELEM = command("NFT_MSG_NEWSETELEM", 12);
export const NFT_MSG_GETSETELEM = command("NFT_MSG_GETSETELEM", 13);
export const NFT_MSG_DELSETELEM = command("NFT_MSG_DELSETELEM", 14);
export const NFT_MSG_GETGEN = command("NFT_MSG_GETGEN", 16);

/** Multicast group of changes to tables, chains, rules, sets and elements. */
export const NFNLGRP_NFTABLES = 7;

/** Registers: four of 16 bytes from 1 on, or the same room as sixteen of 4 bytes from 8 on. */
export const NFT_REG_1 = 1;
export const NFT_REG_2 = 2;
export const NFT_REG32_01 = 9;
export const NFT_REG32_02 = 10;
export const NFT_REG32_05 = 13;

export const NFT_PAYLOAD_NETWORK_HEADER = 1;
export const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
export const NFT_META_MARK = 3;
export const NFT_META_L4PROTO = 16;
export const NFT_CMP_EQ = 0;
export const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 0x10;

export const NF_INET_PRE_ROUTING = 0;
export const NF_INET_LOCAL_OUT = 3;
export const NF_INET_POST_ROUTING = 4;
export const NF_ACCEPT = 1;

/** A table that is asleep: its chains see no packet. */
export const NFT_TABLE_F_DORMANT = 1;

/** The only data that rules here carry; verdicts are attribute 2. */
const DATA = attributes({ value: required(bytes(1, "NFTA_DATA_VALUE")) });

/** What expressions say of themselves, by their names. */
const EXPRESSIONS = {
  payload: attributes({
    dreg: u32be(1, "NFTA_PAYLOAD_DREG"),
    base: required(u32be(2, "NFTA_PAYLOAD_BASE")),
    offset: required(u32be(3, "NFTA_PAYLOAD_OFFSET")),
    length: required(u32be(4, "NFTA_PAYLOAD_LEN")),
  }),
  meta: attributes({
    key: required(u32be(2, "NFTA_META_KEY")),
    dreg: u32be(1, "NFTA_META_DREG"),
    sreg: u32be(3, "NFTA_META_SREG"),
  }),
  lookup: attributes({
    sreg: required(u32be(2, "NFTA_LOOKUP_SREG")),
    set: required(string(1, "NFTA_LOOKUP_SET")),
    setId: u32be(4, "NFTA_LOOKUP_SET_ID"),
    flags: u32be(5, "NFTA_LOOKUP_FLAGS"),
  }),
  bitwise: attributes({
    sreg: required(u32be(1, "NFTA_BITWISE_SREG")),
    dreg: required(u32be(2, "NFTA_BITWISE_DREG")),
    op: u32be(6, "NFTA_BITWISE_OP"),
    length: required(u32be(3, "NFTA_BITWISE_LEN")),
    mask: nested(4, "NFTA_BITWISE_MASK", DATA),
    xor: nested(5, "NFTA_BITWISE_XOR", DATA),
  }),
  cmp: attributes({
    sreg: required(u32be(1, "NFTA_CMP_SREG")),
    op: required(u32be(2, "NFTA_CMP_OP")),
    data: required(nested(3, "NFTA_CMP_DATA", DATA)),
  }),
  masq: attributes({ flags: u32be(1, "NFTA_MASQ_FLAGS") }),
} as const;

type Expressions = typeof EXPRESSIONS;

/** An expression whose attributes this program knows. */
export type KnownExpression = {
  [N in keyof Expressions]: { readonly name: N; readonly data: Attributes<Expressions[N]> };
}[keyof Expressions];

/** Any expression; of a foreign one only the bytes are known. */
export type Expression =
  | KnownExpression
  | { readonly name: "other"; readonly other: string; readonly bytes: Uint8Array };

const EXPRESSION_NAME = required(string(1, "NFTA_EXPR_NAME"));
const ANY_EXPRESSION = attributes({
  name: EXPRESSION_NAME,
  data: nested(2, "NFTA_EXPR_DATA", BYTES),
});
const KNOWN_EXPRESSIONS = new Map(
  Object.entries(EXPRESSIONS).map(([name, table]) => [
    name,
    // Which table fits which name is known where the two stand together, and no longer here.
    attributes({ name: EXPRESSION_NAME, data: nested(2, "NFTA_EXPR_DATA", table as Kind<object>) }),
  ]),
);

const EXPRESSION: Kind<Expression> = {
  write(to, expression) {
    if (expression.name === "other") {
      ANY_EXPRESSION.write(to, { name: expression.other, data: expression.bytes });
    } else KNOWN_EXPRESSIONS.get(expression.name)?.write(to, expression);
  },
  read(from, start, end, within) {
    // The name decides what the data mean.
    const { name, data: bytes = new Uint8Array() } = ANY_EXPRESSION.read(from, start, end, within);
    const known = KNOWN_EXPRESSIONS.get(name);
    if (!known) return { name: "other", other: name, bytes };
    const { data = {} } = known.read(from, start, end, within);
    return { name, data } as KnownExpression;
  },
};

export const NFT_TABLE = attributes({
  name: required(string(1, "NFTA_TABLE_NAME")),
  flags: u32be(2, "NFTA_TABLE_FLAGS"),
});

/** Priorities may be negative. */
const S32BE: FixedKind<number> = fixed(
  4,
  ({ view }, at) => view.getInt32(at),
  (view, at, value) => view.setInt32(at, value),
);

const HOOK = attributes({
  number: required(u32be(1, "NFTA_HOOK_HOOKNUM")),
  priority: required(attribute(2, "NFTA_HOOK_PRIORITY", S32BE)),
});

export const NFT_CHAIN = attributes({
  table: required(string(1, "NFTA_CHAIN_TABLE")),
  name: string(3, "NFTA_CHAIN_NAME"),
  type: string(7, "NFTA_CHAIN_TYPE"),
  policy: u32be(5, "NFTA_CHAIN_POLICY"),
  hook: nested(4, "NFTA_CHAIN_HOOK", HOOK),
});

export const NFT_RULE = attributes({
  table: required(string(1, "NFTA_RULE_TABLE")),
  chain: string(2, "NFTA_RULE_CHAIN"),
  handle: u64be(3, "NFTA_RULE_HANDLE"),
  expressions: nested(
    4,
    "NFTA_RULE_EXPRESSIONS",
    sequence(nested(1, "NFTA_LIST_ELEM", EXPRESSION)),
  ),
  userData: bytes(7, "NFTA_RULE_USERDATA"),
});

export const NFT_SET = attributes({
  table: required(string(1, "NFTA_SET_TABLE")),
  name: string(2, "NFTA_SET_NAME"),
  flags: u32be(3, "NFTA_SET_FLAGS"),
  keyType: u32be(4, "NFTA_SET_KEY_TYPE"),
  keyLength: u32be(5, "NFTA_SET_KEY_LEN"),
  id: u32be(10, "NFTA_SET_ID"),
  userData: bytes(13, "NFTA_SET_USERDATA"),
});

const SET_ELEMENT = attributes({ key: nested(1, "NFTA_SET_ELEM_KEY", DATA) });

export const NFT_SET_ELEMENTS = attributes({
  table: required(string(1, "NFTA_SET_ELEM_LIST_TABLE")),
  set: required(string(2, "NFTA_SET_ELEM_LIST_SET")),
  setId: u32be(4, "NFTA_SET_ELEM_LIST_SET_ID"),
  // The kernel does not number them, and takes them numbered as nft sends them.
  elements: indexed(3, "NFTA_SET_ELEM_LIST_ELEMENTS", SET_ELEMENT),
});

export const NFT_GENERATION = attributes({ id: u32be(1, "NFTA_GEN_ID") });

function command(name: string, number: number): NfnlCommand {
  return { name, subsystem: NFNL_SUBSYS_NFTABLES, number };
}
