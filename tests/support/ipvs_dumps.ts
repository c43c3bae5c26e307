/** Messages that Linux 6.1 sent for one service and one server, and dumps of any size made of them. */

import { hex } from "./bytes.ts";

const STATS_OF_NOTHING = `
    5c00 0a00                              # IPVS_*_ATTR_STATS
      0800 0100 00000000  0800 0200 00000000  0800 0300 00000000
      0c00 0400 00000000 00000000  0c00 0500 00000000 00000000
      0800 0600 00000000  0800 0700 00000000  0800 0800 00000000
      0800 0900 00000000  0800 0a00 00000000
    7c00 0c00                              # IPVS_*_ATTR_STATS64
      0c00 0100 00000000 00000000  0c00 0200 00000000 00000000  0c00 0300 00000000 00000000
      0c00 0400 00000000 00000000  0c00 0500 00000000 00000000  0c00 0600 00000000 00000000
      0c00 0700 00000000 00000000  0c00 0800 00000000 00000000  0c00 0900 00000000 00000000
      0c00 0a00 00000000 00000000
`;

/** `ipvsadm -A -t 10.0.1.1:80 -s wrr -b flag-1,flag-3 -p 300 -M 255.255.255.0 --pe sip` */
export const SERVICE_MESSAGE = `
  48010000 2000 0200 16000000 8a000000     # nlmsghdr: type 32, NLM_F_MULTI
  01 01 0000                               # genlmsghdr: IPVS_CMD_NEW_SERVICE
  3401 0100                                # IPVS_CMD_ATTR_SERVICE
    0600 0100 02000000                     # IPVS_SVC_ATTR_AF
    0600 0200 06000000                     # IPVS_SVC_ATTR_PROTOCOL
    1400 0300 0a000101 00000000 00000000 00000000  # IPVS_SVC_ATTR_ADDR
    0600 0400 00500000                     # IPVS_SVC_ATTR_PORT
    0800 0600 77727200                     # IPVS_SVC_ATTR_SCHED_NAME
    0800 0b00 73697000                     # IPVS_SVC_ATTR_PE_NAME
    0c00 0700 2b000000 ffffffff            # IPVS_SVC_ATTR_FLAGS
    0800 0800 2c010000                     # IPVS_SVC_ATTR_TIMEOUT
    0800 0900 ffffff00                     # IPVS_SVC_ATTR_NETMASK
    ${STATS_OF_NOTHING}`;

/** `ipvsadm -a -t 10.0.1.1:80 -r 10.0.8.2 -i --tun-type gue --tun-port 6080 --tun-remcsum -x 9 -y 3` */
export const SERVER_MESSAGE = `
  64010000 2000 0200 18000000 8a000000     # nlmsghdr: type 32, NLM_F_MULTI
  05 01 0000                               # genlmsghdr: IPVS_CMD_NEW_DEST
  5001 0200                                # IPVS_CMD_ATTR_DEST
    1400 0100 0a000802 00000000 00000000 00000000  # IPVS_DEST_ATTR_ADDR
    0600 0200 00500000                     # IPVS_DEST_ATTR_PORT
    0800 0300 02000000                     # IPVS_DEST_ATTR_FWD_METHOD
    0800 0400 01000000                     # IPVS_DEST_ATTR_WEIGHT
    0500 0d00 01000000                     # IPVS_DEST_ATTR_TUN_TYPE
    0600 0e00 17c00000                     # IPVS_DEST_ATTR_TUN_PORT
    0600 0f00 02000000                     # IPVS_DEST_ATTR_TUN_FLAGS
    0800 0500 09000000                     # IPVS_DEST_ATTR_U_THRESH
    0800 0600 03000000                     # IPVS_DEST_ATTR_L_THRESH
    0800 0700 00000000                     # IPVS_DEST_ATTR_ACTIVE_CONNS
    0800 0800 00000000                     # IPVS_DEST_ATTR_INACT_CONNS
    0800 0900 00000000                     # IPVS_DEST_ATTR_PERSIST_CONNS
    0600 0b00 02000000                     # IPVS_DEST_ATTR_ADDR_FAMILY
    ${STATS_OF_NOTHING}`;

/** A service of IPv6: `ipvsadm -A -u [2001:db8::]:53 -s wrr -p 10 -M 64`. Statistics are left out. */
export const SERVICE_MESSAGE_IPV6 = `
  68000000 2000 0200 16000000 8a000000
  01 01 0000
  5400 0100
    0600 0100 0a000000
    0600 0200 11000000
    1400 0300 20010db8 00000000 00000000 00000000
    0600 0400 00350000
    0800 0600 77727200
    0c00 0700 03000000 ffffffff
    0800 0800 0a000000
    0800 0900 40000000                     # a number of bits, in host order
`;

/** A service of marked packets: `ipvsadm -A -f 5 -6 -s rr -o`. Statistics are left out. */
export const MARK_MESSAGE_IPV6 = `
  4c000000 2000 0200 16000000 8a000000
  01 01 0000
  3800 0100
    0600 0100 0a000000
    0800 0500 05000000                     # IPVS_SVC_ATTR_FWMARK
    0700 0600 72720000
    0c00 0700 06000000 ffffffff
    0800 0800 00000000
    0800 0900 80000000
`;

/** Where the last two bytes of the IPv4 address stand. */
const ADDRESS_TAIL: Readonly<Record<string, number>> = {
  [SERVICE_MESSAGE]: 46,
  [SERVER_MESSAGE]: 30,
};

/** Datagrams of at most 32 KiB, as the kernel fills them, of `count` entries with different addresses. */
export function datagramsOf(message: string, count: number): Uint8Array<ArrayBuffer>[] {
  const one = hex(message);
  const perDatagram = Math.floor(32_768 / one.length);
  const datagrams: Uint8Array<ArrayBuffer>[] = [];
  for (let first = 0; first < count; first += perDatagram) {
    const here = Math.min(perDatagram, count - first);
    const datagram = new Uint8Array(here * one.length);
    const view = new DataView(datagram.buffer);
    for (let i = 0; i < here; i++) {
      datagram.set(one, i * one.length);
      view.setUint16(i * one.length + ADDRESS_TAIL[message]!, first + i);
    }
    datagrams.push(datagram);
  }
  return datagrams;
}
