/** One instance among those of a host: its lock, its record, and what the others own. */

import { LvscareError } from "../errors.ts";
import type { Owned } from "../desired/owned.ts";
import { printEndpoint } from "../model/endpoint.ts";
import type { CareConfig } from "../config/care.ts";
import { StateDirectory } from "../state/directory.ts";
import { CorruptStateError } from "../state/failure.ts";
import { type CareRecord, decodeRecord, encodeRecord } from "../state/record.ts";

export interface InstanceOptions {
  readonly config: CareConfig;
  /** The unit of the init system that this process runs in. */
  readonly unit: string | undefined;
  readonly pid: number;
  /** Called with each thing that does not work and need not stop the work. */
  readonly warn: (text: string, error?: unknown) => void;
}

/** Another instance's record, and a way to take its place. */
export interface Predecessor {
  readonly name: string;
  readonly owned: Owned;
  /** Forgets it: nothing of it is left. */
  forget(): void;
}

/**
 * Without a state directory that can be written, an instance works all the same: it only does not remember,
 * and nobody is kept from caring for the same virtual server.
 */
export class Instance implements Disposable {
  readonly #options: InstanceOptions;
  readonly #directory: StateDirectory | undefined;
  readonly #lock: Disposable | undefined;
  readonly #name: string;
  #isMute = false;

  private constructor(
    options: InstanceOptions,
    directory: StateDirectory | undefined,
    lock: Disposable | undefined,
  ) {
    this.#options = options;
    this.#directory = directory;
    this.#lock = lock;
    this.#name = printEndpoint(options.config.virtualServer);
  }

  /** Takes the virtual server's lock; an error says who has it. */
  static open(options: InstanceOptions): Instance {
    const { config, pid, warn } = options;
    const name = printEndpoint(config.virtualServer);
    let directory: StateDirectory;
    let lock: ReturnType<StateDirectory["tryLock"]>;
    try {
      directory = StateDirectory.open(config.stateDir);
      lock = directory.tryLock(name, { pid, text: `lvscare care --vs ${name}` });
    } catch (error) {
      if (!(error instanceof LvscareError)) throw error;
      warn("going on without memory", error);
      return new Instance(options, undefined, undefined);
    }
    if (!("heldBy" in lock)) return new Instance(options, directory, lock);
    throw new LvscareError(`care for ${name}: ${lock.heldBy} does so already`, {
      op: "care",
      subject: name,
      hint: "stop it first, or give another virtual server",
    });
  }

  /** Only to look: takes no lock, and makes no directory. */
  static look(options: InstanceOptions): Instance {
    const { stateDir } = options.config;
    try {
      Deno.statSync(stateDir);
      return new Instance(options, StateDirectory.open(stateDir), undefined);
    } catch (error) {
      if (error instanceof LvscareError) options.warn("looking without memory", error);
      return new Instance(options, undefined, undefined);
    }
  }

  get name(): string {
    return this.#name;
  }

  /** What this virtual server's last instance left in writing. */
  read(): CareRecord | undefined {
    return this.#readOf(this.#name);
  }

  save(record: CareRecord): void {
    if (!this.#directory) return;
    try {
      this.#directory.write(this.#name, encodeRecord({ ...record, unit: this.#options.unit }));
      this.#isMute = false;
    } catch (error) {
      if (!(error instanceof LvscareError)) throw error;
      if (!this.#isMute) this.#options.warn("going on without memory", error);
      this.#isMute = true;
    }
  }

  forget(): void {
    this.#attempt(() => this.#directory?.remove(this.#name));
  }

  /** What all instances but that one own, also those that have ended and left it in place. */
  othersThan(name: string): Owned[] {
    return this.#names().filter((each) => each !== name).map((each) => this.#readOf(each)?.owned)
      .filter((owned) => owned !== undefined);
  }

  /**
   * Instances that ended without cleaning, whose place this one takes: killed ones, and ones of the same unit
   * that were stopped. Those that another unit has left are its own to come back to.
   */
  predecessors(): Predecessor[] {
    const found: Predecessor[] = [];
    for (const name of this.#names()) {
      if (name === this.#name) continue;
      const record = this.#readOf(name);
      if (!record || !isPredecessor(record, this.#options.unit)) continue;
      if (this.#attempt(() => this.#directory?.isHeld(name)) !== false) continue;
      found.push({
        name,
        owned: record.owned,
        forget: () => this.#attempt(() => this.#directory?.remove(name)),
      });
    }
    return found;
  }

  [Symbol.dispose](): void {
    this.#lock?.[Symbol.dispose]();
  }

  #names(): string[] {
    return this.#attempt(() => this.#directory?.names()) ?? [];
  }

  #readOf(name: string): CareRecord | undefined {
    const directory = this.#directory;
    if (!directory) return undefined;
    return this.#attempt(() => {
      try {
        const value = directory.read(name);
        if (value === undefined) return undefined;
        const record = decodeRecord(value);
        if (record) return record;
        this.#options.warn(`the record of ${name} is none of ours: it is moved aside`);
      } catch (error) {
        if (!(error instanceof CorruptStateError)) throw error;
        this.#options.warn("it is moved aside", error);
      }
      directory.discard(name);
      return undefined;
    });
  }

  #attempt<T>(body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof LvscareError)) throw error;
      this.#options.warn("state", error);
      return undefined;
    }
  }
}

function isPredecessor({ phase, unit }: CareRecord, ours: string | undefined): boolean {
  if (phase === "once") return false;
  const isSameUnit = unit !== undefined && unit === ours;
  return phase === "stopped" ? isSameUnit : isSameUnit || unit === undefined || ours === undefined;
}

/** The service of systemd that a process is in, by its cgroups: "lvscare.service". */
export function unitOf(cgroup: string): string | undefined {
  const units = cgroup.split("\n").map((line) => /([^/]+\.service)$/.exec(line)?.[1]);
  return units.find((unit) => unit !== undefined);
}
