/** HTTP/1.1 as far as a health check needs it: a request's text, and the head of an answer. Pure. */

/** What is wrong with an answer, in words. */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface HttpHead {
  readonly status: number;
  readonly location: string | undefined;
}

/** An answer's head, or as much as is looked at of one. */
export const HEAD_LIMIT = 64 << 10;

const UTF8 = new TextEncoder();
const LATIN1 = new TextDecoder("latin1");
const LF = 10;
const CR = 13;

/** Headers that are given replace those that would be there anyway; the connection is used only once. */
export function encodeRequest({ method, target, host, headers, body }: HttpRequest): Uint8Array {
  const content = UTF8.encode(body);
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`];
  if (!given.has("user-agent")) lines.push("User-Agent: lvscare");
  for (const [name, value] of headers) {
    if (name.toLowerCase() !== "host") lines.push(`${name}: ${value}`);
  }
  if (content.length > 0 || ["POST", "PUT", "PATCH"].includes(method)) {
    lines.push(`Content-Length: ${content.length}`);
  }
  lines.push("Connection: close", "", "");
  const head = UTF8.encode(lines.join("\r\n"));
  const bytes = new Uint8Array(head.length + content.length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}

/** Takes an answer as it comes in, until its head is there. */
export class HeadReader {
  #bytes: Uint8Array = new Uint8Array();
  #searched = 0;

  /** The head, when it is complete; what stands before it says only that one is to come (100 Continue). */
  push(chunk: Uint8Array): HttpHead | undefined {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    this.#bytes = bytes;
    for (;;) {
      const end = headEnd(this.#bytes, this.#searched);
      if (end === undefined) {
        if (this.#bytes.length > HEAD_LIMIT) {
          throw new MalformedAnswer(`its head has more than ${HEAD_LIMIT} bytes`);
        }
        checkBeginning(this.#bytes);
        this.#searched = Math.max(0, this.#bytes.length - 3);
        return undefined;
      }
      const head = parseHead(LATIN1.decode(this.#bytes.subarray(0, end)));
      if (!isInterim(head.status)) return head;
      this.#bytes = this.#bytes.slice(end);
      this.#searched = 0;
    }
  }
}

/** Switching protocols is the last that is said in this one. */
function isInterim(status: number): boolean {
  return status >= 100 && status < 200 && status !== 101;
}

/** Where the empty line ends, in either of the two ways in which lines end. */
function headEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return undefined;
}

/** A server of another protocol is known by its first bytes, and would otherwise be waited for. */
function checkBeginning(bytes: Uint8Array): void {
  const beginning = LATIN1.decode(bytes.subarray(0, 7));
  if (!"HTTP/1.".startsWith(beginning)) throw noHttp(bytes);
}

function noHttp(bytes: Uint8Array): MalformedAnswer {
  const text = LATIN1.decode(bytes.subarray(0, 20)).replace(/[^\x20-\x7e]/g, ".");
  return new MalformedAnswer(`it begins with "${text}", must begin with "HTTP/1."`);
}

function parseHead(text: string): HttpHead {
  const [first = "", ...lines] = text.split(/\r?\n/);
  const status = /^HTTP\/1\.\d (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined || Number(status) < 100) {
    throw new MalformedAnswer(
      `its first line is "${first.slice(0, 40).replace(/[^\x20-\x7e]/g, ".")}"`,
    );
  }
  let location: string | undefined;
  for (const line of lines) {
    const value = /^location:(.*)$/i.exec(line)?.[1];
    location ??= value?.trim();
  }
  return { status: Number(status), location };
}
