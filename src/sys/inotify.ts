/** What happens to the files of a directory, as the kernel tells it. */

import { openLibc, syscallError } from "./libc.ts";

const SYMBOLS = {
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
/** IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE. */
const EVENTS = 0x008 | 0x040 | 0x080 | 0x100 | 0x200;
/** struct inotify_event: watch, mask, cookie, length of the name. */
const HEADER = 16;

/** Who tells that a descriptor can be read. */
export interface ReadPoll {
  watch(fd: number, onReady: () => void): boolean;
  forget(fd: number): void;
}

let library: Library | undefined;

/**
 * Calls back with the name of each file that was written, put there or taken away; with none where names were
 * lost, and at the end of the directory. Throws where it cannot.
 */
export function watchDirectory(
  path: string,
  poll: ReadPoll,
  onChange: (name: string) => void,
): Disposable {
  const { inotify_init1, inotify_add_watch, read, close } = library ??= openLibc(SYMBOLS);
  const fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) throw syscallError("inotify_init1", path);
  const buffer = new Uint8Array(4096);
  const size = BigInt(buffer.length);
  const onReady = () => {
    for (;;) {
      const length = Number(read(fd, buffer, size));
      if (length <= 0) return;
      for (const name of namesOf(buffer.subarray(0, length))) onChange(name);
    }
  };
  const isWatched = inotify_add_watch(fd, new TextEncoder().encode(`${path}\0`), EVENTS) >= 0;
  if (!isWatched || !poll.watch(fd, onReady)) {
    const error = syscallError("inotify_add_watch", path);
    close(fd);
    throw error;
  }
  return {
    [Symbol.dispose]() {
      poll.forget(fd);
      close(fd);
    },
  };
}

function* namesOf(bytes: Uint8Array): Generator<string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at + 12, true);
    const name = bytes.subarray(at + HEADER, at + HEADER + length);
    yield new TextDecoder().decode(name).replace(/\0+$/, "");
    at += HEADER + length;
  }
}
