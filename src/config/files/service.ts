/** One entry of a file to its services: one for each protocol, address and port, or for each family of a mark. */

import { schedulerFlag, schedulerFlagNames } from "../../ipvsadm/scheduler_flags.ts";
import { type Address, addressFamily, type Family, familyBits } from "../../model/address.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import {
  type Forwarding,
  keyFamily,
  type Persistence,
  printServiceKey,
  type SchedulerFlag,
  type Service,
  type ServiceKey,
} from "../../model/ipvs.ts";
import { type Mode, PROXY_SCHEDULERS } from "../care.ts";
import { FAMILY_WORDS, isLoopback } from "../care_endpoints.ts";
import type {
  CheckConfig,
  HostConfig,
  QuorumConfig,
  ServerConfig,
  ServiceConfig,
  Start,
} from "../config.ts";
import { quote } from "../given.ts";
import { didYouMean } from "../values.ts";
import { checkOf, judgeCheck, needsPort } from "./check.ts";
import type { ServerSettingValues, ServerTable, ServiceTable, SettingValues } from "./fields.ts";
import { complainIn, type Table } from "./shape.ts";

export interface EntryOptions {
  readonly entry: ServiceTable;
  /** Defaults, the nearest last. */
  readonly inherited: readonly Table<SettingValues>[];
  readonly host: HostConfig;
  readonly markBit: number;
  readonly nodeAddresses: readonly Address[];
}

/** How long what is no longer listed may keep its connections. */
export const DRAIN_TIMEOUT_MS = 30_000;
const SCHEDULER = "wrr";

type Key = keyof ServiceTable["values"];

export class EntryBuilder {
  readonly #options: EntryOptions;
  readonly #entry: ServiceTable;
  readonly #settings: SettingValues;

