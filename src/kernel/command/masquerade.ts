/** Masquerading with the programs iptables and ip6tables, and a set of ipset: LVScare's rules, by its names. */

import { KernelError } from "../../errors.ts";
import type { Family } from "../../model/address.ts";
import type { Masquerade, MasqueradeOptions } from "../masquerade.ts";
import { checkEntries, checkMarkBit, within, without } from "../masquerade_rules.ts";
import type { Attempt } from "../refusal.ts";
import { setError } from "../set_errors.ts";
import type { IpSet, SetEntry, Sets } from "../sets.ts";
import { chainInUse, mayLackRandomFully } from "./iptables_errors.ts";
import {
  planRemoval,
  planRepairs,
  printRepairs,
  type Removal,
  type Repair,
  targetOf,
} from "./iptables_plan.ts";
import {
  iptablesName,
  type IptablesOptions,
  restoreRules,
  saveRules,
} from "./iptables_programs.ts";
import { setName } from "./iptables_rules.ts";
import type { SavedRules } from "./iptables_save.ts";
import type { Runner } from "./runner.ts";

/** How often a change is planned anew that somebody else's change has made impossible. */
const ATTEMPTS = 3;
/** How often the kernel is asked to remove a set that it may not have let go of yet. */
const SET_ATTEMPTS = 20;

type Change = Parameters<Masquerade["changeEntries"]>[1];

export class IptablesMasquerade implements Masquerade {
  readonly name = "iptables and ipset";
  readonly #runner: Runner;
  readonly #sets: Sets;
  readonly #options: IptablesOptions;
  #randomFully = true;

  /** Takes over the sets. */
  constructor(runner: Runner, sets: Sets, options: IptablesOptions = {}) {
    this.#runner = runner;
    this.#sets = sets;
    this.#options = options;
  }

  async missing(options: MasqueradeOptions): Promise<string[]> {
    const attempt = this.#attempt("read rules", options.family);
    checkMarkBit(attempt, options);
    const set = await this.#sets.find(setName(options.family));
    const rules = planRepairs(await this.#look(attempt, options.family), {
      ...options,
      randomFully: this.#randomFully,
    });
    return [...wrongSet(set, options.family), ...piecesOf(rules)];
  }

  async ensure(options: MasqueradeOptions): Promise<string[]> {
    const { family } = options;
    const attempt = this.#attempt("make rules", family);
    checkMarkBit(attempt, options);
    // Rules can only name a set that is there.
    const made = await this.#sets.ensureSet(setName(family), family);
    const pieces = await this.#ensureRules(attempt, options);
    return [...(made ? wrongSet(undefined, family) : []), ...pieces];
  }

  async exists(family: Family): Promise<boolean> {
    const set = await this.#sets.find(setName(family));
    if (set && wrongSet(set, family).length === 0) return true;
    const found = await this.#look(this.#attempt("read rules", family), family);
    const { repairs, holders } = planRemoval(found);
    return repairs.length > 0 || holders.length > 0;
  }

  async entries(family: Family): Promise<SetEntry[]> {
    const set = await this.#sets.find(setName(family));
    return [...set?.entries ?? []];
  }

  async changeEntries(family: Family, { add = [], remove = [] }: Change): Promise<void> {
    const name = setName(family);
    const attempt = { command: "IPSET_CMD_ADD", op: "change entries", subject: `of ${name}` };
    checkEntries(attempt, family, [...add, ...remove]);
    const set = await this.#sets.find(name);
    if (!set) throw setError(attempt, "ENOENT");
    for (const entry of within(remove, set.entries)) await this.#sets.removeEntry(name, entry);
    for (const entry of without(add, set.entries)) await this.#sets.ensureEntry(name, entry);
  }

  async remove(family: Family): Promise<boolean> {
    const attempt = this.#attempt("remove rules", family);
    let removal: Removal = { repairs: [], holders: [] };
    const removed = await this.#mend(attempt, family, (found) => {
      removal = planRemoval(found);
      return removal.repairs;
    });
    const setRemoved = await this.#removeSet(attempt, family);
    const [holder] = removal.holders;
    if (holder) {
      throw chainInUse(`-A ${holder.chain} ${holder.text}`, targetOf(holder), attempt);
    }
    return setRemoved || removed.length > 0;
  }

  close(): void {
    this.#sets.close();
  }

  /** Without random source ports where that is what is refused, and from then on. */
  async #ensureRules(attempt: Attempt, options: MasqueradeOptions): Promise<string[]> {
    const mend = (randomFully: boolean) =>
      this.#mend(
        attempt,
        options.family,
        (found) => planRepairs(found, { ...options, randomFully }),
      );
    try {
      return await mend(this.#randomFully);
    } catch (error) {
      if (!this.#randomFully || !mayLackRandomFully(error)) throw error;
      const pieces = await mend(false);
      this.#randomFully = false;
      return pieces;
    }
  }

  /** Looks and changes; anew where, after a failure, something else is to be done than what failed. */
  async #mend(
    attempt: Attempt,
    family: Family,
    plan: (found: SavedRules) => readonly Repair[],
  ): Promise<string[]> {
    let failed: { readonly input: string; readonly error: unknown } | undefined;
    for (let left = ATTEMPTS;; left--) {
      const repairs = plan(await this.#look(attempt, family));
      const input = printRepairs(repairs);
      if (input === "") return [];
      if (failed && (left === 0 || input === failed.input)) throw failed.error;
      try {
        await this.#restore(attempt, family, input);
        return piecesOf(repairs);
      } catch (error) {
        failed = { input, error };
      }
    }
  }

  #look(attempt: Attempt, family: Family): Promise<SavedRules> {
    return saveRules(this.#runner, iptablesName(family, this.#options), attempt);
  }

  #restore(attempt: Attempt, family: Family, input: string): Promise<void> {
    const { lockSeconds } = this.#options;
    return restoreRules(this.#runner, iptablesName(family, this.#options), attempt, {
      input,
      ...(lockSeconds !== undefined && { lockSeconds }),
    });
  }

  /**
   * nf_tables lets go of the set that a removed rule named only some time after it has said that the rule is
   * removed. Looking at the rules meanwhile is as good as waiting.
   */
  async #removeSet(attempt: Attempt, family: Family): Promise<boolean> {
    const name = setName(family);
    const set = await this.#sets.find(name);
    // Somebody else's set of that name is nothing of ours.
    if (!set || wrongSet(set, family).length > 0) return false;
    for (let left = SET_ATTEMPTS;; left--) {
      try {
        return await this.#sets.removeSet(name);
      } catch (error) {
        if (left === 0 || !(error instanceof KernelError && error.is("EBUSY"))) throw error;
        await this.#look(attempt, family);
      }
    }
  }

  #attempt(op: string, family: Family): Attempt {
    const program = iptablesName(family, this.#options);
    const command = op === "read rules" ? `${program}-save` : `${program}-restore`;
    return { command, op, subject: `in ${program}` };
  }
}

/** What is wrong with the set, if anything is. */
function wrongSet(set: IpSet | undefined, family: Family): string[] {
  const piece = `set ${setName(family)}`;
  if (!set) return [piece];
  if (set.type === "hash:ip,port" && set.family === family) return [];
  return [`${piece}: is of type ${set.type}, must be hash:ip,port for ${family}`];
}

function piecesOf(repairs: readonly Repair[]): string[] {
  return repairs.flatMap(({ pieces }) => pieces);
}
