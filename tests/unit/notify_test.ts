import assert from "node:assert/strict";
import { type NotifyEnvironment, openNotifier } from "../../src/care/notify.ts";
import { errnoName } from "../../src/sys/errno.ts";
import { lastErrno, libc } from "../../src/sys/libc.ts";
import { encodeUnixAddress, kernelMonotonicUs } from "../../src/sys/notify_socket.ts";
import { withFolder } from "../support/process.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;

/** Listens where systemd would. */
function listen(address: string) {
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const target = encodeUnixAddress(address);
  assert.equal(libc().bind(fd, target, target.length), 0, errnoName(lastErrno()));
  return {
    /** The oldest datagram that was not yet taken, or undefined. */
    take(): string | undefined {
      const bytes = new Uint8Array(65536);
      const length = Number(libc().recv(fd, bytes, BigInt(bytes.length), 0));
      return length < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, length));
    },
    [Symbol.dispose]: () => libc().close(fd),
  };
}

/** A notifier with the warnings that it gave. */
function open(env: NotifyEnvironment, pid = 42) {
  const warnings: string[] = [];
  const notifier = openNotifier(env, {
    warn: (text) => warnings.push(text),
    pid,
    monotonicUs: () => 123_456_789n,
  });
  return { notifier, warnings };
}

for (const kind of ["a path", "an abstract name"]) {
  Deno.test(`systemd is told everything in a datagram each, at ${kind}`, () =>
    withFolder((folder) => {
      const address = kind === "a path" ? `${folder}/notify` : `@${folder}/notify`;
      using systemd = listen(address);
      const { notifier, warnings } = open({ NOTIFY_SOCKET: address });
      assert.ok(notifier);
      using told = notifier;
      assert.ok(told.ready() && told.status("3 servers up") && told.watchdog());
      assert.ok(told.reloading() && told.stopping());
      assert.deepEqual(Array.from({ length: 6 }, () => systemd.take()), [
        "READY=1",
        "STATUS=3 servers up",
        "WATCHDOG=1",
        "RELOADING=1\nMONOTONIC_USEC=123456789",
        "STOPPING=1",
        undefined,
      ]);
      assert.deepEqual(warnings, []);
      return Promise.resolve();
    }));
}

const STATUSES: readonly { name: string; text: string; is: string }[] = [
  { name: "with a newline", text: "fine\nREADY=1", is: "fine READY=1" },
  { name: "with control characters", text: "\u001b[0mfine\r\n\0", is: "[0mfine" },
  { name: "that is too long", text: "x".repeat(9999), is: "x".repeat(4096 - 7) },
  { name: "cut inside a character", text: "\u20ac".repeat(2000), is: "\u20ac".repeat(1363) },
];

for (const { name, text, is } of STATUSES) {
  Deno.test(`a status ${name} is one line that systemd takes`, () =>
    withFolder((folder) => {
      using systemd = listen(`${folder}/notify`);
      const { notifier } = open({ NOTIFY_SOCKET: `${folder}/notify` });
      using told = notifier!;
      assert.ok(told.status(text));
      assert.equal(systemd.take(), `STATUS=${is}`);
      return Promise.resolve();
    }));
}

Deno.test("a dead systemd is warned of once, and found again when it is back", () =>
  withFolder((folder) => {
    const address = `${folder}/notify`;
    const { notifier, warnings } = open({ NOTIFY_SOCKET: address });
    using told = notifier!;
    assert.deepEqual([told.ready(), told.watchdog(), told.reloading()], [false, false, false]);
    assert.deepEqual(warnings, [
      `cannot tell systemd READY=1: send to "${address}": no such thing (ENOENT)`,
    ]);
    {
      using systemd = listen(address);
      assert.ok(told.watchdog());
      assert.equal(systemd.take(), "WATCHDOG=1");
    }
    assert.ok(!told.watchdog(), "the socket's file is there, but nobody listens");
    assert.equal(warnings.length, 1);
    return Promise.resolve();
  }));

Deno.test("a systemd that reads nothing is not waited for", () =>
  withFolder((folder) => {
    using systemd = listen(`${folder}/notify`);
    const { notifier, warnings } = open({ NOTIFY_SOCKET: `${folder}/notify` });
    using told = notifier!;
    let sent = 0;
    while (sent < 100_000 && told.watchdog()) sent++;
    assert.ok(sent > 0 && sent < 100_000, `${sent} were sent`);
    assert.match(warnings.join(), /\(EAGAIN\)$/);
    while (systemd.take() !== undefined) sent--;
    assert.equal(sent, 0);
    assert.ok(told.watchdog());
    return Promise.resolve();
  }));

