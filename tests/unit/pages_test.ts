/** README.md and docs: every command is run somewhere, every link leads somewhere, and tables say what the code says. */

import assert from "node:assert/strict";
import { importsOf } from "../../scripts/check_imports.ts";
import { NO_GATEWAY } from "../../src/config/care_mode.ts";
import { CARE_FLAGS } from "../../src/config/care_flags.ts";
import type { CareFlag } from "../../src/config/check_flags.ts";
import { acceptRule, OUR_CHAINS, setName } from "../../src/kernel/command/iptables_rules.ts";
import { parseAddress } from "../../src/model/address.ts";
import type { Server } from "../../src/model/ipvs.ts";
import { printRoute } from "../../src/model/link.ts";
import type { Step } from "../../src/plan/step.ts";
import { logText } from "../../src/plan/text.ts";
import { STORIES, toldCommands } from "../support/page_commands.ts";
import { blocksOf, commandsOf, readPage, readPages, tableOf } from "../support/pages.ts";
import { anchorOf } from "../support/troubles.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const LVSCARE = "docs/lvscare.md";

Deno.test("every command of a page is one of a story, and every story's stands in its page", async (t) => {
  const pages = readPages();
  assert.ok(pages.length >= 7, pages.map(({ name }) => name).join());
  let count = 0;
  for (const { name, text } of pages) {
    await t.step(name, () => {
      const shown = commandsOf(text);
      count += shown.length;
      assert.deepEqual(toldCommands(name).sort(), shown.sort());
    });
  }
  assert.ok(count >= 50, `found ${count}`);
  const names = pages.map(({ name }) => name);
  assert.deepEqual(STORIES.filter(({ page }) => !names.includes(page)), []);
});

Deno.test("commands stand in blocks of sh alone, and here-documents are whole", () => {
  for (const { name, text } of readPages()) {
    const languages = [...text.matchAll(/^```(\w*)$/gm)].map(([, language]) => language!);
    // Each block ends by a fence without a word.
    const known = ["sh", "yaml", "text", "mermaid", ""];
    assert.deepEqual(languages.filter((each) => !known.includes(each)), [], name);
  }
  assert.deepEqual(commandsOf("```sh\na\ncat >x <<'END'\nb\nc\nEND\nd\n```\n"), [
    "a",
    "cat >x <<'END'\nb\nc\nEND",
    "d",
  ]);
});

Deno.test("what is said to be run by the benchmarks' stage is run by it, as it stands there", () => {
  const commands = STORIES.filter(({ place }) => place === "bench").flatMap((each) =>
    each.commands
  );
  // As scripts/test.ts finds them.
  const run = [...Deno.readDirSync(`${ROOT}tests/bench`)].map(({ name }) => name)
    .filter((name) =>
      name.endsWith(".ts") && !/^export /m.test(Deno.readTextFileSync(`${ROOT}tests/bench/${name}`))
    )
    .map((name) => `scripts/bench ${name.replace(/\.ts$/, "")} 1`);
  assert.deepEqual([...commands].sort(), run.sort());
});

Deno.test("every link leads to a page, a file or a heading that is there", () => {
  const headings = new Map(
    readPages().map(({ name, text }) => [
      name,
      [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)]
        .map(([, heading]) => anchorOf(heading!.replaceAll("`", ""))),
    ]),
  );
  let count = 0;
  for (const { name, text } of readPages()) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      count++;
      const [path = "", anchor] = target!.split("#");
      const page = path === "" ? name : new URL(path, `file:///${name}`).pathname.slice(1);
      assert.ok(Deno.statSync(ROOT + page).isFile, `${name}: ${target}`);
      if (anchor !== undefined) {
        assert.ok(headings.get(page)?.includes(anchor), `${name}: ${target}`);
      }
    }
  }
  assert.ok(count >= 40, `found ${count}`);
});

Deno.test("LVScare's flags are ours, with what they are without, and the page names all that are new", () => {
  const text = readPage(LVSCARE);
  const rows = tableOf(text, "flag", "without it").map((row) =>
    row.map((cell) => cell.replaceAll("`", ""))
  );
  assert.ok(rows.length >= 19, `found ${rows.length}`);
  const names = rows.map(([flag]) => /--([\w-]+)/.exec(flag!)![1]!);
  for (const [i, [flag, initial]] of rows.entries()) {
    const known: CareFlag | undefined = CARE_FLAGS.find(({ name }) => name === names[i]);
    assert.ok(known, flag);
    const short = known.short === undefined ? "" : `-${known.short}, `;
    const without = names[i] === "vs" ? "must be set" : known.initial ?? "";
    assert.deepEqual([flag, initial], [`${short}--${known.name}`, without]);
  }
  const [, added = ""] = /Flags that are new:\n([\s\S]*?)\n## /.exec(text) ?? [];
  assert.deepEqual(
    [...names, ...[...added.matchAll(/`--([\w-]+)`/g)].map(([, name]) => name!)].sort(),
    CARE_FLAGS.map(({ name }) => name as string).sort(),
  );
});

