/** What may stand in the place of a configuration: reading it ends soon, with an error that names the file. */

import assert from "node:assert/strict";
import { fingerprint } from "../../src/config/files/load.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { run, withFolder } from "../support/process.ts";

const GOOD = "services:\n  - {address: 10.0.0.1, port: 80, servers: [10.0.0.2]}\n";

interface Hostile {
  readonly name: string;
  /** Makes what is at that path. */
  readonly make: (path: string) => void;
  /** What is said behind the path. */
  readonly said: RegExp;
}

const text = (content: string | Uint8Array) => (path: string) =>
  Deno.writeFileSync(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
const MILLION = 1_000_000;

const HOSTILE: readonly Hostile[] = [
  { name: "0 bytes", make: text(""), said: /^: is empty, must have services$/ },
  { name: "white space", make: text(" \n\t\n"), said: /^: is empty, must have services$/ },
  {
    name: "comments alone",
    make: text("# nothing\n"),
    said: /^: has nothing but comments, must have services$/,
  },
  {
    name: "50 MB",
    make(path) {
      Deno.writeTextFileSync(path, GOOD);
      Deno.truncateSync(path, 50 * MILLION);
    },
    said: /^: has 50000000 bytes, must have at most 16777216$/,
  },
  {
    name: "16 MB of one word",
    make: text("x".repeat(16 * MILLION)),
    said: /^:1:1: is a single value, must be a map$/,
  },
  {
    name: "100,000 services",
    make: text(
      `services:\n${
        Array.from(
          { length: 100_000 },
          (_, i) => `  - {address: 11.${i >> 16}.${(i >> 8) & 255}.${i & 255}, port: 80}\n`,
        ).join("")
      }`,
    ),
    said: /^:50001:5: services\[49999\]: with it there are more than 50000 services$/,
  },
  {
    name: "65,536 ports of 100 addresses",
    make: text(
      `services:\n  - {port: 0-65535, persistence: 1m, address: [${
        Array.from({ length: 100 }, (_, i) => `10.0.0.${i + 1}`)
      }]}\n`,
    ),
    said: /^:2:5: services\[0\]: with it there are more than 50000 services$/,
  },
  {
    name: "lists a million deep",
    make: text("services: " + "[".repeat(MILLION)),
    said: /^:1:\d+: nests more than 50 deep$/,
  },
  {
    name: "anchors a million deep",
    make: text(
      "services: " + Array.from({ length: MILLION }, (_, i) => `&a${i.toString(36)} [`).join(""),
    ),
    said: /^:1:\d+: nests more than 50 deep$/,
  },
  {
    name: "aliases of aliases, a million times",
    make: text(
      `a0: &a0 x\n${
        Array.from({ length: 500_000 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}]\n`).join("")
      }`,
    ),
    said: /^:52:11: nests more than 50 deep$/,
  },
  {
    name: "nine to the power of nine",
    make: text(
      `a: &a0 [x]\n${
        Array.from(
          { length: 9 },
          (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`)}]\n`,
        ).join("")
      }`,
    ),
    said: /^:\d+:\d+: stands for more than 5000000 values$/,
  },
  {
    name: "binary",
    make: text(Uint8Array.from({ length: 4096 }, (_, i) => (i * 31) & 0xff)),
    said: /^: is not UTF-8, must be text$/,
  },
  { name: "zeros", make: text("services: \0\0"), said: /^: has a byte of zero, must be text$/ },
  {
    name: "a directory",
    make: (path) => Deno.mkdirSync(path),
    said: /^: is a directory, must be a file$/,
  },
  {
    name: "a link in a loop",
    make(path) {
      Deno.symlinkSync("b.yaml", path);
    },
    said: /^: cannot be read: too many links to follow \(ELOOP\)$/,
  },
  {
    name: "a link to nowhere",
    make: (path) => Deno.symlinkSync("/nonexistent/file", path),
    said: /^: is not there \(ENOENT\)$/,
  },
  {
    name: "a pipe that nobody writes to",
    make: (path) => assert.ok(new Deno.Command("mkfifo", { args: [path] }).outputSync().success),
    said: /^: is no file, must be one$/,
  },
  {
    name: "a device",
    make: (path) => Deno.symlinkSync("/dev/zero", path),
    said: /^: is no file, must be one$/,
  },
];

for (const { name, make, said } of HOSTILE) {
  Deno.test(`a file that is ${name} gets its error`, async () => {
    await withFolder(async (folder) => {
      Deno.mkdirSync(`${folder}/conf.d`);
      Deno.writeTextFileSync(`${folder}/conf.d/a.yaml`, GOOD);
      const path = `${folder}/conf.d/b.yaml`;
      make(path);
      const { config, report } = await readFiles({ path: folder, nodeAddresses: [] });
      assert.equal(config, undefined);
      const [line, ...more] = report.lines.filter((each) => !/"a\d*" is unknown/.test(each));
      assert.ok(line?.startsWith(path), line);
      assert.match(line!.slice(path.length), said);
      assert.deepEqual(more, []);
    });
  });
}

Deno.test("a file that this process may not read gets its error", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/lvscare.yaml`;
    Deno.writeTextFileSync(path, GOOD);
    Deno.chmodSync(path, 0);
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const caps = "-dac_override,-dac_read_search";
    const { status, stdout } = await run([
      ...["/usr/bin/setpriv", `--bounding-set=${caps}`, `--inh-caps=${caps}`],
      ...[Deno.execPath(), "run", "-A", "--no-check", main, "check", "-c", path],
    ], { env: { PATH: "/usr/bin:/bin", DENO_DIR: Deno.env.get("DENO_DIR") ?? "" } });
    assert.equal(status, 2);
    assert.match(stdout, /lvscare\.yaml: cannot be read: permission denied \(EACCES\)\n$/i);
  });
});

