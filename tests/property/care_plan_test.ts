/** What holds for every configuration, every health and every kernel that is met. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { clean, planClean } from "../../src/care/clean.ts";
import { ownedByName, prospect, runPass } from "../../src/care/pass.ts";
import type { CareConfig } from "../../src/config/care.ts";
import { careServices } from "../../src/config/care_services.ts";
import type { HealthStates } from "../../src/desired/quorum.ts";
import { joinOwned, NOTHING_OWNED } from "../../src/desired/owned.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import { logText, stepText } from "../../src/plan/text.ts";
import {
  type CareRecord,
  decodeRecord,
  EMPTY_RECORD,
  encodeRecord,
} from "../../src/state/record.ts";
import { config, healthOf, kernelFor } from "../support/care_arbitraries.ts";
import type { FakeDataplane } from "../support/fake_dataplane.ts";

const NOW_MS = 1_000_000;
const KERNEL = { kind: "kernel", rules: "iptables" } as const;
const RUNS = { numRuns: 400 };

const situation = config.chain((config) =>
  fc.record({
    config: fc.constant(config),
    kernel: kernelFor(config),
    health: healthOf(config.servers),
  })
);

interface Ran {
  readonly record: CareRecord;
  readonly rounds: number;
}

/** Passes until there is nothing to do; what is written down goes through JSON, as in the real world. */
async function settle(
  config: CareConfig,
  dataplane: FakeDataplane,
  states: HealthStates,
  from: CareRecord = EMPTY_RECORD,
): Promise<Ran> {
  let record = from;
  const save = (next: CareRecord) => {
    record = decodeRecord(JSON.parse(JSON.stringify(encodeRecord(next))))!;
    assert.deepEqual(record, next);
  };
  const services = careServices(config);
  const health = new Map(services.services.map(({ name }) => [name, states]));
  for (let rounds = 0; rounds < 5; rounds++) {
    const input = { config: services, dataplane, means: KERNEL, health, others: [] };
    const { outcomes } = await runPass({ ...input, record, nowMs: NOW_MS, save });
    assert.deepEqual(outcomes.filter(({ error }) => error !== undefined), []);
    if (outcomes.length === 0) return { record, rounds };
  }
  throw new Error("it does not settle");
}

function serversOf(kernel: FakeDataplane, config: CareConfig): Record<string, number> {
  const name = `TCP ${printEndpoint(config.virtualServer)}`;
  return kernel.weights(kernel.services.get(name)!);
}

Deno.test("whatever is found, one pass makes it what it must be, and the next has nothing to do", async () => {
  await fc.assert(
    fc.asyncProperty(situation, async ({ config, kernel, health }) => {
      const { rounds } = await settle(config, kernel, health);
      // A server that leaves without a connection gets weight 0 first, and is taken out in the next.
      assert.ok(rounds <= 2, `${rounds} rounds`);
      const weights = serversOf(kernel, config);
      const states = config.servers.map((server) => health.get(printEndpoint(server))?.state);
      const allFailed = states.every((state) => state === "draining" || state === "down");
      for (const server of config.servers) {
        const name = printEndpoint(server);
        const state = health.get(name)?.state ?? "up";
        if (state === "up") assert.ok(name in weights, name);
        else if (state === "draining" && !(config.keepLast && allFailed)) {
          assert.equal(weights[name], 0);
        } else if (config.keepLast && allFailed) continue;
        else if (config.drain) assert.equal(weights[name] ?? 0, 0);
        else assert.ok(!(name in weights));
      }
      if (config.mode.kind === "link") {
        assert.equal(kernel.parameters.get("net.ipv4.vs.conntrack"), "1");
        const link = kernel.devices.get(config.mode.device)!;
        assert.ok(link.up);
        const { address } = config.virtualServer;
        assert.ok(link.addresses.some((each) => each.address === address));
      }
    }),
    RUNS,
  );
});

