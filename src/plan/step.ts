/** Single changes to the kernel, each on its own and safe to make twice. */

import type { Family } from "../model/address.ts";
import type { IpvsChange, Server, Service, SyncDaemon, Timeouts } from "../model/ipvs.ts";
import type { InterfaceAddress, Route } from "../model/link.ts";
import type { MasqueradeKind, SetEntry } from "../model/masquerade.ts";

export type Step =
  | {
    readonly kind: "setParameter";
    readonly name: string;
    readonly before: string;
    readonly value: string;
  }
  | {
    readonly kind: "setTimeouts";
    /** Those of them that are there. */
    readonly before: Partial<Timeouts>;
    /** Those that differ. */
    readonly timeouts: Partial<Timeouts>;
  }
  | { readonly kind: "makeDevice"; readonly name: string; readonly found: "nothing" | "down" }
  | {
    readonly kind: "addAddress";
    readonly device: string;
    readonly address: InterfaceAddress;
  }
  | {
    readonly kind: "makeRules";
    readonly by: MasqueradeKind;
    readonly family: Family;
    readonly markBit: number;
    readonly missing: readonly string[];
  }
  | {
    readonly kind: "addEntries";
    readonly by: MasqueradeKind;
    readonly family: Family;
    readonly entries: readonly SetEntry[];
  }
  | {
    readonly kind: "change";
    readonly change: IpvsChange;
    /** What stood in the table, of an edit. */
    readonly before?: Service | Server;
    readonly why?: string | undefined;
    /** The service is made by the same plan, so that its servers do not come back but come. */
    readonly isNew?: boolean;
  }
  | {
    readonly kind: "putRoute";
    readonly route: Route;
    readonly before: Route | undefined;
  }
  | { readonly kind: "startDaemon"; readonly daemon: SyncDaemon }
  /** As it was asked for when it was started. */
  | { readonly kind: "stopDaemon"; readonly daemon: SyncDaemon }
  | { readonly kind: "removeRoute"; readonly route: Route }
  | {
    readonly kind: "removeEntries";
    readonly by: MasqueradeKind;
    readonly family: Family;
    readonly entries: readonly SetEntry[];
  }
  | { readonly kind: "removeRules"; readonly by: MasqueradeKind; readonly family: Family }
  | {
    readonly kind: "removeAddress";
    readonly device: string;
    readonly address: InterfaceAddress;
  }
  | { readonly kind: "removeDevice"; readonly name: string };
