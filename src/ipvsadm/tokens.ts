/** A command line of ipvsadm, taken apart as popt does it: options with their values, and what is left. */

import { UsageError } from "../errors.ts";
import {
  OPTION_NAMES,
  optionByLetter,
  optionByName,
  type OptionName,
  optionSpec,
} from "./options.ts";
import { suggest } from "./suggest.ts";

export interface GivenOption {
  readonly name: OptionName;
  /** As it was written, for messages: "-w" or "--weight". */
  readonly spelling: string;
  readonly value?: string;
}

export interface Tokens {
  readonly options: readonly GivenOption[];
  readonly rest: readonly string[];
}

export function tokenize(args: readonly string[]): Tokens {
  const options: GivenOption[] = [];
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") {
      rest.push(...args.slice(at + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      rest.push(arg);
      continue;
    }
    const { given, usedNext } = arg.startsWith("--")
      ? readLong(arg, args[at + 1])
      : readShorts(arg, args[at + 1]);
    options.push(...given);
    if (usedNext) at++;
  }
  return { options, rest };
}

interface Reading {
  readonly given: readonly GivenOption[];
  /** Whether the next argument was the value. */
  readonly usedNext: boolean;
}

function readLong(arg: string, next: string | undefined): Reading {
  const equals = arg.indexOf("=");
  const spelling = equals < 0 ? arg : arg.slice(0, equals);
  const name = optionByName(spelling.slice(2));
  if (name === undefined) throw unknownOption(spelling, OPTION_NAMES.map((each) => `--${each}`));
  const attached = equals < 0 ? undefined : arg.slice(equals + 1);
  if (attached !== undefined && optionSpec(name).value === undefined) {
    throw new UsageError(`option "${arg}": ${spelling} takes no value`);
  }
  return withValue(name, spelling, attached, next);
}

/** Letters may be grouped; the first that takes a value takes all that follows it. */
function readShorts(arg: string, next: string | undefined): Reading {
  const given: GivenOption[] = [];
  const letters = arg.slice(1);
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at]!;
    const spelling = `-${letter}`;
    const name = optionByLetter(letter);
    if (name === undefined) throw unknownShort(arg, letter);
    if (optionSpec(name).value === undefined) {
      given.push({ name, spelling });
      continue;
    }
    const tail = letters.slice(at + 1);
    const attached = tail === "" ? undefined : tail.replace(/^=/, "");
    const reading = withValue(name, spelling, attached, next);
    return { given: [...given, ...reading.given], usedNext: reading.usedNext };
  }
  return { given, usedNext: false };
}

function withValue(
  name: OptionName,
  spelling: string,
  attached: string | undefined,
  next: string | undefined,
): Reading {
  const kind = optionSpec(name).value;
  if (kind === undefined) return { given: [{ name, spelling }], usedNext: false };
  if (attached !== undefined) {
    return { given: [{ name, spelling, value: attached }], usedNext: false };
  }
  // A negative number is a (wrong) value, not a forgotten one, and its message should say so.
  const isOption = next !== undefined && /^-[^\d]/.test(next);
  if (next !== undefined && !isOption && !(kind === "optional" && next.startsWith("-"))) {
    return { given: [{ name, spelling, value: next }], usedNext: true };
  }
  if (kind === "optional") return { given: [{ name, spelling }], usedNext: false };
  throw new UsageError(`option "${spelling}": a value must follow, not ${quoteNext(next)}`);
}

function quoteNext(next: string | undefined): string {
  return next === undefined ? "the end of the line" : `"${next}"`;
}

function unknownOption(spelling: string, candidates: readonly string[]): UsageError {
  const meant = suggest(spelling, candidates);
  const tail = meant === undefined ? "see --help for all of them" : `did you mean "${meant}"?`;
  return new UsageError(`unknown option "${spelling}": ${tail}`);
}

function unknownShort(arg: string, letter: string): UsageError {
  // One dash where two were meant is the usual reason.
  if (arg.length > 2) {
    const long = arg.slice(1).replace(/=.*/, "");
    const meant = optionByName(long) ?? suggest(long, OPTION_NAMES);
    if (meant !== undefined) {
      return new UsageError(`unknown option "${arg}": did you mean "--${meant}"?`);
    }
    return new UsageError(`unknown option "-${letter}" in "${arg}": see --help for all of them`);
  }
  const other = letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase();
  const meant = optionByLetter(other);
  const tail = meant === undefined ? "see --help for all of them" : `did you mean "-${other}"?`;
  return new UsageError(`unknown option "-${letter}": ${tail}`);
}
