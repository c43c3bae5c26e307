/** ~SEQ(NAME, START, STEP, END) and ~LST(NAME, VALUE, …): the rest of the line, once for each value of the names. */

import { isName } from "./definitions.ts";

/** The names with the values that they have one time. */
export type Assignment = readonly (readonly [name: string, value: string])[];

export interface Sequence {
  readonly count: number;
  at(index: number): Assignment;
  /** Where the rest of the line begins. */
  readonly end: number;
}

/** Whether a line must be one. */
export function startsSequence(text: string): boolean {
  return text.startsWith("~SEQ") || text.startsWith("~LST");
}

/** Reads the sequence that the text begins with; a text says what is wrong with it. */
export function readSequence(text: string, expand: (text: string) => string): Sequence | string {
  const [all, kind, inside] = /^~(SEQx?|LST)[ \t]*\(([^()]*)\)/.exec(text) ?? [];
  if (all === undefined || inside === undefined) return `must be ${LIST_FORM} or ${RANGE_FORM}`;
  const read = kind === "LST" ? readList(inside) : readRange(inside, expand, kind === "SEQx");
  return typeof read === "string" ? read : { ...read, end: all.length };
}

const RANGE_FORM = "~SEQ(NAME, START, STEP, END)";
const LIST_FORM = "~LST(NAME, VALUE, ...)";

type Values = Omit<Sequence, "end">;

function readRange(
  inside: string,
  expand: (text: string) => string,
  isHex: boolean,
): Values | string {
  const [name = "", ...given] = inside.split(",").map((part) => expand(part.trim()));
  if (!isName(name)) return `has no name in front, must be ${RANGE_FORM}`;
  const numbers = given.map(readInteger).filter((value) => value !== undefined);
  if (numbers.length !== given.length || numbers.length < 1 || numbers.length > 3) {
    return `has ${given.join(", ") || "nothing"} behind its name, must have one to three numbers`;
  }
  const end = numbers.at(-1)!;
  if (numbers.length === 1 && end === 0) return "ends with 0, must then have a start";
  const start = numbers.length === 1 ? Math.sign(end) : numbers[0]!;
  const step = numbers.length === 3 ? numbers[1]! : end < start ? -1 : 1;
  if (step === 0 || (end - start) * step < 0) {
    return `goes from ${start} to ${end} in steps of ${step}, must get there`;
  }
  if (isHex && Math.min(start, end) < 0) return "has negative numbers, must have none: it is ~SEQx";
  return {
    count: Math.floor((end - start) / step) + 1,
    at: (index) => [[name, (start + index * step).toString(isHex ? 16 : 10)]],
  };
}

/** In C's spelling: 0x for hexadecimal, 0 for octal. */
function readInteger(text: string): number | undefined {
  const [, sign, hex, octal, decimal] =
    /^([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9]\d*))$/.exec(text) ?? [];
  const value = hex !== undefined
    ? parseInt(hex, 16)
    : octal !== undefined
    ? parseInt(octal || "0", 8)
    : Number(decimal);
  if (!Number.isSafeInteger(value)) return undefined;
  return sign === "-" ? -value : value;
}

function readList(inside: string): Values | string {
  const groups = splitGroups(inside);
  if (!groups) return `has more than words and groups of words, must be ${LIST_FORM}`;
  const [names = [], ...values] = groups;
  if (!names.every(isName)) return `has no name in front, must be ${LIST_FORM}`;
  if (values.length === 0) return "has no values, must have some";
  const most = values.reduce((count, group) => Math.max(count, group.length), 0);
  if (most > names.length) return `has ${most} values at once, must have at most ${names.length}`;
  return {
    count: values.length,
    at: (index) => names.map((name, i) => [name, values[index]?.[i] ?? ""]),
  };
}

/** "{A, B}, {1,2}, 3" to its groups; undefined where it is not of that form. */
function splitGroups(inside: string): string[][] | undefined {
  const groups: string[][] = [];
  const GROUP = /[ \t]*(?:\{([^{}]*)\}|([^{}, \t]*))[ \t]*(,|$)/y;
  for (let isMore = true; isMore;) {
    const found = GROUP.exec(inside);
    if (!found) return undefined;
    const [, several, one = "", comma] = found;
    const group = several === undefined ? [one] : several.split(",").map((each) => each.trim());
    if (group.some((each) => /[ \t]/.test(each))) return undefined;
    groups.push(group);
    isMore = comma !== "";
  }
  return groups;
}
