/** Kernel parameters and modules, as far as no kernel is needed: files, texts, refusals, fakes. */

import assert from "node:assert/strict";
import { SyscallError, UnsupportedError } from "../../src/errors.ts";
import { FakeModules, FakeSysctl } from "../../src/kernel/fake/host.ts";
import type { Modules, Sysctl } from "../../src/kernel/host.ts";
import {
  filesToLoad,
  isBuiltIn,
  isInModules,
  moduleConfiguration,
  moduleName,
} from "../../src/kernel/module_files.ts";
import { ProcModules } from "../../src/kernel/proc_modules.ts";
import { ProcSysctl } from "../../src/kernel/proc_sysctl.ts";
import { withFolder } from "../support/process.ts";

const CONNTRACK = "net.ipv4.vs.conntrack";

/** Every Sysctl, over a kernel that has the parameter at 0. */
const SYSCTLS: Readonly<Record<string, (use: (sysctl: Sysctl) => Promise<void>) => Promise<void>>> =
  {
    FakeSysctl: (use) => use(new FakeSysctl({ [CONNTRACK]: "0" })),
    ProcSysctl: (use) =>
      withFolder(async (folder) => {
        await Deno.mkdir(`${folder}/net/ipv4/vs`, { recursive: true });
        await Deno.writeTextFile(`${folder}/net/ipv4/vs/conntrack`, "0\n");
        await use(new ProcSysctl(folder));
      }),
  };

for (const [name, withSysctl] of Object.entries(SYSCTLS)) {
  Deno.test(`${name}: a parameter is set once, and its value before is told`, () =>
    withSysctl(async (sysctl) => {
      assert.equal(await sysctl.read(CONNTRACK), "0");
      assert.deepEqual(await sysctl.ensure(CONNTRACK, "1"), { before: "0" });
      assert.equal(await sysctl.read(CONNTRACK), "1");
      assert.equal(await sysctl.ensure(CONNTRACK, "1"), undefined);
    }));

  Deno.test(`${name}: a parameter that is not there reads as undefined and cannot be set`, () =>
    withSysctl(async (sysctl) => {
      assert.equal(await sysctl.read("net.ipv4.vs.nothing"), undefined);
      await assert.rejects(sysctl.ensure("net.ipv4.vs.nothing", "1"), (error) => {
        assert.ok(error instanceof UnsupportedError && error.feature === "net.ipv4.vs.nothing");
        return true;
      });
    }));
}

Deno.test("ProcSysctl: what ip_vs makes names the module to load", () =>
  withFolder(async (folder) => {
    await assert.rejects(new ProcSysctl(folder).ensure(CONNTRACK, "1"), (error) => {
      assert.ok(error instanceof UnsupportedError);
      assert.equal(error.message, `set ${CONNTRACK}: this kernel has no such parameter`);
      assert.equal(error.hint, "load the module that has it: modprobe ip_vs");
      return true;
    });
  }));

Deno.test("ProcSysctl: names that are no parameters, or lead elsewhere, read as undefined", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/root/net`, { recursive: true });
    await Deno.writeTextFile(`${folder}/secret`, "x");
    const sysctl = new ProcSysctl(`${folder}/root`);
    for (const name of ["", ".", "net", "..", "//.secret", "net.//.//.secret", "a\0b"]) {
      assert.equal(await sysctl.read(name), undefined, JSON.stringify(name));
    }
  }));

Deno.test("ProcSysctl: a slash stands for a dot within a name, and tabs separate values", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/net/conf/eth0.1`, { recursive: true });
    await Deno.writeTextFile(`${folder}/net/conf/eth0.1/range`, "32768\t60999\n");
    const sysctl = new ProcSysctl(folder);
    assert.equal(await sysctl.read("net.conf.eth0/1.range"), "32768\t60999");
    assert.equal(await sysctl.ensure("net.conf.eth0/1.range", "32768 60999"), undefined);
  }));

Deno.test("FakeSysctl: read-only, what is right already is fine, and nothing can be set", async () => {
  const sysctl = new FakeSysctl({ [CONNTRACK]: "1" });
  sysctl.readOnly = true;
  assert.equal(await sysctl.ensure(CONNTRACK, "1"), undefined);
  await assert.rejects(
    sysctl.ensure(CONNTRACK, "0"),
    (error) => error instanceof SyscallError && error.is("EROFS"),
  );
  sysctl.set(CONNTRACK, undefined);
  assert.equal(await sysctl.read(CONNTRACK), undefined);
});

const MODULES_DEP =
  `kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/net/netfilter/nf_conntrack.ko.xz kernel/net/ipv4/netfilter/nf_defrag_ipv4.ko.xz kernel/lib/libcrc32c.ko.xz
kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz kernel/net/netfilter/nf_conntrack.ko.xz
kernel/drivers/net/dummy.ko:
kernel/net/netfilter/nf-log.ko.zst:
`;

