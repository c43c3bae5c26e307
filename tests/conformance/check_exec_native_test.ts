/** What checks of type exec make of programs, and of what is left of them. */

import assert from "node:assert/strict";
import type { ExecCheck } from "../../src/config/check.ts";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import type { Address } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { askAlone, DRAINED, POWERLESS } from "../support/check_alone.ts";
import { until } from "../support/care_lab.ts";
import {
  ask,
  type CheckLab,
  FAMILIES,
  labTest,
  OK,
  probeFor,
  SILENCE,
} from "../support/check_lab.ts";
import { checkOf, impatient } from "../support/check_requests.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const TARGET: Endpoint = { address: "10.77.0.1" as Address, port: 8080 };

function execOf(command: ExecCheck["command"], more: Partial<ExecCheck> = {}): ExecCheck {
  return checkOf("exec", { ...more, command });
}

function shell(script: string, more: Partial<ExecCheck> = {}): ExecCheck {
  return execOf(["/bin/sh", "-c", script], more);
}

/** With what it says, line by line. */
async function listen(check: ExecCheck, target = TARGET) {
  const steps: string[] = [];
  const result = await ask(check, target, { trace: (text) => void steps.push(text) });
  return { result, steps };
}

const STATUS = (status: number) => bad("exec", "the status is not 0", { status });
const ENDED = (signal: string) => bad("exec", "the program is ended by a signal", { signal });
const NOT_RUN = (situation: string) => bad("exec", situation, { program: "/bin/sh" });

const CASES: readonly (readonly [script: string, plain: ProbeResult, weighing: ProbeResult])[] = [
  ["exit 0", OK, OK],
  ["exit 1", STATUS(1), STATUS(1)],
  ["exit 2", STATUS(2), { ok: true, weight: 0 }],
  ["exit 3", STATUS(3), { ok: true, weight: 1 }],
  ["exit 125", STATUS(125), { ok: true, weight: 123 }],
  ["exit 255", STATUS(255), { ok: true, weight: 253 }],
  [
    "/etc/passwd",
    NOT_RUN("a shell cannot run the program"),
    NOT_RUN("a shell cannot run the program"),
  ],
  [
    "/none",
    NOT_RUN("a shell does not find the program"),
    NOT_RUN("a shell does not find the program"),
  ],
  ["kill -KILL $$", ENDED("SIGKILL"), ENDED("SIGKILL")],
  ["kill -TERM $$", ENDED("SIGTERM"), ENDED("SIGTERM")],
  ["kill -SEGV $$", ENDED("SIGSEGV"), ENDED("SIGSEGV")],
];

for (const [script, plain, weighing] of CASES) {
  labTest(
    `exec makes of "${script}" ${JSON.stringify(plain)}, or ${
      JSON.stringify(weighing)
    } where its status is a weight`,
    async () => {
      assert.deepEqual(await ask(shell(script), TARGET), plain);
      assert.deepEqual(await ask(shell(script, { statusIsWeight: true }), TARGET), weighing);
      // Whoever looks on sees the same.
      assert.deepEqual((await listen(shell(script))).result, plain);
    },
  );
}

