/** The rules of masquerading as iptables has them, under the names that LVScare gave them. */

import type { Family } from "../../model/address.ts";
import type { MasqueradeOptions } from "../masquerade.ts";

export type TableName = "nat" | "filter";

export interface RuleOptions extends MasqueradeOptions {
  /** Whether source ports are chosen at random, which older versions of iptables do not know. */
  readonly randomFully: boolean;
}

/** Where a packet enters one of our chains. The text of a rule is what iptables-save prints of it. */
export interface Jump {
  readonly from: string;
  readonly to: string;
  readonly rule: string;
}

const SERVICES = "VIRTUAL-SERVICES";
const MARK_MASQ = "VIRTUAL-MARK-MASQ";
const POSTROUTING = "VIRTUAL-POSTROUTING";

/** Ours whole; all of them in the table nat. */
export const OUR_CHAINS: readonly string[] = [SERVICES, MARK_MASQ, POSTROUTING];

export const JUMPS: readonly Jump[] = [
  jump("PREROUTING", SERVICES, "virtual service portals"),
  jump("OUTPUT", SERVICES, "virtual service portals"),
  jump("POSTROUTING", POSTROUTING, "virtual service postrouting rules"),
];

function jump(from: string, to: string, comment: string): Jump {
  return { from, to, rule: `${commented(comment)} -j ${to}` };
}

export function setName(family: Family): string {
  return family === "ipv4" ? "VIRTUAL-IP" : "VIRTUAL-IP6";
}

/** What each of our chains holds. */
export function chainRules(options: RuleOptions): ReadonlyMap<string, readonly string[]> {
  const mark = maskedMark(options.markBit);
  const masquerade = options.randomFully ? "MASQUERADE --random-fully" : "MASQUERADE";
  const match = `-m set --match-set ${setName(options.family)} dst,dst`;
  return new Map([
    [SERVICES, [
      `${commented("virtual service ip + port for masquerade purpose")} ${match} -j ${MARK_MASQ}`,
    ]],
    [MARK_MASQ, [`-j MARK --set-xmark ${mark}`]],
    [POSTROUTING, [
      `-m mark ! --mark ${mark} -j RETURN`,
      `${commented("virtual service traffic requiring SNAT")} -j ${masquerade}`,
    ]],
  ]);
}

/** The chain of the table filter in which marked packets are accepted, before others drop them. */
export const ACCEPTING_CHAIN = "OUTPUT";

export function acceptRule({ markBit }: MasqueradeOptions): string {
  const match = `-m mark --mark ${maskedMark(markBit)}`;
  return `${commented("accept for all marked by lvscare")} ${match} -j ACCEPT`;
}

function commented(comment: string): string {
  return `-m comment --comment "${comment}"`;
}

/** The bit under its own mask: nothing else of the mark is looked at or changed. */
function maskedMark(bit: number): string {
  const value = `0x${(2 ** bit).toString(16)}`;
  return `${value}/${value}`;
}
