/** Sets over the program ipset. */

import { CommandError } from "../../errors.ts";
import type { Family } from "../../model/address.ts";
import { EnsuredSets } from "../ensured_sets.ts";
import type { Attempt } from "../refusal.ts";
import type { SetHead, SetOperations } from "../set_operations.ts";
import { type IpSet, printSetEntry, type SetEntry, type Sets } from "../sets.ts";
import { ipsetErrno, ipsetError } from "./ipset_errors.ts";
import { parseSets } from "./ipset_xml.ts";
import type { Runner } from "./runner.ts";

export class CommandSets extends EnsuredSets implements Sets {
  constructor(runner: Runner) {
    super("ipset", new CommandSetOperations(runner));
  }
}

class CommandSetOperations implements SetOperations {
  readonly #runner: Runner;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  async head(name: string): Promise<SetHead | undefined> {
    const attempt = { command: "IPSET_CMD_HEADER", op: "find set", subject: name };
    const set = await this.#list(attempt, name, ["-terse"]);
    return set && { name: set.name, type: set.type, family: set.family };
  }

  find(name: string): Promise<IpSet | undefined> {
    return this.#list({ command: "IPSET_CMD_LIST", op: "list set", subject: name }, name, []);
  }

  create(name: string, family: Family): Promise<boolean> {
    const attempt = { command: "IPSET_CMD_CREATE", op: "add set", subject: name };
    const inet = family === "ipv4" ? "inet" : "inet6";
    return this.#change(attempt, ["create", name, "hash:ip,port", "family", inet], "EEXIST");
  }

  destroy(name: string): Promise<boolean> {
    const attempt = { command: "IPSET_CMD_DESTROY", op: "remove set", subject: name };
    return this.#change(attempt, ["destroy", name], "ENOENT");
  }

  add(name: string, entry: SetEntry): Promise<boolean> {
    const text = printSetEntry(entry);
    const attempt = { command: "IPSET_CMD_ADD", op: "add entry", subject: `${text} in ${name}` };
    return this.#change(attempt, ["add", name, text], "IPSET_ERR_EXIST");
  }

  delete(name: string, entry: SetEntry): Promise<boolean> {
    const text = printSetEntry(entry);
    const attempt = { command: "IPSET_CMD_DEL", op: "remove entry", subject: `${text} in ${name}` };
    return this.#change(attempt, ["del", name, text], "IPSET_ERR_EXIST", "ENOENT");
  }

  close(): void {}

  async #list(
    attempt: Attempt,
    name: string,
    options: readonly string[],
  ): Promise<IpSet | undefined> {
    const argv = ["ipset", "list", name, "-output", "xml", ...options] as [string, ...string[]];
    const result = await orElse(undefined, ["ENOENT"], attempt, this.#runner.run(argv));
    if (!result) return undefined;
    try {
      return parseSets(result.stdout).find((set) => set.name === name);
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      const { op, subject } = attempt;
      const message = `${op} ${subject}: ${cause.message}`;
      const context = { op, subject, cause };
      throw new CommandError(message, argv, 0, result.stderr, undefined, context);
    }
  }

  /** Whether there was something to do: those errors say that there was not. */
  #change(
    attempt: Attempt,
    argv: readonly string[],
    ...done: readonly string[]
  ): Promise<boolean> {
    const changed = this.#runner.run(["ipset", ...argv]).then(() => true);
    return orElse(false, done, attempt, changed);
  }
}

/** What is awaited or, where ipset's words mean one of those errors, the other value. */
async function orElse<T>(
  other: T,
  errnos: readonly string[],
  attempt: Attempt,
  awaited: Promise<T>,
): Promise<T> {
  try {
    return await awaited;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (errnos.includes(ipsetErrno(error.stderr) ?? "")) return other;
    throw ipsetError(error, attempt);
  }
}
