/** Asks on the links of this host who has an address. It takes CAP_NET_RAW. */

import type { Clock } from "../clock.ts";
import { SyscallError } from "../errors.ts";
import { type Address, addressToBytes, type Family } from "../model/address.ts";
import type { Link } from "../model/link.ts";
import { libc, syscallError } from "../sys/libc.ts";
import type { Neighbour } from "./facts.ts";
import {
  type Claim,
  decodeAdvertisement,
  decodeArp,
  encodeArp,
  encodeSolicitation,
  type Hardware,
  printHardware,
  solicitedGroup,
} from "./neighbour_messages.ts";

const AF_INET6 = 10;
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const ETH_P_ARP = 0x0806;
const ARPHRD_ETHER = 1;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_MULTICAST_LOOP = 19;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
/** Neighbours believe nothing that may have come through a router. */
const HOPS = 255;

/** struct sockaddr_ll: family, protocol, device, type of hardware, type of packet, length, address. */
const SOCKADDR_LL = 20;

/** How long answers are waited for. */
const LIMIT_MS = 1000;
const POLL_MS = 20;
/** A question may be lost. */
const TURNS = 2;

export interface Question {
  readonly family: Family;
  readonly addresses: readonly Address[];
  readonly devices: readonly Link[];
  readonly clock: Clock;
}

/** A socket on one device. */
interface Ear {
  ask(address: Address): void;
  /** What has come in by now. */
  hear(): Claim[];
  readonly device: string;
  /** Its own, by which nobody else is meant. */
  readonly hardware: string;
  close(): void;
}

/** Throws a SyscallError where it is not permitted. */
export async function askNeighbours(
  { family, addresses, devices, clock }: Question,
): Promise<Neighbour[]> {
  const ears = devices.filter((device) => isAsked(device, family))
    .map((device) => family === "ipv4" ? openArp(device) : openSolicitation(device))
    .filter((ear) => ear !== undefined);
  try {
    return await listen(ears, addresses, clock);
  } finally {
    for (const ear of ears) ear.close();
  }
}

async function listen(
  ears: readonly Ear[],
  addresses: readonly Address[],
  clock: Clock,
): Promise<Neighbour[]> {
  const own = new Set(ears.map(({ hardware }) => hardware));
  const wanted = new Set(addresses);
  const found = new Map<string, Neighbour>();
  for (let turn = 0; turn < TURNS && ears.length > 0; turn++) {
    for (const ear of ears) for (const address of addresses) ear.ask(address);
    const untilMs = clock.monotonicMs() + LIMIT_MS / TURNS;
    while (clock.monotonicMs() < untilMs) {
      for (const ear of ears) {
        for (const { address, hardware } of ear.hear()) {
          if (!wanted.has(address) || own.has(hardware)) continue;
          const neighbour = { address, device: ear.device, hardware };
          found.set(Object.values(neighbour).join(" "), neighbour);
        }
      }
      await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
    }
  }
  return [...found.values()];
}

/** Where there are neighbours: a device that has no address of the family has none. */
export function isAsked({ name, kind, up, addresses }: Link, family: Family): boolean {
  return up && name !== "lo" && kind !== "dummy" &&
    addresses.some(({ address }) => address.includes(":") === (family === "ipv6"));
}

/** Undefined where the device is of no Ethernet, or has just gone. */
function openArp({ name, index }: Link): Ear | undefined {
  const opened = openPacket(name, index);
  if (!opened) return undefined;
  const { fd, hardware } = opened;
  const broadcast = linkAddress(index);
  broadcast.set([6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 11);
  return {
    device: name,
    hardware: printHardware(hardware),
    ask: (address) => sendTo(fd, encodeArp(hardware, address), broadcast),
    hear: () => receiveAll(fd, decodeArp),
    close: () => void libc().close(fd),
  };
}

function openPacket(
  name: string,
  index: number,
): { readonly fd: number; readonly hardware: Hardware } | undefined {
  const { socket, bind, getsockname, close } = libc();
  // As network order has it.
  const protocol = ((ETH_P_ARP & 0xff) << 8) | (ETH_P_ARP >> 8);
  const fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw syscallError("socket", "ARP");
  const address = linkAddress(index);
  const own = new Uint8Array(32);
  const isThere = bind(fd, address, address.length) >= 0 &&
    getsockname(fd, own, new Uint32Array([own.length])) >= 0;
  const type = own[8]! | (own[9]! << 8);
  if (isThere && type === ARPHRD_ETHER && own[11] === 6) {
    return { fd, hardware: own.slice(12, 18) };
  }
  const error = isThere ? undefined : syscallError("bind", name);
  close(fd);
  if (error && !error.is("ENODEV") && !error.is("ENETDOWN") && !error.is("ENXIO")) throw error;
  return undefined;
}

function linkAddress(index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCKADDR_LL);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ARP);
  view.setInt32(4, index, true);
  return bytes;
}

function openSolicitation({ name, index }: Link): Ear | undefined {
  const packet = openPacket(name, index);
  if (!packet) return undefined;
  const { socket, setsockopt, close } = libc();
  close(packet.fd);
  const { hardware } = packet;
  const fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  if (fd < 0) throw syscallError("socket", "ICMPv6");
  const device = new TextEncoder().encode(name);
  setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, device.length);
  setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, new Int32Array([HOPS]), 4);
  setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, new Int32Array([0]), 4);
  return {
    device: name,
    hardware: printHardware(hardware),
    ask: (address) =>
      sendTo(fd, encodeSolicitation(hardware, address), groupAddress(address, index)),
    hear: () => receiveAll(fd, decodeAdvertisement),
    close: () => void close(fd),
  };
}

/** struct sockaddr_in6: family, port, flow, address, device. */
function groupAddress(address: Address, index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  bytes.set(addressToBytes(solicitedGroup(address)), 8);
  view.setUint32(24, index, true);
  return bytes;
}

/** What cannot be sent is not asked: the device has gone down, or has no address to ask from. */
function sendTo(fd: number, bytes: Uint8Array<ArrayBuffer>, to: Uint8Array<ArrayBuffer>): void {
  if (libc().sendto(fd, bytes, BigInt(bytes.length), 0, to, to.length) >= 0n) return;
  const error = syscallError("sendto", "neighbours");
  if (!PASSING.includes(error.errno)) throw error;
}

const PASSING = [
  "EAGAIN",
  "ENOBUFS",
  "ENETDOWN",
  "ENXIO",
  "ENODEV",
  "EADDRNOTAVAIL",
  "ENETUNREACH",
];
const BUFFER = new Uint8Array(2048);

function receiveAll(fd: number, decode: (bytes: Uint8Array) => Claim | undefined): Claim[] {
  const claims: Claim[] = [];
  for (;;) {
    const length = Number(libc().recv(fd, BUFFER, BigInt(BUFFER.length), 0));
    if (length < 0) {
      const error = syscallError("recv", "neighbours");
      if (PASSING.includes(error.errno)) return claims;
      throw error;
    }
    const claim = decode(BUFFER.subarray(0, length));
    if (claim) claims.push(claim);
  }
}

/** Whether it was not allowed to ask. */
export function isForbidden(error: unknown): boolean {
  return error instanceof SyscallError && (error.is("EPERM") || error.is("EACCES"));
}
