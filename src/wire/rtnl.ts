/** The requests of rtnetlink for devices, addresses and routes, and what answers them, in values of the model. */

import { WireError } from "../errors.ts";
import { addressFamily, addressToBytes, type Family, parseAddress } from "../model/address.ts";
import type { InterfaceAddress, Link, Route } from "../model/link.ts";
import type { FixedKind } from "./kind.ts";
import {
  type Message,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLMSG_HDRLEN,
  readHeader,
  type Request,
} from "./message.ts";
import {
  ADDRESS,
  AF_UNSPEC,
  familyNumber,
  familyOf,
  IFA_F_NODAD,
  IFADDRMSG,
  IFF_UP,
  IFINFOMSG,
  LINK,
  LISTED_LINK,
  ROUTE,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELROUTE,
  RTM_F_CLONED,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTMSG,
  RTN_UNICAST,
  RTPROT_BOOT,
} from "./rtnl_tables.ts";

/** A device as it is listed; its addresses are listed apart. */
export type ListedLink = Omit<Link, "addresses">;

/** An address with the number of the device that has it. */
export interface ListedAddress {
  readonly device: number;
  readonly address: InterfaceAddress;
}

/** A route that names its device by number. */
export interface NumberedRoute extends Omit<Route, "device"> {
  readonly device?: number;
}

/** All devices, when dumped; one, when asked for by name. */
export function getLinkRequest(name?: string): Request {
  return linkRequest("RTM_GETLINK", RTM_GETLINK, 0, {}, { filter: RTEXT_FILTER_SKIP_STATS, name });
}

/** Makes a device and brings it up, or fails where the name is taken. */
export function createLinkRequest(name: string, kind: string): Request {
  const up = { flags: IFF_UP, change: IFF_UP };
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return linkRequest("RTM_NEWLINK", RTM_NEWLINK, flags, up, { name, info: { kind } });
}

export function setLinkUpRequest(index: number): Request {
  return linkRequest("RTM_NEWLINK", RTM_NEWLINK, 0, { index, flags: IFF_UP, change: IFF_UP }, {});
}

export function deleteLinkRequest(index: number): Request {
  return linkRequest("RTM_DELLINK", RTM_DELLINK, 0, { index }, {});
}

export function decodeLink(message: Message): ListedLink {
  const { index, flags } = header(message, RTM_NEWLINK, IFINFOMSG, "ifinfomsg");
  const { name, info } = LISTED_LINK.read(message.input, NLMSG_HDRLEN + IFINFOMSG.size);
  return { index, name, kind: info?.kind, up: (flags & IFF_UP) !== 0 };
}

/** To be dumped: all addresses, where the kernel filters those of one device. */
export function getAddressRequest(device = 0): Request {
  const fields = { family: AF_UNSPEC, prefix: 0, flags: 0, scope: 0, index: device };
  return {
    command: "RTM_GETADDR",
    type: RTM_GETADDR,
    write: (to) => IFADDRMSG.write(to, fields, "ifaddrmsg"),
  };
}

export function addAddressRequest({ device, address }: ListedAddress): Request {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return addressRequest("RTM_NEWADDR", RTM_NEWADDR, flags, device, address);
}

export function deleteAddressRequest({ device, address }: ListedAddress): Request {
  return addressRequest("RTM_DELADDR", RTM_DELADDR, 0, device, address);
}

/** Undefined for addresses of other families than IP. */
export function decodeAddress(message: Message): ListedAddress | undefined {
  const { family, prefix, index } = header(message, RTM_NEWADDR, IFADDRMSG, "ifaddrmsg");
  if (familyOf(family) === undefined) return undefined;
  const { local, address } = ADDRESS.read(message.input, NLMSG_HDRLEN + IFADDRMSG.size);
  const own = local ?? address;
  if (own === undefined) throw malformed("an address that has none", "IFA_ADDRESS");
  checkPrefix(prefix, own, "IFA_ADDRESS");
  return { device: index, address: { address: own, prefix } };
}

/** To be dumped: the main table's routes of a family, where the kernel filters; else all. */
export function getRouteRequest(family: Family): Request {
  return routeRequest("RTM_GETROUTE", RTM_GETROUTE, 0, { family: familyNumber(family) }, {
    table: RT_TABLE_MAIN,
  });
}

/** Makes the route, in the place of one to the same destination with the same metric. */
export function replaceRouteRequest(route: NumberedRoute): Request {
  return routeRequest("RTM_NEWROUTE", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, {
    ...routeHeader(route),
    protocol: RTPROT_BOOT,
  }, routeAttributes(route));
}

/** Without a gateway this fits, for IPv6, routes by a gateway on that device too. */
export function deleteRouteRequest(route: NumberedRoute): Request {
  return routeRequest(
    "RTM_DELROUTE",
    RTM_DELROUTE,
    0,
    routeHeader(route),
    routeAttributes(route),
  );
}

