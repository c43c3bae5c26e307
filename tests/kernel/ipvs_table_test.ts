/** The contract over every implementation, in a real kernel: written with each one, read with each one. */

import { CommandIpvsTable } from "../../src/kernel/command/ipvs_table.ts";
import { ProcessRunner } from "../../src/kernel/command/runner.ts";
import type { IpvsTable } from "../../src/kernel/ipvs_table.ts";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";
import { testIpvsTable } from "../conformance/ipvs_table.ts";
import { run } from "../support/process.ts";

const INTERFACE = "sync0";

const IMPLEMENTATIONS: Readonly<Record<string, () => IpvsTable>> = {
  "netlink over libc": () =>
    new NetlinkIpvsTable(new NetlinkSocket(openLibcTransport(NETLINK_GENERIC))),
  "netlink over libnl": () =>
    new NetlinkIpvsTable(new NetlinkSocket(openLibnlTransport(NETLINK_GENERIC))),
  ipvsadm: () => new CommandIpvsTable(new ProcessRunner()),
};

/** The guest has one table, and is thrown away: each test begins by emptying it. */
async function empty(table: IpvsTable): Promise<void> {
  await table.clear();
  for (const { role } of await table.daemons()) await table.stopDaemon(role);
  await run(["/sbin/ip", "link", "add", INTERFACE, "type", "dummy"]);
  await run(["/sbin/ip", "address", "replace", "10.9.0.1/24", "dev", INTERFACE]);
  await run(["/sbin/ip", "link", "set", INTERFACE, "up"]);
}

/**
 * A daemon that is stopped before its thread has run for the first time is stopped without an answer: the
 * kernel's thread ends with EINTR, of which netlink says nothing. Nothing shows when it has run.
 */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}

for (const [writing, openWriter] of Object.entries(IMPLEMENTATIONS)) {
  for (const [reading, openReader] of Object.entries(IMPLEMENTATIONS)) {
    testIpvsTable(`${writing}, read by ${reading}`, async () => {
      const writer = openWriter();
      const reader = writing === reading ? writer : openReader();
      await empty(writer);
      return {
        writer,
        reader,
        interface: INTERFACE,
        settle,
        [Symbol.asyncDispose]: () => {
          writer.close();
          if (reader !== writer) reader.close();
          return Promise.resolve();
        },
      };
    }, { randomTables: 4, longBatch: 1100 });
  }
}
