/** What is looked at in the kernel, and what was seen there. */

import type { Owned } from "../desired/owned.ts";
import type { DesiredState } from "../desired/state.ts";
import type { Family } from "../model/address.ts";
import { printServiceKey, type ServiceEntry, type ServiceKey } from "../model/ipvs.ts";
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
  /** Those of the scope that are there. */
  readonly services: readonly ServiceEntry[] | undefined;
  readonly routes: readonly Route[] | undefined;
}

export function scopeOf(desired: DesiredState, owned: Owned): Scope {
  const { device, masquerade, services, route } = desired;
  const wanted = masquerade
    ? [{ kind: masquerade.kind, family: masquerade.family, markBit: masquerade.markBit }]
    : [];
  const others = owned.masquerades.filter(({ kind, family }) =>
    kind !== masquerade?.kind || family !== masquerade.family
  );
  return {
    parameters: Object.keys(desired.sysctls),
    devices: [
      ...new Set([...(device ? [device.name] : []), ...owned.devices.map(({ name }) => name)]),
    ],
    masquerades: [
      ...wanted,
      ...others.map(({ kind, family }) => ({ kind, family, markBit: undefined })),
    ],
    services: uniqueKeys([...services.map(({ service }) => service.key), ...owned.services]),
    routes: route !== undefined || owned.routes.length > 0,
  };
}

function uniqueKeys(keys: readonly ServiceKey[]): ServiceKey[] {
  return [...new Map(keys.map((key) => [printServiceKey(key), key])).values()];
}
