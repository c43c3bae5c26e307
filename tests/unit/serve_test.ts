/** The life of `lvscare run`: what a reload touches, and above all what it does not. */

import assert from "node:assert/strict";
import { Instance } from "../../src/care/instance.ts";
import { ConfigProblems } from "../../src/care/problems.ts";
import { LvscareError } from "../../src/errors.ts";
import { EMPTY_RECORD } from "../../src/state/record.ts";
import { address } from "../support/care_arbitraries.ts";
import { settled } from "../support/fake_clock.ts";
import { type ServeLab, serveTest as test } from "../support/serve_lab.ts";

const MAIN = `
defaults:
  mode: none
  drain-timeout: 30s
  check: {type: http, path: /health, interval: 3s}
`;
const OTHER = { unit: undefined, pid: 8, warn: () => {} };
const ONE = "TCP 10.0.0.1:80";
const TWO = "TCP 10.0.0.2:80";

/** A service at 10.0.0.n with these servers, a line each, and more lines. */
function service(n: number, servers: readonly (number | string)[], ...more: string[]): string {
  const listed = servers.map((each) =>
    typeof each === "number" ? `      - 192.168.0.${each}:80\n` : `      - ${each}\n`
  );
  return `services:
  - address: 10.0.0.${n}
    port: 80
    servers:
${listed.join("")}${more.map((line) => `    ${line}\n`).join("")}`;
}

async function start(lab: ServeLab, ...servers: (number | string)[]): Promise<void> {
  lab.write("lvscare.yaml", MAIN);
  lab.write("conf.d/one.yaml", service(1, servers.length > 0 ? servers : [1, 2, 3]));
  await lab.start();
  await lab.clock.advance(3000);
  lab.take();
  lab.takeSteps();
  lab.probed.length = 0;
}

async function reload(lab: ServeLab): Promise<string> {
  const answer = await lab.control.reload();
  assert.ok(answer.ok, JSON.stringify(answer));
  assert.deepEqual(answer.problems, []);
  return answer.text;
}

test("a reload of the same files touches nothing, and nor does moving a service between files", async (lab) => {
  await start(lab);
  await lab.clock.advance(1500);
  const asked = lab.probed.length;
  assert.equal(await reload(lab), "1 service, 3 servers, 0 changes");
  lab.remove("conf.d/one.yaml");
  lab.write("conf.d/other.yaml", `# moved\n${service(1, [3, 2, 1], "name: the same")}`);
  assert.equal(await reload(lab), "1 service, 3 servers, 0 changes");
  assert.deepEqual(lab.takeSteps(), []);
  // No check was made before its time, and none is late: one a second, in the same rhythm.
  assert.equal(lab.probed.length, asked);
  await lab.clock.advance(1500);
  assert.deepEqual(lab.probed, ["192.168.0.2:80", "192.168.0.3:80", "192.168.0.1:80"]);
});

test("weight, scheduler, flags, persistence and thresholds are edited in place", async (lab) => {
  await start(lab);
  const server =
    "{address: 192.168.0.1, port: 80, weight: 5, upper-threshold: 9, lower-threshold: 3}";
  lab.write(
    "conf.d/one.yaml",
    service(1, [server, 2, 3], "scheduler: sh", "scheduler-flags: [sh-port]", "persistence: 5m"),
  );
  await reload(lab);
  assert.deepEqual(lab.takeSteps(), [
    `edit service ${ONE}: wrr -> sh flag-2 persistent 300 s /32`,
    `edit server 192.168.0.1:80 of ${ONE}: weight 1 -> 5, upper threshold 0 -> 9, ` +
    "lower threshold 0 -> 3",
    "set net.ipv4.vs.expire_quiescent_template: not there -> 1",
  ]);
});

