/** The one table that this program has in nftables: what is in it, by family and bit of the mark. */

import type { Family } from "../../model/address.ts";
import type { NftChain, NftRule, NftTable } from "../../wire/nft.ts";
import { endpointSet, type NftSet } from "../../wire/nft_set.ts";
import {
  type Expression,
  NF_ACCEPT,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NFT_CMP_EQ,
  NFT_META_L4PROTO,
  NFT_META_MARK,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFT_REG32_01,
  NFT_REG32_02,
  NFT_REG32_05,
  NFT_REG_1,
  NFT_REG_2,
} from "../../wire/nft_tables.ts";
import type { MasqueradeOptions } from "../masquerade.ts";

const SET_NAME = "virtual-services";

/** Where the iptables table of that name is: before IPVS takes a packet, which it does after DNAT (-100). */
const PRIORITY_MANGLE = -150;
/** Where source NAT is done: after IPVS has chosen the server. */
const PRIORITY_SNAT = 100;

export interface MasqueradeChain {
  readonly chain: NftChain;
  readonly rules: readonly NftRule[];
}

export function masqueradeTable(family: Family): NftTable {
  return { family, name: "lvscare" };
}

export function masqueradeSet(family: Family): NftSet {
  return endpointSet(family, SET_NAME);
}

export function masqueradeChains({ family, markBit }: MasqueradeOptions): MasqueradeChain[] {
  const mark = [...isVirtual(family), ...setMark(markBit)];
  return [
    chain("prerouting", "filter", NF_INET_PRE_ROUTING, PRIORITY_MANGLE, "from other hosts", mark),
    chain("output", "filter", NF_INET_LOCAL_OUT, PRIORITY_MANGLE, "from this host", mark),
    chain("postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SNAT, "to a server, as this host", [
      ...hasMark(markBit),
      { name: "masq", data: { flags: NF_NAT_RANGE_PROTO_RANDOM_FULLY } },
    ]),
  ];
}

function chain(
  name: string,
  type: string,
  hook: number,
  priority: number,
  comment: string,
  expressions: readonly Expression[],
): MasqueradeChain {
  return {
    chain: { name, type, hook: { number: hook, priority }, policy: NF_ACCEPT },
    rules: [{ chain: name, comment, expressions }],
  };
}

/** `ip daddr . meta l4proto . th dport @virtual-services`: the parts lie behind each other in registers. */
function isVirtual(family: Family): Expression[] {
  const isV4 = family === "ipv4";
  const protocol = isV4 ? NFT_REG32_01 : NFT_REG_2;
  const port = isV4 ? NFT_REG32_02 : NFT_REG32_05;
  const address = isV4 ? { offset: 16, length: 4 } : { offset: 24, length: 16 };
  return [
    { name: "payload", data: { dreg: NFT_REG_1, base: NFT_PAYLOAD_NETWORK_HEADER, ...address } },
    { name: "meta", data: { key: NFT_META_L4PROTO, dreg: protocol } },
    {
      name: "payload",
      data: { dreg: port, base: NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2 },
    },
    { name: "lookup", data: { sreg: NFT_REG_1, set: SET_NAME } },
  ];
}

/** `meta mark set mark | BIT`. */
function setMark(bit: number): Expression[] {
  const value = 2 ** bit;
  return [
    { name: "meta", data: { key: NFT_META_MARK, dreg: NFT_REG_1 } },
    maskAndXor(0xffff_ffff - value, value),
    { name: "meta", data: { key: NFT_META_MARK, sreg: NFT_REG_1 } },
  ];
}

/** `meta mark & BIT == BIT`. */
function hasMark(bit: number): Expression[] {
  const value = 2 ** bit;
  return [
    { name: "meta", data: { key: NFT_META_MARK, dreg: NFT_REG_1 } },
    maskAndXor(value, 0),
    { name: "cmp", data: { sreg: NFT_REG_1, op: NFT_CMP_EQ, data: { value: word(value) } } },
  ];
}

function maskAndXor(mask: number, xor: number): Expression {
  return {
    name: "bitwise",
    data: {
      sreg: NFT_REG_1,
      dreg: NFT_REG_1,
      length: 4,
      mask: { value: word(mask) },
      xor: { value: word(xor) },
    },
  };
}

/** A mark as registers have it: in the host's order. */
function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
