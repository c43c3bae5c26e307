/** The clock of the real world: many that wait over one timer. */

import assert from "node:assert/strict";
import { systemClock, Timers } from "../../src/clock.ts";

Deno.test("calls come in the order of their time, not before it, and none that was cancelled", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const called: number[] = [];
  const started = systemClock.monotonicMs();
  const call = (ms: number) =>
    systemClock.after(ms, () => {
      assert.ok(systemClock.monotonicMs() - started >= ms);
      called.push(ms);
    });
  call(30);
  const late = call(3_600_000);
  call(10);
  const gone = call(20);
  call(0);
  systemClock.after(40, () => {
    // What is begun in a call has its turn, too.
    systemClock.after(0, resolve);
  });
  gone.cancel();
  gone.cancel();
  await promise;
  assert.deepEqual(called, [0, 10, 30]);
  // The runtime sees that nothing waits any more, or this test would leak.
  late.cancel();
});

Deno.test("a call that was cancelled by another of the same moment does not come", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const called: string[] = [];
  const second: { cancel?: () => void } = {};
  systemClock.after(5, () => {
    called.push("first");
    second.cancel!();
  });
  second.cancel = systemClock.after(5, () => called.push("second")).cancel;
  systemClock.after(20, resolve);
  await promise;
  assert.deepEqual(called, ["first"]);
});

Deno.test("what was cancelled is not kept until its time, though others wait on", () => {
  const timers = new Timers();
  const others = [1, 2].map(() => timers.after(86_400_000, () => assert.fail()));
  for (let i = 0; i < 10_000; i++) timers.after(86_400_000, () => assert.fail()).cancel();
  assert.ok(timers.held <= 4, `${timers.held} are kept`);
  for (const each of others) each.cancel();
  assert.equal(timers.held, 0);
});

Deno.test("thousands that are cancelled leave nothing behind", () => {
  for (let i = 0; i < 10_000; i++) systemClock.after(i, () => assert.fail()).cancel();
  const waiting = Array.from({ length: 1000 }, (_, i) => systemClock.after(1e6 - i, () => {}));
  for (const each of waiting) each.cancel();
});
