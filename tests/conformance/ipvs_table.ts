/** What every IpvsTable must do, as tests that are registered for one pair of them. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { KernelError, LvscareError, UnsupportedError } from "../../src/errors.ts";
import type { IpvsTable } from "../../src/kernel/ipvs_table.ts";
import type { Address } from "../../src/model/address.ts";
import { parseEndpoint, printEndpoint } from "../../src/model/endpoint.ts";
import {
  type Forwarding,
  type IpvsChange,
  printServiceKey,
  type Server,
  type Service,
  type ServiceEntry,
  type ServiceKey,
} from "../../src/model/ipvs.ts";
import { table, type TableSpec } from "../support/ipvs_arbitraries.ts";

/** Two ways to one table: it is written by one and read by the other. */
export interface Tables extends AsyncDisposable {
  readonly writer: IpvsTable;
  readonly reader: IpvsTable;
  /** An interface that daemons may use. */
  readonly interface: string;
  /** Waits until a daemon that was started has begun to run. */
  settle(): Promise<void>;
}

export interface ConformanceOptions {
  /** How many random tables are tried. */
  readonly randomTables: number;
  /** How many changes the long batch has. */
  readonly longBatch: number;
}

/** Registers the suite. `open` gives an empty table each time. */
export function testIpvsTable(
  name: string,
  open: () => Promise<Tables>,
  options: ConformanceOptions,
): void {
  const test = (sentence: string, body: (tables: Tables) => Promise<void>) => {
    Deno.test(`${name}: ${sentence}`, async () => {
      await using tables = await open();
      await body(tables);
    });
  };

  test("info() tells the kernel's version and the size of its table", async ({ reader }) => {
    const { version, connectionTableSize } = await reader.info();
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.ok(connectionTableSize >= 256);
  });

  test("list() of an empty table is empty, and apply() of nothing does nothing", async (t) => {
    assert.deepEqual(await t.writer.apply([]), []);
    assert.deepEqual(await t.reader.list(), []);
    assert.deepEqual(await t.reader.list({ stats: true }), []);
  });

  test("services of every kind are read as they were written", async (t) => {
    const specs = SERVICES.map((service) => ({ service, servers: [] }));
    await write(t, additions(specs));
    assert.deepEqual(await read(t), sorted(specs));
  });

  test("servers of every kind are read as they were written", async (t) => {
    await write(t, additions(SERVERS));
    assert.deepEqual(await read(t), sorted(SERVERS));
  });

  test("the same address and port may serve several protocols, and a mark both families", async (t) => {
    const keys = [
      key("tcp", "10.0.0.1:80"),
      key("udp", "10.0.0.1:80"),
      key("sctp", "10.0.0.1:80"),
      mark(80),
      mark(80, "ipv6"),
    ];
    const specs = keys.map((each) => ({ service: service(each), servers: [] }));
    await write(t, additions(specs));
    assert.deepEqual(await read(t), sorted(specs));
    await write(t, [{ kind: "deleteService", key: mark(80) }]);
    assert.deepEqual(await read(t), sorted(specs.filter((_, index) => index !== 3)));
  });

  test("find() gives one service with its servers as list() does, and nothing for none", async (t) => {
    await write(t, additions(SERVERS));
    const entries = await t.reader.list({ stats: true });
    for (const entry of entries) {
      const { service } = entry;
      assert.deepEqual(await t.reader.find(service.key, { stats: true }), entry);
      const plain = await t.reader.find(service.key);
      assert.deepEqual(
        plain?.servers.map(({ server }) => server),
        entry.servers.map(({ server }) => server),
      );
      assert.equal(plain?.stats, undefined);
    }
    for (const none of [key("tcp", "10.0.0.77:80"), mark(4242), mark(4242, "ipv6")]) {
      assert.equal(await t.reader.find(none), undefined);
    }
  });

  test("editService replaces everything but the key, and keeps the servers", async (t) => {
    const servers = [server("10.1.0.1:80"), server("10.1.0.2:80")];
    const before = service(KEY, {
      scheduler: "sh",
      schedulerFlags: [1, 2],
      persistence: { timeoutS: 60, prefix: 24 },
    });
    const after = service(KEY, { scheduler: "wlc" });
    await write(t, additions([{ service: before, servers }]));
    await write(t, [{ kind: "editService", service: after }]);
    assert.deepEqual(await read(t), sorted([{ service: after, servers }]));
    await write(t, [{ kind: "editService", service: before }]);
    assert.deepEqual(await read(t), sorted([{ service: before, servers }]));
  });

  test("editServer replaces everything but address and port", async (t) => {
    await write(t, additions([{ service: service(KEY), servers: [server("10.1.0.1:80")] }]));
    for (const edited of EDITS) {
      await write(t, [{ kind: "editServer", key: KEY, server: edited }]);
      assert.deepEqual(await read(t), [{ service: service(KEY), servers: [edited] }]);
    }
  });

  test("deleteServer and deleteService remove just what they name", async (t) => {
    const servers = [server("10.1.0.1:80"), server("10.1.0.2:80")];
    const other = { service: service(key("tcp", "10.0.0.2:80")), servers };
    await write(t, additions([{ service: service(KEY), servers }, other]));
    await write(t, [{ kind: "deleteServer", key: KEY, server: endpoint("10.1.0.1:80") }]);
    const left = { service: service(KEY), servers: [servers[1]!] };
    assert.deepEqual(await read(t), sorted([left, other]));
    await write(t, [{ kind: "deleteService", key: KEY }]);
    assert.deepEqual(await read(t), [other]);
  });

  test("apply() says what the kernel refuses, by its errno, and leaves the table as it was", async (t) => {
    await write(t, additions(REFUSING));
    const before = await read(t);
    for (const [what, change, errno] of REFUSALS) {
      const [answer] = await t.writer.apply([change]);
      assert.ok(answer instanceof KernelError, `${what}: ${answer}`);
      assert.equal(answer.errno, errno, what);
      assert.ok(answer.is(errno));
      assert.match(answer.command, /^IPVS_CMD_/);
      assert.ok(answer.op && answer.subject, what);
      assert.ok(answer.message.includes(answer.subject), answer.message);
      assert.ok(answer.message.endsWith(`(${errno})`), answer.message);
      assert.deepEqual(await read(t), before, what);
    }
  });

  test("apply() tries every change, and answers each in its place", async (t) => {
    const changes: IpvsChange[] = [
      { kind: "deleteService", key: KEY },
      { kind: "addService", service: service(KEY) },
      { kind: "addService", service: service(KEY) },
      { kind: "addServer", key: KEY, server: server("10.1.0.1:80") },
      { kind: "addServer", key: KEY, server: server("10.1.0.1:80") },
      { kind: "deleteServer", key: KEY, server: endpoint("10.1.0.9:80") },
      { kind: "addServer", key: KEY, server: server("224.0.0.1:80") },
      { kind: "addServer", key: KEY, server: server("10.1.0.2:80") },
      { kind: "editServer", key: KEY, server: server("10.1.0.2:80", { weight: 7 }) },
    ];
    assert.deepEqual(
      (await t.writer.apply(changes)).map(errnoOf),
      ["ESRCH", "", "EEXIST", "", "EEXIST", "ENOENT", "EINVAL", "", ""],
    );
    assert.deepEqual(await read(t), [{
      service: service(KEY),
      servers: [server("10.1.0.1:80"), server("10.1.0.2:80", { weight: 7 })],
    }]);
  });

  test(`apply() answers each of ${options.longBatch} changes in its place`, async (t) => {
    const changes: IpvsChange[] = [{ kind: "addService", service: service(KEY) }];
    const wanted = [""];
    for (let i = 1; i < options.longBatch; i++) {
      // Every seventh is there already.
      const again = i % 7 === 0;
      const number = again ? i - 1 : i;
      const address = `10.${(number >> 16) + 1}.${(number >> 8) & 255}.${number & 255}`;
      changes.push({ kind: "addServer", key: KEY, server: server(`${address}:80`) });
      wanted.push(again ? "EEXIST" : "");
    }
    assert.deepEqual((await t.writer.apply(changes)).map(errnoOf), wanted);
    const [entry] = await t.reader.list();
    assert.equal(entry?.servers.length, wanted.filter((errno) => errno === "").length - 1);
  });

  test("what an implementation cannot express it says, and all else is really done", async (t) => {
    await write(t, additions([{ service: service(KEY), servers: [] }]));
    for (const [what, change, isThere] of BEYOND_IPVSADM) {
      const [answer] = await t.writer.apply([change]);
      if (t.writer.name === "ipvsadm") {
        assert.ok(answer instanceof UnsupportedError, `${what}: ${answer}`);
        continue;
      }
      assert.equal(answer, undefined, `${what}: ${answer?.message}`);
      assert.ok(isThere(await t.writer.list()), what);
      // ipvsadm cannot show what it cannot set: the next test must not read it.
      const key = change.kind === "addService" ? change.service.key : undefined;
      if (key) await write(t, [{ kind: "deleteService", key }]);
    }
  });

  test("list() gives counters where they are asked for, and only there", async (t) => {
    await write(t, additions([{ service: service(KEY), servers: [server("10.1.0.1:80")] }]));
    const zero = { connections: 0n, inPackets: 0n, outPackets: 0n, inBytes: 0n, outBytes: 0n };
    const stats = { counters: zero, rates: zero };
    const connections = { active: 0, inactive: 0, persistent: 0 };
    const servers = [{ server: server("10.1.0.1:80"), connections }];
    assert.deepEqual(await t.reader.list(), [{ service: service(KEY), servers }]);
    assert.deepEqual(await t.reader.list({ stats: true }), [{
      service: service(KEY),
      servers: servers.map((each) => ({ ...each, stats })),
      stats,
    }]);
  });

  test("zero() takes all, or one service that exists", async (t) => {
    await write(t, additions([{ service: service(KEY), servers: [] }]));
    await t.writer.zero();
    await t.writer.zero(KEY);
    await refused(t.writer.zero(key("tcp", "10.0.0.9:80")), "ESRCH", "TCP 10.0.0.9:80");
    await refused(t.writer.zero(mark(9, "ipv6")), "ESRCH", "FWM 9 IPv6");
    assert.deepEqual(await read(t), [{ service: service(KEY), servers: [] }]);
  });

  test("clear() removes every service", async (t) => {
    await write(t, additions(SERVERS));
    await t.writer.clear();
    assert.deepEqual(await t.reader.list(), []);
    await t.writer.clear();
  });

  test("setTimeouts() sets what is given and keeps the rest", async (t) => {
    await t.writer.setTimeouts({ tcpS: 1000, tcpFinS: 100, udpS: 10 });
    assert.deepEqual(await t.reader.timeouts(), { tcpS: 1000, tcpFinS: 100, udpS: 10 });
    await t.writer.setTimeouts({ tcpFinS: 77 });
    assert.deepEqual(await t.reader.timeouts(), { tcpS: 1000, tcpFinS: 77, udpS: 10 });
    await t.writer.setTimeouts({});
    for (const wrong of [0, -1, 1.5, 2 ** 31]) {
      await refused(t.writer.setTimeouts({ tcpS: 5, udpS: wrong }), "EINVAL", "IPVS timeouts");
    }
    assert.deepEqual(await t.reader.timeouts(), { tcpS: 1000, tcpFinS: 77, udpS: 10 });
  });

  test("daemons are started, listed and stopped by their roles", async (t) => {
    assert.deepEqual(await t.reader.daemons(), []);
    await t.writer.startDaemon({ role: "backup", syncId: 0, interface: t.interface });
    await t.settle();
    const backup = {
      role: "backup",
      syncId: 0,
      interface: t.interface,
      group: "224.0.0.81",
      port: 8848,
      ttl: 1,
    };
    const [listed] = await t.reader.daemons();
    assert.deepEqual(listed, { ...backup, maxLength: listed?.maxLength });
    const master = {
      role: "master",
      syncId: 255,
      interface: t.interface,
      maxLength: 1400,
      group: "224.0.0.99" as Address,
      port: 9000,
      ttl: 9,
    } as const;
    await t.writer.startDaemon(master);
    await t.settle();
    assert.deepEqual(await t.reader.daemons(), [master, listed]);
    await refused(t.writer.startDaemon(master), "EEXIST", "master sync daemon");
    await t.writer.stopDaemon("backup");
    assert.deepEqual(await t.reader.daemons(), [master]);
    await refused(t.writer.stopDaemon("backup"), "ESRCH", "backup sync daemon");
    await t.writer.stopDaemon("master");
    assert.deepEqual(await t.reader.daemons(), []);
    const nowhere = { ...master, interface: "nosuch0" };
    await refused(t.writer.startDaemon(nowhere), "ENODEV", "master sync daemon");
  });

  test("a daemon and servers of another family exclude each other", async (t) => {
    const daemon = { role: "master", syncId: 1, interface: t.interface } as const;
    const mixed = server("[2001:db8::1]:80", {
      forwarding: { method: "tunnel", encapsulation: "ipip" },
    });
    await write(t, additions([{ service: service(KEY), servers: [mixed] }]));
    await refused(t.writer.startDaemon(daemon), "EINVAL", "master sync daemon");
    await write(t, [{ kind: "deleteServer", key: KEY, server: mixed }]);
    await t.writer.startDaemon(daemon);
    await t.settle();
    const [answer] = await t.writer.apply([{ kind: "addServer", key: KEY, server: mixed }]);
    assert.equal(errnoOf(answer), "EINVAL");
    await t.writer.stopDaemon("master");
  });

  test(`${options.randomTables} random tables are read as they were written`, async (t) => {
    await fc.assert(
      fc.asyncProperty(table, async (specs) => {
        await t.writer.clear();
        await write(t, additions(specs));
        assert.deepEqual(await read(t), sorted(specs));
      }),
      { numRuns: options.randomTables },
    );
  });
}

