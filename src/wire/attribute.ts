/**
 * Netlink attributes from declarative tables. One table says everything about the attributes of a message
 * once; encoding, strict decoding and the TypeScript type come from it:
 *
 *     const LINK_INFO = attributes({
 *       kind: string(1, "IFLA_INFO_KIND"),
 *     });
 *     const LINK = attributes({
 *       name: required(string(3, "IFLA_IFNAME")),
 *       mtu: u32(4, "IFLA_MTU"),
 *       info: nested(18, "IFLA_LINKINFO", LINK_INFO),
 *       cache: attribute(6, "IFA_CACHEINFO", struct({ preferred: U32, valid: U32 })),
 *     });
 *     type Link = Attributes<typeof LINK>; // { name: string; mtu?: number; info?: { kind?: string }; … }
 *
 *     LINK.write(writer, { name: "lo", mtu: 65536 }); // undefined values are left out
 *     const link = LINK.read(message.input, NLMSG_HDRLEN + IFINFOMSG.size);
 *
 * Decoding refuses what is malformed (a wrong width, an attribute cut short or given twice, a required one
 * missing) with a WireError that names attribute and offset, and ignores attributes it does not know:
 * newer kernels send more. What it returns is copied out of the input.
 */

import { WireError } from "../errors.ts";
import type { Input, Writer } from "./buffer.ts";
import {
  BYTES,
  fixedBytes,
  type FixedKind,
  FLAG,
  isFixed,
  type Kind,
  STRING,
  U16,
  U16BE,
  U32,
  U32BE,
  U64,
  U64BE,
  U8,
} from "./kind.ts";

/** struct nlattr: length with this header and without padding, then the type. */
export const NLA_HDRLEN = 4;
export const NLA_ALIGNTO = 4;
/** The content is itself a sequence of attributes. */
export const NLA_F_NESTED = 0x8000;
/** The content is in network order, which some subsystems (ipset) insist on being told. */
export const NLA_F_NET_BYTEORDER = 0x4000;
export const NLA_TYPE_MASK = 0x3fff;
/** nla_len has 16 bits. */
const MAX_LENGTH = 0xffff;

export function NLA_ALIGN(length: number): number {
  return (length + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1);
}

/** One line of a table. */
export interface Attribute<T, Required extends boolean = false> {
  readonly type: number;
  /** The kernel's name for it. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** NLA_F_* bits that are sent with the type; those received are not looked at. */
  readonly flags: number;
  readonly required: Required;
}

type Line<T> = Omit<Attribute<T, boolean>, "required">;

type Shape = Readonly<Record<string, Attribute<unknown, boolean>>>;

type ValueOf<A> = A extends Attribute<infer T, boolean> ? T : never;
type RequiredKey<S extends Shape> = {
  [K in keyof S]: S[K]["required"] extends true ? K : never;
}[keyof S];

/** The values of a table's attributes. An absent one and an undefined one are the same. */
export type ShapeValue<S extends Shape> =
  & { readonly [K in RequiredKey<S>]: ValueOf<S[K]> }
  & { readonly [K in Exclude<keyof S, RequiredKey<S>>]?: ValueOf<S[K]> | undefined };

/** A table. It is also a kind, so that one table nests in another. */
export interface Table<S extends Shape> extends Kind<ShapeValue<S>> {
  /** The lines, to build a larger table from: `attributes({ ...KEY.shape, … })`. */
  readonly shape: S;
  write(to: Writer, value: ShapeValue<S>, name?: string): void;
  /** Reads to the end of the input where `end` is not given. */
  read(from: Input, start: number, end?: number, name?: string): ShapeValue<S>;
}

/** The TypeScript type of what a table describes. */
export type Attributes<T> = T extends Table<infer S> ? ShapeValue<S> : never;

export function attribute<T>(type: number, name: string, kind: Kind<T>): Attribute<T> {
  return { type, name, kind, flags: 0, required: false };
}

/** The same attribute, but decoding fails where it is missing. */
export function required<T>(line: Attribute<T, boolean>): Attribute<T, true> {
  return { ...line, required: true };
}

/** The same attribute, sent with NLA_F_NET_BYTEORDER. */
export function netByteOrder<T, R extends boolean>(line: Attribute<T, R>): Attribute<T, R> {
  return { ...line, flags: line.flags | NLA_F_NET_BYTEORDER };
}

export const u8 = (type: number, name: string): Attribute<number> => attribute(type, name, U8);
export const u16 = (type: number, name: string): Attribute<number> => attribute(type, name, U16);
export const u32 = (type: number, name: string): Attribute<number> => attribute(type, name, U32);
export const u64 = (type: number, name: string): Attribute<bigint> => attribute(type, name, U64);
export const u16be = (type: number, name: string): Attribute<number> =>
  attribute(type, name, U16BE);
export const u32be = (type: number, name: string): Attribute<number> =>
  attribute(type, name, U32BE);
export const u64be = (type: number, name: string): Attribute<bigint> =>
  attribute(type, name, U64BE);
export const flag = (type: number, name: string): Attribute<true> => attribute(type, name, FLAG);
export const string = (type: number, name: string): Attribute<string> =>
  attribute(type, name, STRING);

/** Bytes: just `size` of them, or as many as there are. */
export function bytes(type: number, name: string, size?: number): Attribute<Uint8Array> {
  return attribute(type, name, size === undefined ? BYTES : fixedBytes(size));
}

/** Attributes inside an attribute: mostly a table. */
export function nested<T>(type: number, name: string, kind: Kind<T>): Attribute<T> {
  return { ...attribute(type, name, kind), flags: NLA_F_NESTED };
}

