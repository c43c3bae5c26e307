/**
 * Kernel modules: looked for below /proc and /sys, loaded by a system call, as modprobe would load them. Where
 * that does not work (a compression that this kernel does not know), the program is the second way.
 */

import { type LvscareError, SyscallError, UnsupportedError } from "../errors.ts";
import { kernelFileExists, readKernelFile } from "../sys/kernel_file.ts";
import { loadModuleFile } from "../sys/kernel_module.ts";
import type { Modules } from "./host.ts";
import {
  filesToLoad,
  isBuiltIn,
  isInModules,
  type ModuleConfiguration,
  moduleConfiguration,
  moduleName,
} from "./module_files.ts";

/** Where hosts keep their modules: the last is NixOS's. */
const MODULE_FOLDERS = [
  "/lib/modules",
  "/usr/lib/modules",
  "/run/booted-system/kernel-modules/lib/modules",
];

/** Where modprobe is configured; a file hides those of its name in later folders. */
const CONFIGURATION_FOLDERS = [
  "/etc/modprobe.d",
  "/run/modprobe.d",
  "/usr/lib/modprobe.d",
  "/lib/modprobe.d",
];

export interface ProcModulesOptions {
  /** Runs the program modprobe for a module, and fails where that fails. */
  readonly modprobe?: (name: string) => Promise<unknown>;
  /** Default: where hosts keep their modules. */
  readonly moduleFolders?: readonly string[];
  readonly configurationFolders?: readonly string[];
}

/** Why a module could not be loaded, and what may help. */
interface Failure {
  readonly why: string;
  readonly hint: string;
  readonly cause?: unknown;
  /** Whether modprobe would fail in the same way. */
  readonly isFinal?: boolean;
}

export class ProcModules implements Modules {
  readonly #modprobe: ProcModulesOptions["modprobe"];
  readonly #moduleFolders: readonly string[];
  readonly #configurationFolders: readonly string[];

  constructor(options: ProcModulesOptions = {}) {
    this.#modprobe = options.modprobe;
    this.#moduleFolders = options.moduleFolders ?? MODULE_FOLDERS;
    this.#configurationFolders = options.configurationFolders ?? CONFIGURATION_FOLDERS;
  }

  isLoaded(name: string): Promise<boolean> {
    return attempt(() => this.#isLoaded(name));
  }

  async load(name: string): Promise<void> {
    const failure = await attempt(() => this.#isLoaded(name) ? undefined : this.#loadFiles(name));
    if (!failure) return;
    const second = failure.isFinal ? undefined : await this.#runModprobe(name);
    if (second === "loaded") return;
    const { why, hint, cause } = failure;
    throw new UnsupportedError(`load module ${name}: ${why}`, name, {
      op: "load module",
      subject: name,
      hint,
      ...((second ?? cause) !== undefined && { cause: second ?? cause }),
    });
  }

  #isLoaded(name: string): boolean {
    if (isInModules(readIfThere("/proc/modules") ?? "", name)) return true;
    const folder = this.#folder();
    const builtIn = folder && readIfThere(`${folder}/modules.builtin`);
    if (builtIn !== undefined && isBuiltIn(builtIn, name)) return true;
    // Also those in the kernel itself stand here, if they have parameters; only loaded ones have a state.
    const system = `/sys/module/${moduleName(name)}`;
    return kernelFileExists(system) && !kernelFileExists(`${system}/initstate`);
  }

  /** Loads the module and what it needs, or says why not. */
  #loadFiles(name: string): Failure | undefined {
    const release = kernelRelease();
    const onHost = `load it on the host: modprobe ${name}`;
    if (!kernelFileExists("/proc/modules")) {
      const why = `kernel ${release} has no modules, and this is not built into it`;
      return { why, hint: "use a kernel that has it", isFinal: true };
    }
    const folder = this.#folder();
    if (folder === undefined) {
      const why = `there is no ${this.#moduleFolders[0]}/${release} here`;
      return { why, hint: `mount it from the host, or ${onHost}` };
    }
    const dependencies = readIfThere(`${folder}/modules.dep`);
    if (dependencies === undefined) {
      // As under systemd's ProtectKernelModules=.
      return { why: `${folder} may not be read`, hint: onHost, isFinal: true };
    }
    const files = filesToLoad(dependencies, name);
    if (!files) {
      return { why: `kernel ${release} has no such module`, hint: "use a kernel that has it" };
    }
    for (const file of files) {
      const failure = this.#loadFile(`${folder}/${file}`, onHost);
      if (failure) return failure;
    }
    return undefined;
  }

  #loadFile(path: string, onHost: string): Failure | undefined {
    const name = moduleName(path);
    if (isInModules(readIfThere("/proc/modules") ?? "", name)) return undefined;
    const { parameters, isReplaced } = this.#configuration(name);
    if (isReplaced) {
      const why = `modprobe is configured to run a program in place of loading ${name}`;
      return { why, hint: onHost };
    }
    try {
      loadModuleFile(path, parameters);
      return undefined;
    } catch (cause) {
      if (!(cause instanceof SyscallError)) throw cause;
      if (cause.is("EEXIST")) return undefined; // somebody else has just loaded it
      if (cause.is("EPERM")) {
        const why = "not permitted (EPERM)";
        return { why, hint: `it needs CAP_SYS_MODULE: ${onHost}`, cause, isFinal: true };
      }
      return { why: cause.message, hint: onHost, cause };
    }
  }

  async #runModprobe(name: string): Promise<"loaded" | LvscareError | undefined> {
    if (!this.#modprobe) return undefined;
    try {
      await this.#modprobe(name);
    } catch (error) {
      return error as LvscareError;
    }
    return await this.isLoaded(name) ? "loaded" : undefined;
  }

  /** The folder of this kernel's modules, where there is one. */
  #folder(): string | undefined {
    const release = kernelRelease();
    return this.#moduleFolders.map((folder) => `${folder}/${release}`)
      .find((folder) => kernelFileExists(`${folder}/modules.dep`));
  }

  #configuration(name: string): ModuleConfiguration {
    const files = new Map<string, string>();
    for (const folder of this.#configurationFolders) {
      for (const file of listFolder(folder)) {
        if (!file.endsWith(".conf") || files.has(file)) continue;
        files.set(file, readIfThere(`${folder}/${file}`) ?? "");
      }
    }
    const texts = [...files].toSorted(([a], [b]) => a < b ? -1 : 1).map(([, text]) => text);
    return moduleConfiguration(texts, readIfThere("/proc/cmdline") ?? "", name);
  }
}

/** Does it at once; the promise is the contract's. */
function attempt<T>(body: () => T): Promise<T> {
  try {
    return Promise.resolve(body());
  } catch (error) {
    return Promise.reject(error);
  }
}

function kernelRelease(): string {
  return readKernelFile("/proc/sys/kernel/osrelease").trim();
}

function readIfThere(path: string): string | undefined {
  try {
    return readKernelFile(path);
  } catch (error) {
    if (error instanceof SyscallError && (error.is("ENOENT") || error.is("EACCES"))) {
      return undefined;
    }
    throw error;
  }
}

/** A folder that is not there, or may not be read, has no files. */
function listFolder(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return [];
  }
}
