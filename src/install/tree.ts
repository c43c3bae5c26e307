/** The files of a host, or of a folder that stands for one: looked at, and changed as a whole or not at all. */

import { LvscareError, SyscallError } from "../errors.ts";
import { errnoOf } from "../state/failure.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";

/** Where files are seen by their paths on the host that they are for. */
export interface Tree {
  look(path: string): Found;
  /** What is in a folder; nothing where there is none. */
  names(folder: string): string[];
  /** The file at the path beside this program's own. */
  compare(path: string, program: string): ProgramFound;
  /** Writes all of them beside their places, or throws and leaves nothing. */
  stage(files: readonly NewFile[]): Staged;
  setMode(path: string, mode: number): void;
  /** A folder with all that is in it; links are not followed. */
  remove(path: string): void;
}

export type Found =
  | { readonly kind: "none" }
  | {
    readonly kind: "file";
    readonly text: string;
    readonly mode: number;
    readonly changedMs: number;
  }
  | { readonly kind: "folder" }
  | { readonly kind: "link" }
  /** Something that is neither, or the way there is barred: "/etc is a file, must be a directory". */
  | { readonly kind: "barred"; readonly why: string };

export type ProgramFound =
  | { readonly kind: "none"; readonly size: number }
  | {
    /** "older" is another build of this program, "other" is none. */
    readonly kind: "same" | "older" | "other";
    /** Of what is to be there. */
    readonly size: number;
    readonly mode: number;
    readonly changedMs: number;
  };

export interface NewFile {
  readonly path: string;
  readonly mode: number;
  readonly content: { readonly text: string } | { readonly copyOf: string };
}

export interface Staged {
  /** Puts each in its place. */
  commit(): void;
}

/** What every build has in it, and hardly another program. */
const PROGRAM_MARK = "globalThis.lvscareBuild";
/** More than any text that this program writes: a larger file is somebody else's. */
const TEXT_LIMIT = 4 << 20;
const CHUNK = 1 << 20;

/** The root is "" for the host's own, or an absolute path without a slash at its end. */
export function openTree(root: string): Tree {
  const at = (path: string) => root + path;
  return {
    look: (path) => attempt("look at", at(path), () => look(root, path)),
    names: (folder) => namesIn(at(folder)),
    compare: (path, program) => compare(at(path), program),
    stage: (files) => stage(files.map((file) => ({ ...file, path: at(file.path) }))),
    setMode: (path, mode) =>
      attempt("set the mode of", at(path), () => Deno.chmodSync(at(path), mode)),
    remove: (path) =>
      attempt("remove", at(path), () => Deno.removeSync(at(path), { recursive: true })),
  };
}

function look(root: string, path: string): Found {
  const names = path.split("/").slice(1);
  let at = root;
  for (const name of ["", ...names.slice(0, -1)]) {
    if (name !== "") at += `/${name}`;
    const info = lstat(at === "" ? "/" : at);
    if (!info) return { kind: "none" };
    const barred = info.isSymlink && at !== root ? judgeLink(root, at) : undefined;
    if (barred !== undefined) return { kind: "barred", why: `${at} ${barred}` };
    if (!info.isDirectory && !(info.isSymlink && Deno.statSync(at).isDirectory)) {
      return { kind: "barred", why: `${at} is ${nameOf(info)}, must be a directory` };
    }
  }
  return lookAt(`${at}/${names.at(-1)}`);
}

function lookAt(path: string): Found {
  const info = lstat(path);
  if (!info) return { kind: "none" };
  if (info.isSymlink) return { kind: "link" };
  if (info.isDirectory) return { kind: "folder" };
  if (!info.isFile) return { kind: "barred", why: `${path} is ${nameOf(info)}` };
  const text = info.size > TEXT_LIMIT ? "" : Deno.readTextFileSync(path);
  return { kind: "file", text, ...timeAndMode(info) };
}

/** Whatever is reached through a link must be of the same tree. */
function judgeLink(root: string, path: string): string | undefined {
  try {
    const inside = root === "" ? "" : Deno.realPathSync(root);
    const real = Deno.realPathSync(path);
    return `${real}/`.startsWith(`${inside}/`)
      ? undefined
      : `is a symbolic link to ${real}, must not lead out of ${root}`;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return "is a symbolic link that leads nowhere, must be a directory";
  }
}

function lstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function nameOf(info: Deno.FileInfo): string {
  if (info.isSymlink) return "a symbolic link to a file";
  if (info.isFile) return "a file";
  return info.isDirectory ? "a directory" : "a device, pipe or socket";
}

