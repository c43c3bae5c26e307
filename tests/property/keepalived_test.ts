/**
 * Whatever becomes of a file of keepalived's, reading it ends, in problems or in a configuration, and what that
 * is converted to is the same configuration. KEEPALIVED_MUTATIONS and KEEPALIVED_SEED in the environment say how
 * many files are made, and from what.
 */

import assert from "node:assert/strict";
import type { Config } from "../../src/config/config.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { convertKeepalived } from "../../src/config/keepalived/read.ts";
import { run, withFolder } from "../support/process.ts";

const FOLDER = new URL("../support/keepalived_samples", import.meta.url).pathname;
const SAMPLES = Array.from(Deno.readDirSync(FOLDER), ({ name }) => name)
  .filter((name) => name.endsWith(".conf")).sort()
  .map((name) => Deno.readTextFileSync(`${FOLDER}/${name}`));
/** What stands in them, and what stands in no file that is right. */
const WORDS = [
  ...new Set(SAMPLES.flatMap((text) => text.split(/\s+/))),
  ...["-1", "0", "1", "65536", "4294967296", "1e9", "0x1f", "99999999999999999999", "0.0000001"],
  ...["", '"', "'", "\\", "{", "}", "{}", "#", "!", "@main", "@^main", "$X", "${X", "$X=${X}x"],
  ...["~SEQ(A, 3)", "~SEQ(A, 1, 0, 9)", "~LST(A, 1, 2)", "include", "include keepalived.conf"],
  ...[
    "::",
    "::1",
    "fe80::1",
    "255.255.255.255",
    "10.0.0.0/8",
    "10.0.0.1-10.9.9.9",
    "2001:db8::/64",
  ],
  ...[
    "(a|b)*c",
    "(a{999}){999}",
    "a(?=b)",
    "\u00e4",
    "\u202e",
    "constructor",
    "__proto__",
    "toString",
  ],
];

type Below = (limit: number) => number;