test("a server that is down stays down through reloads, with its count and its reason", async (lab) => {
  await start(lab);
  lab.down.add("192.168.0.2:80");
  await lab.clock.advance(6000);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 3: 1 });
  lab.takeSteps();
  lab.write("conf.d/two.yaml", service(2, [4]));
  await reload(lab);
  assert.deepEqual(lab.takeSteps(), [
    `add service ${TWO} wrr`,
    `add server 192.168.0.4:80 weight 1 to ${TWO}`,
  ]);
  const { services } = await lab.control.status();
  const [down] = services[0]!.servers.filter(({ state }) => state === "down");
  assert.deepEqual([down?.server, down?.check?.text], ["192.168.0.2:80", "connection refused"]);
  assert.equal(down!.weight, undefined);
});

test("another check is asked from then on, and what is known of the server stays", async (lab) => {
  await start(lab);
  lab.down.add("192.168.0.2:80");
  await lab.clock.advance(6000);
  lab.write("conf.d/one.yaml", service(1, [1, 2, 3], "check: {path: /other, port: 81}"));
  lab.probed.length = 0;
  await reload(lab);
  await lab.clock.advance(2999);
  assert.deepEqual(lab.probed, ["192.168.0.1:81", "192.168.0.2:81", "192.168.0.3:81"]);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 3: 1, 2: 1 });
});

test("a server that leaves drains as it was told, through reloads on top of each other", async (lab) => {
  await start(lab);
  lab.dataplane.setConnections("192.168.0.3:80", 2);
  lab.write("conf.d/one.yaml", service(1, [1, 2]));
  await reload(lab);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1, 3: 0 });
  await lab.clock.advance(20_000);
  for (const more of [4, 5, 6]) {
    lab.write("conf.d/one.yaml", service(1, [1, 2, more]));
    await reload(lab);
    assert.equal(lab.weights(ONE)![3], 0);
  }
  // 4 and 5 had no connection.
  await lab.clock.advance(2000);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1, 3: 0, 6: 1 });
  await lab.clock.advance(7000);
  assert.equal(lab.weights(ONE)![3], 0);
  await lab.clock.advance(2000);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1, 6: 1 });
});

test("a server that comes back while it drains is in use again", async (lab) => {
  await start(lab);
  lab.dataplane.setConnections("192.168.0.3:80", 2);
  lab.write("conf.d/one.yaml", service(1, [1, 2]));
  await reload(lab);
  assert.equal(lab.weights(ONE)![3], 0);
  lab.write("conf.d/one.yaml", service(1, [1, 2, 3]));
  await reload(lab);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1, 3: 1 });
  await lab.clock.advance(60_000);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1, 3: 1 });
});