labTest("exec gives a program no environment but its own, and a place at the root", async () => {
  Deno.env.set("LVSCARE_TEST_SECRET", "not to be told");
  try {
    for (const { one: address } of FAMILIES) {
      const { steps } = await listen(execOf(["/usr/bin/env"]), { address, port: 8080 });
      assert.deepEqual(
        steps.toSorted(),
        [
          "status 0",
          "| LC_ALL=C",
          `| LVSCARE_ADDRESS=${address}`,
          "| LVSCARE_PORT=8080",
          "| PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ].toSorted(),
      );
    }
  } finally {
    Deno.env.delete("LVSCARE_TEST_SECRET");
  }
  assert.deepEqual((await listen(execOf(["/bin/pwd"]))).steps, ["| /", "status 0"]);
});

labTest("exec gives a program no input, and no descriptor of this process", async () => {
  // Of this process, what checks have open: sockets and the list that they are on.
  using _ = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { steps } = await listen(execOf(["/bin/ls", "-l", "/proc/self/fd"]));
  const links = steps.map((step) => / (\d+) -> (.*)$/.exec(step)).filter((match) => match !== null);
  const byNumber = new Map(links.map(([, number, link]) => [Number(number), link ?? ""]));
  assert.equal(byNumber.get(0), "/dev/null");
  assert.match(byNumber.get(1) ?? "", /^pipe:/);
  assert.equal(byNumber.get(2), "/dev/null");
  assert.doesNotMatch([...byNumber.values()].join(" "), /socket:|anon_inode/);
});

labTest("exec runs a program as another user, with no group of ours", async () => {
  const id = execOf(["/usr/bin/id"]);
  const nobody = await listen({ ...id, user: "nobody" });
  assert.deepEqual(nobody.steps, [
    "| uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)",
    "status 0",
  ]);
  const group = await listen({ ...id, user: "nobody:daemon" });
  assert.deepEqual(group.steps, [
    "| uid=65534(nobody) gid=1(daemon) groups=1(daemon)",
    "status 0",
  ]);
  const numbers = await listen({ ...id, user: "1234:4321" });
  assert.deepEqual(numbers.steps, ["| uid=1234 gid=4321 groups=4321", "status 0"]);
});

labTest("exec finds a program without a path, and gives it arguments as they are", async () => {
  const { steps } = await listen(execOf(["printf", "%s\\n", "a b", "$HOME", "*"]));
  assert.deepEqual(steps, ["| a b", "| $HOME", "| *", "status 0"]);
});

labTest(titleOf("exec", "exec", "the program is not there"), async (lab) => {
  const orphan = await lab.write("orphan", "#!/no/interpreter\n", 0o755);
  const long = `/none/${"of-a-very-long-name".repeat(5)}`;
  for (const program of ["/none", "none-of-that-name", long, orphan]) {
    const expected = bad("exec", "the program is not there", { program });
    assert.deepEqual(await ask(execOf([program]), TARGET), expected);
  }
});

labTest(titleOf("exec", "exec", "the program is none"), async (lab) => {
  const [text, own] = [
    await lab.write("text", "hello\n"),
    await lab.write("own", "#!/bin/sh\n", 0o700),
  ];
  const cases: readonly ExecCheck[] = [
    execOf([text]),
    execOf(["/tmp"]),
    // The folder of a test is for nobody else.
    execOf([own], { user: "nobody" }),
  ];
  for (const check of cases) {
    const [program] = check.command;
    const expected = bad("exec", "the program is none", { program });
    assert.deepEqual(await ask(check, TARGET), expected);
  }
});

labTest(titleOf("exec", "exec", "nobody knows the user"), async () => {
  for (const user of ["no-such-user", "4000000000", "nobody:no-such-group"]) {
    const expected = bad("exec", "nobody knows the user", { user });
    assert.deepEqual(await ask(shell("exit 0", { user }), TARGET), expected);
  }
});

const USER = "another user is to run it, without CAP_SETUID";

labTest(titleOf("exec", "exec", USER), async () => {
  const check = execOf(["/bin/true"], { user: "nobody" });
  const expected = bad("exec", USER, { program: "/bin/true", user: "nobody" });
  assert.deepEqual(await askAlone(POWERLESS, [{ check, target: TARGET }]), [expected]);
});

labTest(titleOf("exec", "exec", "no descriptor is left"), async () => {
  const check = execOf(["/bin/true"]);
  const expected = bad("exec", "no descriptor is left", { program: "/bin/true" });
  assert.deepEqual(await askAlone(DRAINED, [{ check, target: TARGET }]), [expected]);
});

const LATE = "the program takes too long";
const TOO_LATE = bad("exec", LATE, { timeout: SILENCE });

/** Of a file that programs write their numbers to, as soon as there are so many. */
async function numbersIn(path: string, count: number): Promise<readonly number[]> {
  let numbers: readonly number[] = [];
  await until(async () => {
    const text = await Deno.readTextFile(path).catch(() => "");
    numbers = text.split("\n").filter((line) => line !== "").map(Number);
    return numbers.length >= count;
  }, `${count} programs have begun`);
  return numbers;
}

/** What is dead and waits to be buried does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

function gone(pids: readonly number[]): Promise<void> {
  return until(() => !pids.some(isRunning), "they have ended", () => pids.join(" "));
}

labTest(`${titleOf("exec", "exec", LATE)}, and ends it and its children`, async (lab) => {
  const file = `${lab.folder}/pids`;
  const script = `trap '' TERM; echo $$ >> ${file}
    (echo $(exec sh -c 'echo $PPID') >> ${file}; sleep 1000) & sleep 1000`;
  assert.deepEqual(await ask(impatient(shell(script)), TARGET), TOO_LATE);
  await gone(await numbersIn(file, 1));
  const [first = 0] = await numbersIn(file, 1);
  assert.ok(!isRunning(first));
  await noneOfGroup(first);
});

/** Of a group, which has the number of its first. */
async function noneOfGroup(group: number): Promise<void> {
  const members = () =>
    [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
      if (!(pid > 0) || !isRunning(pid)) return false;
      try {
        const [, rest = ""] = Deno.readTextFileSync(`/proc/${pid}/stat`).split(/\) (.*)/s);
        return Number(rest.split(" ")[2]) === group;
      } catch {
        return false;
      }
    });
  await until(() => members().length === 0, "nobody is left", () => members().join(" "));
}

