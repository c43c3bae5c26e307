/** That the guest is the machine that the other tests in it rely on. */

import assert from "node:assert/strict";

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const decoder = new TextDecoder();
  assert.ok(success, `${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Runs a shell script in a network namespace of its own. */
const inNamespace = (script: string) => run("unshare", "--net", "sh", "-euc", script);

Deno.test("the guest's kernel has ip_vs", async () => {
  assert.match(await Deno.readTextFile("/proc/net/ip_vs"), /^IP Virtual Server version/);
});

Deno.test("the guest makes dummy links and has none of its own", async () => {
  assert.doesNotMatch(await inNamespace("ip link"), /dummy/);
  assert.match(await inNamespace("ip link add d0 type dummy; ip -br link"), /^d0 /m);
});

Deno.test("the guest loads a scheduler's module when it is asked for", async () => {
  const table = await inNamespace("ipvsadm -A -t 10.0.0.1:80 -s wlc; ipvsadm -Ln");
  assert.match(table, /^TCP {2}10\.0\.0\.1:80 wlc$/m);
  assert.match(await Deno.readTextFile("/proc/modules"), /^ip_vs_wlc /m);
});

Deno.test("the guest has sets, both kinds of iptables, and nftables", async () => {
  const script = `
    ipset create s hash:ip,port
    for iptables in iptables-nft iptables-legacy; do
      $iptables -t nat -A POSTROUTING -m set --match-set s dst,dst -j MASQUERADE --random-fully
      $iptables -t nat -S POSTROUTING
    done
    nft add table inet t
    nft add chain inet t c '{ type nat hook postrouting priority 99; }'
    nft add rule inet t c masquerade fully-random
    nft list table inet t`;
  const rules = await inNamespace(script);
  assert.equal(rules.match(/--match-set s dst,dst -j MASQUERADE --random-fully/g)?.length, 2);
  assert.match(rules, /masquerade fully-random/);
});

Deno.test("the guest has its loopback up and a clock that is right", async () => {
  assert.match(await run("ip", "-br", "addr", "show", "lo"), /127\.0\.0\.1\/8 ::1\/128/);
  // This file was written on the host before the guest started.
  assert.ok(Date.now() > Number((await Deno.stat(new URL(import.meta.url))).mtime) - 5_000);
});

Deno.test("the guest's files are the host's, and what is written stays in its memory", async () => {
  const file = await Deno.makeTempFile({ dir: "/var/tmp" });
  await Deno.writeTextFile(file, "x");
  assert.equal((await run("stat", "-fc", "%T", file)).trim(), "overlayfs");
  await Deno.remove(file);
});
