/** --vs and --rs: the virtual server and its real servers. */

import { UsageError } from "../errors.ts";
import { type Address, addressFamily, addressToBytes, parseAddress } from "../model/address.ts";
import { type Endpoint, parseEndpoint, printEndpoint } from "../model/endpoint.ts";
import {
  findAll,
  findOne,
  findValue,
  type Given,
  quote,
  refuse,
  type Sources,
  splitList,
} from "./given.ts";

const EXAMPLE = "10.103.97.12:6443 or [fd00::1]:6443";

export function readVirtualServer(sources: Sources): Endpoint {
  const given = findOne(sources, "vs");
  if (!given) {
    throw new UsageError(`--vs is missing: must be an address and a port, as ${EXAMPLE}`, {
      hint: "see lvscare care --help",
    });
  }
  const virtual = readEndpoint(given);
  // What has a loopback source never leaves the host, and a device or a route changes nothing of that.
  if (isLoopback(virtual.address) && findValue(sources, "mode").text !== "") {
    refuse(
      given,
      "is a loopback address, must be one that other hosts can reach",
      'only with --mode "" it may be one, for servers on this host',
    );
  }
  return virtual;
}

/** In the order given, each once. */
export function readServers(sources: Sources, virtual: Endpoint, clean: boolean): Endpoint[] {
  const servers = new Map<string, Endpoint>();
  for (const given of splitList(findAll(sources, "rs"))) {
    const server = readEndpoint(given);
    checkServer(given, server, virtual);
    servers.set(printEndpoint(server), server);
  }
  if (servers.size === 0 && !clean) {
    throw new UsageError("--rs is missing: must be at least one real server, as 10.0.0.2:6443", {
      hint: "only with --clean none is needed",
    });
  }
  return [...servers.values()];
}

function checkServer(given: Given, server: Endpoint, virtual: Endpoint): void {
  const wanted = addressFamily(virtual.address);
  if (addressFamily(server.address) !== wanted) {
    refuse(
      given,
      `must be ${FAMILY_WORDS[wanted]}, as the virtual server ${quote(printEndpoint(virtual))} is`,
      "masquerading works within one family only",
    );
  }
  if (printEndpoint(server) === printEndpoint(virtual)) {
    refuse(given, "is the virtual server itself, must be a server behind it");
  }
}

export const FAMILY_WORDS = { ipv4: "IPv4", ipv6: "IPv6" } as const;

export function readEndpoint(given: Given): Endpoint {
  const endpoint = parseEndpoint(given.text);
  if (!endpoint || endpoint.port === 0) return refuseEndpoint(given);
  const problem = judgeHostAddress(endpoint.address);
  if (problem !== undefined) refuse(given, problem);
  return endpoint;
}

function refuseEndpoint(given: Given): never {
  const { text } = given;
  const must = `must be an address and a port, as ${EXAMPLE}`;
  if (parseAddress(text) !== undefined) {
    const hint = text.includes(":") ? "an IPv6 address with a port stands in brackets" : undefined;
    refuse(given, `has no port, ${must}`, hint);
  }
  const [, bracketed, bare, port = ""] = /^(?:\[(.*)\]|([^:]*)):(.*)$/s.exec(text) ?? [];
  if (bracketed?.includes("%")) refuse(given, `has a zone, ${must}`, "IPVS knows no zones");
  if (bracketed !== undefined && !bracketed.includes(":")) {
    refuse(given, must, "only an IPv6 address stands in brackets");
  }
  if (parseAddress(bracketed ?? bare ?? "") !== undefined) {
    refuse(given, "its port must be from 1 to 65535");
  }
  if (/^\d+$/.test(port) && /^[\w.-]*[a-z][\w.-]*$/i.test(bare ?? "")) {
    refuse(given, `is a host name, ${must}`, "names are not looked up");
  }
  refuse(given, must);
}

/** Why this cannot be the address of one host, and what must be; undefined where it can. */
export function judgeHostAddress(address: Address): string | undefined {
  const must = "must be the address of one host";
  const bytes = addressToBytes(address);
  if (bytes.every((byte) => byte === 0)) return `is the address of no host, ${must}`;
  if (bytes.length === 4) {
    if (bytes.every((byte) => byte === 255)) return `is the broadcast address, ${must}`;
    return bytes[0]! >> 4 === 0xe ? `is a multicast address, ${must}` : undefined;
  }
  if (bytes[0] === 0xff) return `is a multicast address, ${must}`;
  return address.startsWith("::ffff:") && address.includes(".")
    ? "is an IPv4 address written as IPv6, must be written as IPv4"
    : undefined;
}

export function isLoopback(address: Address): boolean {
  return address === "::1" || addressFamily(address) === "ipv4" && address.startsWith("127.");
}
