/** Stopping one of three servers under load: who is hit, and that nobody need be. */

import assert from "node:assert/strict";
import { openGround } from "../../src/care/ground.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import { careConfig } from "../support/care_arbitraries.ts";
import { HOST } from "../support/care_inside.ts";
import { until } from "../support/care_lab.ts";
import { freePort, LOOPBACK } from "../support/proxy_lab.ts";
import { StageRun } from "../support/care_stage.ts";

const PER_SECOND = 50;
const ANSWER_MS = 30;

/** Takes its time for each answer, and can die in the midst of them. */
class MortalServer {
  readonly #listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #over: Promise<void>;
  /** The requests that reached it. */
  readonly taken = new Set<string>();
  open = 0;
  isHealthy = true;

  constructor() {
    this.#over = this.#accept();
  }

  get endpoint() {
    return { address: LOOPBACK, port: this.#listener.addr.port };
  }

  /** What a killed process leaves of its sockets. */
  async die(): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#over;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        serving.push(this.#serve(connection).catch(() => {}));
      }
    } catch {
      // Closed while it waited.
    }
    await Promise.all(serving);
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    this.#connections.add(connection);
    try {
      const bytes = new Uint8Array(1024);
      const length = await connection.read(bytes) ?? 0;
      const path = new TextDecoder().decode(bytes.subarray(0, length)).split(" ")[1] ?? "";
      const isCheck = path === "/healthz";
      const status = isCheck && !this.isHealthy ? "503 No" : "200 OK";
      if (!isCheck) {
        this.taken.add(path);
        this.open++;
        await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
        this.open--;
      }
      await connection.write(new TextEncoder().encode(`HTTP/1.1 ${status}\r\n\r\n${path}\n`));
    } finally {
      this.#connections.delete(connection);
      try {
        connection.close();
      } catch {
        // It died before.
      }
    }
  }
}

/** Asks at a steady rate until it is stopped; gives the paths that were not answered, and how many there were. */
function askSteadily(port: number) {
  let isOver = false;
  const failed: string[] = [];
  const ask = async (path: string) => {
    try {
      const connection = await Deno.connect({ hostname: LOOPBACK, port });
      await connection.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\n\r\n`));
      const answer = await new Response(connection.readable).text();
      if (!answer.endsWith(`\r\n\r\n${path}\n`)) failed.push(path);
    } catch {
      failed.push(path);
    }
  };
  const running = (async () => {
    const asked: Promise<void>[] = [];
    for (let i = 0; !isOver; i++) {
      asked.push(ask(`/${i}`));
      await new Promise((resolve) => setTimeout(resolve, 1000 / PER_SECOND));
    }
    await Promise.all(asked);
    return { asked: asked.length, failed };
  })();
  return () => {
    isOver = true;
    return running;
  };
}

async function withLoad(
  drain: boolean,
  body: (stopped: MortalServer, run: StageRun) => Promise<void>,
) {
  const stateDir = await Deno.makeTempDir({ prefix: "lvscare-stop-" });
  const servers = Array.from({ length: 3 }, () => new MortalServer());
  const virtualServer = { address: LOOPBACK, port: freePort() };
  const base = careConfig({ stateDir, intervalMs: 200, dataplane: "embedded", drain });
  const config = {
    ...base,
    virtualServer,
    servers: servers.map(({ endpoint }) => endpoint),
    mode: { kind: "none" as const },
    check: { ...base.check, scheme: "http" as const, timeoutMs: 1000 },
  };
  const run = new StageRun(config, (config, warn) => openGround(config, HOST, warn));
  try {
    await run.ready;
    const stop = askSteadily(virtualServer.port);
    await until(() => servers.every(({ taken }) => taken.size > 5), "all are asked");
    const [stopped] = servers as [MortalServer];
    await body(stopped, run);
    const others = servers.slice(1).map(({ taken }) => taken.size + 20);
    await until(
      () => servers.slice(1).every(({ taken }, i) => taken.size > others[i]!),
      "the others are asked on",
    );
    return { ...await stop(), stopped, others: servers.slice(1) };
  } finally {
    await run.stop();
    for (const server of servers) await server.die().catch(() => {});
    await Deno.remove(stateDir, { recursive: true });
  }
}

Deno.test("a server that dies under load takes with it only the requests that it had", async () => {
  const { asked, failed, stopped, others } = await withLoad(false, async (server, run) => {
    await until(() => server.open > 0, "it has a request");
    await server.die();
    await run.said(new RegExp(`remove server ${printEndpoint(server.endpoint)}`));
  });
  assert.ok(asked > 50, `${asked}`);
  assert.ok(failed.length > 0, "it had one");
  for (const path of failed) {
    assert.ok(stopped.taken.has(path), `${path} was not sent to it`);
    assert.ok(others.every(({ taken }) => !taken.has(path)), path);
  }
});

Deno.test("a server that is drained before it stops takes nothing with it", async () => {
  const { asked, failed, stopped } = await withLoad(true, async (server, run) => {
    server.isHealthy = false;
    await run.said(new RegExp(`remove server ${printEndpoint(server.endpoint)}`));
    assert.equal(server.open, 0);
    await server.die();
  });
  assert.ok(asked > 50 && stopped.taken.size > 0, `${asked}`);
  assert.deepEqual(failed, []);
});