/**
 * A plain unicast route of the main table, or undefined for what is none: those of other tables, of other
 * types, over several ways, for certain sources or types of service, and what the kernel has cached.
 */
export function decodeRoute(message: Message): NumberedRoute | undefined {
  const head = header(message, RTM_NEWROUTE, RTMSG, "rtmsg");
  const route = ROUTE.read(message.input, NLMSG_HDRLEN + RTMSG.size);
  const family = familyOf(head.family);
  const gateway = route.gateway ?? route.via;
  if (
    family === undefined || head.type !== RTN_UNICAST || (head.flags & RTM_F_CLONED) !== 0 ||
    (route.table ?? head.table) !== RT_TABLE_MAIN || head.tos !== 0 || head.sourcePrefix !== 0 ||
    route.multipath !== undefined || (gateway === undefined && route.device === undefined)
  ) return undefined;
  const address = route.destination ?? parseAddress(family === "ipv4" ? "0.0.0.0" : "::")!;
  if (addressFamily(address) !== family) throw malformed("not of the route's family", "RTA_DST");
  checkPrefix(head.destinationPrefix, address, "RTA_DST");
  return {
    destination: { address, prefix: head.destinationPrefix },
    ...(gateway !== undefined && { gateway }),
    ...(route.device !== undefined && { device: route.device }),
    metric: route.metric ?? 0,
  };
}

type LinkFields = Partial<Parameters<typeof IFINFOMSG.write>[1]>;
type RouteFields = Partial<Parameters<typeof RTMSG.write>[1]>;

function linkRequest(
  command: string,
  type: number,
  flags: number,
  fields: LinkFields,
  values: Parameters<typeof LINK.write>[1],
): Request {
  const none = { family: AF_UNSPEC, pad: 0, type: 0, index: 0, flags: 0, change: 0 };
  return {
    command,
    type,
    flags,
    write(to) {
      IFINFOMSG.write(to, { ...none, ...fields }, "ifinfomsg");
      LINK.write(to, values);
    },
  };
}

function addressRequest(
  command: string,
  type: number,
  flags: number,
  index: number,
  { address, prefix }: InterfaceAddress,
): Request {
  const family = addressFamily(address);
  const isLoopback = family === "ipv4" && addressToBytes(address)[0] === 127;
  const fields = {
    family: familyNumber(family),
    prefix,
    flags: family === "ipv6" && type === RTM_NEWADDR ? IFA_F_NODAD : 0,
    scope: isLoopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
    index,
  };
  return {
    command,
    type,
    flags,
    write(to) {
      IFADDRMSG.write(to, fields, "ifaddrmsg");
      ADDRESS.write(to, { local: address, address });
    },
  };
}

function routeRequest(
  command: string,
  type: number,
  flags: number,
  fields: RouteFields,
  values: Parameters<typeof ROUTE.write>[1],
): Request {
  const none = {
    family: AF_UNSPEC,
    destinationPrefix: 0,
    sourcePrefix: 0,
    tos: 0,
    table: 0,
    protocol: 0,
    scope: RT_SCOPE_UNIVERSE,
    type: 0,
    flags: 0,
  };
  return {
    command,
    type,
    flags,
    write(to) {
      RTMSG.write(to, { ...none, ...fields }, "rtmsg");
      ROUTE.write(to, values);
    },
  };
}

function routeHeader({ destination, gateway }: NumberedRoute): RouteFields {
  const family = addressFamily(destination.address);
  return {
    family: familyNumber(family),
    destinationPrefix: destination.prefix,
    table: RT_TABLE_MAIN,
    // IPv6 routes have no scope.
    scope: family === "ipv4" && gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
    type: RTN_UNICAST,
  };
}

function routeAttributes({ destination, gateway, device, metric }: NumberedRoute) {
  const family = addressFamily(destination.address);
  const isForeign = gateway !== undefined && addressFamily(gateway) !== family;
  return {
    // The default route's destination is left out, as ip does.
    ...(destination.prefix > 0 && { destination: destination.address }),
    ...(gateway !== undefined && (isForeign ? { via: gateway } : { gateway })),
    ...(metric !== 0 && { metric }),
    ...(device !== undefined && { device }),
  };
}

function header<T>(message: Message, type: number, kind: FixedKind<T>, name: string): T {
  if (message.type === type) return readHeader(message, kind, name);
  throw new WireError(`decode ${name}: a message of type ${message.type}, must be ${type}`, {
    offset: 4,
  });
}

function checkPrefix(prefix: number, address: InterfaceAddress["address"], attribute: string) {
  const most = addressFamily(address) === "ipv4" ? 32 : 128;
  if (prefix > most) throw malformed(`prefix ${prefix}, must be at most ${most}`, attribute);
}

function malformed(what: string, attribute: string): WireError {
  return new WireError(`decode ${attribute}: ${what}`, { attribute });
}
