/** The checks of servers: for whom they are made, when, and what is known before the first and after a reload. */

import assert from "node:assert/strict";
import { Checks } from "../../src/care/checks.ts";
import { Journal } from "../../src/care/journal.ts";
import type { CheckConfig, ServiceConfig } from "../../src/config/config.ts";
import type { Probe } from "../../src/health/probes/probe.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import type { Address } from "../../src/model/address.ts";
import { EMPTY_MEMORY, type Illness, type ServiceMemory } from "../../src/state/record.ts";
import { FakeClock } from "../support/fake_clock.ts";
import {
  at,
  bad,
  CHECK,
  checkConfig,
  ChecksLab,
  configOf,
  named,
  OK,
  REFUSED,
  serverConfig,
  serviceConfig,
  UNABLE,
} from "../support/health_lab.ts";

const NOTHING = new Map<string, ServiceMemory>();

/** The log's lines, without times. */
async function linesOf(body: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  configureLogs({ level: "info", format: "text", write: (line) => lines.push(line) });
  try {
    await body();
  } finally {
    resetLogs();
  }
  return lines.map((line) => line.replace(/^\S+ /, "").trimEnd());
}

function start(...services: ServiceConfig[]): ChecksLab {
  return new ChecksLab(configOf(services)).start();
}

Deno.test("the same check of the same server is made once, and tells all services that have it", async () => {
  const own = serverConfig(2, { checks: [checkConfig("other")] });
  const lab = start(serviceConfig(1, [1, 2]), serviceConfig(2, [1, own]));
  await lab.clock.advance(1);
  await lab.report("ping", 1, REFUSED);
  await lab.report("ping", 2, REFUSED);
  assert.deepEqual([lab.states(1), lab.states(2)], [
    { 1: "draining", 2: "draining" },
    { 1: "draining", 2: "up" },
  ]);
  assert.deepEqual(lab.turns, [
    `${named(1)} ${at(1)} down: connection refused`,
    `${named(2)} ${at(1)} down: connection refused`,
    `${named(1)} ${at(2)} down: connection refused`,
  ]);
  assert.equal(lab.probes.ends, 2);
  assert.equal(lab.changes, 2);
  await lab.checks.stop();
});

Deno.test("servers that are checked elsewhere share the check of that place", async () => {
  const elsewhere = { address: "192.168.0.9" as Address, port: 80 };
  const checks = [checkConfig("ping", elsewhere)];
  const lab = start(serviceConfig(1, [1, 2].map((n) => serverConfig(n, { checks }))));
  await lab.report("ping", 9, REFUSED);
  assert.deepEqual(lab.states(1), { 1: "draining", 2: "draining" });
  assert.deepEqual(lab.probes.asked.map(({ server }) => server), [at(9)]);
  await lab.checks.stop();
});

Deno.test("a service that goes leaves the other's state and rhythm, and one that comes knows what is known", async () => {
  const checks = [checkConfig("ping", { intervalMs: 1000, fall: 2 })];
  const servers = [1, 2].map((n) => serverConfig(n, { checks }));
  const [one, two] = [serviceConfig(1, servers), serviceConfig(2, servers)];
  const lab = new ChecksLab(configOf([one, two]), (server) => server === at(1) ? REFUSED : OK);
  lab.start();
  await lab.clock.advance(1100);
  assert.deepEqual(lab.states(1), { 1: "draining", 2: "up" });
  lab.checks.reconfigure(configOf([two]));
  lab.checks.reconfigure(configOf([two, serviceConfig(3, servers)]));
  assert.deepEqual([lab.states(1), lab.states(2), lab.states(3)], [
    {},
    { 1: "draining", 2: "up" },
    // It has never been in use here, and is not taken out step by step.
    { 1: "down", 2: "up" },
  ]);
  assert.equal(lab.checks.health.get(named(3))!.get(at(1))!.lastReason, "connection refused");
  lab.probes.answer = () => OK;
  await lab.clock.advance(1400);
  assert.deepEqual(lab.probes.asked.map(({ atMs }) => atMs), [0, 500, 1000, 1500, 2000, 2500]);
  assert.deepEqual(lab.states(3), { 1: "up", 2: "up" });
  await lab.checks.stop();
});

