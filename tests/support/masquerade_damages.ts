/** How our rules of iptables can be broken: by people, by flushing programs, by crashes, by LVScare itself. */

import type { MasqueradeOptions } from "../../src/kernel/masquerade.ts";
import type { Damage } from "../conformance/masquerade.ts";
import { type IptablesVariant, restore } from "./masquerade_foreign.ts";
import { must } from "./network.ts";

const PORTALS = '-m comment --comment "virtual service portals" -j VIRTUAL-SERVICES';
const TO_POSTROUTING =
  '-m comment --comment "virtual service postrouting rules" -j VIRTUAL-POSTROUTING';
const SNAT = '-m comment --comment "virtual service traffic requiring SNAT" -j MASQUERADE';
const ACCEPT = '-m comment --comment "accept for all marked by lvscare" -m mark --mark';

export function iptablesDamages(
  { family, markBit }: MasqueradeOptions,
  variant: IptablesVariant,
): readonly Damage[] {
  const bit = `0x${(2 ** markBit).toString(16)}`;
  const [mark, otherMark] = [`${bit}/${bit}`, "0x80000/0x80000"];
  const set = family === "ipv4" ? "VIRTUAL-IP" : "VIRTUAL-IP6";
  const apply = (table: string, lines: readonly string[]) => () =>
    restore(family, variant, `${[`*${table}`, ...lines, "COMMIT"].join("\n")}\n`);
  const nat = (name: string, says: RegExp, lines: readonly string[], pieces = 1): Damage => ({
    name,
    says,
    pieces,
    apply: apply("nat", lines),
  });
  const filter = (name: string, says: RegExp, lines: readonly string[], pieces = 1): Damage => ({
    name,
    says,
    pieces,
    apply: apply("filter", lines),
  });
  return [
    nat("the jump from PREROUTING is deleted", /^jump from PREROUTING to VIRTUAL-SERVICES$/, [
      `-D PREROUTING ${PORTALS}`,
    ]),
    nat("the jump from OUTPUT is deleted", /^jump from OUTPUT to VIRTUAL-SERVICES$/, [
      `-D OUTPUT ${PORTALS}`,
    ]),
    nat("the jump from POSTROUTING is deleted", /^jump from POSTROUTING to VIRTUAL-POSTROUTING$/, [
      `-D POSTROUTING ${TO_POSTROUTING}`,
    ]),
    nat("a jump is repeated", /^jump from PREROUTING to VIRTUAL-SERVICES: repeated$/, [
      `-I PREROUTING ${PORTALS}`,
      `-A PREROUTING ${PORTALS}`,
    ]),
    nat("VIRTUAL-SERVICES is flushed", /^rule of chain VIRTUAL-SERVICES: .*--match-set/, [
      "-F VIRTUAL-SERVICES",
    ]),
    nat("VIRTUAL-MARK-MASQ is flushed", /^rule of chain VIRTUAL-MARK-MASQ: -j MARK/, [
      "-F VIRTUAL-MARK-MASQ",
    ]),
    nat("VIRTUAL-POSTROUTING is flushed", /^rule of chain VIRTUAL-POSTROUTING: .* RETURN$/, [
      "-F VIRTUAL-POSTROUTING",
    ], 2),
    nat("VIRTUAL-SERVICES is removed", /^chain VIRTUAL-SERVICES$/, [
      `-D PREROUTING ${PORTALS}`,
      `-D OUTPUT ${PORTALS}`,
      "-F VIRTUAL-SERVICES",
      "-X VIRTUAL-SERVICES",
    ], 3),
    nat("all but VIRTUAL-POSTROUTING is removed", /^chain VIRTUAL-MARK-MASQ$/, [
      `-D PREROUTING ${PORTALS}`,
      `-D OUTPUT ${PORTALS}`,
      "-F VIRTUAL-SERVICES",
      "-X VIRTUAL-SERVICES",
      "-F VIRTUAL-MARK-MASQ",
      "-X VIRTUAL-MARK-MASQ",
    ], 4),
    nat("the mark has another bit", /^rule of chain VIRTUAL-MARK-MASQ: -j MARK/, [
      `-R VIRTUAL-MARK-MASQ 1 -j MARK --set-xmark ${otherMark}`,
    ]),
    nat("the mark is looked at without a mask", /^rule of chain VIRTUAL-POSTROUTING: .* RETURN$/, [
      `-R VIRTUAL-POSTROUTING 1 -m mark ! --mark ${bit} -j RETURN`,
    ]),
    nat("source ports are not random", /^rule of chain VIRTUAL-POSTROUTING: .* --random-fully$/, [
      `-R VIRTUAL-POSTROUTING 2 ${SNAT}`,
    ]),
    nat("rules have changed places", /^rules of chain VIRTUAL-POSTROUTING: repeated, or in/, [
      `-D VIRTUAL-POSTROUTING -m mark ! --mark ${mark} -j RETURN`,
      `-A VIRTUAL-POSTROUTING -m mark ! --mark ${mark} -j RETURN`,
    ]),
    nat("a rule is repeated", /^rules of chain VIRTUAL-MARK-MASQ: repeated, or in/, [
      `-A VIRTUAL-MARK-MASQ -j MARK --set-xmark ${mark}`,
    ]),
    nat(
      "a foreign rule is in our chain",
      /^foreign rule in chain VIRTUAL-SERVICES: -p tcp -m comment --comment "\\"x\\"" -j RETURN$/,
      ['-I VIRTUAL-SERVICES -p tcp -m comment --comment "\\"x\\"" -j RETURN'],
    ),
    filter("the accepting rule is deleted", /^rule of chain OUTPUT: .*lvscare.* ACCEPT$/, [
      `-D OUTPUT ${ACCEPT} ${mark} -j ACCEPT`,
    ]),
    filter("the accepting rule is repeated", /^rule of chain OUTPUT: .* ACCEPT: repeated$/, [
      `-A OUTPUT ${ACCEPT} ${mark} -j ACCEPT`,
    ]),
    filter("LVScare's accepting rule is beside ours", /^old rule in chain OUTPUT: .*lvscare/, [
      `-A OUTPUT ${ACCEPT} ${bit} -j ACCEPT`,
    ]),
    filter("the accepting rule goes by another bit", /^rule of chain OUTPUT: .*lvscare/, [
      `-D OUTPUT ${ACCEPT} ${mark} -j ACCEPT`,
      `-A OUTPUT ${ACCEPT} ${otherMark} -j ACCEPT`,
    ], 2),
    {
      name: "the set is removed",
      says: new RegExp(`^set ${set}$`),
      pieces: 2,
      loses: "set",
      async apply() {
        await apply("nat", ["-F VIRTUAL-SERVICES"])();
        await destroy(set);
      },
    },
    {
      name: "all of it is removed but the set",
      says: /^chain VIRTUAL-SERVICES$/,
      pieces: 7,
      async apply() {
        await apply("nat", [
          `-D PREROUTING ${PORTALS}`,
          `-D OUTPUT ${PORTALS}`,
          `-D POSTROUTING ${TO_POSTROUTING}`,
          ...OUR_CHAINS.map((chain) => `-F ${chain}`),
          ...OUR_CHAINS.map((chain) => `-X ${chain}`),
        ])();
        await apply("filter", [`-D OUTPUT ${ACCEPT} ${mark} -j ACCEPT`])();
      },
    },
  ];
}

const OUR_CHAINS = ["VIRTUAL-SERVICES", "VIRTUAL-MARK-MASQ", "VIRTUAL-POSTROUTING"];

/** The kernel may not have let go of it yet. */
async function destroy(set: string, tries = 50): Promise<void> {
  try {
    await must("ipset", "destroy", set);
  } catch (error) {
    if (tries === 0) throw error;
    await destroy(set, tries - 1);
  }
}
