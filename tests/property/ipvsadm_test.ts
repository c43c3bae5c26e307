import assert from "node:assert/strict";
import fc from "fast-check";
import { LvscareError, UsageError } from "../../src/errors.ts";
import { parseArguments } from "../../src/ipvsadm/arguments.ts";
import { joinListings } from "../../src/ipvsadm/listing.ts";
import { NO_NAMES, parseNames } from "../../src/ipvsadm/names.ts";
import type { ListView } from "../../src/ipvsadm/operation.ts";
import { OPTION_NAMES, optionSpec } from "../../src/ipvsadm/options.ts";
import { printTable } from "../../src/ipvsadm/print.ts";
import { parseRules, printRules } from "../../src/ipvsadm/save.ts";
import { changeArguments, daemonArguments } from "../../src/ipvsadm/spell.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import type { IpvsChange, SyncDaemon } from "../../src/model/ipvs.ts";
import { server, service, serviceKey, table, type TableSpec } from "../support/ipvs_arbitraries.ts";

const RUNS = { numRuns: 2_000 };

const change: fc.Arbitrary<IpvsChange> = fc.oneof(
  service.map((service): IpvsChange => ({ kind: "addService", service })),
  service.map((service): IpvsChange => ({ kind: "editService", service })),
  serviceKey.map((key): IpvsChange => ({ kind: "deleteService", key })),
  serviceKey.chain((key) =>
    fc.tuple(server(key), fc.constantFrom("addServer", "editServer", "deleteServer"))
      .map(([server, kind]): IpvsChange =>
        kind === "deleteServer"
          ? { kind, key, server: { address: server.address, port: server.port } }
          : { kind: kind as "addServer" | "editServer", key, server }
      )
  ),
);

Deno.test("parseArguments() reads of every change what changeArguments() wrote", () => {
  fc.assert(
    fc.property(change, (change) => {
      const operation = parseArguments(changeArguments(change), NO_NAMES);
      assert.deepEqual(operation, { op: "change", change });
    }),
    RUNS,
  );
});

Deno.test("the order of options does not matter", () => {
  const shuffled = change.chain((change) => {
    const words = changeArguments(change);
    const pairs: string[][] = [];
    for (const word of words) {
      if (word.startsWith("-")) pairs.push([word]);
      else pairs.at(-1)!.push(word);
    }
    return fc.shuffledSubarray(pairs, { minLength: pairs.length })
      .map((pairs) => ({ change, words: pairs.flat() }));
  });
  fc.assert(
    fc.property(shuffled, ({ change, words }) => {
      assert.deepEqual(parseArguments(words, NO_NAMES), { op: "change", change });
    }),
    RUNS,
  );
});

Deno.test("parseArguments() reads of every daemon what daemonArguments() wrote", () => {
  const daemon: fc.Arbitrary<SyncDaemon> = fc.record({
    role: fc.constantFrom("master" as const, "backup" as const),
    syncId: fc.nat(255),
    interface: fc.stringMatching(/^[a-z][a-z0-9.-]{0,14}$/),
    maxLength: fc.integer({ min: 1, max: 65_507 }),
    port: fc.integer({ min: 1, max: 65_535 }),
    ttl: fc.integer({ min: 1, max: 255 }),
  }, { requiredKeys: ["role", "syncId", "interface"], noNullPrototype: true });
  fc.assert(
    fc.property(daemon, (daemon) => {
      const operation = parseArguments(daemonArguments(daemon), NO_NAMES);
      assert.deepEqual(operation, { op: "startDaemon", daemon });
    }),
    RUNS,
  );
});

