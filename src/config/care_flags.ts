/** The flags of `lvscare care` as data. */

import type { LogFormat } from "../log.ts";
import { PROXY_PROTOCOLS } from "../wire/proxy_protocol.ts";
import { BACKENDS, DATAPLANES, MASQUERADE_CHOICES } from "./care.ts";
import { type CareFlag, CHECK_FLAGS } from "./check_flags.ts";

export const MODES = ["route", "link", ""] as const;
export const LOG_FORMATS = ["text", "json"] as const satisfies readonly LogFormat[];
/** More spellings are understood; these are the ones to learn. */
export const LOG_LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;

const BALANCED = "What is balanced:";
const WAY = "How packets get there:";
const CHANGES = "How servers go and come:";
const PROXY = "The embedded proxy (--dataplane embedded):";
const ONCE = "One run instead of staying:";
const REST = "Logs and the rest:";

export const CARE_FLAGS = [
  {
    group: BALANCED,
    name: "vs",
    kind: "value",
    value: "address:port",
    help: "the virtual server, 10.103.97.12:6443 or [fd00::1]:6443; must be given",
  },
  {
    group: BALANCED,
    name: "rs",
    kind: "list",
    value: "address:port,...",
    help: "the real servers; repeat it or put commas between them",
  },
  {
    group: BALANCED,
    name: "scheduler",
    kind: "value",
    value: "name",
    initial: "rr",
    help: "who gets the next connection: rr, wrr, lc, wlc, sh, mh and others of the kernel",
  },
  {
    group: BALANCED,
    name: "persistence",
    kind: "value",
    value: "time",
    initial: "0",
    help:
      "how long a client comes back to the same server after its last connection, up to 744h; " +
      "0: not at all",
  },
  {
    group: BALANCED,
    name: "server-limit",
    kind: "value",
    value: "count",
    initial: "0",
    help:
      "connections at which a server gets no more, until a quarter of them has gone; 0: no limit",
  },
  {
    group: BALANCED,
    name: "dataplane",
    kind: "value",
    value: "who",
    choices: DATAPLANES,
    initial: "kernel",
    help:
      "kernel: IPVS; embedded: this program itself, as a proxy that needs neither IPVS nor root; " +
      "auto: embedded where the kernel has no IPVS",
  },
  {
    group: WAY,
    name: "mode",
    kind: "value",
    value: "mode",
    choices: MODES,
    initial: "route",
    help:
      "link: the address on a dummy device, with masquerading; route: a route by way of --ip; " +
      'empty (--mode ""): nothing but the virtual server',
  },
  {
    group: WAY,
    name: "iface",
    short: "i",
    kind: "value",
    value: "device",
    initial: "lvscare",
    help: "link mode: the dummy device that holds the address",
  },
  {
    group: WAY,
    name: "masqueradebit",
    kind: "value",
    value: "bit",
    initial: "0",
    help: "link mode: the bit, 0 to 31, that marks packets to masquerade",
  },
  {
    group: WAY,
    name: "masquerade",
    kind: "value",
    value: "how",
    choices: MASQUERADE_CHOICES,
    initial: "auto",
    help: "link mode: nftables, iptables, or auto for what suits the host",
  },
  {
    group: WAY,
    name: "ip",
    kind: "value",
    value: "address",
    help:
      "route mode: the gateway, an address of this host (without it: LVSCARE_NODE_IP from the " +
      "environment, then lvscare.node.ip from /etc/hosts, then no route)",
  },
  {
    group: WAY,
    name: "backend",
    kind: "value",
    value: "how",
    choices: BACKENDS,
    help: "netlink, or command for ipvsadm, ip and ipset (without it: what suits the host)",
  },
  ...CHECK_FLAGS,
  {
    group: CHANGES,
    name: "fall",
    kind: "value",
    value: "count",
    initial: "1",
    help: "failures in a row until a server gets no new connections, 1 to 1000",
  },
  {
    group: CHANGES,
    name: "rise",
    kind: "value",
    value: "count",
    initial: "1",
    help: "successes in a row until it is back, 1 to 1000",
  },
  {
    group: CHANGES,
    name: "keep-last",
    kind: "switch",
    initial: "false",
    help: "never take the last server out, however it fails",
  },
  {
    group: CHANGES,
    name: "drain-timeout",
    kind: "value",
    value: "time",
    initial: "0",
    help: "how long a server that is no longer listed may keep its connections, up to 24h; " +
      "with 0 it is removed at once",
  },
  {
    group: CHANGES,
    name: "drain",
    kind: "switch",
    initial: "false",
    help: "a server that fails keeps the connections it has, for as long as they last",
  },
  {
    group: PROXY,
    name: "proxy-protocol",
    kind: "value",
    value: "version",
    choices: PROXY_PROTOCOLS,
    help: "v1 or v2: tell servers by the PROXY protocol who the client is (without it: not at all)",
  },
  {
    group: PROXY,
    name: "connect-timeout",
    kind: "value",
    value: "time",
    initial: "5s",
    help: "how long a server may take to accept a connection before the next is tried",
  },
  {
    group: PROXY,
    name: "idle-timeout",
    kind: "value",
    value: "time",
    initial: "15m",
    help: "how long a connection may be silent, as the kernel's timeout for TCP",
  },
  {
    group: ONCE,
    name: "run-once",
    kind: "switch",
    initial: "false",
    help: "set all up, check nothing, and exit",
  },
  {
    group: ONCE,
    name: "clean",
    short: "C",
    kind: "switch",
    initial: "false",
    help: "remove what care has made for the virtual server, and exit",
  },
  {
    group: ONCE,
    name: "dry-run",
    kind: "switch",
    initial: "false",
    help: "only say what would be changed",
  },
  {
    group: REST,
    name: "logger",
    kind: "value",
    value: "level",
    choices: LOG_LEVELS,
    initial: "INFO",
    help: "the least level that is logged: TRACE, DEBUG, INFO, WARN, ERROR or FATAL",
  },
  {
    group: REST,
    name: "log-format",
    kind: "value",
    value: "format",
    choices: LOG_FORMATS,
    initial: "text",
    help: "text or json",
  },
  {
    group: REST,
    name: "state-dir",
    kind: "value",
    value: "directory",
    initial: "/run/lvscare",
    help: "where it is kept which things in the kernel are ours",
  },
] as const satisfies readonly CareFlag[];

export type CareFlagName = typeof CARE_FLAGS[number]["name"];

/** The environment's name for a flag. */
export function careVariable(flag: string): string {
  return `CARE_${flag.toUpperCase().replaceAll("-", "_")}`;
}
