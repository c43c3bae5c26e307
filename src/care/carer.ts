/** One service of a pass: what it should be, what is remembered of it, and whether there is anything to find out. */

import type { Config, ServiceConfig } from "../config/config.ts";
import { desireService } from "../desired/desire.ts";
import type { HealthStates } from "../desired/quorum.ts";
import type { Regime } from "../desired/servers.ts";
import type { DesiredService } from "../desired/state.ts";
import { learnWeights } from "../desired/weights.ts";
import type { ServerEntry, ServiceEntry } from "../model/ipvs.ts";
import {
  type CareRecord,
  EMPTY_MEMORY,
  type Illness,
  NO_ILLNESS,
  type ServiceMemory,
} from "../state/record.ts";

/** One service as a pass sees it. */
export interface Cared {
  readonly config: ServiceConfig;
  readonly table: readonly ServerEntry[];
  readonly desired: DesiredService;
  readonly hasQuorum: boolean;
  readonly regime: Regime;
  /** Later it may be another one, though nothing happens. */
  readonly isTimed: boolean;
  /** Which health it was found out by: see PassMemory. */
  readonly version: number | undefined;
}

export interface QuorumTurn {
  readonly config: ServiceConfig;
  readonly hasQuorum: boolean;
  /** Whether the sorry server is in use now. */
  readonly isReplaced: boolean;
}

export interface CarerInput {
  readonly config: Pick<Config, "services">;
  /** Of each service's servers, by the service's name. */
  readonly health: ReadonlyMap<string, HealthStates>;
  readonly record: CareRecord;
  readonly nowMs: number;
  /** What was settled before, for those who make one pass after the other. */
  readonly memory?: PassMemory | undefined;
}

/** Goes through services, and gathers what they should be and what is remembered of them. */
export class Carer {
  readonly cared: Cared[] = [];
  readonly services = new Map<string, ServiceMemory>();
  readonly settled = new Set<string>();
  /** Services that have lost their quorum, or have it again. */
  readonly turns: QuorumTurn[] = [];
  readonly #input: CarerInput;

  constructor(input: CarerInput) {
    this.#input = input;
  }

  care(config: ServiceConfig, entry: ServiceEntry | undefined): void {
    const { health, record, nowMs, memory, config: { services } } = this.#input;
    const { name } = config;
    const before = record.services.get(name) ?? EMPTY_MEMORY;
    const known = memory?.find(config, entry, before);
    if (known) {
      this.cared.push(known);
      this.services.set(name, before);
      this.settled.add(name);
      return;
    }
    const version = memory?.version(name);
    const table = entry?.servers ?? NO_SERVERS;
    const states = health.get(name) ?? NOT_PROBED;
    const weights = learnWeights(before.weights, config.servers, table);
    const hadQuorum = before.quorum ?? config.quorum.start === "up";
    const { service, drains, hasQuorum, regime, isTimed } = desireService(config, {
      ...{ health: states, weights, drains: before.drains, hadQuorum, table, nowMs },
    });
    const rest = { hasQuorum, regime, isTimed, version };
    this.cared.push({ config, table, desired: service, ...rest });
    // One that is leaving has no servers any more, and it is not by its health that it is without them.
    const isLeaving = config.servers.size === 0 && !services.includes(config);
    if (hasQuorum !== hadQuorum && !isLeaving) {
      this.turns.push({ config, hasQuorum, isReplaced: regime === "sorry" });
    }
    const ill = illOf(states, before);
    const quorum = isLeaving ? before.quorum : hasQuorum;
    this.services.set(name, withMemory(before, { weights, drains, health: ill, quorum }));
  }
}

const NOT_PROBED: HealthStates = new Map();
const NO_SERVERS: readonly ServerEntry[] = [];

/**
 * Services that were as they must be. As long as neither the configuration nor the table nor the health has
 * another value for one of them, there is nothing to find out about it.
 */
export class PassMemory {
  readonly #settled = new Map<string, Settled>();
  /** A number for each service that is another one when a server of it is in another state. */
  readonly version: (service: string) => number;

  constructor(version: (service: string) => number) {
    this.version = version;
  }

  find(
    config: ServiceConfig,
    entry: ServiceEntry | undefined,
    memory: ServiceMemory,
  ): Cared | undefined {
    const { name } = config;
    const known = this.#settled.get(name);
    if (!known || !entry || known.cared.config !== config || known.memory !== memory) {
      return undefined;
    }
    const isSame = known.cared.version === this.version(name) &&
      known.entry.service === entry.service &&
      isSameList(known.entry.servers, entry.servers);
    return isSame ? known.cared : undefined;
  }

  keep(cared: Cared, entry: ServiceEntry, memory: ServiceMemory): void {
    const { name } = cared.config;
    // Where time decides nothing stays as it is.
    if (cared.isTimed) this.#settled.delete(name);
    else this.#settled.set(name, { cared, entry, memory });
  }

  retain(names: ReadonlySet<string>): void {
    for (const name of this.#settled.keys()) if (!names.has(name)) this.#settled.delete(name);
  }
}

interface Settled {
  readonly cared: Cared;
  readonly entry: ServiceEntry;
  readonly memory: ServiceMemory;
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The very same memory where nothing differs. */
export function withMemory(memory: ServiceMemory, news: Partial<ServiceMemory>): ServiceMemory {
  const next = { ...memory, ...news };
  const isSame = next.weights === memory.weights && next.quorum === memory.quorum &&
    isSameMap(next.drains, memory.drains) &&
    isSameMap(next.health, memory.health);
  return isSame ? memory : next;
}

function isSameMap<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}

/** The servers that are not up. What is counted with each check is not worth remembering. */
function illOf(states: HealthStates, { health: known }: ServiceMemory): ServiceMemory["health"] {
  let ill: Map<string, Illness> | undefined;
  for (const [name, { state, sinceMs, failedMs, lastReason: reason }] of states) {
    if (state === "up") continue;
    const before = known.get(name);
    const isSame = before?.state === state && before.sinceMs === sinceMs &&
      before.failedMs === failedMs && before.reason === reason;
    (ill ??= new Map()).set(name, isSame ? before : { state, sinceMs, failedMs, reason });
  }
  return ill ?? NO_ILLNESS;
}
