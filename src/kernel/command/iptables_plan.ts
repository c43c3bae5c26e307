/** What of the rules is not as it must be, and the lines for iptables-restore that mend it; pure. */

import { ruleKey, shapeKey } from "./iptables_likeness.ts";
import {
  ACCEPTING_CHAIN,
  acceptRule,
  chainRules,
  type Jump,
  JUMPS,
  OUR_CHAINS,
  type RuleOptions,
  type TableName,
} from "./iptables_rules.ts";
import { type SavedRule, type SavedRules, savedTable } from "./iptables_save.ts";

/** A part of the rules that is mended in one go. */
export interface Repair {
  /** What is wrong with it, for people. */
  readonly pieces: readonly string[];
  readonly table: TableName;
  /** A chain that is to be there and empty before anything else is done. */
  readonly empty?: string;
  readonly lines: readonly string[];
}

export function planRepairs(found: SavedRules, options: RuleOptions): Repair[] {
  const wanted = chainRules(options);
  return [
    ...OUR_CHAINS.map((chain) => repairChain(found, chain, wanted.get(chain)!)),
    ...JUMPS.map((jump) => repairJump(found, jump)),
    repairAcceptRule(found, options),
  ].filter((repair) => repair !== undefined);
}

function repairChain(
  found: SavedRules,
  chain: string,
  wanted: readonly string[],
): Repair | undefined {
  const nat = savedTable(found, "nat");
  const pieces = nat.chains.has(chain)
    ? wrongRules(chain, wanted, nat.rules.filter((rule) => rule.chain === chain))
    : [`chain ${chain}`];
  if (pieces.length === 0) return undefined;
  return {
    pieces,
    table: "nat",
    empty: chain,
    lines: wanted.map((rule) => `-A ${chain} ${rule}`),
  };
}

function wrongRules(
  chain: string,
  wanted: readonly string[],
  there: readonly SavedRule[],
): string[] {
  const keys = there.map(({ words }) => ruleKey(words));
  const wantedKeys = wanted.map((rule) => ruleKey(rule));
  if (JSON.stringify(keys) === JSON.stringify(wantedKeys)) return [];
  const shapes = wanted.map((rule) => shapeKey(rule));
  const foreign = there.filter(({ words }) => !shapes.includes(shapeKey(words)));
  const absent = wanted.filter((_, i) => !keys.includes(wantedKeys[i]!));
  const wrong = [
    ...absent.map((rule) => `rule of chain ${chain}: ${rule}`),
    ...foreign.map(({ text }) => `foreign rule in chain ${chain}: ${text}`),
  ];
  return wrong.length > 0 ? wrong : [`rules of chain ${chain}: repeated, or in another order`];
}

function repairJump(found: SavedRules, jump: Jump): Repair | undefined {
  const there = savedTable(found, "nat").rules.filter((rule) => isJump(rule, jump));
  const piece = `jump from ${jump.from} to ${jump.to}`;
  const [first, ...more] = there;
  if (!first) return { pieces: [piece], table: "nat", lines: [`-A ${jump.from} ${jump.rule}`] };
  if (more.length === 0) return undefined;
  return { pieces: [`${piece}: repeated`], table: "nat", lines: more.map(deletion) };
}

function repairAcceptRule(found: SavedRules, options: RuleOptions): Repair | undefined {
  const wanted = acceptRule(options);
  const there = acceptRules(found);
  const old = there.filter(({ words }) => ruleKey(words) !== ruleKey(wanted));
  const count = there.length - old.length;
  const piece = `rule of chain ${ACCEPTING_CHAIN}: ${wanted}`;
  const pieces = old.map(({ text }) => `old rule in chain ${ACCEPTING_CHAIN}: ${text}`);
  if (count === 1) {
    return old.length === 0 ? undefined : { pieces, table: "filter", lines: old.map(deletion) };
  }
  // Of equal rules only the first can be named, and it is the one to keep: so all are made anew.
  return {
    pieces: [count === 0 ? piece : `${piece}: repeated`, ...pieces],
    table: "filter",
    lines: [...there.map(deletion), `-I ${ACCEPTING_CHAIN} ${wanted}`],
  };
}

export interface Removal {
  readonly repairs: readonly Repair[];
  /** Rules of others that refer to a chain of ours, which therefore stays, empty. */
  readonly holders: readonly SavedRule[];
}

/** Everything of ours, by whatever mark, whole or half. */
export function planRemoval(found: SavedRules): Removal {
  const nat = savedTable(found, "nat");
  const jumps = nat.rules.filter((rule) => JUMPS.some((jump) => isJump(rule, jump)));
  const chains = OUR_CHAINS.filter((chain) => nat.chains.has(chain));
  const holders = nat.rules.filter((rule) =>
    !OUR_CHAINS.includes(rule.chain) && !jumps.includes(rule) && chains.includes(targetOf(rule))
  );
  const held = new Set(holders.map(targetOf));
  const hasRules = (chain: string) => nat.rules.some((rule) => rule.chain === chain);
  const emptied = chains.filter((chain) => !held.has(chain) || hasRules(chain));
  const accepting = acceptRules(found);
  const repairs: Repair[] = [
    ...emptied.map((empty) => removal("nat", `chain ${empty}`, [], empty)),
    ...jumps.map((rule) => removal("nat", `rule of chain ${rule.chain}`, [deletion(rule)])),
    // Last, since until then jumps and chains of ours refer to them.
    ...emptied.filter((chain) => !held.has(chain))
      .map((chain) => removal("nat", `chain ${chain}`, [`-X ${chain}`])),
    ...accepting.map((rule) => removal("filter", `rule of chain ${rule.chain}`, [deletion(rule)])),
  ];
  return { repairs, holders };
}

function removal(
  table: TableName,
  piece: string,
  lines: readonly string[],
  empty?: string,
): Repair {
  return { pieces: [piece], table, lines, ...(empty !== undefined && { empty }) };
}

/** What iptables-restore is given, which changes each table at once; empty where nothing is to be done. */
export function printRepairs(repairs: readonly Repair[]): string {
  return (["nat", "filter"] as const).map((table) => {
    const those = repairs.filter((repair) => repair.table === table);
    if (those.length === 0) return "";
    const empty = those.flatMap(({ empty }) => empty === undefined ? [] : [`:${empty} - [0:0]`]);
    const lines = those.flatMap(({ lines }) => lines);
    return [`*${table}`, ...empty, ...lines, "COMMIT", ""].join("\n");
  }).join("");
}

function isJump({ chain, words }: SavedRule, jump: Jump): boolean {
  return chain === jump.from && ruleKey(words) === ruleKey(jump.rule);
}

/** The rules that accept marked packets, by whatever mark, and those that LVScare made without a mask. */
function acceptRules(found: SavedRules): SavedRule[] {
  const shape = shapeKey(acceptRule({ family: "ipv4", markBit: 0 }));
  return savedTable(found, "filter").rules
    .filter(({ chain, words }) => chain === ACCEPTING_CHAIN && shapeKey(words) === shape);
}

/** By its words and not by its number, which somebody else may change in between. */
function deletion({ chain, text }: SavedRule): string {
  return `-D ${chain} ${text}`;
}

/** Where the rule sends a packet: a chain, or what iptables itself does. */
export function targetOf({ words }: SavedRule): string {
  return words[words.findLastIndex((word) => word === "-j" || word === "-g") + 1] ?? "";
}
