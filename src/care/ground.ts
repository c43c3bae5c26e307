/** The ground that care stands on: IPVS in the kernel, or this program in its place. */

import type { Clock } from "../clock.ts";
import type { Config, HostConfig } from "../config/config.ts";
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
import type { Family } from "../model/address.ts";
import { keyFamily } from "../model/ipvs.ts";
import type { CareGround } from "./run.ts";

export interface CareHostParts {
  readonly transport: TransportName;
  readonly modules: Modules;
  readonly sysctl: Sysctl;
  readonly clock: Clock;
}

/** What the ground is to bear. */
export interface GroundRequest {
  readonly host: HostConfig;
  /** Of services whose packets need rules. */
  readonly families: readonly Family[];
  /** Addresses are put on devices. */
  readonly hasDevices: boolean;
  /** "once": nothing is left of this process when it has ended; "clean": nor of what it made. */
  readonly purpose: "care" | "once" | "clean" | "look";
}

export function groundRequest(
  config: Config,
  purpose: GroundRequest["purpose"],
): GroundRequest {
  const { families } = needsOf(config);
  return { host: config.host, families, hasDevices: families.length > 0, purpose };
}

/** What services need of a ground. */
export interface Needs {
  readonly schedulers: readonly string[];
  /** Of services whose packets need rules. */
  readonly families: readonly Family[];
}

export function needsOf({ services }: Config): Needs {
  const schedulers = new Set(services.map(({ service }) => service.scheduler));
  const linked = services.filter(({ mode }) => mode.kind === "link");
  const families = new Set(linked.map(({ service }) => keyFamily(service.key)));
  return { schedulers: [...schedulers], families: [...families] };
}

export type Warn = (text: string, error?: unknown) => void;

export async function openGround(
  request: GroundRequest,
  parts: CareHostParts,
  warn: Warn,
): Promise<CareGround> {
  switch (request.host.dataplane) {
    case "kernel":
      return kernelGround(await openKernelOf(request, parts), parts, request);
    case "embedded":
      return embeddedGround(request, parts, warn);
    case "auto":
      return await chooseGround(request, parts, warn);
  }
}

/** A proxy only where it can be of use: what was made in the kernel is cleaned there, and a single run stays there. */
async function chooseGround(
  request: GroundRequest,
  parts: CareHostParts,
  warn: Warn,
): Promise<CareGround> {
  const { purpose } = request;
  const kernel = await openKernelOf(request, parts);
  if (purpose === "clean" || purpose === "once") return kernelGround(kernel, parts, request);
  try {
    if (purpose === "look") await kernel.table.info();
    else await readyIpvs(kernel.table, parts.modules);
    return kernelGround(kernel, parts, request);
  } catch (error) {
    kernel.close();
    if (!(error instanceof UnsupportedError)) throw error;
    warn("this kernel has no IPVS, so this program balances by itself, as a proxy", error);
    return embeddedGround(request, parts, warn);
  }
}

function openKernelOf(
  { host, families }: GroundRequest,
  { transport }: CareHostParts,
): Promise<Kernel> {
  const { backend, masquerade } = host;
  return openKernel({ backend, masquerade, transport, rulesFor: families });
}

function kernelGround(
  kernel: Kernel,
  { modules, sysctl }: CareHostParts,
  { purpose }: GroundRequest,
): CareGround {
  return {
    dataplane: new HostDataplane(kernel, sysctl),
    get means() {
      return { kind: "kernel", rules: kernel.rules } as const;
    },
    choice: kernel.choice,
    farewell: "leaving everything in place",
    async ready({ schedulers, families }, say) {
      // Nothing is cared for yet, which no host is too bare for.
      if (schedulers.length === 0) return;
      const chosen = await kernel.chooseRules(families);
      if (chosen !== undefined) say.info(chosen);
      try {
        await readyIpvs(kernel.table, modules);
        say.doubt(await loadSchedulers(schedulers, modules));
      } catch (error) {
        // Of a single run nothing would be left.
        throw purpose === "once" ? error : withAdvice(error);
      }
    },
  };
}

function embeddedGround(
  request: GroundRequest,
  parts: CareHostParts,
  warn: Warn,
): CareGround {
  const { hasDevices, host: { backend, proxy } } = request;
  const { transport, clock, sysctl } = parts;
  const kernel = openEmbedded({
    ...{ backend, transport, hasDevice: hasDevices },
    proxy: { ...proxy, proxyProtocol: proxy.protocol, clock, warn },
  });
  return {
    dataplane: new HostDataplane(kernel, sysctl),
    means: { kind: "embedded" },
    choice: kernel.choice,
    farewell: "with it end the connections that it carries",
    ready: () => Promise.resolve(),
    openKernel: async () => new HostDataplane(await openKernelOf(request, parts), sysctl),
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

/**
 * Gives those that could not be loaded. Without ip_vs nothing can be done, but a scheduler may be part of the kernel,
 * and what is missing the kernel loads by itself when a service asks for it.
 */
async function loadSchedulers(
  schedulers: readonly string[],
  modules: Modules,
): Promise<Map<string, UnsupportedError>> {
  const failed = new Map<string, UnsupportedError>();
  for (const scheduler of schedulers) {
    try {
      await modules.load(`ip_vs_${scheduler}`);
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      failed.set(scheduler, error);
    }
  }
  return failed;
}
