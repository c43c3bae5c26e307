/** Which of the listed servers are in use, and with what weight. */

import type { ServerConfig, ServiceConfig, SorryConfig } from "../config/config.ts";
import type { ServerEntry } from "../model/ipvs.ts";
import type { ServerHealth } from "../health/reducer.ts";
import { printEndpoint } from "../model/endpoint.ts";
import type { DesiredServer, Removal } from "./state.ts";
import { type Drains, isIdle } from "./leaving.ts";
import { effectiveWeight, type HealthStates, isHealthy } from "./quorum.ts";
import type { WeightMemories } from "./weights.ts";

/** Who gets traffic: those that are healthy, all whatever their checks say, or only who stands in for them. */
export type Regime = "healthy" | "all" | "sorry";

export interface ListedOptions {
  readonly config: Pick<
    ServiceConfig,
    "servers" | "sorry" | "keepLast" | "failedDrainMs" | "maintenanceDrainMs" | "slowStartMs"
  >;
  readonly health: HealthStates;
  readonly weights: WeightMemories;
  /** The servers that the service has now. */
  readonly table: readonly ServerEntry[];
  readonly drains: Drains;
  readonly regime: Regime;
  readonly nowMs: number;
}

export interface Listed {
  readonly servers: readonly DesiredServer[];
  readonly removals: readonly Removal[];
  /** Until when servers of weight 0 may stay. */
  readonly drains: Drains;
  /** Later it may be another one, though nothing happens. */
  readonly isTimed: boolean;
}

const NO_QUORUM = "no quorum";

export function planListed(options: ListedOptions): Listed {
  const planner = new Planner(options);
  for (const server of options.config.servers.values()) planner.plan(server);
  planner.planSorry();
  return planner;
}

class Planner implements Listed {
  readonly servers: DesiredServer[] = [];
  readonly removals: Removal[] = [];
  readonly drains = new Map<string, number>();
  isTimed = false;
  readonly #options: ListedOptions;
  readonly #last: string | undefined;
  readonly #busy: ReadonlySet<string>;

  constructor(options: ListedOptions) {
    const { config, health, weights, table } = options;
    this.#options = options;
    this.#last = config.keepLast ? lastInUse(config, health, weights) : undefined;
    this.#busy = config.failedDrainMs > 0 ? busyServers(table) : NOBODY;
  }

  plan(server: ServerConfig): void {
    const { config: { sorry }, health, weights, regime } = this.#options;
    const { name } = server;
    const found = health.get(name);
    const weight = effectiveWeight(server, health, weights);
    const restsUntilMs = weight === 0 ? this.#restUntil(server) : undefined;
    if (regime === "sorry" && name === sorry?.server.name) this.#standIn(sorry);
    else if (restsUntilMs !== undefined && (isHealthy(found) || regime === "all")) {
      this.#rest(server, restsUntilMs);
    } else if (regime === "sorry") this.#swapOut(server, found);
    else if (isHealthy(found)) this.#use(server, found, weight);
    else if (regime === "all") {
      this.#put(server, weight, `${reasonOf(found!)}, but too many failed`);
    } else if (name === this.#last) {
      this.#put(server, weight, `${reasonOf(found!)}, but the last one stays`);
    } else this.#fail(server, found!);
  }

  planSorry(): void {
    const { config: { sorry, servers }, regime } = this.#options;
    if (!sorry || servers.has(sorry.server.name)) return;
    if (regime === "sorry") this.#standIn(sorry);
    else if (sorry.inhibit) this.#put(sorry.server, 0, "not needed");
  }

