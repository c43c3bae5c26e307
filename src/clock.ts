/** Time, as everything that waits sees it; tests put one in its place that they move by hand. */
export interface Clock {
  /** Milliseconds that only grow; what they count from means nothing. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for what people read and what survives a restart. */
  wallMs(): number;
  /** Calls back once after at least that long, unless cancelled before. */
  after(delayMs: number, callback: () => void): { cancel(): void };
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
