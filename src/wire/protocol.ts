/** IP's numbers of the protocols that services have. */

import type { Protocol } from "../model/ipvs.ts";

export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Undefined for a protocol that has no services. */
export function protocolOf(number: number): Protocol | undefined {
  for (const [name, each] of Object.entries(PROTOCOL_NUMBERS)) {
    if (each === number) return name as Protocol;
  }
  return undefined;
}
