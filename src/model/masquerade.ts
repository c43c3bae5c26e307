/** What is masqueraded, as values: entries of a set of address, protocol and port, and by which rules. */

import type { Endpoint } from "./endpoint.ts";
import type { Protocol } from "./ipvs.ts";

/** Whose rules they are. */
export type MasqueradeKind = "iptables" | "nftables";

export interface SetEntry extends Endpoint {
  readonly protocol: Protocol;
}

/** "10.0.0.1,tcp:80", as ipset prints it; also a key. */
export function printSetEntry({ address, protocol, port }: SetEntry): string {
  return `${address},${protocol}:${port}`;
}
