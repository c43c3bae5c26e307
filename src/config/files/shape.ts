/**
 * What a value in a file may look like, said once: how it is read, what is said where it is wrong, and how an
 * editor is told of it (JSON Schema).
 */

import { ConfigError } from "../../errors.ts";
import { type Given, quote } from "../given.ts";
import { didYouMean } from "../values.ts";
import type { YamlMap, YamlNode } from "../yaml.ts";
import type { Origin, Report, SourceFile } from "./report.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Shape<T> {
  /** Undefined where it is wrong, which the place's report then says. */
  read(node: YamlNode, place: ValuePlace): T | undefined;
  readonly schema: JsonSchema;
}

/** Where a value stands. */
export class ValuePlace {
  readonly #report: Report;
  readonly #file: SourceFile;
  readonly #parent: ValuePlace | undefined;
  readonly #step: string | number;

  constructor(report: Report, file: SourceFile, parent?: ValuePlace, step: string | number = "") {
    this.#report = report;
    this.#file = file;
    this.#parent = parent;
    this.#step = step;
  }

  inside(step: string | number): ValuePlace {
    return new ValuePlace(this.#report, this.#file, this, step);
  }

  origin({ at }: { readonly at: number }): Origin {
    return { file: this.#file, offset: at, path: this.#path };
  }

  complain(node: { readonly at: number }, text: string): undefined {
    this.#report.add(this.origin(node), text);
    return undefined;
  }

  get #path(): string {
    if (!this.#parent) return "";
    const before = this.#parent.#path;
    if (typeof this.#step === "number") return `${before}[${this.#step}]`;
    return before === "" ? this.#step : `${before}.${this.#step}`;
  }
}

/** One word; what refuse() says of it is said of its place. */
export function scalar<T>(schema: JsonSchema, read: (given: Given) => T): Shape<T> {
  return {
    schema,
    read(node, place) {
      if (node.kind !== "scalar") {
        return place.complain(node, `is ${aKind(node)}, must be a single value`);
      }
      if (node.value === null) return place.complain(node, "is empty, must be a value");
      try {
        return read({ text: node.text, name: "", origin: "file" });
      } catch (error) {
        return complainOf(error, node, place);
      }
    },
  };
}

/** Says what a reader has refused. */
export function complainOf(error: unknown, node: YamlNode, place: ValuePlace): undefined {
  if (!(error instanceof ConfigError)) throw error;
  const { message, hint } = error;
  return place.complain(node, hint === undefined ? message : `${message} (${hint})`);
}

export function listOf<T>(item: Shape<T>): Shape<readonly T[]> {
  return {
    schema: { type: "array", items: item.schema },
    read(node, place) {
      if (node.kind !== "list") return place.complain(node, `is ${aKind(node)}, must be a list`);
      const values: T[] = [];
      for (const [i, each] of node.items.entries()) {
        const value = item.read(each, place.inside(i));
        if (value !== undefined) values.push(value);
      }
      return values;
    },
  };
}

/** A value, or a list of at least one. */
export function oneOrMore<T>(item: Shape<T>): Shape<readonly T[]> {
  const list = listOf(item);
  return {
    schema: { oneOf: [item.schema, { ...list.schema, minItems: 1 }] },
    read(node, place) {
      if (node.kind === "list") {
        if (node.items.length === 0) {
          return place.complain(node, "is empty, must be a value or some");
        }
        return list.read(node, place);
      }
      const value = item.read(node, place);
      return value === undefined ? undefined : [value];
    },
  };
}

/** A map, or a single value that is short for one. */
export function shortFor<T>(short: Shape<T>, long: Shape<T>): Shape<T> {
  return {
    schema: { oneOf: [short.schema, long.schema] },
    read: (node, place) => (node.kind === "map" ? long : short).read(node, place),
  };
}

/** The same value, made into another. */
export function mapped<A, B>(shape: Shape<A>, make: (value: A) => B): Shape<B> {
  return {
    schema: shape.schema,
    read(node, place) {
      const value = shape.read(node, place);
      return value === undefined ? undefined : make(value);
    },
  };
}

export interface Field<T> {
  readonly shape: Shape<T>;
  /** For people who write it: what it is, and what it is without being given. */
  readonly help: string;
}

// deno-lint-ignore no-explicit-any -- a field of anything, of which only its own type matters
export type Fields = Readonly<Record<string, Field<any>>>;

export type ValuesOf<F extends Fields> = {
  readonly [K in keyof F]?: F[K] extends Field<infer T> ? T : never;
};

/** A map with known keys, as it was read. */
export interface Table<V> {
  readonly values: V;
  readonly node: YamlMap;
  readonly place: ValuePlace;
}

export function table<const F extends Fields>(
  fields: F,
  help?: string,
): Shape<Table<ValuesOf<F>>> {
  const names = Object.keys(fields);
  const properties = Object.fromEntries(
    names.map((name) => [name, { description: fields[name]!.help, ...fields[name]!.shape.schema }]),
  );
  return {
    schema: {
      type: "object",
      ...(help !== undefined && { description: help }),
      properties,
      additionalProperties: false,
    },
    read(node, place) {
      if (node.kind !== "map") return place.complain(node, `is ${aKind(node)}, must be a map`);
      const values: Record<string, unknown> = {};
      for (const { key, at, value } of node.entries) {
        const inside = place.inside(key);
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
        if (!field) complainOfKey(place, key, at, names);
        else {
          const read = field.shape.read(value, inside);
          if (read !== undefined) values[key] = read;
        }
      }
      return { values: values as ValuesOf<F>, node, place };
    },
  };
}

/** What stands for a map of these values. */
export function tableOf<V>(values: V, { at, depth, size }: YamlNode, place: ValuePlace): Table<V> {
  return { values, node: { kind: "map", entries: [], at, depth, size }, place };
}

/** Says something of one of its values, or, where it does not have that, of the whole. */
export function complainIn(
  { node, place }: Pick<Table<unknown>, "node" | "place">,
  key: string | undefined,
  text: string,
): void {
  const entry = node.entries.find((each) => each.key === key);
  if (entry) place.inside(entry.key).complain(entry.value, text);
  else place.complain(node, text);
}

function complainOfKey(place: ValuePlace, key: string, at: number, names: readonly string[]): void {
  const meant = didYouMean(key, names);
  const text = meant === undefined
    ? `is unknown, must be one of ${names.join(", ")}`
    : `is unknown (${meant})`;
  // What is no word of ours may be anything.
  place.complain({ at }, `${quote(key)} ${text}`);
}

function aKind(node: YamlNode): string {
  if (node.kind !== "scalar") return `a ${node.kind}`;
  return node.value === null ? "empty" : "a single value";
}
