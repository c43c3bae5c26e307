/** The life of an instance of care, from its first pass to a signal. */

import assert from "node:assert/strict";
import { type CareWorld, runCare } from "../../src/care/run.ts";
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

  constructor(stateDir: string, { apply }: { apply?: FakeDataplane["apply"] } = {}) {
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
    this.ended = runCare(careConfig({ stateDir }), [], world);
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
