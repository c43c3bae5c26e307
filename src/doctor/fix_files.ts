/** The texts of the files that are read with every boot. What an administrator has put there stays. */

import { moduleName } from "../kernel/module_files.ts";
import { namesIn } from "./gather_modules.ts";

const HEAD = "# Written by lvscare doctor --fix, which leaves other lines as they are.\n";

/** The names stand in the file, each on a line. */
export function mergeModules(before: string | undefined, names: readonly string[]): string {
  const there = new Set(namesIn(before ?? "").map(moduleName));
  const missing = names.filter((name) => !there.has(moduleName(name)));
  if (missing.length === 0) return before ?? HEAD;
  return `${ended(before ?? HEAD)}${missing.join("\n")}\n`;
}

/** Each parameter is set once, to that value. */
export function mergeParameters(
  before: string | undefined,
  values: Readonly<Record<string, string>>,
): string {
  const open = new Map(Object.entries(values));
  const lines = (before ?? HEAD).replace(/\n$/, "").split("\n").flatMap((line) => {
    const name = parameterOf(line);
    const value = name === undefined ? undefined : values[name];
    if (name === undefined || value === undefined) return [line];
    // The last line of a name is the one that counts; it is not to be one of those that stay.
    return open.delete(name) ? [`${name} = ${value}`] : [];
  });
  return `${[...lines, ...[...open].map(([name, value]) => `${name} = ${value}`)].join("\n")}\n`;
}

/** "-net/ipv4/ip_forward = 1" sets net.ipv4.ip_forward; a minus is for errors that do not matter. */
function parameterOf(line: string): string | undefined {
  const [, name] = /^\s*-?\s*([^#;=\s][^=\s]*)\s*=/.exec(line) ?? [];
  if (name === undefined) return undefined;
  // Whichever of the two separators comes first, the other is a part of a name.
  const [first] = /[./]/.exec(name) ?? [];
  if (first !== "/") return name;
  return name.replace(/[./]/g, (each) => each === "/" ? "." : "/");
}

function ended(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
