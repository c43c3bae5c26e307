/** What is cared for, wherever it was written: services, their servers and checks, and what the host is to be. */

import type { Endpoint } from "../model/endpoint.ts";
import type { Forwarding, Service, SyncDaemon, Timeouts } from "../model/ipvs.ts";
import type { Address } from "../model/address.ts";
import type { CheckRequest } from "./check.ts";
import type { Backend, DataplaneChoice, MasqueradeChoice, Mode, ProxyConfig } from "./care.ts";

export interface CheckConfig {
  readonly request: CheckRequest;
  /** Whom to ask; undefined: the server itself. */
  readonly address: Address | undefined;
  readonly port: number | undefined;
  /** Between the starts of two checks of one server. */
  readonly intervalMs: number;
  /** While results in a row are being counted, to take a server down or to bring it back. */
  readonly fastIntervalMs: number;
  /** While it is down. */
  readonly downIntervalMs: number;
  /** Up to this part of an interval is waited beyond it. */
  readonly jitter: number;
  /** First checks are spread over so long; undefined: over the interval. */
  readonly spreadMs: number | undefined;
  /** How many results in a row bring a server back, and take it down. */
  readonly rise: number;
  readonly fall: number;
  /** What it takes for granted before its first result. */
  readonly start: Start;
  /** What a check counts for that cannot be made; "ignore": for nothing. */
  readonly unable: typeof UNABLE[number];
  /** The weight of a server that this check finds down; undefined: it is down. */
  readonly failedWeight: number | undefined;
}

/** What a check counts for that cannot be made. */
export const UNABLE = ["fail", "ignore"] as const;
/** How many of several checks must be good. */
export const NEEDS = ["all", "any"] as const;
/** What a failed server comes to: weight 0 and out with the next failure, out at once, or weight 0 for good. */
export const WHEN_FAILED = ["step", "remove", "inhibit"] as const;
/** What a service does without its quorum, beside asking its sorry server. */
export const WITHOUT_QUORUM = ["keep", "withdraw"] as const;

export interface ServerConfig extends Endpoint {
  /** The endpoint as text. */
  readonly name: string;
  /** Undefined: 1, unless somebody has set another in the table before anything was known of it. */
  readonly weight: number | undefined;
  readonly forwarding: Forwarding;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  /** None: it is always in use. */
  readonly checks: readonly CheckConfig[];
  readonly need: typeof NEEDS[number];
  readonly whenFailed: typeof WHEN_FAILED[number];
  /** Who wants to know when it goes and comes. */
  readonly notify: readonly NotifyConfig[];
}

/** Who wants to know what becomes of a service or a server. */
export interface NotifyConfig {
  /** Of what; empty: of all. */
  readonly on: readonly NotifyEvent[];
  readonly to:
    | { readonly kind: "program"; readonly command: readonly [string, ...string[]] }
    | { readonly kind: "url"; readonly url: string };
  /** Of a program; undefined: as this one runs. */
  readonly user: string | undefined;
  readonly timeoutMs: number;
}

export const NOTIFY_EVENTS = [
  ...["server-up", "server-down", "quorum-up", "quorum-down"] as const,
] as const;
export type NotifyEvent = typeof NOTIFY_EVENTS[number];

export interface QuorumConfig {
  /** Weights of healthy servers, in all. */
  readonly needed: number;
  /** Lost at so much less, and had again at so much more. */
  readonly hysteresis: number;
  readonly without: typeof WITHOUT_QUORUM[number];
  /** Whether it is taken for granted before anything is known. */
  readonly start: Start;
}

/** Who stands in where there is no quorum. */
export interface SorryConfig {
  readonly server: ServerConfig;
  /** It is in the table with weight 0 while it is not needed. */
  readonly inhibit: boolean;
}

/** What a server is before its first check. */
export const STARTS = ["up", "proven"] as const;
export type Start = typeof STARTS[number];

export interface ServiceConfig {
  /** Its key as text. */
  readonly name: string;
  readonly service: Service;
  /** By name, in the order given. */
  readonly servers: ReadonlyMap<string, ServerConfig>;
  readonly mode: Mode;
  readonly quorum: QuorumConfig;
  readonly sorry: SorryConfig | undefined;
  /** Who wants to know when it loses its quorum, and when it has it again. */
  readonly notify: readonly NotifyConfig[];
  /** At the end of the program they are told that all is down. */
  readonly notifiesEnd: boolean;
  /** Where fewer percent of the servers are healthy, all are used; 0: never. */
  readonly panicPercent: number;
  /** How long a server that comes back takes to get all of its weight; 0: no time. */
  readonly slowStartMs: number;
  /** Never take the last server out. */
  readonly keepLast: boolean;
  /** How long a server that fails its checks keeps the connections that it has; 0: not at all. */
  readonly failedDrainMs: number;
  /** How long what is no longer listed may keep its connections; 0: removed at once. */
  readonly drainTimeoutMs: number;
  /** How long a server of weight 0 may; Infinity: until they end. */
  readonly maintenanceDrainMs: number;
}

/** What a service is that asks for nothing of its own. */
export const PLAIN_SERVICE = {
  quorum: { needed: 1, hysteresis: 0, without: "keep", start: "up" },
  sorry: undefined,
  notify: [],
  notifiesEnd: false,
  panicPercent: 0,
  slowStartMs: 0,
  keepLast: false,
  failedDrainMs: 0,
  drainTimeoutMs: 0,
  maintenanceDrainMs: Infinity,
} as const satisfies Partial<ServiceConfig>;

/** IPVS as it is. */
export const PLAIN_TABLE: TableConfig = { timeouts: {}, daemons: [] };

/** What every check has that asks for nothing of its own. */
export const PLAIN_CHECK = {
  address: undefined,
  port: undefined,
  jitter: 0,
  spreadMs: undefined,
  rise: 1,
  fall: 1,
  start: "up",
  unable: "fail",
  failedWeight: undefined,
} as const satisfies Partial<CheckConfig>;

/** What cannot change while the program runs. */
export interface HostConfig {
  readonly dataplane: DataplaneChoice;
  readonly proxy: ProxyConfig;
  /** Undefined: chosen at start. */
  readonly backend: Backend | undefined;
  readonly masquerade: MasqueradeChoice;
}

/** IPVS's own settings, which are this host's and not a service's. */
export interface TableConfig {
  /** How long idle connections are remembered; what is not given is left as it is. */
  readonly timeouts: Partial<Timeouts>;
  /** Connections are told to other hosts, and heard of from them. */
  readonly daemons: readonly SyncDaemon[];
}

export interface Config {
  readonly host: HostConfig;
  readonly table: TableConfig;
  /** No two of one name; each mode in it agrees with the others about devices and the mark's bit. */
  readonly services: readonly ServiceConfig[];
  /** The kernel is looked at no less often than this. */
  readonly intervalMs: number;
  /** How long a service may keep its connections that nobody remembers the like of. */
  readonly drainTimeoutMs: number;
  /** How many checks may be under way at once. */
  readonly checksAtOnce: number;
  /** Servers that were down when the last process ended are so at start. */
  readonly remembersHealth: boolean;
}

/** How much there is to care for: "2 services, 5 servers". */
export function describeConfig({ services }: Config): string {
  const servers = services.reduce((sum, { servers }) => sum + servers.size, 0);
  return `${count(services.length, "service")}, ${count(servers, "server")}`;
}

/** "1 server", "2 servers". */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
