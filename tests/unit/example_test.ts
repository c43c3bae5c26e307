/** The files that pages show, and the table of what checks say. */

import { renderCheckWords } from "../support/check_words.ts";
import type { ServerConfig } from "../../src/config/config.ts";
import assert from "node:assert/strict";
import { withFolder } from "../support/process.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { fileSchema } from "../../src/config/files/fields.ts";
import { blocksOf, readPage, readPages } from "../support/pages.ts";

/** Around what is not to be put in columns. */
const WORDS_BEGIN = "<!-- deno-fmt-ignore-start -->";
const WORDS_END = "<!-- deno-fmt-ignore-end -->";
const ROOT = new URL("../..", import.meta.url).pathname;
const EXAMPLE = `${ROOT}tests/support/example`;

Deno.test("docs/run.md shows the example as it is, and it is what the page says", async () => {
  const page = readPage("docs/run.md");
  for (const file of ["lvscare.yaml", "conf.d/web.yaml"]) {
    const text = Deno.readTextFileSync(`${EXAMPLE}/${file}`);
    assert.ok(page.includes(`\`\`\`yaml\n${text}\`\`\`\n`), file);
  }
  const { config, report } = await readFiles({ path: EXAMPLE, nodeAddresses: [] });
  assert.deepEqual(report.lines, []);
  assert.deepEqual(config!.services.map(({ name, servers }) => `${name} ${[...servers.keys()]}`), [
    "TCP 10.103.97.12:6443 192.168.0.2:6443,192.168.0.3:6443,192.168.0.4:6443",
    "TCP 10.103.97.20:80 192.168.0.10:80,192.168.0.11:80",
    "TCP 10.103.97.20:443 192.168.0.10:443,192.168.0.11:443",
    "TCP [fd00:97::20]:80 [fd00:1::10]:80",
    "TCP [fd00:97::20]:443 [fd00:1::10]:443",
    "TCP 10.103.97.53:53 192.168.0.53:5353",
    "UDP 10.103.97.53:53 192.168.0.53:5353",
  ]);
  const [care, web] = config!.services;
  const httpOf = ({ checks: [check] }: ServerConfig) => {
    assert.ok(check?.request.kind === "http");
    return { ...check, ...check.request };
  };
  assert.equal(httpOf([...care!.servers.values()][0]!).scheme, "https");
  assert.deepEqual(web!.service.persistence, { timeoutS: 300, prefix: 32 });
  assert.deepEqual(
    [...web!.servers.values()].map((server) => {
      const { weight, upperThreshold } = server;
      const { scheme, urls, port, intervalMs, rise, fall } = httpOf(server);
      return [weight, upperThreshold, scheme, urls[0]!.path, port, intervalMs, rise, fall];
    }),
    [
      [1, 0, "http", "/healthz", 8080, 5000, 2, 3],
      [3, 1000, "http", "/healthz", 8080, 5000, 2, 3],
    ],
  );
});

Deno.test("every key has a description in the schema", () => {
  const seen: string[] = [];
  const look = (schema: unknown, path: string) => {
    const { properties, oneOf, items } = schema as Record<string, unknown>;
    for (const [key, value] of Object.entries(properties ?? {})) {
      const { description } = value as Record<string, unknown>;
      assert.equal(typeof description, "string", `${path}.${key}`);
      seen.push(`${path}.${key}`);
      look(value, `${path}.${key}`);
    }
    for (const each of (oneOf ?? []) as unknown[]) look(each, path);
    if (items) look(items, `${path}[]`);
  };
  look(fileSchema(), "");
  for (
    const path of [
      ".defaults.check.path",
      ".services[].servers[].check.verify",
      ".host.proxy.protocol",
    ]
  ) {
    assert.ok(seen.includes(path), path);
  }
});

Deno.test("every piece of a file that a page shows is right", async (t) => {
  const blocks = readPages().flatMap(({ text }) => blocksOf(text, "yaml"));
  assert.ok(blocks.length >= 4, `found ${blocks.length}`);
  for (const block of blocks) {
    await t.step(block.split("\n", 3).join(" "), () =>
      withFolder(async (folder) => {
        Deno.writeTextFileSync(`${folder}/one.yaml`, block);
        const { report } = await readFiles({ path: `${folder}/one.yaml`, nodeAddresses: [] });
        assert.deepEqual(report.lines, []);
      }));
  }
});

Deno.test("docs/checks.md has the table of what checks say, as tests have it", () => {
  const text = readPage("docs/checks.md");
  assert.ok(text.includes(`${WORDS_BEGIN}\n\n${renderCheckWords()}\n${WORDS_END}`));
});
