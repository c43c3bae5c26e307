/**
 * Files that are replaced as a whole: whoever reads one sees the old bytes or the new ones, whenever the
 * writer is killed.
 *
 * The new bytes go to a temporary file beside the old, which its writer keeps locked. A temporary file that
 * can be locked therefore has lost its writer. A process id would not tell: it is another one in each
 * container, and used again after a while.
 */

import { errnoOf } from "./failure.ts";

interface Temporary {
  readonly path: string;
  readonly file: Deno.FsFile;
}

const TEMPORARY = /^\.tmp-\d+-[0-9a-f]+$/;

/**
 * Replaces the file of the directory, or leaves everything as it was. The directory itself is not synced:
 * when power fails before the kernel has done so by itself, the old file is there, as whole as the new.
 */
export function replaceFile(directory: string, file: string, bytes: Uint8Array): void {
  withTemporary(directory, (temporary) => {
    writeAll(temporary.file, bytes);
    // Without it, a file system may keep the new name and lose the bytes.
    temporary.file.syncSync();
    Deno.renameSync(temporary.path, `${directory}/${file}`);
  });
}

/** Proves that files can be made and filled there, and gives the owner that they get. */
export function probeDirectory(directory: string): number | null {
  return withTemporary(directory, ({ path, file }) => {
    writeAll(file, new Uint8Array([0x0a]));
    file.syncSync();
    const owner = file.statSync().uid;
    Deno.removeSync(path);
    return owner;
  });
}

/** Removes the temporary files whose writers died. */
export function sweepTemporaries(directory: string): void {
  for (const { name, isFile } of Deno.readDirSync(directory)) {
    if (isFile && TEMPORARY.test(name)) sweep(`${directory}/${name}`);
  }
}

/** A file that cannot be swept costs a few bytes, not the start of the program. */
function sweep(path: string): void {
  try {
    const file = Deno.openSync(path);
    try {
      if (file.tryLockSync(true) && isStillAt(path, file)) Deno.removeSync(path);
    } finally {
      file.close();
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

function withTemporary<T>(directory: string, use: (temporary: Temporary) => T): T {
  const temporary = makeTemporary(directory);
  try {
    return use(temporary);
  } catch (error) {
    removeQuietly(temporary.path);
    throw error;
  } finally {
    temporary.file.close();
  }
}

function makeTemporary(directory: string): Temporary {
  for (;;) {
    const random = crypto.getRandomValues(new Uint32Array(2));
    const suffix = [...random].map((word) => word.toString(16).padStart(8, "0")).join("");
    const path = `${directory}/.tmp-${Deno.pid}-${suffix}`;
    const file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    if (lockNew(path, file)) return { path, file };
    // Before it was locked, a sweeper took it for one without a writer.
    file.close();
  }
}

function lockNew(path: string, file: Deno.FsFile): boolean {
  try {
    return file.tryLockSync(true) && isStillAt(path, file);
  } catch (error) {
    removeQuietly(path);
    file.close();
    throw error;
  }
}

/** Whether the path still leads to this very file. While both hold its lock, nobody else changes that. */
function isStillAt(path: string, file: Deno.FsFile): boolean {
  try {
    const [there, here] = [Deno.lstatSync(path), file.statSync()];
    return there.ino === here.ino && there.dev === here.dev;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/** The failure that led here is the one to tell. */
function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
