/** The loop on a clock of the tests and a dataplane in memory. */

import assert from "node:assert/strict";
import { Instance } from "../../src/care/instance.ts";
import { Journal } from "../../src/care/journal.ts";
import { CareLoop } from "../../src/care/loop.ts";
import type { CareConfig } from "../../src/config/care.ts";
import { careServices } from "../../src/config/care_services.ts";
import { LvscareError } from "../../src/errors.ts";
import type { Probe, ProbeResult } from "../../src/health/probes/probe.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { careConfig, endpoint } from "../support/care_arbitraries.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import { FakeDataplane } from "../support/fake_dataplane.ts";
import { withFolder } from "../support/process.ts";

const REFUSED: ProbeResult = { ok: false, reason: "connection refused" };

class Lab implements Probe {
  readonly clock = new FakeClock();
  readonly dataplane = new FakeDataplane();
  readonly down = new Set<string>();
  readonly lines: string[] = [];
  readonly config: CareConfig;
  loop!: CareLoop;
  #instance: Instance | undefined;

  constructor(config: Partial<CareConfig>) {
    this.config = careConfig({ intervalMs: 3000, ...config });
    this.dataplane.parameters.set("net.ipv4.vs.conntrack", "0");
  }

  describe(server: Endpoint): string {
    return `GET ${printEndpoint(server)}`;
  }

  run(server: Endpoint): Promise<ProbeResult> {
    return Promise.resolve(this.down.has(printEndpoint(server)) ? REFUSED : { ok: true });
  }

  /** Starts an instance anew, with what the last one left in the kernel and in writing. */
  async start(config: Partial<CareConfig> = {}): Promise<void> {
    this.kill();
    const { clock, dataplane } = this;
    const warn = (text: string) => this.lines.push(`warn ${text}`);
    const merged = { ...this.config, ...config };
    const { stateDir, virtualServer } = merged;
    const name = printEndpoint(virtualServer);
    const command = `lvscare care --vs ${name}`;
    this.#instance = Instance.open({ name, command, stateDir, unit: undefined, pid: 7, warn });
    this.loop = new CareLoop({
      config: careServices(merged),
      ground: { dataplane, means: { kind: "kernel", rules: "iptables" } },
      instance: this.#instance,
      probeOf: () => this,
      clock,
      journal: new Journal(),
    });
    await this.loop.begin();
    this.loop.start();
  }

  /** What SIGKILL leaves: no lock, and nothing said. */
  kill(): void {
    this.#instance?.[Symbol.dispose]();
    this.#instance = undefined;
  }

  take(): string[] {
    return this.lines.splice(0).map((line) => line.replace(/^\S+ /, "").trimEnd());
  }

  weights() {
    return this.dataplane.weights();
  }
}

function test(name: string, config: Partial<CareConfig>, body: (lab: Lab) => Promise<void>): void {
  Deno.test(name, async () => {
    await withFolder(async (stateDir) => {
      const lab = new Lab({ stateDir, ...config });
      configureLogs({ level: "info", format: "text", write: (line) => lab.lines.push(line) });
      try {
        await body(lab);
      } finally {
        await lab.loop.stop();
        lab.kill();
        resetLogs();
      }
    });
  });
}

const at = (n: number) => `192.168.0.${n}:6443`;

test(
  "a server that fails gets weight 0, is removed by the next failure, and comes back",
  {},
  async (lab) => {
    await lab.start();
    assert.deepEqual(lab.weights(), { [at(1)]: 1, [at(2)]: 1, [at(3)]: 1 });
    lab.take();
    lab.down.add(at(2));
    await lab.clock.advance(1000);
    assert.deepEqual(lab.weights(), { [at(1)]: 1, [at(2)]: 0, [at(3)]: 1 });
    assert.deepEqual(lab.take(), [
      `warn probe error: GET ${at(2)}: connection refused`,
      `info Trying to update wight to 0 for graceful termination: edit server ${at(2)} of ` +
      "TCP 10.0.0.1:6443: weight 1 -> 0 (connection refused)",
    ]);
    await lab.clock.advance(3000);
    assert.deepEqual(lab.weights(), { [at(1)]: 1, [at(3)]: 1 });
    assert.deepEqual(lab.take(), [
      `info Trying to delete real server: remove server ${at(2)} from TCP 10.0.0.1:6443 ` +
      "(connection refused)",
    ]);
    lab.down.delete(at(2));
    await lab.clock.advance(3000);
    assert.deepEqual(lab.weights(), { [at(1)]: 1, [at(3)]: 1, [at(2)]: 1 });
    assert.deepEqual(lab.take(), [
      `info probe ok again: GET ${at(2)}, after 6s`,
      `info Trying to add real server back: add server ${at(2)} weight 1 to TCP 10.0.0.1:6443`,
    ]);
  },
);

