/** What results of probes make of a server: a pure function, one result at a time. */

import type { ProbeResult } from "./probes/probe.ts";

/** "draining" keeps its connections and gets no new ones; "down" is out. */
export type ServerState = "up" | "draining" | "down";

export interface ServerHealth {
  readonly state: ServerState;
  /** Since when it is in this state: milliseconds since 1970. */
  readonly sinceMs: number;
  /** When it left "up", which says which server failed last; undefined while it is up. */
  readonly failedMs: number | undefined;
  /** Results in a row; one of the two is always 0. */
  readonly failures: number;
  readonly successes: number;
  /** What its last failure was; kept after it came back, since people ask then. */
  readonly lastReason: string | undefined;
}

/** How many results in a row it takes. */
export interface Thresholds {
  readonly rise: number;
  readonly fall: number;
}

/** A server before its first result: in use. */
export function initialHealth(nowMs: number): ServerHealth {
  return {
    state: "up",
    sinceMs: nowMs,
    failedMs: undefined,
    failures: 0,
    successes: 0,
    lastReason: undefined,
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
  return { state, sinceMs, failedMs, failures: 0, successes: 0, lastReason: reason };
}

export function reduceHealth(
  health: ServerHealth,
  result: ProbeResult,
  thresholds: Thresholds,
  nowMs: number,
): ServerHealth {
  const counted: ServerHealth = result.ok
    ? { ...health, successes: health.successes + 1, failures: 0 }
    : { ...health, failures: health.failures + 1, successes: 0, lastReason: result.reason };
  const state = nextState(counted, thresholds);
  if (state === health.state) return counted;
  const failedMs = state === "up" ? undefined : health.failedMs ?? nowMs;
  return { ...counted, state, sinceMs: nowMs, failedMs };
}

function nextState(
  { state, failures, successes }: ServerHealth,
  { rise, fall }: Thresholds,
): ServerState {
  if (state === "up") return failures >= fall ? "draining" : "up";
  if (successes >= rise) return "up";
  // Whatever came between, a server that fails again while it drains does not come back soon.
  return failures > 0 ? "down" : state;
}
