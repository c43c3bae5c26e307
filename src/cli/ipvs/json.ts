/** What `lvscare ipvs … -o json` prints. The names are a promise to callers. */

import type { Connection } from "../../ipvsadm/connections.ts";
import { schedulerFlagName } from "../../ipvsadm/scheduler_flags.ts";
import type { Endpoint } from "../../model/endpoint.ts";
import type {
  Counters,
  Forwarding,
  IpvsInfo,
  ServerEntry,
  ServiceEntry,
  ServiceKey,
  Stats,
  SyncDaemon,
  Timeouts,
} from "../../model/ipvs.ts";

export function printJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

export function tableJson(info: IpvsInfo, entries: readonly ServiceEntry[]): unknown {
  return {
    version: info.version,
    connectionTableSize: info.connectionTableSize,
    services: entries.map(serviceJson),
  };
}

export function serviceJson({ service, servers, stats }: ServiceEntry): unknown {
  const { key, scheduler, schedulerFlags, onePacket, persistence } = service;
  return {
    ...keyJson(key),
    scheduler,
    schedulerFlags: schedulerFlags.map((flag) => schedulerFlagName(scheduler, flag)),
    onePacket,
    persistence: persistence === undefined ? null : {
      timeoutSeconds: persistence.timeoutS,
      prefix: persistence.prefix,
      ...(persistence.mask !== undefined && { mask: persistence.mask }),
      engine: persistence.engine ?? null,
    },
    ...statsJson(stats),
    servers: servers.map(serverJson),
  };
}

function keyJson(key: ServiceKey): Record<string, unknown> {
  return key.kind === "mark"
    ? { mark: key.mark, family: key.family }
    : { protocol: key.protocol, address: key.address, port: key.port };
}

function serverJson({ server, connections, stats }: ServerEntry): unknown {
  return {
    address: server.address,
    port: server.port,
    weight: server.weight,
    forward: server.forwarding.method,
    tunnel: tunnelJson(server.forwarding),
    upperThreshold: server.upperThreshold,
    lowerThreshold: server.lowerThreshold,
    activeConnections: connections.active,
    inactiveConnections: connections.inactive,
    persistentConnections: connections.persistent,
    ...statsJson(stats),
  };
}

function tunnelJson(forwarding: Forwarding): unknown {
  if (forwarding.method !== "tunnel") return null;
  switch (forwarding.encapsulation) {
    case "ipip":
      return { type: "ipip" };
    case "gue":
      return { type: "gue", port: forwarding.port, checksum: forwarding.checksum };
    case "gre":
      return { type: "gre", checksum: forwarding.checksum };
  }
}

function statsJson(stats: Stats | undefined): Record<string, unknown> {
  if (stats === undefined) return {};
  return { counters: countersJson(stats.counters), perSecond: countersJson(stats.rates) };
}

/** As strings of digits: they have 64 bits, and a number in JSON is safe to 53. */
function countersJson(counters: Counters): unknown {
  return {
    connections: String(counters.connections),
    inPackets: String(counters.inPackets),
    outPackets: String(counters.outPackets),
    inBytes: String(counters.inBytes),
    outBytes: String(counters.outBytes),
  };
}

export function connectionsJson(connections: readonly Connection[]): unknown {
  const endpoint = ({ address, port }: Endpoint) => ({ address, port });
  return {
    connections: connections.map((connection) => ({
      protocol: connection.protocol.toLowerCase(),
      client: endpoint(connection.client),
      virtual: endpoint(connection.virtual),
      server: endpoint(connection.server),
      state: connection.state,
      expiresSeconds: connection.expiresS,
      engine: connection.engine ?? null,
    })),
  };
}

export function timeoutsJson({ tcpS, tcpFinS, udpS }: Timeouts): unknown {
  return { tcpSeconds: tcpS, tcpFinSeconds: tcpFinS, udpSeconds: udpS };
}

export function daemonsJson(daemons: readonly SyncDaemon[]): unknown {
  return {
    daemons: daemons.map((daemon) => ({
      role: daemon.role,
      syncId: daemon.syncId,
      interface: daemon.interface,
      maxLength: daemon.maxLength ?? null,
      group: daemon.group ?? null,
      port: daemon.port ?? null,
      ttl: daemon.ttl ?? null,
    })),
  };
}
