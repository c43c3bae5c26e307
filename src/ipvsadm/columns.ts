/** The pieces that ipvsadm's tables are made of. */

import { type Address, addressFamily, addressToBytes } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Protocol } from "../model/ipvs.ts";
import type { Names } from "./names.ts";

/** From which size on a number is cut to thousands, millions and so on, as ipvsadm cuts it. */
const SCALES: readonly { below: bigint; divisor: bigint; unit: string }[] = [
  { below: 100_000_000n, divisor: 1n, unit: "" },
  { below: 1_000_000_000n, divisor: 1_000n, unit: "K" },
  { below: 100_000_000_000n, divisor: 1_000_000n, unit: "M" },
  { below: 100_000_000_000_000n, divisor: 1_000_000_000n, unit: "G" },
];
const LARGEST = { divisor: 1_000_000_000_000n, unit: "T" };

/** A counter in a column of nine, or of one more than its digits where it is exact and long. */
export function counterColumn(value: bigint, exact: boolean): string {
  if (exact) return ` ${String(value).padStart(8)}`;
  const { divisor, unit } = SCALES.find(({ below }) => value < below) ?? LARGEST;
  return `${value / divisor}${unit}`.padStart(9);
}

/** The address as the C library's inet_ntop() spells it. */
export function ntop(address: Address): string {
  if (addressFamily(address) === "ipv4") return address;
  const bytes = addressToBytes(address);
  // Ninety-six zero bits and then something: the library shows the end as an IPv4 address, unless the
  // zeros go on, as in ::1.
  const compatible = bytes.subarray(0, 12).every((byte) => byte === 0) &&
    (bytes[12] !== 0 || bytes[13] !== 0);
  return compatible ? `::${bytes.subarray(12).join(".")}` : address;
}

/** "10.0.0.1:80", "[2001:db8::1]:http" */
export function printNamedEndpoint(
  { address, port }: Endpoint,
  protocol: Protocol | undefined,
  names: Names | undefined,
): string {
  const name = protocol && names?.serviceName(port, protocol);
  const host = names?.hostName(address) ?? ntop(address);
  return `${addressFamily(address) === "ipv6" ? `[${host}]` : host}:${name ?? port}`;
}
