/** What scripts/image makes from dist/lvscare: the same each time, a valid image, and enough to run in. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { sha256 } from "../../scripts/oci/image.ts";
import { CERTIFICATES_PATH, PROGRAM_PATH } from "../../scripts/oci/root.ts";
import { makeRunConfig } from "../../scripts/oci/run_config.ts";
import { listTree } from "../../scripts/oci/tree.ts";
import { type Ran, run, withFolder } from "../support/process.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PROGRAM = "dist/lvscare";
const CERTIFICATES = `${ROOT}tests/support/certificates`;
const PATH = Deno.env.get("PATH") ?? "";
const DENO_FOLDER = Deno.execPath().replace(/\/[^/]*$/, "");
const ARCH = { x86_64: "amd64", aarch64: "arm64" }[Deno.build.arch];

/** All that scripts/image is made of, beside what it packs. */
const SOURCES = [
  ...["LICENSE", "deno.json", "deno.lock", "src/errors.ts"],
  ...["scripts/deno", "scripts/image", "scripts/image.ts", "scripts/run_program.ts"],
  ...["gzip", "image", "layout", "program", "root", "run_config", "tar", "tree"]
    .map((name) => `scripts/oci/${name}.ts`),
];

interface Said {
  readonly version: string;
  readonly commit: string;
}

/** Makes dist/lvscare where there is none. */
async function build(): Promise<void> {
  if (!await Deno.stat(ROOT + PROGRAM).then(() => true, () => false)) {
    const { status, stderr } = await run([`${ROOT}scripts/build`], {
      env: { PATH, HOME: Deno.env.get("HOME") ?? "/" },
    });
    assert.equal(status, 0, stderr);
  }
}

/** A copy of a tree as another clone may have it: at that time, and readable by the owner or by all. */
async function copyTree(tree: string, folder: string, time: Date, mode: number): Promise<void> {
  for (const name of [...SOURCES, PROGRAM]) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(`${tree}/${name}`, path);
    const isProgram = (await Deno.stat(`${tree}/${name}`)).mode! & 0o100;
    await Deno.chmod(path, isProgram ? mode | 0o100 : mode);
    await Deno.utime(path, time, time);
  }
}

