/** Command lines of `lvscare care` that are to stand in what is generated: read as care itself reads them. */

import type { CareConfig } from "../config/care.ts";
import { CARE_FLAGS } from "../config/care_flags.ts";
import { type Given, quote } from "../config/given.ts";
import { normalizeFlags } from "../config/pflag.ts";
import { readCareConfig } from "../config/read_care.ts";
import { didYouMean } from "../config/values.ts";
import { LvscareError, UsageError } from "../errors.ts";
import { printEndpoint } from "../model/endpoint.ts";
import { STATE_DIR } from "./needs.ts";

/** The configuration that the words behind "lvscare care" come to. */
export function readCareLine(words: readonly string[], origin: Given): CareConfig {
  const flags = new Map<string, string[]>();
  for (const word of normalizeFlags(words, CARE_FLAGS)) {
    const { name, value } = readFlag(word, origin);
    flags.set(name, [...flags.get(name) ?? [], value]);
  }
  const nothing = { words: [], env: () => undefined, hosts: "" };
  return readCareConfig({ flags, ...nothing }).config;
}

function readFlag(word: string, { name: from }: Given): { name: string; value: string } {
  const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const known = CARE_FLAGS.find((flag) => flag.name === name);
  if (known && value !== undefined) return { name: known.name, value };
  // What is behind "=" may be a secret.
  const shown = quote(word.replace(/=.*/s, "=..."));
  if (known) throw new UsageError(`${from} has ${shown}: it must have a value`);
  if (!word.startsWith("-")) {
    throw new UsageError(`${from} has ${shown}: must be a flag of lvscare care`, {
      hint: "a value with spaces stands in quotes",
    });
  }
  const names = CARE_FLAGS.map((flag) => flag.name);
  throw new UsageError(`${from} has ${shown}: unknown, must be a flag of lvscare care`, {
    hint: (name && didYouMean(name, names)) ?? "see lvscare care --help",
  });
}

/** What stands behind "lvscare status" to ask the care of that configuration. */
export function statusWords({ virtualServer, stateDir }: CareConfig): string[] {
  const where = stateDir === STATE_DIR ? [] : ["--state-dir", stateDir];
  return ["--vs", printEndpoint(virtualServer), ...where];
}

/** The same errors, with flags by the names that people gave them. */
export function renaming<T>(names: Readonly<Record<string, string>>, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof LvscareError)) throw error;
    const [, first = ""] = /^(--[\w-]+)/.exec(error.message) ?? [];
    if (!Object.hasOwn(names, first)) throw error;
    const { hint } = error;
    throw new UsageError(names[first] + error.message.slice(first.length), {
      cause: error,
      ...(hint !== undefined && { hint }),
    });
  }
}
