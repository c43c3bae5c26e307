/** IPVS's own settings, timeouts and sync daemons: what is set and started, what is ours, and what is left alone. */

import assert from "node:assert/strict";
import { clean, planClean } from "../../src/care/clean.ts";
import { NOTHING_TO_SEE, runPass } from "../../src/care/pass.ts";
import { type Config, PLAIN_TABLE, type TableConfig } from "../../src/config/config.ts";
import { HostDataplane } from "../../src/dataplane/host.ts";
import { NOTHING_OWNED } from "../../src/desired/owned.ts";
import { NOTHING } from "../../src/desired/state.ts";
import { settingsOf } from "../../src/desired/surroundings.ts";
import { KernelError, LvscareError, UnsupportedError } from "../../src/errors.ts";
import { FakeSysctl } from "../../src/kernel/fake/host.ts";
import { FakeLinks } from "../../src/kernel/fake/links.ts";
import type { IpvsTable } from "../../src/kernel/ipvs_table.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import type { Service, SyncDaemon } from "../../src/model/ipvs.ts";
import { printSyncDaemon, runsAs } from "../../src/model/sync_daemon.ts";
import type { Observed, Scope } from "../../src/plan/observed.ts";
import { plan } from "../../src/plan/plan.ts";
import type { Step } from "../../src/plan/step.ts";
import { stepText } from "../../src/plan/text.ts";
import { printSteps } from "../../src/cli/steps.ts";
import {
  type CareRecord,
  decodeRecord,
  EMPTY_RECORD,
  encodeRecord,
} from "../../src/state/record.ts";
import { address } from "../support/care_arbitraries.ts";
import { FakeDataplane } from "../support/fake_dataplane.ts";
import { type ServeLab, serveTest as test } from "../support/serve_lab.ts";

const SERVICE = `services:
  - address: 10.0.0.1
    port: 80
    mode: none
    servers: ["192.168.0.1:80"]
`;
const FOREIGN: SyncDaemon = { role: "master", syncId: 9, interface: "eth1", port: 9000 };

/** The file with these lines of the host. */
function write(lab: ServeLab, ...host: readonly string[]): void {
  const lines = ["sync-interval: 5s", ...host].map((line) => `  ${line}\n`);
  lab.write("lvscare.yaml", `host:\n${lines.join("")}${SERVICE}`);
}

async function start(lab: ServeLab, ...host: readonly string[]): Promise<string[]> {
  write(lab, ...host);
  await lab.start();
  return takeSteps(lab);
}

/** What a reload has changed. */
async function reload(lab: ServeLab, ...host: readonly string[]): Promise<string[]> {
  write(lab, ...host);
  const answer = await lab.control.reload();
  assert.ok(answer.ok, JSON.stringify(answer));
  assert.deepEqual(answer.problems, []);
  return takeSteps(lab);
}

/** Those that are of IPVS's own settings. */
function takeSteps(lab: ServeLab): string[] {
  return lab.takeSteps().filter((step) => /timeouts|daemon/.test(step));
}

const ownedDaemons = (lab: ServeLab) => lab.record()!.owned.daemons.map(printSyncDaemon);
const running = (lab: ServeLab) => [...lab.dataplane.daemons.values()].map(printSyncDaemon);
const AT_DEFAULTS = "max length 1472 group 224.0.0.81 port 8848 ttl 1";

test("timeouts and daemons become what the file says, and then there is nothing to do", async (lab) => {
  const steps = await start(
    lab,
    "timeouts: {tcp: 10m, udp: 1m}",
    "sync-daemon: {device: eth0, id: 3}",
  );
  assert.deepEqual(steps, [
    "set timeouts tcp 900 s -> 600 s, udp 300 s -> 60 s",
    "start sync daemon master on eth0 id 3",
    "start sync daemon backup on eth0 id 3",
  ]);
  assert.deepEqual(lab.dataplane.timeouts, { tcpS: 600, tcpFinS: 120, udpS: 60 });
  assert.deepEqual(running(lab), [
    `master on eth0 id 3 ${AT_DEFAULTS}`,
    `backup on eth0 id 3 ${AT_DEFAULTS}`,
  ]);
  await lab.clock.advance(20_000);
  assert.deepEqual(takeSteps(lab), []);
  assert.deepEqual(ownedDaemons(lab), ["master on eth0 id 3", "backup on eth0 id 3"]);
});

