import { LvscareError } from "../../src/errors.ts";
import { runProgram } from "../run_program.ts";

/** dist/lvscare, and what it says of itself. */
export interface Program {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly version: string;
  /** With "-dirty" behind it where it was not built from that commit alone. */
  readonly commit: string;
  /** The shared libraries that it needs, the dynamic loader among them. */
  readonly libraries: readonly string[];
}

/** libc's files, and libgcc_s beside them; where a loader without a cache and settings finds them. */
const LIBRARY =
  /^\/(usr\/)?lib(64|\/[\w-]+)?\/(ld-linux-[\w-]+|lib(c|m|dl|rt|pthread|gcc_s))\.so\.\d$/;

export async function readProgram(path: string): Promise<Program> {
  const before = await stampOf(path);
  const data = await Deno.readFile(path);
  const { version, commit } = JSON.parse(await runProgram(path, ["version", "-o", "json"]));
  const libraries = await librariesOf(path);
  // A build renames its file into place: what was read is then not what was asked.
  if (await stampOf(path) !== before) {
    throw new LvscareError(`${path} was replaced while it was read`, { hint: "run this again" });
  }
  return { data, version, commit, libraries };
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtime } = await Deno.stat(path);
    return [ino, size, mtime?.getTime()].join();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new LvscareError(`there is no ${path}`, { hint: "scripts/build makes it", cause });
  }
}

/** What the dynamic loader says the program needs. */
async function librariesOf(path: string): Promise<readonly string[]> {
  const said = await runProgram("ldd", [path]);
  const libraries = [...said.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
  const others = libraries.filter((library) => !LIBRARY.test(library));
  if (others.length > 0 || said.includes("not found") || !said.includes("libc.so.6")) {
    throw new LvscareError(`${path} must need libc's files and libgcc_s, not: ${said.trim()}`);
  }
  return libraries.sort();
}
