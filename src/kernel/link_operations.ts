/** The single steps that the contract for links is made of; each implementation has its own. */

import type { InterfaceAddress, Link, Route } from "../model/link.ts";

/** Steps that change something say false where there was nothing to do, since somebody did it already. */
export interface LinkOperations {
  list(): Promise<Link[]>;
  find(name: string): Promise<Link | undefined>;

  /** Makes a dummy device that is up; false where the name is taken. */
  createDummy(name: string): Promise<boolean>;
  bringUp(link: Link): Promise<void>;
  deleteLink(link: Link): Promise<boolean>;

  /** False where the device has the address, with whatever prefix. */
  addAddress(device: string, address: InterfaceAddress): Promise<boolean>;
  deleteAddress(device: string, address: InterfaceAddress): Promise<boolean>;

  routes(): Promise<Route[]>;
  /** Makes the route in the place of one to the same destination with the same metric. */
  replaceRoute(route: Route): Promise<void>;
  /** Deletes a route that was listed. */
  deleteRoute(route: Route): Promise<boolean>;

  close(): void;
}
