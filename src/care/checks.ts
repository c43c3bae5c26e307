/** The checks of all servers of all services, and what they make of each server's health. */

import type { Clock } from "../clock.ts";
import type { CheckRequest } from "../config/check.ts";
import type { CheckConfig, Config, ServerConfig, ServiceConfig } from "../config/config.ts";
import type { HealthStates } from "../desired/quorum.ts";
import type { Probe, ProbeResult } from "../health/probes/probe.ts";
import {
  type CheckHealth,
  downHealth,
  initialCheck,
  initialHealth,
  judge,
  reduceCheck,
  reduceServer,
  type ServerHealth,
  type ServerState,
} from "../health/reducer.ts";
import { type ProbeTarget, type Probing, startProbes } from "../health/scheduler.ts";
import type { CareRecord, Illness } from "../state/record.ts";
import type { Journal } from "./journal.ts";

export interface ChecksOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly probeOf: (check: CheckRequest) => Probe;
  /** What was known of servers when the last process ended. */
  readonly remembered: CareRecord["services"];
  /** Of these services some server's state or weight is another one. */
  readonly onChange: (services: readonly string[]) => void;
  /** A server has gone, or is back. */
  readonly onTurn?: (turn: ServerTurn) => void;
}

export interface ServerTurn {
  /** Of the service. */
  readonly service: string;
  readonly server: ServerConfig;
  readonly isUp: boolean;
  /** Why it has gone. */
  readonly reason: string | undefined;
}

/** How a check ended, in words. */
export interface LastCheck {
  readonly ok: boolean;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** One check that is made again and again, for all servers of all services that want to know. */
interface Target extends ProbeTarget {
  readonly check: CheckConfig;
  readonly subjects: Subject[];
}

/** A server of a service, by the checks that it has. */
interface Subject {
  readonly service: string;
  readonly server: ServerConfig;
  readonly targets: readonly string[];
}

export class Checks {
  readonly #options: ChecksOptions;
  readonly #health = new Map<string, Map<string, ServerHealth>>();
  /** By the targets' ids, as are the others. */
  readonly #checks = new Map<string, CheckHealth>();
  readonly #last = new Map<string, LastCheck>();
  /** Those that have never come to an end. */
  readonly #unchecked = new Set<string>();
  readonly #watches = new Map<string, Disposable>();
  /** By what is checked and how, so that a probe is the same one as long as that is the same. */
  #kinds = new Map<string, Kind>();
  readonly #kindOf = new WeakMap<CheckConfig, string>();
  #nextKind = 0;
  /** Grows with every change of a server's state, by services' names. */
  readonly #versions = new Map<string, number>();
  #targets: ReadonlyMap<string, Target> = new Map();
  /** By services' and servers' names. */
  #subjects: ReadonlyMap<string, Subject> = new Map();
  #probing: Probing<Target> | undefined;

  constructor(options: ChecksOptions) {
    this.#options = options;
    const { config, remembered } = options;
    this.#adoptAll(config, (service, server) => {
      const known = config.remembersHealth ? remembered.get(service) : undefined;
      if (known?.health.has(server)) return known.health.get(server);
      // What was in use when the last process ended has been proven by it.
      const isInUse = known?.weights.get(server)?.ours.some((weight) => weight > 0);
      return isInUse ? "up" : undefined;
    });
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

  /** How many results in a row the first of the server's checks has had. */
  counts(service: string, server: string): Pick<CheckHealth, "failures" | "successes"> | undefined {
    const [id] = this.#subjects.get(subjectKey(service, server))?.targets ?? [];
    const health = id === undefined ? undefined : this.#checks.get(id);
    return health && { failures: health.failures, successes: health.successes };
  }

