/** What the log says of schedulers whose modules could not be loaded. */

import assert from "node:assert/strict";
import { Journal } from "../../src/care/journal.ts";
import { KernelError, UnsupportedError } from "../../src/errors.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { parseAddress } from "../../src/model/address.ts";
import type { Step } from "../../src/plan/step.ts";

const WHY = new UnsupportedError("load module ip_vs_mh: not permitted (EPERM)", "ip_vs_mh", {
  hint: "it needs CAP_SYS_MODULE",
});
const WARNING =
  "warn the scheduler mh does not work: load module ip_vs_mh: not permitted (EPERM) " +
  "(it needs CAP_SYS_MODULE)";

function adding(scheduler: string): Step {
  const address = parseAddress("10.0.0.1")!;
  const key = { kind: "address", protocol: "tcp", address, port: 80 } as const;
  const service = { key, scheduler, schedulerFlags: [], onePacket: false };
  return { kind: "change", change: { kind: "addService", service } };
}

function refused(errno: string): Error {
  return new KernelError("add service: refused", "IPVS_CMD_NEW_SERVICE", errno);
}

/** The words of warnings after passes in which the kernel answered that. */
function warnings(
  passes: readonly (readonly [scheduler: string, error: unknown])[],
  doubts: ReadonlyMap<string, unknown>,
): string[] {
  const lines: string[] = [];
  configureLogs({
    level: "warning",
    format: "text",
    write: (line) => lines.push(line.replace(/^\S+ /, "").trimEnd()),
  });
  try {
    const journal = new Journal();
    journal.doubt(doubts);
    for (const [scheduler, error] of passes) {
      const outcomes = [{ step: adding(scheduler), error }];
      const observed = { parameters: new Map(), devices: new Map(), masquerades: [] };
      const unread = { services: undefined, routes: undefined };
      const settings = { timeouts: undefined, daemons: undefined };
      journal.pass({
        outcomes,
        look: { observed: { ...observed, ...unread, ...settings }, blind: [] },
      });
    }
  } finally {
    resetLogs();
  }
  return lines.filter((line) => line.startsWith("warn "));
}

const CASES: readonly (readonly [what: string, ...Parameters<typeof warnings>, said: string[]])[] =
  [
    ["nothing where the kernel has the scheduler", [["mh", undefined]], new Map([["mh", WHY]]), []],
    ["nothing where nothing uses it any more", [], new Map([["mh", WHY]]), []],
    [
      "nothing where it refuses something else",
      [["mh", refused("EPERM")]],
      new Map([["mh", WHY]]),
      [],
    ],
    ["nothing of another scheduler", [["sh", refused("ENOENT")]], new Map([["mh", WHY]]), []],
    ["nothing where the module was loaded", [["mh", refused("ENOENT")]], new Map(), []],
    ["why, where it has not", [["mh", refused("ENOENT")]], new Map([["mh", WHY]]), [WARNING]],
    [
      "it once, however often it is refused",
      [["mh", refused("ENOENT")], ["mh", refused("ENOENT")]],
      new Map([["mh", WHY]]),
      [WARNING],
    ],
  ];

for (const [what, passes, doubts, said] of CASES) {
  Deno.test(`of a scheduler's module that could not be loaded the log says ${what}`, () => {
    assert.deepEqual(warnings(passes, doubts), said);
  });
}
