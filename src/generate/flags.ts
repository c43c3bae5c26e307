/** What a command line of `lvscare generate` gives, and the words that several commands share. */

import { type Given, quote, refuse } from "../config/given.ts";
import type { FlagShape } from "../config/pflag.ts";
import { readSwitch } from "../config/values.ts";

export interface GenerateFlag extends FlagShape {
  readonly choices?: readonly string[];
  /** What its value is, for the help; a switch has none. */
  readonly value?: string;
  /** Its value when nobody gives one, as it would be written. */
  readonly initial?: string;
  readonly help: string;
}

/** What people gave, and the defaults of the rest. */
export class Flags {
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly #known: ReadonlyMap<string, GenerateFlag>;

  constructor(
    known: readonly GenerateFlag[],
    given: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#known = new Map(known.map((flag) => [flag.name, flag]));
    this.#given = given;
  }

  all(name: string): Given[] {
    const texts = this.#given.get(name) ?? [];
    if (texts.length > 0) return texts.map((text) => ({ text, name: `--${name}`, origin: "flag" }));
    const initial = this.#known.get(name)?.initial;
    return initial === undefined ? [] : [{ text: initial, name: `--${name}`, origin: "default" }];
  }

  /** The last counts. */
  one(name: string): Given | undefined {
    return this.all(name).at(-1);
  }

  /** Of a flag that has a default. */
  value(name: string): Given {
    const given = this.one(name);
    if (!given) throw new TypeError(`--${name} has no default`);
    return given;
  }

  isGiven(name: string): boolean {
    return this.#given.has(name);
  }

  /** Undefined where nobody said anything of it. */
  switched(name: string): boolean | undefined {
    const given = this.one(name);
    return given && readSwitch(given);
  }

  isOn(name: string): boolean {
    return this.switched(name) ?? false;
  }
}

/** A path that a line of text can hold. */
export function readPath(given: Given): string {
  if (given.text === "") refuse(given, "is empty, must be a path");
  if (/\p{Cc}/u.test(given.text)) refuse(given, "has a control character, must have none");
  return given.text;
}

export function readAbsolutePath(given: Given): string {
  const path = readPath(given);
  if (!path.startsWith("/")) refuse(given, 'must be an absolute path, beginning with "/"');
  return path.length > 1 ? path.replace(/\/+$/, "") || "/" : path;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** What Kubernetes takes for the name of a container, and so of whatever is named as it is. */
export function readLabel(given: Given): string {
  if (LABEL.test(given.text)) return given.text;
  return refuse(given, "must be 1 to 63 small letters, digits and dashes, as kube-lvscare");
}

const HOST = String
  .raw`(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?`;
const PART = String.raw`[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`;
const IMAGE = new RegExp(
  String.raw`^(?:${HOST}/)?${PART}(?:/${PART})*(?::\w[\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$`,
);

/** The name of an image, as container runtimes take it. */
export function readImage(given: Given): string {
  if (given.text.length <= 512 && IMAGE.test(given.text)) return given.text;
  return refuse(given, "must be the name of an image, as registry.example:5000/lvscare:1.0");
}

/** The values of a list as pflag reads them: commas between them, and quotes around what has commas. */
export function splitCommas(given: Given): Given[] {
  const parts: string[] = [];
  const { text } = given;
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy;
  for (;;) {
    const match = pattern.exec(text);
    if (!match) refuse(given, "has a quote in the wrong place: quotes stand around a whole value");
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === "") break;
  }
  return parts.map((part) => ({ ...given, text: part }));
}

/** The words of a command line, as a shell splits them; nothing in it is replaced. */
export function splitWords(given: Given): string[] {
  const words: string[] = [];
  const pattern = /\s+|((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)/gsy;
  while (pattern.lastIndex < given.text.length) {
    const match = pattern.exec(given.text);
    if (!match) {
      refuse(given, "has a quote that does not end, or a backslash before nothing");
    }
    if (match[1] !== undefined) words.push(unquoted(match[1]));
  }
  const wrong = words.find((word) => /\p{Cc}/u.test(word));
  if (wrong !== undefined) refuse(given, `has a control character in ${quote(wrong)}`);
  return words;
}

function unquoted(word: string): string {
  return word.replace(
    /\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs,
    (_, escaped?: string, double?: string, single?: string) =>
      escaped ?? double?.replace(/\\(["\\$`])/g, "$1") ?? single ?? "",
  );
}
