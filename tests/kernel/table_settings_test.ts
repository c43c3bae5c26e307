/** IPVS's own settings in a real kernel: timeouts, and daemons that start, change, are in the way and stop. */

import assert from "node:assert/strict";
import { clean } from "../../src/care/clean.ts";
import { openGround } from "../../src/care/ground.ts";
import { runPass } from "../../src/care/pass.ts";
import type { Config, ServiceConfig, TableConfig } from "../../src/config/config.ts";
import { PLAIN_SERVICE } from "../../src/config/config.ts";
import { HostDataplane } from "../../src/dataplane/host.ts";
import { LvscareError } from "../../src/errors.ts";
import { ProcModules } from "../../src/kernel/proc_modules.ts";
import { ProcSysctl } from "../../src/kernel/proc_sysctl.ts";
import { openKernel } from "../../src/kernel/select.ts";
import { printServiceKey, type ServiceKey, type SyncDaemon } from "../../src/model/ipvs.ts";
import { printSyncDaemon } from "../../src/model/sync_daemon.ts";
import { stepText } from "../../src/plan/text.ts";
import { type CareRecord, EMPTY_RECORD } from "../../src/state/record.ts";
import { address } from "../support/care_arbitraries.ts";
import { must } from "../support/network.ts";
import { run } from "../support/process.ts";
import { type ServeLab, serveTest } from "../support/serve_lab.ts";

const DEVICE = "sync0";
const DEFAULTS = { tcpS: 900, tcpFinS: 120, udpS: 300 };
const MASTER: SyncDaemon = { role: "master", syncId: 3, interface: DEVICE };
const BACKUP: SyncDaemon = { ...MASTER, role: "backup" };
const NOTHING: TableConfig = { timeouts: {}, daemons: [] };

/** What ipvsadm says of its daemons: "master (mcast=sync0, syncid=3, …)". */
async function listed(): Promise<string[]> {
  const text = await must("ipvsadm", "-L", "--daemon");
  return [...text.matchAll(/^(\w+) sync daemon (\(.*\))$/gm)].map(([, role, rest]) =>
    `${role} ${rest}`
  );
}

async function timeouts(): Promise<string> {
  return (await must("ipvsadm", "-L", "--timeout")).trim();
}

/** The guest has one table, and is thrown away. */
async function empty(): Promise<void> {
  await must("ipvsadm", "-C");
  await must("ipvsadm", "--set", "900", "120", "300");
  for (const each of await listed()) {
    await must("timeout", "5", "ipvsadm", "--stop-daemon", each.split(" ")[0]!);
  }
  await run(["/sbin/ip", "link", "add", DEVICE, "type", "dummy"]);
  await must("ip", "address", "replace", "10.9.0.1/24", "dev", DEVICE);
  await must("ip", "link", "set", DEVICE, "up");
}

/** A daemon that has not run yet is stopped without an answer; nothing shows when it has. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 300));

class Host implements Disposable {
  readonly dataplane: HostDataplane;
  record: CareRecord = EMPTY_RECORD;

  constructor(dataplane: HostDataplane) {
    this.dataplane = dataplane;
  }

  static async open(backend: "netlink" | "command"): Promise<Host> {
    await empty();
    const kernel = await openKernel({
      ...{ backend, transport: "libc", masquerade: "iptables", rulesFor: [] },
    });
    return new Host(new HostDataplane(kernel, new ProcSysctl()));
  }

  /** One pass: its steps in words, each with why it was refused. */
  async pass(table: TableConfig, services: readonly ServiceConfig[] = []): Promise<string[]> {
    const { outcomes, record, look } = await runPass({
      ...{ config: configOf(table, services), dataplane: this.dataplane, health: new Map() },
      ...{ means: { kind: "kernel", rules: "iptables" }, record: this.record, others: [] },
      nowMs: 1,
      save: (record) => this.record = record,
    });
    this.record = record;
    assert.deepEqual(look.blind, []);
    return outcomes.map(({ step, error }) => {
      if (error === undefined) return stepText(step);
      assert.ok(error instanceof LvscareError, String(error));
      return `${stepText(step)}: ${error.message}`;
    });
  }

  /** The same, and the next has nothing to do. */
  async settle(table: TableConfig, services: readonly ServiceConfig[] = []): Promise<string[]> {
    const steps = await this.pass(table, services);
    await settle();
    assert.deepEqual(await this.pass(table, services), []);
    return steps;
  }

  [Symbol.dispose](): void {
    this.dataplane.close();
  }
}

