import { zstdDecompressSync } from "node:zlib";
import { CommandError, LvscareError, UsageError } from "../../src/errors.ts";
import { bzImagePayload, compressionOf } from "./bzimage.ts";
import { type CpioEntry, writeCpio } from "./cpio.ts";
import { findModule, loadOrder, parseModulesDep, withoutModules } from "./modules.ts";

/** A kernel that is ready to start. */
export interface Kernel {
  readonly release: string;
  readonly image: string;
  readonly initramfs: string;
  /** The folder that is to be the guest's /lib/modules/RELEASE. */
  readonly modules: string;
}

const ALIASES: Readonly<Record<string, readonly string[]>> = {
  default: ["linux-image-amd64", "linux-image-generic"], // Debian's name, Ubuntu's
  rt: ["linux-image-rt-amd64"],
};

/** What the initramfs must load to reach the host's files. */
const BOOT_MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];

/** What of a kernel's modules is kept, with all that these need; the rest is drivers for hardware. */
const KEPT = new RegExp(
  "^kernel/(crypto|lib|arch/x86/crypto|fs/(9p|fuse|overlayfs)|" +
    "net/(9p|802|8021q|bridge|core|ipv4|ipv6|key|llc|mpls|netfilter|netlink|openvswitch|packet|sched|sctp|unix|vmw_vsock|xfrm)|" +
    "drivers/virtio|drivers/char/(hw_random/)?virtio|" +
    "drivers/net/(bareudp|bonding|dummy|geneve|ifb|ipvlan|macvlan|macvtap|net_failover|tap|tun|veth|virtio_net|vrf|vxlan|wireguard))",
);

/** Ends the programs that prepare a kernel; it is half made then, and what there is of it removed. */
export const stopPreparing = new AbortController();

export const isThere = (path: string): Promise<boolean> =>
  Deno.stat(path).then(() => true, () => false);

/** Runs a program that prepares something; gives what it printed. */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: Uint8Array<ArrayBuffer> } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const process = new Deno.Command(program, {
    args: [...args],
    env: { LC_ALL: "C" },
    stdin: options.input ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
    signal: stopPreparing.signal,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }).spawn();
  const input = options.input;
  // A program that does not read its input to the end says why by its status.
  const written = input && new Blob([input]).stream().pipeTo(process.stdin).catch(() => {});
  const [{ success, code, stdout, stderr }] = await Promise.all([process.output(), written]);
  if (!success) {
    const said = new TextDecoder().decode(stderr).trim();
    const what = said.split("\n").at(-1) || `exit status ${code}`;
    throw new CommandError(`${program}: ${what}`, [program, ...args], code, said);
  }
  return stdout;
}

async function unpack(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  switch (compressionOf(data)) {
    case "gzip": {
      const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
      return await new Response(stream).bytes();
    }
    case "xz":
      return await run("xz", ["-dc"], { input: data });
    case "zstd":
      return new Uint8Array(zstdDecompressSync(data));
    case "other":
      return data;
  }
}

/** The packages with the image and the modules that a name or a package that stands for one means. */
async function findPackages(name: string): Promise<string[]> {
  for (const candidate of ALIASES[name] ?? [name]) {
    const found = new Set([candidate]);
    for (const each of found) { // grows while it is walked
      const text = await run("apt-cache", ["depends", each]).catch(() => new Uint8Array());
      const depends = new TextDecoder().decode(text)
        .matchAll(/^ +(?:Pre)?Depends: (linux-(?:image|modules)-\S+)$/gm);
      if (text.length === 0) found.delete(each);
      for (const [, dependency = ""] of depends) found.add(dependency);
    }
    const real = [...found].filter((each) => /^linux-(image|modules)\D*-\d/.test(each));
    if (real.length > 0) return real;
  }
  throw new LvscareError(`no kernel package for --kernel ${name}`, {
    hint: "run apt-get update, or choose one that apt-cache search ^linux-image- lists",
  });
}

