/** The rules and the set as LVScare itself makes them, where its users move from it. */

import { type IptablesVariant, restore } from "./masquerade_foreign.ts";
import { feed } from "./network.ts";

const LVSCARE = `*nat
:VIRTUAL-SERVICES - [0:0]
:VIRTUAL-MARK-MASQ - [0:0]
:VIRTUAL-POSTROUTING - [0:0]
-A PREROUTING -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES
-A OUTPUT -m comment --comment "virtual service portals" -j VIRTUAL-SERVICES
-A POSTROUTING -m comment --comment "virtual service postrouting rules" -j VIRTUAL-POSTROUTING
-A VIRTUAL-MARK-MASQ -j MARK --or-mark 0x1
-A VIRTUAL-SERVICES -m comment --comment "virtual service ip + port for masquerade purpose" -m set --match-set VIRTUAL-IP dst,dst -j VIRTUAL-MARK-MASQ
-A VIRTUAL-POSTROUTING -m mark ! --mark 0x1 -j RETURN
-A VIRTUAL-POSTROUTING -m comment --comment "virtual service traffic requiring SNAT" -j MASQUERADE --random-fully
COMMIT
*filter
-I OUTPUT -m comment --comment "accept for all marked by lvscare" -m mark --mark 0x1 -j ACCEPT
COMMIT
`;

/** With one entry, 10.103.97.2,tcp:6443. */
export async function makeLvscareRules(variant: IptablesVariant): Promise<void> {
  await feed(
    "create VIRTUAL-IP hash:ip,port\nadd VIRTUAL-IP 10.103.97.2,tcp:6443\n",
    "ipset",
    "restore",
  );
  await restore("ipv4", variant, LVSCARE);
}
