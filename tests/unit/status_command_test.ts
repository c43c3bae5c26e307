/** `lvscare status`: whom it asks, what it shows, and the status that probes go by. */

import assert from "node:assert/strict";
import type { StatusAnswer } from "../../src/admin/control.ts";
import { runCli } from "../../src/cli/program.ts";
import { LvscareError } from "../../src/errors.ts";
import { NO_SERVICES, NO_TOOLS } from "../support/run_host.ts";

const never = () => Promise.reject(new LvscareError("not here"));

const ANSWER: StatusAnswer = {
  pid: 7,
  configuration: "command line",
  dataplane: "IPVS by netlink",
  startedMs: 0,
  loadedMs: 0,
  isReady: true,
  isTurning: true,
  isSettled: true,
  services: [{
    ...{ service: "TCP 10.0.0.1:6443", scheduler: "rr", isListed: true, isThere: true },
    servers: [{ server: "192.168.0.2:6443", state: "down" }],
  }],
};

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** The state directory and the name that were asked. */
  readonly asked: readonly (string | undefined)[] | undefined;
}

async function run(words: readonly string[], answer: Partial<StatusAnswer> | Error = {}) {
  let [out, err] = ["", ""];
  let asked: Outcome["asked"];
  const status = await runCli(["status", ...words], {
    output: { out: (text) => out += text, err: (text) => err += text },
    host: {
      care: { env: () => undefined, readHosts: never, runCare: never },
      services: {
        ...NO_SERVICES,
        status: (...whom) => {
          asked = whom;
          if (answer instanceof Error) return Promise.reject(answer);
          return Promise.resolve({ ...ANSWER, ...answer });
        },
        now: () => 60_000,
      },
      ...NO_TOOLS,
      ...{ runDemo: never, openIpvsTable: never, readStdin: never, readTextFile: never },
    },
    debug: false,
  });
  return { status, out, err, asked } satisfies Outcome;
}

Deno.test("ready is 0, not ready is 3, and what does not run or turn is 1; with --live 3 is 0", async () => {
  const [service] = ANSWER.services;
  const cases: [answer: Partial<StatusAnswer> | Error, plain: number, live: number][] = [
    [{}, 0, 0],
    [{ isReady: false }, 3, 0],
    [{ isSettled: false }, 3, 0],
    [{ services: [{ ...service!, isThere: false }] }, 3, 0],
    [{ isTurning: false }, 1, 1],
    [new LvscareError("nobody is there"), 1, 1],
  ];
  for (const [answer, plain, live] of cases) {
    for (const [words, wanted] of [[[], plain], [["--live"], live]] as const) {
      for (const more of [[], ["--json"]]) {
        const { status, err } = await run([...words, ...more], answer);
        const what = JSON.stringify([answer, words]);
        assert.equal(status, wanted, what);
        assert.equal(err, answer instanceof Error ? "lvscare: nobody is there\n" : "", what);
      }
    }
  }
});

Deno.test("what it shows says why it is not ready", async () => {
  const { out } = await run([]);
  assert.equal(
    out,
    "process 7, up 60s, command line read 60s ago\nIPVS by netlink\n\n" +
      "                      STATE      SINCE  WEIGHT  ACTIVE  IDLE  CONN/S  IN B/S  OUT B/S  LAST CHECK\n" +
      "TCP 10.0.0.1:6443 rr  0 of 1 up\n" +
      "  192.168.0.2:6443    down                   -\n",
  );
  const [service] = ANSWER.services;
  const wrong = await run([], {
    ...{ isReady: false, isTurning: false, isSettled: false },
    services: [{ ...service!, isThere: false }],
  });
  assert.match(
    wrong.out,
    /ago, not ready yet, its passes do not end, see the log, some changes were refused, see the log\n/,
  );
  assert.match(wrong.out, /\nTCP 10\.0\.0\.1:6443 rr +not in the table\n/);
});

Deno.test("it asks lvscare run, or the care of a virtual server by whatever spelling", async () => {
  assert.deepEqual((await run([])).asked, ["/run/lvscare", undefined]);
  const words = ["--state-dir", "/run/other", "--vs"];
  assert.deepEqual((await run([...words, "10.0.0.1:6443"])).asked, ["/run/other", "10.0.0.1:6443"]);
  assert.deepEqual((await run([...words, "[FD00:0::1]:443"])).asked, [
    ...["/run/other", "[fd00::1]:443"],
  ]);
  const wrong = await run(["--vs", "10.0.0.1"]);
  assert.deepEqual([wrong.status, wrong.out, wrong.asked], [2, "", undefined]);
  assert.match(
    wrong.err,
    /^lvscare: --vs "10\.0\.0\.1": has no port, must be an address and a port, as .*\n$/,
  );
});
