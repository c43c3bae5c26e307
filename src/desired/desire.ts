/** Configuration, health, weights and the table's leaving servers to what one service should be. */

import type { ServiceConfig } from "../config/config.ts";
import type { ServerEntry } from "../model/ipvs.ts";
import { type Drains, planLeaving } from "./leaving.ts";
import { type HealthStates, holdsQuorum, isHealthy, isPanic, strengthOf } from "./quorum.ts";
import { planListed, type Regime } from "./servers.ts";
import type { DesiredService } from "./state.ts";
import type { WeightMemories } from "./weights.ts";

export interface Circumstances {
  readonly health: HealthStates;
  /** After learnWeights(). */
  readonly weights: WeightMemories;
  readonly drains: Drains;
  /** Whether it had its quorum. */
  readonly hadQuorum: boolean;
  /** The servers that the service has now. */
  readonly table: readonly ServerEntry[];
  readonly nowMs: number;
}

export interface Desire {
  readonly service: DesiredService;
  readonly drains: Drains;
  readonly hasQuorum: boolean;
  readonly regime: Regime;
  /** Later it may be another one, though nothing happens. */
  readonly isTimed: boolean;
}

export function desireService(config: ServiceConfig, circumstances: Circumstances): Desire {
  const { name, service, quorum, sorry, panicPercent } = config;
  const { health, weights, hadQuorum } = circumstances;
  const strength = strengthOf(config, health, weights);
  const hasQuorum = holdsQuorum(hadQuorum, quorum, strength);
  const canStandIn = sorry !== undefined && isHealthy(health.get(sorry.server.name));
  const regime = !hasQuorum && canStandIn
    ? "sorry"
    : isPanic(panicPercent, strength)
    ? "all"
    : "healthy";
  const listed = planListed({ ...circumstances, config, regime });
  const isWanted = (server: string) =>
    config.servers.has(server) ||
    (server === sorry?.server.name && (sorry.inhibit || regime === "sorry"));
  const leaving = planLeaving({ ...circumstances, config, isWanted });
  const removals = listed.removals;
  const drains = join(leaving.drains, listed.drains);
  return {
    service: {
      name,
      service,
      servers: leaving.staying.length === 0
        ? listed.servers
        : [...listed.servers, ...leaving.staying],
      removals: leaving.removals.length === 0 ? removals : [...removals, ...leaving.removals],
    },
    drains,
    hasQuorum,
    regime,
    isTimed: listed.isTimed || leaving.drains.size > 0,
  };
}

function join(a: Drains, b: Drains): Drains {
  if (b.size === 0) return a;
  return a.size === 0 ? b : new Map([...a, ...b]);
}