interface ImageOptions {
  readonly umask?: string;
  /** What a shell does first, in a mount namespace of its own. */
  readonly before?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs scripts/image of a tree. Deno is found in PATH, so that nothing is installed for the copy. */
async function image(
  tree: string,
  args: readonly string[],
  { umask = "022", before = "", env = {} }: ImageOptions = {},
): Promise<Ran> {
  const script = `umask ${umask}; ${before}\nexec "$0" "$@"`;
  const inside = before === "" ? [] : ["unshare", "--mount"];
  return await run([...inside, "/bin/sh", "-c", script, `${tree}/scripts/image`, ...args], {
    env: { PATH: `${DENO_FOLDER}:${PATH}`, NO_COLOR: "1", ...env },
  });
}

Deno.test("scripts/image makes the same image from the same file, wherever, whenever and under whatever umask", (t) =>
  withFolder(async (folder) => {
    assert.equal(Deno.uid(), 0, "this test changes users and roots: run it as root");
    await Deno.chmod(folder, 0o755);
    await build();
    const [one, other] = [`${folder}/one`, `${folder}/other`];
    await copyTree(ROOT, one, new Date("2001-01-01"), 0o600);
    await copyTree(one, other, new Date("2031-01-01"), 0o666);
    const { stdout: words } = await run([`${one}/${PROGRAM}`, "version", "-o", "json"]);
    const said: Said = JSON.parse(words);
    const git = ["git", "-C", ROOT];
    const options = { env: { PATH } };
    const gitFolder = await run([...git, "rev-parse", "--absolute-git-dir"], options);
    await Deno.writeTextFile(`${one}/.git`, `gitdir: ${gitFolder.stdout}`);
    const commit = said.commit.replace("-dirty", "");
    const time = await run([...git, "show", "--no-patch", "--format=%ct", commit], options);
    const seconds = time.stdout.trim();
    assert.match(seconds, /^\d+$/, time.stderr);

    // Once dated by the commit that the file says, once by the environment, without git.
    const ran = await Promise.all([
      image(one, [], { umask: "077", env: { TZ: "Asia/Kolkata" } }),
      image(other, ["--output", `${folder}/made`], {
        umask: "000",
        env: { SOURCE_DATE_EPOCH: seconds, LC_ALL: "C" },
      }),
    ]);
    for (const { status, stderr } of ran) assert.deepEqual([status, stderr], [0, ""]);
    assert.equal(ran[0].stdout, ran[1].stdout);
    const made = [`${one}/dist/image`, `${folder}/made`];
    for (const name of ["oci", "lvscare.tar"]) {
      const { stdout, status } = await run(
        ["diff", "-r", ...made.map((each) => `${each}/${name}`)],
        {
          env: { PATH },
        },
      );
      assert.deepEqual([status, stdout], [0, ""], name);
    }

    const layout = await readLayout(`${folder}/made/oci`);
    await t.step("the image is what the specification says, and says what the file says", () => {
      assert.match(ran[0].stdout, new RegExp(`^${layout.digest}  docker.io/library/lvscare:`));
      assert.deepEqual(layout.config, {
        created: new Date(1000 * Number(seconds)).toISOString().replace(".000", ""),
        architecture: ARCH,
        os: "linux",
        config: makeRunConfig(said),
        rootfs: layout.config.rootfs,
        history: layout.config.history,
      });
      assert.equal(layout.name, said.version);
    });

    await t.step("the archive holds the layout, and leads docker to the same blobs", async () => {
      const unpacked = `${folder}/archive`;
      await unpack(`${folder}/made/lvscare.tar`, unpacked);
      const [entry, ...others] = JSON.parse(await Deno.readTextFile(`${unpacked}/manifest.json`));
      assert.deepEqual(others, []);
      assert.deepEqual(entry, {
        Config: blobPath(layout.configDigest),
        RepoTags: [`lvscare:${said.version}`],
        Layers: layout.layers.map(({ digest }) => blobPath(digest)),
      });
      await Deno.remove(`${unpacked}/manifest.json`);
      assert.equal((await readLayout(unpacked)).digest, layout.digest);
    });

    const root = `${folder}/root`;
    for (const { digest } of layout.layers) {
      await unpack(`${folder}/made/oci/${blobPath(digest)}`, root);
    }
    await t.step("--root writes what the layers hold", async () => {
      const alone = `${folder}/alone`;
      const { status, stderr } = await image(other, ["--root", alone], { umask: "077" });
      assert.deepEqual([status, stderr], [0, ""]);
      const described = await describe(root);
      assert.deepEqual(await describe(alone), described);
      assert.ok(described.length > 30, `${described.length} files and folders`);
      const { stdout } = await run(["diff", "-r", root, alone], { env: { PATH } });
      assert.equal(stdout, "");
    });

    await t.step("--root takes the place of its own, and of nothing else", async () => {
      const mixed = `${folder}/mixed`;
      assert.equal((await image(other, ["--root", mixed])).status, 0);
      assert.equal((await image(other, ["--root", mixed])).status, 0);
      await Deno.writeTextFile(`${mixed}/etc/mine`, "");
      const { status, stderr } = await image(other, ["--root", mixed]);
      assert.equal(status, 1);
      assert.equal(
        stderr,
        `scripts/image: ${mixed}/etc/mine is not of an image: name another folder, or remove ${mixed}\n`,
      );
      assert.deepEqual(await Array.fromAsync(listTree(mixed, "usr/bin/")), [PROGRAM_PATH]);
      await Deno.remove(mixed, { recursive: true });
    });

    await t.step("what it lacks it says in one line, and what to do about it", async () => {
      const dateless = await image(other, []);
      assert.match(
        dateless.stderr,
        /: the time of commit "\w+" is not known here: set SOURCE_DATE_/,
      );
      const wrong = await image(other, [], { env: { SOURCE_DATE_EPOCH: "today" } });
      assert.match(wrong.stderr, /: SOURCE_DATE_EPOCH "today": must be seconds since 1970\n$/);
      const hide = "mount -t tmpfs none /usr/share/ca-certificates";
      const distrusting = await image(other, [], { before: hide });
      assert.match(distrusting.stderr, /ca-certificates: apt-get install .*ca-certificates\n$/);
      await Deno.writeTextFile(`${other}/${PROGRAM}`, "#!/bin/sh\necho {}\n");
      const foreign = await image(other, []);
      assert.match(foreign.stderr, /: ldd .*: not a dynamic executable\n$/);
      await Deno.remove(`${other}/${PROGRAM}`);
      const empty = await image(other, []);
      assert.match(empty.stderr, /: there is no \S+dist\/lvscare: scripts\/build makes it\n$/);
      for (const { status, stdout, stderr } of [dateless, distrusting, foreign, empty]) {
        assert.deepEqual([status, stdout], [1, ""], stderr);
        assert.match(stderr, /^scripts\/image: [^\n]+\n$/);
      }
      assert.equal(wrong.status, 2);
    });

    await t.step("there is what is needed, no shell, and what others are mounted on", async () => {
      const described = await describe(root);
      const names = described.map(({ name }) => name);
      assert.deepEqual(names.filter((name) => name.endsWith("sh")), []);
      const programs = described.filter(({ mode, isFile }) => isFile && mode & 0o111);
      const libraries =
        /^lib(64|\/[\w-]+)?\/(ld-linux-[\w-]+|lib(c|m|dl|rt|pthread|gcc_s))\.so\.\d$/;
      assert.deepEqual(
        programs.map(({ name }) => name).filter((name) => !libraries.test(name)),
        [PROGRAM_PATH],
      );
      const modes = new Map(described.map(({ name, mode }) => [name, mode.toString(8)]));
      assert.equal(modes.get("tmp"), "1777");
      for (const name of ["dev", "lib/modules", "proc", "run", "run/lvscare", "sys"]) {
        assert.equal(modes.get(name), "755", name);
      }
      for (const { name, mode, owner } of described) {
        assert.equal(owner, "0:0", name);
        // Nothing but /tmp can be written by others, and everything read; nobody becomes somebody else.
        if (name !== "tmp") assert.equal(mode & 0o7022, 0, name);
        assert.equal(mode & 0o444, 0o444, name);
      }
      const bytes = described.reduce((sum, { size }) => sum + size, 0);
      const program = (await Deno.stat(`${one}/${PROGRAM}`)).size;
      assert.ok(bytes < program + 6e6, `${bytes - program} bytes beside the program`);
    });

    await t.step("it trusts the package's authorities, and none of this host alone", async () => {
      const bundle = await Deno.readTextFile(`${root}/${CERTIFICATES_PATH}`);
      const certificates = bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g) ?? [];
      assert.equal(certificates.join(""), bundle);
      const packaged = await run(["dpkg", "-L", "ca-certificates"], { env: { PATH } });
      assert.equal(certificates.length, packaged.stdout.match(/\/mozilla\/.*\.crt$/gm)?.length);
      for (const certificate of certificates) assert.ok(new X509Certificate(certificate).ca);
    });

    const users = { root: "0:0", nobody: "65534:65534" };
    for (const [user, numbers] of Object.entries(users)) {
      await t.step(`it runs as ${user}, on a read-only root`, async () => {
        const { status, stdout, stderr } = await runIn(root, numbers, ["version"]);
        assert.equal(status, 0, stderr);
        assert.match(stdout, new RegExp(`^lvscare ${said.version}\ncommit {2}${said.commit}\n`));
      });

      await t.step(`as ${user} it trusts whom the file of authorities says`, async () => {
        using server = serveTls();
        const probe = ["probe", `https://127.0.0.1:${server.port}/`, "--verify", "true"];
        const refused = await runIn(root, numbers, probe);
        assert.equal(refused.status, 1, refused.stderr);
        assert.match(refused.stdout, /failed after .*: certificate not trusted\n$/);
        const trusted = await runIn(root, numbers, probe, `${CERTIFICATES}/authority.pem`);
        assert.equal(trusted.status, 0, trusted.stdout + trusted.stderr);
        assert.match(trusted.stdout, /\nok in /);
      });
    }
  }));

