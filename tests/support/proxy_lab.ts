/** The embedded proxy's table on loopback, with servers that say their names, line by line. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { systemClock } from "../../src/clock.ts";
import { EmbeddedIpvsTable, type EmbeddedOptions } from "../../src/dataplane/embedded/table.ts";
import type { Address } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import type { IpvsChange, Server, ServerEntry, Service, ServiceKey } from "../../src/model/ipvs.ts";
import { until } from "./care_lab.ts";

export const LOOPBACK = "127.0.0.1" as Address;

export function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

export class ProxyLab implements AsyncDisposable {
  readonly table: EmbeddedIpvsTable;
  readonly warnings: string[] = [];
  readonly key: ServiceKey & { readonly kind: "address" };
  readonly #servers: AsyncDisposable[] = [];

  constructor(options: Partial<EmbeddedOptions> & Partial<ProxyLab["key"]> = {}) {
    const { protocol = "tcp", address = LOOPBACK, port = freePort(address), ...more } = options;
    this.table = new EmbeddedIpvsTable({
      clock: systemClock,
      connectTimeoutMs: 5000,
      idleTimeoutMs: 900_000,
      proxyProtocol: undefined,
      warn: (text) => this.warnings.push(text),
      ...more,
    });
    this.key = { kind: "address", protocol, address, port };
  }

  get port(): number {
    return this.key.port;
  }

  async change(...changes: readonly IpvsChange[]): Promise<void> {
    for (const refused of await this.table.apply(changes)) if (refused) throw refused;
  }

  /** Adds the service with these servers. */
  async serve(servers: readonly Server[], more: Partial<Service> = {}): Promise<void> {
    const { key } = this;
    const plain = { key, scheduler: "rr", schedulerFlags: [], onePacket: false };
    await this.change(
      { kind: "addService", service: { ...plain, ...more } },
      ...servers.map((server) => ({ kind: "addServer" as const, key, server })),
    );
  }

  edit(server: Server): Promise<void> {
    return this.change({ kind: "editServer", key: this.key, server });
  }

  async entries(): Promise<readonly ServerEntry[]> {
    return (await this.table.find(this.key, { stats: true }))?.servers ?? [];
  }

  async active(): Promise<number> {
    return (await this.entries()).reduce((sum, { connections }) => sum + connections.active, 0);
  }

  /** A server that answers each line with its name; closed with the lab. */
  named(name: string): Server {
    return this.add(talkingServer((line) => `${name} ${line}\n`));
  }

  add(server: TalkingServer): Server {
    this.#servers.push(server);
    return plain(server.endpoint);
  }

  /** Sends a line over a new connection and gives the name that answers. */
  async ask(line = "hello", from?: string): Promise<string> {
    await using conversation = await Conversation.open(this.key, from);
    return (await conversation.ask(line)).split(" ")[0]!;
  }

  /** A client that nobody takes. */
  async turnedAway(): Promise<void> {
    try {
      await using client = await Conversation.open(this.key);
      await client.ended();
    } catch (error) {
      assert.match(String(error), /ECONNRESET/);
    }
  }

  async askers(count: number): Promise<Record<string, number>> {
    const seen: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const name = await this.ask();
      seen[name] = (seen[name] ?? 0) + 1;
    }
    return seen;
  }

  /** Nothing goes on any more, and no descriptor is left of what did. */
  async settled(before: number): Promise<void> {
    await until(async () => await this.active() === 0, "no connection is left");
    await until(
      () => descriptors() <= before,
      `as many descriptors as before (${before})`,
      () => `${descriptors()}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.table.close();
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }
}

export function plain(endpoint: Endpoint, more: Partial<Server> = {}): Server {
  const forwarding = { method: "masquerade" } as const;
  const { address, port } = endpoint;
  return { address, port, weight: 1, forwarding, upperThreshold: 0, lowerThreshold: 0, ...more };
}

export function freePort(hostname: string = LOOPBACK): number {
  const listener = Deno.listen({ hostname, port: 0 });
  listener.close();
  return listener.addr.port;
}

export interface TalkingServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly connections: ReadonlySet<Deno.Conn>;
}

/** What a server does with a connection; when it returns, the connection is closed. */
export type Conduct = (connection: Deno.Conn) => Promise<void>;

export function conductServer(conduct: Conduct, hostname: string = LOOPBACK): TalkingServer {
  const listener = Deno.listen({ hostname, port: 0 });
  const connections = new Set<Deno.Conn>();
  const over = (async () => {
    const conversations: Promise<void>[] = [];
    for (;;) {
      const connection = await acceptNext(listener);
      if (!connection) break;
      connections.add(connection);
      conversations.push(
        conduct(connection).catch(() => {}).finally(() => {
          connections.delete(connection);
          closeQuietly(connection);
        }),
      );
    }
    await Promise.all(conversations);
  })();
  return {
    endpoint: { address: hostname as Address, port: listener.addr.port },
    connections,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) closeQuietly(connection);
      await over;
    },
  };
}

/** Whoever was gone before it was taken is passed over; undefined when it is closed. */
async function acceptNext(listener: Deno.Listener): Promise<Deno.Conn | undefined> {
  for (;;) {
    try {
      return await listener.accept();
    } catch (error) {
      if (error instanceof Deno.errors.BadResource) return undefined;
      if (!(error instanceof Deno.errors.NotConnected)) throw error;
    }
  }
}

/** Answers line by line; at the client's end it says so and ends too. */
export function talkingServer(
  answer: (line: string) => string | Promise<string>,
  hostname: string = LOOPBACK,
): TalkingServer {
  return conductServer(async (connection) => {
    let text = "";
    const bytes = new Uint8Array(4096);
    for (;;) {
      const length = await connection.read(bytes);
      if (length === null) break;
      text += new TextDecoder().decode(bytes.subarray(0, length));
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        await writeAll(connection, await answer(line));
      }
    }
    await writeAll(connection, "bye\n");
  }, hostname);
}

export async function writeAll(to: Deno.Conn, text: string | Uint8Array): Promise<void> {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

export function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed before.
  }
}

/** A client that sends lines and reads lines, from an address of its choice. */
export class Conversation implements AsyncDisposable {
  readonly #socket: ReturnType<typeof connect>;
  #text = "";
  #isOver = false;
  error: Error | undefined;

  private constructor(socket: ReturnType<typeof connect>) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#text += text);
    socket.on("end", () => this.#isOver = true);
    socket.on("close", () => this.#isOver = true);
    socket.on("error", (error: Error) => this.error = error);
  }

  static open({ address, port }: Endpoint, from?: string): Promise<Conversation> {
    const socket = connect({ host: address, port, allowHalfOpen: true, localAddress: from });
    const conversation = new Conversation(socket);
    return new Promise((resolve, reject) => {
      socket.on("connect", () => resolve(conversation));
      socket.on("error", reject);
    });
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  async ask(line: string): Promise<string> {
    this.send(`${line}\n`);
    return await this.line();
  }

  /** The next line that comes. */
  async line(): Promise<string> {
    await until(() => this.#text.includes("\n") || this.#isOver, "a line comes");
    const end = this.#text.indexOf("\n");
    assert.ok(end >= 0, `it ended: ${this.error?.message ?? ""} ${JSON.stringify(this.#text)}`);
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** Says that nothing more comes. */
  endWriting(): void {
    this.#socket.end();
  }

  /** Waits until the other side has ended it. */
  ended(): Promise<void> {
    return until(() => this.#isOver, "it is ended");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await until(() => this.#socket.destroyed, "it is destroyed");
  }
}
