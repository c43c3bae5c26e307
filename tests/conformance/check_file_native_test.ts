/** What checks of type file make of files, and that they are told of each change at once. */

import assert from "node:assert/strict";
import type { FileCheck } from "../../src/config/check.ts";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import type { Address } from "../../src/model/address.ts";
import { type AloneOptions, askAlone } from "../support/check_alone.ts";
import { until } from "../support/care_lab.ts";
import { ask, type CheckLab, labTest, OK, probeFor } from "../support/check_lab.ts";
import { must } from "../support/network.ts";
import { checkOf } from "../support/check_requests.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const TARGET = { address: "127.0.0.1" as Address, port: 0 };

function fileOf(path: string, more: Partial<FileCheck> = {}): FileCheck {
  return checkOf("file", { ...more, path });
}

const SAYS_OTHER = "the file says something else";
const other = (text: string) => bad("file", SAYS_OTHER, { text });
const DOWN = bad("file", "the file says so");

const TEXTS: readonly (readonly [text: string | Uint8Array, expected: ProbeResult])[] = [
  ["up", OK],
  ["up\n", OK],
  [" up \r\n", OK],
  ["down\n", DOWN],
  ["0\n", { ok: true, weight: 0 }],
  ["1\n", { ok: true, weight: 1 }],
  ["00100", { ok: true, weight: 100 }],
  ["65535\n", { ok: true, weight: 65_535 }],
  ["65536\n", other("65536")],
  ["-1\n", other("-1")],
  ["1.5\n", other("1.5")],
  ["", other("")],
  ["\n", other("")],
  ["UP\n", other("UP")],
  ["up\ndown\n", other("up.down")],
  [Uint8Array.of(0xff, 0xfe, 0), other("...")],
  [" ".repeat(4093) + "up\n", OK],
  [" ".repeat(4095) + "up", bad("file", "the file is too large")],
];

labTest("file makes of what is written what it means", async (lab) => {
  for (const [text, expected] of TEXTS) {
    const check = fileOf(await lab.write("health", text));
    assert.deepEqual(await ask(check, TARGET), expected, JSON.stringify(text.slice(0, 20)));
  }
});

const NUMBERS: readonly (readonly [text: string, scale: number, expected: ProbeResult])[] = [
  ["3", 2, { ok: true, weight: 16 }],
  ["-3", 2, { ok: true, weight: 4 }],
  ["+3", -4, { ok: true, weight: 0 }],
  ["99999", 9, { ok: true, weight: 65_535 }],
  ["0", 0, OK],
  ["1", 0, bad("file", "the file must say 0, and does not", { number: 1 })],
  ["up", 1, bad("file", "the file must say a number, and says none", { text: "up" })],
];

labTest("file reckons a weight from a number where it is to", async (lab) => {
  for (const [text, scale, expected] of NUMBERS) {
    const check = fileOf(await lab.write("health", `${text}\n`), { scale, base: 10 });
    assert.deepEqual(await ask(check, TARGET), expected, text);
  }
});

labTest(titleOf("file", "file", "the file is not there"), async (lab) => {
  for (const file of [`${lab.folder}/none`, `${lab.folder}/none/none`]) {
    assert.deepEqual(
      await ask(fileOf(file), TARGET),
      bad("file", "the file is not there", { file }),
    );
  }
});

labTest(titleOf("file", "file", "the file is a folder, or a pipe"), async (lab) => {
  const pipe = `${lab.folder}/pipe`;
  await must("mkfifo", pipe);
  for (const file of [lab.folder, pipe, "/dev/null"]) {
    const expected = bad("file", "the file is a folder, or a pipe", { file });
    assert.deepEqual(await ask(fileOf(file), TARGET), expected);
  }
});

/** Root that may read no more than others. */
const ORDINARY: AloneOptions = {
  shell: 'exec setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all "$@"',
};

labTest(titleOf("file", "file", "the file cannot be read"), async (lab) => {
  const file = await lab.write("secret", "up\n", 0o000);
  const expected = bad("file", "the file cannot be read", { file });
  const asked = askAlone(ORDINARY, [{ check: fileOf(file), target: TARGET }]);
  assert.deepEqual(await asked, [expected]);
});

