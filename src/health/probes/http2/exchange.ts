/** One request and its answer on a connection of HTTP/2 (RFC 9113), whose bytes the caller carries. Pure. */

import { ProbeFailure } from "../failure.ts";
import { HEAD_LIMIT, malformed, quote } from "../http_message.ts";
import {
  checkShape,
  concat,
  encodeFrame,
  errorName,
  FLAG,
  FRAME,
  type Frame,
  FrameReader,
  LARGEST,
  MAX_FRAME_SIZE,
  NO_ERROR,
  SETTING,
  unpad,
  viewOf,
} from "./frames.ts";
import { encodeHeaders, type HeaderList, HpackDecoder, TABLE_LIMIT } from "./hpack.ts";

export interface Http2Request {
  readonly method: string;
  readonly scheme: "http" | "https";
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
}

export interface Http2Head {
  readonly status: number;
  /** In the server's order, without pseudo headers. */
  readonly headers: HeaderList;
}

export interface Http2Answer extends Http2Head {
  /** As much of it as was to be kept. */
  readonly body: Uint8Array;
  readonly trailers: HeaderList;
}

/** Of an answer no more is looked at. */
const MOST_FRAMES = 10_000;
/** For one list of headers. */
const MOST_CONTINUATIONS = 32;

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const OUR_SETTINGS = Uint8Array.of(
  ...[0, SETTING.HEADER_TABLE_SIZE, 0, 0, TABLE_LIMIT >> 8, TABLE_LIMIT & 0xff],
  ...[0, SETTING.ENABLE_PUSH, 0, 0, 0, 0],
);
const STREAM = 1;
const INITIAL_WINDOW = 65535;
/** When the server's windows are opened again: never so late that it stands still. */
const GRANT = INITIAL_WINDOW >> 1;

/** Headers that are about a connection of HTTP/1, which HTTP/2 forbids. */
const OF_CONNECTION = "connection keep-alive proxy-connection transfer-encoding upgrade".split(" ");

const EMPTY = new Uint8Array();

/** A list of headers that is coming in. */
interface Block {
  readonly isLast: boolean;
  readonly parts: Uint8Array[];
  length: number;
}

/** Every push may throw a ProbeFailure; the exchange is over then, though its head stays. */
export class Http2Exchange {
  readonly #request: Http2Request;
  readonly #bodyLimit: number;
  readonly #reader = new FrameReader();
  readonly #decoder = new HpackDecoder();
  #frames = 0;
  #out: Uint8Array[] = [];

  #unsent: Uint8Array;
  #frameSize = MAX_FRAME_SIZE;
  #initialWindow = INITIAL_WINDOW;
  #connectionWindow = INITIAL_WINDOW;
  /** Less than nothing, where a setting makes it smaller than what is under way. */
  #streamWindow = INITIAL_WINDOW;

  #block: Block | undefined;
  #head: Http2Head | undefined;
  readonly #kept: Uint8Array[] = [];
  #received = 0;
  /** Bytes by which the server's windows are to be opened again. */
  #ungranted = 0;
  #answer: Http2Answer | undefined;

  constructor(request: Http2Request, { bodyLimit }: { readonly bodyLimit: number }) {
    this.#request = request;
    this.#bodyLimit = bodyLimit;
    this.#unsent = request.body;
  }

  /** There before the answer; interim ones are skipped. */
  get head(): Http2Head | undefined {
    return this.#head;
  }

  get answer(): Http2Answer | undefined {
    return this.#answer;
  }

  /** What is to be sent first. */
  begin(): Uint8Array {
    this.#out.push(PREFACE, encodeFrame(FRAME.SETTINGS, 0, 0, OUR_SETTINGS));
    this.#sendHeaders();
    this.#sendBody();
    return this.#flush();
  }

  /** Takes what came in, and gives what is to be sent for it. Behind the answer nothing is looked at. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#answer) return EMPTY;
    this.#reader.push(chunk);
    if (this.#frames === 0) checkBeginning(this.#reader.pending);
    while (!this.#answer) {
      const frame = this.#reader.next();
      if (!frame) break;
      this.#take(frame);
    }
    if (!this.#answer) this.#sendBody();
    return this.#flush();
  }

  #flush(): Uint8Array {
    const bytes = concat(this.#out);
    this.#out = [];
    return bytes;
  }

  #sendHeaders(): void {
    const { method, scheme, authority, path, headers } = this.#request;
    const block = encodeHeaders([
      [":method", method],
      [":scheme", scheme],
      [":authority", authority],
      [":path", path],
      ...headers.map(([name, value]) => [name.toLowerCase(), value] as const)
        .filter(([name]) => name !== "host" && !OF_CONNECTION.includes(name)),
    ]);
    for (let at = 0; at < block.length; at += MAX_FRAME_SIZE) {
      const part = block.subarray(at, at + MAX_FRAME_SIZE);
      const isFirst = at === 0;
      const isLast = at + part.length === block.length;
      const flags = (isFirst && this.#unsent.length === 0 ? FLAG.END_STREAM : 0) |
        (isLast ? FLAG.END_HEADERS : 0);
      const type = isFirst ? FRAME.HEADERS : FRAME.CONTINUATION;
      this.#out.push(encodeFrame(type, flags, STREAM, part));
    }
  }

  /** As much as the server's windows let through. */
  #sendBody(): void {
    while (this.#unsent.length > 0) {
      const room = Math.min(this.#connectionWindow, this.#streamWindow, this.#frameSize);
      if (room <= 0) return;
      const part = this.#unsent.subarray(0, room);
      this.#unsent = this.#unsent.subarray(part.length);
      this.#connectionWindow -= part.length;
      this.#streamWindow -= part.length;
      const flags = this.#unsent.length === 0 ? FLAG.END_STREAM : 0;
      this.#out.push(encodeFrame(FRAME.DATA, flags, STREAM, part));
    }
  }

