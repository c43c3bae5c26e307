/** Reading stored values. Whatever is in a file, reading it ends in JSON, in nothing or in a typed error. */

import { CorruptStateError, errnoOf } from "./failure.ts";

/** Larger than any record is meant to be; what a damaged file may cost to look at. */
export const VALUE_LIMIT = 32 * 1024 * 1024;

export interface ValueFile {
  readonly text: string;
  /** What stands in its first line. */
  readonly value: unknown;
  /** What was added to it, a line each. */
  readonly amendments: readonly unknown[];
}

/** What is in the file, or undefined where there is none. */
export function readValueFile(path: string, owner: number | null): ValueFile | undefined {
  const info = lookAt(path);
  if (info === undefined) return undefined;
  const fault = faultOf(info, owner);
  if (fault !== undefined) throw new CorruptStateError(path, fault);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
    const [value, ...amendments] = wholeLines(text).map((line): unknown => JSON.parse(line));
    return { text, value, amendments };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined; // removed in between
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new CorruptStateError(path, "is damaged, must be JSON", error);
  }
}

/** Whoever adds a line may be killed in the middle of it: then it was never added. */
function wholeLines(text: string): string[] {
  const [first = "", ...rest] = text.split("\n");
  return [first, ...rest.slice(0, -1)];
}

function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** What forbids to even open the file: a pipe would wait for a writer, a link may lead anywhere. */
function faultOf(info: Deno.FileInfo, owner: number | null): string | undefined {
  if (info.isSymlink) return "is a symbolic link, must be a file";
  if (!info.isFile) return "is no file, must be one";
  if (info.uid !== owner) return `belongs to user ${info.uid}, must belong to user ${owner}`;
  if (info.size === 0) return "is empty, must be JSON";
  if (info.size > VALUE_LIMIT) {
    return `has ${info.size} bytes, must have at most ${VALUE_LIMIT}`;
  }
}
