/** Virtual addresses: where they are, who else has them, and whether servers can be reached. */

import type { ServerConfig, ServiceConfig } from "../config/config.ts";
import { isLoopback } from "../config/care_endpoints.ts";
import {
  type Address,
  addressFamily,
  addressToBytes,
  familyBits,
  parseAddress,
} from "../model/address.ts";
import { keyFamily } from "../model/ipvs.ts";
import { type InterfaceAddress, type Link, printInterfaceAddress } from "../model/link.ts";
import { type HostFacts, type Neighbour, valueOf } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { addAddress, bringUp, QUIET_ARP, removeAddress, sysctlLine } from "./mends.ts";
import {
  type Case,
  countOf,
  serversOf,
  servicesOf,
  virtualAddresses,
  wantsIpvs,
} from "./wanted.ts";

export function judgeAddresses(facts: HostFacts, wanted: Case): Finding[] {
  const devices = valueOf(facts.devices);
  const addresses = [...virtualAddresses(wanted)];
  if (!devices || addresses.length === 0) return [];
  const id = "address";
  const wrong = [...eachInItsMode(wanted)].flatMap(([address, service]) =>
    judgeAddress(address, service, { devices, isKernel: wantsIpvs(wanted) })
  );
  if (wrong.length > 0) return wrong.map((finding) => ({ id, ...finding }));
  const what = countOf(addresses.length, "virtual address", "virtual addresses");
  const are = addresses.length === 1 ? "is" : "are";
  return [{ id, level: "ok", text: `${what} ${are} on no wrong device` }];
}

/** Services of one address may lead packets to it in several ways. */
function eachInItsMode(wanted: Case): Iterable<readonly [Address, ServiceConfig]> {
  const found = new Map<string, readonly [Address, ServiceConfig]>();
  for (const service of servicesOf(wanted)) {
    const { mode, service: { key } } = service;
    if (key.kind !== "address") continue;
    const name = `${key.address} ${JSON.stringify(mode)}`;
    if (!found.has(name)) found.set(name, [key.address, service]);
  }
  return found.values();
}

interface Place {
  readonly devices: readonly Link[];
  readonly isKernel: boolean;
}

type Verdict = Omit<Finding, "id">;

function judgeAddress(
  address: Address,
  { mode, name }: ServiceConfig,
  { devices, isKernel }: Place,
): Verdict[] {
  const places = placesOf(address, devices);
  switch (mode.kind) {
    case "link":
      return places.filter(({ device }) => device !== mode.device).map(({ device, found }) => ({
        level: "fail",
        text: `${address} is on device ${device} as ${printInterfaceAddress(found)}, must be on ` +
          `${mode.device} alone: lvscare refuses it so (where it shall stay there, mode must be none)`,
        ...removeAddress(found, device),
      }));
    case "route":
      return judgeGateway(name, mode.gateway, devices);
    case "none":
      if (places.length > 0 || (!isKernel && isWildcard(address)) || isLoopback(address)) return [];
      return [{
        level: "warn",
        text: `${address} is on no device of this host: packets for it come to ` +
          `${isKernel ? "IPVS" : "the proxy"} only where something else puts it there (VRRP) or ` +
          "leads them here",
        ...addAddress({ address, prefix: familyBits(addressFamily(address)) }, "lo"),
      }];
  }
}

const FAMILY = { ipv4: "IPv4", ipv6: "IPv6" } as const;

function isWildcard(address: Address): boolean {
  return addressToBytes(address).every((byte) => byte === 0);
}

function judgeGateway(
  service: string,
  gateway: Address | undefined,
  devices: readonly Link[],
): Verdict[] {
  if (gateway === undefined) {
    const text = `${service}: no address of this host is known that its route could lead by, so ` +
      "none is made: give --ip, LVSCARE_NODE_IP, or lvscare.node.ip in /etc/hosts";
    return [{ level: "warn", text }];
  }
  if (placesOf(gateway, devices).length > 0) return [];
  const text = `${service}: its route leads by way of ${gateway}, which is no address of this ` +
    "host: packets leave it and never come to IPVS; give one of its own";
  return [{ level: "fail", text }];
}

function placesOf(
  address: Address,
  devices: readonly Link[],
): { readonly device: string; readonly found: InterfaceAddress }[] {
  return devices.flatMap(({ name, addresses }) =>
    addresses.filter((each) => each.address === address)
      .map((found) => ({ device: name, found }))
  );
}

/** Another host that answers for a virtual address. */
export function judgeNeighbours(facts: HostFacts, wanted: Case): Finding[] {
  const services = virtualAddresses(wanted);
  const devices = valueOf(facts.devices) ?? [];
  return (["ipv4", "ipv6"] as const).flatMap((family): Finding[] => {
    const found = valueOf(facts.neighbours[family]);
    if (!found || found.asked.length === 0) return [];
    const id = "duplicate";
    const { answers, asked, left } = found;
    const findings = groupAnswers(answers).map((answer): Finding => {
      const { address, device } = answer;
      if (!isOnLink(address, devices.find(({ name }) => name === device))) {
        const text = `${said(answer)}, and is of no network there: nobody asks for it, as long ` +
          "as routes lead to one of them";
        return { id, level: "ok", text };
      }
      const service = services.get(address);
      const isDirect = service !== undefined &&
        serversOf(service).some(({ forwarding }) => forwarding.method === "direct");
      const there = isDirect && family === "ipv4"
        ? `; on a server of direct routing: ${sysctlLine(QUIET_ARP)}`
        : "";
      const text = `${said(answer)}: clients of that network reach the one or the other; ` +
        `only one host may answer for it${there}`;
      return { id, level: "warn", text };
    });
    if (left > 0) {
      const text = `${countOf(left, "more virtual address", "more virtual addresses")} ` +
        `of ${FAMILY[family]}: nobody was asked whether another host has it`;
      findings.push({ id, level: "ok", text });
    }
    if (answers.length > 0) return findings;
    const what = countOf(asked.length, "virtual address", "virtual addresses");
    const text = `no other host answers for ${what} of ${FAMILY[family]}`;
    return [{ id, level: "ok", text }, ...findings];
  });
}

