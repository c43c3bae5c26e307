/** Sets over nfnetlink. */

import { KernelError, UnsupportedError } from "../../errors.ts";
import type { Family } from "../../model/address.ts";
import { errnoNumber } from "../../sys/errno.ts";
import type { NetlinkSocket } from "../../sys/netlink_socket.ts";
import {
  addElementRequest,
  createRequest,
  decodeElement,
  decodeHeader,
  decodeListing,
  decodeProtocols,
  decodeRevisions,
  deleteElementRequest,
  destroyRequest,
  HASH_IP_PORT,
  headerRequest,
  listRequest,
  protocolRequest,
  typeRequest,
} from "../../wire/ipset.ts";
import { IPSET_ERRORS, IPSET_PROTOCOL, IPSET_PROTOCOL_MIN } from "../../wire/ipset_tables.ts";
import type { Request } from "../../wire/message.ts";
import { EnsuredSets } from "../ensured_sets.ts";
import { noIpset, setError } from "../set_errors.ts";
import type { SetHead, SetOperations } from "../set_operations.ts";
import { askOne, attempt, type Doing, unless } from "./attempt.ts";
import { type IpSet, printSetEntry, type SetEntry, type Sets } from "../sets.ts";

export class NetlinkSets extends EnsuredSets implements Sets {
  /** Takes over the socket, which is one of NETLINK_NETFILTER. */
  constructor(socket: NetlinkSocket) {
    super(`netlink over ${socket.transport}`, new NetlinkSetOperations(socket));
  }
}

class NetlinkSetOperations implements SetOperations {
  readonly #socket: NetlinkSocket;
  #agreed: number | undefined;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  head(name: string): Promise<SetHead | undefined> {
    return doAttempt({ op: "find set", subject: name }, () => {
      const request = headerRequest(this.#protocol(), name);
      return unless("ENOENT", undefined, () => decodeHeader(askOne(this.#socket, request)));
    });
  }

  find(name: string): Promise<IpSet | undefined> {
    return doAttempt({ op: "list set", subject: name }, () => {
      const request = listRequest(this.#protocol(), name);
      const dump = () => this.#socket.dump(request, decodeListing);
      const parts = unless("ENOENT", [], dump).filter((part) => part.name === name);
      const head = parts.find(({ type }) => type !== undefined);
      if (head?.type === undefined) return undefined;
      const { type, family } = head;
      const members = type === HASH_IP_PORT ? parts.flatMap((part) => part.members) : [];
      const entries = members.map(decodeElement).filter((entry) => entry !== undefined);
      return { name, type, family, entries };
    });
  }

  create(name: string, family: Family): Promise<boolean> {
    return doAttempt({ op: "add set", subject: name }, () => {
      const protocol = this.#protocol();
      const { highest } = decodeRevisions(askOne(this.#socket, typeRequest(protocol, family)));
      // Revisions only add features, and of those none is asked for.
      return this.#change(createRequest(protocol, { name, family, revision: highest }), "EEXIST");
    });
  }

  destroy(name: string): Promise<boolean> {
    return doAttempt({ op: "remove set", subject: name }, () => {
      return this.#change(destroyRequest(this.#protocol(), name), "ENOENT");
    });
  }

  add(name: string, entry: SetEntry): Promise<boolean> {
    const doing = { op: "add entry", subject: `${printSetEntry(entry)} in ${name}` };
    return doAttempt(doing, () => {
      return this.#change(addElementRequest(this.#protocol(), name, entry), "IPSET_ERR_EXIST");
    });
  }

  delete(name: string, entry: SetEntry): Promise<boolean> {
    const doing = { op: "remove entry", subject: `${printSetEntry(entry)} in ${name}` };
    return doAttempt(doing, () => {
      const request = deleteElementRequest(this.#protocol(), name, entry);
      return this.#change(request, "IPSET_ERR_EXIST", "ENOENT");
    });
  }

  close(): void {
    this.#socket.close();
  }

  /** The newest protocol that both sides speak. */
  #protocol(): number {
    if (this.#agreed !== undefined) return this.#agreed;
    const { lowest, highest } = decodeProtocols(askOne(this.#socket, protocolRequest()));
    const agreed = Math.min(highest, IPSET_PROTOCOL);
    if (agreed < lowest || agreed < IPSET_PROTOCOL_MIN) {
      throw new UnsupportedError(
        `speak to ipset: the kernel has protocols ${lowest} to ${highest}, must have one from ` +
          `${IPSET_PROTOCOL_MIN} to ${IPSET_PROTOCOL}`,
        "ip_set",
        { hint: "use another kernel" },
      );
    }
    this.#agreed = agreed;
    return agreed;
  }

  /** Whether there was something to do: those errors say that there was not. */
  #change(request: Request, ...done: readonly string[]): boolean {
    try {
      this.#socket.change(request);
      return true;
    } catch (error) {
      if (error instanceof KernelError && done.includes(ownName(error.errno))) return false;
      throw error;
    }
  }
}

/** ipset's own errors by their names: to the socket they are but numbers. */
function ownName(errno: string): string {
  return IPSET_ERRORS[errnoNumber(errno) ?? 0] ?? errno;
}

function explain({ op, subject }: Doing): (error: KernelError) => unknown {
  return (error) => {
    const { command, errno, extendedAck } = error;
    const doing = { command, op, subject };
    // Of a subsystem that is not there, nfnetlink says that the message is invalid.
    if (command === "IPSET_CMD_PROTOCOL" && errno === "EINVAL") return noIpset(doing, error);
    return setError(doing, ownName(errno), { ...extendedAck, cause: error });
  };
}

function doAttempt<T>(doing: Doing, body: () => T): Promise<T> {
  return attempt(doing, explain(doing), body);
}
