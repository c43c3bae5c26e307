/** When each server is probed: at a rhythm of its own, spread over the interval, never twice at once. */

import type { Clock } from "../clock.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import type { Probe, ProbeResult } from "./probes/probe.ts";

export interface ProbingOptions {
  readonly targets: readonly Endpoint[];
  readonly probe: Probe;
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Called once for each probe that came to its end, and never after stop(). */
  readonly onResult: (target: Endpoint, result: ProbeResult) => void;
}

export interface Probing {
  /** Probes from now on these: those that were probed before keep their rhythm. */
  setTargets(targets: readonly Endpoint[]): void;
  /** Ends every probe that is under way; resolves when all are closed. */
  stop(): Promise<void>;
}

interface Lane {
  readonly target: Endpoint;
  readonly abort: AbortController;
  /** When the next probe is due; it grows by whole intervals, whatever a probe takes. */
  dueMs: number;
  running: Promise<void> | undefined;
}

export function startProbes(options: ProbingOptions): Probing {
  const { clock, intervalMs } = options;
  const lanes = new Map<string, Lane>();
  const ending = new Set<Promise<void>>();
  let timer: { cancel(): void } | undefined;
  let isStopped = false;

  function setTargets(targets: readonly Endpoint[]): void {
    const wanted = new Map(targets.map((target) => [printEndpoint(target), target]));
    for (const [name, lane] of lanes) {
      if (!wanted.has(name)) end(name, lane);
    }
    const added = [...wanted].filter(([name]) => !lanes.has(name));
    const now = clock.monotonicMs();
    for (const [i, [name, target]] of added.entries()) {
      const dueMs = now + (i * intervalMs) / added.length;
      lanes.set(name, { target, abort: new AbortController(), dueMs, running: undefined });
    }
    wake();
  }

  function end(name: string, lane: Lane): void {
    lanes.delete(name);
    lane.abort.abort();
    if (!lane.running) return;
    const { running } = lane;
    ending.add(running);
    running.finally(() => ending.delete(running));
  }

  /** Starts what is due, and sleeps until the next is. */
  function wake(): void {
    timer?.cancel();
    timer = undefined;
    if (isStopped || lanes.size === 0) return;
    const now = clock.monotonicMs();
    let next = Infinity;
    for (const lane of lanes.values()) {
      if (lane.dueMs <= now) {
        // What is still under way when the next is due makes that one fall out, not queue up.
        lane.running ??= probe(lane);
        lane.dueMs += intervalMs * (1 + Math.floor((now - lane.dueMs) / intervalMs));
      }
      next = Math.min(next, lane.dueMs);
    }
    timer = clock.after(next - now, wake);
  }

  async function probe(lane: Lane): Promise<void> {
    const { target, abort: { signal } } = lane;
    const result = await attempt(options.probe, target, signal);
    lane.running = undefined;
    if (!signal.aborted && !isStopped) options.onResult(target, result);
  }

  setTargets(options.targets);
  return {
    setTargets,
    async stop() {
      isStopped = true;
      timer?.cancel();
      for (const [name, lane] of lanes) end(name, lane);
      await Promise.all(ending);
    },
  };
}

/** A probe never throws; should one do so all the same, its server is not healthy. */
async function attempt(probe: Probe, target: Endpoint, signal: AbortSignal): Promise<ProbeResult> {
  try {
    return await probe.run(target, signal);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
