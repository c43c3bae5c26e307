/** dist/lvscare needs nothing but the kernel and libc, wherever it is put. */

import assert from "node:assert/strict";
import { run, withFolder } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const NOBODY = "65534";

/** What `version` must say, whoever runs it and wherever. */
const VERSION = /^lvscare \S+\ncommit {2}\S+\ndeno {4}2\.9\.6\nbuild {3}.+\n$/;

async function withBinary(use: (binary: string, folder: string) => Promise<void>): Promise<void> {
  const built = await new Deno.Command(`${ROOT}scripts/lvscare`, { args: ["version"] }).output();
  assert.ok(built.success, new TextDecoder().decode(built.stderr));
  await withFolder(async (folder) => {
    await Deno.chmod(folder, 0o755);
    await Deno.mkdir(`${folder}/alone`);
    await Deno.copyFile(`${ROOT}dist/lvscare`, `${folder}/alone/lvscare`);
    await use(`${folder}/alone/lvscare`, folder);
  });
}

Deno.test("dist/lvscare runs alone in a folder, from an empty environment", () =>
  withBinary(async (binary) => {
    const { status, stdout, stderr } = await run([binary, "version"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, VERSION);
  }));

Deno.test("dist/lvscare says what is wrong in one line, with status 2", () =>
  withBinary(async (binary) => {
    assert.deepEqual(await run([binary, "--vresion"]), {
      status: 2,
      signal: null,
      stdout: "",
      stderr: "lvscare: unknown option '--vresion' (did you mean --version?)\n",
    });
    const { stderr } = await run([binary, "--vresion"], { env: { LVSCARE_DEBUG: "1" } });
    assert.match(stderr, /\n {4}at /);
  }));

Deno.test("dist/lvscare ends quietly when nobody reads what it says", () =>
  withBinary(async (binary) => {
    const child = new Deno.Command(binary, {
      args: ["completions", "bash"],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await child.stdout.cancel();
    const { stderr } = await child.output().catch(async () => ({
      stderr: new Uint8Array(await new Response(child.stderr).arrayBuffer()),
    }));
    assert.equal(new TextDecoder().decode(stderr), "");
  }));

Deno.test("dist/lvscare runs as another user, with / read-only, and with no /proc in a chroot of libc's files", async (t) => {
  assert.equal(Deno.uid(), 0, "this test changes users and roots: run it as root");
  await withBinary(async (binary, folder) => {
    await t.step("another user", async () => {
      const argv = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", binary];
      const { stdout, stderr } = await run([...argv, "version"], { env: { PATH: "/usr/bin" } });
      assert.match(stdout, VERSION, stderr);
    });

    await t.step("/ read-only", async () => {
      // In a mount namespace of its own, on a read-only copy of the whole tree of mounts.
      const script = `set -e
        mkdir ${folder}/root
        mount --make-rprivate /
        mount --rbind / ${folder}/root
        mount -o remount,bind,ro ${folder}/root
        mount -o bind,ro /tmp ${folder}/root/tmp
        ! touch ${folder}/root/written 2>/dev/null
        ! touch ${folder}/root/tmp/written 2>/dev/null
        exec chroot ${folder}/root ${binary} version`;
      const argv = ["unshare", "--mount", "sh", "-c", script];
      const { stdout, stderr } = await run(argv, { env: { PATH: "/usr/sbin:/usr/bin" } });
      assert.match(stdout, VERSION, stderr);
    });

    await t.step("a chroot", async () => {
      const jail = `${folder}/jail`;
      for (const library of await librariesOf(binary)) {
        await Deno.mkdir(jail + library.replace(/[^/]*$/, ""), { recursive: true });
        await Deno.copyFile(library, jail + library);
      }
      await Deno.copyFile(binary, `${jail}/lvscare`);
      const { stdout, stderr } = await run(["chroot", jail, "/lvscare", "version"], {
        env: { PATH: "/usr/sbin:/usr/bin" },
      });
      assert.match(stdout, VERSION, stderr);
      // Nothing was written there.
      assert.deepEqual(
        [...Deno.readDirSync(jail)].map(({ name }) => name).filter((name) =>
          !name.startsWith("lib")
        ),
        ["lvscare"],
      );
    });
  });
});

/** The shared libraries that the dynamic loader says the program needs: libc's, and libgcc_s beside it. */
async function librariesOf(binary: string): Promise<string[]> {
  const { stdout } = await run(["/usr/bin/ldd", binary], { env: { PATH: "/usr/bin" } });
  const paths = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]!);
  assert.ok(paths.some((path) => path.includes("libc.so.6")), stdout);
  const known = /\/(ld-linux-[^/]*|lib(c|m|dl|rt|pthread|gcc_s))\.so\.\d$/;
  assert.deepEqual(paths.filter((path) => !known.test(path)), []);
  return paths;
}
