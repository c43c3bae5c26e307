/** Netlink messages: framing, and what the kernel answers in NLMSG_ERROR and NLMSG_DONE. */

import { WireError } from "../errors.ts";
import { attributes, string, u32 } from "./attribute.ts";
import { Input, type Writer } from "./buffer.ts";
import type { FixedKind } from "./kind.ts";

/** struct nlmsghdr: length with this header, type, flags, sequence number, port. */
export const NLMSG_HDRLEN = 16;
export const NLMSG_ALIGNTO = 4;

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** Types below this one are netlink's own. */
export const NLMSG_MIN_TYPE = 16;

export const NLM_F_REQUEST = 0x01;
export const NLM_F_MULTI = 0x02;
export const NLM_F_ACK = 0x04;
export const NLM_F_ECHO = 0x08;
/** In an answer: the table changed while it was dumped. */
export const NLM_F_DUMP_INTR = 0x10;

/** In requests that read. */
export const NLM_F_ROOT = 0x100;
export const NLM_F_MATCH = 0x200;
export const NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH;

/** In requests that make something. */
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

/** In an answer of type NLMSG_ERROR: the request is not repeated beyond its header. */
export const NLM_F_CAPPED = 0x100;
/** In NLMSG_ERROR and NLMSG_DONE: attributes with details follow. */
export const NLM_F_ACK_TLVS = 0x200;

export function NLMSG_ALIGN(length: number): number {
  return (length + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1);
}

/** A request before it has a sequence number. Its body is written straight into the send buffer. */
export interface Request {
  /** The kernel's name for it, for errors: "IPVS_CMD_NEW_SERVICE". */
  readonly command: string;
  readonly type: number;
  /** NLM_F_* beside NLM_F_REQUEST, NLM_F_ACK and NLM_F_DUMP, which the socket sets as it needs them. */
  readonly flags?: number;
  /** Writes all that follows the nlmsghdr. */
  write(to: Writer): void;
}

