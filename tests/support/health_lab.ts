/** Services whose checks say what a test tells them to, on a clock of the tests and a dataplane in memory. */

import { Checks } from "../../src/care/checks.ts";
import { Instance, RUN } from "../../src/care/instance.ts";
import { Journal } from "../../src/care/journal.ts";
import { CareLoop } from "../../src/care/loop.ts";
import { type Message, Notifications, type Tell } from "../../src/care/notifications.ts";
import { careServices } from "../../src/config/care_services.ts";
import {
  type CheckConfig,
  type Config,
  type NotifyConfig,
  PLAIN_CHECK,
  PLAIN_SERVICE,
  type ServerConfig,
  type ServiceConfig,
} from "../../src/config/config.ts";
import type { CheckRequest } from "../../src/config/check.ts";
import type { Probe, ProbeResult } from "../../src/health/probes/probe.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { printServiceKey, type ServiceKey } from "../../src/model/ipvs.ts";
import { stepText } from "../../src/plan/text.ts";
import type { CareRecord } from "../../src/state/record.ts";
import { address, careConfig, endpoint } from "./care_arbitraries.ts";
import { FakeClock, settled } from "./fake_clock.ts";
import { FakeDataplane } from "./fake_dataplane.ts";
import { withFolder } from "./process.ts";

/** So long that a check is made only when a test says so. */
const NEVER_MS = 1e9;
export const OK: ProbeResult = { ok: true };
export const REFUSED: ProbeResult = { ok: false, reason: "connection refused" };
export const UNABLE: ProbeResult = { ok: false, reason: "no free port", unable: true };

export const good = (weight: number): ProbeResult => ({ ok: true, weight });
export const bad = (reason: string): ProbeResult => ({ ok: false, reason });

/** The server of that number, by its endpoint as text. */
export const at = (n: number): string => `192.168.0.${n}:80`;
/** The service of that number, by its key as text. */
export const named = (n: number): string => `TCP 10.0.0.${n}:80`;

/** A check that is known by this name. */
export function checkConfig(name: string, differences: Partial<CheckConfig> = {}): CheckConfig {
  const { intervalMs = NEVER_MS } = differences;
  return {
    ...PLAIN_CHECK,
    request: { kind: "grpc", service: name, tls: undefined, timeoutMs: 1000 },
    ...{ intervalMs, fastIntervalMs: intervalMs, downIntervalMs: intervalMs },
    ...differences,
  };
}

export const CHECK: CheckConfig = checkConfig("ping");

export function serverConfig(n: number, differences: Partial<ServerConfig> = {}): ServerConfig {
  const own = endpoint(`192.168.0.${n}`, 80);
  return {
    ...{ ...own, name: printEndpoint(own), weight: 1, upperThreshold: 0, lowerThreshold: 0 },
    forwarding: { method: "masquerade" },
    ...{ checks: [CHECK], need: "all", whenFailed: "step", notify: [] },
    ...differences,
  };
}

/** These servers behind 10.0.0.n, each by its number or whole. */
export function serviceConfig(
  n: number,
  servers: readonly (number | ServerConfig)[],
  differences: Partial<ServiceConfig> = {},
): ServiceConfig {
  const key: ServiceKey = {
    ...{ kind: "address", protocol: "tcp", address: address(`10.0.0.${n}`), port: 80 },
  };
  const listed = servers.map((each) => typeof each === "number" ? serverConfig(each) : each);
  return {
    name: printServiceKey(key),
    service: { key, scheduler: "wrr", schedulerFlags: [], onePacket: false },
    servers: new Map(listed.map((each) => [each.name, each])),
    mode: { kind: "none" },
    ...PLAIN_SERVICE,
    ...differences,
  };
}

/** The kernel is looked at every second, so that what time alone does is done to the second. */
export function configOf(
  services: readonly ServiceConfig[],
  differences: Partial<Config> = {},
): Config {
  return {
    ...careServices(careConfig()),
    ...{ services, intervalMs: 1000, drainTimeoutMs: 0, checksAtOnce: 1000, remembersHealth: true },
    ...differences,
  };
}

