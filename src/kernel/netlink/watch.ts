/** What rtnetlink and nftables tell of changes, as far as it may concern what is ours. */

import { LvscareError } from "../../errors.ts";
import { addressToBytes } from "../../model/address.ts";
import type { Scope } from "../../plan/observed.ts";
import type { NetlinkSocket } from "../../sys/netlink_socket.ts";
import { NFNLGRP_NFTABLES } from "../../wire/nft_tables.ts";
import { RTNL_GROUPS } from "../../wire/rtnl_tables.ts";
import type { Watch } from "../watch.ts";

/**
 * What stands in a notification that concerns our rules: our names, and the chains that our jumps are in. A
 * deleted rule is told by its chain alone.
 */
const RULE_NAMES = ["lvscare\0", "VIRTUAL-", "PREROUTING\0", "OUTPUT\0", "POSTROUTING\0"].map(
  encode,
);

/**
 * Looks for our names and addresses in the bytes of notifications, wherever they stand: that a message is
 * about something else costs one needless look at the kernel, and no notification is ever misread.
 */
export class NetlinkWatch implements Watch {
  readonly #routing: NetlinkSocket;
  readonly #rules: NetlinkSocket | undefined;

  /** Takes over the sockets, of NETLINK_ROUTE and of NETLINK_NETFILTER. */
  constructor(routing: NetlinkSocket, rules: NetlinkSocket) {
    this.#routing = routing;
    for (const group of RTNL_GROUPS) routing.subscribe(group);
    this.#rules = subscribed(rules);
  }

  disturbed(scope: Scope): boolean {
    const moved = concerns(this.#routing, () => [
      ...scope.devices.map((name) => encode(`${name}\0`)),
      ...scope.services.map((key) => key.kind === "address" ? addressToBytes(key.address) : NONE),
    ]);
    // Both are read, whatever the first says: what is left unread would be told again.
    const ruled = this.#rules !== undefined && concerns(this.#rules, () => RULE_NAMES);
    return moved || (ruled && scope.masquerades.length > 0);
  }

  close(): void {
    this.#routing.close();
    this.#rules?.close();
  }
}

/** To hear of rules takes a permission and a kernel that has them; without, they are looked at all the same. */
function subscribed(rules: NetlinkSocket): NetlinkSocket | undefined {
  try {
    rules.subscribe(NFNLGRP_NFTABLES);
    return rules;
  } catch (error) {
    if (!(error instanceof LvscareError)) throw error;
    rules.close();
    return undefined;
  }
}

/** Found in nothing. */
const NONE = new Uint8Array();

/** What is looked for is put together only where there is something to look at, which there seldom is. */
function concerns(socket: NetlinkSocket, needles: () => readonly Uint8Array[]): boolean {
  const { messages, lost } = socket.notifications();
  if (lost || messages.length === 0) return lost;
  const all = needles();
  return messages.some(({ input }) => all.some((needle) => contains(input.bytes, needle)));
}

function contains(bytes: Uint8Array, needle: Uint8Array): boolean {
  const [first] = needle;
  if (first === undefined) return false;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (needle.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