function endpoint(text: string) {
  const parsed = parseEndpoint(text);
  assert.ok(parsed, text);
  return parsed;
}

function key(protocol: "tcp" | "udp" | "sctp", text: string): ServiceKey {
  return { kind: "address", protocol, ...endpoint(text) };
}

function mark(value: number, family: "ipv4" | "ipv6" = "ipv4"): ServiceKey {
  return { kind: "mark", mark: value, family };
}

function service(key: ServiceKey, more: Partial<Service> = {}): Service {
  return { key, scheduler: "rr", schedulerFlags: [], onePacket: false, ...more };
}

function server(text: string, more: Partial<Server> = {}): Server {
  return {
    ...endpoint(text),
    weight: 1,
    forwarding: { method: "direct" },
    upperThreshold: 0,
    lowerThreshold: 0,
    ...more,
  };
}

function additions(specs: readonly TableSpec[]): IpvsChange[] {
  return specs.flatMap(({ service, servers }): IpvsChange[] => [
    { kind: "addService", service },
    ...servers.map((server): IpvsChange => ({ kind: "addServer", key: service.key, server })),
  ]);
}

/** Makes changes that must all be made. */
async function write({ writer }: Tables, changes: readonly IpvsChange[]): Promise<void> {
  for (const [index, answer] of (await writer.apply(changes)).entries()) {
    assert.equal(answer, undefined, `${JSON.stringify(changes[index])}: ${answer?.message}`);
  }
}

