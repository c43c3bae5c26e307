import assert from "node:assert/strict";
import { gzip } from "../../scripts/oci/gzip.ts";
import { encodeJson, makeImage, sha256 } from "../../scripts/oci/image.ts";
import {
  archiveEntries,
  checkImageName,
  layoutEntries,
  wholeName,
} from "../../scripts/oci/layout.ts";
import { makeRunConfig } from "../../scripts/oci/run_config.ts";
import { writeTar } from "../../scripts/oci/tar.ts";
import { listTree, sortEntries, type TreeEntry, writeTree } from "../../scripts/oci/tree.ts";
import { UsageError } from "../../src/errors.ts";
import { run, withFolder } from "../support/process.ts";

const ENV = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", TZ: "UTC" };

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

Deno.test("writeTar() writes byte for byte what tar writes in the format ustar", () =>
  withFolder(async (folder) => {
    const entries: TreeEntry[] = [
      { name: "tmp", mode: 0o1777 },
      { name: "tmp/hi", mode: 0o644, data: bytes("hello") },
      { name: "x".repeat(99), mode: 0o755 },
    ];
    await writeTree(folder, entries);
    const { status, stderr } = await run([
      ...["tar", "--create", "--file=a.tar", "--format=ustar", "--blocking-factor=1"],
      ...["--owner=0", "--group=0", "--numeric-owner", "--no-recursion"],
      ...entries.map(({ name }) => name),
    ], { env: ENV, cwd: folder });
    assert.equal(status, 0, stderr);
    assert.equal(textOf(writeTar(entries)), textOf(await Deno.readFile(`${folder}/a.tar`)));
  }));

/** Each is archived and listed, by a program that is not ours. */
const NAMES: readonly [what: string, name: string][] = [
  ["a short name", "bin"],
  ["a hundred bytes, which just fit", "a".repeat(100)],
  ["a hundred and one", "b".repeat(101)],
  ["in deep folders", `${"deep/".repeat(60)}file`],
  ["so long that its record's length has a digit more", "c".repeat(1000 - 11)],
  ["with spaces, and what other formats divide by", "d e=f\\g"],
  ["beyond ASCII", "größe"],
  ["beyond ASCII and long", "ü".repeat(60)],
];

Deno.test("what writeTar() writes is what tar lists, whatever the names", () =>
  withFolder(async (folder) => {
    const entries = NAMES.map(([, name]) => ({ name, mode: 0o640, data: bytes(name) }));
    await Deno.writeFile(`${folder}/a.tar`, writeTar(entries));
    const { stdout, stderr } = await run([
      ...["tar", "-tvf", `${folder}/a.tar`],
      ...["--numeric-owner", "--quoting-style=literal", "--full-time"],
    ], { env: ENV });
    assert.equal(stderr, "");
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.length, NAMES.length);
    for (const [index, [what, name]] of NAMES.entries()) {
      const size = String(bytes(name).length);
      const [mode, owner, listedSize, date, time, ...rest] = lines[index]!.split(/ +/);
      assert.deepEqual([mode, owner, listedSize], ["-rw-r-----", "0/0", size], what);
      assert.deepEqual([date, time], ["1970-01-01", "00:00:00"], what);
      assert.equal(rest.join(" "), name, what);
    }
  }));

Deno.test("what writeTar() writes is what tar unpacks: folders, empty files, whole and broken blocks", () =>
  withFolder(async (folder) => {
    const sizes = [0, 1, 511, 512, 513, 1024];
    const entries: TreeEntry[] = [
      { name: "empty", mode: 0o755 },
      { name: "full", mode: 0o1777 },
      ...sizes.map((size) => ({
        name: `full/${size}`,
        mode: 0o4751,
        data: new Uint8Array(size).fill(7),
      })),
      { name: "z".repeat(150), mode: 0o700 },
      { name: `${"z".repeat(150)}/in`, mode: 0o600, data: bytes("deep") },
    ];
    await Deno.writeFile(`${folder}/a.tar`, writeTar(entries));
    await Deno.mkdir(`${folder}/out`);
    const argv = ["tar", "-xpf", `${folder}/a.tar`, "-C", `${folder}/out`];
    assert.deepEqual((await run(argv, { env: ENV })).stderr, "");
    assert.deepEqual(await readTree(`${folder}/out`), sortEntries(entries));
  }));

