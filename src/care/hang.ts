/** A switch for tests of what watches this program: with it, it stops dead, at a signal or after a time. */

import { DURATION_EXAMPLES, parseSecondsOrDuration } from "../config/duration.ts";
import { UsageError } from "../errors.ts";
import { type Clock, LONGEST_MS } from "../clock.ts";
import type { Journal } from "./journal.ts";

export const HANG_VARIABLE = "LVSCARE_DEBUG_HANG";
const SIGNAL = "SIGUSR2";

/** When to stop dead. */
export type Hang =
  | { readonly kind: "signal"; readonly signal: typeof SIGNAL }
  | { readonly kind: "after"; readonly ms: number };

/** Undefined where nobody asks for it. */
export function readHang(text: string | undefined): Hang | undefined {
  if (!text) return undefined;
  if (text === SIGNAL) return { kind: "signal", signal: SIGNAL };
  const what = `${HANG_VARIABLE} ${JSON.stringify(text)}`;
  const nanoseconds = parseSecondsOrDuration(text);
  if (nanoseconds === undefined) {
    throw new UsageError(`${what}: must be ${SIGNAL}, ${DURATION_EXAMPLES}`);
  }
  const ms = Math.ceil(Number(nanoseconds) / 1e6);
  if (ms <= 0) throw new UsageError(`${what}: must be longer than 0`);
  if (ms > LONGEST_MS) throw new UsageError(`${what}: is too long, must be at most 24 days`);
  return { kind: "after", ms };
}

export interface HangParts {
  readonly clock: Pick<Clock, "after">;
  readonly journal: Pick<Journal, "warn">;
  onSignal(signal: typeof SIGNAL, body: () => void): void;
  /** Never comes back, nor lets anything else have its turn. */
  block(): void;
}

/** Says that it will happen, and when it does. */
export function armHang(hang: Hang, { clock, journal, onSignal, block }: HangParts): void {
  const stopDead = () => {
    journal.warn(`${HANG_VARIABLE}: stopping dead, as it asks for`);
    block();
  };
  const when = hang.kind === "signal" ? `at ${hang.signal}` : `in ${hang.ms / 1000}s`;
  journal.warn(`${HANG_VARIABLE} is set: this process will stop dead ${when}`);
  if (hang.kind === "signal") onSignal(hang.signal, stopDead);
  else clock.after(hang.ms, stopDead);
}

/** Waits for what nobody will say, in the thread that does all. */
export function blockForever(): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (Atomics.wait(never, 0, 0) !== "not-equal");
}
