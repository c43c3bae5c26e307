/** Reading what ipvsadm -Ln prints: the lines of its tables, and what several of them say together. */

import { CommandError } from "../errors.ts";
import { familyBits } from "../model/address.ts";
import { type Endpoint, parseEndpoint, printEndpoint } from "../model/endpoint.ts";
import {
  type Counters,
  type Forwarding,
  type IpvsInfo,
  keyFamily,
  type Persistence,
  printServiceKey,
  type Protocol,
  type SchedulerFlag,
  type ServerEntry,
  type Service,
  type ServiceEntry,
  type ServiceKey,
  type TunnelChecksum,
} from "../model/ipvs.ts";
import { type ClientMask, parseNetmask } from "./netmask.ts";
import { FLAGS, isShown, schedulerFlag } from "./scheduler_flags.ts";

export interface ListedServer {
  readonly endpoint: Endpoint;
  readonly columns: readonly string[];
}

export interface ListedService {
  readonly key: ServiceKey;
  readonly columns: readonly string[];
  readonly servers: readonly ListedServer[];
}

export interface Listing {
  readonly info: IpvsInfo;
  readonly services: readonly ListedService[];
}

/** The texts of one table in several views, all of them with -n and --exact. */
export interface ListingTexts {
  readonly tunInfo: string;
  readonly thresholds: string;
  readonly persistentConn: string;
  readonly stats?: string;
  readonly rate?: string;
}

const VERSION = /^IP Virtual Server version (\d+\.\d+\.\d+) \(size=(\d+)\)$/;
const TITLE_LINES = 3;

export function parseListing(text: string): Listing {
  const lines = text.split("\n");
  const version = VERSION.exec(lines[0] ?? "");
  if (!version) throw unexpected(lines[0] ?? "");
  const services: { key: ServiceKey; columns: string[]; servers: ListedServer[] }[] = [];
  for (const line of lines.slice(TITLE_LINES)) {
    if (line === "") continue;
    const words = line.trim().split(/\s+/);
    if (words[0] === "->") {
      const endpoint = parseEndpoint(words[1] ?? "");
      const service = services.at(-1);
      if (!endpoint || !service) throw unexpected(line);
      service.servers.push({ endpoint, columns: words.slice(2) });
    } else {
      services.push({ ...parseServiceWords(line, words), servers: [] });
    }
  }
  return {
    info: { version: version[1]!, connectionTableSize: Number(version[2]) },
    services,
  };
}

function parseServiceWords(
  line: string,
  words: readonly string[],
): { key: ServiceKey; columns: string[] } {
  if (words[0] === "FWM") {
    // The program prints the unsigned mark as a signed number.
    const mark = Number(words[1]) >>> 0;
    const ipv6 = words[2] === "IPv6";
    if (mark === 0) throw unexpected(line);
    return {
      key: { kind: "mark", mark, family: ipv6 ? "ipv6" : "ipv4" },
      columns: words.slice(ipv6 ? 3 : 2),
    };
  }
  const protocol = PROTOCOLS.find((each) => each.toUpperCase() === words[0]);
  const endpoint = parseEndpoint(words[1] ?? "");
  if (!protocol || !endpoint) throw unexpected(line);
  return { key: { kind: "address", protocol, ...endpoint }, columns: words.slice(2) };
}

const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];

/**
 * The entries that all the texts describe together, or undefined where they do not fit because the table
 * was changed between them.
 */
export function joinListings(texts: ListingTexts): ServiceEntry[] | undefined {
  const base = parseListing(texts.tunInfo);
  const thresholds = new View(texts.thresholds);
  const persistent = new View(texts.persistentConn);
  const stats = texts.stats === undefined ? undefined : new View(texts.stats);
  const rate = texts.rate === undefined ? undefined : new View(texts.rate);
  const views = [thresholds, persistent, stats, rate].filter((view) => view !== undefined);
  const size = countLines(base);
  if (views.some((view) => view.size !== size)) return undefined;

  const entries: ServiceEntry[] = [];
  for (const listed of base.services) {
    const servers: ServerEntry[] = [];
    for (const server of listed.servers) {
      const entry = joinServer(listed.key, server, { thresholds, persistent, stats, rate });
      if (!entry) return undefined;
      servers.push(entry);
    }
    const service = parseService(listed);
    if (!stats || !rate) {
      entries.push({ service, servers });
      continue;
    }
    const counters = stats.service(listed.key);
    const rates = rate.service(listed.key);
    if (!counters || !rates) return undefined;
    entries.push({
      service,
      servers,
      stats: { counters: parseCounters(counters), rates: parseCounters(rates) },
    });
  }
  return entries;
}

function countLines(listing: Listing): number {
  return listing.services.reduce((sum, { servers }) => sum + 1 + servers.length, 0);
}

/** One view's columns by the service and the server that they are about. */
class View {
  readonly #columns = new Map<string, readonly string[]>();
  readonly size: number;

  constructor(text: string) {
    const listing = parseListing(text);
    this.size = countLines(listing);
    for (const { key, columns, servers } of listing.services) {
      const name = printServiceKey(key);
      this.#columns.set(name, columns);
      for (const server of servers) {
        this.#columns.set(`${name} ${printEndpoint(server.endpoint)}`, server.columns);
      }
    }
  }

  service(key: ServiceKey): readonly string[] | undefined {
    return this.#columns.get(printServiceKey(key));
  }