function configOf(table: TableConfig, services: readonly ServiceConfig[]): Config {
  return {
    host: {
      ...{ dataplane: "kernel", backend: undefined, masquerade: "auto" },
      proxy: { protocol: undefined, connectTimeoutMs: 5000, idleTimeoutMs: 900_000 },
    },
    ...{ table, services, intervalMs: 5000, drainTimeoutMs: 0, checksAtOnce: 1 },
    remembersHealth: true,
  };
}

/** A service of IPv4 whose one server is of IPv6. */
function mixedService(): ServiceConfig {
  const key: ServiceKey = {
    ...{ kind: "address", protocol: "tcp", address: address("10.9.1.1"), port: 80 },
  };
  const endpoint = { address: address("2001:db8::1"), port: 80, name: "[2001:db8::1]:80" };
  return {
    name: printServiceKey(key),
    service: { key, scheduler: "rr", schedulerFlags: [], onePacket: false },
    servers: new Map([[endpoint.name, {
      ...{ ...endpoint, weight: 1, upperThreshold: 0, lowerThreshold: 0 },
      forwarding: { method: "tunnel", encapsulation: "ipip" },
      ...{ checks: [], need: "all", whenFailed: "step", notify: [] },
    }]]),
    mode: { kind: "none" },
    ...PLAIN_SERVICE,
  };
}

