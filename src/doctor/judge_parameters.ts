/** Kernel parameters that services need, or suffer from. */

import type { ServerConfig, ServiceConfig } from "../config/config.ts";
import { addressFamily } from "../model/address.ts";
import type { Link } from "../model/link.ts";
import { type HostFacts, valueOf } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { mayBeSet, QUIET_ARP, setParameters } from "./mends.ts";
import {
  type Case,
  countOf,
  forwardedFamilies,
  isForwarded,
  listOf,
  markedServices,
  ownDevices,
  serversOf,
  servicesOf,
  wantsIpvs,
} from "./wanted.ts";

/** All that are looked at, beside those of each device. */
export const PARAMETERS: readonly string[] = [
  "net.ipv4.vs.conntrack",
  "net.ipv4.vs.expire_nodest_conn",
  "net.ipv4.vs.expire_quiescent_template",
  "net.ipv4.vs.drop_entry",
  "net.ipv4.vs.drop_packet",
  "net.ipv4.vs.secure_tcp",
  "net.ipv4.vs.sloppy_tcp",
  "net.ipv4.ip_forward",
  "net.ipv6.conf.all.forwarding",
  "net.ipv4.tcp_keepalive_time",
];

/** Those that each IPv4 device has, beside "all". */
export const DEVICE_PARAMETERS = ["rp_filter", "arp_ignore", "arp_announce"];

/** Of a device; a dot in its name is spelled as sysctl does. */
export function deviceParameter(device: string, name: string): string {
  return `net.ipv4.conf.${device.replaceAll(".", "/")}.${name}`;
}

/** The number that a parameter is; undefined where it is not known or not there. */
function numberOf({ parameters }: HostFacts, name: string): number | undefined {
  const value = valueOf(parameters)?.get(name)?.trim();
  return value === undefined || !/^-?\d+$/.test(value) ? undefined : Number(value);
}

/** What counts for a device: the larger of its own and of "all". */
function effective(facts: HostFacts, device: string, name: string): number | undefined {
  const own = numberOf(facts, deviceParameter(device, name));
  const all = numberOf(facts, deviceParameter("all", name));
  return own === undefined && all === undefined ? undefined : Math.max(own ?? 0, all ?? 0);
}

/** Without it IPVS keeps its connections from connection tracking. */
export function judgeConntrack(facts: HostFacts, wanted: Case): Finding[] {
  const name = "net.ipv4.vs.conntrack";
  const services = markedServices(wanted);
  const value = numberOf(facts, name);
  if (services.length === 0 || value === undefined) return [];
  const id = "vs-conntrack";
  if (value !== 0) return [{ id, level: "ok", text: `${name} is ${value}` }];
  const table = valueOf(facts.table)?.services;
  const mend = setParameters({ [name]: "1" });
  if (services.some((service) => table?.has(service.name))) {
    const text = `${name} is 0, and services of mode link are in the table: what goes to their ` +
      "servers is not masqueraded, and answers do not come back";
    return [{ id, level: "fail", text, ...mend }];
  }
  const text = `${name} is 0, with which nothing of mode link is masqueraded: lvscare sets it to ` +
    "1 when it starts, which needs a /proc/sys that can be written";
  return [{ id, level: "warn", text, ...mend }];
}

export function judgeExpiry(facts: HostFacts, wanted: Case): Finding[] {
  if (!wantsIpvs(wanted)) return [];
  const services = servicesOf(wanted).map(({ service }) => service);
  const hasUdp = services.some(({ key }) => key.kind === "mark" || key.protocol === "udp");
  const isPersistent = services.some(({ persistence }) => persistence !== undefined);
  return [
    ...(hasUdp
      ? mustBeOne(facts, "expire-nodest", "net.ipv4.vs.expire_nodest_conn", {
        breaks: "clients of UDP go on to a server that was taken out",
      })
      : []),
    ...(isPersistent
      ? mustBeOne(facts, "expire-template", "net.ipv4.vs.expire_quiescent_template", {
        breaks: "clients that belong to a server go on to it when its weight is 0",
      })
      : []),
  ];
}