  #take(frame: Frame): void {
    if (++this.#frames > MOST_FRAMES) throw malformed(`it has more than ${MOST_FRAMES} frames`);
    if (this.#block && frame.type !== FRAME.CONTINUATION) {
      throw malformed("its headers are interrupted by another frame");
    }
    checkShape(frame);
    switch (frame.type) {
      case FRAME.DATA:
        return this.#takeData(frame);
      case FRAME.HEADERS:
        return this.#takeHeaders(frame);
      case FRAME.CONTINUATION:
        return this.#takeContinuation(frame);
      case FRAME.SETTINGS:
        return this.#takeSettings(frame);
      case FRAME.WINDOW_UPDATE:
        return this.#takeWindowUpdate(frame);
      case FRAME.PING:
        if ((frame.flags & FLAG.ACK) === 0) {
          this.#out.push(encodeFrame(FRAME.PING, FLAG.ACK, 0, frame.payload));
        }
        return;
      case FRAME.GOAWAY:
        return takeGoAway(frame);
      case FRAME.RST_STREAM:
        throw new ProbeFailure(`stream reset: ${errorName(viewOf(frame.payload).getUint32(0))}`);
    }
  }

  #takeSettings({ flags, payload }: Frame): void {
    const { length } = payload;
    if (flags & FLAG.ACK) {
      if (length > 0) throw malformed(`its SETTINGS ACK has ${length} bytes, must have none`);
      return;
    }
    if (length % 6 !== 0) {
      throw malformed(`its SETTINGS frame has ${length} bytes, must have a multiple of 6`);
    }
    const view = viewOf(payload);
    for (let at = 0; at < length; at += 6) this.#set(view.getUint16(at), view.getUint32(at + 2));
    this.#out.push(encodeFrame(FRAME.SETTINGS, FLAG.ACK, 0, EMPTY));
  }

  #set(setting: number, value: number): void {
    checkSetting(setting, value);
    if (setting === SETTING.MAX_FRAME_SIZE) this.#frameSize = value;
    if (setting === SETTING.INITIAL_WINDOW_SIZE) {
      this.#streamWindow = widen(this.#streamWindow, value - this.#initialWindow);
      this.#initialWindow = value;
    }
  }

  #takeWindowUpdate({ stream, payload }: Frame): void {
    const increment = viewOf(payload).getUint32(0) & LARGEST;
    if (increment === 0) throw malformed("its WINDOW_UPDATE is of 0 bytes, must be of more");
    if (stream === 0) this.#connectionWindow = widen(this.#connectionWindow, increment);
    else this.#streamWindow = widen(this.#streamWindow, increment);
  }

  #takeHeaders(frame: Frame): void {
    const content = unpad(frame);
    const hasPriority = (frame.flags & FLAG.PRIORITY) !== 0;
    if (hasPriority && content.length < 5) throw malformed("its HEADERS end within their priority");
    const block = { isLast: (frame.flags & FLAG.END_STREAM) !== 0, parts: [], length: 0 };
    this.#block = block;
    this.#extend(block, frame, content.subarray(hasPriority ? 5 : 0));
  }

  #takeContinuation(frame: Frame): void {
    if (!this.#block) throw malformed("it has a CONTINUATION of nothing");
    if (this.#block.parts.length > MOST_CONTINUATIONS) {
      throw malformed(`its headers are in more than ${MOST_CONTINUATIONS} CONTINUATION frames`);
    }
    this.#extend(this.#block, frame, frame.payload);
  }

  #extend(block: Block, { flags }: Frame, part: Uint8Array): void {
    block.parts.push(part);
    block.length += part.length;
    if (block.length > HEAD_LIMIT) {
      throw malformed(`its headers have more than ${HEAD_LIMIT / 1024} KiB`);
    }
    if ((flags & FLAG.END_HEADERS) === 0) return;
    this.#block = undefined;
    this.#takeList(this.#decoder.decode(concat(block.parts)), block.isLast);
  }

  #takeList(list: HeaderList, isLast: boolean): void {
    if (this.#head) {
      if (!isLast) throw malformed("its trailers are not the end of it");
      checkHeaders(list);
      return this.#end(this.#head, list);
    }
    const head = parseHead(list);
    const isInterim = head.status < 200;
    if (isInterim && isLast) throw malformed(`it ends with the interim status ${head.status}`);
    if (isInterim) return;
    this.#head = head;
    if (isLast) this.#end(head, []);
  }

  #takeData(frame: Frame): void {
    if (!this.#head) throw malformed("its body comes before its head");
    const data = unpad(frame);
    const room = this.#bodyLimit - this.#received;
    if (room > 0) this.#kept.push(data.subarray(0, room));
    this.#received += data.length;
    if (frame.flags & FLAG.END_STREAM) return this.#end(this.#head, []);
    this.#grant(frame.payload.length);
  }

  #grant(length: number): void {
    this.#ungranted += length;
    if (this.#ungranted < GRANT) return;
    const increment = new Uint8Array(4);
    viewOf(increment).setUint32(0, this.#ungranted);
    for (const stream of [0, STREAM]) {
      this.#out.push(encodeFrame(FRAME.WINDOW_UPDATE, 0, stream, increment));
    }
    this.#ungranted = 0;
  }

  #end(head: Http2Head, trailers: HeaderList): void {
    const { method } = this.#request;
    // These tell the length of a body that another answer would have.
    const hasBody = method !== "HEAD" && head.status !== 204 && head.status !== 304;
    if (hasBody) checkLength(head, this.#received);
    this.#answer = { ...head, body: concat(this.#kept), trailers };
  }
}

