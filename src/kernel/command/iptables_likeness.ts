/** When two rules are the same rule, whichever version of iptables printed them. */

import { splitWords } from "./iptables_save.ts";

/**
 * A text that is equal for equal rules: versions differ in the order in which they print the matches of a
 * rule, and a mark without a mask is one with all bits in its mask.
 */
export function ruleKey(rule: string | readonly string[]): string {
  const words = typeof rule === "string" ? splitWords(rule) : rule;
  return JSON.stringify(optionGroups(words.map(withMask)).sort());
}

/** The same, and equal for rules of other marks too, and whether or not source ports are random. */
export function shapeKey(rule: string | readonly string[]): string {
  const words = typeof rule === "string" ? splitWords(rule) : rule;
  const shape = words.filter((word) => word !== "--random-fully")
    .map((word, i, all) => MARK_OPTIONS.includes(all[i - 1] ?? "") ? "MARK" : word);
  return ruleKey(shape);
}

const MARK_OPTIONS = ["--mark", "--set-xmark"];

function withMask(word: string, i: number, words: readonly string[]): string {
  return MARK_OPTIONS.includes(words[i - 1] ?? "") && /^0x[0-9a-f]+$/.test(word)
    ? `${word}/0xffffffff`
    : word;
}

/** The words by the matches and targets that they belong to: a match begins with one dash, its options with two. */
function optionGroups(words: readonly string[]): string[] {
  const groups: string[][] = [];
  for (const [i, word] of words.entries()) {
    const negated = word === "!" && isShort(words[i + 1]);
    const begins = negated || (isShort(word) && words[i - 1] !== "!");
    if (begins || groups.length === 0) groups.push([]);
    groups.at(-1)!.push(word);
  }
  return groups.map((group) => JSON.stringify(group));
}

function isShort(word: string | undefined): boolean {
  return word !== undefined && /^-[a-zA-Z]$/.test(word);
}
