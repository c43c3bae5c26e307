/** Whatever configurations come one after the other, it ends where the last one alone leads. */

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { PassMemory } from "../../src/care/carer.ts";
import { prospect, runFew, runPass } from "../../src/care/pass.ts";
import {
  type Config,
  PLAIN_SERVICE,
  type ServerConfig,
  type ServiceConfig,
  type TableConfig,
} from "../../src/config/config.ts";
import { Agenda } from "../../src/agenda.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import {
  type DaemonRole,
  printServiceKey,
  type ServiceKey,
  type SyncDaemon,
} from "../../src/model/ipvs.ts";
import { type CareRecord, EMPTY_RECORD } from "../../src/state/record.ts";
import { address } from "../support/care_arbitraries.ts";
import { FakeDataplane } from "../support/fake_dataplane.ts";

const KERNEL = { kind: "kernel", rules: "iptables" } as const;
const NOW_MS = 1_000_000;

const server: fc.Arbitrary<ServerConfig> = fc.record({
  n: fc.integer({ min: 1, max: 5 }),
  weight: fc.constantFrom(0, 1, 5),
  upperThreshold: fc.constantFrom(0, 9),
}).map(({ n, weight, upperThreshold }) => {
  const endpoint = { address: address(`192.168.0.${n}`), port: 80 };
  return {
    ...{ ...endpoint, name: printEndpoint(endpoint), weight, upperThreshold, lowerThreshold: 0 },
    forwarding: { method: "masquerade" },
    ...{ checks: [], need: "all", whenFailed: "step", notify: [] },
  };
});

/** Few keys and few modes, so that one configuration often meets what another has left. */
const service: fc.Arbitrary<ServiceConfig> = fc.record({
  key: fc.constantFrom<ServiceKey>(
    { kind: "address", protocol: "tcp", address: address("10.0.0.1"), port: 80 },
    { kind: "address", protocol: "tcp", address: address("10.0.0.1"), port: 443 },
    { kind: "address", protocol: "udp", address: address("10.0.0.2"), port: 53 },
    { kind: "mark", mark: 7, family: "ipv4" },
  ),
  scheduler: fc.constantFrom("wrr", "sh"),
  isLinked: fc.boolean(),
  servers: fc.uniqueArray(server, { maxLength: 4, selector: ({ name }) => name }),
}).map(({ key, scheduler, isLinked, servers }) => ({
  name: printServiceKey(key),
  service: { key, scheduler, schedulerFlags: [], onePacket: false },
  servers: new Map(servers.map((each) => [each.name, each])),
  mode: isLinked ? { kind: "link", device: "lvscare", markBit: 0 } : { kind: "none" },
  ...PLAIN_SERVICE,
}));

/** Values that are the kernel's own choice too, so that one cannot be told from the other. */
const daemon: fc.Arbitrary<SyncDaemon> = fc.record({
  role: fc.constantFrom<DaemonRole>("master", "backup"),
  syncId: fc.constantFrom(0, 3),
  interface: fc.constantFrom("eth0", "eth1"),
  maxLength: fc.constantFrom(500, 1472),
  group: fc.constantFrom(address("224.0.0.81"), address("ff15::1")),
  port: fc.constantFrom(8848, 9000),
  ttl: fc.constantFrom(1, 8),
}, { requiredKeys: ["role", "syncId", "interface"] });

const table: fc.Arbitrary<TableConfig> = fc.record({
  timeouts: fc.record({
    tcpS: fc.constantFrom(900, 60),
    tcpFinS: fc.constantFrom(120, 60),
    udpS: fc.constantFrom(300, 60),
  }, { requiredKeys: [] }),
  daemons: fc.uniqueArray(daemon, { maxLength: 2, selector: ({ role }) => role }),
});

