/** What the host must have before services can be cared for by somebody who may not give it that. */

import { NOTHING_OWNED } from "../desired/owned.ts";
import { NOTHING } from "../desired/state.ts";
import { surroundingsOf } from "../desired/surroundings.ts";
import { plan } from "../plan/plan.ts";
import { applySteps } from "./apply.ts";
import { groundRequest, needsOf } from "./ground.ts";
import { Journal } from "./journal.ts";
import { NOTHING_TO_SEE } from "./pass.ts";
import { demand, type ServeOptions, type ServeWorld } from "./serve.ts";

/**
 * Loads modules and sets the kernel's parameters that the services of the files call for. Nothing of theirs is
 * made, and nothing of others is touched: no lock is taken, and nothing is remembered.
 */
export async function prepareServices(
  { path, choices }: Pick<ServeOptions, "path" | "choices">,
  world: ServeWorld,
): Promise<number> {
  const journal = new Journal();
  const config = demand(await world.readFiles(path, choices));
  const request = groundRequest(config, "care");
  const ground = await world.openGround(request, (...said) => journal.warn(...said));
  const { dataplane } = ground;
  try {
    journal.info(`prepare for what is in ${path}: ${ground.choice}`);
    await ground.ready(needsOf(config), journal);
    const { sysctls } = surroundingsOf(config, {
      ...{ means: ground.means, owned: NOTHING_OWNED, leaving: [] },
    });
    const look = await dataplane.observe({ ...NOTHING_TO_SEE, parameters: Object.keys(sysctls) });
    const { observed } = look;
    const steps = plan({ desired: { ...NOTHING, sysctls }, owned: NOTHING_OWNED, observed });
    const outcomes = await applySteps(dataplane, steps);
    journal.pass({ look, outcomes });
    return look.blind.length === 0 && outcomes.every(({ error }) => error === undefined) ? 0 : 1;
  } finally {
    dataplane.close();
  }
}
