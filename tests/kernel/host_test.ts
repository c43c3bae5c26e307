/** Kernel parameters and modules of a real kernel. The guest is thrown away, so modules may come and go. */

import assert from "node:assert/strict";
import { SyscallError, UnsupportedError } from "../../src/errors.ts";
import { ProcModules } from "../../src/kernel/proc_modules.ts";
import { ProcSysctl } from "../../src/kernel/proc_sysctl.ts";
import { run, withFolder } from "../support/process.ts";
import { must } from "../support/network.ts";

const sysctl = new ProcSysctl();

Deno.test("a parameter of ip_vs is set and read, and sysctl sees the same", async () => {
  const name = "net.ipv4.vs.conntrack";
  await must("sysctl", "-qw", `${name}=0`);
  assert.deepEqual(await sysctl.ensure(name, "1"), { before: "0" });
  assert.equal((await must("sysctl", "-n", name)).trim(), "1");
  assert.equal(await sysctl.ensure(name, "1"), undefined);
});

Deno.test("a parameter of several values is compared by its values", async () => {
  const name = "net.ipv4.ip_local_port_range";
  const [low, high] = (await sysctl.read(name))!.split("\t");
  assert.equal(await sysctl.ensure(name, `${low} ${high}`), undefined);
  assert.deepEqual(await sysctl.ensure(name, "20000 50000"), { before: `${low}\t${high}` });
  assert.equal(await sysctl.read(name), "20000\t50000");
});

Deno.test("a value that the kernel does not take is EINVAL", async () => {
  await assert.rejects(sysctl.ensure("net.ipv4.ip_forward", "word"), (error) => {
    assert.ok(error instanceof SyscallError && error.is("EINVAL"), String(error));
    assert.equal(
      error.message,
      'set net.ipv4.ip_forward to "word": not a value that it takes (EINVAL)',
    );
    return true;
  });
});

Deno.test("on a read-only /proc/sys what is right is fine, and what is not is EROFS", async () => {
  await must("mount", "--bind", "/proc/sys", "/proc/sys");
  await must("mount", "-o", "remount,bind,ro", "/proc/sys");
  try {
    const now = (await sysctl.read("net.ipv4.ip_forward"))!;
    assert.equal(await sysctl.ensure("net.ipv4.ip_forward", now), undefined);
    await assert.rejects(sysctl.ensure("net.ipv4.ip_forward", now === "0" ? "1" : "0"), (error) => {
      assert.ok(error instanceof SyscallError && error.is("EROFS"), String(error));
      assert.match(
        error.message,
        /^set net.ipv4.ip_forward to "[01]": \/proc\/sys is read-only here \(EROFS\)$/,
      );
      assert.match(error.hint!, /^set it on the host as root: sysctl -w net.ipv4.ip_forward=/);
      return true;
    });
  } finally {
    await must("umount", "/proc/sys");
  }
});

async function unload(...names: readonly [string, ...string[]]): Promise<void> {
  await must("modprobe", "-r", ...names);
}

Deno.test("a module is loaded with what it needs, by the kernel's files alone", async () => {
  const modules = new ProcModules();
  // A pair that no other test has in use.
  await run(["/sbin/modprobe", "-r", "fou6", "fou"], { env: { PATH: "/sbin" } });
  assert.equal(await modules.isLoaded("fou"), false);
  await modules.load("fou6");
  for (const name of ["fou6", "fou"]) {
    assert.equal(await modules.isLoaded(name), true, name);
  }
  assert.match(await must("lsmod"), /^fou6 /m);
  await modules.load("fou6");
  await unload("fou6");
});

