/** The line or header by which a proxy tells a server who the client is: the PROXY protocol. */

import { addressFromBytes } from "../model/address.ts";

export const PROXY_PROTOCOLS = ["v1", "v2"] as const;
export type ProxyProtocol = typeof PROXY_PROTOCOLS[number];

/** One end of a connection. */
export interface ProxiedEnd {
  /** 4 or 16 bytes in network order. */
  readonly bytes: Uint8Array;
  readonly port: number;
}

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2, a connection that was relayed. */
const PROXY = 0x21;
/** Version 2, a connection of the proxy's own. */
const LOCAL = 0x20;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** What comes before the first byte of the client, that connected to `local`. */
export function proxyHeader(
  version: ProxyProtocol,
  client: ProxiedEnd,
  local: ProxiedEnd,
): Uint8Array<ArrayBuffer> {
  return version === "v1" ? textHeader(client, local) : binaryHeader(client, local);
}

/** What comes before the first byte of a check, that no client is behind. */
export function ownHeader(version: ProxyProtocol): Uint8Array<ArrayBuffer> {
  if (version === "v1") return new TextEncoder().encode("PROXY UNKNOWN\r\n");
  return new Uint8Array([...SIGNATURE, LOCAL, 0, 0, 0]);
}

function textHeader(client: ProxiedEnd, local: ProxiedEnd): Uint8Array<ArrayBuffer> {
  const family = client.bytes.length === 4 ? "TCP4" : "TCP6";
  const addresses = [client, local].map(({ bytes }) => addressFromBytes(bytes)).join(" ");
  return new TextEncoder().encode(
    `PROXY ${family} ${addresses} ${client.port} ${local.port}\r\n`,
  );
}

function binaryHeader(client: ProxiedEnd, local: ProxiedEnd): Uint8Array<ArrayBuffer> {
  const { length } = client.bytes;
  const header = new Uint8Array(16 + 2 * length + 4);
  const view = new DataView(header.buffer);
  header.set(SIGNATURE);
  header[12] = PROXY;
  header[13] = length === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
  view.setUint16(14, 2 * length + 4);
  header.set(client.bytes, 16);
  header.set(local.bytes, 16 + length);
  view.setUint16(16 + 2 * length, client.port);
  view.setUint16(18 + 2 * length, local.port);
  return header;
}
