import assert from "node:assert/strict";
import { run } from "../support/process.ts";

const BINARY = new URL("../../dist/lvscare", import.meta.url).pathname;

Deno.test("dist/lvscare runs on the guest's kernel, from an empty environment", async () => {
  const { status, stdout, stderr } = await run([BINARY, "version"]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^lvscare \S+\ncommit {2}\S+\ndeno {4}\S+\nbuild {3}.+\n$/);
});

Deno.test("the guest's kernel has ip_vs, which this one's tests are about", async () => {
  assert.match(await Deno.readTextFile("/proc/net/ip_vs"), /^IP Virtual Server version \d/);
});
