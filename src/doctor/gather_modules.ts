/** Modules, now and at boot, from the files that say so. */

import { LvscareError, SyscallError } from "../errors.ts";
import { filesToLoad, isBuiltIn, isInModules, moduleName } from "../kernel/module_files.ts";
import { type Fact, FORBIDDEN, known, type ModuleState, unknown } from "./facts.ts";

/** The files of a host. A path is looked for as it stands. */
export interface HostFiles {
  /** The text, or undefined where there is no such file. Throws a SyscallError for any other reason. */
  read(path: string): string | undefined;
  exists(path: string): boolean;
  /** Names, without order; none where there is no such folder. */
  list(folder: string): readonly string[];
}

const MODULE_FOLDERS = [
  "/lib/modules",
  "/usr/lib/modules",
  "/run/booted-system/kernel-modules/lib/modules",
];
/** A file hides those of its name in later folders. */
const MODPROBE_FOLDERS = [
  "/etc/modprobe.d",
  "/run/modprobe.d",
  "/usr/local/lib/modprobe.d",
  "/usr/lib/modprobe.d",
  "/lib/modprobe.d",
];
const BOOT_FOLDERS = [
  "/etc/modules-load.d",
  "/run/modules-load.d",
  "/usr/local/lib/modules-load.d",
  "/usr/lib/modules-load.d",
  "/lib/modules-load.d",
];

/** Why something could not be read, in words that a person uses. */
export function whyNot(error: unknown): string {
  if (!(error instanceof LvscareError)) throw error;
  const { errno } = error;
  if (errno === "EPERM" || errno === "EACCES") return FORBIDDEN;
  return error.message;
}

/** Asks; what goes wrong on the host's side is why nothing is known. Those errnos say that there is nothing. */
export function attempt<T>(body: () => T): Fact<T>;
export function attempt<T>(body: () => T, absent: readonly string[]): Fact<T | undefined>;
export function attempt<T>(body: () => T, absent: readonly string[] = []): Fact<T | undefined> {
  try {
    return known(body());
  } catch (error) {
    if (error instanceof LvscareError && absent.includes(error.errno ?? "")) {
      return known(undefined);
    }
    return unknown(whyNot(error));
  }
}

export function readModules(
  files: HostFiles,
  names: readonly string[],
  release: string | undefined,
): Fact<ReadonlyMap<string, ModuleState>> {
  return attempt(() => {
    const look = looker(files, release);
    return new Map(names.map((name) => [name, look(name)]));
  });
}

function looker(files: HostFiles, release: string | undefined): (name: string) => ModuleState {
  const loaded = files.read("/proc/modules");
  const folder = release === undefined
    ? undefined
    : MODULE_FOLDERS.map((each) => `${each}/${release}`)
      .find((each) => files.exists(`${each}/modules.dep`));
  const builtIn = folder === undefined ? "" : files.read(`${folder}/modules.builtin`) ?? "";
  const dependencies = folder === undefined ? "" : files.read(`${folder}/modules.dep`) ?? "";
  const configuration = confTexts(files, MODPROBE_FOLDERS);
  return (name) => {
    if (isInModules(loaded ?? "", name)) return "loaded";
    if (isBuiltIn(builtIn, name) || isBuiltInBySystem(files, name)) return "built in";
    if (folder === undefined && loaded === undefined) {
      // A kernel that loads none.
      return HAVE_PARAMETERS.includes(name) ? "missing" : "unsure";
    }
    if (folder === undefined) return "not found";
    if (loaded === undefined) return "missing";
    if (!filesToLoad(dependencies, name)) return "missing";
    return isReplaced(configuration, name) ? "blocked" : "loadable";
  };
}

/** These would stand below /sys, were they built in. */
const HAVE_PARAMETERS = ["ip_vs", "dummy"];

/** Those in the kernel itself stand here if they have parameters; only loaded ones have a state. */
function isBuiltInBySystem(files: HostFiles, name: string): boolean {
  const system = `/sys/module/${moduleName(name)}`;
  return files.exists(system) && !files.exists(`${system}/initstate`);
}

/** Whether modprobe is to run a program in its place, which mostly does nothing. */
function isReplaced(texts: readonly string[], name: string): boolean {
  return texts.flatMap((text) => text.split("\n")).some((line) => {
    const [command, module = ""] = line.trim().split(/\s+/);
    return command === "install" && moduleName(module) === moduleName(name);
  });
}

/** In the order of the files' names, of which each counts once. */
function confTexts(files: HostFiles, folders: readonly string[]): string[] {
  const paths = new Map<string, string>();
  for (const folder of folders) {
    for (const name of files.list(folder)) {
      if (name.endsWith(".conf") && !paths.has(name)) paths.set(name, `${folder}/${name}`);
    }
  }
  return [...paths].toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([, path]) => files.read(path) ?? "");
}

/** What is loaded with every boot, by systemd or by what reads /etc/modules. */
export function readBootModules(files: HostFiles): Fact<ReadonlySet<string>> {
  return attempt(() => {
    const texts = [...confTexts(files, BOOT_FOLDERS), files.read("/etc/modules") ?? ""];
    const line = files.read("/proc/cmdline") ?? "";
    const listed = texts.flatMap(namesIn);
    const words = [...line.matchAll(/(?:^|\s)modules[_-]load=(\S+)/g)];
    const given = words.flatMap(([, list = ""]) => list.split(","));
    return new Set([...listed, ...given].filter(Boolean).map(moduleName));
  });
}

/** One on each line, in /etc/modules with parameters behind it. */
export function namesIn(text: string): string[] {
  return text.split("\n").map((line) => line.trim().split(/\s+/)[0] ?? "")
    .filter((name) => name !== "" && !/^[#;]/.test(name));
}

/** Whether the error is that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return error instanceof SyscallError &&
    ["ENOENT", "ENOTDIR"].some((errno) => error.is(errno));
}
