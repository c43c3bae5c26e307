/** What flows through the embedded proxy, and to whom. */

import assert from "node:assert/strict";
import type { LvscareError } from "../../src/errors.ts";
import type { Address } from "../../src/model/address.ts";
import { until } from "../support/care_lab.ts";
import { must } from "../support/network.ts";
import { Namespace } from "../support/own_namespace.ts";
import { serveFull } from "../support/http_servers.ts";
import {
  conductServer,
  Conversation,
  descriptors,
  freePort,
  LOOPBACK,
  plain,
  ProxyLab,
  writeAll,
} from "../support/proxy_lab.ts";

Deno.test("rr goes round, wrr in proportion, and weight 0 gets nothing new", async () => {
  await using lab = new ProxyLab();
  const servers = ["a", "b", "c"].map((name) => lab.named(name));
  await lab.serve(servers);
  assert.deepEqual(await lab.askers(9), { a: 3, b: 3, c: 3 });
  await lab.change({
    kind: "editService",
    service: { key: lab.key, scheduler: "wrr", schedulerFlags: [], onePacket: false },
  });
  await lab.edit({ ...servers[0]!, weight: 4 });
  assert.deepEqual(await lab.askers(12), { a: 8, b: 2, c: 2 });
  await lab.edit({ ...servers[0]!, weight: 0 });
  assert.deepEqual(await lab.askers(6), { b: 3, c: 3 });
});

Deno.test("wlc prefers whoever has least for its weight", async () => {
  await using lab = new ProxyLab();
  const [a, b] = [lab.named("a"), lab.named("b")];
  await lab.serve([{ ...a, weight: 3 }, b], { scheduler: "wlc" });
  await using held = new AsyncDisposableStack();
  const counts: Record<string, number> = { a: 0, b: 0 };
  for (let i = 0; i < 8; i++) {
    const each = held.use(await Conversation.open(lab.key));
    counts[(await each.ask("x")).split(" ")[0]!]!++;
  }
  assert.deepEqual(counts, { a: 6, b: 2 });
});

for (const scheduler of ["sh", "mh"]) {
  Deno.test(`${scheduler} keeps a client with its server, and spreads clients`, async () => {
    await using lab = new ProxyLab();
    await lab.serve(["a", "b", "c"].map((name) => lab.named(name)), { scheduler });
    const clients = Array.from({ length: 24 }, (_, i) => `127.0.1.${i + 1}`);
    const first = [];
    for (const client of clients) first.push(await lab.ask("x", client));
    assert.deepEqual([...new Set(first)].sort(), ["a", "b", "c"]);
    for (const [i, client] of clients.entries()) assert.equal(await lab.ask("x", client), first[i]);
  });
}

Deno.test("a client belongs to its server as long as it is told, but not to one that drains", async () => {
  await using lab = new ProxyLab();
  const servers = ["a", "b"].map((name) => lab.named(name));
  await lab.serve(servers, { persistence: { timeoutS: 60, prefix: 24 } });
  const name = await lab.ask("x", "127.0.2.1");
  for (let i = 0; i < 5; i++) assert.equal(await lab.ask("x", `127.0.2.${i + 2}`), name);
  assert.notEqual(await lab.ask("x", "127.0.3.1"), name);
  const persistent = (await lab.entries()).map(({ connections }) => connections.persistent);
  assert.deepEqual(persistent, [1, 1]);
  const its = servers[["a", "b"].indexOf(name)]!;
  await lab.edit({ ...its, weight: 0 });
  assert.notEqual(await lab.ask("x", "127.0.2.1"), name);
});

Deno.test("weight 0 leaves connections as they are; a removal ends those of that server only", async () => {
  await using lab = new ProxyLab();
  const [a, b] = [lab.named("a"), lab.named("b")];
  await lab.serve([a, b]);
  await using first = await Conversation.open(lab.key);
  await using second = await Conversation.open(lab.key);
  assert.equal(await first.ask("1"), "a 1");
  assert.equal(await second.ask("1"), "b 1");
  await lab.edit({ ...a, weight: 0 });
  assert.equal(await first.ask("2"), "a 2");
  await lab.change({ kind: "deleteServer", key: lab.key, server: a });
  await first.ended();
  assert.match(first.error?.message ?? "", /ECONNRESET/);
  assert.equal(await second.ask("2"), "b 2");
  await lab.change({ kind: "deleteService", key: lab.key });
  await second.ended();
  await assert.rejects(Conversation.open(lab.key), /ECONNREFUSED/);
});