/** Makes a folder under a temporary name; the first of several at once to finish gives it its own. */
export async function stage(
  cache: string,
  make: (folder: string) => Promise<string>,
): Promise<string> {
  await Deno.mkdir(cache, { recursive: true });
  for await (const { name } of Deno.readDir(cache)) { // what killed ones have left
    const { mtime } = await Deno.lstat(`${cache}/${name}`).catch(() => ({ mtime: null }));
    if (name.startsWith("staged-") && Date.now() - Number(mtime) > 3_600_000) {
      await Deno.remove(`${cache}/${name}`, { recursive: true }).catch(() => {});
    }
  }
  const staged = await Deno.makeTempDir({ dir: cache, prefix: "staged-" });
  try {
    const made = await make(staged);
    const target = `${cache}/${made}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.rename(`${staged}/made`, target).catch(async (err) => {
      if (!await isThere(target)) throw err;
    });
    return made;
  } finally {
    // Twice, because children of a program that was stopped may still be writing.
    await Deno.remove(staged, { recursive: true }).catch(async () => {
      await new Promise((wake) => setTimeout(wake, 500));
      await Deno.remove(staged, { recursive: true });
    });
  }
}

async function copyModules(from: string, to: string, files: Iterable<string>): Promise<void> {
  for (const file of files) {
    // Unpacked once here, so that the guest, the initramfs and every loader can take them as they are.
    const target = `${to}/${file.replace(/\.ko\.\w+$/, ".ko")}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    if (target.endsWith(file)) await Deno.link(`${from}/${file}`, target);
    else await Deno.writeFile(target, await unpack(await Deno.readFile(`${from}/${file}`)));
  }
  for (const file of ["modules.builtin", "modules.builtin.modinfo", "modules.order"]) {
    await Deno.copyFile(`${from}/${file}`, `${to}/${file}`);
  }
}

async function readModules(folder: string) {
  return parseModulesDep(await Deno.readTextFile(`${folder}/modules.dep`));
}

/** Downloads and unpacks a kernel; gives its release. */
async function prepareKernel(cache: string, name: string): Promise<string> {
  const packages = await findPackages(name);
  console.error(`scripts/guest: preparing the kernel of ${packages[0]}, once`);
  return await stage(cache, async (staged) => {
    // As root apt-get would download as a user that cannot write here, and warn.
    const download = ["-o", "APT::Sandbox::User=root", "download", ...packages];
    await run("apt-get", download, { cwd: staged });
    const debs = (await Array.fromAsync(Deno.readDir(staged))).filter((e) =>
      e.name.endsWith(".deb")
    );
    for (const { name } of debs) {
      await run("dpkg-deb", ["-x", `${staged}/${name}`, `${staged}/all`]);
    }
    if (!await isThere(`${staged}/all/lib`)) await Deno.symlink("usr/lib", `${staged}/all/lib`);

    const [release] = await Array.fromAsync(
      Deno.readDir(`${staged}/all/lib/modules`),
      (e) => e.name,
    );
    if (release === undefined) throw new LvscareError(`no modules in ${packages.join(", ")}`);
    const from = `${staged}/all/lib/modules/${release}`;
    const to = `${staged}/made/all/lib/modules/${release}`;
    await run("depmod", ["-b", `${staged}/all`, release]);
    const files = await readModules(from);
    const kept = [...files.keys()].filter((file) => KEPT.test(file));
    await copyModules(from, to, loadOrder(files, kept));
    await run("depmod", ["-b", `${staged}/made/all`, release]);

    // The kernel inside the bzImage starts by the PVH protocol, 3 s sooner than if the guest unpacked it.
    const image = await Deno.readFile(`${staged}/all/boot/vmlinuz-${release}`);
    const payload = bzImagePayload(image);
    const usable = payload !== undefined && compressionOf(payload) !== "other";
    await Deno.writeFile(`${staged}/made/kernel`, usable ? await unpack(payload) : image);
    return release;
  });
}

