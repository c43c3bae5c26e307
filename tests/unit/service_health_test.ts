/** What becomes of services as their servers come and go, each rule by an example, in the words of the log. */

import assert from "node:assert/strict";
import { PLAIN_SERVICE, type ServerConfig, type ServiceConfig } from "../../src/config/config.ts";
import { desireService } from "../../src/desired/desire.ts";
import { NOTHING_OWNED } from "../../src/desired/owned.ts";
import { surroundingsOf } from "../../src/desired/surroundings.ts";
import { initialHealth } from "../../src/health/reducer.ts";
import type { Address } from "../../src/model/address.ts";
import { settled } from "../support/fake_clock.ts";
import {
  at,
  bad,
  CHECK,
  checkConfig,
  good,
  type HealthLab,
  healthTest as test,
  named,
  notifyConfig,
  OK,
  REFUSED,
  serverConfig,
  serviceConfig,
  UNABLE,
} from "../support/health_lab.ts";

const ONE = named(1);
const SORRY = 9;

function quorum(needed: number, hysteresis = 0, more: Partial<ServiceConfig["quorum"]> = {}) {
  return { ...PLAIN_SERVICE.quorum, needed, hysteresis, ...more };
}

/** The server that stands in, and how it is checked. */
function sorry(differences: Partial<ServerConfig> = {}, inhibit = false): Partial<ServiceConfig> {
  return { sorry: { server: serverConfig(SORRY, { checks: [], ...differences }), inhibit } };
}

/** Starts, and forgets what was said of that. */
async function start(lab: HealthLab, ...services: ServiceConfig[]): Promise<void> {
  await lab.start(...services);
  lab.take();
  lab.takeSteps();
}

const quorumLines = (lab: HealthLab) => lab.take().filter((line) => line.includes("quorum"));

test("a quorum is lost below its hysteresis and had again above it, and between the two it stays", async (lab) => {
  await start(lab, serviceConfig(1, [1, 2, 3, 4, 5], { quorum: quorum(3, 1) }));
  const lost = `warn ${ONE}: has lost its quorum`;
  const had = `info ${ONE}: has its quorum`;
  for (
    const [n, result, said] of [
      ...[[1, REFUSED, []], [2, REFUSED, []], [3, REFUSED, []], [4, REFUSED, [lost]]] as const,
      ...[[4, OK, []], [3, OK, []], [3, REFUSED, []], [3, OK, []], [2, OK, [had]]] as const,
      ...[[2, REFUSED, []], [3, REFUSED, []]] as const,
    ] as const
  ) {
    await lab.report(n, result);
    assert.deepEqual(quorumLines(lab), said, `${n}`);
  }
});

test("more weight than there is cannot be demanded", async (lab) => {
  await start(lab, serviceConfig(1, [1, serverConfig(2, { weight: 3 })], { quorum: quorum(100) }));
  assert.equal(lab.loop.record.services.get(ONE)!.quorum, true);
  await lab.report(1, REFUSED);
  assert.deepEqual(quorumLines(lab), [`warn ${ONE}: has lost its quorum`]);
  await lab.report(1, OK);
  assert.deepEqual(quorumLines(lab), [`info ${ONE}: has its quorum`]);
  // What an operator takes out of use is not there to be demanded.
  await lab.operate(1, 0);
  assert.deepEqual(quorumLines(lab), []);
});

test("whether there is a quorum survives a restart", async (lab) => {
  const service = serviceConfig(1, [1, 2, 3], { quorum: quorum(2, 1), ...sorry() });
  await start(lab, service);
  for (const n of [1, 2, 3]) await lab.report(n, REFUSED, REFUSED);
  await lab.report(1, OK);
  await lab.report(2, OK);
  // Two of three would be enough to keep it, and are too few to have it again.
  assert.deepEqual(lab.weights(), { 1: 0, 2: 0, 9: 1 });
  lab.take();
  await lab.start(service);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 0, 9: 1 });
  assert.deepEqual(quorumLines(lab), []);
  await lab.report(3, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1, 3: 1 });
  await lab.report(3, REFUSED, REFUSED);
  await lab.start(service);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1 });
});

