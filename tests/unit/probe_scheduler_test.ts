/** What scheduler_test.ts leaves out: many servers, checks out of turn, and ends in the midst of things. */

import assert from "node:assert/strict";
import type { Probe, ProbeResult } from "../../src/health/probes/probe.ts";
import { type ProbeTarget, startProbes } from "../../src/health/scheduler.ts";
import type { Address } from "../../src/model/address.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";

const INTERVAL_MS = 5000;

/** So many servers. */
function targets(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => ({
    address: `10.0.${i >> 8}.${i & 255}` as Address,
    port: 80,
  }));
}

interface Run {
  readonly target: string;
  readonly atMs: number;
  readonly signal: AbortSignal;
  readonly end: (result: ProbeResult) => void;
}

/** Probes whose ends a test decides, unless they end at once. */
interface SetUp {
  readonly targets?: readonly Endpoint[];
  readonly intervalMs?: number;
  readonly atOnce?: number;
  readonly signal?: AbortSignal;
  readonly endsAtOnce?: boolean;
}

function setUp(
  { targets: first = targets(1), intervalMs = INTERVAL_MS, atOnce = Infinity, ...options }: SetUp,
) {
  const clock = new FakeClock();
  const runs: Run[] = [];
  const told: string[] = [];
  const probe: Probe = {
    describe: printEndpoint,
    run(target, signal) {
      const { promise, resolve: end } = Promise.withResolvers<ProbeResult>();
      runs.push({ target: target.address, atMs: clock.monotonicMs(), signal, end });
      if (options.endsAtOnce) end({ ok: true });
      return promise;
    },
  };
  const targetsOf = (servers: readonly Endpoint[], every = intervalMs): ProbeTarget[] =>
    servers.map((endpoint) => ({
      id: printEndpoint(endpoint),
      endpoint,
      probe,
      intervalMs: every,
    }));
  const { probeNow, setTargets, stop } = startProbes({
    targets: targetsOf(first),
    atOnce,
    clock,
    onResult: ({ endpoint }, { ok }) => told.push(`${endpoint.address} ${ok}`),
    ...(options.signal && { signal: options.signal }),
  });
  const probing = {
    ...{ probeNow, stop },
    setTargets: (servers: readonly Endpoint[], every?: number) =>
      setTargets(targetsOf(servers, every)),
  };
  return { clock, runs, told, probing };
}

Deno.test("three servers at five seconds start a third of that apart", async () => {
  const { clock, runs } = setUp({ targets: targets(3), endsAtOnce: true });
  await clock.advance(INTERVAL_MS);
  const starts = runs.map(({ target, atMs }) => `${target} ${atMs.toFixed(1)}`);
  assert.deepEqual(starts, [
    "10.0.0.0 0.0",
    "10.0.0.1 1666.7",
    "10.0.0.2 3333.3",
    "10.0.0.0 5000.0",
  ]);
});

Deno.test("a thousand servers are each started once an interval, in the same order, by one timer", async () => {
  const { clock, runs } = setUp({ targets: targets(1000), endsAtOnce: true });
  assert.equal(clock.pending, 1);
  await clock.advance(3 * INTERVAL_MS - 1);
  assert.equal(runs.length, 3000);
  const expected = targets(1000).map(({ address }) => address);
  for (const round of [0, 1, 2]) {
    const inRound = runs.slice(1000 * round, 1000 * (round + 1));
    assert.deepEqual(inRound.map(({ target }) => target), expected);
    for (const [i, { atMs }] of inRound.entries()) {
      assert.ok(Math.abs(atMs - (round * INTERVAL_MS + i * 5)) < 0.001, `${i} at ${atMs}`);
    }
  }
  assert.equal(clock.pending, 1);
});

Deno.test("probeNow() starts whoever is idle, and leaves the rhythm as it is", async () => {
  const { clock, runs, probing } = setUp({ targets: targets(2) });
  await clock.advance(2600);
  runs[0]!.end({ ok: true });
  await settled();
  runs.length = 0;
  probing.probeNow();
  assert.deepEqual(runs.map(({ target, atMs }) => [target, atMs]), [["10.0.0.0", 2600]]);
  runs.splice(0).forEach(({ end }) => end({ ok: true }));
  await clock.advance(2400);
  assert.deepEqual(runs.map(({ target, atMs }) => [target, atMs]), [["10.0.0.0", 5000]]);
});

Deno.test("a server that is named twice is probed once", async () => {
  const { clock, runs } = setUp({ targets: [...targets(1), ...targets(1)], endsAtOnce: true });
  await clock.advance(INTERVAL_MS - 1);
  assert.equal(runs.length, 1);
});

Deno.test("setTargets() with the same servers changes nothing", async () => {
  const { clock, runs, probing } = setUp({ targets: targets(2), endsAtOnce: true });
  await clock.advance(1000);
  probing.setTargets(targets(2));
  probing.setTargets(targets(2).reverse());
  await clock.advance(5000);
  assert.deepEqual(runs.map(({ target, atMs }) => `${target} ${atMs}`), [
    "10.0.0.0 0",
    "10.0.0.1 2500",
    "10.0.0.0 5000",
  ]);
});

