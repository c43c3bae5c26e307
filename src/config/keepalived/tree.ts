/**
 * The text of keepalived's configuration language to statements, without their meaning. It is a language of lines: each
 * can be left out, repeated or put together from definitions before its braces are looked at, and a block may begin in
 * one file and end in another.
 */

import { ConfigError } from "../../errors.ts";
import type { Origin, Report, SourceFile } from "../files/report.ts";
import { quote } from "../given.ts";
import { meetCondition } from "./conditions.ts";
import { Definitions, NESTING_LIMIT, readDefinition } from "./definitions.ts";
import { Includes } from "./includes.ts";
import { dropComment, LENGTH_LIMIT, Line } from "./line.ts";
import { readSequence, startsSequence } from "./sequences.ts";
import { type Statement, StatementBuilder } from "./statements.ts";
import { findBrace, readTokens, type Word } from "./words.ts";

export type { Statement, Word };

export interface ReadKeepalivedOptions {
  readonly path: string;
  /** What keepalived's option -i says; without that it is the first part of the host's name. */
  readonly configId: string | undefined;
  readonly env: (name: string) => string | undefined;
  readonly cwd?: string | undefined;
  readonly report: Report;
  /** Throws a ConfigError: an UnfitFileError for what is not there or is no text file at all. */
  readonly readFile: (path: string) => string;
  readonly glob: (pattern: string) => readonly string[];
}

/** How many lines sequences and definitions may make. */
const LINES_LIMIT = 100_000;
/** How often a line may become another before it is words. */
const CHANGES_LIMIT = 100;

