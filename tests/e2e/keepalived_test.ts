/** keepalived and `lvscare run` on the same files, over the same servers: their tables agree, whatever happens. */

import assert from "node:assert/strict";
import {
  type Conduct,
  keepalivedFiles,
  KeepalivedLab,
  type LabServer,
  type Pair,
} from "../support/keepalived_lab.ts";

/** What happens, each on top of what was before; files name those that change keepalived's table. */
interface Fault {
  readonly name: string;
  readonly what: string;
  readonly begin: (lab: KeepalivedLab, servers: readonly LabServer[]) => Promise<void> | void;
  readonly end: (lab: KeepalivedLab, servers: readonly LabServer[]) => Promise<void> | void;
}

function conduct(name: string, what: string, conduct: Conduct, count = 1): Fault {
  const behave = async (servers: readonly LabServer[], conduct: Conduct) => {
    await Promise.all(servers.slice(0, count).map((server) => server.behave(conduct)));
  };
  return {
    ...{ name, what },
    begin: (_, servers) => behave(servers, conduct),
    end: (_, servers) => behave(servers, "good"),
  };
}

function statuses(name: string, what: string, status: number, number: number): Fault {
  const say = (lab: KeepalivedLab, status: number, number: number) => {
    lab.state("1", `${status}`);
    lab.state("file", `${number}`);
  };
  return {
    ...{ name, what },
    begin: (lab) => say(lab, status, number),
    end: (lab) => say(lab, 0, 0),
  };
}

const FAULTS: readonly Fault[] = [
  conduct("refuse", "a server refuses", "refusing"),
  {
    name: "drop",
    what: "a server is not reached any more",
    begin: (lab, [first]) => lab.drop(first!, true),
    end: (lab, [first]) => lab.drop(first!, false),
  },
  conduct("reset", "a server resets its connections", "resetting"),
  conduct("silent", "a server says nothing", "silent"),
  conduct("status", "a server answers that something is wrong", "failing"),
  conduct("body", "a server answers something else", "other"),
  conduct("drip", "a server answers slowly", "dripping"),
  conduct("two", "two servers refuse", "refusing", 2),
  {
    name: "one",
    what: "of two servers that refuse one is back",
    begin: async (_, [first, second]) => {
      await first!.behave("refusing");
      await second!.behave("refusing");
      await second!.behave("good");
    },
    end: (_, [first]) => first!.behave("good"),
  },
  conduct("all", "all servers refuse", "refusing", 4),
  statuses("script", "a script fails", 1, 1),
  statuses("weight", "a script says a weight", 12, 5),
];

const START_MS = 100_000;
const MOST_MS = 40_000;
/** Longer than any file takes for a failure that it is to find. */
const LEAST_MS = 12_000;

const files = keepalivedFiles().filter((file) =>
  (Deno.env.get("LVSCARE_FILES") ?? "").split(",").some((word) => file.startsWith(word))
);

Deno.test("keepalived and lvscare run agree about every file", async (test) => {
  assert.ok(files.length >= 1, `${files.length} files`);
  await using lab = await KeepalivedLab.open(files);
  const changing = new Map(lab.pairs.map((pair) => [pair, changedBy(lab, pair)]));
  const began = performance.now();
  const log = (text: string) =>
    console.log(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text} ${diag()}`);

  const agree = async (what: string, isRight: (pair: Pair, look: string) => string | undefined) => {
    await lab.settle({
      isThere: (pair, look) => isRight(pair, look) === undefined,
      leastMs: what === "start" ? 30_000 : LEAST_MS,
      mostMs: what === "start" ? START_MS : MOST_MS,
    });
    const wrong: string[] = [];
    for (const pair of lab.pairs) {
      const found = isRight(pair, pair.keepalived.look());
      if (found !== undefined) {
        wrong.push(`${pair.file}: ${found}\n${pair.keepalived.said.slice(-3000)}`);
      }
      const [theirs, ours] = [await pair.keepalived.table(), await pair.lvscare.table()];
      if (theirs !== ours) {
        wrong.push(
          `${pair.file}: ${difference(theirs, ours)}\n${pair.keepalived.said.slice(-3000)}\n${
            pair.lvscare.said.slice(-3000)
          }`,
        );
      }
    }
    log(`${what}: ${wrong.length === 0 ? "all agree" : wrong.join("\n\n")}`);
    assert.deepEqual(wrong, [], wrong.join("\n\n"));
  };

  log("starting");
  lab.start();
  const step = (name: string, body: () => Promise<void>) =>
    test.step(name, () =>
      body().catch((error) => {
        console.log(error);
        throw error;
      }));
  await step("at start", () => agree("start", () => undefined));
  const atStart = new Map(lab.pairs.map((pair) => [pair, pair.keepalived.look()]));
  for (
    const { name, what, begin, end } of FAULTS.filter(({ name }) =>
      (Deno.env.get("LVSCARE_FAULTS") ?? name).split(",").includes(name)
    )
  ) {
    await step(`while ${what}`, async () => {
      await begin(lab, lab.servers);
      await agree(name, (pair, look) => {
        const isChanged = look !== atStart.get(pair);
        if (isChanged === changing.get(pair)!.includes(name)) return undefined;
        return isChanged ? `changed by ${name}` : `not changed by ${name}`;
      });
    });
    await step(`after ${what}`, async () => {
      await end(lab, lab.servers);
      await agree(
        `after ${name}`,
        (pair, look) =>
          look === atStart.get(pair)
            ? undefined
            : `not as at start: ${difference(atStart.get(pair)!, look)}`,
      );
    });
  }
  for (const [pair, names] of changing) assert.ok(names.length > 0, pair.file);
});

function diag(): string {
  const mem = /MemAvailable: +(\d+)/.exec(Deno.readTextFileSync("/proc/meminfo"))?.[1];
  const cpu = /^cpu +(.*)/.exec(Deno.readTextFileSync("/proc/stat"))![1]!.split(" ").map(Number);
  const d = cpu.map((v, i) => v - (last[i] ?? 0));
  last = cpu;
  const total = d.reduce((a, b) => a + b, 0);
  return `[mem ${Math.round(Number(mem) / 1024)} MB, busy ${
    Math.round(100 - 100 * d[3]! / total)
  }%]`;
}
let last: number[] = [];

/** The faults that the file says it is changed by. */
function changedBy(lab: KeepalivedLab, { file }: Pair): string[] {
  const text = Deno.readTextFileSync(`${lab.folder}/${file}`);
  const names = /^[#!] changed by: (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
  const known = FAULTS.map(({ name }) => name);
  for (const name of names) assert.ok(known.includes(name), `${file}: ${name}`);
  return names;
}

function difference(theirs: string, ours: string): string {
  const [a, b] = [theirs.split("\n"), ours.split("\n")];
  const lines = [
    ...a.filter((line) => !b.includes(line)).map((line) => `- ${line}`),
    ...b.filter((line) => !a.includes(line)).map((line) => `+ ${line}`),
  ];
  return `keepalived - and lvscare + differ\n${lines.join("\n")}`;
}
