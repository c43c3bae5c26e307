/** Run by a test as a program without rights: reads and changes the IPVS table, and prints what it is told. */

import { LvscareError } from "../../src/errors.ts";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";

const table = new NetlinkIpvsTable(new NetlinkSocket(openLibcTransport(NETLINK_GENERIC)));

function say(error: unknown): void {
  if (!(error instanceof LvscareError)) throw error;
  console.log(`${error.message}: ${error.hint}`);
}

await table.list().then(() => console.log("listed"), say);
const [error] = await table.apply([{
  kind: "addService",
  service: {
    key: { kind: "mark", mark: 1, family: "ipv4" },
    scheduler: "rr",
    schedulerFlags: [],
    onePacket: false,
  },
}]);
say(error);
table.close();
