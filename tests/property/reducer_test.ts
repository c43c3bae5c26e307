/** What holds for a server's state after any sequence of results. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import {
  type CheckHealth,
  initialCheck,
  initialHealth,
  judge as judgeChecks,
  reduceCheck,
  reduceServer,
  type ServerHealth,
  type ServerState,
  type Thresholds,
} from "../../src/health/reducer.ts";

/** A server with one check. */
interface Checked {
  readonly check: CheckHealth;
  readonly server: ServerHealth;
}

const UNCHECKED: Checked = { check: initialCheck(true), server: initialHealth(0) };

function reduce(before: Checked, result: ProbeResult, thresholds: Thresholds, nowMs: number) {
  const check = reduceCheck(before.check, result, thresholds);
  const judgement = judgeChecks([{ health: check, failedWeight: undefined }], "all");
  return { check, server: reduceServer(before.server, judgement, !result.ok, nowMs) };
}

const result: fc.Arbitrary<ProbeResult> = fc.oneof(
  fc.constant({ ok: true as const }),
  fc.constantFrom("connection refused", "status 500").map((reason) => ({
    ok: false as const,
    reason,
  })),
);
const story = fc.record({
  results: fc.array(result, { maxLength: 60 }),
  rise: fc.integer({ min: 1, max: 4 }),
  fall: fc.integer({ min: 1, max: 4 }),
});

/** The same in another way: by looking back over all results. */
function judge(results: readonly ProbeResult[], rise: number, fall: number): ServerState {
  let state: ServerState = "up";
  for (let end = 1; end <= results.length; end++) {
    const tail = (ok: boolean) => {
      let count = 0;
      while (count < end && results[end - 1 - count]!.ok === ok) count++;
      return count;
    };
    if (state === "up" && tail(false) >= fall) state = "draining";
    else if (state !== "up" && tail(true) >= rise) state = "up";
    else if (state === "draining" && !results[end - 1]!.ok) state = "down";
  }
  return state;
}

Deno.test("a server falls after so many failures in a row, is removed by the next, and rises again", () => {
  fc.assert(
    fc.property(story, ({ results, rise, fall }) => {
      let checked = UNCHECKED;
      const seen: ProbeResult[] = [];
      for (const [i, each] of results.entries()) {
        const before = checked.server;
        checked = reduce(checked, each, { rise, fall }, i + 1);
        const { check, server: health } = checked;
        seen.push(each);
        assert.equal(health.state, judge(seen, rise, fall));
        assert.equal(health.sinceMs, health.state === before.state ? before.sinceMs : i + 1);
        assert.equal(health.failedMs === undefined, health.state === "up");
        const isBack = health.state === "up" && health.sinceMs > 0;
        assert.equal(health.recoveredMs, isBack ? health.sinceMs : undefined);
        assert.ok(check.failures === 0 || check.successes === 0);
        const lastFailure = seen.findLast(({ ok }) => !ok);
        assert.equal(check.lastReason, lastFailure?.ok === false ? lastFailure.reason : undefined);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("by LVScare's thresholds one failure drains, two remove, one success brings back", () => {
  const failure = { ok: false as const, reason: "connection refused" };
  const states: ServerState[] = [];
  let checked = UNCHECKED;
  for (const each of [failure, failure, failure, { ok: true as const }, failure]) {
    checked = reduce(checked, each, { rise: 1, fall: 1 }, 1);
    states.push(checked.server.state);
  }
  assert.deepEqual(states, ["draining", "down", "down", "up", "draining"]);
});