test("without a quorum the sorry server stands in, and servers that are healthy keep what they have", async (lab) => {
  await start(lab, serviceConfig(1, [1, 2], { quorum: quorum(2), ...sorry({ weight: 7 }) }));
  await lab.report(1, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 0, 9: 7 });
  assert.deepEqual(lab.take(), [
    `warn probe error: ping ${at(1)}: connection refused`,
    `warn ${ONE}: has lost its quorum: ${at(9)} stands in`,
    `info Trying to update wight to 0 for graceful termination: edit server ${at(1)} of ${ONE}: ` +
    "weight 1 -> 0 (connection refused)",
    `info Trying to update wight to 0 for graceful termination: edit server ${at(2)} of ${ONE}: ` +
    "weight 1 -> 0 (no quorum)",
    `info Trying to add real server back: add server ${at(9)} weight 7 to ${ONE} (no quorum)`,
  ]);
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1 });
  assert.ok(lab.take().includes(`info ${ONE}: has its quorum`));
});

test("a sorry server that is not needed any more leaves with its last connection, or when its time is up", async (lab) => {
  await start(lab, serviceConfig(1, [1], { ...sorry(), drainTimeoutMs: 5000 }));
  for (const isFreed of [true, false]) {
    await lab.report(1, REFUSED);
    assert.deepEqual(lab.weights(), { 1: 0, 9: 1 });
    lab.dataplane.setConnections(at(9), 1);
    await lab.report(1, OK);
    await lab.clock.advance(4000);
    assert.deepEqual(lab.weights(), { 1: 1, 9: 0 });
    if (isFreed) lab.dataplane.setConnections(at(9), 0);
    await lab.clock.advance(1000);
    assert.deepEqual(lab.weights(), { 1: 1 });
  }
  // One that is needed again while it leaves stays.
  await lab.report(1, REFUSED);
  lab.dataplane.setConnections(at(9), 1);
  await lab.report(1, OK, REFUSED);
  await lab.clock.advance(60_000);
  assert.equal(lab.weights()[9], 1);
});

test("with inhibit the sorry server is in the table with weight 0 while it is not needed", async (lab) => {
  await start(lab, serviceConfig(1, [1], sorry({ weight: 2 }, true)));
  assert.deepEqual(lab.weights(), { 1: 1, 9: 0 });
  await lab.report(1, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0, 9: 2 });
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 9: 0 });
});

test("a sorry server that is down does not stand in, and is not said to", async (lab) => {
  const service = serviceConfig(1, [1, 2], { quorum: quorum(2), ...sorry({ checks: [CHECK] }) });
  await start(lab, service);
  await lab.report(9, REFUSED);
  lab.take();
  await lab.report(1, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 1 });
  assert.deepEqual(quorumLines(lab), [`warn ${ONE}: has lost its quorum: ${at(9)} is down too`]);
  await lab.report(9, OK);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 0, 9: 1 });
  await lab.report(9, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 1 });
});

test("a sorry server that is listed too is one of the others until it is alone", async (lab) => {
  const server = serverConfig(2, { weight: 9 });
  const service = serviceConfig(1, [1, 2, 3], {
    ...{ quorum: quorum(2), sorry: { server, inhibit: false } },
  });
  await start(lab, service);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1, 3: 1 });
  await lab.report(1, REFUSED, REFUSED);
  await lab.report(3, REFUSED, REFUSED);
  assert.deepEqual(lab.weights(), { 2: 9 });
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1 });
});

test("servers that are to be out when they fail are out while another one stands in", async (lab) => {
  const servers = [1, 2].map((n) => serverConfig(n, { whenFailed: "remove" }));
  await start(lab, serviceConfig(1, servers, { quorum: quorum(2), ...sorry() }));
  await lab.report(1, REFUSED);
  assert.deepEqual(lab.weights(), { 9: 1 });
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1 });
});

test("who rests rests on while another one stands in", async (lab) => {
  const servers = [1, serverConfig(2, { weight: 0, whenFailed: "remove" })];
  await start(lab, serviceConfig(1, servers, { ...sorry(), maintenanceDrainMs: 5000 }));
  await lab.clock.advance(3000);
  await lab.report(1, REFUSED, REFUSED);
  assert.deepEqual(lab.weights(), { 2: 0, 9: 1 });
  await lab.clock.advance(2000);
  assert.deepEqual(lab.weights(), { 9: 1 });
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 1 });
});