Deno.test("setTargets() from none to some starts the first at once", async () => {
  const { clock, runs, probing } = setUp({ targets: [], endsAtOnce: true });
  await clock.advance(1234);
  assert.equal(clock.pending, 0);
  probing.setTargets(targets(2));
  await clock.advance(2500);
  assert.deepEqual(runs.map(({ atMs }) => atMs), [1234, 3734]);
});

Deno.test("what a removed server answers late is told nobody, also when the server is back", async () => {
  const { runs, told, probing } = setUp({});
  probing.setTargets([]);
  assert.ok(runs[0]!.signal.aborted);
  probing.setTargets(targets(1));
  assert.equal(runs.length, 2);
  runs[0]!.end({ ok: false, reason: "late" });
  runs[1]!.end({ ok: true });
  await settled();
  assert.deepEqual(told, ["10.0.0.0 true"]);
});

Deno.test("stop() resolves when the last probe has ended, those of removed servers too", async () => {
  const { clock, runs, told, probing } = setUp({ targets: targets(2) });
  await clock.advance(2500);
  probing.setTargets(targets(1));
  let isStopped = false;
  const stopping = probing.stop();
  stopping.then(() => isStopped = true);
  assert.equal(probing.stop(), stopping);
  assert.ok(runs.every(({ signal }) => signal.aborted));
  runs[0]!.end({ ok: true });
  await settled();
  assert.equal(isStopped, false);
  runs[1]!.end({ ok: true });
  await stopping;
  assert.deepEqual(told, []);
  assert.equal(clock.pending, 0);
});

Deno.test("after stop() nothing starts any more, whoever asks for it", async () => {
  const { clock, runs, probing } = setUp({ endsAtOnce: true });
  await probing.stop();
  probing.probeNow();
  probing.setTargets(targets(3));
  await clock.advance(2 * INTERVAL_MS);
  assert.equal(runs.length, 1);
});

Deno.test("an aborted signal is as good as stop()", async () => {
  const abort = new AbortController();
  const { clock, runs, told, probing } = setUp({ signal: abort.signal });
  abort.abort();
  assert.ok(runs[0]!.signal.aborted);
  runs[0]!.end({ ok: true });
  await probing.stop();
  await clock.advance(2 * INTERVAL_MS);
  assert.deepEqual([runs.length, told.length], [1, 0]);
});

Deno.test("with a signal that is aborted already nothing starts at all", () => {
  const { clock, runs } = setUp({ signal: AbortSignal.abort() });
  assert.deepEqual([runs.length, clock.pending], [0, 0]);
});

for (const thrown of [new Error("a defect"), "a string"]) {
  Deno.test(`a probe that throws ${typeof thrown} before it waits is a failed one, and probed again`, async () => {
    const clock = new FakeClock();
    const told: ProbeResult[] = [];
    const probe: Probe = {
      describe: printEndpoint,
      run() {
        throw thrown;
      },
    };
    const [endpoint] = targets(1);
    startProbes({
      targets: [{ id: "one", endpoint: endpoint!, probe, intervalMs: INTERVAL_MS }],
      atOnce: 1,
      clock,
      onResult: (_, result) => told.push(result),
    });
    await clock.advance(INTERVAL_MS);
    const reason = thrown instanceof Error ? thrown.message : thrown;
    assert.deepEqual(told, [{ ok: false, reason }, { ok: false, reason }]);
  });
}

Deno.test("no more than so many are under way, and those that wait have their turn in their order", async () => {
  const { clock, runs } = setUp({ targets: targets(4), atOnce: 2 });
  await clock.advance(INTERVAL_MS - 1);
  const started = () => runs.map(({ target }) => target);
  assert.deepEqual(started(), ["10.0.0.0", "10.0.0.1"]);
  runs[1]!.end({ ok: true });
  await settled();
  assert.deepEqual(started().slice(2), ["10.0.0.2"]);
  runs[0]!.end({ ok: true });
  await settled();
  assert.deepEqual(started().slice(3), ["10.0.0.3"]);
});

Deno.test("who waits and is removed is never started", async () => {
  const { clock, runs, probing } = setUp({ targets: targets(3), atOnce: 1 });
  await clock.advance(INTERVAL_MS - 1);
  probing.setTargets([targets(3)[0]!, targets(3)[2]!]);
  runs[0]!.end({ ok: true });
  await settled();
  assert.deepEqual(runs.map(({ target }) => target), ["10.0.0.0", "10.0.0.2"]);
});

Deno.test("another interval begins a new rhythm, and is kept beside others", async () => {
  const { clock, runs, probing } = setUp({ targets: targets(1), endsAtOnce: true });
  await clock.advance(1000);
  probing.setTargets(targets(1), 700);
  await clock.advance(2000);
  assert.deepEqual(runs.map(({ atMs }) => atMs), [0, 1000, 1700, 2400]);
});

for (const intervalMs of [0, -1, NaN]) {
  Deno.test(`an interval of ${intervalMs} ms is refused`, () => {
    assert.throws(() => setUp({ intervalMs }), RangeError);
  });
}
