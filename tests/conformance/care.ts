/** What `lvscare care` must do on every dataplane, as tests that are registered for one place. */

import assert from "node:assert/strict";
import { until } from "../support/care_lab.ts";
import { type Place, Stage } from "../support/care_stage.ts";

/** Registers the suite. `open` gives a place where nothing of ours is yet. */
export function testCare(name: string, open: () => Promise<Place>): void {
  const test = (sentence: string, body: (stage: Stage) => Promise<void>) => {
    Deno.test(`${name}: ${sentence}`, async () => {
      await using stage = await Stage.open(await open());
      await body(stage);
    });
  };

  test("each server has its share, and the log says what was made", async (stage) => {
    const run = await stage.start();
    const names = stage.servers.map((server) => server.name);
    assert.deepEqual(await stage.answers(12), Object.fromEntries(names.map((each) => [each, 4])));
    assert.ok(run.lines.some((line) => /^info Add new IPVS service: add service TCP/.test(line)));
    for (const each of names) {
      assert.ok(run.lines.some((line) => line.includes(`add server ${each}`)));
    }
    assert.deepEqual(await run.weights(), Object.fromEntries(names.map((each) => [each, 1])));
  });

  test("a server that fails its check gets weight 0, then goes, and comes back", async (stage) => {
    const run = await stage.start({ intervalMs: 400 });
    const [first, second, third] = stage.servers.map((server) => server.name) as [
      string,
      string,
      string,
    ];
    stage.servers[1]!.isHealthy = false;
    await run.said(/weight 1 -> 0 \(status 500\)/);
    await run.said(/remove server .* \(status 500\)/);
    assert.deepEqual(await stage.answers(), { [first]: 6, [third]: 6 });
    assert.deepEqual(await run.weights(), { [first]: 1, [third]: 1 });
    stage.servers[1]!.isHealthy = true;
    await run.said(/Trying to add real server back: add server/);
    assert.deepEqual(await stage.answers(), { [first]: 4, [second]: 4, [third]: 4 });
  });

  test("rise and fall count results in a row, and the last one stays where that is asked for", async (stage) => {
    const run = await stage.start({ fall: 3, rise: 2, keepLast: true });
    for (const server of stage.servers) server.isHealthy = false;
    await until(async () => Object.values(await run.weights()).length === 1, "one is left");
    assert.equal(Object.keys(await stage.answers(3)).length, 1);
    const edits = run.lines.filter((line) => /weight 1 -> 0/.test(line));
    assert.equal(edits.length, 2, run.lines.join("\n"));
    for (const server of stage.servers) server.isHealthy = true;
    await until(async () => Object.values(await run.weights()).length === 3, "all are back");
  });

  test("draining, a failed server keeps what it has and gets nothing new", async (stage) => {
    const run = await stage.start({ drain: true });
    const [server, ...others] = stage.servers;
    for (const each of stage.servers) each.hold();
    const held = stage.servers.map(() => stage.request("/held"));
    await until(() => stage.servers.every(({ asked }) => asked === 1), "each has one");
    server!.isHealthy = false;
    await run.said(/weight 1 -> 0 \(status 500\)/);
    const { checks } = server!;
    await until(() => server!.checks >= checks + 3, "it fails again");
    assert.equal((await run.weights())[server!.name], 0);
    assert.deepEqual(Object.keys(await stage.answers()).toSorted(), others.map(({ name }) => name));
    for (const each of stage.servers) each.release();
    assert.deepEqual((await Promise.all(held)).toSorted(), stage.servers.map(({ name }) => name));
    assert.equal(server!.asked, 1);
    if (stage.place.forgetsAtOnce) await run.said(/remove server .* \(status 500\)/);
  });

  test("started anew with other servers, only those are asked", async (stage) => {
    const run = await stage.start();
    await stage.answers(3);
    await run.stop();
    assert.equal(await run.status, 0);
    const [first, , third] = stage.servers;
    await stage.start({ servers: [third!.endpoint, first!.endpoint] });
    assert.deepEqual(await stage.answers(), { [first!.name]: 6, [third!.name]: 6 });
  });

  test("a pass that is asked for finds nothing to do", async (stage) => {
    const run = await stage.start();
    const from = run.lines.length;
    run.signal("SIGHUP");
    await run.said(/SIGHUP: a full pass/);
    await stage.answers();
    assert.deepEqual(run.lines.slice(from), ["info SIGHUP: a full pass"]);
  });

  test("a second one for the same virtual server says who has it", async (stage) => {
    await stage.start();
    const refused = await stage.start().then(() => undefined, (error: Error) => error);
    assert.match(`${refused?.message}`, /lvscare care --vs .* does so already/);
    assert.equal(Object.keys(await stage.answers()).length, 3);
  });

  test("what is somebody else's stays as it is, also when ours is cleaned", async (stage) => {
    const isAsItWas = await stage.place.addForeign();
    const run = await stage.start();
    assert.ok(await isAsItWas(), run.lines.join("\n"));
    await run.stop();
    await assert.rejects(stage.start({ clean: true }), /it ended with 0/);
    assert.ok(await isAsItWas());
  });

  test("another schedule is that from the next connection on", async (stage) => {
    await stage.start({ scheduler: "sh" });
    assert.equal(Object.keys(await stage.answers()).length, 1);
  });

  test("a client that is to come back does, and a full server gets no more", async (stage) => {
    const run = await stage.start({ persistenceMs: 60_000 });
    const [only, ...others] = Object.keys(await stage.answers(6));
    assert.deepEqual(others, []);
    await run.stop();
    // Connections that have ended count in the kernel for a while.
    const fresh = stage.servers.find(({ name }) => name !== only)!;
    await stage.start({ serverLimit: 1, servers: [fresh.endpoint] });
    fresh.hold();
    const held = stage.request("/held");
    await until(() => fresh.isHeld, "it has one");
    await assert.rejects(stage.request());
    fresh.release();
    assert.equal(await held, fresh.name);
  });

  test("dry, it says what it would do and does nothing", async (stage) => {
    const run = stage.start({ dryRun: true });
    await assert.rejects(run, /it ended with 3/);
    await assert.rejects(stage.request());
  });
}
