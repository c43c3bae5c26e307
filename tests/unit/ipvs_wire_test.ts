import assert from "node:assert/strict";
import { WireError } from "../../src/errors.ts";
import type { Address } from "../../src/model/address.ts";
import type {
  Forwarding,
  IpvsChange,
  Persistence,
  Server,
  Service,
  ServiceKey,
  SyncDaemon,
} from "../../src/model/ipvs.ts";
import { Writer } from "../../src/wire/buffer.ts";
import {
  changeRequest,
  daemonsRequest,
  decodeInfo,
  decodeListedDaemon,
  decodeListedServer,
  decodeListedService,
  decodeTimeouts,
  flushRequest,
  infoRequest,
  listServersRequest,
  listServicesRequest,
  setTimeoutsRequest,
  startDaemonRequest,
  stopDaemonRequest,
  timeoutsRequest,
  zeroRequest,
} from "../../src/wire/ipvs.ts";
import { type Message, type Request, splitMessages } from "../../src/wire/message.ts";
import { hex, toHex } from "../support/bytes.ts";
import {
  MARK_MESSAGE_IPV6,
  SERVER_MESSAGE,
  SERVICE_MESSAGE,
  SERVICE_MESSAGE_IPV6,
} from "../support/ipvs_dumps.ts";

const FAMILY = { id: 32, name: "IPVS", version: 1, groups: new Map<string, number>() };

const V4: ServiceKey = {
  kind: "address",
  protocol: "tcp",
  address: "10.0.1.1" as Address,
  port: 80,
};
const V6: ServiceKey = {
  kind: "address",
  protocol: "udp",
  address: "2001:db8::" as Address,
  port: 53,
};
const MARK: ServiceKey = { kind: "mark", mark: 5, family: "ipv4" };
const MARK6: ServiceKey = { kind: "mark", mark: 5, family: "ipv6" };

function service(key: ServiceKey, more: Partial<Service> = {}): Service {
  return { key, scheduler: "rr", schedulerFlags: [], onePacket: false, ...more };
}

function server(address: string, more: Partial<Server> = {}): Server {
  return {
    address: address as Address,
    port: 8080,
    weight: 1,
    forwarding: { method: "masquerade" },
    upperThreshold: 0,
    lowerThreshold: 0,
    ...more,
  };
}

/** The body: genlmsghdr and attributes. */
function body(request: Request): string {
  const writer = new Writer();
  request.write(writer);
  assert.equal(request.type, FAMILY.id);
  return toHex(writer.take());
}

/** A message around the attributes of a service or a server. */
function listed(type: 1 | 2, attributes: string): Message {
  const content = hex(attributes);
  const writer = new Writer();
  const start = writer.reserve(24);
  writer.append(content);
  writer.pad(4, start);
  const { view } = writer;
  view.setUint32(0, writer.length, true);
  view.setUint16(20, 4 + content.length, true);
  view.setUint16(22, type, true);
  return splitMessages(writer.take())[0]!;
}

const ADDRESS4 = (last: string) => `0a0001${last} 00000000 00000000 00000000`;
const KEY4 = `0600 0100 02000000  0600 0200 06000000  1400 0300 ${
  ADDRESS4("01")
}  0600 0400 00500000`;
const KEY6 = "0600 0100 0a000000  0600 0200 11000000  " +
  "1400 0300 20010db8 00000000 00000000 00000000  0600 0400 00350000";
const SERVER4 = `1400 0100 ${ADDRESS4("02")}  0600 0200 1f900000  0600 0b00 02000000`;
const SERVER6 =
  "1400 0100 20010db8 00000000 00000000 00000001  0600 0200 1f900000  0600 0b00 0a000000";

const rr = "0700 0600 72720000";
const flags = (bits: string) => `0c00 0700 ${bits} 3d000000`;
const timeout = (seconds: string) => `0800 0800 ${seconds}`;
const netmask = (mask: string) => `0800 0900 ${mask}`;
const weight = (value: string) => `0800 0400 ${value}`;
const NO_LIMITS = "0800 0500 00000000  0800 0600 00000000";

