/** Files and folders with nothing of the host about them: no owner, no time, no umask. */

export interface TreeEntry {
  /** Its path without a leading slash; folders come before what is in them. */
  readonly name: string;
  /** Permission bits: 0o755. */
  readonly mode: number;
  /** What is in the file; a folder has none. */
  readonly data?: Uint8Array<ArrayBuffer>;
}

/** Everything that is put into trees and archives has this time, the start of 1970. */
export const MTIME_SECONDS = 0;

/** In the order of their bytes, which puts folders before what is in them. */
export function sortEntries(entries: readonly TreeEntry[]): TreeEntry[] {
  return entries.toSorted((one, other) => one.name < other.name ? -1 : 1);
}

/** Writes entries into a folder, with exactly their modes. */
export async function writeTree(folder: string, entries: readonly TreeEntry[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.chmod(folder, 0o755);
  for (const { name, mode, data } of entries) {
    const path = `${folder}/${name}`;
    if (data) await Deno.writeFile(path, data, { createNew: true });
    else await Deno.mkdir(path);
    // The umask has had its say in what was made.
    await Deno.chmod(path, mode);
  }
  // A folder's time changes with what is put into it: the deepest come first.
  for (const { name } of entries.toReversed()) {
    await Deno.utime(`${folder}/${name}`, MTIME_SECONDS, MTIME_SECONDS);
  }
  await Deno.utime(folder, MTIME_SECONDS, MTIME_SECONDS);
}

/** Paths of everything below a folder, without following links; none where there is no folder. */
export async function* listTree(folder: string, below = ""): AsyncGenerator<string> {
  try {
    for await (const entry of Deno.readDir(`${folder}/${below}`)) {
      const name = `${below}${entry.name}`;
      yield name;
      if (entry.isDirectory) yield* listTree(folder, `${name}/`);
    }
  } catch (err) {
    if (!(err instanceof Deno.errors.NotFound)) throw err;
  }
}