test("without a quorum the address is withdrawn with all services on it, those that leave too", async (lab) => {
  const mode = { kind: "link", device: "lvscare", markBit: 0 } as const;
  const own = serviceConfig(1, [1], { mode, quorum: quorum(1, 0, { without: "withdraw" }) });
  const key = { ...own.service.key, port: 81 } as const;
  const beside = serviceConfig(2, [2], {
    ...{ mode, name: "TCP 10.0.0.1:81", drainTimeoutMs: 60_000 },
    service: { ...own.service, key },
  });
  await start(lab, own, beside);
  const addresses = () => lab.dataplane.devices.get("lvscare")?.addresses.map((a) => a.address);
  assert.deepEqual(addresses(), ["10.0.0.1"]);
  lab.dataplane.setConnections(at(2), 1);
  await lab.reconfigure(own);
  assert.deepEqual(addresses(), ["10.0.0.1"]);
  lab.take();
  await lab.report(1, REFUSED);
  assert.deepEqual(addresses() ?? [], []);
  assert.deepEqual(quorumLines(lab), [
    `warn ${ONE}: has lost its quorum: its address is withdrawn`,
  ]);
  assert.deepEqual([...lab.dataplane.services.keys()], [ONE, "TCP 10.0.0.1:81"]);
  await lab.report(1, OK);
  assert.deepEqual(addresses(), ["10.0.0.1"]);
});

Deno.test("an address that is withdrawn is nobody's, also where a service on it is leaving", () => {
  const address = "10.0.0.1" as Address;
  const key = { kind: "address", protocol: "tcp", address, port: 80 } as const;
  const { devices, masquerades } = surroundingsOf({ services: [] } as never, {
    means: { kind: "kernel", rules: "iptables" },
    owned: {
      ...NOTHING_OWNED,
      devices: [{ name: "lvscare", made: true, addresses: [{ address, prefix: 32 }] }],
      masquerades: [{ kind: "iptables", family: "ipv4", entries: [key] }],
    },
    leaving: [key],
    withdrawn: new Set([address]),
  });
  assert.deepEqual([devices, masquerades], [[], []]);
});

test("a service that leaves has not lost its quorum, nor when it is back", async (lab) => {
  const [one, two] = [1, 2].map((n) =>
    serviceConfig(n, [1, 2, 3], { quorum: quorum(2, 1), drainTimeoutMs: 60_000 })
  );
  await start(lab, one!, two!);
  await lab.report(1, REFUSED, REFUSED);
  lab.dataplane.setConnections(at(2), 1);
  await lab.reconfigure(one!);
  assert.deepEqual(lab.weights(2), { 2: 0 });
  await lab.reconfigure(one!, { ...two!, ...sorry() });
  assert.deepEqual(quorumLines(lab), []);
  // Two of three are enough to keep it, and too few to have it again.
  assert.deepEqual(lab.weights(2), { 2: 1, 3: 1 });
});

test("in a panic all servers are used with their weights, for their checks are not to be believed", async (lab) => {
  const servers = [1, 2, 3, 4].map((n) => serverConfig(n, { weight: n }));
  const rested = serverConfig(5, { weight: 0, checks: [] });
  await start(lab, serviceConfig(1, [...servers, rested], { panicPercent: 50 }));
  for (const n of [1, 2]) await lab.report(n, REFUSED, REFUSED);
  // Half of those that are to have traffic: not below half of them.
  assert.deepEqual(lab.weights(), { 3: 3, 4: 4, 5: 0 });
  lab.take();
  await lab.report(3, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 2, 3: 3, 4: 4, 5: 0 });
  assert.deepEqual(lab.take().slice(1), [
    `info Trying to add real server back: add server ${at(1)} weight 1 to ${ONE} ` +
    "(connection refused, but too many failed)",
    `info Trying to add real server back: add server ${at(2)} weight 2 to ${ONE} ` +
    "(connection refused, but too many failed)",
  ]);
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 3: 0, 4: 4, 5: 0 });
});