Deno.test("above its upper threshold a server gets nothing new until it is below the lower", async () => {
  await using lab = new ProxyLab();
  const [a, b] = [lab.named("a"), lab.named("b")];
  await lab.serve([{ ...a, upperThreshold: 2, lowerThreshold: 1 }, { ...b, weight: 0 }]);
  const held = [await Conversation.open(lab.key), await Conversation.open(lab.key)];
  for (const each of held) assert.equal(await each.ask("x"), "a x");
  await lab.turnedAway();
  await lab.edit({ ...b, weight: 1 });
  assert.deepEqual(await lab.askers(3), { b: 3 });
  await held[0]![Symbol.asyncDispose]();
  await until(async () => await lab.active() === 1, "one is left");
  assert.deepEqual(await lab.askers(2), { b: 2 });
  await held[1]![Symbol.asyncDispose]();
  await until(async () => await lab.active() === 0, "none is left");
  assert.deepEqual(await lab.askers(4), { a: 2, b: 2 });
});

Deno.test("a server that refuses costs no client anything, and a line of the log", async () => {
  await using lab = new ProxyLab();
  const nobody = plain({ address: LOOPBACK, port: freePort() });
  await lab.serve([nobody, lab.named("a"), { ...nobody, address: "127.0.0.2" as Address }]);
  assert.deepEqual(await lab.askers(20), { a: 20 });
  assert.equal(lab.warnings.length, 2, lab.warnings.join("\n"));
  assert.match(lab.warnings[0]!, /took no connection for .*: connection refused/);
});

Deno.test("a way to a server that leads back to its own beginning is none", async () => {
  const namespace = Namespace.make();
  namespace.enter();
  try {
    await must("ip", "link", "set", "lo", "up");
    await using lab = new ProxyLab({ port: 80 });
    const servers = ["a", "b", "c", "d"].map((name) => lab.named(name));
    // Few ports to come from, of which half are servers': soon somebody comes from there.
    Deno.writeTextFileSync("/proc/sys/net/ipv4/ip_local_port_range", "45000 45007");
    const nobodies = [45_000, 45_002, 45_004, 45_006];
    await lab.serve([
      ...nobodies.map((port) => plain({ address: LOOPBACK, port })),
      ...servers,
    ]);
    for (let i = 0; i < 20; i++) {
      assert.match(await lab.ask("hello", `127.0.4.${i + 1}`), /^[abcd]$/);
    }
  } finally {
    namespace.close();
  }
});

Deno.test("with no server that takes it a client is turned away, and that is said", async () => {
  await using lab = new ProxyLab();
  await lab.serve([]);
  await lab.turnedAway();
  assert.match(lab.warnings[0]!, /a client of .* was turned away: no server takes any/);
});

Deno.test("a server that does not answer costs the time that it may take, and the next one has it", async () => {
  await using lab = new ProxyLab({ connectTimeoutMs: 500 });
  using silence = await serveFull();
  await lab.serve([plain(silence.endpoint), lab.named("a")]);
  assert.equal(await lab.ask(), "a");
  assert.match(lab.warnings[0]!, /took no connection for .*: timed out/);
});

Deno.test("an end is carried through either way, and what comes from the other side still arrives", async () => {
  await using lab = new ProxyLab();
  await lab.serve([lab.named("a")]);
  await using client = await Conversation.open(lab.key);
  assert.equal(await client.ask("x"), "a x");
  client.endWriting();
  assert.equal(await client.line(), "bye");
  await client.ended();

  await using other = new ProxyLab();
  const received: string[] = [];
  const ending = conductServer(async (connection) => {
    await writeAll(connection, "first\n");
    await connection.closeWrite();
    for await (const chunk of connection.readable) received.push(new TextDecoder().decode(chunk));
  });
  await other.serve([other.add(ending)]);
  await using late = await Conversation.open(other.key);
  assert.equal(await late.line(), "first");
  await late.ended();
  late.send("second\n");
  await until(() => received.join("") === "second\n", "it arrives");
});

