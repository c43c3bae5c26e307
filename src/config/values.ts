/** Values of the common kinds, out of what people gave. */

import { suggest } from "../ipvsadm/suggest.ts";
import { DURATION_EXAMPLES, parseSecondsOrDuration } from "./duration.ts";
import { type Given, refuse } from "./given.ts";
import { parseBool } from "./pflag.ts";

export function readSwitch(given: Given): boolean {
  return parseBool(given.text) ?? refuse(given, "must be true or false");
}

export function readChoice<Choice extends string>(
  given: Given,
  choices: readonly Choice[],
  text = given.text,
): Choice {
  return choices.find((choice) => choice === text) ?? refuseChoice(given, choices, text);
}

/** The text is what was given in the case of the choices, for the nearest of them. */
export function refuseChoice(given: Given, choices: readonly string[], text: string): never {
  return refuse(given, `must be ${listWords(choices)}`, didYouMean(text, choices));
}

/** "a, b or empty". */
function listWords(words: readonly string[]): string {
  const named = words.map((word) => word || "empty");
  return `${named.slice(0, -1).join(", ")} or ${named.at(-1)}`;
}

export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const near = suggest(word, candidates.filter((candidate) => candidate !== ""));
  return near === undefined ? undefined : `did you mean ${near}?`;
}

export function readInteger(given: Given, min: number, max: number): number {
  // A leading zero is refused: Go reads 010 as eight.
  const value = /^(?:0|-?[1-9]\d{0,9})$/.test(given.text) ? Number(given.text) : undefined;
  if (value !== undefined && value >= min && value <= max) return value;
  return refuse(given, `must be a whole number from ${min} to ${max}`);
}

/** Bounds of a duration as they are written: "100ms". */
export interface DurationRange {
  readonly min: string;
  readonly max: string;
}

export function readDurationMs(given: Given, { min, max }: DurationRange): number {
  const value = parseSecondsOrDuration(given.text) ??
    refuse(given, `is no duration, must be ${DURATION_EXAMPLES}`);
  if (value < nanoseconds(min) || value > nanoseconds(max)) {
    refuse(given, `must be from ${min} to ${max}`);
  }
  return Math.round(Number(value) / 1e6);
}

function nanoseconds(bound: string): bigint {
  return parseSecondsOrDuration(bound)!;
}
