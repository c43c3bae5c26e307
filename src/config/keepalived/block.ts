/** What stands in a block of keepalived's language: which words it may have, and the values behind them. */

import { type Address, parseAddress } from "../../model/address.ts";
import { isDeviceName } from "../../model/link.ts";
import type { Report } from "../files/report.ts";
import { quote } from "../given.ts";
import { didYouMean } from "../values.ts";
import { escapedWords, splitEscaped } from "./escaped.ts";
import type { Statement } from "./statements.ts";
import type { Word } from "./words.ts";

/** A value, and the word that it was read from. */
export interface Said<T> {
  readonly value: T;
  readonly word: Word;
}

export interface Note {
  readonly word: Word;
  readonly text: string;
}

/** What is done with a statement; or, of one that nothing is done with, why. */
export type Handler =
  | ((statement: Statement) => void)
  /** It changes nothing here. */
  | { readonly note: string }
  /** It would change something, and cannot. */
  | { readonly unsupported: string };

export type Handlers = Readonly<Record<string, Handler>>;
export type Fallback = (word: string) => Handler | undefined;

export interface ReaderOptions {
  readonly report: Report;
  /** What is not supported is left out, and said. */
  readonly skipsUnsupported: boolean;
}

export class BlockReader {
  readonly notes: Note[] = [];
  readonly #noted = new Set<string>();
  readonly #options: ReaderOptions;
  /** Those whose block somebody has looked into. */
  readonly #entered = new WeakSet<Statement>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Goes through statements in their order. For words of no handler the fallback may have one. */
  read(statements: readonly Statement[], handlers: Handlers, fallback?: Fallback): void {
    for (const statement of statements) this.#statement(statement, handlers, fallback);
  }

  /** Goes through a statement's block; one that has none is wrong. */
  block(statement: Statement, handlers: Handlers, fallback?: Fallback): void {
    const block = this.enter(statement);
    if (block) this.read(block, handlers, fallback);
  }

  /** What stands in a statement's block; undefined where it has none, which is wrong. */
  enter(statement: Statement): readonly Statement[] | undefined {
    this.#entered.add(statement);
    const { words: [word], block } = statement;
    return block ?? this.complain(word, `${word.text} has no block, must have one in braces`);
  }

  /** Says of one that takes no block that it has one. */
  leave({ words: [word], block }: Statement): void {
    if (block) this.complain(word, `${quote(word.text)} has a block, must have none`);
  }

  #statement(statement: Statement, handlers: Handlers, fallback: Fallback | undefined): void {
    const [word] = statement.words;
    const own = Object.hasOwn(handlers, word.text) ? handlers[word.text] : undefined;
    const handler = own ?? fallback?.(word.text);
    if (!handler) {
      const near = didYouMean(word.text, Object.keys(handlers));
      const hint = near === undefined ? "" : ` (${near})`;
      this.unsupported(word, `${quote(word.text)} is unknown here${hint}`);
    } else if (typeof handler === "function") {
      handler(statement);
      // Whatever stands in it would be passed over.
      if (!this.#entered.has(statement)) this.leave(statement);
    } else if ("note" in handler) this.note(word, `${word.text}: ${handler.note}`);
    else this.unsupported(word, `${word.text} is not supported: ${handler.unsupported}`);
  }

  complain(word: Word, text: string): undefined {
    this.#options.report.add({ file: word.file, offset: word.at, path: "" }, text);
    return undefined;
  }

