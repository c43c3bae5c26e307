/** Servers that are in the table of our service and no longer listed: they keep their connections for a while. */

import type { ServiceConfig } from "../config/config.ts";
import type { ServerConnections, ServerEntry } from "../model/ipvs.ts";
import { printEndpoint } from "../model/endpoint.ts";
import type { DesiredServer, Removal } from "./state.ts";

/** Until when each may stay, by its endpoint as text: milliseconds since 1970, to survive a restart. */
export type Drains = ReadonlyMap<string, number>;

export const NO_DRAINS: Drains = new Map();

export interface LeavingOptions {
  readonly config: Pick<ServiceConfig, "drainTimeoutMs">;
  /** Whether the server is planned for elsewhere. */
  readonly isWanted: (server: string) => boolean;
  readonly table: readonly ServerEntry[];
  readonly drains: Drains;
  readonly nowMs: number;
}

export interface Leaving {
  readonly staying: readonly DesiredServer[];
  readonly removals: readonly Removal[];
  readonly drains: Drains;
}

const UNLISTED = "no longer listed";

export function planLeaving(options: LeavingOptions): Leaving {
  const { config: { drainTimeoutMs }, isWanted, table, drains, nowMs } = options;
  const staying: DesiredServer[] = [];
  const removals: Removal[] = [];
  const kept = new Map<string, number>();
  for (const { server, connections } of table) {
    const name = printEndpoint(server);
    if (isWanted(name)) continue;
    // A clock that was set back must not keep a server for years.
    const latest = nowMs + drainTimeoutMs;
    const deadline = Math.min(drains.get(name) ?? latest, latest);
    const { address, port } = server;
    if (nowMs >= deadline) {
      const why = drainTimeoutMs === 0 ? UNLISTED : `${UNLISTED}, time is up`;
      removals.push({ address, port, why, onlyIfIdle: false });
      continue;
    }
    kept.set(name, deadline);
    if (isIdle(connections)) {
      const why = `${UNLISTED}, no connection left`;
      removals.push({ address, port, why, onlyIfIdle: server.weight !== 0 });
    } else {
      staying.push({ server: { ...server, weight: 0 }, why: UNLISTED });
    }
  }
  return { staying, removals, drains: kept.size === 0 ? NO_DRAINS : kept };
}

export function isIdle({ active, inactive, persistent }: ServerConnections): boolean {
  return active + inactive + persistent === 0;
}
