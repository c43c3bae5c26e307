/** Devices, addresses and routes over rtnetlink. */

import { KernelError } from "../../errors.ts";
import type { Family } from "../../model/address.ts";
import {
  type InterfaceAddress,
  type Link,
  printInterfaceAddress,
  printRoute,
  type Route,
} from "../../model/link.ts";
import type { NetlinkSocket } from "../../sys/netlink_socket.ts";
import type { Request } from "../../wire/message.ts";
import {
  addAddressRequest,
  createLinkRequest,
  decodeAddress,
  decodeLink,
  decodeRoute,
  deleteAddressRequest,
  deleteLinkRequest,
  deleteRouteRequest,
  getAddressRequest,
  getLinkRequest,
  getRouteRequest,
  type ListedAddress,
  type ListedLink,
  type NumberedRoute,
  replaceRouteRequest,
  setLinkUpRequest,
} from "../../wire/rtnl.ts";
import { EnsuredLinks } from "../ensured_links.ts";
import { linkError } from "../link_errors.ts";
import type { LinkOperations } from "../link_operations.ts";
import type { Links } from "../links.ts";
import { attempt, type Doing } from "./attempt.ts";

/** What a dump is refused with where there is no main table yet, or no such family in this kernel. */
const NO_ROUTES = ["ENOENT", "EAFNOSUPPORT", "EOPNOTSUPP"];

export class NetlinkLinks extends EnsuredLinks implements Links {
  /** Takes over the socket, which is one of NETLINK_ROUTE, best with `strictCheck`. */
  constructor(socket: NetlinkSocket) {
    super(`netlink over ${socket.transport}`, new NetlinkLinkOperations(socket));
  }
}

class NetlinkLinkOperations implements LinkOperations {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  list(): Promise<Link[]> {
    return doAttempt({ op: "list", subject: "devices" }, () => {
      const links = this.#socket.dump(getLinkRequest(), decodeLink);
      const addresses = this.#addresses();
      return links.map((link) => withAddresses(link, addresses));
    });
  }

  find(name: string): Promise<Link | undefined> {
    return doAttempt({ op: "find device", subject: name }, () => {
      const link = this.#link(name);
      return link && withAddresses(link, this.#addresses(link.index));
    });
  }

  createDummy(name: string): Promise<boolean> {
    return doAttempt({ op: "add device", subject: name }, () => {
      return this.#change(createLinkRequest(name, "dummy"), "EEXIST");
    });
  }

  bringUp({ index, name }: Link): Promise<void> {
    return doAttempt({ op: "bring up device", subject: name }, () => {
      this.#socket.change(setLinkUpRequest(index));
    });
  }

  deleteLink({ index, name }: Link): Promise<boolean> {
    return doAttempt({ op: "remove device", subject: name }, () => {
      return this.#change(deleteLinkRequest(index), "ENODEV");
    });
  }

  addAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    return doAttempt(addressDoing("add address", device, address), () => {
      return this.#change(addAddressRequest({ device: this.#index(device), address }), "EEXIST");
    });
  }

  deleteAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    return doAttempt(addressDoing("remove address", device, address), () => {
      const link = this.#link(device);
      const request = link && deleteAddressRequest({ device: link.index, address });
      return request !== undefined && this.#change(request, "EADDRNOTAVAIL", "ENODEV");
    });
  }

  routes(): Promise<Route[]> {
    return doAttempt({ op: "list", subject: "routes" }, () => {
      const names = new Map(
        this.#socket.dump(getLinkRequest(), decodeLink).map(({ index, name }) => [index, name]),
      );
      return (["ipv4", "ipv6"] as const).flatMap((family) => this.#routes(family, names));
    });
  }

  replaceRoute(route: Route): Promise<void> {
    return doAttempt({ op: "add route", subject: printRoute(route) }, () => {
      this.#socket.change(replaceRouteRequest(this.#numbered(route)));
    });
  }

  deleteRoute(route: Route): Promise<boolean> {
    return doAttempt({ op: "remove route", subject: printRoute(route) }, () => {
      // A device that is gone has taken its routes along.
      if (route.device !== undefined && !this.#link(route.device)) return false;
      return this.#change(deleteRouteRequest(this.#numbered(route)), "ESRCH");
    });
  }

  close(): void {
    this.#socket.close();
  }

  /** Whether there was something to do: those errors say that there was not. */
  #change(request: Request, ...done: readonly string[]): boolean {
    try {
      this.#socket.change(request);
      return true;
    } catch (error) {
      if (error instanceof KernelError && done.includes(error.errno)) return false;
      throw error;
    }
  }

  #link(name: string): ListedLink | undefined {
    try {
      const [message] = this.#socket.ask(getLinkRequest(name));
      const link = message && decodeLink(message);
      // The kernel also finds devices by their alternative names.
      return link?.name === name ? link : undefined;
    } catch (error) {
      if (error instanceof KernelError && error.is("ENODEV")) return undefined;
      throw error;
    }
  }

  #index(name: string): number {
    const link = this.#link(name);
    if (!link) throw new KernelError(`no device "${name}"`, "RTM_GETLINK", "ENODEV");
    return link.index;
  }

  #addresses(device?: number): ListedAddress[] {
    return this.#socket.dump(getAddressRequest(device), decodeAddress)
      .filter((address) => address !== undefined);
  }

  #routes(family: Family, names: ReadonlyMap<number, string>): Route[] {
    let listed;
    try {
      listed = this.#socket.dump(getRouteRequest(family), decodeRoute);
    } catch (error) {
      if (error instanceof KernelError && NO_ROUTES.includes(error.errno)) return [];
      throw error;
    }
    return listed.flatMap((route) => {
      // A kernel without IPv6 answers with the routes of every family that it has.
      if (route === undefined || isOther(family, route)) return [];
      const { device: index, ...rest } = route;
      const device = index === undefined ? undefined : names.get(index);
      return { ...rest, ...(device !== undefined && { device }) };
    });
  }

  #numbered({ device, ...rest }: Route): NumberedRoute {
    return { ...rest, ...(device !== undefined && { device: this.#index(device) }) };
  }
}

function isOther(family: Family, { destination }: NumberedRoute): boolean {
  return destination.address.includes(":") !== (family === "ipv6");
}

function withAddresses(link: ListedLink, addresses: readonly ListedAddress[]): Link {
  return {
    ...link,
    addresses: addresses.filter(({ device }) => device === link.index).map((each) => each.address),
  };
}

function addressDoing(op: string, device: string, address: InterfaceAddress): Doing {
  return { op, subject: `${printInterfaceAddress(address)} on ${device}` };
}

function doAttempt<T>(doing: Doing, body: () => T): Promise<T> {
  const explain = (error: KernelError) => {
    const { command, errno, extendedAck } = error;
    return linkError({ ...doing, command }, errno, { ...extendedAck, cause: error });
  };
  return attempt(doing, explain, body);
}
