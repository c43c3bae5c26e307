/** The contract over every implementation in this machine's kernel, as far as it has the devices. */

import { linkHost } from "../support/link_host.ts";
import { LINK_IMPLEMENTATIONS } from "../support/link_implementations.ts";
import { ip, ownNetwork } from "../support/network.ts";
import { testLinks } from "./links.ts";
import { testLinksBesideOthers } from "./links_beside_others.ts";

async function hasDummy(): Promise<boolean> {
  using _ = ownNetwork();
  return await ip("link add probe type dummy").then(() => true, () => false);
}

// In the guest they are always there: see tests/kernel/links_test.ts.
const dummy = await hasDummy();

for (const [writing, writer] of Object.entries(LINK_IMPLEMENTATIONS)) {
  for (const [reading, reader] of Object.entries(LINK_IMPLEMENTATIONS)) {
    testLinks(`${writing}, read by ${reading}`, () => linkHost(writer, reader), {
      dummy,
      randomAddresses: 10,
    });
  }
  testLinksBesideOthers(writing, () => linkHost(writer, writer), { dummy });
}
