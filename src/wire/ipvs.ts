/** The requests of generic netlink's family "IPVS" and what answers them, in values of the model. */

import { WireError } from "../errors.ts";
import { addressFromBytes, addressToBytes, type Family } from "../model/address.ts";
import type {
  DaemonRole,
  IpvsChange,
  IpvsInfo,
  ServerEntry,
  Service,
  ServiceKey,
  Stats,
  SyncDaemon,
  Timeouts,
} from "../model/ipvs.ts";
import { type Attributes, attributes } from "./attribute.ts";
import { Writer } from "./buffer.ts";
import { BYTES } from "./kind.ts";
import { GENL_BODY, type GenlFamily, genlRequest } from "./genl.ts";
import { decodeConnections, decodeServer, encodeServer, encodeServerKey } from "./ipvs_server.ts";
import {
  decodeService,
  encodeService,
  encodeServiceKey,
  type ServiceKeyAttributes,
} from "./ipvs_service.ts";
import {
  COMMANDS,
  DAEMON,
  DAEMON_KEY,
  inDaemon,
  INFO,
  inServer,
  inService,
  SERVER,
  SERVER_ENTRY,
  SERVER_KEY,
  SERVER_STATS,
  SERVER_STATS64,
  SERVICE,
  SERVICE_KEY,
  SERVICE_STATS,
  SERVICE_STATS64,
  type StatsAttributes,
  TIMEOUTS,
} from "./ipvs_tables.ts";
import type { Message, Request } from "./message.ts";

const MESSAGE = {
  serviceKey: attributes({ service: inService(BYTES) }),
  service: attributes({ service: inService(SERVICE) }),
  serviceStats: attributes({ service: inService(SERVICE_STATS) }),
  serviceStats64: attributes({ service: inService(SERVICE_STATS64) }),
  serverKey: attributes({ service: inService(BYTES), server: inServer(SERVER_KEY) }),
  server: attributes({ service: inService(BYTES), server: inServer(SERVER) }),
  serverEntry: attributes({ server: inServer(SERVER_ENTRY) }),
  serverStats: attributes({ server: inServer(SERVER_STATS) }),
  serverStats64: attributes({ server: inServer(SERVER_STATS64) }),
  daemonKey: attributes({ daemon: inDaemon(DAEMON_KEY) }),
  daemon: attributes({ daemon: inDaemon(DAEMON) }),
};

/** What a listed service says of itself, and how to ask for its servers. */
export interface ListedService {
  readonly service: Service;
  readonly key: ServiceKeyAttributes;
  readonly stats?: Stats;
}

export function changeRequest(family: GenlFamily, change: IpvsChange): Request {
  switch (change.kind) {
    case "addService":
      return serviceRequest(family, COMMANDS.newService, change.service);
    case "editService":
      return serviceRequest(family, COMMANDS.setService, change.service);
    case "deleteService":
      return keyRequest(family, COMMANDS.delService, change.key);
    case "addServer":
    case "editServer": {
      const { key, server } = change;
      const command = change.kind === "addServer" ? COMMANDS.newDest : COMMANDS.setDest;
      return genlRequest(family, command, (to) =>
        MESSAGE.server.write(to, {
          service: keyBytes(key),
          server: encodeServer(server),
        }));
    }
    case "deleteServer": {
      const { key, server } = change;
      return genlRequest(family, COMMANDS.delDest, (to) =>
        MESSAGE.serverKey.write(to, {
          service: keyBytes(key),
          server: encodeServerKey(server),
        }));
    }
  }
}

export function listServicesRequest(family: GenlFamily): Request {
  return bareRequest(family, COMMANDS.getService);
}

/** Asks for one service; where there is none that is refused with ESRCH. */
export function getServiceRequest(family: GenlFamily, key: ServiceKey): Request {
  return keyRequest(family, COMMANDS.getService, key);
}

export function decodeListedService(message: Message, stats: boolean): ListedService {
  const { service: key } = MESSAGE.service.read(message.input, GENL_BODY);
  const service = decodeService(key);
  if (!stats) return { service, key };
  const wide = MESSAGE.serviceStats64.read(message.input, GENL_BODY).service.stats;
  const read = wide ?? MESSAGE.serviceStats.read(message.input, GENL_BODY).service.stats;
  return { service, key, stats: decodeStats(read, "IPVS_SVC_ATTR_STATS") };
}

/** A service that is gone has no servers: the kernel does not tell the two apart. */
export function listServersRequest(family: GenlFamily, key: ServiceKeyAttributes): Request {
  const service = attributeBytes(key);
  return genlRequest(
    family,
    COMMANDS.getDest,
    (to) => MESSAGE.serviceKey.write(to, { service }),
  );
}

export function decodeListedServer(
  message: Message,
  serviceFamily: Family,
  stats: boolean,
): ServerEntry {
  const { server: entry } = MESSAGE.serverEntry.read(message.input, GENL_BODY);
  const server = decodeServer(entry, serviceFamily);
  const connections = decodeConnections(entry);
  if (!stats) return { server, connections };
  const wide = MESSAGE.serverStats64.read(message.input, GENL_BODY).server.stats;
  const read = wide ?? MESSAGE.serverStats.read(message.input, GENL_BODY).server.stats;
  return { server, connections, stats: decodeStats(read, "IPVS_DEST_ATTR_STATS") };
}

