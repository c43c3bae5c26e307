/** What the kernel should have, as values. */

import type { Family } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Server, Service } from "../model/ipvs.ts";
import type { InterfaceAddress, Route } from "../model/link.ts";
import type { MasqueradeKind, SetEntry } from "../model/masquerade.ts";

export interface DesiredServer {
  readonly server: Server;
  /** Why its weight is what it is, for a log line: "connection refused", "no longer listed". */
  readonly why?: string | undefined;
}

/** A service that is ours whole: a server that is not named here is removed. */
export interface DesiredService {
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

export interface DesiredMasquerade {
  readonly kind: MasqueradeKind;
  readonly family: Family;
  readonly markBit: number;
  readonly entries: readonly SetEntry[];
}

export interface DesiredState {
  readonly sysctls: Readonly<Record<string, string>>;
  readonly device: DesiredDevice | undefined;
  readonly masquerade: DesiredMasquerade | undefined;
  readonly services: readonly DesiredService[];
  readonly route: Route | undefined;
}

/** Nothing at all: what a clean leaves. */
export const NOTHING: DesiredState = {
  sysctls: {},
  device: undefined,
  masquerade: undefined,
  services: [],
  route: undefined,
};
