/** What is in the image: the one list of it. */

import { LvscareError } from "../../src/errors.ts";
import type { Layer } from "./image.ts";
import type { Program } from "./program.ts";
import { sortEntries, type TreeEntry } from "./tree.ts";

/** Where the program lies in the image. */
export const PROGRAM_PATH = "usr/bin/lvscare";

/** The system's authorities, where the runtime looks for them beside its own, and where hosts mount theirs. */
export const CERTIFICATES_PATH = "etc/ssl/certs/ca-certificates.crt";

/** As the package has them. The host's own bundle may hold what only this host trusts. */
const CERTIFICATES = "/usr/share/ca-certificates/mozilla";

/** Debian packages that files are taken from: their terms go with them. */
const PACKAGES = ["ca-certificates", "libc6", "libgcc-s1"];

const TEXTS: Readonly<Record<string, string>> = {
  "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\n" +
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
  "etc/group": "root:x:0:\nnogroup:x:65534:\n",
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
};

/** Empty folders, which others are mounted on or which the program writes to, by their modes. */
const FOLDERS: Readonly<Record<string, number>> = {
  "dev": 0o755,
  "lib/modules": 0o755,
  "proc": 0o755,
  "run": 0o755,
  "run/lvscare": 0o755,
  "sys": 0o755,
  "tmp": 0o1777,
};

/** In the order in which they lie on each other: what changes rarely, and the program. */
export async function makeLayers(program: Program, license: string): Promise<readonly Layer[]> {
  const files = [
    ...Object.entries(TEXTS).map(([name, text]) => file(name, new TextEncoder().encode(text))),
    file(CERTIFICATES_PATH, await readCertificates()),
    file("usr/share/doc/lvscare/copyright", await Deno.readFile(license)),
  ];
  for (const library of program.libraries) {
    files.push(file(library.slice(1), await Deno.readFile(library), 0o755));
  }
  for (const name of PACKAGES) {
    const path = `usr/share/doc/${name}/copyright`;
    files.push(file(path, await readPackaged(name, `/${path}`)));
  }
  const base = [...files, ...foldersOf([...files.map(({ name }) => name), PROGRAM_PATH])];
  return [
    { comment: "libc, libgcc_s, certificates and folders", entries: sortEntries(base) },
    { comment: "lvscare", entries: [file(PROGRAM_PATH, program.data, 0o755)] },
  ];
}

/** The named folders, and those that the files lie in. */
function foldersOf(files: readonly string[]): TreeEntry[] {
  const modes = new Map<string, number>();
  for (const path of [...files, ...Object.keys(FOLDERS)]) {
    const parts = path.split("/").slice(0, -1);
    for (const count of parts.keys()) modes.set(parts.slice(0, count + 1).join("/"), 0o755);
  }
  for (const [name, mode] of Object.entries(FOLDERS)) modes.set(name, mode);
  return [...modes].map(([name, mode]) => ({ name, mode }));
}

/** One after the other in the order of their names, as update-ca-certificates puts them. */
async function readCertificates(): Promise<Uint8Array<ArrayBuffer>> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(CERTIFICATES)) {
      if (name.endsWith(".crt")) names.push(name);
    }
  } catch (cause) {
    throw missing("ca-certificates", CERTIFICATES, cause);
  }
  if (names.length === 0) throw missing("ca-certificates", `${CERTIFICATES}/*.crt`);
  const texts = names.sort().map((name) => Deno.readTextFile(`${CERTIFICATES}/${name}`));
  const lines = (await Promise.all(texts)).map((text) => text.endsWith("\n") ? text : `${text}\n`);
  return new TextEncoder().encode(lines.join(""));
}

async function readPackaged(name: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(path).catch((cause) => {
    throw missing(name, path, cause);
  });
}

function missing(name: string, path: string, cause?: unknown): LvscareError {
  return new LvscareError(`there is no ${path} of Debian's package ${name}`, {
    hint: `apt-get install --reinstall ${name}`,
    cause,
  });
}

function file(name: string, data: Uint8Array<ArrayBuffer>, mode = 0o644): TreeEntry {
  return { name, mode, data };
}
