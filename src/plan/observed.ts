/** What is looked at in the kernel, and what was seen there. */

import { type Owned, rulesKey } from "../desired/owned.ts";
import type { Surroundings, TableSettings } from "../desired/state.ts";
import type { Family } from "../model/address.ts";
import {
  printServiceKey,
  type ServiceEntry,
  type ServiceKey,
  type SyncDaemon,
  type Timeouts,
} from "../model/ipvs.ts";
import type { Link, Route } from "../model/link.ts";
import type { MasqueradeKind, SetEntry } from "../model/masquerade.ts";

/** What a look is for: all that is wanted and all that is ours. */
export interface Scope {
  readonly parameters: readonly string[];
  readonly devices: readonly string[];
  readonly masquerades: readonly {
    readonly kind: MasqueradeKind;
    readonly family: Family;
    /** Undefined: what is missing does not matter, since nothing of it is wanted. */
    readonly markBit: number | undefined;
  }[];
  readonly services: readonly ServiceKey[];
  readonly routes: boolean;
  readonly timeouts: boolean;
  readonly daemons: boolean;
}

export interface ObservedMasquerade {
  readonly kind: MasqueradeKind;
  readonly family: Family;
  /** Whether anything of rules or set is there. */
  readonly exists: boolean;
  readonly missing: readonly string[];
  /** Those of other instances too. */
  readonly entries: readonly SetEntry[];
}

/** What could not be read is not in it, and nothing is planned for it. */
export interface Observed {
  /** Values by name; undefined where the kernel has no such parameter. */
  readonly parameters: ReadonlyMap<string, string | undefined>;
  /** Devices by name; undefined where there is none. */
  readonly devices: ReadonlyMap<string, Link | undefined>;
  readonly masquerades: readonly ObservedMasquerade[];
  /** Those of the scope that are there, by their keys as text. */
  readonly services: ReadonlyMap<string, ServiceEntry> | undefined;
  readonly routes: readonly Route[] | undefined;
  /** None where there is no IPVS yet. */
  readonly timeouts: Partial<Timeouts> | undefined;
  /** Whoever has started them. */
  readonly daemons: readonly SyncDaemon[] | undefined;
}

/** What there is to look at for what is wanted and for what is ours. */
export function scopeOf(
  wanted: Surroundings & TableSettings & { readonly services: readonly ServiceKey[] },
  owned: Owned,
): Scope {
  const { sysctls, devices, masquerades, services, routes, timeouts, daemons } = wanted;
  const isWanted = new Set(masquerades.map(rulesKey));
  const others = owned.masquerades.filter((each) => !isWanted.has(rulesKey(each)));
  return {
    parameters: Object.keys(sysctls),
    devices: [...new Set([...devices, ...owned.devices].map(({ name }) => name))],
    masquerades: [
      ...masquerades.map(({ kind, family, markBit }) => ({ kind, family, markBit })),
      ...others.map(({ kind, family }) => ({ kind, family, markBit: undefined })),
    ],
    services: uniqueKeys([...services, ...owned.services]),
    routes: routes.length > 0 || owned.routes.length > 0,
    timeouts: Object.keys(timeouts).length > 0,
    daemons: daemons.length > 0 || owned.daemons.length > 0,
  };
}

function uniqueKeys(keys: readonly ServiceKey[]): ServiceKey[] {
  return [...new Map(keys.map((key) => [printServiceKey(key), key])).values()];
}