/** Mulberry32: small, fast and the same for the same seed. */
function random(seed: number): Below {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function setting(name: string, otherwise: number): number {
  return Number(Deno.env.get(name) ?? otherwise);
}

function pick<T>(values: readonly T[], below: Below): T {
  return values[below(values.length)]!;
}

const CHANGES: readonly ((text: string, below: Below) => string)[] = [
  ofLines((lines, at) => lines.splice(at, 1)),
  ofLines((lines, at) => lines.splice(at, 0, lines[at]!)),
  ofLines((lines, at, below) => {
    const other = below(lines.length);
    [lines[at], lines[other]] = [lines[other]!, lines[at]!];
  }),
  ofLines((lines, at, below) => {
    const others = pick(SAMPLES, below).split("\n");
    const from = below(others.length);
    lines.splice(at, 0, ...others.slice(from, from + 1 + below(8)));
  }),
  ofLines((lines, at, below) => lines.splice(at, below(lines.length))),
  // A word becomes another, twice as often as anything else.
  replaceWord,
  replaceWord,
  (text, below) => {
    const braces = Array.from(text.matchAll(/[{}]/g), ({ index }) => index);
    if (braces.length === 0) return text;
    const from = pick(braces, below);
    const without = text.slice(0, from) + text.slice(from + 1);
    const to = below(without.length + 1);
    return without.slice(0, to) + text[from] + without.slice(to);
  },
  (text, below) => {
    const at = below(text.length + 1);
    const flipped = (text.charCodeAt(at) || 32) ^ (1 << below(8));
    return text.slice(0, at) + String.fromCharCode(flipped) + text.slice(at + 1);
  },
];

function ofLines(change: (lines: string[], at: number, below: Below) => unknown) {
  return (text: string, below: Below) => {
    const lines = text.split("\n");
    change(lines, below(lines.length), below);
    return lines.join("\n");
  };
}

function replaceWord(text: string, below: Below): string {
  const words = [...text.matchAll(/[^\s{}]+/g)];
  if (words.length === 0) return text;
  const { 0: word, index } = pick(words, below);
  return text.slice(0, index) + pick(WORDS, below) + text.slice(index + word.length);
}

function mutate(below: Below): string {
  let text = pick(SAMPLES, below);
  for (let times = 1 + below(4); times > 0; times--) text = pick(CHANGES, below)(text, below);
  return text;
}

/** Ends this process where nothing is heard of it for so long: what does not end cannot be stopped from inside. */
function watch(silenceMs: number): { readonly next: (what: string) => void } & Disposable {
  const code = `
    let [last, what] = [Date.now(), ""];
    self.onmessage = ({ data }) => [last, what] = [Date.now(), data];
    setInterval(() => {
      if (Date.now() - last < ${silenceMs}) return;
      console.error("does not end: " + what);
      Deno.kill(Deno.pid, "SIGKILL");
    }, 500);
  `;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" });
  return {
    next: (what) => worker.postMessage(what),
    [Symbol.dispose]: () => worker.terminate(),
  };
}

interface Answer {
  readonly config: Config | undefined;
  readonly lines: readonly string[];
}

async function read(path: string, skipsUnsupported: boolean): Promise<Answer> {
  const keepalived = { configId: "main", env: () => "value", skipsUnsupported };
  const { config, report } = await readFiles({ path, nodeAddresses: [], keepalived });
  return { config, lines: report.lines };
}

async function check(folder: string, skipsUnsupported: boolean): Promise<boolean> {
  const path = `${folder}/keepalived.conf`;
  const { config, lines } = await read(path, skipsUnsupported);
  for (const line of lines.filter((each) => !/^and \d+ more$/.test(each))) {
    assert.ok(line.startsWith(`${folder}/`), line);
    assert.match(line.slice(folder.length), /^\/[^:]*(?::\d+:\d+)?: ./s);
  }
  assert.equal(config === undefined, lines.length > 0);
  const { text, report } = convertKeepalived({
    ...{ path, configId: "main", env: () => "value", skipsUnsupported },
  });
  assert.deepEqual(report.lines, lines);
  if (!config) return false;
  const converted = `${folder}/lvscare.yaml`;
  Deno.writeTextFileSync(converted, text);
  const again = await read(converted, skipsUnsupported);
  assert.deepEqual(again.lines, []);
  assert.deepEqual(again.config, config);
  return true;
}

/** Far more than any takes, also on a slow host. */
const LONGEST_MS = 60_000;

Deno.test("mutated files end in problems or in a configuration, and that is converted to the same", async () => {
  const seed = setting("KEEPALIVED_SEED", Date.now() % 2 ** 31);
  const mutations = setting("KEEPALIVED_MUTATIONS", 1000);
  console.log(`KEEPALIVED_SEED=${seed} KEEPALIVED_MUTATIONS=${mutations}`);
  assert.equal(SAMPLES.length, 40);
  const below = random(seed);
  const good = { plain: 0, skipping: 0 };
  using watched = watch(LONGEST_MS);
  await withFolder(async (folder) => {
    await run(["/bin/cp", "-r", `${FOLDER}/parts`, folder]);
    for (let i = 0; i < mutations; i++) {
      watched.next(`file ${i} of KEEPALIVED_SEED=${seed}`);
      const text = mutate(below);
      Deno.writeTextFileSync(`${folder}/keepalived.conf`, text);
      try {
        if (await check(folder, false)) good.plain++;
        if (await check(folder, true)) good.skipping++;
      } catch (error) {
        throw new Error(`file ${i} of KEEPALIVED_SEED=${seed}: ${JSON.stringify(text)}`, {
          cause: error,
        });
      }
    }
  });
  const { plain, skipping } = good;
  const share = `${plain} of ${mutations}, and ${skipping} with what is unknown left out`;
  assert.ok(plain > mutations / 50 && plain < mutations / 2 && skipping > plain, share);
});
