/** What an IPVS table holds, as values: services, their servers, counters, and the changes to them. */

import { type Address, addressFamily, type Family } from "./address.ts";
import { type Endpoint, printEndpoint } from "./endpoint.ts";

export type Protocol = "tcp" | "udp" | "sctp";

/** What makes a service the one it is: protocol, address and port, or a firewall mark and a family. */
export type ServiceKey =
  | { readonly kind: "address"; readonly protocol: Protocol } & Endpoint
  | { readonly kind: "mark"; readonly mark: number; readonly family: Family };

/** Scheduler flags 1 to 3. What they mean is the scheduler's: for sh 1 is fallback and 2 is port. */
export type SchedulerFlag = 1 | 2 | 3;

export interface Persistence {
  readonly timeoutS: number;
  /** How many leading bits of the client's address make it the same client. */
  readonly prefix: number;
  /** An IPv4 mask with holes, whose first bits `prefix` then tells. Hardly anybody wants one; some have one. */
  readonly mask?: Address;
  /** A persistence engine's name ("sip"), where one is used. */
  readonly engine?: string;
}

export interface Service {
  readonly key: ServiceKey;
  readonly scheduler: string;
  /** In ascending order, without repetition. */
  readonly schedulerFlags: readonly SchedulerFlag[];
  /** One packet is one connection (UDP only). */
  readonly onePacket: boolean;
  readonly persistence?: Persistence;
}

export type TunnelChecksum = "none" | "checksum" | "remote";

/** How a packet reaches a server. "local" is a server on this host. */
export type Forwarding =
  | { readonly method: "masquerade" | "direct" | "local" | "bypass" }
  | { readonly method: "tunnel"; readonly encapsulation: "ipip" }
  | {
    readonly method: "tunnel";
    readonly encapsulation: "gue";
    readonly port: number;
    readonly checksum: TunnelChecksum;
  }
  | {
    readonly method: "tunnel";
    readonly encapsulation: "gre";
    readonly checksum: Exclude<TunnelChecksum, "remote">;
  };

export interface Server extends Endpoint {
  readonly weight: number;
  readonly forwarding: Forwarding;
  /** Connections above which no new one is sent here; 0 is no limit. */
  readonly upperThreshold: number;
  /** Connections below which an overloaded server is used again; 0 leaves it to the kernel. */
  readonly lowerThreshold: number;
}

/** 64 bits each: at 100 Gbit/s a number would lose count within nine days. */
export interface Counters {
  readonly connections: bigint;
  readonly inPackets: bigint;
  readonly outPackets: bigint;
  readonly inBytes: bigint;
  readonly outBytes: bigint;
}

/** Per second, as the kernel estimates them. */
export type Rates = Counters;

export interface Stats {
  readonly counters: Counters;
  readonly rates: Rates;
}

export interface ServerConnections {
  readonly active: number;
  readonly inactive: number;
  readonly persistent: number;
}

/** A server as it stands in a table. */
export interface ServerEntry {
  readonly server: Server;
  readonly connections: ServerConnections;
  /** Only where it was asked for. */
  readonly stats?: Stats;
}

/** A service as it stands in a table, with its servers in the table's order. */
export interface ServiceEntry {
  readonly service: Service;
  readonly servers: readonly ServerEntry[];
  readonly stats?: Stats;
}

/** One change to the table. An edit replaces everything but the key. */
export type IpvsChange =
  | { readonly kind: "addService"; readonly service: Service }
  | { readonly kind: "editService"; readonly service: Service }
  | { readonly kind: "deleteService"; readonly key: ServiceKey }
  | { readonly kind: "addServer"; readonly key: ServiceKey; readonly server: Server }
  | { readonly kind: "editServer"; readonly key: ServiceKey; readonly server: Server }
  | { readonly kind: "deleteServer"; readonly key: ServiceKey; readonly server: Endpoint };

export interface Timeouts {
  readonly tcpS: number;
  readonly tcpFinS: number;
  readonly udpS: number;
}

export type DaemonRole = "master" | "backup";

/** The connection synchronisation daemon of one role. */
export interface SyncDaemon {
  readonly role: DaemonRole;
  readonly syncId: number;
  readonly interface: string;
  /** Longest message; undefined leaves it to the kernel. */
  readonly maxLength?: number;
  readonly group?: Address;
  readonly port?: number;
  readonly ttl?: number;
}

export interface IpvsInfo {
  /** The kernel's IPVS version: "1.2.1". */
  readonly version: string;
  readonly connectionTableSize: number;
}

export function keyFamily(key: ServiceKey): Family {
  return key.kind === "mark" ? key.family : addressFamily(key.address);
}

/** The key as people read it, and as maps use it: "TCP 10.0.0.1:80", "FWM 5", "FWM 5 IPv6". */
export function printServiceKey(key: ServiceKey): string {
  if (key.kind === "address") return `${key.protocol.toUpperCase()} ${printEndpoint(key)}`;
  return key.family === "ipv6" ? `FWM ${key.mark} IPv6` : `FWM ${key.mark}`;
}