const CHANGES: readonly [name: string, change: IpvsChange, bytes: string][] = [
  [
    "a plain service still has a netmask and a timeout",
    { kind: "addService", service: service(V4) },
    `01010000 5400 0180 ${KEY4} ${rr} ${flags("00000000")} ${timeout("00000000")} ${
      netmask("ffffffff")
    }`,
  ],
  [
    "a plain IPv6 service has a netmask of all bits",
    { kind: "addService", service: service(V6) },
    `01010000 5400 0180 ${KEY6} ${rr} ${flags("00000000")} ${timeout("00000000")} ${
      netmask("80000000")
    }`,
  ],
  [
    "an IPv4 prefix is a mask in network order",
    { kind: "editService", service: service(V4, { persistence: { timeoutS: 300, prefix: 20 } }) },
    `02010000 5400 0180 ${KEY4} ${rr} ${flags("01000000")} ${timeout("2c010000")} ${
      netmask("fffff000")
    }`,
  ],
  [
    "an IPv4 prefix of no bits is an empty mask",
    { kind: "addService", service: service(V4, { persistence: { timeoutS: 1, prefix: 0 } }) },
    `01010000 5400 0180 ${KEY4} ${rr} ${flags("01000000")} ${timeout("01000000")} ${
      netmask("00000000")
    }`,
  ],
  [
    "an IPv6 prefix is a number of bits in host order, and an engine has a name",
    {
      kind: "addService",
      service: service(V6, { persistence: { timeoutS: 10, prefix: 64, engine: "sip" } }),
    },
    `01010000 5c00 0180 ${KEY6} ${rr} ${flags("01000000")} ${timeout("0a000000")} ${
      netmask("40000000")
    } 0800 0b00 73697000`,
  ],
  [
    "all flags together",
    {
      kind: "addService",
      service: service(V4, {
        schedulerFlags: [1, 2, 3],
        onePacket: true,
        persistence: { timeoutS: 1, prefix: 32 },
      }),
    },
    `01010000 5400 0180 ${KEY4} ${rr} ${flags("3d000000")} ${timeout("01000000")} ${
      netmask("ffffffff")
    }`,
  ],
  [
    "a mark has neither protocol nor address",
    { kind: "deleteService", key: MARK },
    "03010000 1400 0180 0600 0100 02000000 0800 0500 05000000",
  ],
  [
    "a mark of IPv6",
    { kind: "deleteService", key: MARK6 },
    "03010000 1400 0180 0600 0100 0a000000 0800 0500 05000000",
  ],
  [
    "a server",
    { kind: "addServer", key: V4, server: server("10.0.1.2") },
    `05010000 3000 0180 ${KEY4} 4800 0280 ${SERVER4} 0800 0300 00000000 ${
      weight("01000000")
    } ${NO_LIMITS}`,
  ],
  [
    "a server's weight and thresholds",
    {
      kind: "editServer",
      key: V4,
      server: server("10.0.1.2", {
        weight: 0x7fffffff,
        upperThreshold: 9,
        lowerThreshold: 3,
        forwarding: { method: "direct" },
      }),
    },
    `06010000 3000 0180 ${KEY4} 4800 0280 ${SERVER4} 0800 0300 03000000 ${
      weight("ffffff7f")
    } 0800 0500 09000000 0800 0600 03000000`,
  ],
  [
    "an IPv6 server of an IPv4 service, through a gue tunnel",
    {
      kind: "addServer",
      key: V4,
      server: server("2001:db8::1", {
        forwarding: { method: "tunnel", encapsulation: "gue", port: 6080, checksum: "remote" },
      }),
    },
    `05010000 3000 0180 ${KEY4} 6000 0280 ${SERVER6} 0800 0300 02000000 ${
      weight("01000000")
    } ${NO_LIMITS} 0500 0d00 01000000 0600 0e00 17c00000 0600 0f00 02000000`,
  ],
  [
    "a server that is deleted has its address only",
    { kind: "deleteServer", key: MARK, server: server("10.0.1.2") },
    `07010000 1400 0180 0600 0100 02000000 0800 0500 05000000 2800 0280 ${SERVER4}`,
  ],
];

