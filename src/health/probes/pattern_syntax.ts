/** Reads regular expressions in PCRE2's spelling, as far as linear time can match them. Pure. */

import { LvscareError } from "../../errors.ts";
import { quote } from "./http_message.ts";

/** Named as PCRE2's. */
export interface PatternOptions {
  readonly ignoreCase?: boolean;
  readonly multiline?: boolean;
  readonly dotAll?: boolean;
  /** A match begins where the text (or the search) does. */
  readonly anchored?: boolean;
  /** `$` is not before a line's end that is the text's last byte; nothing where it is multiline. */
  readonly dollarEndOnly?: boolean;
  /** White space and `#` comments in the pattern count for nothing. */
  readonly extended?: boolean;
}

/** What is wrong with a pattern, told as of "the pattern". */
export class PatternError extends LvscareError {
  override readonly name = "PatternError";
  /** Where in the pattern, in characters from 0. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Some of the 256 bytes: n is one of them where bit n is set. */
export type ByteSet = bigint;

export type Node =
  | { readonly kind: "byte"; readonly set: ByteSet }
  | { readonly kind: "place"; readonly places: number }
  | { readonly kind: "sequence" | "choice"; readonly items: readonly Node[] }
  | { readonly kind: "repeat"; readonly item: Node; readonly counts: Counts };

export interface Counts {
  readonly min: number;
  readonly max: number;
  readonly isLazy: boolean;
}

/** What stands beside a place in the text, as far as assertions ask. */
export const EDGE = 0;
export const LINE_FEED = 1;
export const WORD = 2;
export const OTHER = 3;
/** A line feed that is the text's last byte; only told of what stands behind a place. */
export const LAST_LINE_FEED = 4;
/** How many may stand behind a place. */
export const KINDS = 5;

/** A bit for each two that an assertion may stand between: `before * KINDS + after`. */
function places(holds: (before: number, after: number) => boolean): number {
  let bits = 0;
  for (let bit = 0; bit < LAST_LINE_FEED * KINDS; bit++) {
    if (holds(Math.floor(bit / KINDS), bit % KINDS)) bits |= 1 << bit;
  }
  return bits;
}

const TEXT_START = places((before) => before === EDGE);
const TEXT_END = places((_, after) => after === EDGE);
const LAST_LINE_END = places((_, after) => after === EDGE || after === LAST_LINE_FEED);
/** Behind a line feed that ends the text, PCRE sees no line, unlike JavaScript. */
const LINE_START = places((before, after) =>
  before === EDGE || (before === LINE_FEED && after !== EDGE)
);
const LINE_END = places((_, after) => [EDGE, LINE_FEED, LAST_LINE_FEED].includes(after));
const WORD_EDGE = places((before, after) => (before === WORD) !== (after === WORD));

const ASSERTIONS: ReadonlyMap<string, number> = new Map([
  ["A", TEXT_START],
  ["z", TEXT_END],
  ["Z", LAST_LINE_END],
  ["b", WORD_EDGE],
  ["B", places((before, after) => (before === WORD) === (after === WORD))],
]);

const ALL = (1n << 256n) - 1n;

function range(first: number, last: number): ByteSet {
  return ((1n << BigInt(last - first + 1)) - 1n) << BigInt(first);
}

/** From the first to the last of each two characters. */
function ranges(text: string): ByteSet {
  let set = 0n;
  for (let at = 0; at < text.length; at += 2) {
    set |= range(text.charCodeAt(at), text.charCodeAt(at + 1));
  }
  return set;
}

export const WORD_BYTES = ranges("09AZ__az");
export const LINE_FEED_BYTE = ranges("\n\n");
const UPPER = ranges("AZ");
const LOWER = ranges("az");

/** Behind a backslash; a capital letter is for all other bytes. \v is PCRE's, not JavaScript's. */
const SETS: ReadonlyMap<string, ByteSet> = new Map([
  ["d", ranges("09")],
  ["w", WORD_BYTES],
  ["s", ranges("\t\r  ")],
  ["h", ranges("\t\t  \xa0\xa0")],
  ["v", ranges("\n\r\x85\x85")],
]);

const POSIX_SETS: ReadonlyMap<string, ByteSet> = new Map([
  ["alnum", ranges("09AZaz")],
  ["alpha", ranges("AZaz")],
  ["ascii", ranges("\0\x7f")],
  ["blank", ranges("\t\t  ")],
  ["cntrl", ranges("\0\x1f\x7f\x7f")],
  ["digit", ranges("09")],
  ["graph", ranges("!~")],
  ["lower", LOWER],
  ["print", ranges(" ~")],
  ["punct", ranges("!/:@[`{~")],
  ["space", ranges("\t\r  ")],
  ["upper", UPPER],
  ["word", WORD_BYTES],
  ["xdigit", ranges("09AFaf")],
]);

const BYTES: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["e", 27],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
]);

