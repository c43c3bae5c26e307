/** What is cared for, wherever it was written: services, their servers and checks, and what the host is to be. */

import type { Endpoint } from "../model/endpoint.ts";
import type { Forwarding, Service } from "../model/ipvs.ts";
import type {
  Backend,
  DataplaneChoice,
  HttpCheck,
  MasqueradeChoice,
  Mode,
  ProxyConfig,
} from "./care.ts";

export interface CheckConfig {
  readonly request: HttpCheck;
  /** Undefined: the server's own. */
  readonly port: number | undefined;
  /** Between the starts of two checks of one server. */
  readonly intervalMs: number;
  /** How many results in a row bring a server back, and take it down. */
  readonly rise: number;
  readonly fall: number;
}

export interface ServerConfig extends Endpoint {
  /** The endpoint as text. */
  readonly name: string;
  /** Undefined: 1, unless somebody has set another in the table before anything was known of it. */
  readonly weight: number | undefined;
  readonly forwarding: Forwarding;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  /** Undefined: never checked, and always in use. */
  readonly check: CheckConfig | undefined;
}

/** What a server is before its first check. */
export const STARTS = ["up", "proven"] as const;

export interface ServiceConfig {
  /** Its key as text. */
  readonly name: string;
  readonly service: Service;
  /** By name, in the order given. */
  readonly servers: ReadonlyMap<string, ServerConfig>;
  readonly mode: Mode;
  /** "proven": a server takes part only after a check of it has succeeded. */
  readonly start: typeof STARTS[number];
  /** Never take the last server out. */
  readonly keepLast: boolean;
  /** A server that fails its checks keeps the connections that it has. */
  readonly drain: boolean;
  /** How long what is no longer listed may keep its connections; 0: removed at once. */
  readonly drainTimeoutMs: number;
}

/** What cannot change while the program runs. */
export interface HostConfig {
  readonly dataplane: DataplaneChoice;
  readonly proxy: ProxyConfig;
  /** Undefined: chosen at start. */
  readonly backend: Backend | undefined;
  readonly masquerade: MasqueradeChoice;
}

export interface Config {
  readonly host: HostConfig;
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
