/** Every implementation of Links over a real kernel. */

import { CommandLinks } from "../../src/kernel/command/links.ts";
import { ProcessRunner } from "../../src/kernel/command/runner.ts";
import type { Links } from "../../src/kernel/links.ts";
import { NetlinkLinks } from "../../src/kernel/netlink/links.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_ROUTE } from "../../src/sys/transport.ts";

export const LINK_IMPLEMENTATIONS = {
  "netlink over libc": () =>
    new NetlinkLinks(new NetlinkSocket(openLibcTransport(NETLINK_ROUTE, { strictCheck: true }))),
  "netlink over libnl": () =>
    new NetlinkLinks(new NetlinkSocket(openLibnlTransport(NETLINK_ROUTE, { strictCheck: true }))),
  "netlink that does not filter": () =>
    new NetlinkLinks(new NetlinkSocket(openLibcTransport(NETLINK_ROUTE))),
  ip: () => new CommandLinks(new ProcessRunner()),
} as const satisfies Record<string, () => Links>;
