/** Files of modules, relative to /lib/modules/VERSION, each with those that must be loaded before it. */
export type ModuleFiles = ReadonlyMap<string, readonly string[]>;

/** The name that the kernel knows a module by: "kernel/net/nf-log.ko.xz" is nf_log. */
export function moduleName(file: string): string {
  return (file.split("/").at(-1) ?? file).replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
}

/** Reads modules.dep: "file: dependency dependency…", all of them, the nearest first. */
export function parseModulesDep(text: string): ModuleFiles {
  const files = new Map<string, readonly string[]>();
  for (const line of text.split("\n")) {
    const [file, dependencies] = line.split(":");
    if (file && dependencies !== undefined) {
      files.set(file, dependencies.split(" ").filter(Boolean));
    }
  }
  return files;
}

export function findModule(files: ModuleFiles, name: string): string | undefined {
  return [...files.keys()].find((file) => moduleName(file) === moduleName(name));
}

/** These files and all that they need, in an order in which each finds its dependencies loaded. */
export function loadOrder(files: ModuleFiles, wanted: readonly string[]): string[] {
  return [
    ...new Set(wanted.flatMap((file) =>
      [...files.get(file) ?? [], file].toSorted(
        (a, b) => (files.get(a)?.length ?? 0) - (files.get(b)?.length ?? 0),
      )
    )),
  ];
}

/** All files but those of the named modules and those that cannot be loaded without them. */
export function withoutModules(files: ModuleFiles, names: readonly string[]): string[] {
  const gone = new Set(names.map(moduleName));
  return [...files]
    .filter(([file, needs]) => ![file, ...needs].some((other) => gone.has(moduleName(other))))
    .map(([file]) => file);
}