  constructor(options: EntryOptions) {
    const { entry, inherited } = options;
    this.#options = options;
    this.#entry = entry;
    this.#settings = inherited.reduceRight(
      (nearer: SettingValues, { values }) => inherit(values, nearer),
      entry.values,
    );
  }

  /** How many services it stands for, at most. */
  get count(): number {
    const { address, port, mark } = this.#entry.values;
    if (mark !== undefined) return 2;
    return (address?.length ?? 1) * (port?.length ?? 1) * (this.#settings.protocol?.length ?? 1);
  }

  /** The key that its services' names stand at. */
  get keyOfName(): Key {
    return this.#entry.values.mark === undefined ? "address" : "mark";
  }

  get nameNode(): { readonly at: number } {
    const { node } = this.#entry;
    return node.entries.find(({ key }) => key === this.keyOfName)?.value ?? node;
  }

  build(): ServiceConfig[] {
    const servers = this.#readServers();
    const sorry = this.#readSorry();
    const keys = this.#keys(servers);
    const flags = this.#schedulerFlags();
    const families = new Set(keys.map(keyFamily));
    const services: ServiceConfig[] = [];
    for (const key of keys) {
      const own = this.#serversOf(key, servers, families);
      const [standIn] = sorry ? this.#serversOf(key, [sorry], families).values() : [];
      services.push(this.#service(key, own, flags, standIn));
    }
    return services;
  }

  #complain(key: Key | undefined, text: string): void {
    complainIn(this.#entry, key, text);
  }

  #keys(servers: readonly ReadServer[]): ServiceKey[] {
    const { address, port, mark } = this.#entry.values;
    if (mark !== undefined) return this.#markKeys(mark, servers);
    const { node } = this.#entry;
    // What was given and is wrong has been said to be.
    if (node.entries.some(({ key }) => key === "mark")) return [];
    for (const name of ["address", "port"] as const) {
      if (node.entries.some(({ key }) => key === name)) continue;
      this.#complain(undefined, `has no ${name}, must have address and port, or mark`);
      return [];
    }
    if (!address || !port) return [];
    const { protocol = ["tcp"], persistence } = this.#settings;
    if (port.includes(0) && (persistence === undefined || persistence === "none")) {
      this.#complain("port", "is 0, which is every port, and only with persistence");
    }
    return protocol.flatMap((protocol) =>
      address.flatMap((address) =>
        port.map((port): ServiceKey => ({ kind: "address", protocol, address, port }))
      )
    );
  }

  #markKeys(mark: number, servers: readonly ReadServer[]): ServiceKey[] {
    const { values } = this.#entry;
    for (const name of ["address", "port", "protocol"] as const) {
      if (values[name]) this.#complain(name, "must not stand beside mark, which is in its place");
    }
    if (values.mode !== undefined && values.mode !== "none") {
      this.#complain("mode", "must be none: a mark has no address that packets could be led to");
    }
    if (this.#options.host.dataplane === "embedded") {
      this.#complain("mark", "the embedded proxy knows no marks, must be address and port");
    }
    const families = new Set(servers.map(({ server }) => addressFamily(server.address)));
    if (families.size === 0) families.add("ipv4");
    return [...families].map((family): ServiceKey => ({ kind: "mark", mark, family }));
  }

  #service(
    key: ServiceKey,
    servers: ReadonlyMap<string, ServerConfig>,
    schedulerFlags: readonly SchedulerFlag[],
    sorry: ServerConfig | undefined,
  ): ServiceConfig {
    const settings = this.#settings;
    const { host } = this.#options;
    const scheduler = settings.scheduler ?? SCHEDULER;
    if (host.dataplane === "embedded") this.#checkEmbedded(key, scheduler);
    const isUdp = key.kind === "mark" || key.protocol === "udp";
    const onePacket = settings["one-packet"] ?? false;
    const hasUdp = settings.protocol?.includes("udp");
    if (onePacket && !isUdp && !hasUdp && this.#entry.values["one-packet"]) {
      this.#complain("one-packet", "must be false: it is for UDP alone");
    }
    const persistence = this.#persistence(key);
    const service: Service = {
      key,
      scheduler,
      schedulerFlags,
      onePacket: onePacket && isUdp,
      ...(persistence && { persistence }),
    };
    return {
      name: printServiceKey(key),
      service,
      servers,
      mode: this.#mode(key),
      quorum: this.#quorum(),
      sorry: sorry && { server: sorry, inhibit: this.#entry.values.sorry?.values.inhibit ?? false },
      notify: settings.notify ?? [],
      notifiesEnd: settings["notify-end"] ?? false,
      panicPercent: Math.round(100 * (settings.panic ?? 0)),
      slowStartMs: settings["slow-start"] ?? 0,
      keepLast: settings["keep-last"] ?? false,
      failedDrainMs: settings.drain ?? 0,
      drainTimeoutMs: settings["drain-timeout"] ?? DRAIN_TIMEOUT_MS,
      maintenanceDrainMs: settings["maintenance-drain"] ?? Infinity,
    };
  }

  #quorum(): QuorumConfig {
    const { quorum, panic } = this.#settings;
    const { weight = 1, hysteresis = 0, without = "keep", start = this.#start } = quorum?.values ??
      {};
    if (quorum && hysteresis >= weight) {
      const text = `must be under the weight that is needed, which is ${weight}`;
      if (quorum.values.hysteresis) complainIn(quorum, "hysteresis", text);
    }
    if (this.#entry.values.sorry && panic) {
      const text = "must not stand beside panic: either one server stands in, or all are used";
      this.#complain("sorry", text);
    }
    return { needed: weight, hysteresis, without, start };
  }

  #checkEmbedded(key: ServiceKey, scheduler: string): void {
    const known: readonly string[] = PROXY_SCHEDULERS;
    if (!known.includes(scheduler)) {
      const text = `the embedded proxy has no ${quote(scheduler)}, must be ${known.join(", ")}`;
      this.#complain("scheduler", text);
    }
    if (key.kind === "address" && key.protocol === "sctp") {
      this.#complain("protocol", "the embedded proxy knows no sctp, must be tcp or udp");
    }
  }

  #schedulerFlags(): readonly SchedulerFlag[] {
    const { "scheduler-flags": names = [], scheduler = SCHEDULER } = this.#settings;
    const flags = new Set<SchedulerFlag>();
    for (const name of names) {
      const answer = schedulerFlag(scheduler, name);
      if (answer && "flag" in answer) flags.add(answer.flag);
      else {
        const known = schedulerFlagNames(scheduler);
        const what = answer
          ? `is a flag of scheduler ${answer.belongsTo}, not of ${scheduler}`
          : `is no flag of scheduler ${scheduler}`;
        const near = didYouMean(name, known) ?? `it has ${known.join(", ")}`;
        this.#complain("scheduler-flags", `${quote(name)} ${what} (${near})`);
      }
    }
    return [...flags].sort();
  }

  #persistence(key: ServiceKey): Persistence | undefined {
    const { persistence } = this.#settings;
    if (persistence === undefined || persistence === "none") return undefined;
    const { timeout = 300_000, prefix, mask, engine } = persistence.values;
    const family = keyFamily(key);
    const bits = familyBits(family);
    if (prefix !== undefined && mask !== undefined) {
      complainIn(persistence, "mask", "must not stand beside prefix, which says the same");
    }
    if (mask !== undefined && family === "ipv6") {
      complainIn(persistence, "mask", "is of IPv4, must be a prefix for IPv6");
    }
    if (prefix !== undefined && prefix > bits) {
      complainIn(persistence, "prefix", `must be at most ${bits} for ${FAMILY_WORDS[family]}`);
    }
    return {
      // The kernel counts in seconds, and 0 would be its own default.
      timeoutS: Math.max(1, Math.round(timeout / 1000)),
      ...(mask ?? { prefix: prefix ?? bits }),
      ...(engine !== undefined && { engine }),
    };
  }

  #mode(key: ServiceKey): Mode {
    const { mode = "link", device = "lvscare", gateway } = this.#settings;
    const { markBit, nodeAddresses } = this.#options;
    if (key.kind === "mark" || mode === "none") return { kind: "none" };
    if (isLoopback(key.address)) {
      this.#complain(
        "address",
        "is a loopback address, must be one that other hosts can reach (or mode must be none)",
      );
    }
    if (mode === "link") return { kind: "link", device, markBit };
    const family = addressFamily(key.address);
    const own = (gateway ?? nodeAddresses).find((each) => addressFamily(each) === family);
    if (own === undefined) {
      const text =
        `route needs this host's own ${FAMILY_WORDS[family]} address, must be given as ` +
        "gateway or as LVSCARE_NODE_IP";
      this.#complain("mode", text);
    } else if (own === key.address) {
      this.#complain("gateway", "is the virtual address itself, must be this host's own");
    }
    return { kind: "route", gateway: own };
  }

  #readServers(): ReadServer[] {
    const shared = this.#settings;
    const common = new Settings(shared, this.#start);
    complainOfIdle(this.#entry.values, shared);
    const read: ReadServer[] = [];
    for (const server of this.#entry.values.servers ?? []) {
      const one = this.#readServer(server, common);
      if (one) read.push(one);
    }
    return read;
  }

  #readServer(server: ServerTable, common: Settings): ReadServer | undefined {
    const { address, port } = server.values;
    if (address === undefined) {
      const isGiven = server.node.entries.some(({ key }) => key === "address");
      if (!isGiven) complainIn(server, undefined, "has no address, must have one");
      return undefined;
    }
    const hasOwn = server.node.entries.some(({ key }) => key !== "address" && key !== "port");
    const settings = hasOwn
      ? new Settings(inherit(this.#settings, server.values), this.#start)
      : common;
    settings.check(server, this.#options.host);
    return { table: server, settings, server: { address, port } };
  }

  get #start(): Start {
    return this.#settings.start ?? "up";
  }

  /** Of each family, where its services are of both. */
  #readSorry(): ReadServer | undefined {
    const { sorry } = this.#entry.values;
    return sorry && this.#readServer(sorry, new Settings(this.#settings, this.#start));
  }

  /** The servers of one service. Where the entry has both families, each service has those of its own. */
  #serversOf(
    key: ServiceKey,
    servers: readonly ReadServer[],
    families: ReadonlySet<Family>,
  ): ReadonlyMap<string, ServerConfig> {
    const family = keyFamily(key);
    const own = new Map<string, ServerConfig>();
    for (const { table, settings, server: { address, port } } of servers) {
      const { forwarding } = settings;
      const isOther = addressFamily(address) !== family;
      if (isOther && families.size > 1) continue;
      if (isOther && forwarding.method !== "tunnel") {
        const text = `must be ${FAMILY_WORDS[family]}, as ${printServiceKey(key)} is: only a ` +
          "tunnel leads to the other family";
        complainIn(table, "address", text);
        continue;
      }
      const portOfKey = key.kind === "mark" ? 0 : key.port;
      const endpoint = { address, port: port ?? portOfKey };
      if (forwarding.method !== "masquerade" && endpoint.port !== portOfKey) {
        const text = `must be ${portOfKey}, the service's: only masquerade changes ports`;
        complainIn(table, "port", text);
      }
      const name = printEndpoint(endpoint);
      if (key.kind === "address" && name === printEndpoint(key)) {
        complainIn(table, undefined, `${name} is the service itself, must be a server behind it`);
      } else if (own.has(name)) {
        complainIn(table, undefined, `${name} is a server of ${printServiceKey(key)} already`);
      } else own.set(name, settings.server(name, endpoint));
    }
    if (own.size === 0 && servers.length > 0 && families.size > 1) {
      this.#complain("servers", `none is ${FAMILY_WORDS[family]}, as ${printServiceKey(key)} is`);
    }
    return own;
  }
}

