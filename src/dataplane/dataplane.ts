/** The contract for what the care loop drives: it is looked at, and changed step by step. */

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
  /** Makes one change; throws what was refused. */
  apply(step: Step): Promise<void>;
  /**
   * Whether something of the scope may have been changed by others since the last call. Never waits; false
   * where there is no way to know.
   */
  disturbed(scope: Scope): boolean;

  close(): void;
}
