import assert from "node:assert/strict";
import { CommandError, KernelError, UnsupportedError } from "../../src/errors.ts";
import { batchInput, readBatch } from "../../src/kernel/command/ipvs_batch.ts";
import { ipvsError } from "../../src/kernel/command/ipvs_errors.ts";
import { CommandIpvsTable } from "../../src/kernel/command/ipvs_table.ts";
import type { Runner } from "../../src/kernel/command/runner.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import type { Address } from "../../src/model/address.ts";
import type { IpvsChange, Service, ServiceKey } from "../../src/model/ipvs.ts";
import { FakeIpvsadm } from "../support/fake_ipvsadm.ts";

const key = (port: number): ServiceKey => ({
  kind: "address",
  protocol: "tcp",
  address: "10.0.0.1" as Address,
  port,
});
const service = (port: number): Service => ({
  key: key(port),
  scheduler: "rr",
  schedulerFlags: [],
  onePacket: false,
});
const add = (port: number): IpvsChange => ({ kind: "addService", service: service(port) });

Deno.test("readBatch() brings every answer home to its change", () => {
  const cases: [what: string, stderr: string, count: number, said: string[]][] = [
    ["all were made", "--change-0: unknown option\n--change-1: unknown option\n", 2, ["", ""]],
    [
      "one was refused",
      "--change-0: unknown option\nService already exists\n--change-1: unknown option\n",
      2,
      ["", "Service already exists"],
    ],
    [
      "the program ended at the second of three",
      "--change-0: unknown option\nillegal weight specified\n",
      3,
      ["", "illegal weight specified"],
    ],
    [
      "the program ended without a word",
      "--change-0: unknown option\n",
      3,
      ["", "it ended before this change was made"],
    ],
    ["it did not start", "Can't initialize ipvs\nAre you sure\n", 3, [
      "Can't initialize ipvs\nAre you sure",
    ]],
    ["nothing was asked", "", 0, []],
  ];
  for (const [what, stderr, count, said] of cases) {
    assert.deepEqual(readBatch(stderr, count).answers, said.map((each) => ({ said: each })), what);
  }
});

Deno.test("batchInput() puts a marker behind every change", () => {
  assert.equal(
    batchInput([["-A", "-f", "1"], ["-D", "-f", "2"]]),
    "-A -f 1\n-L --change-0\n-D -f 2\n-L --change-1\n",
  );
});