test("where nothing differs nothing is written and nothing is said", {}, async (lab) => {
  await lab.start();
  await lab.clock.advance(3000);
  lab.take();
  lab.dataplane.applied.length = 0;
  await lab.clock.advance(60_000);
  assert.deepEqual(lab.dataplane.applied, []);
  assert.deepEqual(lab.take(), []);
});

test("a server's change does not wait for a look at all the rest", {}, async (lab) => {
  await lab.start();
  const { dataplane } = lab;
  const [observe, apply] = [dataplane.observe.bind(dataplane), dataplane.apply.bind(dataplane)];
  const seen: string[] = [];
  dataplane.observe = (scope) => {
    seen.push(scope.parameters.length > 0 ? "look at all" : `look at ${scope.services.length}`);
    return observe(scope);
  };
  dataplane.apply = (steps) => {
    seen.push(...steps.map(({ kind }) => kind));
    return apply(steps);
  };
  lab.down.add(at(2));
  await lab.clock.advance(1000);
  assert.equal(lab.weights()[at(2)], 0);
  assert.deepEqual(seen.slice(0, 3), ["look at 1", "change", "look at all"]);
  assert.equal(seen.filter((each) => each === "change").length, 1);
});

test(
  "what somebody takes away is back with the next pass, and one line says what it was",
  {},
  async (lab) => {
    await lab.start();
    await lab.clock.advance(2900);
    lab.take();
    lab.dataplane.devices.delete("lvscare");
    await lab.clock.advance(200);
    assert.deepEqual(lab.take(), [
      "info add dummy device lvscare",
      "info add address 10.0.0.1/32 to device lvscare",
    ]);
  },
);

test("what the kernel tells of is mended at once", { intervalMs: 3_600_000 }, async (lab) => {
  await lab.start();
  await lab.clock.advance(1000);
  lab.take();
  lab.dataplane.rules.get("iptables ipv4")!.missing.push("chain VIRTUAL-SERVICES");
  await lab.clock.advance(10_000);
  assert.deepEqual(lab.take(), []);
  lab.dataplane.isDisturbed = true;
  await lab.clock.advance(1000);
  assert.deepEqual(lab.take(), [
    "info make rules of iptables for IPv4, bit 0: chain VIRTUAL-SERVICES",
  ]);
});

test("an operator's weight survives failures, restarts and kills", {}, async (lab) => {
  await lab.start();
  const [service] = [...lab.dataplane.services.values()];
  const key = service!.service.key;
  const entry = service!.servers.get(at(1))!;
  lab.dataplane.change({ kind: "editServer", key, server: { ...entry.server, weight: 7 } });
  await lab.clock.advance(3000);
  assert.equal(lab.weights()[at(1)], 7);
  lab.down.add(at(1));
  await lab.clock.advance(6000);
  assert.ok(!(at(1) in lab.weights()));
  await lab.start();
  await lab.clock.advance(9000);
  lab.down.delete(at(1));
  await lab.clock.advance(3000);
  assert.equal(lab.weights()[at(1)], 7);
});

test("a refused change is said once, tried each pass, and its end is said", {}, async (lab) => {
  lab.dataplane.refuse = ({ kind }) =>
    kind === "makeRules" ? new LvscareError("no rules today", { hint: "wait" }) : undefined;
  await lab.start();
  const line = "error make rules of iptables for IPv4, bit 0: set, rules: no rules today (wait)";
  await lab.clock.advance(10_000);
  assert.deepEqual(lab.take().filter((each) => each === line), [line]);
  assert.deepEqual(lab.weights(), { [at(1)]: 1, [at(2)]: 1, [at(3)]: 1 });
  lab.dataplane.refuse = () => undefined;
  await lab.clock.advance(3000);
  const said = lab.take();
  assert.ok(said.includes("info make rules of iptables for IPv4, bit 0: set, rules"));
  assert.ok(said.some((each) => each.startsWith("info no trouble any more: make rules")));
});

