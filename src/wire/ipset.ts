/** The requests of ipset for sets of type hash:ip,port, and what answers them, in values. */

import { WireError } from "../errors.ts";
import {
  type Address,
  addressFamily,
  addressFromBytes,
  addressToBytes,
  type Family,
} from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Protocol } from "../model/ipvs.ts";
import { Input, type Writer } from "./buffer.ts";
import {
  CHANGE,
  CREATE,
  ELEMENT,
  HEADER,
  IPSET_CMD_ADD,
  IPSET_CMD_CREATE,
  IPSET_CMD_DEL,
  IPSET_CMD_DESTROY,
  IPSET_CMD_HEADER,
  IPSET_CMD_LIST,
  IPSET_CMD_PROTOCOL,
  IPSET_CMD_TYPE,
  IPSET_PROTOCOL,
  LISTING,
  PROTOCOLS,
  QUESTION,
  SET_TYPE,
} from "./ipset_tables.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL, type Request } from "./message.ts";
import { type NfnlCommand, nfnlRequest, readNfnl } from "./nfnetlink.ts";
import { PROTOCOL_NUMBERS, protocolOf } from "./protocol.ts";
import { AF_INET, familyNumber, familyOf } from "./rtnl_tables.ts";

/*
 * Every change is sent with NLM_F_EXCL: without it the kernel hides that there was nothing to do, as ipset's
 * option -exist wants it.
 */

export const HASH_IP_PORT = "hash:ip,port";

/** A member of a set of type hash:ip,port. */
export interface Element extends Endpoint {
  readonly protocol: Protocol;
}

export interface SetHeader {
  readonly name: string;
  readonly type: string;
  /** Undefined for types that have none. */
  readonly family: Family | undefined;
}

/** One part of a listing. Only the first part of a set has `type` and `family`. */
export interface SetPart {
  readonly name: string;
  readonly type: string | undefined;
  readonly family: Family | undefined;
  readonly members: readonly Uint8Array[];
}

/** A range of versions. */
export interface Range {
  readonly lowest: number;
  readonly highest: number;
}

/** Asks which protocols the kernel speaks. */
export function protocolRequest(): Request {
  return request(IPSET_CMD_PROTOCOL, 0, QUESTION, {
    protocol: IPSET_PROTOCOL,
  });
}

export function decodeProtocols(message: Message): Range {
  const { highest, lowest } = readNfnl(message, IPSET_CMD_PROTOCOL, PROTOCOLS).values;
  // Kernels that spoke but one protocol did not say the lowest.
  return { lowest: lowest ?? highest, highest };
}

/** Asks which revisions of hash:ip,port the kernel has; asking makes it load the module. */
export function typeRequest(protocol: number, family: Family): Request {
  return request(IPSET_CMD_TYPE, 0, QUESTION, {
    protocol,
    type: HASH_IP_PORT,
    family: familyNumber(family),
  });
}

export function decodeRevisions(message: Message): Range {
  const { highestRevision, lowestRevision } = readNfnl(message, IPSET_CMD_TYPE, SET_TYPE).values;
  return { lowest: lowestRevision ?? highestRevision, highest: highestRevision };
}

/** Makes a set with the kernel's sizes, or fails where the name is taken. */
export function createRequest(
  protocol: number,
  set: { readonly name: string; readonly family: Family; readonly revision: number },
): Request {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return request(IPSET_CMD_CREATE, flags, CREATE, {
    protocol,
    name: set.name,
    type: HASH_IP_PORT,
    revision: set.revision,
    family: familyNumber(set.family),
    data: {},
  });
}

/** Fails where there is no such set. */
export function destroyRequest(protocol: number, name: string): Request {
  return request(IPSET_CMD_DESTROY, NLM_F_EXCL, QUESTION, { protocol, name });
}

/** Fails where the element is there already. */
export function addElementRequest(protocol: number, name: string, element: Element): Request {
  return elementRequest(IPSET_CMD_ADD, protocol, name, element);
}

/** Fails where there is no such element. */
export function deleteElementRequest(protocol: number, name: string, element: Element): Request {
  return elementRequest(IPSET_CMD_DEL, protocol, name, element);
}

export function headerRequest(protocol: number, name: string): Request {
  return request(IPSET_CMD_HEADER, 0, QUESTION, { protocol, name });
}

export function decodeHeader(message: Message): SetHeader {
  const { name, type, family } = readNfnl(message, IPSET_CMD_HEADER, HEADER).values;
  return { name, type, family: familyOf(family) };
}

/** To be dumped: a set with its members, in parts. */
export function listRequest(protocol: number, name: string): Request {
  return request(IPSET_CMD_LIST, 0, QUESTION, { protocol, name });
}

export function decodeListing(message: Message): SetPart {
  const { name, type, family, members } = readNfnl(message, IPSET_CMD_LIST, LISTING).values;
  return {
    name,
    type,
    family: family === undefined ? undefined : familyOf(family),
    members: members ?? [],
  };
}

/** A member of a set of type hash:ip,port, or undefined for one of a protocol that has no services. */
export function decodeElement(member: Uint8Array): Element | undefined {
  const { address, port, protocol: number } = ELEMENT.read(new Input(member), 0);
  const bytes = address?.ipv4 ?? address?.ipv6;
  if (bytes === undefined) throw missing("IPSET_ATTR_IP");
  if (port === undefined) throw missing("IPSET_ATTR_PORT");
  if (number === undefined) throw missing("IPSET_ATTR_PROTO");
  const protocol = protocolOf(number);
  return protocol && { address: addressFromBytes(bytes), protocol, port };
}

function elementRequest(
  command: NfnlCommand,
  protocol: number,
  name: string,
  { address, protocol: transport, port }: Element,
): Request {
  return request(command, NLM_F_EXCL, CHANGE, {
    protocol,
    name,
    data: { address: inNest(address), port, protocol: PROTOCOL_NUMBERS[transport] },
  });
}

function inNest(address: Address) {
  const bytes = addressToBytes(address);
  return addressFamily(address) === "ipv4" ? { ipv4: bytes } : { ipv6: bytes };
}

function request<V>(
  command: NfnlCommand,
  flags: number,
  table: { write(to: Writer, values: V): void },
  values: V,
): Request {
  // ipset says IPv4 here whatever the set's family is, and the kernel does not look.
  return nfnlRequest({ command, family: AF_INET, flags, table, values });
}

function missing(attribute: string): WireError {
  return new WireError(`decode ${attribute}: missing`, { attribute });
}
