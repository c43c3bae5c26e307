/** Commands of README.md and docs that need no other kernel. */

import assert from "node:assert/strict";
import { commandsIn, storiesAt } from "../support/page_commands.ts";
import { CTR, runCommand, SCP, writeStandIns } from "../support/page_stories.ts";
import { readPages } from "../support/pages.ts";
import { run, withFolder } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PATH = Deno.env.get("PATH") ?? "";
const STORIES = storiesAt("native");
assert.ok(STORIES.length >= 7, `found ${STORIES.length}`);

for (const story of STORIES) {
  Deno.test(`${story.page}, ${story.name}: each command works as it stands there`, (t) =>
    withFolder(async (folder) => {
      await writeStandIns(`${folder}/bin`, { scp: SCP, ctr: CTR });
      await Deno.mkdir(`${folder}/node`);
      const env = {
        PATH: `${folder}/bin:${PATH}`,
        HOME: Deno.env.get("HOME") ?? "/",
        NODE: `${folder}/node`,
        NO_COLOR: "1",
      };
      const before = readPages();
      for (const command of commandsIn(story)) {
        await t.step(command.run, async () => {
          await runCommand(command, { cwd: ROOT, env });
        });
      }
      // What writes a page writes what stands there.
      assert.deepEqual(readPages(), before);
    }));
}

Deno.test("a static pod has the name of the image that scripts/image makes", () =>
  withFolder(async (folder) => {
    await writeStandIns(`${folder}/bin`, { ctr: CTR });
    const env = { PATH: `${folder}/bin:${PATH}`, HOME: Deno.env.get("HOME") ?? "/", NODE: folder };
    const options = { cwd: ROOT, env };
    await runCommand({ run: `scripts/image --output ${folder}` }, options);
    const { stdout: tag } = await runCommand({
      run: "ctr -n k8s.io images import lvscare.tar",
      says: /^lvscare:\S+\n$/,
    }, options);
    const pod = "scripts/lvscare generate static-pod --masters 192.168.0.2 --print";
    const { stdout } = await runCommand({ run: pod }, options);
    const images = [...stdout.matchAll(/^ +image: (\S+)$/gm)].map(([, image]) => image);
    assert.deepEqual(images, [tag.trim(), tag.trim()]);
  }));

Deno.test("a stand-in for ctr takes no archive that is damaged", () =>
  withFolder(async (folder) => {
    await writeStandIns(`${folder}/bin`, { ctr: CTR });
    const blob = `blobs/sha256/${"0".repeat(64)}`;
    await Deno.mkdir(`${folder}/blobs/sha256`, { recursive: true });
    await Deno.writeTextFile(`${folder}/${blob}`, "x");
    const manifest = [{ Config: blob, RepoTags: ["lvscare:1"], Layers: [] }];
    await Deno.writeTextFile(`${folder}/manifest.json`, JSON.stringify(manifest));
    const env = { PATH, NODE: folder };
    const tar = ["tar", "-C", folder, "-cf", `${folder}/a.tar`, "manifest.json", "blobs"];
    assert.equal((await run(tar, { env })).status, 0);
    const ctr = [`${folder}/bin/ctr`, "-n", "k8s.io", "images", "import", "a.tar"];
    assert.equal((await run(ctr, { env })).status, 1);
  }));
