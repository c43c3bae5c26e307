/** The checks of all servers of all services, and what they make of each server's health. */

import type { Clock } from "../clock.ts";
import type { CheckConfig, Config, ServerConfig, ServiceConfig } from "../config/config.ts";
import type { HealthStates } from "../desired/servers.ts";
import type { Probe, ProbeResult } from "../health/probes/probe.ts";
import { downHealth, initialHealth, reduceHealth, type ServerHealth } from "../health/reducer.ts";
import { type ProbeTarget, type Probing, startProbes } from "../health/scheduler.ts";
import type { CareRecord, Illness } from "../state/record.ts";
import type { Journal } from "./journal.ts";

export interface ChecksOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly probeOf: (check: CheckConfig["request"]) => Probe;
  /** What was known of servers when the last process ended. */
  readonly remembered: CareRecord["services"];
  /** Some server's state is another one. */
  readonly onChange: () => void;
}

/** How a check ended, in words. */
export interface LastCheck {
  readonly ok: boolean;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** One check that is made again and again. */
interface Target extends ProbeTarget {
  readonly service: string;
  readonly server: string;
  readonly check: CheckConfig;
}

export class Checks {
  readonly #options: ChecksOptions;
  readonly #health = new Map<string, Map<string, ServerHealth>>();
  /** By what is asked, so that a probe is the same one as long as that is the same. */
  #probes = new Map<string, Probe>();
  /** Those that have never come to an end, by the targets' ids. */
  readonly #unchecked = new Set<string>();
  /** Grows with every change of a server's state, by services' names. */
  readonly #versions = new Map<string, number>();
  /** The last one of each target that came to its end. */
  readonly #last = new Map<string, LastCheck>();
  #targets: readonly Target[] = [];
  #probing: Probing<Target> | undefined;

  constructor(options: ChecksOptions) {
    this.#options = options;
    const { config, remembered } = options;
    const illness = config.remembersHealth ? remembered : NOTHING_REMEMBERED;
    for (const service of config.services) {
      this.#adopt(service, (name) => illness.get(service.name)?.health.get(name));
    }
    this.#retarget(config);
  }

  /** By services' names. */
  get health(): ReadonlyMap<string, HealthStates> {
    return this.#health;
  }

  /** Another number when a server of the service is in another state. */
  version(service: string): number {
    return this.#versions.get(service) ?? 0;
  }

  /** Whether every server that is to be checked has been so at least once. */
  get areAllChecked(): boolean {
    return this.#unchecked.size === 0;
  }

  /** The last check of that server, if one has ended. */
  last(service: string, server: string): LastCheck | undefined {
    return this.#last.get(targetId(service, server));
  }

  start(): void {
    const { config, clock } = this.#options;
    this.#probing = startProbes({
      ...{ targets: this.#targets, clock, atOnce: config.checksAtOnce },
      onResult: (target, result) => this.#onResult(target, result),
    });
  }

  stop(): Promise<void> {
    return this.#probing?.stop() ?? Promise.resolve();
  }

  /** Goes on with other services and servers; those that stay keep all that is known of them. */
  reconfigure(config: Config): void {
    const listed = new Set(config.services.map(({ name }) => name));
    for (const name of this.#health.keys()) if (!listed.has(name)) this.#health.delete(name);
    for (const service of config.services) this.#adopt(service, () => undefined);
    this.#retarget(config);
    this.#probing?.setTargets(this.#targets);
  }

  /** Keeps what is known of the service's servers, and begins with those of which nothing is. */
  #adopt(
    { name: service, servers, start }: ServiceConfig,
    remembered: (server: string) => Illness | undefined,
  ): void {
    const { clock } = this.#options;
    const before = this.#health.get(service);
    const states = new Map<string, ServerHealth>();
    for (const { name, check } of servers.values()) {
      // What is never checked would never come back.
      if (check) states.set(name, before?.get(name) ?? this.#begin(start, remembered(name), clock));
    }
    this.#health.set(service, states);
    // What was known of others may be forgotten, and what begins may be down.
    if (before?.size !== states.size) this.#versions.set(service, this.version(service) + 1);
  }

  #begin(
    start: ServiceConfig["start"],
    illness: Illness | undefined,
    clock: Clock,
  ): ServerHealth {
    if (illness) return downHealth(illness);
    const nowMs = clock.wallMs();
    if (start === "up") return initialHealth(nowMs);
    const reason = "not proven yet";
    return downHealth({ state: "down", sinceMs: nowMs, failedMs: undefined, reason });
  }

  #retarget({ services }: Config): void {
    const known = new Set(this.#targets.map(({ id }) => id));
    const isUnchecked = (id: string) => !known.has(id) || this.#unchecked.has(id);
    const probes = this.#probes;
    this.#probes = new Map();
    this.#targets = services.flatMap((service) => this.#targetsOf(service, probes));
    const all = new Set(this.#targets.map(({ id }) => id));
    const ids = [...all].filter(isUnchecked);
    for (const id of known) if (!all.has(id)) this.#last.delete(id);
    this.#unchecked.clear();
    for (const id of ids) this.#unchecked.add(id);
  }

  #targetsOf(
    { name: service, servers }: ServiceConfig,
    probes: ReadonlyMap<string, Probe>,
  ): Target[] {
    const targets: Target[] = [];
    for (const server of servers.values()) {
      const { check, name } = server;
      if (!check) continue;
      const endpoint = endpointOf(server, check);
      const { intervalMs } = check;
      const id = targetId(service, name);
      const probe = this.#probeOf(check.request, probes);
      targets.push({ id, endpoint, probe, intervalMs, service, server: name, check });
    }
    return targets;
  }

  /** The one that asks the same, if there was one before. */
  #probeOf(request: CheckConfig["request"], before: ReadonlyMap<string, Probe>): Probe {
    const key = JSON.stringify(request);
    let probe = this.#probes.get(key);
    if (!probe) {
      probe = before.get(key) ?? this.#options.probeOf(request);
      this.#probes.set(key, probe);
    }
    return probe;
  }

  #onResult({ id, service, server, check, probe, endpoint }: Target, result: ProbeResult): void {
    const { clock, journal, onChange } = this.#options;
    const atMs = clock.wallMs();
    this.#unchecked.delete(id);
    this.#last.set(id, { ok: result.ok, text: result.ok ? "ok" : result.reason, atMs });
    const states = this.#health.get(service);
    const before = states?.get(server);
    if (!states || !before) return;
    const after = reduceHealth(before, result, check, atMs);
    states.set(server, after);
    journal.probe(probe.describe(endpoint), result, before, after);
    if (after.state === before.state) return;
    this.#versions.set(service, this.version(service) + 1);
    onChange();
  }
}

const NOTHING_REMEMBERED: CareRecord["services"] = new Map();

function targetId(service: string, server: string): string {
  return `${service} ${server}`;
}

function endpointOf({ address, port }: ServerConfig, check: CheckConfig) {
  return { address, port: check.port ?? port };
}