  /** The last check of that server, if one has ended; of several, the first that is bad. */
  last(service: string, server: string): LastCheck | undefined {
    const ids = this.#subjects.get(subjectKey(service, server))?.targets ?? [];
    const ended = ids.map((id) => this.#last.get(id)).filter((each) => each !== undefined);
    return ended.find(({ ok }) => !ok) ?? ended[0];
  }

  start(): void {
    const { config, clock } = this.#options;
    this.#probing = startProbes({
      ...{ targets: [...this.#targets.values()], clock, atOnce: config.checksAtOnce },
      onResult: (target, result) => this.#onResult(target, result),
      intervalNow: ({ id, check }) => intervalOf(check, this.#checks.get(id)),
    });
    this.#follow();
  }

  stop(): Promise<void> {
    for (const watch of this.#watches.values()) watch[Symbol.dispose]();
    this.#watches.clear();
    return this.#probing?.stop() ?? Promise.resolve();
  }

  /** Goes on with other services and servers; those that stay keep all that is known of them. */
  reconfigure(config: Config): void {
    const listed = new Set(config.services.map(({ name }) => name));
    for (const name of this.#health.keys()) if (!listed.has(name)) this.#health.delete(name);
    this.#adoptAll(config, () => undefined);
    this.#probing?.setTargets([...this.#targets.values()]);
    if (this.#probing) this.#follow();
  }

  #adoptAll(config: Config, remembered: Remembered): void {
    this.#retarget(config, remembered);
    for (const service of config.services) {
      this.#adopt(service, (server) => remembered(service.name, server));
    }
  }

  /** Keeps what is known of the service's servers, and begins with those of which nothing is. */
  #adopt(
    { name: service, servers, sorry }: ServiceConfig,
    remembered: (server: string) => ReturnType<Remembered>,
  ): void {
    const nowMs = this.#options.clock.wallMs();
    const before = this.#health.get(service);
    const states = new Map<string, ServerHealth>();
    for (const server of withSorry(servers, sorry)) {
      const { name, checks } = server;
      // What is never checked would never come back.
      if (checks.length === 0) continue;
      const known = before?.get(name);
      states.set(name, known ?? this.#begin(service, server, remembered(name), nowMs));
    }
    this.#health.set(service, states);
    // What was known of others may be forgotten, and what begins may be down.
    if (before?.size !== states.size) this.#versions.set(service, this.version(service) + 1);
  }

  #begin(
    service: string,
    server: ServerConfig,
    known: ReturnType<Remembered>,
    nowMs: number,
  ): ServerHealth {
    if (typeof known === "object") return downHealth(known);
    const { isGood, weight, reason = "not proven yet" } = this.#judge(service, server);
    if (isGood) return { ...initialHealth(nowMs), weight };
    return downHealth({ state: "down", sinceMs: nowMs, failedMs: undefined, reason });
  }

  #judge(service: string, { name, checks, need }: ServerConfig) {
    const { targets = [] } = this.#subjects.get(subjectKey(service, name)) ?? {};
    const verdicts = checks.map(({ failedWeight }, i) => {
      return { health: this.#checks.get(targets[i]!)!, failedWeight };
    });
    return judge(verdicts, need);
  }

  /** Finds out what is to be checked, and for whom. */
  #retarget({ services }: Config, remembered: Remembered): void {
    const before = this.#targets;
    const kinds = this.#kinds;
    this.#kinds = new Map();
    const targets = new Map<string, Target>();
    const subjects = new Map<string, Subject>();
    for (const { name: service, servers, sorry } of services) {
      for (const server of withSorry(servers, sorry)) {
        if (server.checks.length === 0) continue;
        const ids = server.checks.map((check) => this.#targetOf(server, check, kinds, targets));
        const subject = { service, server, targets: ids };
        subjects.set(subjectKey(service, server.name), subject);
        for (const id of ids) targets.get(id)!.subjects.push(subject);
      }
    }
    const stateOf = ({ service, server: { name } }: Subject) => {
      const known = this.#health.get(service)?.get(name) ?? remembered(service, name);
      return typeof known === "object" ? known.state : known;
    };
    for (const { id, check, subjects } of targets.values()) {
      if (!this.#checks.has(id)) this.#beginCheck(id, check, subjects.map(stateOf));
    }
    this.#targets = targets;
    this.#subjects = subjects;
    for (const id of before.keys()) if (!targets.has(id)) this.#forget(id);
  }

  /** A check that is new says for the time being what is known already of those who want to know. */
  #beginCheck(
    id: string,
    { start }: CheckConfig,
    known: readonly (ServerState | undefined)[],
  ): void {
    const isKnownUp = known.includes("up");
    const isIll = known.every((state) => state !== undefined && state !== "up");
    this.#checks.set(id, initialCheck(isKnownUp || (start === "up" && !isIll)));
    this.#unchecked.add(id);
  }

  #forget(id: string): void {
    this.#checks.delete(id);
    this.#last.delete(id);
    this.#unchecked.delete(id);
    this.#watches.get(id)?.[Symbol.dispose]();
    this.#watches.delete(id);
  }

  /** The target of that check of that server, which others may have already. */
  #targetOf(
    { address, port }: ServerConfig,
    check: CheckConfig,
    before: ReadonlyMap<string, Kind>,
    targets: Map<string, Target>,
  ): string {
    const { number, probe } = this.#kind(check, before);
    const endpoint = { address: check.address ?? address, port: check.port ?? port };
    const id = `${endpoint.address} ${endpoint.port} ${number}`;
    if (targets.has(id)) return id;
    const { intervalMs, jitter, spreadMs } = check;
    targets.set(id, {
      ...{ id, endpoint, probe, intervalMs, jitter, check, subjects: [] },
      ...(spreadMs !== undefined && { spreadMs }),
    });
    return id;
  }

  /** The one that checks in the same way, if there was one before. */
  #kind(check: CheckConfig, before: ReadonlyMap<string, Kind>): Kind {
    let key = this.#kindOf.get(check);
    if (key === undefined) {
      key = JSON.stringify(check);
      this.#kindOf.set(check, key);
    }
    let kind = this.#kinds.get(key);
    if (!kind) {
      kind = before.get(key) ??
        { number: this.#nextKind++, probe: this.#options.probeOf(check.request) };
      this.#kinds.set(key, kind);
    }
    return kind;
  }

  /** What can tell of news need not be waited for. */
  #follow(): void {
    for (const { id, probe } of this.#targets.values()) {
      if (!probe.watch || this.#watches.has(id)) continue;
      try {
        this.#watches.set(id, probe.watch(() => this.#probing?.probeNow(id)));
      } catch (error) {
        this.#options.journal.warn("what it says is seen only at each interval", error);
      }
    }
  }

  #onResult(target: Target, result: ProbeResult): void {
    const { clock, journal } = this.#options;
    const { id, check, probe, endpoint, subjects } = target;
    const before = this.#checks.get(id);
    if (!before) return;
    const atMs = clock.wallMs();
    const last = this.#last.get(id);
    const text = result.ok ? "ok" : textOf(result);
    this.#unchecked.delete(id);
    this.#last.set(id, { ok: result.ok, text, atMs });
    const isIgnored = !result.ok && result.unable === true && check.unable === "ignore";
    const after = isIgnored ? before : reduceCheck(before, result, check);
    this.#checks.set(id, after);
    const what = probe.describe(endpoint);
    const failedMs = this.#failedMs(subjects[0]) ?? atMs;
    // What is ignored leaves no reason behind by which it would be known to have been said.
    const isSaid = isIgnored && last?.text === text;
    const known = isSaid ? { ...before, lastReason: result.reason } : before;
    journal.probe(what, result, known, after, atMs - failedMs);
    const isFailed = !result.ok && !isIgnored;
    const changed = subjects.filter((subject) => this.#apply(subject, isFailed, atMs));
    if (changed.length > 0) this.#options.onChange(changed.map(({ service }) => service));
  }

  #failedMs(subject: Subject | undefined): number | undefined {
    return subject && this.#health.get(subject.service)?.get(subject.server.name)?.failedMs;
  }

