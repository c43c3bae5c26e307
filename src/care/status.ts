/** How services and servers are, as values for JSON and for tables. */

import type { Config, ServiceConfig } from "../config/config.ts";
import { printEndpoint } from "../model/endpoint.ts";
import { printServiceKey, type ServerEntry, type ServiceEntry, type Stats } from "../model/ipvs.ts";
import { type HealthStates, isPanic, strengthOf } from "../desired/quorum.ts";
import { NO_WEIGHTS } from "../desired/weights.ts";
import type { CareRecord, ServiceMemory } from "../state/record.ts";
import type { Checks } from "./checks.ts";

/** Counts of a service or server since its counters began, and per second now. */
export interface Traffic {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

export interface ServerStatus {
  readonly server: string;
  /** "up", "draining" and "down" by its checks; "unchecked" has none; "leaving" is no longer listed. */
  readonly state: "up" | "draining" | "down" | "unchecked" | "leaving" | "standby" | "standing in";
  /** Since when; milliseconds since 1970. */
  readonly sinceMs?: number;
  /** Of a leaving one: when it goes at the latest. */
  readonly untilMs?: number;
  /** Its last check in words, and when that was. */
  readonly check?: { readonly ok: boolean; readonly text: string; readonly atMs: number };
  /** In the table; absent where it is not in it. */
  readonly weight?: number;
  readonly connections?: ServerEntry["connections"];
  readonly total?: Traffic;
  readonly perSecond?: Traffic;
}

export interface ServiceStatus {
  readonly service: string;
  readonly scheduler?: string;
  readonly isListed: boolean;
  /** It is in the table, as far as that could be read. */
  readonly isThere: boolean;
  /** What keeps it from having its healthy servers in use, and them alone. */
  readonly trouble?: "no quorum" | "panic";
  readonly servers: readonly ServerStatus[];
  readonly total?: Traffic;
  readonly perSecond?: Traffic;
}

export interface StatusInput {
  readonly config: Config;
  readonly checks: Checks;
  readonly record: CareRecord;
  /** All that is there, ours or not; undefined where it could not be read. */
  readonly table: readonly ServiceEntry[] | undefined;
}

export function serviceStatus({ config, checks, record, table }: StatusInput): ServiceStatus[] {
  const there = new Map(table?.map((entry) => [printServiceKey(entry.service.key), entry]));
  const listed = config.services.map((config): ServiceStatus => {
    const { name, service, servers, sorry } = config;
    const entry = there.get(name);
    const found = new Map(entry?.servers.map((each) => [printEndpoint(each.server), each]));
    const health = checks.health.get(name);
    const drains = record.services.get(name)?.drains;
    const statusOf = (server: string): ServerStatus => {
      const known = health?.get(server);
      const check = checks.last(name, server);
      return {
        server,
        state: known?.state ?? "unchecked",
        ...(known && { sinceMs: known.sinceMs }),
        ...(check && { check }),
        ...ofEntry(found.get(server)),
      };
    };
    const own = [...servers.keys()].map(statusOf);
    const standIn = sorry?.server.name;
    const isApart = standIn !== undefined && !servers.has(standIn);
    if (isApart) own.push(sorryStatus(statusOf(standIn)));
    const leaving = [...found]
      .filter(([server]) => !servers.has(server) && !(isApart && server === standIn))
      .map(([server, each]) => leavingStatus(server, each, drains?.get(server)));
    return {
      ...{ service: name, scheduler: service.scheduler, isListed: true },
      isThere: entry !== undefined,
      ...troubleOf(config, health ?? NOT_CHECKED, record.services.get(name)),
      servers: [...own, ...leaving],
      ...traffic(entry?.stats),
    };
  });
  const left = [...record.leaving].flatMap(([name, { untilMs }]): ServiceStatus[] => {
    const entry = there.get(name);
    if (!entry) return [];
    const servers = entry.servers.map((each) =>
      leavingStatus(printEndpoint(each.server), each, untilMs)
    );
    const { scheduler } = entry.service;
    const state = { scheduler, isListed: false, isThere: true };
    return [{ service: name, ...state, servers, ...traffic(entry.stats) }];
  });
  return [...listed, ...left];
}

const NOT_CHECKED: HealthStates = new Map();

function troubleOf(
  config: ServiceConfig,
  health: HealthStates,
  memory: ServiceMemory | undefined,
): Pick<ServiceStatus, "trouble"> {
  const strength = strengthOf(config, health, memory?.weights ?? NO_WEIGHTS);
  if (isPanic(config.panicPercent, strength)) return { trouble: "panic" };
  return memory?.quorum === false ? { trouble: "no quorum" } : {};
}

/** In use, or waiting to be; where it is not healthy it could not be. */
function sorryStatus(status: ServerStatus): ServerStatus {
  if (status.state === "down" || status.state === "draining") return status;
  return { ...status, state: (status.weight ?? 0) > 0 ? "standing in" : "standby" };
}

function leavingStatus(
  server: string,
  entry: ServerEntry,
  untilMs: number | undefined,
): ServerStatus {
  return { server, state: "leaving", ...(untilMs !== undefined && { untilMs }), ...ofEntry(entry) };
}

function ofEntry(entry: ServerEntry | undefined): Partial<ServerStatus> {
  if (!entry) return {};
  const { server: { weight }, connections, stats } = entry;
  return { weight, connections, ...traffic(stats) };
}

function traffic(stats: Stats | undefined): { total?: Traffic; perSecond?: Traffic } {
  if (!stats) return {};
  return { total: numbers(stats.counters), perSecond: numbers(stats.rates) };
}

/** Exact up to 2^53, which is nine petabytes. */
function numbers(counters: Stats["counters"]): Traffic {
  const { connections, inPackets, outPackets, inBytes, outBytes } = counters;
  return {
    connections: Number(connections),
    inPackets: Number(inPackets),
    outPackets: Number(outPackets),
    inBytes: Number(inBytes),
    outBytes: Number(outBytes),
  };
}
