/**
 * The other way that keepalived reads a line: for scripts (misc_path, notify_up, quorum_down, …) and regex. Quotes of
 * both kinds are glued to what stands beside them, and a backslash escapes, inside of quotes and outside. What a
 * script's word then is, is read this way once more for its arguments.
 */

import type { Report } from "../files/report.ts";
import type { Line } from "./line.ts";
import type { Word } from "./words.ts";

export interface EscapedPart {
  readonly text: string;
  /** Where it begins in the text that was split. */
  readonly start: number;
  readonly quoted: boolean;
}

export interface EscapedText {
  readonly parts: readonly EscapedPart[];
  /** What is wrong, and where. */
  readonly wrong?: { readonly start: number; readonly text: string };
}

const NAMED: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", E: "\x1b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
};

/** White space, a quote, an escape, or what is only itself. */
const PIECE =
  /([ \t\v\f\r\n]+)|(["'])|\\(?:x([0-9a-fA-F]+)|([0-7]{1,3})|c([^])|([^]))|[^ \t\v\f\r\n"'\\]+|\\/g;

export function splitEscaped(text: string): EscapedText {
  const parts: EscapedPart[] = [];
  let part: { text: string; start: number; quoted: boolean } | undefined;
  let open: { readonly quote: string; readonly start: number } | undefined;
  for (const found of text.matchAll(PIECE)) {
    const [piece, space, quote, hex] = found;
    const start = found.index;
    // 2.2 takes all of the digits for one character, later ones take two.
    if (hex !== undefined && hex.length > 2) {
      return { parts, wrong: { start, text: `\\x${hex.slice(0, 8)} must have two digits` } };
    }
    if (space !== undefined && !open) {
      if (part) parts.push(part);
      part = undefined;
      continue;
    }
    part ??= { text: "", start, quoted: false };
    if (quote !== undefined && (!open || open.quote === quote)) {
      open = open ? undefined : { quote, start };
      part.quoted = true;
    } else part.text += decode(found) ?? piece;
  }
  if (part) parts.push(part);
  if (!open) return { parts };
  return { parts, wrong: { start: open.start, text: `has no closing ${open.quote}` } };
}

/** What an escape stands for. */
function decode([, , , hex, octal, control, other]: RegExpMatchArray): string | undefined {
  if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
  if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) & 0xff);
  if (control !== undefined) return String.fromCharCode(control.charCodeAt(0) & 0x1f);
  return other === undefined ? undefined : NAMED[other] ?? other;
}

/** The words of a statement, read this way. */
export function escapedWords(statement: { readonly line: Line }, report: Report): readonly Word[] {
  const { line } = statement;
  const { parts, wrong } = splitEscaped(line.text);
  if (wrong) report.add(line.origin(wrong.start), wrong.text);
  return parts.map(({ text, start, quoted }) => ({
    ...{ text, file: line.file, at: line.at(start), quoted },
  }));
}
