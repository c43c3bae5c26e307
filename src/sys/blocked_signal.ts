/** A signal that is blocked in all threads of this process: it waits until somebody asks for it. */

import { libc, syscallError } from "./libc.ts";

const SIG_BLOCK = 0;
/** sizeof(sigset_t) of glibc; the kernel's own has eight bytes of it. */
const SET_SIZE = 128;

/** Whether the signal is blocked for this thread, and so for all that it has started. */
export function isSignalBlocked(number: number): boolean {
  const set = new Uint8Array(SET_SIZE);
  if (libc().pthread_sigmask(SIG_BLOCK, null, set) !== 0) return false;
  return (set[(number - 1) >> 3]! & (1 << ((number - 1) & 7))) !== 0;
}

/** Takes the signal if it is waiting, and says whether it was. Never waits. */
export function takeSignal(number: number): boolean {
  const set = new Uint8Array(SET_SIZE);
  set[(number - 1) >> 3] = 1 << ((number - 1) & 7);
  const now = new BigInt64Array(2);
  if (libc().sigtimedwait(set, null, now) === number) return true;
  const error = syscallError("sigtimedwait", String(number));
  if (error.is("EAGAIN") || error.is("EINTR")) return false;
  throw error;
}
