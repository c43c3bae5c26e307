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

/** A kind that always takes the same number of bytes. */
export interface FixedKind<T> extends Kind<T> {
  readonly size: number;
}

/** The type of a kind's values. */
export type KindValue<K> = K extends Kind<infer T> ? T : never;

export const U8: FixedKind<number> = integer(
  1,
  (view, at) => view.getUint8(at),
  (view, at, value) => view.setUint8(at, value),
);
export const U16: FixedKind<number> = integer(
  2,
  (view, at) => view.getUint16(at, true),
  (view, at, value) => view.setUint16(at, value, true),
);
export const U32: FixedKind<number> = integer(
  4,
  (view, at) => view.getUint32(at, true),
  (view, at, value) => view.setUint32(at, value, true),
);
/** Network order. */
export const U16BE: FixedKind<number> = integer(
  2,
  (view, at) => view.getUint16(at),
  (view, at, value) => view.setUint16(at, value),
);
/** Network order. */
export const U32BE: FixedKind<number> = integer(
  4,
  (view, at) => view.getUint32(at),
  (view, at, value) => view.setUint32(at, value),
);

export const S32: FixedKind<number> = {
  size: 4,
  write(to, value, name) {
    if (value !== (value | 0)) throw outOfRange(name, value, "a signed 32-bit integer");
    const at = to.reserve(4);
    to.view.setInt32(at, value, true);
  },
  read(from, start, end, name) {
    requireWidth(start, end, 4, name);
    return from.view.getInt32(start, true);
  },
};

export const U64: FixedKind<bigint> = integer64(true);
/** Network order. */
export const U64BE: FixedKind<bigint> = integer64(false);

/** An attribute without content: that it is there is the message. */
export const FLAG: FixedKind<true> = {
  size: 0,
  write() {},
  read(_from, start, end, name) {
    requireWidth(start, end, 0, name);
    return true;
  },
};

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
  return {
    size,
    write(to, value, name) {
      if (value.length !== size) {
        throw outOfRange(name, `${value.length} bytes`, `${size} bytes`);
      }
      to.append(value);
    },
    read({ bytes }, start, end, name) {
      requireWidth(start, end, size, name);
      return bytes.slice(start, end);
    },
  };
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
  const entries = Object.entries(fields);
  const size = entries.reduce((sum, [, kind]) => sum + kind.size, 0);
  return {
    size,
    write(to, value, name) {
      for (const [key, kind] of entries) kind.write(to, value[key], `${name}.${key}`);
    },
    read(from, start, end, name) {
      requireWidth(start, end, size, name);
      const value: Record<string, unknown> = {};
      let at = start;
      for (const [key, kind] of entries) {
        value[key] = kind.read(from, at, at + kind.size, name);
        at += kind.size;
      }
      return value as StructValue<F>;
    },
  };
}

function integer(
  size: 1 | 2 | 4,
  get: (view: DataView, at: number) => number,
  set: (view: DataView, at: number, value: number) => void,
): FixedKind<number> {
  const most = 2 ** (8 * size) - 1;
  return {
    size,
    write(to, value, name) {
      if (!(Number.isInteger(value) && value >= 0 && value <= most)) {
        throw outOfRange(name, value, `an integer from 0 to ${most}`);
      }
      const at = to.reserve(size);
      set(to.view, at, value);
    },
    read(from, start, end, name) {
      requireWidth(start, end, size, name);
      return get(from.view, start);
    },
  };
}

function integer64(littleEndian: boolean): FixedKind<bigint> {
  return {
    size: 8,
    write(to, value, name) {
      if (value !== BigInt.asUintN(64, value)) throw outOfRange(name, value, "from 0 to 2^64 - 1");
      const at = to.reserve(8);
      to.view.setBigUint64(at, value, littleEndian);
    },
    read(from, start, end, name) {
      requireWidth(start, end, 8, name);
      return from.view.getBigUint64(start, littleEndian);
    },
  };
}

function requireWidth(start: number, end: number, size: number, name: string): void {
  if (end - start !== size) {
    throw new WireError(`decode ${name}: it has ${end - start} bytes, must have ${size}`, {
      offset: start,
      attribute: name,
    });
  }
}

function outOfRange(name: string, value: unknown, must: string): WireError {
  return new WireError(`encode ${name} "${value}": must be ${must}`, { attribute: name });
}
