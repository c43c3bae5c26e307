/** What `ip -json -details` prints of devices, addresses and routes, as values. */

import { type Address, type Family, parseAddress } from "../../model/address.ts";
import type { InterfaceAddress, Link, Route } from "../../model/link.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Reads `ip -json -details address show`. */
export function parseLinks(text: string): Link[] {
  // Of devices that are filtered out, ip prints an empty object.
  return objects(text).filter((fields) => fields["ifname"] !== undefined).map((fields) => ({
    index: number(fields, "ifindex"),
    name: string(fields, "ifname"),
    kind: optionalString(object(fields["linkinfo"]), "info_kind"),
    up: array(fields["flags"]).includes("UP"),
    addresses: array(fields["addr_info"]).map(object).filter(isIp).map((each) => ({
      address: address(string(each, "local")),
      prefix: number(each, "prefixlen"),
    })),
  }));
}

/** Reads `ip -json -details -4 route show table main`, or -6; skips what is no plain unicast route. */
export function parseRoutes(text: string, family: Family): Route[] {
  return objects(text).flatMap((fields) => {
    const via = optionalString(object(fields["via"]), "host");
    const gateway = optionalString(fields, "gateway") ?? via;
    const device = optionalString(fields, "dev");
    const isPlain = (fields["type"] ?? "unicast") === "unicast" &&
      ["nexthops", "tos", "from"].every((key) => fields[key] === undefined) &&
      !array(fields["flags"]).includes("cloned") && (gateway ?? device) !== undefined;
    if (!isPlain) return [];
    return {
      destination: network(string(fields, "dst"), family),
      ...(gateway !== undefined && { gateway: address(gateway) }),
      ...(device !== undefined && { device }),
      metric: fields["metric"] === undefined ? 0 : number(fields, "metric"),
    };
  });
}

function isIp(fields: Fields): boolean {
  return fields["family"] === "inet" || fields["family"] === "inet6";
}

/** "default", an address that stands for itself alone, or one with its prefix. */
function network(text: string, family: Family): InterfaceAddress {
  if (text === "default") {
    return { address: address(family === "ipv4" ? "0.0.0.0" : "::"), prefix: 0 };
  }
  const [host = "", prefix = family === "ipv4" ? "32" : "128"] = text.split("/");
  return { address: address(host), prefix: Number(prefix) };
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw unexpected(`address "${text}"`);
  return parsed;
}

function objects(text: string): Fields[] {
  // Of nothing, ip prints nothing.
  if (text.trim() === "") return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError("read what ip printed: not JSON", { cause });
  }
  if (!Array.isArray(value)) throw unexpected("no list");
  return value.map(object);
}

function object(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function string(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== "string") throw unexpected(`no ${key}`);
  return value;
}

function optionalString(fields: Fields, key: string): string | undefined {
  return fields[key] === undefined ? undefined : string(fields, key);
}

function number(fields: Fields, key: string): number {
  const value = fields[key];
  if (typeof value !== "number") throw unexpected(`no ${key}`);
  return value;
}

function unexpected(what: string): SyntaxError {
  return new SyntaxError(`read what ip printed: ${what}`);
}