/** A file that is followed, and how often there was news. */
function follow(path: string) {
  const probe = probeFor(fileOf(path));
  let news = 0;
  const watch = probe.watch!(() => void news++);
  return {
    get news() {
      return news;
    },
    /** Does something, waits until it is told, and gives what the file says then. */
    async after(change: () => Promise<unknown>): Promise<ProbeResult> {
      const before = news;
      await change();
      await until(() => news > before, "there is news");
      return await probe.run(TARGET, new AbortController().signal);
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

labTest(
  "file is told of writing, of a file in its place, of its end and of a new one",
  async (lab) => {
    const path = await lab.write("health", "up\n");
    using followed = follow(path);
    const missing = bad("file", "the file is not there", { file: path });
    assert.deepEqual(await followed.after(() => lab.write("health", "down\n")), DOWN);
    const moved = await followed.after(async () => {
      await Deno.rename(await lab.write("health.new", "7\n"), path);
    });
    assert.deepEqual(moved, { ok: true, weight: 7 });
    assert.deepEqual(await followed.after(() => Deno.remove(path)), missing);
    assert.deepEqual(await followed.after(() => lab.write("health", "up\n")), OK);
    const away = await followed.after(() => Deno.rename(path, `${lab.folder}/health.old`));
    assert.deepEqual(away, missing);
    const linked = await followed.after(() => Deno.symlink(`${lab.folder}/health.old`, path));
    assert.deepEqual(linked, OK);
  },
);

labTest("file is told once of a file that is not there yet", async (lab) => {
  using followed = follow(`${lab.folder}/health`);
  assert.deepEqual(await followed.after(() => lab.write("health", "down\n")), DOWN);
});

/** All files of a volume are links into ..data, which is a link to the folder of one version. */
async function putVolume(lab: CheckLab, version: string, text: string): Promise<void> {
  const { folder } = lab;
  await Deno.mkdir(`${folder}/volume/..${version}`, { recursive: true });
  await lab.write(`volume/..${version}/health`, text);
  await Deno.symlink(`..${version}`, `${folder}/volume/..data_tmp`);
  await Deno.rename(`${folder}/volume/..data_tmp`, `${folder}/volume/..data`);
}

labTest("file is told of another version of a volume of Kubernetes", async (lab) => {
  const path = `${lab.folder}/volume/health`;
  await putVolume(lab, "2026_1", "up\n");
  await Deno.symlink("..data/health", path);
  using followed = follow(path);
  assert.deepEqual(await ask(fileOf(path), TARGET), OK);
  assert.deepEqual(await settled(followed, () => putVolume(lab, "2026_2", "down\n"), path), DOWN);
  assert.deepEqual(await settled(followed, () => putVolume(lab, "2026_3", "4\n"), path), {
    ...{ ok: true, weight: 4 },
  });
  const missing = bad("file", "the file is not there", { file: path });
  const removed = () => Deno.remove(`${lab.folder}/volume/..data`);
  assert.deepEqual(await settled(followed, removed, path), missing);
});

/** What the file says when the news of several steps are all there: the last step is one too. */
async function settled(
  followed: ReturnType<typeof follow>,
  change: () => Promise<void>,
  path: string,
): Promise<ProbeResult> {
  const before = JSON.stringify(await ask(fileOf(path), TARGET));
  let last = await followed.after(change);
  // News of its first steps may be told before its last one.
  await until(async () => {
    last = await ask(fileOf(path), TARGET);
    return JSON.stringify(last) !== before;
  }, "the file says something else");
  return last;
}

labTest("file is told nothing of its neighbours, nor anything behind its end", async (lab) => {
  const path = await lab.write("health", "up\n");
  const neighbour = follow(path);
  using other = follow(`${lab.folder}/health2`);
  await other.after(() => lab.write("health2", "up\n"));
  assert.equal(neighbour.news, 0);
  await neighbour.after(() => lab.write("health", "down\n"));
  neighbour[Symbol.dispose]();
  const { news } = neighbour;
  using later = follow(path);
  await later.after(() => lab.write("health", "up\n"));
  assert.equal(neighbour.news, news);
});

labTest("file is told of as many changes as come at once", async (lab) => {
  const path = await lab.write("health", "0\n");
  using followed = follow(path);
  const last = await followed.after(async () => {
    for (let weight = 1; weight <= 500; weight++) await lab.write("health", `${weight}\n`);
  });
  assert.ok(last.ok && last.weight !== undefined);
  await until(async () => {
    const result = await ask(fileOf(path), TARGET);
    return result.ok && result.weight === 500;
  }, "the last of them is there");
  assert.ok(followed.news > 0);
});

labTest("file is told of a change that the kernel had no room for", async (lab) => {
  const path = await lab.write("health", "up\n");
  const [one, other] = [await lab.write("one", ""), `${lab.folder}/other`];
  using followed = follow(path);
  const last = await followed.after(() => {
    // More than the kernel keeps for who does not listen: fs.inotify.max_queued_events.
    for (let round = 0; round < MOST_EVENTS / 2; round++) {
      Deno.renameSync(one, other);
      Deno.renameSync(other, one);
    }
    Deno.writeTextFileSync(path, "down\n");
    return Promise.resolve();
  });
  assert.deepEqual(last, DOWN);
});

const MOST_EVENTS = Number(Deno.readTextFileSync("/proc/sys/fs/inotify/max_queued_events"));

labTest(
  "file cannot be followed in a folder that is not there, and leaves nothing of the attempt",
  (lab) => {
    const probe = probeFor(fileOf(`${lab.folder}/none/health`));
    for (let round = 0; round < 100; round++) {
      assert.throws(() => probe.watch!(() => {}), { name: "SyscallError", errno: "ENOENT" });
    }
    return Promise.resolve();
  },
);

labTest("file is told that its folder goes", async (lab) => {
  const folder = `${lab.folder}/folder`;
  await Deno.mkdir(folder);
  const path = await lab.write("folder/health", "up\n");
  using followed = follow(path);
  const missing = bad("file", "the file is not there", { file: path });
  const removed = () => Deno.remove(folder, { recursive: true });
  assert.deepEqual(await followed.after(removed), missing);
});

Deno.test("file has said all of its words", () => assert.deepEqual(unheard("file"), []));
