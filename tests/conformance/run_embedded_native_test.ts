/** `lvscare run` over the embedded proxy: the same loop where the kernel has no IPVS, and real requests. */

import assert from "node:assert/strict";
import { openControl } from "../../src/admin/server.ts";
import { askReload, askStatus } from "../../src/admin/client.ts";
import { openGround } from "../../src/care/ground.ts";
import { SILENT_NOTIFIER } from "../../src/care/notify.ts";
import { runServices } from "../../src/care/serve.ts";
import { systemClock } from "../../src/clock.ts";
import { fingerprint } from "../../src/config/files/load.ts";
import { PLAIN_READ, readFiles, ReadMemory } from "../../src/config/files/read.ts";
import { makeProbe } from "../../src/health/probes/make.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { HOST } from "../support/care_inside.ts";
import { until } from "../support/care_lab.ts";
import { withFolder } from "../support/process.ts";
import { freePort, LOOPBACK } from "../support/proxy_lab.ts";

/** Answers with its name. */
class Server implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  isHealthy = true;

  constructor(name: string) {
    const options = { hostname: LOOPBACK, port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/healthz") return new Response("", { status: this.isHealthy ? 200 : 500 });
      if (pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, 700));
      return new Response(name, { headers: { connection: "close" } });
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

async function ask(port: number, path = "/"): Promise<string> {
  using connection = await Deno.connect({ hostname: LOOPBACK, port });
  const text = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(text));
  const answer = await new Response(connection.readable).text();
  return answer.split("\r\n\r\n")[1] ?? "";
}

async function answers(port: number): Promise<string> {
  const seen = new Set<string>();
  for (let i = 0; i < 6; i++) seen.add(await ask(port));
  return [...seen].toSorted().join();
}

Deno.test("services come, change and go under load, and no request fails", async () => {
  await withFolder((folder) =>
    withFolder(async (stateDir) => {
      await using a = new Server("a");
      await using b = new Server("b");
      await using c = new Server("c");
      const [one, two] = [freePort(LOOPBACK), freePort(LOOPBACK)];
      Deno.mkdirSync(`${folder}/conf.d`);
      const write = (name: string, port: number, servers: readonly Server[], more = "") =>
        Deno.writeTextFileSync(
          `${folder}/conf.d/${name}.yaml`,
          `services:\n  - {address: 127.0.0.1, port: ${port}, servers: [${
            servers.map((server) => `"127.0.0.1:${server.port}"`)
          }]${more}}\n`,
        );
      Deno.writeTextFileSync(
        `${folder}/lvscare.yaml`,
        `host: {dataplane: embedded, sync-interval: 300ms}
defaults: {mode: none, drain-timeout: 5s, check: {type: http, interval: 200ms, timeout: 1s}}
`,
      );
      write("one", one, [a, b]);
      const lines: string[] = [];
      configureLogs({ level: "info", format: "text", write: (line) => lines.push(line) });
      const signals = new Map<string, () => void>();
      const ready = Promise.withResolvers<void>();
      const memory = new ReadMemory();
      const ended = runServices({
        path: folder,
        choices: PLAIN_READ,
        stateDir,
        watch: false,
        wait: true,
      }, {
        clock: systemClock,
        pid: Deno.pid,
        unit: undefined,
        openGround: (request, warn) => openGround(request, HOST, warn),
        probe: makeProbe,
        tell: () => Promise.resolve(),
        readFiles: (path) => readFiles({ path, nodeAddresses: [], memory }),
        fingerprint,
        openControl,
        openNotifier: () => ({
          ...SILENT_NOTIFIER,
          ready: () => {
            ready.resolve();
            return true;
          },
        }),
        out: () => {},
        onSignal: (signal, body) => {
          signals.set(signal, body);
          return { [Symbol.dispose]: () => {} };
        },
        exit: (status) => {
          throw new Error(`exit ${status}`);
        },
      });
      try {
        await Promise.race([ready.promise, ended]);
        assert.equal(await answers(one), "a,b");

        let isOver = false;
        const failures: unknown[] = [];
        let asked = 0;
        const load = (async () => {
          while (!isOver) {
            await ask(one).then(() => asked++, (error) => failures.push(error));
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        })();
        for (let i = 0; i < 30; i++) {
          write("two", two, i % 2 === 0 ? [c] : [b, c], `, scheduler: ${["rr", "lc"][i % 2]}`);
          const answer = await askReload(stateDir);
          assert.ok(answer.ok && answer.problems.length === 0, JSON.stringify(answer));
        }
        assert.equal(await answers(two), "b,c");

        // A server that leaves the list keeps what it has, and what a service had goes with it.
        const slow = Promise.all([0, 1].map(() => ask(one, "/slow")));
        await new Promise((resolve) => setTimeout(resolve, 100));
        write("one", one, [b]);
        Deno.removeSync(`${folder}/conf.d/two.yaml`);
        assert.ok((await askReload(stateDir)).ok);
        assert.equal(await answers(one), "b");
        assert.deepEqual((await slow).toSorted(), ["a", "b"]);
        await until(async () => {
          const { services } = await askStatus(stateDir);
          return services.length === 1 && services[0]!.servers.length === 1;
        }, "what left is gone");
        await assert.rejects(ask(two), Deno.errors.ConnectionRefused);

        write("one", one, [b, c]);
        assert.ok((await askReload(stateDir)).ok);
        b.isHealthy = false;
        await until(async () => await answers(one) === "c", "the failing server is out");
        b.isHealthy = true;
        await until(async () => await answers(one) === "b,c", "it is back");
        isOver = true;
        await load;
        assert.deepEqual(failures, []);
        assert.ok(asked > 20, `${asked} requests`);
        const [{ total, servers } = { servers: [] }] = (await askStatus(stateDir)).services;
        // No counter was reset: each request is there.
        assert.ok(total!.connections >= asked, `${total!.connections} of ${asked}`);
        assert.deepEqual(servers.map(({ state, weight }) => [state, weight]), [["up", 1], [
          "up",
          1,
        ]]);
      } finally {
        signals.get("SIGTERM")?.();
        assert.equal(await ended, 0, lines.join(""));
        resetLogs();
      }
    })
  );
});
