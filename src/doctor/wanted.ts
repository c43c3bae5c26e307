/** What a configuration wants of a host. */

import type { Config, ServerConfig, ServiceConfig } from "../config/config.ts";
import { type Address, addressFamily, type Family } from "../model/address.ts";
import type { Forwarding } from "../model/ipvs.ts";

/** What is to be judged. */
export interface Case {
  /** Undefined: the host in general. */
  readonly config: Config | undefined;
  /** Whence the configuration comes. */
  readonly origin: "files" | "flags" | "none";
  /** The command line that judges the same again: "lvscare doctor -c /etc/lvscare". */
  readonly call: string;
  /** What was said when it was read. */
  readonly notes: readonly string[];
}

/** Whether IPVS is to balance, or may be. */
export function wantsIpvs({ config }: Case): boolean {
  return config?.host.dataplane !== "embedded";
}

export function servicesOf({ config }: Case): readonly ServiceConfig[] {
  return config?.services ?? [];
}

/** Its servers, and who stands in for them. */
export function serversOf({ servers, sorry }: ServiceConfig): readonly ServerConfig[] {
  const listed = [...servers.values()];
  return sorry && !servers.has(sorry.server.name) ? [...listed, sorry.server] : listed;
}

export function allServers(wanted: Case): readonly ServerConfig[] {
  return servicesOf(wanted).flatMap(serversOf);
}

/** Each virtual address once, with the first service that has it. */
export function virtualAddresses(wanted: Case): ReadonlyMap<Address, ServiceConfig> {
  const found = new Map<Address, ServiceConfig>();
  for (const service of servicesOf(wanted)) {
    const { key } = service.service;
    if (key.kind === "address" && !found.has(key.address)) found.set(key.address, service);
  }
  return found;
}

/** Services whose packets are marked and masqueraded by rules. */
export function markedServices(wanted: Case): readonly ServiceConfig[] {
  if (!wantsIpvs(wanted)) return [];
  return servicesOf(wanted).filter((service) =>
    service.mode.kind === "link" && isForwarded(service, "masquerade")
  );
}

export function isForwarded(service: ServiceConfig, method: Forwarding["method"]): boolean {
  return serversOf(service).some(({ forwarding }) => forwarding.method === method);
}

/** Families in which any server is forwarded to in that way. */
export function forwardedFamilies(
  wanted: Case,
  method: Forwarding["method"],
): ReadonlySet<Family> {
  const servers = allServers(wanted).filter(({ forwarding }) => forwarding.method === method);
  return new Set(servers.map(({ address }) => addressFamily(address)));
}

/** The bit of the mark that is ours; undefined where nothing is marked. */
export function markBitOf(wanted: Case): number | undefined {
  const [service] = markedServices(wanted);
  return service?.mode.kind === "link" ? service.mode.markBit : undefined;
}

/** The dummy devices that are ours. */
export function ownDevices(wanted: Case): ReadonlySet<string> {
  const names = servicesOf(wanted).map(({ mode }) => mode.kind === "link" ? mode.device : "");
  return new Set(names.filter((name) => name !== ""));
}

/** A module that is wanted. */
export interface WantedModule {
  readonly name: string;
  readonly why: string;
  /** The kernel loads it by itself when it is first used. */
  readonly loadsItself: boolean;
}

/** In the order in which people look for them. */
export function wantedModules(wanted: Case, rules: "iptables" | "nftables"): WantedModule[] {
  const modules = new Map<string, WantedModule>();
  const add = (name: string, why: string, loadsItself = false) => {
    if (!modules.has(name)) modules.set(name, { name, why, loadsItself });
  };
  if (wantsIpvs(wanted)) add("ip_vs", "IPVS");
  for (const { service: { scheduler, persistence } } of servicesOf(wanted)) {
    if (!wantsIpvs(wanted)) break;
    add(`ip_vs_${scheduler}`, `scheduler ${scheduler}`);
    const engine = persistence?.engine;
    if (engine !== undefined) add(`ip_vs_pe_${engine}`, `persistence engine ${engine}`);
  }
  if (ownDevices(wanted).size > 0) add("dummy", "the devices of mode link");
  if (markedServices(wanted).length > 0) {
    for (const name of RULE_MODULES[rules]) add(name, `masquerading by ${rules}`, true);
  }
  return [...modules.values()];
}

/** Only those whose names have always been these. */
const RULE_MODULES = {
  iptables: ["ip_set_hash_ipport", "xt_set"],
  nftables: ["nf_tables", "nft_masq"],
} as const;

/** By what rules would be made, as far as can be told without trying. */
export function rulesKind(
  { config }: Case,
  hasIptables: boolean | undefined,
): "iptables" | "nftables" {
  const choice = config?.host.masquerade ?? "auto";
  if (choice !== "auto") return choice;
  return hasIptables === false && config?.host.backend !== "command" ? "nftables" : "iptables";
}

/** "1 address", "2 addresses". */
export function countOf(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** "a", "a and b", "a, b and 3 more". */
export function listOf(words: readonly string[], most = 5): string {
  if (words.length > most) {
    return `${words.slice(0, most).join(", ")} and ${words.length - most} more`;
  }
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