test("a reload sets, starts, changes and stops what is different, and nothing else", async (lab) => {
  assert.deepEqual(await start(lab), []);
  assert.deepEqual(await reload(lab, "timeouts: {tcp-fin: 30s}"), [
    "set timeouts tcp-fin 120 s -> 30 s",
  ]);
  const both = "sync-daemon: {device: eth0, id: 3, port: 9000}";
  assert.deepEqual(await reload(lab, "timeouts: {tcp-fin: 30s, tcp: 1h}", both), [
    "set timeouts tcp 900 s -> 3600 s",
    "start sync daemon master on eth0 id 3 port 9000",
    "start sync daemon backup on eth0 id 3 port 9000",
  ]);
  // What is no longer given stays, of timeouts.
  assert.deepEqual(await reload(lab, both), []);
  const backup = "sync-daemon: {device: eth0, id: 3, port: 9000, role: backup}";
  assert.deepEqual(await reload(lab, backup), ["stop sync daemon master on eth0 id 3 port 9000"]);
  assert.deepEqual(await reload(lab, backup.replace("3", "4")), [
    "stop sync daemon backup on eth0 id 3 port 9000",
    "start sync daemon backup on eth0 id 4 port 9000",
  ]);
  assert.deepEqual(ownedDaemons(lab), ["backup on eth0 id 4 port 9000"]);
  assert.deepEqual(await reload(lab), ["stop sync daemon backup on eth0 id 4 port 9000"]);
  assert.deepEqual([running(lab), ownedDaemons(lab)], [[], []]);
  assert.deepEqual(lab.dataplane.timeouts, { tcpS: 3600, tcpFinS: 30, udpS: 300 });
});

test("what is no longer asked for of a daemon is the kernel's choice again", async (lab) => {
  const at = (more: string) => `sync-daemon: {device: eth0, role: master${more}}`;
  await start(lab, at(", group: 239.1.2.3, ttl: 8, max-length: 1400"));
  assert.deepEqual(await reload(lab, at(", ttl: 8")), [
    "stop sync daemon master on eth0 id 0 max length 1400 group 239.1.2.3 ttl 8",
    "start sync daemon master on eth0 id 0 ttl 8",
  ]);
  // Of the kernel's own choice nothing tells whether it was asked for: once it is started anew.
  assert.deepEqual(await reload(lab, at(", ttl: 8, port: 8848")), []);
  assert.equal((await reload(lab, at(", ttl: 8"))).length, 2);
  await lab.clock.advance(20_000);
  assert.deepEqual(takeSteps(lab), []);
  assert.deepEqual(running(lab), [`master on eth0 id 0 ${AT_DEFAULTS.replace("ttl 1", "ttl 8")}`]);
});

test("what the kernel makes of a length is as it must be", async (lab) => {
  const at = (more: string) => `sync-daemon: {device: eth0, max-length: ${more}}`;
  await start(lab, at("500"));
  const longest = { maxLength: 500, group: address("ff15::1") };
  assert.deepEqual(ownedDaemons(lab), [
    "master on eth0 id 0 max length 500",
    "backup on eth0 id 0 max length 500",
  ]);
  await lab.clock.advance(20_000);
  assert.deepEqual(takeSteps(lab), []);
  const asked = { role: "backup", syncId: 0, interface: "eth0" } as const;
  for (
    const [given, is] of [
      [{ maxLength: 500 }, 1024],
      [{ maxLength: 65_507 }, 65_507],
      [{ ...longest, maxLength: 65_507 }, 65_487],
    ] as const
  ) assert.ok(runsAs({ ...asked, ...given, maxLength: is }, { ...asked, ...given }), `${is}`);
});

