/** Masquerading with nftables over nfnetlink: a table of our own in each family, changed in transactions. */

import { KernelError } from "../../errors.ts";
import type { Family } from "../../model/address.ts";
import type { NetlinkSocket } from "../../sys/netlink_socket.ts";
import type { Request } from "../../wire/message.ts";
import { batchBegin, batchEnd } from "../../wire/nfnetlink.ts";
import {
  decodeChain,
  decodeRule,
  decodeTable,
  deleteTableRequest,
  getGenerationRequest,
  getTableRequest,
  listChainsRequest,
  listRulesRequest,
} from "../../wire/nft.ts";
import {
  addElementsRequest,
  decodeElements,
  decodeSet,
  deleteElementsRequest,
  getSetRequest,
  listElementsRequest,
} from "../../wire/nft_set.ts";
import { NFNL_SUBSYS_NFTABLES } from "../../wire/nft_tables.ts";
import type { Masquerade, MasqueradeOptions } from "../masquerade.ts";
import { checkEntries, checkMarkBit, within, without } from "../masquerade_rules.ts";
import { nftError, noNftables } from "../nft_errors.ts";
import type { Attempt } from "../refusal.ts";
import type { SetEntry } from "../sets.ts";
import { askOne, attempt, unless } from "./attempt.ts";
import { masqueradeSet, masqueradeTable } from "./nft_masquerade_table.ts";
import { type FoundTable, isSameSet, planRepairs, type Repair } from "./nft_repairs.ts";

/** An attribute has at most 64 KB, and an element takes 40 bytes at most. */
const ELEMENTS_PER_MESSAGE = 1000;
/** How often a change is tried again that somebody else's change has made impossible. */
const ATTEMPTS = 3;

type Change = Parameters<Masquerade["changeEntries"]>[1];

export class NftablesMasquerade implements Masquerade {
  readonly name: string;
  readonly #socket: NetlinkSocket;
  #answers = false;

