import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { parseGuestArguments } from "../../scripts/vm/arguments.ts";

Deno.test("parseGuestArguments() has defaults, and no command means a shell", () => {
  assert.deepEqual(parseGuestArguments([]), {
    command: [],
    without: [],
    env: {},
    kernel: "default",
    memoryMib: 4096,
    cpus: 2,
    accel: "tcg,thread=multi",
    console: false,
    help: false,
  });
});

Deno.test("parseGuestArguments() takes all after the first -- as the command", () => {
  const { command, timeoutSeconds } = parseGuestArguments(
    ["--timeout=1.5", "--", "env", "--", "--out", ""],
  );
  assert.deepEqual(command, ["env", "--", "--out", ""]);
  assert.equal(timeoutSeconds, 1.5);
});

Deno.test("parseGuestArguments() names each set of missing modules in one way", () => {
  const { without } = parseGuestArguments(
    ["--without", "nf-tables", "--without=dummy", "--without", "nf_tables"],
  );
  assert.deepEqual(without, ["dummy", "nf_tables"]);
});

Deno.test("parseGuestArguments() splits a variable at its first =", () => {
  const { env } = parseGuestArguments(["--env", "A=b=c\nd", "--env", "E="]);
  assert.deepEqual(env, { A: "b=c\nd", E: "" });
});

for (
  const [name, args, message] of [
    ["an unknown option", ["--fast"], /'--fast'/],
    ["a command without --", ["ls"], /'ls'/],
    ["a missing value", ["--out"], /--out/],
    ["a value for a flag", ["--console=no"], /--console/],
    ["no memory", ["--memory", "0"], /--memory "0"/],
    ["a fraction of a processor", ["--cpus", "1.5"], /--cpus "1.5"/],
    ["a time that is no number", ["--timeout", "5s"], /--timeout "5s"/],
    ["a variable without a value", ["--env", "A"], /--env "A"/],
  ] as const
) {
  Deno.test(`parseGuestArguments() refuses ${name} in one line`, () => {
    assert.throws(() => parseGuestArguments(args), (err) => {
      assert.ok(err instanceof UsageError);
      assert.match(err.message, message);
      assert.ok(!err.message.includes("\n"));
      return true;
    });
  });
}