Deno.test("parseArguments() of whatever words is an operation or a UsageError of one line", () => {
  const spelled = OPTION_NAMES.flatMap((name) => {
    const { short } = optionSpec(name);
    return short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];
  });
  const word = fc.oneof(
    fc.constantFrom(...spelled),
    fc.constantFrom("10.0.0.1:80", "[::1]:80", "rr", "5", "0", "-1", "sip", "gue", "master"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      try {
        assert.ok(parseArguments(words, NO_NAMES).op);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
        assert.ok(error.message.length > 0);
        // Line ends in values are quoted; in names of options they are the caller's.
        if (words.every((each) => !/[\n\r]/.test(each))) assert.ok(!error.message.includes("\n"));
      }
    }),
    { numRuns: 10_000 },
  );
});

async function fill(specs: readonly TableSpec[]): Promise<MemoryIpvsTable> {
  const fake = new MemoryIpvsTable();
  const answers = await fake.apply(specs.flatMap(({ service, servers }): IpvsChange[] => [
    { kind: "addService", service },
    ...servers.map((server): IpvsChange => ({ kind: "addServer", key: service.key, server })),
  ]));
  assert.deepEqual(answers.filter((answer) => answer !== undefined), []);
  return fake;
}

Deno.test("save, restore, save gives the same rules and the same table", async () => {
  const names = parseNames("http 80/tcp\ndomain 53/udp\n");
  await fc.assert(
    fc.asyncProperty(table, fc.boolean(), async (specs, numeric) => {
      const first = await fill(specs);
      const format = { numeric, thresholds: true, stable: true };
      const saved = printRules(await first.list(), format, names);
      const second = new MemoryIpvsTable();
      const rules = parseRules(saved, "rules", names);
      const answers = await second.apply(rules.map(({ change }) => change));
      assert.deepEqual(answers.filter((answer) => answer !== undefined), []);
      assert.equal(printRules(await second.list(), format, names), saved);
      const sort = (entries: Awaited<ReturnType<MemoryIpvsTable["list"]>>) =>
        entries.map((entry) => ({
          ...entry,
          servers: entry.servers.map((each) => JSON.stringify(each)).toSorted(),
        })).map((entry) => JSON.stringify(entry)).toSorted();
      assert.deepEqual(sort(await second.list()), sort(await first.list()));
    }),
    { numRuns: 300 },
  );
});

Deno.test("joinListings() reads what printTable() prints of any table", async () => {
  await fc.assert(
    fc.asyncProperty(table, async (specs) => {
      const fake = await fill(specs);
      for (const { service, servers } of specs) {
        const counters = {
          connections: 1n,
          inPackets: 10n ** 9n,
          outPackets: 0n,
          inBytes: 2n ** 64n - 1n,
          outBytes: 99_999_999n,
        };
        fake.setServiceStats(service.key, { counters });
        for (const server of servers) {
          fake.setServerStats(service.key, server, { counters, rates: counters });
          fake.setConnections(service.key, server, { active: 1, inactive: 22, persistent: 333 });
        }
      }
      const entries = await fake.list({ stats: true });
      const info = await fake.info();
      const text = (view: ListView) =>
        printTable(info, entries, { view, numeric: true, exact: true, sorted: false }, NO_NAMES);
      const joined = joinListings({
        tunInfo: text("tun-info"),
        thresholds: text("thresholds"),
        persistentConn: text("persistent-conn"),
        stats: text("stats"),
        rate: text("rate"),
      });
      assert.deepEqual(joined, entries);
    }),
    { numRuns: 300 },
  );
});

Deno.test("parseRules() of whatever text is rules or an error that names a line", () => {
  const line = fc.oneof(
    change.map((change) => changeArguments(change).join(" ")),
    fc.constantFrom("", "# remark", "-L", "-A -t nowhere:80", "ipvsadm -C", "-A"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      const text = lines.join("\n");
      try {
        const rules = parseRules(text, "rules", NO_NAMES);
        assert.ok(rules.every(({ line }) => line >= 1 && line <= text.split("\n").length));
      } catch (error) {
        assert.ok(error instanceof LvscareError, String(error));
        assert.match(error.message, /^rules:\d+: /);
      }
    }),
    RUNS,
  );
});