Deno.test("writeTar() refuses names that lead elsewhere", () => {
  for (const name of ["", "/etc", "etc/", "a//b", ".", "./a", "..", "a/../b", "a\0b"]) {
    assert.throws(() => writeTar([{ name, mode: 0o755 }]), /must be a path below the root/, name);
  }
});

Deno.test("writeTar() refuses a mode that its field does not hold", () => {
  assert.throws(() => writeTar([{ name: "a", mode: 0o10000000 }]), /7 octal digits/);
});

Deno.test("sortEntries() puts folders before what is in them", () => {
  const names = ["usr/bin/x", "usr", "usr-b", "usr/bin", "etc", "usr.a"];
  const sorted = sortEntries(names.map((name) => ({ name, mode: 0o755 })));
  assert.deepEqual(sorted.map(({ name }) => name), [
    ...["etc", "usr", "usr-b", "usr.a", "usr/bin", "usr/bin/x"],
  ]);
});

Deno.test("writeTree() writes exactly the modes, whatever the umask, and no time of today", () =>
  withFolder(async (folder) => {
    const entries: TreeEntry[] = [
      { name: "run", mode: 0o755 },
      { name: "run/x", mode: 0o755, data: bytes("x") },
      { name: "tmp", mode: 0o1777 },
    ];
    for (const umask of [0o000, 0o077]) {
      const before = Deno.umask(umask);
      try {
        await writeTree(`${folder}/${umask}`, entries);
      } finally {
        Deno.umask(before);
      }
      assert.deepEqual(await readTree(`${folder}/${umask}`), entries);
      for (const name of ["", ...entries.map(({ name }) => name)]) {
        const { mtime, mode } = await Deno.stat(`${folder}/${umask}/${name}`);
        assert.equal(mtime?.getTime(), 0, name);
        if (name === "") assert.equal(mode! & 0o7777, 0o755);
      }
    }
  }));

Deno.test("listTree() follows no links, and finds nothing where nothing is", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a/b`, { recursive: true });
    await Deno.symlink("/", `${folder}/a/root`);
    assert.deepEqual((await Array.fromAsync(listTree(folder))).sort(), ["a", "a/b", "a/root"]);
    assert.deepEqual(await Array.fromAsync(listTree(`${folder}/none`)), []);
  }));

Deno.test("gzip() writes a header without time, name and system, and what gzip unpacks", async () => {
  const random = crypto.getRandomValues(new Uint8Array(50_000));
  const cases: [string, Uint8Array<ArrayBuffer>][] = [
    ["nothing", new Uint8Array()],
    ["a word", bytes("123456789")],
    ["the same byte", new Uint8Array(1_000_000).fill(0x61)],
    ["what cannot be made smaller", random],
  ];
  for (const [what, data] of cases) {
    const zipped = await gzip(data);
    assert.equal(zipped.subarray(0, 10).toHex(), "1f8b08000000000000ff", what);
    assert.deepEqual(await gzip(data), zipped, what);
    await withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/a.gz`, zipped);
      const tested = await run(["gzip", "-t", "-v", `${folder}/a.gz`], { env: ENV });
      assert.match(tested.stderr, /OK/, what);
    });
    const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
    assert.deepEqual(await new Response(stream).bytes(), data, what);
  }
  // The check value of CRC-32, and the length, little-endian.
  assert.equal((await gzip(bytes("123456789"))).slice(-8).toHex(), "2639f4cb09000000");
});

