/** Servers of the model to and from their attributes. */

import { WireError } from "../errors.ts";
import { addressFamily, type Family } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Forwarding, Server, ServerConnections, TunnelChecksum } from "../model/ipvs.ts";
import type { Attributes } from "./attribute.ts";
import {
  decodeFamilyNumber,
  decodeInetAddress,
  encodeFamily,
  encodeInetAddress,
} from "./inet_address.ts";
import type { SERVER, SERVER_ENTRY, SERVER_KEY } from "./ipvs_tables.ts";

export type ServerKeyAttributes = Attributes<typeof SERVER_KEY>;
export type ServerAttributes = Attributes<typeof SERVER>;

const IP_VS_CONN_F_FWD_MASK = 0x7;
const IP_VS_CONN_F_TUNNEL = 2;
const METHODS = {
  masquerade: 0, // IP_VS_CONN_F_MASQ
  local: 1, // IP_VS_CONN_F_LOCALNODE
  tunnel: IP_VS_CONN_F_TUNNEL,
  direct: 3, // IP_VS_CONN_F_DROUTE
  bypass: 4, // IP_VS_CONN_F_BYPASS
} as const satisfies Record<Forwarding["method"], number>;

/** IP_VS_CONN_F_TUNNEL_TYPE_* */
const ENCAPSULATIONS = { ipip: 0, gue: 1, gre: 2 } as const;

/** IP_VS_TUNNEL_ENCAP_FLAG_* */
const CHECKSUMS = { none: 0, checksum: 1, remote: 2 } as const satisfies Record<
  TunnelChecksum,
  number
>;

type TunnelAttributes = Pick<ServerAttributes, "tunnelType" | "tunnelPort" | "tunnelFlags">;

export function encodeServerKey({ address, port }: Endpoint): ServerKeyAttributes {
  return {
    address: encodeInetAddress(address),
    port,
    family: encodeFamily(addressFamily(address)),
  };
}

export function encodeServer(server: Server): ServerAttributes {
  const { address, port, forwarding, weight, upperThreshold, lowerThreshold } = server;
  // Without the attribute the tunnel is ipip, also for kernels that know no other.
  const tunnel = forwarding.method === "tunnel" && forwarding.encapsulation !== "ipip"
    ? forwarding
    : undefined;
  // One literal: thousands of servers are written at once, and spreading objects costs more than the rest.
  return {
    address: encodeInetAddress(address),
    port,
    family: encodeFamily(addressFamily(address)),
    forwarding: METHODS[forwarding.method],
    weight,
    upperThreshold,
    lowerThreshold,
    tunnelType: tunnel && ENCAPSULATIONS[tunnel.encapsulation],
    tunnelPort: tunnel && (tunnel.encapsulation === "gue" ? tunnel.port : 0),
    tunnelFlags: tunnel && CHECKSUMS[tunnel.checksum],
  };
}

/** Kernels before 3.18 do not send the server's family: there it is always the service's. */
export function decodeServer(attributes: ServerAttributes, serviceFamily: Family): Server {
  const family = attributes.family === undefined
    ? serviceFamily
    : decodeFamilyNumber(attributes.family, "IPVS_DEST_ATTR_ADDR_FAMILY");
  return {
    address: decodeInetAddress(attributes.address, family),
    port: attributes.port,
    weight: attributes.weight,
    forwarding: decodeForwarding(attributes),
    upperThreshold: attributes.upperThreshold,
    lowerThreshold: attributes.lowerThreshold,
  };
}

export function decodeConnections(entry: Attributes<typeof SERVER_ENTRY>): ServerConnections {
  return { active: entry.active, inactive: entry.inactive, persistent: entry.persistent };
}

const PLAIN: Readonly<Record<number, Forwarding>> = {
  [METHODS.masquerade]: { method: "masquerade" },
  [METHODS.local]: { method: "local" },
  [METHODS.direct]: { method: "direct" },
  [METHODS.bypass]: { method: "bypass" },
};

function decodeForwarding(attributes: ServerAttributes): Forwarding {
  const method = attributes.forwarding & IP_VS_CONN_F_FWD_MASK;
  if (method === IP_VS_CONN_F_TUNNEL) return decodeTunnel(attributes);
  const forwarding = PLAIN[method];
  if (!forwarding) throw inexpressible("IPVS_DEST_ATTR_FWD_METHOD", `method ${method}`);
  return forwarding;
}

function decodeTunnel(attributes: TunnelAttributes): Forwarding {
  const { tunnelType = 0, tunnelPort = 0, tunnelFlags = 0 } = attributes;
  switch (tunnelType) {
    case ENCAPSULATIONS.ipip:
      return { method: "tunnel", encapsulation: "ipip" };
    case ENCAPSULATIONS.gue:
      return {
        method: "tunnel",
        encapsulation: "gue",
        port: tunnelPort,
        checksum: decodeChecksum(tunnelFlags),
      };
    case ENCAPSULATIONS.gre: {
      const checksum = decodeChecksum(tunnelFlags);
      if (checksum !== "remote") return { method: "tunnel", encapsulation: "gre", checksum };
      throw inexpressible("IPVS_DEST_ATTR_TUN_FLAGS", `flags ${tunnelFlags} of a gre tunnel`);
    }
    default:
      throw inexpressible("IPVS_DEST_ATTR_TUN_TYPE", `tunnel type ${tunnelType}`);
  }
}

function decodeChecksum(flags: number): TunnelChecksum {
  for (const [checksum, value] of Object.entries(CHECKSUMS)) {
    if (value === flags) return checksum as TunnelChecksum;
  }
  throw inexpressible("IPVS_DEST_ATTR_TUN_FLAGS", `flags ${flags}`);
}

function inexpressible(attribute: string, what: string): WireError {
  return new WireError(`decode ${attribute}: ${what} is not known here`, { attribute });
}
