/** Checks in a process of their own, which something was taken from. */

import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import type { CheckRequest } from "../../src/config/check.ts";
import { makeProbe } from "../../src/health/probes/make.ts";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { run } from "./process.ts";

export interface AloneTask {
  readonly check: CheckRequest;
  readonly target: Endpoint;
}

/** What is put before a program, and how it is told. */
export interface AloneOptions {
  /** Ends with `exec "$@"`. */
  readonly shell: string;
  /** Opens files until there can be no more of them. */
  readonly isDrained?: boolean;
}

/** Root without what makes it so. */
export const POWERLESS: AloneOptions = {
  shell: 'exec setpriv --bounding-set=-all --inh-caps=-all "$@"',
};
export const DRAINED: AloneOptions = { shell: 'ulimit -n 64 && exec "$@"', isDrained: true };

export async function askAlone(
  { shell, isDrained = false }: AloneOptions,
  tasks: readonly AloneTask[],
): Promise<readonly ProbeResult[]> {
  const { stdout, stderr, status } = await run([
    ...["sh", "-c", shell, "sh", Deno.execPath(), "run", "-A", "--no-check", import.meta.filename!],
    JSON.stringify(
      tasks,
      (_, value) => value instanceof Uint8Array ? { bytes: [...value] } : value,
    ),
    ...(isDrained ? ["drained"] : []),
  ], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DENO_DIR: Deno.env.get("DENO_DIR") ?? "" },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

if (import.meta.main) {
  const [given = "", drained] = Deno.args;
  const tasks: readonly AloneTask[] = JSON.parse(
    given,
    (_, value) => Array.isArray(value?.bytes) ? new Uint8Array(value.bytes) : value,
  );
  const ask = async ({ check, target }: AloneTask) =>
    await makeProbe(check, { clock: systemClock }).run(target, new AbortController().signal);
  if (drained) {
    // What is loaded and opened with the first check is not what is missing.
    for (const task of tasks) await ask(task);
    useUpDescriptors();
  }
  const results: ProbeResult[] = [];
  for (const task of tasks) results.push(await ask(task));
  console.log(JSON.stringify(results));
}

function useUpDescriptors(): void {
  try {
    for (;;) Deno.openSync("/dev/null");
  } catch {
    // That was the last.
  }
}
