/**
 * A packed program is run as `deno run` runs it: same arguments, streams, signals, status and permissions.
 * Each case runs both and compares.
 */

import assert from "node:assert/strict";
import { NO_CACHE } from "../../scripts/build.ts";
import { packElf } from "../../scripts/pack/elf.ts";
import { type Ran, run, type RunOptions, withFolder } from "../support/process.ts";

const FLAGS = ["--no-config", "--no-prompt", "--allow-env"];
const DROPPED = { DENO_X: "1", NODE_OPTIONS: "--no-such-option" };

interface Case {
  readonly name: string;
  readonly program: string;
  readonly args?: readonly string[];
  readonly options?: RunOptions;
  readonly wanted: Partial<Ran>;
}

const CASES: readonly Case[] = [
  {
    name: "arguments arrive as they were given, those that look like the runtime's too",
    program: "console.log(JSON.stringify(Deno.args))",
    args: ["a b", "", "--help", "-A", "--", "--allow-run", "\u00e9\n"],
    wanted: {
      status: 0,
      stdout: `${JSON.stringify(["a b", "", "--help", "-A", "--", "--allow-run", "\u00e9\n"])}\n`,
    },
  },
  {
    name: "a thousand arguments arrive",
    program: "console.log(Deno.args.length, Deno.args.at(-1))",
    args: Array.from({ length: 1000 }, (_, i) => `argument-${i}`),
    wanted: { status: 0, stdout: "1000 argument-999\n" },
  },
  {
    name: "the exit status is the program's",
    program: "Deno.exit(42)",
    wanted: { status: 42 },
  },
  {
    name: "an error that nobody catches ends it with status 1",
    program: "throw new Error('x')",
    wanted: { status: 1 },
  },
  {
    name: "standard input, output and error are the program's own",
    program: "console.error('on error'); await Deno.stdin.readable.pipeTo(Deno.stdout.writable)",
    options: { stdin: "through\n" },
    wanted: { status: 0, stdout: "through\n", stderr: "on error\n" },
  },
  {
    name: "a signal that is not handled ends it",
    program: "setTimeout(() => {}, 60_000); Deno.kill(Deno.pid, 'SIGTERM')",
    wanted: { signal: "SIGTERM" },
  },
  {
    name: "a signal can be handled",
    program:
      "Deno.addSignalListener('SIGTERM', () => { console.log('handled'); Deno.exit(3) }); Deno.kill(Deno.pid, 'SIGTERM'); setTimeout(() => {}, 60_000)",
    wanted: { status: 3, stdout: "handled\n" },
  },
  {
    name: "what is not permitted is refused without a question",
    program: "try { Deno.readTextFileSync('/etc/hostname') } catch (err) { console.log(err.name) }",
    wanted: { status: 0, stdout: "NotCapable\n" },
  },
  {
    name: "the environment is the caller's",
    program: "console.log(Deno.env.get('A'), Deno.env.get('DENOTED'), Deno.env.get('NODE'))",
    options: { env: { A: "1", DENOTED: "2", NODE: "3" } },
    wanted: { status: 0, stdout: "1 2 3\n" },
  },
  {
    name: "it has the built-in modules",
    program: "import { inspect } from 'node:util'; console.log(inspect({ a: 1 }))",
    wanted: { status: 0, stdout: "{ a: 1 }\n" },
  },
];

for (const { name, program, args = [], options = {}, wanted } of CASES) {
  Deno.test(`a packed program: ${name}`, () =>
    withFolder(async (folder) => {
      const needsKill = program.includes("Deno.kill") ? ["--allow-run"] : [];
      const script = `${folder}/program.js`;
      await Deno.writeTextFile(script, program);
      const plain = await run(
        [Deno.execPath(), "run", ...FLAGS, ...needsKill, script, ...args],
        options,
      );
      const packed = await run([await pack(folder, program, needsKill), ...args], options);
      for (const [key, value] of Object.entries(wanted)) {
        assert.deepEqual(packed[key as keyof Ran], value, `packed: ${key}; ${packed.stderr}`);
        assert.deepEqual(plain[key as keyof Ran], value, `deno run: ${key}; ${plain.stderr}`);
      }
    }));
}

Deno.test("a packed program drops the variables that would change the runtime under it", () =>
  withFolder(async (folder) => {
    const path = await pack(folder, "console.log(JSON.stringify(Deno.env.toObject()))");
    const { stdout } = await run([path], { env: { ...DROPPED, KEPT: "1" } });
    assert.deepEqual(JSON.parse(stdout), { KEPT: "1", DENO_DIR: NO_CACHE });
  }));

Deno.test("a packed program has its file's name among the processes, and its own command line", () =>
  withFolder(async (folder) => {
    const path = await pack(folder, "console.log(); Deno.stdin.readSync(new Uint8Array(1))");
    const child = new Deno.Command(path, {
      args: ["care", "x"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    try {
      await reader.read(); // until then it may still be on its way from fork to exec
      const proc = (name: string) => Deno.readTextFile(`/proc/${child.pid}/${name}`);
      assert.equal(await proc("comm"), "packed\n");
      assert.equal(await proc("cmdline"), `${path}\0care\0x\0`);
    } finally {
      await reader.cancel();
      await child.stdin.close();
      await child.status;
    }
  }));

Deno.test("a packed program writes nothing beside itself, in its home or where it is started", () =>
  withFolder(async (folder) => {
    const path = await pack(folder, "console.log('ran')");
    const home = `${folder}/home`;
    await Deno.mkdir(home);
    assert.equal((await run([path], { env: { HOME: home }, cwd: home })).stdout, "ran\n");
    assert.deepEqual([...Deno.readDirSync(home)], []);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "home",
      "packed",
    ]);
  }));

async function pack(folder: string, program: string, more: string[] = []): Promise<string> {
  const path = `${folder}/packed`;
  const url = `data:text/javascript;base64,${new TextEncoder().encode(program).toBase64()}`;
  const packed = packElf(await Deno.readFile(Deno.execPath()), {
    args: ["packed", "run", ...FLAGS, ...more, url],
    env: [`DENO_DIR=${NO_CACHE}`],
  });
  await Deno.writeFile(path, packed, { mode: 0o755 });
  return path;
}
