/**
 * Makes dist/lvscare, one ELF file that needs nothing but the kernel and libc.
 *
 * Two kinds, from the same bundle and with the same permissions: what `deno compile` makes, where its base
 * binary (denort) is at hand; else the Deno runtime with the program packed into it (pack/elf.ts).
 */

import { parseArgs } from "node:util";
import config from "../deno.json" with { type: "json" };
import type { BuildInfo } from "../src/build_info.ts";
import { asModule, bundleScript } from "./bundle.ts";
import { packElf } from "./pack/elf.ts";
import { PERMISSION_FLAGS } from "./permissions.ts";
import { runProgram } from "./run_program.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const RUNTIME_PACKAGES: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "@deno/linux-x64-glibc",
  "aarch64-unknown-linux-gnu": "@deno/linux-arm64-glibc",
};

const USAGE = `usage: scripts/build [--base auto|compile|packed] [--target TRIPLE] [--output FILE]

  --base    auto     what deno compile makes if its base binary is at hand (DENORT_BIN, or denort beside
                     deno), else packed; the default
            compile  deno compile, which may fetch its base binary
            packed   the Deno runtime and the program in one file
  --target  ${Object.keys(RUNTIME_PACKAGES).join(" or ")}; default: this machine's
  --output  default: dist/lvscare, or dist/lvscare-TRIPLE for another target`;

/** The runtime's own settings, so that what is around the file when it starts cannot change what it does. */
const ISOLATION = ["--no-config", "--no-lock", "--no-remote", "--no-npm", "--no-code-cache"];

/**
 * A folder that cannot be, as no file system takes so long a name: the runtime looks for its caches there,
 * finds none and writes none. Where nothing is written, nothing can be put in its place either.
 */
export const NO_CACHE = `/${"no-cache-".repeat(32)}`;

/** What the runtime is given to run: the script is its first argument, which costs less than any module. */
const LOADER = "data:text/javascript,(0,eval)(Deno.args.shift())";

if (import.meta.main) {
  try {
    await main();
  } catch (err) {
    fail(
      (err as Error).message.split(/\n\s*Stack backtrace:/)[0]!.trim().replace(/\s*\n\s*/g, "; "),
      1,
    );
  }
}