/** An array whose elements are attributes with their place, counted from 1, as type. */
export function indexed<T>(type: number, name: string, element: Kind<T>): Attribute<readonly T[]> {
  return nested(type, name, {
    write(to, values, within) {
      values.forEach((value, i) => {
        writeAttribute(
          to,
          { type: i + 1, name: within, kind: element, flags: NLA_F_NESTED },
          value,
        );
      });
    },
    read(from, start, end, within) {
      const values: T[] = [];
      forEachAttribute(from, start, end, within, (_type, at, stop) => {
        values.push(element.read(from, at, stop, within));
      });
      return values;
    },
  });
}

/** An array whose elements are attributes of one type: `nested(3, "NFTA_…", sequence(NFTA_LIST_ELEM))`. */
export function sequence<T>(line: Attribute<T, boolean>): Kind<readonly T[]> {
  return {
    write(to, values) {
      for (const value of values) writeAttribute(to, line, value);
    },
    read(from, start, end, within) {
      const values: T[] = [];
      forEachAttribute(from, start, end, within, (type, at, stop) => {
        if (type === line.type) values.push(line.kind.read(from, at, stop, line.name));
      });
      return values;
    },
  };
}

/** Makes a table of the lines. */
export function attributes<S extends Shape>(shape: S): Table<S> {
  const lines = Object.entries(shape).map(([key, line]) => ({ key, ...line }));
  const byType: ((typeof lines)[number] | undefined)[] = [];
  for (const line of lines) {
    const other = byType[line.type];
    if (other) throw new TypeError(`${line.name} and ${other.name} are both ${line.type}`);
    byType[line.type] = line;
  }
  const needed = lines.filter((line) => line.required);

  return {
    shape,
    write(to, value) {
      const values = value as Readonly<Record<string, unknown>>;
      for (const line of lines) {
        const content = values[line.key];
        if (content !== undefined) writeAttribute(to, line, content);
      }
    },
    read(from, start, end = from.bytes.length, name) {
      if (start > end) throw malformed(`the message ends at ${end}`, start, name);
      const { view } = from;
      const values: Record<string, unknown> = {};
      for (let at = start; at < end;) {
        const stop = attributeEnd(from, at, end, name);
        const line = byType[view.getUint16(at + 2, true) & NLA_TYPE_MASK];
        if (line !== undefined) {
          if (values[line.key] !== undefined) throw malformed("given twice", at, line.name);
          values[line.key] = line.kind.read(from, at + NLA_HDRLEN, stop, line.name);
        }
        at += NLA_ALIGN(stop - at);
      }
      for (const line of needed) {
        if (values[line.key] === undefined) throw malformed("missing", start, line.name);
      }
      return values as ShapeValue<S>;
    },
  };
}

function writeAttribute<T>(to: Writer, line: Line<T>, value: T): void {
  if (isFixed(line.kind)) writeFixed(to, line, line.kind, value);
  else writeOpen(to, line, value);
}

/** Most attributes: their length is known before, so header and content are written in one go. */
function writeFixed<T>(to: Writer, { type, flags, name }: Line<T>, kind: FixedKind<T>, value: T) {
  const start = to.reserve(NLA_HDRLEN + NLA_ALIGN(kind.size));
  const content = start + NLA_HDRLEN;
  const { view } = to;
  view.setUint16(start, NLA_HDRLEN + kind.size, true);
  view.setUint16(start + 2, type | flags, true);
  const word = kind.size & ~(NLA_ALIGNTO - 1);
  if (word !== kind.size) view.setUint32(content + word, 0);
  kind.put(view, content, value, name);
}

function writeOpen<T>(to: Writer, { type, flags, name, kind }: Line<T>, value: T): void {
  const start = to.reserve(NLA_HDRLEN);
  kind.write(to, value, name);
  const length = to.length - start;
  if (length > MAX_LENGTH) {
    throw new WireError(`encode ${name}: ${length} bytes, an attribute has at most ${MAX_LENGTH}`, {
      attribute: name,
    });
  }
  const { view } = to;
  view.setUint16(start, length, true);
  view.setUint16(start + 2, type | flags, true);
  to.pad(NLA_ALIGNTO, start);
}

/** Calls back with type, start and end of the content of every attribute between the two offsets. */
function forEachAttribute(
  from: Input,
  start: number,
  end: number,
  within: string,
  visit: (type: number, start: number, end: number) => void,
): void {
  for (let at = start; at < end;) {
    const stop = attributeEnd(from, at, end, within);
    visit(from.view.getUint16(at + 2, true) & NLA_TYPE_MASK, at + NLA_HDRLEN, stop);
    at += NLA_ALIGN(stop - at);
  }
}

/** Where the attribute at this offset ends, without padding, after checking that it fits. */
function attributeEnd(from: Input, at: number, end: number, within?: string): number {
  if (end - at < NLA_HDRLEN) throw malformed(`${end - at} stray bytes`, at, within);
  const length = from.view.getUint16(at, true);
  if (length < NLA_HDRLEN) throw malformed(`a length of ${length}`, at, within);
  if (length > end - at) {
    throw malformed(`a length of ${length} where ${end - at} bytes are left`, at, within);
  }
  return at + length;
}

function malformed(what: string, offset: number, attribute?: string): WireError {
  const where = attribute ?? "attributes";
  return new WireError(
    `decode ${where} at ${offset}: ${what}`,
    attribute === undefined ? { offset } : { offset, attribute },
  );
}
