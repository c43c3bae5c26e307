/** Steps, one after the other; what is refused does not keep the next from being tried. */

import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Step } from "../plan/step.ts";

export interface StepOutcome {
  readonly step: Step;
  /** What was refused; undefined where it was done. */
  readonly error: unknown;
}

export async function applySteps(
  dataplane: Dataplane,
  steps: readonly Step[],
): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  for (const step of steps) {
    try {
      await dataplane.apply(step);
      outcomes.push({ step, error: undefined });
    } catch (error) {
      outcomes.push({ step, error });
    }
  }
  return outcomes;
}
