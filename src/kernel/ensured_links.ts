/**
 * The contract for links over single steps: look, compare, and change what differs. Others change things at
 * the same time, so a step that finds its work done is a success, and what is theirs is never touched.
 */

import { addressFamily } from "../model/address.ts";
import {
  type InterfaceAddress,
  isDeviceName,
  type Link,
  printInterfaceAddress,
  printRoute,
  type Route,
} from "../model/link.ts";
import { linkError } from "./link_errors.ts";
import type { LinkOperations } from "./link_operations.ts";
import {
  checkAddress,
  checkDeviceName,
  checkDummy,
  checkRoute,
  hasAddress,
  hasSameKey,
  isSameWay,
} from "./link_rules.ts";
import type { Links } from "./links.ts";

export class EnsuredLinks implements Links {
  readonly name: string;
  readonly #do: LinkOperations;

  constructor(name: string, operations: LinkOperations) {
    this.name = name;
    this.#do = operations;
  }

  list(): Promise<Link[]> {
    return this.#do.list();
  }

  async find(name: string): Promise<Link | undefined> {
    return isDeviceName(name) ? await this.#do.find(name) : undefined;
  }

  async ensureDummy(name: string): Promise<boolean> {
    const attempt = { command: "RTM_NEWLINK", op: "add device", subject: name };
    checkDeviceName(attempt, name);
    const before = await this.#do.find(name);
    if (!before && await this.#do.createDummy(name)) return true;
    // Somebody made it in between, or the name is another device's alternative name.
    const link = before ?? await this.#do.find(name);
    if (!link) throw linkError(attempt, "EEXIST");
    checkDummy(attempt, link);
    if (link.up) return false;
    await this.#do.bringUp(link);
    return true;
  }

  async removeDummy(name: string): Promise<boolean> {
    const link = await this.find(name);
    if (!link) return false;
    checkDummy({ command: "RTM_DELLINK", op: "remove device", subject: name }, link);
    return await this.#do.deleteLink(link);
  }

  async ensureAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    const subject = `${printInterfaceAddress(address)} on ${device}`;
    const attempt = { command: "RTM_NEWADDR", op: "add address", subject };
    checkDeviceName(attempt, device);
    checkAddress(attempt, address);
    if (await this.#do.addAddress(device, address)) return true;
    // IPv6 has an address on a device only once, whatever its prefix.
    const link = await this.#do.find(device);
    if (!link) throw linkError(attempt, "ENODEV");
    if (!hasAddress(link, address)) throw linkError(attempt, "EEXIST");
    return false;
  }

  async removeAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    const link = await this.find(device);
    if (!link || !hasAddress(link, address)) return false;
    return await this.#do.deleteAddress(device, address);
  }

  routes(): Promise<Route[]> {
    return this.#do.routes();
  }

  async ensureRoute(route: Route): Promise<boolean> {
    checkRoute({ command: "RTM_NEWROUTE", op: "add route", subject: printRoute(route) }, route);
    const there = await this.#routesTo(route);
    const isThere = there.some((found) => isSameWay(route, found));
    if (!isThere) await this.#do.replaceRoute(route);
    const hasRemoved = there.length > 1 && await this.#removeOthers(route);
    return !isThere || hasRemoved;
  }

  async removeRoute(route: Route): Promise<boolean> {
    const there = await this.#routesTo(route);
    const found = there.find((each) => isSameWay(route, each));
    return found !== undefined && await this.#do.deleteRoute(found);
  }

  close(): void {
    this.#do.close();
  }

  async #routesTo(route: Route): Promise<Route[]> {
    return (await this.#do.routes()).filter((each) => hasSameKey(route, each));
  }

  /** Appended routes may stand beside the one that is replaced, and the first of them is used. */
  async #removeOthers(route: Route): Promise<boolean> {
    let hasRemoved = false;
    for (const other of await this.#routesTo(route)) {
      // To delete an IPv6 route without a gateway would also fit the one that has just been made.
      const isVague = other.gateway === undefined &&
        addressFamily(other.destination.address) === "ipv6";
      if (isVague || isSameWay(route, other)) continue;
      if (await this.#do.deleteRoute(other)) hasRemoved = true;
    }
    return hasRemoved;
  }
}