/** A program that is told of these events, or of all. */
export function notifyConfig(
  on: NotifyConfig["on"] = [],
  differences: Partial<NotifyConfig> = {},
): NotifyConfig {
  const to = { kind: "program", command: ["/usr/bin/tell"] } as const;
  return { on, to, user: undefined, timeoutMs: 10_000, ...differences };
}

interface Asked {
  readonly check: string;
  readonly server: string;
  readonly atMs: number;
}

/** Checks that wait until a test says how they end, or end as it has said before. */
export class ToldProbes {
  readonly clock: FakeClock;
  /** Every check that was begun, in its order. */
  readonly asked: Asked[] = [];
  /** How many have come to their end. */
  ends = 0;
  /** How checks end by themselves; undefined: they wait for report(). */
  answer: (server: string) => ProbeResult | undefined;
  readonly #waiting = new Map<string, (result: ProbeResult) => void>();
  readonly #said = new Map<string, ProbeResult>();
  readonly #watches = new Map<string, Set<() => void>>();

  constructor(clock: FakeClock, answer: ToldProbes["answer"] = () => undefined) {
    this.clock = clock;
    this.answer = answer;
  }

  readonly probeOf = (request: CheckRequest): Probe => {
    if (request.kind !== "grpc") throw new Error("only names are checked here");
    const { service: check } = request;
    return {
      describe: (server) => `${check} ${printEndpoint(server)}`,
      run: (server, signal) => this.#run(check, server, signal),
      watch: (onNews) => {
        const watches = this.#watches.get(check) ?? new Set();
        this.#watches.set(check, watches.add(onNews));
        return { [Symbol.dispose]: () => void watches.delete(onNews) };
      },
    };
  };

