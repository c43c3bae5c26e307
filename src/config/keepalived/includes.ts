/** Other files that a file names: which they are, and what must be true of them. */

import { ConfigError } from "../../errors.ts";
import type { Report, SourceFile } from "../files/report.ts";
import { quote } from "../given.ts";
import { directoryOf } from "./definitions.ts";
import type { Line } from "./line.ts";
import { expandBraces, hasWildcard } from "./patterns.ts";
import type { Word } from "./words.ts";

const FILES_LIMIT = 10_000;
/** A pattern is looked for also where it matches nothing. */
const PATTERNS_LIMIT = 20_000;
const TOTAL_LIMIT = 64 * 1024 * 1024;
/** The longest that Linux takes. */
const PATTERN_LIMIT = 4096;

/** What stands there is nothing to read a configuration from. Only a check makes a mistake of that. */
export class UnfitFileError extends ConfigError {}

/** keepalived's checks, in the words of include_check. */
const CHECKS = ["readable", "match", "wildcard_match", "brace_match"] as const;
type Check = typeof CHECKS[number];
type Checks = ReadonlySet<Check>;

const DEMANDED: Readonly<Record<string, readonly Check[]>> = {
  ...{ "": [], r: ["readable"], m: ["readable", "match"], w: ["readable", "wildcard_match"] },
  ...{ b: ["readable", "brace_match"], a: CHECKS },
};

export interface IncludeOptions {
  readonly report: Report;
  readonly readFile: (path: string) => string;
  readonly glob: (pattern: string) => readonly string[];
}

export class Includes {
  readonly #options: IncludeOptions;
  /** Of the file that is being read. */
  #checks: Checks = new Set();
  readonly #open: string[] = [];
  #patterns = 0;
  #files = 0;
  #length = 0;

  constructor(options: IncludeOptions) {
    this.#options = options;
  }

  /** Reads what is inside of a file: what that says of checks ends with it. */
  enter(file: SourceFile, body: () => void): void {
    const checks = this.#checks;
    this.#open.push(file.path);
    body();
    this.#open.pop();
    this.#checks = checks;
  }

  /** Takes the words behind include_check: "match", "+match -readable"; none are all. */
  setChecks(words: readonly Word[]): void {
    const isChange = /^[+-]/.test(words[0]?.text ?? "");
    const checks = new Set<Check>(words.length === 0 ? CHECKS : isChange ? this.#checks : []);
    let sign = "+";
    for (const { text, file, at } of words) {
      const [, given = "", name] = /^([+-]?)(.*)$/s.exec(text) ?? [];
      sign = given || sign;
      const check = CHECKS.find((each) => each === name);
      if (!check) {
        const problem = `is unknown, must be one of ${CHECKS.join(", ")}`;
        this.#options.report.add({ file, offset: at, path: "" }, `${quote(text)} ${problem}`);
      } else if (sign === "+") checks.add(check).add("readable");
      else checks.delete(check);
    }
    this.#checks = checks;
  }

  /** The files that a line includes, read one by one; undefined where it is another line. */
  filesOf(line: Line): Iterable<SourceFile> | undefined {
    const [all, letter = ""] = /^include([rmwba]?)(?![^ \t\v\f])/.exec(line.text) ?? [];
    if (all === undefined) return undefined;
    const pattern = line.slice(all.length).trim();
    return this.#read(pattern, new Set([...this.#checks, ...DEMANDED[letter] ?? []]));
  }

  *#read(pattern: Line, checks: Checks): Iterable<SourceFile> {
    const { text } = pattern;
    const problem = wrongWith(text);
    if (problem !== undefined) return this.#refuse(pattern, problem);
    const path = text.startsWith("/") ? text : joined(directoryOf(pattern.file.path), text);
    const paths = this.#find(pattern, path, checks);
    for (const each of paths) {
      const file = this.#readFile(pattern, each, checks);
      if (file) yield file;
    }
  }

  #find(pattern: Line, path: string, checks: Checks): readonly string[] {
    const plain = expandBraces(path) ?? [];
    this.#patterns += plain.length;
    if (plain.length === 0 || this.#patterns > PATTERNS_LIMIT) {
      const which = plain.length === 0 ? "its braces stand" : "with it patterns stand";
      this.#refuse(pattern, `${which} for too many files`);
      return [];
    }
    const paths = plain.map((each) => this.#options.glob(each));
    const missing = plain.findIndex((each, i) => !hasWildcard(each) && paths[i]?.length === 0);
    const found = paths.flat();
    if (missing >= 0 && plain.length > 1 && checks.has("brace_match")) {
      this.#refuse(pattern, `${quote(plain[missing]!)} is not there`);
    } else if (found.length === 0 && plain.some(hasWildcard)) {
      if (checks.has("wildcard_match")) this.#refuse(pattern, "matches no file, must match one");
    } else if (missing >= 0 && plain.length === 1) {
      if (checks.has("match") || checks.has("wildcard_match")) {
        this.#refuse(pattern, `${quote(path)} is not there`);
      }
    }
    return found;
  }

  #readFile(pattern: Line, path: string, checks: Checks): SourceFile | undefined {
    if (this.#open.includes(path)) {
      this.#refuse(pattern, `${quote(path)} is being read already: it would include itself`);
      return undefined;
    }
    if (this.#files >= FILES_LIMIT || this.#length > TOTAL_LIMIT) {
      const most = `${FILES_LIMIT} files or ${TOTAL_LIMIT} characters`;
      this.#refuse(pattern, `with it more than ${most} are included`);
      return undefined;
    }
    this.#files++;
    try {
      const text = this.#options.readFile(path);
      this.#length += text.length;
      return { path, text };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (!(error instanceof UnfitFileError) || checks.has("readable")) {
        this.#refuse(pattern, `${quote(path)} ${error.message}`);
      }
      return undefined;
    }
  }

  #refuse(pattern: Line, text: string): void {
    this.#options.report.add(pattern.origin(), text);
  }
}

/** All behind the keyword is one name, as it stands there. */
function wrongWith(text: string): string | undefined {
  if (text === "") return "names no file, must name one";
  if (text.startsWith('"')) return "must name its file without quotes";
  if (/\$[A-Za-z_{]/.test(text)) return "must name its file without definitions";
  if (text.length > PATTERN_LIMIT) return `names a file of more than ${PATTERN_LIMIT} characters`;
  return undefined;
}

function joined(directory: string, name: string): string {
  return directory === "." ? name : directory === "/" ? `/${name}` : `${directory}/${name}`;
}
