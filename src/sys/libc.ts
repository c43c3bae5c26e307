/** The few functions of libc that sockets and kernel files need. The library is opened on first use, never on import. */

import { SyscallError, UnsupportedError } from "../errors.ts";
import { errnoMeaning, errnoName } from "./errno.ts";
import { openLibrary } from "./library.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  pthread_sigmask: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  sigtimedwait: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let loaded: Libc | undefined;

export function libc(): Libc {
  return loaded ??= openLibc(SYMBOLS);
}

/** Those functions of this host's libc. */
export function openLibc<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S>["symbols"] {
  const library = openLibrary("libc.so.6", symbols);
  if (library) return library.symbols;
  throw new UnsupportedError("open libc.so.6: not found where FFI is allowed", "libc.so.6", {
    hint: "allow FFI for the path of this host's libc.so.6",
  });
}

const errnoBytes = new Int32Array(1);

/**
 * The errno of the call before. It belongs to the thread, so only a synchronous call's can be read. The
 * copy stands in for UnsafePointerView, which is refused where FFI is allowed for certain paths only.
 */
export function lastErrno(): number {
  const { __errno_location: location, memcpy } = libc();
  memcpy(errnoBytes, location(), 4n);
  return errnoBytes[0]!;
}

/** The error of the call before. */
export function syscallError(call: string, subject: string): SyscallError {
  return errnoError(call, subject, lastErrno());
}

export function errnoError(call: string, subject: string, errno: number): SyscallError {
  const name = errnoName(errno);
  return new SyscallError(`${call} ${subject}: ${errnoMeaning(errno)} (${name})`, call, name, {
    op: call,
    subject,
  });
}