test("what others change is set back, and what they stop is started again", async (lab) => {
  await start(lab, "timeouts: {tcp: 10m}", "sync-daemon: {device: eth0, role: backup}");
  lab.dataplane.timeouts = { tcpS: 5, tcpFinS: 6, udpS: 7 };
  lab.dataplane.daemons.clear();
  await lab.clock.advance(5000);
  assert.deepEqual(takeSteps(lab), [
    "set timeouts tcp 5 s -> 600 s",
    "start sync daemon backup on eth0 id 0",
  ]);
  assert.deepEqual(lab.dataplane.timeouts, { tcpS: 600, tcpFinS: 6, udpS: 7 });
});

test("a daemon that somebody else has started is never stopped, and is said once", async (lab) => {
  lab.dataplane.startDaemon(FOREIGN);
  const steps = await start(lab, "sync-daemon: {device: eth0, id: 3}");
  const there = `master on eth1 id 9 ${AT_DEFAULTS.replace("8848", "9000")}`;
  const trouble = `error start sync daemon master on eth0 id 3: Error: another one: ${there}`;
  assert.deepEqual(lab.take().filter((line) => line.startsWith("error")), [trouble]);
  assert.ok(steps.includes("start sync daemon backup on eth0 id 3"));
  await lab.clock.advance(20_000);
  assert.deepEqual(lab.take(), []);
  assert.deepEqual(ownedDaemons(lab), ["backup on eth0 id 3"]);
  // Nor when nothing is wanted in its place any more.
  await reload(lab);
  assert.deepEqual(running(lab), [there]);
  await reload(lab, "sync-daemon: {device: eth1, id: 9, role: master}");
  // As it is wanted it is, and theirs all the same.
  assert.deepEqual(ownedDaemons(lab), []);
  lab.takeSteps();
  assert.deepEqual(await reload(lab), []);
  assert.deepEqual(running(lab), [there]);
  await lab.stop();
  assert.deepEqual(running(lab), [there]);
});

test("where another daemon makes room ours is started, and is ours", async (lab) => {
  lab.dataplane.startDaemon(FOREIGN);
  await start(lab, "sync-daemon: {device: eth0, id: 3, role: master}");
  lab.dataplane.daemons.clear();
  lab.take();
  await lab.clock.advance(5000);
  assert.deepEqual(lab.take(), [
    "info start sync daemon master on eth0 id 3",
    "info no trouble any more: start sync daemon master on eth0 id 3",
  ]);
  lab.takeSteps();
  assert.deepEqual(await reload(lab), ["stop sync daemon master on eth0 id 3"]);
});

test("what left the file while nobody ran is stopped, unless somebody else has taken its place", async (lab) => {
  await start(lab, "timeouts: {udp: 1m}", "sync-daemon: {device: eth0, id: 3}");
  await lab.stop();
  lab.dataplane.daemons.delete("master");
  lab.dataplane.startDaemon(FOREIGN);
  assert.deepEqual(await start(lab), ["stop sync daemon backup on eth0 id 3"]);
  assert.deepEqual([...lab.dataplane.daemons.keys()], ["master"]);
  assert.equal(lab.dataplane.timeouts.udpS, 60);
  assert.deepEqual(ownedDaemons(lab), []);
});

test("through a restart a daemon goes on, and is still ours to change", async (lab) => {
  await start(lab, "sync-daemon: {device: eth0, id: 3, role: master}");
  await lab.stop();
  assert.deepEqual(await start(lab, "sync-daemon: {device: eth0, id: 3, role: master}"), []);
  await lab.stop();
  assert.deepEqual(await start(lab, "sync-daemon: {device: eth0, id: 4, role: master}"), [
    "stop sync daemon master on eth0 id 3",
    "start sync daemon master on eth0 id 4",
  ]);
});

