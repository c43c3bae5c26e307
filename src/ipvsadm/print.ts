/** The tables of ipvsadm -L, byte for byte. */

import { addressFamily, familyBits } from "../model/address.ts";
import {
  type Counters,
  type Forwarding,
  type IpvsInfo,
  keyFamily,
  type ServerEntry,
  type Service,
  type ServiceEntry,
  type ServiceKey,
  type Stats,
  type TunnelChecksum,
} from "../model/ipvs.ts";
import { counterColumn, printNamedEndpoint } from "./columns.ts";
import type { Names } from "./names.ts";
import { printClientMask } from "./netmask.ts";
import type { ListFormat, ListView } from "./operation.ts";
import { sortEntries, sortServers } from "./order.ts";
import { isShown, printSchedulerFlags } from "./scheduler_flags.ts";

const SERVER_TITLE = "  -> RemoteAddress:Port";
const COUNTER_TITLES = {
  stats: ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"],
  rate: ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"],
} as const;

/** The whole table. */
export function printTable(
  info: IpvsInfo,
  entries: readonly ServiceEntry[],
  format: ListFormat,
  names: Names,
): string {
  const sorted = format.sorted ? sortEntries(entries) : entries;
  return [
    `IP Virtual Server version ${info.version} (size=${info.connectionTableSize})\n`,
    printTitle(format.view),
    ...sorted.map((entry) => printEntry(entry, format, names)),
  ].join("");
}

/** One service with its servers: without the line about the version. */
export function printService(entry: ServiceEntry, format: ListFormat, names: Names): string {
  const servers = format.sorted ? sortServers(entry.servers) : entry.servers;
  return printTitle(format.view) + printEntry({ ...entry, servers }, format, names);
}

function printTitle(view: ListView): string {
  const first = "Prot LocalAddress:Port".padEnd(33);
  switch (view) {
    case "stats":
    case "rate": {
      const titles = COUNTER_TITLES[view].map((title) => ` ${title.padStart(8)}`);
      return `${first}${titles.join("")}\n${SERVER_TITLE}\n`;
    }
    case "thresholds":
      return `${first} ${
        pad(10, "Uthreshold", "Lthreshold", "ActiveConn", "InActConn")
      }\n${SERVER_TITLE}\n`;
    case "persistent-conn":
      return `${first} ${"Weight".padEnd(9)} ${"PersistConn".padEnd(11)} ${
        pad(10, "ActiveConn", "InActConn")
      }\n${SERVER_TITLE}\n`;
    case "tun-info":
      return `Prot LocalAddress:Port Scheduler Flags\n${SERVER_TITLE}           Forward TunnelInfo    Weight ActiveConn InActConn\n`;
    case "servers":
      return `Prot LocalAddress:Port Scheduler Flags\n${SERVER_TITLE}           Forward Weight ActiveConn InActConn\n`;
  }
}

function printEntry(entry: ServiceEntry, format: ListFormat, names: Names): string {
  const { service, servers } = entry;
  const shownNames = format.numeric ? undefined : names;
  const name = serviceColumn(service.key, shownNames);
  const head = format.view === "stats" || format.view === "rate"
    ? name.padEnd(33) + counterColumns(format.view, entry.stats, format.exact)
    : `${name} ${describe(service)}`;
  const lines = servers.map((server) =>
    `  -> ${serverColumn(service.key, server, shownNames)}${serverColumns(server, format)}\n`
  );
  return `${head}\n${lines.join("")}`;
}

function serviceColumn(key: ServiceKey, names: Names | undefined): string {
  // ipvsadm shows the unsigned mark as a signed number.
  if (key.kind === "mark") return `FWM  ${key.mark | 0}${key.family === "ipv6" ? " IPv6" : ""}`;
  const endpoint = printNamedEndpoint(key, key.protocol, names);
  const name = `${key.protocol.toUpperCase().padEnd(4)} ${endpoint}`;
  return keyFamily(key) === "ipv6" ? name : name.slice(0, 33);
}