for (const [name, change, bytes] of CHANGES) {
  Deno.test(`changeRequest() writes ${change.kind}: ${name}`, () => {
    assert.equal(body(changeRequest(FAMILY, change)), toHex(hex(bytes)));
  });
}

const DAEMON: SyncDaemon = { role: "backup", syncId: 8, interface: "lo" };

const REQUESTS: readonly [name: string, request: Request, bytes: string][] = [
  ["listServicesRequest()", listServicesRequest(FAMILY), "04010000"],
  [
    "listServersRequest()",
    listServersRequest(FAMILY, { family: 2, mark: 5 }),
    "08010000 1400 0180 0600 0100 02000000 0800 0500 05000000",
  ],
  ["flushRequest()", flushRequest(FAMILY), "11010000"],
  ["infoRequest()", infoRequest(FAMILY), "0f010000"],
  ["zeroRequest() of all", zeroRequest(FAMILY), "10010000"],
  ["zeroRequest() of a service", zeroRequest(FAMILY, V4), `10010000 3000 0180 ${KEY4}`],
  ["timeoutsRequest()", timeoutsRequest(FAMILY), "0d010000"],
  [
    "setTimeoutsRequest() of some",
    setTimeoutsRequest(FAMILY, { tcpFinS: 120, udpS: 77 }),
    "0c010000 0800 0500 78000000 0800 0600 4d000000",
  ],
  ["daemonsRequest()", daemonsRequest(FAMILY), "0b010000"],
  [
    "startDaemonRequest() with defaults",
    startDaemonRequest(FAMILY, DAEMON),
    "09010000 1c00 0380 0800 0100 02000000 0700 0200 6c6f0000 0800 0300 08000000",
  ],
  [
    "startDaemonRequest() with everything, the port in host order",
    startDaemonRequest(FAMILY, {
      ...DAEMON,
      role: "master",
      maxLength: 1400,
      group: "ff02::5" as Address,
      port: 9000,
      ttl: 3,
    }),
    `09010000 4800 0380 0800 0100 01000000 0700 0200 6c6f0000 0800 0300 08000000 0600 0400 78050000
     1400 0600 ff020000 00000000 00000000 00000005 0600 0700 28230000 0500 0800 03000000`,
  ],
  [
    "startDaemonRequest() with an IPv4 group",
    startDaemonRequest(FAMILY, { ...DAEMON, group: "224.0.0.81" as Address }),
    `09010000 2400 0380 0800 0100 02000000 0700 0200 6c6f0000 0800 0300 08000000
     0800 0500 e0000051`,
  ],
  [
    "stopDaemonRequest()",
    stopDaemonRequest(FAMILY, "backup"),
    "0a010000 0c00 0380 0800 0100 02000000",
  ],
];

for (const [name, request, bytes] of REQUESTS) {
  Deno.test(`${name} writes`, () => {
    assert.equal(body(request), toHex(hex(bytes)));
  });
}

Deno.test("changeRequest() refuses a mark of 0 and a prefix that the family does not have", () => {
  const refused: IpvsChange[] = [
    { kind: "deleteService", key: { kind: "mark", mark: 0, family: "ipv4" } },
    ...[-1, 33, 1.5, NaN].map((prefix): IpvsChange => ({
      kind: "addService",
      service: service(V4, { persistence: { timeoutS: 1, prefix } }),
    })),
    { kind: "addService", service: service(V6, { persistence: { timeoutS: 1, prefix: 129 } }) },
  ];
  for (const change of refused) assert.throws(() => body(changeRequest(FAMILY, change)), WireError);
});

