/** The contract for what the care loop drives: it is looked at, and changed step by step. */

import type { ServiceEntry } from "../model/ipvs.ts";
import type { Link } from "../model/link.ts";
import type { Observed, Scope } from "../plan/observed.ts";
import type { Step } from "../plan/step.ts";

/** One part that could not be read, and why. */
export interface Blindness {
  /** "routes", "device lvscare". */
  readonly part: string;
  readonly error: unknown;
}

export interface Look {
  readonly observed: Observed;
  readonly blind: readonly Blindness[];
}

export interface Dataplane {
  /** What it is, for a log line. */
  readonly name: string;

  /** Reads all that the scope names; what cannot be read is told, and the rest is there. */
  observe(scope: Scope): Promise<Look>;
  /**
   * Takes the steps one after the other; what is refused does not keep the next from being tried. The answer
   * has one place for each step: what was refused, or undefined where it was done.
   */
  apply(steps: readonly Step[]): Promise<readonly unknown[]>;
  /**
   * Whether something of the scope may have been changed by others since the last call. Never waits; false
   * where there is no way to know.
   */
  disturbed(scope: Scope): boolean;

  /** Every service that is there, ours or not, with counters and rates. */
  listServices(): Promise<readonly ServiceEntry[]>;
  /** Every device that is there, with its addresses. */
  listDevices(): Promise<readonly Link[]>;

  close(): void;
}
