/** `lvscare run` on a clock of the tests and a dataplane in memory, with files that are real. */

import type { Message } from "../../src/care/notifications.ts";
import { Instance, RUN } from "../../src/care/instance.ts";
import { SILENT_NOTIFIER } from "../../src/care/notify.ts";
import { prepareServices } from "../../src/care/prepare.ts";
import { runServices, type ServeOptions, type ServeWorld } from "../../src/care/serve.ts";
import type { ControlHandlers } from "../../src/admin/control.ts";
import { fingerprint } from "../../src/config/files/load.ts";
import { PLAIN_READ, readFiles, ReadMemory } from "../../src/config/files/read.ts";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { stepText } from "../../src/plan/text.ts";
import type { CareRecord } from "../../src/state/record.ts";
import { FakeClock, settled } from "./fake_clock.ts";
import { FakeDataplane, fakeGround } from "./fake_dataplane.ts";
import { withFolder } from "./process.ts";

const REFUSED: ProbeResult = { ok: false, reason: "connection refused" };

export class ServeLab {
  readonly clock = new FakeClock();
  readonly dataplane = new FakeDataplane();
  readonly lines: string[] = [];
  /** Servers that do not answer, by their endpoints. */
  readonly down = new Set<string>();
  /** What is asked, in its order. */
  readonly probed: string[] = [];
  readonly folder: string;
  readonly stateDir: string;
  readonly #signals = new Map<string, () => void>();
  /** Another ground than the dataplane in memory. */
  openGround: ServeWorld["openGround"] = () => Promise.resolve(fakeGround(this.dataplane));
  control!: Required<ControlHandlers>;
  ready = 0;
  #ended: Promise<number> | undefined;

  constructor(folder: string, stateDir: string) {
    this.folder = folder;
    this.stateDir = stateDir;
    this.dataplane.parameters.set("net.ipv4.vs.conntrack", "0");
    Deno.mkdirSync(`${folder}/conf.d`);
  }

  write(name: string, text: string): void {
    Deno.writeTextFileSync(`${this.folder}/${name}`, text);
  }

  remove(name: string): void {
    Deno.removeSync(`${this.folder}/${name}`);
  }

  /** What those have been told who want to know. */
  readonly messages: Message[] = [];

  #world(): ServeWorld {
    const { clock, openGround } = this;
    const memory = new ReadMemory();
    return {
      clock,
      pid: 7,
      unit: undefined,
      readFiles: (path) => readFiles({ path, nodeAddresses: [], memory }),
      fingerprint,
      openControl: (_, __, handlers) => {
        this.control = handlers as Required<ControlHandlers>;
        return { close: () => Promise.resolve() };
      },
      openGround,
      tell: (_, message) => {
        this.messages.push(message);
        return Promise.resolve();
      },
      probe: (check) => ({
        describe: (server) =>
          `GET ${printEndpoint(server)}${check.kind === "http" ? check.urls[0]!.path : ""}`,
        run: (server) => this.#probe(server),
      }),
      openNotifier: () => ({
        ...SILENT_NOTIFIER,
        ready: () => {
          this.ready++;
          return true;
        },
      }),
      out: () => {},
      onSignal: (signal, body) => {
        this.#signals.set(signal, body);
        return { [Symbol.dispose]: () => {} };
      },
      exit: (status) => {
        throw new Error(`exit ${status}`);
      },
    };
  }

  async start(options: Partial<ServeOptions> = {}): Promise<void> {
    const { folder } = this;
    const world = this.#world();
    const { stateDir } = this;
    this.#ended = runServices(
      { path: folder, choices: PLAIN_READ, stateDir, watch: false, wait: false, ...options },
      world,
    );
    this.#ended.catch(() => {});
    // Reading files takes real time.
    for (let i = 0; i < 20; i++) await settled();
    await Promise.race([this.#ended.catch(() => {}), settled()]);
  }

  /** What `lvscare run --prepare` comes to. */
  prepare(): Promise<number> {
    return prepareServices({ path: this.folder, choices: PLAIN_READ }, this.#world());
  }

  signal(name: "SIGHUP" | "SIGTERM" | "SIGUSR1"): void {
    this.#signals.get(name)!();
  }

  async stop(): Promise<number | undefined> {
    if (!this.#ended) return undefined;
    this.#signals.get("SIGTERM")?.();
    const ended = this.#ended;
    this.#ended = undefined;
    this.#signals.clear();
    return await ended;
  }

  /** What the last start has come to. */
  get ended(): Promise<number> | undefined {
    return this.#ended;
  }

  /** What was said since the last time, without times. */
  take(): string[] {
    return this.lines.splice(0).map((line) => line.replace(/^\S+ /, "").trimEnd());
  }

  /** The steps that were taken since the last time. */
  takeSteps(): string[] {
    return this.dataplane.applied.splice(0).map(stepText);
  }

  /** The weights of a service's servers, by the last numbers of their addresses. */
  weights(service: string): Record<string, number> | undefined {
    const found = this.dataplane.services.get(service);
    if (!found) return undefined;
    return Object.fromEntries(
      Object.entries(this.dataplane.weights(found)).map(([name, weight]) => [
        /(\d+):\d+$/.exec(name)![1]!,
        weight,
      ]),
    );
  }

  record(): CareRecord | undefined {
    const warn = () => {};
    using instance = Instance.look({
      ...{ name: RUN, command: "", stateDir: this.stateDir, unit: undefined, pid: 7, warn },
    });
    return instance.read();
  }

  #probe(server: Endpoint): Promise<ProbeResult> {
    const name = printEndpoint(server);
    this.probed.push(name);
    return Promise.resolve(this.down.has(name) ? REFUSED : { ok: true });
  }
}

export function serveTest(name: string, body: (lab: ServeLab) => Promise<void>): void {
  Deno.test(name, () =>
    withFolder((folder) =>
      withFolder(async (stateDir) => {
        const lab = new ServeLab(folder, stateDir);
        configureLogs({ level: "info", format: "text", write: (line) => lab.lines.push(line) });
        try {
          await body(lab);
        } finally {
          await lab.stop().catch(() => {});
          resetLogs();
        }
      })
    ));
}
