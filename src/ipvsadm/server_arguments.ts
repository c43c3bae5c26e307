/** A real server out of ipvsadm's options. */

import { UsageError } from "../errors.ts";
import { addressFamily } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import {
  type Forwarding,
  keyFamily,
  type Server,
  type ServiceKey,
  type TunnelChecksum,
} from "../model/ipvs.ts";
import type { Names } from "./names.ts";
import type { ParameterName } from "./options.ts";
import type { ChecksumOption, Parameters } from "./parameters.ts";
import { MAX_INT, parseHostPort, parseNumber, refuse } from "./values.ts";

export function parseServer(key: ServiceKey, parameters: Parameters, names: Names): Server {
  const forwarding = parseForwarding(parameters);
  const endpoint = parseServerEndpoint(key, parameters, names);
  const text = parameters.value("real-server") ?? "";
  if (addressFamily(endpoint.address) !== keyFamily(key) && forwarding.method !== "tunnel") {
    throw refuse(
      "real server",
      text,
      `must be ${keyFamily(key)} as its service is, or stand beside -i`,
    );
  }
  const upperThreshold = parseCount(parameters, "u-threshold", "upper threshold", 0);
  const lowerThreshold = parseCount(parameters, "l-threshold", "lower threshold", 0);
  if (lowerThreshold > upperThreshold) {
    throw refuse(
      "lower threshold",
      String(lowerThreshold),
      `must not be above the upper threshold, which is ${upperThreshold}`,
    );
  }
  return {
    address: endpoint.address,
    // As ipvsadm does it: only masquerading can change a port, so for the other two what was given does
    // not count. A firewall mark has no port that could be taken instead.
    port: key.kind === "address" && forwarding.method !== "masquerade" ? key.port : endpoint.port,
    weight: parseCount(parameters, "weight", "weight", 1),
    forwarding,
    upperThreshold,
    lowerThreshold,
  };
}

/** The server's address; its port is the service's where none is given. */
export function parseServerEndpoint(
  key: ServiceKey,
  parameters: Parameters,
  names: Names,
): Endpoint {
  const text = parameters.value("real-server");
  if (text === undefined) throw new UsageError("real server missing: must be given by -r");
  const protocol = key.kind === "address" ? key.protocol : "tcp";
  const { address, port } = parseHostPort("real server", text, protocol, names);
  return { address, port: port ?? (key.kind === "address" ? key.port : 0) };
}

function parseCount(
  parameters: Parameters,
  name: ParameterName,
  what: string,
  missing: number,
): number {
  const text = parameters.value(name);
  return text === undefined ? missing : parseNumber(what, text, 0, MAX_INT);
}

function parseForwarding(parameters: Parameters): Forwarding {
  switch (parameters.forwarding?.name) {
    case "ipip":
      return parseTunnel(parameters);
    case "masquerading":
      checkNoTunnel(parameters);
      return { method: "masquerade" };
    case "gatewaying":
    case undefined:
      checkNoTunnel(parameters);
      return { method: "direct" };
  }
}

function checkNoTunnel(parameters: Parameters): void {
  const option = parameters.get("tun-type") ?? parameters.get("tun-port") ?? parameters.checksum;
  if (option === undefined) return;
  throw new UsageError(`option "${option.spelling}": must stand beside -i: it describes a tunnel`);
}

const CHECKSUMS: Readonly<Record<ChecksumOption, TunnelChecksum>> = {
  "tun-nocsum": "none",
  "tun-csum": "checksum",
  "tun-remcsum": "remote",
};

function parseTunnel(parameters: Parameters): Forwarding {
  const type = parameters.value("tun-type") ?? "ipip";
  const checksum = parameters.checksum;
  const wanted = checksum === undefined ? "none" : CHECKSUMS[checksum.name];
  const port = parameters.get("tun-port");
  if (port !== undefined && type !== "gue") {
    throw refuse(`option "--tun-port"`, port.value ?? "", "must stand beside --tun-type gue");
  }
  switch (type) {
    case "ipip":
      if (checksum !== undefined) {
        throw new UsageError(
          `option "${checksum.spelling}": must stand beside --tun-type gue or gre`,
        );
      }
      return { method: "tunnel", encapsulation: "ipip" };
    case "gue":
      if (port === undefined) {
        throw refuse("tunnel type", type, "must have a port by --tun-port");
      }
      return {
        method: "tunnel",
        encapsulation: "gue",
        port: parseNumber("tunnel port", port.value ?? "", 1, 65_535),
        checksum: wanted,
      };
    case "gre":
      if (wanted === "remote") {
        throw new UsageError(`option "--tun-remcsum": must stand beside --tun-type gue`);
      }
      return { method: "tunnel", encapsulation: "gre", checksum: wanted };
    default:
      throw refuse("tunnel type", type, "must be ipip, gue or gre");
  }
}
