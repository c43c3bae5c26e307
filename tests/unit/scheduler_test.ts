import assert from "node:assert/strict";
import type { Probe, ProbeResult } from "../../src/health/probes/probe.ts";
import { type ProbeTarget, type Probing, startProbes } from "../../src/health/scheduler.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { endpoint } from "../support/care_arbitraries.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";

const SERVERS = [1, 2, 3].map((n) => endpoint(`10.0.0.${n}`, 80));
const OK: ProbeResult = { ok: true };

/** Probes that take so long, and a list of what happened when. */
class Lab implements Probe {
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  takesMs = 0;
  running = 0;
  readonly probing: Probing<ProbeTarget>;
  readonly #intervalMs: number;

  constructor(intervalMs: number, targets: readonly Endpoint[] = SERVERS) {
    this.#intervalMs = intervalMs;
    this.probing = startProbes({
      targets: this.#targets(targets, intervalMs),
      atOnce: Infinity,
      clock: this.clock,
      onResult: ({ id }, { ok }) => this.#note(`${id} ${ok ? "ok" : "failed"}`),
    });
  }

  #targets(servers: readonly Endpoint[], intervalMs: number): ProbeTarget[] {
    return servers.map((endpoint) => ({ id: endpoint.address, endpoint, probe: this, intervalMs }));
  }

  setTargets(servers: readonly Endpoint[]): void {
    this.probing.setTargets(this.#targets(servers, this.#intervalMs));
  }

  describe(): string {
    return "";
  }

  run({ address }: Endpoint, signal: AbortSignal): Promise<ProbeResult> {
    this.#note(`${address} start`);
    this.running++;
    return new Promise<ProbeResult>((resolve) => {
      signal.addEventListener("abort", () => resolve({ ok: false, reason: "aborted" }));
      if (this.takesMs === 0) resolve(OK);
      else this.clock.after(this.takesMs, () => resolve(OK));
    }).finally(() => this.running--);
  }

  take(): string[] {
    return this.events.splice(0);
  }

  #note(text: string): void {
    this.events.push(`${Math.round(this.clock.monotonicMs())} ${text}`);
  }
}

const starts = (events: readonly string[]) => events.filter((each) => each.endsWith("start"));

Deno.test("probes start spread over the interval, the first at once, and keep their rhythm", async () => {
  const lab = new Lab(3000);
  lab.takesMs = 100;
  await lab.clock.advance(8000);
  assert.deepEqual(starts(lab.take()), [
    "0 10.0.0.1 start",
    "1000 10.0.0.2 start",
    "2000 10.0.0.3 start",
    "3000 10.0.0.1 start",
    "4000 10.0.0.2 start",
    "5000 10.0.0.3 start",
    "6000 10.0.0.1 start",
    "7000 10.0.0.2 start",
    "8000 10.0.0.3 start",
  ]);
  await lab.probing.stop();
});

Deno.test("each probe's result is told once, when it is there", async () => {
  const lab = new Lab(3000, SERVERS.slice(0, 1));
  lab.takesMs = 100;
  await lab.clock.advance(50);
  assert.deepEqual(lab.take(), ["0 10.0.0.1 start", "0 10.0.0.1 ok"]);
  await lab.clock.advance(3100);
  assert.deepEqual(lab.take(), ["3000 10.0.0.1 start", "3100 10.0.0.1 ok"]);
  await lab.probing.stop();
});

Deno.test("a probe that takes longer than the interval is not started twice, and misses its turn", async () => {
  const lab = new Lab(1000, SERVERS.slice(0, 1));
  await lab.clock.advance(500);
  lab.take();
  lab.takesMs = 2500;
  await lab.clock.advance(6000);
  assert.deepEqual(starts(lab.take()), ["1000 10.0.0.1 start", "4000 10.0.0.1 start"]);
  assert.ok(lab.running <= 1);
  await lab.probing.stop();
});

Deno.test("a clock that stood still for minutes is not caught up with", async () => {
  const lab = new Lab(1000);
  await lab.clock.advance(1000);
  lab.take();
  const now = lab.clock.monotonicMs.bind(lab.clock);
  let leapMs = 0;
  lab.clock.monotonicMs = () => now() + leapMs;
  leapMs = 600_000;
  await lab.clock.advance(2000);
  assert.ok(starts(lab.take()).length <= 9);
  await lab.probing.stop();
});

Deno.test("targets that stay keep their rhythm, new ones are spread, those that go are aborted", async () => {
  const lab = new Lab(1000, SERVERS.slice(0, 2));
  await lab.clock.advance(1200);
  lab.take();
  lab.takesMs = 400;
  await lab.clock.advance(400); // 10.0.0.2 is under way
  lab.setTargets([SERVERS[0]!, SERVERS[2]!]);
  await settled();
  assert.equal(lab.running, 1);
  lab.take();
  await lab.clock.advance(1000);
  assert.deepEqual(lab.take(), [
    "2000 10.0.0.3 ok",
    "2000 10.0.0.1 start",
    "2400 10.0.0.1 ok",
    "2600 10.0.0.3 start",
  ]);
  await lab.probing.stop();
});

Deno.test("after stop() nothing is under way, and nothing is told any more", async () => {
  const lab = new Lab(1000);
  await lab.clock.advance(1000);
  lab.takesMs = 10_000;
  await lab.clock.advance(1000);
  assert.ok(lab.running > 0);
  lab.take();
  await lab.probing.stop();
  assert.equal(lab.running, 0);
  await lab.clock.advance(20_000);
  assert.deepEqual(lab.take(), []);
});

Deno.test("a probe that throws in spite of its contract is a failed one", async () => {
  const clock = new FakeClock();
  const results: ProbeResult[] = [];
  const probe = { describe: () => "", run: () => Promise.reject(new TypeError("a defect")) };
  const probing = startProbes({
    targets: [{ id: "one", endpoint: SERVERS[0]!, probe, intervalMs: 1000 }],
    atOnce: 1,
    clock,
    onResult: (_, result) => results.push(result),
  });
  await clock.advance(0);
  assert.deepEqual(results, [{ ok: false, reason: "a defect" }]);
  await probing.stop();
});
