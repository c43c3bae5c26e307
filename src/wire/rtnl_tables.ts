/**
 * rtnetlink's numbers, headers and attributes for devices, addresses and routes. The lines stand in the
 * order in which ip sends them, so that what both send is the same bytes.
 */

import { WireError } from "../errors.ts";
import {
  type Address,
  addressFamily,
  addressFromBytes,
  addressToBytes,
  type Family,
} from "../model/address.ts";
import { attribute, attributes, bytes, required, string, u32, u8 } from "./attribute.ts";
import { type Kind, S32, struct, U16, U32, U8 } from "./kind.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

/** Multicast groups of changes: to links, addresses and routes, of IPv4 and IPv6. */
export const RTNL_GROUPS: readonly number[] = [1, 5, 7, 9, 11];

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Of devices. */
export const IFF_UP = 0x1;
/** Leaves out counters, which make most of what is said of a device. */
export const RTEXT_FILTER_SKIP_STATS = 1 << 3;

/** Of addresses: usable at once, without asking the neighbours whether they have it too. */
export const IFA_F_NODAD = 0x02;

export const RT_TABLE_MAIN = 254;
/** Installed by an administrator's program that says no more of itself: what ip says. */
export const RTPROT_BOOT = 3;
export const RTN_UNICAST = 1;
/** Not a route, but what was once found by one. */
export const RTM_F_CLONED = 0x200;

export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;

export const IFINFOMSG = struct({
  family: U8,
  pad: U8,
  type: U16,
  index: S32,
  flags: U32,
  /** Which of the flags are to be changed. */
  change: U32,
});
export const IFADDRMSG = struct({ family: U8, prefix: U8, flags: U8, scope: U8, index: U32 });
export const RTMSG = struct({
  family: U8,
  destinationPrefix: U8,
  sourcePrefix: U8,
  tos: U8,
  table: U8,
  protocol: U8,
  scope: U8,
  type: U8,
  flags: U32,
});

export function familyNumber(family: Family): number {
  return family === "ipv4" ? AF_INET : AF_INET6;
}

/** The family of that number, or undefined: a dump may hold other families' objects too. */
export function familyOf(number: number): Family | undefined {
  if (number === AF_INET) return "ipv4";
  if (number === AF_INET6) return "ipv6";
  return undefined;
}

/** An address alone; its family follows from its length. */
const INET: Kind<Address> = {
  write(to, address) {
    to.append(addressToBytes(address));
  },
  read({ bytes }, start, end, name) {
    const size = end - start;
    if (size === 4 || size === 16) return addressFromBytes(bytes.subarray(start, end));
    throw new WireError(`decode ${name}: it has ${size} bytes, must have 4 or 16`, {
      offset: start,
      attribute: name,
    });
  },
};

/** struct rtvia: a gateway of another family than the route's. */
const VIA: Kind<Address> = {
  write(to, address) {
    const at = to.reserve(2);
    to.view.setUint16(at, familyNumber(addressFamily(address)), true);
    to.append(addressToBytes(address));
  },
  read({ bytes, view }, start, end, name) {
    const size = end - start - 2;
    const family = size < 0 ? undefined : familyOf(view.getUint16(start, true));
    if (size === (family === "ipv4" ? 4 : 16) && family !== undefined) {
      return addressFromBytes(bytes.subarray(start + 2, end));
    }
    throw new WireError(`decode ${name}: ${end - start} bytes are not a family and its address`, {
      offset: start,
      attribute: name,
    });
  },
};

const UTF8 = new TextEncoder();
const FROM_UTF8 = new TextDecoder();

/** Text to the end of the attribute: the kernel ends it with a NUL, and ip sends it without. */
const TEXT: Kind<string> = {
  write(to, value) {
    to.append(UTF8.encode(value));
  },
  read({ bytes }, start, end) {
    return FROM_UTF8.decode(bytes.subarray(start, bytes[end - 1] === 0 ? end - 1 : end));
  },
};

const LINK_INFO = attributes({ kind: attribute(1, "IFLA_INFO_KIND", TEXT) });

const LINK_LINES = {
  filter: u32(29, "IFLA_EXT_MASK"),
  name: string(3, "IFLA_IFNAME"),
  mtu: u32(4, "IFLA_MTU"),
  info: attribute(18, "IFLA_LINKINFO", LINK_INFO),
};

/** In requests. */
export const LINK = attributes(LINK_LINES);
/** In answers. */
export const LISTED_LINK = attributes({
  name: required(LINK_LINES.name),
  info: LINK_LINES.info,
});

export const ADDRESS = attributes({
  /** Of this host. */
  local: attribute(2, "IFA_LOCAL", INET),
  /** The other end of a point-to-point link; on every other the same as local. IPv6 has often only this. */
  address: attribute(1, "IFA_ADDRESS", INET),
  broadcast: attribute(4, "IFA_BROADCAST", INET),
  label: string(3, "IFA_LABEL"),
  /** The header's flags and those for which it has no room. */
  flags: u32(8, "IFA_FLAGS"),
  routeMetric: u32(9, "IFA_RT_PRIORITY"),
  lifetime: attribute(
    6,
    "IFA_CACHEINFO",
    struct({ preferredS: U32, validS: U32, created: U32, updated: U32 }),
  ),
});

export const ROUTE = attributes({
  destination: attribute(1, "RTA_DST", INET),
  gateway: attribute(5, "RTA_GATEWAY", INET),
  via: attribute(18, "RTA_VIA", VIA),
  source: attribute(7, "RTA_PREFSRC", INET),
  metric: u32(6, "RTA_PRIORITY"),
  device: u32(4, "RTA_OIF"),
  multipath: bytes(9, "RTA_MULTIPATH"),
  table: u32(15, "RTA_TABLE"),
  preference: u8(20, "RTA_PREF"),
});
