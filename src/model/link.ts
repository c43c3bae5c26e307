/** Devices, their addresses and routes, as values. */

import type { Address } from "./address.ts";

export interface InterfaceAddress {
  readonly address: Address;
  readonly prefix: number;
}

export interface Link {
  readonly index: number;
  readonly name: string;
  /** What made it ("dummy", "veth", "bridge"); undefined for hardware and the loopback device. */
  readonly kind: string | undefined;
  readonly up: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

/** A route to one destination in the main table. */
export interface Route {
  readonly destination: InterfaceAddress;
  readonly gateway?: Address;
  /** Name of the device; the kernel finds it by the gateway where it is not given. */
  readonly device?: string;
  readonly metric: number;
}

/** IFNAMSIZ without the NUL. */
export const MAX_DEVICE_NAME_BYTES = 15;

/** Whether a device can have this name, as the kernel's dev_valid_name() judges. */
export function isDeviceName(name: string): boolean {
  const size = new TextEncoder().encode(name).length;
  return size > 0 && size <= MAX_DEVICE_NAME_BYTES && name !== "." && name !== ".." &&
    !/[/:\0\s]/.test(name);
}

export function printInterfaceAddress({ address, prefix }: InterfaceAddress): string {
  return `${address}/${prefix}`;
}

/** "10.0.0.1/32 via 192.168.0.5 metric 50", as ip prints it. */
export function printRoute({ destination, gateway, device, metric }: Route): string {
  const via = gateway === undefined ? "" : ` via ${gateway}`;
  const dev = device === undefined ? "" : ` dev ${device}`;
  return `${printInterfaceAddress(destination)}${via}${dev} metric ${metric}`;
}