Deno.test("megabytes both ways at once come through byte by byte as they were", async () => {
  await using lab = new ProxyLab();
  const echo = conductServer((connection) => connection.readable.pipeTo(connection.writable));
  await lab.serve([lab.add(echo)]);
  const sent = new Uint8Array(8 << 20);
  let value = 1;
  for (let i = 0; i < sent.length; i++) {
    value = (value * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    sent[i] = value >> 16;
  }
  const connection = await Deno.connect({ hostname: LOOPBACK, port: lab.port });
  const sending = (async () => {
    let step = 1;
    for (let at = 0; at < sent.length; at += step) {
      step = step * 7 % 100_003;
      await writeAll(connection, sent.subarray(at, at + step));
    }
    await connection.closeWrite();
  })();
  const received = new Uint8Array(await new Response(connection.readable).arrayBuffer());
  await sending;
  assert.equal(received.length, sent.length);
  assert.ok(received.every((byte, i) => byte === sent[i]));
  const [entry] = await lab.entries();
  const { connections, inBytes, outBytes } = entry!.stats!.counters;
  assert.deepEqual([connections, inBytes, outBytes], [1n, 8n << 20n, 8n << 20n]);
});

Deno.test("one byte at a time comes through as it was", async () => {
  await using lab = new ProxyLab();
  await lab.serve([lab.named("a")]);
  const connection = await Deno.connect({ hostname: LOOPBACK, port: lab.port });
  connection.setNoDelay(true);
  for (const byte of new TextEncoder().encode("slow but sure\n")) {
    await connection.write(new Uint8Array([byte]));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const bytes = new Uint8Array(100);
  const length = await connection.read(bytes);
  assert.equal(new TextDecoder().decode(bytes.subarray(0, length!)), "a slow but sure\n");
  connection.close();
});

Deno.test("silence longer than allowed ends a connection", async () => {
  await using lab = new ProxyLab({ idleTimeoutMs: 500 });
  await lab.serve([lab.named("a")]);
  const before = descriptors();
  await using client = await Conversation.open(lab.key);
  assert.equal(await client.ask("x"), "a x");
  await client.ended();
  await lab.settled(before);
});

for (const version of ["v1", "v2"] as const) {
  Deno.test(`by the PROXY protocol ${version} a server learns who the client is`, async () => {
    for (const address of [LOOPBACK, "::1" as Address]) {
      await using lab = new ProxyLab({ proxyProtocol: version, address });
      const heard = Promise.withResolvers<string>();
      const listening = conductServer(async (connection) => {
        const bytes = new Uint8Array(200);
        let text = "";
        while (!text.endsWith("hello\n")) {
          const length = await connection.read(bytes);
          text += String.fromCharCode(...bytes.subarray(0, length ?? 0));
        }
        heard.resolve(text);
      }, address);
      await lab.serve([lab.add(listening)]);
      const connection = await Deno.connect({ hostname: address, port: lab.port });
      await writeAll(connection, "hello\n");
      const { port } = connection.localAddr as Deno.NetAddr;
      const text = await heard.promise;
      connection.close();
      if (version === "v1") {
        const family = address === LOOPBACK ? "TCP4" : "TCP6";
        const header = `PROXY ${family} ${address} ${address} ${port} ${lab.port}\r\n`;
        assert.equal(text, `${header}hello\n`);
        continue;
      }
      const bytes = Uint8Array.from(text, (each) => each.charCodeAt(0));
      const length = address === LOOPBACK ? 12 : 36;
      assert.equal(text.slice(0, 12), "\r\n\r\n\0\r\nQUIT\n");
      assert.deepEqual([...bytes.slice(12, 16)], [0x21, length === 12 ? 0x11 : 0x21, 0, length]);
      const view = new DataView(bytes.buffer);
      assert.equal(view.getUint16(16 + length - 4), port);
      assert.equal(view.getUint16(16 + length - 2), lab.port);
      assert.equal(text.slice(16 + length), "hello\n");
    }
  });
}

Deno.test("what cannot be listened on, or be had by a proxy, is refused with what to do", async () => {
  await using lab = new ProxyLab();
  const add = async (address: string, port: number, more = {}) => {
    const key = { ...lab.key, address: address as Address, port, ...more };
    const service = { key, scheduler: "rr", schedulerFlags: [], onePacket: false };
    const [error] = await lab.table.apply([{ kind: "addService", service }]);
    return error as LvscareError;
  };
  using taken = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const { port } = taken.addr;
  const inUse = await add(LOOPBACK, port);
  assert.equal(inUse.message, `listen on 127.0.0.1:${port}: address in use (EADDRINUSE)`);
  assert.match(inUse.hint!, /another program listens there/);
  const nowhere = await add("192.0.2.1", 80);
  assert.equal(nowhere.message, "listen on 192.0.2.1:80: address not available (EADDRNOTAVAIL)");
  assert.match(nowhere.hint!, /no device of this host has 192\.0\.2\.1: --mode link/);
  assert.match(
    (await add(LOOPBACK, 1, { protocol: "sctp" })).message,
    /the embedded proxy has no SCTP/,
  );
  assert.deepEqual(await lab.table.list(), []);
});
