/** Takes away what instances have made: this one's on demand, and what killed ones have left. */

import type { Dataplane, Look } from "../dataplane/dataplane.ts";
import { type Owned, withoutOthers } from "../desired/owned.ts";
import { NOTHING } from "../desired/state.ts";
import { scopeOf } from "../plan/observed.ts";
import { plan } from "../plan/plan.ts";
import type { Step } from "../plan/step.ts";
import { applySteps, type StepOutcome } from "./apply.ts";

export interface CleanInput {
  readonly dataplane: Dataplane;
  readonly owned: Owned;
  /** What the instances own that stay. */
  readonly others: readonly Owned[];
}

export interface CleanResult {
  readonly outcomes: readonly StepOutcome[];
  readonly look: Look;
  /** Nothing is left, and everything was seen. */
  readonly isWhole: boolean;
}

export async function planClean(
  { dataplane, owned, others }: CleanInput,
): Promise<{ readonly steps: Step[]; readonly look: Look }> {
  const look = await dataplane.observe(scopeOf({ ...NOTHING, services: [] }, owned));
  const left = withoutOthers(owned, others);
  return { steps: plan({ desired: NOTHING, owned: left, observed: look.observed }), look };
}

export async function clean(input: CleanInput): Promise<CleanResult> {
  const { steps, look } = await planClean(input);
  const outcomes = await applySteps(input.dataplane, steps);
  const isWhole = look.blind.length === 0 && outcomes.every(({ error }) => error === undefined);
  return { outcomes, look, isWhole };
}
