/** Rules from what iptables-save prints. */

import type { FoundRule, MarkUse } from "./facts.ts";
import { markMatch, markTarget } from "./nft_rules.ts";

/** The rules of one family; what is not understood of a rule is not in it. */
export function parseSaved(text: string, family: "ip" | "ip6"): FoundRule[] {
  const rules: FoundRule[] = [];
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    const [, chain, rest] = /^(?:\[\d+:\d+\] )?-A (\S+) ?(.*)$/.exec(line) ?? [];
    if (chain === undefined || rest === undefined) continue;
    const words = splitWords(rest);
    rules.push({
      ...{ by: "iptables-legacy", family, table, chain },
      comment: behind(words, "--comment") ?? "",
      target: behind(words, "-j") ?? behind(words, "-g") ?? "",
      marks: marksOf(words),
      port: portOf(words),
    });
  }
  return rules;
}

/** As a shell would see them. */
function splitWords(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/gs)]
    .map(([bare, quoted]) => quoted === undefined ? bare : quoted.replace(/\\(.)/gs, "$1"));
}

function behind(words: readonly string[], option: string): string | undefined {
  const at = words.indexOf(option);
  return at < 0 ? undefined : words[at + 1];
}

const WHOLE = 0xffff_ffff;

/** What each option does; iptables-save prints a target's as --set-xmark alone, older ones others. */
const MARKS: Readonly<Record<string, (value: number, mask: number | undefined) => MarkUse>> = {
  "--mark": (value, mask = WHOLE) => markMatch(value, mask),
  "--set-xmark": (value, mask = WHOLE) => markTarget(value, mask),
  "--set-mark": (value, mask = WHOLE) => markTarget(value, mask),
  "--or-mark": (value) => ({ bits: value, how: "writes" }),
  "--xor-mark": (value) => ({ bits: value, how: "writes" }),
  "--and-mark": (value) => ({ bits: ~value >>> 0, how: "writes" }),
};

function marksOf(words: readonly string[]): MarkUse[] {
  // Of a connection's mark, which has options of the same names.
  if (words.includes("connmark")) return [];
  if (words.includes("CONNMARK")) return connectionMarks(words);
  return words.flatMap((word, at) => {
    const use = Object.hasOwn(MARKS, word) ? MARKS[word] : undefined;
    const [, value, mask] =
      /^(0x[\da-f]+|\d+)(?:\/(0x[\da-f]+|\d+))?$/i.exec(words[at + 1] ?? "") ??
        [];
    if (!use || value === undefined) return [];
    return [use(Number(value), mask === undefined ? undefined : Number(mask))];
  });
}

function connectionMarks(words: readonly string[]): MarkUse[] {
  const mask = behind(words, "--nfmask") ?? behind(words, "--mask");
  const bits = mask === undefined ? WHOLE : Number(mask);
  if (words.includes("--restore-mark")) return [{ bits, how: "writes" }];
  return words.includes("--save-mark") ? [{ bits, how: "reads" }] : [];
}

function portOf(words: readonly string[]): number | undefined {
  const text = behind(words, "--dport");
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