labTest("exec ends what a program has left behind, however it ended", async (lab) => {
  for (const status of [0, 1]) {
    const file = `${lab.folder}/left${status}`;
    const script = `sleep 1000 & echo $! > ${file}; exit ${status}`;
    assert.deepEqual(await ask(shell(script), TARGET), status === 0 ? OK : STATUS(1));
    await gone(await numbersIn(file, 1));
  }
});

labTest(
  "exec is not kept by a program's child that has gone its own way, with its output",
  async (lab) => {
    const file = `${lab.folder}/daemon`;
    const script = `setsid sh -c 'echo $$ > ${file}; exec sleep 1000' &
    while ! test -s ${file}; do sleep 0.01; done; echo started; exit 0`;
    const { result, steps } = await listen(shell(script));
    const pids = await numbersIn(file, 1);
    const areRunning = pids.every(isRunning);
    for (const pid of pids) Deno.kill(pid, "SIGKILL");
    assert.ok(areRunning, "it is another group's");
    assert.deepEqual(result, OK);
    assert.deepEqual(steps, ["| started", "status 0"]);
  },
);

const FLOODS: readonly (readonly [script: string, expected: ProbeResult])[] = [
  ["yes", TOO_LATE],
  ["yes >&2", TOO_LATE],
  ["head -c 50000000 /dev/zero; head -c 50000000 /dev/zero >&2; exit 5", STATUS(5)],
];

for (const [script, expected] of FLOODS) {
  labTest(`exec lets "${script}" flood, looked at or not`, async () => {
    const check = expected === TOO_LATE ? impatient(shell(script)) : shell(script);
    assert.deepEqual(await ask(check, TARGET), expected);
    const { result, steps } = await listen(check);
    assert.deepEqual(result, expected);
    assert.ok(steps.join("").length < 10_000, "no more than somebody would read");
  });
}

labTest("exec shows what a program said last", async () => {
  for (let round = 0; round < 5; round++) {
    const { result, steps } = await listen(shell("echo first; echo last words; exit 3"));
    assert.deepEqual([result, steps], [STATUS(3), ["| first", "| last words", "status 3"]]);
  }
});

labTest(
  "exec that is stopped ends its program, and before its beginning begins none",
  async (lab) => {
    const file = `${lab.folder}/begun`;
    const probe = probeFor(shell(`echo $$ > ${file}; sleep 1000`));
    const early = await probe.run(TARGET, AbortSignal.abort());
    assert.deepEqual(early, { ok: false, reason: "the check was stopped" });
    await assert.rejects(Deno.stat(file));
    const controller = new AbortController();
    const running = probe.run(TARGET, controller.signal);
    const pids = await numbersIn(file, 1);
    controller.abort();
    assert.deepEqual(await running, { ok: false, reason: "the check was stopped" });
    await gone(pids);
  },
);

/** Holds a process so that its end is told to nobody, as the kernel does with one that it waits in for ever. */
const HOLDER = `
import ctypes, sys, time
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
if libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None) != 0:
    raise OSError(ctypes.get_errno())
print("held", flush=True)
time.sleep(1000)
`;

async function hold(lab: CheckLab, pid: number): Promise<AsyncDisposable> {
  const child = new Deno.Command("/usr/bin/python3", {
    args: [await lab.write("hold.py", HOLDER), `${pid}`],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.match(new TextDecoder().decode(value), /^held/);
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

labTest("exec does not wait for a program that cannot be ended", async (lab) => {
  const file = `${lab.folder}/held`;
  const controller = new AbortController();
  const probe = probeFor(shell(`echo $$ > ${file}; sleep 1000`));
  const running = probe.run(TARGET, controller.signal);
  const [pid = 0] = await numbersIn(file, 1);
  {
    await using _ = await hold(lab, pid);
    controller.abort();
    assert.deepEqual(await running, { ok: false, reason: "the check was stopped" });
    assert.ok(await Deno.stat(`/proc/${pid}`), "it is there still");
  }
  await until(async () => !await Deno.stat(`/proc/${pid}`).catch(() => undefined), "it is buried");
});

Deno.test("exec has said all of its words", () => assert.deepEqual(unheard("exec"), []));
