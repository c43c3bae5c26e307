/** Who gets the next connection: the kernel's schedulers, as far as they mean something to a proxy. Pure. */

import { PROXY_SCHEDULERS, type ProxyScheduler } from "../../config/care.ts";
import type { SchedulerFlag } from "../../model/ipvs.ts";
import type { Client } from "../../sys/socket_address.ts";

/** A server as a scheduler sees it. */
export interface Candidate {
  /** Its endpoint as text: what it is known by, whatever the order. */
  readonly name: string;
  readonly weight: number;
  readonly active: number;
}

export interface Scheduler<C extends Candidate> {
  /** All servers, whenever one came, went or changed its weight. */
  update(candidates: readonly C[]): void;
  /** One of weight above 0 that may be taken; undefined where there is none. */
  pick(client: Client, mayTake: (candidate: C) => boolean): C | undefined;
}

const MAKERS = {
  rr: () => new RoundRobin(),
  wrr: () => new WeightedRoundRobin(),
  lc: () => new LeastConnections(() => 1),
  wlc: () => new LeastConnections(({ weight }) => weight),
  sh: (flags: readonly SchedulerFlag[]) => new Hashing(fillBuckets, withPort(flags)),
  mh: (flags: readonly SchedulerFlag[]) => new Hashing(fillSlots, withPort(flags)),
} as const satisfies Record<
  ProxyScheduler,
  (flags: readonly SchedulerFlag[]) => Scheduler<Candidate>
>;

export const SCHEDULERS: readonly string[] = PROXY_SCHEDULERS;

/** The scheduler of that name; undefined for one that only the kernel has. */
export function makeScheduler<C extends Candidate>(
  name: string,
  flags: readonly SchedulerFlag[],
): Scheduler<C> | undefined {
  if (!Object.hasOwn(MAKERS, name)) return undefined;
  return MAKERS[name as keyof typeof MAKERS](flags) as Scheduler<Candidate> as Scheduler<C>;
}

/** The second flag is "sh-port" and "mh-port"; the first, fallback, is what happens here in any case. */
function withPort(flags: readonly SchedulerFlag[]): boolean {
  return flags.includes(2);
}

class RoundRobin<C extends Candidate> implements Scheduler<C> {
  #candidates: readonly C[] = [];
  #last = -1;

  update(candidates: readonly C[]): void {
    const last = this.#candidates[this.#last];
    this.#candidates = candidates;
    // Goes on behind the same server; if that has gone, from where it was.
    const there = last === undefined ? -1 : candidates.indexOf(last);
    this.#last = there >= 0 ? there : Math.max(-1, Math.min(this.#last, candidates.length) - 1);
  }

  pick(_client: Client, mayTake: (candidate: C) => boolean): C | undefined {
    const { length } = this.#candidates;
    for (let step = 1; step <= length; step++) {
      const index = (this.#last + step + length) % length;
      const candidate = this.#candidates[index]!;
      if (candidate.weight === 0 || !mayTake(candidate)) continue;
      this.#last = index;
      return candidate;
    }
    return undefined;
  }
}

/** Each server in proportion to its weight, and evenly spread: whoever has waited for most goes next. */
class WeightedRoundRobin<C extends Candidate> implements Scheduler<C> {
  #credits = new Map<C, number>();

  update(candidates: readonly C[]): void {
    this.#credits = new Map(candidates.map((each) => [each, this.#credits.get(each) ?? 0]));
  }

  pick(_client: Client, mayTake: (candidate: C) => boolean): C | undefined {
    let best: C | undefined;
    let most = -Infinity;
    let total = 0;
    for (const [candidate, credit] of this.#credits) {
      if (candidate.weight === 0 || !mayTake(candidate)) continue;
      total += candidate.weight;
      const now = credit + candidate.weight;
      this.#credits.set(candidate, now);
      if (now > most) [best, most] = [candidate, now];
    }
    if (best) this.#credits.set(best, most - total);
    return best;
  }
}

/** The fewest connections for its share; of equals, each in its turn. */
class LeastConnections<C extends Candidate> implements Scheduler<C> {
  readonly #share: (candidate: C) => number;
  #candidates: readonly C[] = [];
  #start = 0;

  constructor(share: (candidate: C) => number) {
    this.#share = share;
  }