const config: fc.Arbitrary<Config> = fc.record({
  services: fc.uniqueArray(service, { maxLength: 4, selector: ({ name }) => name }),
  table,
}).map(({ services, table }) => ({
  table,
  host: {
    dataplane: "kernel",
    backend: undefined,
    masquerade: "auto",
    proxy: { protocol: undefined, connectTimeoutMs: 5000, idleTimeoutMs: 900_000 },
  },
  services,
  intervalMs: 5000,
  drainTimeoutMs: 0,
  checksAtOnce: 10,
  remembersHealth: true,
}));

const FRESH_TIMEOUTS = new FakeDataplane().timeouts;

function emptyKernel(): FakeDataplane {
  const kernel = new FakeDataplane();
  kernel.parameters.set("net.ipv4.vs.conntrack", "0");
  return kernel;
}

class Driver {
  readonly kernel = emptyKernel();
  record: CareRecord = EMPTY_RECORD;
  readonly #memory: PassMemory | undefined;

  constructor(memory: PassMemory | undefined) {
    this.#memory = memory;
  }

  input(config: Config) {
    return {
      ...{ config, dataplane: this.kernel, means: KERNEL, health: new Map(), others: [] },
      ...{ record: this.record, nowMs: NOW_MS, memory: this.#memory },
      save: (record: CareRecord) => this.record = record,
    };
  }

  async settle(config: Config, few: readonly ServiceConfig[] = []): Promise<void> {
    if (few.length > 0) this.record = (await runFew(this.input(config), few)).record;
    for (let round = 0; round < 6; round++) {
      const { record, outcomes } = await runPass(this.input(config));
      this.record = record;
      assert.deepEqual(outcomes.filter(({ error }) => error !== undefined), []);
      if (outcomes.length === 0) return;
    }
    throw new Error("it does not settle");
  }

  /** All that is there, whatever the order in which it came. */
  get state(): unknown {
    const { services, devices, rules, daemons } = this.kernel;
    const sorted = <T>(map: Iterable<[string, T]>) =>
      [...map].toSorted(([a], [b]) => a < b ? -1 : 1);
    return {
      services: sorted(services).map(([name, { service, servers }]) => [
        name,
        service,
        sorted(servers),
      ]),
      devices: sorted(devices).map(([name, link]) => [
        name,
        link.addresses.map(({ address }) => address).toSorted(),
      ]),
      rules: sorted(rules).map(([name, { entries }]) => [name, [...entries!.keys()].toSorted()]),
      daemons: sorted(daemons),
    };
  }
}

Deno.test("any row of configurations ends as its last one alone, with what is known and without", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(config, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      async (configs, hasMemory) => {
        const driver = new Driver(hasMemory ? new PassMemory(() => 0) : undefined);
        let before: Config | undefined;
        for (const each of configs) {
          const known = new Set(before?.services.map(({ name }) => name));
          await driver.settle(each, each.services.filter(({ name }) => known.has(name)));
          before = each;
        }
        const last = configs.at(-1)!;
        const alone = new Driver(undefined);
        await alone.settle(last);
        assert.deepEqual(driver.state, alone.state);
        assert.deepEqual((await prospect(driver.input(last))).steps, []);
        assert.deepEqual(driver.record.owned.services.length, last.services.length);
        assert.deepEqual(driver.record.owned.daemons, last.table.daemons);
        assert.deepEqual(driver.kernel.timeouts, timeoutsAfter(configs));
      },
    ),
    { numRuns: 400 },
  );
});

/** Each is as it was given last. */
function timeoutsAfter(configs: readonly Config[]): FakeDataplane["timeouts"] {
  return configs.reduce((all, { table }) => ({ ...all, ...table.timeouts }), FRESH_TIMEOUTS);
}

