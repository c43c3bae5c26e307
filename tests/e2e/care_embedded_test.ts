/** The embedded proxy as the program, on hosts with and without IPVS. */

import assert from "node:assert/strict";
import { CareLab, until, V4, V6 } from "../support/care_lab.ts";
import { withoutIpvs } from "../support/ipvs_module.ts";
import { must } from "../support/network.ts";

const LINK = ["--mode", "link"];
const EMBEDDED = ["--dataplane", "embedded"];

for (const family of [V4, V6]) {
  Deno.test(`on a device of its own it takes the place of IPVS, and a clean leaves nothing: ${family.name}`, async () => {
    await using lab = await CareLab.open(family);
    await lab.addForeign();
    const before = await lab.snapshot();
    const flags = [...lab.flags(), ...LINK, ...EMBEDDED];
    const care = lab.start(flags);
    await care.said(/add server .*\.4|add server .*::4/);
    assert.deepEqual(await lab.answering(), [...family.servers].sort());
    const bits = family === V6 ? 128 : 32;
    await must("ip", "addr", "del", `${family.virtual}/${bits}`, "dev", "lvscare");
    await care.said(/add address .* to device lvscare[^]*add address .* to device lvscare/);
    assert.deepEqual(await lab.answering(), [...family.servers].sort());
    await lab.servers[1]!.stop();
    await care.said(/remove server/);
    assert.equal((await lab.answering()).length, 2);
    assert.equal((await care.stop()).code, 0);
    assert.match(care.output, /SIGTERM: stopping, and with it end the connections that it carries/);
    const cleaned = await lab.lvscare([...flags, "-C"]);
    assert.equal(cleaned.status, 0, cleaned.stdout + cleaned.stderr);
    assert.equal(await lab.snapshot(), before);
  });
}

Deno.test("from IPVS to the proxy and back, each leaves nothing of the other", async () => {
  await using lab = await CareLab.open(V4);
  await lab.addForeign();
  const before = await lab.snapshot();
  const flags = [...lab.flags(), ...LINK];
  const once = await lab.lvscare([...flags, "--run-once"]);
  assert.equal(once.status, 0, once.stdout + once.stderr);
  const inKernel = await lab.snapshot();

  const care = lab.start([...flags, ...EMBEDDED]);
  await care.said(/add server 192\.168\.77\.4/);
  assert.match(care.output, /remove service TCP 10\.103\.97\.12:6443/);
  assert.equal(await lab.weights(), undefined);
  assert.doesNotMatch(await lab.snapshot(), /VIRTUAL/);
  assert.match(await must("ip", "addr", "show", "lvscare"), /10\.103\.97\.12/);
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
  await care.stop();

  const again = await lab.lvscare([...flags, "--run-once"]);
  assert.equal(again.status, 0, again.stdout + again.stderr);
  assert.equal(await lab.snapshot(), inKernel);
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
  assert.equal((await lab.lvscare([...flags, "-C"])).status, 0);
  assert.equal(await lab.snapshot(), before);
});

Deno.test("auto is IPVS where the kernel has it, and the proxy with a warning where not", async () => {
  await using lab = await CareLab.open(V4);
  const flags = [...lab.flags(), ...LINK, "--dataplane", "auto"];
  const first = lab.start(flags);
  await first.said(/add server 192\.168\.77\.4/);
  assert.match(first.output, /care for 10\.103\.97\.12:6443: IPVS by netlink/);
  await first.stop();
  assert.equal((await lab.lvscare([...flags, "-C"])).status, 0);

  await withoutIpvs(async () => {
    const shell = 'mount -t tmpfs none /lib/modules && mount -t tmpfs none /usr/sbin && exec "$@"';
    const alone = ["unshare", "--mount", "sh", "-c", shell, "sh"];
    const refused = lab.startBy(alone, [...lab.flags(), ...LINK]);
    assert.equal((await refused.end()).code, 1);
    assert.match(refused.errors, /, or balance without it: --dataplane embedded\)\n$/);
    const care = lab.startBy(alone, flags);
    await care.said(/add server 192\.168\.77\.4/);
    const warning =
      /warn this kernel has no IPVS, so this program balances by itself, as a proxy: .+/;
    assert.match(care.output, warning);
    assert.match(
      care.output,
      /care for 10\.103\.97\.12:6443: the embedded proxy, devices by netlink/,
    );
    assert.deepEqual(await lab.answering(), [...V4.servers].sort());
    await care.stop();
  });
  assert.equal((await lab.lvscare([...flags, "-C"])).status, 0);
});

Deno.test("the demo on IPVS ends with 0 and leaves nothing", async () => {
  await using lab = await CareLab.open(V4);
  await lab.addForeign();
  // Its masquerading needs the parameter, and leaves it set.
  await must("sysctl", "-qw", "net.ipv4.vs.conntrack=1");
  const before = await lab.snapshot();
  const { status, stdout, stderr } = await lab.lvscare(["demo", "--kernel"]);
  assert.deepEqual([status, stderr], [0, ""], stdout);
  assert.match(stdout, /care for 198\.51\.100\.80:80: IPVS by netlink/);
  const sum = /^(\d+) requests: a (\d+), b (\d+), c (\d+), failed 0 \(/m.exec(stdout)?.slice(1);
  assert.ok(sum, stdout);
  const [sent, ...counts] = sum.map(Number);
  assert.equal(sent, counts.reduce((total, count) => total + count, 0));
  assert.equal(await lab.snapshot(), before);
});

Deno.test("an address that nobody has is told with what to do, and listened on when it is there", async () => {
  await using lab = await CareLab.open(V4);
  const flags = [...lab.flags(), "--mode", "", ...EMBEDDED];
  const care = lab.start(flags);
  await care.said(
    /error add service .*: listen on 10\.103\.97\.12:6443: address not available .*--mode link/,
  );
  await must("ip", "addr", "add", `${V4.virtual}/32`, "dev", "lo");
  await care.said(/info Add new IPVS service/);
  await until(async () => (await lab.answering()).length === 3, "it answers", () => care.output);
  await care.stop();
});
