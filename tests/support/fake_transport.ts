/** A kernel in a function: netlink for tests without a kernel. */

import { SyscallError } from "../../src/errors.ts";
import { errnoNumber } from "../../src/sys/errno.ts";
import type { Transport } from "../../src/sys/transport.ts";
import { Writer } from "../../src/wire/buffer.ts";
import {
  type Message,
  NLM_F_ACK,
  NLM_F_CAPPED,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  splitMessages,
  writeMessage,
} from "../../src/wire/message.ts";

export const FAKE_PORT = 4242;

/** A datagram, or the name of the errno that receive() fails with instead. */
export type Answer = Uint8Array | "EINTR" | "ENOBUFS" | "EMSGSIZE" | "EBADF";

/** What the kernel queues when it gets this message. */
export type FakeKernel = (request: Message) => readonly Answer[];

export interface FakeTransport extends Transport {
  /** Every message that was sent, send by send. */
  readonly sent: readonly (readonly Message[])[];
  readonly groups: readonly number[];
  readonly closed: boolean;
  /** Queues what nobody asked for. */
  push(...answers: Answer[]): void;
}

export function fakeTransport(kernel: FakeKernel, receiveBuffer = 1 << 20): FakeTransport {
  const queue: Answer[] = [];
  const sent: Message[][] = [];
  const groups: number[] = [];
  let closed = false;
  return {
    name: "fake",
    port: FAKE_PORT,
    receiveBuffer,
    sent,
    groups,
    get closed() {
      return closed;
    },
    push: (...answers) => void queue.push(...answers),
    send(datagram) {
      const requests = splitMessages(datagram.slice());
      sent.push(requests);
      for (const request of requests) queue.push(...kernel(request));
    },
    receive() {
      const answer = queue.shift();
      if (typeof answer === "string") {
        throw new SyscallError(`recv fake: ${answer}`, "recv", answer);
      }
      return answer;
    },
    join: (group) => void groups.push(group),
    close: () => void (closed = true),
    [Symbol.dispose]: () => void (closed = true),
  };
}

/** A message to whoever sent the request. */
export function answer(
  request: Pick<Message, "sequence">,
  message: {
    readonly type: number;
    readonly flags?: number;
    readonly body?: Uint8Array;
    readonly sequence?: number;
    readonly port?: number;
  },
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeMessage(writer, {
    command: "answer",
    type: message.type,
    write: (to) => to.append(message.body ?? new Uint8Array()),
  }, {
    flags: message.flags ?? 0,
    sequence: message.sequence ?? request.sequence,
    port: message.port ?? FAKE_PORT,
  });
  return writer.take();
}

/** As the kernel does it: an acknowledgement only where it was asked for. */
export function acknowledge(request: Message): Answer[] {
  return (request.flags & NLM_F_ACK) === 0 ? [] : [refuse(request)];
}

/** NLMSG_ERROR, without repeating the request; no errno makes it an acknowledgement. */
export function refuse(
  request: Pick<Message, "sequence" | "input">,
  errno?: string,
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(4 + 16);
  if (errno !== undefined) new DataView(body.buffer).setInt32(0, -errnoNumber(errno)!, true);
  body.set(request.input.bytes.subarray(0, 16), 4);
  return answer(request, { type: NLMSG_ERROR, flags: NLM_F_CAPPED, body });
}

/** A dump, one message a datagram, so that whoever reads must go on to the end. */
export function dump(
  request: Message,
  type: number,
  bodies: readonly Uint8Array[],
  flags = 0,
): Uint8Array<ArrayBuffer>[] {
  const multi = { flags: NLM_F_MULTI | flags };
  return [
    ...bodies.map((body) => answer(request, { type, body, ...multi })),
    answer(request, { type: NLMSG_DONE, body: new Uint8Array(4), ...multi }),
  ];
}
