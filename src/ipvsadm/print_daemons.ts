/** The texts of ipvsadm -L --timeout and --daemon, and reading them. */

import { CommandError } from "../errors.ts";
import { parseAddress } from "../model/address.ts";
import type { SyncDaemon, Timeouts } from "../model/ipvs.ts";
import { ntop } from "./columns.ts";

export function printTimeouts({ tcpS, tcpFinS, udpS }: Timeouts): string {
  return `Timeout (tcp tcpfin udp): ${tcpS} ${tcpFinS} ${udpS}\n`;
}

export function parseTimeoutListing(text: string): Timeouts {
  const match = /^Timeout \(tcp tcpfin udp\): (\d+) (\d+) (\d+)$/m.exec(text);
  if (!match) throw unexpected(text);
  return { tcpS: Number(match[1]), tcpFinS: Number(match[2]), udpS: Number(match[3]) };
}

export function printDaemons(daemons: readonly SyncDaemon[]): string {
  return daemons.map((daemon) => {
    const { role, syncId, maxLength, group, port, ttl } = daemon;
    const optional = [
      maxLength === undefined ? "" : `, maxlen=${maxLength}`,
      group === undefined ? "" : `, group=${ntop(group)}`,
      port === undefined ? "" : `, port=${port}`,
      ttl === undefined ? "" : `, ttl=${ttl}`,
    ];
    return `${role} sync daemon (mcast=${daemon.interface}, syncid=${syncId}${
      optional.join("")
    })\n`;
  }).join("");
}

const DAEMON =
  /^(?<role>master|backup) sync daemon \(mcast=(?<interface>[^,]+), syncid=(?<syncId>\d+)(?:, maxlen=(?<maxLength>\d+))?(?:, group=(?<group>[^,)]+))?(?:, port=(?<port>\d+))?(?:, ttl=(?<ttl>\d+))?\)$/;

export function parseDaemonListing(text: string): SyncDaemon[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const groups = DAEMON.exec(line)?.groups;
    if (!groups) throw unexpected(line);
    const group = groups["group"] === undefined ? undefined : parseAddress(groups["group"]);
    const number = (name: string) => groups[name] === undefined ? undefined : Number(groups[name]);
    const maxLength = number("maxLength");
    const port = number("port");
    const ttl = number("ttl");
    return {
      role: groups["role"] === "master" ? "master" : "backup",
      syncId: Number(groups["syncId"]),
      interface: groups["interface"]!,
      ...(maxLength !== undefined && { maxLength }),
      ...(group !== undefined && { group }),
      ...(port !== undefined && { port }),
      ...(ttl !== undefined && { ttl }),
    };
  });
}

function unexpected(text: string): CommandError {
  const line = JSON.stringify(text.slice(0, 120));
  return new CommandError(`read ipvsadm's output ${line}: not what ipvsadm 1.31 prints`, [], 0, "");
}
