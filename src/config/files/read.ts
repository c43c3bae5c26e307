/** Files to a configuration, or to everything that is wrong with them. */

import { ConfigError } from "../../errors.ts";
import type { Address } from "../../model/address.ts";
import type { Config } from "../config.ts";
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
}

export interface FilesReading {
  /** Undefined where anything is wrong. */
  readonly config: Config | undefined;
  readonly report: Report;
  /** Where each service stands, by its name. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly files: number;
}

export async function readFiles(
  { path, nodeAddresses, memory = new ReadMemory() }: ReadOptions,
): Promise<FilesReading> {
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
  return { config: report.isEmpty ? config : undefined, report, origins, files: files.length };
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