  /** What a group's words come to is said once, for how many services it may be. */
  note(word: Word, text: string): void {
    const key = `${word.file.path} ${word.at} ${text}`;
    if (!this.#noted.has(key)) this.notes.push({ word, text });
    this.#noted.add(key);
  }

  /** Wrong, unless it is to be left out. */
  unsupported(word: Word, text: string): void {
    if (this.#options.skipsUnsupported) this.note(word, `${text}: left out`);
    else this.complain(word, text);
  }

  /** The only word behind the first; undefined where it is wrong. */
  one(statement: Statement, what: string): Word | undefined {
    const [keyword, word, more] = statement.words;
    if (!word) return this.complain(keyword, `${keyword.text} has no ${what}, must have one`);
    if (more) {
      this.complain(more, `${quote(more.text)} is one word too many behind ${keyword.text}`);
    }
    return word;
  }

  text(statement: Statement): Said<string> | undefined {
    const word = this.one(statement, "value");
    return word && { value: word.text, word };
  }

  whole(statement: Statement, least: number, most: number): Said<number> | undefined {
    const word = this.one(statement, "number");
    return word && this.wholeOf(word, least, most);
  }

  wholeOf(word: Word, least: number, most: number): Said<number> | undefined {
    const value = /^-?\d{1,10}$/.test(word.text) ? Number(word.text) : NaN;
    if (value >= least && value <= most) return { value, word };
    const must = `must be a whole number from ${least} to ${most}`;
    return this.complain(word, `${quote(word.text)}: ${must}`);
  }

  /** Seconds, with a fraction where there is one. */
  seconds(statement: Statement, least: number, most: number): Said<number> | undefined {
    const word = this.one(statement, "time");
    if (!word) return undefined;
    const isNumber = /^(?:\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})$/.test(word.text);
    const value = isNumber ? Number(word.text) : NaN;
    if (value >= least && value <= most) return { value, word };
    const must = `must be seconds from ${least} to ${most}, as 3 or 0.5`;
    return this.complain(word, `${quote(word.text)}: ${must}`);
  }

  /** True, of those that keepalived takes for true whatever stands behind them. */
  on({ words: [keyword, more] }: Statement): Said<boolean> | undefined {
    if (!more || SWITCHES[more.text.toLowerCase()]) return { value: true, word: keyword };
    const text = `${quote(more.text)} stands behind ${keyword.text}, which is on by being there`;
    return this.complain(more, `${text}: must stand alone, or not be there`);
  }

  /** Alone it is true. */
  flag(statement: Statement): Said<boolean> | undefined {
    const [keyword, word] = statement.words;
    if (!word) return { value: true, word: keyword };
    const value = SWITCHES[word.text.toLowerCase()];
    if (value !== undefined) return { value, word };
    return this.complain(word, `${quote(word.text)}: must be true or false, on or off, yes or no`);
  }

  address(word: Word | undefined): Said<Address> | undefined {
    if (!word) return undefined;
    const value = parseAddress(word.text);
    if (value !== undefined) return { value, word };
    const isName = /^[\w.-]*[a-z][\w.-]*$/i.test(word.text);
    const hint = isName ? " (names are not looked up)" : "";
    const must = `must be an address, as 10.0.0.1 or fd00::1${hint}`;
    return this.complain(word, `${quote(word.text)}: ${must}`);
  }

  /** 0 is as good as none. */
  port(word: Word | undefined): Said<number> | undefined {
    return unlessZero(word && this.wholeOf(word, 0, 65_535));
  }

  device(statement: Statement): Said<string> | undefined {
    const said = this.text(statement);
    if (!said || isDeviceName(said.value)) return said;
    return this.complain(said.word, `${quote(said.value)}: must be the name of a device`);
  }

  /** In quotes of either kind, with escapes. */
  escaped(statement: Statement): Said<string> | undefined {
    const [keyword, word, more] = escapedWords(statement, this.#options.report);
    if (!word) {
      return keyword && this.complain(keyword, `${keyword.text} has no value, must have one`);
    }
    if (more) {
      this.complain(more, `${quote(more.text)} is one word too many behind ${keyword!.text}`);
    }
    return { value: word.text, word };
  }

  /** A program and what it is given, in quotes or not; behind it may stand who runs it. */
  script(statement: Statement): Script | undefined {
    const [keyword, ...rest] = escapedWords(statement, this.#options.report);
    const [first, user, group, more] = rest;
    if (!first) return this.complain(keyword!, `${keyword!.text} has no program, must have one`);
    if (more) this.complain(more, `${quote(more.text)} is one word too many`);
    // Its words are told apart in the same way once more.
    const { parts, wrong } = splitEscaped(first.text);
    if (wrong) return this.complain(first, wrong.text);
    const [program, ...args] = parts.map(({ text }) => text);
    if (!program?.startsWith("/")) {
      return this.complain(first, `${quote(program ?? "")}: must be a program by its whole path`);
    }
    const runs = user && (group ? `${user.text}:${group.text}` : user.text);
    return { command: [program, ...args], user: runs, word: first };
  }
}

export interface Script {
  readonly command: readonly [string, ...string[]];
  readonly user: string | undefined;
  readonly word: Word;
}

export function unlessZero(said: Said<number> | undefined): Said<number> | undefined {
  return said?.value === 0 ? undefined : said;
}

const SWITCHES: Readonly<Record<string, boolean>> = {
  ...{ true: true, on: true, yes: true },
  ...{ false: false, off: false, no: false },
};