test("a service that leaves keeps its connections and all that leads to it, until its time is up", async (lab) => {
  lab.write("lvscare.yaml", MAIN.replace("mode: none", "mode: link"));
  lab.write("conf.d/one.yaml", service(1, [1, 2]));
  lab.write("conf.d/two.yaml", service(2, [1]));
  await lab.start();
  await lab.clock.advance(3000);
  lab.dataplane.setConnections("192.168.0.2:80", 1);
  lab.remove("conf.d/one.yaml");
  await reload(lab);
  // Of two the idle one is gone.
  assert.deepEqual(lab.weights(ONE), { 2: 0 });
  const addresses = () => lab.dataplane.devices.get("lvscare")!.addresses.map((a) => a.address);
  const entries = () => [...lab.dataplane.rules.get("iptables ipv4")!.entries!.keys()];
  assert.deepEqual(addresses(), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(entries(), ["10.0.0.1,tcp:80", "10.0.0.2,tcp:80"]);
  const { services } = await lab.control.status();
  assert.deepEqual(services.map(({ service, isListed }) => [service, isListed]), [
    [TWO, true],
    [ONE, false],
  ]);
  // What leads to it is mended as long as it is needed.
  lab.dataplane.devices.set("lvscare", {
    ...lab.dataplane.devices.get("lvscare")!,
    addresses: [],
  });
  await lab.clock.advance(5000);
  assert.deepEqual(addresses().toSorted(), ["10.0.0.1", "10.0.0.2"]);
  // The time goes on through a restart, and ends.
  await lab.stop();
  await lab.start();
  await lab.clock.advance(15_000);
  assert.deepEqual(lab.weights(ONE), { 2: 0 });
  await lab.clock.advance(12_000);
  assert.equal(lab.weights(ONE), undefined);
  assert.deepEqual([addresses(), entries()], [["10.0.0.2"], ["10.0.0.2,tcp:80"]]);
});

test("a reload in the midst of a pass waits for its end, and loses nothing of what it was told", async (lab) => {
  await start(lab);
  lab.write("conf.d/two.yaml", service(2, [4], "drain-timeout: 1h"));
  await reload(lab);
  lab.dataplane.setConnections("192.168.0.4:80", 1);
  const held = Promise.withResolvers<void>();
  const apply = lab.dataplane.apply.bind(lab.dataplane);
  lab.dataplane.apply = async (steps) => {
    await held.promise;
    return await apply(steps);
  };
  lab.down.add("192.168.0.1:80");
  await lab.clock.advance(3000);
  lab.remove("conf.d/two.yaml");
  const reloaded = reload(lab);
  for (let i = 0; i < 20; i++) await settled();
  assert.equal(lab.weights(ONE)![1], 1);
  held.resolve();
  assert.match(await reloaded, /^1 service, 3 servers, \d+ changes?$/);
  assert.deepEqual(lab.weights(TWO), { 4: 0 });
  await lab.clock.advance(3_500_000);
  assert.deepEqual(lab.weights(TWO), { 4: 0 });
  await lab.clock.advance(200_000);
  assert.equal(lab.weights(TWO), undefined);
});

test("a service that comes back while it leaves is the same one", async (lab) => {
  await start(lab);
  lab.write("conf.d/two.yaml", service(2, [4]));
  await reload(lab);
  lab.dataplane.setConnections("192.168.0.1:80", 1);
  lab.remove("conf.d/one.yaml");
  await reload(lab);
  assert.equal(lab.weights(ONE)![1], 0);
  lab.write("conf.d/one.yaml", service(1, [1]));
  await reload(lab);
  await lab.clock.advance(60_000);
  assert.deepEqual(lab.weights(ONE), { 1: 1 });
  assert.ok(!lab.takeSteps().some((step) => step.startsWith("remove service")));
});

test("what left the files while nobody ran leaves when somebody runs again", async (lab) => {
  lab.write("lvscare.yaml", MAIN.replace("mode: none", "mode: link"));
  lab.write("conf.d/one.yaml", service(1, [1]));
  lab.write("conf.d/two.yaml", service(2, [1]));
  await lab.start();
  await lab.stop();
  lab.remove("conf.d/one.yaml");
  await lab.start();
  await lab.clock.advance(3000);
  assert.deepEqual([...lab.dataplane.services.keys()], [TWO]);
  assert.equal(lab.dataplane.devices.get("lvscare")!.addresses.length, 1);
});

test("a wrong configuration changes nothing, and says everything in the log and to who asked", async (lab) => {
  await start(lab);
  lab.write("conf.d/one.yaml", service(1, ["nonsense"], "wieght: 3"));
  lab.write("conf.d/two.yaml", service(2, [4]));
  const answer = await lab.control.reload();
  const problems = [
    `${lab.folder}/conf.d/one.yaml:5:9: services[0].servers[0]: "nonsense": must be a server, ` +
    "as 10.0.0.2:8080 or [fd00::2]:8080 (names are not looked up)",
    `${lab.folder}/conf.d/one.yaml:6:5: services[0]: "wieght" is unknown (did you mean weight?)`,
  ];
  assert.deepEqual(answer, { ok: false, problems });
  assert.deepEqual(lab.take(), [
    "error reload: the configuration stays as it was, for the new one is wrong",
    ...problems.map((line) => `error ${line}`),
  ]);
  await lab.clock.advance(10_000);
  assert.deepEqual(lab.takeSteps(), []);
  assert.equal(lab.probed.length, 10);
});

test("what is the host's takes a restart", async (lab) => {
  await start(lab);
  lab.write("lvscare.yaml", `host: {dataplane: auto}\n${MAIN}`);
  assert.deepEqual(await lab.control.reload(), {
    ok: false,
    problems: ["host.dataplane is another one: that takes a restart"],
  });
  lab.write("lvscare.yaml", `host: {checks-at-once: 7}\n${MAIN}`);
  assert.deepEqual((await lab.control.reload()).problems, [
    "host.checks-at-once is another one: that takes a restart",
  ]);
  lab.write("lvscare.yaml", `host: {sync-interval: 1s}\n${MAIN}`);
  await reload(lab);
});

test("an address of another device is refused, at start and in a reload", async (lab) => {
  const eth0 = { index: 2, name: "eth0", kind: undefined, up: true };
  const address = lab.dataplane;
  address.devices.set("eth0", {
    ...eth0,
    addresses: [{ address: "10.0.0.2" as never, prefix: 24 }],
  });
  await start(lab);
  lab.write("conf.d/two.yaml", service(2, [4], "mode: link"));
  const answer = await lab.control.reload();
  assert.deepEqual(answer.problems, [
    `${lab.folder}/conf.d/two.yaml:2:14: services[0].address: 10.0.0.2 is on device eth0 as ` +
    "10.0.0.2/24, must be on lvscare alone (where it shall stay there, mode must be none)",
  ]);
  assert.deepEqual(lab.takeSteps(), []);
  await lab.stop();
  await lab.start();
  await assert.rejects(lab.ended!, ConfigProblems);
});

test("an operator's weight stays until the files say another", async (lab) => {
  await start(lab);
  const { service: { key } } = lab.dataplane.services.get(ONE)!;
  const entry = lab.dataplane.services.get(ONE)!.servers.get("192.168.0.1:80")!;
  lab.dataplane.change({ kind: "editServer", key, server: { ...entry.server, weight: 7 } });
  await lab.clock.advance(6000);
  await reload(lab);
  assert.equal(lab.weights(ONE)![1], 7);
  await lab.stop();
  await lab.start();
  assert.equal(lab.weights(ONE)![1], 7);
  lab.write("conf.d/one.yaml", service(1, ["{address: 192.168.0.1, port: 80, weight: 2}", 2, 3]));
  await reload(lab);
  assert.equal(lab.weights(ONE)![1], 2);
  await lab.clock.advance(6000);
  assert.equal(lab.weights(ONE)![1], 2);
});

test("what was found in the table before anything was known gets the files' weights", async (lab) => {
  await start(lab);
  await lab.stop();
  const { service: { key } } = lab.dataplane.services.get(ONE)!;
  const entry = lab.dataplane.services.get(ONE)!.servers.get("192.168.0.1:80")!;
  lab.dataplane.change({ kind: "editServer", key, server: { ...entry.server, weight: 100 } });
  Deno.removeSync(`${lab.stateDir}/run.json`);
  await lab.start();
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1, 3: 1 });
});

