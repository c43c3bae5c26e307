/** Who is told of what, how many at once, and that nobody is waited for. */

import assert from "node:assert/strict";
import { Journal } from "../../src/care/journal.ts";
import { type Message, Notifications, type Tell } from "../../src/care/notifications.ts";
import type { NotifyConfig, NotifyEvent } from "../../src/config/config.ts";
import { LvscareError } from "../../src/errors.ts";
import { downHealth, initialHealth } from "../../src/health/reducer.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import {
  at,
  configOf,
  named,
  notifyConfig,
  serverConfig,
  serviceConfig,
} from "../support/health_lab.ts";

const DOWN = downHealth({ state: "down", sinceMs: 0, failedMs: 0, reason: "status 500" });
const UP = initialHealth(0);

/** Somebody who is told, and says when that is done. */
interface Errand {
  readonly to: NotifyConfig;
  readonly message: Message;
  readonly signal: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class Lab {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  readonly errands: Errand[] = [];
  tell: Tell = (to, message, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.errands.push({ to, message, signal, resolve, reject });
    return promise;
  };
  readonly notifications = new Notifications({
    ...{ clock: this.clock, journal: new Journal() },
    tell: (...said) => this.tell(...said),
  });

  /** A server of the first service goes. */
  fail(n: number, notify: readonly NotifyConfig[] = [notifyConfig()], reason = "status 500"): void {
    const server = serverConfig(1, { name: at(n), notify });
    this.notifications.server({ service: named(1), server, isUp: false, reason });
  }

  /** Those who are told now, and were not before. */
  async take(): Promise<Errand[]> {
    await settled();
    return this.errands.splice(0);
  }

  takeLines(): string[] {
    return this.lines.splice(0).map((line) => line.replace(/^\S+ /, "").trimEnd());
  }
}

function test(name: string, body: (lab: Lab) => Promise<void>): void {
  Deno.test(name, async () => {
    const lab = new Lab();
    configureLogs({ level: "info", format: "text", write: (line) => lab.lines.push(line) });
    try {
      await body(lab);
    } finally {
      resetLogs();
    }
  });
}

test("a message says what, of whom, why and when", async (lab) => {
  const service = serviceConfig(1, [], { notify: [notifyConfig()] });
  const server = serverConfig(2, { notify: [notifyConfig()] });
  await lab.clock.advance(1500);
  lab.fail(1);
  lab.notifications.server({ service: named(1), server, isUp: true, reason: undefined });
  for (const hasQuorum of [false, true]) {
    lab.notifications.quorum({ config: service, hasQuorum, isReplaced: false });
  }
  const time = "1970-01-01T00:16:41.500Z";
  assert.deepEqual((await lab.take()).map(({ message }) => message), [
    { event: "server-down", service: named(1), server: at(1), reason: "status 500", time },
    { event: "server-up", service: named(1), server: at(2), time },
    { event: "quorum-down", service: named(1), time },
    { event: "quorum-up", service: named(1), time },
  ]);
});

const ALL: readonly NotifyEvent[] = ["server-down", "server-up", "quorum-down", "quorum-up"];
for (
  const [on, told] of [
    [[], ALL],
    [["server-down"], ["server-down"]],
    [["quorum-up", "server-up"], ["server-up", "quorum-up"]],
    [ALL, ALL],
  ] as const
) {
  test(`who wants to know of ${on.join(" and ") || "nothing in particular"} is told of ${told.length} events`, async (lab) => {
    const notify = [notifyConfig(on)];
    const server = serverConfig(1, { notify });
    const config = serviceConfig(1, [], { notify });
    for (const isUp of [false, true]) {
      lab.notifications.server({ service: named(1), server, isUp, reason: undefined });
    }
    for (const hasQuorum of [false, true]) {
      lab.notifications.quorum({ config, hasQuorum, isReplaced: false });
    }
    assert.deepEqual((await lab.take()).map(({ message: { event } }) => event), told);
  });
}

test("all are told who want to know, and nobody of a server or service that tells nobody", async (lab) => {
  const [first, second] = [notifyConfig(["server-down"]), notifyConfig()];
  lab.fail(1, [first, second]);
  lab.fail(2, []);
  const config = serviceConfig(1, [serverConfig(1, { notify: [first] })]);
  lab.notifications.quorum({ config, hasQuorum: false, isReplaced: false });
  assert.deepEqual((await lab.take()).map(({ to }) => to), [first, second]);
});

test("eight are told at once, a thousand wait in their order, and what falls out is said once", async (lab) => {
  const count = 8 + 1000 + 5;
  for (let n = 1; n <= count; n++) lab.fail(n);
  const begun = await lab.take();
  assert.deepEqual(
    begun.map(({ message: { server } }) => server),
    [1, 2, 3, 4, 5, 6, 7, 8].map(at),
  );
  const full = "warn more than 1000 notifications wait: some are left out";
  assert.deepEqual(lab.takeLines(), [full]);
  begun[3]!.resolve();
  assert.deepEqual((await lab.take()).map(({ message: { server } }) => server), [at(9)]);
  // There is room for one, and still the same trouble for the next.
  lab.fail(2000);
  lab.fail(2001);
  assert.deepEqual(lab.takeLines(), []);
  // When nobody waits any more it is over, and would be said again.
  lab.tell = (_, message) => {
    lab.errands.push({ message } as Errand);
    return Promise.resolve();
  };
  for (const { resolve } of begun) resolve();
  for (let i = 0; i < 20; i++) await settled();
  const rest = await lab.take();
  assert.equal(rest.length, 1000);
  assert.equal(rest.at(-1)!.message.server, at(2000));
  lab.tell = () => new Promise(() => {});
  for (let n = 1; n <= count; n++) lab.fail(n);
  assert.deepEqual(lab.takeLines(), [full]);
});

test("who takes too long is ended at the time that it has, and that is said", async (lab) => {
  lab.tell = (to, message, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    lab.errands.push({ to, message, signal, resolve, reject });
    signal.addEventListener("abort", () => reject(new LvscareError("it ended with SIGKILL")));
    return promise;
  };
  for (let n = 1; n <= 9; n++) lab.fail(n, [notifyConfig([], { timeoutMs: 2000 })]);
  const [first] = await lab.take();
  await lab.clock.advance(1999);
  assert.equal(first!.signal.aborted, false);
  await lab.clock.advance(1);
  assert.equal(first!.signal.aborted, true);
  const line = `warn /usr/bin/tell was not told of server-down of ${named(1)}: it took too long`;
  assert.deepEqual(lab.takeLines(), Array(8).fill(line));
  // The ninth has its turn, and all of its time.
  const [ninth] = await lab.take();
  await lab.clock.advance(1999);
  assert.equal(ninth!.signal.aborted, false);
  ninth!.resolve();
  await settled();
  assert.equal(lab.clock.pending, 0);
  assert.deepEqual(lab.takeLines(), []);
});

test("who cannot be told is said once, without what is secret", async (lab) => {
  const program = { kind: "program", command: ["/usr/bin/tell", "--password", "s3cret"] } as const;
  const hook = "https://me:s3cret@hooks.example:8443/services/s3cret?token=s3cret#s3cret";
  const of = `was not told of server-down of ${named(1)}`;
  const url = (url: string) => ({ kind: "url", url }) as const;
  const [late, defect] = [new LvscareError("status 500"), new TypeError("a defect")];
  for (
    const [to, error, line] of [
      [program, late, `warn /usr/bin/tell ${of}: status 500`],
      [url(hook), late, `warn https://hooks.example:8443 ${of}: status 500`],
      [url("http://[fd00::1]/s3cret"), defect, `warn http://[fd00::1] ${of}: TypeError: a defect`],
    ] as const
  ) {
    lab.fail(1, [notifyConfig([], { to })]);
    const [errand] = await lab.take();
    errand!.reject(error);
    await settled();
    assert.deepEqual(lab.takeLines(), [line]);
  }
  // Before anything is waited for, too.
  lab.tell = () => {
    throw new LvscareError("it was not found");
  };
  lab.fail(1);
  await settled();
  assert.deepEqual(lab.takeLines(), [`warn /usr/bin/tell ${of}: it was not found`]);
  assert.equal(lab.clock.pending, 0);
});

test("at the end those are told who want to be: of servers that are up, and of the service", async (lab) => {
  const notify = [notifyConfig()];
  const servers = [1, 2, 3].map((n) => serverConfig(n, { notify }));
  const config = configOf([
    serviceConfig(1, servers, { notify, notifiesEnd: true }),
    serviceConfig(2, servers, { notify }),
    serviceConfig(3, servers, { notify: [notifyConfig(["quorum-up"])], notifiesEnd: true }),
  ]);
  const health = new Map([
    [named(1), new Map([[at(1), UP], [at(2), DOWN]])],
    [named(3), new Map(servers.map(({ name }) => [name, DOWN]))],
  ]);
  let isOver = false;
  const over = lab.notifications.end(config, health).then(() => isOver = true);
  const told = await lab.take();
  assert.deepEqual(
    told.map(({ message: { event, service, server, reason } }) => [event, service, server, reason]),
    [
      ["server-down", named(1), at(1), "the program ends"],
      // It is never checked.
      ["server-down", named(1), at(3), "the program ends"],
      ["quorum-down", named(1), undefined, "the program ends"],
    ],
  );
  for (const { resolve } of told.slice(1)) resolve();
  await settled();
  assert.equal(isOver, false);
  told[0]!.resolve();
  await over;
});

test("at the end also those are told who had to wait for their turn", async (lab) => {
  const notify = [notifyConfig()];
  const servers = Array.from({ length: 30 }, (_, i) => serverConfig(i + 1, { notify }));
  let told = 0;
  lab.tell = async () => {
    await settled();
    told++;
  };
  const config = configOf([serviceConfig(1, servers, { notifiesEnd: true })]);
  await lab.notifications.end(config, new Map());
  assert.equal(told, 30);
});
