/** The connection list: /proc/net/ip_vs_conn read, and printed as ipvsadm -Lc prints it. */

import { LvscareError } from "../errors.ts";
import { type Address, addressFromBytes, parseAddress } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Protocol } from "../model/ipvs.ts";
import { printNamedEndpoint } from "./columns.ts";
import type { Names } from "./names.ts";
import type { ConnectionsFormat } from "./operation.ts";

export const CONNECTIONS_FILE = "/proc/net/ip_vs_conn";

export interface Connection {
  /** "TCP", "UDP", "SCTP", or "IP" for a template of a firewall mark. */
  readonly protocol: string;
  readonly client: Endpoint;
  readonly virtual: Endpoint;
  readonly server: Endpoint;
  /** As the kernel calls it: "ESTABLISHED". */
  readonly state: string;
  readonly expiresS: number;
  readonly engine?: { readonly name: string; readonly data: string };
}

export function parseConnections(text: string): Connection[] {
  return text.split("\n").flatMap((line, index) =>
    // The first line is the title.
    index === 0 || line.trim() === "" ? [] : [parseConnection(line, index + 1)]
  );
}

function parseConnection(line: string, lineNumber: number): Connection {
  const [protocol, ...words] = line.trim().split(/\s+/);
  const client = parseKernelEndpoint(words[0], words[1]);
  const virtual = parseKernelEndpoint(words[2], words[3]);
  const server = parseKernelEndpoint(words[4], words[5]);
  const [state, expires, engine, data] = words.slice(6);
  if (!protocol || !client || !virtual || !server || !state || !/^\d+$/.test(expires ?? "")) {
    const quoted = JSON.stringify(line);
    throw new LvscareError(
      `read ${CONNECTIONS_FILE}, line ${lineNumber}: ${quoted} is no connection`,
    );
  }
  return {
    protocol,
    client,
    virtual,
    server,
    state,
    expiresS: Number(expires),
    ...(engine !== undefined && data !== undefined && { engine: { name: engine, data } }),
  };
}

/** IPv4 is eight hexadecimal digits; IPv6 is written out; a port is four hexadecimal digits. */
function parseKernelEndpoint(
  host: string | undefined,
  port: string | undefined,
): Endpoint | undefined {
  if (host === undefined || !/^[0-9A-Fa-f]{1,4}$/.test(port ?? "")) return undefined;
  const address = /^[0-9A-Fa-f]{8}$/.test(host) ? fromHex(host) : parseAddress(host);
  return address === undefined ? undefined : { address, port: parseInt(port!, 16) };
}

function fromHex(digits: string): Address {
  return addressFromBytes(
    Uint8Array.from({ length: 4 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16)),
  );
}

export function printConnections(
  connections: readonly Connection[],
  format: ConnectionsFormat,
  names: Names,
): string {
  const title = [
    "pro expire",
    "state".padEnd(11),
    ...["source", "virtual"].map((word) => word.padEnd(18)),
    ...(format.engineData
      ? ["destination".padEnd(18), "pe name".padEnd(16), "pe_data"]
      : ["destination"]),
  ].join(" ");
  const lines = connections.map((each) => printConnection(each, format, names));
  return ["IPVS connection entries", title, ...lines, ""].join("\n");
}

function printConnection(
  connection: Connection,
  format: ConnectionsFormat,
  names: Names,
): string {
  const protocol = nameOfProtocol(connection.protocol);
  const endpoint = (each: Endpoint) =>
    printNamedEndpoint(each, protocol, format.numeric ? undefined : names);
  const columns = [
    connection.protocol.padEnd(3),
    printExpiry(connection.expiresS).padEnd(6),
    connection.state.padEnd(11),
    endpoint(connection.client).padEnd(18),
    endpoint(connection.virtual).padEnd(18),
  ];
  const server = endpoint(connection.server);
  const { engine } = connection;
  return format.engineData && engine
    ? [...columns, server.padEnd(16), engine.name.padEnd(18), engine.data].join(" ")
    : [...columns, server].join(" ");
}

function nameOfProtocol(name: string): Protocol | undefined {
  const lower = name.toLowerCase();
  return lower === "tcp" || lower === "udp" || lower === "sctp" ? lower : undefined;
}

/** Minutes and seconds; there are no hours. */
function printExpiry(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
}
