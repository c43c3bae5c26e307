/** The attributes of the generic netlink family "IPVS" (include/uapi/linux/ip_vs.h), as tables. */

import {
  type Attribute,
  attribute,
  type Attributes,
  attributes,
  bytes,
  nested,
  required,
  string,
  u16,
  u16be,
  u32,
  u64,
  u8,
} from "./attribute.ts";
import { INET_ADDR } from "./inet_address.ts";
import { type Kind, S32, struct, U32, U64 } from "./kind.ts";

export const IPVS_GENL_NAME = "IPVS";

const command = (cmd: number, name: string) => ({ cmd, name });

export const COMMANDS = {
  newService: command(1, "IPVS_CMD_NEW_SERVICE"),
  setService: command(2, "IPVS_CMD_SET_SERVICE"),
  delService: command(3, "IPVS_CMD_DEL_SERVICE"),
  getService: command(4, "IPVS_CMD_GET_SERVICE"),
  newDest: command(5, "IPVS_CMD_NEW_DEST"),
  setDest: command(6, "IPVS_CMD_SET_DEST"),
  delDest: command(7, "IPVS_CMD_DEL_DEST"),
  getDest: command(8, "IPVS_CMD_GET_DEST"),
  newDaemon: command(9, "IPVS_CMD_NEW_DAEMON"),
  delDaemon: command(10, "IPVS_CMD_DEL_DAEMON"),
  getDaemon: command(11, "IPVS_CMD_GET_DAEMON"),
  setConfig: command(12, "IPVS_CMD_SET_CONFIG"),
  getConfig: command(13, "IPVS_CMD_GET_CONFIG"),
  getInfo: command(15, "IPVS_CMD_GET_INFO"),
  zero: command(16, "IPVS_CMD_ZERO"),
  flush: command(17, "IPVS_CMD_FLUSH"),
} as const;

/** struct ip_vs_flags: the bits, and which of them are meant. */
const IP_VS_FLAGS = struct({ flags: U32, mask: U32 });

/** What finds a service: family, protocol, address and port, or family and mark. */
export const SERVICE_KEY = attributes({
  family: required(u16(1, "IPVS_SVC_ATTR_AF")),
  protocol: u16(2, "IPVS_SVC_ATTR_PROTOCOL"),
  address: attribute(3, "IPVS_SVC_ATTR_ADDR", INET_ADDR),
  port: u16be(4, "IPVS_SVC_ATTR_PORT"),
  mark: u32(5, "IPVS_SVC_ATTR_FWMARK"),
});

export const SERVICE = attributes({
  ...SERVICE_KEY.shape,
  scheduler: required(string(6, "IPVS_SVC_ATTR_SCHED_NAME")),
  flags: required(attribute(7, "IPVS_SVC_ATTR_FLAGS", IP_VS_FLAGS)),
  timeout: required(u32(8, "IPVS_SVC_ATTR_TIMEOUT")),
  // A mask in network order for IPv4, a number of bits in host order for IPv6.
  netmask: required(bytes(9, "IPVS_SVC_ATTR_NETMASK", 4)),
  engine: string(11, "IPVS_SVC_ATTR_PE_NAME"),
});

/** What finds a server within a service. The family is sent since Linux 3.18. */
export const SERVER_KEY = attributes({
  address: required(attribute(1, "IPVS_DEST_ATTR_ADDR", INET_ADDR)),
  port: required(u16be(2, "IPVS_DEST_ATTR_PORT")),
  family: u16(11, "IPVS_DEST_ATTR_ADDR_FAMILY"),
});

/** Tunnels other than ipip exist since Linux 5.3. */
export const SERVER = attributes({
  ...SERVER_KEY.shape,
  forwarding: required(u32(3, "IPVS_DEST_ATTR_FWD_METHOD")),
  // Signed, so that a negative weight is the kernel's to refuse.
  weight: required(attribute(4, "IPVS_DEST_ATTR_WEIGHT", S32)),
  upperThreshold: required(u32(5, "IPVS_DEST_ATTR_U_THRESH")),
  lowerThreshold: required(u32(6, "IPVS_DEST_ATTR_L_THRESH")),
  tunnelType: u8(13, "IPVS_DEST_ATTR_TUN_TYPE"),
  tunnelPort: u16be(14, "IPVS_DEST_ATTR_TUN_PORT"),
  tunnelFlags: u16(15, "IPVS_DEST_ATTR_TUN_FLAGS"),
});