test("what cannot be read is said, and nothing is done about it; the rest is", async (lab) => {
  const lines = ["timeouts: {tcp: 10m}", "sync-daemon: {device: eth0, role: master}"];
  await start(lab, ...lines);
  lab.take();
  const error = new LvscareError("not permitted");
  for (const part of ["timeouts", "sync daemons"] as const) {
    lab.dataplane.timeouts = { tcpS: 5, tcpFinS: 6, udpS: 7 };
    lab.dataplane.daemons.clear();
    lab.dataplane.blind = [{ part, error }];
    await lab.clock.advance(5000);
    const done = part === "timeouts"
      ? "start sync daemon master on eth0 id 0"
      : "set timeouts tcp 5 s -> 600 s";
    assert.deepEqual(takeSteps(lab), [done]);
    assert.ok(lab.take().includes(`error read ${part}: not permitted`));
    assert.deepEqual(ownedDaemons(lab), ["master on eth0 id 0"]);
    assert.equal((await lab.control.status()).isSettled, false);
    lab.dataplane.blind = [];
    await lab.clock.advance(5000);
    assert.ok(lab.take().includes(`info no trouble any more: read ${part}`));
    lab.takeSteps();
  }
  // What left the file while it could not be seen is not forgotten.
  lab.dataplane.blind = [{ part: "sync daemons", error }];
  assert.deepEqual(await reload(lab, "timeouts: {tcp: 10m}"), []);
  lab.dataplane.blind = [];
  await lab.clock.advance(5000);
  assert.deepEqual(takeSteps(lab), ["stop sync daemon master on eth0 id 0"]);
});

test("what is refused is said, and keeps nothing else from being done", async (lab) => {
  lab.dataplane.refuse = ({ kind }) =>
    kind === "setTimeouts" || kind === "startDaemon" ? new LvscareError("no") : undefined;
  const lines = ["timeouts: {tcp: 10m}", "sync-daemon: {device: eth0, role: master}"];
  await start(lab, ...lines);
  assert.deepEqual(lab.weights("TCP 10.0.0.1:80"), { 1: 1 });
  assert.deepEqual(lab.take().filter((line) => line.startsWith("error")), [
    "error set timeouts tcp 900 s -> 600 s: no",
    "error start sync daemon master on eth0 id 0: no",
  ]);
  await lab.clock.advance(20_000);
  assert.deepEqual(lab.take(), []);
  lab.dataplane.refuse = () => undefined;
  await lab.clock.advance(5000);
  assert.equal(lab.dataplane.timeouts.tcpS, 600);
  assert.equal(lab.dataplane.daemons.size, 1);
});

test("a daemon that cannot be stopped is still ours, and its successor waits", async (lab) => {
  await start(lab, "sync-daemon: {device: eth0, id: 3, role: master}");
  lab.dataplane.refuse = ({ kind }) => kind === "stopDaemon" ? new LvscareError("no") : undefined;
  write(lab, "sync-daemon: {device: eth0, id: 4, role: master}");
  const answer = await lab.control.reload();
  assert.deepEqual(answer.problems, ["no", `another one: master on eth0 id 3 ${AT_DEFAULTS}`]);
  await lab.clock.advance(20_000);
  lab.dataplane.refuse = () => undefined;
  await lab.clock.advance(5000);
  assert.deepEqual(running(lab), [`master on eth0 id 4 ${AT_DEFAULTS}`]);
  assert.deepEqual(ownedDaemons(lab), ["master on eth0 id 4"]);
});