async function read({ reader }: Tables): Promise<TableSpec[]> {
  return sorted((await reader.list()).map(specOf));
}

function specOf({ service, servers }: ServiceEntry): TableSpec {
  return { service, servers: servers.map(({ server }) => server) };
}

/** The kernel's own order says nothing. */
function sorted(specs: readonly TableSpec[]): TableSpec[] {
  const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
  return specs
    .map(({ service, servers }) => ({
      service,
      servers: servers.toSorted((a, b) => compare(printEndpoint(a), printEndpoint(b))),
    }))
    .toSorted((a, b) => compare(printServiceKey(a.service.key), printServiceKey(b.service.key)));
}

function errnoOf(error: LvscareError | undefined): string {
  if (error === undefined) return "";
  assert.ok(error instanceof KernelError, `${error.name}: ${error.message}`);
  return error.errno;
}

async function refused(promise: Promise<void>, errno: string, subject: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof KernelError, String(error));
    assert.deepEqual([error.errno, error.subject], [errno, subject]);
    return true;
  });
}

const KEY = key("tcp", "10.0.0.1:80");

const SERVICES: readonly Service[] = [
  service(KEY),
  service(key("udp", "10.0.0.1:53"), { onePacket: true, scheduler: "wrr" }),
  service(key("sctp", "10.0.0.1:80"), { scheduler: "lc" }),
  service(key("tcp", "10.0.0.2:0"), { persistence: { timeoutS: 360, prefix: 32 } }),
  service(key("tcp", "10.0.0.2:443"), { persistence: { timeoutS: 1, prefix: 1 } }),
  service(key("tcp", "10.0.0.2:445"), {
    persistence: { timeoutS: 9, prefix: 8, mask: "255.0.255.1" as Address },
  }),
  service(key("tcp", "10.0.0.2:444"), { persistence: { timeoutS: 2_678_400, prefix: 0 } }),
  service(key("udp", "10.0.0.2:5060"), {
    persistence: { timeoutS: 60, prefix: 24, engine: "sip" },
    onePacket: true,
  }),
  service(key("tcp", "10.0.0.3:1"), { scheduler: "sh", schedulerFlags: [1, 2] }),
  service(key("tcp", "10.0.0.3:2"), { scheduler: "sh", schedulerFlags: [2] }),
  service(key("tcp", "10.0.0.3:3"), { scheduler: "mh", schedulerFlags: [1] }),
  service(key("tcp", "10.0.0.3:65535"), { scheduler: "wlc", schedulerFlags: [1, 2, 3] }),
  service(key("tcp", "[2001:db8::1]:80"), { scheduler: "sed" }),
  service(key("tcp", "[2001:db8::]:443"), { persistence: { timeoutS: 300, prefix: 64 } }),
  service(key("udp", "[::]:53"), { scheduler: "nq", persistence: { timeoutS: 7, prefix: 1 } }),
  service(key("sctp", "[::ffff:1.2.3.4]:80"), { scheduler: "dh" }),
  service(key("tcp", "[::102:304]:80"), { scheduler: "lblc" }),
  service(key("tcp", "0.0.0.0:80"), { scheduler: "lblcr" }),
  service(key("tcp", "192.168.0.1:80"), { scheduler: "fo" }),
  service(mark(1), { scheduler: "ovf" }),
  service(mark(1, "ipv6"), { persistence: { timeoutS: 20, prefix: 56 } }),
  service(mark(0x7fffffff), { onePacket: true }),
  service(mark(0xffffffff)),
];

