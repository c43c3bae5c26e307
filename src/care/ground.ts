/** The ground that care stands on where the kernel has IPVS. */

import type { CareConfig } from "../config/care.ts";
import { KernelDataplane } from "../dataplane/kernel.ts";
import { UnsupportedError } from "../errors.ts";
import type { Modules, Sysctl } from "../kernel/host.ts";
import { type Kernel, openKernel, readyIpvs, type TransportName } from "../kernel/select.ts";
import { addressFamily } from "../model/address.ts";
import type { CareGround } from "./run.ts";

export interface KernelHost {
  readonly transport: TransportName;
  readonly modules: Modules;
  readonly sysctl: Sysctl;
}

export async function openKernelGround(
  { backend, masquerade, mode, virtualServer }: CareConfig,
  { transport, modules, sysctl }: KernelHost,
): Promise<CareGround> {
  const rulesFor = mode.kind === "link" ? addressFamily(virtualServer.address) : undefined;
  const kernel = await openKernel({ backend, masquerade, transport, rulesFor });
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
