/** Which of the listed servers are in use, and with what weight. */

import type { ServerEntry } from "../model/ipvs.ts";
import type { ServerHealth } from "../health/reducer.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import type { DesiredServer, Removal } from "./state.ts";
import { isIdle } from "./leaving.ts";
import { healthyWeight, type WeightMemories } from "./weights.ts";

/** By the server's endpoint as text; one that is missing has not been probed yet, and is up. */
export type HealthStates = ReadonlyMap<string, ServerHealth>;

export interface ListedOptions {
  readonly listed: readonly Endpoint[];
  readonly health: HealthStates;
  readonly weights: WeightMemories;
  readonly keepLast: boolean;
  /** Connections at which a server gets no more; 0: no limit. */
  readonly upperThreshold: number;
  /** A failed server stays as long as it has connections. */
  readonly drain: boolean;
  /** The servers that the service has now. */
  readonly table: readonly ServerEntry[];
}

export interface Listed {
  readonly servers: readonly DesiredServer[];
  readonly removals: readonly Removal[];
}

export function planListed(options: ListedOptions): Listed {
  const { listed, health, weights, keepLast, drain, table, upperThreshold } = options;
  const busy = new Set(
    table.filter(({ connections }) => drain && !isIdle(connections))
      .map(({ server }) => printEndpoint(server)),
  );
  const last = keepLast ? lastInUse(listed, health, weights) : undefined;
  const servers: DesiredServer[] = [];
  const removals: Removal[] = [];
  for (const { address, port } of listed) {
    const name = printEndpoint({ address, port });
    const found = health.get(name);
    const reason = found?.lastReason;
    const weight = healthyWeight(weights, { address, port });
    const server = { address, port, weight, ...PLAIN, upperThreshold };
    if (found === undefined || found.state === "up") servers.push({ server });
    else if (name === last) servers.push({ server, why: `${reason}, but the last one stays` });
    else if (found.state === "draining" || busy.has(name)) {
      servers.push({ server: { ...server, weight: 0 }, why: reason });
    } else removals.push({ address, port, why: reason ?? "down", onlyIfIdle: drain });
  }
  return { servers, removals };
}

/** As LVScare makes them: by masquerading. */
const PLAIN = {
  forwarding: { method: "masquerade" },
  lowerThreshold: 0,
} as const;

/** The server that has to stay although it failed, if all have: the one that failed last. */
function lastInUse(
  listed: readonly Endpoint[],
  health: HealthStates,
  weights: WeightMemories,
): string | undefined {
  let last: { readonly name: string; readonly failedMs: number } | undefined;
  for (const server of listed) {
    // One that an operator has put to 0 takes no traffic, and is not brought back against that wish.
    if (healthyWeight(weights, server) === 0) continue;
    const name = printEndpoint(server);
    const failedMs = health.get(name)?.failedMs;
    if (failedMs === undefined) return undefined;
    // Of two that failed at once the later in the list: some rule, and the same in every pass.
    if (last === undefined || failedMs >= last.failedMs) last = { name, failedMs };
  }
  return last?.name;
}
