/** The steps that make one service and its servers what they must be. */

import type { DesiredService, Removal } from "../desired/state.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import type { Server, Service, ServiceEntry, ServiceKey } from "../model/ipvs.ts";
import type { Step } from "./step.ts";

/** Servers come before others go, so that there is always one to take what arrives. */
export function planService(wanted: DesiredService, found: ServiceEntry | undefined): Step[] {
  const { service, servers, removals } = wanted;
  const { key } = service;
  const there = new Map(found?.servers.map(({ server }) => [printEndpoint(server), server]));
  return [
    ...planHead(service, found?.service),
    ...servers.flatMap(({ server, why }) =>
      planServer(key, server, there.get(printEndpoint(server)), why, found === undefined)
    ),
    ...removals.flatMap((removal) => planRemoval(key, removal, there.get(printEndpoint(removal)))),
  ];
}

function planHead(service: Service, before: Service | undefined): Step[] {
  if (!before) return [{ kind: "change", change: { kind: "addService", service } }];
  if (isSame(before, service)) return [];
  return [{ kind: "change", change: { kind: "editService", service }, before }];
}

function planServer(
  key: ServiceKey,
  server: Server,
  before: Server | undefined,
  why: string | undefined,
  isNew: boolean,
): Step[] {
  if (!before) return [{ kind: "change", change: { kind: "addServer", key, server }, why, isNew }];
  if (isSame(before, server)) return [];
  return [{ kind: "change", change: { kind: "editServer", key, server }, before, why }];
}

function planRemoval(
  key: ServiceKey,
  { address, port, why, onlyIfIdle }: Removal,
  before: Server | undefined,
): Step[] {
  if (!before) return [];
  if (onlyIfIdle && before.weight !== 0) {
    const server = { ...before, weight: 0 };
    return [{ kind: "change", change: { kind: "editServer", key, server }, before, why }];
  }
  const server: Endpoint = { address, port };
  return [{ kind: "change", change: { kind: "deleteServer", key, server }, before, why }];
}

/** Plain values of one shape, whatever the order of their properties; absent and undefined are the same. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => isSame(left[name], right[name]));
}