const CAPTURED: readonly [name: string, message: string, service: Service][] = [
  [
    "an IPv4 service",
    SERVICE_MESSAGE,
    service(V4, {
      scheduler: "wrr",
      schedulerFlags: [1, 3],
      persistence: { timeoutS: 300, prefix: 24, engine: "sip" },
    }),
  ],
  [
    "an IPv6 service whose address ends in zeros",
    SERVICE_MESSAGE_IPV6,
    service(V6, { scheduler: "wrr", persistence: { timeoutS: 10, prefix: 64 } }),
  ],
  ["a service of marked packets", MARK_MESSAGE_IPV6, service(MARK6, { onePacket: true })],
];

for (const [name, text, service] of CAPTURED) {
  Deno.test(`decodeListedService() reads ${name} as Linux 6.1 sends it`, () => {
    const [message] = splitMessages(hex(text));
    assert.deepEqual(decodeListedService(message!, false).service, service);
  });
}

Deno.test("decodeListedServer() reads a server as Linux 6.1 sends it", () => {
  const [message] = splitMessages(hex(SERVER_MESSAGE));
  assert.deepEqual(decodeListedServer(message!, "ipv4", false), {
    server: {
      address: "10.0.8.2",
      port: 80,
      weight: 1,
      forwarding: { method: "tunnel", encapsulation: "gue", port: 6080, checksum: "remote" },
      upperThreshold: 9,
      lowerThreshold: 3,
    },
    connections: { active: 0, inactive: 0, persistent: 0 },
  });
});

const plainFlags = "0c00 0700 02000000 ffffffff";

/** A service's attributes with those of one type replaced. */
const oddService = (change: Partial<Record<"key" | "flags" | "netmask", string>>) =>
  [
    change.key ?? KEY4,
    rr,
    change.flags ?? plainFlags,
    timeout("0a000000"),
    change.netmask ?? netmask("ffffffff"),
  ].join(" ");

Deno.test("decodeListedService() reads no persistence from a service without its flag", () => {
  const message = listed(1, oddService({ netmask: netmask("ff00ff00") }));
  assert.equal(decodeListedService(message, false).service.persistence, undefined);
});

const PREFIXES: readonly [netmask: string, key: string, persistence: Persistence][] = [
  ["ffffffff", KEY4, { timeoutS: 10, prefix: 32 }],
  ["fffffffe", KEY4, { timeoutS: 10, prefix: 31 }],
  ["80000000", KEY4, { timeoutS: 10, prefix: 1 }],
  ["00000000", KEY4, { timeoutS: 10, prefix: 0 }],
  ["ff00ff00", KEY4, { timeoutS: 10, prefix: 8, mask: "255.0.255.0" as Address }],
  ["01000000", KEY6, { timeoutS: 10, prefix: 1 }],
  ["80000000", KEY6, { timeoutS: 10, prefix: 128 }],
];

for (const [mask, key, persistence] of PREFIXES) {
  const family = key === KEY4 ? "IPv4" : "IPv6";
  Deno.test(`decodeListedService() reads the ${family} netmask ${mask} as ${persistence.prefix}`, () => {
    const attributes = oddService({
      key,
      flags: "0c00 0700 03000000 ffffffff",
      netmask: netmask(mask),
    });
    assert.deepEqual(
      decodeListedService(listed(1, attributes), false).service.persistence,
      persistence,
    );
  });
}

