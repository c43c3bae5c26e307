/** ipset's numbers, header and attributes: subsystem 6 of nfnetlink. */

import {
  attribute,
  attributes,
  nested,
  netByteOrder,
  required,
  sequence,
  string,
  u16be,
  u32be,
  u8,
} from "./attribute.ts";
import type { NfnlCommand } from "./nfnetlink.ts";
import { BYTES, fixedBytes } from "./kind.ts";

export const NFNL_SUBSYS_IPSET = 6;

export const IPSET_CMD_PROTOCOL = command("IPSET_CMD_PROTOCOL", 1);
export const IPSET_CMD_CREATE = command("IPSET_CMD_CREATE", 2);
export const IPSET_CMD_DESTROY = command("IPSET_CMD_DESTROY", 3);
export const IPSET_CMD_LIST = command("IPSET_CMD_LIST", 7);
export const IPSET_CMD_ADD = command("IPSET_CMD_ADD", 9);
export const IPSET_CMD_DEL = command("IPSET_CMD_DEL", 10);
export const IPSET_CMD_HEADER = command("IPSET_CMD_HEADER", 12);
export const IPSET_CMD_TYPE = command("IPSET_CMD_TYPE", 13);

/** The protocols that this program speaks: what it sends is the same in both. */
export const IPSET_PROTOCOL_MIN = 6;
export const IPSET_PROTOCOL = 7;

/**
 * Errors above 4096 are ipset's own. Those of types begin at 4352, and the same number means something else
 * for bitmaps and lists: these are the hashes'.
 */
export const IPSET_ERRORS: Readonly<Record<number, string>> = {
  4097: "IPSET_ERR_PROTOCOL",
  4098: "IPSET_ERR_FIND_TYPE",
  4099: "IPSET_ERR_MAX_SETS",
  4100: "IPSET_ERR_BUSY",
  4101: "IPSET_ERR_EXIST_SETNAME2",
  4102: "IPSET_ERR_TYPE_MISMATCH",
  4103: "IPSET_ERR_EXIST",
  4104: "IPSET_ERR_INVALID_CIDR",
  4105: "IPSET_ERR_INVALID_NETMASK",
  4106: "IPSET_ERR_INVALID_FAMILY",
  4107: "IPSET_ERR_TIMEOUT",
  4108: "IPSET_ERR_REFERENCED",
  4109: "IPSET_ERR_IPADDR_IPV4",
  4110: "IPSET_ERR_IPADDR_IPV6",
  4111: "IPSET_ERR_COUNTER",
  4112: "IPSET_ERR_COMMENT",
  4113: "IPSET_ERR_INVALID_MARKMASK",
  4114: "IPSET_ERR_SKBINFO",
  4115: "IPSET_ERR_BITMASK_NETMASK_EXCL",
  4352: "IPSET_ERR_HASH_FULL",
  4353: "IPSET_ERR_HASH_ELEM",
  4354: "IPSET_ERR_INVALID_PROTO",
  4355: "IPSET_ERR_MISSING_PROTO",
  4356: "IPSET_ERR_HASH_RANGE_UNSUPPORTED",
  4357: "IPSET_ERR_HASH_RANGE",
};

const IP_ADDRESS = attributes({
  ipv4: netByteOrder(attribute(1, "IPSET_ATTR_IPADDR_IPV4", fixedBytes(4))),
  ipv6: netByteOrder(attribute(2, "IPSET_ATTR_IPADDR_IPV6", fixedBytes(16))),
});

/** An element of hash:ip,port. */
export const ELEMENT = attributes({
  address: nested(1, "IPSET_ATTR_IP", IP_ADDRESS),
  port: netByteOrder(u16be(4, "IPSET_ATTR_PORT")),
  protocol: u8(7, "IPSET_ATTR_PROTO"),
  timeoutS: netByteOrder(u32be(6, "IPSET_ATTR_TIMEOUT")),
  /** The line of a file to restore from, for errors. */
  line: netByteOrder(u32be(9, "IPSET_ATTR_LINENO")),
});

/** What a set is made with; the kernel has defaults for all of it. */
export const CREATION = attributes({
  hashSize: netByteOrder(u32be(18, "IPSET_ATTR_HASHSIZE")),
  maxElements: netByteOrder(u32be(19, "IPSET_ATTR_MAXELEM")),
  timeoutS: netByteOrder(u32be(6, "IPSET_ATTR_TIMEOUT")),
});

const LINES = {
  protocol: u8(1, "IPSET_ATTR_PROTOCOL"),
  name: string(2, "IPSET_ATTR_SETNAME"),
  type: string(3, "IPSET_ATTR_TYPENAME"),
  revision: u8(4, "IPSET_ATTR_REVISION"),
  family: u8(5, "IPSET_ATTR_FAMILY"),
  flags: netByteOrder(u32be(6, "IPSET_ATTR_FLAGS")),
};

/** Requests that name a set, or ask for a protocol or type. */
export const QUESTION = attributes(LINES);
export const CREATE = attributes({ ...LINES, data: nested(7, "IPSET_ATTR_DATA", CREATION) });
export const CHANGE = attributes({
  protocol: LINES.protocol,
  name: LINES.name,
  data: nested(7, "IPSET_ATTR_DATA", ELEMENT),
});

export const PROTOCOLS = attributes({
  highest: required(LINES.protocol),
  lowest: u8(10, "IPSET_ATTR_PROTOCOL_MIN"),
});
export const SET_TYPE = attributes({
  highestRevision: required(LINES.revision),
  lowestRevision: u8(10, "IPSET_ATTR_REVISION_MIN"),
});
export const HEADER = attributes({
  name: required(LINES.name),
  type: required(LINES.type),
  family: required(LINES.family),
  revision: LINES.revision,
});

/**
 * One part of a listing: the first of a set says what it is, all of them hold members. What is in a member
 * depends on the set's type, so it is left as it is.
 */
export const LISTING = attributes({
  name: required(LINES.name),
  type: LINES.type,
  family: LINES.family,
  members: nested(8, "IPSET_ATTR_ADT", sequence(nested(7, "IPSET_ATTR_DATA", BYTES))),
});

function command(name: string, number: number): NfnlCommand {
  return { name, subsystem: NFNL_SUBSYS_IPSET, number };
}
