/** The ground that care stands on where the kernel has IPVS. */

import type { MasqueradeChoice } from "../config/care.ts";
import { KernelDataplane } from "../dataplane/kernel.ts";
import { UnsupportedError } from "../errors.ts";
import type { Modules, Sysctl } from "../kernel/host.ts";
import { type Kernel, type KernelChoice, openKernel, readyIpvs } from "../kernel/select.ts";
import type { CareGround } from "./run.ts";

export interface GroundOptions extends KernelChoice {
  readonly masquerade: MasqueradeChoice;
  readonly modules: Modules;
  readonly sysctl: Sysctl;
}

export async function openKernelGround(options: GroundOptions): Promise<CareGround> {
  const { modules, sysctl } = options;
  const kernel = await openKernel(options);
  return {
    dataplane: new KernelDataplane(kernel, sysctl),
    rules: kernel.rules,
    choice: kernel.choice,
    ready: (scheduler, warn) => makeReady(kernel, modules, scheduler, warn),
  };
}

/** Without ip_vs nothing can be done. A scheduler may be part of the kernel, or be loaded by it. */
async function makeReady(
  { table }: Kernel,
  modules: Modules,
  scheduler: string,
  warn: (text: string, error?: unknown) => void,
): Promise<void> {
  await readyIpvs(table, modules);
  try {
    await modules.load(`ip_vs_${scheduler}`);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    warn("the scheduler may not work", error);
  }
}