Deno.test("a notifier that was disposed of sends nothing more", () =>
  withFolder((folder) => {
    using systemd = listen(`${folder}/notify`);
    const { notifier, warnings } = open({ NOTIFY_SOCKET: `${folder}/notify` });
    notifier![Symbol.dispose]();
    using other = listen(`${folder}/other`); // it has the number that the notifier's socket had
    assert.ok(!notifier!.ready());
    notifier![Symbol.dispose]();
    assert.equal(systemd.take(), undefined);
    assert.equal(errnoAfter(() => other.take()), "EAGAIN", "the other's socket was closed");
    assert.match(warnings.join(), /\(EBADF\)$/);
    return Promise.resolve();
  }));

function errnoAfter(body: () => unknown): string {
  body();
  return errnoName(lastErrno());
}

Deno.test("without systemd there is no notifier", () => {
  for (const env of [{}, { NOTIFY_SOCKET: "" }, { WATCHDOG_USEC: "1" }]) {
    const { notifier, warnings } = open(env);
    assert.deepEqual([notifier, warnings], [undefined, []]);
  }
});

const ADDRESSES: readonly { name: string; address: string; fault: RegExp }[] = [
  { name: "that is relative", address: "run/notify", fault: /is no address, must be a path/ },
  { name: "of vsock", address: "vsock:2:1234", fault: /is no address, must be a path/ },
  { name: "without a name", address: "@", fault: /is no address, must be a path/ },
  { name: "of the root", address: "/", fault: /is no address, must be a path/ },
  { name: "with a NUL", address: "/a\0b", fault: /holds a NUL, must hold none/ },
  {
    name: "too long",
    address: `/${"x".repeat(107)}`,
    fault: /has 108 bytes, must have at most 107/,
  },
  {
    name: "too long in bytes",
    address: `@${"\u20ac".repeat(36)}`,
    fault: /has 109 bytes, must have at most 107/,
  },
];

for (const { name, address, fault } of ADDRESSES) {
  Deno.test(`a notification socket ${name} is warned of and not used`, () => {
    const { notifier, warnings } = open({ NOTIFY_SOCKET: address });
    assert.equal(notifier, undefined);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]!.includes(JSON.stringify(address)) && !warnings[0]!.includes("\n"));
    assert.match(warnings[0]!, fault);
  });
}

Deno.test("the longest addresses are used whole", () => {
  for (const address of [`/${"x".repeat(106)}`, `@${"x".repeat(106)}`]) {
    const encoded = encodeUnixAddress(address);
    assert.equal(
      new TextDecoder().decode(encoded.subarray(3)).replace(/\0$/, ""),
      address.slice(1),
    );
    assert.ok(encoded.length <= 110);
  }
});

interface Watchdog {
  readonly name: string;
  readonly env: Omit<NotifyEnvironment, "NOTIFY_SOCKET">;
  readonly is: number | undefined;
  readonly warned?: true;
}

const WATCHDOGS: readonly Watchdog[] = [
  { name: "half of the time", env: { WATCHDOG_USEC: "30000000" }, is: 15_000 },
  { name: "none without a time", env: {}, is: undefined },
  { name: "none with an empty time", env: { WATCHDOG_USEC: "" }, is: undefined },
  { name: "ours by our pid", env: { WATCHDOG_USEC: "3000000", WATCHDOG_PID: "42" }, is: 1500 },
  { name: "not ours", env: { WATCHDOG_USEC: "3000000", WATCHDOG_PID: "43" }, is: undefined },
  { name: "never 0", env: { WATCHDOG_USEC: "1" }, is: 1 },
  { name: "what a timer takes", env: { WATCHDOG_USEC: "18446744073709551614" }, is: 2 ** 31 - 1 },
  { name: "none for 0", env: { WATCHDOG_USEC: "0" }, is: undefined, warned: true },
  { name: "none for words", env: { WATCHDOG_USEC: "30s" }, is: undefined, warned: true },
];

for (const { name, env, is, warned } of WATCHDOGS) {
  Deno.test(`the watchdog's interval is ${name}`, () => {
    const { notifier, warnings } = open({ NOTIFY_SOCKET: "@lvscare-test-none", ...env });
    using told = notifier!;
    assert.equal(told.watchdogIntervalMs, is);
    assert.equal(warnings.length, warned ? 1 : 0);
  });
}

Deno.test("kernelMonotonicUs() is the clock that all processes share", async () => {
  const code = `import { kernelMonotonicUs } from ${
    JSON.stringify(new URL("../../src/sys/notify_socket.ts", import.meta.url).href)
  }; console.log(String(kernelMonotonicUs()));`;
  const before = kernelMonotonicUs();
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
  const between = BigInt(new TextDecoder().decode(stdout).trim());
  assert.ok(before < between && between < kernelMonotonicUs());
});