Deno.test("killed at any step, it ends where the last configuration alone leads", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(config, fc.nat(12)), { minLength: 1, maxLength: 4 }),
      config,
      async (killed, last) => {
        const driver = new Driver(undefined);
        const { kernel } = driver;
        const apply = kernel.apply.bind(kernel);
        for (const [each, after] of killed) {
          let left = after;
          kernel.apply = async (steps) => {
            const done = await apply(steps.slice(0, left));
            left -= done.length;
            if (done.length < steps.length) throw new Error("killed");
            return done;
          };
          // What is remembered is what was saved: the answer of the pass that was cut off is lost.
          await driver.settle(each).catch(({ message }) => assert.equal(message, "killed"));
        }
        kernel.apply = apply;
        await driver.settle(last);
        const alone = new Driver(undefined);
        await alone.settle(last);
        assert.deepEqual(driver.state, alone.state);
        assert.deepEqual(driver.record.owned.daemons, last.table.daemons);
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("whatever is wanted, a daemon that others have started goes on as it is", async () => {
  await fc.assert(
    fc.asyncProperty(
      daemon,
      fc.array(config, { minLength: 1, maxLength: 5 }),
      async (theirs, configs) => {
        const driver = new Driver(undefined);
        driver.kernel.startDaemon(theirs);
        const before = driver.kernel.daemons.get(theirs.role);
        for (const each of configs) {
          for (let round = 0; round < 4; round++) {
            const { record, outcomes } = await runPass(driver.input(each));
            driver.record = record;
            const refused = outcomes.filter(({ error }) => error !== undefined);
            const starts = refused.filter(({ step }) =>
              step.kind === "startDaemon" && step.daemon.role === theirs.role
            );
            assert.equal(starts.length, refused.length);
            assert.ok(refused.length <= 1);
          }
          assert.equal(driver.kernel.daemons.get(theirs.role), before);
          // Of one role there may be what it was before: while something is refused nothing is forgotten.
          const { daemons } = driver.record.owned;
          const ours = each.table.daemons.filter(({ role }) => role !== theirs.role);
          const roles = (all: readonly SyncDaemon[]) => new Set(all.map(({ role }) => role));
          assert.deepEqual(roles(daemons), roles(ours));
          for (const one of ours) assert.ok(daemons.some((each) => isDeepStrictEqual(each, one)));
        }
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("a pass that knows what was settled sees what others change, as one that does not", async () => {
  await fc.assert(
    fc.asyncProperty(config, fc.nat(3), fc.nat(9), async (config, which, weight) => {
      const drivers = [new Driver(new PassMemory(() => 0)), new Driver(undefined)];
      for (const driver of drivers) {
        await driver.settle(config);
        await driver.settle(config);
        const found = [...driver.kernel.services.values()][which];
        const entry = [...found?.servers.values() ?? []][0];
        if (!found || !entry) continue;
        const server = { ...entry.server, weight };
        driver.kernel.change({ kind: "editServer", key: found.service.key, server });
        await driver.settle(config);
      }
      assert.deepEqual(drivers[0]!.state, drivers[1]!.state);
      assert.deepEqual(drivers[0]!.record, drivers[1]!.record);
    }),
    { numRuns: 400 },
  );
});

Deno.test("a state that changes while a pass is under way is found out about by the next", async () => {
  await fc.assert(
    fc.asyncProperty(config, async (config) => {
      let version = 0;
      const memory = new PassMemory(() => version);
      const driver = new Driver(memory);
      await driver.settle(config);
      const input = driver.input(config);
      const passed = await runPass({
        ...input,
        // Between what was desired and what is kept of it.
        save: (record) => {
          version++;
          input.save(record);
        },
      });
      assert.deepEqual(passed.outcomes, []);
      const { settled } = await prospect(driver.input(config));
      assert.equal(settled.size, 0);
    }),
    { numRuns: 100 },
  );
});

Deno.test("an agenda gives what is due in the order of its time", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.array(fc.nat(50)), (times, delays) => {
      const agenda = new Agenda<{ dueMs: number }>();
      for (const dueMs of times) agenda.add({ dueMs });
      let now = 0;
      for (const delay of delays) {
        const next = agenda.take();
        if (!next) break;
        assert.ok(next.dueMs >= now);
        now = next.dueMs;
        agenda.add({ dueMs: next.dueMs + delay });
      }
      assert.equal(agenda.size, times.length);
      agenda.keep(({ dueMs }) => dueMs % 2 === 0);
      assert.ok((agenda.next?.dueMs ?? 0) % 2 === 0);
    }),
  );
});
