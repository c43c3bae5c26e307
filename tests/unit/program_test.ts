import assert from "node:assert/strict";
import { complete } from "../../src/cli/completions.ts";
import { NO_DOCTOR, NO_INSTALLER, NO_SERVICES, NO_TOOLS } from "../support/run_host.ts";
import type { Output } from "../../src/cli/output.ts";
import { type CliHost, createProgram, runCli } from "../../src/cli/program.ts";
import { describeError, reportError } from "../../src/cli/report.ts";
import { ConfigError, KernelError, LvscareError, UsageError } from "../../src/errors.ts";

function capture(): Output & { stdout: string; stderr: string } {
  return {
    stdout: "",
    stderr: "",
    out(text) {
      this.stdout += text;
    },
    err(text) {
      this.stderr += text;
    },
  };
}

/** Nothing here reaches for the kernel. */
const never = () => Promise.reject(new LvscareError("not here"));
const host: CliHost = {
  care: { env: () => undefined, readHosts: never, runCare: never },
  services: NO_SERVICES,
  ...NO_TOOLS,
  doctor: NO_DOCTOR,
  installer: NO_INSTALLER,
  runDemo: never,
  openIpvsTable: () => Promise.reject(new LvscareError("no table")),
  readStdin: () => Promise.resolve(""),
  readTextFile: () => Promise.reject(new Deno.errors.NotFound()),
};

async function run(...args: string[]) {
  const output = capture();
  const status = await runCli(args, { output, host, debug: false });
  return { status, stdout: output.stdout, stderr: output.stderr };
}

Deno.test("a wrong command line gets one line that names it and a suggestion, and status 2", async () => {
  const cases: [string[], RegExp][] = [
    [["--vresion"], /unknown option '--vresion' \(did you mean --version\?\)/],
    [["-x"], /unknown option '-x' \(see lvscare --help\)/],
    [["vresion"], /unknown command 'vresion' \(did you mean version\?\)/],
    [["nothing-like-it"], /unknown command 'nothing-like-it' \(see lvscare --help\)/],
    [["version", "--outptu"], /unknown option '--outptu' \(did you mean --output\?\)/],
    [
      ["version", "--output"],
      /'-o, --output <format>' argument missing \(see lvscare version --help\)/,
    ],
    [["version", "-o", "yaml"], /argument 'yaml' is invalid: must be one of text, json/],
    [["version", "more"], /too many arguments for 'version'/],
    [["completions"], /missing required argument 'shell' \(see lvscare completions --help\)/],
    [["completions", "tcsh"], /'tcsh' is invalid .*: must be one of bash, zsh, fish/],
    [["version\n--bad"], /unknown command/],
    [["ipvs", "--backend", "magic", "list"], /--backend "magic": must be netlink or command/],
    [["ipvs", "-A", "-t", "10.0.0.1:99999"], /99999/],
    [["ipvs", "lsit"], /lsit/],
  ];
  for (const [args, wanted] of cases) {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 2, args.join(" "));
    assert.equal(stdout, "", args.join(" "));
    assert.match(stderr, /^lvscare: [^\n]+\n$/, args.join(" "));
    assert.match(stderr, wanted);
  }
});

Deno.test("help is on standard output and has groups and examples, with no arguments too", async () => {
  const asked = await run("--help");
  assert.equal(asked.status, 0);
  assert.equal(asked.stderr, "");
  for (const part of ["Usage: lvscare", "This program:", "version", "completions", "Examples:"]) {
    assert.ok(asked.stdout.includes(part), part);
  }
  assert.ok(!asked.stdout.includes("__complete"));
  assert.deepEqual(await run(), asked);
});

Deno.test("version says the same as text and as JSON", async () => {
  const text = await run("version");
  assert.equal(text.status, 0);
  assert.match(text.stdout, /^lvscare \S+\ncommit {2}\S+\ndeno {4}\d+\.\d+\.\d+\nbuild {3}.+\n$/);
  const { version, commit, deno } = JSON.parse((await run("version", "-o", "json")).stdout);
  for (const word of [version, commit, deno]) assert.ok(text.stdout.includes(word), word);
});

Deno.test("describeError() says where, what and what to do, in one line", () => {
  const cases: [unknown, string | RegExp][] = [
    [new LvscareError("no"), "no"],
    [new LvscareError("a\n  b", { hint: "load it" }), "a; b (load it)"],
    [
      new ConfigError("weight 70000: must be 0 to 65535", {
        file: "a.yaml",
        line: 3,
        column: 5,
        path: "services[0].weight",
      }),
      "a.yaml:3:5: services[0].weight: weight 70000: must be 0 to 65535",
    ],
    [new ConfigError("x", { path: "--vs" }), "--vs: x"],
    [
      new TypeError("x is undefined"),
      /^internal error: x is undefined \(run it with LVSCARE_DEBUG=1/,
    ],
    ["thrown text", /^internal error: thrown text/],
  ];
  for (const [error, wanted] of cases) {
    const said = describeError(error);
    if (typeof wanted === "string") assert.equal(said, wanted);
    else assert.match(said, wanted);
  }
});

Deno.test("a trace is shown only in debug mode, and the status is the error's", () => {
  const error = new UsageError("bad", { cause: new Error("deeper") });
  const quiet = capture();
  assert.equal(reportError(error, quiet, false), 2);
  assert.equal(quiet.stderr, "lvscare: bad\n");
  const loud = capture();
  assert.equal(reportError(error, loud, true), 2);
  assert.match(loud.stderr, /at .*program_test/);
  assert.match(loud.stderr, /deeper/);
  assert.equal(reportError(new KernelError("busy", "X", "EBUSY"), capture(), false), 1);
  assert.equal(reportError(new Error("defect"), capture(), false), 1);
});

Deno.test("errors answer for their errno only", () => {
  const error = new KernelError("exists", "IPVS_CMD_NEW_SERVICE", "EEXIST");
  assert.ok(error.is("EEXIST"));
  assert.ok(!error.is("ENOENT"));
  assert.ok(!new LvscareError("x").is("EEXIST"));
});

Deno.test("complete() offers what may stand in place of the last word", () => {
  const program = createProgram({ output: capture(), host, debug: false, setStatus: () => {} });
  const cases: [string[], string[]][] = [
    [[""], [
      "care",
      "run",
      "demo",
      "check",
      "convert",
      "plan",
      "reload",
      "status",
      "probe",
      "doctor",
      "ipvs",
      "generate",
      "install",
      "uninstall",
      "version",
      "completions",
    ]],
    [["ver"], ["version"]],
    [["--ver"], ["--version"]],
    [["completions", ""], ["bash", "zsh", "fish"]],
    [["completions", "z"], ["zsh"]],
    [["version", "--o"], ["--output"]],
    [["version", "--output", ""], ["text", "json"]],
    [["version", "-o", "j"], ["json"]],
    [["version", "--output="], ["--output=text", "--output=json"]],
    [["version", "--output=json", "--h"], ["--help"]],
    [["nothing", "like", "it"], []],
  ];
  for (const [words, wanted] of cases) {
    assert.deepEqual(complete(program, words).map(({ value }) => value), wanted, words.join(" "));
  }
});

Deno.test("a command that is named is made as it is made among all others", () => {
  const context = { output: capture(), host, debug: false, setStatus: () => {} };
  const all = createProgram(context).commands;
  assert.ok(all.length >= 13, `found ${all.length}`);
  for (const command of all) {
    const alone = createProgram(context, command.name()).commands;
    const found = alone.find((each) => each.name() === command.name());
    assert.equal(found?.helpInformation(), command.helpInformation(), command.name());
  }
});
