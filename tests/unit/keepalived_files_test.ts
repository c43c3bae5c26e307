/**
 * Files of keepalived's, from simple ones to those with every word: keepalived takes them, they are read as what
 * stands beside each in a file of its own (.expected, written by hand), and what they are converted to says the same.
 */

import assert from "node:assert/strict";
import { relative } from "node:path";
import type { Config, ServiceConfig } from "../../src/config/config.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { convertKeepalived } from "../../src/config/keepalived/read.ts";
import { printConfig } from "../support/config_text.ts";
import { run, withFolder } from "../support/process.ts";

const FOLDER = new URL("../support/keepalived_samples", import.meta.url).pathname;
const ENVIRONMENT: Readonly<Record<string, string>> = {
  SAMPLE_HOST: "env.sample.test",
  SAMPLE_PATH: "from/the/environment",
};
const SETTINGS = {
  configId: "main",
  env: (name: string) => ENVIRONMENT[name],
  skipsUnsupported: false,
};

const SAMPLES = Array.from(Deno.readDirSync(FOLDER), ({ name }) => name)
  .filter((name) => name.endsWith(".conf")).map((name) => name.slice(0, -".conf".length)).sort();

interface Expected {
  /** What keepalived says of it, and with which status it ends. */
  readonly keepalived: readonly string[];
  readonly notes: readonly string[];
  readonly config: readonly string[];
}

/** "#" begins a remark. */
function readExpected(name: string): Expected {
  const text = Deno.readTextFileSync(`${FOLDER}/${name}.expected`);
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const of = (word: string) =>
    lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length));
  const config = lines.filter((line) => !/^(?:keepalived|note) /.test(line));
  return { keepalived: of("keepalived "), notes: of("note "), config };
}

async function readGood(path: string): Promise<{ config: Config; notes: readonly string[] }> {
  const { config, report, notes } = await readFiles({
    ...{ path, nodeAddresses: [], keepalived: SETTINGS },
  });
  assert.deepEqual(report.lines, []);
  return { config: config!, notes };
}

Deno.test("there are 40 samples, each with what is expected of it", () => {
  const expected = Array.from(Deno.readDirSync(FOLDER), ({ name }) => name)
    .filter((name) => name.endsWith(".expected"));
  assert.equal(SAMPLES.length, 40);
  assert.deepEqual(expected.sort(), SAMPLES.map((name) => `${name}.expected`));
});

Deno.test("a file that is given by a relative path knows where its programs are", async () => {
  const path = relative(Deno.cwd(), `${FOLDER}/includes.conf`);
  const { config } = await readGood(path);
  const [, { notify }] = config.services as [unknown, ServiceConfig];
  assert.deepEqual(notify[0]?.to, {
    ...{ kind: "program", command: [`${FOLDER}/parts/announce`, "up"] },
  });
});

for (const name of SAMPLES) {
  const path = `${FOLDER}/${name}.conf`;
  const expected = readExpected(name);

  Deno.test(`${name}.conf is read as what was written down for it`, async () => {
    const { config, notes } = await readGood(path);
    assert.deepEqual(
      printConfig(config).map((line) => line.replaceAll(FOLDER, "SAMPLES")),
      expected.config,
    );
    assert.deepEqual(notes.map((note) => note.replace(`${FOLDER}/`, "")), expected.notes);
  });

  Deno.test(`what ${name}.conf is converted to is the same configuration`, async () => {
    const { config } = await readGood(path);
    await withFolder(async (folder) => {
      const { text, report } = convertKeepalived({ ...SETTINGS, path });
      assert.deepEqual(report.lines, []);
      const converted = `${folder}/lvscare.yaml`;
      Deno.writeTextFileSync(converted, text);
      assert.deepEqual((await readGood(converted)).config, config);
    });
  });

  Deno.test(`keepalived takes ${name}.conf`, async () => {
    const { status, stdout, stderr } = await run(
      ["keepalived", "--config-test", "--config-id=main", `--use-file=${name}.conf`],
      { cwd: FOLDER, env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...ENVIRONMENT } },
    );
    const said = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
    const ended = status === 0 ? [] : [`ends with ${status}`];
    assert.deepEqual([...ended, ...said], expected.keepalived);
  });
}