Deno.test("moduleName() is the name that the kernel uses", () => {
  for (
    const file of ["nf-log", "nf_log", "kernel/net/nf-log.ko", "nf-log.ko.xz", "a/nf_log.ko.zst"]
  ) {
    assert.equal(moduleName(file), "nf_log");
  }
});

Deno.test("filesToLoad() puts the last dependency first and the module last", () => {
  assert.deepEqual(filesToLoad(MODULES_DEP, "ip_vs")?.map(moduleName), [
    "libcrc32c",
    "nf_defrag_ipv4",
    "nf_conntrack",
    "ip_vs",
  ]);
  assert.deepEqual(filesToLoad(MODULES_DEP, "dummy"), ["kernel/drivers/net/dummy.ko"]);
  assert.deepEqual(filesToLoad(MODULES_DEP, "nf_log"), ["kernel/net/netfilter/nf-log.ko.zst"]);
  assert.equal(filesToLoad(MODULES_DEP, "ip_v"), undefined);
  assert.equal(filesToLoad("", "ip_vs"), undefined);
});

Deno.test("isInModules() and isBuiltIn() tell a module by its whole name", () => {
  const modules = "ip_vs_rr 16384 0 - Live 0x0\nip_vs 188416 2 ip_vs_rr, Loading 0x0\n";
  assert.equal(isInModules(modules, "ip_vs_rr"), true);
  assert.equal(isInModules(modules, "ip-vs-rr"), true);
  assert.equal(isInModules(modules, "ip_vs"), false);
  assert.equal(isInModules(modules, "vs_rr"), false);
  assert.equal(isBuiltIn("kernel/net/802/garp.ko\nkernel/net/nf-log.ko\n", "nf_log"), true);
  assert.equal(isBuiltIn("kernel/net/802/garp.ko\n\n", "gar"), false);
  assert.equal(isBuiltIn("", ""), false);
});

Deno.test("moduleConfiguration() gathers options, of files and then of the command line", () => {
  const files = [
    "# options ip_vs conn_tab_bits=1\noptions ip-vs conn_tab_bits=18 \\\n  other=2\nblacklist ip_vs\n",
    "options ip_vs_rr x=1\ninstall sctp /bin/true\n",
  ];
  const line = "quiet ip_vs.conn_tab_bits=20 dummy.numdummies=0 root=/dev/sda1";
  assert.deepEqual(moduleConfiguration(files, line, "ip_vs"), {
    parameters: "conn_tab_bits=18 other=2 conn_tab_bits=20",
    isReplaced: false,
  });
  assert.deepEqual(moduleConfiguration(files, line, "sctp"), { parameters: "", isReplaced: true });
  assert.deepEqual(moduleConfiguration([], "", "dummy"), { parameters: "", isReplaced: false });
});

/** Asserts that the module cannot be loaded, and gives the error. */
async function impossible(modules: Modules, name: string): Promise<UnsupportedError> {
  let found: unknown;
  await assert.rejects(modules.load(name), (error) => {
    found = error;
    return error instanceof UnsupportedError && error.feature === name && error.subject === name;
  });
  return found as UnsupportedError;
}

Deno.test("ProcModules: a module that is nowhere is not loaded, and cannot be", async () => {
  const modules = new ProcModules({ moduleFolders: ["/nowhere"] });
  assert.equal(await modules.isLoaded("no_such_module"), false);
  const { message, hint } = await impossible(modules, "no_such_module");
  assert.match(
    message,
    /^load module no_such_module: (?:there is no \/nowhere\/\S+ here|kernel \S+ has no modules, and this is not built into it)$/,
  );
  assert.ok(hint);
});

Deno.test("ProcModules: what modules.builtin lists is loaded", () =>
  withFolder(async (folder) => {
    const release = (await Deno.readTextFile("/proc/sys/kernel/osrelease")).trim();
    await Deno.mkdir(`${folder}/${release}`);
    await Deno.writeTextFile(`${folder}/${release}/modules.dep`, "");
    await Deno.writeTextFile(`${folder}/${release}/modules.builtin`, "kernel/net/lvs-test.ko\n");
    const modules = new ProcModules({ moduleFolders: ["/nowhere", folder] });
    assert.equal(await modules.isLoaded("lvs_test"), true);
    assert.equal(await modules.isLoaded("lvs"), false);
    await modules.load("lvs_test");
  }));

Deno.test("FakeModules: dependencies are loaded first, and what it does not have is refused", async () => {
  const modules = new FakeModules({
    ip_vs_rr: ["ip_vs"],
    ip_vs: ["nf_conntrack"],
    nf_conntrack: [],
  });
  assert.equal(await modules.isLoaded("ip_vs"), false);
  await modules.load("ip_vs_rr");
  await modules.load("ip_vs");
  assert.deepEqual(modules.loaded, ["nf_conntrack", "ip_vs", "ip_vs_rr"]);
  await impossible(modules, "dummy");
});
