/** What the implementations over netlink have in common: how what they try succeeds and fails. */

import { KernelError, WireError } from "../../errors.ts";
import type { NetlinkSocket } from "../../sys/netlink_socket.ts";
import type { Message, Request } from "../../wire/message.ts";
import type { Attempt } from "../refusal.ts";

/** What is being done, as an operator would say it. */
export type Doing = Pick<Attempt, "op" | "subject">;

/** What a refusal by the kernel means for those who asked. */
export type Explain = (error: KernelError) => unknown;

/**
 * Does it at once; the promise is the contracts', since other implementations do wait. An error says what was
 * being done; one that does so already is passed on.
 */
export function attempt<T>(doing: Doing, explain: Explain, body: () => T): Promise<T> {
  try {
    return Promise.resolve(body());
  } catch (error) {
    if (error instanceof WireError) return Promise.reject(inContext(error, doing));
    const isBare = error instanceof KernelError && error.op === undefined;
    return Promise.reject(isBare ? explain(error) : error);
  }
}

/** The same with what was being done. */
export function inContext(error: WireError, { op, subject }: Doing): WireError {
  const { message, offset, attribute } = error;
  return new WireError(
    `${op} ${subject}: ${message}`,
    { ...(offset !== undefined && { offset }), ...(attribute !== undefined && { attribute }) },
    { op, subject, cause: error },
  );
}

/** What it gives, or the other value where the kernel refuses with that errno. */
export function unless<T>(errno: string, other: T, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof KernelError && error.is(errno)) return other;
    throw error;
  }
}

/** The one message that answers a request. */
export function askOne(socket: NetlinkSocket, request: Request): Message {
  const [message] = socket.ask(request);
  if (!message) throw new WireError(`${request.command}: the answer is empty`);
  return message;
}