/** A server as the kernel lists it. */
export const SERVER_ENTRY = attributes({
  ...SERVER.shape,
  active: required(u32(7, "IPVS_DEST_ATTR_ACTIVE_CONNS")),
  inactive: required(u32(8, "IPVS_DEST_ATTR_INACT_CONNS")),
  persistent: required(u32(9, "IPVS_DEST_ATTR_PERSIST_CONNS")),
});

/** The two generations of statistics differ in the width of all that is not bytes, and in bytes a second. */
function statistics<T>(wide: Kind<T>) {
  const counter = (type: number, name: string): Attribute<T, true> =>
    required(attribute(type, name, wide));
  return attributes({
    connections: counter(1, "IPVS_STATS_ATTR_CONNS"),
    inPackets: counter(2, "IPVS_STATS_ATTR_INPKTS"),
    outPackets: counter(3, "IPVS_STATS_ATTR_OUTPKTS"),
    inBytes: required(u64(4, "IPVS_STATS_ATTR_INBYTES")),
    outBytes: required(u64(5, "IPVS_STATS_ATTR_OUTBYTES")),
    connectionRate: counter(6, "IPVS_STATS_ATTR_CPS"),
    inPacketRate: counter(7, "IPVS_STATS_ATTR_INPPS"),
    outPacketRate: counter(8, "IPVS_STATS_ATTR_OUTPPS"),
    inByteRate: counter(9, "IPVS_STATS_ATTR_INBPS"),
    outByteRate: counter(10, "IPVS_STATS_ATTR_OUTBPS"),
  });
}

export const STATS32 = statistics(U32);
/** Since Linux 4.1. */
export const STATS64 = statistics(U64);
export type StatsAttributes = Attributes<typeof STATS32> | Attributes<typeof STATS64>;

/** The statistics of an entry alone: whoever does not ask for them does not pay for decoding them. */
export const SERVICE_STATS = attributes({
  stats: nested(10, "IPVS_SVC_ATTR_STATS", STATS32),
});
export const SERVICE_STATS64 = attributes({
  stats: nested(12, "IPVS_SVC_ATTR_STATS64", STATS64),
});
export const SERVER_STATS = attributes({
  stats: nested(10, "IPVS_DEST_ATTR_STATS", STATS32),
});
export const SERVER_STATS64 = attributes({
  stats: nested(12, "IPVS_DEST_ATTR_STATS64", STATS64),
});

/** The numbers of the attributes that hold statistics. */
export const STATS_TYPES = {
  service: [SERVICE_STATS.shape.stats.type, SERVICE_STATS64.shape.stats.type],
  server: [SERVER_STATS.shape.stats.type, SERVER_STATS64.shape.stats.type],
} as const;

export const DAEMON_KEY = attributes({
  state: required(u32(1, "IPVS_DAEMON_ATTR_STATE")),
});

/** All but state, interface and number exist since Linux 4.3. The port is in host order. */
export const DAEMON = attributes({
  ...DAEMON_KEY.shape,
  interface: required(string(2, "IPVS_DAEMON_ATTR_MCAST_IFN")),
  syncId: required(u32(3, "IPVS_DAEMON_ATTR_SYNC_ID")),
  maxLength: u16(4, "IPVS_DAEMON_ATTR_SYNC_MAXLEN"),
  group: bytes(5, "IPVS_DAEMON_ATTR_MCAST_GROUP", 4),
  group6: bytes(6, "IPVS_DAEMON_ATTR_MCAST_GROUP6", 16),
  port: u16(7, "IPVS_DAEMON_ATTR_MCAST_PORT"),
  ttl: u8(8, "IPVS_DAEMON_ATTR_MCAST_TTL"),
});

/** The attributes of a message itself, around the tables above. */
export const inService = <T>(table: Kind<T>): Attribute<T, true> =>
  required(nested(1, "IPVS_CMD_ATTR_SERVICE", table));
export const inServer = <T>(table: Kind<T>): Attribute<T, true> =>
  required(nested(2, "IPVS_CMD_ATTR_DEST", table));
export const inDaemon = <T>(table: Kind<T>): Attribute<T, true> =>
  required(nested(3, "IPVS_CMD_ATTR_DAEMON", table));

export const TIMEOUTS = attributes({
  tcpS: u32(4, "IPVS_CMD_ATTR_TIMEOUT_TCP"),
  tcpFinS: u32(5, "IPVS_CMD_ATTR_TIMEOUT_TCP_FIN"),
  udpS: u32(6, "IPVS_CMD_ATTR_TIMEOUT_UDP"),
});

export const INFO = attributes({
  version: required(u32(1, "IPVS_INFO_ATTR_VERSION")),
  connectionTableSize: required(u32(2, "IPVS_INFO_ATTR_CONN_TAB_SIZE")),
});