test("a server that is back gets its weight step by step, by time alone, and one that was there at once", async (lab) => {
  const servers = [1, 2].map((n) => serverConfig(n, { weight: 10 }));
  await start(lab, serviceConfig(1, servers, { slowStartMs: 4500 }));
  assert.deepEqual(lab.weights(), { 1: 10, 2: 10 });
  await lab.report(1, REFUSED, REFUSED);
  await lab.clock.advance(1000);
  lab.take();
  await lab.report(1, OK);
  const weights: number[] = [];
  for (let second = 0; second < 7; second++) {
    weights.push(lab.weights()[1]!);
    await lab.clock.advance(1000);
  }
  assert.deepEqual(weights, [1, 2, 4, 6, 8, 10, 10]);
  assert.deepEqual(lab.take().slice(1, 3), [
    `info Trying to add real server back: add server ${at(1)} weight 1 to ${ONE} ` +
    "(slow start, 10 in the end)",
    `info Trying to update wight to 2 to receive traffic: edit server ${at(1)} of ${ONE}: ` +
    "weight 1 -> 2 (slow start, 10 in the end)",
  ]);
});

Deno.test("a clock that is set back does not keep a server small", () => {
  const config = serviceConfig(1, [serverConfig(1, { weight: 10 })], { slowStartMs: 10_000 });
  const weightAt = (nowMs: number) => {
    const { service, isTimed } = desireService(config, {
      health: new Map([[at(1), { ...initialHealth(0), recoveredMs: 3_600_000 }]]),
      ...{ weights: new Map(), drains: new Map(), table: [], hadQuorum: true, nowMs },
    });
    return [service.servers[0]!.server.weight, isTimed];
  };
  assert.deepEqual(weightAt(3_605_000), [5, true]);
  // It came back while the pass was under way.
  assert.deepEqual(weightAt(3_599_990), [1, true]);
  assert.deepEqual(weightAt(5000), [10, false]);
});

test("the last server stays, and another one that has never been up does not take its place", async (lab) => {
  const proven = serverConfig(3, { checks: [checkConfig("ping", { start: "proven" })] });
  await start(lab, serviceConfig(1, [1, 2, proven], { keepLast: true }));
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1 });
  await lab.report(2, REFUSED, REFUSED);
  await lab.clock.advance(1000);
  lab.take();
  await lab.report(1, REFUSED, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 1 });
  await lab.clock.advance(1000);
  // The last one is the one that failed last.
  await lab.report(2, OK);
  assert.deepEqual(lab.weights(), { 2: 1 });
  lab.take();
  await lab.report(2, bad("status 500"));
  assert.deepEqual(lab.weights(), { 2: 1 });
  await lab.report(3, OK);
  assert.deepEqual(lab.weights(), { 2: 0, 3: 1 });
});

for (
  const [whenFailed, first, second] of [
    ["step", { 1: 0, 2: 1 }, { 2: 1 }],
    ["remove", { 2: 1 }, { 2: 1 }],
    ["inhibit", { 1: 0, 2: 1 }, { 1: 0, 2: 1 }],
  ] as const
) {
  test(`when-failed ${whenFailed}: what the first failure makes of a server, and the second`, async (lab) => {
    await start(lab, serviceConfig(1, [serverConfig(1, { whenFailed }), 2]));
    await lab.report(1, REFUSED);
    assert.deepEqual(lab.weights(), first);
    await lab.report(1, REFUSED);
    assert.deepEqual(lab.weights(), second);
    await lab.report(1, OK);
    assert.deepEqual(lab.weights(), { 1: 1, 2: 1 });
  });
}

test("a server that failed keeps its connections for the time that it has, and not one without", async (lab) => {
  const servers = [1, 2, 3].map((n) => serverConfig(n, { whenFailed: "remove" }));
  await start(lab, serviceConfig(1, servers, { failedDrainMs: 5000 }));
  lab.dataplane.setConnections(at(1), 2);
  lab.dataplane.setConnections(at(2), 2);
  for (const n of [1, 2, 3]) await lab.report(n, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 0 });
  lab.dataplane.setConnections(at(2), 0);
  await lab.clock.advance(4000);
  assert.deepEqual(lab.weights(), { 1: 0 });
  // It is the first failure that counts.
  await lab.report(1, REFUSED);
  lab.take();
  await lab.clock.advance(1000);
  assert.deepEqual(lab.take(), [
    `info Trying to delete real server: remove server ${at(1)} from ${ONE} (connection refused)`,
  ]);
});

