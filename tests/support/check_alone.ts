/**
 * Makes checks in a process of its own, which a test has taken something from: with arguments as JSON, prints
 * results as JSON.
 */

import { systemClock } from "../../src/clock.ts";
import type { CheckRequest } from "../../src/config/check.ts";
import { makeProbe } from "../../src/health/probes/make.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";

export interface AloneTask {
  readonly check: CheckRequest;
  readonly target: Endpoint;
}

if (import.meta.main) {
  const [given = "", isDrained] = Deno.args;
  const tasks: readonly AloneTask[] = JSON.parse(
    given,
    (key, value) => key === "send" && value ? new TextEncoder().encode(value) : value,
  );
  const ask = async ({ check, target }: AloneTask) =>
    await makeProbe(check, { clock: systemClock }).run(target, new AbortController().signal);
  if (isDrained) {
    // What is loaded and opened with the first check is not what is missing.
    for (const task of tasks) await ask(task);
    useUpDescriptors();
  }
  const results = [];
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
