/** The files of a configuration as text. Whatever stands in their place, reading ends soon, in text or in an error. */

import { ConfigError } from "../../errors.ts";
import { errnoOf } from "../../state/failure.ts";
import { errnoMeaning, errnoNumber } from "../../sys/errno.ts";
import { fileStamp } from "../../sys/file_stamp.ts";
import type { Report, SourceFile } from "./report.ts";

/** The file of a directory that may say what is the host's. */
export const MAIN_NAME = "lvscare.yaml";
export const PARTS_NAME = "conf.d";

/** More than ten thousand services of ten servers take. */
const SIZE_LIMIT = 16 * 1024 * 1024;
const TOTAL_LIMIT = 64 * 1024 * 1024;
const FILES_LIMIT = 50_000;
/** How often a file is read that is being written at the time. */
const ATTEMPTS = 5;
const PAUSE_MS = 20;

export interface LoadedFile extends SourceFile {
  readonly isMain: boolean;
}

/** Files that are as they were need not be read again: they are the very same values. */
export type FileMemory = Map<string, { readonly stamp: string; readonly file: LoadedFile }>;

/** A file that is written twice at once keeps its stamp, so that one that is so new is not believed. */
const SETTLED_MS = 2000;

interface Named {
  readonly path: string;
  readonly isMain: boolean;
}

/** What can be read; the rest is reported. */
export async function loadFiles(
  path: string,
  report: Report,
  memory: FileMemory = new Map(),
): Promise<LoadedFile[]> {
  const loaded: LoadedFile[] = [];
  const before = new Map(memory);
  memory.clear();
  let total = 0;
  for (const { path: each, isMain } of findFiles(path, report)) {
    try {
      const known = before.get(each);
      const { text, stamp } = await readStill(each, known);
      const isKnown = known?.file.text === text && known.file.isMain === isMain;
      const file = isKnown ? known.file : { path: each, text, isMain };
      total += file.text.length;
      if (isKnown || isOld(stamp)) memory.set(each, { stamp, file });
      if (total > TOTAL_LIMIT) {
        throw wrong(
          each,
          `with it the files have more than ${TOTAL_LIMIT} bytes, which is the most`,
        );
      }
      loaded.push(file);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      report.addError(error);
      if (total > TOTAL_LIMIT) break;
    }
  }
  return loaded;
}

/** Changes when a file comes, goes or is written; undefined where the files cannot be found. */
export function fingerprint(path: string): string | undefined {
  try {
    return listFiles(path).map(({ path }) => `${path} ${stampOf(path)}`).join("\n");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function stampOf(path: string): string {
  try {
    return fileStamp(Deno.statSync(path));
  } catch (error) {
    return errnoOf(error) ?? "none";
  }
}

function isOld(stamp: string): boolean {
  return Date.now() - Number(stamp.split(" ").at(-1)) > SETTLED_MS;
}

function findFiles(path: string, report: Report): Named[] {
  try {
    const files = listFiles(path);
    if (files.length === 0) {
      report.addError(
        wrong(path, `has no ${MAIN_NAME} and no ${PARTS_NAME}/*.yaml, must have one`),
      );
    }
    if (files.length > FILES_LIMIT) {
      report.addError(wrong(path, `has ${files.length} files, must have at most ${FILES_LIMIT}`));
      return [];
    }
    return files;
  } catch (error) {
    report.addError(refused(path, error));
    return [];
  }
}

/** A file alone, or a directory's main file and its parts in the order of their names. */
function listFiles(path: string): Named[] {
  if (!Deno.statSync(path).isDirectory) return [{ path, isMain: true }];
  const main = `${path}/${MAIN_NAME}`;
  const files: Named[] = exists(main) ? [{ path: main, isMain: true }] : [];
  const folder = `${path}/${PARTS_NAME}`;
  if (!exists(folder)) return files;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => /^[^.].*\.ya?ml$/s.test(name)).sort();
  return [...files, ...names.map((name) => ({ path: `${folder}/${name}`, isMain: false }))];
}

/** Also a link that leads nowhere, which is then refused when it is read. */
function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

interface StillText {
  readonly text: string;
  readonly stamp: string;
}

/** The text of a file that did not change while it was read; what is known of it is not read again. */
async function readStill(
  path: string,
  known: { readonly stamp: string; readonly file: LoadedFile } | undefined,
): Promise<StillText> {
  for (let attempt = 1;; attempt++) {
    const still = readOnce(path, known);
    if (still) return still;
    if (attempt === ATTEMPTS) {
      throw wrong(path, "is being written to, must stay as it is while it is read");
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function readOnce(
  path: string,
  known: { readonly stamp: string; readonly file: LoadedFile } | undefined,
): StillText | undefined {
  let bytes: Uint8Array;
  let stamp: string;
  try {
    // A pipe would wait for a writer when it is opened.
    const info = Deno.statSync(path);
    if (info.isDirectory) throw wrong(path, "is a directory, must be a file");
    if (!info.isFile) throw wrong(path, "is no file, must be one");
    if (info.size > SIZE_LIMIT) {
      throw wrong(path, `has ${info.size} bytes, must have at most ${SIZE_LIMIT}`);
    }
    stamp = fileStamp(info);
    if (known?.stamp === stamp) return { text: known.file.text, stamp };
    bytes = Deno.readFileSync(path);
    if (stampOf(path) !== stamp || bytes.length > SIZE_LIMIT) return undefined;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw refused(path, error);
  }
  return { text: decode(path, bytes), stamp };
}

function decode(path: string, bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw wrong(path, "is not UTF-8, must be text");
  }
  if (text.includes("\0")) throw wrong(path, "has a byte of zero, must be text");
  if (text.trim() === "") throw wrong(path, "is empty, must have services");
  return text;
}

function wrong(file: string, problem: string): ConfigError {
  return new ConfigError(problem, { file });
}

function refused(file: string, error: unknown): ConfigError {
  const errno = errnoOf(error);
  const number = errno === undefined ? undefined : errnoNumber(errno);
  if (errno === undefined || number === undefined) throw error;
  if (errno === "ENOENT") return wrong(file, "is not there (ENOENT)");
  return wrong(file, `cannot be read: ${errnoMeaning(number)} (${errno})`);
}
