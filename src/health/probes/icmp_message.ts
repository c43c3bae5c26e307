/** ICMP and ICMPv6 as far as a ping needs them: the bytes of an echo request, and what comes back. Pure. */

import type { Family } from "../../model/address.ts";

export interface EchoRequest {
  readonly family: Family;
  readonly id: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** By which an echo request is known again. */
export interface EchoKey {
  readonly id: number;
  readonly sequence: number;
}

export interface IcmpReply extends EchoKey {
  readonly kind: "reply";
  readonly payload: Uint8Array;
}

/** What a router or a host says of a packet that it got. */
export interface IcmpComplaint {
  /** "other" need not mean that the packet was lost: a redirect is among them. */
  readonly kind: "unreachable" | "timeExceeded" | "other";
  /** In words: "destination unreachable: port unreachable". */
  readonly reason: string;
  /** The echo request that is complained of; undefined where it is another packet. */
  readonly request: EchoKey | undefined;
}

export type IcmpMessage = IcmpReply | IcmpComplaint;

export interface IcmpOptions {
  readonly family: Family;
  /** Raw IPv4 sockets give the IP header too. */
  readonly hasIpHeader: boolean;
}

/** Of both an echo message and a complaint; behind it are the payload, or the packet complained of. */
const HEADER_SIZE = 8;
const IPV4_HEADER_SIZE = 20;
const IPV6_HEADER_SIZE = 40;
/** What an IPv4 packet has room for behind its headers. */
const MOST_PAYLOAD = 0xffff - IPV4_HEADER_SIZE - HEADER_SIZE;
const FRAGMENT_OFFSET = 0x1fff;

interface Complaint {
  readonly kind: IcmpComplaint["kind"];
  readonly title: string;
  /** What its codes mean. */
  readonly codes: readonly string[];
}

interface Numbers {
  /** In the IP header. */
  readonly protocol: number;
  readonly request: number;
  readonly reply: number;
  /** By type. Others are news that no packet is the cause of. */
  readonly complaints: Readonly<Record<number, Complaint>>;
}

/** RFC 792, RFC 1122 and RFC 1812. */
const IPV4: Numbers = {
  protocol: 1,
  request: 8,
  reply: 0,
  complaints: {
    3: {
      kind: "unreachable",
      title: "destination unreachable",
      codes: [
        "network unreachable",
        "host unreachable",
        "protocol unreachable",
        "port unreachable",
        "fragmentation needed",
        "source route failed",
        "network unknown",
        "host unknown",
        "source host isolated",
        "network prohibited",
        "host prohibited",
        "network unreachable for this type of service",
        "host unreachable for this type of service",
        "communication prohibited",
        "host precedence violation",
        "precedence cutoff in effect",
      ],
    },
    4: { kind: "other", title: "source quench", codes: [] },
    5: {
      kind: "other",
      title: "redirect",
      codes: [
        "for the network",
        "for the host",
        "for the type of service and network",
        "for the type of service and host",
      ],
    },
    11: {
      kind: "timeExceeded",
      title: "time exceeded",
      codes: ["time to live exceeded in transit", "fragment reassembly time exceeded"],
    },
    12: {
      kind: "other",
      title: "parameter problem",
      codes: ["erroneous header field", "missing option", "bad length"],
    },
  },
};

/** RFC 4443. */
const IPV6: Numbers = {
  protocol: 58,
  request: 128,
  reply: 129,
  complaints: {
    1: {
      kind: "unreachable",
      title: "destination unreachable",
      codes: [
        "no route to destination",
        "communication prohibited",
        "beyond scope of source address",
        "address unreachable",
        "port unreachable",
        "source address failed policy",
        "reject route to destination",
        "error in source routing header",
      ],
    },
    2: { kind: "other", title: "packet too big", codes: [] },
    3: {
      kind: "timeExceeded",
      title: "time exceeded",
      codes: ["hop limit exceeded in transit", "fragment reassembly time exceeded"],
    },
    4: {
      kind: "other",
      title: "parameter problem",
      codes: ["erroneous header field", "unknown next header", "unknown option"],
    },
  },
};

/** With its checksum for IPv4; the one of IPv6 takes the addresses, and the kernel fills it in. */
export function encodeEcho(
  { family, id, sequence, payload }: EchoRequest,
): Uint8Array<ArrayBuffer> {
  checkRange("id", id, 0xffff);
  checkRange("sequence", sequence, 0xffff);
  checkRange("payload's length", payload.length, MOST_PAYLOAD);
  const bytes = new Uint8Array(HEADER_SIZE + payload.length);
  const view = viewOf(bytes);
  bytes[0] = numbersOf(family).request;
  view.setUint16(4, id);
  view.setUint16(6, sequence);
  bytes.set(payload, HEADER_SIZE);
  if (family === "ipv4") view.setUint16(2, ~sumOf(bytes));
  return bytes;
}

function checkRange(field: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new RangeError(`encode echo request: ${field} ${value}, must be from 0 to ${most}`);
}

/** Undefined for what is cut, damaged, or no message for who sent an echo request. Never throws. */
export function decodeIcmp(
  bytes: Uint8Array,
  { family, hasIpHeader }: IcmpOptions,
): IcmpMessage | undefined {
  const message = hasIpHeader ? icmpOf(wholePacket(bytes, family), family) : bytes;
  if (!message || message.length < HEADER_SIZE) return undefined;
  // A raw IPv4 socket is given messages before the kernel looks at their checksums.
  if (family === "ipv4" && sumOf(message) !== 0xffff) return undefined;
  return decodeReply(message, family) ?? decodeComplaint(message, family);
}

function decodeReply(message: Uint8Array, family: Family): IcmpReply | undefined {
  const key = echoKey(message, numbersOf(family).reply);
  // A copy: bytes are received in the same buffer again.
  return key && { kind: "reply", ...key, payload: message.slice(HEADER_SIZE) };
}

function decodeComplaint(message: Uint8Array, family: Family): IcmpComplaint | undefined {
  const { complaints, request } = numbersOf(family);
  const [type, code] = [message[0]!, message[1]!];
  const complaint = complaints[type];
  if (!complaint) return undefined;
  const embedded = icmpOf(message.subarray(HEADER_SIZE), family);
  return {
    kind: complaint.kind,
    reason: reasonOf(complaint, code),
    request: embedded && echoKey(embedded, request),
  };
}

function reasonOf({ title, codes }: Complaint, code: number): string {
  if (codes.length === 0 && code === 0) return title;
  return `${title}: ${codes[code] ?? `code ${code}`}`;
}

/** Undefined where it is no echo message of this type. */
function echoKey(message: Uint8Array, type: number): EchoKey | undefined {
  if (message.length < HEADER_SIZE || message[0] !== type || message[1] !== 0) return undefined;
  const view = viewOf(message);
  return { id: view.getUint16(4), sequence: view.getUint16(6) };
}

/** Undefined where the packet's end was cut off, which the checksum need not tell: zeros add nothing. */
function wholePacket(bytes: Uint8Array, family: Family): Uint8Array | undefined {
  const fixed = family === "ipv4" ? 0 : IPV6_HEADER_SIZE;
  if (bytes.length < IPV4_HEADER_SIZE) return undefined;
  const length = fixed + viewOf(bytes).getUint16(family === "ipv4" ? 2 : 4);
  return length <= bytes.length ? bytes.subarray(0, length) : undefined;
}

/** What is behind the IP header, where that is ICMP. A packet complained of may be cut behind it. */
function icmpOf(packet: Uint8Array | undefined, family: Family): Uint8Array | undefined {
  if (!packet) return undefined;
  return family === "ipv4" ? icmpOfIpv4(packet) : icmpOfIpv6(packet);
}

function icmpOfIpv4(packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < IPV4_HEADER_SIZE) return undefined;
  const [version, headerSize] = [packet[0]! >> 4, 4 * (packet[0]! & 0x0f)];
  const isFirst = (viewOf(packet).getUint16(6) & FRAGMENT_OFFSET) === 0;
  if (version !== 4 || headerSize < IPV4_HEADER_SIZE || !isFirst) return undefined;
  return packet[9] === IPV4.protocol ? packet.subarray(headerSize) : undefined;
}

/** Without extension headers: echo requests of ours have none. */
function icmpOfIpv6(packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < IPV6_HEADER_SIZE || packet[0]! >> 4 !== 6) return undefined;
  return packet[6] === IPV6.protocol ? packet.subarray(IPV6_HEADER_SIZE) : undefined;
}

function numbersOf(family: Family): Numbers {
  return family === "ipv4" ? IPV4 : IPV6;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** RFC 1071: the ones' complement sum of 16-bit words, 0xffff of a message with its right checksum in it. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return sum;
}
