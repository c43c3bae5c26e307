/** Services of the model to and from their attributes. */

import { WireError } from "../errors.ts";
import { addressFromBytes, addressToBytes, type Family, familyBits } from "../model/address.ts";
import {
  keyFamily,
  type Persistence,
  type Protocol,
  type SchedulerFlag,
  type Service,
  type ServiceKey,
} from "../model/ipvs.ts";
import type { Attributes } from "./attribute.ts";
import {
  decodeFamilyNumber,
  decodeInetAddress,
  encodeFamily,
  encodeInetAddress,
} from "./inet_address.ts";
import type { SERVICE, SERVICE_KEY } from "./ipvs_tables.ts";
import { PROTOCOL_NUMBERS, protocolOf } from "./protocol.ts";

export type ServiceKeyAttributes = Attributes<typeof SERVICE_KEY>;
export type ServiceAttributes = Attributes<typeof SERVICE>;

const IP_VS_SVC_F_PERSISTENT = 0x1;
/** The kernel's own note that the service is in its table. */
const IP_VS_SVC_F_HASHED = 0x2;
const IP_VS_SVC_F_ONEPACKET = 0x4;
const IP_VS_SVC_F_SCHED: Readonly<Record<SchedulerFlag, number>> = { 1: 0x08, 2: 0x10, 3: 0x20 };
/** The flags that a service of ours decides on. */
const OUR_FLAGS = 0x3d;

export function encodeServiceKey(key: ServiceKey): ServiceKeyAttributes {
  const family = encodeFamily(keyFamily(key));
  if (key.kind === "mark") {
    // To the kernel, mark 0 is none: it would go on to look for an address.
    if (key.mark === 0) {
      throw unknown("encode", "IPVS_SVC_ATTR_FWMARK", "mark 0, must be 1 or more");
    }
    return { family, mark: key.mark };
  }
  return {
    family,
    protocol: PROTOCOL_NUMBERS[key.protocol],
    address: encodeInetAddress(key.address),
    port: key.port,
  };
}

export function decodeServiceKey(attributes: ServiceKeyAttributes): ServiceKey {
  const { protocol, address, port, mark } = attributes;
  const family = decodeFamilyNumber(attributes.family, "IPVS_SVC_ATTR_AF");
  if (mark !== undefined) return { kind: "mark", mark, family };
  if (protocol === undefined) throw missing("IPVS_SVC_ATTR_PROTOCOL");
  if (address === undefined) throw missing("IPVS_SVC_ATTR_ADDR");
  if (port === undefined) throw missing("IPVS_SVC_ATTR_PORT");
  return {
    kind: "address",
    protocol: decodeProtocol(protocol),
    address: decodeInetAddress(address, family),
    port,
  };
}

export function encodeService(service: Service): ServiceAttributes {
  const { key, scheduler, schedulerFlags, onePacket, persistence } = service;
  let flags = 0;
  if (persistence) flags |= IP_VS_SVC_F_PERSISTENT;
  if (onePacket) flags |= IP_VS_SVC_F_ONEPACKET;
  for (const flag of schedulerFlags) flags |= IP_VS_SVC_F_SCHED[flag];
  const family = keyFamily(key);
  return {
    ...encodeServiceKey(key),
    scheduler,
    flags: { flags, mask: OUR_FLAGS },
    timeout: persistence?.timeoutS ?? 0,
    // The kernel wants a valid one from services without persistence, too.
    netmask: encodeNetmask(persistence, family),
    engine: persistence?.engine,
  };
}

export function decodeService(attributes: ServiceAttributes): Service {
  const { flags } = attributes.flags;
  const foreign = flags & ~(OUR_FLAGS | IP_VS_SVC_F_HASHED);
  if (foreign !== 0) {
    throw unknown("decode", "IPVS_SVC_ATTR_FLAGS", `flag 0x${(foreign >>> 0).toString(16)}`);
  }
  const key = decodeServiceKey(attributes);
  const service = {
    key,
    scheduler: attributes.scheduler,
    schedulerFlags: ([1, 2, 3] as const).filter((n) => (flags & IP_VS_SVC_F_SCHED[n]) !== 0),
    onePacket: (flags & IP_VS_SVC_F_ONEPACKET) !== 0,
  };
  if ((flags & IP_VS_SVC_F_PERSISTENT) === 0) return service;
  return { ...service, persistence: decodePersistence(attributes, keyFamily(key)) };
}

function decodePersistence(attributes: ServiceAttributes, family: Family): Persistence {
  const { timeout: timeoutS, netmask, engine } = attributes;
  const mask = decodeNetmask(netmask, family);
  return { timeoutS, ...mask, ...(engine !== undefined && { engine }) };
}

function encodeNetmask(persistence: Persistence | undefined, family: Family): Uint8Array {
  const most = familyBits(family);
  if (persistence?.mask !== undefined && family === "ipv4") return addressToBytes(persistence.mask);
  const prefix = persistence?.prefix ?? most;
  if (!(Number.isInteger(prefix) && prefix >= 0 && prefix <= most)) {
    throw unknown("encode", "IPVS_SVC_ATTR_NETMASK", `${prefix} bits, must be 0 to ${most}`);
  }
  const view = new DataView(new ArrayBuffer(4));
  if (family === "ipv6") view.setUint32(0, prefix, true);
  // Shifting by 32 does nothing, so no bits at all are a case of their own.
  else view.setUint32(0, prefix === 0 ? 0 : -1 << (32 - prefix));
  return new Uint8Array(view.buffer);
}

function decodeNetmask(bytes: Uint8Array, family: Family): Pick<Persistence, "prefix" | "mask"> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (family === "ipv6") {
    const prefix = view.getUint32(0, true);
    if (prefix <= 128) return { prefix };
    throw unknown("decode", "IPVS_SVC_ATTR_NETMASK", `${prefix} bits, must be 0 to 128`);
  }
  const mask = view.getUint32(0);
  const prefix = Math.clz32(~mask);
  // A mask with holes is one that the kernel takes, and that no prefix says.
  const hasHoles = prefix < 32 && mask << prefix !== 0;
  return hasHoles ? { prefix, mask: addressFromBytes(bytes) } : { prefix };
}

function decodeProtocol(number: number): Protocol {
  const protocol = protocolOf(number);
  if (protocol !== undefined) return protocol;
  throw unknown("decode", "IPVS_SVC_ATTR_PROTOCOL", `protocol ${number}, must be TCP, UDP or SCTP`);
}

function missing(attribute: string): WireError {
  return unknown("decode", attribute, "missing");
}

function unknown(direction: "encode" | "decode", attribute: string, what: string): WireError {
  return new WireError(`${direction} ${attribute}: ${what}`, { attribute });
}
