/** What is netlink's own in the IPVS table over it; the contract itself is tested for all implementations. */

import assert from "node:assert/strict";
import { KernelError, WireError } from "../../src/errors.ts";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import type { Address } from "../../src/model/address.ts";
import type {
  IpvsChange,
  Server,
  Service,
  ServiceEntry,
  ServiceKey,
} from "../../src/model/ipvs.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { openLibnlTransport } from "../../src/sys/libnl_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";
import { decodeListedService, listServicesRequest } from "../../src/wire/ipvs.ts";
import { enterNewNamespace } from "../support/namespace.ts";

const KEY: ServiceKey = {
  kind: "address",
  protocol: "tcp",
  address: "10.0.0.1" as Address,
  port: 80,
};

function service(more: Partial<Service> = {}): Service {
  return { key: KEY, scheduler: "rr", schedulerFlags: [], onePacket: false, ...more };
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

const addService = (more: Partial<Service> = {}): IpvsChange => ({
  kind: "addService",
  service: service(more),
});
const addServer = (server: Server, key: ServiceKey = KEY): IpvsChange => ({
  kind: "addServer",
  key,
  server,
});

function openSocket(): NetlinkSocket {
  return new NetlinkSocket(openLibcTransport(NETLINK_GENERIC));
}

/** Runs the body on an empty table, in a network namespace of its own. */
function test(name: string, body: (table: NetlinkIpvsTable) => Promise<void>): void {
  Deno.test(`NetlinkIpvsTable: ${name}`, async () => {
    enterNewNamespace();
    const table = new NetlinkIpvsTable(openSocket());
    try {
      await body(table);
    } finally {
      table.close();
    }
  });
}

async function apply(table: NetlinkIpvsTable, ...changes: IpvsChange[]): Promise<void> {
  assert.deepEqual(await table.apply(changes), changes.map(() => undefined));
}

async function command(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert.ok(success, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

const REFUSED: readonly [
  name: string,
  before: IpvsChange[],
  change: IpvsChange,
  error: Pick<KernelError, "command" | "errno" | "op" | "subject" | "hint" | "message">,
][] = [
  [
    "a service that exists",
    [addService()],
    addService(),
    {
      command: "IPVS_CMD_NEW_SERVICE",
      errno: "EEXIST",
      op: "add service",
      subject: "TCP 10.0.0.1:80",
      hint: "edit it instead",
      message: "add service TCP 10.0.0.1:80: the service exists already (EEXIST)",
    },
  ],
  [
    "a service that does not exist",
    [],
    { kind: "deleteService", key: KEY },
    {
      command: "IPVS_CMD_DEL_SERVICE",
      errno: "ESRCH",
      op: "delete service",
      subject: "TCP 10.0.0.1:80",
      hint: "add the service first",
      message: "delete service TCP 10.0.0.1:80: no such service (ESRCH)",
    },
  ],
  [
    "a scheduler without a module",
    [],
    addService({ scheduler: "nosuch" }),
    {
      command: "IPVS_CMD_NEW_SERVICE",
      errno: "ENOENT",
      op: "add service",
      subject: "TCP 10.0.0.1:80",
      hint: "load its module: modprobe ip_vs_nosuch, or ip_vs_pe_ and the engine's name",
      message: "add service TCP 10.0.0.1:80: no such scheduler or persistence engine (ENOENT)",
    },
  ],
  [
    "a server that exists",
    [addService(), addServer(server("10.0.0.2"))],
    addServer(server("10.0.0.2", { weight: 5 })),
    {
      command: "IPVS_CMD_NEW_DEST",
      errno: "EEXIST",
      op: "add server",
      subject: "TCP 10.0.0.1:80 -> 10.0.0.2:8080",
      hint: "edit it instead",
      message:
        "add server TCP 10.0.0.1:80 -> 10.0.0.2:8080: the service has this server already (EEXIST)",
    },
  ],
  [
    "a server that does not exist",
    [addService()],
    { kind: "deleteServer", key: KEY, server: server("10.0.0.2") },
    {
      command: "IPVS_CMD_DEL_DEST",
      errno: "ENOENT",
      op: "delete server",
      subject: "TCP 10.0.0.1:80 -> 10.0.0.2:8080",
      hint: undefined,
      message:
        "delete server TCP 10.0.0.1:80 -> 10.0.0.2:8080: the service has no such server (ENOENT)",
    },
  ],
  [
    "a negative weight",
    [addService()],
    addServer(server("10.0.0.2", { weight: -1 })),
    {
      command: "IPVS_CMD_NEW_DEST",
      errno: "ERANGE",
      op: "add server",
      subject: "TCP 10.0.0.1:80 -> 10.0.0.2:8080",
      hint: "the weight must not be negative, nor the lower threshold above the upper one",
      message: "add server TCP 10.0.0.1:80 -> 10.0.0.2:8080: a number is out of range (ERANGE)",
    },
  ],
  [
    "a server of the other family without a tunnel",
    [addService()],
    addServer(server("2001:db8::1")),
    {
      command: "IPVS_CMD_NEW_DEST",
      errno: "EINVAL",
      op: "add server",
      subject: "TCP 10.0.0.1:80 -> [2001:db8::1]:8080",
      hint:
        "its address must be unicast; one of the other family needs a tunnel and no sync daemon",
      message:
        "add server TCP 10.0.0.1:80 -> [2001:db8::1]:8080: not a server that this kernel takes (EINVAL)",
    },
  ],
];

for (const [name, before, change, expected] of REFUSED) {
  test(`${change.kind} of ${name} says what, why and what to do`, async (table) => {
    await apply(table, ...before);
    const [error] = await table.apply([change]);
    assert.ok(error instanceof KernelError, `${error}`);
    const { command, errno, op, subject, hint, message } = error;
    assert.deepEqual({ command, errno, op, subject, hint, message }, expected);
  });
}

test("a change that cannot be written is a WireError with its subject, and the others are made", async (table) => {
  const outcomes = await table.apply([
    addService({ persistence: { timeoutS: 1, prefix: 40 } }),
    addService(),
  ]);
  assert.deepEqual(outcomes.map((error) => error?.name), ["WireError", undefined]);
  assert.ok(outcomes[0] instanceof WireError);
  assert.equal(outcomes[0].attribute, "IPVS_SVC_ATTR_NETMASK");
  assert.match(outcomes[0].message, /^add service TCP 10\.0\.0\.1:80: .*40 bits/);
  assert.equal((await table.list()).length, 1);
});

test("addresses that end in zeros keep their family, also behind a service of the other", async (table) => {
  const tunnel = { method: "tunnel", encapsulation: "ipip" } as const;
  const key6: ServiceKey = { ...KEY, address: "2001:db8::" as Address };
  await apply(
    table,
    addService(),
    addServer(server("2001:db8:0:0:100::", { forwarding: tunnel })),
    addService({ key: key6 }),
    addServer(server("32.1.13.184", { forwarding: tunnel }), key6),
  );
  const read = (await table.list()).map(({ service, servers }) => [
    service.key.kind === "address" && service.key.address,
    ...servers.map(({ server }) => server.address),
  ]);
  assert.deepEqual(read.toSorted(), [
    ["10.0.0.1", "2001:db8:0:0:100::"],
    ["2001:db8::", "32.1.13.184"],
  ]);
});

test("a service of thousands of servers is dumped in many datagrams, and read whole", async (table) => {
  const servers = Array.from({ length: 3000 }, (_, i) => server(`10.1.${i >> 8}.${i & 255}`))
    .filter(({ address }) => !address.endsWith(".0"));
  await apply(table, addService(), ...servers.map((each) => addServer(each)));
  const [entry] = await table.list();
  assert.deepEqual(
    entry!.servers.map(({ server }) => server.address).toSorted(),
    servers.map(({ address }) => address).toSorted(),
  );
});

test("thousands of refusals among thousands of changes each have their place", async (table) => {
  const changes = Array.from(
    { length: 6000 },
    (_, i): IpvsChange =>
      i % 3 === 0
        ? addService({ key: { kind: "mark", mark: i + 1, family: "ipv4" } })
        : addService(),
  );
  const outcomes = await table.apply(changes);
  const refused = outcomes.flatMap((error, i) => error?.is("EEXIST") ? [i] : []);
  // The first of its kind is made, and each later one is refused.
  assert.deepEqual(refused, changes.flatMap((_, i) => i % 3 !== 0 && i !== 1 ? [i] : []));
  assert.equal((await table.list()).length, 2001);
});

test("an entry that did not change is the same value the next time, and one that did is not", async (table) => {
  await apply(table, addService(), addServer(server("10.0.0.2")), addServer(server("10.0.0.3")));
  const [before] = await table.list();
  const [same] = await table.list();
  assert.ok(before!.servers.every((entry, i) => entry === same!.servers[i]));
  assert.equal(before!.service, same!.service);

  const changed = server("10.0.0.2", { weight: 7 });
  await apply(table, { kind: "editServer", key: KEY, server: changed });
  const [after] = await table.list();
  const find = (entry: typeof after, address: string) =>
    entry!.servers.find(({ server }) => server.address === address);
  assert.deepEqual(find(after, "10.0.0.2")?.server, changed);
  assert.equal(find(after, "10.0.0.3"), find(before, "10.0.0.3"));

  await apply(table, { kind: "editService", service: service({ scheduler: "wrr" }) });
  assert.equal((await table.list())[0]?.service.scheduler, "wrr");
});

test("what others do to the table shows in the next list", async (table) => {
  await apply(table, addService(), addServer(server("10.0.0.2")));
  await table.list();
  await command("ipvsadm", "-a", "-t", "10.0.0.1:80", "-r", "10.0.0.9:8080", "-m");
  assert.equal((await table.list())[0]?.servers.length, 2);
  await command("ipvsadm", "-C");
  assert.deepEqual(await table.list(), []);
  await apply(table, addService());
  assert.deepEqual((await table.list()).map(({ servers }) => servers), [[]]);
});

test("real connections are counted, and none is forgotten by a list without counters", async (table) => {
  await command("ip", "address", "add", "10.0.0.1/32", "dev", "lo");
  await command("ip", "address", "add", "10.0.0.2/32", "dev", "lo");
  using listener = Deno.listen({ hostname: "10.0.0.2", port: 8080 });
  await apply(table, addService(), addServer(server("10.0.0.2")));
  const connections: Deno.Conn[] = [];
  for (let i = 0; i < 3; i++) {
    connections.push(await Deno.connect({ hostname: "10.0.0.1", port: 80 }));
    connections.push(await listener.accept());
  }
  const entry = await counted(table);
  assert.equal(entry.stats?.counters.connections, 3n);
  assert.equal(entry.servers[0]!.stats?.counters.connections, 3n);
  assert.ok(entry.stats!.counters.inPackets >= 6n, `${entry.stats!.counters.inPackets} packets`);
  assert.ok(entry.stats!.counters.inBytes >= 6n * 40n);
  assert.equal((await table.list())[0]!.servers[0]!.connections.active, 3);
  await table.zero(KEY);
  assert.equal((await table.list({ stats: true }))[0]!.stats?.counters.connections, 0n);
  for (const each of connections) each.close();
});

test("a daemon that is stopped before it ran is stopped, whether the kernel answers or not", async (table) => {
  // Seen with Linux 6.1: about every third time the kernel does not answer.
  for (let i = 0; i < 30; i++) {
    await table.startDaemon({ role: "master", syncId: 1, interface: "lo" });
    await table.stopDaemon("master");
  }
  assert.deepEqual(await table.daemons(), []);
});

test("a dump with an entry that cannot be read does not stand in the way of the next", async (table) => {
  await apply(
    table,
    ...Array.from(
      { length: 300 },
      (_, i) => addService({ key: { kind: "mark", mark: i + 1, family: "ipv4" } }),
    ),
  );
  using socket = openSocket();
  const family = socket.family("IPVS");
  assert.throws(() =>
    socket.dump(listServicesRequest(family), () => {
      throw new WireError("unreadable");
    }), WireError);
  const names = socket.dump(
    listServicesRequest(family),
    (message) => decodeListedService(message, false),
  );
  assert.equal(names.length, 300);
});

/** The first service once its counters are there: the kernel adds them up every two seconds. */
async function counted(table: NetlinkIpvsTable): Promise<ServiceEntry> {
  for (let tries = 0; tries < 100; tries++) {
    const [entry] = await table.list({ stats: true });
    if (entry?.stats?.counters.connections !== 0n) return entry!;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("no connection was counted");
}

Deno.test("NetlinkIpvsTable says which transport it is over", () => {
  for (
    const [open, name] of [[openLibcTransport, "libc"], [openLibnlTransport, "libnl"]] as const
  ) {
    const table = new NetlinkIpvsTable(new NetlinkSocket(open(NETLINK_GENERIC)));
    assert.equal(table.name, `netlink over ${name}`);
    table.close();
  }
});

Deno.test("without CAP_NET_ADMIN every call says what is needed", async () => {
  const script = new URL("../support/ipvs_probe.ts", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command("setpriv", {
    args: ["--bounding-set", "-net_admin", "--inh-caps", "-net_admin", Deno.execPath()]
      .concat(["run", "-A", "--no-check", script]),
  }).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assert.deepEqual(lines, [
    "list IPVS services: not permitted (EPERM): it needs CAP_NET_ADMIN: run it as root",
    "add service FWM 1: not permitted (EPERM): it needs CAP_NET_ADMIN: run it as root",
  ], new TextDecoder().decode(stderr));
});
