/**
 * YAML text to a tree that knows where each part stands. What a configuration has no use for (tags, several
 * documents, keys that are no words) is refused, and what expands without end is refused before it does.
 */

import { EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from "js-yaml";
import type { Event, ScalarEvent } from "js-yaml";
import { ConfigError } from "../errors.ts";
import { quote } from "./given.ts";

export type YamlNode = YamlScalar | YamlList | YamlMap;

interface NodeBase {
  /** Where it begins, as an offset into the text. */
  readonly at: number;
  /** How deep it nests, and of how many nodes it is, with what its aliases stand for. */
  readonly depth: number;
  readonly size: number;
}

export interface YamlScalar extends NodeBase {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As it was written, without quotes: what a number was before it was one. */
  readonly text: string;
}

export interface YamlList extends NodeBase {
  readonly kind: "list";
  readonly items: readonly YamlNode[];
}

export interface YamlEntry {
  readonly key: string;
  /** Where the key stands. */
  readonly at: number;
  readonly value: YamlNode;
}

export interface YamlMap extends NodeBase {
  readonly kind: "map";
  readonly entries: readonly YamlEntry[];
}

/** A place in a text as people count: both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const DEPTH_LIMIT = 50;
const SIZE_LIMIT = 5_000_000;
const TOO_DEEP = `nests more than ${DEPTH_LIMIT} deep`;

/** The text's only document; undefined where it has none. Throws a ConfigError that names the place. */
export function parseYaml(text: string, file: string): YamlNode | undefined {
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: DEPTH_LIMIT });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const problem = /maxDepth/.test(error.reason) ? TOO_DEEP : error.reason;
    throw wrong(text, file, error.mark?.position ?? 0, problem);
  }
  return new TreeBuilder(text, file).build(events);
}

/** Where an offset is. */
export function placeOf(text: string, offset: number): Place {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf("\n"); end >= 0 && end < offset; end = text.indexOf("\n", end + 1)) {
    line++;
    start = end + 1;
  }
  // Characters, not the halves that JavaScript makes of some.
  return { line, column: [...text.slice(start, offset)].length + 1 };
}

function wrong(text: string, file: string, offset: number, problem: string): ConfigError {
  const { line, column } = placeOf(text, offset);
  return new ConfigError(`${file}:${line}:${column}: ${problem}`, { file, line, column });
}

/** A list or map that is being filled. */
interface Open {
  readonly kind: "list" | "map";
  readonly at: number;
  readonly anchor: string | undefined;
  readonly nodes: YamlNode[];
  readonly entries: YamlEntry[];
  readonly keys: Map<string, number>;
  /** A key that waits for its value. */
  key: { readonly text: string; readonly at: number } | undefined;
}

class TreeBuilder {
  readonly #text: string;
  readonly #file: string;
  readonly #anchors = new Map<string, YamlNode>();
  readonly #stack: Open[] = [];
  #root: YamlNode | undefined;
  #documents = 0;
  /** Where the last thing was: what has no place of its own stands behind it. */
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  build(events: readonly Event[]): YamlNode | undefined {
    for (const event of events) this.#take(event);
    return this.#root;
  }

