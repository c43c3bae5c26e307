/**
 * Locks on files between processes, which the kernel releases when their holder dies, however it dies.
 *
 * They are the kernel's locks on open file descriptions (fcntl, since Linux 3.15) rather than flock's, because
 * these can be asked for without being taken: whoever only looks never stands in the way of who locks. They
 * see processes of other containers, which /proc/locks does not, and cover bytes: one byte is the lock, the
 * next says that the note in the file is the holder's and not one that a dead process left.
 */

import { SyscallError } from "../errors.ts";
import { libc, syscallError } from "./libc.ts";

/** A lock that this process holds. */
export interface FileLock extends Disposable {
  /** Gives it back; a second time does nothing. */
  release(): void;
}

/** A lock that somebody else holds, with the note that they left when they took it, if it can be known. */
export interface TakenLock {
  readonly note: string | undefined;
}

const AT_FDCWD = -100;
const O_RDONLY = 0;
const O_RDWR = 2;
const O_CREAT = 0o100;
/** Should the name be a pipe's, opening it would wait for a writer. */
const O_NONBLOCK = 0o4000;
/** A lock belongs to who opened the file: a child that inherited it would hold it on after our death. */
const O_CLOEXEC = 0o2000000;
/** Numbered differently on each processor, unlike the others. */
const O_NOFOLLOW = { x86_64: 0o400000, aarch64: 0o100000 }[Deno.build.arch];
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** The bytes that are locked. They need not be there. */
const LOCK_BYTE = 0n;
const NOTE_BYTE = 1n;
const NOTE_LIMIT = 4096;

/**
 * Takes the lock of the file, which is made when missing, or says who has it. Nothing may ever delete the
 * file: a process that opened it before would lock what nobody else can find any more.
 */
export function tryLockFile(path: string, note: string): FileLock | TakenLock {
  const descriptor = openFile(path, O_RDWR | O_CREAT);
  try {
    if (!tryLockByte(descriptor, LOCK_BYTE, path)) {
      const taken = { note: readNote(descriptor, path) };
      libc().close(descriptor);
      return taken;
    }
    leaveNote(descriptor, note, path);
    return heldLock(descriptor);
  } catch (error) {
    libc().close(descriptor);
    throw error;
  }
}

/** Whether anybody, this process too, holds the lock of the file. */
export function isFileLocked(path: string): boolean {
  let descriptor: number;
  try {
    descriptor = openFile(path, O_RDONLY);
  } catch (error) {
    if (error instanceof SyscallError && error.is("ENOENT")) return false;
    throw error;
  }
  try {
    return isByteLocked(descriptor, LOCK_BYTE, path);
  } finally {
    libc().close(descriptor);
  }
}

function heldLock(descriptor: number): FileLock {
  let held = true;
  const release = () => {
    if (!held) return;
    held = false;
    // Closing alone would leave it to a child that is just being started, until it executes its program.
    for (const byte of [NOTE_BYTE, LOCK_BYTE]) {
      libc().fcntl(descriptor, F_OFD_SETLK, lockRequest(F_UNLCK, byte));
    }
    libc().close(descriptor);
  };
  return { release, [Symbol.dispose]: release };
}

function openFile(path: string, flags: number): number {
  if (path.includes("\0")) throw new TypeError("a path cannot hold a NUL");
  const bytes = new TextEncoder().encode(`${path}\0`);
  const safely = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const descriptor = libc().openat(AT_FDCWD, bytes, flags | safely, 0o600);
  if (descriptor < 0) throw syscallError("open", path);
  return descriptor;
}

/** A lock without its note is a lock still: a full disk must not keep a service from being cared for. */
function leaveNote(descriptor: number, note: string, path: string): void {
  const line = new TextEncoder().encode(`${oneLine(note)}\n`);
  const { ftruncate, write } = libc();
  if (ftruncate(descriptor, 0n) < 0) return;
  if (write(descriptor, line, BigInt(line.length)) !== BigInt(line.length)) return;
  tryLockByte(descriptor, NOTE_BYTE, path);
}

function readNote(descriptor: number, path: string): string | undefined {
  if (!isByteLocked(descriptor, NOTE_BYTE, path)) return undefined;
  const bytes = new Uint8Array(NOTE_LIMIT);
  const length = Number(libc().read(descriptor, bytes, BigInt(bytes.length)));
  if (length < 0) throw syscallError("read", path);
  const text = new TextDecoder().decode(bytes.subarray(0, length));
  // Without its end it is being written: the holder changed since the question.
  return text.endsWith("\n") ? oneLine(text) : undefined;
}

function tryLockByte(descriptor: number, byte: bigint, path: string): boolean {
  if (libc().fcntl(descriptor, F_OFD_SETLK, lockRequest(F_WRLCK, byte)) === 0) return true;
  const error = syscallError("lock", path);
  if (error.is("EAGAIN")) return false;
  throw error;
}

function isByteLocked(descriptor: number, byte: bigint, path: string): boolean {
  const request = lockRequest(F_WRLCK, byte);
  if (libc().fcntl(descriptor, F_OFD_GETLK, request) < 0) throw syscallError("lock", path);
  return new DataView(request.buffer).getInt16(0, true) !== F_UNLCK;
}

/** struct flock of 64-bit Linux: type, whence (0: from the start), start, length, and a pid that must be 0. */
function lockRequest(type: number, start: bigint): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(32);
  const view = new DataView(request.buffer);
  view.setInt16(0, type, true);
  view.setBigInt64(8, start, true);
  view.setBigInt64(16, 1n, true);
  return request;
}

/** Fits a note, also one that somebody else wrote, to be part of a message. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
  return new TextDecoder().decode(new TextEncoder().encode(line).subarray(0, NOTE_LIMIT - 1))
    .replace(/\ufffd+$/, "");
}