test("a server that was down is down at start, until a check of it is good", async (lab) => {
  await start(lab);
  lab.down.add("192.168.0.1:80");
  await lab.clock.advance(6000);
  for (const isFresh of [false, true]) {
    await lab.stop();
    if (isFresh) lab.dataplane.services.clear();
    lab.takeSteps();
    await lab.start();
    assert.deepEqual(Object.keys(lab.weights(ONE)!), ["2", "3"]);
    assert.ok(!lab.takeSteps().some((step) => step.includes("192.168.0.1")));
  }
  lab.down.clear();
  await lab.clock.advance(3000);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1, 3: 1 });
  assert.match(lab.take().join("\n"), /probe ok again: GET 192\.168\.0\.1:80\/health, after \d+s/);
});

test("with start: proven a server is out until a check of it is good", async (lab) => {
  lab.write("lvscare.yaml", `${MAIN}  start: proven\n`);
  lab.write("conf.d/one.yaml", service(1, [1, 2]));
  lab.down.add("192.168.0.2:80");
  await lab.start({ wait: true });
  assert.deepEqual(lab.weights(ONE), { 1: 1 });
  const [, second] = (await lab.control.status()).services[0]!.servers;
  assert.equal(second?.state, "down");
  lab.write("conf.d/one.yaml", service(1, [1, 2, 3]));
  await reload(lab);
  await lab.clock.advance(3000);
  assert.deepEqual(lab.weights(ONE), { 1: 1, 3: 1 });
});

