/** What the kernel should have, as values. */

import type { Family } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Server, Service, SyncDaemon, Timeouts } from "../model/ipvs.ts";
import type { InterfaceAddress, Route } from "../model/link.ts";
import type { MasqueradeKind, SetEntry } from "../model/masquerade.ts";

export interface DesiredServer {
  readonly server: Server;
  /** Why its weight is what it is, for a log line: "connection refused", "no longer listed". */
  readonly why?: string | undefined;
}

/** A service that is ours whole: a server that is not named here is removed. */
export interface DesiredService {
  /** Its key as text. */
  readonly name: string;
  readonly service: Service;
  readonly servers: readonly DesiredServer[];
  /** Why servers that may be in the table are not named above. */
  readonly removals: readonly Removal[];
}

export interface Removal extends Endpoint {
  readonly why: string;
  /**
   * Only without a connection: weight 0 first, and one more look before it is taken out, for a connection
   * may have come between the look and the weight.
   */
  readonly onlyIfIdle: boolean;
}

export interface DesiredDevice {
  readonly name: string;
  readonly addresses: readonly InterfaceAddress[];
}

/** The rules of one kind and family, of which there is no more than one. */
export interface DesiredMasquerade {
  readonly kind: MasqueradeKind;
  readonly family: Family;
  readonly markBit: number;
  readonly entries: readonly SetEntry[];
}

/** What leads packets to the services. */
export interface Surroundings {
  readonly sysctls: Readonly<Record<string, string>>;
  readonly devices: readonly DesiredDevice[];
  readonly masquerades: readonly DesiredMasquerade[];
  readonly routes: readonly Route[];
}

/** IPVS's own settings, which are no service's. */
export interface TableSettings {
  /** Those that are not given are left as they are. */
  readonly timeouts: Partial<Timeouts>;
  /** No more than one of each role. */
  readonly daemons: readonly SyncDaemon[];
}

export interface DesiredState extends Surroundings, TableSettings {
  readonly services: readonly DesiredService[];
}

/** Nothing at all: what a clean leaves. */
export const NOTHING: DesiredState = {
  sysctls: {},
  devices: [],
  masquerades: [],
  routes: [],
  timeouts: {},
  daemons: [],
  services: [],
};
