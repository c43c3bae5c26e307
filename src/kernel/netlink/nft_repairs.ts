/** What differs between our table in nftables as it is and as it must be, and how to mend it. */

import type { Request } from "../../wire/message.ts";
import {
  appendRuleRequest,
  deleteChainRequest,
  deleteTableRequest,
  flushChainRequest,
  newChainRequest,
  newTableRequest,
  type NftChain,
  type NftRule,
  type NftTable,
} from "../../wire/nft.ts";
import { newSetRequest, type NftSet } from "../../wire/nft_set.ts";
import { type Expression, NFT_TABLE_F_DORMANT } from "../../wire/nft_tables.ts";
import type { MasqueradeOptions } from "../masquerade.ts";
import {
  type MasqueradeChain,
  masqueradeChains,
  masqueradeSet,
  masqueradeTable,
} from "./nft_masquerade_table.ts";

/** What the kernel has of our table. */
export interface FoundTable {
  readonly flags: number;
  readonly set: NftSet | undefined;
  readonly chains: readonly NftChain[];
  readonly rules: readonly NftRule[];
}

/** One piece that is not as it must be, and the requests that make it so. */
export interface Repair {
  readonly piece: string;
  readonly requests: readonly Request[];
}

/** What to mend, in an order in which it can be done in one transaction. */
export function planRepairs(
  options: MasqueradeOptions,
  found: FoundTable | undefined,
): readonly Repair[] {
  const { family } = options;
  const table = masqueradeTable(family);
  const wholeTable = `table ${family === "ipv4" ? "ip" : "ip6"} ${table.name}`;
  if (!found) {
    const made = { piece: wholeTable, requests: [newTableRequest(table)] };
    return [made, ...planRepairs(options, EMPTY)];
  }
  if (found.set && !isSameSet(found.set, masqueradeSet(family))) {
    // A set that rules use cannot be replaced alone.
    const requests = [deleteTableRequest(table), newTableRequest(table)];
    const [, ...rest] = planRepairs(options, undefined);
    return [{ piece: `${wholeTable}: its set is of another type`, requests }, ...rest];
  }
  const repairs: Repair[] = [];
  if ((found.flags & NFT_TABLE_F_DORMANT) !== 0) {
    repairs.push({ piece: `${wholeTable}: it is asleep`, requests: [newTableRequest(table)] });
  }
  if (!found.set) {
    const set = masqueradeSet(family);
    repairs.push({ piece: `set ${set.name}`, requests: [newSetRequest(table, set)] });
  }
  for (const wanted of masqueradeChains(options)) {
    const repair = repairChain(table, wanted, found);
    if (repair) repairs.push(repair);
  }
  return repairs;
}

const EMPTY: FoundTable = { flags: 0, set: undefined, chains: [], rules: [] };

export function isSameSet(a: NftSet, b: NftSet): boolean {
  return a.name === b.name && a.keyType === b.keyType && a.keyLength === b.keyLength &&
    a.flags === b.flags;
}

function repairChain(
  table: NftTable,
  { chain, rules }: MasqueradeChain,
  found: FoundTable,
): Repair | undefined {
  const { name } = chain;
  const there = found.chains.find((each) => each.name === name);
  const make = [
    newChainRequest(table, chain),
    ...rules.map((rule) => appendRuleRequest(table, rule)),
  ];
  if (!there) return { piece: `chain ${name}`, requests: make };
  const flush = flushChainRequest(table, name);
  if (!isSameChain(there, chain)) {
    return {
      piece: `chain ${name}: it is hooked in otherwise`,
      requests: [flush, deleteChainRequest(table, name), ...make],
    };
  }
  const rulesThere = found.rules.filter((rule) => rule.chain === name);
  if (printRules(rulesThere) === printRules(rules)) return undefined;
  return { piece: `rules of chain ${name}`, requests: [flush, ...make] };
}

function isSameChain(a: NftChain, b: NftChain): boolean {
  return a.type === b.type && a.policy === b.policy && a.hook?.number === b.hook?.number &&
    a.hook?.priority === b.hook?.priority;
}

function printRules(rules: readonly NftRule[]): string {
  const printed = rules.map(({ comment, expressions }) => [
    comment,
    ...expressions.map(printExpression),
  ]);
  return JSON.stringify(printed);
}

/** The kernel says what we leave to it, and says it in an order of its own. */
function printExpression(expression: Expression): string {
  if (expression.name === "other") return expression.other;
  const said = Object.entries(expression.data).filter(([, value]) =>
    value !== undefined && value !== 0
  );
  return JSON.stringify(
    [expression.name, ...said.toSorted(([a], [b]) => a < b ? -1 : 1)],
    (_, value) => value instanceof Uint8Array ? [...value] : value,
  );
}