/** The release that a name stands for; remembered, so that a known kernel needs no package lists. */
async function findRelease(cache: string, name: string): Promise<string> {
  const link = `${cache}/${name}`;
  if (await isThere(`${link}/kernel`)) return await Deno.readLink(link);
  const release = await prepareKernel(cache, name);
  const temporary = `${link}.${crypto.randomUUID()}`;
  await Deno.symlink(release, temporary);
  await Deno.rename(temporary, link);
  return release;
}

/** Makes a copy of a kernel's modules that lacks some; gives its folder's name. */
async function findVariant(
  cache: string,
  release: string,
  without: readonly string[],
): Promise<string> {
  if (without.length === 0) return "all";
  const from = `${cache}/${release}/all/lib/modules/${release}`;
  const builtin = parseModulesDep(
    (await Deno.readTextFile(`${from}/modules.builtin`)).replaceAll("\n", ":\n"),
  );
  const files = await readModules(from);
  for (const name of without) {
    if (findModule(files, name)) continue;
    const why = findModule(builtin, name) ? "is built into" : "is not a module of";
    throw new UsageError(`--without ${name}: it ${why} kernel ${release}`);
  }
  const variant = `without-${without.join("+")}`;
  if (await isThere(`${cache}/${release}/${variant}`)) return variant;
  await stage(cache, async (staged) => {
    const to = `${staged}/made/lib/modules/${release}`;
    await copyModules(from, to, withoutModules(files, without));
    await run("depmod", ["-b", `${staged}/made`, release]);
    return `${release}/${variant}`;
  });
  return variant;
}

/** An initramfs of busybox, init and the modules to reach the host's files. */
async function makeInitramfs(
  folder: string,
  release: string,
  init: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const files = await readModules(folder);
  const builtin = await Deno.readTextFile(`${folder}/modules.builtin`);
  const wanted: string[] = [];
  for (const name of BOOT_MODULES) {
    const file = findModule(files, name);
    if (file) wanted.push(file);
    else if (!builtin.includes(`/${name}.ko`)) {
      throw new UsageError(
        `kernel ${release} has no module ${name} to reach the host's files with`,
        {
          hint: "choose another --kernel",
        },
      );
    }
  }
  const order = loadOrder(files, wanted);
  const fileName = (file: string) => file.split("/").at(-1) ?? file;
  const file = (name: string, data: Uint8Array): CpioEntry => ({ name, mode: 0o100755, data });
  const folders = ["bin", "dev", "modules"].map((name) => ({ name, mode: 0o040755 }));
  return writeCpio([
    ...folders,
    file("init", await Deno.readFile(new URL(init, import.meta.url))),
    file("bin/busybox", await Deno.readFile(await busybox())),
    file("modules/order", new TextEncoder().encode(order.map((f) => `${fileName(f)}\n`).join(""))),
    ...await Promise.all(
      order.map(async (f) => file(`modules/${fileName(f)}`, await Deno.readFile(`${folder}/${f}`))),
    ),
  ]);
}

export async function busybox(): Promise<string> {
  for (const path of ["/bin/busybox", "/usr/bin/busybox"]) if (await isThere(path)) return path;
  throw new LvscareError("no /bin/busybox", { hint: "apt-get install busybox-static" });
}

/**
 * Finds a kernel in the cache, or makes it: downloads it, or takes away what it should be without. Its first process
 * is the script of that name beside this file.
 */
export async function findKernel(
  cache: string,
  name: string,
  without: readonly string[],
  init = "init.sh",
): Promise<Kernel> {
  const release = await findRelease(cache, name);
  const folder = `${cache}/${release}`;
  const modules = `${folder}/${await findVariant(cache, release, without)}/lib/modules/${release}`;
  const initramfs = await makeInitramfs(modules, release, init);
  // Named by what is in it: a changed init.sh or busybox makes another.
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-1", initramfs)).toHex();
  const file = `${folder}/initramfs-${hash}`;
  if (!await isThere(file)) {
    const temporary = `${file}.${crypto.randomUUID()}`;
    await Deno.writeFile(temporary, initramfs);
    await Deno.rename(temporary, file);
  }
  return { release, image: `${folder}/kernel`, initramfs: file, modules };
}