/** A server of another protocol is known by its first bytes, and would otherwise be waited for. */
function checkBeginning(bytes: Uint8Array): void {
  const [length = 0, , , type = FRAME.SETTINGS, flags = 0] = bytes;
  if (length === 0 && type === FRAME.SETTINGS && (flags & FLAG.ACK) === 0) return;
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 20));
  throw malformed(`it begins with ${quote(text)}, must be HTTP/2`);
}

/** What a server may say; of other settings it may say anything. */
const RANGES: readonly (readonly [name: keyof typeof SETTING, least: number, most: number])[] = [
  ["ENABLE_PUSH", 0, 0],
  ["INITIAL_WINDOW_SIZE", 0, LARGEST],
  ["MAX_FRAME_SIZE", MAX_FRAME_SIZE, 0xff_ffff],
];

function checkSetting(setting: number, value: number): void {
  for (const [name, least, most] of RANGES) {
    if (SETTING[name] !== setting || (value >= least && value <= most)) continue;
    throw malformed(`its SETTINGS_${name} is ${value}, must be from ${least} to ${most}`);
  }
}

function widen(window: number, by: number): number {
  if (window + by <= LARGEST) return window + by;
  throw malformed(`it opens a window to ${window + by}, must be ${LARGEST} at most`);
}

/** A server that goes away still answers what came before, if it does not say otherwise. */
function takeGoAway({ payload }: Frame): void {
  if (payload.length < 8) {
    throw malformed(`its GOAWAY frame has ${payload.length} bytes, must have 8 at least`);
  }
  const view = viewOf(payload);
  const last = view.getUint32(0) & LARGEST;
  const code = view.getUint32(4);
  if (last >= STREAM && code === NO_ERROR) return;
  throw new ProbeFailure(`connection refused by the server: GOAWAY ${errorName(code)}`);
}

function parseHead([first, ...headers]: HeaderList): Http2Head {
  const [name = "", status = ""] = first ?? [];
  if (name !== ":status") {
    throw malformed(`it begins with ${quote(name)}, must have ":status" first`);
  }
  // HTTP/2 has no switching of protocols.
  if (!/^[1-9]\d\d$/.test(status) || status === "101") {
    throw malformed(`its status is ${quote(status)}`);
  }
  checkHeaders(headers);
  return { status: Number(status), headers };
}

function checkHeaders(headers: HeaderList): void {
  for (const [name, value] of headers) {
    if (name.startsWith(":") || OF_CONNECTION.includes(name)) {
      throw malformed(`it has the header ${quote(name)}, which has no place there`);
    }
    if ([..."\0\r\n"].some((char) => value.includes(char))) {
      throw malformed(`its header ${quote(name)} is ${quote(value)}`);
    }
  }
}

function checkLength({ headers }: Http2Head, received: number): void {
  const odd = headers.find(([name, value]) =>
    name === "content-length" && !(/^\d+$/.test(value) && Number(value) === received)
  );
  if (!odd) return;
  throw malformed(
    `its body has ${received} bytes, must have ${quote(odd[1])} by its content-length`,
  );
}
