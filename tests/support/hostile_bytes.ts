/** Bytes that a kernel would never send, and what has to become of them. */

import { WireError } from "../../src/errors.ts";
import type { Message } from "../../src/wire/message.ts";
import { messageOf } from "./attribute_tree.ts";

/** Gives 1 where the bytes are refused, 0 where they are read; throws what is neither. */
export function tolerates(decode: (message: Message) => unknown, bytes: Uint8Array): number {
  // The frame is right: it is looked at elsewhere.
  new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  try {
    decode(messageOf(bytes));
    return 0;
  } catch (error) {
    if (error instanceof WireError) return 1;
    throw error;
  }
}