const TUNNELS: readonly Forwarding[] = [
  { method: "tunnel", encapsulation: "ipip" },
  { method: "tunnel", encapsulation: "gue", port: 6080, checksum: "none" },
  { method: "tunnel", encapsulation: "gue", port: 1, checksum: "checksum" },
  { method: "tunnel", encapsulation: "gue", port: 65_535, checksum: "remote" },
  { method: "tunnel", encapsulation: "gre", checksum: "none" },
  { method: "tunnel", encapsulation: "gre", checksum: "checksum" },
];

const SERVERS: readonly TableSpec[] = [
  {
    service: service(KEY, { scheduler: "wrr" }),
    servers: [
      server("10.1.0.1:80"),
      server("10.1.0.2:80", { weight: 0 }),
      server("10.1.0.3:8080", { weight: 0x7fffffff, forwarding: { method: "masquerade" } }),
      server("10.1.0.3:8081", { forwarding: { method: "masquerade" }, upperThreshold: 1 }),
      server("10.1.0.4:80", { upperThreshold: 0x7fffffff, lowerThreshold: 0x7fffffff }),
      server("10.1.0.5:80", { upperThreshold: 100, lowerThreshold: 50 }),
      server("127.0.0.1:80"),
      server("[2001:db8::9]:80", { forwarding: TUNNELS[0]! }),
      ...TUNNELS.map((forwarding, index) => server(`10.2.0.${index + 1}:80`, { forwarding })),
    ],
  },
  {
    service: service(key("tcp", "[2001:db8::1]:80")),
    servers: [
      server("[2001:db8::2]:80"),
      server("[::1]:80"),
      server("[2001:db8::3]:8080", { forwarding: { method: "masquerade" } }),
      server("10.1.0.1:80", { forwarding: TUNNELS[1]! }),
      server("[fd00::]:80", { forwarding: TUNNELS[4]! }),
    ],
  },
  {
    service: service(mark(5)),
    servers: [
      server("10.1.0.1:0"),
      server("10.1.0.1:8080"),
      server("10.1.0.2:0", { forwarding: { method: "masquerade" } }),
    ],
  },
  { service: service(mark(5, "ipv6")), servers: [server("[2001:db8::2]:0")] },
];

