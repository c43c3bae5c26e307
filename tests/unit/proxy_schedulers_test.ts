/** Who gets the next connection. */

import assert from "node:assert/strict";
import { type Candidate, makeScheduler } from "../../src/dataplane/embedded/schedulers.ts";
import type { SchedulerFlag } from "../../src/model/ipvs.ts";

const ANY = () => true;
const NOBODY = { bytes: new Uint8Array(4), port: 0 };

interface Named extends Candidate {
  readonly name: string;
  weight: number;
  active: number;
}

function candidates(weights: Record<string, number>): Named[] {
  return Object.entries(weights).map(([name, weight]) => ({ name, weight, active: 0 }));
}

function scheduler(name: string, from: readonly Named[], flags: readonly SchedulerFlag[] = []) {
  const made = makeScheduler<Named>(name, flags)!;
  made.update(from);
  return made;
}

function client(n: number, port = 0) {
  return { bytes: new Uint8Array([10, n >> 16, n >> 8, n]), port };
}

function picks(made: ReturnType<typeof scheduler>, count: number): string {
  return Array.from({ length: count }, () => made.pick(NOBODY, ANY)?.name ?? "-").join("");
}

Deno.test("rr goes round, past those that take nothing, and on from where it was", () => {
  const all = candidates({ a: 1, b: 5, c: 0, d: 1 });
  const rr = scheduler("rr", all);
  assert.equal(picks(rr, 7), "abdabda");
  rr.update(all.filter(({ name }) => name !== "b"));
  assert.equal(picks(rr, 3), "dad");
  rr.update([]);
  assert.equal(picks(rr, 2), "--");
  for (let i = 0; i < 9; i++) rr.update([]);
  rr.update(all);
  assert.equal(picks(rr, 3), "abd");
  assert.equal(rr.pick(NOBODY, ({ name }) => name === "d")?.name, "d");
  assert.equal(rr.pick(NOBODY, () => false), undefined);
});

Deno.test("wrr gives each its weight in every round, spread evenly", () => {
  const wrr = scheduler("wrr", candidates({ a: 5, b: 1, c: 2, d: 0 }));
  const round = picks(wrr, 8);
  for (const [name, weight] of [["a", 5], ["b", 1], ["c", 2], ["d", 0]] as const) {
    assert.equal(round.split(name).length - 1, weight, `${name} in ${round}`);
  }
  assert.ok(!round.includes("aaa") && !round.includes("cc"), round);
  assert.equal(picks(wrr, 8), round);
});

Deno.test("lc takes whoever has least, wlc for its weight, and of equals each in its turn", () => {
  const all = candidates({ a: 1, b: 3, c: 0 });
  const lc = scheduler("lc", all);
  assert.equal(picks(lc, 4), "abab");
  all[0]!.active = 2;
  all[1]!.active = 1;
  assert.equal(picks(lc, 2), "bb");
  const wlc = scheduler("wlc", all);
  all[0]!.active = 1;
  all[1]!.active = 4;
  assert.equal(picks(wlc, 1), "b");
  all[1]!.active = 6;
  assert.equal(picks(wlc, 1), "a");
});

for (const name of ["sh", "mh"]) {
  Deno.test(`${name} has each client at one server, in proportion to weights, whatever the order`, () => {
    const all = candidates({ a: 1, b: 1, c: 2, d: 0 });
    const made = scheduler(name, all);
    const turned = scheduler(name, all.toReversed());
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 8000; i++) {
      const picked = made.pick(client(i), ANY)!.name;
      counts[picked]!++;
      assert.equal(made.pick(client(i, 999), ANY)!.name, picked);
      assert.equal(turned.pick(client(i), ANY)!.name, picked);
    }
    for (const [each, share] of [["a", 2000], ["b", 2000], ["c", 4000]] as const) {
      assert.ok(Math.abs(counts[each]! - share) < share / 5, JSON.stringify(counts));
    }
  });

  Deno.test(`${name} takes the port too where it is asked to, and another server where its own takes nothing`, () => {
    const made = scheduler(name, candidates({ a: 1, b: 1 }), [2]);
    const byPort = new Set(
      Array.from({ length: 100 }, (_, port) => made.pick(client(1, port), ANY)!.name),
    );
    assert.equal(byPort.size, 2);
    const own = made.pick(client(1), ANY)!.name;
    assert.notEqual(made.pick(client(1), (each) => each.name !== own)!.name, own);
    assert.equal(made.pick(client(1), () => false), undefined);
    assert.equal(scheduler(name, candidates({ a: 0 })).pick(client(1), ANY), undefined);
  });
}

Deno.test("mh moves few clients when a server comes", () => {
  const names = Array.from({ length: 9 }, (_, i) => `s${i}`);
  const all = candidates(Object.fromEntries(names.map((name) => [name, 1])));
  const [before, after] = [
    scheduler("mh", all),
    scheduler("mh", [...all, ...candidates({ s9: 1 })]),
  ];
  let moved = 0;
  for (let i = 0; i < 5000; i++) {
    const [old, now] = [before, after].map((each) => each.pick(client(i), ANY)!.name);
    if (now !== old) moved++;
  }
  // A tenth has to move to the new one.
  assert.ok(moved > 300 && moved < 1250, `${moved}`);
});

Deno.test("extreme weights and a thousand servers are no trouble", () => {
  for (const name of ["rr", "wrr", "lc", "wlc", "sh", "mh"]) {
    assert.ok(scheduler(name, candidates({ a: 1, b: 0x7fff_ffff })).pick(client(1), ANY));
    const many = candidates(
      Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`s${i}`, 1 + i % 3])),
    );
    assert.ok(scheduler(name, many).pick(client(1), ANY), name);
  }
  assert.equal(makeScheduler("lblc", []), undefined);
});
