/** What `lvscare run` would change now, without changing it. */

import type { Step } from "../plan/step.ts";
import { EMPTY_RECORD } from "../state/record.ts";
import { Checks } from "./checks.ts";
import { Instance, RUN } from "./instance.ts";
import { Journal } from "./journal.ts";
import { prospect } from "./pass.ts";
import { groundRequest } from "./ground.ts";
import { demand, type ServeOptions, type ServeWorld } from "./serve.ts";

export interface Preview {
  readonly steps: readonly Step[];
  /** What could not be read: of it nothing is planned. */
  readonly blind: readonly { readonly part: string; readonly error: unknown }[];
}

export async function previewServices(
  { path, choices, stateDir }: Pick<ServeOptions, "path" | "choices" | "stateDir">,
  world: ServeWorld,
  warn: (text: string, error?: unknown) => void,
): Promise<Preview> {
  const config = demand(await world.readFiles(path, choices));
  const { dataplane, means } = await world.openGround(groundRequest(config, "look"), warn);
  try {
    const command = "lvscare plan";
    using instance = Instance.look({ ...world, name: RUN, command, stateDir, warn });
    const record = instance.read() ?? EMPTY_RECORD;
    const checks = new Checks({
      ...{ config, clock: world.clock, journal: new Journal(), remembered: record.services },
      probeOf: () => ({ describe: () => "", run: () => Promise.resolve({ ok: true }) }),
      onChange: () => {},
    });
    const { steps, look } = await prospect({
      ...{ config, dataplane, means, health: checks.health, record },
      others: instance.othersThan(RUN),
      nowMs: world.clock.wallMs(),
      save: () => {},
    });
    return { steps, blind: look.blind };
  } finally {
    dataplane.close();
  }
}
