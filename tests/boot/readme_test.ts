import assert from "node:assert/strict";
import { run } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** The commands that README shows, each a line of a block marked `sh`. */
function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap((block) => block[1]!.trim().split("\n"));
}

/** What runs these tests is not run by them. */
const RUNNER = "scripts/test";

Deno.test("every command in README works as it stands there", async (t) => {
  const commands = commandsOf(await Deno.readTextFile(`${ROOT}README.md`));
  assert.ok(commands.length >= 8, `found ${commands.length}`);
  assert.ok(commands.includes(RUNNER));
  for (const command of commands.filter((line) => line !== RUNNER)) {
    await t.step(command, async () => {
      const env = { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "/" };
      const { status, stderr } = await run(["sh", "-c", command], { cwd: ROOT, env });
      assert.equal(status, 0, stderr);
    });
  }
});