async function main(): Promise<void> {
  const { base, target, output } = parseOptions();
  const denort = await findDenort();
  const kind = base === "auto"
    ? (denort && target === Deno.build.target ? "compile" : "packed")
    : base;
  const name = output.startsWith(ROOT) ? output.slice(ROOT.length) : output;
  const why = kind === "packed" && base === "auto"
    ? ", as there is no base binary for deno compile"
    : "";
  console.error(`building ${name} (${kind === "packed" ? "packed" : "deno compile"}${why})`);

  const scratch = await Deno.makeTempDir({ prefix: "lvscare-build-" });
  try {
    const info: BuildInfo = { ...(await describeSource()), base: kind };
    const prefix = `globalThis.lvscareBuild=${JSON.stringify(info)};`;
    const script = await bundleScript(ROOT, `${ROOT}main.ts`, scratch, prefix);
    // Beside its place and renamed into it: a running lvscare keeps its file, and no start sees half of one.
    const staged = `${output}.${crypto.randomUUID()}`;
    await Deno.mkdir(output.slice(0, output.lastIndexOf("/")), { recursive: true });
    try {
      if (kind === "compile") await compileProgram(script, target, staged, scratch);
      else await packProgram(script, target, staged, scratch);
      await Deno.rename(staged, output);
    } finally {
      await Deno.remove(staged).catch(() => {});
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

function parseOptions(): { base: string; target: string; output: string } {
  let values;
  try {
    values = parseArgs({
      options: {
        base: { type: "string", default: "auto" },
        target: { type: "string", default: Deno.build.target },
        output: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (err) {
    fail(`${(err as Error).message.split("\n")[0]}; see scripts/build --help`, 2);
  }
  if (values.help) {
    console.log(USAGE);
    Deno.exit(0);
  }
  const { base, target } = values;
  if (!["auto", "compile", "packed"].includes(base)) {
    fail(`--base "${base}": must be auto, compile or packed`, 2);
  }
  if (!(target in RUNTIME_PACKAGES)) {
    fail(`--target "${target}": must be ${Object.keys(RUNTIME_PACKAGES).join(" or ")}`, 2);
  }
  const suffix = target === Deno.build.target ? "" : `-${target}`;
  const output = values.output ?? `${ROOT}dist/lvscare${suffix}`;
  return { base, target, output: output.startsWith("/") ? output : `${Deno.cwd()}/${output}` };
}

async function findDenort(): Promise<string | undefined> {
  const beside = Deno.execPath().replace(/[^/]*$/, "denort");
  for (const path of [Deno.env.get("DENORT_BIN"), beside]) {
    if (path && await Deno.stat(path).then((info) => info.isFile, () => false)) return path;
  }
}

/** Version and commit, with a mark where the tree is not what the commit holds. */
async function describeSource(): Promise<Omit<BuildInfo, "base">> {
  const git = ["-C", ROOT, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
  const commit = await runProgram("git", git).catch(readHead);
  return { version: config.version, commit: commit.trim() };
}

/** The commit that is checked out, where there is no git to ask. */
async function readHead(): Promise<string> {
  try {
    const head = (await Deno.readTextFile(`${ROOT}.git/HEAD`)).trim();
    const ref = /^ref: (refs\/[\w./-]+)$/.exec(head)?.[1];
    return (ref ? await Deno.readTextFile(`${ROOT}.git/${ref}`) : head).slice(0, 12);
  } catch {
    return "unknown";
  }
}

async function compileProgram(
  script: string,
  target: string,
  output: string,
  scratch: string,
): Promise<void> {
  const module = `${scratch}/lvscare.js`;
  await Deno.writeTextFile(module, asModule(script));
  const flags = [...PERMISSION_FLAGS, "--no-config", "--no-check", "--no-code-cache"];
  await runProgram(Deno.execPath(), [
    "compile",
    "--quiet",
    ...flags,
    "--target",
    target,
    "-o",
    output,
    module,
  ]);
}

async function packProgram(
  script: string,
  target: string,
  output: string,
  scratch: string,
): Promise<void> {
  const runtime = target === Deno.build.target
    ? Deno.execPath()
    : await fetchRuntime(target, scratch);
  const packed = packElf(await Deno.readFile(runtime), {
    args: [
      "lvscare",
      "run",
      ...ISOLATION,
      ...PERMISSION_FLAGS,
      LOADER,
      script,
    ],
    env: [
      `DENO_DIR=${NO_CACHE}`,
      "DENO_NO_UPDATE_CHECK=1",
      // A host's own authorities are trusted too, where certificates are looked at.
      "DENO_TLS_CA_STORE=mozilla,system",
    ],
  });
  await Deno.writeFile(output, packed, { mode: 0o755 });
}

/** Another machine's runtime, from the npm registry, kept in .cache. */
async function fetchRuntime(target: string, scratch: string): Promise<string> {
  const cached = `${ROOT}.cache/deno-${Deno.version.deno}-${target}`;
  if (await Deno.stat(cached).then(() => true, () => false)) return cached;
  const spec = `${RUNTIME_PACKAGES[target]}@${Deno.version.deno}`;
  console.error(`fetching the runtime for ${target} (npm package ${spec})`);
  await runProgram("npm", ["pack", spec, "--loglevel=error", "--pack-destination", scratch], {
    cwd: scratch,
  });
  const archive = [...Deno.readDirSync(scratch)].find(({ name }) => name.endsWith(".tgz"));
  if (!archive) throw new Error(`npm pack ${spec} left no archive`);
  await runProgram("tar", ["-xzf", `${scratch}/${archive.name}`, "-C", scratch, "package/deno"]);
  await Deno.mkdir(`${ROOT}.cache`, { recursive: true });
  // Not a rename: the scratch folder may be on another file system.
  await Deno.copyFile(`${scratch}/package/deno`, `${cached}.part`);
  await Deno.rename(`${cached}.part`, cached);
  return cached;
}

function fail(message: string, status: number): never {
  console.error(`scripts/build: ${message}`);
  Deno.exit(status);
}
