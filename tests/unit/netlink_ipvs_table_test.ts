/** NetlinkIpvsTable over a kernel that is a function: what a real one seldom does. */

import assert from "node:assert/strict";
import { KernelError, UnsupportedError, WireError } from "../../src/errors.ts";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import type { Address } from "../../src/model/address.ts";
import type { ServiceKey } from "../../src/model/ipvs.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { genlCommand } from "../../src/wire/genl.ts";
import { type Message, splitMessages } from "../../src/wire/message.ts";
import { hex } from "../support/bytes.ts";
import {
  acknowledge,
  type Answer,
  answer,
  dump,
  type FakeKernel,
  type FakeTransport,
  fakeTransport,
  refuse,
} from "../support/fake_transport.ts";
import { datagramsOf, SERVER_MESSAGE, SERVICE_MESSAGE } from "../support/ipvs_dumps.ts";

const GENL_ID_CTRL = 16;
const KEY: ServiceKey = { kind: "mark", mark: 1, family: "ipv4" };

function familyAnswer(request: Message, id: number): Answer[] {
  const number = id.toString(16).padStart(2, "0");
  const body = hex(`01020000 0600 0100 ${number}000000 0900 0200 49505653 00000000`);
  return [answer(request, { type: GENL_ID_CTRL, body }), ...acknowledge(request)];
}

/** A kernel that has the family, and leaves the rest to `ipvs`. */
function open(ipvs: FakeKernel, id: () => number = () => 32) {
  const transport = fakeTransport((request) =>
    request.type === GENL_ID_CTRL ? familyAnswer(request, id()) : ipvs(request)
  );
  return { transport, table: new NetlinkIpvsTable(new NetlinkSocket(transport)) };
}

const bodies = (datagrams: Uint8Array[]) =>
  datagrams.flatMap(splitMessages).map(({ input }) => input.bytes.slice(16));

const GET_SERVICE = 4;
const GET_DEST = 8;
const GET_DAEMON = 11;

/** Lists the captured service with the captured server, under these addresses. */
const oneOfEach = (server: () => number): FakeKernel => (request) => {
  if (genlCommand(request) === GET_SERVICE) {
    return dump(request, 32, bodies(datagramsOf(SERVICE_MESSAGE, 1)));
  }
  assert.equal(genlCommand(request), GET_DEST);
  return dump(request, 32, bodies(datagramsOf(SERVER_MESSAGE, server() + 1)).slice(-1));
};

Deno.test("a kernel without the family is an UnsupportedError that says what to load", async () => {
  const table = new NetlinkIpvsTable(
    new NetlinkSocket(fakeTransport((request) => [refuse(request, "ENOENT")])),
  );
  for (const call of [() => table.list(), () => table.apply([]), () => table.info()]) {
    await assert.rejects(
      call,
      (error) =>
        error instanceof UnsupportedError && error.feature === "ip_vs" &&
        error.hint === "load the module: modprobe ip_vs" &&
        /: this kernel has no IPVS$/.test(error.message),
    );
  }
});

Deno.test("list() looks the family up anew when its number has gone stale", async () => {
  let id = 32;
  const list = oneOfEach(() => 0);
  const { transport, table } = open(
    (request) => request.type === id ? list(request) : [refuse(request, "ENOENT")],
    () => id,
  );
  assert.equal((await table.list()).length, 1);
  id = 33; // the module was removed and loaded again
  assert.equal((await table.list()).length, 1);
  assert.equal(lookups(transport), 2);
});

function lookups({ sent }: FakeTransport): number {
  return sent.flat().filter(({ type }) => type === GENL_ID_CTRL).length;
}

Deno.test("list() gives the same values for what did not change, and new ones for what did", async () => {
  let address = 0;
  const { table } = open(oneOfEach(() => address));
  const [first] = await table.list();
  const [second] = await table.list();
  assert.equal(second!.servers[0], first!.servers[0]);
  address = 1;
  const [third] = await table.list();
  assert.notDeepEqual(third!.servers[0], first!.servers[0]);
  assert.equal(third!.service, first!.service);
  const [counted] = await table.list({ stats: true });
  assert.deepEqual(counted!.servers[0]!.server, third!.servers[0]!.server);
  assert.ok(counted!.servers[0]!.stats && counted!.stats);
});

