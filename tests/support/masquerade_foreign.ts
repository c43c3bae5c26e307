/** Other people's rules and sets, as alike to ours as they can be; and what is ours in what iptables-save prints. */

import type { Family } from "../../src/model/address.ts";
import { feed, must } from "./network.ts";

export type IptablesVariant = "nft" | "legacy";

export function program(family: Family, variant: IptablesVariant): string {
  return `${family === "ipv4" ? "iptables" : "ip6tables"}-${variant}`;
}

const RULES = (set: string) =>
  `*mangle
:VIRTUAL-SERVICES - [0:0]
-A PREROUTING -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES
-A VIRTUAL-SERVICES -j MARK --set-xmark 0x1/0x1
COMMIT
*nat
:FOREIGN - [0:0]
:VIRTUAL - [0:0]
:VIRTUAL-SERVICES-2 - [0:0]
-A PREROUTING -m comment --comment "virtual service portals" -j FOREIGN
-A PREROUTING -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80
-A PREROUTING -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES-2
-A OUTPUT -m comment --comment "it's \\"-j VIRTUAL-SERVICES\\" \\\\" -j RETURN
-A OUTPUT -m comment --comment "virtual service portals" -j RETURN
-A POSTROUTING -m comment --comment "virtual service traffic requiring SNAT" -j MASQUERADE
-A POSTROUTING -m mark ! --mark 0x4/0x4 -j RETURN
-A FOREIGN -j MARK --set-xmark 0x400000/0x400000
-A FOREIGN -m set --match-set ${set} dst,dst -j RETURN
COMMIT
*filter
:VIRTUAL-MARK-MASQ - [0:0]
-A FORWARD -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x4/0x4 -j ACCEPT
-A OUTPUT -p tcp -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x4/0x4 -j ACCEPT
-A OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x4/0x4 -j DROP
-A OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark ! --mark 0x4/0x4 -j ACCEPT
-A OUTPUT -m mark --mark 0x4/0x4 -j ACCEPT
-A OUTPUT -m mark --mark 0x4/0x4 -j VIRTUAL-MARK-MASQ
COMMIT
`;

const SETS = `create foreign-4 hash:ip,port
add foreign-4 10.0.0.1,tcp:80
create foreign-6 hash:ip,port family inet6
add foreign-6 2001:db8::1,udp:53
create VIRTUAL-IPS hash:ip,port
`;

export async function makeForeign(variant: IptablesVariant): Promise<void> {
  await feed(SETS, "ipset", "restore");
  await restore("ipv4", variant, RULES("foreign-4"));
  await restore("ipv6", variant, RULES("foreign-6"));
}

export async function restore(
  family: Family,
  variant: IptablesVariant,
  input: string,
): Promise<void> {
  await feed(input, `${program(family, variant)}-restore`, "--noflush", "-w", "5");
}

export interface Lines {
  readonly ours: readonly string[];
  readonly foreign: readonly string[];
}

/** The lines of iptables-save, without the comments, which tell the time. */
export async function savedLines(family: Family, variant: IptablesVariant): Promise<Lines> {
  const text = await must(`${program(family, variant)}-save`);
  const [ours, foreign]: [string[], string[]] = [[], []];
  let table = "";
  for (const line of text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))) {
    if (line.startsWith("*")) table = line;
    (OURS[table]?.some((pattern) => pattern.test(line)) ? ours : foreign).push(line);
  }
  return { ours, foreign };
}

const OURS: Readonly<Record<string, readonly RegExp[]>> = {
  "*nat": [
    /^(?::|-A )VIRTUAL-(?:SERVICES|MARK-MASQ|POSTROUTING) /,
    /^-A (?:PREROUTING|OUTPUT) -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES$/,
    /^-A POSTROUTING -m comment --comment "virtual service postrouting rules" -j VIRTUAL-POSTROUTING$/,
  ],
  "*filter": [
    /^-A OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x[0-9a-f]+(?:\/0x[0-9a-f]+)? -j ACCEPT$/,
  ],
};

/** Everything that is not ours. */
export async function printForeign(variant: IptablesVariant): Promise<string> {
  const sets = (await must("ipset", "save")).split("\n");
  return [
    ...(await savedLines("ipv4", variant)).foreign,
    ...(await savedLines("ipv6", variant)).foreign,
    ...sets.filter((line) => !/^\S+ VIRTUAL-IP6? /.test(line)),
  ].join("\n");
}

/** Which bits the values and masks in the lines have; no whole number where they have several. */
export function bitsOf(lines: readonly string[]): number[] {
  const values = lines.flatMap((line) => [...line.matchAll(/\b0x([0-9a-f]+)\b/g)]);
  return [...new Set(values.map(([, hex]) => Math.log2(parseInt(hex!, 16))))];
}
