/** Netlink messages as trees, to compare them by what they say and not by the order in which they say it. */

import { NLA_ALIGN, NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK } from "../../src/wire/attribute.ts";
import { Writer } from "../../src/wire/buffer.ts";
import { type Message, type Request, splitMessages, writeMessage } from "../../src/wire/message.ts";

/** An attribute: its type with flags, and its content as hex digits or as attributes. */
export type Leaf = readonly [type: number, content: string | readonly Leaf[]];

/**
 * The attributes from `start` to `end`, sorted by type. Those with NLA_F_NESTED and those of the types in
 * `nests`, which come without that flag, are read as attributes themselves.
 */
export function attributeTree(
  bytes: Uint8Array,
  start: number,
  nests: readonly number[] = [],
): Leaf[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const leaves: Leaf[] = [];
  for (let at = start; at < bytes.length;) {
    const length = view.getUint16(at, true);
    const type = view.getUint16(at + 2, true);
    if (length < NLA_HDRLEN || at + length > bytes.length) throw new Error(`broken at ${at}`);
    const content = bytes.slice(at + NLA_HDRLEN, at + length);
    const isNest = (type & NLA_F_NESTED) !== 0 || nests.includes(type & NLA_TYPE_MASK);
    leaves.push([type, isNest ? attributeTree(content, 0) : content.toHex()]);
    at += NLA_ALIGN(length);
  }
  return leaves.sort(([a], [b]) => (a & NLA_TYPE_MASK) - (b & NLA_TYPE_MASK));
}

/** A request as it would be sent, with sequence number and port 0. */
export function encoded(request: Request): Uint8Array {
  const writer = new Writer();
  writeMessage(writer, request, { flags: 0, sequence: 0, port: 0 });
  return writer.take();
}

/** The one message that the bytes are. */
export function messageOf(bytes: Uint8Array): Message {
  const [message, ...more] = splitMessages(bytes);
  if (!message || more.length > 0) throw new Error("not one message");
  return message;
}