  /** How many want to be told of news. */
  get watched(): number {
    return [...this.#watches.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** What a check says may be another thing now, of all servers. */
  tellNews(check: string): void {
    for (const onNews of this.#watches.get(check) ?? []) onNews();
  }

  /** Makes that check of that server, or ends the one that is under way. */
  async report(check: string, n: number, result: ProbeResult): Promise<void> {
    const key = `${check} ${at(n)}`;
    const waiting = this.#waiting.get(key);
    if (waiting) waiting(result);
    else {
      this.#said.set(key, result);
      // That of other servers begins too, and waits.
      this.tellNews(check);
    }
    await settled();
    if (this.#said.delete(key)) throw new Error(`nobody makes the check ${key}`);
  }

  #run(check: string, endpoint: Endpoint, signal: AbortSignal): Promise<ProbeResult> {
    const server = printEndpoint(endpoint);
    const key = `${check} ${server}`;
    this.asked.push({ check, server, atMs: this.clock.monotonicMs() });
    const said = this.#said.get(key) ?? this.answer(server);
    this.#said.delete(key);
    if (said) {
      this.ends++;
      return Promise.resolve(said);
    }
    return new Promise((resolve) => {
      const end = (result: ProbeResult) => {
        if (this.#waiting.get(key) !== end) return;
        this.#waiting.delete(key);
        if (!signal.aborted) this.ends++;
        resolve(result);
      };
      this.#waiting.set(key, end);
      signal.addEventListener("abort", () => end(bad("the check was stopped")));
    });
  }
}

/** The checks alone, without a table. */
export class ChecksLab {
  readonly clock = new FakeClock();
  readonly probes: ToldProbes;
  readonly checks: Checks;
  /** "TCP 10.0.0.1:80 192.168.0.1:80 down: connection refused". */
  readonly turns: string[] = [];
  changes = 0;

  constructor(
    config: Config,
    answer?: ToldProbes["answer"],
    remembered: CareRecord["services"] = new Map(),
  ) {
    this.probes = new ToldProbes(this.clock, answer);
    this.checks = new Checks({
      ...{ config, remembered, clock: this.clock, journal: new Journal() },
      probeOf: this.probes.probeOf,
      onChange: () => this.changes++,
      onTurn: ({ service, server, isUp, reason }) =>
        this.turns.push(`${service} ${server.name} ${isUp ? "up" : `down: ${reason}`}`),
    });
  }

  start(): this {
    this.checks.start();
    return this;
  }

  async report(check: string, n: number, ...results: ProbeResult[]): Promise<void> {
    for (const result of results) await this.probes.report(check, n, result);
  }

  /** The states of a service's servers, by their numbers. */
  states(n: number): Record<string, string> {
    const states = [...this.checks.health.get(named(n)) ?? []];
    return Object.fromEntries(states.map(([name, { state }]) => [numberOf(name), state]));
  }
}

/** The loop with all that it drives. */
export class HealthLab {
  readonly clock = new FakeClock();
  readonly dataplane = new FakeDataplane();
  readonly probes = new ToldProbes(this.clock);
  readonly lines: string[] = [];
  /** What those have been told who want to know. */
  readonly told: Message[] = [];
  tell: Tell = (_, message) => {
    this.told.push(message);
    return Promise.resolve();
  };
  loop!: CareLoop;
  readonly #stateDir: string;
  #instance: Instance | undefined;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** Starts anew, with what the last one left in the table and in writing. */
  async start(...services: ServiceConfig[]): Promise<void> {
    await this.stop();
    const { clock, dataplane, probes } = this;
    const warn = (text: string) => this.lines.push(`warn ${text}`);
    const instance = Instance.open({
      ...{ name: RUN, command: "lvscare run", stateDir: this.#stateDir, unit: undefined, pid: 7 },
      warn,
    });
    const journal = new Journal();
    this.#instance = instance;
    this.loop = new CareLoop({
      ...{ config: configOf(services), instance, clock, journal, probeOf: probes.probeOf },
      ground: { dataplane, means: { kind: "kernel", rules: "iptables" } },
      notifications: new Notifications({
        ...{ clock, journal },
        tell: (...said) => this.tell(...said),
      }),
    });
    await this.loop.begin();
    this.loop.start();
    await settled();
  }

  async stop(): Promise<void> {
    if (!this.#instance) return;
    await this.loop.stop();
    this.#instance[Symbol.dispose]();
    this.#instance = undefined;
  }

  async reconfigure(...services: ServiceConfig[]): Promise<void> {
    await this.loop.reconfigure(configOf(services));
  }

  /** Results of the check that all have who ask for no other. */
  async report(n: number, ...results: ProbeResult[]): Promise<void> {
    for (const result of results) await this.probes.report("ping", n, result);
    await settled();
  }

  async pass(): Promise<void> {
    this.loop.requestPass();
    await settled();
  }

  /** What an operator does with ipvsadm, and what a pass makes of it. */
  async operate(n: number, weight: number, service = 1): Promise<void> {
    const found = this.dataplane.services.get(named(service))!;
    const { server } = found.servers.get(at(n))!;
    const { key } = found.service;
    this.dataplane.change({ kind: "editServer", key, server: { ...server, weight } });
    await this.pass();
  }

  /** The weights of a service's servers, by their numbers. */
  weights(service = 1): Record<string, number> {
    const found = this.dataplane.services.get(named(service));
    const weights = found ? this.dataplane.weights(found) : {};
    return Object.fromEntries(
      Object.entries(weights).map(([name, weight]) => [numberOf(name), weight]),
    );
  }

  /** What was said since the last time, without times. */
  take(): string[] {
    return this.lines.splice(0).map((line) => line.replace(/^\S+ /, "").trimEnd());
  }

  /** The steps that were taken since the last time. */
  takeSteps(): string[] {
    return this.dataplane.applied.splice(0).map(stepText);
  }

  /** What was told since the last time: "server-down 192.168.0.1:80". */
  takeTold(): string[] {
    return this.told.splice(0).map(({ event, service, server }) => `${event} ${server ?? service}`);
  }
}

/** "1" for 192.168.0.1:80. */
function numberOf(server: string): string {
  return /(\d+):\d+$/.exec(server)![1]!;
}

export async function withHealthLab(body: (lab: HealthLab) => Promise<void>): Promise<void> {
  await withFolder(async (stateDir) => {
    const lab = new HealthLab(stateDir);
    try {
      await body(lab);
    } finally {
      await lab.stop();
    }
  });
}

export function healthTest(name: string, body: (lab: HealthLab) => Promise<void>): void {
  Deno.test(name, () =>
    withHealthLab(async (lab) => {
      configureLogs({ level: "info", format: "text", write: (line) => lab.lines.push(line) });
      try {
        await body(lab);
      } finally {
        await lab.stop();
        resetLogs();
      }
    }));
}
