/** The contract over the rules of a kernel as hosts have it. */

import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { testMasquerade } from "../conformance/masquerade.ts";
import { iptablesHost } from "../support/masquerade_host.ts";
import { nftablesHost } from "../support/nftables_host.ts";
import { SET_IMPLEMENTATIONS } from "../support/set_host.ts";

const netlink = SET_IMPLEMENTATIONS["netlink over libc"];
const { ipset } = SET_IMPLEMENTATIONS;

testMasquerade(
  "nftables over libc, read over libnl",
  () => nftablesHost(openLibcTransport, openLibnlTransport),
  { damages: 20 },
);
testMasquerade(
  "nftables over libnl, read over libc",
  () => nftablesHost(openLibnlTransport, openLibcTransport),
  { damages: 20 },
);
// The others of its kinds are tried natively; here each process takes its time.
testMasquerade(
  "iptables-nft and netlink, read with ipset",
  () => iptablesHost("nft", netlink, ipset),
  { damages: 21 },
);
