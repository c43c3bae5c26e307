import { Agenda } from "./agenda.ts";

/** Time, as everything that waits sees it; tests put one in its place that they move by hand. */
export interface Clock {
  /** Milliseconds that only grow; what they count from means nothing. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for what people read and what survives a restart. */
  wallMs(): number;
  /** Calls back once after at least that long, unless cancelled before. */
  after(delayMs: number, callback: () => void): { cancel(): void };
}

/** The longest time that a timer of the runtime can wait. */
export const LONGEST_MS = 2 ** 31 - 1;

interface Waiting {
  dueMs: number;
  /** Undefined: it was cancelled, or has been called. */
  callback: (() => void) | undefined;
}

/**
 * Many calls to come over one timer of the runtime, which has its price: nearly all that wait, as the limits of
 * checks do, are cancelled long before.
 */
export class Timers {
  readonly #agenda = new Agenda<Waiting>();
  #waiting = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueMs = Infinity;

  after(delayMs: number, callback: () => void): { cancel(): void } {
    const waiting: Waiting = { dueMs: performance.now() + Math.max(0, delayMs), callback };
    this.#agenda.add(waiting);
    this.#waiting++;
    this.#arm();
    return {
      cancel: () => {
        if (waiting.callback) this.#end(waiting);
      },
    };
  }

  /** How many are kept, cancelled ones too. */
  get held(): number {
    return this.#agenda.size;
  }

  #end(waiting: Waiting): void {
    waiting.callback = undefined;
    this.#waiting--;
    // What was cancelled may be due tomorrow, and there may be a thousand of it every second.
    if (2 * this.#waiting < this.#agenda.size) this.#agenda.keep(({ callback }) => !!callback);
    if (this.#waiting === 0) this.#disarm();
  }

  #arm(): void {
    const dueMs = this.#agenda.next?.dueMs ?? Infinity;
    if (dueMs >= this.#timerDueMs) return;
    this.#disarm();
    this.#timerDueMs = dueMs;
    const delayMs = Math.max(0, dueMs - performance.now());
    this.#timer = setTimeout(() => this.#fire(), delayMs);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timerDueMs = Infinity;
  }

  #fire(): void {
    this.#timerDueMs = Infinity;
    const now = performance.now();
    const due: Waiting[] = [];
    // First all that are due are taken out: what they begin anew has its turn later.
    while ((this.#agenda.next?.dueMs ?? Infinity) <= now) due.push(this.#agenda.take()!);
    for (const waiting of due) {
      const { callback } = waiting;
      if (!callback) continue;
      this.#end(waiting);
      try {
        callback();
      } catch (error) {
        // A defect of one is not to keep the others waiting.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.#arm();
  }
}

const timers = new Timers();

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => timers.after(delayMs, callback),
};
