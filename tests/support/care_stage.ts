/** `lvscare care` in the test's own process, with servers that can be stopped, for suites over any dataplane. */

import { SILENT_NOTIFIER } from "../../src/care/notify.ts";
import type { CareGround, CareWorld } from "../../src/care/run.ts";
import { runCare } from "../../src/care/run.ts";
import { systemClock } from "../../src/clock.ts";
import { NOTHING_TO_SEE } from "../../src/care/pass.ts";
import type { CareConfig } from "../../src/config/care.ts";
import { serviceKey } from "../../src/config/care_services.ts";
import { httpProbe } from "../../src/health/probes/http.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { careConfig } from "./care_arbitraries.ts";
import { until } from "./care_lab.ts";

/** Where servers and the virtual server are, and what balances between them. */
export interface Place extends AsyncDisposable {
  readonly virtual: Endpoint;
  /** Where servers can listen. */
  readonly servers: readonly Endpoint[];
  /** What a configuration must say here, beside addresses. */
  readonly config: Partial<CareConfig>;
  openGround: CareWorld["openGround"];
  /** Connections that have ended are not counted for a while longer. */
  readonly forgetsAtOnce: boolean;
  /** Makes something of others that is in the way or near it; gives a way to see whether it is as it was. */
  addForeign(): Promise<() => Promise<boolean>>;
  /** Runs what opens sockets for servers where they live. */
  serve<T>(body: () => T): T;
}

/** Answers with its name; its check can fail while it goes on. */
export class StageServer {
  readonly endpoint: Endpoint;
  readonly name: string;
  readonly #place: Place;
  #server: Deno.HttpServer | undefined;
  #held: PromiseWithResolvers<void> | undefined;
  isHealthy = true;
  asked = 0;
  /** A request for /held is waiting. */
  isHeld = false;
  checks = 0;

  constructor(place: Place, endpoint: Endpoint) {
    this.#place = place;
    this.endpoint = endpoint;
    this.name = printEndpoint(endpoint);
  }

  start(): void {
    const { address, port } = this.endpoint;
    const options = { hostname: address, port, onListen: () => {} };
    this.#server = this.#place.serve(() =>
      Deno.serve(options, (request) => this.#answer(new URL(request.url).pathname))
    );
  }

  async stop(): Promise<void> {
    this.release();
    await this.#server?.shutdown();
    this.#server = undefined;
  }

  /** Requests for /held wait from now on. */
  hold(): void {
    this.#held = Promise.withResolvers();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  async #answer(path: string): Promise<Response> {
    if (path === "/healthz") {
      this.checks++;
      return new Response("", { status: this.isHealthy ? 200 : 500 });
    }
    this.asked++;
    if (path === "/held" && this.#held) {
      this.isHeld = true;
      await this.#held.promise;
    }
    return new Response(`${this.name}\n`, { headers: { connection: "close" } });
  }
}

export class Stage implements AsyncDisposable {
  readonly place: Place;
  readonly servers: readonly StageServer[];
  readonly stateDir: string;
  readonly #runs: StageRun[] = [];

  private constructor(place: Place, stateDir: string) {
    this.place = place;
    this.stateDir = stateDir;
    this.servers = place.servers.map((endpoint) => new StageServer(place, endpoint));
  }

  static async open(place: Place): Promise<Stage> {
    const stage = new Stage(place, await Deno.makeTempDir({ prefix: "lvscare-stage-" }));
    for (const server of stage.servers) server.start();
    return stage;
  }

  config(more: Partial<CareConfig> = {}): CareConfig {
    const { place, servers, stateDir } = this;
    const base = careConfig({ stateDir, intervalMs: 200, ...place.config });
    return {
      ...base,
      virtualServer: place.virtual,
      servers: servers.map(({ endpoint }) => endpoint),
      check: { ...base.check, scheme: "http", timeoutMs: 1000 },
      ...more,
    };
  }

  /** Starts an instance, and waits until its first pass is over. */
  async start(more: Partial<CareConfig> = {}): Promise<StageRun> {
    const run = new StageRun(
      this.config(more),
      (request, warn) => this.place.openGround(request, warn),
    );
    this.#runs.push(run);
    await run.ready;
    return run;
  }

  /** One request over a new connection: who answered. */
  async request(path = "/"): Promise<string> {
    const { address, port } = this.place.virtual;
    const connection = await Deno.connect({ hostname: address, port });
    const text = `GET ${path} HTTP/1.1\r\nHost: stage\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(text));
    const answer = await new Response(connection.readable).text();
    return answer.trim().split("\n").at(-1) ?? "";
  }

  /** Who answers, over some requests: each server's name and how often. */
  async answers(count = 12): Promise<Record<string, number>> {
    const seen: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const name = await this.request();
      seen[name] = (seen[name] ?? 0) + 1;
    }
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) server.release();
    for (const run of this.#runs) await run.stop();
    for (const server of this.servers) await server.stop();
    await this.place[Symbol.asyncDispose]();
    await Deno.remove(this.stateDir, { recursive: true });
  }
}

export class StageRun {
  readonly lines: string[] = [];
  readonly ready: Promise<void>;
  readonly status: Promise<number>;
  readonly #config: CareConfig;
  readonly #signals = new Map<string, () => void>();
  #ground: CareGround | undefined;

  constructor(config: CareConfig, openGround: CareWorld["openGround"]) {
    this.#config = config;
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    configureLogs({ ...config.log, write: (line) => this.lines.push(line.slice(20).trimEnd()) });
    this.status = runCare(config, [], {
      clock: systemClock,
      pid: Deno.pid,
      unit: undefined,
      openGround: async (...given) => this.#ground = await openGround(...given),
      probe: httpProbe,
      openControl: () => ({ close: () => Promise.resolve() }),
      openNotifier: () => ({
        ...SILENT_NOTIFIER,
        ready: () => {
          ready.resolve();
          return true;
        },
      }),
      out: (text) => this.lines.push(text),
      onSignal: (signal, body) => {
        this.#signals.set(signal, body);
        return { [Symbol.dispose]: () => {} };
      },
      exit: (status) => {
        throw new Error(`exit ${status}`);
      },
    });
    this.status.then((status) => ready.reject(new Error(`it ended with ${status}`)), ready.reject);
    this.ready.catch(() => {});
    this.status.catch(() => {});
  }

  signal(name: "SIGHUP" | "SIGUSR1" | "SIGTERM"): void {
    this.#signals.get(name)!();
  }

  async stop(): Promise<void> {
    this.#signals.get("SIGTERM")?.();
    await this.status.catch(() => {});
    this.#signals.clear();
    resetLogs();
  }

  /** The weights of the servers that the virtual server has. */
  async weights(): Promise<Record<string, number>> {
    const services = [serviceKey(this.#config.virtualServer)];
    const { observed } = await this.#ground!.dataplane.observe({ ...NOTHING_TO_SEE, services });
    const [service] = observed.services?.values() ?? [];
    const servers = service?.servers ?? [];
    return Object.fromEntries(
      servers.map(({ server }) => [printEndpoint(server), server.weight] as const).toSorted(),
    );
  }

  /** Waits for a line of the log. */
  said(what: RegExp, from = 0): Promise<void> {
    return until(
      () => this.lines.slice(from).some((line) => what.test(line)),
      `it says ${what}`,
      () => this.lines.join("\n"),
    );
  }
}