test("a connection that comes while an idle server is being taken out is one that it keeps", async (lab) => {
  const server = serverConfig(1, { whenFailed: "remove" });
  await start(lab, serviceConfig(1, [server, 2], { failedDrainMs: 5000 }));
  const { apply } = lab.dataplane;
  lab.dataplane.apply = async (steps) => {
    lab.dataplane.apply = apply;
    lab.dataplane.setConnections(at(1), 1);
    return await lab.dataplane.apply(steps);
  };
  await lab.report(1, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 1 });
  await lab.clock.advance(5000);
  assert.deepEqual(lab.weights(), { 2: 1 });
});

test("what was in use before a restart is so after it, proven or not", async (lab) => {
  const checks = [checkConfig("ping", { start: "proven" })];
  const service = serviceConfig(1, [1, 2].map((n) => serverConfig(n, { checks })));
  await start(lab, service);
  assert.deepEqual(lab.weights(), {});
  await lab.report(1, OK);
  lab.take();
  await lab.start(service);
  assert.deepEqual(lab.weights(), { 1: 1 });
  await lab.report(2, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1 });
});

test("what a check keeps at weight 0 is not in use, and so not proven by a restart either", async (lab) => {
  const checks = [checkConfig("ping", { start: "proven", failedWeight: 0 })];
  const service = serviceConfig(1, [serverConfig(1, { checks })]);
  await start(lab, service);
  assert.deepEqual(lab.weights(), { 1: 0 });
  lab.take();
  await lab.start(service);
  assert.deepEqual(lab.weights(), { 1: 0 });
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 1 });
});

test("a server of weight 0 keeps its connections until its time is up, and failures do not prolong it", async (lab) => {
  await start(lab, serviceConfig(1, [1, 2], { maintenanceDrainMs: 10_000 }));
  await lab.operate(1, 0);
  await lab.clock.advance(6000);
  await lab.report(1, REFUSED, OK);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 1 });
  lab.take();
  await lab.clock.advance(4000);
  assert.deepEqual(lab.weights(), { 2: 1 });
  assert.deepEqual(lab.take(), [
    `info Trying to delete real server: remove server ${at(1)} from ${ONE} (weight 0, time is up)`,
  ]);
  await lab.report(1, REFUSED, REFUSED, OK);
  assert.deepEqual(lab.weights(), { 2: 1 });
});

for (
  const [need, failed, states] of [
    ["all", ["a"], [0, 0]],
    ["all", [], [1, 1]],
    ["any", ["a"], [1, 1]],
    ["any", ["a", "b"], [1, 0]],
  ] as const
) {
  test(`of two checks ${need} must be good: with ${failed.length} bad the weight is ${states.at(-1)}`, async (lab) => {
    const checks = [checkConfig("a"), checkConfig("b")];
    await start(lab, serviceConfig(1, [serverConfig(1, { checks, need })]));
    const weights: number[] = [];
    for (const name of ["a", "b"]) {
      const isBad = (failed as readonly string[]).includes(name);
      await lab.probes.report(name, 1, isBad ? REFUSED : OK);
      weights.push(lab.weights()[1]!);
    }
    assert.deepEqual(weights, states);
  });
}

test("a check with a failed-weight makes a server small, and is not why it goes", async (lab) => {
  const checks = [checkConfig("slow", { failedWeight: 3 }), checkConfig("ping")];
  const server = serverConfig(1, { checks, weight: 10, notify: [notifyConfig()] });
  await start(lab, serviceConfig(1, [server]));
  await lab.probes.report("slow", 1, bad("it takes long"));
  assert.deepEqual(lab.weights(), { 1: 3 });
  await lab.report(1, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0 });
  await lab.probes.report("slow", 1, OK);
  await lab.report(1, OK);
  assert.deepEqual(lab.weights(), { 1: 10 });
  assert.deepEqual(lab.told.map(({ event, reason }) => [event, reason]), [
    ["server-down", "connection refused"],
    ["server-up", undefined],
  ]);
});

test("the least weight that a check wants counts, and an operator's word before it, until the file says another", async (lab) => {
  const checks = [checkConfig("a"), checkConfig("b")];
  const serviceOf = (weight: number) => serviceConfig(1, [serverConfig(1, { checks, weight })]);
  await start(lab, serviceOf(1));
  await lab.probes.report("a", 1, good(8));
  assert.deepEqual(lab.weights(), { 1: 8 });
  await lab.probes.report("b", 1, good(5));
  assert.deepEqual(lab.weights(), { 1: 5 });
  await lab.operate(1, 20);
  await lab.probes.report("a", 1, good(2));
  assert.deepEqual(lab.weights(), { 1: 20 });
  await lab.reconfigure(serviceOf(3));
  assert.deepEqual(lab.weights(), { 1: 2 });
  await lab.probes.report("a", 1, OK);
  await lab.probes.report("b", 1, OK);
  assert.deepEqual(lab.weights(), { 1: 3 });
});

