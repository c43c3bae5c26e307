/** Conversations with the kernel over any transport: requests, pipelined batches, dumps, notifications. */

import { KernelError, SyscallError, UnsupportedError, WireError } from "../errors.ts";
import { Writer } from "../wire/buffer.ts";
import { decodeFamily, type GenlFamily, getFamilyRequest } from "../wire/genl.ts";
import {
  addFlags,
  decodeDone,
  decodeError,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  type Refusal,
  type Request,
  splitMessages,
  writeMessage,
} from "../wire/message.ts";
import { errnoMeaning, errnoName } from "./errno.ts";
import type { Transport } from "./transport.ts";

/** How often a read is made anew when answers were lost or the table changed under it. */
const READ_ATTEMPTS = 5;
/** How often one call is tried again after a signal. */
const SIGNAL_ATTEMPTS = 100;
/** More datagrams than any table fills: an exchange that sees them is caught in a loop. */
const MAX_DATAGRAMS = 1_000_000;
/** At most this much in one send: well below any host's send buffer. */
const MAX_SEND_BYTES = 64 << 10;
/** What one answer takes of the receive buffer: a refusal that repeats its request, and its bookkeeping. */
const ANSWER_FOOTPRINT = 2048;

/** What became of one change: the error it met, or undefined where it was made. */
export type Outcome = KernelError | WireError | undefined;

/** What came in on subscribed groups. */
export interface Notifications {
  readonly messages: readonly Message[];
  /** The kernel dropped some because nobody read them in time: what they tell must be read anew. */
  readonly lost: boolean;
}

/**
 * One netlink socket. Netlink handles a request inside send(): the answers are there when it returns, and
 * nothing ever has to be waited for. So all calls are synchronous, a round trip takes microseconds, and
 * none is under way when a call returns. Use another socket for notifications.
 */
export class NetlinkSocket implements Disposable {
  readonly #transport: Transport;
  readonly #writer = new Writer(4096);
  readonly #families = new Map<string, GenlFamily>();
  /** The sequence number of the newest request. */
  #sequence: number;

  /** `sequence` is the number before that of the first request. */
  constructor(transport: Transport, sequence = 0) {
    this.#transport = transport;
    this.#sequence = sequence;
  }

  /** The transport's name: "libc". */
  get transport(): string {
    return this.#transport.name;
  }

