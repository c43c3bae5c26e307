/**
 * Run by a test as a program of its own, without privileges or in a kernel without modules: tries what it is
 * told with every implementation, and prints what came of it.
 */

import { LvscareError } from "../../src/errors.ts";
import { parseAddress } from "../../src/model/address.ts";
import { LINK_IMPLEMENTATIONS } from "./link_implementations.ts";
import { SET_IMPLEMENTATIONS } from "./set_host.ts";

const entry = { address: parseAddress("10.0.0.1")!, protocol: "tcp", port: 80 } as const;
const host = { address: entry.address, prefix: 32 };

const TRIES: Readonly<Record<string, () => readonly (() => Promise<unknown>)[]>> = {
  links: () =>
    Object.values(LINK_IMPLEMENTATIONS).map((open) => open()).flatMap((links) => [
      () => links.ensureDummy("lvscare"),
      () => links.ensureAddress("lo", host),
      () => links.ensureRoute({ destination: host, device: "lo", metric: 50 }),
    ]),
  dummy: () =>
    Object.values(LINK_IMPLEMENTATIONS).map((open) => () => open().ensureDummy("lvscare")),
  sets: () =>
    Object.values(SET_IMPLEMENTATIONS).map((open) => open()).flatMap((sets) => [
      () => sets.ensureSet("s", "ipv4"),
      () => sets.find("s"),
      () => sets.ensureEntry("s", entry),
    ]),
  create: () =>
    Object.values(SET_IMPLEMENTATIONS).map((open) => () => open().ensureSet("s", "ipv6")),
};

for (const attempt of TRIES[Deno.args[0] ?? ""]?.() ?? []) {
  try {
    console.log("done", await attempt());
  } catch (error) {
    if (!(error instanceof LvscareError)) throw error;
    console.log(`${error.name}: ${error.message} (${error.hint ?? ""})`);
  }
}
