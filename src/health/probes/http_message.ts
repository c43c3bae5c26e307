/** HTTP/1.1 as far as a health check needs it: a request's bytes, and the head of an answer. Pure. */

import { ProbeFailure } from "./failure.ts";
import { GrowingBytes } from "./growing_bytes.ts";

export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** 2 is another protocol altogether. */
  readonly version: "1.0" | "1.1";
}

export interface HttpHead {
  readonly status: number;
  readonly location: string | undefined;
}

/** Of an answer no more is looked at. */
export const HEAD_LIMIT = 64 << 10;

/** Their body is told of even where it is empty: some servers refuse them otherwise. */
const WITH_BODY = ["POST", "PUT", "PATCH"];

/** Headers that are given replace those that would be there anyway; the connection is used only once. */
export function encodeRequest(request: HttpRequest): Uint8Array {
  const { method, target, host, headers, body, version } = request;
  const content = encoder.encode(body);
  const lines = [`${method} ${target} HTTP/${version}`, `Host: ${host}`];
  if (!headers.some(([name]) => is(name, "user-agent"))) lines.push("User-Agent: lvscare");
  for (const [name, value] of headers) {
    if (!is(name, "host")) lines.push(`${name}: ${value}`);
  }
  if (content.length > 0 || WITH_BODY.includes(method)) {
    lines.push(`Content-Length: ${content.length}`);
  }
  lines.push("Connection: close", "", "");
  const head = encoder.encode(lines.join("\r\n"));
  const bytes = new Uint8Array(head.length + content.length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}

function is(name: string, lowerCase: string): boolean {
  return name.toLowerCase() === lowerCase;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LF = 10;
const CR = 13;
const BEGINNING = "HTTP/1.";

/** Takes an answer as it comes in, until its head is there. */
export class HeadReader {
  readonly #taken = new GrowingBytes();
  /** Where the head begins: behind those that only said that one is to come (100 Continue). */
  #start = 0;
  #searched = 0;
  #lines: readonly string[] = [];
  #end = 0;

  /** The head, as soon as it is complete. */
  push(chunk: Uint8Array): HttpHead | undefined {
    this.#taken.append(chunk);
    const { bytes } = this.#taken;
    for (;;) {
      checkBeginning(bytes.subarray(this.#start));
      const end = headEnd(bytes, this.#searched);
      if ((end ?? bytes.length) > HEAD_LIMIT) {
        throw malformed(`its head has more than ${HEAD_LIMIT / 1024} KiB`);
      }
      if (end === undefined) {
        // What ends a head may have come in part.
        this.#searched = Math.max(this.#start, bytes.length - 2);
        return undefined;
      }
      const { head, lines } = parseHead(decoder.decode(bytes.subarray(this.#start, end)));
      if (!isInterim(head)) {
        this.#lines = lines;
        this.#end = end;
        return head;
      }
      this.#start = this.#searched = end;
    }
  }

  /** Of the head: what that header says, several of a name in one. */
  header(lowerCase: string): string | undefined {
    const values = this.#lines.filter((line) => is(line.split(":", 1)[0]!.trimEnd(), lowerCase))
      .map((line) => line.replace(/^[^:]*:/, "").trim());
    return values.length === 0 ? undefined : [...new Set(values)].join(", ");
  }

  /** What came behind the head. */
  get rest(): Uint8Array {
    return this.#taken.bytes.subarray(this.#end);
  }
}

/** Switching protocols is the last that is said in this one. */
function isInterim({ status }: HttpHead): boolean {
  return status < 200 && status !== 101;
}

/** Where the empty line ends; lines end in either of two ways. */
function headEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return undefined;
}

/** A server of another protocol is known by its first bytes, and would otherwise be waited for. */
function checkBeginning(bytes: Uint8Array): void {
  const count = Math.min(bytes.length, BEGINNING.length);
  let at = 0;
  while (at < count && bytes[at] === BEGINNING.charCodeAt(at)) at++;
  if (at === count) return;
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 20));
  throw malformed(`it begins with ${quote(text)}, must begin with "${BEGINNING}"`);
}

/** What a header's name is made of, by the codes of characters. */
const IN_NAME = new Uint8Array(128);
for (
  const char of "!#$%&'*+.^_`|~-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
) {
  IN_NAME[char.charCodeAt(0)] = 1;
}

/** Whether a header's name stands before a colon; servers are known that have spaces in and behind it. */
function isHeader(line: string): boolean {
  const colon = line.indexOf(":");
  for (let at = 0; at < colon; at++) {
    const char = line.charCodeAt(at);
    const isSpace = at > 0 && (char === 0x20 || char === 0x09);
    if (!isSpace && IN_NAME[char] !== 1) return false;
  }
  return colon > 0;
}

const LOCATION = /^location[ \t]*:/i;

function parseHead(text: string): { head: HttpHead; lines: readonly string[] } {
  const [first = "", ...rest] = text.trimEnd().replaceAll("\r\n", "\n").split("\n");
  const status = /^HTTP\/1\.\d +([1-9]\d\d)(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw malformed(`its first line is ${quote(first)}`);
  // A line that begins with white space goes on with the one before.
  const isFolded = text.includes("\n ") || text.includes("\n\t");
  const lines = isFolded ? rest.join("\n").replace(/\n[ \t]+/g, " ").split("\n") : rest;
  const odd = lines.find((line) => !isHeader(line));
  if (odd !== undefined) throw malformed(`it has the header ${quote(odd)}, must have a colon`);
  const location = lines.find((line) => LOCATION.test(line));
  const head = { status: Number(status), location: location?.replace(/^[^:]*:/, "").trim() };
  return { head, lines };
}

export function malformed(what: string): ProbeFailure {
  return new ProbeFailure(`malformed answer: ${what}`);
}

/** For a log line: short, and nothing in it that drives a terminal. */
export function quote(text: string): string {
  return `"${text.slice(0, 40).replace(/[^\x20-\x7e]/g, ".")}"`;
}