const persistentFlags = "0c00 0700 01000000 ffffffff";
const INEXPRESSIBLE_SERVICES: readonly [name: string, attributes: string, attribute: string][] = [
  [
    "a family that is neither IPv4 nor IPv6",
    oddService({ key: KEY4.replace("0100 0200", "0100 0300") }),
    "IPVS_SVC_ATTR_AF",
  ],
  [
    "a protocol without services",
    oddService({ key: KEY4.replace("0200 0600", "0200 3300") }),
    "IPVS_SVC_ATTR_PROTOCOL",
  ],
  [
    "a flag it does not know",
    oddService({ flags: "0c00 0700 40000000 ffffffff" }),
    "IPVS_SVC_ATTR_FLAGS",
  ],
  ["the highest flag", oddService({ flags: "0c00 0700 00000080 ffffffff" }), "IPVS_SVC_ATTR_FLAGS"],
  [
    "an IPv6 prefix of 129",
    oddService({ key: KEY6, flags: persistentFlags, netmask: netmask("81000000") }),
    "IPVS_SVC_ATTR_NETMASK",
  ],
  [
    "neither mark nor protocol",
    oddService({ key: "0600 0100 02000000" }),
    "IPVS_SVC_ATTR_PROTOCOL",
  ],
  [
    "no address",
    oddService({ key: "0600 0100 02000000 0600 0200 06000000" }),
    "IPVS_SVC_ATTR_ADDR",
  ],
  [
    "no port",
    oddService({ key: KEY4.replace("0600 0400 00500000", "") }),
    "IPVS_SVC_ATTR_PORT",
  ],
  [
    "an address of four bytes",
    oddService({ key: `0600 0100 02000000 0800 0300 0a000101` }),
    "IPVS_SVC_ATTR_ADDR",
  ],
];

for (const [name, attributes, attribute] of INEXPRESSIBLE_SERVICES) {
  Deno.test(`decodeListedService() refuses ${name}`, () => {
    assert.throws(
      () => decodeListedService(listed(1, attributes), false),
      (error) => error instanceof WireError && error.attribute === attribute,
    );
  });
}

const COUNTS = "0800 0700 01000000  0800 0800 02000000  0800 0900 03000000";

function oddServer(forwarding: string, more = "", key = SERVER4): Message {
  const limits = `${weight("01000000")} ${NO_LIMITS} ${COUNTS}`;
  return listed(2, `${key} 0800 0300 ${forwarding} ${limits} ${more}`);
}

const tunnel = (type: string, port: string, flags: string) =>
  `0500 0d00 ${type}000000 0600 0e00 ${port}0000 0600 0f00 ${flags}000000`;

const FORWARDINGS: readonly [name: string, forwarding: string, more: string, Forwarding][] = [
  ["masquerading", "00000000", "", { method: "masquerade" }],
  ["a server on this host", "01000000", "", { method: "local" }],
  ["a tunnel without a type", "02000000", "", { method: "tunnel", encapsulation: "ipip" }],
  [
    "a tunnel of type 0",
    "02000000",
    tunnel("00", "0000", "00"),
    { method: "tunnel", encapsulation: "ipip" },
  ],
  [
    "a gue tunnel",
    "02000000",
    tunnel("01", "17c0", "01"),
    { method: "tunnel", encapsulation: "gue", port: 6080, checksum: "checksum" },
  ],
  [
    "a gre tunnel",
    "02000000",
    tunnel("02", "0000", "00"),
    { method: "tunnel", encapsulation: "gre", checksum: "none" },
  ],
  ["direct routing", "03000000", "", { method: "direct" }],
  ["bypassing", "04000000", "", { method: "bypass" }],
  ["the type of a tunnel that is none", "00000000", tunnel("01", "17c0", "01"), {
    method: "masquerade",
  }],
];

for (const [name, method, more, forwarding] of FORWARDINGS) {
  Deno.test(`decodeListedServer() reads ${name}`, () => {
    const { server, connections } = decodeListedServer(oddServer(method, more), "ipv4", false);
    assert.deepEqual(server.forwarding, forwarding);
    assert.deepEqual(connections, { active: 1, inactive: 2, persistent: 3 });
  });
}

const INEXPRESSIBLE_SERVERS: readonly [name: string, Message, attribute: string][] = [
  ["an unknown method", oddServer("07000000"), "IPVS_DEST_ATTR_FWD_METHOD"],
  [
    "an unknown kind of tunnel",
    oddServer("02000000", tunnel("03", "0000", "00")),
    "IPVS_DEST_ATTR_TUN_TYPE",
  ],
  [
    "a gue tunnel with both checksums",
    oddServer("02000000", tunnel("01", "17c0", "03")),
    "IPVS_DEST_ATTR_TUN_FLAGS",
  ],
  [
    "a gre tunnel with a remote checksum",
    oddServer("02000000", tunnel("02", "0000", "02")),
    "IPVS_DEST_ATTR_TUN_FLAGS",
  ],
  [
    "an unknown family",
    oddServer("00000000", "", SERVER4.replace("0b00 0200", "0b00 0700")),
    "IPVS_DEST_ATTR_ADDR_FAMILY",
  ],
];