Deno.test("a clean leaves nothing of ours, and all that was there for others", async () => {
  await fc.assert(
    fc.asyncProperty(situation, async ({ config, kernel, health }) => {
      kernel.services.clear();
      const before = structuredClone({ devices: kernel.devices, rules: kernel.rules });
      const { record } = await settle(config, kernel, health);
      const owned = record.owned;
      await clean({ dataplane: kernel, owned, others: [] });
      assert.equal(kernel.services.size, 0);
      assert.equal(kernel.routes.size, 0);
      const { steps } = await planClean({ dataplane: kernel, owned, others: [] });
      assert.deepEqual(steps, []);
      const { address } = config.virtualServer;
      for (const [name, link] of kernel.devices) {
        assert.ok(before.devices.has(name), `${name} was made and is left`);
        assert.ok(
          !(config.mode.kind === "link" && config.mode.device === name) ||
            link.addresses.every((each) => each.address !== address),
        );
      }
      for (const { entries } of kernel.rules.values()) {
        const left = [...entries?.values() ?? []].filter(({ protocol }) => protocol === "tcp");
        assert.deepEqual(left, []);
      }
      // A device and a set that others use too are still theirs.
      for (const [name, { addresses }] of before.devices) {
        const others = addresses.filter((each) => each.address !== address);
        if (others.length > 0) assert.deepEqual(kernel.devices.get(name)?.addresses, others);
      }
      for (const [name, { entries }] of before.rules) {
        if (entries) assert.ok(kernel.rules.get(name)?.entries?.has("theirs"));
      }
    }),
    RUNS,
  );
});

Deno.test("a clean without memory takes what has our names", async () => {
  await fc.assert(
    fc.asyncProperty(config, async (config) => {
      const kernel = (await fc.sample(kernelFor(config), 1))[0]!;
      kernel.services.clear();
      kernel.devices.clear();
      kernel.rules.clear();
      await settle(config, kernel, new Map());
      await clean({ dataplane: kernel, owned: ownedByName(config), others: [] });
      assert.equal(kernel.services.size + kernel.devices.size + kernel.rules.size, 0);
      assert.equal(kernel.routes.size, 0);
    }),
    RUNS,
  );
});

Deno.test("killed at any step, and started with any other arguments of its own, it ends where these lead", async () => {
  const story = fc.tuple(config, config, fc.nat(20)).map(([first, second, after]) => ({
    first,
    second: { ...second, virtualServer: first.virtualServer, servers: second.servers },
    after,
  })).filter(({ first, second }) => {
    const isV6 = (each: CareConfig) => each.servers[0]!.address.includes(":");
    return isV6(first) === isV6(second);
  });
  await fc.assert(
    fc.asyncProperty(story, fc.boolean(), async ({ first, second, after }, isBefore) => {
      const kernel = (await fc.sample(kernelFor(first), 1))[0]!;
      for (const each of [kernel.services, kernel.devices, kernel.rules]) each.clear();
      const fresh = structuredClone(kernel.parameters);
      let record = EMPTY_RECORD;
      let left = after;
      const killed = new Error("killed");
      const input = { means: KERNEL, health: new Map(), others: [], nowMs: NOW_MS };
      kernel.refuse = () => {
        // Between writing and doing as well as between two steps.
        if (left-- <= 0) throw killed;
        return undefined;
      };
      const save = (next: CareRecord) => record = next;
      // A kill is not an error that the pass would see: all that follows is not done either.
      await runPass({
        ...input,
        config: careServices(first),
        dataplane: kernel,
        record,
        save: (next) => {
          if (left > 0 || isBefore) save(next);
        },
      });
      kernel.refuse = () => undefined;
      const { record: ended } = await settle(second, kernel, new Map(), record);
      const wanted = (await fc.sample(kernelFor(second), 1))[0]!;
      for (const each of [wanted.services, wanted.devices, wanted.rules]) each.clear();
      for (const [name, value] of fresh) wanted.parameters.set(name, value);
      await settle(second, wanted, new Map());
      if (left > 0 || isBefore) {
        assert.deepEqual([...kernel.devices.keys()], [...wanted.devices.keys()]);
        assert.deepEqual([...kernel.rules.keys()], [...wanted.rules.keys()]);
        assert.deepEqual(kernel.routes, wanted.routes);
        assert.deepEqual([...kernel.services.keys()], [...wanted.services.keys()]);
      }
      const next = await prospect({
        ...input,
        config: careServices(second),
        dataplane: kernel,
        record: ended,
        save,
      });
      assert.deepEqual(next.steps, []);
    }),
    RUNS,
  );
});

Deno.test("every step has its line, in a plan and in a log", async () => {
  await fc.assert(
    fc.asyncProperty(situation, async ({ config, kernel, health }) => {
      await settle(config, kernel, health);
      const owned = joinOwned(NOTHING_OWNED, ownedByName(config));
      await clean({ dataplane: kernel, owned, others: [] });
      for (const step of kernel.applied) {
        assert.match(stepText(step), /^[a-z][^\n]+$/);
        assert.match(logText(step), /^[A-Za-z][^\n]+$/);
        assert.ok(logText(step).endsWith(stepText(step)));
        assert.doesNotMatch(stepText(step), /undefined|\[object/);
      }
    }),
    RUNS,
  );
});
