/** The sets that the suite of Sets expects, in a network namespace of their own; and every implementation. */

import { CommandSets } from "../../src/kernel/command/sets.ts";
import { ProcessRunner } from "../../src/kernel/command/runner.ts";
import { NetlinkSets } from "../../src/kernel/netlink/sets.ts";
import type { Sets } from "../../src/kernel/sets.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_NETFILTER } from "../../src/sys/transport.ts";
import type { SetPair } from "../conformance/sets.ts";
import { feed, must, ownNetwork } from "./network.ts";

export const SET_IMPLEMENTATIONS = {
  "netlink over libc": () =>
    new NetlinkSets(new NetlinkSocket(openLibcTransport(NETLINK_NETFILTER))),
  "netlink over libnl": () =>
    new NetlinkSets(new NetlinkSocket(openLibnlTransport(NETLINK_NETFILTER))),
  ipset: () => new CommandSets(new ProcessRunner()),
} as const satisfies Record<string, () => Sets>;

const FOREIGN = `create foreign-ip hash:ip
create foreign-ports bitmap:port range 0-1000
create foreign-net hash:net,port
`;

export async function setHost(openWriter: () => Sets, openReader: () => Sets): Promise<SetPair> {
  const network = ownNetwork();
  try {
    await feed(FOREIGN, "ipset", "restore");
    const writer = openWriter();
    const reader = openReader();
    return {
      writer,
      reader,
      async use(name, used) {
        const match = ["-m", "set", "--match-set", name, "dst,dst", "-j", "ACCEPT"];
        await must("iptables", used ? "-A" : "-D", "INPUT", ...match);
      },
      [Symbol.asyncDispose]: () => {
        writer.close();
        reader.close();
        network[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  } catch (error) {
    network[Symbol.dispose]();
    throw error;
  }
}