interface ReadServer {
  readonly table: ServerTable;
  readonly settings: Settings;
  readonly server: { readonly address: Address; readonly port: number | undefined };
}

/** Settings in which the nearer ones count; of checks and tunnels each key by itself. */
function inherit<V extends ServerSettingValues>(far: ServerSettingValues, near: V): V {
  const merged = { ...far, ...near };
  for (const key of ["check", "tunnel"] as const) {
    const [outer, inner] = [far[key], near[key]];
    if (!outer || !inner) continue;
    Object.assign(merged, { [key]: { ...inner, values: { ...outer.values, ...inner.values } } });
  }
  return merged;
}

/** A server's settings, which many share. */
class Settings {
  readonly forwarding: Forwarding;
  readonly #values: ServerSettingValues;
  readonly #checks: readonly CheckConfig[];

  constructor(values: ServerSettingValues, start: Start) {
    this.#values = values;
    this.forwarding = forwardingOf(values);
    const common = values.check?.values ?? {};
    const all = values.checks?.map((each) => ({ ...common, ...each.values })) ?? [common];
    this.#checks = all.map((each) => checkOf(each, start)).filter((each) => each !== undefined);
  }

  server(name: string, { address, port }: { address: Address; port: number }): ServerConfig {
    const values = this.#values;
    return {
      ...{ address, port, name },
      weight: values.weight ?? 1,
      forwarding: this.forwarding,
      upperThreshold: values["upper-threshold"] ?? 0,
      lowerThreshold: values["lower-threshold"] ?? 0,
      checks: port === 0 ? this.#checksWithoutPort() : this.#checks,
      need: values.need ?? "all",
      whenFailed: values["when-failed"] ?? "step",
      notify: values.notify ?? [],
    };
  }