test("where the file says nothing of them they are not looked at", async (lab) => {
  const scopes: Scope[] = [];
  const observe = lab.dataplane.observe.bind(lab.dataplane);
  lab.dataplane.observe = (scope) => {
    scopes.push(scope);
    return observe(scope);
  };
  const looked = () => scopes.splice(0).map(({ timeouts, daemons }) => [timeouts, daemons]);
  await start(lab);
  await lab.clock.advance(20_000);
  const none = looked();
  assert.ok(none.length > 3 && none.flat().every((each) => !each));
  await reload(lab, "timeouts: {tcp: 10m}");
  assert.deepEqual(looked().at(-1), [true, false]);
  await reload(lab, "sync-daemon: {device: eth0}");
  assert.deepEqual(looked().at(-1), [false, true]);
  await reload(lab);
  looked();
  await lab.clock.advance(5000);
  assert.deepEqual(looked(), [[false, false]]);
});

Deno.test("a record from before there were daemons is read, and one with a wrong one is not", () => {
  const { owned, ...rest } = encodeRecord(EMPTY_RECORD);
  const { daemons: _, ...before } = owned as Record<string, unknown>;
  assert.deepEqual(decodeRecord({ ...rest, owned: before }), EMPTY_RECORD);
  const daemon: SyncDaemon = {
    ...{ role: "backup", syncId: 255, interface: "eth0", maxLength: 1400 },
    ...{ group: address("ff15::1"), port: 1, ttl: 255 },
  };
  const record: CareRecord = { ...EMPTY_RECORD, owned: { ...NOTHING_OWNED, daemons: [daemon] } };
  const json = (value: unknown) => JSON.parse(JSON.stringify(value));
  assert.deepEqual(decodeRecord(json(encodeRecord(record))), record);
  const wrong: readonly Record<string, unknown>[] = [
    { role: "both" },
    { syncId: 256 },
    { interface: "a/b" },
    { interface: undefined },
    { maxLength: 0 },
    { group: "224.0.0" },
    { port: 70_000 },
    { ttl: 0 },
  ];
  for (const each of wrong) {
    const owned = { ...before, daemons: [{ ...daemon, ...each }] };
    assert.equal(decodeRecord(json({ ...rest, owned })), undefined, JSON.stringify(each));
  }
});

Deno.test("runsAs() compares what was given with what is told", () => {
  const asked: SyncDaemon = { role: "master", syncId: 3, interface: "eth0" };
  const there: SyncDaemon = {
    ...asked,
    ...{ maxLength: 1472, group: address("224.0.0.81"), port: 8848, ttl: 1 },
  };
  const cases: readonly (readonly [name: string, given: Partial<SyncDaemon>, is: boolean])[] = [
    ["nothing more", {}, true],
    ["what it is", { maxLength: 1472, port: 8848, ttl: 1, group: address("224.0.0.81") }, true],
    ["another role", { role: "backup" }, false],
    ["another id", { syncId: 4 }, false],
    ["another device", { interface: "eth1" }, false],
    ["another length", { maxLength: 1471 }, false],
    ["another group", { group: address("224.0.0.82") }, false],
    ["another port", { port: 8849 }, false],
    ["another ttl", { ttl: 2 }, false],
  ];
  for (const [name, given, is] of cases) {
    assert.equal(runsAs(there, { ...asked, ...given }), is, name);
  }
  // An old kernel tells no more than this.
  assert.ok(runsAs(asked, there));
});

const HOST_CONFIG: Config["host"] = {
  dataplane: "kernel",
  backend: undefined,
  masquerade: "auto",
  proxy: { protocol: undefined, connectTimeoutMs: 5000, idleTimeoutMs: 900_000 },
};

function configOf(table: TableConfig): Config {
  return {
    ...{ host: HOST_CONFIG, table, services: [], intervalMs: 5000, drainTimeoutMs: 0 },
    ...{ checksAtOnce: 1, remembersHealth: true },
  };
}

const MASTER: SyncDaemon = { role: "master", syncId: 3, interface: "eth0" };
const BACKUP: SyncDaemon = { ...MASTER, role: "backup" };

