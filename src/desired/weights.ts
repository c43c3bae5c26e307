/**
 * Whose weights are in the table: ours, or an operator's. What is neither what we last wrote nor on its way
 * to be written was set by somebody else, and is kept.
 *
 * Every function gives back the very map that it was given where nothing differs, so that what has not changed
 * is known by that.
 */

import type { ServerConfig } from "../config/config.ts";
import type { ServerEntry } from "../model/ipvs.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";

const DEFAULT_WEIGHT = 1;

/** What is remembered of one server of our service. */
export interface WeightMemory {
  /**
   * The weights that can be ours: the one that we last wrote. While a change is on its way it holds the one
   * before too, since a crash may leave either in the table. Empty for a server that we took out.
   */
  readonly ours: readonly number[];
  /** What an operator set; undefined for none. It counts until the configuration says another weight. */
  readonly operator: OperatorWeight | undefined;
}

export interface OperatorWeight {
  readonly weight: number;
  /** What the configuration said then. */
  readonly insteadOf: number;
}

/** By the server's endpoint as text. */
export type WeightMemories = ReadonlyMap<string, WeightMemory>;

type Weighed = Endpoint & { readonly weight: number };
type Listed = ReadonlyMap<string, ServerConfig>;

export const NO_WEIGHTS: WeightMemories = new Map();

/** The weight of that server when it is healthy. */
export function healthyWeight(memories: WeightMemories, server: ServerConfig): number {
  const operator = memories.get(server.name)?.operator;
  const configured = server.weight ?? DEFAULT_WEIGHT;
  return operator?.insteadOf === configured ? operator.weight : configured;
}

/** The memories with what the table shows of the listed servers. */
export function learnWeights(
  memories: WeightMemories,
  listed: Listed,
  table: readonly ServerEntry[],
): WeightMemories {
  const learned = new Changes(memories);
  for (const { server } of table) {
    const name = printEndpoint(server);
    const config = listed.get(name);
    if (!config) continue;
    const memory = memories.get(name);
    if (!isOperators(server.weight, memory, config)) continue;
    const insteadOf = config.weight ?? DEFAULT_WEIGHT;
    learned.set(name, {
      ours: memory?.ours ?? [],
      operator: server.weight === insteadOf ? undefined : { weight: server.weight, insteadOf },
    });
  }
  return learned.map;
}

function isOperators(
  weight: number,
  memory: WeightMemory | undefined,
  config: ServerConfig,
): boolean {
  if (memory) return !memory.ours.includes(weight);
  // Nothing is known of this server, and LVScare leaves 0 behind for one that failed. To take that for an
  // operator's would keep a server out for good, and nobody would know why.
  return config.weight === undefined && weight !== 0;
}

/** The memories before a change: what stands in the table and what will stand there can both be ours. */
export function expectWeights(
  memories: WeightMemories,
  table: readonly ServerEntry[],
  wanted: readonly Weighed[],
): WeightMemories {
  const expected = new Changes(memories);
  const add = (server: Weighed) => {
    const name = printEndpoint(server);
    const { ours, operator } = expected.map.get(name) ?? { ours: [], operator: undefined };
    if (ours.includes(server.weight)) return;
    expected.set(name, { ours: [...ours, server.weight], operator });
  };
  // First what is there: learnWeights() has already told an operator's from ours.
  for (const { server } of table) add(server);
  for (const server of wanted) add(server);
  return expected.map;
}

/**
 * The memories after a change, by what was read back: of the weights that could be ours one is left. A server
 * that is neither listed nor in the table any more is forgotten.
 */
export function settleWeights(
  memories: WeightMemories,
  listed: Listed,
  table: readonly ServerEntry[],
  wanted: readonly Weighed[],
): WeightMemories {
  const settled = new Changes(memories);
  const there = new Map(table.map(({ server }) => [printEndpoint(server), server.weight]));
  let aimed: ReadonlyMap<string, number> | undefined;
  for (const [name, memory] of memories) {
    const weight = there.get(name);
    if (weight === undefined && !listed.has(name)) {
      settled.remove(name);
      continue;
    }
    let left = weight;
    if (weight === undefined || !memory.ours.includes(weight)) {
      // Somebody changed it in between: the next pass compares with what we wrote.
      aimed ??= new Map(wanted.map((server) => [printEndpoint(server), server.weight]));
      left = aimed.get(name);
    }
    const ours = left === undefined ? [] : [left];
    if (ours.length === memory.ours.length && ours[0] === memory.ours[0]) continue;
    settled.set(name, { ...memory, ours });
  }
  return settled.map;
}

/** A map that is copied when it is first changed. */
class Changes {
  #map: WeightMemories;
  #copy: Map<string, WeightMemory> | undefined;

  constructor(map: WeightMemories) {
    this.#map = map;
  }

  get map(): WeightMemories {
    return this.#copy ?? this.#map;
  }

  set(name: string, memory: WeightMemory): void {
    (this.#copy ??= new Map(this.#map)).set(name, memory);
  }

  remove(name: string): void {
    (this.#copy ??= new Map(this.#map)).delete(name);
  }
}