/** What can be read; all that is wrong is reported. */
export function readStatements(options: ReadKeepalivedOptions): readonly Statement[] {
  const { path, readFile, report } = options;
  try {
    return new TreeReader(options).read({ path, text: readFile(path) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    report.addError(error);
    return [];
  }
}

/** A definition whose lines are not all read. */
interface Begun {
  readonly name: string;
  readonly origin: Origin;
  readonly lines: string[];
  readonly counts: boolean;
}

class TreeReader {
  readonly #configId: string | undefined;
  readonly #report: Report;
  readonly #definitions: Definitions;
  readonly #includes: Includes;
  readonly #tree: StatementBuilder;
  #depth = 0;
  /** How many lines were made, and of which definitions lines are being made. */
  #made = 0;
  readonly #active: (readonly string[])[] = [];

  constructor(options: ReadKeepalivedOptions) {
    this.#configId = options.configId;
    this.#report = options.report;
    this.#definitions = new Definitions(options);
    this.#includes = new Includes(options);
    this.#tree = new StatementBuilder(options.report);
  }

  read(file: SourceFile): readonly Statement[] {
    this.#file(file);
    return this.#tree.end();
  }

  #file(file: SourceFile): void {
    this.#includes.enter(file, () => {
      let begun: Begun | undefined;
      for (const written of this.#linesOf(file)) {
        const goesOn = written.text.endsWith("\\");
        const line = dropComment(goesOn ? written.slice(0, -1) : written).trim();
        if (begun) begun.lines.push(line.text);
        else if (!goesOn) this.#line(line);
        else begun = this.#begin(line, written);
        if (begun && !goesOn) {
          this.#finish(begun);
          begun = undefined;
        }
      }
      if (begun) this.#finish(begun);
    });
  }

  *#linesOf(file: SourceFile): Generator<Line> {
    for (let start = 0; start < file.text.length;) {
      const found = file.text.indexOf("\n", start);
      const end = found < 0 ? file.text.length : found;
      const line = Line.written(file.text.slice(start, end), file, start).trim();
      if (line.text.length <= LENGTH_LIMIT) yield line;
      else this.#report.add(line.origin(), `has more than ${LENGTH_LIMIT} characters in a line`);
      start = end + 1;
    }
  }

  /** Takes a line that ends with a backslash: the first of several, if it is a definition's. */
  #begin(line: Line, written: Line): Begun | undefined {
    const met = meetCondition(line, this.#configId, this.#report);
    const rest = met ?? line.slice(line.text.search(/[ \t\v\f]|$/)).trim();
    const definition = readDefinition(rest);
    if (!met) {
      const problem = "goes on in the next line, which its condition does not leave out";
      this.#report.add(line.origin(), `${problem}: must be one line`);
    } else if (!definition) {
      // A backslash that belongs to a comment means nothing.
      if (dropComment(written).text.length === written.text.length) {
        const problem = "only a definition goes on in the next line";
        this.#report.add(written.origin(written.text.length - 1), `ends with \\: ${problem}`);
      }
      this.#line(rest);
    }
    if (!definition) return undefined;
    const lines = [rest.slice(definition.start).text];
    return { name: definition.name, origin: rest.origin(), lines, counts: met !== undefined };
  }

  #finish({ name, origin, lines, counts }: Begun): void {
    const kept = lines.filter((text) => text !== "");
    if (counts) this.#definitions.define(name, kept.length === 0 ? [""] : kept, origin);
  }

  /** Reads a line: up to its first brace, and then what stands behind that, which is another line. */
  #line(line: Line): void {
    let changes = 0;
    for (let rest = line.trim(); rest.text !== "";) {
      const left = this.#special(rest);
      if (left === rest) {
        changes = 0;
        const brace = findBrace(rest.text);
        const end = brace < 0 ? rest.text.length : brace + 1;
        this.#words(this.#definitions.expand(rest.slice(0, end)));
        rest = rest.slice(end).trim();
      } else if (!left) return;
      else if (changes++ < CHANGES_LIMIT) rest = left.trim();
      else return this.#report.add(line.origin(), "begins with what stands for itself");
    }
  }

  /** What is left to be read of a line: the line itself where it is made of words. */
  #special(line: Line): Line | undefined {
    if (line.text.startsWith("@")) return this.#conditional(line);
    if (line.text.startsWith("$")) return this.#dollar(line);
    const files = this.#includes.filesOf(line);
    if (startsSequence(line.text)) this.#repeat(line);
    else if (!files) return line;
    else {
      this.#nest(line, () => {
        for (const file of files) this.#file(file);
      });
    }
    return undefined;
  }

  #conditional(line: Line): Line | undefined {
    const met = meetCondition(line, this.#configId, this.#report);
    if (met) return met;
    const braces = [...readTokens(line)].map(({ kind }) => kind).filter((kind) => kind !== "word");
    const opened = braces.filter((kind) => kind === "{").length;
    if (opened * 2 > braces.length) this.#tree.passOver(line.origin(findBrace(line.text)));
    return undefined;
  }

  /** A line that is a definition, or begins with the use of one. */
  #dollar(line: Line): Line | undefined {
    const definition = readDefinition(line);
    const lines = this.#definitions.linesOf(line);
    const [, spaced] = /^\$([A-Za-z_]\w*)[ \t]+=/.exec(line.text) ?? [];
    if (definition) {
      const { name, start } = definition;
      this.#definitions.define(name, [line.slice(start).text], line.origin());
    } else if (lines) this.#replace(line, lines);
    else if (spaced !== undefined && !this.#definitions.has(spaced)) {
      this.#report.add(line.origin(), `$${spaced} has white space before its =, must have none`);
    } else return this.#definitions.expandStart(line);
    return undefined;
  }

  /** Reads the lines of a definition in the place of one. */
  #replace(line: Line, lines: readonly string[]): void {
    if (this.#active.includes(lines)) {
      this.#report.add(line.origin(), "begins with what stands for itself");
      return;
    }
    this.#active.push(lines);
    this.#nest(line, () => {
      for (const text of lines) this.#make(Line.used(text, line.origin()));
    });
    this.#active.pop();
  }

  #repeat(line: Line): void {
    const expand = (text: string) => this.#definitions.expand(Line.used(text, line.origin())).text;
    const sequence = readSequence(line.text, expand);
    if (typeof sequence === "string") {
      this.#report.add(line.origin(), `${quote(line.text.slice(0, 4))} ${sequence}`);
      return;
    }
    const { count, at, end } = sequence;
    if (count > LINES_LIMIT) {
      this.#report.add(line.origin(), `makes ${count} lines, must make at most ${LINES_LIMIT}`);
      return;
    }
    this.#nest(line, () => {
      for (let i = 0; i < count && this.#made <= LINES_LIMIT; i++) {
        for (const [name, value] of at(i)) this.#definitions.define(name, [value], line.origin());
        this.#make(line.slice(end));
      }
    });
  }

  /** Reads a line that is not in a file as it is. */
  #make(line: Line): void {
    if (++this.#made > LINES_LIMIT) {
      const problem = `with it more than ${LINES_LIMIT} lines come of sequences and definitions`;
      this.#report.add(line.origin(), problem);
    } else if (this.#definitions.spend(line.text.length, line.origin())) this.#line(line);
  }

  #nest(line: Line, body: () => void): void {
    if (this.#depth >= NESTING_LIMIT) {
      this.#report.add(line.origin(), `nests more than ${NESTING_LIMIT} deep`);
      return;
    }
    this.#depth++;
    body();
    this.#depth--;
  }

  /** Takes words and braces in which nothing is left to be replaced. */
  #words(line: Line): void {
    let words: Word[] = [];
    let from = 0;
    const finish = (end: number) => {
      const [first, ...others] = words;
      if (first) this.#statement([first, ...others], line.slice(from, end).trim());
      words = [];
    };
    for (const token of readTokens(line)) {
      if (token.kind === "word") {
        words.push(token.word);
        if (token.isUnclosed) this.#report.add(line.origin(token.start), 'has no closing "');
        continue;
      }
      finish(token.start);
      from = token.start + 1;
      if (token.kind === "{") this.#tree.open(line.origin(token.start));
      else this.#tree.close(line.origin(token.start));
    }
    finish(line.text.length);
  }

  #statement(words: readonly [Word, ...Word[]], line: Line): void {
    const [keyword, ...others] = words;
    const { path } = this.#tree;
    const isGlobal = path.length === 1 && path[0] === "global_defs";
    if (isGlobal && keyword.text === "include_check") this.#includes.setChecks(others);
    this.#tree.add(words, line);
  }
}