  /** Sends a request that changes nothing, and gives the messages that answer it. */
  ask(request: Request): Message[] {
    return this.#read(() => {
      const sequence = this.#sendAlone(request, NLM_F_ACK);
      const answers: Message[] = [];
      const acknowledged = this.#answers(sequence, 1, (message) => {
        if (message.type === NLMSG_ERROR) {
          const refusal = decodeError(message);
          if (refusal) throw kernelError(request, refusal);
          return true;
        }
        answers.push(message);
        return false;
      });
      if (!acknowledged) throw interrupted(request);
      return answers;
    });
  }

  /** Reads a whole table and decodes each of its messages. One that changed meanwhile is read again. */
  dump<T>(request: Request, decode: (message: Message) => T): T[] {
    return this.#read(() => {
      const sequence = this.#sendAlone(request, NLM_F_DUMP);
      const messages: Message[] = [];
      let changed = false;
      const ended = this.#answers(sequence, 1, (message) => {
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) changed = true;
        if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
          messages.push(message);
          return false;
        }
        const refusal = message.type === NLMSG_DONE ? decodeDone(message) : decodeError(message);
        if (refusal) throw kernelError(request, refusal);
        return true;
      });
      if (!ended) throw interrupted(request);
      if (changed) throw changedMeanwhile(request);
      // Only now: an error halfway would leave the rest of the dump in the socket.
      return messages.map(decode);
    });
  }

  /** Makes one change, or throws the error it met. */
  change(request: Request): void {
    const [outcome] = this.batch([request]);
    if (outcome) throw outcome;
  }

  /**
   * Makes changes in their order, each on its own. Only the last of each send asks for an acknowledgement:
   * refusals come back in any case and in order, so when it is there, whatever was not refused is done.
   * (A handler that was interrupted is not answered; what can end so is sent alone.)
   */
  batch(requests: readonly Request[]): Outcome[] {
    const most = Math.max(1, Math.floor(this.#transport.receiveBuffer / ANSWER_FOOTPRINT));
    const outcomes: Outcome[] = [];
    while (outcomes.length < requests.length) {
      const start = outcomes.length;
      outcomes.push(...this.#batchPart(requests.slice(start, start + most)));
    }
    return outcomes;
  }

  /**
   * An nfnetlink transaction, of which the kernel makes all or nothing: `begin`, the requests and `end` in
   * one datagram. Throws what was said of the whole; otherwise says for each request what it met.
   */
  transaction(begin: Request, requests: readonly Request[], end: Request): Outcome[] {
    const all = [begin, ...requests, end];
    const first = (this.#sequence + 1) >>> 0;
    this.#writer.reset();
    all.forEach((request, i) => this.#write(request, i === requests.length ? NLM_F_ACK : 0));
    this.#send();

    const { outcomes, lost, answered } = this.#outcomes(all, first);
    const whole = outcomes[0] ?? outcomes.at(-1);
    if (whole) throw whole;
    if (lost) throw unknownOutcome(begin);
    const inner = outcomes.slice(1, -1);
    if (!answered.has(requests.length) && inner.every((outcome) => !outcome)) {
      throw interrupted(begin);
    }
    return inner;
  }

  /** The generic netlink family of that name; asking makes the kernel load the module that has it. */
  family(name: string): GenlFamily {
    const known = this.#families.get(name);
    if (known) return known;
    const [answer] = this.#askFamily(name);
    if (!answer) throw new WireError(`look up family "${name}": the answer is empty`);
    const family = decodeFamily(answer);
    this.#families.set(name, family);
    return family;
  }

  /** Forgets a family's number: it is another after its module was loaded anew. */
  forgetFamily(name: string): void {
    this.#families.delete(name);
  }

  /** Joins a multicast group by number. */
  subscribe(group: number): void {
    this.#transport.join(group);
  }

  /** What came in on subscribed groups since the last call. Never waits. */
  notifications(): Notifications {
    const messages: Message[] = [];
    let lost = false;
    for (let i = 0; i < MAX_DATAGRAMS; i++) {
      try {
        const datagram = this.#receive();
        if (!datagram) break;
        messages.push(...splitMessages(datagram));
      } catch (error) {
        if (!isLoss(error)) throw error;
        lost = true;
      }
    }
    return { messages, lost };
  }

  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #askFamily(name: string): Message[] {
    try {
      return this.ask(getFamilyRequest(name));
    } catch (error) {
      if (!(error instanceof KernelError && error.is("ENOENT"))) throw error;
      throw new UnsupportedError(
        `look up generic netlink family "${name}": this kernel does not have it`,
        name,
        { op: "look up family", subject: name, cause: error },
      );
    }
  }

  /** Reading may be repeated, and is where answers were lost or the table changed under it. */
  #read<T>(attempt: () => T): T {
    for (let left = READ_ATTEMPTS;; left--) {
      try {
        return attempt();
      } catch (error) {
        this.#drain();
        if (left <= 1 || !(isLoss(error) || isPassing(error))) throw error;
      }
    }
  }

  /** Sends as many of the requests as go into one send, and says what became of those. */
  #batchPart(requests: readonly Request[]): Outcome[] {
    const first = (this.#sequence + 1) >>> 0;
    const refusedHere = new Map<number, WireError>();
    let count = 0;
    let last: { readonly index: number; readonly start: number } | undefined;
    this.#writer.reset();
    for (const request of requests) {
      if (this.#writer.length >= MAX_SEND_BYTES) break;
      try {
        last = { index: count, start: this.#write(request, 0) };
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        refusedHere.set(count, error);
      }
      count++;
    }
    const sent = requests.slice(0, count);
    if (!last) return sent.map((_, i) => refusedHere.get(i));

    addFlags(this.#writer, last.start, NLM_F_ACK);
    this.#send();
    const { outcomes, answered, lost } = this.#outcomes(sent, first, last.index);
    const silence = lost
      ? unknownOutcome
      : answered.has(last.index)
      ? () => undefined
      : interrupted;
    return sent.map((request, i) => refusedHere.get(i) ?? outcomes[i] ?? silence(request));
  }

  /** Reads answers until the last request that was to be acknowledged is, or until there are none left. */
  #outcomes(
    requests: readonly Request[],
    first: number,
    last?: number,
  ): { outcomes: Outcome[]; answered: ReadonlySet<number>; lost: boolean } {
    const outcomes: Outcome[] = requests.map(() => undefined);
    const answered = new Set<number>();
    let lost = false;
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      try {
        this.#answers(first, requests.length, (message) => {
          if (message.type !== NLMSG_ERROR) return false;
          const index = (message.sequence - first) >>> 0;
          const refusal = decodeError(message);
          if (refusal) outcomes[index] = kernelError(requests[index]!, refusal);
          answered.add(index);
          return index === last;
        });
        break;
      } catch (error) {
        if (!isLoss(error)) throw error;
        lost = true;
      }
    }
    return { outcomes, answered, lost };
  }

  #sendAlone(request: Request, flags: number): number {
    this.#writer.reset();
    this.#write(request, flags);
    this.#send();
    return this.#sequence;
  }

  /** Adds the request to what is sent next, under the next sequence number; says where it begins. */
  #write(request: Request, flags: number): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const start = this.#writer.length;
    try {
      writeMessage(this.#writer, request, {
        flags: NLM_F_REQUEST | flags,
        sequence: this.#sequence,
        port: this.#transport.port,
      });
    } catch (error) {
      this.#writer.truncate(start);
      throw error;
    }
    return start;
  }

  #send(): void {
    const datagram = this.#writer.peek();
    throughSignals(() => this.#transport.send(datagram));
  }

  #receive(): Uint8Array | undefined {
    return throughSignals(() => this.#transport.receive());
  }

  /**
   * Shows `visit` the messages that answer `count` requests from `first` on, until it says that it has seen
   * the end. False is that there are no more.
   */
  #answers(first: number, count: number, visit: (message: Message) => boolean): boolean {
    for (let i = 0; i < MAX_DATAGRAMS; i++) {
      const datagram = this.#receive();
      if (!datagram) return false;
      for (const message of splitMessages(datagram)) {
        // Late answers to a request that was given up, and notifications, are not for us.
        if (message.port !== this.#transport.port) continue;
        if ((message.sequence - first) >>> 0 >= count || message.type === NLMSG_NOOP) continue;
        if (visit(message)) return true;
      }
    }
    throw new WireError(`receive: ${MAX_DATAGRAMS} datagrams, and still no end`);
  }

  /** Empties the socket, which also ends a dump that was left halfway. */
  #drain(): void {
    for (let i = 0; i < MAX_DATAGRAMS; i++) {
      try {
        if (!this.#receive()) return;
      } catch (error) {
        if (!isLoss(error)) return; // the error that led here says more
      }
    }
  }
}

