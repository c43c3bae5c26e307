/** The readable options of `lvscare ipvs`, beside ipvsadm's own, which are all understood as well. */

import { UsageError } from "../../errors.ts";
import {
  ALLOWED,
  type CommandName,
  isCommand,
  optionByName,
  printOption,
} from "../../ipvsadm/options.ts";
import { suggest } from "../../ipvsadm/suggest.ts";
import { type GivenOption, tokenize } from "../../ipvsadm/tokens.ts";

/** A readable option: another name for one of ipvsadm's, or a choice among several of them. */
type Alias =
  | { readonly for: string }
  | { readonly choices: Readonly<Record<string, string>> }
  /** Ours alone: told to the command, and unknown to ipvsadm. */
  | { readonly own: "value" | "flag" };

export type AliasTable = Readonly<Record<string, Alias>>;

export const SERVICE_ALIASES: AliasTable = {
  "--flags": { for: "--sched-flags" },
  "--engine": { for: "--pe" },
  "--one-packet": { for: "--ops" },
};

export const EDIT_SERVICE_ALIASES: AliasTable = {
  ...SERVICE_ALIASES,
  "--no-persistent": { own: "flag" },
  "--no-one-packet": { own: "flag" },
  "--no-flags": { own: "flag" },
};

export const SERVER_ALIASES: AliasTable = {
  "--forward": {
    choices: {
      direct: "--gatewaying",
      masquerade: "--masquerading",
      tunnel: "--ipip",
    },
  },
  "--tunnel": { for: "--tun-type" },
  "--tunnel-port": { for: "--tun-port" },
  "--tunnel-checksum": {
    choices: { none: "--tun-nocsum", checksum: "--tun-csum", remote: "--tun-remcsum" },
  },
  "--upper": { for: "--u-threshold" },
  "--lower": { for: "--l-threshold" },
};

const OUTPUT: AliasTable = { "--output": { own: "value" }, "-o": { own: "value" } };

export const LIST_ALIASES: AliasTable = {
  ...OUTPUT,
  "--tunnels": { for: "--tun-info" },
  "--no-sort": { for: "--nosort" },
};

export const OUTPUT_ALIASES = OUTPUT;

export const DAEMON_ALIASES: AliasTable = {
  "--interface": { for: "--mcast-interface" },
  "--id": { for: "--syncid" },
  "--max-length": { for: "--sync-maxlen" },
  "--group": { for: "--mcast-group" },
  "--port": { for: "--mcast-port" },
  "--ttl": { for: "--mcast-ttl" },
};

export const CLEAR_ALIASES: AliasTable = { "--yes": { own: "flag" }, "-y": { own: "flag" } };

export interface WordOptions {
  readonly options: readonly GivenOption[];
  /** What stood between options. */
  readonly words: readonly string[];
  /** Our own options by their long names, "" for a flag. */
  readonly own: ReadonlyMap<string, string>;
}

/** Takes the words of a readable command apart; `command` is what ipvsadm calls it. */
export function readWordOptions(
  title: string,
  command: CommandName,
  aliases: AliasTable,
  args: readonly string[],
): WordOptions {
  const own = new Map<string, string>();
  const translated: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    const name = equals < 0 ? arg : arg.slice(0, equals);
    const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
    const attached = equals < 0 ? undefined : arg.slice(equals + 1);
    if (!alias) {
      checkKnown(title, command, aliases, arg, name);
      translated.push(arg);
      continue;
    }
    if ("for" in alias) {
      translated.push(attached === undefined ? alias.for : `${alias.for}=${attached}`);
      continue;
    }
    if ("own" in alias && alias.own === "flag") {
      if (attached !== undefined) throw new UsageError(`option "${arg}": ${name} takes no value`);
      own.set(longName(name), "");
      continue;
    }
    const value = attached ?? args[++at];
    if (value === undefined) {
      throw new UsageError(`option "${name}": a value must follow, not the end of the line`);
    }
    if ("own" in alias) own.set(longName(name), value);
    else translated.push(choose(name, value, alias.choices));
  }
  const { options, rest } = tokenize(translated);
  for (const option of options) checkAllowed(title, command, aliases, option);
  return { options, words: rest, own };
}

function longName(name: string): string {
  return name === "-o" ? "--output" : name === "-y" ? "--yes" : name;
}

function choose(name: string, value: string, choices: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(choices, value)) return choices[value]!;
  const names = Object.keys(choices);
  const meant = suggest(value, names);
  const question = meant === undefined ? "" : `; did you mean "${meant}"?`;
  throw new UsageError(`option ${name} "${value}": must be ${orList(names)}${question}`);
}

function orList(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** A long option that is nobody's gets a suggestion out of all that would be understood here. */
function checkKnown(
  title: string,
  command: CommandName,
  aliases: AliasTable,
  arg: string,
  name: string,
): void {
  if (!name.startsWith("--") || name === "--" || optionByName(name.slice(2))) return;
  const known = [...Object.keys(aliases), ...ALLOWED[command].map((each) => `--${each}`)];
  const meant = suggest(name, known);
  const tail = meant === undefined ? "see lvscare ipvs --help" : `did you mean "${meant}"?`;
  throw new UsageError(`unknown option "${arg}" of ${title}: ${tail}`);
}

function checkAllowed(
  title: string,
  command: CommandName,
  aliases: AliasTable,
  option: GivenOption,
): void {
  if (!isCommand(option.name) && ALLOWED[command].includes(option.name)) return;
  const known = [...Object.keys(aliases), ...ALLOWED[command].map(printOption)];
  const rule = known.length === 0 ? "it has no options" : `must be of ${known.join(" ")}`;
  throw new UsageError(`option "${option.spelling}": not with ${title}: ${rule}`);
}

/** Options as words again, each value attached to its option. */
export function printGiven(options: readonly GivenOption[]): string[] {
  return options.map(({ name, value }) => value === undefined ? `--${name}` : `--${name}=${value}`);
}