Deno.test("what is built in counts as loaded", async () => {
  const modules = new ProcModules();
  const release = (await must("uname", "-r")).trim();
  const builtin = await Deno.readTextFile(`/lib/modules/${release}/modules.builtin`);
  const [first] = builtin.split("\n");
  const name = first!.replace(/^.*\//, "").replace(".ko", "");
  assert.equal(await modules.isLoaded(name), true, name);
  await modules.load(name);
});

Deno.test("a module has the parameters that modprobe would give it", () =>
  withFolder(async (folder) => {
    const devices = async () =>
      (await must("ip", "-brief", "link", "show", "type", "ifb")).match(/^\S+/gm) ?? [];
    await Deno.writeTextFile(`${folder}/lvscare.conf`, "options ifb numifbs=3\n");
    await new ProcModules({ configurationFolders: [folder, "/nowhere"] }).load("ifb");
    // Nothing but its devices shows what this one was given.
    assert.deepEqual(await devices(), ["ifb0", "ifb1", "ifb2"]);
    await unload("ifb");
    await new ProcModules({ configurationFolders: [] }).load("ifb");
    assert.deepEqual(await devices(), ["ifb0", "ifb1"]);
    await unload("ifb");
  }));

Deno.test("a module for which modprobe is to run something else is left to modprobe", () =>
  withFolder(async (folder) => {
    await run(["/sbin/modprobe", "-r", "dummy"], { env: { PATH: "/sbin" } });
    await Deno.writeTextFile(`${folder}/lvscare.conf`, "install dummy /bin/true\n");
    const asked: string[] = [];
    const modprobe = (name: string) => Promise.resolve(asked.push(name));
    const modules = new ProcModules({ configurationFolders: [folder], modprobe });
    await assert.rejects(modules.load("dummy"), (error) => {
      assert.ok(error instanceof UnsupportedError);
      assert.match(
        error.message,
        /modprobe is configured to run a program in place of loading dummy/,
      );
      return true;
    });
    assert.deepEqual(asked, ["dummy"]);
    assert.equal(await modules.isLoaded("dummy"), false);
    await new ProcModules().load("dummy");
  }));

Deno.test("modprobe is the second way where the first has none", async () => {
  await run(["/sbin/modprobe", "-r", "dummy"], { env: { PATH: "/sbin" } });
  const modprobe = (name: string) => must("modprobe", name);
  await new ProcModules({ moduleFolders: ["/nowhere"], modprobe }).load("dummy");
  assert.equal(await new ProcModules().isLoaded("dummy"), true);
  const failing = new ProcModules({ moduleFolders: ["/nowhere"], modprobe });
  await assert.rejects(failing.load("no_such_module"), (error) => {
    assert.ok(error instanceof UnsupportedError, String(error));
    assert.match(error.message, /there is no \/nowhere\/\S+ here$/);
    assert.equal(
      error.hint,
      "mount it from the host, or load it on the host: modprobe no_such_module",
    );
    assert.match((error.cause as Error).message, /no_such_module not found/);
    return true;
  });
});

Deno.test("a compressed module is loaded where the kernel unpacks it, and else by modprobe", () =>
  withFolder(async (folder) => {
    await run(["/sbin/modprobe", "-r", "dummy"], { env: { PATH: "/sbin" } });
    const release = (await must("uname", "-r")).trim();
    await must("cp", `/lib/modules/${release}/kernel/drivers/net/dummy.ko`, `${folder}/dummy.ko`);
    await must("xz", "--check=crc32", `${folder}/dummy.ko`);
    await Deno.mkdir(`${folder}/${release}`);
    await Deno.writeTextFile(`${folder}/${release}/modules.dep`, "../dummy.ko.xz:\n");
    let asked = 0;
    const modprobe = async (name: string) => {
      asked++;
      await must("modprobe", name);
    };
    const modules = new ProcModules({ moduleFolders: [folder], modprobe });
    await modules.load("dummy");
    assert.equal(await modules.isLoaded("dummy"), true);
    assert.ok(asked <= 1);
  }));

Deno.test("a module that the kernel refuses says why", () =>
  withFolder(async (folder) => {
    const release = (await must("uname", "-r")).trim();
    await Deno.mkdir(`${folder}/${release}`);
    await Deno.writeTextFile(`${folder}/${release}/modules.dep`, "broken.ko:\nlost.ko:\n");
    await Deno.writeTextFile(`${folder}/${release}/broken.ko`, "not a module");
    const modules = new ProcModules({ moduleFolders: [folder] });
    await assert.rejects(modules.load("broken"), /load module broken: .*\(ENOEXEC\)/);
    await assert.rejects(modules.load("lost"), /load module lost: .*\(ENOENT\)/);
    await assert.rejects(
      modules.load("absent"),
      /load module absent: kernel \S+ has no such module/,
    );
  }));
