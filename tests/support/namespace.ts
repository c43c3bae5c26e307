/** Network namespaces for tests. */

import { errnoName } from "../../src/sys/errno.ts";
import { lastErrno } from "../../src/sys/libc.ts";

const CLONE_NEWNET = 0x40000000;

/**
 * Puts this thread, and with it every socket it opens and program it starts from now on, into a network
 * namespace of its own, its loopback device up. Synchronous FFI calls run on the thread that runs the tests.
 */
export function enterNewNamespace(): void {
  using library = disposable(Deno.dlopen("libc.so.6", {
    unshare: { parameters: ["i32"], result: "i32" },
  }));
  if (library.symbols.unshare(CLONE_NEWNET) !== 0) {
    throw new Error(`unshare(CLONE_NEWNET): ${errnoName(lastErrno())}`);
  }
  // Without a device that is up there is no routing, and IPVS takes no address for one of a host.
  const { success } = new Deno.Command("ip", { args: ["link", "set", "lo", "up"] }).outputSync();
  if (!success) throw new Error("ip link set lo up failed");
}

function disposable<T extends { close(): void }>(library: T): T & Disposable {
  return Object.assign(library, { [Symbol.dispose]: () => library.close() });
}