  /** A server that has no port of its own cannot be asked at it. */
  #checksWithoutPort(): readonly CheckConfig[] {
    return this.#checks.filter(({ port, request }) => port !== undefined || !needsPort(request));
  }

  /** Says what does not agree, of one of the servers that have these. */
  check(server: ServerTable, { dataplane }: HostConfig): void {
    const { tunnel, forwarding } = this.#values;
    complainOfIdle(server.values, this.#values);
    const lower = this.#values["lower-threshold"] ?? 0;
    const upper = this.#values["upper-threshold"] ?? 0;
    if (lower > upper) {
      const text = `a lower threshold of ${lower} must be at most the upper one, which is ${upper}`;
      complainIn(server, "lower-threshold", text);
    }
    if (dataplane === "embedded" && this.forwarding.method !== "masquerade") {
      complainIn(server, "forwarding", "the embedded proxy only masquerades, must be masquerade");
    }
    if (forwarding !== "tunnel" || !tunnel) return;
    if (tunnel.values.type === "gue" && tunnel.values.port === undefined) {
      complainIn(tunnel, "type", "gue needs the port of the server's end");
    }
    if (tunnel.values.type !== "gue" && tunnel.values.checksum === "remote") {
      complainIn(tunnel, "checksum", "remote is for gue alone, must be none or checksum");
    }
  }
}

/** Says what was given and means nothing; what was inherited may be meant for others. */
function complainOfIdle(own: ServerSettingValues, effective: ServerSettingValues): void {
  if (own.tunnel && effective.forwarding !== "tunnel") {
    complainIn(own.tunnel, undefined, "is for forwarding tunnel, which this is not");
  }
  if (own.check) judgeCheck(own.check, effective.check?.values ?? {});
  for (const each of own.checks ?? []) {
    judgeCheck(each, { ...effective.check?.values, ...each.values });
  }
}

function forwardingOf({ forwarding = "masquerade", tunnel }: ServerSettingValues): Forwarding {
  if (forwarding !== "tunnel") return { method: forwarding };
  const { type = "ipip", port = 0, checksum = "none" } = tunnel?.values ?? {};
  const method = "tunnel";
  if (type === "gue") return { method, encapsulation: type, port, checksum };
  if (type === "ipip") return { method, encapsulation: type };
  return { method, encapsulation: type, checksum: checksum === "remote" ? "none" : checksum };
}
