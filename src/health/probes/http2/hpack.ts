/** HPACK (RFC 7541): headers as HTTP/2 writes them. What we send is never compressed. */

import { HEAD_LIMIT, malformed, quote } from "../http_message.ts";
import { decodeHuffman } from "./huffman.ts";

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** What is announced as SETTINGS_HEADER_TABLE_SIZE: the default. */
export const TABLE_LIMIT = 4096;

/** What a header counts beside the bytes of its name and value. */
const OVERHEAD = 32;

const INDEXED = 0x80;
const LITERAL_INDEXED = 0x40;
const TABLE_SIZE = 0x20;
const NEVER_INDEXED = 0x10;
const HUFFMAN = 0x80;

const encoder = new TextEncoder();
/** All bytes count, so that no mark is left out. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Never indexed, as what a check sends may be secret. */
export function encodeHeaders(headers: HeaderList): Uint8Array {
  const bytes: number[] = [];
  for (const field of headers) {
    bytes.push(NEVER_INDEXED);
    for (const text of field) {
      const content = encoder.encode(text);
      writeLength(bytes, content.length);
      for (const byte of content) bytes.push(byte);
    }
  }
  return Uint8Array.from(bytes);
}

/** An integer with a prefix of 7 bits; the eighth says that no Huffman code is used. */
function writeLength(to: number[], length: number): void {
  if (length < 0x7f) return void to.push(length);
  to.push(0x7f);
  let rest = length - 0x7f;
  for (; rest >= 0x80; rest >>>= 7) to.push(rest & 0x7f | 0x80);
  to.push(rest);
}

interface Field {
  readonly name: string;
  readonly value: string;
  readonly size: number;
}

/** Appendix A: the first is number 1. */
const STATIC_TABLE: readonly Field[] = `:authority;:method GET;:method POST;:path /;
:path /index.html;:scheme http;:scheme https;:status 200;:status 204;:status 206;:status 304;
:status 400;:status 404;:status 500;accept-charset;accept-encoding gzip, deflate;accept-language;
accept-ranges;accept;access-control-allow-origin;age;allow;authorization;cache-control;
content-disposition;content-encoding;content-language;content-length;content-location;content-range;
content-type;cookie;date;etag;expect;expires;from;host;if-match;if-modified-since;if-none-match;
if-range;if-unmodified-since;last-modified;link;location;max-forwards;proxy-authenticate;
proxy-authorization;range;referer;refresh;retry-after;server;set-cookie;strict-transport-security;
transfer-encoding;user-agent;vary;via;www-authenticate`.split(/;\n?/).map((line) => {
  const [name = "", ...words] = line.split(" ");
  const value = words.join(" ");
  return { name, value, size: name.length + value.length + OVERHEAD };
});

/** Of one connection; a block that is refused leaves it useless. */
export class HpackDecoder {
  /** The newest first. */
  readonly #table: Field[] = [];
  #tableSize = 0;
  #tableLimit = TABLE_LIMIT;
  /** For all headers of the connection, or a few bytes would name a large one again and again. */
  #left = HEAD_LIMIT;

  decode(block: Uint8Array): HeaderList {
    const input = new BlockReader(block);
    const headers: [string, string][] = [];
    while (!input.isAtEnd) {
      if ((input.first & 0xe0) === TABLE_SIZE) {
        if (headers.length > 0) throw malformed("the size of its header table comes too late");
        this.#resize(input.integer(5));
        continue;
      }
      const { name, value, size } = this.#read(input);
      this.#left -= size;
      if (this.#left < 0) throw malformed(`its headers have more than ${HEAD_LIMIT / 1024} KiB`);
      headers.push([name, value]);
    }
    return headers;
  }

  #read(input: BlockReader): Field {
    if (input.first & INDEXED) return this.#find(input.integer(7));
    const isIndexed = (input.first & LITERAL_INDEXED) !== 0;
    const index = input.integer(isIndexed ? 6 : 4);
    const name = index === 0 ? input.name() : this.#find(index).name;
    const content = input.string();
    const size = name.length + content.length + OVERHEAD;
    const field = { name, value: decoder.decode(content), size };
    if (isIndexed) this.#add(field);
    return field;
  }

  #find(index: number): Field {
    const field = STATIC_TABLE[index - 1] ?? this.#table[index - 1 - STATIC_TABLE.length];
    if (!field) throw malformed(`its headers name number ${index} of a table that has no such`);
    return field;
  }

  /** One that is larger than the table only empties it. */
  #add(field: Field): void {
    this.#evict(this.#tableLimit - field.size);
    if (field.size > this.#tableLimit) return;
    this.#table.unshift(field);
    this.#tableSize += field.size;
  }

  #resize(limit: number): void {
    if (limit > TABLE_LIMIT) {
      throw malformed(`its header table has ${limit} bytes, must have ${TABLE_LIMIT} at most`);
    }
    this.#tableLimit = limit;
    this.#evict(limit);
  }

  #evict(limit: number): void {
    while (this.#tableSize > limit && this.#table.length > 0) {
      this.#tableSize -= this.#table.pop()!.size;
    }
  }
}

/** Upper case is refused, as HTTP/2 has it. A name is ASCII, so that it has as many bytes as characters. */
const NAME = /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/;

class BlockReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next byte, which is not taken. */
  get first(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed("its headers end in the midst of one");
    return byte;
  }

  #byte(): number {
    const { first } = this;
    this.#at++;
    return first;
  }

  integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    // Four bytes are enough for anything that would be taken, zeros in front of it included.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed("its headers have a number that is too large");
  }

  string(): Uint8Array {
    const isHuffman = (this.first & HUFFMAN) !== 0;
    const end = this.integer(7) + this.#at;
    if (end > this.#bytes.length) throw malformed("its headers end in the midst of one");
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? decodeHuffman(content) : content;
  }

  name(): string {
    const name = decoder.decode(this.string());
    if (NAME.test(name)) return name;
    throw malformed(`it has the header ${quote(name)}, must be a name in lower case`);
  }
}
