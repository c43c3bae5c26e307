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

const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/** Runs a program of administration, which must succeed. */
export function must(...argv: readonly [string, ...string[]]): Promise<string> {
  return feed("", ...argv);
}

/** The same, with an input: one process for many lines, which counts where processes are slow. */
export async function feed(
  stdin: string,
  ...argv: readonly [string, ...string[]]
): Promise<string> {
  const ran = await run(["/usr/bin/env", ...argv], { env: ENVIRONMENT, stdin });
  if (ran.status === 0) return ran.stdout;
  throw new Error(`${argv.join(" ")}: ${ran.stderr || ran.stdout}${stdin}`);
}

/** Runs lines of ip's language: "link set lo up". */
export async function ip(...lines: readonly string[]): Promise<void> {
  await feed(`${lines.join("\n")}\n`, "ip", "-batch", "-");
}
