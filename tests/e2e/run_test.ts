/** `lvscare run` as it is run: files, signals, a real kernel, real servers and real requests. */

import assert from "node:assert/strict";
import { askReload } from "../../src/admin/client.ts";
import { RequestLoop, until, V4, V6 } from "../support/care_lab.ts";
import { RunLab } from "../support/run_lab.ts";
import { must } from "../support/network.ts";

const MAIN = `
defaults:
  mode: link
  drain-timeout: 5s
  check:
    type: http
    path: /healthz
    interval: 1s
    timeout: 2s
`;

for (const family of [V4, V6]) {
  Deno.test(`files come, go and are wrong, a server stops and comes back: ${family.name}`, async () => {
    await using run = await RunLab.open(family);
    const { lab } = run;
    await lab.addForeign();
    const [first, second, third] = family.servers as [string, string, string];
    const [one, two, three] = [run.service(1), run.service(2), run.service(3)];
    run.write("lvscare.yaml", MAIN);
    run.writeService("one", one, [0, 1]);
    run.writeService("two", two, [1, 2]);

    const plan = await run.lvscare("plan");
    assert.equal(plan.status, 3, plan.stderr);
    assert.match(plan.stdout, /^\+ add dummy device lvscare$/m);

    const care = run.start("--wait");
    await care.said(/ready: every server has been checked/);
    const both = [one.address, two.address].sort();
    const entry = ({ address, port }: typeof one) => `${address},tcp:${port}`;
    assert.deepEqual(await run.addresses(), both);
    assert.deepEqual(await run.entries(), [entry(one), entry(two)].sort());
    for (const answering of [run.answering, run.answeringPod]) {
      assert.deepEqual(await answering.call(run, one), [first, second]);
      assert.deepEqual(await answering.call(run, two), [second, third]);
    }
    assert.deepEqual((await run.lvscare("plan")).status, 0);
    const counted = await run.connections(one);

    run.writeService("three", three, [0, 2]);
    care.signal("SIGHUP");
    await care.said(/SIGHUP: 3 services, 6 servers, \d+ changes/);
    assert.deepEqual(await run.addresses(), [...both, three.address].sort());
    assert.deepEqual(await run.entries(), [one, two, three].map(entry).sort());
    assert.deepEqual(await run.answering(three), [first, third]);
    assert.deepEqual(await run.answeringPod(three), [first, third]);

    run.remove("conf.d/two.yaml");
    care.signal("SIGHUP");
    await care.said(/SIGHUP: 2 services, 4 servers/);
    await care.said(/remove service TCP/);
    await until(async () => await lab.weights(run.at(two)) === undefined, "the service is gone");
    await until(async () => (await run.addresses()).length === 2, "its address is gone");
    assert.deepEqual(await run.entries(), [one, three].map(entry).sort());

    const before = await lab.snapshot();
    run.write("conf.d/three.yaml", "services:\n  - address: 10.0.0.300\n    prot: tcp\n");
    const from = care.output.length;
    care.signal("SIGHUP");
    await care.said(/SIGHUP: the configuration stays as it was/, from);
    await care.said(
      /error \S+\/conf\.d\/three\.yaml:2:14: services\[0\]\.address: "10\.0\.0\.300": must be an address/,
      from,
    );
    await care.said(
      /three\.yaml:3:5: services\[0\]: "prot" is unknown \(did you mean port\?\)/,
      from,
    );
    const asked = await run.lvscare("reload");
    assert.equal(asked.status, 2);
    assert.match(asked.stderr, /three\.yaml:2:14: services\[0\]\.address/);
    assert.equal(await lab.snapshot(), before);
    run.writeService("three", three, [0, 2]);
    const mended = await run.lvscare("reload");
    assert.deepEqual([mended.status, mended.stdout], [0, "2 services, 4 servers, 0 changes\n"]);
    assert.equal(await lab.snapshot(), before);

    await lab.servers[0]!.stop();
    await until(async () => !(first in (await lab.weights())!), "the server is out");
    assert.deepEqual(await run.answering(one), [second]);
    assert.deepEqual(await run.answering(three), [third]);
    const status = await run.lvscare("status");
    assert.equal(status.status, 0, status.stderr);
    assert.match(status.stdout, /^ {2}\S+ +down +\S+ +- .*connection refused/m);
    lab.servers[0]!.start();
    await until(async () => (await lab.weights())?.[first] === 1, "the server is back");
    assert.deepEqual(await run.answering(one), [first, second]);

    assert.ok(await run.connections(one) > counted, "its counters were reset");
    assert.equal((await care.stop()).code, 0, care.output + care.errors);
    assert.deepEqual(await run.answering(one), [first, second]);
    assert.equal((await run.lvscare("plan")).status, 0);
  });
}

