/** Files of a keepalived configuration on this host. Whatever stands in their place, reading them ends. */

import { ConfigError } from "../../errors.ts";
import { errnoOf } from "../../state/failure.ts";
import { errnoMeaning, errnoNumber } from "../../sys/errno.ts";
import { UnfitFileError } from "./includes.ts";
import { expandBraces, hasWildcard, matchName } from "./patterns.ts";

const SIZE_LIMIT = 16 * 1024 * 1024;
const MATCHES_LIMIT = 10_000;

export function readKeepalivedFile(path: string): string {
  let bytes: Uint8Array;
  try {
    // A pipe would wait for a writer when it is opened.
    const info = Deno.statSync(path);
    if (info.isDirectory) throw unfit(path, "is a directory, must be a file");
    if (!info.isFile) throw unfit(path, "is no file, must be one");
    // keepalived passes over such files: they may be programs.
    if ((info.mode ?? 0) & 0o111) throw unfit(path, "is executable, must not be");
    refuseSize(path, info.size);
    bytes = Deno.readFileSync(path);
    refuseSize(path, bytes.length);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw refused(path, error);
  }
  return decode(path, bytes);
}

function refuseSize(path: string, size: number): void {
  if (size > SIZE_LIMIT) {
    throw new ConfigError(`has ${size} bytes, must have at most ${SIZE_LIMIT}`, { file: path });
  }
}

function decode(file: string, bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError("is not UTF-8, must be text", { file });
  }
  if (text.includes("\0")) throw new ConfigError("has a byte of zero, must be text", { file });
  return text;
}

function unfit(file: string, problem: string): UnfitFileError {
  return new UnfitFileError(problem, { file });
}

function refused(file: string, error: unknown): ConfigError {
  const errno = errnoOf(error);
  const number = errno === undefined ? undefined : errnoNumber(errno);
  if (errno === undefined || number === undefined) throw error;
  if (errno === "ENOENT") return unfit(file, "is not there (ENOENT)");
  return new ConfigError(`cannot be read: ${errnoMeaning(number)} (${errno})`, { file });
}

/** The paths that a pattern matches: for each choice of its braces in their order, sorted. */
export function globFiles(pattern: string): readonly string[] {
  const found: string[] = [];
  for (const each of expandBraces(pattern) ?? []) {
    const [root = "", ...parts] = each.split("/");
    // An absolute one begins with an empty part.
    walk(root === "" && parts.length > 0 ? [""] : matchesIn(undefined, root), parts, found);
  }
  return found;
}

function walk(paths: readonly string[], parts: readonly string[], found: string[]): void {
  let reached = paths;
  for (const part of parts) {
    reached = reached.flatMap((path) => matchesIn(path, part)).slice(0, MATCHES_LIMIT);
  }
  found.push(...reached.filter(exists).slice(0, Math.max(0, MATCHES_LIMIT - found.length)));
}

/** The paths that one part of a pattern leads to from a directory. */
function matchesIn(directory: string | undefined, part: string): string[] {
  const at = (name: string) => directory === undefined ? name : `${directory}/${name}`;
  if (!hasWildcard(part)) return [at(part.replace(/\\(.)/gs, "$1"))];
  try {
    const names = [...Deno.readDirSync(directory === "" ? "/" : directory ?? ".")];
    return names.map(({ name }) => name).filter((name) => matchName(part, name)).sort().map(at);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

/** Also a link that leads nowhere, which is then refused when it is read. */
function exists(path: string): boolean {
  try {
    Deno.lstatSync(path === "" ? "/" : path);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
