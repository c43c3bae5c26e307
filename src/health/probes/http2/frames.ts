/** The frames of HTTP/2 (RFC 9113), under the names that it gives them. */

import { malformed } from "../http_message.ts";

export const FRAME = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const FLAG = {
  END_STREAM: 0x1,
  /** Of SETTINGS and PING, which have no end. */
  ACK: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

export const SETTING = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
} as const;

const ERROR_CODES = `NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT
STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR
ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED`.split(/\s/);
export const NO_ERROR = 0;

export function errorName(code: number): string {
  return ERROR_CODES[code] ?? `0x${code.toString(16)}`;
}

/** SETTINGS_MAX_FRAME_SIZE of both sides, as long as nothing else is said; we never do. */
export const MAX_FRAME_SIZE = 16384;
/** The first bit of four is reserved, and not looked at. */
export const LARGEST = 0x7fff_ffff;

const HEADER_LENGTH = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

export function encodeFrame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + payload.length);
  const view = viewOf(bytes);
  view.setUint32(0, payload.length << 8 | type);
  view.setUint8(4, flags);
  view.setUint32(5, stream);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Makes whole frames of what comes in. No more is kept than one of them and the last chunk. */
export class FrameReader {
  #bytes = new Uint8Array(1024);
  #start = 0;
  #end = 0;

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#bytes.length) {
      const kept = this.pending;
      const length = kept.length + chunk.length;
      if (length > this.#bytes.length) this.#bytes = new Uint8Array(2 * length);
      this.#bytes.set(kept);
      this.#start = 0;
      this.#end = kept.length;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** What came in and is not taken yet; good until the next push. */
  get pending(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  next(): Frame | undefined {
    const { pending } = this;
    if (pending.length < HEADER_LENGTH) return undefined;
    const view = viewOf(pending);
    const length = view.getUint32(0) >>> 8;
    const type = view.getUint8(3);
    if (length > MAX_FRAME_SIZE) {
      throw malformed(
        `its ${frameName(type)} has ${length} bytes, must have ${MAX_FRAME_SIZE} at most`,
      );
    }
    const end = HEADER_LENGTH + length;
    if (pending.length < end) return undefined;
    this.#start += end;
    return {
      type,
      flags: view.getUint8(4),
      stream: view.getUint32(5) & LARGEST,
      payload: pending.slice(HEADER_LENGTH, end),
    };
  }
}

function frameName(type: number): string {
  const name = Object.entries(FRAME).find(([, number]) => number === type)?.[0];
  return `${name ?? `0x${type.toString(16)}`} frame`;
}

/** On which streams frames may be, where the only request has stream 1, and how long they must be. */
interface Shape {
  /** Undefined: on any but 0, which is the connection. */
  readonly on?: readonly number[];
  readonly length?: number;
}

const SHAPES: Readonly<Record<number, Shape>> = {
  [FRAME.DATA]: { on: [1] },
  [FRAME.HEADERS]: { on: [1] },
  [FRAME.PRIORITY]: { length: 5 },
  [FRAME.RST_STREAM]: { on: [1], length: 4 },
  [FRAME.SETTINGS]: { on: [0] },
  [FRAME.PUSH_PROMISE]: { on: [] },
  [FRAME.PING]: { on: [0], length: 8 },
  [FRAME.GOAWAY]: { on: [0] },
  [FRAME.WINDOW_UPDATE]: { on: [0, 1], length: 4 },
  [FRAME.CONTINUATION]: { on: [1] },
};

/** Frames of other types may be anything, and mean nothing. */
export function checkShape({ type, stream, payload }: Frame): void {
  const shape = SHAPES[type];
  if (!shape) return;
  const { on, length = payload.length } = shape;
  if (!(on?.includes(stream) ?? stream !== 0)) {
    throw malformed(`its ${frameName(type)} is on stream ${stream}, where it must not be`);
  }
  if (payload.length !== length) {
    throw malformed(`its ${frameName(type)} has ${payload.length} bytes, must have ${length}`);
  }
}

/** The content of a frame that may be padded. */
export function unpad({ type, flags, payload }: Frame): Uint8Array {
  if ((flags & FLAG.PADDED) === 0) return payload;
  const padding = payload[0] ?? 0;
  if (padding >= payload.length) {
    throw malformed(
      `its ${frameName(type)} has ${payload.length} bytes, but padding of ${padding}`,
    );
  }
  return payload.subarray(1, payload.length - padding);
}