test("it is ready when it cares, or with --wait when every server has been checked once", async (lab) => {
  await start(lab);
  assert.equal(lab.ready, 1);
  await lab.stop();
  await lab.start({ wait: true });
  assert.equal(lab.ready, 1);
  assert.equal((await lab.control.status()).isReady, false);
  await lab.clock.advance(1900);
  assert.equal(lab.ready, 1);
  await lab.clock.advance(1000);
  assert.equal(lab.ready, 2);
  assert.equal((await lab.control.status()).isReady, true);
  assert.ok(lab.take().includes("info ready: every server has been checked"));
});

test("with --watch it reloads when the files have come to rest", async (lab) => {
  lab.write("lvscare.yaml", MAIN);
  lab.write("conf.d/one.yaml", service(1, [1]));
  await lab.start({ watch: true });
  lab.take();
  const advance = async (ms: number) => {
    await lab.clock.advance(ms);
    for (let i = 0; i < 20; i++) await settled();
  };
  lab.write("conf.d/two.yaml", service(2, [4]));
  await advance(1000);
  assert.equal(lab.weights(TWO), undefined);
  await advance(1000);
  assert.deepEqual(lab.weights(TWO), { 4: 1 });
  lab.write("conf.d/two.yaml", "nonsense");
  await advance(5000);
  const said = lab.take().filter((line) => line.includes("stays as it was"));
  assert.equal(said.length, 1);
  assert.deepEqual(lab.weights(TWO), { 4: 1 });
});

test("with --watch a file that is written during the first pass is read, too", async (lab) => {
  lab.write("lvscare.yaml", MAIN);
  lab.write("conf.d/one.yaml", service(1, [1]));
  const apply = lab.dataplane.apply.bind(lab.dataplane);
  lab.dataplane.apply = (steps) => {
    lab.dataplane.apply = apply;
    lab.write("conf.d/two.yaml", service(2, [4]));
    return apply(steps);
  };
  await lab.start({ watch: true });
  for (let second = 0; second < 3; second++) {
    await lab.clock.advance(1000);
    for (let i = 0; i < 20; i++) await settled();
  }
  assert.deepEqual(lab.weights(TWO), { 4: 1 });
});

