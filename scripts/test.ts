/** Runs the checks and tests, and says in its last line how many passed and failed. */

import { GUEST_PACKAGES } from "./vm/packages.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const DENO = `${ROOT}scripts/deno`;

/** What a stage adds to the count. */
interface Count {
  passed: number;
  failed: number;
}

interface Stage {
  readonly name: string;
  /** Runs with what stands behind `--`: words that narrow the tests. */
  readonly run: (words: readonly string[]) => Promise<Count>;
}

/** Debian packages that tests use. What the guest needs is listed with the guest. */
const NATIVE_PACKAGES = [
  "binutils",
  "binutils-aarch64-linux-gnu",
  "ca-certificates",
  "dnsmasq-base",
  "gcc",
  "git",
  "iproute2",
  "ipset",
  "iptables",
  "keepalived",
  "libc6-dev",
  "libnl-3-200",
  "nftables",
  "nginx-light",
  "openssl",
  "python3-aiosmtpd",
  "python3-grpcio",
  "util-linux",
];
/** What benchmarks compare with. */
const BENCH_PACKAGES = ["haproxy", "wrk"];
const IN_GUEST_PACKAGES = ["curl", "ipvsadm", "keepalived", "libcap2-bin"];

const STATIC: readonly Stage[] = [
  { name: "format", run: () => check(DENO, "fmt", "--check", "--quiet") },
  { name: "lint", run: () => check(DENO, "lint", "--quiet") },
  {
    name: "types",
    run: () => check(DENO, "check", "--quiet", "main.ts", "scripts", "src", "tests"),
  },
  { name: "imports", run: () => check(`${ROOT}scripts/check_imports`) },
];

const NATIVE: readonly Stage[] = ["unit", "golden", "property", "conformance"].map((name) => ({
  name,
  run: (words) => denoTest([`tests/${name}`], words, native),
}));

/** Benchmarks run once and shortly, so that they cannot rot; what they measure is not judged. */
const BENCH: Stage = {
  name: "bench",
  run: async (words) => {
    const count: Count = { passed: 0, failed: 0 };
    for (const { name } of Deno.readDirSync("tests/bench")) {
      const text = name.endsWith(".ts")
        ? await Deno.readTextFile(`tests/bench/${name}`)
        : "export ";
      if (/^export /m.test(text) || !words.every((word) => name.includes(word))) continue;
      const { passed, failed } = await check(
        `${ROOT}scripts/bench`,
        name.replace(/\.ts$/, ""),
        "1",
      );
      count.passed += passed;
      count.failed += failed;
    }
    return count;
  },
};

const GUEST: Stage = {
  name: "guest",
  run: (words) => denoTest(["tests/kernel", "tests/e2e"], words, guest),
};

/** Tests on this machine that start guests of their own. */
const BOOT: Stage = { name: "boot", run: (words) => denoTest(["tests/boot"], words, native) };

const GROUPS: Readonly<Record<string, readonly Stage[]>> = {
  static: STATIC,
  native: [...NATIVE, BENCH],
  all: [...STATIC, ...NATIVE, BENCH, BOOT, GUEST],
};

const USAGE = `usage: scripts/test [STAGE…] [-- WORD…]

Stages: ${[...GROUPS["all"] ?? []].map(({ name }) => name).join(" ")}
Groups: static (all checks), native (all tests without the guest), all (the default)

With words, only test files whose path has one of them are run, or, where there is no such file, only tests
whose name has one.`;