/** Without a key, all counters. */
export function zeroRequest(family: GenlFamily, key?: ServiceKey): Request {
  return key ? keyRequest(family, COMMANDS.zero, key) : bareRequest(family, COMMANDS.zero);
}

export function flushRequest(family: GenlFamily): Request {
  return bareRequest(family, COMMANDS.flush);
}

export function infoRequest(family: GenlFamily): Request {
  return bareRequest(family, COMMANDS.getInfo);
}

export function decodeInfo(message: Message): IpvsInfo {
  const { version, connectionTableSize } = INFO.read(message.input, GENL_BODY);
  const parts = [version >>> 16, (version >>> 8) & 0xff, version & 0xff];
  return { version: parts.join("."), connectionTableSize };
}

export function timeoutsRequest(family: GenlFamily): Request {
  return bareRequest(family, COMMANDS.getConfig);
}

/** A kernel without TCP or UDP in its IPVS does not tell their timeouts: they count as 0. */
export function decodeTimeouts(message: Message): Timeouts {
  const { tcpS = 0, tcpFinS = 0, udpS = 0 } = TIMEOUTS.read(message.input, GENL_BODY);
  return { tcpS, tcpFinS, udpS };
}

export function setTimeoutsRequest(family: GenlFamily, timeouts: Partial<Timeouts>): Request {
  return genlRequest(family, COMMANDS.setConfig, (to) => TIMEOUTS.write(to, timeouts));
}

/** IP_VS_STATE_* */
const STATES: Readonly<Record<DaemonRole, number>> = { master: 1, backup: 2 };

export function daemonsRequest(family: GenlFamily): Request {
  return bareRequest(family, COMMANDS.getDaemon);
}

export function startDaemonRequest(family: GenlFamily, daemon: SyncDaemon): Request {
  return genlRequest(
    family,
    COMMANDS.newDaemon,
    (to) => MESSAGE.daemon.write(to, { daemon: encodeDaemon(daemon) }),
  );
}

export function stopDaemonRequest(family: GenlFamily, role: DaemonRole): Request {
  return genlRequest(
    family,
    COMMANDS.delDaemon,
    (to) => MESSAGE.daemonKey.write(to, { daemon: { state: STATES[role] } }),
  );
}

export function decodeListedDaemon(message: Message): SyncDaemon {
  const { daemon } = MESSAGE.daemon.read(message.input, GENL_BODY);
  const { state, syncId, maxLength, group, group6, port, ttl } = daemon;
  const role = state === STATES.master ? "master" : state === STATES.backup ? "backup" : undefined;
  if (!role) {
    throw new WireError(`decode IPVS_DAEMON_ATTR_STATE: state ${state} is not known here`, {
      attribute: "IPVS_DAEMON_ATTR_STATE",
    });
  }
  const address = group ?? group6;
  return {
    role,
    syncId,
    interface: daemon.interface,
    ...(maxLength !== undefined && { maxLength }),
    ...(address !== undefined && { group: addressFromBytes(address) }),
    ...(port !== undefined && { port }),
    ...(ttl !== undefined && { ttl }),
  };
}

function encodeDaemon(daemon: SyncDaemon): Attributes<typeof DAEMON> {
  const { role, syncId, maxLength, group, port, ttl } = daemon;
  const address = group && addressToBytes(group);
  return {
    state: STATES[role],
    interface: daemon.interface,
    syncId,
    maxLength,
    group: address?.length === 4 ? address : undefined,
    group6: address?.length === 16 ? address : undefined,
    port,
    ttl,
  };
}

function decodeStats(stats: StatsAttributes | undefined, attribute: string): Stats {
  if (!stats) throw new WireError(`decode ${attribute}: missing`, { attribute });
  return {
    counters: {
      connections: BigInt(stats.connections),
      inPackets: BigInt(stats.inPackets),
      outPackets: BigInt(stats.outPackets),
      inBytes: stats.inBytes,
      outBytes: stats.outBytes,
    },
    rates: {
      connections: BigInt(stats.connectionRate),
      inPackets: BigInt(stats.inPacketRate),
      outPackets: BigInt(stats.outPacketRate),
      inBytes: BigInt(stats.inByteRate),
      outBytes: BigInt(stats.outByteRate),
    },
  };
}

const keyWriter = new Writer(64);
let lastKey: { readonly key: ServiceKey; readonly bytes: Uint8Array } | undefined;

/** The attributes that find a service. A service's servers come one after the other, so the last are kept. */
function keyBytes(key: ServiceKey): Uint8Array {
  if (lastKey?.key !== key) lastKey = { key, bytes: attributeBytes(encodeServiceKey(key)) };
  return lastKey.bytes;
}

function attributeBytes(key: ServiceKeyAttributes): Uint8Array {
  keyWriter.reset();
  SERVICE_KEY.write(keyWriter, key);
  return keyWriter.take();
}

type Command = (typeof COMMANDS)[keyof typeof COMMANDS];

function bareRequest(family: GenlFamily, command: Command): Request {
  return genlRequest(family, command, () => {});
}

function keyRequest(family: GenlFamily, command: Command, key: ServiceKey): Request {
  return genlRequest(
    family,
    command,
    (to: Writer) => MESSAGE.serviceKey.write(to, { service: keyBytes(key) }),
  );
}

function serviceRequest(family: GenlFamily, command: Command, service: Service): Request {
  return genlRequest(
    family,
    command,
    (to) => MESSAGE.service.write(to, { service: encodeService(service) }),
  );
}
