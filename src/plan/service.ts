/** The steps that make one service and its servers what they must be. */

import type { DesiredService, Removal } from "../desired/state.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import type { Server, Service, ServiceEntry, ServiceKey } from "../model/ipvs.ts";
import type { Step } from "./step.ts";

/** Adds the steps. Servers come before others go, so that there is always one to take what arrives. */
export function planService(
  steps: Step[],
  { service, servers, removals }: DesiredService,
  found: ServiceEntry | undefined,
): void {
  const { key } = service;
  const there = new Map<string, Server>();
  for (const { server } of found?.servers ?? []) there.set(printEndpoint(server), server);
  planHead(steps, service, found?.service);
  for (const { server, why } of servers) {
    const before = there.get(printEndpoint(server));
    if (!before) {
      const change = { kind: "addServer", key, server } as const;
      steps.push({ kind: "change", change, why, isNew: found === undefined });
    } else if (!isSameServer(before, server)) {
      steps.push({ kind: "change", change: { kind: "editServer", key, server }, before, why });
    }
  }
  for (const removal of removals) {
    const before = there.get(printEndpoint(removal));
    if (before) planRemoval(steps, key, removal, before);
  }
}

function planHead(steps: Step[], service: Service, before: Service | undefined): void {
  if (!before) steps.push({ kind: "change", change: { kind: "addService", service } });
  else if (!isSame(before, service)) {
    steps.push({ kind: "change", change: { kind: "editService", service }, before });
  }
}

function planRemoval(
  steps: Step[],
  key: ServiceKey,
  { address, port, why, onlyIfIdle }: Removal,
  before: Server,
): void {
  if (onlyIfIdle && before.weight !== 0) {
    const server = { ...before, weight: 0 };
    steps.push({ kind: "change", change: { kind: "editServer", key, server }, before, why });
    return;
  }
  const server: Endpoint = { address, port };
  steps.push({ kind: "change", change: { kind: "deleteServer", key, server }, before, why });
}

function isSameServer(a: Server, b: Server): boolean {
  return a.weight === b.weight && a.upperThreshold === b.upperThreshold &&
    a.lowerThreshold === b.lowerThreshold && isSame(a.forwarding, b.forwarding);
}

/** Plain values of one shape, whatever the order of their properties; absent and undefined are the same. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const name in left) if (!isSame(left[name], right[name])) return false;
  for (const name in right) if (!(name in left) && right[name] !== undefined) return false;
  return true;
}