  #standIn({ server }: SorryConfig): void {
    this.#put(server, server.weight ?? 1, NO_QUORUM);
  }

  #put(server: ServerConfig, weight: number, why?: string): void {
    const { address, port, forwarding, upperThreshold, lowerThreshold } = server;
    const desired = { address, port, weight, forwarding, upperThreshold, lowerThreshold };
    this.servers.push(why === undefined ? { server: desired } : { server: desired, why });
  }

  #remove({ address, port }: ServerConfig, why: string, onlyIfIdle = false): void {
    this.removals.push({ address, port, why, onlyIfIdle });
  }

  #use(server: ServerConfig, found: ServerHealth | undefined, weight: number): void {
    const started = this.#slowly(weight, found);
    if (started < weight) this.#put(server, started, `slow start, ${weight} in the end`);
    else this.#put(server, weight);
  }

  /** Weight 0 on purpose: it keeps its connections as long as it may. */
  #rest(server: ServerConfig, untilMs: number): void {
    if (this.#options.nowMs >= untilMs) return this.#remove(server, "weight 0, time is up");
    if (untilMs < Infinity) this.isTimed = true;
    this.#put(server, 0);
  }

  /** Until when it may rest. Its time goes on while its checks fail, or it would begin anew with each failure. */
  #restUntil({ name }: ServerConfig): number {
    const { config: { maintenanceDrainMs }, drains, nowMs } = this.#options;
    if (maintenanceDrainMs === Infinity) return Infinity;
    // A clock that was set back must not keep it for years.
    const latest = nowMs + maintenanceDrainMs;
    const untilMs = Math.min(drains.get(name) ?? latest, latest);
    this.drains.set(name, untilMs);
    return untilMs;
  }

  #slowly(weight: number, found: ServerHealth | undefined): number {
    const { config: { slowStartMs }, nowMs } = this.#options;
    const recoveredMs = found?.recoveredMs;
    if (slowStartMs === 0 || recoveredMs === undefined) return weight;
    const elapsedMs = nowMs - recoveredMs;
    // It may have come back since the pass began. A clock that was set back must not keep it small for years.
    if (elapsedMs <= -slowStartMs || elapsedMs >= slowStartMs) return weight;
    this.isTimed = true;
    return Math.max(1, Math.floor((weight * elapsedMs) / slowStartMs));
  }

  #fail(server: ServerConfig, found: ServerHealth): void {
    const { config: { failedDrainMs }, nowMs } = this.#options;
    const { name, whenFailed } = server;
    const { state, failedMs, sinceMs } = found;
    const why = reasonOf(found);
    // One that has not been proven yet may have had connections before this program ran.
    const untilMs = (failedMs ?? sinceMs) + failedDrainMs;
    const isKept = this.#busy.has(name) && nowMs < untilMs;
    if (isKept && untilMs < Infinity) this.isTimed = true;
    // However late this pass is: first nobody new is sent there.
    const isStepping = whenFailed === "step" && (state === "draining" || this.#isInUse(name));
    if (whenFailed === "inhibit" || isStepping || isKept) this.#put(server, 0, why);
    // What is idle may get a connection between the look and its end, which is then to have its time.
    else this.#remove(server, why, nowMs < untilMs);
  }

  #isInUse(name: string): boolean {
    const found = this.#options.table.find(({ server }) => printEndpoint(server) === name);
    return found !== undefined && found.server.weight !== 0;
  }

  /** Who stands in is alone. Connections that healthy servers have they keep, unless servers are to be out. */
  #swapOut(server: ServerConfig, found: ServerHealth | undefined): void {
    if (!isHealthy(found)) this.#fail(server, found!);
    else if (server.whenFailed === "remove") this.#remove(server, NO_QUORUM);
    else this.#put(server, 0, NO_QUORUM);
  }
}

function reasonOf({ lastReason }: ServerHealth): string {
  return lastReason ?? "down";
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
    if (effectiveWeight(server, health, weights) === 0) continue;
    const found = health.get(server.name);
    if (isHealthy(found)) return undefined;
    const failedMs = found!.failedMs;
    // One that has never been up was never in use.
    if (failedMs === undefined) continue;
    // Of two that failed at once the later in the list: some rule, and the same in every pass.
    if (last === undefined || failedMs >= last.failedMs) last = { name: server.name, failedMs };
  }
  return last?.name;
}
