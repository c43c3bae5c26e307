/** Decodes again only what changed: from one pass over a table to the next, hardly anything does. */

import { NLA_ALIGN, NLA_HDRLEN, NLA_TYPE_MASK } from "../../wire/attribute.ts";
import { GENL_BODY } from "../../wire/genl.ts";
import type { Message } from "../../wire/message.ts";

interface Remembered<T> {
  message: Message;
  /** How far the message has to be the same for the value to be. */
  readonly end: number;
  readonly value: T;
}

/**
 * The last dump of one table, message by message. Comparing costs a tenth of decoding, and an entry that is
 * as it was is the very same value. Statistics change all the time and stand last: whoever does not read
 * them says which attributes they are.
 */
export class DumpMemory<T> {
  readonly #ignored: readonly number[];
  #entries: readonly Remembered<T>[] = [];

  constructor(ignored: readonly number[]) {
    this.#ignored = ignored;
  }

  decode(messages: readonly Message[], decode: (message: Message) => T): T[] {
    const before = this.#entries;
    this.#entries = messages.map((message, i) => {
      const known = before[i];
      if (known?.message.hasSameBody(message, known.end)) {
        // Keeping the older one would keep its whole dump in memory.
        known.message = message;
        return known;
      }
      return { message, end: endOfContent(message, this.#ignored), value: decode(message) };
    });
    return this.#entries.map(({ value }) => value);
  }
}

/** Where only ignored attributes follow, in the one attribute that the message consists of. */
function endOfContent({ input }: Message, ignored: readonly number[]): number {
  const { view } = input;
  let end = GENL_BODY;
  for (let at = GENL_BODY + NLA_HDRLEN; at + NLA_HDRLEN <= view.byteLength;) {
    const next = at + NLA_ALIGN(view.getUint16(at, true));
    if (!ignored.includes(view.getUint16(at + 2, true) & NLA_TYPE_MASK)) end = next;
    at = Math.max(next, at + NLA_HDRLEN);
  }
  return end;
}
