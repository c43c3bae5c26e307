/** Steps, and what became of each. */

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
  const errors = await dataplane.apply(steps);
  return steps.map((step, i) => ({ step, error: errors[i] }));
}
