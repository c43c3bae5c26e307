/** Kernel modules, given to the kernel as files. */

import { UnsupportedError } from "../errors.ts";
import { withKernelFile } from "./kernel_file.ts";
import { lastErrno, libc, syscallError } from "./libc.ts";
import { errnoNumber } from "./errno.ts";

const SYS_FINIT_MODULE: Readonly<Record<string, bigint>> = { "x86_64": 313n, aarch64: 273n };
/** The kernel unpacks the file itself. Since Linux 5.17, where it is built for that. */
const MODULE_INIT_COMPRESSED_FILE = 4n;

/** Loads one module; one that is loaded already is as good. What it depends on must be there. */
export function loadModuleFile(path: string): void {
  const number = SYS_FINIT_MODULE[Deno.build.arch];
  if (number === undefined) {
    throw new UnsupportedError(`load ${path}: not on ${Deno.build.arch}`, "finit_module");
  }
  const flags = path.endsWith(".ko") ? 0n : MODULE_INIT_COMPRESSED_FILE;
  withKernelFile(path, (descriptor) => {
    const parameters = new Uint8Array(1);
    if (libc().syscall(number, BigInt(descriptor), parameters, flags) === 0n) return;
    if (lastErrno() === errnoNumber("EEXIST")) return;
    throw syscallError("finit_module", path);
  });
}