  update(candidates: readonly C[]): void {
    this.#candidates = candidates;
  }

  pick(_client: Client, mayTake: (candidate: C) => boolean): C | undefined {
    const { length } = this.#candidates;
    let best: C | undefined;
    let bestIndex = 0;
    for (let step = 0; step < length; step++) {
      const index = (this.#start + step) % length;
      const candidate = this.#candidates[index]!;
      if (candidate.weight === 0 || !mayTake(candidate)) continue;
      // Counting the one to come tells an idle server of weight 2 from one of weight 1.
      const isLess = best === undefined ||
        (candidate.active + 1) * this.#share(best) < (best.active + 1) * this.#share(candidate);
      if (isLess) [best, bestIndex] = [candidate, index];
    }
    if (best) this.#start = bestIndex + 1;
    return best;
  }
}

/** The same client to the same server: the one at its place in a table. */
class Hashing<C extends Candidate> implements Scheduler<C> {
  readonly #fill: (candidates: readonly C[]) => C[];
  readonly #withPort: boolean;
  #table: readonly C[] = [];

  constructor(fill: (candidates: readonly C[]) => C[], withPort: boolean) {
    this.#fill = fill;
    this.#withPort = withPort;
  }

  update(candidates: readonly C[]): void {
    // In the order of names: that of adding is not the same after a restart.
    const useful = candidates.filter(({ weight }) => weight > 0)
      .toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    this.#table = useful.length === 0 ? [] : this.#fill(useful);
  }

  pick(client: Client, mayTake: (candidate: C) => boolean): C | undefined {
    return fromTable(this.#table, hashClient(client, this.#withPort), mayTake);
  }
}

const BUCKETS = 256;

/** As many buckets each, in turn, as the weights call for. */
function fillBuckets<C extends Candidate>(candidates: readonly C[]): C[] {
  const turns = candidates.flatMap((each) => Array<C>(Math.min(each.weight, BUCKETS)).fill(each));
  return Array.from({ length: BUCKETS }, (_, i) => turns[i % turns.length]!);
}

/** A prime, as the method wants it; the kernel's own default. */
const MAGLEV_SLOTS = 4093;

/**
 * Each candidate takes the next free slot of its own permutation, as often in a round as its weight says: nearly
 * all clients keep their server when another one comes or goes.
 */
function fillSlots<C extends Candidate>(candidates: readonly C[]): C[] {
  const slots = Array<C | undefined>(MAGLEV_SLOTS).fill(undefined);
  const scale = candidates.map(({ weight }) => weight).reduce(divisor);
  const walks = candidates.map((candidate) => ({
    candidate,
    turns: candidate.weight / scale,
    at: hashName(candidate.name, 1) % MAGLEV_SLOTS,
    skip: hashName(candidate.name, 2) % (MAGLEV_SLOTS - 1) + 1,
  }));
  for (let filled = 0; filled < MAGLEV_SLOTS;) {
    for (const walk of walks) {
      for (let turn = 0; turn < walk.turns && filled < MAGLEV_SLOTS; turn++) {
        while (slots[walk.at] !== undefined) walk.at = (walk.at + walk.skip) % MAGLEV_SLOTS;
        slots[walk.at] = walk.candidate;
        filled++;
      }
    }
  }
  return slots.map((each) => each!);
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** The server of the slot, or the next one behind it that may be taken. */
function fromTable<C>(
  table: readonly C[],
  hash: number,
  mayTake: (candidate: C) => boolean,
): C | undefined {
  const refused = new Set<C>();
  for (let step = 0; step < table.length; step++) {
    const candidate = table[(hash + step) % table.length]!;
    if (refused.has(candidate)) continue;
    if (mayTake(candidate)) return candidate;
    refused.add(candidate);
  }
  return undefined;
}

function hashClient({ bytes, port }: Client, withPort: boolean): number {
  let hash = hashBytes(bytes, 0);
  if (withPort) hash = mix(hash ^ port);
  return mix(hash);
}

function hashName(name: string, seed: number): number {
  return mix(hashBytes(new TextEncoder().encode(name), seed));
}

/** FNV-1a. */
function hashBytes(bytes: Uint8Array, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Makes each bit depend on all: neighbours' addresses differ in the last ones only. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
