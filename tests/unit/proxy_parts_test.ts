/** The pure parts of the embedded proxy: who belongs where, what is counted, and what is said. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Backend } from "../../src/dataplane/embedded/backend.ts";
import { Balancer } from "../../src/dataplane/embedded/balancer.ts";
import { Complaints } from "../../src/dataplane/embedded/complaints.ts";
import { Meter } from "../../src/dataplane/embedded/meter.ts";
import { toClient, toEndpoint, toSocketAddress } from "../../src/sys/socket_address.ts";
import { type Address, addressFromBytes } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import type { Persistence, Server } from "../../src/model/ipvs.ts";
import { ownHeader, proxyHeader } from "../../src/wire/proxy_protocol.ts";
import { endpoint } from "../support/care_arbitraries.ts";
import { FakeClock } from "../support/fake_clock.ts";

function server(n: number, more: Partial<Server> = {}): Server {
  const forwarding = { method: "masquerade" } as const;
  const plain = { weight: 1, forwarding, upperThreshold: 0, lowerThreshold: 0 };
  return { ...endpoint(`10.0.0.${n}`, 80), ...plain, ...more };
}

function balancer(persistence?: Persistence): Balancer {
  const made = new Balancer({
    key: { kind: "address", protocol: "tcp", ...endpoint("10.9.9.9", 80) },
    scheduler: "rr",
    schedulerFlags: [],
    onePacket: false,
    ...(persistence && { persistence }),
  });
  for (const n of [1, 2]) made.add(server(n));
  return made;
}

const from = (address: string) =>
  toClient(toSocketAddress({ address: address as Address, port: 9 }));
const NONE = new Set<Backend>();
const session = () => ({ abort() {} });

Deno.test("above its upper threshold a server is full, until it is below the lower one", () => {
  for (const [lower, notUntil] of [[0, 2], [2, 1]] as const) {
    const backend = new Backend(server(1, { upperThreshold: 4, lowerThreshold: lower }));
    const sessions = Array.from({ length: 4 }, session);
    for (const each of sessions) {
      assert.equal(backend.isFull, false);
      backend.enter(each);
    }
    assert.equal(backend.isFull, true);
    while (backend.active > notUntil) {
      assert.equal(backend.isFull, true, `${backend.active}`);
      backend.leave(sessions.pop()!);
    }
    assert.equal(backend.isFull, false);
  }
});

Deno.test("clients of one network belong together, each IPv6 network too", () => {
  for (
    const [prefix, first, near, far] of [
      [24, "192.0.2.1", "192.0.2.254", "192.0.3.1"],
      [23, "192.0.2.1", "192.0.3.1", "192.0.4.1"],
      [64, "2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1"],
    ] as const
  ) {
    const made = balancer({ timeoutS: 10, prefix });
    const choice = made.choose(from(first), NONE, 0)!;
    assert.equal(made.choose(from(near), NONE, 1)!.backend, choice.backend);
    assert.notEqual(made.choose(from(far), NONE, 1)!.backend, choice.backend);
    assert.equal(made.persistent().get(choice.backend) ?? 0, 1);
  }
});

Deno.test("a client's time begins when its last session ends", () => {
  const made = balancer({ timeoutS: 10, prefix: 32 });
  const choice = made.choose(from("192.0.2.1"), NONE, 0)!;
  made.expire(100);
  assert.equal(made.persistent().get(choice.backend) ?? 0, 1);
  made.release(choice, 100);
  made.expire(109);
  assert.equal(made.persistent().get(choice.backend) ?? 0, 1);
  made.expire(110);
  assert.equal(made.persistent().get(choice.backend) ?? 0, 0);
});

Deno.test("who drains, is gone or was tried has no client that belongs to it", () => {
  const client = from("192.0.2.1");
  const ways: ((made: Balancer, backend: Backend) => Set<Backend> | void)[] = [
    (made, { server }) => made.edit({ ...server, weight: 0 }),
    (made, { server }) => void made.remove(server),
    (_, backend) => new Set([backend]),
  ];
  for (const way of ways) {
    const made = balancer({ timeoutS: 10, prefix: 32 });
    const { backend } = made.choose(client, NONE, 0)!;
    const tried = way(made, backend) ?? NONE;
    const other = made.choose(client, tried, 1)!.backend;
    assert.notEqual(other, backend);
    assert.equal(made.choose(client, NONE, 2)!.backend, other);
  }
});

Deno.test("of more clients than can be remembered the first are forgotten", () => {
  const made = balancer({ timeoutS: 1000, prefix: 32 });
  const address = (n: number) => ({ bytes: new Uint8Array([10, n >> 16, n >> 8, n]), port: 0 });
  for (let n = 0; n < 100_010; n++) made.release(made.choose(address(n), NONE, 0)!, 0);
  const sum = [...made.backends].reduce(
    (total, each) => total + (made.persistent().get(each) ?? 0),
    0,
  );
  assert.equal(sum, 100_000);
});

Deno.test("rates go a quarter of the way to what was seen every two seconds, as the kernel's", () => {
  const meter = new Meter();
  meter.connections = 80;
  meter.inBytes = 8000;
  meter.estimate();
  assert.deepEqual(
    [meter.read().rates.connections, meter.read().rates.inBytes],
    [10n, 1000n],
  );
  meter.estimate();
  assert.equal(meter.read().rates.inBytes, 750n);
  assert.equal(meter.read().counters.inBytes, 8000n);
  meter.zero();
  assert.equal(meter.read().counters.inBytes, 0n);
  meter.estimate();
  assert.ok(meter.read().rates.inBytes >= 0n);
});

Deno.test("the first complaint is said at once, the rest counted and said together", async () => {
  const clock = new FakeClock();
  const said: string[] = [];
  const complaints = new Complaints(clock, (text) => said.push(text));
  const take = (subject: string, times = 1) => {
    for (let i = 0; i < times; i++) {
      complaints.take({ kind: "server", subject, service: "v", why: -111 });
    }
  };
  take("a", 5);
  take("b");
  assert.deepEqual(said.splice(0), [
    "a took no connection for v: connection refused",
    "b took no connection for v: connection refused",
  ]);
  await clock.advance(10_000);
  assert.deepEqual(said.splice(0), [
    "a took no connection for v: connection refused, and 4 times more since",
  ]);
  take("b");
  assert.equal(said.splice(0).length, 1);
  await clock.advance(100_000);
  assert.deepEqual(said, []);
  complaints.close();
  assert.equal(clock.pending, 0);
});

const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
).map(addressFromBytes);

Deno.test("an endpoint comes back from what the system calls want", () => {
  fc.assert(
    fc.property(address, fc.nat(65_535), (address, port) => {
      const given: Endpoint = { address, port };
      assert.deepEqual(toEndpoint(toSocketAddress(given)), given);
    }),
  );
  const bytes = toSocketAddress({ address: "192.0.2.1" as Address, port: 443 });
  assert.deepEqual([...bytes], [2, 0, 1, 0xbb, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("the PROXY protocol's headers are what it says", () => {
  const [client, local] = [{ ...from("192.0.2.7"), port: 56_324 }, {
    ...from("198.51.100.1"),
    port: 443,
  }];
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const hex = (bytes: Uint8Array) => bytes.toHex();
  const signature = "0d0a0d0a000d0a515549540a";
  assert.equal(
    text(proxyHeader("v1", client, local)),
    "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n",
  );
  assert.equal(
    hex(proxyHeader("v2", client, local)),
    `${signature}2111000cc0000207c6336401dc0401bb`,
  );
  const six = { bytes: from("2001:db8::7").bytes, port: 1 };
  assert.equal(text(proxyHeader("v1", six, six)), "PROXY TCP6 2001:db8::7 2001:db8::7 1 1\r\n");
  const one = "20010db8000000000000000000000007";
  assert.equal(hex(proxyHeader("v2", six, six)), `${signature}21210024${one}${one}00010001`);
  assert.equal(text(ownHeader("v1")), "PROXY UNKNOWN\r\n");
  assert.equal(hex(ownHeader("v2")), `${signature}20000000`);
});
