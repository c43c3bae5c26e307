/** Network namespaces by descriptors, between which a test's thread moves. */

import { errnoName } from "../../src/sys/errno.ts";
import { lastErrno } from "../../src/sys/libc.ts";

const CLONE_NEWNET = 0x40000000;
const O_CLOEXEC = 0o2000000;

const LIBRARY = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof LIBRARY>;

/**
 * Sockets that this thread opens and programs that it starts belong to the namespace that it is in at that
 * moment, and stay there.
 */
export class Namespace {
  readonly #libc: Libc;
  readonly #descriptor: number;
  /** Where the thread was before the namespace was made. */
  readonly #before: number;

  private constructor(libc: Libc, before: number) {
    this.#libc = libc;
    this.#before = before;
    this.#descriptor = openOwn(libc);
  }

  /** Makes a namespace; the thread stays where it is. */
  static make(): Namespace {
    const libc = Deno.dlopen("libc.so.6", LIBRARY);
    const before = openOwn(libc);
    check(libc.symbols.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
    const made = new Namespace(libc, before);
    check(libc.symbols.setns(before, CLONE_NEWNET), "setns");
    return made;
  }

  /** A name for `ip link set … netns`, while this process lives. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.#descriptor}`;
  }

  enter(): void {
    check(this.#libc.symbols.setns(this.#descriptor, CLONE_NEWNET), "setns");
  }

  /** Does something synchronous in this namespace, from wherever the thread is. */
  do<T>(body: () => T): T {
    const here = openOwn(this.#libc);
    try {
      this.enter();
      return body();
    } finally {
      check(this.#libc.symbols.setns(here, CLONE_NEWNET), "setns");
      this.#libc.symbols.close(here);
    }
  }

  /** Goes back to where the thread was before this namespace was made, and lets it end. */
  close(): void {
    const { setns, close } = this.#libc.symbols;
    check(setns(this.#before, CLONE_NEWNET), "setns");
    close(this.#before);
    close(this.#descriptor);
    this.#libc.close();
  }
}

function openOwn({ symbols }: Libc): number {
  const path = new TextEncoder().encode("/proc/thread-self/ns/net\0");
  return check(symbols.open(path, O_CLOEXEC), "open /proc/thread-self/ns/net");
}

function check(result: number, call: string): number {
  if (result < 0) throw new Error(`${call}: ${errnoName(lastErrno())}`);
  return result;
}
