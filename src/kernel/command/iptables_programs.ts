/** Runs iptables-save and iptables-restore, of either family and kind. */

import { CommandError } from "../../errors.ts";
import type { Family } from "../../model/address.ts";
import type { Attempt } from "../refusal.ts";
import { iptablesError, isOutdated, tableNotOpened, unreadableTable } from "./iptables_errors.ts";
import type { TableName } from "./iptables_rules.ts";
import { parseSavedRules, type SavedRules } from "./iptables_save.ts";
import type { Runner, RunResult } from "./runner.ts";

export interface IptablesOptions {
  /** Which of the two kinds that may be installed side by side. Default: the one that the host calls iptables. */
  readonly variant?: "nft" | "legacy";
  /** How long a lock that another program holds is waited for, 1 or more. Default: 5. */
  readonly lockSeconds?: number;
}

const DEFAULT_LOCK_SECONDS = 5;
/** How long the program may take beside waiting for the lock. */
const RUN_SECONDS = 30;
/** How often the rules are read where sets that they name come and go. */
const LOOKS = 5;
const TABLES: readonly TableName[] = ["nat", "filter"];

/** "iptables", "ip6tables-legacy". */
export function iptablesName(family: Family, { variant }: IptablesOptions = {}): string {
  const name = family === "ipv4" ? "iptables" : "ip6tables";
  return variant === undefined ? name : `${name}-${variant}`;
}

/** All rules of the family. Without naming a table, so that looking at one does not make it. */
export async function saveRules(
  runner: Runner,
  program: string,
  attempt: Attempt,
): Promise<SavedRules> {
  const argv: [string] = [`${program}-save`];
  const { stdout, stderr } = await meant(attempt, look(runner, argv));
  const found = parse(stdout, argv, stderr, attempt);
  const unreadable = TABLES.find((table) => found.unreadable.has(table));
  if (unreadable !== undefined) throw unreadableTable(unreadable, attempt);
  return found;
}

/** Once more where a set was removed, with its rule, between reading the rule and asking for the set's name. */
async function look(runner: Runner, argv: [string]): Promise<RunResult> {
  for (let left = LOOKS - 1;; left--) {
    try {
      return await runner.run(argv);
    } catch (error) {
      if (left === 0 || !isOutdated(error)) throw error;
    }
  }
}

/** Applies the input beside the rules that are there: all of a table's lines, or none. */
export async function restoreRules(
  runner: Runner,
  program: string,
  attempt: Attempt,
  { input, lockSeconds = DEFAULT_LOCK_SECONDS }: { input: string; lockSeconds?: number },
): Promise<void> {
  const argv: [string, ...string[]] = [
    `${program}-restore`,
    "--noflush",
    "-w",
    `${lockSeconds}`,
  ];
  try {
    await runner.run(argv, { stdin: input, timeoutMs: (lockSeconds + RUN_SECONDS) * 1000 });
  } catch (error) {
    const table = tableNotOpened(error);
    // Why it could not be opened, only iptables-save tells.
    if (table !== undefined) await meant(attempt, runner.run([`${program}-save`, "-t", table]));
    throw iptablesError(error, attempt);
  }
}

async function meant<T>(attempt: Attempt, running: Promise<T>): Promise<T> {
  try {
    return await running;
  } catch (error) {
    throw iptablesError(error, attempt);
  }
}

function parse(
  stdout: string,
  argv: readonly string[],
  stderr: string,
  { op, subject }: Attempt,
): SavedRules {
  try {
    return parseSavedRules(stdout);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const message = `${op} ${subject}: ${cause.message}`;
    throw new CommandError(message, argv, 0, stderr, undefined, { op, subject, cause });
  }
}
