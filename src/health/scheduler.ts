/** When each server is probed: at a rhythm of its own, spread over the interval, never twice at once. */

import type { Clock } from "../clock.ts";
import type { Endpoint } from "../model/endpoint.ts";
import { Agenda } from "../agenda.ts";
import type { Probe, ProbeResult } from "./probes/probe.ts";

export interface ProbeTarget {
  /** What it is known by: a target of the same id, probe and interval goes on as it was. */
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly probe: Probe;
  /** Between the starts of two probes. */
  readonly intervalMs: number;
}

export interface ProbingOptions<T extends ProbeTarget> {
  readonly targets: readonly T[];
  /** How many may be under way at once; those that are due beyond it wait for their turn. */
  readonly atOnce: number;
  readonly clock: Clock;
  /** Called once for each probe that came to its end, and never after stop(). */
  readonly onResult: (target: T, result: ProbeResult) => void;
  /** Stops, as stop() does. */
  readonly signal?: AbortSignal;
}

export interface Probing<T extends ProbeTarget> {
  /** Probes every server at once that is not being probed; the rhythm stays. */
  probeNow(): void;
  /** Probes from now on these: those that were probed before keep their rhythm. */
  setTargets(targets: readonly T[]): void;
  /** Ends every probe that is under way; resolves when all are closed. */
  stop(): Promise<void>;
}

interface Lane<T> {
  target: T;
  readonly abort: AbortController;
  /** When the next probe is due. */
  dueMs: number;
  state: "idle" | "waiting" | "running";
}

export function startProbes<T extends ProbeTarget>(options: ProbingOptions<T>): Probing<T> {
  const { atOnce, clock, onResult, signal } = options;
  if (!(atOnce >= 1)) throw new RangeError(`${atOnce} probes at once: must be at least 1`);
  const lanes = new Map<string, Lane<T>>();
  const agenda = new Agenda<Lane<T>>();
  /** Lanes that are due and may not begin yet, in their order. */
  const waiting: Lane<T>[] = [];
  const running = new Set<Promise<void>>();
  let timer: { cancel(): void } | undefined;
  let stopping: Promise<void> | undefined;

  function setTargets(targets: readonly T[]): void {
    if (stopping) return;
    const wanted = new Map(targets.map((target) => [target.id, target]));
    const added: T[] = [];
    for (const lane of lanes.values()) {
      if (!isSame(lane.target, wanted.get(lane.target.id))) remove(lane);
    }
    for (const target of wanted.values()) {
      const lane = lanes.get(target.id);
      if (lane) lane.target = target;
      else added.push(target);
    }
    agenda.keep(({ abort }) => !abort.signal.aborted);
    add(added);
    startDue();
  }

  /** Spread evenly over an interval, the first of them at once. */
  function add(added: readonly T[]): void {
    const now = clock.monotonicMs();
    for (const [i, target] of added.entries()) {
      const { id, intervalMs } = target;
      if (!(intervalMs > 0)) throw new RangeError(`probe every ${intervalMs} ms: must be over 0`);
      const dueMs = now + (i * intervalMs) / added.length;
      const lane: Lane<T> = { target, abort: new AbortController(), dueMs, state: "idle" };
      lanes.set(id, lane);
      agenda.add(lane);
    }
  }

  function remove({ target, abort }: Lane<T>): void {
    lanes.delete(target.id);
    abort.abort();
  }

  /** Starts what is due, and sleeps until the next is. */
  function startDue(): void {
    timer?.cancel();
    const now = clock.monotonicMs();
    let lane = agenda.next;
    while (lane && lane.dueMs <= now) {
      // Where the host stood still, what was missed falls out, and the rhythm stays.
      const { intervalMs } = lane.target;
      lane.dueMs += intervalMs * Math.max(1, Math.ceil((now - lane.dueMs) / intervalMs));
      agenda.postponed();
      start(lane);
      lane = agenda.next;
    }
    timer = lane && clock.after(lane.dueMs - now, startDue);
  }

  /** What is still under way when the next is due makes that one fall out, not queue up. */
  function start(lane: Lane<T>): void {
    if (lane.state !== "idle") return;
    if (running.size < atOnce) run(lane);
    else {
      lane.state = "waiting";
      waiting.push(lane);
    }
  }

  function run(lane: Lane<T>): void {
    lane.state = "running";
    const ended = probeLane(lane).finally(() => {
      running.delete(ended);
      startWaiting();
    });
    running.add(ended);
  }

  function startWaiting(): void {
    while (running.size < atOnce) {
      const lane = waiting.shift();
      if (!lane) return;
      if (!lane.abort.signal.aborted) run(lane);
    }
  }

  async function probeLane(lane: Lane<T>): Promise<void> {
    const { target: { probe, endpoint }, abort } = lane;
    const result = await attempt(probe, endpoint, abort.signal);
    lane.state = "idle";
    if (!abort.signal.aborted) onResult(lane.target, result);
  }

  async function end(): Promise<void> {
    signal?.removeEventListener("abort", stop);
    timer?.cancel();
    for (const lane of lanes.values()) remove(lane);
    agenda.keep(() => false);
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

function isSame(a: ProbeTarget, b: ProbeTarget | undefined): boolean {
  return a.probe === b?.probe && a.intervalMs === b.intervalMs;
}

/** A probe never throws; should one do so all the same, its server is not healthy. */
async function attempt(probe: Probe, target: Endpoint, signal: AbortSignal): Promise<ProbeResult> {
  try {
    return await probe.run(target, signal);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
