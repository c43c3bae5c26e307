/** Prints YAML that every reader takes alike: those of YAML 1.1, as Kubernetes', and those of 1.2. */

export type YamlValue = string | number | boolean | null | YamlSequence | YamlMapping | Noted;
export type YamlSequence = readonly YamlValue[];
export interface YamlMapping {
  readonly [key: string]: YamlValue | undefined;
}

/** A value with lines for people before it. */
export class Noted {
  constructor(readonly notes: readonly string[], readonly value: YamlValue) {}
}

export function noted(note: string | readonly string[], value: YamlValue): Noted {
  return new Noted(typeof note === "string" ? [note] : note, value);
}

/** A mapping as a document, ending with a newline. Keys whose value is undefined are left out. */
export function printYaml(mapping: YamlMapping): string {
  return mappingLines(mapping).map((line) => `${line}\n`).join("");
}

function mappingLines(mapping: YamlMapping): string[] {
  return Object.entries(mapping).flatMap(([key, given]) => {
    if (given === undefined) return [];
    const { notes, value } = bare(given);
    return [...notes, ...entryLines(printKey(key), value)];
  });
}

function entryLines(key: string, value: YamlValue): string[] {
  if (isText(value)) return [`${key}: |${chomping(value)}`, ...textLines(value).map(indented)];
  const short = inOneLine(value);
  if (short !== undefined) return [`${key}: ${short}`];
  return [`${key}:`, ...lines(value).map(indented)];
}

function lines(value: YamlValue): string[] {
  if (isSequence(value)) return value.flatMap(itemLines);
  if (isMapping(value)) return mappingLines(value);
  return [inOneLine(value)!];
}

function itemLines(given: YamlValue): string[] {
  const { notes, value } = bare(given);
  if (isText(value)) return [...notes, `- |${chomping(value)}`, ...textLines(value).map(indented)];
  const short = inOneLine(value);
  const [first = "", ...rest] = short === undefined ? lines(value) : [short];
  if (first.startsWith("#")) return [...notes, "-", ...[first, ...rest].map(indented)];
  return [...notes, `- ${first}`, ...rest.map(indented)];
}

function bare(value: YamlValue): { readonly notes: string[]; readonly value: YamlValue } {
  if (!(value instanceof Noted)) return { notes: [], value };
  return { notes: value.notes.map((note) => `# ${note}`), value: value.value };
}

function indented(line: string): string {
  return line === "" ? "" : `  ${line}`;
}

/** What fits behind a key; undefined for what takes lines of its own. */
function inOneLine(value: YamlValue): string | undefined {
  if (typeof value === "string") return isText(value) ? undefined : printText(value);
  if (typeof value === "number" || typeof value === "boolean" || value === null) {
    return String(value);
  }
  if (isSequence(value)) return value.length === 0 ? "[]" : undefined;
  if (isMapping(value)) return Object.keys(value).length === 0 ? "{}" : undefined;
  return undefined;
}

/** Several lines, which stand as they are. What could not be read back so is quoted. */
function isText(value: YamlValue): value is string {
  return typeof value === "string" && value.includes("\n") && /^[^\s]/.test(value) &&
    /^[\n\t\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/.test(value) &&
    !/[\u2028\u2029]/.test(value);
}

/** Whether the newlines at the end are kept: none, one, or all. */
function chomping(text: string): "" | "-" | "+" {
  if (!text.endsWith("\n")) return "-";
  return text.endsWith("\n\n") ? "+" : "";
}

function textLines(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

/** Words that some reader takes for something else than a text. */
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
/** A word that begins with a letter, a path or a flag; an address, with a port or a prefix; an amount. */
const PLAIN = [
  /^(?:[A-Za-z_/]|--?[A-Za-z])[\w./@=,+-]*(?::[\w./@=,+-]+)*$/,
  /^\d+\.\d+\.\d+\.\d+(?:[:/]\d+)?$/,
  /^[1-9]\d*(?:Mi|m|s)$/,
];

/** One line of text, in quotes where it needs them. */
export function printText(text: string): string {
  const isPlain = !RESERVED.test(text) && PLAIN.some((pattern) => pattern.test(text));
  if (isPlain) return text;
  // JSON's quotes are YAML's; what YAML takes for the end of a line is none in JSON.
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function printKey(key: string): string {
  return printText(key);
}

function isSequence(value: YamlValue): value is YamlSequence {
  return Array.isArray(value);
}

function isMapping(value: YamlValue): value is YamlMapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Noted);
}
