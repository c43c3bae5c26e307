import assert from "node:assert/strict";
import { Instance, unitOf } from "../../src/care/instance.ts";
import { LvscareError } from "../../src/errors.ts";
import { type CareRecord, EMPTY_RECORD, type Phase } from "../../src/state/record.ts";
import { endpoint } from "../support/care_arbitraries.ts";
import { withFolder } from "../support/process.ts";

interface Opened {
  readonly instance: Instance;
  readonly warnings: string[];
}

function open(stateDir: string, options: { port?: number; unit?: string } = {}): Opened {
  const { port = 1, unit } = options;
  const warnings: string[] = [];
  const name = `10.0.0.1:${port}`;
  const warn = (text: string, error?: unknown) =>
    warnings.push(error instanceof Error ? `${text}: ${error.message}` : text);
  return {
    instance: Instance.open({
      name,
      command: `lvscare care --vs ${name}`,
      stateDir,
      unit,
      pid: 7,
      warn,
    }),
    warnings,
  };
}

/** Leaves a record as an instance that ended like that. */
function leave(stateDir: string, port: number, phase: Phase, unit?: string): void {
  using instance = open(stateDir, { port, ...(unit !== undefined && { unit }) }).instance;
  instance.save(recordOf(port, phase));
}

function recordOf(port: number, phase: Phase): CareRecord {
  const key = { kind: "address" as const, protocol: "tcp" as const, ...endpoint("10.0.0.1", port) };
  return { ...EMPTY_RECORD, phase, owned: { ...EMPTY_RECORD.owned, services: [key] } };
}

Deno.test("an instance takes the place of those that were killed, or stopped in its own unit", async () => {
  const cases: readonly (readonly [
    phase: Phase,
    unit: string | undefined,
    ours: string | undefined,
    is: boolean,
  ])[] = [
    ["running", undefined, undefined, true],
    ["running", "a.service", "a.service", true],
    ["running", "a.service", undefined, true],
    ["running", undefined, "a.service", true],
    ["running", "a.service", "b.service", false],
    ["stopped", "a.service", "a.service", true],
    ["stopped", "a.service", "b.service", false],
    ["stopped", undefined, undefined, false],
    ["once", "a.service", "a.service", false],
    ["once", undefined, undefined, false],
  ];
  for (const [phase, unit, ours, is] of cases) {
    await withFolder((stateDir) => {
      leave(stateDir, 2, phase, unit);
      using instance = open(stateDir, ours === undefined ? {} : { unit: ours }).instance;
      const names = instance.predecessors().map(({ name }) => name);
      assert.deepEqual(names, is ? ["10.0.0.1:2"] : [], `${phase} ${unit} ${ours}`);
      for (const predecessor of instance.predecessors()) predecessor.forget();
      assert.deepEqual(instance.othersThan(instance.name).length, is ? 0 : 1);
      return Promise.resolve();
    });
  }
});

Deno.test("one that lives is nobody's predecessor, and the second for a virtual server says who is there", async () => {
  await withFolder((stateDir) => {
    using first = open(stateDir, { port: 2 }).instance;
    first.save(recordOf(2, "running"));
    using second = open(stateDir).instance;
    assert.deepEqual(second.predecessors(), []);
    assert.equal(second.othersThan(second.name).length, 1);
    assert.throws(() => open(stateDir, { port: 2 }), (error: LvscareError) => {
      assert.match(
        error.message,
        /^care for 10\.0\.0\.1:2: process 7 \(lvscare care --vs 10\.0\.0\.1:2\) does so already$/,
      );
      assert.equal(error.exitStatus, 1);
      return true;
    });
    return Promise.resolve();
  });
});

Deno.test("a record comes back as it was written; one that is none of ours is moved aside, with a warning", async () => {
  await withFolder(async (stateDir) => {
    const record = recordOf(1, "running");
    {
      using instance = open(stateDir, { unit: "a.service" }).instance;
      assert.equal(instance.read(), undefined);
      instance.save(record);
      assert.deepEqual(instance.read(), { ...record, unit: "a.service" });
    }
    const [file] = [...Deno.readDirSync(stateDir)].map(({ name }) => name)
      .filter((name) => name.endsWith(".json"));
    const before = await Deno.readTextFile(`${stateDir}/${file}`);
    const damages = [
      before.replace('"version":2', '"version":1'),
      before.replace('"port":1', '"port":70000'),
      before.replace("10.0.0.1", "10.0.0.256"),
      before.replace('"services":[', '"services":[null,'),
      before.replace('"running"', '"resting"'),
      "[]",
      "",
      before.slice(0, 40),
    ];
    for (const damage of damages) {
      await Deno.writeTextFile(`${stateDir}/${file}`, damage);
      const { instance, warnings } = open(stateDir);
      assert.equal(instance.read(), undefined, damage);
      assert.equal(warnings.length, 1, damage);
      assert.match(warnings[0]!, /moved aside/);
      assert.equal(instance.read(), undefined);
      assert.equal(warnings.length, 1);
      instance[Symbol.dispose]();
    }
  });
});

Deno.test("without a directory that it can write to an instance works, and warns once", () => {
  const { instance, warnings } = open("/proc/nowhere");
  for (let i = 0; i < 3; i++) instance.save(EMPTY_RECORD);
  assert.equal(instance.read(), undefined);
  assert.deepEqual(instance.predecessors(), []);
  assert.equal(warnings.length, 1, warnings.join("\n"));
  instance[Symbol.dispose]();
});

Deno.test("unitOf() finds the service of systemd among a process's cgroups", () => {
  const cases: readonly (readonly [cgroup: string, unit: string | undefined])[] = [
    ["0::/system.slice/lvscare.service\n", "lvscare.service"],
    ["0::/system.slice/system-lvscare.slice/lvscare@a.service\n", "lvscare@a.service"],
    ["12:pids:/system.slice/a.service\n1:name=systemd:/system.slice/a.service\n", "a.service"],
    ["0::/\n", undefined],
    ["0::/user.slice/user-0.slice/session-5.scope\n", undefined],
    ["0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-2.scope\n", undefined],
    ["", undefined],
  ];
  for (const [cgroup, unit] of cases) assert.equal(unitOf(cgroup), unit, cgroup);
});
