/**
 * Whose weights are in the table: ours, or an operator's. What is neither what we last wrote nor on its way
 * to be written was set by somebody else, and is kept.
 */

import type { ServerEntry } from "../model/ipvs.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";

export const DEFAULT_WEIGHT = 1;

/** What is remembered of one server of our service. */
export interface WeightMemory {
  /**
   * The weights that can be ours: the one that we last wrote. While a change is on its way it holds the one
   * before too, since a crash may leave either in the table. Empty for a server that we took out.
   */
  readonly ours: readonly number[];
  /** What an operator set; undefined for the default. */
  readonly operator: number | undefined;
}

/** By the server's endpoint as text. */
export type WeightMemories = ReadonlyMap<string, WeightMemory>;

const NO_MEMORY: WeightMemory = { ours: [], operator: undefined };

/** The weight of that server when it is healthy. */
export function healthyWeight(memories: WeightMemories, server: Endpoint): number {
  return memories.get(printEndpoint(server))?.operator ?? DEFAULT_WEIGHT;
}

/** The memories with what the table shows of the listed servers. */
export function learnWeights(
  memories: WeightMemories,
  listed: readonly Endpoint[],
  table: readonly ServerEntry[],
): WeightMemories {
  const names = new Set(listed.map(printEndpoint));
  const learned = new Map(memories);
  for (const { server } of table) {
    const name = printEndpoint(server);
    if (!names.has(name)) continue;
    const memory = memories.get(name);
    if (!isOperators(server.weight, memory)) continue;
    learned.set(name, {
      ours: memory?.ours ?? [],
      operator: server.weight === DEFAULT_WEIGHT ? undefined : server.weight,
    });
  }
  return learned;
}

function isOperators(weight: number, memory: WeightMemory | undefined): boolean {
  if (memory) return !memory.ours.includes(weight);
  // Nothing is known of this server, and LVScare leaves 0 behind for one that failed. To take that for an
  // operator's would keep a server out for good, and nobody would know why.
  return weight !== 0;
}

/** The memories before a change: what stands in the table and what will stand there can both be ours. */
export function expectWeights(
  memories: WeightMemories,
  table: readonly ServerEntry[],
  wanted: readonly (Endpoint & { readonly weight: number })[],
): WeightMemories {
  const expected = new Map(memories);
  const add = (server: Endpoint & { readonly weight: number }) => {
    const name = printEndpoint(server);
    const memory = expected.get(name) ?? NO_MEMORY;
    if (memory.ours.includes(server.weight)) return;
    expected.set(name, { ...memory, ours: [...memory.ours, server.weight] });
  };
  // First what is there: learnWeights() has already told an operator's from ours.
  for (const { server } of table) add(server);
  for (const server of wanted) add(server);
  return expected;
}

/**
 * The memories after a change, by what was read back: of the weights that could be ours one is left. A server
 * that is neither listed nor in the table any more is forgotten.
 */
export function settleWeights(
  memories: WeightMemories,
  listed: readonly Endpoint[],
  table: readonly ServerEntry[],
  wanted: readonly (Endpoint & { readonly weight: number })[],
): WeightMemories {
  const there = new Map(table.map(({ server }) => [printEndpoint(server), server.weight]));
  const aimed = new Map(wanted.map((server) => [printEndpoint(server), server.weight]));
  const names = new Set(listed.map(printEndpoint));
  const settled = new Map<string, WeightMemory>();
  for (const [name, memory] of memories) {
    if (!names.has(name) && !there.has(name)) continue;
    settled.set(name, { ...memory, ours: settle(memory.ours, there.get(name), aimed.get(name)) });
  }
  return settled;
}

function settle(
  ours: readonly number[],
  there: number | undefined,
  aimed: number | undefined,
): readonly number[] {
  if (there !== undefined && ours.includes(there)) return [there];
  // Somebody changed it in between: the next pass compares with what we wrote.
  return aimed === undefined ? [] : [aimed];
}
