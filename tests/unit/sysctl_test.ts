import assert from "node:assert/strict";
import { SyscallError, UnsupportedError } from "../../src/errors.ts";
import { ProcSysctl } from "../../src/kernel/sysctl.ts";
import { withFolder } from "../support/process.ts";

async function withParameters(use: (sysctl: ProcSysctl, folder: string) => Promise<void>) {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/net/ipv4/conf/eth0.5`, { recursive: true });
    await Deno.writeTextFile(`${folder}/net/ipv4/ip_forward`, "0\n");
    await Deno.writeTextFile(`${folder}/net/ipv4/conf/eth0.5/rp_filter`, "2\n");
    await use(new ProcSysctl(folder), folder);
  });
}

Deno.test("ensure() sets what differs, says what it was, and leaves alone what does not", () =>
  withParameters(async (sysctl, folder) => {
    assert.deepEqual(await sysctl.ensure("net.ipv4.ip_forward", "1"), { before: "0" });
    assert.match(await Deno.readTextFile(`${folder}/net/ipv4/ip_forward`), /^1/);
    assert.equal(await sysctl.ensure("net.ipv4.ip_forward", "1"), undefined);
  }));

Deno.test("a slash in a name is a dot of a device's name", () =>
  withParameters(async (sysctl) => {
    assert.equal(await sysctl.read("net.ipv4.conf.eth0/5.rp_filter"), "2");
  }));

Deno.test("a parameter that is not there is undefined to read, and unsupported to set", () =>
  withParameters(async (sysctl) => {
    assert.equal(await sysctl.read("net.ipv4.vs.conntrack"), undefined);
    await assert.rejects(
      sysctl.ensure("net.ipv4.vs.conntrack", "1"),
      (err) => err instanceof UnsupportedError && err.feature === "net.ipv4.vs.conntrack",
    );
  }));

Deno.test("a name can not leave the folder of parameters", () =>
  withParameters(async (sysctl) => {
    for (const name of ["", "net..ip_forward", "a./../b"]) {
      await assert.rejects(sysctl.read(name), TypeError, name);
    }
  }));

Deno.test("the kernel's own parameters are read, and those that cannot be set say why", async () => {
  const sysctl = new ProcSysctl();
  assert.equal(await sysctl.read("kernel.ostype"), "Linux");
  await assert.rejects(
    sysctl.ensure("kernel.ostype", "Windows"),
    (err) =>
      err instanceof SyscallError &&
      /^set kernel\.ostype from Linux to Windows: /.test(err.message),
  );
});
