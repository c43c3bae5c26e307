/**
 * The contract for sets over single steps. What is of another type is somebody else's: ipset would take an
 * entry for a set of type hash:ip, and leave the port out, so the type is looked at before each change.
 */

import { addressFamily, type Family } from "../model/address.ts";
import { type Attempt, refusal } from "./refusal.ts";
import { setError } from "./set_errors.ts";
import type { SetHead, SetOperations } from "./set_operations.ts";
import { type IpSet, printSetEntry, type SetEntry, type Sets } from "./sets.ts";

const TYPE = "hash:ip,port";
/** IPSET_MAXNAMELEN without the NUL. */
const MAX_NAME_BYTES = 31;

export class EnsuredSets implements Sets {
  readonly name: string;
  readonly #do: SetOperations;

  constructor(name: string, operations: SetOperations) {
    this.name = name;
    this.#do = operations;
  }

  async find(name: string): Promise<IpSet | undefined> {
    return isSetName(name) ? await this.#do.find(name) : undefined;
  }

  async ensureSet(name: string, family: Family): Promise<boolean> {
    const attempt = { command: "IPSET_CMD_CREATE", op: "add set", subject: name };
    checkName(attempt, name);
    if (await this.#do.create(name, family)) return true;
    const head = await this.#do.head(name);
    // Removed in between: once more, and the next pass is not far.
    if (!head) return await this.#do.create(name, family);
    checkOurs(attempt, head, family);
    return false;
  }

  async removeSet(name: string): Promise<boolean> {
    const attempt = { command: "IPSET_CMD_DESTROY", op: "remove set", subject: name };
    const head = await this.#head(name);
    if (!head) return false;
    checkOurs(attempt, head, head.family);
    return await this.#do.destroy(name);
  }

  async ensureEntry(name: string, entry: SetEntry): Promise<boolean> {
    const subject = `${printSetEntry(entry)} in ${name}`;
    const attempt = { command: "IPSET_CMD_ADD", op: "add entry", subject };
    checkName(attempt, name);
    checkEntry(attempt, entry);
    const head = await this.#do.head(name);
    if (!head) throw setError(attempt, "ENOENT");
    checkOurs(attempt, head, addressFamily(entry.address));
    return await this.#do.add(name, entry);
  }

  async removeEntry(name: string, entry: SetEntry): Promise<boolean> {
    const subject = `${printSetEntry(entry)} in ${name}`;
    const head = await this.#head(name);
    if (!head) return false;
    const attempt = { command: "IPSET_CMD_DEL", op: "remove entry", subject };
    checkEntry(attempt, entry);
    checkOurs(attempt, head, addressFamily(entry.address));
    return await this.#do.delete(name, entry);
  }

  close(): void {
    this.#do.close();
  }

  async #head(name: string): Promise<SetHead | undefined> {
    return isSetName(name) ? await this.#do.head(name) : undefined;
  }
}

function isSetName(name: string): boolean {
  const size = new TextEncoder().encode(name).length;
  return size > 0 && size <= MAX_NAME_BYTES && !name.includes("\0");
}

function checkName(attempt: Attempt, name: string): void {
  if (isSetName(name)) return;
  throw refusal(attempt, "EINVAL", {
    why: `"${name}": must be a set's name`,
    hint: `it has 1 to ${MAX_NAME_BYTES} bytes`,
  });
}

/** Newer kernels refuse the unspecified address, older ones add what nothing ever matches. */
function checkEntry(attempt: Attempt, { address, port }: SetEntry): void {
  const why = address === "0.0.0.0" || address === "::"
    ? `address "${address}": must be one of a host`
    : !(Number.isInteger(port) && port >= 0 && port <= 65535)
    ? `port "${port}": must be from 0 to 65535`
    : undefined;
  if (why !== undefined) throw refusal(attempt, "EINVAL", { why });
}

function checkOurs(attempt: Attempt, set: SetHead, family: Family | undefined): void {
  if (set.type === TYPE && set.family === family) return;
  const is = set.family === undefined ? set.type : `${set.type} for ${print(set.family)}`;
  const must = family === undefined ? TYPE : `${TYPE} for ${print(family)}`;
  throw refusal(attempt, "EEXIST", {
    why: `"${set.name}" is of type ${is}, must be ${must}`,
    hint: "it is left alone: rename or remove it, if nobody needs it",
  });
}

function print(family: Family): string {
  return family === "ipv4" ? "IPv4" : "IPv6";
}
