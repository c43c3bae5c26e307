/** Files to a configuration, or to everything that is wrong with them. */

import { ConfigError } from "../../errors.ts";
import type { Address } from "../../model/address.ts";
import type { Config } from "../config.ts";
import { type KeepalivedOptions, printNote, readKeepalived } from "../keepalived/read.ts";
import { parseYaml } from "../yaml.ts";
import { buildConfig, type Document, type EntryMemory } from "./build.ts";
import { MAIN_FILE, PART_FILE } from "./fields.ts";
import { type FileMemory, type LoadedFile, loadFiles } from "./load.ts";
import { type Origin, Report } from "./report.ts";
import { ValuePlace } from "./shape.ts";

/** What was read before, for those who read the same files again and again. */
export class ReadMemory {
  readonly files: FileMemory = new Map();
  readonly documents = new WeakMap<LoadedFile, Document>();
  readonly entries: EntryMemory = new WeakMap();
}

export interface ReadOptions {
  /** A file, or a directory. */
  readonly path: string;
  /** This host's own addresses, for routes that do not say one. */
  readonly nodeAddresses: readonly Address[];
  readonly memory?: ReadMemory | undefined;
  /** How a file in keepalived's language is read, which is known by the end of its name. */
  readonly keepalived?: Omit<KeepalivedOptions, "path" | "report"> | undefined;
}

/** What a command line says of files in keepalived's language. */
export type ReadChoices = Pick<KeepalivedOptions, "configId" | "skipsUnsupported">;

export const PLAIN_READ: ReadChoices = { configId: undefined, skipsUnsupported: false };

/** Whether it is in keepalived's language. */
export function isKeepalived(path: string): boolean {
  return path.endsWith(".conf");
}

export interface FilesReading {
  /** Undefined where anything is wrong. */
  readonly config: Config | undefined;
  readonly report: Report;
  /** Where each service stands, by its name. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly files: number;
  /** What was said that changes nothing of what is cared for, one line each. */
  readonly notes: readonly string[];
}

export async function readFiles(options: ReadOptions): Promise<FilesReading> {
  if (isKeepalived(options.path)) return readForeign(options);
  const { path, nodeAddresses, memory = new ReadMemory() } = options;
  const report = new Report();
  const files = await loadFiles(path, report, memory.files);
  const origins = new Map<string, Origin>();
  const documents = files.map((file) => {
    const known = memory.documents.get(file);
    if (known) return known;
    const before = report.count;
    const document = readFile(file, report);
    if (document && report.count === before) memory.documents.set(file, document);
    return document;
  }).filter((each) => each !== undefined);
  const { entries } = memory;
  const config = buildConfig({ documents, nodeAddresses, origins, report, entries });
  const found = report.isEmpty ? config : undefined;
  return { config: found, report, origins, files: files.length, notes: [] };
}

const AS_IT_STANDS: NonNullable<ReadOptions["keepalived"]> = {
  configId: undefined,
  env: () => undefined,
  skipsUnsupported: false,
};

function readForeign(
  { path, nodeAddresses, keepalived = AS_IT_STANDS }: ReadOptions,
): FilesReading {
  const report = new Report();
  const { table, notes, remarks } = readKeepalived({ ...keepalived, path, report });
  const origins = new Map<string, Origin>();
  const documents = table ? [{ table, isMain: true }] : [];
  const entries: EntryMemory = new WeakMap();
  const config = buildConfig({ documents, nodeAddresses, origins, report, entries });
  const found = report.isEmpty ? config : undefined;
  const said = [...notes, ...remarks].map(printNote);
  return { config: found, report, origins, files: 1, notes: said };
}

function readFile(file: LoadedFile, report: Report): Document | undefined {
  try {
    const node = parseYaml(file.text, file.path);
    if (!node) {
      throw new ConfigError("has nothing but comments, must have services", { file: file.path });
    }
    const { isMain } = file;
    const table = (isMain ? MAIN_FILE : PART_FILE).read(node, new ValuePlace(report, file));
    return table && { table, isMain };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    report.addError(withoutPlace(error));
    return undefined;
  }
}

/** The parser's messages begin with their place, which the report says too. */
function withoutPlace(error: ConfigError): ConfigError {
  const { file = "", line, column } = error.position;
  const place = line === undefined ? `${file}: ` : `${file}:${line}:${column}: `;
  const { message } = error;
  if (!message.startsWith(place)) return error;
  const { hint } = error;
  return new ConfigError(
    message.slice(place.length),
    error.position,
    hint === undefined ? {} : { hint },
  );
}
