import assert from "node:assert/strict";
import { run, type RunOptions, withFolder } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const ENV = { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "/" };

function guest(args: readonly string[], options: RunOptions = {}) {
  return run([`${ROOT}scripts/guest`, ...args], { env: ENV, cwd: ROOT, ...options });
}

Deno.test("a guest has ip_vs, streams of its own, and hands out status and files", () =>
  withFolder(async (folder) => {
    // The very first start prepares the kernel, and says so.
    assert.equal((await guest(["--", "true"])).status, 0);
    const script = `grep -c IP /proc/net/ip_vs
      echo on error >&2
      cat
      echo kept > /out/file
      touch ${ROOT}written-in-guest
      exit 7`;
    const { status, stdout, stderr } = await guest(["--out", folder, "--", "sh", "-c", script], {
      stdin: "through\r\n\0\n",
    });
    assert.deepEqual([status, stdout, stderr], [7, "1\nthrough\r\n\0\n", "on error\n"]);
    assert.equal(await Deno.readTextFile(`${folder}/file`), "kept\n");
    await assert.rejects(Deno.stat(`${ROOT}written-in-guest`), Deno.errors.NotFound);
  }));

Deno.test("a guest without a module has it nowhere", async () => {
  const absent = await guest(["--without", "ip_vs", "--", "test", "-e", "/proc/net/ip_vs"]);
  assert.equal(absent.status, 1, absent.stderr);
  const script = "modprobe ip_vs; find /lib/modules/$(uname -r) -name 'ip_vs*' | wc -l";
  const { stdout, stderr } = await guest(["--without", "ip_vs", "--", "sh", "-c", script]);
  assert.equal(stdout, "0\n");
  assert.match(stderr, /ip_vs not found/);
});

Deno.test("a guest can have another kernel", async () => {
  const [usual, other] = await Promise.all([
    guest(["--", "uname", "-r"]),
    guest(["--kernel", "rt", "--", "sh", "-c", "uname -r; grep -c IP /proc/net/ip_vs"]),
  ]);
  assert.match(other.stdout, /^\d\S*-rt-\S*\n1\n$/, other.stderr);
  assert.notEqual(usual.stdout, other.stdout.split("\n")[0]);
});

Deno.test("a guest ends when its time is up, and says so", async () => {
  const { status, stderr } = await guest(["--timeout", "15", "--", "sleep", "1000"]);
  assert.equal(status, 124);
  assert.match(stderr, /^scripts\/guest: [^\n]*15[^\n]*\n$/);
});

Deno.test("a guest that is interrupted or killed leaves no process behind", async () => {
  for (const [signal, wanted] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGKILL", 137]] as const) {
    const mark = `guest-${crypto.randomUUID()}`;
    const child = new Deno.Command(`${ROOT}scripts/guest`, {
      args: ["--", "sh", "-c", `echo ready; sleep 1000; : ${mark}`],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    const machines = descendants(child.pid);
    assert.ok(machines.length >= 1, signal);
    child.kill(signal);
    const { code } = await child.status;
    await reader.cancel();
    assert.equal(code, wanted, signal);
    await gone(machines, signal);
  }
});

Deno.test("scripts/guest says in one line what is wrong", async () => {
  const cases: [string[], number, RegExp][] = [
    [["--memroy", "1"], 2, /--memroy/],
    [["--timeout", "soon", "--", "true"], 2, /--timeout "soon"/],
    [["sh", "-c", "true"], 2, /'sh': see --help; the command stands after --/],
    [["--kernel", "no-such-kernel", "--", "true"], 125, /no-such-kernel/],
    [["--without", "no_such_module", "--", "true"], 2, /no_such_module/],
  ];
  for (const [args, wantedStatus, wanted] of cases) {
    const { status, stdout, stderr } = await guest(args);
    assert.equal(status, wantedStatus, `${args.join(" ")}: ${stderr}`);
    assert.equal(stdout, "");
    assert.match(stderr, /^scripts\/guest: [^\n]+\n$/);
    assert.match(stderr, wanted);
  }
});

/** All processes below this one. */
function descendants(pid: number): number[] {
  const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
  const direct = children === "" ? [] : children.split(" ").map(Number);
  return direct.flatMap((child) => [child, ...descendants(child)]);
}

/** Waits until none of these processes is left; a zombie is gone too. */
async function gone(pids: readonly number[], what: string): Promise<void> {
  const left = () =>
    pids.filter((pid) => {
      try {
        return !/^\d+ \(.*\) [ZX]/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
      } catch {
        return false;
      }
    });
  for (let tries = 0; tries < 100 && left().length > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(left(), [], what);
}
