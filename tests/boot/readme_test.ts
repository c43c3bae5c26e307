/** Commands of README.md and docs that start a guest of their own. */

import assert from "node:assert/strict";
import { commandsIn, storiesAt } from "../support/page_commands.ts";
import { runCommand } from "../support/page_stories.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("every command of a page that starts a guest works as it stands there", async (t) => {
  const stories = storiesAt("own guest");
  assert.ok(stories.length >= 4, `found ${stories.length}`);
  const env = { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "/" };
  for (const command of stories.flatMap(commandsIn)) {
    await t.step(command.run, async () => {
      await runCommand(command, { cwd: ROOT, env });
    });
  }
});
