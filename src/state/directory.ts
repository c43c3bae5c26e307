/**
 * The state directory: one JSON value a name, and one lock a name. Everything here is synchronous: values are
 * a few kilobytes, and are written only when something changed.
 */

import { errnoNumber } from "../sys/errno.ts";
import { fileStamp } from "../sys/file_stamp.ts";
import { isFileLocked, tryLockFile } from "../sys/file_lock.ts";
import { errnoError } from "../sys/libc.ts";
import { probeDirectory, replaceFile, sweepTemporaries, writeAll } from "./atomic_file.ts";
import { attempt, CorruptStateError, errnoOf, refusal } from "./failure.ts";
import { discardedFile, lockFile, nameOfValueFile, socketFile, valueFile } from "./file_names.ts";
import { readValueFile, VALUE_LIMIT, type ValueFile } from "./value_file.ts";

/** Who wants a lock, as others are to read it. */
export interface LockHolder {
  readonly pid: number;
  /** What the process is: "lvscare care --vs 10.0.0.1:6443". */
  readonly text: string;
}

/** A lock that is held until it is released or this process dies. */
export interface Lock extends Disposable {
  /** Gives it back; a second time does nothing. */
  release(): void;
}

const MUST_BE_WRITABLE = "must be a directory that this process can write to";
const MUST_BE_STORED = "must be stored to survive a restart";
const MUST_BE_READABLE = "must be readable by this process";
const MUST_BE_REMOVABLE = "must be removable by this process";
const MUST_BE_LOCKABLE = "must be a file that this process can lock";

export class StateDirectory {
  readonly #path: string;
  readonly #owner: number | null;

  private constructor(path: string, owner: number | null) {
    this.#path = path;
    this.#owner = owner;
  }

  /** Makes the directory when it is missing, proves that it can be written to, and clears what the dead left. */
  static open(path: string): StateDirectory {
    return attempt("open state directory", path, MUST_BE_WRITABLE, () => {
      makeDirectory(path);
      sweepTemporaries(path);
      return new StateDirectory(path, probeDirectory(path));
    });
  }

  /** Takes the name's lock, or says who holds it: "process 1234 (lvscare care …)". */
  tryLock(name: string, holder: LockHolder): Lock | { readonly heldBy: string } {
    const path = this.#at(lockFile(name));
    return attempt("lock state", path, MUST_BE_LOCKABLE, () => {
      const result = tryLockFile(path, `process ${holder.pid} (${holder.text})`);
      return "note" in result ? { heldBy: result.note ?? "another process" } : result;
    });
  }

  /** Whether this or another process holds the name's lock. Asking hinders nobody. */
  isHeld(name: string): boolean {
    const path = this.#at(lockFile(name));
    return attempt("look at lock", path, MUST_BE_READABLE, () => isFileLocked(path));
  }

  /**
   * The name's value and what was added to it, not yet validated, or undefined. Throws CorruptStateError where
   * a file holds no value.
   */
  read(name: string): Pick<ValueFile, "value" | "amendments"> | undefined {
    const path = this.#at(valueFile(name));
    return attempt("read state", path, MUST_BE_READABLE, () => readValueFile(path, this.#owner));
  }

  /** Of the name's file; undefined where there is none. */
  stamp(name: string): string | undefined {
    const path = this.#at(valueFile(name));
    return attempt(
      "look at state",
      path,
      MUST_BE_READABLE,
      () => unlessMissing(() => fileStamp(Deno.lstatSync(path))),
    );
  }

  /**
   * Adds to the name's value without writing the rest again. It is not synced: after a power failure nothing
   * is left in the kernel that it could tell of. Says how many bytes that took.
   */
  amend(name: string, amendment: unknown): number {
    const path = this.#at(valueFile(name));
    const bytes = new TextEncoder().encode(printValue(amendment));
    attempt("write state", path, MUST_BE_STORED, () => {
      using file = Deno.openSync(path, { append: true });
      writeAll(file, bytes);
    });
    return bytes.length;
  }

  /** Stores the value and says whether it had to: what the file has already is not written again. */
  write(name: string, value: unknown): boolean {
    const file = valueFile(name);
    const path = this.#at(file);
    const text = printValue(value);
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > VALUE_LIMIT) {
      throw refusal("write state", path, `must have at most ${VALUE_LIMIT} bytes`, "EFBIG");
    }
    return attempt("write state", path, MUST_BE_STORED, () => {
      if (this.#storedText(path) === text) return false;
      // Below /run it is gone when somebody tidied up; what we own is to be known again after one pass.
      makeDirectory(this.#path);
      replaceFile(this.#path, file, bytes);
      return true;
    });
  }

  /** Forgets the name's value, if it has one, and the socket that one who was killed has left. */
  remove(name: string): void {
    for (const path of [valueFile(name), socketFile(name)].map((file) => this.#at(file))) {
      attempt(
        "remove state",
        path,
        MUST_BE_REMOVABLE,
        () => unlessMissing(() => Deno.removeSync(path)),
      );
    }
  }

  /** Moves a value that cannot be read aside, for people, and says where to. */
  discard(name: string): string | undefined {
    const path = this.#at(valueFile(name));
    const aside = this.#at(discardedFile(name));
    return attempt("move state aside", path, MUST_BE_REMOVABLE, () =>
      unlessMissing(() => {
        Deno.renameSync(path, aside);
        return aside;
      }));
  }

  /** All names that have a value, readable or not. */
  names(): string[] {
    return attempt("list state", this.#path, MUST_BE_READABLE, () => {
      const files = unlessMissing(() => [...Deno.readDirSync(this.#path)]) ?? [];
      return files.map(({ name }) => nameOfValueFile(name)).filter((name) => name !== undefined)
        .sort();
    });
  }

  #at(file: string): string {
    return `${this.#path}/${file}`;
  }

  #storedText(path: string): string | undefined {
    try {
      return readValueFile(path, this.#owner)?.text;
    } catch (error) {
      if (error instanceof CorruptStateError) return undefined;
      throw error;
    }
  }
}

function printValue(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${typeof value} is no JSON value`);
  return `${text}\n`;
}

function makeDirectory(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    // What is there is no directory, and that is the news.
    throw errnoError("mkdir", path, errnoNumber("ENOTDIR")!);
  }
}

function unlessMissing<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
