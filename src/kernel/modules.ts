/** The kernel's modules by /proc, /sys and /lib/modules, without any program. */

import { LvscareError, SyscallError, UnsupportedError } from "../errors.ts";
import { kernelFileExists, readKernelFile } from "../sys/kernel_file.ts";
import { loadModuleFile } from "../sys/module_file.ts";
import type { Modules } from "./host.ts";

export class KernelModules implements Modules {
  // deno-lint-ignore require-await -- the contract allows for implementations that wait
  async isLoaded(name: string): Promise<boolean> {
    const module = name.replaceAll("-", "_");
    if (readOptional("/proc/modules").split("\n").some((line) => line.startsWith(`${module} `))) {
      return true;
    }
    // A part of the kernel itself: with parameters it has a folder, without it stands in a list.
    return kernelFileExists(`/sys/module/${module}`) ||
      moduleFiles(readOptional(`${directory()}/modules.builtin`)).has(module);
  }

  async load(name: string): Promise<void> {
    if (await this.isLoaded(name)) return;
    const subject = `module ${name}`;
    const fail = (why: string, hint: string, cause?: unknown) =>
      new UnsupportedError(`load ${subject}: ${why}`, name, { op: "load", subject, hint, cause });
    const folder = directory();
    const text = readOptional(`${folder}/modules.dep`);
    if (text === "") {
      throw fail(
        `${folder}/modules.dep is not there`,
        `load it on the host: modprobe ${name}; a container needs the host's /lib/modules for it`,
      );
    }
    const order = loadOrder(text, name);
    if (order.length === 0) {
      throw fail("this kernel has no such module", "install the kernel's package with all modules");
    }
    for (const file of order) {
      try {
        loadModuleFile(file.startsWith("/") ? file : `${folder}/${file}`);
      } catch (err) {
        if (!(err instanceof LvscareError)) throw err;
        const denied = err instanceof SyscallError && err.is("EPERM");
        throw fail(
          denied ? "not permitted" : err.message,
          denied
            ? `it needs CAP_SYS_MODULE; or load it on the host: modprobe ${name}`
            : `see the kernel's log, or try on the host: modprobe ${name}`,
          err,
        );
      }
    }
  }
}

/** The files to load for a module, what it depends on first; none where it is not listed. */
export function loadOrder(modulesDep: string, name: string): string[] {
  const files = moduleFiles(modulesDep);
  const file = files.get(name.replaceAll("-", "_"));
  if (file === undefined) return [];
  const line = modulesDep.split("\n").find((each) => each.startsWith(`${file}:`)) ?? "";
  // depmod lists the nearest dependency first and the deepest last.
  const needs = line.slice(file.length + 1).trim().split(/\s+/).filter((each) => each !== "");
  return [...needs.reverse(), file];
}

/** Files by the name of their module, of modules.dep or modules.builtin. */
function moduleFiles(text: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const line of text.split("\n")) {
    const path = line.split(":")[0]!.trim();
    const name = /([^/]+)\.ko(?:\.\w+)?$/.exec(path)?.[1];
    if (name !== undefined) files.set(name.replaceAll("-", "_"), path);
  }
  return files;
}

function directory(): string {
  return `/lib/modules/${readKernelFile("/proc/sys/kernel/osrelease").trim()}`;
}

function readOptional(path: string): string {
  try {
    return readKernelFile(path);
  } catch (err) {
    if (err instanceof SyscallError && (err.is("ENOENT") || err.is("ENOTDIR"))) return "";
    throw err;
  }
}
