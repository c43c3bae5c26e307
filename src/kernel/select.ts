/** Which implementation of each contract is used: asked for, or found out at start. */

import type { Backend } from "../config/care.ts";
import { ConfigError, UnsupportedError } from "../errors.ts";
import { openLibcTransport } from "../sys/libc_transport.ts";
import { openLibnlTransport } from "../sys/libnl_transport.ts";
import { NetlinkSocket } from "../sys/netlink_socket.ts";
import { NETLINK_GENERIC } from "../sys/transport.ts";
import { CommandIpvsTable } from "./command/ipvs_table.ts";
import { ProcessRunner } from "./command/runner.ts";
import type { Modules } from "./host.ts";
import type { IpvsTable } from "./ipvs_table.ts";
import { NetlinkIpvsTable } from "./netlink/ipvs_table.ts";

const TRANSPORTS = { libc: openLibcTransport, libnl: openLibnlTransport } as const;
export type TransportName = keyof typeof TRANSPORTS;

/** The transport that LVSCARE_NETLINK asks for; libc where it asks for none. */
export function parseTransport(value: string | undefined): TransportName {
  if (value === undefined || value === "") return "libc";
  if (value in TRANSPORTS) return value as TransportName;
  throw new ConfigError(`LVSCARE_NETLINK "${value}": must be libc or libnl`);
}

export interface KernelChoice {
  /** Undefined: netlink, or ipvsadm and its like where no socket can be had. */
  readonly backend: Backend | undefined;
  readonly transport: TransportName;
}

/**
 * The kernel's IPVS table, ready for use: ip_vs is loaded if it was missing. Where that is impossible, the
 * error says why.
 */
export async function openIpvsTable(choice: KernelChoice, modules: Modules): Promise<IpvsTable> {
  const table = chooseTable(choice);
  try {
    await table.info().catch(async (err) => {
      if (!(err instanceof UnsupportedError) || err.feature !== "ip_vs") throw err;
      await modules.load("ip_vs");
      await table.info();
    });
    return table;
  } catch (err) {
    table.close();
    throw err;
  }
}

function chooseTable({ backend, transport }: KernelChoice): IpvsTable {
  if (backend === "command") return new CommandIpvsTable(new ProcessRunner());
  try {
    return new NetlinkIpvsTable(new NetlinkSocket(TRANSPORTS[transport](NETLINK_GENERIC)));
  } catch (err) {
    // Only a socket that cannot be had, and only where nothing was asked for, makes way for the programs.
    if (backend === "netlink" || !(err instanceof UnsupportedError)) throw err;
    return new CommandIpvsTable(new ProcessRunner());
  }
}
