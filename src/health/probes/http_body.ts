/** The body of an answer over HTTP/1, however its end is told: by its length, in chunks, or by the connection's. */

import { GrowingBytes } from "./growing_bytes.ts";
import type { HeadReader, HttpHead } from "./http_message.ts";
import { malformed, quote } from "./http_message.ts";
import type { Wire } from "./wire.ts";

export interface Body {
  readonly bytes: Uint8Array;
  /** There was more than is kept. */
  readonly isCut: boolean;
}

/** More of a chunk's line than any server has use for. */
const LINE_LIMIT = 4096;

/** Reads to its end, or until there is more than the limit; the connection is of no use afterwards. */
export async function readBody(
  wire: Wire,
  { method, head, reader, limit }: {
    readonly method: string;
    readonly head: HttpHead;
    /** After it has given that head. */
    readonly reader: HeadReader;
    readonly limit: number;
  },
): Promise<Body> {
  const { status } = head;
  if (method === "HEAD" || status === 204 || status === 304 || status === 101) return EMPTY;
  const body = new Collector(limit);
  const framing = framingOf(reader);
  let chunk: Uint8Array | undefined = reader.rest;
  for (; chunk; chunk = await wire.read()) {
    if (framing.take(chunk, body) || body.isFull) return body.body;
  }
  if (framing.mayEndHere) return body.body;
  throw malformed("the connection ends before its body does");
}

const EMPTY: Body = { bytes: new Uint8Array(), isCut: false };

/** Keeps what comes, up to a limit and one byte. */
class Collector {
  readonly #limit: number;
  readonly #taken = new GrowingBytes();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#taken.length > this.#limit;
  }

  get body(): Body {
    return { bytes: this.#taken.bytes.subarray(0, this.#limit), isCut: this.isFull };
  }

  add(bytes: Uint8Array): void {
    this.#taken.append(bytes.subarray(0, this.#limit + 1 - this.#taken.length));
  }
}

interface Framing {
  /** Whether the body ends here. */
  take(chunk: Uint8Array, body: Collector): boolean;
  readonly mayEndHere: boolean;
}

function framingOf(reader: HeadReader): Framing {
  const encoding = reader.header("transfer-encoding");
  if (encoding !== undefined) {
    if (encoding.toLowerCase() === "chunked") return new ChunkedFraming();
    throw malformed(`its Transfer-Encoding is ${quote(encoding)}, must be chunked`);
  }
  const length = reader.header("content-length");
  if (length === undefined) return UNTIL_CLOSED;
  if (!/^\d{1,15}$/.test(length)) throw malformed(`its Content-Length is ${quote(length)}`);
  return new LengthFraming(Number(length));
}

const UNTIL_CLOSED: Framing = {
  take(chunk, body) {
    body.add(chunk);
    return false;
  },
  mayEndHere: true,
};

class LengthFraming implements Framing {
  readonly mayEndHere = false;
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  take(chunk: Uint8Array, body: Collector): boolean {
    body.add(chunk.subarray(0, this.#left));
    this.#left -= Math.min(this.#left, chunk.length);
    return this.#left === 0;
  }
}

const LF = 10;

/** Sizes and chunks in turn; after the last, what trails is not waited for. */
class ChunkedFraming implements Framing {
  readonly mayEndHere = false;
  #line: number[] = [];
  /** What is left of the chunk; undefined: its size is being read. */
  #left: number | undefined;
  /** The line end behind a chunk is still to come. */
  #isBehind = false;

  take(chunk: Uint8Array, body: Collector): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.#left !== undefined) {
        const part = chunk.subarray(at, at + this.#left);
        body.add(part);
        at += part.length;
        this.#left -= part.length;
        if (this.#left > 0) return false;
        this.#left = undefined;
        this.#isBehind = true;
        continue;
      }
      const byte = chunk[at++]!;
      if (byte !== LF) {
        if (this.#line.length >= LINE_LIMIT) throw malformed("the size of a chunk is too long");
        this.#line.push(byte);
        continue;
      }
      const line = String.fromCharCode(...this.#line).replace(/\r$/, "");
      this.#line = [];
      if (this.#isBehind) {
        if (line !== "") throw malformed(`behind a chunk stands ${quote(line)}`);
        this.#isBehind = false;
        continue;
      }
      const size = /^[ \t]*([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
      if (size === undefined) throw malformed(`the size of a chunk is ${quote(line)}`);
      this.#left = parseInt(size, 16);
      if (this.#left === 0) return true;
    }
    return false;
  }
}