function mustBeOne(
  facts: HostFacts,
  id: string,
  name: string,
  { breaks }: { readonly breaks: string },
): Finding[] {
  const value = numberOf(facts, name);
  if (value === undefined) return [];
  if (value !== 0) return [{ id, level: "ok", text: `${name} is ${value}` }];
  const text = `${name} is 0: ${breaks}; lvscare sets it to 1 when it starts, ` +
    "which needs a /proc/sys that can be written";
  return [{ id, level: "warn", text, ...setParameters({ [name]: "1" }) }];
}

const DEFENCES: readonly (readonly [name: string, what: string])[] = [
  ["drop_entry", "connections are forgotten at random"],
  ["drop_packet", "one of several packets is dropped"],
  ["secure_tcp", "a connection counts as one only after its handshake"],
];

/** 1: when memory is short; 2: it is now; 3: always. */
const WHEN: Readonly<Record<number, string>> = {
  1: "when memory is short",
  2: "now, as memory is short",
  3: "always",
};

export function judgeDefence(facts: HostFacts, wanted: Case): Finding[] {
  if (!wantsIpvs(wanted)) return [];
  const id = "vs-defence";
  const values = DEFENCES.map(([name, what]) => ({
    ...{ name: `net.ipv4.vs.${name}`, what },
    value: numberOf(facts, `net.ipv4.vs.${name}`),
  }));
  if (values.every(({ value }) => value === undefined)) return [];
  const active = values.filter(({ value }) => value !== undefined && value !== 0);
  if (active.length === 0) {
    const text = "drop_entry, drop_packet and secure_tcp of net.ipv4.vs are 0";
    return [{ id, level: "ok", text }];
  }
  const said = active.map(({ name, what, value }) =>
    `${name} is ${value} (${WHEN[value!] ?? "at times"}: ${what})`
  );
  const text = `${listOf(said)}: IPVS defends itself at the cost of clients; ` +
    "where nothing attacks it, 0 serves them all";
  const mend = Object.fromEntries(active.map(({ name }) => [name, "0"]));
  return [{ id, level: "warn", text, ...setParameters(mend) }];
}

/** Schedulers by which another balancer chooses the same server, for which any packet is a beginning. */
const STATELESS = ["sh", "mh"];

export function judgeSloppy(facts: HostFacts, wanted: Case): Finding[] {
  const name = "net.ipv4.vs.sloppy_tcp";
  const value = numberOf(facts, name);
  if (value === undefined || !wantsIpvs(wanted)) return [];
  const id = "vs-sloppy-tcp";
  if (value === 0) return [{ id, level: "ok", text: `${name} is 0` }];
  const services = servicesOf(wanted);
  if (services.some(({ service: { scheduler } }) => STATELESS.includes(scheduler))) {
    const text = `${name} is ${value}, as it may be with the schedulers sh and mh: ` +
      "connections can go on by way of another balancer";
    return [{ id, level: "ok", text }];
  }
  const text = `${name} is ${value}: any packet of TCP begins a connection, so that those of ` +
    "connections that have ended go to any server";
  return [{ id, level: "warn", text, ...setParameters({ [name]: "0" }) }];
}

export function judgeForwarding(facts: HostFacts, wanted: Case): Finding[] {
  if (!wantsIpvs(wanted)) return [];
  const families = forwardedFamilies(wanted, "masquerade");
  const findings: Finding[] = [];
  const breaks = "clients on this host get answers from servers, other hosts and containers do not";
  const four = numberOf(facts, "net.ipv4.ip_forward");
  if (families.has("ipv4") && four !== undefined) {
    const name = "net.ipv4.ip_forward";
    findings.push(
      four !== 0 ? { id: "ip-forward", level: "ok", text: `${name} is ${four}` } : {
        ...{ id: "ip-forward", level: "warn", text: `${name} is 0: ${breaks}` },
        ...setParameters({ [name]: "1" }),
      },
    );
  }
  const six = numberOf(facts, "net.ipv6.conf.all.forwarding");
  if (families.has("ipv6") && six !== undefined) {
    const name = "net.ipv6.conf.all.forwarding";
    findings.push(
      six !== 0 ? { id: "ipv6-forward", level: "ok", text: `${name} is ${six}` } : {
        id: "ipv6-forward",
        level: "warn",
        text: `${name} is 0: ${breaks}; where it is 1 routes come from router advertisements ` +
          "only with accept_ra=2",
        ...mayBeSet({ [name]: "1" }),
      },
    );
  }
  return findings;
}

