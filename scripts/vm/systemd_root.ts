import { LvscareError } from "../../src/errors.ts";
import { busybox, isThere, run, stage } from "./kernel.ts";
import { INSTALLERS, SYSTEMD_PACKAGES } from "./packages.ts";

/** Where the root has busybox, of which other things than the system itself are made. */
export const ROOT_BUSYBOX = "/opt/busybox";

const FOLDERS = [
  ...["dev", "etc/systemd/system", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys"],
  ...["tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "var/lib", "var/log", "var/tmp"],
];
/** What everyone has, and nobody reads there. */
const UNREAD = ["doc", "info", "locale", "man"].map((name) => `usr/share/${name}`);
/** There is no terminal, and nobody's time to wait for. */
const MASKED = ["getty.target", "systemd-random-seed.service", "systemd-update-utmp.service"];

const FILES: Readonly<Record<string, string>> = {
  "etc/group": "root:x:0:\nnogroup:x:65534:\nsystemd-journal:x:999:\n",
  "etc/hostname": "guest\n",
  "etc/hosts": "127.0.0.1 localhost guest\n",
  "etc/os-release": "ID=debian\nPRETTY_NAME=Guest\n",
  "etc/passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
  "etc/resolv.conf": "",
  "etc/shells": "/bin/sh\n",
};

/** Which programs a name stands for, where a package chooses one when it is installed. */
const ALTERNATIVES = Object.fromEntries(
  ["iptables", "iptables-save", "iptables-restore"]
    .flatMap((name) => [name, name.replace("ip", "ip6")])
    .map((name) => [`usr/sbin/${name}`, "xtables-nft-multi"]),
);

/** The packages and all that they depend on. */
async function closure(): Promise<string[]> {
  const without = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
  const options = ["--recurse", ...without.map((kind) => `--no-${kind}`)];
  const text = await run("apt-cache", ["depends", ...options, ...SYSTEMD_PACKAGES]);
  const names = new TextDecoder().decode(text).match(/^[a-z][^\s:]*$/gm) ?? [];
  return [...new Set(names)].filter((name) => !INSTALLERS.some((word) => name.startsWith(word)))
    .sort();
}

/** A system with systemd, of the release that this host has: its folder, which is not to be changed. */
export async function findSystemdRoot(cache: string): Promise<string> {
  const recipe = JSON.stringify([SYSTEMD_PACKAGES, INSTALLERS, FOLDERS, FILES, MASKED, UNREAD]);
  const hash = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(recipe));
  const name = `systemd-${new Uint8Array(hash).toHex().slice(0, 12)}`;
  if (await isThere(`${cache}/${name}`)) return `${cache}/${name}`;
  console.error("scripts/guest: preparing a system with systemd, once");
  await stage(cache, async (staged) => {
    await makeRoot(staged, `${staged}/made`);
    return name;
  });
  return `${cache}/${name}`;
}

async function makeRoot(staged: string, root: string): Promise<void> {
  for (const folder of FOLDERS) await Deno.mkdir(`${root}/${folder}`, { recursive: true });
  for (const name of ["bin", "lib", "lib64", "sbin"]) {
    await Deno.symlink(`usr/${name}`, `${root}/${name}`);
  }
  const packages = await closure();
  await run("apt-get", ["-o", "APT::Sandbox::User=root", "download", ...packages], {
    cwd: staged,
  });
  const debs = (await Array.fromAsync(Deno.readDir(staged))).filter((e) => e.name.endsWith(".deb"));
  if (debs.length < SYSTEMD_PACKAGES.length) {
    throw new LvscareError(`${debs.length} packages came, of ${packages.length}`);
  }
  for (const { name } of debs) {
    const input = await run("dpkg-deb", ["--fsys-tarfile", `${staged}/${name}`]);
    // By itself tar makes folders of the links to folders above.
    await run("tar", ["-x", "--keep-directory-symlink", "-C", root], { input });
  }
  for (const folder of UNREAD) await Deno.remove(`${root}/${folder}`, { recursive: true });
  for (const [path, text] of Object.entries(FILES)) {
    await Deno.writeTextFile(`${root}/${path}`, text);
  }
  // Without an id systemd would take this for the first start, and enable whatever there is.
  const id = crypto.randomUUID().replaceAll("-", "");
  await Deno.writeTextFile(`${root}/etc/machine-id`, `${id}\n`);
  for (const name of MASKED) await Deno.symlink("/dev/null", `${root}/etc/systemd/system/${name}`);
  await Deno.symlink(
    "/lib/systemd/system/multi-user.target",
    `${root}/etc/systemd/system/default.target`,
  );
  for (const [path, target] of Object.entries(ALTERNATIVES)) {
    await Deno.symlink(target, `${root}/${path}`);
  }
  await Deno.copyFile(await busybox(), `${root}${ROOT_BUSYBOX}`);
  // All is as /usr wants it to be.
  for (const path of ["etc/.updated", "var/.updated"]) {
    await Deno.writeTextFile(`${root}/${path}`, "");
  }
}
