/** The contract over every implementation in this machine's kernel. */

import { SET_IMPLEMENTATIONS, setHost } from "../support/set_host.ts";
import { testSets } from "./sets.ts";

for (const [writing, writer] of Object.entries(SET_IMPLEMENTATIONS)) {
  for (const [reading, reader] of Object.entries(SET_IMPLEMENTATIONS)) {
    testSets(`${writing}, read by ${reading}`, () => setHost(writer, reader), {
      randomSets: writing === "ipset" ? 5 : 30,
      longSet: writing === "ipset" ? 100 : 1000,
    });
  }
}
