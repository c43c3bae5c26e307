/** Hosts that lack something or forbid it: one clear line each, and what can still work does. */

import assert from "node:assert/strict";
import { BINARY, CareLab, until, V4 } from "../support/care_lab.ts";
import { withoutIpvs } from "../support/ipvs_module.ts";
import { must } from "../support/network.ts";
import { run } from "../support/process.ts";

const ONCE = ["--mode", "link", "--run-once"];
const ENV = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** Runs what is left after `prepare`, a line of a shell, in a mount namespace of its own. */
function inMounts(prepare: string, argv: readonly string[]) {
  const shell = ["unshare", "--mount", "sh", "-c", `${prepare} && exec "$@"`, "sh"];
  return run([...shell, ...argv], { env: ENV });
}

/** Lines of the log that are worse than news, without their time. */
function trouble(output: string): string[] {
  return output.split("\n").filter((line) => / (?:warn|error) /.test(line))
    .map((line) => line.replace(/^\S+ /, ""));
}

async function works(lab: CareLab): Promise<void> {
  assert.deepEqual(Object.values(await lab.weights() ?? {}), [1, 1, 1]);
}

Deno.test("without permission it says which it needs, and ends with 1", async () => {
  await using lab = await CareLab.open(V4);
  const before = await lab.snapshot();
  const user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const { status, stdout, stderr } = await run([...user, BINARY, ...lab.flags(), ...ONCE], {
    env: ENV,
  });
  assert.equal(status, 1, stdout + stderr);
  assert.match(stdout + stderr, /CAP_NET_ADMIN/);
  assert.equal(await lab.snapshot(), before);
});

Deno.test("a parameter that cannot be written is one line, and all else is there", async () => {
  await using lab = await CareLab.open(V4);
  const { status, stdout } = await inMounts(
    "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys",
    [BINARY, ...lab.flags(), ...ONCE],
  );
  assert.equal(status, 1, stdout);
  const said = trouble(stdout);
  assert.equal(said.length, 1, stdout);
  assert.match(said[0]!, /^error set net\.ipv4\.vs\.conntrack: 0 -> 1: .*read-only/);
  await works(lab);
  assert.match(await must("ip", "addr", "show", "lvscare"), /10\.103\.97\.12/);
});

Deno.test("a state directory that is read-only, full or a file is one warning, and it works without", async () => {
  const prepare: Readonly<Record<string, string>> = {
    "read-only": "mount -t tmpfs -o ro none DIR",
    full: "mount -t tmpfs -o size=4k none DIR && head -c 4096 /dev/zero > DIR/full",
    "a file": "rmdir DIR && touch DIR",
  };
  for (const [name, line] of Object.entries(prepare)) {
    await using lab = await CareLab.open(V4);
    const { status, stdout } = await inMounts(
      line.replaceAll("DIR", lab.stateDir),
      [BINARY, ...lab.flags(), ...ONCE],
    );
    assert.equal(status, 0, `${name}: ${stdout}`);
    const said = trouble(stdout);
    assert.equal(said.length, 1, `${name}: ${stdout}`);
    assert.match(said[0]!, /^warn going on without memory: .*--state-dir/, name);
    await works(lab);
    if (name === "a file") {
      await Deno.remove(lab.stateDir);
      await Deno.mkdir(lab.stateDir);
    }
  }
});

Deno.test("a hosts file that is missing, binary or huge costs route mode its route, and no more", async () => {
  const prepare: Readonly<Record<string, string>> = {
    missing: "mount --bind /nowhere /etc/hosts || mount -t tmpfs none /etc",
    binary: "head -c 100000 /dev/urandom > FILE && mount --bind FILE /etc/hosts",
    huge: "head -c 50000000 /dev/zero > FILE && mount --bind FILE /etc/hosts",
  };
  for (const [name, line] of Object.entries(prepare)) {
    await using lab = await CareLab.open(V4);
    const { status, stdout } = await inMounts(
      line.replaceAll("FILE", `${lab.stateDir}/hosts`),
      [BINARY, ...lab.flags(), "--run-once"],
    );
    assert.equal(status, 0, `${name}: ${stdout}`);
    assert.deepEqual(trouble(stdout), [
      "warn running routeMode and Target IP is not valid IP, skipping",
    ], name);
    await works(lab);
  }
});

Deno.test("a device, and a set, that are somebody else's are left alone, and the rest works", async () => {
  await using lab = await CareLab.open(V4);
  await must("ip", "link", "add", "lvscare", "type", "bridge");
  await must("ipset", "create", "VIRTUAL-IP", "hash:ip");
  const { status, stdout } = await lab.lvscare([...lab.flags(), ...ONCE]);
  assert.equal(status, 1, stdout);
  const said = trouble(stdout);
  assert.ok(
    said.some((line) => /add dummy device lvscare: .*of kind bridge, must be dummy/.test(line)),
    stdout,
  );
  assert.ok(said.some((line) => /VIRTUAL-IP" is of type hash:ip/.test(line)), stdout);
  await works(lab);
  assert.match(await must("ip", "-d", "link", "show", "lvscare"), /bridge/);
  assert.match(await must("ipset", "list", "VIRTUAL-IP"), /Type: hash:ip\n/);
});

Deno.test("a scheduler that the kernel does not have is told with its module, and the loop goes on", async () => {
  await using lab = await CareLab.open(V4);
  const care = lab.start([...lab.flags(), "--mode", "link", "--scheduler", "nosuch"]);
  await care.said(/warn the scheduler nosuch does not work: .*kernel \S+ has no such module/);
  await care.said(/error add service .* nosuch: .*modprobe ip_vs_nosuch/);
  assert.match(await must("ip", "addr", "show", "lvscare"), /10\.103\.97\.12/);
  assert.equal((await care.stop()).code, 0);
});

Deno.test("ip_vs is loaded when it is missing, with the scheduler; where it cannot be, one line says why", async () => {
  await using lab = await CareLab.open(V4);
  await withoutIpvs(async () => {
    const { status, stdout, stderr } = await inMounts(
      "mount -t tmpfs none /lib/modules && mount -t tmpfs none /usr/sbin",
      [BINARY, ...lab.flags(), ...ONCE],
    );
    assert.equal(status, 1, stdout);
    assert.match(stderr, /^lvscare: load module ip_vs: [^\n]+modprobe ip_vs[^\n]*\n$/);
    const loaded = await lab.lvscare([...lab.flags(), ...ONCE, "--scheduler", "mh"]);
    assert.equal(loaded.status, 0, loaded.stdout + loaded.stderr);
    assert.match(await Deno.readTextFile("/proc/modules"), /^ip_vs_mh /m);
  });
  await works(lab);
});

Deno.test("a log that nobody reads any more does not end it", async () => {
  await using lab = await CareLab.open(V4);
  const care = lab.start([...lab.flags(), "--mode", ""]);
  await care.said(/add service/);
  await care.closeLog();
  await lab.servers[0]!.stop();
  await until(async () => Object.keys(await lab.weights() ?? {}).length === 2, "it goes on");
  assert.equal((await care.stop()).code, 0, care.output + care.errors);
});

Deno.test("it ends at once in the middle of a check that hangs", async () => {
  await using lab = await CareLab.open(V4);
  using silent = lab.listenSilently(6444);
  const flags = lab.flags().map((each) => each.replaceAll(":6443,", ":6444,"));
  const care = lab.start([...flags, "--mode", "", "--health-timeout", "60s"]);
  await care.said(/add service/);
  await silent.accepted;
  assert.equal((await care.stop()).code, 0, care.output + care.errors);
});
