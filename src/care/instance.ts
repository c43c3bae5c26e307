/** One instance among those of a host: its lock, its record, and what the others own. */

import { LvscareError } from "../errors.ts";
import type { Owned } from "../desired/owned.ts";
import { parseEndpoint } from "../model/endpoint.ts";
import { printServiceKey } from "../model/ipvs.ts";
import { StateDirectory } from "../state/directory.ts";
import { CorruptStateError } from "../state/failure.ts";
import type { CareRecord } from "../state/record.ts";
import { ForeignRecordError, readRecord, RecordFile } from "../state/record_file.ts";

export interface InstanceOptions {
  /** One at a time can have it: the virtual server of `lvscare care`, or RUN. */
  readonly name: string;
  /** As others are to read it: "lvscare care --vs 10.0.0.1:6443". */
  readonly command: string;
  readonly stateDir: string;
  /** The unit of the init system that this process runs in. */
  readonly unit: string | undefined;
  readonly pid: number;
  /** Called with each thing that does not work and need not stop the work. */
  readonly warn: (text: string, error?: unknown) => void;
}

/** The name of the one instance that cares for what is written in files. */
export const RUN = "run";

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
  readonly #file: RecordFile | undefined;
  /** Records of others, as they were when they were last read. */
  readonly #known = new Map<
    string,
    { readonly stamp: string; readonly record: CareRecord | undefined }
  >();
  #isMute = false;

  private constructor(
    options: InstanceOptions,
    directory: StateDirectory | undefined,
    lock: Disposable | undefined,
  ) {
    this.#options = options;
    this.#directory = directory;
    this.#lock = lock;
    this.#file = directory && new RecordFile(directory, options.name);
  }

  /** Takes the name's lock; an error says who has it. */
  static open(options: InstanceOptions): Instance {
    const { name, command, stateDir, pid, warn } = options;
    let directory: StateDirectory;
    let lock: ReturnType<StateDirectory["tryLock"]>;
    try {
      directory = StateDirectory.open(stateDir);
      lock = directory.tryLock(name, { pid, text: command });
    } catch (error) {
      if (!(error instanceof LvscareError)) throw error;
      warn("going on without memory", error);
      return new Instance(options, undefined, undefined);
    }
    if (!("heldBy" in lock)) return new Instance(options, directory, lock);
    throw new LvscareError(`care for ${name}: ${lock.heldBy} does so already`, {
      op: "care",
      subject: name,
      hint: name === RUN
        ? "stop it first, or give another --state-dir"
        : "stop it first, or give another virtual server",
    });
  }

  /** Only to look: takes no lock, and makes no directory. */
  static look(options: InstanceOptions): Instance {
    const { stateDir } = options;
    try {
      Deno.statSync(stateDir);
      return new Instance(options, StateDirectory.open(stateDir), undefined);
    } catch (error) {
      if (error instanceof LvscareError) options.warn("looking without memory", error);
      return new Instance(options, undefined, undefined);
    }
  }

  get name(): string {
    return this.#options.name;
  }

  /** Whether there is a state directory to write to. */
  get hasMemory(): boolean {
    return this.#directory !== undefined;
  }

  /** What the last instance of this name left in writing. */
  read(): CareRecord | undefined {
    return this.#readOf(this.name);
  }

  save(record: CareRecord): void {
    if (!this.#file) return;
    try {
      this.#file.save({ ...record, unit: this.#options.unit });
      this.#isMute = false;
    } catch (error) {
      if (!(error instanceof LvscareError)) throw error;
      if (!this.#isMute) this.#options.warn("going on without memory", error);
      this.#isMute = true;
    }
  }

  forget(): void {
    this.#attempt(() => this.#directory?.remove(this.name));
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
    if (!isVirtualServer(this.name)) return [];
    const found: Predecessor[] = [];
    for (const name of this.#names()) {
      // What is written in files is never another instance's to clean up, nor the other way round.
      if (name === this.name || !isVirtualServer(name)) continue;
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

  /** Services that other running instances care for, and what these are called. */
  rivals(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const name of this.#names()) {
      if (name === this.name || !this.#attempt(() => this.#directory?.isHeld(name))) continue;
      for (const key of this.#readOf(name)?.owned.services ?? []) {
        found.set(printServiceKey(key), name);
      }
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
      const stamp = directory.stamp(name);
      if (stamp === undefined) return undefined;
      const known = this.#known.get(name);
      if (known?.stamp === stamp) return known.record;
      const record = this.#readAnew(directory, name);
      this.#known.set(name, { stamp, record });
      return record;
    });
  }

  #readAnew(directory: StateDirectory, name: string): CareRecord | undefined {
    try {
      return readRecord(directory, name);
    } catch (error) {
      if (error instanceof ForeignRecordError) {
        this.#options.warn(`${error.message}: it is moved aside`);
      } else if (error instanceof CorruptStateError) {
        this.#options.warn("it is moved aside", error);
      } else throw error;
    }
    directory.discard(name);
    return undefined;
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

function isVirtualServer(name: string): boolean {
  return parseEndpoint(name) !== undefined;
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
