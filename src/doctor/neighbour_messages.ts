/** Who has this address? ARP's question for IPv4 and the neighbour solicitation of IPv6, and their answers. */

import { type Address, addressFromBytes, addressToBytes } from "../model/address.ts";

/** Without the header of the link, which the kernel writes. */
const ARP_SIZE = 28;
const ETHERNET = 1;
const ETH_P_IP = 0x0800;
const ARP_REQUEST = 1;

/** A hardware address as bytes: six of them. */
export type Hardware = Uint8Array;

/**
 * As an address is asked for before it is taken (RFC 5227): nobody's address asks, so that nobody learns anything
 * from the question.
 */
export function encodeArp(hardware: Hardware, address: Address): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ARP_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ETHERNET);
  view.setUint16(2, ETH_P_IP);
  bytes.set([6, 4], 4);
  view.setUint16(6, ARP_REQUEST);
  bytes.set(hardware, 8);
  bytes.set(addressToBytes(address), 24);
  return bytes;
}

/** Whoever says that an address is its own, in a question or in an answer. */
export interface Claim {
  readonly address: Address;
  readonly hardware: string;
}

export function decodeArp(bytes: Uint8Array): Claim | undefined {
  if (bytes.length < ARP_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isOurs = view.getUint16(0) === ETHERNET && view.getUint16(2) === ETH_P_IP &&
    bytes[4] === 6 && bytes[5] === 4;
  if (!isOurs) return undefined;
  return {
    address: addressFromBytes(bytes.subarray(14, 18)),
    hardware: printHardware(bytes.subarray(8, 14)),
  };
}

const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const SOURCE_LINK_ADDRESS = 1;
const TARGET_LINK_ADDRESS = 2;
const SOLICITATION_SIZE = 24;

/** The kernel writes the checksum. */
export function encodeSolicitation(hardware: Hardware, address: Address): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOLICITATION_SIZE + 8);
  bytes[0] = NEIGHBOUR_SOLICITATION;
  bytes.set(addressToBytes(address), 8);
  // Of eight bytes, which is one unit.
  bytes.set([SOURCE_LINK_ADDRESS, 1, ...hardware], SOLICITATION_SIZE);
  return bytes;
}

export function decodeAdvertisement(bytes: Uint8Array): Claim | undefined {
  if (bytes.length < SOLICITATION_SIZE || bytes[0] !== NEIGHBOUR_ADVERTISEMENT) return undefined;
  let hardware = "";
  for (let at = SOLICITATION_SIZE; at + 8 <= bytes.length;) {
    const [type, units] = [bytes[at]!, bytes[at + 1]!];
    if (units === 0) return undefined;
    if (type === TARGET_LINK_ADDRESS) hardware = printHardware(bytes.subarray(at + 2, at + 8));
    at += 8 * units;
  }
  return { address: addressFromBytes(bytes.subarray(8, 24)), hardware };
}

/** The group that the host with that address listens to: ff02::1:ff and its last three bytes. */
export function solicitedGroup(address: Address): Address {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0x02]);
  bytes.set([0x01, 0xff], 11);
  bytes.set(addressToBytes(address).subarray(13), 13);
  return addressFromBytes(bytes);
}

/** "52:54:00:12:34:56". */
export function printHardware(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
