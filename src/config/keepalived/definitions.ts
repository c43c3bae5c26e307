/** What $NAME and ${NAME} stand for, and putting it in their place. */

import type { Origin, Report } from "../files/report.ts";
import { isSpace, LENGTH_LIMIT, Line } from "./line.ts";

/** More than a configuration of fifty thousand services takes. */
const TOTAL_LIMIT = 32 * 1024 * 1024;
export const NESTING_LIMIT = 100;

export interface DefinitionOptions {
  readonly configId: string | undefined;
  readonly env: (name: string) => string | undefined;
  /** What names of files without a slash in front are relative to; undefined: unknown. */
  readonly cwd?: string | undefined;
  readonly report: Report;
}

/** The names that are keepalived's own. */
const OWN = ["_PWD", "_INSTANCE", "_ENV", "_HASH", "_BANG", "_RANDOM"];
const OWN_LIST = "${_PWD}, ${_INSTANCE}, ${_ENV NAME}, ${_HASH} or ${_BANG}";

const NAME = /^[A-Za-z_]\w*$/;
const USE = /\$\{([^{}]*)\}|\$\{|\$([A-Za-z_]\w*)/g;
const DEFINITION = /^\$([A-Za-z_]\w*)=[ \t\v\f]*/;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/** The name that a line defines, and where its value begins. */
export function readDefinition(
  { text }: Line,
): { readonly name: string; readonly start: number } | undefined {
  const [all, name] = DEFINITION.exec(text) ?? [];
  return all === undefined || name === undefined ? undefined : { name, start: all.length };
}

/** Text that is being put together, up to its limit. */
class Pieces {
  text = "";
  readonly places: number[] = [];
  isQuoted = false;

  add(text: string, placeOf: (index: number) => number): void {
    this.text += text;
    for (let i = 0; i < text.length; i++) {
      this.places.push(placeOf(i));
      if (text[i] === '"') this.isQuoted = !this.isQuoted;
    }
  }
}

interface Use {
  /** As it is spelled. */
  readonly text: string;
  readonly name: string;
  /** What stands behind the name, for those that take something. */
  readonly argument: string | undefined;
  /** $NAME, not ${NAME}. */
  readonly isBare: boolean;
  /** What stands behind it; undefined at the line's end. */
  readonly next: string | undefined;
  readonly isQuoted: boolean;
  readonly origin: Origin;
}

export class Definitions {
  readonly #options: DefinitionOptions;
  readonly #values = new Map<string, readonly string[]>();
  #written = 0;

  constructor(options: DefinitionOptions) {
    this.#options = options;
  }

  define(name: string, lines: readonly string[], origin: Origin): void {
    if (OWN.includes(name)) {
      this.#options.report.add(origin, `$${name} is keepalived's own, must have another name`);
    } else this.#values.set(name, lines);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The lines that a whole line stands for, where it is the use of a definition of several. */
  linesOf(line: Line): readonly string[] | undefined {
    const [, inside, bare] = /^\$(?:\{(\w+)\}|(\w+))$/.exec(line.text) ?? [];
    const lines = this.#values.get(inside ?? bare ?? "");
    return lines && lines.length > 1 ? lines : undefined;
  }

  /**
   * The line with the value of the definition that it begins with: that may make it a condition, a definition, a
   * sequence. The line itself where it begins with none.
   */
  expandStart(line: Line): Line {
    const [all, inside, bare] = /^\$(?:\{(\w+)\}|(\w+)(?![^ \t\v\f\r\n]))/.exec(line.text) ?? [];
    const value = this.#values.get(inside ?? bare ?? "");
    if (all === undefined || value?.length !== 1) return line;
    const pieces = new Pieces();
    const rest = line.slice(all.length);
    // The whole line is read again, which must not go on forever.
    if (!this.spend(value[0]!.length + rest.text.length, line.origin())) return line.slice(0, 0);
    pieces.add(value[0]!, () => line.at(0));
    pieces.add(rest.text, (i) => rest.at(i));
    return Line.pieced(pieces.text, line.file, pieces.places, line.at(line.text.length));
  }

  /** The line with the values of all definitions in it. */
  expand(line: Line): Line {
    if (!line.text.includes("$")) return line;
    const pieces = new Pieces();
    this.#expand(line, undefined, [], pieces);
    return Line.pieced(pieces.text, line.file, pieces.places, line.at(line.text.length));
  }

  #expand(
    line: Line,
    after: string | undefined,
    active: readonly string[],
    pieces: Pieces,
  ): void {
    let done = 0;
    for (const { 0: text, 1: inside, 2: bare, index } of line.text.matchAll(USE)) {
      const before = line.slice(done, index);
      pieces.add(before.text, (i) => before.at(i));
      done = index + text.length;
      const [name = "", argument] = bare === undefined ? splitName(inside ?? "") : [bare];
      const use = {
        ...{ text, name, argument, isBare: bare !== undefined, next: line.text[done] ?? after },
        ...{ isQuoted: pieces.isQuoted, origin: line.origin(index) },
      };
      const value = this.#valueOf(use, active);
      const place = line.at(index);
      // A brace of what is left as it is would count as one.
      if (value === undefined) {
        pieces.add(use.isQuoted ? text : text.replace(/[{}]/g, ""), () => place);
      } else if (this.spend(value.length, use.origin, pieces.text.length)) {
        if (!this.#values.has(name)) pieces.add(value, () => place);
        else this.#expand(Line.used(value, use.origin), use.next, [...active, name], pieces);
      }
    }
    const rest = line.slice(done);
    pieces.add(rest.text, (i) => rest.at(i));
  }

  /** Undefined where it stays as it is written. */
  #valueOf(use: Use, active: readonly string[]): string | undefined {
    const { name, isBare, next, origin } = use;
    const lines = this.#values.get(name);
    const isOwn = !lines && (OWN.includes(name) || (!isBare && name.startsWith("_")));
    if (isBare && next !== undefined && !isSpace(next) && (lines || isOwn)) {
      return this.#refuse(origin, `must be \${${name}}: no white space stands behind it`);
    }
    if (isOwn) return this.#ownValue(use);
    if (!lines) return this.#refuseUndefined(use);
    if (lines.length !== 1) {
      return this.#refuse(origin, `$${name} has several lines, must stand on a line of its own`);
    }
    if (active.includes(name)) return this.#refuse(origin, `$${name} stands for itself`);
    if (active.length >= NESTING_LIMIT) {
      return this.#refuse(origin, `nests more than ${NESTING_LIMIT} deep`);
    }
    return lines[0];
  }

  #ownValue({ name, argument, origin, text }: Use): string | undefined {
    const { configId, env, cwd } = this.#options;
    switch (name) {
      case "_PWD":
        return absolute(directoryOf(origin.file.path), cwd);
      case "_HASH":
        return "#";
      case "_BANG":
        return "!";
      case "_INSTANCE":
        return configId ?? this.#refuse(origin, `${text} is not known: no configuration id is set`);
      case "_RANDOM":
        return this.#refuse(origin, `${text} is never the same twice, must be a fixed number`);
      case "_ENV":
        if (argument === undefined) return this.#refuse(origin, `${text} names no variable`);
        return env(argument) ??
          this.#refuse(origin, `${text}: the environment has no ${argument}`);
    }
    return this.#refuse(origin, `${text} is unknown, must be ${OWN_LIST}`);
  }

  /** In quotes it may be a script's or a regular expression's. */
  #refuseUndefined({ name, text, isQuoted, origin }: Use): undefined {
    if (isQuoted) return undefined;
    if (!isName(name)) return this.#refuse(origin, `${text} is no name, must be \${NAME}`);
    return this.#refuse(origin, `$${name} is not defined`);
  }

  #refuse(origin: Origin, text: string): undefined {
    this.#options.report.add(origin, text);
    return undefined;
  }

  /** Whether so much more text may come of definitions, behind what the line has already. */
  spend(length: number, origin: Origin, before = 0): boolean {
    this.#written += length + 1;
    if (this.#written <= TOTAL_LIMIT && before + length <= LENGTH_LIMIT) return true;
    this.#refuse(
      origin,
      this.#written <= TOTAL_LIMIT
        ? `makes a line of more than ${LENGTH_LIMIT} characters`
        : `with it definitions stand for more than ${TOTAL_LIMIT} characters`,
    );
    return false;
  }
}

function splitName(inside: string): readonly [string, string?] {
  const [, name, argument] = /^(\w+)[ \t]+(.*?)[ \t]*$/.exec(inside) ?? [];
  return name === undefined ? [inside] : argument ? [name, argument] : [name];
}

export function directoryOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

function absolute(directory: string, cwd: string | undefined): string {
  if (cwd === undefined || directory.startsWith("/")) return directory;
  return directory === "." ? cwd : `${cwd === "/" ? "" : cwd}/${directory}`;
}
