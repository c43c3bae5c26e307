/** Files in keepalived's language, read as if they were files of `lvscare run`. */

import { buildConfig } from "../files/build.ts";
import { MAIN_FILE, type MainTable } from "../files/fields.ts";
import { fileStamp } from "../../sys/file_stamp.ts";
import { printOrigin, Report } from "../files/report.ts";
import { ValuePlace } from "../files/shape.ts";
import type { Note } from "./block.ts";
import { type DraftMap, printDraft, readDraft, remarksOf } from "./draft.ts";
import { globFiles, readKeepalivedFile } from "./include_files.ts";
import { translate } from "./translate.ts";
import { readStatements } from "./tree.ts";
import type { Word } from "./words.ts";

export interface KeepalivedOptions {
  readonly path: string;
  readonly report: Report;
  /** What lines that begin with "@" are compared with; undefined: the first part of the host's name. */
  readonly configId: string | undefined;
  readonly env: (name: string) => string | undefined;
  /** What is not supported is left out, and said. */
  readonly skipsUnsupported: boolean;
}

export interface KeepalivedReading {
  /** Undefined where it could not be read. */
  readonly draft: DraftMap;
  readonly notes: readonly Note[];
  /** What stands in the draft beside what it is of. */
  readonly remarks: readonly Note[];
  /** As a file of ours; what in it is wrong has been reported. */
  readonly table: MainTable | undefined;
}

/** Changes when a file does that is read, or others are. */
export function keepalivedFingerprint(
  options: Omit<KeepalivedOptions, "report" | "skipsUnsupported">,
): string {
  const stamps: string[] = [];
  readStatements({
    ...options,
    cwd: workingDirectory(),
    report: new Report(),
    readFile: (path) => {
      stamps.push(`${path} ${stampOf(path)}`);
      return readKeepalivedFile(path);
    },
    glob: globFiles,
  });
  return stamps.join("\n");
}

function stampOf(path: string): string {
  try {
    return fileStamp(Deno.statSync(path));
  } catch {
    return "none";
  }
}

function workingDirectory(): string | undefined {
  try {
    return Deno.cwd();
  } catch {
    return undefined;
  }
}

/** A file of ours that says the same, or all that is wrong. */
export function convertKeepalived(
  options: Omit<KeepalivedOptions, "report">,
): { readonly text: string; readonly report: Report } {
  const report = new Report();
  const { draft, notes, table } = readKeepalived({ ...options, report });
  const documents = table ? [{ table, isMain: true }] : [];
  buildConfig({ documents, nodeAddresses: [], origins: new Map(), report, entries: new WeakMap() });
  const lines = notes.map((note) => comment(printNote(note))).join("");
  const from = comment(`Made from ${options.path} by lvscare convert.`);
  const kept = KEPT.map(comment).join("");
  return { text: `${from}${kept}${lines}\n${printDraft(draft)}`, report };
}

/** A file's name may have anything in it. */
function comment(text: string): string {
  return `# ${text.replace(/\p{Cc}/gu, "?")}\n`;
}

/** What is another thing here than there, on purpose. */
const KEPT = [
  "What is better here: certificates are verified where ca names authorities; timeout is for a whole",
  "check, so that a slow drip ends; a reload leaves checks and health as they are; servers that leave",
  "are drained; a quorum can always be had again; an answer ends where it says so, whatever its version.",
];

/** "keepalived.conf:3:5: …" */
export function printNote({ word: { file, at }, text }: Note): string {
  return `${printOrigin({ file, offset: at, path: "" })}: ${text}`;
}

export function readKeepalived(options: KeepalivedOptions): KeepalivedReading {
  const { path, report, skipsUnsupported } = options;
  let text: string | undefined;
  const statements = readStatements({
    ...options,
    cwd: workingDirectory(),
    readFile: (each) => {
      const found = readKeepalivedFile(each);
      text ??= found;
      return found;
    },
    glob: globFiles,
  });
  const top: Word = { text: "", file: { path, text: text ?? "" }, at: 0, quoted: false };
  const { draft, notes } = translate(statements, top, { report, skipsUnsupported });
  const { node, file } = readDraft(draft, path);
  const table = MAIN_FILE.read(node, new ValuePlace(report, file));
  return { draft, notes, remarks: remarksOf(draft), table };
}
