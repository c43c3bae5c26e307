/** keepalived and `lvscare run` on the same files, over the same servers: their tables agree, whatever happens. */

import assert from "node:assert/strict";
import {
  type Conduct,
  keepalivedFiles,
  KeepalivedLab,
  type LabServer,
  type Pair,
} from "../support/keepalived_lab.ts";

/** Something that happens to servers, by a name that files say it changes keepalived's table by. */
interface Fault {
  readonly name: string;
  readonly what: string;
  readonly begin: (lab: KeepalivedLab) => Promise<void> | void;
  /** Undefined: the next one goes on from there. */
  readonly end?: (lab: KeepalivedLab) => Promise<void> | void;
}

function behave(servers: readonly LabServer[], conduct: Conduct): Promise<unknown> {
  return Promise.all(servers.map((server) => server.behave(conduct)));
}

function conduct(name: string, what: string, conduct: Conduct, count = 1): Fault {
  return {
    ...{ name, what },
    begin: async ({ servers }) => void await behave(servers.slice(0, count), conduct),
    end: async ({ servers }) => void await behave(servers.slice(0, count), "good"),
  };
}

function says(name: string, what: string, status: string, number: string): Fault {
  const say = (lab: KeepalivedLab, status: string, number: string) => {
    lab.state("1", status);
    lab.state("file", number);
  };
  return {
    ...{ name, what },
    begin: (lab) => say(lab, status, number),
    end: (lab) => say(lab, "0", "0"),
  };
}

const FAULTS: readonly Fault[] = [
  conduct("refuse", "a server refuses", "refusing"),
  {
    ...{ name: "drop", what: "a server is not reached any more" },
    begin: (lab) => lab.drop(lab.servers[0]!, true),
    end: (lab) => lab.drop(lab.servers[0]!, false),
  },
  conduct("reset", "a server resets its connections", "resetting"),
  conduct("silent", "a server says nothing", "silent"),
  conduct("status", "a server answers that something is wrong", "failing"),
  conduct("body", "a server answers something else", "other"),
  // So slowly that keepalived, which begins to count anew with each byte, has no time left either.
  conduct("drip", "a server answers slowly", "dripping"),
  {
    ...{ name: "two", what: "two servers refuse" },
    begin: async ({ servers }) => void await behave(servers.slice(0, 2), "refusing"),
  },
  {
    ...{ name: "one", what: "one of the two is back" },
    begin: ({ servers }) => servers[1]!.behave("good"),
    end: ({ servers }) => servers[0]!.behave("good"),
  },
  conduct("all", "all servers refuse", "refusing", 4),
  says("script", "a script and a file say that a server is down", "1", "1"),
  says("weight", "a script and a file say a weight", "12", "5"),
];

/** As many as two processors take that are emulated, with a check of each server every three seconds. */
const AT_ONCE = 11;
const START_MS = 15_000;
/** Longer than any of the files takes for a failure that it is to find. */
const FAILURE_MS = 9000;
const RECOVERY_MS = 4000;
/** On a machine that has other things to do answers are late, for both: they are found missing, and again. */
const MOST_MS = 300_000;

const FILES = keepalivedFiles();

Deno.test("there are files for every kind of check and of service", () => {
  assert.equal(FILES.length, 22);
});

for (let at = 0; at < FILES.length; at += AT_ONCE) {
  const files = FILES.slice(at, at + AT_ONCE);
  const names = files.map((file) => file.replace(/\.conf$/, "")).join(", ");
  Deno.test(`keepalived and lvscare run agree about ${names}`, async (test) => {
    await using lab = await KeepalivedLab.open(files);
    const changes = new Map(lab.pairs.map((pair) => [pair, changesOf(lab, pair)]));
    lab.start();
    await test.step("at start", async () => {
      await agree(lab, START_MS, () => undefined);
    });
    const atStart = new Map(lab.pairs.map((pair) => [pair, pair.keepalived.look()]));
    for (const { name, what, begin, end } of FAULTS) {
      /** What is wrong with keepalived's table, which is what all others are measured by. */
      const judge: Judge = (pair, table) => {
        const isChanged = table !== atStart.get(pair);
        if (isChanged === changes.get(pair)!.includes(name)) return undefined;
        return `keepalived's table is ${isChanged ? "" : "not "}changed by "${name}"`;
      };
      await test.step(`while ${what}`, async () => {
        await begin(lab);
        await agree(lab, FAILURE_MS, judge);
      });
      if (!end) continue;
      const judgeEnd: Judge = (pair, table) => {
        const before = atStart.get(pair)!;
        return table === before
          ? undefined
          : `it is not as at start:\n${difference(before, table)}`;
      };
      await test.step(`when it is over that ${what}`, async () => {
        await end(lab);
        await agree(lab, RECOVERY_MS, judgeEnd);
      });
    }
  });
}

/** The faults by which the file says that keepalived's table is changed. */
function changesOf({ folder }: KeepalivedLab, { file }: Pair): readonly string[] {
  const text = Deno.readTextFileSync(`${folder}/${file}`);
  const names = /^[#!] changed by: (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
  assert.ok(names.length > 0, `nothing changes ${file}`);
  const known = FAULTS.map(({ name }) => name);
  assert.deepEqual(names.filter((name) => !known.includes(name)), [], file);
  return names;
}

type Judge = (pair: Pair, table: string) => string | undefined;

async function agree(lab: KeepalivedLab, leastMs: number, judge: Judge): Promise<void> {
  const started = performance.now();
  for (;;) {
    const mostMs = MOST_MS - (performance.now() - started);
    await lab.settle({ leastMs, mostMs, isThere: (...it) => judge(...it) === undefined });
    const wrong = await compare(lab, judge);
    if (wrong.length === 0) return;
    assert.ok(performance.now() - started < MOST_MS, wrong.join("\n\n"));
  }
}

/** Says of all pairs at once what is wrong: what is to be seen of one may explain another. */
async function compare(lab: KeepalivedLab, judge: Judge): Promise<string[]> {
  const wrong: string[] = [];
  for (const pair of lab.pairs) {
    const { file, keepalived, lvscare } = pair;
    const [theirs, ours] = [await keepalived.table(), await lvscare.table()];
    const found = [judge(pair, keepalived.look())];
    if (theirs !== ours) found.push(`lvscare's table is another one:\n${difference(theirs, ours)}`);
    const texts = found.filter((each) => each !== undefined);
    if (texts.length === 0) continue;
    wrong.push(
      `${file}: ${texts.join("\n")}`,
      `keepalived said:\n${keepalived.said.slice(-3000)}`,
      `lvscare said:\n${lvscare.said.slice(-3000)}`,
    );
  }
  return wrong;
}

function difference(before: string, after: string): string {
  const [a, b] = [before.split("\n"), after.split("\n")];
  return [
    ...a.filter((line) => !b.includes(line)).map((line) => `- ${line}`),
    ...b.filter((line) => !a.includes(line)).map((line) => `+ ${line}`),
  ].join("\n");
}