test("SIGHUP reloads, and SIGUSR1 says all that is known", async (lab) => {
  await start(lab);
  lab.write("conf.d/two.yaml", service(2, [4]));
  lab.signal("SIGHUP");
  for (let i = 0; i < 20; i++) await settled();
  assert.deepEqual(lab.weights(TWO), { 4: 1 });
  assert.equal(lab.take().at(-1), "info SIGHUP: 2 services, 4 servers, 2 changes");
  lab.signal("SIGUSR1");
  const [line] = lab.take();
  assert.match(
    line!,
    /^info state \{"dataplane":"fake","rules":"iptables","services":\[\{"service":/,
  );
  assert.equal(await lab.stop(), 0);
  assert.match(lab.take().at(-1)!, /^info SIGTERM: stopping, and leaving everything in place$/);
});

test("a second one with the same state directory is refused, and says who is first", async (lab) => {
  await start(lab);
  const first = lab.ended;
  await lab.start();
  await assert.rejects(lab.ended!, /care for run: process 7 \(lvscare run -c .*\) does so already/);
  lab.signal("SIGTERM");
  assert.equal(await first, 0);
});

test("a service that lvscare care has is refused as long as that runs", async (lab) => {
  await start(lab);
  const { stateDir } = lab;
  const name = "10.0.0.2:80";
  const open = () => Instance.open({ ...OTHER, name, command: "lvscare care", stateDir });
  const key = { kind: "address", protocol: "tcp", address: address("10.0.0.2"), port: 80 } as const;
  {
    using other = open();
    other.save({ ...EMPTY_RECORD, owned: { ...EMPTY_RECORD.owned, services: [key] } });
    lab.write("conf.d/two.yaml", service(2, [4]));
    const answer = await lab.control.reload();
    assert.deepEqual(answer.problems, [
      `${lab.folder}/conf.d/two.yaml:2:14: services[0].address: ${TWO} is cared for by ` +
      "lvscare care --vs 10.0.0.2:80, must be by one alone",
    ]);
  }
  await reload(lab);
  assert.deepEqual(lab.weights(TWO), { 4: 1 });
});

test("of services without checks every server is in use", async (lab) => {
  lab.write("lvscare.yaml", "defaults: {mode: none}\n");
  lab.write("conf.d/one.yaml", service(1, [1, 2], "start: proven"));
  await lab.start({ wait: true });
  assert.deepEqual(lab.weights(ONE), { 1: 1, 2: 1 });
  assert.equal(lab.ready, 1);
  assert.equal((await lab.control.status()).services[0]!.servers[0]!.state, "unchecked");
});

test("what is remembered is amended, and whole again after a hundred changes", async (lab) => {
  await start(lab);
  for (let i = 0; i < 100; i++) {
    const name = "192.168.0.2:80";
    if (i % 2 === 0) lab.down.add(name);
    else lab.down.delete(name);
    await lab.clock.advance(6000);
    const { services } = lab.record()!;
    const memory = services.get(ONE)!;
    assert.equal(memory.health.get(name)?.state, i % 2 === 0 ? "down" : undefined);
    assert.deepEqual(memory.weights.get("192.168.0.1:80"), { ours: [1], operator: undefined });
  }
});

test("prepared, the kernel has the parameters that the files call for, and nothing else", async (lab) => {
  lab.write("lvscare.yaml", MAIN.replace("mode: none", "mode: link"));
  lab.write("conf.d/one.yaml", service(1, [1, 2], "persistence: 1m"));
  lab.dataplane.parameters.set("net.ipv4.vs.expire_quiescent_template", "0");
  assert.equal(await lab.prepare(), 0);
  assert.deepEqual(lab.takeSteps(), [
    "set net.ipv4.vs.conntrack: 0 -> 1",
    "set net.ipv4.vs.expire_quiescent_template: 0 -> 1",
  ]);
  assert.deepEqual(lab.dataplane.services.size + lab.dataplane.devices.size, 0);
  assert.deepEqual([...Deno.readDirSync(lab.stateDir)], []);
  assert.equal(await lab.prepare(), 0);
  assert.deepEqual(lab.takeSteps(), []);
  // Beside one that runs, too.
  await lab.start();
  lab.takeSteps();
  assert.equal(await lab.prepare(), 0);
  assert.deepEqual(lab.takeSteps(), []);
});

test("what could not be prepared is said, with status 1, and wrong files change nothing", async (lab) => {
  lab.write("lvscare.yaml", MAIN.replace("mode: none", "mode: link"));
  lab.write("conf.d/one.yaml", service(1, [1]));
  const { dataplane } = lab;
  dataplane.apply = (steps) => Promise.resolve(steps.map(() => new LvscareError("read-only")));
  assert.equal(await lab.prepare(), 1);
  assert.match(lab.take().join("\n"), /error set net\.ipv4\.vs\.conntrack: 0 -> 1: read-only/);
  lab.write("conf.d/one.yaml", "services: 7\n");
  await assert.rejects(lab.prepare(), { name: "ConfigError" });
  assert.equal(dataplane.parameters.get("net.ipv4.vs.conntrack"), "0");
});
