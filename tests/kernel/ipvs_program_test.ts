/** The built program in front of the real kernel: what only the whole of it can get wrong. */

import assert from "node:assert/strict";
import { run } from "../support/process.ts";

const BINARY = new URL("../../dist/lvscare", import.meta.url).pathname;
const SERVICE = "10.77.0.1:80";

function lvscare(...args: string[]) {
  return run([BINARY, "ipvs", ...args]);
}

Deno.test("lvscare ipvs loads ip_vs when it is missing, and works by each way to the kernel", async () => {
  const sbin = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  await unloadIpvs();
  await assert.rejects(Deno.stat("/proc/net/ip_vs"), Deno.errors.NotFound);
  const added = await lvscare("-A", "-t", SERVICE, "-s", "rr");
  assert.deepEqual([added.status, added.stderr], [0, ""]);
  const wanted = (await run(["ipvsadm", "-Ln"], { env: sbin })).stdout;
  assert.match(wanted, /TCP {2}10\.77\.0\.1:80 rr\n/);
  assert.equal((await lvscare("-Ln")).stdout, wanted);
  assert.equal((await lvscare("--backend", "command", "-Ln")).stdout, wanted);
  const libnl = await run([BINARY, "ipvs", "-Ln"], { env: { LVSCARE_NETLINK: "libnl" } });
  assert.equal(libnl.stdout, wanted, libnl.stderr);
  assert.equal(
    (await lvscare("-Lnc")).stdout,
    (await run(["ipvsadm", "-Lnc"], { env: sbin })).stdout,
  );
  assert.equal((await lvscare("clear", "--yes")).status, 0);
});

Deno.test("lvscare ipvs refuses in one line, and changes nothing", async () => {
  const cases: [string[], number, RegExp][] = [
    [["-D", "-t", SERVICE], 1, /delete service TCP 10\.77\.0\.1:80: no such service \(ESRCH\)/],
    [["-A", "-t", SERVICE, "-s", "none-such"], 1, /modprobe ip_vs_none-such/],
    [["-A", "-t", "10.77.0.1:70000"], 2, /from 0 to 65535, not 70000/],
    [["clear"], 2, /--yes/],
    [["restore", "/no/such/file"], 2, /\/no\/such\/file/],
  ];
  for (const [args, wantedStatus, wanted] of cases) {
    const { status, stdout, stderr } = await lvscare(...args);
    assert.equal(status, wantedStatus, `${args.join(" ")}: ${stderr}`);
    assert.equal(stdout, "");
    assert.match(stderr, /^lvscare: [^\n]+\n$/);
    assert.match(stderr, wanted);
  }
  assert.ok(!(await lvscare("-Ln")).stdout.includes("10.77.0.1"));
});

Deno.test("lvscare ipvs without permission says which it needs", async () => {
  const argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BINARY];
  const { status, stderr } = await run([...argv, "ipvs", "-Ln"], { env: { PATH: "/usr/bin" } });
  assert.equal(status, 1);
  assert.match(stderr, /^lvscare: [^\n]*CAP_NET_ADMIN[^\n]*\n$/);
});

/** Unloads ip_vs and all that needs it: its schedulers, which other tests have used. */
async function unloadIpvs(): Promise<void> {
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  await run(["ipvsadm", "-C"], { env });
  const line = /^ip_vs \d+ \d+ (\S+)/m.exec(await Deno.readTextFile("/proc/modules"));
  const users = (line?.[1] ?? "").split(",").filter((name) => name.startsWith("ip_vs"));
  const { stderr } = await run(["rmmod", ...users, "ip_vs"], { env });
  assert.equal(stderr, "");
}