for (const backend of ["netlink", "command"] as const) {
  const test = (name: string, body: (host: Host) => Promise<void>) =>
    Deno.test(`${backend}: ${name}`, async () => {
      using host = await Host.open(backend);
      await body(host);
    });

  test("timeouts that are given are set, and the others are as they were", async (host) => {
    await must("ipvsadm", "--set", "901", "121", "301");
    assert.deepEqual(await host.settle({ ...NOTHING, timeouts: { tcpS: 600, udpS: 60 } }), [
      "set timeouts tcp 901 s -> 600 s, udp 301 s -> 60 s",
    ]);
    assert.equal(await timeouts(), "Timeout (tcp tcpfin udp): 600 121 60");
    // The longest that a file can say, and the shortest.
    const longest = { tcpS: 2_145_600, tcpFinS: 1, udpS: 2_145_600 };
    assert.equal((await host.settle({ ...NOTHING, timeouts: longest })).length, 1);
    assert.equal(await timeouts(), "Timeout (tcp tcpfin udp): 2145600 1 2145600");
    assert.deepEqual(await host.settle(NOTHING), []);
    assert.equal(await timeouts(), "Timeout (tcp tcpfin udp): 2145600 1 2145600");
    assert.equal((await host.settle({ ...NOTHING, timeouts: DEFAULTS })).length, 1);
  });

  test("daemons start, change, are the kernel's choice again, and stop", async (host) => {
    const daemons = [MASTER, BACKUP];
    assert.deepEqual(await host.settle({ ...NOTHING, daemons }), [
      "start sync daemon master on sync0 id 3",
      "start sync daemon backup on sync0 id 3",
    ]);
    const [master, backup] = await listed();
    const plain = (role: string, id = 3) =>
      `${role} (mcast=sync0, syncid=${id}, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)`;
    assert.deepEqual([master, backup], [plain("master"), plain("backup")]);

    const more = { maxLength: 1200, group: address("239.1.2.3"), port: 9000, ttl: 7 };
    assert.deepEqual(await host.settle({ ...NOTHING, daemons: [{ ...MASTER, ...more }, BACKUP] }), [
      "stop sync daemon master on sync0 id 3",
      "start sync daemon master on sync0 id 3 max length 1200 group 239.1.2.3 port 9000 ttl 7",
    ]);
    assert.deepEqual(await listed(), [
      "master (mcast=sync0, syncid=3, maxlen=1200, group=239.1.2.3, port=9000, ttl=7)",
      backup,
    ]);
    assert.equal((await host.settle({ ...NOTHING, daemons })).length, 2);
    assert.deepEqual(await listed(), [master, backup]);

    const other = { ...BACKUP, syncId: 4 };
    assert.deepEqual(await host.settle({ ...NOTHING, daemons: [other] }), [
      "stop sync daemon master on sync0 id 3",
      "stop sync daemon backup on sync0 id 3",
      "start sync daemon backup on sync0 id 4",
    ]);
    assert.deepEqual(await listed(), [plain("backup", 4)]);
    assert.deepEqual(host.record.owned.daemons, [other]);
    assert.deepEqual(await host.settle(NOTHING), ["stop sync daemon backup on sync0 id 4"]);
    assert.deepEqual(await listed(), []);
  });

  test("what the kernel makes of what was asked for is as it must be", async (host) => {
    await must("ip", "address", "replace", "fd00:9::1/64", "dev", DEVICE, "nodad");
    const cases: readonly (readonly [Partial<SyncDaemon>, master: number, backup: number])[] = [
      [{ maxLength: 1 }, 1, 1024],
      [{ maxLength: 1400 }, 1400, 1400],
      [{ maxLength: 65_507 }, 65_507, 65_507],
      [{ group: address("ff15::9") }, 1452, 1452],
      [{ group: address("ff15::9"), maxLength: 65_507 }, 65_487, 65_487],
    ];
    for (const [given, ...lengths] of cases) {
      const daemons = [{ ...MASTER, ...given }, { ...BACKUP, ...given }];
      await host.settle({ ...NOTHING, daemons });
      const found = (await listed()).map((each) => Number(/maxlen=(\d+)/.exec(each)?.[1]));
      assert.deepEqual(found, lengths, JSON.stringify(given));
    }
    await host.settle(NOTHING);
  });

  test("somebody else's daemon is left alone, and said", async (host) => {
    const theirs = "--mcast-interface=lo --syncid=9 --mcast-port=9000".split(" ");
    await must("ipvsadm", "--start-daemon", "master", ...theirs);
    await settle();
    const before = await listed();
    const wanted = { ...NOTHING, daemons: [MASTER, BACKUP] };
    const refusal = "start sync daemon master on sync0 id 3: start master sync daemon: " +
      "another one runs: master on lo id 9 max length 1472 group 224.0.0.81 port 9000 ttl 1 (EEXIST)";
    assert.deepEqual(await host.pass(wanted), [refusal, "start sync daemon backup on sync0 id 3"]);
    await settle();
    assert.deepEqual(await host.pass(wanted), [refusal]);
    assert.deepEqual(await host.settle(NOTHING), ["stop sync daemon backup on sync0 id 3"]);
    // Just as it is wanted it is theirs all the same.
    const same = { ...MASTER, interface: "lo", syncId: 9 };
    assert.deepEqual(await host.settle({ ...NOTHING, daemons: [same] }), []);
    assert.deepEqual(await host.settle(NOTHING), []);
    await clean({ dataplane: host.dataplane, owned: host.record.owned, others: [] });
    assert.deepEqual(await listed(), before);
  });

  test("a clean stops what is ours, also before it has run", async (host) => {
    const daemons = [MASTER, BACKUP];
    for (let i = 0; i < (backend === "netlink" ? 15 : 2); i++) {
      await host.pass({ timeouts: { udpS: 30 }, daemons });
      if (i % 2 === 1) await settle();
      const { owned } = host.record;
      const { outcomes, isWhole } = await clean({ dataplane: host.dataplane, owned, others: [] });
      assert.ok(isWhole, outcomes.map(({ error }) => String(error)).join("\n"));
      assert.equal(outcomes.length, 2);
      assert.deepEqual(await listed(), []);
    }
    assert.match(await timeouts(), / 30$/);
  });

  test("a daemon that is refused keeps nothing else from being done", async (host) => {
    const nowhere = { ...MASTER, interface: "nosuch0" };
    const steps = await host.pass({ timeouts: { udpS: 30 }, daemons: [nowhere, BACKUP] });
    assert.deepEqual(steps, [
      "set timeouts udp 300 s -> 30 s",
      "start sync daemon master on nosuch0 id 3: start master sync daemon: no such interface (ENODEV)",
      "start sync daemon backup on sync0 id 3",
    ]);
    await settle();
    await host.settle(NOTHING);
  });

  test("a server of another family comes when the daemon is gone, and the daemon when it is", async (host) => {
    const wanted = { ...NOTHING, daemons: [MASTER] };
    const mixed = [mixedService()];
    await host.settle(wanted);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await host.settle(NOTHING, mixed), [
        "stop sync daemon master on sync0 id 3",
        "add service TCP 10.9.1.1:80 rr",
        "add server [2001:db8::1]:80 weight 1 to TCP 10.9.1.1:80",
      ]);
      const refused = await host.pass(wanted, mixed);
      assert.equal(refused.length, 1);
      assert.match(refused[0]!, /not a daemon that this kernel takes \(EINVAL\)$/);
      // The service goes in its own time.
      for (let i = 0; i < 5 && (await host.pass(wanted)).length > 0; i++) await settle();
      assert.equal((await listed()).length, 1);
    }
    await host.settle(NOTHING);
  });
}

