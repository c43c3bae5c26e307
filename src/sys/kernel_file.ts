/**
 * Files that the kernel makes, below /proc and /sys. Deno lets nothing but a program with all permissions
 * touch them, so they go through libc; they are small and never block.
 */

import type { SyscallError } from "../errors.ts";
import { libc, syscallError } from "./libc.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CLOEXEC = 0o2000000;
/** Larger than any of them is meant to be, except connection tables. */
const CHUNK = 64 * 1024;

/** The whole file as text. */
export function readKernelFile(path: string): string {
  return withFile(path, O_RDONLY, (descriptor) => {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(CHUNK);
    let text = "";
    for (;;) {
      const length = Number(libc().read(descriptor, chunk, BigInt(chunk.length)));
      if (length < 0) throw syscallError("read", path);
      if (length === 0) return text + decoder.decode();
      text += decoder.decode(chunk.subarray(0, length), { stream: true });
    }
  });
}

/** Writes the text in one call, as kernel parameters want it. */
export function writeKernelFile(path: string, text: string): void {
  withFile(path, O_WRONLY, (descriptor) => {
    const bytes = new TextEncoder().encode(text);
    const written = Number(libc().write(descriptor, bytes, BigInt(bytes.length)));
    if (written < 0) throw syscallError("write", path);
  });
}

/** Whether there is such a file, readable or not. */
export function kernelFileExists(path: string): boolean {
  try {
    withFile(path, O_RDONLY, () => {});
    return true;
  } catch (err) {
    return !(err as SyscallError).is("ENOENT") && !(err as SyscallError).is("ENOTDIR");
  }
}

/** Opens the file for reading while `use` has its descriptor. */
export function withKernelFile<T>(path: string, use: (descriptor: number) => T): T {
  return withFile(path, O_RDONLY, use);
}

function withFile<T>(path: string, flags: number, use: (descriptor: number) => T): T {
  if (path.includes("\0")) throw new TypeError("a path cannot hold a NUL");
  const descriptor = libc().open(new TextEncoder().encode(`${path}\0`), flags | O_CLOEXEC);
  if (descriptor < 0) throw syscallError("open", path);
  try {
    return use(descriptor);
  } finally {
    libc().close(descriptor);
  }
}