function timeAndMode(info: Deno.FileInfo): { readonly mode: number; readonly changedMs: number } {
  return { mode: (info.mode ?? 0) & 0o7777, changedMs: info.mtime?.getTime() ?? 0 };
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    return attempt("look at", folder, () => {
      throw error;
    });
  }
}

function compare(path: string, program: string): ProgramFound {
  const own = attempt("read", program, () => Deno.statSync(program));
  return attempt("read", path, () => {
    const there = lstat(path);
    if (!there) return { kind: "none", size: own.size };
    const isSame = there.ino === own.ino && there.dev === own.dev ||
      there.size === own.size && haveSameBytes(path, program);
    const kind = isSame ? "same" : hasMark(path) ? "older" : "other";
    return { kind, size: own.size, ...timeAndMode(there) };
  });
}

function haveSameBytes(one: string, other: string): boolean {
  const others = chunksOf(other);
  for (const chunk of chunksOf(one)) {
    const { value } = others.next();
    if (!value || !areEqual(chunk, value)) return false;
  }
  return others.next().done === true;
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function hasMark(path: string): boolean {
  // One character a byte, so that none is lost where a chunk ends.
  const decoder = new TextDecoder("latin1");
  let end = "";
  for (const chunk of chunksOf(path)) {
    const text = end + decoder.decode(chunk);
    if (text.includes(PROGRAM_MARK)) return true;
    end = text.slice(-PROGRAM_MARK.length);
  }
  return false;
}

/** The same bytes of memory each time. */
function* chunksOf(path: string): Generator<Uint8Array> {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(CHUNK);
  for (;;) {
    let length = 0;
    for (let read: number | null = 0; read !== null && length < CHUNK; length += read ?? 0) {
      read = file.readSync(bytes.subarray(length));
    }
    if (length === 0) return;
    yield bytes.subarray(0, length);
  }
}

interface Waiting {
  readonly temporary: string;
  readonly path: string;
}

function stage(files: readonly NewFile[]): Staged {
  const waiting: Waiting[] = [];
  const folders: string[] = [];
  const drop = () => {
    for (const { temporary } of waiting) removeQuietly(temporary);
    for (const folder of folders.toReversed()) removeQuietly(folder);
  };
  const orDrop = (body: () => void) => {
    try {
      body();
    } catch (error) {
      drop();
      throw error;
    }
  };
  orDrop(() => {
    for (const file of files) {
      attempt("write", file.path, () => {
        const folder = file.path.slice(0, file.path.lastIndexOf("/"));
        makeFolders(folder, folders);
        const temporary = `${folder}/.lvscare-install-${crypto.randomUUID()}`;
        waiting.push({ temporary, path: file.path });
        write(temporary, file);
      });
    }
  });
  return {
    commit: () =>
      orDrop(() => {
        for (const { temporary, path } of waiting) {
          attempt("write", path, () => Deno.renameSync(temporary, path));
        }
      }),
  };
}

/** Those that are missing, from the outermost; each that was made is noted. */
function makeFolders(folder: string, made: string[]): void {
  if (folder === "" || exists(folder)) return;
  makeFolders(folder.slice(0, folder.lastIndexOf("/")), made);
  Deno.mkdirSync(folder);
  made.push(folder);
  // Whatever the umask says: others look for their own files there.
  Deno.chmodSync(folder, 0o755);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

function write(path: string, { mode, content }: NewFile): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  const put = (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  };
  if ("text" in content) put(new TextEncoder().encode(content.text));
  else for (const chunk of chunksOf(content.copyOf)) put(chunk);
  // Without it, a file system may keep the new name and lose the bytes.
  file.syncSync();
  Deno.chmodSync(path, mode);
}

/** The failure that led here is the one to tell. */
function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "run it as root",
  EPERM: "run it as root",
  EROFS: "make it writable, or give another place with --root",
  ENOSPC: "free space there",
  EDQUOT: "free space there",
};

/** Says what the host refused, and of which path. */
function attempt<T>(op: string, path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const errno = errnoOf(error);
    const number = errno === undefined ? undefined : errnoNumber(errno);
    if (errno === undefined || number === undefined || error instanceof LvscareError) throw error;
    const text = `${op} ${path}: ${errnoMeaning(number)} (${errno})`;
    const hint = HINTS[errno];
    throw new SyscallError(text, op, errno, {
      ...{ op, subject: path, cause: error },
      ...(hint !== undefined && { hint }),
    });
  }
}
