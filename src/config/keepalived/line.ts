/** A piece of text whose characters know where they were written, also after others were put between them. */

import type { Origin, SourceFile } from "../files/report.ts";

/** More characters are in no line that somebody meant. */
export const LENGTH_LIMIT = 1024 * 1024;

export class Line {
  readonly text: string;
  readonly file: SourceFile;
  readonly #placeOf: (index: number) => number;
  /** Where this begins in what #placeOf knows. */
  readonly #from: number;

  private constructor(
    text: string,
    file: SourceFile,
    placeOf: (index: number) => number,
    from: number,
  ) {
    this.text = text;
    this.file = file;
    this.#placeOf = placeOf;
    this.#from = from;
  }

  /** As it stands in the file, from there on. */
  static written(text: string, file: SourceFile, at: number): Line {
    return new Line(text, file, (index) => at + index, 0);
  }

  /** Written elsewhere: all of it stands where it is used. */
  static used(text: string, { file, offset }: Origin): Line {
    return new Line(text, file, () => offset, 0);
  }

  /** Of pieces: where each character stands, and where the end does. */
  static pieced(text: string, file: SourceFile, places: readonly number[], end: number): Line {
    return new Line(text, file, (index) => places[index] ?? end, 0);
  }

  at(index: number): number {
    return this.#placeOf(this.#from + index);
  }

  origin(index = 0): Origin {
    return { file: this.file, offset: this.at(index), path: "" };
  }

  slice(start: number, end?: number): Line {
    return new Line(this.text.slice(start, end), this.file, this.#placeOf, this.#from + start);
  }

  /** Without the white space around it. */
  trim(): Line {
    const start = this.text.search(/[^ \t\v\f\r\n]/);
    if (start < 0) return this.slice(0, 0);
    let end = this.text.length;
    while (isSpace(this.text[end - 1])) end--;
    return this.slice(start, end);
  }
}

/** What separates words; a line that ends keepalived's way or Windows' is the same line. */
export function isSpace(char: string | undefined): boolean {
  return char !== undefined && " \t\v\f\r\n".includes(char);
}

/**
 * The line without its comment. That begins with # or ! anywhere outside of quotes, also inside a word, unless a
 * backslash stands before it, which is then dropped. Here, and only here, a backslash also hides a quote.
 */
export function dropComment(line: Line): Line {
  const { text } = line;
  if (!/[#!]/.test(text)) return line;
  const backslashes: number[] = [];
  let end = text.length;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "\\") {
      if (!isQuoted && (text[i + 1] === "#" || text[i + 1] === "!")) backslashes.push(i);
      i++;
    } else if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (char === "#" || char === "!")) {
      end = i;
      break;
    }
  }
  return dropCharacters(line.slice(0, end), backslashes);
}

function dropCharacters(line: Line, indexes: readonly number[]): Line {
  if (indexes.length === 0) return line;
  const dropped = new Set(indexes);
  const places: number[] = [];
  let text = "";
  for (let i = 0; i < line.text.length; i++) {
    if (dropped.has(i)) continue;
    text += line.text[i];
    places.push(line.at(i));
  }
  return Line.pieced(text, line.file, places, line.at(line.text.length));
}