function throughSignals<T>(call: () => T): T {
  for (let left = SIGNAL_ATTEMPTS;; left--) {
    try {
      return call();
    } catch (error) {
      if (left <= 1 || !(error instanceof SyscallError && error.is("EINTR"))) throw error;
    }
  }
}

/** Whether datagrams were dropped or cut off on their way to us. */
function isLoss(error: unknown): boolean {
  return error instanceof SyscallError && error.call === "recv" &&
    (error.is("ENOBUFS") || error.is("EMSGSIZE"));
}

/** Whether the kernel may answer the same read otherwise in a moment. EBUSY: a dump is left halfway. */
function isPassing(error: unknown): boolean {
  return error instanceof KernelError && (error.is("EAGAIN") || error.is("EBUSY"));
}

function kernelError({ command }: Request, refusal: Refusal): KernelError {
  const { errno, text, offset, missingType } = refusal;
  const detail = text ?? (missingType === undefined ? "" : `attribute ${missingType} is missing`);
  return new KernelError(
    `${command}: ${errnoMeaning(errno)} (${errnoName(errno)})${detail && `: ${detail}`}`,
    command,
    errnoName(errno),
    { ...(text !== undefined && { text }), ...(offset !== undefined && { offset }) },
  );
}

function changedMeanwhile({ command }: Request): KernelError {
  return new KernelError(
    `${command}: the table changed while it was read, ${READ_ATTEMPTS} times in a row (EAGAIN)`,
    command,
    "EAGAIN",
  );
}

function unknownOutcome({ command }: Request): KernelError {
  return new KernelError(
    `${command}: the answer was lost, so it may be done or not (ENOBUFS)`,
    command,
    "ENOBUFS",
    {},
    { hint: "read the table again" },
  );
}

/** A handler that was interrupted is not answered at all. */
function interrupted({ command }: Request): KernelError {
  return new KernelError(
    `${command}: the kernel was interrupted, so it may be done or not (EINTR)`,
    command,
    "EINTR",
    {},
    { hint: "read the table again" },
  );
}