Deno.test("apply() uses one process for many changes, and as many as it must where one ends early", async () => {
  const changes = [add(1), add(2), add(3), add(4)];
  const ipvsadm = new FakeIpvsadm(new MemoryIpvsTable());
  const table = new CommandIpvsTable(ipvsadm);
  assert.deepEqual(await table.apply(changes), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(ipvsadm.ran, [["ipvsadm", "-R"]]);

  // A program that cannot read the word of the third change.
  const inputs: string[] = [];
  const early: Runner = {
    run: (_argv, options) => {
      const input = String(options?.stdin);
      inputs.push(input);
      const lines = input.split("\n").filter((line) => line !== "");
      const stop = lines.indexOf("-A -t 10.0.0.1:3 -s rr");
      const markers = lines.slice(0, stop < 0 ? undefined : stop)
        .flatMap((line) => /--change-\d+/.exec(line)?.[0] ?? [])
        .map((marker) => `${marker}: unknown option\n`).join("");
      return Promise.resolve({
        status: stop < 0 ? 255 : 2,
        stdout: "",
        stderr: markers + (stop < 0 ? "" : "illegal virtual server address[:port] specified\n"),
      });
    },
  };
  const answers = await new CommandIpvsTable(early).apply(changes);
  assert.deepEqual(answers.map((answer) => answer instanceof CommandError), [
    false,
    false,
    true,
    false,
  ]);
  assert.equal(
    answers[2]?.message,
    "add service TCP 10.0.0.1:3: ipvsadm: illegal virtual server address[:port] specified",
  );
  assert.deepEqual(inputs.map((input) => input.split("\n").length), [9, 3]);
});

Deno.test("apply() of what cannot begin answers every change by one process", async () => {
  const answer = (stderr: string) => {
    let runs = 0;
    const runner: Runner = {
      run: () => {
        runs++;
        return Promise.resolve({ status: 2, stdout: "", stderr });
      },
    };
    return { table: new CommandIpvsTable(runner), runs: () => runs };
  };
  const hint = "Are you sure that IP Virtual Server is built in the kernel or as module?\n";
  const noRights = answer(
    `Can't initialize ipvs: Permission denied (you must be root)\n${hint}`,
  );
  const refused = await noRights.table.apply([add(1), add(2), add(3)]);
  assert.equal(noRights.runs(), 1);
  assert.deepEqual(refused.map((each) => each instanceof KernelError && each.errno), [
    "EPERM",
    "EPERM",
    "EPERM",
  ]);
  assert.match(refused[2]!.message, /^add service TCP 10\.0\.0\.1:3: /);
  assert.match(refused[2]!.hint ?? "", /root/);

  const noIpvs = answer(`Can't initialize ipvs: Protocol not available\n${hint}`);
  const unsupported = await noIpvs.table.apply([add(1)]);
  assert.ok(unsupported[0] instanceof UnsupportedError);
  assert.equal(unsupported[0].feature, "ip_vs");
  assert.match(unsupported[0].hint ?? "", /modprobe ip_vs/);
});

/** What began at the same time has ended: it does not wait for anything but promises. */
function afterTheOthers(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("list() reads again when the table changes between two of its views", async () => {
  const fake = new MemoryIpvsTable();
  await fake.apply([add(1)]);
  const ipvsadm = new FakeIpvsadm(fake);
  const table = new CommandIpvsTable(ipvsadm);
  let changed = false;
  ipvsadm.onRun = async (argv) => {
    if (changed || !argv.includes("--thresholds")) return;
    changed = true;
    await afterTheOthers();
    await fake.apply([add(2)]);
  };
  const entries = await table.list();
  assert.deepEqual(entries.map((entry) => entry.service), [service(1), service(2)]);
  assert.equal(ipvsadm.ran.length, 6);
});

Deno.test("list() gives up on a table that never rests, with an error that can be tried again", async () => {
  const fake = new MemoryIpvsTable();
  const ipvsadm = new FakeIpvsadm(fake);
  let port = 0;
  ipvsadm.onRun = async (argv) => {
    if (!argv.includes("--thresholds")) return;
    await afterTheOthers();
    await fake.apply([add(++port)]);
  };
  await assert.rejects(new CommandIpvsTable(ipvsadm).list(), (error) => {
    assert.ok(error instanceof CommandError && error.is("EINTR"), String(error));
    assert.match(error.message, /changed/);
    return true;
  });
});

Deno.test("list() refuses what ipvsadm 1.31 does not print", async () => {
  for (const stdout of ["", "IP Virtual Server version 2\n", "a\nb\nc\n-> word\n"]) {
    const runner: Runner = { run: () => Promise.resolve({ status: 0, stdout, stderr: "" }) };
    await assert.rejects(new CommandIpvsTable(runner).list(), CommandError);
  }
});

Deno.test("stopDaemon() believes the table where the kernel does not answer", async () => {
  const silent = (daemons: string): Runner => ({
    run: (argv) => {
      if (argv.includes("--daemon")) {
        return Promise.resolve({ status: 0, stdout: daemons, stderr: "" });
      }
      return Promise.reject(new CommandError("run ipvsadm: too long", argv, null, ""));
    },
  });
  await new CommandIpvsTable(silent("")).stopDaemon("master");
  const backup = "backup sync daemon (mcast=lo, syncid=0)\n";
  await new CommandIpvsTable(silent(backup)).stopDaemon("master");
  await assert.rejects(new CommandIpvsTable(silent(backup)).stopDaemon("backup"), /too long/);
});

Deno.test("ipvsError() keeps words that mean no errno", () => {
  const request = { command: "IPVS_CMD_FLUSH", op: "clear", subject: "the IPVS table" };
  const error = ipvsError("strange\nthings\n", request, { argv: ["ipvsadm", "-C"], exit: 3 });
  assert.ok(error instanceof CommandError);
  assert.equal(error.message, "clear the IPVS table: ipvsadm: strange; things");
  assert.deepEqual([error.exit, error.argv], [3, ["ipvsadm", "-C"]]);
  assert.equal(error.is("EPERM"), false);
});
