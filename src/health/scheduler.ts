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
  /** Each probe starts later than that by up to this part of the interval; undefined: none. */
  readonly jitter?: number;
  /** The first probes are spread over this time; undefined: over the interval. */
  readonly spreadMs?: number;
}

export interface ProbingOptions<T extends ProbeTarget> {
  readonly targets: readonly T[];
  /** How many may be under way at once; those that are due beyond it wait for their turn. */
  readonly atOnce: number;
  readonly clock: Clock;
  /** Called once for each probe that came to its end, and never after stop(). */
  readonly onResult: (target: T, result: ProbeResult) => void;
  /** The interval from the probe on whose result was just told; without it, it is always the target's. */
  readonly intervalNow?: (target: T) => number;
  /** Stops, as stop() does. */
  readonly signal?: AbortSignal;
  /** From 0 to 1; tests put their own in its place. */
  readonly random?: () => number;
}

export interface Probing<T extends ProbeTarget> {
  /** Probes every server at once that is not being probed, or that one; the rhythm stays. */
  probeNow(id?: string): void;
  /** Probes from now on these: those that were probed before keep their rhythm. */
  setTargets(targets: readonly T[]): void;
  /** Ends every probe that is under way; resolves when all are closed. */
  stop(): Promise<void>;
}

interface Lane<T> {
  target: T;
  readonly abort: AbortController;
  /** The rhythm, which jitter does not move. */
  beatMs: number;
  intervalMs: number;
  startedMs: number;
  /** The one of the agenda that counts; others are what was once meant to be. */
  turn: Turn<T> | undefined;
  state: "idle" | "waiting" | "running";
}

interface Turn<T> {
  dueMs: number;
  readonly lane: Lane<T>;
}

export function startProbes<T extends ProbeTarget>(options: ProbingOptions<T>): Probing<T> {
  const { atOnce, clock, onResult, intervalNow, signal, random = Math.random } = options;
  if (!(atOnce >= 1)) throw new RangeError(`${atOnce} probes at once: must be at least 1`);
  const lanes = new Map<string, Lane<T>>();
  const agenda = new Agenda<Turn<T>>();
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
    agenda.keep(isToCome);
    add(added);
    startDue();
  }

  /** Spread evenly over an interval, the first of them at once. */
  function add(added: readonly T[]): void {
    const now = clock.monotonicMs();
    for (const [i, target] of added.entries()) {
      const { id, intervalMs, spreadMs = intervalMs } = target;
      if (!(intervalMs > 0)) throw new RangeError(`probe every ${intervalMs} ms: must be over 0`);
      const beatMs = now + (i * spreadMs) / added.length;
      const abort = new AbortController();
      const lane: Lane<T> = {
        ...{ target, abort, beatMs, intervalMs, startedMs: now, turn: undefined, state: "idle" },
      };
      lanes.set(id, lane);
      schedule(lane, beatMs);
    }
  }

  function schedule(lane: Lane<T>, dueMs: number): void {
    lane.turn = { dueMs, lane };
    agenda.add(lane.turn);
  }

  function remove({ target, abort }: Lane<T>): void {
    lanes.delete(target.id);
    abort.abort();
  }

  /** Starts what is due, and sleeps until the next is. */
  function startDue(): void {
    timer?.cancel();
    const now = clock.monotonicMs();
    while ((agenda.next?.dueMs ?? Infinity) <= now) {
      const turn = agenda.take()!;
      if (!isToCome(turn)) continue;
      const { lane } = turn;
      // Where the host stood still, what was missed falls out, and the rhythm stays.
      const { intervalMs, target: { jitter = 0 } } = lane;
      lane.beatMs += intervalMs * Math.max(1, Math.ceil((now - lane.beatMs) / intervalMs));
      schedule(lane, lane.beatMs + intervalMs * jitter * random());
      start(lane);
    }
    const { next } = agenda;
    timer = next && clock.after(next.dueMs - now, startDue);
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
    lane.startedMs = clock.monotonicMs();
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
    if (abort.signal.aborted) return;
    onResult(lane.target, result);
    const intervalMs = intervalNow?.(lane.target) ?? lane.target.intervalMs;
    if (intervalMs !== lane.intervalMs) setInterval(lane, intervalMs);
  }

  /** Another rhythm, that begins with the probe that has just ended. */
  function setInterval(lane: Lane<T>, intervalMs: number): void {
    if (lane.abort.signal.aborted) return;
    lane.intervalMs = intervalMs;
    lane.beatMs = Math.max(clock.monotonicMs(), lane.startedMs + intervalMs);
    schedule(lane, lane.beatMs);
    startDue();
  }

  function probeNow(id?: string): void {
    if (id === undefined) return lanes.forEach(start);
    const lane = lanes.get(id);
    if (lane) start(lane);
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
  return { probeNow, setTargets, stop };
}

function isToCome<T>(turn: Turn<T>): boolean {
  return turn.lane.turn === turn && !turn.lane.abort.signal.aborted;
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
