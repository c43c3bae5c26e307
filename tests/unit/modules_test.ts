import assert from "node:assert/strict";
import { loadOrder } from "../../src/kernel/modules.ts";

const DEP = `kernel/lib/libcrc32c.ko:
kernel/net/netfilter/nf_conntrack.ko.xz: kernel/net/ipv6/nf_defrag_ipv6.ko.xz kernel/lib/libcrc32c.ko
kernel/net/netfilter/ipvs/ip_vs.ko: kernel/net/netfilter/nf_conntrack.ko.xz kernel/lib/libcrc32c.ko
kernel/drivers/net/some-card.ko.zst:
`;

Deno.test("loadOrder() puts what a module depends on before it", () => {
  const cases: [string, string[]][] = [
    ["libcrc32c", ["kernel/lib/libcrc32c.ko"]],
    ["ip_vs", [
      "kernel/lib/libcrc32c.ko",
      "kernel/net/netfilter/nf_conntrack.ko.xz",
      "kernel/net/netfilter/ipvs/ip_vs.ko",
    ]],
    ["some_card", ["kernel/drivers/net/some-card.ko.zst"]],
    ["some-card", ["kernel/drivers/net/some-card.ko.zst"]],
    ["vs", []],
    ["", []],
  ];
  for (const [name, wanted] of cases) assert.deepEqual(loadOrder(DEP, name), wanted, name);
});