function serverColumn(
  key: ServiceKey,
  { server }: ServerEntry,
  names: Names | undefined,
): string {
  const protocol = key.kind === "address" ? key.protocol : undefined;
  const name = printNamedEndpoint(server, protocol, names);
  // The column is cut for IPv4 only; what is IPv6 pushes the others to the right.
  return (addressFamily(server.address) === "ipv6" ? name : name.slice(0, 28)).padEnd(28);
}

/** "wlc (flag-1) persistent 300 mask 255.255.255.0 pe sip ops" */
function describe({ key, scheduler, schedulerFlags, onePacket, persistence }: Service): string {
  const words = [scheduler];
  if (schedulerFlags.length > 0) {
    const shown = schedulerFlags.filter((flag) => isShown(scheduler, flag));
    words.push(`(${printSchedulerFlags(scheduler, shown)})`);
  }
  if (persistence) {
    const family = keyFamily(key);
    words.push("persistent", String(persistence.timeoutS));
    if (persistence.prefix !== familyBits(family)) {
      words.push("mask", printClientMask(persistence, family));
    }
    if (persistence.engine !== undefined) words.push("pe", persistence.engine);
  }
  if (onePacket) words.push("ops");
  return words.join(" ");
}

function serverColumns(entry: ServerEntry, { view, exact }: ListFormat): string {
  const { server, connections } = entry;
  const { active, inactive, persistent } = connections;
  switch (view) {
    case "stats":
    case "rate":
      return counterColumns(view, entry.stats, exact);
    case "thresholds":
      return ` ${pad(10, server.upperThreshold, server.lowerThreshold, active, inactive)}`;
    case "persistent-conn":
      return ` ${String(server.weight).padEnd(9)} ${String(persistent).padEnd(11)} ${
        pad(10, active, inactive)
      }`;
    case "tun-info":
      return ` ${forwardColumn(server.forwarding)} ${tunnelInfo(server.forwarding).padEnd(13)} ${
        String(server.weight).padEnd(6)
      } ${pad(10, active, inactive)}`;
    case "servers":
      return ` ${forwardColumn(server.forwarding)} ${String(server.weight).padEnd(6)} ${
        pad(10, active, inactive)
      }`;
  }
}

const NO_COUNTERS: Counters = {
  connections: 0n,
  inPackets: 0n,
  outPackets: 0n,
  inBytes: 0n,
  outBytes: 0n,
};

function counterColumns(view: "stats" | "rate", stats: Stats | undefined, exact: boolean): string {
  const { connections, inPackets, outPackets, inBytes, outBytes } =
    (view === "stats" ? stats?.counters : stats?.rates) ?? NO_COUNTERS;
  return [connections, inPackets, outPackets, inBytes, outBytes]
    .map((value) => counterColumn(value, exact)).join("");
}

const FORWARD_NAMES: Readonly<Record<Forwarding["method"], string>> = {
  masquerade: "Masq",
  local: "Local",
  tunnel: "Tunnel",
  direct: "Route",
  // ipvsadm has no name for it and lets printf() say what becomes of a null pointer.
  bypass: "(null)",
};

function forwardColumn(forwarding: Forwarding): string {
  return FORWARD_NAMES[forwarding.method].padEnd(7);
}

const CHECKSUM_NAMES: Readonly<Record<TunnelChecksum, string>> = {
  none: "-c",
  checksum: "+c",
  remote: "r+c",
};

function tunnelInfo(forwarding: Forwarding): string {
  if (forwarding.method !== "tunnel") return "n/a";
  switch (forwarding.encapsulation) {
    case "ipip":
      return "ipip";
    case "gue":
      return `gue:${forwarding.port}:${CHECKSUM_NAMES[forwarding.checksum]}`;
    case "gre":
      return `gre:${CHECKSUM_NAMES[forwarding.checksum]}`;
  }
}

/** Columns of this width, filled on the right, with a space between them. */
function pad(width: number, ...values: readonly (string | number)[]): string {
  return values.map((value) => String(value).padEnd(width)).join(" ");
}