  #take(event: Event): void {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        this.#documents++;
        return;
      case EVENT_ID.SCALAR:
        this.#place(this.#scalar(event), this.#anchorOf(event));
        return;
      case EVENT_ID.ALIAS:
        this.#place(this.#alias(event.anchorStart, event.anchorEnd), undefined);
        return;
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING: {
        this.#refuseTag(event);
        this.#at = event.start;
        const kind = event.type === EVENT_ID.SEQUENCE ? "list" : "map";
        this.#refuseKey(event.start);
        this.#stack.push({
          ...{ kind, at: event.start, anchor: this.#anchorOf(event), nodes: [], entries: [] },
          keys: new Map(),
          key: undefined,
        });
        return;
      }
      case EVENT_ID.POP:
        this.#pop();
        return;
    }
  }

  #pop(): void {
    const open = this.#stack.pop();
    // Documents end too.
    if (!open) return;
    const { kind, at, anchor, nodes, entries } = open;
    const depth = 1 + nodes.reduce((deepest, node) => Math.max(deepest, node.depth), 0);
    const size = 1 + nodes.reduce((sum, node) => sum + node.size, 0);
    if (depth > DEPTH_LIMIT) throw this.#wrong(at, TOO_DEEP);
    if (size > SIZE_LIMIT) throw this.#wrong(at, `stands for more than ${SIZE_LIMIT} values`);
    const common = { at, depth, size };
    this.#place(
      kind === "list" ? { kind, items: nodes, ...common } : { kind, entries, ...common },
      anchor,
    );
  }

  /** Puts a node where it belongs: into the list or map around it, or at the top. */
  #place(node: YamlNode, anchor: string | undefined): void {
    if (this.#documents > 1) throw this.#wrong(node.at, "must be one document, not several");
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    const open = this.#stack.at(-1);
    if (!open) this.#root = node;
    else if (open.kind === "list") open.nodes.push(node);
    else if (open.key === undefined) open.key = this.#key(open, node);
    else {
      open.nodes.push(node);
      open.entries.push({ key: open.key.text, at: open.key.at, value: node });
      open.key = undefined;
    }
  }

  #key({ keys }: Open, node: YamlNode): Open["key"] {
    if (node.kind !== "scalar") throw this.#wrong(node.at, "must be a word: it is a key");
    const { text, at } = node;
    const first = keys.get(text);
    if (first !== undefined) {
      const { line, column } = placeOf(this.#text, first);
      throw this.#wrong(at, `${quote(text)} stands at ${line}:${column} already`);
    }
    keys.set(text, at);
    return { text, at };
  }

  /** A list or map where a key must be. */
  #refuseKey(at: number): void {
    const open = this.#stack.at(-1);
    if (open?.kind === "map" && open.key === undefined) {
      throw this.#wrong(at, "must be a word: it is a key");
    }
  }

  #scalar(event: ScalarEvent): YamlScalar {
    this.#refuseTag(event);
    // Quotes belong to it, and what is empty stands nowhere.
    const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED ||
      event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    if (event.valueStart >= 0) this.#at = event.valueStart - (quoted ? 1 : 0);
    const at = this.#at;
    let text: string;
    try {
      text = getScalarValue(this.#text, event);
    } catch (error) {
      if (!(error instanceof YAMLException)) throw error;
      throw this.#wrong(error.mark?.position ?? at, error.reason);
    }
    const value = event.style === SCALAR_STYLE.PLAIN ? resolvePlain(text) : text;
    return { kind: "scalar", value, text, at, depth: 0, size: 1 };
  }

  #alias(start: number, end: number): YamlNode {
    const name = this.#text.slice(start, end);
    const node = this.#anchors.get(name);
    this.#at = start - 1;
    if (!node) throw this.#wrong(start - 1, `no anchor ${quote(`&${name}`)} stands before this`);
    return { ...node, at: start - 1 };
  }

  #anchorOf(event: { readonly anchorStart: number; readonly anchorEnd: number }) {
    if (event.anchorStart < 0) return undefined;
    return this.#text.slice(event.anchorStart, event.anchorEnd);
  }

  #refuseTag({ tagStart, tagEnd }: { readonly tagStart: number; readonly tagEnd: number }): void {
    if (tagStart < 0) return;
    const tag = this.#text.slice(tagStart, tagEnd);
    throw this.#wrong(tagStart, `tags such as ${quote(tag)} mean nothing here`);
  }

  #wrong(at: number, problem: string): ConfigError {
    return wrong(this.#text, this.#file, at, problem);
  }
}

/** What a word without quotes means, by YAML 1.2's core schema. */
function resolvePlain(text: string): YamlScalar["value"] {
  // Most words begin with a letter that begins none of these.
  if (/^[^~nNtTfF\d.+-]/.test(text)) return text;
  if (/^(?:|~|null|Null|NULL)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?\d+$/.test(text)) return Number(text);
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(text)) return Number(text);
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}