Deno.test("two services that differ in nothing but a check's word have checks of their own", async () => {
  const checks = [checkConfig("ping", { fall: 3 })];
  const lab = start(serviceConfig(1, [1]), serviceConfig(2, [serverConfig(1, { checks })]));
  await lab.clock.advance(1);
  assert.equal(lab.probes.asked.length, 1);
  await lab.report("ping", 1, REFUSED);
  assert.deepEqual([lab.states(1), lab.states(2)], [{ 1: "draining" }, { 1: "up" }]);
  await lab.checks.stop();
});

Deno.test("a check that a reload changes counts anew", async () => {
  const serviceOf = (check: Partial<CheckConfig>) =>
    serviceConfig(1, [serverConfig(1, { checks: [checkConfig("ping", check)] })]);
  const lab = start(serviceOf({ fall: 3 }));
  await lab.report("ping", 1, REFUSED, REFUSED);
  assert.deepEqual(lab.checks.counts(named(1), at(1)), { failures: 2, successes: 0 });
  lab.checks.reconfigure(configOf([serviceOf({ fall: 3, jitter: 0.1 })]));
  assert.deepEqual(lab.checks.counts(named(1), at(1)), { failures: 0, successes: 0 });
  assert.equal(lab.checks.last(named(1), at(1)), undefined);
  assert.equal(lab.checks.areAllChecked, false);
  await lab.report("ping", 1, REFUSED, REFUSED);
  assert.deepEqual(lab.states(1), { 1: "up" });
  await lab.report("ping", 1, REFUSED);
  assert.deepEqual(lab.states(1), { 1: "draining" });
  await lab.checks.stop();
});

for (
  const [what, before, after, results, states] of [
    ["up stays up until it falls, also with start: proven", [], { start: "proven", rise: 2 }, [
      OK,
      REFUSED,
    ], ["up", "draining"]],
    [
      "down is not up for a first failure that does not count yet",
      [REFUSED, REFUSED],
      { fall: 3 },
      [
        REFUSED,
        REFUSED,
        OK,
      ],
      ["down", "down", "up"],
    ],
    ["down takes as many good results as the new check says", [REFUSED, REFUSED], { rise: 2 }, [
      OK,
      OK,
    ], ["down", "up"]],
    ["draining is out with the next failure", [REFUSED], { fall: 3 }, [REFUSED], ["down"]],
  ] as const
) {
  Deno.test(`where a reload changes the check, a server that was ${what}`, async () => {
    const lab = start(serviceConfig(1, [1]));
    await lab.report("ping", 1, ...before);
    const checks = [checkConfig("ping", after)];
    lab.checks.reconfigure(configOf([serviceConfig(1, [serverConfig(1, { checks })])]));
    const seen: string[] = [];
    for (const result of results) {
      await lab.report("ping", 1, result);
      seen.push(lab.states(1)[1]!);
    }
    assert.deepEqual(seen, states);
    await lab.checks.stop();
  });
}

Deno.test("a check that a reload adds does not take a server out before it has failed", async () => {
  const lab = start(serviceConfig(1, [1]));
  await lab.report("ping", 1, OK);
  const checks = [CHECK, checkConfig("more", { start: "proven" })];
  lab.checks.reconfigure(configOf([serviceConfig(1, [serverConfig(1, { checks })])]));
  await lab.report("ping", 1, OK);
  assert.deepEqual(lab.states(1), { 1: "up" });
  await lab.report("more", 1, REFUSED);
  assert.deepEqual(lab.states(1), { 1: "draining" });
  await lab.checks.stop();
});

const ILL: Illness = { state: "down", sinceMs: 7, failedMs: 5, reason: "status 500" };

function remembering(...ill: (readonly [service: number, server: number])[]) {
  const services = new Map(NOTHING);
  for (const [service, server] of ill) {
    services.set(named(service), { ...EMPTY_MEMORY, health: new Map([[at(server), ILL]]) });
  }
  return services;
}

Deno.test("what was down when the last process ended is down, and takes nothing else with it", async () => {
  const [ping, more] = [CHECK, checkConfig("more")];
  const both = serverConfig(1, { checks: [ping, more] });
  const services = [serviceConfig(1, [both]), serviceConfig(2, [1]), serviceConfig(3, [both])];
  const lab = new ChecksLab(configOf(services), undefined, remembering([1, 1], [3, 1])).start();
  assert.deepEqual([lab.states(1), lab.states(2), lab.states(3)], [
    { 1: "down" },
    // It has the one check of the two that may be good.
    { 1: "up" },
    { 1: "down" },
  ]);
  await lab.report("ping", 1, OK);
  assert.deepEqual(lab.states(1), { 1: "down" });
  assert.equal(lab.checks.health.get(named(1))!.get(at(1))!.failedMs, 5);
  await lab.report("more", 1, OK);
  assert.deepEqual([lab.states(1), lab.states(3)], [{ 1: "up" }, { 1: "up" }]);
  await lab.checks.stop();
});