  server(key: ServiceKey, server: Endpoint): readonly string[] | undefined {
    return this.#columns.get(`${printServiceKey(key)} ${printEndpoint(server)}`);
  }
}

interface Views {
  readonly thresholds: View;
  readonly persistent: View;
  readonly stats: View | undefined;
  readonly rate: View | undefined;
}

function joinServer(key: ServiceKey, listed: ListedServer, views: Views): ServerEntry | undefined {
  const [forward, tunnel, weight, active, inactive] = listed.columns;
  const limits = views.thresholds.server(key, listed.endpoint);
  const persistent = views.persistent.server(key, listed.endpoint);
  if (!limits || !persistent) return undefined;
  const entry: ServerEntry = {
    server: {
      ...listed.endpoint,
      weight: parseCount(weight),
      forwarding: parseForwarding(forward, tunnel),
      upperThreshold: parseCount(limits[0]),
      lowerThreshold: parseCount(limits[1]),
    },
    connections: {
      active: parseCount(active),
      inactive: parseCount(inactive),
      persistent: parseCount(persistent[1]),
    },
  };
  if (!views.stats || !views.rate) return entry;
  const counters = views.stats.server(key, listed.endpoint);
  const rates = views.rate.server(key, listed.endpoint);
  if (!counters || !rates) return undefined;
  return { ...entry, stats: { counters: parseCounters(counters), rates: parseCounters(rates) } };
}

const CHECKSUMS: Readonly<Record<string, TunnelChecksum>> = {
  "-c": "none",
  "+c": "checksum",
  "r+c": "remote",
};

function parseForwarding(forward: string | undefined, tunnel: string | undefined): Forwarding {
  switch (forward) {
    case "Masq":
      return { method: "masquerade" };
    case "Route":
      return { method: "direct" };
    case "Local":
      return { method: "local" };
    case "(null)":
      return { method: "bypass" };
    case "Tunnel":
      return parseTunnel(tunnel ?? "");
    default:
      throw unexpected(forward ?? "");
  }
}

function parseTunnel(info: string): Forwarding {
  const [encapsulation, ...rest] = info.split(":");
  const checksum = CHECKSUMS[rest.at(-1) ?? ""];
  if (encapsulation === "ipip") return { method: "tunnel", encapsulation };
  if (encapsulation === "gue" && checksum !== undefined) {
    return { method: "tunnel", encapsulation, port: parseCount(rest[0]), checksum };
  }
  if (encapsulation === "gre" && (checksum === "none" || checksum === "checksum")) {
    return { method: "tunnel", encapsulation, checksum };
  }
  throw unexpected(info);
}

/** "sh", "(sh-port)", "persistent", "300", "mask", "255.255.255.0", "pe", "sip", "ops" */
function parseService({ key, columns }: ListedService): Service {
  const words = [...columns];
  const scheduler = words.shift() ?? "";
  if (scheduler === "") throw unexpected(columns.join(" "));
  const schedulerFlags = words[0]?.startsWith("(")
    ? parseFlags(scheduler, words.shift()!.slice(1, -1))
    : [];
  let persistence: Persistence | undefined;
  let onePacket = false;
  while (words.length > 0) {
    const word = words.shift()!;
    if (word === "ops") onePacket = true;
    else if (word === "persistent") {
      persistence = {
        timeoutS: parseCount(words.shift()),
        prefix: familyBits(keyFamily(key)),
      };
    } else if (word === "mask" && persistence) {
      persistence = { ...persistence, ...parseMask(key, words.shift() ?? "") };
    } else if (word === "pe") {
      const engine = words.shift() ?? "";
      if (persistence) persistence = { ...persistence, engine };
    } else throw unexpected(columns.join(" "));
  }
  return { key, scheduler, schedulerFlags, onePacket, ...(persistence && { persistence }) };
}

function parseFlags(scheduler: string, text: string): SchedulerFlag[] {
  // There are flags, but only such as ipvsadm has no name for.
  if (text === "") return FLAGS.filter((flag) => !isShown(scheduler, flag));
  return text.split(",").map((name) => {
    const answer = schedulerFlag(scheduler, name);
    if (!answer || !("flag" in answer)) throw unexpected(text);
    return answer.flag;
  }).sort();
}

function parseMask(key: ServiceKey, text: string): ClientMask {
  if (keyFamily(key) === "ipv6") return { prefix: parseCount(text) };
  const mask = parseNetmask(text);
  if (!mask) throw unexpected(text);
  return mask;
}

function parseCounters(columns: readonly string[]): Counters {
  const values = columns.map((text) => {
    if (!/^\d+$/.test(text)) throw unexpected(columns.join(" "));
    return BigInt(text);
  });
  if (values.length !== 5) throw unexpected(columns.join(" "));
  const [connections, inPackets, outPackets, inBytes, outBytes] = values;
  return {
    connections: connections!,
    inPackets: inPackets!,
    outPackets: outPackets!,
    inBytes: inBytes!,
    outBytes: outBytes!,
  };
}

function parseCount(text: string | undefined): number {
  if (!/^\d+$/.test(text ?? "")) throw unexpected(text ?? "");
  return Number(text);
}

function unexpected(text: string): CommandError {
  const quoted = JSON.stringify(text.slice(0, 120));
  return new CommandError(
    `read ipvsadm's output ${quoted}: not what ipvsadm 1.31 prints`,
    [],
    0,
    "",
  );
}
