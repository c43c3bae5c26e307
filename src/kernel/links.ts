/** The contract for devices, addresses and routes; rtnetlink, ip and an in-memory fake implement it. */

import type { InterfaceAddress, Link, Route } from "../model/link.ts";

/** Each `ensure` and `remove` says whether it had to change anything. */
export interface Links {
  /** Which implementation this is, for a log line. */
  readonly name: string;

  /** All devices with their addresses, in the kernel's order. */
  list(): Promise<Link[]>;
  /** One device, or undefined where there is none of that name. */
  find(name: string): Promise<Link | undefined>;

  /**
   * A dummy device of that name that is up. A device of another kind under that name is not touched: that is
   * a KernelError that is("EEXIST") and says the kind.
   */
  ensureDummy(name: string): Promise<boolean>;
  /** Removes a dummy device; one of another kind is refused in the same way. */
  removeDummy(name: string): Promise<boolean>;

  /** The address on the device, usable at once (no duplicate address detection). */
  ensureAddress(device: string, address: InterfaceAddress): Promise<boolean>;
  removeAddress(device: string, address: InterfaceAddress): Promise<boolean>;

  /** Unicast routes of the main table, both families. */
  routes(): Promise<Route[]>;
  /** A route to that destination with that metric, by that way: one by another way is replaced. */
  ensureRoute(route: Route): Promise<boolean>;
  removeRoute(route: Route): Promise<boolean>;

  close(): void;
}