Deno.test("a server that was down takes as many good results as any other to be up", async () => {
  const checks = [checkConfig("ping", { rise: 2, fall: 3 })];
  const config = configOf([serviceConfig(1, [serverConfig(1, { checks })])]);
  const lab = new ChecksLab(config, undefined, remembering([1, 1])).start();
  const seen: string[] = [];
  for (const result of [REFUSED, OK, OK]) {
    await lab.report("ping", 1, result);
    seen.push(lab.states(1)[1]!);
  }
  assert.deepEqual(seen, ["down", "down", "up"]);
  assert.equal(lab.checks.health.get(named(1))!.get(at(1))!.recoveredMs, lab.clock.wallMs());
  await lab.checks.stop();
});

Deno.test("who does not remember health begins with all as if nothing had been", async () => {
  const config = configOf([serviceConfig(1, [1])], { remembersHealth: false });
  const lab = new ChecksLab(config, undefined, remembering([1, 1])).start();
  assert.deepEqual(lab.states(1), { 1: "up" });
  await lab.checks.stop();
});

Deno.test("the sorry server is checked too, as what it is in the list where it is there", async () => {
  const listed = serverConfig(9, { checks: [checkConfig("listed")] });
  const sorry = { server: serverConfig(9), inhibit: false };
  const lab = start(serviceConfig(1, [1], { sorry }), serviceConfig(2, [1, listed], { sorry }));
  await lab.report("ping", 9, REFUSED);
  assert.deepEqual([lab.states(1), lab.states(2)], [{ 1: "up", 9: "draining" }, {
    1: "up",
    9: "up",
  }]);
  await lab.report("listed", 9, REFUSED);
  assert.deepEqual(lab.states(2), { 1: "up", 9: "draining" });
  await lab.checks.stop();
});

Deno.test("the last check of a server is the first of its checks that is bad", async () => {
  const checks = ["a", "b", "c"].map((name) => checkConfig(name));
  const lab = start(serviceConfig(1, [serverConfig(1, { checks })]));
  const last = () => lab.checks.last(named(1), at(1))?.text;
  assert.equal(last(), undefined);
  await lab.report("a", 1, OK);
  assert.equal(last(), "ok");
  await lab.report("c", 1, bad("status 500"));
  await lab.report("b", 1, UNABLE);
  assert.equal(last(), "could not be made: no free port");
  assert.equal(lab.checks.areAllChecked, true);
  await lab.checks.stop();
});

/** When a server is checked that answers so, for twenty seconds; from the 21st on it is not looked at. */
async function timesOf(check: Partial<CheckConfig>, answers: string): Promise<number[]> {
  const marks = [...answers];
  const servers = [serverConfig(1, { checks: [checkConfig("ping", check)] })];
  const lab = new ChecksLab(configOf([serviceConfig(1, servers)]), () => {
    return (marks.length > 1 ? marks.shift() : marks[0]) === "+" ? OK : REFUSED;
  }).start();
  await lab.clock.advance(20_000);
  await lab.checks.stop();
  return lab.probes.asked.map(({ atMs }) => atMs / 1000);
}

const PACES = { intervalMs: 5000, fastIntervalMs: 1000, downIntervalMs: 7000 };
for (
  const [name, check, answers, times] of [
    ["up: the interval", {}, "+", [0, 5, 10, 15, 20]],
    ["failures are being counted: fast", { fall: 3 }, "--+", [0, 1, 2, 7, 12, 17]],
    ["down: the down-interval", { fall: 2 }, "+-", [0, 5, 6, 13, 20]],
    ["successes are being counted: fast", { rise: 3 }, "-+", [0, 7, 8, 9, 14, 19]],
    ["a failure while successes are counted: down again", { rise: 3 }, "-+-+", [
      ...[0, 7, 8, 15, 16, 17],
    ]],
    ["not proven yet: down", { start: "proven", rise: 2 }, "-+", [0, 7, 8, 13, 18]],
  ] as const
) {
  Deno.test(`checks come at the pace of their state (${name})`, async () => {
    assert.deepEqual(await timesOf({ ...PACES, ...check }, answers), times);
  });
}

