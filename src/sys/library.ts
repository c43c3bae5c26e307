/** Where the host keeps its shared libraries. */

/**
 * Absolute, because a permission for FFI names the file by its exact path. The first that exists and is
 * for this processor is taken.
 */
const DIRECTORIES = [
  "/lib/x86_64-linux-gnu",
  "/lib/aarch64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
];

/** Opens the library of that file name, or gives undefined where the host has none that may be opened. */
export function openLibrary<const S extends Deno.ForeignLibraryInterface>(
  file: string,
  symbols: S,
): Deno.DynamicLibrary<S> | undefined {
  for (const directory of DIRECTORIES) {
    const library = tryOpen(`${directory}/${file}`, symbols);
    if (library) return library;
  }
  const mapped = mappedPath(file);
  return mapped === undefined ? undefined : tryOpen(mapped, symbols);
}

function tryOpen<const S extends Deno.ForeignLibraryInterface>(
  path: string,
  symbols: S,
): Deno.DynamicLibrary<S> | undefined {
  // Asking first: on a terminal an attempt without permission would stop at a question.
  if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") return undefined;
  try {
    return Deno.dlopen(path, symbols);
  } catch {
    return undefined; // not there, or for another processor: the next directory may have it
  }
}

/** The path under which this process has the library loaded: hosts like NixOS keep it elsewhere. */
function mappedPath(file: string): string | undefined {
  let maps: string;
  try {
    maps = Deno.readTextFileSync("/proc/self/maps");
  } catch {
    return undefined;
  }
  return maps.split("\n").map((line) => line.slice(line.indexOf("/"))).find((path) =>
    path.startsWith("/") && path.endsWith(`/${file}`)
  );
}
