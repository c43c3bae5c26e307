/**
 * A configuration in the making: what files of `lvscare run` would say, each part with the word that it comes
 * from. It can be read as such a file, or be printed as one.
 */

import type { SourceFile } from "../files/report.ts";
import type { YamlEntry, YamlMap, YamlNode } from "../yaml.ts";
import type { Word } from "./words.ts";

export type Draft = DraftText | DraftList | DraftMap;
/** Of a list all stand in the place of its word. */
export type DraftValue = string | number | boolean | readonly DraftValue[] | DraftMap | DraftList;

interface DraftText {
  readonly kind: "text";
  readonly text: string;
  /** It was meant as a text, and may have to be quoted to stay one. */
  readonly isString: boolean;
  readonly word: Word;
}

export class DraftList {
  readonly kind = "list";
  readonly items: Draft[] = [];
  readonly word: Word;

  constructor(word: Word) {
    this.word = word;
  }

  add(value: DraftValue, word: Word = this.word): void {
    this.items.push(draftOf(value, word));
  }
}

interface DraftEntry {
  readonly key: string;
  readonly value: Draft;
}

export class DraftMap {
  readonly kind = "map";
  readonly entries: DraftEntry[] = [];
  /** What is to be said of it. */
  readonly notes: string[] = [];
  readonly word: Word;

  constructor(word: Word) {
    this.word = word;
  }

  /** Says it, in the place of what was said before; undefined: nothing. */
  set(key: string, value: DraftValue | undefined, word: Word = this.word): this {
    if (value === undefined) return this;
    const entry = { key, value: draftOf(value, word) };
    const at = this.entries.findIndex((each) => each.key === key);
    if (at < 0) this.entries.push(entry);
    else this.entries[at] = entry;
    return this;
  }

  has(key: string): boolean {
    return this.entries.some((each) => each.key === key);
  }
}

function draftOf(value: DraftValue, word: Word): Draft {
  if (value instanceof DraftMap || value instanceof DraftList) return value;
  if (typeof value !== "object") {
    return { kind: "text", text: `${value}`, isString: typeof value === "string", word };
  }
  const list = new DraftList(word);
  for (const each of value) list.add(each);
  return list;
}

/** The draft as a file's content, and a file whose places are those of the words. */
export function readDraft(
  draft: DraftMap,
  path: string,
): { readonly node: YamlMap; readonly file: SourceFile } {
  const words: Word[] = [];
  const nodeOf = (each: Draft): YamlNode => {
    const at = words.push(each.word) - 1;
    if (each.kind === "text") {
      return { kind: "scalar", value: each.text, text: each.text, at, depth: 0, size: 1 };
    }
    if (each.kind === "list") {
      return { kind: "list", items: each.items.map(nodeOf), at, depth: 1, size: 1 };
    }
    return mapOf(each, at);
  };
  const mapOf = (map: DraftMap, at: number): YamlMap => {
    const entries = map.entries.map(({ key, value }): YamlEntry => {
      const node = nodeOf(value);
      return { key, at: node.at, value: node };
    });
    return { kind: "map", entries, at, depth: 1, size: 1 };
  };
  const node = mapOf(draft, words.push(draft.word) - 1);
  const text = draft.word.file.text;
  return { node, file: { path, text, wordAt: (at) => words[at] } };
}

/** What is said anywhere in it, each once of one word. */
export function remarksOf(
  draft: DraftMap,
): readonly { readonly word: Word; readonly text: string }[] {
  const found = new Map<string, { readonly word: Word; readonly text: string }>();
  const look = (each: Draft): void => {
    if (each.kind === "list") each.items.forEach(look);
    if (each.kind !== "map") return;
    const { word } = each;
    for (const text of each.notes) {
      found.set(`${word.file.path} ${word.at} ${text}`, { word, text });
    }
    for (const { value } of each.entries) look(value);
  };
  look(draft);
  return [...found.values()];
}

const PLAIN = /^[A-Za-z0-9/_.][A-Za-z0-9/_.:@%+=-]*$/;
/** What would be something else than a text, or would be read as one that is not meant. */
const TAKEN = /^(?:true|false|null|yes|no|on|off|y|n|~|[.\d][\d_.]*:[\d:.]*|.*:)$/i;

/** As YAML. */
export function printDraft(draft: DraftMap): string {
  return `${printLines(draft).join("\n")}\n`;
}

function printLines(draft: DraftMap | DraftList): string[] {
  if (draft.kind === "list") {
    return draft.items.flatMap((item) => {
      if (item.kind === "text") return [`- ${printValue(item)}`];
      const notes = item.kind === "map" ? item.notes.map((note) => `# ${note}`) : [];
      const [first = "{}", ...rest] = printBody(item);
      return [...notes, `- ${first}`, ...rest.map((line) => `  ${line}`)];
    });
  }
  return [...draft.notes.map((note) => `# ${note}`), ...printBody(draft)];
}

/** Without its own notes, which stand before it. */
function printBody(draft: DraftMap | DraftList): string[] {
  if (draft.kind === "list") return printLines(draft);
  return draft.entries.flatMap(({ key, value }) => {
    const name = printText(key);
    if (value.kind === "text") return [`${name}: ${printValue(value)}`];
    if (value.kind === "list" && value.items.every(({ kind }) => kind === "text")) {
      const items = value.items.map((item) => item.kind === "text" ? printValue(item) : "");
      return [`${name}: [${items.join(", ")}]`];
    }
    if (value.kind === "map" && value.entries.length === 0) return [`${name}: {}`];
    return [`${name}:`, ...printLines(value).map((line) => `  ${line}`)];
  });
}

function printValue({ text, isString }: DraftText): string {
  return isString ? printText(text) : text;
}

function printText(text: string): string {
  return PLAIN.test(text) && !TAKEN.test(text) ? text : JSON.stringify(text);
}