Deno.test("scripts/image says what is wrong with its options in one line", async () => {
  const cases: [string[], RegExp][] = [
    [["--platform", "linux/riscv64"], /--platform "linux\/riscv64": must be linux\/\w+, as/],
    [["--name", "LVScare"], /--name "LVScare": must be a name as lvscare or/],
    [["--tag", "a b"], /--tag "a b": must be at most 128 letters/],
    [["--outptu", "x"], /Unknown option '--outptu'.*: see scripts\/image --help/],
  ];
  for (const [args, wanted] of cases) {
    const { status, stderr } = await image(ROOT, args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^scripts\/image: [^\n]+\n$/);
    assert.match(stderr, wanted);
  }
});

Deno.test("the Dockerfile takes all that scripts/image --root writes, and starts it in the same way", async () => {
  const steps = instructionsOf(await Deno.readTextFile(`${ROOT}Dockerfile`));
  const valuesOf = (word: string) =>
    steps.filter(([each]) => each === word).map(([, value]) => value);
  const { User, Env, Entrypoint, WorkingDir, Labels, StopSignal } = makeRunConfig({
    version: "$VERSION",
    commit: "$REVISION",
  });
  assert.deepEqual(valuesOf("FROM"), ["debian:bookworm-slim AS root", "scratch"]);
  // The whole folder, whatever is in it: the list of it stands in scripts/oci/root.ts alone.
  assert.deepEqual(valuesOf("COPY"), [
    "--chown=0:0 . /image/",
    "--from=root /image/ /",
    "--from=root /program/ /",
  ]);
  const [moves = ""] = valuesOf("RUN");
  assert.ok(moves.endsWith(` mv /image/${PROGRAM_PATH} /program/${PROGRAM_PATH}`), moves);
  assert.ok(!moves.includes("rm "), moves);
  assert.deepEqual(valuesOf("USER"), [User]);
  assert.deepEqual(valuesOf("ENV"), Env);
  assert.deepEqual(valuesOf("WORKDIR"), [WorkingDir]);
  assert.deepEqual(valuesOf("STOPSIGNAL"), [StopSignal]);
  assert.deepEqual(valuesOf("ENTRYPOINT").map((value) => JSON.parse(value)), [Entrypoint]);
  assert.deepEqual(
    valuesOf("LABEL"),
    Object.entries(Labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`),
  );
  const known = ["FROM", "COPY", "RUN", "ARG", "LABEL", "USER", "ENV", "WORKDIR", "STOPSIGNAL"];
  assert.deepEqual(steps.filter(([word]) => ![...known, "ENTRYPOINT"].includes(word)), []);
});

/** A Dockerfile's instructions, each a word and what follows it. */
function instructionsOf(text: string): [word: string, value: string][] {
  const lines = text.replace(/^#.*\n/gm, "").replace(/\s*\\\n\s*/g, " ").split("\n");
  return lines.filter((line) => line !== "").map((line) => {
    const [word = "", ...rest] = line.split(" ");
    return [word, rest.join(" ")];
  });
}

/** Runs the program of the root in namespaces of its own, where nothing of the root can be written. */
function runIn(
  root: string,
  user: string,
  args: readonly string[],
  authorities = "",
): Promise<Ran> {
  const script = `set -e
    root=$1 user=$2 authorities=$3
    shift 3
    mount --make-rprivate /
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    [ -z "$authorities" ] || mount --bind "$authorities" "$root/${CERTIFICATES_PATH}"
    mount -o remount,bind,ro "$root"
    ! touch "$root/written" 2>/dev/null
    exec chroot --userspec="$user" "$root" "$@"`;
  const argv = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh"];
  return run([...argv, root, user, authorities, ...makeRunConfig(NOTHING).Entrypoint, ...args], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
}

const NOTHING: Said = { version: "", commit: "" };

/** A server whose certificate is signed by an authority that is trusted nowhere. */
function serveTls(): Disposable & { readonly port: number } {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: Deno.readTextFileSync(`${CERTIFICATES}/trusted.pem`),
    key: Deno.readTextFileSync(`${CERTIFICATES}/server.key`),
    onListen: () => {},
    handler: () => new Response("ok\n"),
  });
  return { port: server.addr.port, [Symbol.dispose]: () => void server.shutdown() };
}

async function unpack(archive: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.chmod(folder, 0o755);
  const argv = ["tar", "--extract", "--preserve-permissions", "--same-owner"];
  const { status, stderr } = await run([...argv, "--file", archive, "--directory", folder], {
    env: { PATH },
  });
  assert.deepEqual([status, stderr], [0, ""]);
}

interface Described {
  readonly name: string;
  readonly mode: number;
  readonly owner: string;
  readonly isFile: boolean;
  readonly size: number;
  readonly time: number | undefined;
}

/** Everything below a folder, which must be files and folders. */
async function describe(folder: string): Promise<Described[]> {
  const all: Described[] = [];
  for await (const name of listTree(folder)) {
    const { mode, uid, gid, isFile, isDirectory, size, mtime } = await Deno.lstat(
      `${folder}/${name}`,
    );
    assert.ok(isFile || isDirectory, name);
    all.push({
      name,
      mode: mode! & 0o7777,
      owner: `${uid}:${gid}`,
      isFile,
      size: isFile ? size : 0,
      // A folder's changes with what is put into it, by other layers too.
      time: isFile ? mtime?.getTime() : 0,
    });
  }
  return all.sort((one, other) => one.name < other.name ? -1 : 1);
}

interface Layout {
  readonly digest: string;
  readonly name: string;
  readonly configDigest: string;
  readonly config: ImageConfig;
  readonly layers: readonly Descriptor[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface ImageConfig {
  readonly created: string;
  readonly rootfs: { readonly type: string; readonly "diff_ids": readonly string[] };
  readonly history: readonly { readonly created: string; readonly empty_layer?: boolean }[];
}

/**
 * Reads an image layout of one image as strictly as the image specification (v1.1) is worded, and more so:
 * nothing may be there that is not needed.
 */
async function readLayout(folder: string): Promise<Layout> {
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(`${folder}/${path}`));
  const seen = new Set(["blobs", "blobs/sha256", "index.json", "oci-layout"]);
  const open = async (descriptor: Descriptor, mediaType: string) => {
    assert.equal(descriptor.mediaType, mediaType);
    assert.match(descriptor.digest, /^sha256:[0-9a-f]{64}$/);
    const data = await Deno.readFile(`${folder}/${blobPath(descriptor.digest)}`);
    assert.equal(data.length, descriptor.size);
    assert.equal(await sha256(data), descriptor.digest);
    seen.add(blobPath(descriptor.digest));
    return data;
  };
  const openJson = async (descriptor: Descriptor, mediaType: string) =>
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await open(descriptor, mediaType)));

  assert.deepEqual(await read("oci-layout"), { imageLayoutVersion: "1.0.0" });
  const index = await read("index.json");
  assert.deepEqual(Object.keys(index).sort(), ["manifests", "mediaType", "schemaVersion"]);
  assert.equal(index.schemaVersion, 2);
  assert.equal(index.mediaType, "application/vnd.oci.image.index.v1+json");
  assert.equal(index.manifests.length, 1);
  const [{ annotations, platform, ...manifestDescriptor }] = index.manifests;
  assert.deepEqual(platform, { architecture: ARCH, os: "linux" });
  const name: string = annotations["org.opencontainers.image.ref.name"];
  // The grammar of its value, and a whole name that ends in it.
  assert.match(name, /^[A-Za-z0-9]+([-._:@+]|--)?([A-Za-z0-9]+([-._:@+]|--)?)*$/);
  assert.deepEqual(Object.keys(annotations).sort(), [
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
  ]);
  assert.equal(annotations["io.containerd.image.name"], `docker.io/library/lvscare:${name}`);

  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await openJson(manifestDescriptor, manifestType);
  assert.deepEqual(Object.keys(manifest).sort(), [
    ...["config", "layers", "mediaType", "schemaVersion"],
  ]);
  assert.equal(manifest.schemaVersion, 2);
  assert.equal(manifest.mediaType, manifestType);
  const config = await openJson(manifest.config, "application/vnd.oci.image.config.v1+json");
  assert.equal(config.architecture, platform.architecture);
  assert.equal(config.os, platform.os);
  assert.match(config.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(config.rootfs.type, "layers");
  assert.equal(manifest.layers.length, 2);
  const diffIds: string[] = [];
  for (const layer of manifest.layers) {
    const data = await open(layer, "application/vnd.oci.image.layer.v1.tar+gzip");
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
    diffIds.push(await sha256(await new Response(stream).bytes()));
  }
  assert.deepEqual(config.rootfs.diff_ids, diffIds);
  const layersMade = config.history.filter((step: { empty_layer?: boolean }) => !step.empty_layer);
  assert.equal(layersMade.length, diffIds.length);
  assert.deepEqual((await Array.fromAsync(listTree(folder))).sort(), [...seen].sort());
  return {
    ...{ digest: manifestDescriptor.digest, name, config, layers: manifest.layers },
    configDigest: manifest.config.digest,
  };
}

function blobPath(digest: string): string {
  return digest.replace("sha256:", "blobs/sha256/");
}