test("a check that cannot be made counts as a failure, or with unable: ignore for nothing", async (lab) => {
  const ignoring = [checkConfig("ping", { unable: "ignore" })];
  await start(lab, serviceConfig(1, [serverConfig(1, { checks: ignoring }), 2]));
  await lab.report(1, UNABLE, UNABLE);
  await lab.report(2, UNABLE);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 0 });
  assert.deepEqual(lab.take().slice(0, 2), [
    `warn check not possible: ping ${at(1)}: no free port`,
    `warn check not possible: ping ${at(2)}: no free port`,
  ]);
  // It is no reason either, and a server that drains drains on.
  await lab.report(1, REFUSED, UNABLE);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 0 });
  assert.equal(lab.loop.checks.health.get(ONE)!.get(at(1))!.lastReason, "connection refused");
});

test("each check says what is taken for granted before it was made", async (lab) => {
  const [up, proven] = [checkConfig("a"), checkConfig("b", { start: "proven" })];
  const servers = [
    serverConfig(1, { checks: [up, proven] }),
    serverConfig(2, { checks: [up, proven], need: "any" }),
    serverConfig(3, { checks: [proven] }),
  ];
  await start(lab, serviceConfig(1, servers));
  assert.deepEqual(lab.weights(), { 2: 1 });
  await lab.probes.report("a", 1, OK);
  assert.deepEqual(lab.weights(), { 2: 1 });
  for (const n of [1, 3]) await lab.probes.report("b", n, OK);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1, 3: 1 });
});

test("nobody who is told keeps passes, reloads or the end waiting", async (lab) => {
  const notify = [notifyConfig([], { timeoutMs: 3_600_000 })];
  const servers = [1, 2, 3].map((n) => serverConfig(n, { notify }));
  const service = serviceConfig(1, servers, { notify, notifiesEnd: true });
  const begun: string[] = [];
  lab.tell = (_, { event }) => {
    begun.push(event);
    return new Promise(() => {});
  };
  await start(lab, service);
  for (let i = 0; i < 20; i++) for (const n of [1, 2, 3]) await lab.report(n, i % 2 ? OK : REFUSED);
  assert.equal(begun.length, 8);
  assert.deepEqual(lab.weights(), { 1: 1, 2: 1, 3: 1 });
  await lab.report(1, REFUSED);
  assert.deepEqual(lab.weights(), { 1: 0, 2: 1, 3: 1 });
  await lab.reconfigure(service, serviceConfig(2, servers));
  assert.deepEqual(lab.weights(2), { 2: 1, 3: 1 });
  await lab.clock.advance(10_000);
  let isStopped = false;
  const stopping = lab.loop.stop().then(() => isStopped = true);
  await lab.clock.advance(799);
  assert.equal(isStopped, false);
  await lab.clock.advance(1);
  await stopping;
});

test("at the end of the program those are told who want to be, and it ends when they have been", async (lab) => {
  const notify = [notifyConfig()];
  const servers = [1, 2].map((n) => serverConfig(n, { notify }));
  await start(
    lab,
    serviceConfig(1, servers, { notify, notifiesEnd: true }),
    serviceConfig(2, servers, { notify }),
  );
  await lab.report(1, REFUSED);
  lab.takeTold();
  const told = Promise.withResolvers<void>();
  lab.tell = (_, message) => {
    lab.told.push(message);
    return told.promise;
  };
  let isStopped = false;
  const stopping = lab.loop.stop().then(() => isStopped = true);
  await settled();
  assert.deepEqual(
    lab.told.map(({ event, service, server, reason }) => [event, service, server, reason]),
    [
      ["server-down", ONE, at(2), "the program ends"],
      ["quorum-down", ONE, undefined, "the program ends"],
    ],
  );
  assert.equal(isStopped, false);
  told.resolve();
  await stopping;
});
