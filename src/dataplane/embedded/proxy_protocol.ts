/** The line or header by which a proxy tells a server who the client is. Pure. */

import type { ProxyProtocol } from "../../config/care.ts";
import { addressFromBytes } from "../../model/address.ts";
import type { Client } from "./socket_address.ts";

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2, a connection that was relayed. */
const PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** What comes before the first byte of the client, that connected to `local`. */
export function proxyHeader(
  version: ProxyProtocol,
  client: Client,
  local: Client,
): Uint8Array<ArrayBuffer> {
  return version === "v1" ? textHeader(client, local) : binaryHeader(client, local);
}

function textHeader(client: Client, local: Client): Uint8Array<ArrayBuffer> {
  const family = client.bytes.length === 4 ? "TCP4" : "TCP6";
  const addresses = [client, local].map(({ bytes }) => addressFromBytes(bytes)).join(" ");
  return new TextEncoder().encode(
    `PROXY ${family} ${addresses} ${client.port} ${local.port}\r\n`,
  );
}

function binaryHeader(client: Client, local: Client): Uint8Array<ArrayBuffer> {
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
