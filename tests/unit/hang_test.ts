/** The switch that makes the program stop dead, for tests of what watches it. */

import assert from "node:assert/strict";
import { armHang, blockForever, type Hang, readHang } from "../../src/care/hang.ts";
import { UsageError } from "../../src/errors.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { run } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const EXAMPLES = "must be SIGUSR2, seconds or a duration such as 500ms, 5s or 1m30s";

const RIGHT: readonly (readonly [text: string | undefined, hang: Hang | undefined])[] = [
  [undefined, undefined],
  ["", undefined],
  ["SIGUSR2", { kind: "signal", signal: "SIGUSR2" }],
  ["20", { kind: "after", ms: 20_000 }],
  ["1m30s", { kind: "after", ms: 90_000 }],
  ["250ms", { kind: "after", ms: 250 }],
  ["1ns", { kind: "after", ms: 1 }],
];

for (const [text, hang] of RIGHT) {
  Deno.test(`readHang() understands ${JSON.stringify(text) ?? "no variable"}`, () => {
    assert.deepEqual(readHang(text), hang);
  });
}

const WRONG: readonly (readonly [text: string, said: string])[] = [
  ["yes", EXAMPLES],
  ["SIGUSR1", EXAMPLES],
  ["sigusr2", EXAMPLES],
  ["5 s", EXAMPLES],
  ["0", "must be longer than 0"],
  ["-1s", "must be longer than 0"],
  ["600h", "is too long, must be at most 24 days"],
];

for (const [text, said] of WRONG) {
  Deno.test(`readHang() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => readHang(text), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, `LVSCARE_DEBUG_HANG ${JSON.stringify(text)}: ${said}`);
      return true;
    });
  });
}

function arm(hang: Hang) {
  const happened: string[] = [];
  const clock = new FakeClock();
  let signal = () => {};
  armHang(hang, {
    clock,
    journal: { warn: (text) => happened.push(text) },
    onSignal: (_, body) => signal = body,
    block: () => happened.push("blocked"),
  });
  return { happened, clock, signal: () => signal() };
}

Deno.test("armHang() says what will happen, and does it when the time has come", async () => {
  const { happened, clock } = arm({ kind: "after", ms: 1500 });
  assert.deepEqual(happened.splice(0), [
    "LVSCARE_DEBUG_HANG is set: this process will stop dead in 1.5s",
  ]);
  await clock.advance(1499);
  assert.deepEqual(happened, []);
  await clock.advance(1);
  assert.deepEqual(happened, ["LVSCARE_DEBUG_HANG: stopping dead, as it asks for", "blocked"]);
});

Deno.test("armHang() does it at the signal, and not before", async () => {
  const { happened, clock, signal } = arm({ kind: "signal", signal: "SIGUSR2" });
  assert.deepEqual(happened.splice(0), [
    "LVSCARE_DEBUG_HANG is set: this process will stop dead at SIGUSR2",
  ]);
  await clock.advance(10_000_000);
  assert.deepEqual(happened, []);
  signal();
  assert.deepEqual(happened, ["LVSCARE_DEBUG_HANG: stopping dead, as it asks for", "blocked"]);
});

Deno.test("blockForever() lets nothing else have its turn", async () => {
  const worker = new Worker(
    `data:application/javascript,${
      encodeURIComponent(`
        const body = ${blockForever};
        self.onmessage = ({ data }) => {
          setTimeout(() => self.postMessage("turn"), 0);
          if (data === "block") body();
        };`)
    }`,
    { type: "module" },
  );
  try {
    const heard = (limitMs: number) =>
      new Promise<string>((resolve) => {
        const limit = setTimeout(() => resolve("nothing"), limitMs);
        worker.onmessage = ({ data }) => {
          clearTimeout(limit);
          resolve(data);
        };
      });
    worker.postMessage("go on");
    assert.equal(await heard(30_000), "turn");
    worker.postMessage("block");
    assert.equal(await heard(300), "nothing");
  } finally {
    worker.terminate();
  }
});

for (const command of ["run", "care"]) {
  Deno.test(`lvscare ${command} refuses a wrong LVSCARE_DEBUG_HANG before it does anything`, async () => {
    const flags = command === "run"
      ? ["-c", `${ROOT}tests/support/example`]
      : ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80", "--mode", ""];
    const deno = [Deno.execPath(), "run", "-A", "--quiet", "--no-check"];
    const { status, stderr, stdout } = await run([...deno, `${ROOT}main.ts`, command, ...flags], {
      env: { ...Deno.env.toObject(), LVSCARE_DEBUG_HANG: "soon" },
    });
    assert.equal(status, 2, stdout + stderr);
    assert.equal(stdout, "");
    assert.equal(stderr.trim(), `lvscare: LVSCARE_DEBUG_HANG "soon": ${EXAMPLES}`);
  });
}
