/** The requests of nftables for tables, chains and rules, and what answers them, in values. */

import type { Family } from "../model/address.ts";
import { type Message, NLM_F_APPEND, NLM_F_CREATE, type Request } from "./message.ts";
import { type NfnlCommand, nfnlRequest, readNfnl } from "./nfnetlink.ts";
import {
  type Expression,
  NFT_CHAIN,
  NFT_GENERATION,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_DELTABLE,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETGEN,
  NFT_MSG_GETRULE,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWTABLE,
  NFT_RULE,
  NFT_TABLE,
} from "./nft_tables.ts";
import { familyNumber } from "./rtnl_tables.ts";

/** A table is known by its family and name. */
export interface NftTable {
  readonly family: Family;
  readonly name: string;
}

export interface NftChain {
  readonly name: string;
  /** These are only of chains that packets come through by themselves. */
  readonly type?: string | undefined;
  readonly hook?: { readonly number: number; readonly priority: number } | undefined;
  readonly policy?: number | undefined;
}

export interface NftRule {
  readonly chain: string;
  readonly comment: string;
  readonly expressions: readonly Expression[];
}

/** A rule's user data is nft's own: type, length and text of a comment. */
const NFTNL_UDATA_RULE_COMMENT = 0;

/** Asks for the generation of the rules, which every kernel with nftables answers to anybody permitted. */
export function getGenerationRequest(): Request {
  return nftRequest(NFT_MSG_GETGEN, { family: undefined, table: NFT_GENERATION, values: {} });
}

/** Makes the table, wakes it where it sleeps, or does nothing. */
export function newTableRequest({ family, name }: NftTable): Request {
  return nftRequest(NFT_MSG_NEWTABLE, {
    family,
    flags: NLM_F_CREATE,
    table: NFT_TABLE,
    values: { name, flags: 0 },
  });
}

export function deleteTableRequest({ family, name }: NftTable): Request {
  return nftRequest(NFT_MSG_DELTABLE, { family, table: NFT_TABLE, values: { name } });
}

/** Asks for the table; where there is none that is refused with ENOENT. */
export function getTableRequest({ family, name }: NftTable): Request {
  return nftRequest(NFT_MSG_GETTABLE, { family, table: NFT_TABLE, values: { name } });
}

export function decodeTable(message: Message): { readonly name: string; readonly flags: number } {
  const { name, flags = 0 } = readNfnl(message, NFT_MSG_NEWTABLE, NFT_TABLE).values;
  return { name, flags };
}

export function newChainRequest({ family, name: table }: NftTable, chain: NftChain): Request {
  return nftRequest(NFT_MSG_NEWCHAIN, {
    family,
    flags: NLM_F_CREATE,
    table: NFT_CHAIN,
    values: { table, ...chain },
  });
}

/** Refused where the chain has rules. */
export function deleteChainRequest({ family, name: table }: NftTable, name: string): Request {
  return nftRequest(NFT_MSG_DELCHAIN, { family, table: NFT_CHAIN, values: { table, name } });
}

/** To be dumped: the chains of all tables of the family. */
export function listChainsRequest({ family, name: table }: NftTable): Request {
  return nftRequest(NFT_MSG_GETCHAIN, { family, table: NFT_CHAIN, values: { table } });
}

/** A chain, or undefined for one that is not of this table. */
export function decodeChain(message: Message, table: NftTable): NftChain | undefined {
  const { family, values } = readNfnl(message, NFT_MSG_NEWCHAIN, NFT_CHAIN);
  const { name = "", type, hook, policy } = values;
  return isOf(table, family, values.table) ? { name, type, hook, policy } : undefined;
}

/** Puts the rule at the end of its chain. */
export function appendRuleRequest(
  { family, name: table }: NftTable,
  { chain, comment, expressions }: NftRule,
): Request {
  return nftRequest(NFT_MSG_NEWRULE, {
    family,
    flags: NLM_F_CREATE | NLM_F_APPEND,
    table: NFT_RULE,
    values: { table, chain, expressions, userData: encodeComment(comment) },
  });
}

/** Deletes all rules of a chain; does nothing where it has none. */
export function flushChainRequest({ family, name: table }: NftTable, chain: string): Request {
  return nftRequest(NFT_MSG_DELRULE, { family, table: NFT_RULE, values: { table, chain } });
}

/** To be dumped: the rules of a table in their order. */
export function listRulesRequest({ family, name: table }: NftTable): Request {
  return nftRequest(NFT_MSG_GETRULE, { family, table: NFT_RULE, values: { table } });
}

/** A rule, or undefined for one that is not of this table. */
export function decodeRule(message: Message, table: NftTable): NftRule | undefined {
  const { family, values } = readNfnl(message, NFT_MSG_NEWRULE, NFT_RULE);
  const { chain = "", expressions = [], userData } = values;
  return isOf(table, family, values.table)
    ? { chain, comment: decodeComment(userData), expressions }
    : undefined;
}

function isOf({ family, name }: NftTable, number: number, table: string): boolean {
  return table === name && number === familyNumber(family);
}

function encodeComment(comment: string): Uint8Array {
  const text = new TextEncoder().encode(`${comment}\0`);
  return Uint8Array.of(NFTNL_UDATA_RULE_COMMENT, text.length, ...text);
}

/** Others write what they like there: what is no comment is an empty one. */
function decodeComment(data: Uint8Array | undefined): string {
  if (!data || data[0] !== NFTNL_UDATA_RULE_COMMENT || data.length < 2 + data[1]!) return "";
  return new TextDecoder().decode(data.subarray(2, 1 + data[1]!));
}

/** A request of nftables; without a family it is about all of them. */
export function nftRequest<V>(
  command: NfnlCommand,
  { family, ...rest }:
    & { family: Family | undefined; flags?: number }
    & Pick<
      Parameters<typeof nfnlRequest<V>>[0],
      "table" | "values"
    >,
): Request {
  return nfnlRequest({ command, family: family === undefined ? 0 : familyNumber(family), ...rest });
}
