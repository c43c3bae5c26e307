/** The life of an instance of care, from its first pass to a signal. */

import assert from "node:assert/strict";
import { type ControlHandlers, controlPath, verdictOf } from "../../src/admin/control.ts";
import { type CareWorld, runCare } from "../../src/care/run.ts";
import type { CareConfig } from "../../src/config/care.ts";
import { LvscareError } from "../../src/errors.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { careConfig } from "../support/care_arbitraries.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import { FakeDataplane, fakeGround } from "../support/fake_dataplane.ts";
import { withFolder } from "../support/process.ts";

class Host {
  readonly dataplane = new FakeDataplane();
  readonly clock = new FakeClock();
  readonly #signals = new Map<string, () => void>();
  readonly ended: Promise<number>;
  exited: number | undefined;
  /** Who asks it for its state is answered, and by which name. */
  control: (ControlHandlers & { readonly name: string }) | undefined;

  constructor(
    stateDir: string,
    { apply, more = {} }: { apply?: FakeDataplane["apply"]; more?: Partial<CareConfig> } = {},
  ) {
    const { dataplane, clock } = this;
    if (apply) dataplane.apply = apply;
    dataplane.parameters.set("net.ipv4.vs.conntrack", "0");
    const world: CareWorld = {
      clock,
      pid: 7,
      unit: undefined,
      openGround: () => Promise.resolve(fakeGround(dataplane)),
      probe: () => ({ describe: () => "GET", run: () => Promise.resolve({ ok: true }) }),
      openNotifier: () => undefined,
      openControl: (_, name, handlers) => {
        this.control = { ...handlers, name };
        return {
          close: () => {
            this.control = undefined;
            return Promise.resolve();
          },
        };
      },
      out: () => {},
      onSignal: (signal, body) => {
        this.#signals.set(signal, body);
        return { [Symbol.dispose]: () => {} };
      },
      exit: (status) => {
        this.exited = status;
        throw new Error("exit");
      },
    };
    this.ended = runCare(careConfig({ stateDir, ...more }), [], world);
  }

  signal(name: string): void {
    this.#signals.get(name)!();
  }
}

function test(name: string, body: (stateDir: string, lines: string[]) => Promise<void>): void {
  Deno.test(name, () =>
    withFolder(async (stateDir) => {
      const lines: string[] = [];
      configureLogs({
        level: "info",
        format: "text",
        write: (line) => lines.push(line.replace(/^\S+ /, "").trimEnd()),
      });
      try {
        await body(stateDir, lines);
      } finally {
        resetLogs();
      }
    }));
}

test("a signal ends it, and what is in the kernel stays", async (stateDir, lines) => {
  const host = new Host(stateDir);
  await settled();
  host.signal("SIGTERM");
  assert.equal(await host.ended, 0);
  assert.equal(lines.at(-1), "info SIGTERM: stopping, and leaving everything in place");
  assert.deepEqual([...host.dataplane.services.keys()], ["TCP 10.0.0.1:6443"]);
});

test("a signal in the first pass ends it too, though a change hangs", async (stateDir, lines) => {
  const host = new Host(stateDir, { apply: () => new Promise(() => {}) });
  await settled();
  host.signal("SIGINT");
  await settled();
  await host.clock.advance(1000);
  assert.equal(await host.ended, 0);
  assert.equal(lines.at(-1), "info SIGINT: stopping, and leaving everything in place");
});

test("the signal after that ends it on the spot", async (stateDir) => {
  const host = new Host(stateDir, { apply: () => new Promise(() => {}) });
  await settled();
  host.signal("SIGTERM");
  assert.throws(() => host.signal("SIGINT"), /exit/);
  assert.equal(host.exited, 1);
  await host.clock.advance(1000);
  await host.ended;
});

test("whoever asks is told of the service, of its servers, and whether it is ready", async (stateDir) => {
  const host = new Host(stateDir);
  await settled();
  assert.equal(host.control?.name, "10.0.0.1:6443");
  assert.equal(host.control?.reload, undefined);
  await host.clock.advance(5000);
  const status = await host.control!.status();
  assert.equal(verdictOf(status), "ready");
  const { pid, configuration, isReady, isTurning, isSettled, services } = status;
  assert.deepEqual({ pid, configuration, isReady, isTurning, isSettled }, {
    ...{ pid: 7, configuration: "command line" },
    ...{ isReady: true, isTurning: true, isSettled: true },
  });
  const [service, ...others] = services;
  assert.deepEqual(others, []);
  assert.deepEqual([service?.service, service?.isThere], ["TCP 10.0.0.1:6443", true]);
  assert.ok(service!.servers.length > 0);
  assert.deepEqual([...new Set(service!.servers.map(({ state }) => state))], ["up"]);

  // Somebody took it away: until the next pass it is not there.
  host.dataplane.services.clear();
  assert.equal(verdictOf(await host.control!.status()), "not ready");
  await host.clock.advance(5000);
  assert.equal(verdictOf(await host.control!.status()), "ready");
  host.signal("SIGTERM");
  await host.ended;
  assert.equal(host.control, undefined);
});

test("it is not ready while a change is refused, and stuck when passes do not end", async (stateDir) => {
  const host = new Host(stateDir);
  const apply = host.dataplane.apply.bind(host.dataplane);
  await settled();
  host.dataplane.apply = () => Promise.reject(new LvscareError("refused"));
  host.dataplane.services.clear();
  await host.clock.advance(5000);
  const refused = await host.control!.status();
  assert.deepEqual([refused.isSettled, refused.isTurning], [false, true]);
  assert.equal(verdictOf(refused), "not ready");
  host.dataplane.apply = apply;
  await host.clock.advance(5000);
  assert.equal(verdictOf(await host.control!.status()), "ready");

  host.dataplane.apply = () => new Promise(() => {});
  host.dataplane.services.clear();
  await host.clock.advance(5000);
  assert.equal(verdictOf(await host.control!.status()), "not ready");
  await host.clock.advance(12_000);
  assert.equal(verdictOf(await host.control!.status()), "stuck");
  host.signal("SIGTERM");
  await host.clock.advance(1000);
  await host.ended;
});

for (const flag of ["runOnce", "dryRun", "clean"] as const) {
  test(`nobody can ask what ends by itself: ${flag}`, async (stateDir) => {
    const host = new Host(stateDir, { more: { [flag]: true } });
    await host.ended;
    assert.equal(host.control, undefined);
  });
}

Deno.test("without a state directory it goes on, and is not asked", async () => {
  const lines: string[] = [];
  configureLogs({ level: "info", format: "text", write: (line) => lines.push(line) });
  try {
    const host = new Host("/dev/null/no");
    await settled();
    assert.equal(host.control, undefined);
    assert.deepEqual([...host.dataplane.services.keys()], ["TCP 10.0.0.1:6443"]);
    assert.equal(lines.filter((line) => line.includes("going on without")).length, 1);
    host.signal("SIGTERM");
    assert.equal(await host.ended, 0);
  } finally {
    resetLogs();
  }
});

test("a clean takes away the socket of one that was killed, and no other's", async (stateDir) => {
  const socket = controlPath(stateDir, "10.0.0.1:6443");
  const others = controlPath(stateDir, "10.0.0.2:6443");
  for (const path of [socket, others]) Deno.writeTextFileSync(path, "");
  const host = new Host(stateDir, { more: { clean: true } });
  assert.equal(await host.ended, 0);
  const left = [...Deno.readDirSync(stateDir)].map(({ name }) => `${stateDir}/${name}`);
  assert.deepEqual(left.filter((path) => path.endsWith(".sock")), [others]);
});
