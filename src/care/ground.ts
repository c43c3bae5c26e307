/** The ground that care stands on: IPVS in the kernel, or this program in its place. */

import type { Clock } from "../clock.ts";
import type { CareConfig } from "../config/care.ts";
import { HostDataplane } from "../dataplane/host.ts";
import { UnsupportedError } from "../errors.ts";
import type { Modules, Sysctl } from "../kernel/host.ts";
import {
  type Kernel,
  openEmbedded,
  openKernel,
  readyIpvs,
  type TransportName,
} from "../kernel/select.ts";
import { addressFamily } from "../model/address.ts";
import type { CareGround } from "./run.ts";

export interface CareHostParts {
  readonly transport: TransportName;
  readonly modules: Modules;
  readonly sysctl: Sysctl;
  readonly clock: Clock;
}

export type Warn = (text: string, error?: unknown) => void;

export async function openGround(
  config: CareConfig,
  parts: CareHostParts,
  warn: Warn,
): Promise<CareGround> {
  switch (config.dataplane) {
    case "kernel":
      return kernelGround(await openKernelOf(config, parts), parts, config);
    case "embedded":
      return embeddedGround(config, parts, warn);
    case "auto":
      return await chooseGround(config, parts, warn);
  }
}

/** A proxy only where it can be of use: what was made in the kernel is cleaned there, and a single run stays there. */
async function chooseGround(
  config: CareConfig,
  parts: CareHostParts,
  warn: Warn,
): Promise<CareGround> {
  const kernel = await openKernelOf(config, parts);
  if (config.clean || config.runOnce) return kernelGround(kernel, parts, config);
  try {
    if (config.dryRun) await kernel.table.info();
    else await readyIpvs(kernel.table, parts.modules);
    return kernelGround(kernel, parts, config);
  } catch (error) {
    kernel.close();
    if (!(error instanceof UnsupportedError)) throw error;
    warn("this kernel has no IPVS, so this program balances by itself, as a proxy", error);
    return embeddedGround(config, parts, warn);
  }
}

function openKernelOf(config: CareConfig, { transport }: CareHostParts): Promise<Kernel> {
  const { backend, masquerade, mode, virtualServer } = config;
  const rulesFor = mode.kind === "link" ? addressFamily(virtualServer.address) : undefined;
  return openKernel({ backend, masquerade, transport, rulesFor });
}

function kernelGround(
  kernel: Kernel,
  { modules, sysctl }: CareHostParts,
  { runOnce }: CareConfig,
): CareGround {
  return {
    dataplane: new HostDataplane(kernel, sysctl),
    means: { kind: "kernel", rules: kernel.rules },
    choice: kernel.choice,
    farewell: "leaving everything in place",
    async ready(scheduler, warn) {
      try {
        await makeReady(kernel, modules, scheduler, warn);
      } catch (error) {
        // Of a single run nothing would be left.
        throw runOnce ? error : withAdvice(error);
      }
    },
  };
}

function embeddedGround(config: CareConfig, parts: CareHostParts, warn: Warn): CareGround {
  const { backend, mode, proxy } = config;
  const { transport, clock, sysctl } = parts;
  const kernel = openEmbedded({
    ...{ backend, transport, hasDevice: mode.kind === "link" },
    proxy: { ...proxy, proxyProtocol: proxy.protocol, clock, warn },
  });
  return {
    dataplane: new HostDataplane(kernel, sysctl),
    means: { kind: "embedded" },
    choice: kernel.choice,
    farewell: "with it end the connections that it carries",
    ready: () => Promise.resolve(),
    openKernel: async () => new HostDataplane(await openKernelOf(config, parts), sysctl),
  };
}

/** There is another way than IPVS. */
function withAdvice(error: unknown): unknown {
  if (!(error instanceof UnsupportedError)) return error;
  const { message, feature, hint } = error;
  const advice = "balance without it: --dataplane embedded";
  return new UnsupportedError(message, feature, {
    hint: hint === undefined ? advice : `${hint}, or ${advice}`,
    cause: error,
  });
}

/** Without ip_vs nothing can be done. A scheduler may be part of the kernel, or be loaded by it. */
async function makeReady(
  { table }: Kernel,
  modules: Modules,
  scheduler: string,
  warn: Warn,
): Promise<void> {
  await readyIpvs(table, modules);
  try {
    await modules.load(`ip_vs_${scheduler}`);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    warn("the scheduler may not work", error);
  }
}
