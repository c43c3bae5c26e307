import assert from "node:assert/strict";
import {
  findModule,
  loadOrder,
  moduleName,
  parseModulesDep,
  withoutModules,
} from "../../scripts/vm/modules.ts";

const VIRTIO = "kernel/drivers/virtio";
const NET = "kernel/net/netfilter";
const MODULES = parseModulesDep(`\
${VIRTIO}/virtio.ko:
${VIRTIO}/virtio_ring.ko: ${VIRTIO}/virtio.ko
kernel/net/9p/9pnet.ko.xz:
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz ${VIRTIO}/virtio.ko ${VIRTIO}/virtio_ring.ko
${NET}/nf_conntrack.ko:
${NET}/ip_vs.ko: ${NET}/nf_conntrack.ko
${NET}/xt_ipvs.ko: ${NET}/ip_vs.ko ${NET}/nf_conntrack.ko
${NET}/ip-vs-rr.ko.zst: ${NET}/ip_vs.ko ${NET}/nf_conntrack.ko
`);

Deno.test("moduleName() is the kernel's name of a file", () => {
  assert.equal(moduleName("kernel/net/ip-vs-rr.ko.zst"), "ip_vs_rr");
  assert.equal(moduleName("kernel/net/9p/9p.ko"), "9p");
  assert.equal(moduleName("ip-vs"), "ip_vs");
});

Deno.test("findModule() finds by either spelling, and whole names only", () => {
  assert.equal(findModule(MODULES, "ip_vs_rr"), `${NET}/ip-vs-rr.ko.zst`);
  assert.equal(findModule(MODULES, "ip-vs"), `${NET}/ip_vs.ko`);
  assert.equal(findModule(MODULES, "ip_v"), undefined);
});

Deno.test("loadOrder() puts each module after all that it needs, and each once", () => {
  const order = loadOrder(MODULES, [
    "kernel/net/9p/9pnet_virtio.ko.xz",
    `${VIRTIO}/virtio_ring.ko`,
  ]);
  assert.equal(order.length, 4);
  for (const [index, file] of order.entries()) {
    for (const needed of MODULES.get(file) ?? []) {
      assert.ok(order.slice(0, index).includes(needed), `${needed} before ${file}`);
    }
  }
});

Deno.test("withoutModules() takes away a module and what needs it", () => {
  const names = (without: string[]) => withoutModules(MODULES, without).map(moduleName);
  const all = [...MODULES.keys()].map(moduleName);
  assert.deepEqual(names([]), all);
  assert.deepEqual(
    names(["ip-vs"]),
    all.filter((name) => !["ip_vs", "xt_ipvs", "ip_vs_rr"].includes(name)),
  );
  assert.deepEqual(
    names(["nf_conntrack", "9pnet"]),
    ["virtio", "virtio_ring"],
  );
});
