/** Which of the listed servers are in use, and with what weight. */

import type { ServerConfig, ServiceConfig } from "../config/config.ts";
import type { ServerEntry } from "../model/ipvs.ts";
import type { ServerHealth } from "../health/reducer.ts";
import { printEndpoint } from "../model/endpoint.ts";
import type { DesiredServer, Removal } from "./state.ts";
import { isIdle } from "./leaving.ts";
import { healthyWeight, type WeightMemories } from "./weights.ts";

/** By the server's endpoint as text; one that is missing has not been probed yet, and is up. */
export type HealthStates = ReadonlyMap<string, ServerHealth>;

export interface ListedOptions {
  readonly config: Pick<ServiceConfig, "servers" | "keepLast" | "drain">;
  readonly health: HealthStates;
  readonly weights: WeightMemories;
  /** The servers that the service has now. */
  readonly table: readonly ServerEntry[];
}

export interface Listed {
  readonly servers: readonly DesiredServer[];
  readonly removals: readonly Removal[];
}

export function planListed({ config, health, weights, table }: ListedOptions): Listed {
  const { keepLast, drain } = config;
  const busy = drain ? busyServers(table) : NOBODY;
  const last = keepLast ? lastInUse(config, health, weights) : undefined;
  const servers: DesiredServer[] = [];
  const removals: Removal[] = [];
  for (const listed of config.servers.values()) {
    const { name, address, port, forwarding, upperThreshold, lowerThreshold } = listed;
    const found = health.get(name);
    const reason = found?.lastReason;
    const weight = healthyWeight(weights, listed);
    const server = { address, port, weight, forwarding, upperThreshold, lowerThreshold };
    if (found === undefined || found.state === "up") servers.push({ server });
    else if (name === last) servers.push({ server, why: `${reason}, but the last one stays` });
    else if (found.state === "draining" || busy.has(name)) {
      servers.push({ server: { ...server, weight: 0 }, why: reason });
    } else removals.push({ address, port, why: reason ?? "down", onlyIfIdle: drain });
  }
  return { servers, removals };
}

const NOBODY: ReadonlySet<string> = new Set();

function busyServers(table: readonly ServerEntry[]): ReadonlySet<string> {
  return new Set(
    table.filter(({ connections }) => !isIdle(connections))
      .map(({ server }) => printEndpoint(server)),
  );
}

/** The server that has to stay although it failed, if all have: the one that failed last. */
function lastInUse(
  { servers }: { readonly servers: ReadonlyMap<string, ServerConfig> },
  health: HealthStates,
  weights: WeightMemories,
): string | undefined {
  let last: { readonly name: string; readonly failedMs: number } | undefined;
  for (const server of servers.values()) {
    // One that an operator has put to 0 takes no traffic, and is not brought back against that wish.
    if (healthyWeight(weights, server) === 0) continue;
    const failedMs = health.get(server.name)?.failedMs;
    if (failedMs === undefined) return undefined;
    // Of two that failed at once the later in the list: some rule, and the same in every pass.
    if (last === undefined || failedMs >= last.failedMs) last = { name: server.name, failedMs };
  }
  return last?.name;
}