Deno.test("with the embedded dataplane nothing of this is there", () => {
  const config = configOf({ timeouts: { tcpS: 5 }, daemons: [MASTER] });
  assert.deepEqual(settingsOf(config, { kind: "embedded" }), PLAIN_TABLE);
  assert.equal(settingsOf(config, { kind: "kernel", rules: "nftables" }), config.table);
});

Deno.test("a clean stops what is ours, and neither what others own nor what they started", async () => {
  const dataplane = new FakeDataplane();
  dataplane.timeouts = { tcpS: 5, tcpFinS: 6, udpS: 7 };
  for (const daemon of [MASTER, BACKUP]) dataplane.startDaemon(daemon);
  const owned = { ...NOTHING_OWNED, daemons: [MASTER, { ...BACKUP, syncId: 8 }] };
  const others = [{ ...NOTHING_OWNED, daemons: [MASTER] }];
  assert.deepEqual((await planClean({ dataplane, owned, others })).steps, []);
  const { outcomes, isWhole } = await clean({ dataplane, owned, others: [] });
  assert.deepEqual(outcomes.map(({ step }) => stepText(step)), [
    "stop sync daemon master on eth0 id 3",
  ]);
  assert.ok(isWhole);
  assert.deepEqual([...dataplane.daemons.keys()], ["backup"]);
  assert.equal(dataplane.timeouts.tcpS, 5);
  dataplane.blind = [{ part: "sync daemons", error: new LvscareError("not permitted") }];
  assert.equal((await clean({ dataplane, owned, others: [] })).isWhole, false);
});

Deno.test("daemons end before servers come, and begin when services are gone", () => {
  const key = (mark: number) => ({ kind: "mark", mark, family: "ipv4" }) as const;
  const service = (mark: number): Service => ({
    ...{ key: key(mark), scheduler: "rr", schedulerFlags: [], onePacket: false },
  });
  const observed: Observed = {
    ...{ parameters: new Map(), devices: new Map(), masquerades: [], routes: undefined },
    services: new Map([["FWM 1", { service: service(1), servers: [] }]]),
    ...{ timeouts: {}, daemons: [BACKUP] },
  };
  const wanted = { name: "FWM 2", service: service(2), servers: [], removals: [] };
  const desired = { ...NOTHING, services: [wanted], daemons: [MASTER], timeouts: { udpS: 5 } };
  const owned = { ...NOTHING_OWNED, services: [key(1)], daemons: [BACKUP] };
  assert.deepEqual(plan({ desired, owned, observed }).map(stepText), [
    "set timeouts udp none -> 5 s",
    "stop sync daemon backup on eth0 id 3",
    "add service FWM 2 rr",
    "remove service FWM 1",
    "start sync daemon master on eth0 id 3",
  ]);
});

Deno.test("a plan on the screen counts them as what they are", () => {
  const steps: Step[] = [
    { kind: "setTimeouts", before: { tcpS: 1 }, timeouts: { tcpS: 2 } },
    { kind: "stopDaemon", daemon: MASTER },
    { kind: "startDaemon", daemon: BACKUP },
  ];
  assert.equal(
    printSteps(steps, false),
    "~ set timeouts tcp 1 s -> 2 s\n" +
      "- stop sync daemon master on eth0 id 3\n" +
      "+ start sync daemon backup on eth0 id 3\n" +
      "1 to add, 1 to change, 1 to remove\n",
  );
});

/** A host of which there is only the table. */
function hostOf(table: IpvsTable): HostDataplane {
  const nothing = () => {
    throw new TypeError("nobody asked for it");
  };
  return new HostDataplane({
    ...{ choice: "memory", table, links: new FakeLinks(), watch: undefined },
    ...{ masquerade: nothing, close() {} },
  }, new FakeSysctl());
}

/** The table, and which of its functions were called. */
function watched(table: IpvsTable): { readonly table: IpvsTable; readonly calls: string[] } {
  const calls: string[] = [];
  const proxy = new Proxy(table, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        calls.push(String(name));
        return value.apply(target, given);
      };
    },
  });
  return { table: proxy, calls };
}

