/** The requests of nftables for sets of address . protocol . port, and what answers them, in values. */

import { WireError } from "../errors.ts";
import { addressFromBytes, addressToBytes, type Family, familyBits } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Protocol } from "../model/ipvs.ts";
import { type Message, NLM_F_CREATE, type Request } from "./message.ts";
import { type NfnlCommand, readNfnl } from "./nfnetlink.ts";
import { nftRequest, type NftTable } from "./nft.ts";
import {
  NFT_MSG_DELSETELEM,
  NFT_MSG_GETSET,
  NFT_MSG_GETSETELEM,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_SET,
  NFT_SET_ELEMENTS,
} from "./nft_tables.ts";
import { PROTOCOL_NUMBERS, protocolOf } from "./protocol.ts";

/** What a set is, without what is in it. */
export interface NftSet {
  readonly name: string;
  readonly keyType: number;
  readonly keyLength: number;
  readonly flags: number;
}

/** A member of a set of address . protocol . port. */
export interface NftElement extends Endpoint {
  readonly protocol: Protocol;
}

/** Numbers of types that keys are made of. They are nft's own; the kernel only keeps them. */
const TYPE_IPADDR = 7;
const TYPE_IP6ADDR = 8;
const TYPE_INET_PROTOCOL = 12;
const TYPE_INET_SERVICE = 13;
const TYPE_BITS = 6;

/** Parts of a key each begin at a register of 4 bytes. */
const PART_BYTES = 4;

/** A transaction names a set that it makes by any number of its own. */
const SET_ID = 1;

export function newSetRequest({ family, name: table }: NftTable, set: NftSet): Request {
  return nftRequest(NFT_MSG_NEWSET, {
    family,
    flags: NLM_F_CREATE,
    table: NFT_SET,
    values: { table, ...set, id: SET_ID },
  });
}

/** Asks for a set; refused with ENOENT where it or its table is not there. */
export function getSetRequest({ family, name: table }: NftTable, name: string): Request {
  return nftRequest(NFT_MSG_GETSET, { family, table: NFT_SET, values: { table, name } });
}

export function decodeSet(message: Message): NftSet {
  const { name = "", keyType = 0, keyLength = 0, flags = 0 } =
    readNfnl(message, NFT_MSG_NEWSET, NFT_SET).values;
  return { name, keyType, keyLength, flags };
}

/** The set of endpoints: address . protocol . port. */
export function endpointSet(family: Family, name: string): NftSet {
  const address = family === "ipv4" ? TYPE_IPADDR : TYPE_IP6ADDR;
  const keyType = (((address << TYPE_BITS) | TYPE_INET_PROTOCOL) << TYPE_BITS) | TYPE_INET_SERVICE;
  return { name, keyType, keyLength: familyBits(family) / 8 + 2 * PART_BYTES, flags: 0 };
}

/** Elements that are there already stay as they are. */
export function addElementsRequest(
  table: NftTable,
  set: string,
  elements: readonly NftElement[],
): Request {
  return elementsRequest(NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, set, elements);
}

/** Refused with ENOENT where one of them is not there. */
export function deleteElementsRequest(
  table: NftTable,
  set: string,
  elements: readonly NftElement[],
): Request {
  return elementsRequest(NFT_MSG_DELSETELEM, 0, table, set, elements);
}

/** To be dumped: what is in a set; refused with ENOENT where there is none. */
export function listElementsRequest({ family, name: table }: NftTable, set: string): Request {
  return nftRequest(NFT_MSG_GETSETELEM, {
    family,
    table: NFT_SET_ELEMENTS,
    values: { table, set },
  });
}

/** Elements of a set of endpoints, without those of protocols that have no services. */
export function decodeElements(message: Message, { family }: NftTable): NftElement[] {
  const { elements = [] } = readNfnl(message, NFT_MSG_NEWSETELEM, NFT_SET_ELEMENTS).values;
  return elements.map(({ key }) => decodeKey(family, key?.value)).filter((each) =>
    each !== undefined
  );
}

function elementsRequest(
  command: NfnlCommand,
  flags: number,
  { family, name: table }: NftTable,
  set: string,
  elements: readonly NftElement[],
): Request {
  const values = {
    table,
    set,
    elements: elements.map((element) => ({ key: { value: encodeKey(element) } })),
  };
  return nftRequest(command, { family, flags, table: NFT_SET_ELEMENTS, values });
}

function encodeKey({ address, protocol, port }: NftElement): Uint8Array {
  const bytes = addressToBytes(address);
  const key = new Uint8Array(bytes.length + 2 * PART_BYTES);
  key.set(bytes);
  key[bytes.length] = PROTOCOL_NUMBERS[protocol];
  new DataView(key.buffer).setUint16(bytes.length + PART_BYTES, port);
  return key;
}

function decodeKey(family: Family, key: Uint8Array | undefined): NftElement | undefined {
  const size = familyBits(family) / 8;
  if (key?.length !== size + 2 * PART_BYTES) {
    throw new WireError(
      `decode NFTA_SET_ELEM_KEY: it has ${key?.length ?? 0} bytes, must have ${size + 8}`,
      { attribute: "NFTA_SET_ELEM_KEY" },
    );
  }
  const protocol = protocolOf(key[size]!);
  if (protocol === undefined) return undefined;
  const address = addressFromBytes(key.subarray(0, size));
  const port = (key[size + PART_BYTES]! << 8) | key[size + PART_BYTES + 1]!;
  return { address, protocol, port };
}
