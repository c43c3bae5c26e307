/** One limit for everything that a probe does. */

import type { Clock } from "../../clock.ts";
import type { ProbeResult } from "./probe.ts";

export interface TimeLimit {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Ends the work early; what its result is then means nothing. */
  readonly signal: AbortSignal;
}

/**
 * Gives what the work gives, or that there was no answer in time. The signal that the work gets is aborted at
 * the limit and when the outer one is; it is for the work to end then, and to close what it has open.
 */
export async function withinTime(
  { clock, timeoutMs, signal: outer }: TimeLimit,
  work: (signal: AbortSignal) => Promise<ProbeResult>,
): Promise<ProbeResult> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let isLate = false;
  const timer = clock.after(timeoutMs, () => {
    isLate = true;
    abort();
  });
  outer.addEventListener("abort", abort);
  if (outer.aborted) abort();
  try {
    const result = await work(controller.signal);
    // How an abort looks from inside depends on what it met there.
    if (result.ok || !controller.signal.aborted) return result;
    const reason = isLate ? `no answer within ${printTime(timeoutMs)}` : "the check was stopped";
    return { ok: false, reason };
  } finally {
    timer.cancel();
    outer.removeEventListener("abort", abort);
  }
}

/** "10s", "1.5s", "250ms". */
function printTime(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`;
}