/** Each is looked for at one place only, and none of them can backtrack far. */
const QUANTIFIER = /[*+?]|\{(\d+)(,?)(\d*)\}/y;
const BLANKS = /[ \t\n\v\f\r]+|#[^\n]*\n?/y;
const COMMENT = /\(\?#[^)]*(\)?)/y;
const INLINE_FLAGS = /\?([A-Za-z]*)(?:-([A-Za-z]*))?([:)])/y;
const NAME = /\?(?:P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*')/y;
const BACK_REFERENCE = /\\([1-9]\d*)/y;
const OCTAL = /\\([0-7]{1,3})/y;
const HEXADECIMAL = /\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{1,2}))/y;
const POSIX_CLASS = /\[([:.=])(\^?)((?:(?!\[\1)[^\]])*?)\1\]/y;

/** What an automaton like ours cannot match. */
const REFUSED: readonly (readonly [spelling: RegExp, what: string])[] = [
  [/\(\?[=!]|\(\?\*/y, "a look-ahead"],
  [/\(\?<[=!*]/y, "a look-behind"],
  [/\(\?>/y, "an atomic group"],
  [/\(\?\(/y, "a condition"],
  [/\(\?P=|\\[gk]\{|\\k|\\g[+-]?\d/y, "a back reference"],
  [/\(\?(?:R|&|P>|[+-]?\d)|\\g[<']/y, "a recursion"],
  [/\(\*[A-Za-z:]*/y, "a verb"],
];

const MAX_LENGTH = 10_000;
const MAX_DEPTH = 250;
/** PCRE's. */
const MAX_COUNT = 65_535;

type Flags = Readonly<Record<"i" | "m" | "s" | "x", boolean>>;

const encoder = new TextEncoder();

/** Throws PatternError. */
export function parsePattern(source: string, options: PatternOptions): Node {
  if (source.length > MAX_LENGTH) {
    throw new PatternError(`has ${source.length} characters, must have at most ${MAX_LENGTH}`, 0);
  }
  return new Parser(source, options).parse();
}

class Parser {
  readonly #source: string;
  /** Where `$` holds if it is not multiline. */
  readonly #dollar: number;
  #flags: Flags;
  #at = 0;
  #depth = 0;
  /** Groups that a number could refer to. */
  #captures = 0;
  /** Between \Q and \E. */
  #isQuoted = false;

  constructor(source: string, options: PatternOptions) {
    this.#source = source;
    this.#dollar = options.dollarEndOnly ? TEXT_END : LAST_LINE_END;
    this.#flags = {
      i: options.ignoreCase ?? false,
      m: options.multiline ?? false,
      s: options.dotAll ?? false,
      x: options.extended ?? false,
    };
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw this.#error(`has no "(" for the ")"`, this.#at);
    return node;
  }

  #choice(): Node {
    const items = [this.#sequence()];
    while (this.#take("|")) items.push(this.#sequence());
    return items.length === 1 ? items[0]! : { kind: "choice", items };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (!this.#isAtEnd()) {
      const item = this.#item();
      if (item !== undefined && !isEmpty(item)) items.push(item);
    }
    return { kind: "sequence", items };
  }

  #isAtEnd(): boolean {
    this.#skip();
    const char = this.#source[this.#at];
    return char === undefined || (!this.#isQuoted && (char === "|" || char === ")"));
  }

  /** With its quantifier; nothing where it only sets flags. */
  #item(): Node | undefined {
    const start = this.#at;
    if (!this.#isQuoted) {
      const assertion = this.#assertion();
      if (assertion !== undefined) return { kind: "place", places: assertion };
      if (this.#match(QUANTIFIER)) {
        throw this.#error(`has nothing to repeat for ${this.#since(start)}`, start);
      }
    }
    const atom = this.#atom();
    return atom && this.#repeated(atom);
  }

  #assertion(): number | undefined {
    if (this.#take("^")) return this.#flags.m ? LINE_START : TEXT_START;
    if (this.#take("$")) return this.#flags.m ? LINE_END : this.#dollar;
    if (this.#source[this.#at] !== "\\") return undefined;
    const assertion = ASSERTIONS.get(this.#source[this.#at + 1] ?? "");
    if (assertion !== undefined) this.#at += 2;
    return assertion;
  }

  #atom(): Node | undefined {
    if (this.#isQuoted) return this.#literal();
    switch (this.#source[this.#at]) {
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case "\\":
        return this.#escaped();
      case ".":
        this.#at++;
        return { kind: "byte", set: this.#flags.s ? ALL : ALL ^ LINE_FEED_BYTE };
      default:
        return this.#literal();
    }
  }

  #repeated(item: Node): Node {
    this.#skip();
    const start = this.#at;
    const quantifier = this.#isQuoted ? undefined : this.#match(QUANTIFIER);
    if (quantifier === undefined) return item;
    const [min, max] = countsOf(quantifier);
    const spelling = this.#since(start);
    if (min > max) {
      throw this.#error(`has ${spelling}`, start, "begin with the smaller number");
    }
    if (min > MAX_COUNT || (max > MAX_COUNT && max !== Infinity)) {
      throw this.#error(`has ${spelling}`, start, `repeat at most ${MAX_COUNT} times`);
    }
    this.#skip();
    const isLazy = this.#take("?");
    if (!isLazy && this.#take("+")) throw this.#refusal("a possessive quantifier", start);
    // Nothing, however often: a program of no instructions could be repeated without an end.
    if (max === 0 || isEmpty(item)) return { kind: "sequence", items: [] };
    return { kind: "repeat", item, counts: { min, max, isLazy } };
  }

  #literal(): Node {
    const start = this.#at;
    const code = this.#source.codePointAt(start) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) {
      throw this.#error("has half of a surrogate pair", start);
    }
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    const items = [...encoder.encode(char)].map((byte) => this.#byte(range(byte, byte)));
    return { kind: "sequence", items };
  }

  /** Case is that of ASCII: what a body is encoded in is not known. */
  #byte(set: ByteSet): Node {
    return { kind: "byte", set: this.#cased(set) };
  }

  #cased(set: ByteSet): ByteSet {
    return this.#flags.i ? set | ((set & UPPER) << 32n) | ((set & LOWER) >> 32n) : set;
  }

  /** Flags that it sets hold until the group around it ends. */
  #group(): Node | undefined {
    const start = this.#at;
    this.#refuse();
    const outer = this.#flags;
    this.#at++;
    if (!this.#opens(start)) return undefined;
    if (++this.#depth > MAX_DEPTH) {
      throw this.#error("has a group", start, `be at most ${MAX_DEPTH} groups deep`);
    }
    const node = this.#choice();
    if (!this.#take(")")) throw this.#error(`has no ")" for the "("`, start);
    this.#depth--;
    this.#flags = outer;
    return node;
  }

  /** Whether a group begins: there may be flags alone. */
  #opens(start: number): boolean {
    const flags = this.#match(INLINE_FLAGS);
    if (flags !== undefined) {
      this.#setFlags(flags[1] ?? "", true, start);
      this.#setFlags(flags[2] ?? "", false, start);
      return flags[3] === ":";
    }
    if (this.#match(NAME) === undefined && this.#source[this.#at] === "?") {
      this.#at += 2;
      throw this.#error(`has ${this.#since(start)}`, start, "be a kind of group that is known");
    }
    this.#captures++;
    return true;
  }

  #setFlags(letters: string, value: boolean, start: number): void {
    for (const letter of letters) {
      // Twice is another flag of PCRE's.
      if (!(letter in this.#flags) || letters.includes("xx")) {
        throw this.#error(`has the flags ${quote(letters)}`, start, "be of i, m, s and x");
      }
      this.#flags = { ...this.#flags, [letter]: value };
    }
  }

  #escaped(): Node {
    const start = this.#at;
    this.#refuse();
    const digits = this.#match(BACK_REFERENCE)?.[1];
    if (digits !== undefined) {
      const isOctal = /^[1-7]\d/.test(digits) && Number(digits) > this.#captures;
      if (!isOctal) throw this.#refusal("a back reference", start);
      this.#at = start;
    }
    if ((this.#source.codePointAt(start + 1) ?? 0) > 0x7f) {
      this.#at++;
      return this.#literal();
    }
    return this.#byte(asSet(this.#escape()));
  }

  /** What a backslash and what stands behind it mean, in a class and outside. */
  #escape(): number | ByteSet {
    const start = this.#at;
    const number = this.#match(OCTAL) ?? this.#match(HEXADECIMAL);
    if (number !== undefined) {
      const [spelling, first, second] = number;
      const byte = parseInt(first ?? second ?? "", spelling[1] === "x" ? 16 : 8);
      if (byte <= 0xff) return byte;
      throw this.#error(`has ${this.#since(start)}`, start, "be one byte");
    }
    const char = this.#source[start + 1];
    if (char === undefined) throw this.#error("ends in a backslash", start);
    this.#at += 2;
    const set = SETS.get(char.toLowerCase());
    if (set !== undefined) return SETS.has(char) ? set : ALL ^ set;
    const byte = BYTES.get(char);
    if (byte === undefined && /[A-Za-z0-9\x80-\uffff]/.test(char)) {
      throw this.#error(`has ${this.#since(start)}`, start, "be an escape that is known");
    }
    return byte ?? char.charCodeAt(0);
  }

  #class(): Node {
    const start = this.#at;
    if (this.#match(POSIX_CLASS)) {
      throw this.#error(`has ${this.#since(start)}`, start, "stand in brackets of its own");
    }
    this.#at++;
    const isNegated = this.#take("^");
    let set = 0n;
    // A "]" that comes first is one of the class's bytes.
    do set |= this.#members(start); while (!this.#closes());
    const cased = this.#cased(set);
    return { kind: "byte", set: isNegated ? ALL ^ cased : cased };
  }

  #closes(): boolean {
    this.#skipQuoting();
    return !this.#isQuoted && this.#take("]");
  }

  /** One, or a range. */
  #members(opening: number): ByteSet {
    const start = this.#at;
    const first = this.#member(opening);
    const hyphen = this.#at;
    if (this.#isQuoted || !this.#take("-")) return asSet(first);
    if (this.#closes()) {
      // What comes last is no range.
      this.#at = hyphen;
      return asSet(first);
    }
    const last = this.#member(opening);
    if (typeof first === "number" && typeof last === "number" && first <= last) {
      return range(first, last);
    }
    throw this.#error(`has ${this.#since(start)}`, start, "go from one byte to a later one");
  }

  #member(opening: number): number | ByteSet {
    this.#skipQuoting();
    const start = this.#at;
    if (!this.#isQuoted) {
      const posix = this.#match(POSIX_CLASS);
      if (posix !== undefined) return this.#posix(posix, start);
      if (this.#take("\\b")) return 8;
      if (this.#source[start] === "\\") return this.#skipped(this.#escape());
    }
    const code = this.#source.codePointAt(start);
    if (code === undefined) throw this.#error(`has no "]" for the "["`, opening);
    if (code > 0x7f) {
      const must = "stand outside of the brackets, as in (?:\u00e9|[a-z])";
      throw this.#error("has a character of several bytes in brackets", start, must);
    }
    this.#at++;
    return this.#skipped(code);
  }

  #skipped<T>(value: T): T {
    this.#skipQuoting();
    return value;
  }

  #posix([spelling, kind, caret, name = ""]: RegExpExecArray, start: number): ByteSet {
    const set = kind === ":" ? POSIX_SETS.get(name) : undefined;
    if (set === undefined) {
      const must = `be one of ${[...POSIX_SETS.keys()].join(", ")}`;
      throw this.#error(`has the class ${quote(spelling)}`, start, must);
    }
    return caret === "" ? set : ALL ^ set;
  }

  /** What says nothing: comments, and the ends of what is quoted. */
  #skip(): void {
    do this.#skipQuoting(); while (!this.#isQuoted && this.#skipComment());
  }

  #skipQuoting(): void {
    for (;;) {
      if (this.#take("\\E")) this.#isQuoted = false;
      else if (!this.#isQuoted && this.#take("\\Q")) this.#isQuoted = true;
      else return;
    }
  }

  #skipComment(): boolean {
    const start = this.#at;
    const comment = this.#match(COMMENT);
    if (comment?.[1] === "") throw this.#error(`has no ")" for the "(?#"`, start);
    return comment !== undefined || (this.#flags.x && this.#match(BLANKS) !== undefined);
  }

  #refuse(): void {
    const start = this.#at;
    const found = REFUSED.find(([spelling]) => this.#match(spelling));
    if (found !== undefined) throw this.#refusal(found[1], start);
  }

  #take(text: string): boolean {
    const isThere = this.#source.startsWith(text, this.#at);
    if (isThere) this.#at += text.length;
    return isThere;
  }

  #match(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#source) ?? undefined;
    if (found !== undefined) this.#at = sticky.lastIndex;
    return found;
  }

  #since(start: number): string {
    return quote(this.#source.slice(start, this.#at));
  }

  #error(what: string, at: number, must?: string): PatternError {
    return new PatternError(`${what} at ${at}${must === undefined ? "" : `: must ${must}`}`, at);
  }

  #refusal(what: string, at: number): PatternError {
    return this.#error(`${what} cannot be matched in linear time: ${this.#since(at)}`, at);
  }
}

function isEmpty(node: Node): boolean {
  return node.kind === "sequence" && node.items.length === 0;
}

function asSet(member: number | ByteSet): ByteSet {
  return typeof member === "number" ? range(member, member) : member;
}

/** How often at least and at most. */
function countsOf([spelling, least, comma, most]: RegExpExecArray): [min: number, max: number] {
  if (least === undefined) return [spelling === "+" ? 1 : 0, spelling === "?" ? 1 : Infinity];
  if (comma === "") return [Number(least), Number(least)];
  return [Number(least), most === "" ? Infinity : Number(most)];
}
