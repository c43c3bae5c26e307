/** When each server is probed: at a rhythm of its own, spread over the interval, never twice at once. */

import type { Clock } from "../clock.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import type { Probe, ProbeResult } from "./probes/probe.ts";

export interface ProbingOptions {
  readonly targets: readonly Endpoint[];
  readonly probe: Probe;
  /** Between the starts of two probes of one server. */
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Called once for each probe that came to its end, and never after stop(). */
  readonly onResult: (target: Endpoint, result: ProbeResult) => void;
  /** Stops, as stop() does. */
  readonly signal?: AbortSignal;
}

export interface Probing {
  /** Probes every server at once that is not being probed; the rhythm stays. */
  probeNow(): void;
  /** Probes from now on these: those that were probed before keep their rhythm. */
  setTargets(targets: readonly Endpoint[]): void;
  /** Ends every probe that is under way; resolves when all are closed. */
  stop(): Promise<void>;
}

interface Lane {
  readonly target: Endpoint;
  readonly abort: AbortController;
  /** When the next probe is due. */
  dueMs: number;
  isRunning: boolean;
}

export function startProbes(options: ProbingOptions): Probing {
  const { probe, intervalMs, clock, onResult, signal } = options;
  if (!(intervalMs > 0)) throw new RangeError(`probe every ${intervalMs} ms: must be more than 0`);
  const lanes = new Map<string, Lane>();
  const running = new Set<Promise<void>>();
  /**
   * The lanes in the order in which they are due, beginning at `at`. All grow by the same interval, so that
   * the order stays, and whoever wakes looks at nothing but what is due.
   */
  let ring: Lane[] = [];
  let at = 0;
  let timer: { cancel(): void } | undefined;
  let stopping: Promise<void> | undefined;

  function setTargets(targets: readonly Endpoint[]): void {
    if (stopping) return;
    const wanted = new Map(targets.map((target) => [printEndpoint(target), target]));
    for (const [name, lane] of lanes) {
      if (!wanted.has(name)) remove(name, lane);
    }
    add([...wanted].filter(([name]) => !lanes.has(name)));
    ring = [...lanes.values()].sort((a, b) => a.dueMs - b.dueMs);
    at = 0;
    startDue();
  }

  /** Spread evenly over one interval, the first of them at once. */
  function add(added: readonly (readonly [name: string, target: Endpoint])[]): void {
    const now = clock.monotonicMs();
    for (const [i, [name, target]] of added.entries()) {
      const dueMs = now + (i * intervalMs) / added.length;
      lanes.set(name, { target, abort: new AbortController(), dueMs, isRunning: false });
    }
  }

  function remove(name: string, { abort }: Lane): void {
    lanes.delete(name);
    abort.abort();
  }

  /** Starts what is due, and sleeps until the next is. */
  function startDue(): void {
    timer?.cancel();
    const now = clock.monotonicMs();
    let lane = ring[at];
    while (lane && lane.dueMs <= now) {
      lane.dueMs += intervalMs;
      start(lane);
      at = (at + 1) % ring.length;
      lane = ring[at];
    }
    timer = lane && clock.after(lane.dueMs - now, startDue);
  }

  /** What is still under way when the next is due makes that one fall out, not queue up. */
  function start(lane: Lane): void {
    if (lane.isRunning) return;
    const run = probeLane(lane).finally(() => running.delete(run));
    running.add(run);
  }

  async function probeLane(lane: Lane): Promise<void> {
    const { target, abort } = lane;
    lane.isRunning = true;
    const result = await attempt(probe, target, abort.signal);
    lane.isRunning = false;
    if (!abort.signal.aborted) onResult(target, result);
  }

  async function end(): Promise<void> {
    signal?.removeEventListener("abort", stop);
    timer?.cancel();
    for (const [name, lane] of lanes) remove(name, lane);
    ring = [];
    await Promise.all(running);
  }

  function stop(): Promise<void> {
    return stopping ??= end();
  }

  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  setTargets(options.targets);
  return { probeNow: () => lanes.forEach(start), setTargets, stop };
}

/** A probe never throws; should one do so all the same, its server is not healthy. */
async function attempt(probe: Probe, target: Endpoint, signal: AbortSignal): Promise<ProbeResult> {
  try {
    return await probe.run(target, signal);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
