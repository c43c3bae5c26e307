/** Rules as ipvsadm -S writes them, and files of rules as ipvsadm -R reads them. */

import { LvscareError, UsageError } from "../errors.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { IpvsChange, ServiceEntry, ServiceKey } from "../model/ipvs.ts";
import { parseArguments } from "./arguments.ts";
import { printNamedEndpoint } from "./columns.ts";
import type { Names } from "./names.ts";
import { sortEntries, sortStably } from "./order.ts";
import { serverArguments, serviceArguments, thresholdArguments } from "./spell.ts";

export interface RulesFormat {
  readonly numeric: boolean;
  /** Also the thresholds of servers, which ipvsadm -S leaves out although ipvsadm -R reads them. */
  readonly thresholds: boolean;
  /** The same text for the same table, where ipvsadm's order depends on that of the kernel's list. */
  readonly stable: boolean;
}

/**
 * One line a service and one a server, in ipvsadm's order. It is what ipvsadm writes, but for two things that
 * ipvsadm writes so that it cannot read them again: marks above 2147483647, and flags without names.
 */
export function printRules(
  entries: readonly ServiceEntry[],
  format: RulesFormat,
  names: Names,
): string {
  // Names of hosts would not be understood when the rules are read.
  const shownNames = format.numeric ? undefined : { ...names, hostName: () => undefined };
  const sorted = format.stable ? sortStably(entries) : sortEntries(entries);
  const lines = sorted.flatMap(({ service, servers }) => {
    const print = endpointPrinter(service.key, shownNames);
    return [
      ["-A", ...serviceArguments(service, print)],
      ...servers.map(({ server }) => [
        "-a",
        ...serverArguments(service.key, server, print),
        ...(format.thresholds ? thresholdArguments(server) : []),
      ]),
    ];
  });
  return lines.map((words) => `${words.join(" ")}\n`).join("");
}

function endpointPrinter(
  key: ServiceKey,
  names: Names | undefined,
): (endpoint: Endpoint) => string {
  const protocol = key.kind === "address" ? key.protocol : undefined;
  return (endpoint) => printNamedEndpoint(endpoint, protocol, names);
}

/** A change and the line of the file that asks for it. */
export interface Rule {
  readonly line: number;
  readonly change: IpvsChange;
}

/** A mistake in a file of rules. */
export class RulesError extends UsageError {
  readonly mistakes: readonly { readonly line: number; readonly message: string }[];

  constructor(file: string, mistakes: readonly { line: number; message: string }[]) {
    const first = mistakes[0]!;
    const more = mistakes.length > 1 ? ` (and ${mistakes.length - 1} more lines are wrong)` : "";
    super(`${file}:${first.line}: ${first.message}${more}`);
    this.mistakes = mistakes;
  }
}

/** All changes that the text asks for; nothing but a RulesError where one line cannot be understood. */
export function parseRules(text: string, file: string, names: Names): Rule[] {
  const rules: Rule[] = [];
  const mistakes: { line: number; message: string }[] = [];
  for (const [index, content] of text.split("\n").entries()) {
    const line = index + 1;
    const words = content.replace(/(?:^|\s)#.*/, "").split(/\s+/).filter((word) => word !== "");
    // Files that were written as shell scripts begin each line with the program.
    if (words[0] === "ipvsadm" || words[0]?.endsWith("/ipvsadm")) words.shift();
    if (words.length === 0) continue;
    try {
      rules.push({ line, change: parseRule(words, names) });
    } catch (error) {
      if (!(error instanceof LvscareError)) throw error;
      mistakes.push({ line, message: error.message });
    }
  }
  if (mistakes.length > 0) throw new RulesError(file, mistakes);
  return rules;
}

function parseRule(words: readonly string[], names: Names): IpvsChange {
  const operation = parseArguments(words.map(unsignedMark), names);
  if (operation.op === "change") return operation.change;
  throw new UsageError(
    `option "${words[0]}": must be one of -A -E -D -a -e -d: only these change rules`,
  );
}

/** ipvsadm saves marks as signed numbers, which it cannot read again; we can. */
function unsignedMark(word: string, i: number, words: readonly string[]): string {
  const isMark = words[i - 1] === "-f" || words[i - 1] === "--fwmark-service";
  if (!isMark || !/^-\d{1,10}$/.test(word) || Number(word) < -(2 ** 31)) return word;
  return String(Number(word) >>> 0);
}
