/** What is wrong in a configuration, all of it, each with its place. */

import { ConfigError } from "../../errors.ts";
import { type Place, placeOf } from "../yaml.ts";

/** A text that values were read from. */
export interface SourceFile {
  /** As people know it: what was given, or found in a directory that was. */
  readonly path: string;
  readonly text: string;
  /** Where it is no text of its own but was made of others': what stands at that place. */
  readonly wordAt?: (
    offset: number,
  ) => { readonly file: SourceFile; readonly at: number } | undefined;
}

/** Where in which file something stands. */
export interface Origin {
  readonly file: SourceFile;
  readonly offset: number;
  /** The way to it inside the file: "services[2].servers[0].weight"; empty for the whole. */
  readonly path: string;
}

export interface Problem extends Place {
  readonly file: string;
  readonly path: string;
  /** What is, what must be, and what to do about it. */
  readonly text: string;
}

/** The way inside means nothing to whoever wrote it in another language. */
function realOrigin(origin: Origin): Origin {
  const word = origin.file.wordAt?.(origin.offset);
  return word ? { file: word.file, offset: word.at, path: "" } : origin;
}

/** More than anybody reads at once. */
const MOST = 200;

export class Report {
  readonly #problems: Problem[] = [];
  /** One thing in one place is said once, for how many services it may matter. */
  readonly #said = new Set<string>();
  #more = 0;
  #found = 0;

  get isEmpty(): boolean {
    return this.#problems.length === 0;
  }

  /** How often something was found to be wrong, also what was said already. */
  get count(): number {
    return this.#found;
  }

  add(origin: Origin, text: string): void {
    const { file, offset, path } = realOrigin(origin);
    this.#found++;
    const key = `${file.path} ${offset} ${text}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    if (this.#problems.length >= MOST) this.#more++;
    else this.#problems.push({ file: file.path, ...placeOf(file.text, offset), path, text });
  }

  /** What keeps a whole file from being read. */
  addError(error: ConfigError): void {
    this.#found++;
    const { file = "", line = 0, column = 0, path = "" } = error.position;
    const text = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
    this.#problems.push({ file, line, column, path, text });
  }

  /** In the order in which they stand in the files, these in the order in which they were read. */
  get problems(): readonly Problem[] {
    const files = [...new Set(this.#problems.map(({ file }) => file))];
    const order = new Map(files.map((file, i) => [file, i]));
    return this.#problems.toSorted((a, b) =>
      order.get(a.file)! - order.get(b.file)! || a.line - b.line || a.column - b.column
    );
  }

  /** One line each. */
  get lines(): readonly string[] {
    const lines = this.problems.map(printProblem);
    return this.#more === 0 ? lines : [...lines, `and ${this.#more} more`];
  }
}

/** "web.yaml:3:5: services[0].port: "x": must be …"; without the parts that it does not have. */
export function printProblem({ file, line, column, path, text }: Problem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return [place, path, text].filter((part) => part !== "").join(": ");
}

/** "web.yaml:3:5" */
export function printOrigin(origin: Origin): string {
  const { file, offset } = realOrigin(origin);
  const { line, column } = placeOf(file.text, offset);
  return `${file.path}:${line}:${column}`;
}