const address = (text: string) => parseAddress(text)!;
const KEY = {
  ...{ kind: "address", protocol: "tcp", port: 6443 } as const,
  address: address("10.103.97.12"),
};
const SERVER: Server = {
  ...{ address: address("192.168.0.2"), port: 6443, weight: 1 },
  forwarding: { method: "masquerade" },
  ...{ upperThreshold: 0, lowerThreshold: 0 },
};
const DOWN = { ...SERVER, weight: 0 };

Deno.test("the words of the log are LVScare's, and what stands behind them is ours", () => {
  const service = { key: KEY, scheduler: "rr", schedulerFlags: [], onePacket: false };
  const why = "why";
  const steps: Step[] = [
    { kind: "change", change: { kind: "addService", service } },
    {
      ...{ kind: "change", why, before: SERVER },
      change: { kind: "editServer", key: KEY, server: DOWN },
    },
    { kind: "change", change: { kind: "editServer", key: KEY, server: SERVER }, before: DOWN },
    { kind: "change", change: { kind: "deleteServer", key: KEY, server: SERVER }, why },
    { kind: "change", change: { kind: "addServer", key: KEY, server: SERVER } },
    { kind: "removeDevice", name: "lvscare" },
    { kind: "removeRules", by: "iptables", family: "ipv4" },
  ];
  const rows = tableOf(readPage(LVSCARE), "words", "behind them");
  assert.deepEqual(
    rows.map((row) => row.map((cell) => cell.replaceAll("`", "")).join(": ")),
    steps.map(logText),
  );
  assert.ok(readPage(LVSCARE).replaceAll("\n", " ").includes(`\`${NO_GATEWAY}\``));
});

Deno.test("names in the kernel are as the page for LVScare's users has them", () => {
  const rows = tableOf(readPage(LVSCARE), "what", "name");
  const route = printRoute({
    destination: { address: KEY.address, prefix: 32 },
    gateway: address("192.168.0.1"),
    metric: 50,
  });
  const rule = acceptRule({ family: "ipv4", markBit: 0 });
  const iface: CareFlag = CARE_FLAGS.find(({ name }) => name === "iface")!;
  assert.deepEqual(
    Object.fromEntries(rows.map(([what, name]) => [what!, name!.replaceAll("`", "")])),
    {
      "dummy device": iface.initial,
      "set of ipset": setName("ipv4"),
      "chains of nat": OUR_CHAINS.join(", "),
      "comment of the rule in OUTPUT of filter": /--comment "([^"]*)"/.exec(rule)![1],
      parameter: "net.ipv4.vs.conntrack",
      "route of mode route": route,
    },
  );
});

Deno.test("the picture has every room of src and no other, and each arrow is an import", () => {
  const [picture = "", ...others] = blocksOf(readPage("README.md"), "mermaid");
  assert.deepEqual(others, []);
  const rooms = [...Deno.readDirSync(`${ROOT}src`)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name).sort();
  const arrows = [...picture.matchAll(/^ +(\w+)(?:\[.*?\])? --> (\w+)(?:\["(\w+)?.*\])?$/gm)];
  assert.equal(arrows.length, picture.trim().split("\n").length - 1, "a line is no arrow");
  const drawn = new Set(arrows.flatMap(([, from, to]) => [from!, to!]));
  assert.deepEqual([...drawn].sort(), rooms);
  for (const [, from, to] of arrows) {
    const imports = [...filesOf(`src/${from}`)].flatMap((file) =>
      importsOf(Deno.readTextFileSync(ROOT + file))
        .map((specifier) => new URL(specifier, `file:///${file}`).pathname)
    );
    assert.ok(imports.some((path) => path.startsWith(`/src/${to}/`)), `${from} --> ${to}`);
  }
});

function* filesOf(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(ROOT + folder)) {
    if (isDirectory) yield* filesOf(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}