Deno.test("a path that is not there, and a directory without files, get their errors", async () => {
  await withFolder(async (folder) => {
    const none = await readFiles({ path: `${folder}/none`, nodeAddresses: [] });
    assert.match(none.report.lines.join(), /none: is not there \(ENOENT\)$/);
    const empty = await readFiles({ path: folder, nodeAddresses: [] });
    assert.deepEqual(empty.report.lines, [
      `${folder}: has no lvscare.yaml and no conf.d/*.yaml, must have one`,
    ]);
    assert.equal(empty.config, undefined);
  });
});

Deno.test("a file that is written to all the time is not believed, and one that comes to rest is", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/lvscare.yaml`;
    Deno.writeTextFileSync(path, GOOD);
    const read = Deno.readFileSync;
    let writes = 0;
    // Between the looks at a file and its bytes there is always this one call.
    const disturb = (most: number) => {
      writes = 0;
      Deno.readFileSync = (...args) => {
        if (writes++ < most) Deno.writeTextFileSync(path, `${GOOD}# ${"x".repeat(writes)}\n`);
        return read(...args);
      };
    };
    try {
      disturb(3);
      const rested = await readFiles({ path, nodeAddresses: [] });
      assert.deepEqual([rested.report.lines, writes], [[], 4]);
      assert.equal(rested.config?.services.length, 1);
      disturb(Infinity);
      const restless = await readFiles({ path, nodeAddresses: [] });
      assert.deepEqual(restless.report.lines, [
        `${path}: is being written to, must stay as it is while it is read`,
      ]);
    } finally {
      Deno.readFileSync = read;
    }
  });
});

Deno.test("the fingerprint changes with every file that comes, goes or is written", async () => {
  await withFolder((folder) => {
    const seen = new Set<string | undefined>();
    const look = () => {
      const now = fingerprint(folder);
      assert.ok(!seen.has(now), now);
      assert.equal(fingerprint(folder), now);
      seen.add(now);
    };
    look();
    Deno.mkdirSync(`${folder}/conf.d`);
    Deno.writeTextFileSync(`${folder}/conf.d/a.yaml`, GOOD);
    look();
    Deno.writeTextFileSync(`${folder}/conf.d/a.yaml`, `${GOOD}\n`);
    look();
    Deno.symlinkSync("loop.yaml", `${folder}/conf.d/loop.yaml`);
    look();
    Deno.renameSync(`${folder}/conf.d/a.yaml`, `${folder}/conf.d/b.yaml`);
    look();
    Deno.removeSync(folder, { recursive: true });
    assert.equal(fingerprint(folder), undefined);
    Deno.mkdirSync(folder);
    return Promise.resolve();
  });
});