for (const [name, message, attribute] of INEXPRESSIBLE_SERVERS) {
  Deno.test(`decodeListedServer() refuses ${name}`, () => {
    assert.throws(
      () => decodeListedServer(message, "ipv4", false),
      (error) => error instanceof WireError && error.attribute === attribute,
    );
  });
}

const ZEROS = "1400 0100 20010db8 00000000 00000000 00000000 0600 0200 1f900000";

Deno.test("decodeListedServer() takes the server's own family, whatever the service's is", () => {
  const message = oddServer("02000000", "", `${ZEROS} 0600 0b00 0a000000`);
  assert.equal(decodeListedServer(message, "ipv4", false).server.address, "2001:db8::");
});

Deno.test("decodeListedServer() takes the service's family where the kernel is too old to tell", () => {
  const message = oddServer("00000000", "", ZEROS);
  assert.equal(decodeListedServer(message, "ipv6", false).server.address, "2001:db8::");
  assert.equal(decodeListedServer(message, "ipv4", false).server.address, "32.1.13.184");
});

const NARROW = [
  "0800 0100 ffffffff",
  "0800 0200 02000000",
  "0800 0300 03000000",
  "0c00 0400 00000000 01000000",
  "0c00 0500 05000000 00000000",
  "0800 0600 06000000",
  "0800 0700 07000000",
  "0800 0800 08000000",
  "0800 0900 09000000",
  "0800 0a00 ffffffff",
].join(" ");
const WIDE = Array.from({ length: 10 }, (_, i) => {
  const digit = (i + 1).toString(16).padStart(2, "0");
  return `0c00 ${digit}00 ${digit}000000 01000000`;
}).join(" ");
/** 2^32 and a little, as the counters of WIDE are. */
const high = (low: number) => 2n ** 32n + BigInt(low);

const WIDE_STATS = {
  counters: {
    connections: high(1),
    inPackets: high(2),
    outPackets: high(3),
    inBytes: high(4),
    outBytes: high(5),
  },
  rates: {
    connections: high(6),
    inPackets: high(7),
    outPackets: high(8),
    inBytes: high(9),
    outBytes: high(10),
  },
};
const NARROW_STATS = {
  counters: {
    connections: 0xffffffffn,
    inPackets: 2n,
    outPackets: 3n,
    inBytes: 2n ** 32n,
    outBytes: 5n,
  },
  rates: { connections: 6n, inPackets: 7n, outPackets: 8n, inBytes: 9n, outBytes: 0xffffffffn },
};

const STATISTICS: readonly [name: string, attributes: string, stats: unknown][] = [
  ["the wide ones where both are there", `5c00 0a00 ${NARROW} 7c00 0c00 ${WIDE}`, WIDE_STATS],
  ["the narrow ones of a kernel before 4.1", `5c00 0a00 ${NARROW}`, NARROW_STATS],
  [
    "wide ones with padding between",
    `7c00 0c00 ${WIDE}`.replace("7c00", "8400") + "0400 0b00 0400 0b00",
    WIDE_STATS,
  ],
];

for (const [name, attributes, stats] of STATISTICS) {
  Deno.test(`statistics are ${name}`, () => {
    const entry = decodeListedServer(oddServer("00000000", attributes), "ipv4", true);
    assert.deepEqual(entry.stats, stats);
    const message = listed(1, `${oddService({})} ${attributes}`);
    assert.deepEqual(decodeListedService(message, true).stats, stats);
  });
}

