/** Sets in memory, for tests: it refuses what the kernel refuses. */

import type { Family } from "../../model/address.ts";
import { EnsuredSets } from "../ensured_sets.ts";
import { setError } from "../set_errors.ts";
import type { SetHead, SetOperations } from "../set_operations.ts";
import { type IpSet, printSetEntry, type SetEntry, type Sets } from "../sets.ts";

/** What the kernel makes a set with, where nothing is said. */
const MAX_ENTRIES = 65_536;

export class FakeSets extends EnsuredSets implements Sets {
  readonly #kernel: FakeKernel;

  /** With the sets that others have made already. */
  constructor(sets: readonly IpSet[] = []) {
    const kernel = new FakeKernel(sets);
    super("fake", kernel);
    this.#kernel = kernel;
  }

  /** As a rule would: as long as it is used, the set cannot be removed. */
  use(name: string, used: boolean): void {
    this.#kernel.use(name, used);
  }
}

interface FakeSet extends SetHead {
  readonly entries: Map<string, SetEntry>;
}

class FakeKernel implements SetOperations {
  readonly #sets: Map<string, FakeSet>;
  readonly #used = new Set<string>();

  constructor(sets: readonly IpSet[]) {
    this.#sets = new Map(sets.map((set) => [set.name, {
      ...set,
      entries: new Map(set.entries.map((entry) => [printSetEntry(entry), entry])),
    }]));
  }

  head(name: string): Promise<SetHead | undefined> {
    const set = this.#sets.get(name);
    return Promise.resolve(set && { name, type: set.type, family: set.family });
  }

  find(name: string): Promise<IpSet | undefined> {
    const set = this.#sets.get(name);
    return Promise.resolve(set && { ...set, entries: [...set.entries.values()] });
  }

  create(name: string, family: Family): Promise<boolean> {
    if (this.#sets.has(name)) return Promise.resolve(false);
    this.#sets.set(name, { name, type: "hash:ip,port", family, entries: new Map() });
    return Promise.resolve(true);
  }

  destroy(name: string): Promise<boolean> {
    if (this.#used.has(name)) {
      const attempt = { command: "IPSET_CMD_DESTROY", op: "remove set", subject: name };
      return Promise.reject(setError(attempt, "IPSET_ERR_BUSY"));
    }
    return Promise.resolve(this.#sets.delete(name));
  }

  add(name: string, entry: SetEntry): Promise<boolean> {
    const key = printSetEntry(entry);
    const attempt = { command: "IPSET_CMD_ADD", op: "add entry", subject: `${key} in ${name}` };
    const entries = this.#sets.get(name)?.entries;
    if (!entries) return Promise.reject(setError(attempt, "ENOENT"));
    if (entries.has(key)) return Promise.resolve(false);
    if (entries.size >= MAX_ENTRIES) {
      return Promise.reject(setError(attempt, "IPSET_ERR_HASH_FULL"));
    }
    entries.set(key, entry);
    return Promise.resolve(true);
  }

  delete(name: string, entry: SetEntry): Promise<boolean> {
    return Promise.resolve(this.#sets.get(name)?.entries.delete(printSetEntry(entry)) ?? false);
  }

  close(): void {}

  use(name: string, used: boolean): void {
    if (!this.#sets.has(name)) throw new TypeError(`no set ${name}`);
    if (used) this.#used.add(name);
    else this.#used.delete(name);
  }
}
