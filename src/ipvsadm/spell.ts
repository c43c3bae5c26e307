/** A change as the arguments of ipvsadm that make it: parseArguments() the other way round. */

import { UnsupportedError } from "../errors.ts";
import { type Family, familyBits } from "../model/address.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import {
  type Forwarding,
  type IpvsChange,
  keyFamily,
  type Persistence,
  printServiceKey,
  type Server,
  type Service,
  type ServiceKey,
  type SyncDaemon,
  type TunnelChecksum,
} from "../model/ipvs.ts";
import { printClientMask } from "./netmask.ts";
import { isShown, printSchedulerFlags } from "./scheduler_flags.ts";
import { MAX_TIMEOUT_S } from "./values.ts";

/** How an endpoint is written: with its port's number or with its name. */
export type EndpointPrinter = (endpoint: Endpoint) => string;

const PROTOCOL_OPTIONS = { tcp: "-t", udp: "-u", sctp: "--sctp-service" } as const;

/** The arguments of one invocation. Throws UnsupportedError for what ipvsadm has no words for. */
export function changeArguments(change: IpvsChange): string[] {
  switch (change.kind) {
    case "addService":
      return ["-A", ...serviceArguments(expressible(change.service))];
    case "editService":
      return ["-E", ...serviceArguments(expressible(change.service))];
    case "deleteService":
      return ["-D", ...keyArguments(change.key)];
    case "addServer":
      return ["-a", ...fullServerArguments(change.key, change.server)];
    case "editServer":
      return ["-e", ...fullServerArguments(change.key, change.server)];
    case "deleteServer":
      return ["-d", ...keyArguments(change.key), "-r", printEndpoint(change.server)];
  }
}

export function keyArguments(key: ServiceKey, print: EndpointPrinter = printEndpoint): string[] {
  if (key.kind === "address") return [PROTOCOL_OPTIONS[key.protocol], print(key)];
  // ipvsadm wants -6 after -f.
  return key.family === "ipv6" ? ["-f", String(key.mark), "-6"] : ["-f", String(key.mark)];
}

/** In the order in which ipvsadm -S writes them. */
export function serviceArguments(
  service: Service,
  print: EndpointPrinter = printEndpoint,
): string[] {
  const { key, scheduler, schedulerFlags, onePacket, persistence } = service;
  return [
    ...keyArguments(key, print),
    "-s",
    scheduler,
    ...(persistence ? persistenceArguments(persistence, keyFamily(key)) : []),
    ...(onePacket ? ["-o"] : []),
    ...(schedulerFlags.length > 0 ? ["-b", printSchedulerFlags(scheduler, schedulerFlags)] : []),
  ];
}

function persistenceArguments(persistence: Persistence, family: Family): string[] {
  const { timeoutS, prefix, engine } = persistence;
  return [
    "-p",
    String(timeoutS),
    ...(prefix === familyBits(family) ? [] : ["-M", printClientMask(persistence, family)]),
    ...(engine === undefined ? [] : ["--pe", engine]),
  ];
}

/** In the order in which ipvsadm -S writes them; without thresholds, which it does not write. */
export function serverArguments(
  key: ServiceKey,
  server: Server,
  print: EndpointPrinter = printEndpoint,
): string[] {
  const { method, tunnel } = forwardingArguments(server.forwarding);
  return [
    ...keyArguments(key, print),
    "-r",
    print(server),
    method,
    "-w",
    String(server.weight),
    ...tunnel,
  ];
}

export function thresholdArguments(server: Server): string[] {
  const { upperThreshold, lowerThreshold } = server;
  return [
    ...(upperThreshold > 0 ? ["-x", String(upperThreshold)] : []),
    ...(lowerThreshold > 0 ? ["-y", String(lowerThreshold)] : []),
  ];
}

function fullServerArguments(key: ServiceKey, server: Server): string[] {
  checkServer(key, server);
  return [...serverArguments(key, server), ...thresholdArguments(server)];
}

const CHECKSUM_OPTIONS: Readonly<Record<TunnelChecksum, string>> = {
  none: "--tun-nocsum",
  checksum: "--tun-csum",
  remote: "--tun-remcsum",
};

function forwardingArguments(forwarding: Forwarding): { method: string; tunnel: string[] } {
  switch (forwarding.method) {
    case "masquerade":
      return { method: "-m", tunnel: [] };
    case "direct":
    // ipvsadm -S says so of both; changeArguments() lets neither come here.
    case "local":
    case "bypass":
      return { method: "-g", tunnel: [] };
    case "tunnel": {
      const type = ["--tun-type", forwarding.encapsulation];
      if (forwarding.encapsulation === "ipip") return { method: "-i", tunnel: type };
      const port = forwarding.encapsulation === "gue"
        ? ["--tun-port", String(forwarding.port)]
        : [];
      return {
        method: "-i",
        tunnel: [...type, ...port, CHECKSUM_OPTIONS[forwarding.checksum]],
      };
    }
  }
}

export function daemonArguments(daemon: SyncDaemon): string[] {
  const optional = (option: string, value: string | number | undefined) =>
    value === undefined ? [] : [option, String(value)];
  return [
    "--start-daemon",
    daemon.role,
    "--mcast-interface",
    daemon.interface,
    "--syncid",
    String(daemon.syncId),
    ...optional("--sync-maxlen", daemon.maxLength),
    ...optional("--mcast-group", daemon.group),
    ...optional("--mcast-port", daemon.port),
    ...optional("--mcast-ttl", daemon.ttl),
  ];
}

function expressible(service: Service): Service {
  const { key, scheduler, schedulerFlags, onePacket, persistence } = service;
  const subject = printServiceKey(key);
  // It could be set, but never be read again.
  const hidden = schedulerFlags.find((flag) => !isShown(scheduler, flag));
  if (hidden !== undefined) throw unsupported(`flag-${hidden} of scheduler ${scheduler}`, subject);
  if (persistence && (persistence.timeoutS < 1 || persistence.timeoutS > MAX_TIMEOUT_S)) {
    throw unsupported(`a persistence timeout of ${persistence.timeoutS} s`, subject);
  }
  if (key.kind === "address" && key.port === 0 && !persistence) {
    throw unsupported("port 0 without persistence", subject);
  }
  if (key.kind === "address" && key.protocol !== "udp" && onePacket) {
    throw unsupported(`one-packet scheduling for ${key.protocol}`, subject);
  }
  return service;
}

function checkServer(key: ServiceKey, server: Server): void {
  const { method } = server.forwarding;
  const subject = `${printServiceKey(key)} -> ${printEndpoint(server)}`;
  if (method === "local" || method === "bypass") {
    throw unsupported(`forwarding method ${method}`, subject);
  }
  // ipvsadm puts the service's port in the place of another one, and says nothing.
  if (key.kind === "address" && method !== "masquerade" && server.port !== key.port) {
    throw unsupported(`a port of its own with ${method} forwarding`, subject);
  }
}

function unsupported(feature: string, subject: string): UnsupportedError {
  return new UnsupportedError(`${subject}: ipvsadm cannot express ${feature}`, feature, {
    subject,
    hint: "use the netlink implementation",
  });
}