/** One message as it was received. */
export class Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly #datagram: Input;
  readonly #start: number;
  readonly #end: number;
  #input: Input | undefined;

  /** The message between two offsets of a datagram, of which it keeps the bytes. */
  constructor(datagram: Input, start: number, end: number) {
    const { view } = datagram;
    this.type = view.getUint16(start + 4, true);
    this.flags = view.getUint16(start + 6, true);
    this.sequence = view.getUint32(start + 8, true);
    this.port = view.getUint32(start + 12, true);
    this.#datagram = datagram;
    this.#start = start;
    this.#end = end;
  }

  /** The whole message; the body begins at NLMSG_HDRLEN. Made on demand: most of a dump never needs it. */
  get input(): Input {
    this.#input ??= new Input(this.#datagram.bytes.subarray(this.#start, this.#end));
    return this.#input;
  }

  /** Whether the bodies of both are the same up to `end`, an offset from the start of each. */
  hasSameBody(other: Message, end: number): boolean {
    const ours = this.#datagram.view;
    const theirs = other.#datagram.view;
    if (this.#end - this.#start < end || other.#end - other.#start < end) return false;
    for (let at = NLMSG_HDRLEN; at < end; at += NLMSG_ALIGNTO) {
      if (ours.getInt32(this.#start + at) !== theirs.getInt32(other.#start + at)) return false;
    }
    return true;
  }
}

/** What NLMSG_ERROR or NLMSG_DONE say of a request that was refused. */
export interface Refusal {
  /** Positive. */
  readonly errno: number;
  readonly text?: string | undefined;
  /** Offset of the offending attribute from the start of the request. */
  readonly offset?: number | undefined;
  /** Type of an attribute that must be there and is not, and the offset of the nest that lacks it. */
  readonly missingType?: number | undefined;
  readonly missingNest?: number | undefined;
}

const ACK_DETAILS = attributes({
  text: string(1, "NLMSGERR_ATTR_MSG"),
  offset: u32(2, "NLMSGERR_ATTR_OFFS"),
  missingType: u32(5, "NLMSGERR_ATTR_MISS_TYPE"),
  missingNest: u32(6, "NLMSGERR_ATTR_MISS_NEST"),
});

export function writeMessage(
  to: Writer,
  request: Request,
  header: { readonly flags: number; readonly sequence: number; readonly port: number },
): void {
  const start = to.reserve(NLMSG_HDRLEN);
  request.write(to);
  to.pad(NLMSG_ALIGNTO, start);
  const { view } = to;
  view.setUint32(start, to.length - start, true);
  view.setUint16(start + 4, request.type, true);
  view.setUint16(start + 6, (request.flags ?? 0) | header.flags, true);
  view.setUint32(start + 8, header.sequence, true);
  view.setUint32(start + 12, header.port, true);
}

/** Adds NLM_F_* bits to the message that begins at `start`. */
export function addFlags({ view }: Writer, start: number, flags: number): void {
  view.setUint16(start + 6, view.getUint16(start + 6, true) | flags, true);
}

/** The messages of one datagram. They share its bytes, which must not be used again. */
export function splitMessages(datagram: Uint8Array): Message[] {
  const input = new Input(datagram);
  const messages: Message[] = [];
  for (let at = 0; at < datagram.length;) {
    const left = datagram.length - at;
    if (left < NLMSG_HDRLEN) {
      throw new WireError(`decode messages at ${at}: ${left} stray bytes`, { offset: at });
    }
    const length = input.view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > left) {
      throw new WireError(
        `decode message at ${at}: its length is ${length}, must be from ${NLMSG_HDRLEN} to ${left}`,
        { offset: at },
      );
    }
    messages.push(new Message(input, at, at + length));
    at += NLMSG_ALIGN(length);
  }
  return messages;
}

/** The struct that stands between the nlmsghdr and the attributes; `name` is the kernel's name for it. */
export function readHeader<T>({ input }: Message, kind: FixedKind<T>, name: string): T {
  const end = NLMSG_HDRLEN + kind.size;
  if (input.bytes.length < end) {
    throw new WireError(
      `decode ${name}: the message has ${input.bytes.length} bytes, must have at least ${end}`,
      { offset: NLMSG_HDRLEN },
    );
  }
  return kind.read(input, NLMSG_HDRLEN, end, name);
}

/** What NLMSG_ERROR says: undefined is an acknowledgement. */
export function decodeError(message: Message): Refusal | undefined {
  const errno = decodeErrno(message, "NLMSG_ERROR");
  if (errno === 0) return undefined;
  return { errno, ...decodeDetails(message, () => afterRequest(message)) };
}

/** What NLMSG_DONE says: undefined is success. Some dumps end without a number, which is success too. */
export function decodeDone(message: Message): Refusal | undefined {
  if (message.input.bytes.length === NLMSG_HDRLEN) return undefined;
  const errno = decodeErrno(message, "NLMSG_DONE");
  if (errno === 0) return undefined;
  return { errno, ...decodeDetails(message, () => NLMSG_HDRLEN + 4) };
}

function decodeErrno({ input }: Message, name: string): number {
  if (input.bytes.length < NLMSG_HDRLEN + 4) {
    throw new WireError(`decode ${name}: ${input.bytes.length} bytes hold no errno`, {
      offset: NLMSG_HDRLEN,
    });
  }
  const value = input.view.getInt32(NLMSG_HDRLEN, true);
  if (value > 0) {
    throw new WireError(`decode ${name}: errno ${value}, must be 0 or negative`, {
      offset: NLMSG_HDRLEN,
    });
  }
  return -value;
}

/** Details are a help, not the message: where they are malformed, the refusal itself still counts. */
function decodeDetails(message: Message, start: () => number): Omit<Refusal, "errno"> {
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return {};
  try {
    return ACK_DETAILS.read(message.input, start());
  } catch (error) {
    if (error instanceof WireError) return {};
    throw error;
  }
}

/** Where the details begin: behind the errno and as much of the request as the kernel repeats. */
function afterRequest({ flags, input }: Message): number {
  const request = NLMSG_HDRLEN + 4;
  if (input.bytes.length < request + NLMSG_HDRLEN) {
    throw new WireError("decode NLMSG_ERROR: the request's header is cut short", {
      offset: request,
    });
  }
  if ((flags & NLM_F_CAPPED) !== 0) return request + NLMSG_HDRLEN;
  const length = input.view.getUint32(request, true);
  if (length > input.bytes.length - request) {
    throw new WireError(`decode NLMSG_ERROR: a request of ${length} bytes does not fit`, {
      offset: request,
    });
  }
  return request + NLMSG_ALIGN(length);
}
