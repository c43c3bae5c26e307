/** Random services, servers and tables, of the kinds that the kernel takes. */

import { parseNetmask } from "../../src/ipvsadm/netmask.ts";
import fc from "fast-check";
import { type Address, addressFamily, familyBits, parseAddress } from "../../src/model/address.ts";
import {
  type Forwarding,
  keyFamily,
  type Persistence,
  printServiceKey,
  type Protocol,
  type SchedulerFlag,
  type Server,
  type Service,
  type ServiceKey,
} from "../../src/model/ipvs.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";

export interface TableSpec {
  readonly service: Service;
  readonly servers: readonly Server[];
}

const port = fc.integer({ min: 1, max: 65_535 });

/** Objects as literals make them: equal to what is read, also by their prototypes. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

/** Addresses that the kernel takes for a server: unicast, and not of a link. */
const unicast4 = fc.tuple(
  fc.integer({ min: 1, max: 223 }),
  fc.nat(255),
  fc.nat(255),
  fc.integer({ min: 1, max: 254 }),
).map((parts) => parts.join(".") as Address);
const unicast6 = fc.array(fc.nat(0xffff), { minLength: 5, maxLength: 5 })
  .map((groups) => ["2001", "db8", ...groups, 0x0100].map((each) => each.toString(16)).join(":"))
  .map((text) => parseAddress(text)!);
const address = fc.oneof(unicast4, unicast6);

const addressKey: fc.Arbitrary<ServiceKey> = record({
  kind: fc.constant("address" as const),
  protocol: fc.constantFrom<Protocol>("tcp", "udp", "sctp"),
  address,
  port,
});
const markKey: fc.Arbitrary<ServiceKey> = record({
  kind: fc.constant("mark" as const),
  mark: fc.integer({ min: 1, max: 0xffffffff }),
  family: fc.constantFrom("ipv4" as const, "ipv6" as const),
});
export const serviceKey = fc.oneof({ arbitrary: addressKey, weight: 3 }, {
  arbitrary: markKey,
  weight: 1,
});

const schedulerAndFlags = fc.oneof(
  record({
    scheduler: fc.constantFrom("rr", "wrr", "lc", "wlc", "dh", "sed", "nq", "fo", "ovf"),
    schedulerFlags: fc.subarray<SchedulerFlag>([1, 2, 3]),
  }),
  // ipvsadm does not show the third flag of these.
  record({
    scheduler: fc.constantFrom("sh", "mh"),
    schedulerFlags: fc.subarray<SchedulerFlag>([1, 2]),
  }),
);

/** Mostly with holes. */
const oddMask = fc.uint8Array({ minLength: 4, maxLength: 4 })
  .map(([first = 0, ...rest]) => parseNetmask([first | 0x80, ...rest].join("."))!);

function persistence(key: ServiceKey): fc.Arbitrary<Persistence> {
  const bits = familyBits(keyFamily(key));
  const prefix = fc.oneof(fc.constant(bits), fc.integer({ min: 1, max: bits }))
    .map((prefix) => ({ prefix }));
  return record({
    timeoutS: fc.integer({ min: 1, max: 2_678_400 }),
    mask: bits === 32 ? fc.oneof({ arbitrary: prefix, weight: 4 }, oddMask) : prefix,
    engine: fc.option(fc.constant("sip"), { nil: undefined, freq: 4 }),
  }).map(({ engine, mask, ...rest }) => ({ ...rest, ...mask, ...(engine && { engine }) }));
}

export const service: fc.Arbitrary<Service> = serviceKey.chain((key) =>
  record({
    base: schedulerAndFlags,
    onePacket: fc.boolean(),
    persistence: fc.option(persistence(key), { nil: undefined }),
  }).map(({ base, onePacket, persistence }) => ({
    key,
    ...base,
    onePacket: onePacket && (key.kind === "mark" || key.protocol === "udp"),
    ...(persistence && { persistence }),
  }))
);

const tunnel: fc.Arbitrary<Forwarding> = fc.oneof(
  fc.constant<Forwarding>({ method: "tunnel", encapsulation: "ipip" }),
  record({
    method: fc.constant("tunnel" as const),
    encapsulation: fc.constant("gue" as const),
    port,
    checksum: fc.constantFrom("none" as const, "checksum" as const, "remote" as const),
  }),
  record({
    method: fc.constant("tunnel" as const),
    encapsulation: fc.constant("gre" as const),
    checksum: fc.constantFrom("none" as const, "checksum" as const),
  }),
);

const forwarding = fc.oneof(
  fc.constant<Forwarding>({ method: "masquerade" }),
  fc.constant<Forwarding>({ method: "direct" }),
  tunnel,
);

const weight = fc.oneof(fc.nat(100), fc.constant(0x7fffffff));
const thresholds = fc.oneof(
  fc.constant({ upperThreshold: 0, lowerThreshold: 0 }),
  fc.tuple(fc.nat(0x7fffffff), fc.nat(0x7fffffff)).map(([a, b]) => ({
    upperThreshold: Math.max(a, b),
    lowerThreshold: Math.min(a, b),
  })),
);

/** A server that its service can have; only tunnels may be of the other family. */
export function server(key: ServiceKey): fc.Arbitrary<Server> {
  return record({ address, port, weight, forwarding, thresholds }).map((drawn) => {
    const mixed = addressFamily(drawn.address) !== keyFamily(key);
    const forwarding: Forwarding = mixed && drawn.forwarding.method !== "tunnel"
      ? { method: "tunnel", encapsulation: "ipip" }
      : drawn.forwarding;
    return {
      address: drawn.address,
      port: key.kind === "address" && forwarding.method !== "masquerade" ? key.port : drawn.port,
      weight: drawn.weight,
      forwarding,
      ...drawn.thresholds,
    };
  });
}

export const table: fc.Arbitrary<TableSpec[]> = fc.uniqueArray(
  service.chain((service) =>
    record({
      service: fc.constant(service),
      servers: fc.uniqueArray(server(service.key), { maxLength: 6, selector: printEndpoint }),
    })
  ),
  { maxLength: 8, selector: ({ service }) => printServiceKey(service.key) },
);
