/** Without CAP_NET_ADMIN, every implementation says the same of what it may not do. */

import assert from "node:assert/strict";
import { ownNetwork } from "../support/network.ts";
import { run } from "../support/process.ts";

const PROBE = new URL("../support/refusal_probe.ts", import.meta.url).pathname;

async function probe(what: string): Promise<string[]> {
  using _ = ownNetwork();
  const { stdout, stderr } = await run([
    ...["/usr/bin/setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"],
    ...[Deno.execPath(), "run", "-A", "--no-check", PROBE, what],
  ], { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DENO_DIR: Deno.env.get("DENO_DIR") ?? "" } });
  assert.equal(stderr, "");
  return stdout.trim().split("\n");
}

const REFUSED = "not permitted (EPERM)";
const HINT = /\(it needs CAP_NET_ADMIN: run it as root\)$/;

Deno.test("links, addresses and routes are EPERM without CAP_NET_ADMIN", async () => {
  const lines = await probe("links");
  assert.equal(lines.length, 12);
  for (const [i, line] of lines.entries()) {
    const what = ["add device lvscare", "add address 10.0.0.1/32 on lo", "add route 10.0.0.1/32"];
    assert.ok(line.startsWith(`KernelError: ${what[i % 3]}`), line);
    assert.ok(line.includes(REFUSED), line);
    assert.match(line, HINT);
  }
});

Deno.test("sets are EPERM without CAP_NET_ADMIN, to look at too", async () => {
  const lines = await probe("sets");
  assert.equal(lines.length, 9);
  for (const line of lines) {
    assert.ok(line.startsWith("KernelError: "), line);
    assert.ok(line.includes(REFUSED), line);
    assert.match(line, HINT);
  }
});
