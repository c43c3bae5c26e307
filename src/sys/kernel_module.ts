/** Loads a kernel module from its file. */

import { UnsupportedError } from "../errors.ts";
import { libc, syscallError } from "./libc.ts";
import { openLibrary } from "./library.ts";

/** libc has no function for this call. */
const SYMBOLS = {
  syscall: { parameters: ["i64", "i32", "buffer", "i32"], result: "i64" },
} as const;

const SYS_FINIT_MODULE = { x86_64: 313n, aarch64: 273n } as const;

const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
/** The file is compressed, and the kernel is to unpack it: since Linux 5.17, where it is built for it. */
const MODULE_INIT_COMPRESSED_FILE = 4;

/** Loads just this file: what it needs must be there already. Throws a SyscallError. */
export function loadModuleFile(path: string, parameters: string): void {
  const library = openLibrary("libc.so.6", SYMBOLS);
  if (!library) {
    throw new UnsupportedError("open libc.so.6: FFI is not allowed for it", "libc.so.6");
  }
  const text = (value: string) => new TextEncoder().encode(`${value}\0`);
  const descriptor = libc().open(text(path), O_RDONLY | O_CLOEXEC);
  try {
    if (descriptor < 0) throw syscallError("open", path);
    const flags = path.endsWith(".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE;
    const number = SYS_FINIT_MODULE[Deno.build.arch];
    const result = library.symbols.syscall(number, descriptor, text(parameters), flags);
    if (result < 0n) throw syscallError("finit_module", path);
  } finally {
    if (descriptor >= 0) libc().close(descriptor);
    library.close();
  }
}