test("a part that cannot be read is left alone, and the rest is cared for", {}, async (lab) => {
  await lab.start();
  lab.take();
  lab.dataplane.blind = [{ part: "services", error: new LvscareError("no table today") }];
  lab.down.add(at(2));
  lab.dataplane.devices.delete("lvscare");
  await lab.clock.advance(6000);
  assert.equal(lab.weights()[at(2)], 1);
  assert.ok(lab.dataplane.devices.has("lvscare"));
  assert.ok(lab.take().includes("error read services: no table today"));
  lab.dataplane.blind = [];
  await lab.clock.advance(3000);
  assert.ok(!(at(2) in lab.weights()));
});

test(
  "a server that left the list keeps its connections, for so long",
  { drainTimeoutMs: 30_000 },
  async (lab) => {
    await lab.start();
    lab.dataplane.setConnections(at(3), 2);
    const servers = lab.config.servers.slice(0, 2);
    await lab.start({ servers });
    assert.deepEqual(lab.weights(), { [at(1)]: 1, [at(2)]: 1, [at(3)]: 0 });
    await lab.clock.advance(20_000);
    await lab.start({ servers }); // the time goes on through a restart
    await lab.clock.advance(9000);
    assert.equal(lab.weights()[at(3)], 0);
    await lab.clock.advance(2000);
    assert.deepEqual(lab.weights(), { [at(1)]: 1, [at(2)]: 1 });
  },
);

test(
  "a leaving server goes as soon as nobody is connected any more",
  { drainTimeoutMs: 600_000 },
  async (lab) => {
    await lab.start();
    lab.dataplane.setConnections(at(3), 1);
    await lab.start({ servers: lab.config.servers.slice(0, 2) });
    await lab.clock.advance(10_000);
    assert.equal(lab.weights()[at(3)], 0);
    lab.dataplane.setConnections(at(3), 0);
    await lab.clock.advance(1100);
    assert.ok(!(at(3) in lab.weights()));
  },
);

test("the last server stays when it is asked for", { keepLast: true }, async (lab) => {
  await lab.start();
  for (const n of [1, 2, 3]) lab.down.add(at(n));
  await lab.clock.advance(30_000);
  assert.deepEqual(Object.values(lab.weights()), [1]);
});

test("other arguments after a kill leave nothing of the old", {}, async (lab) => {
  await lab.start();
  const virtualServer = endpoint("10.0.0.9", 6443);
  await lab.start({ virtualServer, mode: { kind: "link", device: "other0", markBit: 3 } });
  // The old instance had another virtual server: it was a predecessor, which run() cleans up after.
  assert.deepEqual([...lab.dataplane.services.keys()], [
    "TCP 10.0.0.1:6443",
    "TCP 10.0.0.9:6443",
  ]);
  await lab.start({ mode: { kind: "none" } });
  assert.ok(!lab.dataplane.devices.has("lvscare"));
  assert.deepEqual([...lab.dataplane.rules.get("iptables ipv4")!.entries!.keys()], [
    "10.0.0.9,tcp:6443",
  ]);
});

test("stop() ends at once in the middle of probes", {}, async (lab) => {
  lab.run = (_server, signal?: AbortSignal) =>
    new Promise((resolve) => signal?.addEventListener("abort", () => resolve(REFUSED)));
  await lab.start();
  await lab.clock.advance(10_000);
  await lab.loop.stop();
  await settled();
  assert.equal(lab.clock.pending, 0);
});

test("stop() does not wait for a change that hangs", {}, async (lab) => {
  await lab.start();
  lab.dataplane.apply = () => new Promise(() => {});
  lab.dataplane.devices.delete("lvscare");
  await lab.clock.advance(3000);
  const stopping = lab.loop.stop();
  await lab.clock.advance(1000);
  await stopping;
});
