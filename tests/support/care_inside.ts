/** `lvscare care` inside the test's own process, on the kernel of the namespace that its thread is in. */

import { type CareHostParts, openGround } from "../../src/care/ground.ts";
import { runCare } from "../../src/care/run.ts";
import { systemClock } from "../../src/clock.ts";
import type { CareConfig } from "../../src/config/care.ts";
import { ProcModules } from "../../src/kernel/proc_modules.ts";
import { ProcSysctl } from "../../src/kernel/proc_sysctl.ts";

export const HOST: CareHostParts = {
  transport: "libc",
  modules: new ProcModules(),
  sysctl: new ProcSysctl(),
  clock: systemClock,
};

/** Runs what ends by itself: once, dry or to clean. */
export async function runInside(
  config: CareConfig,
): Promise<{ readonly status: number; readonly out: string }> {
  let out = "";
  const status = await runCare(config, [], {
    clock: systemClock,
    pid: Deno.pid,
    unit: undefined,
    openGround: (request, warn) => openGround(request, HOST, warn),
    probe: () => ({ describe: () => "", run: () => Promise.resolve({ ok: true }) }),
    openNotifier: () => undefined,
    openControl: () => ({ close: () => Promise.resolve() }),
    out: (text) => out += text,
    onSignal: () => ({ [Symbol.dispose]() {} }),
    exit: (status) => {
      throw new Error(`exit ${status}`);
    },
  });
  return { status, out };
}
