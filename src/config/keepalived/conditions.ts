/** Lines that count only where keepalived runs under a name: @name, or @^name where it runs under any other. */

import { quote } from "../given.ts";
import type { Report } from "../files/report.ts";
import type { Line } from "./line.ts";

/** The line without its condition; undefined where that does not hold. */
export function meetCondition(
  line: Line,
  configId: string | undefined,
  report: Report,
): Line | undefined {
  const [word] = /^@[^ \t\v\f\r\n]*/.exec(line.text) ?? [];
  if (word === undefined) return line;
  const isNegated = word.startsWith("@^");
  const isSame = word.slice(isNegated ? 2 : 1) === configId;
  if (isSame === isNegated) return undefined;
  const rest = line.slice(word.length).trim();
  if (!rest.text.startsWith("@")) return rest;
  const [second = ""] = rest.text.split(/[ \t\v\f\r\n]/, 1);
  report.add(rest.origin(), `${quote(second)} is a second condition, a line can have only one`);
  return undefined;
}
