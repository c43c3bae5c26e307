/** Devices, addresses and routes over the program ip, which must know -json (iproute2 4.18 and newer). */

import { CommandError } from "../../errors.ts";
import { addressFamily, type Family } from "../../model/address.ts";
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
import type { Links } from "../links.ts";
import type { Attempt } from "../refusal.ts";
import { ipErrno, ipError } from "./ip_errors.ts";
import { parseLinks, parseRoutes } from "./ip_json.ts";
import type { Runner } from "./runner.ts";

export class CommandLinks extends EnsuredLinks implements Links {
  constructor(runner: Runner) {
    super("ip", new CommandLinkOperations(runner));
  }
}

class CommandLinkOperations implements LinkOperations {
  readonly #runner: Runner;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  async list(): Promise<Link[]> {
    const attempt = { command: "RTM_GETLINK", op: "list", subject: "devices" };
    return await this.#read(attempt, ["address", "show"], parseLinks);
  }

  async find(name: string): Promise<Link | undefined> {
    const attempt = { command: "RTM_GETLINK", op: "find device", subject: name };
    const argv = ["address", "show", "dev", name];
    const links = await orElse([], "ENODEV", this.#read(attempt, argv, parseLinks));
    // ip also finds devices by their alternative names.
    return links.find((link) => link.name === name);
  }

  createDummy(name: string): Promise<boolean> {
    const attempt = { command: "RTM_NEWLINK", op: "add device", subject: name };
    return this.#change(attempt, ["link", "add", "dev", name, "up", "type", "dummy"], "EEXIST");
  }

  async bringUp({ name }: Link): Promise<void> {
    const attempt = { command: "RTM_NEWLINK", op: "bring up device", subject: name };
    await this.#change(attempt, ["link", "set", "dev", name, "up"]);
  }

  deleteLink({ name }: Link): Promise<boolean> {
    const attempt = { command: "RTM_DELLINK", op: "remove device", subject: name };
    return this.#change(attempt, ["link", "delete", "dev", name], "ENODEV");
  }

  addAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    const subject = `${printInterfaceAddress(address)} on ${device}`;
    const attempt = { command: "RTM_NEWADDR", op: "add address", subject };
    const isIpv6 = addressFamily(address.address) === "ipv6";
    const argv = ["address", "add", printInterfaceAddress(address), "dev", device];
    return this.#change(attempt, isIpv6 ? [...argv, "nodad"] : argv, "EEXIST");
  }

  deleteAddress(device: string, address: InterfaceAddress): Promise<boolean> {
    const subject = `${printInterfaceAddress(address)} on ${device}`;
    const attempt = { command: "RTM_DELADDR", op: "remove address", subject };
    const argv = ["address", "delete", printInterfaceAddress(address), "dev", device];
    return this.#change(attempt, argv, "EADDRNOTAVAIL", "ENODEV");
  }

  async routes(): Promise<Route[]> {
    return [...await this.#routes("ipv4"), ...await this.#routes("ipv6")];
  }

  async replaceRoute(route: Route): Promise<void> {
    const attempt = { command: "RTM_NEWROUTE", op: "add route", subject: printRoute(route) };
    await this.#change(attempt, routeArguments("replace", route));
  }

  deleteRoute(route: Route): Promise<boolean> {
    const attempt = { command: "RTM_DELROUTE", op: "remove route", subject: printRoute(route) };
    return this.#change(attempt, routeArguments("delete", route), "ESRCH", "ENOENT", "ENODEV");
  }

  close(): void {}

  async #routes(family: Family): Promise<Route[]> {
    const attempt = { command: "RTM_GETROUTE", op: "list", subject: "routes" };
    const argv = [familyOption(family), "route", "show", "table", "main"];
    // There is no main table before its first route.
    const read = this.#read(attempt, argv, (text) => parseRoutes(text, family));
    return await orElse([], "ENOENT", read);
  }

  async #read<T>(
    attempt: Attempt,
    argv: readonly string[],
    parse: (text: string) => T,
  ): Promise<T> {
    const program = ["ip", "-json", "-details", ...argv] as [string, ...string[]];
    const { stdout, stderr } = await this.#run(attempt, program);
    try {
      return parse(stdout);
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      const { op, subject } = attempt;
      const message = `${op} ${subject}: ${cause.message}`;
      const context = { op, subject, cause, hint: "ip must know -json: iproute2 4.18 or newer" };
      throw new CommandError(message, program, 0, stderr, undefined, context);
    }
  }

  /** Whether there was something to do: those errors say that there was not. */
  async #change(
    attempt: Attempt,
    argv: readonly string[],
    ...done: readonly string[]
  ): Promise<boolean> {
    const changed = this.#run(attempt, ["ip", ...argv]).then(() => true);
    return await orElse(false, done, changed);
  }

  async #run(attempt: Attempt, argv: readonly [string, ...string[]]) {
    try {
      const result = await this.#runner.run(argv);
      // A dump that fails halfway is said so, and ip's exit status is 0 all the same.
      const meant = ipErrno(result.stderr);
      if (meant) throw linkError(attempt, meant.errno, { text: meant.text });
      return result;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw ipError(error, attempt);
    }
  }
}

/** What is awaited or, where it fails with that errno, the other value. */
async function orElse<T>(
  other: T,
  errno: string | readonly string[],
  awaited: Promise<T>,
): Promise<T> {
  try {
    return await awaited;
  } catch (error) {
    const names = typeof errno === "string" ? [errno] : errno;
    if (names.some((name) => (error as Partial<CommandError>).is?.(name))) return other;
    throw error;
  }
}

function routeArguments(verb: string, route: Route): string[] {
  const { destination, gateway, device, metric } = route;
  const family = addressFamily(destination.address);
  const isForeign = gateway !== undefined && addressFamily(gateway) !== family;
  return [
    familyOption(family),
    "route",
    verb,
    printInterfaceAddress(destination),
    ...(gateway === undefined ? [] : isForeign ? ["via", "inet6", gateway] : ["via", gateway]),
    ...(device === undefined ? [] : ["dev", device]),
    ...(metric === 0 ? [] : ["metric", String(metric)]),
    "table",
    "main",
    // What would otherwise fit a route by a gateway too.
    ...(verb === "delete" && family === "ipv4"
      ? ["scope", gateway === undefined ? "link" : "global"]
      : []),
  ];
}

function familyOption(family: Family): string {
  return family === "ipv4" ? "-4" : "-6";
}