Deno.test("a hundred reloads under load: no request fails, and no counter is reset", async () => {
  await using run = await RunLab.open(V4);
  const { lab } = run;
  const [one, two, other] = [run.service(1), run.service(2), run.service(3)];
  run.write("lvscare.yaml", MAIN);
  run.writeService("one", one, [0, 1, 2]);
  run.writeService("two", two, [0, 1]);
  const care = run.start("--wait");
  await care.said(/ready/);
  // Two of the services, one after the other.
  const load = new RequestLoop(lab, 50, (n) => run.request(n % 2 === 0 ? one : two));
  await until(() => load.answered > 20, "requests are answered");
  const counted = [await run.connections(one), await run.connections(two)];
  const answered = load.answered;
  for (let i = 0; i < 100; i++) {
    // Something is different each time: a service comes, changes and goes.
    if (i % 4 === 3) run.remove("conf.d/other.yaml");
    else {run.writeService(
        "other",
        other,
        i % 4 === 0 ? [0] : [1, 2],
        `    scheduler: ${["rr", "wlc"][i % 2]}\n`,
      );}
    const answer = await askReload(lab.stateDir);
    assert.ok(answer.ok, JSON.stringify(answer));
    assert.deepEqual(answer.problems, []);
  }
  assert.match(care.output, /edit service TCP \S+: rr -> wlc|edit service TCP \S+: wlc -> rr/);

  // The same while a server drains: one that a client is still talking to leaves the first service.
  const slow = Promise.all([0, 1, 2].map(() => run.request(one, "/slow?ms=4000")));
  await new Promise((resolve) => setTimeout(resolve, 500));
  run.writeService("one", one, [0, 1]);
  for (let i = 0; i < 10; i++) {
    run.writeService("other", other, [i % 3]);
    const answer = await askReload(lab.stateDir);
    assert.ok(answer.ok, JSON.stringify(answer));
  }
  const leaving = V4.servers[2]!;
  assert.equal((await lab.weights())?.[leaving], 0);
  assert.equal((await slow).filter((each) => each === leaving).length, 1);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.ok(load.answered > answered);
  // Each service has had half of the requests. The kernel sums up every two seconds.
  const least = Math.floor((load.answered - answered) / 2) - 1;
  for (const [i, service] of [one, two].entries()) {
    await until(
      async () => await run.connections(service) - counted[i]! >= least,
      `${run.at(service)} has counted ${least} more than ${counted[i]}`,
    );
  }
});

Deno.test("a server that was down gets no request after a restart, before it has been checked", async () => {
  await using run = await RunLab.open(V4);
  const { lab } = run;
  const one = run.service(1);
  const [down, ...up] = V4.servers;
  run.write("lvscare.yaml", MAIN.replace("interval: 1s", "interval: 2s"));
  run.writeService("one", one, [0, 1, 2]);
  const care = run.start("--wait");
  await care.said(/ready/);
  await lab.servers[0]!.stop();
  await until(async () => !(down! in (await lab.weights())!), "the server is out");
  await care.kill();
  const load = new RequestLoop(lab, 10, () => run.request(one));
  for (const isFresh of [false, true]) {
    if (isFresh) {
      // As after a reboot, with a state directory that has survived it.
      await load.stop();
      await must("ipvsadm", "-C");
    }
    const again = run.start("--wait");
    await again.said(/ready/);
    assert.deepEqual(Object.keys((await lab.weights())!).sort(), [...up].sort());
    assert.doesNotMatch(again.output, /add server 192\.168\.77\.2:/);
    assert.deepEqual(await run.answering(one), [...up].sort());
    await again.stop();
  }
  assert.deepEqual(load.failures, []);
  lab.servers[0]!.start();
  const last = run.start();
  await until(
    async () => (await lab.weights())?.[down!] === 1,
    "the server is back",
    () => last.output,
  );
  await last.stop();
});
