/** An address and a port: where a service listens or a server answers. */

import { type Address, addressFamily, parseAddress } from "./address.ts";

export interface Endpoint {
  readonly address: Address;
  /** In host order; 0 is "every port" where IPVS allows it. */
  readonly port: number;
}

export function printEndpoint({ address, port }: Endpoint): string {
  return addressFamily(address) === "ipv6" ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The endpoint that "1.2.3.4:80" or "[::1]:80" spells, or undefined. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]*:[^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const address = parseAddress(match[1] ?? match[2] ?? "");
  const port = Number(match[3]);
  return address === undefined || port > 65535 ? undefined : { address, port };
}
