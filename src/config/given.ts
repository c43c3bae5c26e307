/** Values as people gave them, and where: on the command line, in the environment, in a file, or nowhere. */

import { ConfigError, UsageError } from "../errors.ts";
import { CARE_FLAGS, type CareFlagName, careVariable } from "./care_flags.ts";
import type { CareFlag } from "./check_flags.ts";

export interface Given {
  readonly text: string;
  /** What people know it by: "--vs", "CARE_VS"; empty where its place says it. */
  readonly name: string;
  readonly origin: "flag" | "environment" | "file" | "default";
}

export interface Sources {
  /** The values of each flag that stands on the command line, in their order. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly env: (name: string) => string | undefined;
}

/** Flags whose empty variable says something; any other is as good as none. */
const EMPTY_COUNTS: readonly CareFlagName[] = ["mode"];

/** All values of a flag from the first source that has any. */
export function findAll(sources: Sources, flag: CareFlagName): Given[] {
  const texts = sources.flags.get(flag);
  if (texts?.length) return texts.map((text) => ({ text, name: `--${flag}`, origin: "flag" }));
  const name = careVariable(flag);
  const text = sources.env(name);
  if (text !== undefined && (text !== "" || EMPTY_COUNTS.includes(flag))) {
    return [{ text, name, origin: "environment" }];
  }
  const { initial }: CareFlag = CARE_FLAGS.find((known) => known.name === flag)!;
  return initial === undefined ? [] : [{ text: initial, name: `--${flag}`, origin: "default" }];
}

/** The value that counts where only one can: the last. */
export function findOne(sources: Sources, flag: CareFlagName): Given | undefined {
  return findAll(sources, flag).at(-1);
}

/** Of a flag that has a default. */
export function findValue(sources: Sources, flag: CareFlagName): Given {
  const given = findOne(sources, flag);
  if (!given) throw new TypeError(`--${flag} has no default`);
  return given;
}

/** Each part of values that are lists with commas, as a value of its own. */
export function splitList(givens: readonly Given[]): Given[] {
  return givens.flatMap((given) =>
    given.text.split(",").map((part) => ({ ...given, text: part.trim() }))
  );
}

/** Refuses a value, showing it. */
export function refuse(given: Given, problem: string, hint?: string): never {
  refuseUnseen(given, quote(given.text), problem, hint);
}

/** Refuses a value that may be a secret. */
export function refuseUnseen(given: Given, subject: string, problem: string, hint?: string): never {
  const what = given.name === "" ? subject : `${given.name} ${subject}`;
  throw wrong(given.origin, `${what}: ${problem}`, hint);
}

function wrong(
  origin: Given["origin"],
  message: string,
  hint: string | undefined,
): UsageError | ConfigError {
  const context = hint === undefined ? {} : { hint };
  return origin === "environment" || origin === "file"
    ? new ConfigError(message, {}, context)
    : new UsageError(message, context);
}

const MAX_SHOWN = 80;

/** The text in quotes, so that it can neither break the line nor drive a terminal. */
export function quote(text: string): string {
  const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
  return JSON.stringify(shown)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}
