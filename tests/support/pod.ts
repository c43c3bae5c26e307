/** A kubelet in small: it unpacks an image, and runs containers of it as a pod's manifest says, and no more than that. */

import assert from "node:assert/strict";
import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { CareProcess } from "./care_lab.ts";
import { type Ran, run } from "./process.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What of a manifest is understood here; anything else makes the test fail. */
export interface PodManifest {
  readonly spec: {
    readonly hostNetwork: boolean;
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly securityContext: { readonly runAsUser: number };
    readonly volumes: readonly Volume[];
  };
}

interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string; readonly type: string };
  readonly configMap?: {
    readonly name: string;
    readonly items: readonly { readonly key: string; readonly path: string }[];
  };
}

/** Texts by their keys. */
export type ConfigMap = Readonly<Record<string, string>>;

export interface Container {
  readonly name: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop: readonly string[] };
  };
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

interface Probe {
  readonly exec: { readonly command: readonly string[] };
}

interface Descriptor {
  readonly digest: string;
}

/** An image layout's files in a folder, and the names of all that is in its layers. */
export class UnpackedImage {
  readonly root: string;
  readonly names: readonly string[];
  /** What a container is started with where its manifest says nothing else: "PATH=…". */
  readonly env: readonly string[];

  private constructor(root: string, names: readonly string[], env: readonly string[]) {
    this.root = root;
    this.names = names;
    this.env = env;
  }

  static async open(layout: string, root: string): Promise<UnpackedImage> {
    const blob = ({ digest }: Descriptor) => `${layout}/blobs/${digest.replace(":", "/")}`;
    const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
    const { manifests: [only, ...others] } = await read(`${layout}/index.json`);
    assert.deepEqual(others, []);
    const { config, layers } = await read(blob(only));
    const names: string[] = [];
    for (const layer of layers as Descriptor[]) {
      const tar = ["/bin/tar", "--extract", "--verbose", "--gzip", "--directory", root];
      const { status, stdout, stderr } = await run([...tar, "--file", blob(layer)], {
        env: { PATH },
      });
      assert.equal(status, 0, stderr);
      names.push(...stdout.trim().split("\n").map((name) => name.replace(/\/$/, "")));
    }
    const { config: { Env } } = await read(blob(config));
    return new UnpackedImage(root, names.sort(), Env);
  }
}

/**
 * In namespaces of its own for mounts and processes: the image's root, which nobody can write to; /proc, /sys and
 * /dev, as every runtime gives them; what the manifest mounts; and then the program, with the rights that are left.
 */
const SCRIPT = `set -e
root=$1 confined=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$root/dev/\${device%:*}" c 1 "\${device#*:}"
done
if [ "$confined" = yes ]; then
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
fi
while [ "$1" != -- ]; do
  mount --bind "$1" "$root$2"
  [ "$3" = ro ] && mount -o remount,bind,ro "$root$2"
  shift 3
done
shift
mount -o remount,bind,ro "$root"
exec capsh "$@"`;

export interface PodOptions {
  readonly image: UnpackedImage;
  readonly manifest: PodManifest;
  /** The node's own address. */
  readonly hostIp: string;
  /** What the one ConfigMap of the manifest has. */
  readonly configMap?: ConfigMap;
}

export class Pod {
  readonly #options: PodOptions;
  /** Where the files of the ConfigMap are. */
  readonly #folder: string;
  #updates = 0;