Deno.test("first checks are spread over their time, and jitter makes those that follow later", async () => {
  const random = Math.random;
  Math.random = () => 0.5;
  try {
    const check = { intervalMs: 5000, fastIntervalMs: 5000, spreadMs: 900, jitter: 0.2 };
    const checks = [checkConfig("ping", check)];
    const servers = [1, 2, 3].map((n) => serverConfig(n, { checks }));
    const lab = new ChecksLab(configOf([serviceConfig(1, servers)]), () => OK).start();
    await lab.clock.advance(12_000);
    await lab.checks.stop();
    const times = lab.probes.asked.map(({ atMs }) => atMs);
    assert.deepEqual(times, [0, 300, 600, 5500, 5800, 6100, 10_500, 10_800, 11_100]);
  } finally {
    Math.random = random;
  }
});

Deno.test("what tells of news is checked at once, and followed only as long as it is listed", async () => {
  const lab = new ChecksLab(configOf([serviceConfig(1, [1, 2])]), () => OK).start();
  await lab.clock.advance(1);
  lab.probes.answer = () => REFUSED;
  lab.probes.tellNews("ping");
  await lab.clock.advance(0);
  assert.deepEqual(lab.states(1), { 1: "draining", 2: "draining" });
  assert.equal(lab.probes.watched, 2);
  lab.checks.reconfigure(configOf([serviceConfig(1, [2])]));
  assert.equal(lab.probes.watched, 1);
  await lab.checks.stop();
  assert.equal(lab.probes.watched, 0);
});

Deno.test("what cannot be followed is said, and checked at its interval", async () => {
  const asked: number[] = [];
  const clock = new FakeClock();
  const probe: Probe = {
    describe: () => "file /weight",
    run: () => {
      asked.push(clock.monotonicMs());
      return Promise.resolve(OK);
    },
    watch: () => {
      throw new Error("no more watches");
    },
  };
  const checks = [checkConfig("ping", { intervalMs: 1000 })];
  const lines = await linesOf(async () => {
    const made = new Checks({
      config: configOf([serviceConfig(1, [serverConfig(1, { checks })])]),
      ...{ clock, journal: new Journal(), remembered: NOTHING, onChange: () => {} },
      probeOf: () => probe,
    });
    made.start();
    await clock.advance(2000);
    await made.stop();
  });
  assert.deepEqual(asked, [0, 1000, 2000]);
  assert.deepEqual(lines, [
    "warn what it says is seen only at each interval: Error: no more watches",
  ]);
});

Deno.test("a failure is said when it begins and when it is another one, and its end with its length", async () => {
  const checks = [checkConfig("ping", { fall: 2 })];
  const lines = await linesOf(async () => {
    const lab = start(serviceConfig(1, [serverConfig(1, { checks })]));
    const report = async (...results: Parameters<ChecksLab["report"]>[2][]) => {
      await lab.report("ping", 1, ...results);
      await lab.clock.advance(10_000);
    };
    await report(OK);
    await report(REFUSED, REFUSED, REFUSED);
    await report(bad("status 500"), bad("status 500"));
    await report(OK, OK);
    await report(REFUSED, OK);
    await lab.checks.stop();
  });
  assert.deepEqual(lines, [
    `warn probe error: ping ${at(1)}: connection refused`,
    `warn probe error: ping ${at(1)}: status 500`,
    `info probe ok again: ping ${at(1)}, after 20s`,
    `warn probe error: ping ${at(1)}: connection refused`,
  ]);
});

Deno.test("a check that is ignored is said once in a row", async () => {
  const checks = [checkConfig("ping", { unable: "ignore" })];
  const lines = await linesOf(async () => {
    const lab = start(serviceConfig(1, [serverConfig(1, { checks })]));
    await lab.report("ping", 1, UNABLE, UNABLE, UNABLE, OK, UNABLE, UNABLE);
    assert.deepEqual(lab.checks.counts(named(1), at(1)), { failures: 0, successes: 1 });
    await lab.checks.stop();
  });
  const line = `warn check not possible: ping ${at(1)}: no free port`;
  assert.deepEqual(lines, [line, line]);
});