async function pass(dataplane: HostDataplane, table: TableConfig, record = EMPTY_RECORD) {
  return await runPass({
    ...{ config: configOf(table), dataplane, means: { kind: "kernel", rules: "iptables" } },
    ...{ health: new Map(), record, others: [], nowMs: 1, save: () => {} },
  });
}

Deno.test("HostDataplane: a pass reads and changes no more of the table than it is told to", async () => {
  const { table, calls } = watched(new MemoryIpvsTable({ interfaces: ["eth0"] }));
  const host = hostOf(table);
  await pass(host, PLAIN_TABLE);
  assert.deepEqual(calls.splice(0), []);
  const wanted = { timeouts: { udpS: 9 }, daemons: [MASTER] };
  const { record } = await pass(host, wanted);
  assert.deepEqual(calls.splice(0), ["timeouts", "daemons", "setTimeouts", "startDaemon"]);
  assert.deepEqual((await pass(host, wanted, record)).outcomes, []);
  assert.deepEqual(calls.splice(0), ["timeouts", "daemons"]);
  assert.deepEqual(await table.timeouts(), { tcpS: 900, tcpFinS: 120, udpS: 9 });
});

Deno.test("HostDataplane: steps can be made twice", async () => {
  const table = new MemoryIpvsTable({ interfaces: ["eth0"] });
  const host = hostOf(table);
  const steps: Step[] = [
    { kind: "setTimeouts", before: {}, timeouts: { tcpS: 5 } },
    { kind: "startDaemon", daemon: { ...MASTER, port: 9000 } },
    { kind: "stopDaemon", daemon: BACKUP },
  ];
  const none = [undefined, undefined, undefined];
  for (let i = 0; i < 2; i++) assert.deepEqual(await host.apply(steps), none);
  assert.deepEqual((await table.daemons()).map(({ role, port }) => [role, port]), [
    ["master", 9000],
  ]);
});

Deno.test("HostDataplane: the refusal of a daemon says what runs in its place", async () => {
  const table = new MemoryIpvsTable({ interfaces: ["eth0"] });
  const host = hostOf(table);
  await table.startDaemon({ ...MASTER, syncId: 7 });
  const [error] = await host.apply([{ kind: "startDaemon", daemon: MASTER }]);
  assert.ok(error instanceof LvscareError);
  assert.equal(
    error.message,
    `start master sync daemon: another one runs: master on eth0 id 7 ${AT_DEFAULTS} (EEXIST)`,
  );
  assert.equal(error.hint, "stop it, if nobody needs it: lvscare ipvs daemon stop master");
  assert.ok(error.is("EEXIST") && error.cause instanceof KernelError);
  const [nowhere] = await host.apply([
    { kind: "startDaemon", daemon: { ...BACKUP, interface: "eth7" } },
  ]);
  assert.ok(nowhere instanceof KernelError && nowhere.is("ENODEV"), String(nowhere));
});

Deno.test("HostDataplane: without IPVS there is nothing yet, and what fails otherwise is blind", async () => {
  const scope = { ...NOTHING_TO_SEE, timeouts: true, daemons: true };
  const failing = (error: Error) => {
    const table = new MemoryIpvsTable();
    table.timeouts = () => Promise.reject(error);
    table.daemons = () => Promise.reject(error);
    return hostOf(table);
  };
  const missing = await failing(new UnsupportedError("no IPVS", "ip_vs")).observe(scope);
  assert.deepEqual([missing.observed.timeouts, missing.observed.daemons], [{}, []]);
  assert.deepEqual(missing.blind, []);
  const error = new LvscareError("not permitted");
  const { observed, blind } = await failing(error).observe(scope);
  assert.deepEqual([observed.timeouts, observed.daemons], [undefined, undefined]);
  assert.deepEqual(blind, [{ part: "timeouts", error }, { part: "sync daemons", error }]);
});
