/** Sets over nfnetlink. */

import { KernelError, UnsupportedError, WireError } from "../../errors.ts";
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
import type { Message, Request } from "../../wire/message.ts";
import { EnsuredSets } from "../ensured_sets.ts";
import type { Attempt } from "../refusal.ts";
import { noIpset, setError } from "../set_errors.ts";
import type { SetHead, SetOperations } from "../set_operations.ts";
import { type IpSet, printSetEntry, type SetEntry, type Sets } from "../sets.ts";

export class NetlinkSets extends EnsuredSets implements Sets {
  /** Takes over the socket, which is one of NETLINK_NETFILTER. */
  constructor(socket: NetlinkSocket) {
    super(`netlink over ${socket.transport}`, new NetlinkSetOperations(socket));
  }
}

/** What is being done, for errors. */
type Doing = Omit<Attempt, "command">;

class NetlinkSetOperations implements SetOperations {
  readonly #socket: NetlinkSocket;
  #agreed: number | undefined;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  head(name: string): Promise<SetHead | undefined> {
    return attempt({ op: "find set", subject: name }, () => {
      const request = headerRequest(this.#protocol(), name);
      return this.#unless("ENOENT", undefined, () => decodeHeader(this.#ask(request)));
    });
  }

  find(name: string): Promise<IpSet | undefined> {
    return attempt({ op: "list set", subject: name }, () => {
      const request = listRequest(this.#protocol(), name);
      const dump = () => this.#socket.dump(request, decodeListing);
      const parts = this.#unless("ENOENT", [], dump).filter((part) => part.name === name);
      const head = parts.find(({ type }) => type !== undefined);
      if (head?.type === undefined) return undefined;
      const { type, family } = head;
      const members = type === HASH_IP_PORT ? parts.flatMap((part) => part.members) : [];
      const entries = members.map(decodeElement).filter((entry) => entry !== undefined);
      return { name, type, family, entries };
    });
  }

  create(name: string, family: Family): Promise<boolean> {
    return attempt({ op: "add set", subject: name }, () => {
      const protocol = this.#protocol();
      const { highest } = decodeRevisions(this.#ask(typeRequest(protocol, family)));
      // Revisions only add features, and of those none is asked for.
      return this.#change(createRequest(protocol, { name, family, revision: highest }), "EEXIST");
    });
  }

  destroy(name: string): Promise<boolean> {
    return attempt({ op: "remove set", subject: name }, () => {
      return this.#change(destroyRequest(this.#protocol(), name), "ENOENT");
    });
  }

  add(name: string, entry: SetEntry): Promise<boolean> {
    const doing = { op: "add entry", subject: `${printSetEntry(entry)} in ${name}` };
    return attempt(doing, () => {
      return this.#change(addElementRequest(this.#protocol(), name, entry), "IPSET_ERR_EXIST");
    });
  }

  delete(name: string, entry: SetEntry): Promise<boolean> {
    const doing = { op: "remove entry", subject: `${printSetEntry(entry)} in ${name}` };
    return attempt(doing, () => {
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
    const { lowest, highest } = decodeProtocols(this.#ask(protocolRequest()));
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

  #ask(request: Request): Message {
    const [message] = this.#socket.ask(request);
    if (!message) throw new WireError(`${request.command}: the answer is empty`);
    return message;
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

  #unless<T>(errno: string, other: T, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof KernelError && error.is(errno)) return other;
      throw error;
    }
  }
}

/** ipset's own errors by their names: to the socket they are but numbers. */
function ownName(errno: string): string {
  return IPSET_ERRORS[errnoNumber(errno) ?? 0] ?? errno;
}

/** Does it at once; the promise is the contract's, since other implementations do wait. */
function attempt<T>(doing: Doing, body: () => T): Promise<T> {
  try {
    return Promise.resolve(body());
  } catch (error) {
    return Promise.reject(explain(error, doing));
  }
}

/** The error with what was being done, why it was refused, and what to do about it. */
function explain(error: unknown, { op, subject }: Doing): unknown {
  if (error instanceof WireError) {
    const { message, offset, attribute } = error;
    return new WireError(
      `${op} ${subject}: ${message}`,
      { ...(offset !== undefined && { offset }), ...(attribute !== undefined && { attribute }) },
      { op, subject, cause: error },
    );
  }
  if (!(error instanceof KernelError)) return error;
  const { command, errno, extendedAck } = error;
  const doing = { command, op, subject };
  // Of a subsystem that is not there, nfnetlink says that the message is invalid.
  if (command === "IPSET_CMD_PROTOCOL" && errno === "EINVAL") return noIpset(doing, error);
  return setError(doing, ownName(errno), { ...extendedAck, cause: error });
}
