/** In a kernel without a module, every implementation says which one to load. */

import assert from "node:assert/strict";
import { run } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PROBE = `${ROOT}tests/support/refusal_probe.ts`;

async function probeWithout(module: string, what: string): Promise<string[]> {
  const deno = [`${ROOT}scripts/deno`, "run", "-A", "--no-check", PROBE, what];
  const env = { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "/" };
  const argv = [`${ROOT}scripts/guest`, "--without", module, "--", ...deno];
  const { status, stdout, stderr } = await run(argv, { env, cwd: ROOT });
  assert.equal(status, 0, stderr);
  return stdout.trim().split("\n");
}

function repeat(count: number, ...lines: readonly string[]): string[] {
  return Array.from({ length: count }, () => lines).flat();
}

Deno.test("a kernel without dummy devices names the module", async () => {
  const expected = "UnsupportedError: add device lvscare: this kernel has no dummy devices " +
    "(load the module: modprobe dummy)";
  assert.deepEqual(await probeWithout("dummy", "dummy"), repeat(4, expected));
});

Deno.test("a kernel without ipset names the module", async () => {
  const why = "this kernel has no ipset (load the module: modprobe ip_set)";
  assert.deepEqual(
    await probeWithout("ip_set", "sets"),
    repeat(
      3,
      `UnsupportedError: add set s: ${why}`,
      `UnsupportedError: list set s: ${why}`,
      `UnsupportedError: find set s: ${why}`,
    ),
  );
});

Deno.test("a kernel without the sets' type names the module", async () => {
  const expected = "UnsupportedError: add set s: this kernel has no sets of type hash:ip,port " +
    "(load the module: modprobe ip_set_hash_ipport)";
  assert.deepEqual(await probeWithout("ip_set_hash_ipport", "create"), repeat(3, expected));
});
