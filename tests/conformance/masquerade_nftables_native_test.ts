/** The contract over nftables in this machine's kernel, by libc and by libnl. */

import assert from "node:assert/strict";
import { NftablesMasquerade } from "../../src/kernel/netlink/masquerade.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_NETFILTER } from "../../src/sys/transport.ts";
import { addressFromBytes } from "../../src/model/address.ts";
import { nftablesHost } from "../support/nftables_host.ts";
import { ownNetwork } from "../support/network.ts";
import { testMasquerade } from "./masquerade.ts";

for (
  const [name, writing, reading] of [
    ["nftables over libc, read over libnl", openLibcTransport, openLibnlTransport],
    ["nftables over libnl, read over libc", openLibnlTransport, openLibcTransport],
  ] as const
) {
  testMasquerade(name, () => nftablesHost(writing, reading), { damages: 20 });
}

Deno.test("nftables: thousands of entries go in and out in one transaction each", async () => {
  using _ = ownNetwork();
  const masquerade = new NftablesMasquerade(
    new NetlinkSocket(openLibcTransport(NETLINK_NETFILTER)),
  );
  await masquerade.ensure({ family: "ipv6", markBit: 0 });
  const entries = Array.from({ length: 3500 }, (_, i) => {
    const bytes = new Uint8Array(16).fill(0xfd, 0, 1);
    new DataView(bytes.buffer).setUint32(12, i + 1);
    return { address: addressFromBytes(bytes), protocol: "tcp" as const, port: 1 + i };
  });
  await masquerade.changeEntries("ipv6", { add: entries });
  assert.equal((await masquerade.entries("ipv6")).length, 3500);
  await masquerade.changeEntries("ipv6", { remove: entries.slice(1) });
  assert.deepEqual(await masquerade.entries("ipv6"), entries.slice(0, 1));
  masquerade.close();
});