interface GroupedAnswer extends Neighbour {
  readonly count: number;
}

/** One for each address and device: with direct routing there may be as many as servers. */
function groupAnswers(answers: readonly Neighbour[]): GroupedAnswer[] {
  const groups = new Map<string, GroupedAnswer>();
  for (const answer of answers) {
    const key = `${answer.address} ${answer.device}`;
    const before = groups.get(key);
    groups.set(key, before ? { ...before, count: before.count + 1 } : { ...answer, count: 1 });
  }
  return [...groups.values()];
}

function said({ address, device, hardware, count }: GroupedAnswer): string {
  const more = count === 1 ? "" : ` and ${countOf(count - 1, "other")}`;
  return `${address} is answered for on ${device} by another host (${hardware}${more})`;
}

function isOnLink(address: Address, device: Link | undefined): boolean {
  return device?.addresses.some((network) => isWithin(address, network)) ?? false;
}

/** Whether the address is of that network. */
export function isWithin(address: Address, network: InterfaceAddress): boolean {
  if (addressFamily(address) !== addressFamily(network.address)) return false;
  const [a, b] = [addressToBytes(address), addressToBytes(network.address)];
  for (let bit = 0; bit < network.prefix; bit++) {
    const mask = 0x80 >> (bit & 7);
    if ((a[bit >> 3]! & mask) !== (b[bit >> 3]! & mask)) return false;
  }
  return true;
}

/** "10.0.0.0/8"; undefined where it is none. */
export function parseNetwork(text: string): InterfaceAddress | undefined {
  const [, host = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text.trim()) ?? [];
  const address = parseAddress(host);
  if (address === undefined) return undefined;
  const prefix = Number(bits);
  return prefix > familyBits(addressFamily(address)) ? undefined : { address, prefix };
}

/** Servers that can get no packet in the way that is configured. */
export function judgeReach(facts: HostFacts, wanted: Case): Finding[] {
  const devices = valueOf(facts.devices);
  if (!devices || !wantsIpvs(wanted)) return [];
  const id = "reach";
  const services = servicesOf(wanted);
  const findings = services.flatMap((service) =>
    serversOf(service).flatMap((server) =>
      judgeServer(service, server, devices).map((verdict): Finding => ({ id, ...verdict }))
    )
  );
  findings.push(...judgeDaemons(wanted, devices).map((verdict): Finding => ({ id, ...verdict })));
  const count = services.reduce((sum, service) => sum + serversOf(service).length, 0);
  if (findings.length > 0 || count === 0) return findings;
  const text = `${countOf(count, "server")} can be reached in the way that is configured`;
  return [{ id, level: "ok", text }];
}

function judgeServer(
  { name, service: { key } }: ServiceConfig,
  { name: server, address, forwarding }: ServerConfig,
  devices: readonly Link[],
): Verdict[] {
  const what = `${name}: server ${server}`;
  const own = placesOf(address, devices).length > 0;
  if (isLoopback(address)) {
    // Measured on Linux 6.1: the parameter that lets others in elsewhere changes nothing here.
    if (key.kind === "address" && isLoopback(key.address)) return [];
    const text = `${what} is on the loopback device: clients on this host alone reach it, for ` +
      "IPVS drops packets of others, with route_localnet too; let it listen on an address of " +
      "this host";
    return [{ level: "warn", text }];
  }
  if (forwarding.method === "direct" && !own && !devices.some((each) => isOnLink(address, each))) {
    const text = `${what} is to get its packets by direct routing and is of no network of this ` +
      "host: a router between would send them back; use tunnels, or masquerade";
    return [{ level: "fail", text }];
  }
  if (addressFamily(address) !== keyFamily(key) && forwarding.method !== "tunnel") {
    const text = `${what} is of another family than its service: only a tunnel leads there`;
    return [{ level: "fail", text }];
  }
  return [];
}

/** What the sync daemon needs, and what excludes it. */
function judgeDaemons(wanted: Case, devices: readonly Link[]): Verdict[] {
  const daemons = wanted.config?.table.daemons ?? [];
  const names = [...new Set(daemons.map((daemon) => daemon.interface))];
  const verdicts = names.flatMap((name): Verdict[] => {
    const device = devices.find((each) => each.name === name);
    if (device?.up) return [];
    const is = device === undefined ? "is not there" : "is down";
    const text = `the sync daemon is to speak over device ${name}, which ${is}: ` +
      "connections are told to nobody";
    return [{ level: "fail", text, ...(device && bringUp(name)) }];
  });
  const mixed = servicesOf(wanted).find(({ service, servers }) =>
    [...servers.values()].some(({ address }) => addressFamily(address) !== keyFamily(service.key))
  );
  if (daemons.length === 0 || !mixed) return verdicts;
  const text = `${mixed.name} has servers of another family, which the kernel refuses beside a ` +
    "sync daemon: do without the one or the other";
  return [...verdicts, { level: "fail", text }];
}
