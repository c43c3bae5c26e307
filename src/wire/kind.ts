/**
 * What stands inside attributes and message headers: integers, text, bytes and structs, each with its way
 * to bytes and back. "Host order" is little-endian: the runtime exists for no other Linux.
 */

import { WireError } from "../errors.ts";
import type { Input, Writer } from "./buffer.ts";

/** A value's way to bytes and back. `name` is the attribute it stands in, for the error. */
export interface Kind<T> {
  write(to: Writer, value: T, name: string): void;
  /** Reads the bytes from `start` to `end`, all of them, and keeps none: what it returns is a copy. */
  read(from: Input, start: number, end: number, name: string): T;
}

/** A kind that always takes the same number of bytes, so that its place can be written and read directly. */
export interface FixedKind<T> extends Kind<T> {
  readonly size: number;
  put(view: DataView, at: number, value: T, name: string): void;
  get(from: Input, at: number): T;
}

export function isFixed<T>(kind: Kind<T>): kind is FixedKind<T> {
  return (kind as Partial<FixedKind<T>>).size !== undefined;
}

/** The type of a kind's values. */
export type KindValue<K> = K extends Kind<infer T> ? T : never;

export const U8: FixedKind<number> = unsigned(
  1,
  (view, at) => view.getUint8(at),
  (view, at, value) => view.setUint8(at, value),
);
export const U16: FixedKind<number> = unsigned(
  2,
  (view, at) => view.getUint16(at, true),
  (view, at, value) => view.setUint16(at, value, true),
);
export const U32: FixedKind<number> = unsigned(
  4,
  (view, at) => view.getUint32(at, true),
  (view, at, value) => view.setUint32(at, value, true),
);
/** Network order. */
export const U16BE: FixedKind<number> = unsigned(
  2,
  (view, at) => view.getUint16(at),
  (view, at, value) => view.setUint16(at, value),
);
/** Network order. */
export const U32BE: FixedKind<number> = unsigned(
  4,
  (view, at) => view.getUint32(at),
  (view, at, value) => view.setUint32(at, value),
);

export const S32: FixedKind<number> = fixed(
  4,
  ({ view }, at) => view.getInt32(at, true),
  (view, at, value, name) => {
    if (value !== (value | 0)) throw outOfRange(name, value, "a signed 32-bit integer");
    view.setInt32(at, value, true);
  },
);

export const U64: FixedKind<bigint> = unsigned64(true);
/** Network order. */
export const U64BE: FixedKind<bigint> = unsigned64(false);

/** An attribute without content: that it is there is the message. */
export const FLAG: FixedKind<true> = fixed(0, () => true, () => {});

const UTF8 = new TextEncoder();
// Not fatal: one oddly named foreign interface must not make a whole dump unreadable.
const TEXT = new TextDecoder();

/** NUL-terminated text. */
export const STRING: Kind<string> = {
  write(to, value, name) {
    if (value.includes("\0")) throw outOfRange(name, value, "text without a NUL");
    to.append(UTF8.encode(value));
    const at = to.reserve(1);
    to.view.setUint8(at, 0);
  },
  read({ bytes }, start, end, name) {
    let stop = start;
    let ascii = true;
    while (stop < end && bytes[stop] !== 0) {
      if (bytes[stop]! >= 0x80) ascii = false;
      stop++;
    }
    if (stop === end) {
      throw new WireError(`decode ${name}: text does not end with a NUL`, at(start));
    }
    for (let i = stop + 1; i < end; i++) {
      if (bytes[i] !== 0) throw new WireError(`decode ${name}: bytes after the NUL`, at(i));
    }
    // Names are short ASCII, and for those a call of the decoder costs more than all the rest.
    if (!ascii || stop - start > 32) return TEXT.decode(bytes.subarray(start, stop));
    let text = "";
    for (let i = start; i < stop; i++) text += String.fromCharCode(bytes[i]!);
    return text;

    function at(offset: number) {
      return { offset, attribute: name };
    }
  },
};

/** As many bytes as there are. */
export const BYTES: Kind<Uint8Array> = {
  write(to, value) {
    to.append(value);
  },
  read({ bytes }, start, end) {
    return bytes.slice(start, end);
  },
};

/** Just so many bytes. */
export function fixedBytes(size: number): FixedKind<Uint8Array> {
  return fixed(
    size,
    ({ bytes }, at) => bytes.slice(at, at + size),
    (view, at, value, name) => {
      if (value.length !== size) throw outOfRange(name, `${value.length} bytes`, `${size} bytes`);
      for (let i = 0; i < size; i++) view.setUint8(at + i, value[i]!);
    },
  );
}

/** The values of a struct's fields. */
export type StructValue<F extends Record<string, FixedKind<unknown>>> = {
  readonly [K in keyof F]: KindValue<F[K]>;
};

/**
 * A C struct: its fields in order and without gaps (write padding as a field). It serves as an attribute's
 * content and as a message's header alike.
 */
export function struct<F extends Record<string, FixedKind<unknown>>>(
  fields: F,
): FixedKind<StructValue<F>> {
  let size = 0;
  const places = Object.entries(fields).map(([key, kind]) => {
    const offset = size;
    size += kind.size;
    return { key, kind, offset };
  });
  return fixed<StructValue<F>>(
    size,
    (from, at) => {
      const value: Record<string, unknown> = {};
      for (const { key, kind, offset } of places) value[key] = kind.get(from, at + offset);
      return value as StructValue<F>;
    },
    (view, at, value, name) => {
      for (const { key, kind, offset } of places) kind.put(view, at + offset, value[key], name);
    },
  );
}

/** A kind of one's own: how to get it from a place and how to put it there. */
export function fixed<T>(
  size: number,
  get: FixedKind<T>["get"],
  put: FixedKind<T>["put"],
): FixedKind<T> {
  return {
    size,
    get,
    put,
    write(to, value, name) {
      const at = to.reserve(size);
      put(to.view, at, value, name);
    },
    read(from, start, end, name) {
      if (end - start === size) return get(from, start);
      throw new WireError(`decode ${name}: it has ${end - start} bytes, must have ${size}`, {
        offset: start,
        attribute: name,
      });
    },
  };
}

function unsigned(
  size: 1 | 2 | 4,
  get: (view: DataView, at: number) => number,
  set: (view: DataView, at: number, value: number) => void,
): FixedKind<number> {
  const most = 2 ** (8 * size) - 1;
  return fixed(size, ({ view }, at) => get(view, at), (view, at, value, name) => {
    if (!(Number.isInteger(value) && value >= 0 && value <= most)) {
      throw outOfRange(name, value, `an integer from 0 to ${most}`);
    }
    set(view, at, value);
  });
}

function unsigned64(littleEndian: boolean): FixedKind<bigint> {
  return fixed(
    8,
    ({ view }, at) => view.getBigUint64(at, littleEndian),
    (view, at, value, name) => {
      if (value !== BigInt.asUintN(64, value)) throw outOfRange(name, value, "from 0 to 2^64 - 1");
      view.setBigUint64(at, value, littleEndian);
    },
  );
}

function outOfRange(name: string, value: unknown, must: string): WireError {
  return new WireError(`encode ${name} "${value}": must be ${must}`, { attribute: name });
}