  /** Takes over the socket, which is one of NETLINK_NETFILTER. */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
    this.name = `nftables over netlink (${socket.transport})`;
  }

  missing(options: MasqueradeOptions): Promise<string[]> {
    const doing = {
      command: "NFT_MSG_GETTABLE",
      op: "read rules",
      subject: subjectOf(options.family),
    };
    return this.#try(doing, () => {
      checkMarkBit(doing, options);
      return this.#repairs(options).map(({ piece }) => piece);
    });
  }

  ensure(options: MasqueradeOptions): Promise<string[]> {
    const doing = {
      command: "NFT_MSG_NEWRULE",
      op: "make rules",
      subject: subjectOf(options.family),
    };
    return this.#try(doing, () => {
      checkMarkBit(doing, options);
      return this.#again(() => {
        const repairs = this.#repairs(options);
        if (repairs.length > 0) this.#transact(repairs.flatMap(({ requests }) => requests));
        return repairs.map(({ piece }) => piece);
      });
    });
  }

  exists(family: Family): Promise<boolean> {
    const doing = { command: "NFT_MSG_GETTABLE", op: "find rules", subject: subjectOf(family) };
    return this.#try(doing, () => {
      return unless("ENOENT", false, () => {
        askOne(this.#socket, getTableRequest(masqueradeTable(family)));
        return true;
      });
    });
  }

  entries(family: Family): Promise<SetEntry[]> {
    const doing = {
      command: "NFT_MSG_GETSETELEM",
      op: "read entries",
      subject: subjectOf(family),
    };
    return this.#try(doing, () => this.#entries(family) ?? []);
  }

  changeEntries(family: Family, { add = [], remove = [] }: Change): Promise<void> {
    const doing = {
      command: "NFT_MSG_NEWSETELEM",
      op: "change entries",
      subject: subjectOf(family),
    };
    return this.#try(doing, () => {
      checkEntries(doing, family, [...add, ...remove]);
      this.#again(() => {
        const there = this.#entries(family);
        if (!there) throw nftError(doing, "ENOENT");
        const table = masqueradeTable(family);
        const { name } = masqueradeSet(family);
        this.#transact([
          ...chunks(within(remove, there)).map((part) => deleteElementsRequest(table, name, part)),
          ...chunks(without(add, there)).map((part) => addElementsRequest(table, name, part)),
        ]);
      });
    });
  }

  remove(family: Family): Promise<boolean> {
    const doing = { command: "NFT_MSG_DELTABLE", op: "remove rules", subject: subjectOf(family) };
    return this.#try(doing, () => {
      return unless("ENOENT", false, () => {
        this.#transact([deleteTableRequest(masqueradeTable(family))]);
        return true;
      });
    });
  }

  close(): void {
    this.#socket.close();
  }

  #repairs(options: MasqueradeOptions): readonly Repair[] {
    return planRepairs(options, this.#look(options.family));
  }

  /** Our table as it is now, or undefined where there is none. */
  #look(family: Family): FoundTable | undefined {
    const table = masqueradeTable(family);
    return unless("ENOENT", undefined, () => {
      const { flags } = decodeTable(askOne(this.#socket, getTableRequest(table)));
      const chains = this.#socket.dump(
        listChainsRequest(table),
        (each) => decodeChain(each, table),
      );
      const rules = this.#socket.dump(listRulesRequest(table), (each) => decodeRule(each, table));
      return {
        flags,
        set: this.#set(family),
        chains: chains.filter((each) => each !== undefined),
        rules: rules.filter((each) => each !== undefined),
      };
    });
  }

  #set(family: Family) {
    const request = getSetRequest(masqueradeTable(family), masqueradeSet(family).name);
    return unless("ENOENT", undefined, () => decodeSet(askOne(this.#socket, request)));
  }

  /** What is in our set; undefined where there is none, or one that is not ours in truth. */
  #entries(family: Family): SetEntry[] | undefined {
    const wanted = masqueradeSet(family);
    const table = masqueradeTable(family);
    const set = this.#set(family);
    if (!set || !isSameSet(set, wanted)) return undefined;
    const request = listElementsRequest(table, wanted.name);
    return unless("ENOENT", undefined, () => {
      return this.#socket.dump(request, (each) => decodeElements(each, table)).flat();
    });
  }

  /** All of the requests, or none. */
  #transact(requests: readonly Request[]): void {
    if (requests.length === 0) return;
    const outcomes = this.#socket.transaction(
      batchBegin(NFNL_SUBSYS_NFTABLES),
      requests,
      batchEnd(NFNL_SUBSYS_NFTABLES),
    );
    const refused = outcomes.find((outcome) => outcome !== undefined);
    if (refused) throw refused;
  }

  /** Looks and changes; anew where somebody else changed something in between. */
  #again<T>(body: () => T): T {
    for (let left = ATTEMPTS;; left--) {
      try {
        return body();
      } catch (error) {
        const passing = error instanceof KernelError &&
          ["ENOENT", "EEXIST", "EBUSY"].some((errno) => error.is(errno));
        if (left <= 1 || !passing) throw error;
      }
    }
  }

  #try<T>(doing: Attempt, body: () => T): Promise<T> {
    const explain = (cause: KernelError) =>
      nftError({ ...doing, command: cause.command }, cause.errno, { ...cause.extendedAck, cause });
    return attempt(doing, explain, () => {
      this.#checkSupport(doing);
      return body();
    });
  }

  #checkSupport(doing: Attempt): void {
    if (this.#answers) return;
    try {
      this.#socket.ask(getGenerationRequest());
      this.#answers = true;
    } catch (error) {
      // Of a subsystem that is not there, nfnetlink says that the message is invalid.
      if (!(error instanceof KernelError && error.is("EINVAL"))) throw error;
      throw noNftables(doing, error);
    }
  }
}

function subjectOf(family: Family): string {
  return `table ${family === "ipv4" ? "ip" : "ip6"} ${masqueradeTable(family).name}`;
}

function chunks(entries: readonly SetEntry[]): SetEntry[][] {
  const count = Math.ceil(entries.length / ELEMENTS_PER_MESSAGE);
  return Array.from(
    { length: count },
    (_, i) => entries.slice(i * ELEMENTS_PER_MESSAGE, (i + 1) * ELEMENTS_PER_MESSAGE),
  );
}
