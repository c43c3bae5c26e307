import assert from "node:assert/strict";
import { run, withFolder } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const ENV = { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "/" };

Deno.test("scripts/build says what is wrong with its options in one line", async () => {
  const cases: [string[], RegExp][] = [
    [["--target", "riscv64"], /--target "riscv64": must be x86_64-unknown-linux-gnu or aarch64/],
    [["--base", "fast"], /--base "fast": must be auto, compile or packed/],
    [["--bas"], /Unknown option '--bas'/],
  ];
  for (const [args, wanted] of cases) {
    const { status, stderr } = await run([`${ROOT}scripts/build`, ...args], { env: ENV });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^scripts\/build: [^\n]+\n$/);
    assert.match(stderr, wanted);
  }
});

Deno.test("scripts/build uses deno compile where its base binary is at hand", () =>
  withFolder(async (folder) => {
    // The runtime itself stands in for the base: what comes out cannot run, but shows what went in.
    const output = `${folder}/lvscare`;
    const { status, stderr } = await run([`${ROOT}scripts/build`, "--output", output], {
      env: { ...ENV, DENORT_BIN: Deno.execPath() },
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /\(deno compile\)/);
    const built = new TextDecoder("latin1").decode(await Deno.readFile(output));
    // The script is a string in the module.
    assert.ok(built.includes(JSON.stringify(`"base":"compile"`).slice(1, -1)));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["lvscare"]);
  }));
