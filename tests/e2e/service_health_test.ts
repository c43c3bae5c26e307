/** Quorum, sorry server, panic, slow start and notifications with a real kernel, real servers and requests. */

import assert from "node:assert/strict";
import { type CareProcess, PORT, RequestLoop, until, V4, V6 } from "../support/care_lab.ts";
import { RunLab } from "../support/run_lab.ts";

const MAIN = `
defaults:
  drain-timeout: 1s
  check: {type: http, path: /healthz, interval: 500ms, timeout: 2s}
`;

/** One service over some of the lab's servers, and what it says beyond. */
async function start(
  run: RunLab,
  servers: readonly number[],
  more: string,
): Promise<CareProcess> {
  run.write("lvscare.yaml", MAIN);
  run.writeService("one", run.service(1), servers, more);
  const care = run.start("--wait");
  await care.said(/ready: every server has been checked/);
  return care;
}

for (const family of [V4, V6]) {
  Deno.test(`the sorry server stands in alone as long as there is no quorum: ${family.name}`, async () => {
    await using run = await RunLab.open(family);
    const { lab } = run;
    const [first, second, sorry] = family.servers as [string, string, string];
    const one = run.service(1);
    const care = await start(
      run,
      [0, 1],
      `    quorum: 2
    sorry: "${family.at(sorry, PORT)}"
`,
    );
    assert.deepEqual(await run.answering(one), [first, second]);

    await lab.servers[0]!.stop();
    await care.said(/has lost its quorum: \S+ stands in/);
    await until(async () => (await lab.weights())?.[sorry] === 1, "the sorry server is in");
    await until(
      async () => (await lab.weights())?.[second] === 0,
      "the healthy one is swapped out",
    );
    assert.deepEqual(await run.answering(one), [sorry]);
    assert.match((await run.lvscare("status")).stdout, /no quorum/);

    lab.servers[0]!.start();
    await care.said(/has its quorum/);
    await until(
      async () => (await lab.weights())?.[sorry] === undefined,
      "the sorry server is out",
    );
    await until(async () => (await lab.weights())?.[first] === 1, "the others are back");
    assert.deepEqual(await run.answering(one), [first, second]);
  });
}

Deno.test("where too few servers are healthy all are used, and none of them fails a request", async () => {
  await using run = await RunLab.open(V4);
  const { lab } = run;
  const one = run.service(1);
  // They answer everything but what they are asked for.
  const failing = "    check: {type: tcp, port: 1, fall: 2}\n";
  const care = await start(run, [0, 1, 2], `    panic: 50%\n${failing}`);
  await care.said(/connection refused/);
  await until(
    async () => (await run.lvscare("status")).stdout.includes("panic"),
    "all have failed",
  );
  const weights = Object.fromEntries(V4.servers.map((server) => [server, 1]));
  assert.deepEqual(await lab.weights(), weights);
  assert.deepEqual(await run.answering(one), [...V4.servers]);
});

Deno.test("a server that is back gets its weight step by step, and no request fails meanwhile", async () => {
  await using run = await RunLab.open(V4);
  const { lab } = run;
  const [first] = V4.servers as [string];
  const one = run.service(1);
  await start(run, [0, 1], "    slow-start: 10s\n    weight: 100\n    scheduler: wrr\n");
  assert.deepEqual(Object.values((await lab.weights())!), [100, 100]);
  await lab.servers[0]!.stop();
  await until(async () => (await lab.weights())?.[first] === undefined, "it is out");

  const load = new RequestLoop(lab, 10, () => run.request(one));
  lab.servers[0]!.start();
  const seen: number[] = [];
  await until(async () => {
    const weight = (await lab.weights())?.[first];
    if (weight !== undefined && weight !== seen.at(-1)) seen.push(weight);
    return weight === 100;
  }, "it has all of its weight");
  assert.ok(seen.length > 3 && seen[0]! < 50, `it went by ${seen.join(", ")}`);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  await load.stop();
  assert.deepEqual(load.failures, []);
});

Deno.test("without a quorum the address is withdrawn, and it is back with it", async () => {
  await using run = await RunLab.open(V4);
  const { lab } = run;
  const [first, second] = V4.servers as [string, string];
  const one = run.service(1);
  const care = await start(run, [0, 1], "    quorum: {weight: 2, without: withdraw}\n");
  assert.deepEqual(await run.addresses(), [one.address]);
  await lab.servers[1]!.stop();
  await care.said(/has lost its quorum: its address is withdrawn/);
  await care.said(/remove (?:address|device|dummy device)/i);
  assert.doesNotMatch(await lab.snapshot(), new RegExp(`inet ${one.address}/32`));
  lab.servers[1]!.start();
  await care.said(/has its quorum/);
  await until(async () => (await lab.snapshot()).includes(`inet ${one.address}/32`), "it is back");
  assert.deepEqual(await run.answering(one), [first, second]);
});

Deno.test("programs are told of each transition, and one that hangs keeps nothing waiting", async () => {
  await using run = await RunLab.open(V4);
  const { lab } = run;
  const [first] = V4.servers as [string];
  const told = `${run.folder}/told`;
  Deno.writeTextFileSync(`${run.folder}/tell`, `#!/bin/sh\ncat >> ${told}\n`, { mode: 0o755 });
  const care = await start(
    run,
    [0, 1],
    `    quorum: 2
    notify:
      - ${run.folder}/tell
      - {program: [/bin/sleep, "1000"], timeout: 2s}
      - /nowhere/program
`,
  );
  await lab.servers[0]!.stop();
  await until(async () => (await lab.weights())?.[first] === undefined, "it is out");
  lab.servers[0]!.start();
  await until(async () => (await lab.weights())?.[first] === 1, "it is back");
  await until(() => linesOf(told).length === 4, "all has been told");
  const name = `TCP ${lab.virtual}`;
  const messages = linesOf(told).map((line) => JSON.parse(line));
  const events = messages.map(({ event, service, server }) =>
    `${event} ${service} ${server ?? ""}`
  );
  assert.deepEqual(events.toSorted(), [
    `quorum-down ${name} `,
    `quorum-up ${name} `,
    `server-down ${name} ${V4.at(first, PORT)}`,
    `server-up ${name} ${V4.at(first, PORT)}`,
  ]);
  assert.equal(messages.find(({ event }) => event === "server-down").reason, "connection refused");
  await care.said(/\/bin\/sleep was not told of server-down .*it took too long/);
  await care.said(/\/nowhere\/program was not told of server-down/);
  assert.equal((await care.stop()).code, 0);
});

function linesOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