/** Devices that packets of other hosts come in by; a container's has no address here. */
function openDevices(facts: HostFacts): readonly Link[] {
  return (valueOf(facts.devices) ?? []).filter(({ name, up, kind, addresses }) =>
    up && name !== "lo" && kind !== "dummy" &&
    addresses.some(({ address }) => addressFamily(address) === "ipv4")
  );
}

export function judgeReversePath(facts: HostFacts, wanted: Case): Finding[] {
  if (!wantsIpvs(wanted)) return [];
  const reasons = [
    ...(forwardedFamilies(wanted, "direct").has("ipv4") ? ["direct routing"] : []),
    ...(forwardedFamilies(wanted, "tunnel").has("ipv4") ? ["tunnels"] : []),
    ...(hasLinkIpv4(wanted) ? ["addresses on a dummy device"] : []),
  ];
  if (reasons.length === 0) return [];
  const name = "rp_filter";
  const values = openDevices(facts).map((device) => ({
    name: device.name,
    value: effective(facts, device.name, name),
  })).filter(({ value }) => value !== undefined);
  if (values.length === 0) return [];
  const id = "rp-filter";
  const strict = values.filter(({ value }) => value === 1).map((device) => device.name);
  if (strict.length === 0) return [{ id, level: "ok", text: "rp_filter is strict on no device" }];
  const text = `rp_filter is strict on ${listOf(strict)}: packets are dropped whose way back is ` +
    `another device, as it may be with ${listOf(reasons)}; 2 is loose`;
  const mend = setParameters({ [deviceParameter("all", name)]: "2" });
  return [{ id, level: "warn", text, ...mend }];
}

function hasLinkIpv4(wanted: Case): boolean {
  return servicesOf(wanted).some(({ mode, service: { key } }) =>
    mode.kind === "link" && key.kind === "address" && addressFamily(key.address) === "ipv4"
  );
}

/** Of servers only the balancer may be asked for the virtual address. */
export function judgeArp(facts: HostFacts, wanted: Case): Finding[] {
  const services = servicesOf(wanted).filter((service) =>
    isForwarded(service, "direct") && service.service.key.kind === "address" &&
    addressFamily(service.service.key.address) === "ipv4"
  );
  if (services.length === 0 || !wantsIpvs(wanted)) return [];
  const id = "arp";
  const must = "there arp_ignore must be 1 and arp_announce 2 (net.ipv4.conf.all)";
  const kept = services.filter((service) => isKeptQuietly(service, facts, wanted));
  if (kept.length === 0) {
    const servers = new Set(services.flatMap(directServers).map(({ address }) => address));
    const each = servers.size === 1 ? "the server" : `each of ${servers.size} servers`;
    const text = `direct routing: ${each} must have the virtual address on lo and answer for it ` +
      `to nobody, which is not seen from here: ${must}`;
    return [{ id, level: "ok", text }];
  }
  const loud = openDevices(facts).filter(({ name }) =>
    (effective(facts, name, "arp_ignore") ?? 1) === 0 ||
    (effective(facts, name, "arp_announce") ?? 2) < 2
  ).map(({ name }) => name);
  const own = kept.filter((service) => isServer(service, facts));
  const names = listOf((own.length > 0 ? own : kept).map(({ name }) => name));
  if (loud.length === 0) {
    const text = `direct routing: this host answers nobody for the address of ${names}`;
    return [{ id, level: "ok", text }];
  }
  const has = `this host has the address of ${names} and answers for it on ${listOf(loud)}`;
  if (own.length === 0) {
    const text = `direct routing: ${has}, as the balancer does; a server must not: ${must}`;
    return [{ id, level: "ok", text }];
  }
  const text = `direct routing to this host: ${has}, so that clients come past the balancer; ` +
    "arp_ignore must be 1 and arp_announce 2";
  return [{ id, level: "warn", text, ...setParameters(QUIET_ARP) }];
}

