/** Makes a container image of dist/lvscare without any container engine: see scripts/image --help. */

import { parseArgs } from "node:util";
import { LvscareError, UsageError } from "../src/errors.ts";
import { type Image, type Layer, makeImage } from "./oci/image.ts";
import {
  archiveEntries,
  checkImageName,
  type ImageName,
  layoutEntries,
  wholeName,
} from "./oci/layout.ts";
import { readProgram } from "./oci/program.ts";
import { makeLayers } from "./oci/root.ts";
import { makeRunConfig } from "./oci/run_config.ts";
import { writeTar } from "./oci/tar.ts";
import { listTree, sortEntries, type TreeEntry, writeTree } from "./oci/tree.ts";
import { runProgram } from "./run_program.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const PROGRAM = `${ROOT}dist/lvscare`;
const LAYOUT = "oci";
const ARCHIVE = "lvscare.tar";

const PLATFORM = { x86_64: "linux/amd64", aarch64: "linux/arm64" }[Deno.build.arch];

const USAGE =
  `usage: scripts/image [--output DIR] [--name NAME] [--tag TAG] [--platform ${PLATFORM}]
       scripts/image --root DIR

Makes a container image of dist/lvscare as it is, with the libc of this machine and nothing else:

  DIR/${LAYOUT}          an OCI image layout, for skopeo, umoci and registries
  DIR/${ARCHIVE}  the same as an archive, for docker load, podman load and ctr images import

  --output    default: dist/image
  --name      default: lvscare
  --tag       default: the version that dist/lvscare says
  --platform  this machine's, as libc's files are
  --root      write only what is in it into this folder, for the Dockerfile

The same dist/lvscare and Debian packages make the same image, with the same digest. It is dated by
SOURCE_DATE_EPOCH, or else by the commit that dist/lvscare was built from.`;

interface Options {
  readonly output: string;
  readonly name: string;
  readonly tag: string | undefined;
  readonly root: string | undefined;
}

if (import.meta.main) {
  try {
    await main();
  } catch (err) {
    if (!(err instanceof Error)) throw err;
    const hint = err instanceof LvscareError && err.hint ? `: ${err.hint}` : "";
    console.error(`scripts/image: ${err.message}${hint}`);
    Deno.exit(err instanceof LvscareError ? err.exitStatus : 1);
  }
}

async function main(): Promise<void> {
  const { output, name, tag, root } = parseOptions();
  const program = await readProgram(PROGRAM);
  const layers = await makeLayers(program, `${ROOT}LICENSE`);
  if (root !== undefined) {
    await replaceTree(root, sortEntries(layers.flatMap(({ entries }) => entries)));
    return;
  }
  const imageName = { name, tag: tag ?? program.version };
  checkImageName(imageName);
  const image = await makeImage({
    platform: PLATFORM,
    created: await findCreationTime(program.commit),
    config: makeRunConfig(program),
    layers,
  });
  await replaceTree(`${output}/${LAYOUT}`, layoutEntries(image, imageName));
  await replaceFile(`${output}/${ARCHIVE}`, writeTar(archiveEntries(image, imageName)));
  console.log(summarize(image, imageName, layers));
}

function parseOptions(): Options {
  let values;
  try {
    values = parseArgs({
      options: {
        output: { type: "string", default: `${ROOT}dist/image` },
        name: { type: "string", default: "lvscare" },
        tag: { type: "string" },
        platform: { type: "string", default: PLATFORM },
        root: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (err) {
    throw new UsageError(`${(err as Error).message.split("\n")[0]}`, {
      hint: "see scripts/image --help",
    });
  }
  if (values.help) {
    console.log(USAGE);
    Deno.exit(0);
  }
  const { output, name, tag, platform, root } = values;
  if (platform !== PLATFORM) {
    throw new UsageError(
      `--platform "${platform}": must be ${PLATFORM}, as this machine's libc is`,
    );
  }
  checkImageName({ name, tag: tag ?? "latest" });
  return { output: absolute(output), name, tag, root: root && absolute(root) };
}

function absolute(path: string): string {
  return (path.startsWith("/") ? path : `${Deno.cwd()}/${path}`).replace(/(?<=.)\/+$/, "");
}

/** SOURCE_DATE_EPOCH (reproducible-builds.org/specs/source-date-epoch), or the commit's time. */
async function findCreationTime(commit: string): Promise<Date> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  if (given !== undefined && !/^\d{1,11}$/.test(given)) {
    throw new UsageError(`SOURCE_DATE_EPOCH "${given}": must be seconds since 1970`);
  }
  return new Date(1000 * Number(given ?? await timeOfCommit(commit.replace(/-dirty$/, ""))));
}

async function timeOfCommit(commit: string): Promise<string> {
  try {
    return await runProgram("git", ["-C", ROOT, "show", "--no-patch", "--format=%ct", commit]);
  } catch (cause) {
    throw new LvscareError(`the time of commit "${commit}" is not known here`, {
      hint: "set SOURCE_DATE_EPOCH to the seconds since 1970 that the image shall be dated by",
      cause,
    });
  }
}

/** Puts a tree in the place of what an earlier run left there, and of nothing else. */
async function replaceTree(folder: string, entries: readonly TreeEntry[]): Promise<void> {
  const isOurs = ownershipOf(entries);
  for await (const name of listTree(folder)) {
    if (isOurs(name)) continue;
    throw new LvscareError(`${folder}/${name} is not of an image`, {
      hint: `name another folder, or remove ${folder}`,
    });
  }
  // Beside its place and renamed into it, so that nobody sees half of one.
  const staged = `${folder}.${crypto.randomUUID()}`;
  await Deno.mkdir(parentOf(folder), { recursive: true });
  try {
    await writeTree(staged, entries);
    await Deno.remove(folder, { recursive: true }).catch(ignoreMissing);
    await Deno.rename(staged, folder);
  } finally {
    await Deno.remove(staged, { recursive: true }).catch(ignoreMissing);
  }
}

/** Whether an earlier run may have left that path: blobs have other names each time. */
function ownershipOf(entries: readonly TreeEntry[]): (name: string) => boolean {
  const names = new Set(entries.map(({ name }) => name));
  return (name) => names.has(name) || /^blobs\/sha256\/[0-9a-f]{64}$/.test(name);
}

async function replaceFile(path: string, data: Uint8Array): Promise<void> {
  const staged = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeFile(staged, data);
    await Deno.chmod(staged, 0o644);
    await Deno.rename(staged, path);
  } finally {
    await Deno.remove(staged).catch(ignoreMissing);
  }
}

function ignoreMissing(err: unknown): void {
  if (!(err instanceof Deno.errors.NotFound)) throw err;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function summarize(image: Image, imageName: ImageName, layers: readonly Layer[]): string {
  const rows = image.layers.map(({ digest, data }, index) => {
    const unpacked = layers[index]?.entries.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
    return `${digest}  ${data.length} bytes of ${unpacked}: ${layers[index]?.comment}`;
  });
  const { manifest, platform } = image;
  return [`${manifest.digest}  ${wholeName(imageName)} for ${platform}`, ...rows].join("\n");
}
