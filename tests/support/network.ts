/** Network namespaces that end with their test, and what tests build in them. */

import { lastErrno } from "../../src/sys/libc.ts";
import { errnoName } from "../../src/sys/errno.ts";
import { run } from "./process.ts";

const CLONE_NEWNET = 0x40000000;
const O_RDONLY = 0;

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
} as const;

/**
 * Puts this thread, and with it every socket it opens and program it starts, into a network namespace of its
 * own until disposed. Synchronous FFI calls run on the thread that runs the tests.
 */
export function ownNetwork(): Disposable {
  const library = Deno.dlopen("libc.so.6", SYMBOLS);
  const { open, close, unshare, setns } = library.symbols;
  const check = (result: number, call: string) => {
    if (result < 0) throw new Error(`${call}: ${errnoName(lastErrno())}`);
    return result;
  };
  const path = new TextEncoder().encode("/proc/thread-self/ns/net\0");
  const before = check(open(path, O_RDONLY), "open /proc/thread-self/ns/net");
  check(unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
  return {
    [Symbol.dispose]() {
      check(setns(before, CLONE_NEWNET), "setns");
      close(before);
      library.close();
    },
  };
}

/** Runs a program of administration, which must succeed. */
export async function must(...argv: readonly [string, ...string[]]): Promise<string> {
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
  const { status, stdout, stderr } = await run(["/usr/bin/env", ...argv], { env });
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${stderr || stdout}`);
  return stdout;
}

/** Runs lines of ip's language: "link set lo up". */
export async function ip(...lines: readonly string[]): Promise<void> {
  for (const line of lines) await must("ip", ...line.split(" "));
}
