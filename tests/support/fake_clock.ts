/** A clock that stands still until a test moves it. */

import type { Clock } from "../../src/clock.ts";

interface Waiting {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #waiting: Waiting[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_000_000 + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    const waiting = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#waiting.push(waiting);
    return { cancel: () => this.#waiting = this.#waiting.filter((each) => each !== waiting) };
  }

  /** How many calls are still to come. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Moves on, calling back in the order of time; whatever that sets off has its turn in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    await settled();
    for (;;) {
      const next = this.#waiting.filter(({ atMs }) => atMs <= end)
        .toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!next) break;
      this.#waiting = this.#waiting.filter((each) => each !== next);
      this.#nowMs = next.atMs;
      next.callback();
      await settled();
    }
    this.#nowMs = end;
  }
}

/** Lets promises that are ready have their turns, a good many times over. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 200; i++) await null;
}
