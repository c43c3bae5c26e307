import assert from "node:assert/strict";
import { Command } from "@commander-js/extra-typings";
import { addCare } from "../../src/cli/care.ts";
import { complete } from "../../src/cli/completions.ts";
import { CARE_FLAGS, careVariable } from "../../src/config/care_flags.ts";
import { ConfigError, UsageError } from "../../src/errors.ts";
import { NO_SERVICES, NO_TOOLS } from "../support/run_host.ts";
import { runCare } from "../support/care_command.ts";

const GOOD = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80"];

Deno.test("care ends with the status that its run ends with", async () => {
  for (const status of [0, 1]) assert.equal((await runCare(GOOD, { status })).status, status);
});

Deno.test("care's help names every flag with what it is without, in groups", async () => {
  assert.equal(CARE_FLAGS.length, 35);
  const { help, status, config } = await runCare(["--vs", "nonsense", "--help"]);
  assert.equal(status, 0);
  assert.equal(config, undefined);
  const text = help.replace(/\s+/g, " ");
  for (const { name, group, ...flag } of CARE_FLAGS) {
    assert.ok(text.includes(`--${name} `), name);
    assert.ok(help.includes(`\n${group}\n`), group);
    const initial = "initial" in flag ? flag.initial : "";
    if (initial !== "") assert.ok(text.includes(`(default: ${initial})`), `${name} ${initial}`);
  }
  assert.ok(!help.includes("[value]"));
  assert.ok(help.split("\n").every((line) => line.length <= 100));
});

Deno.test("-h anywhere shows the help, and as the value of a flag does not", async () => {
  assert.match((await runCare(["-h"])).help, /^Usage: lvscare care/);
  const { help, said } = await runCare([...GOOD, "--state-dir", "-h"]);
  assert.equal(help, "");
  assert.match(said, /^--state-dir "-h"/);
});

Deno.test("what the command line says is a UsageError, what the environment says a ConfigError", async () => {
  assert.ok((await runCare([...GOOD, "--rise=x"])).error instanceof UsageError);
  assert.ok((await runCare(GOOD, { env: { CARE_RISE: "x" } })).error instanceof ConfigError);
});

Deno.test("an unknown flag is named before what is missing, and wrong values before neither", async () => {
  assert.match((await runCare(["--rss", "x"])).said, /^unknown option '--rss'/);
  assert.match((await runCare(["--rise=x", "--rss"])).said, /^unknown option '--rss'/);
  assert.match((await runCare(["--rise=x"])).said, /^--vs is missing/);
});

Deno.test("long and wild values are shown short and tame", async () => {
  const { said } = await runCare([...GOOD, "--mode", `\x1b[2J\u202e${"x".repeat(200)}`]);
  assert.equal(
    said,
    `--mode "\\u001b[2J\\u{202e}${"x".repeat(75)}...": must be route, link or empty`,
  );
});

Deno.test("careVariable() writes a flag's name as the environment does", () => {
  assert.equal(careVariable("vs"), "CARE_VS");
  assert.equal(careVariable("health-req-headers"), "CARE_HEALTH_REQ_HEADERS");
});

Deno.test("completions know care's flags and the values that they can have", () => {
  const program = new Command("lvscare");
  const never = () => Promise.reject(new Error("not in completions"));
  addCare(program, {
    output: { out: () => {}, err: () => {} },
    host: {
      openIpvsTable: never,
      readStdin: never,
      readTextFile: never,
      care: { env: () => undefined, readHosts: never, runCare: never },
      services: NO_SERVICES,
      ...NO_TOOLS,
      runDemo: never,
    },
    debug: false,
    setStatus: () => {},
  });
  const values = (...words: string[]) => complete(program, words).map(({ value }) => value);
  assert.deepEqual(values("care", "--health-s"), ["--health-schem", "--health-status"]);
  assert.deepEqual(values("care", "--mode", ""), ["route", "link"]);
  assert.deepEqual(values("care", "--run-once", "--log-format=j"), ["--log-format=json"]);
});