function tabled(name: string, body: (lab: ServeLab) => Promise<void>): void {
  serveTest(name, async (lab) => {
    await empty();
    const { clock } = lab;
    const parts = {
      ...{
        transport: "libc",
        modules: new ProcModules(),
        sysctl: new ProcSysctl(),
        clock,
      } as const,
    };
    lab.openGround = (request, warn) => openGround(request, parts, warn);
    await body(lab);
  });
}

const SERVICE = `services:
  - address: 10.9.1.1
    port: 80
    mode: none
    servers: ["10.9.0.2:80"]
`;

tabled(
  "run keeps what its files say, through reloads, restarts and what others do",
  async (lab) => {
    const write = (...host: readonly string[]) => {
      const lines = ["sync-interval: 5s", ...host].map((line) => `  ${line}\n`);
      lab.write("lvscare.yaml", `host:\n${lines.join("")}${SERVICE}`);
    };
    /** What was done about these settings since the last time. */
    const done = () => lab.take().filter((line) => /timeouts|daemon/.test(line));
    write("timeouts: {tcp: 10m}", `sync-daemon: {device: ${DEVICE}, id: 3}`);
    await lab.start();
    assert.deepEqual(done(), [
      "info set timeouts tcp 900 s -> 600 s",
      "info start sync daemon master on sync0 id 3",
      "info start sync daemon backup on sync0 id 3",
    ]);
    await settle();
    await must("ipvsadm", "--set", "5", "6", "7");
    await must("timeout", "5", "ipvsadm", "--stop-daemon", "backup");
    await lab.clock.advance(5000);
    assert.deepEqual(done(), [
      "info set timeouts tcp 5 s -> 600 s",
      "info start sync daemon backup on sync0 id 3",
    ]);
    assert.equal(await timeouts(), "Timeout (tcp tcpfin udp): 600 6 7");
    await settle();
    write(`sync-daemon: {device: ${DEVICE}, id: 3, role: master, ttl: 4}`);
    const { ok, problems } = await lab.control.reload();
    assert.ok(ok);
    assert.deepEqual(problems, []);
    assert.deepEqual(done(), [
      "info stop sync daemon backup on sync0 id 3",
      "info stop sync daemon master on sync0 id 3",
      "info start sync daemon master on sync0 id 3 ttl 4",
    ]);
    await settle();
    await lab.stop();
    assert.equal((await listed()).length, 1);
    write();
    await lab.start();
    assert.deepEqual(done(), ["info stop sync daemon master on sync0 id 3 ttl 4"]);
    assert.deepEqual(await listed(), []);
    assert.equal(await timeouts(), "Timeout (tcp tcpfin udp): 600 6 7");
    assert.deepEqual(lab.record()!.owned.daemons.map(printSyncDaemon), []);
  },
);
