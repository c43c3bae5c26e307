/** Devices, addresses and routes in memory, for tests: it refuses what the kernel refuses. */

import { addressFamily, addressFromBytes, addressToBytes } from "../../model/address.ts";
import {
  type InterfaceAddress,
  type Link,
  printInterfaceAddress,
  printRoute,
  type Route,
} from "../../model/link.ts";
import { EnsuredLinks } from "../ensured_links.ts";
import { linkError } from "../link_errors.ts";
import type { LinkOperations } from "../link_operations.ts";
import {
  byteMask,
  contains,
  effectiveMetric,
  hasAddress,
  hasSameKey,
  isSameWay,
} from "../link_rules.ts";
import type { Links } from "../links.ts";

/** What a route over a device that has an address in that network has as metric: the kernel's own. */
const CONNECTED_METRIC = { ipv4: 0, ipv6: 256 } as const;

/** A device as a test describes it. */
export type FakeDevice = Omit<Link, "index">;

export const FAKE_LOOPBACK: FakeDevice = {
  name: "lo",
  kind: undefined,
  up: true,
  addresses: [
    { address: addressFromBytes(Uint8Array.of(127, 0, 0, 1)), prefix: 8 },
    { address: addressFromBytes(Uint8Array.of(...Array(15).fill(0), 1)), prefix: 128 },
  ],
};

export class FakeLinks extends EnsuredLinks implements Links {
  readonly #host: FakeHost;

  constructor(devices: readonly FakeDevice[] = [FAKE_LOOPBACK]) {
    const host = new FakeHost(devices);
    super("fake", host);
    this.#host = host;
  }

  /** As somebody else would: takes a device down or up, and with it its routes. */
  setUp(name: string, up: boolean): void {
    this.#host.setUp(name, up);
  }
}

class FakeHost implements LinkOperations {
  #links: Link[];
  /** Without those that follow from addresses. */
  #routes: Route[] = [];
  #nextIndex: number;

  constructor(devices: readonly FakeDevice[]) {
    this.#links = devices.map((device, i) => ({ ...device, index: i + 1 }));
    this.#nextIndex = devices.length + 1;
  }

  list(): Promise<Link[]> {
    return Promise.resolve([...this.#links]);
  }

  find(name: string): Promise<Link | undefined> {
    return Promise.resolve(this.#find(name));
  }

  createDummy(name: string): Promise<boolean> {
    if (this.#find(name)) return Promise.resolve(false);
    this.#links.push({ index: this.#nextIndex++, name, kind: "dummy", up: true, addresses: [] });
    return Promise.resolve(true);
  }

  bringUp({ name }: Link): Promise<void> {
    this.setUp(name, true);
    return Promise.resolve();
  }

  deleteLink({ name }: Link): Promise<boolean> {
    const count = this.#links.length;
    this.#links = this.#links.filter((link) => link.name !== name);
    this.#routes = this.#routes.filter((route) => route.device !== name);
    return Promise.resolve(this.#links.length < count);
  }

  addAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    const link = this.#find(device);
    if (!link) {
      const subject = `${printInterfaceAddress(address)} on ${device}`;
      const attempt = { command: "RTM_NEWADDR", op: "add address", subject };
      return Promise.reject(linkError(attempt, "ENODEV"));
    }
    const isThere = addressFamily(address.address) === "ipv6"
      ? link.addresses.some((each) => each.address === address.address)
      : hasAddress(link, address);
    if (!isThere) this.#replace(link, { addresses: [...link.addresses, address] });
    return Promise.resolve(!isThere);
  }

  deleteAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    const link = this.#find(device);
    if (!link || !hasAddress(link, address)) return Promise.resolve(false);
    const addresses = link.addresses
      .filter((each) => each.address !== address.address || each.prefix !== address.prefix);
    this.#replace(link, { addresses });
    return Promise.resolve(true);
  }

  routes(): Promise<Route[]> {
    return Promise.resolve([...this.#connected(), ...this.#routes]);
  }

  replaceRoute(route: Route): Promise<void> {
    const refuse = (errno: string) => {
      const attempt = { command: "RTM_NEWROUTE", op: "add route", subject: printRoute(route) };
      return Promise.reject(linkError(attempt, errno));
    };
    const link = route.device === undefined ? undefined : this.#find(route.device);
    if (route.device !== undefined && !link) return refuse("ENODEV");
    if (link && !link.up) return refuse("ENETDOWN");
    const way = this.#wayOf(route);
    if (!way) {
      return refuse(
        addressFamily(route.destination.address) === "ipv4" ? "ENETUNREACH" : "EHOSTUNREACH",
      );
    }
    this.#routes = this.#routes.filter((each) => !hasSameKey(each, route));
    this.#routes.push({ ...route, device: way.name, metric: effectiveMetric(route) });
    return Promise.resolve();
  }

  deleteRoute(route: Route): Promise<boolean> {
    const count = this.#routes.length;
    this.#routes = this.#routes.filter((each) =>
      !(hasSameKey(each, route) && isSameWay(route, each))
    );
    return Promise.resolve(this.#routes.length < count);
  }

  close(): void {}

  setUp(name: string, up: boolean): void {
    const link = this.#find(name);
    if (!link) throw new TypeError(`no device ${name}`);
    this.#replace(link, { up });
    if (!up) this.#routes = this.#routes.filter((route) => route.device !== name);
  }

  #find(name: string): Link | undefined {
    return this.#links.find((link) => link.name === name);
  }

  #replace(link: Link, change: Partial<Link>): void {
    this.#links = this.#links.map((each) => each === link ? { ...each, ...change } : each);
  }

  /** The device by which the route would lead, or undefined where its gateway cannot be reached. */
  #wayOf({ gateway, device }: Route): Link | undefined {
    const candidates = this.#links
      .filter((link) => link.up && (device === undefined || link.name === device));
    if (gateway === undefined) return candidates[0];
    // Every device that is up can reach link-local addresses; which one is meant must be said.
    if (device !== undefined && /^fe[89ab]/.test(gateway)) return candidates[0];
    return candidates.find((link) => link.addresses.some((each) => contains(each, gateway)));
  }

  #connected(): Route[] {
    return this.#links.filter((link) => link.up && link.name !== "lo").flatMap((
      { name, addresses },
    ) =>
      addresses.flatMap((address) => {
        const family = addressFamily(address.address);
        if (family === "ipv4" && address.prefix === 32) return [];
        const destination = networkOf(address);
        return { destination, device: name, metric: CONNECTED_METRIC[family] };
      })
    );
  }
}

function networkOf({ address, prefix }: InterfaceAddress): InterfaceAddress {
  const bytes = addressToBytes(address).map((byte, i) => byte & byteMask(prefix, i));
  return { address: addressFromBytes(bytes), prefix };
}
