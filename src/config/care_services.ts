/** The one service of `lvscare care`, as what is cared for. */

import { addressFamily, familyBits } from "../model/address.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import { type Persistence, printServiceKey, type ServiceKey } from "../model/ipvs.ts";
import type { CareConfig } from "./care.ts";
import {
  type Config,
  PLAIN_CHECK,
  PLAIN_SERVICE,
  PLAIN_TABLE,
  type ServerConfig,
  type ServiceConfig,
} from "./config.ts";

export function careServices(config: CareConfig): Config {
  const { dataplane, proxy, backend, masquerade, intervalMs, drainTimeoutMs } = config;
  return {
    host: { dataplane, proxy, backend, masquerade },
    table: PLAIN_TABLE,
    services: [serviceOf(config)],
    intervalMs,
    drainTimeoutMs,
    checksAtOnce: Infinity,
    // LVScare's way: a server is up until a check says otherwise, after each start.
    remembersHealth: false,
  };
}

/** The key of the virtual server. */
export function serviceKey({ address, port }: Endpoint): ServiceKey {
  return { kind: "address", protocol: "tcp", address, port };
}

function serviceOf(config: CareConfig): ServiceConfig {
  const { virtualServer, scheduler, persistenceMs, mode, keepLast, drain } = config;
  const key = serviceKey(virtualServer);
  return {
    name: printServiceKey(key),
    service: {
      key,
      scheduler,
      schedulerFlags: [],
      onePacket: false,
      ...(persistenceMs > 0 && { persistence: persistenceOf(config) }),
    },
    servers: new Map(config.servers.map((server) => {
      const each = serverOf(config, server);
      return [each.name, each];
    })),
    mode,
    ...PLAIN_SERVICE,
    keepLast,
    failedDrainMs: drain ? Infinity : 0,
    // Nobody is there to see the end of a drain when it runs once.
    drainTimeoutMs: config.runOnce ? 0 : config.drainTimeoutMs,
  };
}

function serverOf(config: CareConfig, { address, port }: Endpoint): ServerConfig {
  const { check, intervalMs, rise, fall, serverLimit } = config;
  return {
    ...{ address, port, name: printEndpoint({ address, port }) },
    weight: undefined,
    forwarding: { method: "masquerade" },
    upperThreshold: serverLimit,
    lowerThreshold: 0,
    checks: [{
      ...{ ...PLAIN_CHECK, request: check, rise, fall },
      ...{ intervalMs, fastIntervalMs: intervalMs, downIntervalMs: intervalMs },
    }],
    need: "all",
    whenFailed: "step",
    notify: [],
  };
}

function persistenceOf({ virtualServer, persistenceMs }: CareConfig): Persistence {
  return {
    // The kernel counts in seconds, and 0 would be its own default.
    timeoutS: Math.max(1, Math.round(persistenceMs / 1000)),
    prefix: familyBits(addressFamily(virtualServer.address)),
  };
}