Deno.test("sha256() names a digest as the image specification does", async () => {
  assert.equal(
    await sha256(bytes("abc")),
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

const SOURCE = {
  platform: "linux/amd64",
  created: new Date("2026-01-02T03:04:05Z"),
  config: makeRunConfig({ version: "1.2.3", commit: "0123456789ab" }),
  layers: [
    { comment: "first", entries: [{ name: "etc", mode: 0o755 }] },
    { comment: "second", entries: [{ name: "etc/x", mode: 0o644, data: bytes("x") }] },
  ],
};

Deno.test("makeImage() names layers by the digest of the packed and of the unpacked bytes", async () => {
  const image = await makeImage(SOURCE);
  const config = JSON.parse(textOf(image.config.data));
  const archives = SOURCE.layers.map(({ entries }) => writeTar(entries));
  assert.deepEqual(config, {
    created: "2026-01-02T03:04:05Z",
    architecture: "amd64",
    os: "linux",
    config: SOURCE.config,
    rootfs: { type: "layers", diff_ids: await Promise.all(archives.map(sha256)) },
    history: ["first", "second"].map((comment) => ({
      created: "2026-01-02T03:04:05Z",
      created_by: "scripts/image",
      comment,
    })),
  });
  const manifest = JSON.parse(textOf(image.manifest.data));
  assert.equal(manifest.config.digest, await sha256(encodeJson(config)));
  assert.deepEqual(
    manifest.layers.map((layer: { digest: string }) => layer.digest),
    await Promise.all(archives.map(async (archive) => await sha256(await gzip(archive)))),
  );
});

Deno.test("makeImage() is the same for the same, in whatever order the entries stand", async () => {
  const entries = ["a", "a/b", "c"].map((name) => ({ name, mode: 0o755 }));
  const digests = [entries, entries.toReversed()].map(async (entries) =>
    (await makeImage({ ...SOURCE, layers: [{ comment: "x", entries }] })).manifest.digest
  );
  const [one, other] = await Promise.all(digests);
  assert.equal(one, other);
  assert.notEqual(one, (await makeImage(SOURCE)).manifest.digest);
});

Deno.test("the archive is the layout, and a manifest.json that leads to the same blobs", async () => {
  const image = await makeImage(SOURCE);
  const name = { name: "example.org/lvscare", tag: "1" };
  const layout = layoutEntries(image, name);
  const archive = archiveEntries(image, name);
  assert.deepEqual(archive.filter((entry) => entry.name !== "manifest.json"), layout);
  const manifest = archive.find((entry) => entry.name === "manifest.json");
  const path = (digest: string) => digest.replace("sha256:", "blobs/sha256/");
  assert.deepEqual(JSON.parse(textOf(manifest!.data!)), [{
    Config: path(image.config.digest),
    RepoTags: ["example.org/lvscare:1"],
    Layers: image.layers.map(({ digest }) => path(digest)),
  }]);
});

Deno.test("wholeName() puts in what engines put in", () => {
  const cases: [string, string][] = [
    ["lvscare", "docker.io/library/lvscare:1"],
    ["me/lvscare", "docker.io/me/lvscare:1"],
    ["localhost/lvscare", "localhost/lvscare:1"],
    ["registry.example/lvscare", "registry.example/lvscare:1"],
    ["registry:5000/a/lvscare", "registry:5000/a/lvscare:1"],
  ];
  for (const [name, wanted] of cases) assert.equal(wholeName({ name, tag: "1" }), wanted);
});

Deno.test("checkImageName() takes what engines take", () => {
  const good: [string, string][] = [
    ["lvscare", "0.1.0"],
    ["a__b-c.d", "latest"],
    ["Registry.example:5000/a/lvscare", "A_b-c.d"],
    ["a/b/c", "x".repeat(128)],
  ];
  for (const [name, tag] of good) checkImageName({ name, tag });
  const bad: [string, string][] = [
    ...["", "Lvscare", "a b", "-a", "a-", "a//b", "/a", "a/", "a:1", "a/B", "a".repeat(256)]
      .map((name): [string, string] => [name, "1"]),
    ...["", ".a", "-a", "a b", "a:b", "a/b", "x".repeat(129), "a\n"]
      .map((tag): [string, string] => ["lvscare", tag]),
  ];
  for (const [name, tag] of bad) {
    assert.throws(() => checkImageName({ name, tag }), UsageError, `${name}:${tag}`);
  }
});

/** What lies in a folder, as entries. */
async function readTree(folder: string): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for await (const name of listTree(folder)) {
    const { mode, isFile } = await Deno.lstat(`${folder}/${name}`);
    const data = isFile ? { data: await Deno.readFile(`${folder}/${name}`) } : {};
    entries.push({ name, mode: mode! & 0o7777, ...data });
  }
  return sortEntries(entries);
}
