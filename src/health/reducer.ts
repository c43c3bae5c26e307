/** What results of probes make of checks, and checks of a server: pure functions, one result at a time. */

import type { ProbeResult } from "./probes/probe.ts";

/** What the results of one check come to. */
export interface CheckHealth {
  readonly isUp: boolean;
  /** Results in a row; one of the two is always 0. */
  readonly failures: number;
  readonly successes: number;
  /** What its last failure was; kept after it came back, since people ask then. */
  readonly lastReason: string | undefined;
  /** What its last good result wants the server to get; undefined: it says nothing of that. */
  readonly weight: number | undefined;
}

/** How many results in a row it takes. */
export interface Thresholds {
  readonly rise: number;
  readonly fall: number;
}

/** A check before its first result. */
export function initialCheck(isUp: boolean): CheckHealth {
  return { isUp, failures: 0, successes: 0, lastReason: undefined, weight: undefined };
}

export function reduceCheck(
  health: CheckHealth,
  result: ProbeResult,
  { rise, fall }: Thresholds,
): CheckHealth {
  if (result.ok) {
    const successes = health.successes + 1;
    const isUp = health.isUp || successes >= rise;
    return { ...health, isUp, successes, failures: 0, weight: result.weight };
  }
  const failures = health.failures + 1;
  const isUp = health.isUp && failures < fall;
  return { ...health, isUp, failures, successes: 0, lastReason: result.reason };
}

/** "draining" keeps its connections and gets no new ones; "down" is out. */
export type ServerState = "up" | "draining" | "down";

export interface ServerHealth {
  readonly state: ServerState;
  /** Since when it is in this state: milliseconds since 1970. */
  readonly sinceMs: number;
  /** When it left "up", which says which server failed last; undefined while it is up. */
  readonly failedMs: number | undefined;
  /** When it was back; undefined where it has never been away. */
  readonly recoveredMs: number | undefined;
  /** What its last failure was; kept after it came back. */
  readonly lastReason: string | undefined;
  /** What its checks want it to get; undefined: they say nothing of that. */
  readonly weight: number | undefined;
}

/** A server before its first result: in use. */
export function initialHealth(nowMs: number): ServerHealth {
  return {
    state: "up",
    sinceMs: nowMs,
    failedMs: undefined,
    recoveredMs: undefined,
    lastReason: undefined,
    weight: undefined,
  };
}

/** A server that is not up, of which no more is known than that. */
export function downHealth(
  { state, sinceMs, failedMs, reason }: {
    readonly state: Exclude<ServerState, "up">;
    readonly sinceMs: number;
    readonly failedMs: number | undefined;
    readonly reason: string | undefined;
  },
): ServerHealth {
  return { ...initialHealth(sinceMs), state, failedMs, lastReason: reason };
}

/** One check as its server sees it. */
export interface Verdict {
  readonly health: CheckHealth;
  /** The server's weight when the check finds it down, instead of being down. */
  readonly failedWeight: number | undefined;
}

/** What all checks of a server say together. */
export interface Judgement {
  readonly isGood: boolean;
  /** The least that any of them wants. */
  readonly weight: number | undefined;
  /** Why it is not good: what the first check found that counts against it. */
  readonly reason: string | undefined;
}

export function judge(verdicts: readonly Verdict[], need: "all" | "any"): Judgement {
  let good = 0;
  let weight: number | undefined;
  let reason: string | undefined;
  for (const { health, failedWeight } of verdicts) {
    if (!health.isUp && failedWeight === undefined) {
      reason ??= health.lastReason;
      continue;
    }
    good++;
    const wanted = health.isUp ? health.weight : failedWeight;
    if (wanted !== undefined) weight = Math.min(weight ?? Infinity, wanted);
  }
  const isGood = need === "all" ? good === verdicts.length : good > 0;
  return { isGood, weight, reason };
}

/** `isFailure`: the result that led here was one. The same value where nothing differs. */
export function reduceServer(
  health: ServerHealth,
  { isGood, weight, reason }: Judgement,
  isFailure: boolean,
  nowMs: number,
): ServerHealth {
  const lastReason = reason ?? health.lastReason;
  const state = nextState(health.state, isGood, isFailure);
  if (state === health.state) {
    const isSame = lastReason === health.lastReason && weight === health.weight;
    return isSame ? health : { ...health, lastReason, weight };
  }
  const isBack = state === "up";
  return {
    state,
    sinceMs: nowMs,
    failedMs: isBack ? undefined : health.failedMs ?? nowMs,
    recoveredMs: isBack ? nowMs : undefined,
    lastReason,
    weight,
  };
}

function nextState(state: ServerState, isGood: boolean, isFailure: boolean): ServerState {
  if (state === "up") return isGood ? "up" : "draining";
  if (isGood) return "up";
  // Whatever came between, a server that fails again while it drains does not come back soon.
  return isFailure ? "down" : state;
}