Deno.test("find() gives the same values for what did not change, and forgets what is gone", async () => {
  let address = 0;
  let isThere = true;
  const { table } = open((request) => {
    if (genlCommand(request) === GET_DEST) {
      return dump(request, 32, bodies(datagramsOf(SERVER_MESSAGE, address + 1)).slice(-1));
    }
    if (!isThere) return [refuse(request, "ESRCH")];
    const [body] = bodies(datagramsOf(SERVICE_MESSAGE, 1));
    return [answer(request, { type: 32, body: body! }), ...acknowledge(request)];
  });
  const first = await table.find(KEY);
  const second = await table.find(KEY);
  assert.equal(second!.service, first!.service);
  assert.equal(second!.servers[0], first!.servers[0]);
  address = 1;
  const third = await table.find(KEY);
  assert.equal(third!.service, first!.service);
  assert.notDeepEqual(third!.servers[0], first!.servers[0]);
  const counted = await table.find(KEY, { stats: true });
  assert.deepEqual(counted!.servers[0]!.server, third!.servers[0]!.server);
  isThere = false;
  assert.equal(await table.find(KEY), undefined);
  isThere = true;
  const anew = await table.find(KEY);
  assert.notEqual(anew!.service, first!.service);
  assert.deepEqual(anew!.service, first!.service);
});

Deno.test("stopDaemon() takes an interruption for success where the daemon is gone", async () => {
  const { table } = open((request) =>
    genlCommand(request) === GET_DAEMON ? dump(request, 32, []) : []
  );
  await table.stopDaemon("master");
});

Deno.test("stopDaemon() passes an interruption on where the daemon is still there", async () => {
  const master = hex("09010000 1c00 0300 0800 0100 01000000 0700 0200 6c6f0000 0800 0300 07000000");
  const { table } = open((request) =>
    genlCommand(request) === GET_DAEMON ? dump(request, 32, [master]) : []
  );
  await assert.rejects(
    table.stopDaemon("master"),
    (error) => error instanceof KernelError && error.is("EINTR") && error.op === "stop",
  );
});

Deno.test("apply() says that a lost answer leaves open whether the change was made", async () => {
  const { table } = open((request) => ["ENOBUFS", ...acknowledge(request)]);
  const [error] = await table.apply([{ kind: "deleteService", key: KEY }]);
  assert.ok(error instanceof KernelError && error.is("ENOBUFS"));
  assert.equal(
    error.message,
    "delete service FWM 1: the answer was lost, so it may be done or not (ENOBUFS)",
  );
  assert.equal(error.hint, "read the table again");
});

Deno.test("apply() shows the kernel's own words and what they point at", async () => {
  const { table } = open((request) => [
    answer(request, {
      type: 2,
      flags: 0x300,
      body: hex(`eaffffff ${"00".repeat(16)} 0800 0100 6e6f2100 0800 0200 14000000`),
    }),
  ]);
  const [error] = await table.apply([{ kind: "addServer", key: KEY, server: server("10.0.0.2") }]);
  assert.ok(error instanceof KernelError);
  assert.equal(
    error.message,
    "add server FWM 1 -> 10.0.0.2:80: not a server that this kernel takes (EINVAL): no!",
  );
  assert.deepEqual(error.extendedAck, { text: "no!", offset: 20 });
});

function server(address: string) {
  return {
    address: address as Address,
    port: 80,
    weight: 1,
    forwarding: { method: "masquerade" },
    upperThreshold: 0,
    lowerThreshold: 0,
  } as const;
}

Deno.test("apply() explains an errno that the table of hints does not have by its general meaning", async () => {
  const { table } = open((request) => [refuse(request, "EIO")]);
  const [error] = await table.apply([{ kind: "deleteService", key: KEY }]);
  assert.equal(error?.message, "delete service FWM 1: input or output failed (EIO)");
});

Deno.test("info() and timeouts() refuse an empty answer", async () => {
  const { table } = open(acknowledge);
  await assert.rejects(table.info(), WireError);
  await assert.rejects(table.timeouts(), WireError);
});

Deno.test("list() says in which service's message a fault is", async () => {
  const odd = bodies(datagramsOf(SERVICE_MESSAGE, 1))[0]!;
  odd[4 + 4 + 4] = 3; // IPVS_SVC_ATTR_AF
  const { table } = open((request) => dump(request, 32, [odd]));
  await assert.rejects(
    table.list(),
    (error) =>
      error instanceof WireError && error.attribute === "IPVS_SVC_ATTR_AF" &&
      error.message.startsWith("list IPVS services: decode IPVS_SVC_ATTR_AF: family 3"),
  );
});

for (const wrong of [0, -1, 1.5, NaN]) {
  Deno.test(`setTimeouts() refuses ${wrong} without asking the kernel`, async () => {
    const { transport, table } = open(acknowledge);
    await assert.rejects(
      table.setTimeouts({ tcpS: 5, udpS: wrong }),
      (error) => error instanceof KernelError && error.is("EINVAL"),
    );
    assert.equal(transport.sent.flat().filter(({ type }) => type === 32).length, 0);
  });
}

Deno.test("close() closes the transport", () => {
  const { transport, table } = open(acknowledge);
  table.close();
  assert.equal(transport.closed, true);
});
