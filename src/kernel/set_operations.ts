/** The single steps that the contract for sets is made of; each implementation has its own. */

import type { Family } from "../model/address.ts";
import type { IpSet, SetEntry } from "./sets.ts";

/** What a set is, without what is in it. */
export type SetHead = Omit<IpSet, "entries">;

/** Steps that change something say false where there was nothing to do, since somebody did it already. */
export interface SetOperations {
  head(name: string): Promise<SetHead | undefined>;
  find(name: string): Promise<IpSet | undefined>;

  /** Makes a set of type hash:ip,port; false where the name is taken. */
  create(name: string, family: Family): Promise<boolean>;
  destroy(name: string): Promise<boolean>;

  /** Both only for sets of type hash:ip,port and of the entry's family. */
  add(name: string, entry: SetEntry): Promise<boolean>;
  delete(name: string, entry: SetEntry): Promise<boolean>;

  close(): void;
}