Deno.test("statistics that are not asked for are not even looked at", () => {
  const broken = "0500 0c00 ff000000";
  assert.equal(decodeListedServer(oddServer("00000000", broken), "ipv4", false).stats, undefined);
  assert.throws(() => decodeListedServer(oddServer("00000000", broken), "ipv4", true), WireError);
});

Deno.test("statistics that are asked for and not there are an error that names them", () => {
  assert.throws(
    () => decodeListedServer(oddServer("00000000"), "ipv4", true),
    (error) => error instanceof WireError && error.attribute === "IPVS_DEST_ATTR_STATS",
  );
  assert.throws(
    () => decodeListedService(listed(1, oddService({})), true),
    (error) => error instanceof WireError && error.attribute === "IPVS_SVC_ATTR_STATS",
  );
});

const message = (text: string) => splitMessages(hex(text))[0]!;

Deno.test("decodeInfo() reads the version's three parts", () => {
  const text = `24000000 2000 0000 01000000 02000000 0e010000
    0800 0100 01020100 0800 0200 00100000`;
  assert.deepEqual(decodeInfo(message(text)), { version: "1.2.1", connectionTableSize: 4096 });
});

Deno.test("decodeTimeouts() reads all three, and takes those of a missing protocol for 0", () => {
  const header = "2000 0000 01000000 02000000 0c010000";
  const tcp = "0800 0400 84030000 0800 0500 78000000";
  assert.deepEqual(decodeTimeouts(message(`2c000000 ${header} ${tcp} 0800 0600 2c010000`)), {
    tcpS: 900,
    tcpFinS: 120,
    udpS: 300,
  });
  assert.deepEqual(decodeTimeouts(message(`24000000 ${header} ${tcp}`)), {
    tcpS: 900,
    tcpFinS: 120,
    udpS: 0,
  });
});

const DAEMONS: readonly [name: string, text: string, daemon: SyncDaemon][] = [
  [
    "one with an IPv4 group, as Linux 6.1 sends it",
    `50000000 2000 0200 22000000 8a000000 09010000 3c00 0300
     0800 0100 01000000 0700 0200 6c6f0000 0800 0300 07000000 0600 0400 c0050000
     0600 0700 90220000 0500 0800 01000000 0800 0500 e0000051`,
    {
      role: "master",
      syncId: 7,
      interface: "lo",
      maxLength: 1472,
      group: "224.0.0.81" as Address,
      port: 8848,
      ttl: 1,
    },
  ],
  [
    "one with an IPv6 group, as Linux 6.1 sends it",
    `5c000000 2000 0200 22000000 8a000000 09010000 4800 0300
     0800 0100 02000000 0700 0200 6c6f0000 0800 0300 08000000 0600 0400 78050000
     0600 0700 28230000 0500 0800 03000000 1400 0600 ff020000 00000000 00000000 00000005`,
    {
      role: "backup",
      syncId: 8,
      interface: "lo",
      maxLength: 1400,
      group: "ff02::5" as Address,
      port: 9000,
      ttl: 3,
    },
  ],
  [
    "one of a kernel before 4.3",
    `30000000 2000 0200 22000000 8a000000 09010000 1c00 0300
     0800 0100 01000000 0700 0200 6c6f0000 0800 0300 07000000`,
    { role: "master", syncId: 7, interface: "lo" },
  ],
];

for (const [name, text, daemon] of DAEMONS) {
  Deno.test(`decodeListedDaemon() reads ${name}`, () => {
    assert.deepEqual(decodeListedDaemon(message(text)), daemon);
  });
}

Deno.test("decodeListedDaemon() refuses a state it does not know", () => {
  const text = `30000000 2000 0200 22000000 8a000000 09010000 1c00 0300
    0800 0100 03000000 0700 0200 6c6f0000 0800 0300 07000000`;
  assert.throws(
    () => decodeListedDaemon(message(text)),
    (error) => error instanceof WireError && error.attribute === "IPVS_DAEMON_ATTR_STATE",
  );
});
