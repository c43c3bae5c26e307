/** Configuration, health, weights and the table's leaving servers to what one service should be. */

import type { ServiceConfig } from "../config/config.ts";
import type { ServerEntry } from "../model/ipvs.ts";
import { type Drains, planLeaving } from "./leaving.ts";
import { type HealthStates, planListed } from "./servers.ts";
import type { DesiredService } from "./state.ts";
import type { WeightMemories } from "./weights.ts";

export interface Circumstances {
  readonly health: HealthStates;
  /** After learnWeights(). */
  readonly weights: WeightMemories;
  readonly drains: Drains;
  /** The servers that the service has now. */
  readonly table: readonly ServerEntry[];
  readonly nowMs: number;
}

export interface Desire {
  readonly service: DesiredService;
  readonly drains: Drains;
}

export function desireService(config: ServiceConfig, circumstances: Circumstances): Desire {
  const { name, service } = config;
  const leaving = planLeaving({ ...circumstances, config });
  const { servers, removals } = planListed({ ...circumstances, config });
  const { staying, drains } = leaving;
  return {
    service: {
      name,
      service,
      servers: staying.length === 0 ? servers : [...servers, ...staying],
      removals: leaving.removals.length === 0 ? removals : [...removals, ...leaving.removals],
    },
    drains,
  };
}
