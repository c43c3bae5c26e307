/** What is the same in every implementation of Links: which values can be, and which are equal. */

import { type Address, addressFamily, addressToBytes, familyBits } from "../model/address.ts";
import {
  type InterfaceAddress,
  isDeviceName,
  type Link,
  MAX_DEVICE_NAME_BYTES,
  printRoute,
  type Route,
} from "../model/link.ts";
import { type Attempt, refusal } from "./refusal.ts";

/** What the kernel makes of metric 0 for IPv6: IP6_RT_PRIO_USER. */
const IPV6_DEFAULT_METRIC = 1024;

export function checkDeviceName(attempt: Attempt, name: string): void {
  if (isDeviceName(name)) return;
  throw refusal(attempt, "EINVAL", {
    why: `"${name}": must be a device's name`,
    hint: `it has 1 to ${MAX_DEVICE_NAME_BYTES} bytes, without "/", ":" and spaces`,
  });
}

/** A device of another kind is somebody else's. */
export function checkDummy(attempt: Attempt, { kind, name }: Link): void {
  if (kind === "dummy") return;
  throw refusal(attempt, "EEXIST", {
    why: `"${name}" is ${kind === undefined ? "not a virtual device" : `of kind ${kind}`}, ` +
      "must be dummy",
    hint: "it is left alone: choose another name for the device",
  });
}

export function checkAddress(attempt: Attempt, { address, prefix }: InterfaceAddress): void {
  const bits = familyBits(addressFamily(address));
  if (isWithin(prefix, bits)) return;
  throw refusal(attempt, "EINVAL", { why: `prefix "${prefix}": must be from 0 to ${bits}` });
}

/** Refuses what the kernel would refuse, or would make into something else than was meant. */
export function checkRoute(attempt: Attempt, route: Route): void {
  const { destination, gateway, device, metric } = route;
  checkAddress(attempt, destination);
  const why = !isNetwork(destination)
    ? `destination "${printRoute(route)}": has bits beyond its prefix`
    : gateway === undefined && device === undefined
    ? "a route needs a gateway or a device"
    : !isWithin(metric, 2 ** 32 - 1)
    ? `metric "${metric}": must be from 0 to ${2 ** 32 - 1}`
    : isIpv4By(gateway, destination.address)
    ? `gateway "${gateway}": must be an IPv6 address`
    : undefined;
  if (why !== undefined) throw refusal(attempt, "EINVAL", { why });
}

/** Whether both lead to the same destination with the same metric: the kernel keeps one of those. */
export function hasSameKey(a: Route, b: Route): boolean {
  return a.destination.address === b.destination.address &&
    a.destination.prefix === b.destination.prefix && effectiveMetric(a) === effectiveMetric(b);
}

/** Whether a route that was found goes by the way that is wanted; without a device, any will do. */
export function isSameWay(wanted: Route, found: Route): boolean {
  return wanted.gateway === found.gateway &&
    (wanted.device === undefined || wanted.device === found.device);
}

export function hasAddress({ addresses }: Link, { address, prefix }: InterfaceAddress): boolean {
  return addresses.some((each) => each.address === address && each.prefix === prefix);
}

export function effectiveMetric({ destination, metric }: Route): number {
  return metric === 0 && addressFamily(destination.address) === "ipv6"
    ? IPV6_DEFAULT_METRIC
    : metric;
}

/** Whether the address is in the network. */
export function contains(network: InterfaceAddress, address: Address): boolean {
  if (addressFamily(network.address) !== addressFamily(address)) return false;
  const bytes = addressToBytes(address);
  return addressToBytes(network.address).every((byte, i) => {
    const mask = byteMask(network.prefix, i);
    return (byte & mask) === (bytes[i]! & mask);
  });
}

function isNetwork({ address, prefix }: InterfaceAddress): boolean {
  return addressToBytes(address).every((byte, i) => (byte & ~byteMask(prefix, i)) === 0);
}

/** The mask for byte `i` of an address with so long a prefix. */
export function byteMask(prefix: number, i: number): number {
  const bits = Math.min(8, Math.max(0, prefix - 8 * i));
  return 0xff & ~(0xff >> bits);
}

function isIpv4By(gateway: Address | undefined, destination: Address): boolean {
  return gateway !== undefined && addressFamily(gateway) === "ipv4" &&
    addressFamily(destination) === "ipv6";
}

function isWithin(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}
