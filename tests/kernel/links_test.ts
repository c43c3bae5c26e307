/** The contract over every implementation, with dummy devices: changed with each one, read with another. */

import { testLinks } from "../conformance/links.ts";
import { testLinksBesideOthers } from "../conformance/links_beside_others.ts";
import { linkHost } from "../support/link_host.ts";
import { LINK_IMPLEMENTATIONS } from "../support/link_implementations.ts";

// All pairs are tried natively; here each process takes its time.
const PAIRS = [
  ["netlink over libc", "ip"],
  ["netlink over libnl", "netlink over libc"],
  ["ip", "netlink over libnl"],
] as const;

for (const [writing, reading] of PAIRS) {
  const [writer, reader] = [LINK_IMPLEMENTATIONS[writing], LINK_IMPLEMENTATIONS[reading]];
  const open = () => linkHost(writer, reader);
  testLinks(`${writing}, read by ${reading}`, open, { dummy: true, randomAddresses: 2 });
  testLinksBesideOthers(writing, () => linkHost(writer, writer), { dummy: true });
}
