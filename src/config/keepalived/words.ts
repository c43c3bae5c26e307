/** A line to its words and braces, the way keepalived reads most keywords' values. */

import type { SourceFile } from "../files/report.ts";
import type { Line } from "./line.ts";

export interface Word {
  readonly text: string;
  readonly file: SourceFile;
  readonly at: number;
  /** Whether it stood in quotes, which are not part of it. */
  readonly quoted: boolean;
}

export type Token = WordToken | BraceToken;

export interface WordToken {
  readonly kind: "word";
  readonly word: Word;
  readonly start: number;
  readonly isUnclosed: boolean;
}

export interface BraceToken {
  readonly kind: "{" | "}";
  readonly start: number;
}

/** A brace is one wherever it stands outside of quotes, and a quote ends the word before it. */
const TOKEN = /"([^"]*)("?)|([{}])|[^ \t\v\f\r\n"{}]+/g;

export function* readTokens(line: Line): Generator<Token> {
  for (
    const { 0: text, 1: inside, 2: closing, 3: brace, index: start } of line.text.matchAll(TOKEN)
  ) {
    if (brace === "{" || brace === "}") yield { kind: brace, start };
    else {
      const quoted = inside !== undefined;
      const word = { text: inside ?? text, file: line.file, at: line.at(start), quoted };
      yield { kind: "word", word, start, isUnclosed: quoted && closing === "" };
    }
  }
}

/** Where the line's first brace stands, of those that are not a definition's; -1 without one. */
export function findBrace(text: string): number {
  for (const { 0: found, index } of text.matchAll(/"[^"]*"?|\$\{[^{}]*\}?|[{}]/g)) {
    if (found === "{" || found === "}") return index;
  }
  return -1;
}