  /** Whether a server is in another state now, or wants another weight. */
  #apply({ service, server }: Subject, isFailure: boolean, nowMs: number): boolean {
    const states = this.#health.get(service);
    const before = states?.get(server.name);
    if (!states || !before) return false;
    const after = reduceServer(before, this.#judge(service, server), isFailure, nowMs);
    if (after === before) return false;
    states.set(server.name, after);
    if (after.state === before.state && after.weight === before.weight) return false;
    const isUp = after.state === "up";
    if (isUp !== (before.state === "up")) {
      const reason = isUp ? undefined : after.lastReason;
      this.#options.onTurn?.({ service, server, isUp, reason });
    }
    this.#versions.set(service, this.version(service) + 1);
    return true;
  }
}

interface Kind {
  readonly number: number;
  readonly probe: Probe;
}

/** What was known of a server when the last process ended. */
type Remembered = (service: string, server: string) => Illness | "up" | undefined;

function subjectKey(service: string, server: string): string {
  return `${service} ${server}`;
}

function* withSorry(
  servers: ServiceConfig["servers"],
  sorry: ServiceConfig["sorry"],
): Generator<ServerConfig> {
  yield* servers.values();
  // One that is listed too is checked as what it is there.
  if (sorry && !servers.has(sorry.server.name)) yield sorry.server;
}

function textOf({ reason, unable }: Extract<ProbeResult, { ok: false }>): string {
  return unable ? `could not be made: ${reason}` : reason;
}

function intervalOf(check: CheckConfig, health: CheckHealth | undefined): number {
  const { intervalMs, fastIntervalMs, downIntervalMs } = check;
  if (!health) return intervalMs;
  const { isUp, failures, successes } = health;
  if (isUp) return failures > 0 ? fastIntervalMs : intervalMs;
  return successes > 0 ? fastIntervalMs : downIntervalMs;
}
