/** The contract over every implementation: changed with each one, read with another one. */

import { testSets } from "../conformance/sets.ts";
import { SET_IMPLEMENTATIONS, setHost } from "../support/set_host.ts";

// All pairs are tried natively; here each process takes its time.
const PAIRS = [
  ["netlink over libc", "ipset"],
  ["netlink over libnl", "netlink over libc"],
  ["ipset", "netlink over libnl"],
] as const;

for (const [writing, reading] of PAIRS) {
  const open = () => setHost(SET_IMPLEMENTATIONS[writing], SET_IMPLEMENTATIONS[reading]);
  testSets(`${writing}, read by ${reading}`, open, {
    randomSets: writing === "ipset" ? 1 : 5,
    longSet: writing === "ipset" ? 20 : 1000,
  });
}
