/** What stands in the files beside a kernel's modules, and in modprobe's configuration. */

/** The name that the kernel knows a module by: "kernel/net/nf-log.ko.xz" is nf_log. */
export function moduleName(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1).replace(/\.ko(?:\.\w+)?$/, "").replaceAll("-", "_");
}

/**
 * The files to load for a module, in their order, from modules.dep: "file: dependency dependency…", where the
 * last dependency is to be loaded first. Undefined where there is no such module.
 */
export function filesToLoad(modulesDep: string, name: string): string[] | undefined {
  for (const line of modulesDep.split("\n")) {
    const [file = "", dependencies] = line.split(":");
    if (dependencies === undefined || moduleName(file) !== moduleName(name)) continue;
    return [...dependencies.split(" ").filter(Boolean).reverse(), file];
  }
  return undefined;
}

/** Whether a module is in the kernel itself, from modules.builtin: a file's name on each line. */
export function isBuiltIn(modulesBuiltin: string, name: string): boolean {
  return modulesBuiltin.split("\n").some((file) =>
    file.trim() !== "" && moduleName(file.trim()) === moduleName(name)
  );
}

/** Whether a module is there and ready, from /proc/modules: "ip_vs 188416 2 ip_vs_rr, Live 0x0". */
export function isInModules(procModules: string, name: string): boolean {
  return procModules.split("\n").some((line) => {
    const [loaded = "", , , , state] = line.split(" ");
    return loaded === moduleName(name) && state === "Live";
  });
}

/** What an administrator has configured for a module. */
export interface ModuleConfiguration {
  /** As the module takes them: "conn_tab_bits=18". */
  readonly parameters: string;
  /** Another program is to be run in place of loading it, often one that does nothing. */
  readonly isReplaced: boolean;
}

/** From the texts of modprobe's configuration files and the kernel's command line. */
export function moduleConfiguration(
  files: readonly string[],
  commandLine: string,
  name: string,
): ModuleConfiguration {
  const wanted = moduleName(name);
  const parameters: string[] = [];
  let isReplaced = false;
  for (const line of files.flatMap((text) => text.replaceAll("\\\n", " ").split("\n"))) {
    const [command, module = "", ...rest] = line.trim().split(/\s+/);
    if (moduleName(module) !== wanted) continue;
    if (command === "options") parameters.push(...rest);
    else if (command === "install") isReplaced = true;
  }
  for (const word of commandLine.trim().split(/\s+/)) {
    const [, module = "", parameter = ""] = /^([\w-]+)\.(.+)$/.exec(word) ?? [];
    if (moduleName(module) === wanted) parameters.push(parameter);
  }
  return { parameters: parameters.join(" "), isReplaced };
}
