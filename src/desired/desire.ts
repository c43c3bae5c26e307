/** Configuration, health, weights and the table's leaving servers to what the kernel should have. */

import type { CareConfig } from "../config/care.ts";
import { addressFamily, familyBits } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Persistence, ServerEntry, ServiceKey } from "../model/ipvs.ts";
import type { InterfaceAddress, Route } from "../model/link.ts";
import type { MasqueradeKind } from "../model/masquerade.ts";
import { type Drains, planLeaving } from "./leaving.ts";
import { type HealthStates, planListed } from "./servers.ts";
import type { DesiredMasquerade, DesiredState } from "./state.ts";
import type { WeightMemories } from "./weights.ts";

export const ROUTE_METRIC = 50;
/** Without it IPVS keeps its connections from connection tracking, and nothing is masqueraded. */
export const CONNTRACK = "net.ipv4.vs.conntrack";

/** Who balances: the kernel, led to by rules of a kind, or this program, where the address is. */
export type Means =
  | { readonly kind: "kernel"; readonly rules: MasqueradeKind }
  | { readonly kind: "embedded" };

export interface Circumstances {
  readonly health: HealthStates;
  /** After learnWeights(). */
  readonly weights: WeightMemories;
  readonly drains: Drains;
  /** The servers that our service has now. */
  readonly table: readonly ServerEntry[];
  readonly nowMs: number;
  readonly means: Means;
}

export interface Desire {
  readonly state: DesiredState;
  readonly drains: Drains;
}

export function desire(config: CareConfig, circumstances: Circumstances): Desire {
  const { virtualServer, mode } = config;
  const { staying, removals: leaving, drains } = planLeaving({
    ...circumstances,
    listed: config.servers,
    // Nobody is there to see the end of a drain when it runs once.
    drainTimeoutMs: config.runOnce ? 0 : config.drainTimeoutMs,
  });
  const { servers, removals } = planListed({
    ...circumstances,
    listed: config.servers,
    keepLast: config.keepLast,
    drain: config.drain,
    upperThreshold: config.serverLimit,
  });
  const service = {
    key: serviceKey(virtualServer),
    scheduler: config.scheduler,
    schedulerFlags: [],
    onePacket: false,
    ...(config.persistenceMs > 0 && { persistence: persistenceOf(config) }),
  };
  const isLink = mode.kind === "link";
  const { means } = circumstances;
  const rules = means.kind === "kernel" && mode.kind === "link"
    ? masquerade(virtualServer, mode.markBit, means.rules)
    : undefined;
  const state: DesiredState = {
    sysctls: rules ? { [CONNTRACK]: "1" } : {},
    device: isLink ? { name: mode.device, addresses: [hostAddress(virtualServer)] } : undefined,
    masquerade: rules,
    services: [{
      service,
      servers: [...servers, ...staying],
      removals: [...removals, ...leaving],
    }],
    route: means.kind === "kernel" ? routeOf(config) : undefined,
  };
  return { state, drains };
}

export function serviceKey(virtualServer: Endpoint): ServiceKey {
  const { address, port } = virtualServer;
  return { kind: "address", protocol: "tcp", address, port };
}

function persistenceOf({ virtualServer, persistenceMs }: CareConfig): Persistence {
  return {
    // The kernel counts in seconds, and 0 would be its own default.
    timeoutS: Math.max(1, Math.round(persistenceMs / 1000)),
    prefix: familyBits(addressFamily(virtualServer.address)),
  };
}

/** The virtual address alone, without a network around it. */
export function hostAddress({ address }: Endpoint): InterfaceAddress {
  return { address, prefix: familyBits(addressFamily(address)) };
}

function masquerade(
  virtualServer: Endpoint,
  markBit: number,
  kind: MasqueradeKind,
): DesiredMasquerade {
  const { address, port } = virtualServer;
  return {
    kind,
    family: addressFamily(address),
    markBit,
    entries: [{ address, protocol: "tcp", port }],
  };
}

function routeOf({ virtualServer, mode }: CareConfig): Route | undefined {
  if (mode.kind !== "route" || mode.gateway === undefined) return undefined;
  return {
    destination: hostAddress(virtualServer),
    gateway: mode.gateway,
    metric: ROUTE_METRIC,
  };
}
