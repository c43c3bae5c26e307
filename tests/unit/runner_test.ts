import assert from "node:assert/strict";
import { CommandError, UnsupportedError } from "../../src/errors.ts";
import { ProcessRunner, type RunOptions } from "../../src/kernel/command/runner.ts";

const runner = new ProcessRunner();

async function failure(
  argv: [string, ...string[]],
  options: RunOptions = {},
): Promise<CommandError> {
  let caught: unknown;
  await runner.run(argv, options).catch((error) => caught = error);
  assert.ok(caught instanceof CommandError, String(caught));
  return caught;
}

Deno.test("run() gives arguments as they are: no shell looks at them", async () => {
  const words = ["a b", "$HOME", "*", "`id`", ";", "'", '"', ""];
  const { stdout } = await runner.run(["printf", "%s\\n", ...words]);
  assert.equal(stdout, words.map((word) => `${word}\n`).join(""));
});

Deno.test("run() gives the program the C locale and a path, and nothing else of ours", async () => {
  const { stdout } = await runner.run(["env"]);
  assert.deepEqual(stdout.trim().split("\n").toSorted(), [
    "LC_ALL=C",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
  ]);
});

Deno.test("run() writes all of its input, also where it is more than a pipe holds", async () => {
  const stdin = "0123456789abcdef".repeat(1 << 16);
  assert.equal((await runner.run(["cat"], { stdin })).stdout, stdin);
  const bytes = new TextEncoder().encode("bytes");
  assert.equal((await runner.run(["cat"], { stdin: bytes })).stdout, "bytes");
  assert.equal((await runner.run(["cat"])).stdout, "");
});

Deno.test("run() does not mind a program that does not read its input", async () => {
  const stdin = "x".repeat(1 << 20);
  assert.equal((await runner.run(["true"], { stdin })).status, 0);
  assert.equal((await failure(["false"], { stdin })).exit, 1);
});

Deno.test("run() keeps letters whole where chunks cut them", async () => {
  const stdin = "äöü€😀".repeat(50_000);
  assert.equal((await runner.run(["cat"], { stdin })).stdout, stdin);
});

Deno.test("run() says what failed: the command, its status, its words", async () => {
  const error = await failure(["ls", "/no/such/place"]);
  assert.equal(error.exit, 2);
  assert.deepEqual(error.argv, ["ls", "/no/such/place"]);
  assert.match(error.stderr, /No such file or directory\n$/);
  assert.match(
    error.message,
    /^run ls \/no\/such\/place: exit status 2: .*No such file or directory$/,
  );
  const expected = await runner.run(["ls", "/no/such/place"], { expect: [0, 2] });
  assert.equal(expected.status, 2);
  assert.match(expected.stderr, /No such file/);
});

Deno.test("run() ends a program that takes too long", async () => {
  const error = await failure(["sleep", "60"], { timeoutMs: 50 });
  assert.equal(error.exit, null);
  assert.equal(error.message, "run sleep 60: it took longer than 50 ms");
});

Deno.test("run() ends a program that says too much", async () => {
  const error = await failure(["yes"], { maxOutputBytes: 100_000 });
  assert.equal(error.exit, null);
  assert.equal(error.message, "run yes: it said more than 100000 bytes");
});

Deno.test("run() tells of the signal that ended a program", async () => {
  const error = await failure(["sh", "-c", "kill -TERM $$"]);
  assert.equal(error.exit, null);
  assert.match(error.message, /ended by signal SIGTERM$/);
});

Deno.test("run() of a program that is not there names it and its Debian package", async () => {
  const nowhere = new ProcessRunner("/nonexistent");
  const cases: [program: string, hint: string][] = [
    ["ipvsadm", "install it: apt-get install ipvsadm"],
    ["ip6tables", "install it: apt-get install iptables"],
    ["/nonexistent/ip", "install it: apt-get install iproute2"],
    ["strange", "install strange"],
  ];
  for (const [program, hint] of cases) {
    await assert.rejects(nowhere.run([program]), (error) => {
      assert.ok(error instanceof UnsupportedError, String(error));
      assert.equal(error.hint, hint);
      assert.equal(error.message, `run ${program}: there is no such program`);
      return true;
    });
  }
});
