/** Datagrams through the embedded proxy. */

import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Address } from "../../src/model/address.ts";
import type { Server } from "../../src/model/ipvs.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { until } from "../support/care_lab.ts";
import { descriptors, LOOPBACK, plain, ProxyLab } from "../support/proxy_lab.ts";

/** A socket that says "name datagram" to whatever it gets. */
class UdpServer implements AsyncDisposable {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(name: string, address: string = LOOPBACK, port = 0): Promise<UdpServer> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.on("message", (bytes, { address, port }) => {
      socket.send(`${name} ${bytes}`, port, address);
    });
    socket.bind(port, address);
    await once(socket, "listening");
    return new UdpServer(socket);
  }

  get server(): Server {
    const { address, port } = this.#socket.address();
    return plain({ address: address as Address, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

class UdpClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #to: { readonly address: string; readonly port: number };
  readonly heard: { readonly text: string; readonly from: string }[] = [];

  private constructor(socket: Socket, to: { readonly address: string; readonly port: number }) {
    this.#socket = socket;
    this.#to = to;
    socket.on("message", (bytes, { address, port }) => {
      this.heard.push({ text: `${bytes}`, from: `${address}:${port}` });
    });
  }

  static async open(to: { readonly address: string; readonly port: number }): Promise<UdpClient> {
    const six = to.address.includes(":");
    const socket = createSocket(six ? "udp6" : "udp4");
    socket.bind(0, six ? "::1" : "127.0.0.1");
    await once(socket, "listening");
    return new UdpClient(socket, to);
  }

  send(text: string): void {
    this.#socket.send(text, this.#to.port, this.#to.address);
  }

  async ask(text: string): Promise<string> {
    const count = this.heard.length;
    this.send(text);
    await until(() => this.heard.length > count, `an answer to ${text}`);
    return this.heard.at(-1)!.text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

Deno.test("each client has a server of its own, and gets its own answers", async () => {
  for (const address of [LOOPBACK, "::1" as Address]) {
    await using lab = new ProxyLab({ protocol: "udp", address });
    await using a = await UdpServer.open("a", address);
    await using b = await UdpServer.open("b", address);
    await lab.serve([a.server, b.server]);
    await using first = await UdpClient.open(lab.key);
    await using second = await UdpClient.open(lab.key);
    for (let i = 0; i < 5; i++) {
      assert.equal(await first.ask(`${i}`), `a ${i}`);
      assert.equal(await second.ask(`x${i}`), `b x${i}`);
    }
    const stats = (await lab.entries()).map(({ stats, connections }) => [
      ...[stats!.counters.connections, stats!.counters.inPackets, stats!.counters.outPackets],
      ...[stats!.counters.inBytes, stats!.counters.outBytes, connections.active],
    ]);
    assert.deepEqual(stats, [[1n, 5n, 5n, 5n, 15n, 1], [1n, 5n, 5n, 10n, 20n, 1]]);
  }
});

Deno.test("an answer comes from the address that was asked, also of a service on every address", async () => {
  await using lab = new ProxyLab({ protocol: "udp", address: "0.0.0.0" as Address });
  await using a = await UdpServer.open("a");
  await lab.serve([a.server]);
  for (const address of ["127.0.0.1", "127.0.0.5"]) {
    await using client = await UdpClient.open({ address, port: lab.port });
    await client.ask("x");
    assert.equal(client.heard[0]!.from, `${address}:${lab.port}`);
  }
});

Deno.test("a server that nobody listens at is left after one datagram", async () => {
  await using lab = new ProxyLab({ protocol: "udp" });
  const gone = await UdpServer.open("gone");
  const nobody = gone.server;
  await gone[Symbol.asyncDispose]();
  await using b = await UdpServer.open("b");
  await lab.serve([nobody, b.server]);
  await using client = await UdpClient.open(lab.key);
  await until(async () => {
    client.send("x");
    await new Promise((resolve) => setTimeout(resolve, 20));
    return client.heard.length > 0;
  }, "the other server answers");
  assert.equal(client.heard[0]!.text, "b x");
});

Deno.test("weight 0 leaves clients where they are; a removal gives them another server", async () => {
  await using lab = new ProxyLab({ protocol: "udp" });
  await using a = await UdpServer.open("a");
  await using b = await UdpServer.open("b");
  await lab.serve([a.server, b.server]);
  await using client = await UdpClient.open(lab.key);
  assert.equal(await client.ask("1"), "a 1");
  await lab.edit({ ...a.server, weight: 0 });
  assert.equal(await client.ask("2"), "a 2");
  await using other = await UdpClient.open(lab.key);
  assert.equal(await other.ask("1"), "b 1");
  await lab.change({ kind: "deleteServer", key: lab.key, server: a.server });
  assert.equal(await client.ask("3"), "b 3");
});

Deno.test("a client that is silent for long is forgotten, with its socket", async () => {
  const clock = new FakeClock();
  await using lab = new ProxyLab({ protocol: "udp", clock });
  await using a = await UdpServer.open("a");
  await lab.serve([a.server]);
  await using client = await UdpClient.open(lab.key);
  const before = descriptors();
  await client.ask("x");
  assert.equal(descriptors(), before + 1);
  await lab.table.setTimeouts({ udpS: 30 });
  await clock.advance(20_000);
  await client.ask("y");
  await clock.advance(20_000);
  assert.equal(await lab.active(), 1);
  await clock.advance(20_000);
  assert.equal(await lab.active(), 0);
  assert.equal(descriptors(), before);
});

Deno.test("datagrams of every size come through whole", async () => {
  await using lab = new ProxyLab({ protocol: "udp" });
  await using a = await UdpServer.open("");
  await lab.serve([a.server]);
  await using client = await UdpClient.open(lab.key);
  for (const size of [0, 1, 1472, 1473, 9000, 65_000]) {
    const answer = await client.ask("x".repeat(size));
    assert.equal(answer.length, size + 1, `${size}`);
  }
});

Deno.test("thousands of clients leave nothing behind, and the oldest make room", async () => {
  const before = descriptors();
  {
    await using lab = new ProxyLab({ protocol: "udp" });
    await using a = await UdpServer.open("a");
    await lab.serve([a.server]);
    await using stack = new AsyncDisposableStack();
    for (let round = 0; round < 10; round++) {
      const clients = [];
      for (let i = 0; i < 100; i++) clients.push(stack.use(await UdpClient.open(lab.key)));
      await Promise.all(clients.map((client) => client.ask("x")));
    }
    assert.equal(await lab.active(), 1000);
  }
  await until(() => descriptors() <= before, "no descriptor is left");
});
