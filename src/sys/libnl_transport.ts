/**
 * Netlink over libnl 3: it opens, binds and numbers the socket and sends on it. Reading goes to its
 * descriptor directly: nl_recv() allocates for each datagram, and its memory cannot be read where FFI is
 * allowed for certain paths only.
 */

import { UnsupportedError } from "../errors.ts";
import { syscallError } from "./libc.ts";
import { openLibrary } from "./library.ts";
import { SocketTransport, type TransportOptions } from "./socket_transport.ts";
import type { Transport } from "./transport.ts";

const SYMBOLS = {
  nl_socket_alloc: { parameters: [], result: "pointer" },
  nl_socket_free: { parameters: ["pointer"], result: "void" },
  nl_connect: { parameters: ["pointer", "i32"], result: "i32" },
  nl_socket_get_fd: { parameters: ["pointer"], result: "i32" },
  nl_sendto: { parameters: ["pointer", "buffer", "usize"], result: "i32" },
} as const;

type Libnl = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let loaded: Libnl | undefined;

function libnl(): Libnl {
  if (loaded) return loaded;
  const library = openLibrary("libnl-3.so.200", SYMBOLS);
  if (!library) {
    throw new UnsupportedError("open libnl-3.so.200: not found where FFI is allowed", "libnl-3", {
      hint: "install the Debian package libnl-3-200, or use the libc transport",
    });
  }
  loaded = library.symbols;
  return loaded;
}

export function openLibnlTransport(protocol: number, options?: TransportOptions): Transport {
  const nl = libnl();
  const socket = nl.nl_socket_alloc();
  if (socket === null) throw syscallError("nl_socket_alloc", "netlink socket");

  // Its errors are numbers of its own, but errno is still that of the system call that failed.
  if (nl.nl_connect(socket, protocol) < 0) {
    const error = syscallError("nl_connect", `netlink protocol ${protocol}`);
    nl.nl_socket_free(socket);
    throw error;
  }
  return new SocketTransport({
    library: "libnl",
    fd: nl.nl_socket_get_fd(socket),
    send(datagram) {
      if (nl.nl_sendto(socket, datagram, BigInt(datagram.length)) < 0) {
        throw syscallError("nl_sendto", "netlink socket");
      }
    },
    close: () => nl.nl_socket_free(socket),
  }, options);
}