const EDITS: readonly Server[] = [
  server("10.1.0.1:80", { weight: 0 }),
  server("10.1.0.1:80", { weight: 5, upperThreshold: 10, lowerThreshold: 3 }),
  server("10.1.0.1:80", { forwarding: { method: "masquerade" } }),
  server("10.1.0.1:80", { forwarding: TUNNELS[2]! }),
  server("10.1.0.1:80", { forwarding: TUNNELS[5]!, weight: 3 }),
  server("10.1.0.1:80", { forwarding: TUNNELS[0]! }),
  server("10.1.0.1:80"),
];

const KEY6 = key("tcp", "[2001:db8::1]:80");
const MISSING = key("tcp", "10.0.0.9:80");
const REFUSING: readonly TableSpec[] = [
  { service: service(KEY), servers: [server("10.1.0.1:80")] },
  { service: service(KEY6), servers: [] },
];

const REFUSALS: readonly (readonly [what: string, change: IpvsChange, errno: string])[] = [
  ["a service twice", { kind: "addService", service: service(KEY) }, "EEXIST"],
  ["an edit of no service", { kind: "editService", service: service(MISSING) }, "ESRCH"],
  ["a removal of no service", { kind: "deleteService", key: MISSING }, "ESRCH"],
  ["a mark of the other family", { kind: "deleteService", key: mark(1, "ipv6") }, "ESRCH"],
  ["an unknown scheduler", {
    kind: "addService",
    service: service(MISSING, { scheduler: "nosuch" }),
  }, "ENOENT"],
  ["an unknown scheduler of an edit", {
    kind: "editService",
    service: service(KEY, { scheduler: "nosuch" }),
  }, "ENOENT"],
  ["an unknown engine", {
    kind: "addService",
    service: service(MISSING, { persistence: { timeoutS: 1, prefix: 32, engine: "nosuch" } }),
  }, "ENOENT"],
  ["a server of no service", {
    kind: "addServer",
    key: MISSING,
    server: server("10.1.0.1:80"),
  }, "ESRCH"],
  ["a server twice", { kind: "addServer", key: KEY, server: server("10.1.0.1:80") }, "EEXIST"],
  ["an edit of no server", {
    kind: "editServer",
    key: KEY,
    server: server("10.1.0.9:80"),
  }, "ENOENT"],
  ["an edit of a server of no service", {
    kind: "editServer",
    key: MISSING,
    server: server("10.1.0.1:80"),
  }, "ESRCH"],
  ["a removal of no server", {
    kind: "deleteServer",
    key: KEY,
    server: endpoint("10.1.0.9:80"),
  }, "ENOENT"],
  ["a removal of a server of no service", {
    kind: "deleteServer",
    key: MISSING,
    server: endpoint("10.1.0.1:80"),
  }, "ESRCH"],
  ["thresholds the wrong way round", {
    kind: "addServer",
    key: KEY,
    server: server("10.1.0.9:80", { upperThreshold: 1, lowerThreshold: 2 }),
  }, "ERANGE"],
  ["thresholds the wrong way round, of an edit", {
    kind: "editServer",
    key: KEY,
    server: server("10.1.0.1:80", { lowerThreshold: 2 }),
  }, "ERANGE"],
  ...["224.0.0.1", "0.0.0.0", "255.255.255.255"].map((address) =>
    [
      address,
      { kind: "addServer", key: KEY, server: server(`${address}:80`) },
      "EINVAL",
    ] as const
  ),
  ...["[fe80::1]", "[ff02::1]", "[::]"].map((address) =>
    [
      address,
      { kind: "addServer", key: KEY6, server: server(`${address}:80`) },
      "EINVAL",
    ] as const
  ),
];

