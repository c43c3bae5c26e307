/** Which implementations are chosen on this machine, and what is said of it. */

import assert from "node:assert/strict";
import { ConfigError } from "../../src/errors.ts";
import { type KernelOptions, openKernel, parseTransport } from "../../src/kernel/select.ts";
import { feed, ownNetwork } from "../support/network.ts";

const AUTO: KernelOptions = {
  backend: undefined,
  transport: "libc",
  masquerade: "auto",
  rulesFor: ["ipv4"],
};

async function choice(options: Partial<KernelOptions> = {}): Promise<readonly [string, string]> {
  const kernel = await openKernel({ ...AUTO, ...options });
  kernel.close();
  return [kernel.rules, kernel.choice];
}

const NETLINK = "IPVS by netlink over libc, devices and routes by netlink over libc";

Deno.test("netlink is chosen, and iptables where it works; the choice says what it is", async () => {
  using _ = ownNetwork();
  assert.deepEqual(await choice(), [
    "iptables",
    `${NETLINK}, rules by iptables, which works here`,
  ]);
  assert.deepEqual(await choice({ rulesFor: [] }), ["iptables", NETLINK]);
  assert.deepEqual(await choice({ transport: "libnl", masquerade: "nftables" }), [
    "nftables",
    "IPVS by netlink over libnl, devices and routes by netlink over libnl, " +
    "rules by nftables, as asked for",
  ]);
  assert.deepEqual(await choice({ backend: "command" }), [
    "iptables",
    "IPVS by ipvsadm, devices and routes by ip, rules by iptables, as all is done by programs",
  ]);
});

Deno.test("the rules that are there already are taken up", async () => {
  using _ = ownNetwork();
  const kernel = await openKernel(AUTO);
  await kernel.masquerade("iptables").ensure({ family: "ipv6", markBit: 0 });
  kernel.close();
  const [, said] = await choice({ rulesFor: ["ipv6"] });
  assert.equal(said, `${NETLINK}, rules by iptables, where they are`);
});

Deno.test("where iptables cannot work the rules are nftables', and why is said", async () => {
  using _ = ownNetwork();
  // Somebody uses nft alone, and iptables cannot read that.
  const rules = "table ip nat { chain OUTPUT { type nat hook output priority -100; " +
    "numgen random mod 2 0 accept; }; }\n";
  await feed(rules, "nft", "-f", "-");
  const [kind, said] = await choice();
  assert.equal(kind, "nftables");
  assert.match(said, /rules by nftables, as \S+ is not there$/);
});

Deno.test("parseTransport() knows two, and takes libc where nothing is said", () => {
  assert.equal(parseTransport(undefined), "libc");
  assert.equal(parseTransport(""), "libc");
  assert.equal(parseTransport("libnl"), "libnl");
  for (const wrong of ["LIBC", "netlink", "toString"]) {
    assert.throws(() => parseTransport(wrong), ConfigError);
  }
});