/** How the tests of a stage are started: natively, or inside the guest. */
type Launch = (args: string[], report: string) => Promise<boolean>;

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const split = args.includes("--") ? args.indexOf("--") : args.length;
  const stages = chooseStages(args.slice(0, split));
  const words = args.slice(split + 1);
  if (stages === undefined) return 2;
  Deno.chdir(ROOT);
  if (!Deno.stdout.isTerminal()) Deno.env.set("NO_COLOR", "1");
  const total: Count = { passed: 0, failed: 0 };
  if (!await installPackages(stages)) total.failed++;
  else {
    for (const stage of stages) {
      const started = performance.now();
      console.log(`\n== ${stage.name}`);
      const count = await stage.run(words).catch((err: Error) => {
        console.error(err.message);
        return { passed: 0, failed: 1 };
      });
      if (count.passed + count.failed === 0) {
        console.error(`${stage.name}: ran nothing`);
        count.failed = 1;
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`-- ${stage.name}: ${count.passed} passed, ${count.failed} failed, ${seconds} s`);
      total.passed += count.passed;
      total.failed += count.failed;
    }
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

function chooseStages(names: readonly string[]): readonly Stage[] | undefined {
  const all = GROUPS["all"] ?? [];
  const find = (name: string) => GROUPS[name] ?? all.filter((stage) => stage.name === name);
  const unknown = names.find((name) => find(name).length === 0);
  if (unknown !== undefined) {
    console.error(`scripts/test: no stage "${unknown}"\n\n${USAGE}`);
    return undefined;
  }
  const chosen = names.flatMap(find);
  return names.length === 0 ? all : all.filter((stage) => chosen.includes(stage));
}

/** Installs the Debian packages that the stages need, or says what to install. */
async function installPackages(stages: readonly Stage[]): Promise<boolean> {
  const wanted: string[] = [];
  if (stages.some((stage) => NATIVE.includes(stage))) wanted.push(...NATIVE_PACKAGES);
  if ([GUEST, BOOT, BENCH].some((stage) => stages.includes(stage))) {
    wanted.push(...NATIVE_PACKAGES, ...GUEST_PACKAGES, ...IN_GUEST_PACKAGES);
  }
  if ([BENCH, BOOT].some((stage) => stages.includes(stage))) wanted.push(...BENCH_PACKAGES);
  const missing = [...new Set(wanted)].filter((name) => !isInstalled(name));
  if (missing.length === 0) return true;
  if (Deno.uid() !== 0) {
    console.error(`scripts/test: these packages are missing: apt-get install ${missing.join(" ")}`);
    return false;
  }
  console.log(`installing ${missing.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...missing]]) {
    const { success, stdout, stderr } = await new Deno.Command("apt-get", { args, env }).output();
    if (success) continue;
    Deno.stderr.writeSync(stdout);
    Deno.stderr.writeSync(stderr);
    return false;
  }
  return true;
}

function isInstalled(name: string): boolean {
  const args = ["-W", "-f", "\${db:Status-Status}", name];
  const { success, stdout } = new Deno.Command("dpkg-query", { args, stderr: "null" }).outputSync();
  return success && new TextDecoder().decode(stdout) === "installed";
}

/** A program that passes or fails as a whole. */
async function check(program: string, ...args: string[]): Promise<Count> {
  const passed = await spawn(program, args);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
}

async function denoTest(
  folders: readonly string[],
  words: readonly string[],
  launch: Launch,
): Promise<Count> {
  const files = folders.flatMap((folder) => [...testFiles(folder)]).sort();
  const named = files.filter((file) => words.some((word) => file.includes(word)));
  const filter = words.length > 0 && named.length === 0 ? [`--filter=/${words.join("|")}/`] : [];
  const chosen = named.length > 0 ? named : files;
  if (chosen.length === 0) return { passed: 0, failed: 0 };
  const folder = await Deno.makeTempDir({ prefix: "lvscare-test-" });
  try {
    const ok = await launch(["--no-check", "--hide-stacktraces", ...filter, ...chosen], folder);
    const count = readReport(await Deno.readTextFile(`${folder}/report.xml`).catch(() => ""));
    // A run that fails without a failed test (a leak, an error at load, a dead guest) has failed too.
    if (!ok && count.failed === 0) count.failed = 1;
    return count;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function* testFiles(folder: string): Generator<string> {
  try {
    for (const entry of Deno.readDirSync(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) yield* testFiles(path);
      else if (path.endsWith("_test.ts")) yield path;
    }
  } catch (err) {
    if (!(err instanceof Deno.errors.NotFound)) throw err;
  }
}

function native(args: string[], report: string): Promise<boolean> {
  return spawn(DENO, ["test", "-A", `--junit-path=${report}/report.xml`, ...args]);
}

async function guest(args: string[], report: string): Promise<boolean> {
  // What the guest would compile itself, twenty times as slowly, is compiled here first.
  const files = args.filter((arg) => arg.endsWith(".ts"));
  await spawn(DENO, ["cache", "--quiet", "--no-check", ...files]);
  await spawn(`${ROOT}scripts/build`, []);
  // To pack it takes ten seconds here, and minutes there.
  if (files.some((file) => file.endsWith("/image_test.ts"))) {
    await spawn(`${ROOT}scripts/image`, []);
  }
  return await spawn(`${ROOT}scripts/guest`, [
    ...[
      "--timeout",
      "4500",
      "--out",
      report,
      "--env",
      `NO_COLOR=${Deno.env.get("NO_COLOR") ?? ""}`,
    ],
    "--",
    ...[DENO, "test", "-A", "--junit-path=/out/report.xml", ...args],
  ]);
}

/** Counts from a JUnit report. A skipped test has not passed: what is skipped was not seen to work. */
export function readReport(xml: string): Count {
  const suites = /<testsuites[^>]*>/.exec(xml)?.[0] ?? "";
  const attribute = (name: string) =>
    Number(new RegExp(` ${name}="(\\d+)"`).exec(suites)?.[1] ?? 0);
  const skipped = xml.match(/<skipped/g)?.length ?? 0;
  const failed = attribute("failures") + attribute("errors") + skipped;
  return { passed: attribute("tests") - failed, failed };
}

async function spawn(program: string, args: string[]): Promise<boolean> {
  const options = { args, stdin: "null", stdout: "inherit", stderr: "inherit" } as const;
  const { success } = await new Deno.Command(program, options).spawn().status;
  return success;
}