const BEYOND_IPVSADM: readonly (readonly [
  what: string,
  change: IpvsChange,
  isThere: (entries: readonly ServiceEntry[]) => boolean,
])[] = [
  ["local forwarding", {
    kind: "addServer",
    key: KEY,
    server: server("10.1.0.7:80", { forwarding: { method: "local" } }),
  }, (entries) => hasServer(entries, "10.1.0.7", "local")],
  ["bypassing", {
    kind: "addServer",
    key: KEY,
    server: server("10.1.0.8:80", { forwarding: { method: "bypass" } }),
  }, (entries) => hasServer(entries, "10.1.0.8", "bypass")],
  ["another port without masquerading", {
    kind: "addServer",
    key: KEY,
    server: server("10.1.0.9:81"),
  }, (entries) => hasServer(entries, "10.1.0.9", "direct")],
  ["one packet a connection for TCP", {
    kind: "addService",
    service: service(MISSING, { onePacket: true }),
  }, (entries) => entries.some(({ service }) => service.onePacket)],
  ["every port without persistence", {
    kind: "addService",
    service: service(key("tcp", "10.0.0.9:0")),
  }, (entries) => entries.some(({ service }) => printServiceKey(service.key).endsWith(":0"))],
  ["a third flag of sh", {
    kind: "addService",
    service: service(MISSING, { scheduler: "sh", schedulerFlags: [1, 3] }),
  }, (entries) => entries.some(({ service }) => service.schedulerFlags.includes(3))],
  ["persistence for years", {
    kind: "addService",
    service: service(MISSING, { persistence: { timeoutS: 10_000_000, prefix: 32 } }),
  }, (entries) => entries.some(({ service }) => service.persistence?.timeoutS === 10_000_000)],
];

function hasServer(
  entries: readonly ServiceEntry[],
  address: string,
  method: Forwarding["method"],
): boolean {
  return entries.some(({ servers }) =>
    servers.some(({ server }) => server.address === address && server.forwarding.method === method)
  );
}