  constructor(options: PodOptions) {
    this.#options = options;
    const { image, manifest: { spec } } = options;
    assert.deepEqual([spec.hostNetwork, spec.securityContext.runAsUser], [true, 0]);
    this.#folder = Deno.makeTempDirSync({ prefix: "lvscare-config-" });
    for (const { hostPath } of spec.volumes) {
      if (!hostPath) continue;
      const { path, type } = hostPath;
      if (type === "DirectoryOrCreate") Deno.mkdirSync(path, { recursive: true });
      else if (type === "FileOrCreate") Deno.writeTextFileSync(path, "", { append: true });
      else assert.equal(type, "");
    }
    if (options.configMap) this.update(options.configMap);
    // What is mounted must have something to be mounted on: runtimes make it, before the root is made read-only.
    for (const { mountPath } of this.#all().flatMap(({ volumeMounts }) => volumeMounts)) {
      const target = image.root + mountPath;
      const isFile = Deno.statSync(this.#source(mountPath)).isFile;
      if (isFile) Deno.writeTextFileSync(target, "", { append: true });
      else Deno.mkdirSync(target, { recursive: true });
    }
  }

  /** Files of a ConfigMap change as the kubelet changes them: all at once, behind a link. */
  update(data: ConfigMap): void {
    const { items } = this.#options.manifest.spec.volumes
      .find(({ configMap }) => configMap)!.configMap!;
    const name = `..${++this.#updates}`;
    for (const { key, path } of items) {
      const [first = "", ...rest] = path.split("/");
      Deno.mkdirSync(`${this.#folder}/${[name, ...path.split("/").slice(0, -1)].join("/")}`, {
        recursive: true,
      });
      Deno.writeTextFileSync(`${this.#folder}/${name}/${path}`, data[key]!);
      const link = `${this.#folder}/${first}`;
      if (this.#updates === 1 && (rest.length === 0 || !isThere(link))) {
        Deno.symlinkSync(`..data/${first}`, link);
      }
    }
    Deno.symlinkSync(name, `${this.#folder}/..new`);
    Deno.renameSync(`${this.#folder}/..new`, `${this.#folder}/..data`);
  }

  /** The one container that stays. */
  get main(): Container {
    const [main, ...others] = this.#options.manifest.spec.containers;
    assert.deepEqual(others, []);
    return main!;
  }

  /** What is there of the host, by its places. */
  get mounts(): string[] {
    return this.main.volumeMounts.map(({ mountPath }) => mountPath);
  }

  /** Runs those that end before the main one starts, one after the other. */
  async setUp(): Promise<Ran[]> {
    const all: Ran[] = [];
    for (const container of this.#options.manifest.spec.initContainers ?? []) {
      all.push(await this.#run(container, [...container.command, ...container.args]));
    }
    return all;
  }

  start(): CareProcess {
    const { main } = this;
    return new CareProcess(this.#argv(main, [...main.command, ...main.args]), this.#env(main));
  }

  /** What a probe comes to: the kubelet runs it within the container, with the container's rights. */
  probe(kind: "livenessProbe" | "readinessProbe"): Promise<Ran> {
    return this.#run(this.main, this.main[kind]!.exec.command);
  }

  #all(): Container[] {
    const { initContainers = [], containers } = this.#options.manifest.spec;
    return [...initContainers, ...containers];
  }

  #run(container: Container, command: readonly string[]): Promise<Ran> {
    return run(this.#argv(container, command), { env: this.#env(container) });
  }

  #argv({ securityContext, volumeMounts }: Container, command: readonly string[]): string[] {
    const { image: { root } } = this.#options;
    const mounts = volumeMounts.flatMap((
      { mountPath, readOnly },
    ) => [this.#source(mountPath), mountPath, readOnly ? "ro" : "rw"]);
    const [program = "", ...args] = command;
    const confined = securityContext.privileged ? "no" : "yes";
    return [
      ...["/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c"],
      ...[SCRIPT, "sh", root, confined, ...mounts, "--"],
      ...[`--chroot=${root}`, ...rightsOf(securityContext), `--shell=${program}`, "--", ...args],
    ];
  }

  #env({ env }: Container): Record<string, string> {
    const { image, hostIp } = this.#options;
    const own = env.map(({ name, value, valueFrom }) => {
      if (value !== undefined) return [name, value];
      assert.deepEqual(valueFrom, { fieldRef: { fieldPath: "status.hostIP" } });
      return [name, hostIp];
    });
    return Object.fromEntries([...image.env.map((each) => each.split(/=(.*)/s)), ...own]);
  }

  #source(mountPath: string): string {
    const mounts = this.#all().flatMap(({ volumeMounts }) => volumeMounts);
    const { name } = mounts.find((mount) => mount.mountPath === mountPath)!;
    const { hostPath } = this.#options.manifest.spec.volumes.find((volume) =>
      volume.name === name
    )!;
    return hostPath?.path ?? this.#folder;
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch {
    return false;
  }
}

function rightsOf(rights: Container["securityContext"]): string[] {
  if (rights.privileged) return [];
  const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = rights;
  assert.deepEqual([allowPrivilegeEscalation, readOnlyRootFilesystem], [false, true]);
  assert.deepEqual(capabilities?.drop, ["ALL"]);
  const last = Number(readKernelFile("/proc/sys/kernel/cap_last_cap"));
  const kept = new Set(capabilities?.add?.map(numberOf));
  const dropped = Array.from({ length: last + 1 }, (_, i) => i).filter((i) => !kept.has(i));
  return [`--drop=${dropped.join(",")}`, "--no-new-privs"];
}

/** As linux/capability.h has them. */
const CAPABILITIES: Readonly<Record<string, number>> = {
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
  NET_RAW: 13,
  SYS_MODULE: 16,
};

function numberOf(name: string): number {
  const number = CAPABILITIES[name];
  assert.notEqual(number, undefined, name);
  return number!;
}

/** As /proc/PID/status has them: "0000000000003000". */
export function capabilityMask(names: readonly string[]): string {
  const mask = names.reduce((mask, name) => mask | 1n << BigInt(numberOf(name)), 0n);
  return mask.toString(16).padStart(16, "0");
}

/** The program of a container that runs: the process that its namespaces were made for. */
export function programOf(container: CareProcess): number {
  const { pid } = container;
  const [child = "", ...others] = readKernelFile(`/proc/${pid}/task/${pid}/children`).trim()
    .split(" ");
  assert.ok(/^\d+$/.test(child) && others.length === 0, child);
  return Number(child);
}
