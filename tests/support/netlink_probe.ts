/**
 * Run by a test as a program of its own, with few permissions: asks for a family that nobody has, over the
 * transport it is told, and prints what came of it.
 */

import { LvscareError } from "../../src/errors.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";

const open = Deno.args[0] === "libnl" ? openLibnlTransport : openLibcTransport;
try {
  using socket = new NetlinkSocket(open(NETLINK_GENERIC));
  console.log(socket.family("nlctrl").id);
  // Only a system call that fails shows whether errno can be read.
  socket.subscribe(2 ** 31 - 1);
} catch (error) {
  if (!(error instanceof LvscareError)) throw error;
  console.log(`${error.name}: ${error.message}${error.hint ? ` (${error.hint})` : ""}`);
}