function directServers(service: ServiceConfig): readonly ServerConfig[] {
  return serversOf(service).filter(({ forwarding: { method } }) => method === "direct");
}

/** Whether the address is where servers keep it: on lo or a dummy device, which is not ours to balance with. */
function isKeptQuietly(service: ServiceConfig, facts: HostFacts, wanted: Case): boolean {
  const { key } = service.service;
  const devices = valueOf(facts.devices);
  if (key.kind !== "address" || !devices) return false;
  return devices.some(({ name, kind, addresses }) =>
    (name === "lo" || kind === "dummy") && !ownDevices(wanted).has(name) &&
    addresses.some(({ address }) => address === key.address)
  );
}

function isServer(service: ServiceConfig, { devices }: HostFacts): boolean {
  const own = new Set(
    (valueOf(devices) ?? []).flatMap(({ addresses }) => addresses.map(({ address }) => address)),
  );
  return directServers(service).some(({ address }) => own.has(address));
}

/** IPVS's own where it has not been told another. */
const TCP_TIMEOUT_S = 900;

export function judgeKeepalive(facts: HostFacts, wanted: Case): Finding[] {
  const name = "net.ipv4.tcp_keepalive_time";
  const value = numberOf(facts, name);
  const hasTcp = servicesOf(wanted).some(({ service: { key } }) =>
    key.kind === "mark" || key.protocol === "tcp"
  );
  if (value === undefined || !hasTcp || !wantsIpvs(wanted)) return [];
  const id = "tcp-keepalive";
  const timeoutS = wanted.config?.table.timeouts.tcpS ??
    valueOf(facts.table)?.timeouts.tcpS ?? TCP_TIMEOUT_S;
  if (value < timeoutS) {
    const text = `${name} is ${value} s, under IPVS's timeout for TCP of ${timeoutS} s`;
    return [{ id, level: "ok", text }];
  }
  const better = Math.max(1, Math.floor((timeoutS * 2) / 3));
  const text = `${name} is ${value} s, and IPVS forgets a connection of TCP that is silent for ` +
    `${timeoutS} s: programs on this host find idle connections dead; other clients need the same`;
  return [{ id, level: "warn", text, ...setParameters({ [name]: `${better}` }) }];
}

/** From how many percent on it is said. */
const CONNTRACK_WARN = 80;
const CONNTRACK_FAIL = 95;

export function judgeConntrackTable(facts: HostFacts, wanted: Case): Finding[] {
  const conntrack = valueOf(facts.conntrack);
  if (!conntrack || conntrack.most <= 0 || !wantsIpvs(wanted)) return [];
  const { count, most } = conntrack;
  const id = "conntrack-table";
  const percent = Math.floor((100 * count) / most);
  const is = `connection tracking has ${count} of at most ${most} connections`;
  if (percent < CONNTRACK_WARN) return [{ id, level: "ok", text: is }];
  return [{
    id,
    level: percent >= CONNTRACK_FAIL ? "fail" : "warn",
    text: `${is}: when it is full, packets of new ones are dropped`,
    ...setParameters({ "net.netfilter.nf_conntrack_max": `${2 * most}` }),
  }];
}

export function judgeTable(facts: HostFacts, wanted: Case): Finding[] {
  const table = valueOf(facts.table);
  if (!table || !wantsIpvs(wanted)) return [];
  const { size, connections } = table;
  const id = "vs-table";
  const is = `IPVS has ${countOf(connections, "connection")} in a table of ${size} rows`;
  if (connections <= size) return [{ id, level: "ok", text: is }];
  const bits = Math.min(20, Math.ceil(Math.log2(2 * connections)));
  const text = `${is}: every packet searches for long; put "options ip_vs conn_tab_bits=${bits}" ` +
    "into /etc/modprobe.d/lvscare.conf, and load ip_vs anew, which ends all connections";
  return [{ id, level: "warn", text }];
}
