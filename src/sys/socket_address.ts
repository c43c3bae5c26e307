/** Endpoints as the system calls spell them: struct sockaddr_in and sockaddr_in6. */

import { addressFromBytes, addressToBytes } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { ProxiedEnd } from "../wire/proxy_protocol.ts";
import { AF_INET, AF_INET6, type SocketAddress } from "./sockets.ts";

export function toSocketAddress({ address, port }: Endpoint): SocketAddress {
  const bytes = addressToBytes(address);
  const six = bytes.length === 16;
  const result = new Uint8Array(six ? 28 : 16);
  const view = new DataView(result.buffer);
  // The family is in the processor's order; all that there is a runtime for put the lower byte first.
  view.setUint16(0, six ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  result.set(bytes, six ? 8 : 4);
  return result;
}

/** A client, as schedulers and servers want to know it. */
export type Client = ProxiedEnd;

export function toClient(address: SocketAddress): Client {
  const six = (address[0]! | (address[1]! << 8)) === AF_INET6;
  return {
    bytes: six ? address.subarray(8, 24) : address.subarray(4, 8),
    port: (address[2]! << 8) | address[3]!,
  };
}

export function toEndpoint(address: SocketAddress): Endpoint {
  const { bytes, port } = toClient(address);
  return { address: addressFromBytes(bytes), port };
}
