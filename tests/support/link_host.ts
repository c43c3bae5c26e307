/** The host that the suite of Links expects, built in a network namespace of its own. */

import type { Links } from "../../src/kernel/links.ts";
import type { LinkPair } from "../conformance/links.ts";
import { ip, ownNetwork } from "./network.ts";

export async function linkHost(
  openWriter: () => Links,
  openReader: () => Links,
): Promise<LinkPair> {
  const network = ownNetwork();
  try {
    await ip(
      "link set lo up",
      "link add port0 type veth peer name peer0",
      "link add port1 type veth peer name peer1",
      "link add port2 type veth peer name peer2",
      "address add 192.168.77.1/24 dev port0",
      "address add 192.168.78.1/24 dev port1",
      "address add 2001:db8:77::1/64 dev port0 nodad",
      "address add 2001:db8:78::1/64 dev port1 nodad",
      ...["port0", "peer0", "port1", "peer1"].map((name) => `link set ${name} up`),
    );
    const writer = openWriter();
    const reader = openReader();
    return {
      writer,
      reader,
      takeDown: (name) => ip(`link set ${name} down`),
      [Symbol.asyncDispose]: () => {
        writer.close();
        reader.close();
        network[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  } catch (error) {
    network[Symbol.dispose]();
    throw error;
  }
}
