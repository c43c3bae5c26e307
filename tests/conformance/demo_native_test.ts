/** `lvscare demo` as whoever, with nothing but the file. */

import assert from "node:assert/strict";
import { run, withFolder } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const AS_NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
const SUM = /^(\d+) requests: a (\d+), b (\d+), c (\d+), failed (\d+) \(/m;

async function withDemo(use: (argv: readonly string[]) => Promise<void>): Promise<void> {
  const built = await new Deno.Command(`${ROOT}scripts/lvscare`, { args: ["version"] }).output();
  assert.ok(built.success, new TextDecoder().decode(built.stderr));
  await withFolder(async (folder) => {
    await Deno.chmod(folder, 0o755);
    await Deno.copyFile(`${ROOT}dist/lvscare`, `${folder}/lvscare`);
    await use([...AS_NOBODY, `${folder}/lvscare`, "demo"]);
  });
}

function countsOf(text: string): number[] {
  const found = SUM.exec(text);
  assert.ok(found, text);
  return found.slice(1).map(Number);
}

Deno.test("the demo ends by itself with 0, its counts add up, and no request fails", () =>
  withDemo(async (argv) => {
    const { status, stdout, stderr } = await run(argv);
    assert.deepEqual([status, stderr], [0, ""], stdout);
    const [sent, a, b, c, failed] = countsOf(stdout) as [number, number, number, number, number];
    assert.equal(sent, a + b + c + failed);
    assert.equal(failed, 0);
    assert.ok(b > 0 && b < a && b < c, stdout);
    assert.match(stdout, /weight 1 -> 0 \(status 503\)/);
    assert.match(stdout, /b has stopped: nobody came any more/);
    const perSecond = [...stdout.matchAll(/^ ?\d+ s {3}a +(\d+) {3}b +(\d+) {3}c +(\d+)/gm)];
    assert.ok(perSecond.length >= 8, stdout);
    assert.ok(perSecond.some(([, , ofB]) => ofB === "0"));
    assert.ok(!stdout.includes("\x1b"));
  }));

Deno.test("kept, it stays at its address until it is interrupted", () =>
  withDemo(async (argv) => {
    const [program = "", ...args] = [...argv, "--keep"];
    const child = new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).spawn();
    let text = "";
    let address: string | undefined;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const found = /curl (http:\/\/\S+)/.exec(text)?.[1];
      if (address !== undefined || found === undefined) continue;
      address = found;
      const names = [];
      for (let i = 0; i < 3; i++) names.push((await (await fetch(address)).text()).trim());
      assert.deepEqual(names.toSorted(), ["a", "b", "c"]);
      child.kill("SIGINT");
    }
    assert.ok(address, text);
    assert.equal((await child.status).code, 0, text);
    await child.stderr.cancel();
    await assert.rejects(fetch(address));
  }));

Deno.test("interrupted in the middle it ends at once, with what it has counted", () =>
  withDemo(async (argv) => {
    const [program = "", ...args] = argv;
    const child = new Deno.Command(program, { args, stdout: "piped", stderr: "null" }).spawn();
    let text = "";
    let isAsked = false;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (isAsked || !/^ 1 s/m.test(text)) continue;
      isAsked = true;
      child.kill("SIGTERM");
    }
    assert.equal((await child.status).code, 0, text);
    const [sent = 0, ...rest] = countsOf(text);
    assert.equal(sent, rest.reduce((sum, count) => sum + count, 0));
    assert.ok(!text.includes("b is to stop"), text);
  }));

Deno.test("without a folder to write to it says in one line what to do", () =>
  withDemo(async (argv) => {
    const [, ...as] = argv;
    const cases: [argv: readonly string[], env: Record<string, string>, why: string][] = [
      [argv, { TMPDIR: "/nowhere" }, "no such thing (ENOENT)"],
      [argv, { TMPDIR: "/usr" }, "permission denied (EACCES)"],
      [argv, { TMPDIR: "/dev/shm" }, "permission denied (EACCES)"],
      [
        ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none /mnt; exec "$@"']
          .concat("sh", "setpriv", as),
        { TMPDIR: "/mnt" },
        "read-only (EROFS)",
      ],
    ];
    for (const [words, env, why] of cases) {
      const { status, stdout, stderr } = await run(words, {
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      });
      assert.deepEqual([status, stdout], [1, ""], stderr);
      assert.equal(
        stderr,
        `lvscare: demo: cannot make a folder for temporary files: ${why} ` +
          "(name a folder that can be written to: TMPDIR=/run lvscare demo)\n",
      );
    }
  }));
