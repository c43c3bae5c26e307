/** Whether a service has enough healthy servers, and what it does without. */

import type { QuorumConfig, ServerConfig, ServiceConfig } from "../config/config.ts";
import type { ServerHealth } from "../health/reducer.ts";
import { healthyWeight, NO_WEIGHTS, type WeightMemories } from "./weights.ts";

/** By the server's endpoint as text; one that is missing is never checked, and is up. */
export type HealthStates = ReadonlyMap<string, ServerHealth>;

export interface Strength {
  /** Weights of the healthy servers, and of all. */
  readonly alive: number;
  readonly total: number;
  /** How many servers are healthy, of those that are to have traffic. */
  readonly healthy: number;
  readonly wanted: number;
}

export function strengthOf(
  { servers }: Pick<ServiceConfig, "servers">,
  health: HealthStates,
  weights: WeightMemories,
): Strength {
  let [alive, total, healthy, wanted] = [0, 0, 0, 0];
  for (const server of servers.values()) {
    const weight = effectiveWeight(server, health, weights);
    if (weight === 0) continue;
    total += weight;
    wanted++;
    if (!isHealthy(health.get(server.name))) continue;
    alive += weight;
    healthy++;
  }
  return { alive, total, healthy, wanted };
}

export function isHealthy(health: ServerHealth | undefined): boolean {
  return health === undefined || health.state === "up";
}

/** What it gets when it is healthy: an operator's word counts before its checks', and theirs before the file's. */
export function effectiveWeight(
  server: ServerConfig,
  health: HealthStates,
  weights: WeightMemories,
): number {
  const configured = healthyWeight(NO_WEIGHTS, server);
  // What an operator set counts no more when the file says another weight than then.
  const operator = weights.get(server.name)?.operator;
  if (operator?.insteadOf === configured) return operator.weight;
  return health.get(server.name)?.weight ?? configured;
}

/** More servers than there are cannot be demanded: what can never be had again would be lost for good. */
export function holdsQuorum(
  hadIt: boolean,
  { needed, hysteresis }: QuorumConfig,
  { alive, total }: Strength,
): boolean {
  const least = Math.min(needed, Math.max(total, 1));
  if (hadIt) return alive >= Math.max(1, least - hysteresis);
  return alive >= Math.max(1, Math.min(needed + hysteresis, total));
}

/** So few are healthy that the checks are not to be believed. */
export function isPanic(percent: number, { healthy, wanted }: Strength): boolean {
  return healthy < wanted && 100 * healthy < percent * wanted;
}
