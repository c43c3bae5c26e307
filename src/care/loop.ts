/** The loop: passes when something happened and at least every interval, and probes beside them. */

import type { Clock } from "../clock.ts";
import type { CheckRequest } from "../config/check.ts";
import type { Config, ServiceConfig } from "../config/config.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Means } from "../desired/surroundings.ts";
import type { Probe } from "../health/probes/probe.ts";
import { printServiceKey } from "../model/ipvs.ts";
import type { Scope } from "../plan/observed.ts";
import { type CareRecord, EMPTY_RECORD } from "../state/record.ts";
import { Checks } from "./checks.ts";
import type { Instance } from "./instance.ts";
import type { Journal } from "./journal.ts";
import type { Notifier } from "./notify.ts";
import type { StepOutcome } from "./apply.ts";
import { PassMemory, type QuorumTurn } from "./carer.ts";
import type { Notifications } from "./notifications.ts";
import { type FewInput, NOTHING_TO_SEE, runFew, runPass } from "./pass.ts";

/** How soon a change by others is noticed, where the kernel tells of it. */
const WATCH_MS = 250;
/** The same after one that was none of our business: busy hosts have many. */
const CALM_WATCH_MS = 1000;
/** A server that is to leave is looked at this often, however long the interval is. */
const DRAIN_MS = 1000;
/** Who stops a service waits a second, and has more to do than to wait. */
const STOP_MS = 800;
/** So few services are changed by themselves before all are looked at. */
const FEW = 50;
/** One change may call for the next; three in a row are settled by the one before the last. */
const ROUNDS = 4;

/** What is driven. Whose rules are made may be known only later. */
export interface LoopGround {
  readonly dataplane: Dataplane;
  readonly means: Means;
}

export interface LoopOptions {
  readonly config: Config;
  readonly ground: LoopGround;
  readonly instance: Instance;
  readonly probeOf: (check: CheckRequest) => Probe;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly notifier?: Notifier | undefined;
  /** Tells whoever wants to know what becomes of services and servers. */
  readonly notifications?: Notifications | undefined;
}

/** Everything that an instance knows, as values for JSON. */
export interface LoopState {
  readonly dataplane: string;
  readonly rules?: string;
  readonly services: readonly {
    readonly service: string;
    readonly servers: readonly unknown[];
    /** Until when each may stay. */
    readonly leaving: Readonly<Record<string, number>>;
  }[];
  readonly leaving: readonly unknown[];
  readonly owned: CareRecord["owned"];
}

export class CareLoop {
  readonly #options: LoopOptions;
  readonly #checks: Checks;
  readonly #memory = new PassMemory((service) => this.#checks.version(service));
  #config: Config;
  #record: CareRecord;
  /** What the last pass has looked at. */
  #scope: Scope = NOTHING_TO_SEE;
  /** What is to be cared for, from the next pass on, and who wants to know what becomes of each step. */
  #next: { readonly config: Config; readonly outcomes: StepOutcome[] } | undefined;
  /** Gets what becomes of each step, while somebody wants to know. */
  #outcomes: StepOutcome[] | undefined;
  #timers: { cancel(): void }[] = [];
  /** Names of services whose servers' states are other ones than in the last pass. */
  #turned = new Set<string>();
  /** Asked for and not begun yet. */
  #isWanted = false;
  #running: Promise<void> | undefined;
  /** The last pass did all that there was to do. */
  #isWhole = false;
  #isStopped = false;
  #stopping: Promise<void> | undefined;
  #passedAtMs = 0;
  #isTimed = false;
  #isStarted = false;
  #isAwaitingTime = false;

  constructor(options: LoopOptions) {
    const { config, instance } = options;
    this.#options = options;
    this.#config = config;
    this.#record = { ...instance.read() ?? EMPTY_RECORD, phase: "running" };
    this.#checks = new Checks({
      ...options,
      remembered: this.#record.services,
      onChange: (services) => this.#onTurned(services),
      onTurn: (turn) => options.notifications?.server(turn),
    });
  }

  /** The first pass. Says whether all was done. */
  async begin(): Promise<boolean> {
    await this.#pass();
    return this.#isWhole;
  }

  /** Probes and passes until stop(). */
  start(): void {
    const { notifier } = this.#options;
    this.#checks.start();
    this.#every(() => this.#config.intervalMs, () => this.requestPass());
    this.#isStarted = true;
    this.#awaitTime();
    this.#watch(WATCH_MS);
    const beat = notifier?.watchdogIntervalMs;
    if (notifier && beat !== undefined) this.#every(() => beat, () => this.#beat(notifier));
    this.#tellStatus();
  }

  /**
   * Cares from now on for what this says; what is not different is not touched. Says what became of each step
   * that this took.
   */
  async reconfigure(config: Config): Promise<readonly StepOutcome[]> {
    const outcomes: StepOutcome[] = [];
    // A pass that is under way ends with what it began with, and the next one begins with this.
    this.#next = { config, outcomes };
    await this.#pass();
    return outcomes;
  }

  async #takeOver(config: Config): Promise<void> {
    const before = this.#config;
    this.#record = withLeaving(this.#record, before, config, this.#options.clock.wallMs());
    this.#config = config;
    this.#checks.reconfigure(config);
    const known = new Map(before.services.map((service) => [service.name, service]));
    await this.#passFew(config.services.filter((service) => {
      const was = known.get(service.name);
      return was !== undefined && was !== service;
    }));
  }

  #onTurned(services: readonly string[]): void {
    for (const service of services) this.#turned.add(service);
    this.requestPass();
  }

  /** Services of which a server has gone or is back: its clients wait for that. */
  async #passTurned(): Promise<void> {
    const turned = this.#turned;
    this.#turned = new Set();
    if (turned.size === 0 || turned.size > FEW) return;
    await this.#passFew(this.#config.services.filter(({ name }) => turned.has(name)));
  }

  /** What a few services have anew is not to wait for a look at all of them. */
  async #passFew(few: readonly ServiceConfig[]): Promise<void> {
    const { journal } = this.#options;
    if (few.length === 0 || few.length > FEW) return;
    try {
      const { record, outcomes, turns } = await runFew(this.#input(), few);
      this.#record = record;
      for (const turn of turns) this.#tell(turn);
      this.#outcomes?.push(...outcomes);
      journal.steps(outcomes);
    } catch (error) {
      journal.failedPass(error);
    }
  }

  get config(): Config {
    return this.#config;
  }

  get checks(): Checks {
    return this.#checks;
  }

  get record(): CareRecord {
    return this.#record;
  }

  /** Whether the last pass left nothing undone. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether passes come to their end: one did not long ago. */
  get isTurning(): boolean {
    const silentMs = this.#options.clock.monotonicMs() - this.#passedAtMs;
    return silentMs <= 3 * this.#config.intervalMs + CALM_WATCH_MS;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** A full pass as soon as the one that may be under way is over. */
  requestPass(): void {
    this.#isWanted = true;
    this.#running ??= this.#run();
  }

  async #pass(): Promise<void> {
    this.requestPass();
    await this.#running;
  }

  /** Ends probes and passes; what is in the kernel stays. A program that hangs is not waited for. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    const told = this.#options.notifications?.end(this.#config, this.#checks.health);
    for (const timer of this.#timers) timer.cancel();
    const ended = Promise.all([this.#checks.stop(), this.#running, told]);
    const late = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(STOP_MS, late.resolve);
    await Promise.race([ended, late.promise]);
    timer.cancel();
    this.#options.notifications?.close();
    this.leave("stopped");
  }

  /** Writes down that this instance ends on purpose. */
  leave(phase: CareRecord["phase"]): void {
    this.#record = { ...this.#record, phase };
    this.#save(this.#record);
  }

  describe(): LoopState {
    const { dataplane, means } = this.#options.ground;
    const { services, leaving, owned } = this.#record;
    return {
      dataplane: dataplane.name,
      ...(means.kind === "kernel" && { rules: means.rules }),
      services: this.#config.services.map(({ name, servers }) => ({
        service: name,
        servers: [...servers.keys()].map((server) => ({
          server,
          ...this.#checks.health.get(name)?.get(server),
          ...this.#checks.counts(name, server),
          weight: services.get(name)?.weights.get(server),
        })),
        leaving: Object.fromEntries(services.get(name)?.drains ?? []),
      })),
      leaving: [...leaving.values()],
      owned,
    };
  }

  /** Where time alone will change something, that is looked for soon, however long the interval is. */
  #awaitTime(): void {
    if (!this.#isStarted || !this.#isWaiting || this.#isAwaitingTime) return;
    this.#isAwaitingTime = true;
    this.#after(DRAIN_MS, () => {
      this.#isAwaitingTime = false;
      this.requestPass();
    });
  }

  /** Time alone will change something. */
  get #isWaiting(): boolean {
    return this.#isTimed || this.#record.leaving.size > 0;
  }

  #tell(turn: QuorumTurn): void {
    const { journal, notifications } = this.#options;
    journal.quorum(turn);
    notifications?.quorum(turn);
  }

  #save(record: CareRecord): void {
    const { instance, ground } = this.#options;
    this.#record = record;
    if (ground.means.kind === "kernel") return instance.save(record);
    // The services end with this process; one of the kernel under the same key would not be ours.
    const { owned } = record;
    instance.save({ ...record, owned: { ...owned, services: [] }, leaving: new Map() });
  }

  async #run(): Promise<void> {
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      const next = this.#next;
      this.#next = undefined;
      this.#outcomes = next?.outcomes;
      if (next) await this.#takeOver(next.config);
      await this.#passTurned();
      this.#isWhole = await this.#settle();
      this.#outcomes = undefined;
      this.#tellStatus();
      this.#awaitTime();
    }
    this.#running = undefined;
  }

  /** Makes a pass, and another one until there is nothing to do. */
  async #settle(): Promise<boolean> {
    const { journal, clock } = this.#options;
    let isWhole = true;
    for (let round = 0; round < ROUNDS; round++) {
      try {
        const { instance } = this.#options;
        const others = instance.othersThan(instance.name);
        const result = await runPass({ ...this.#input(), others });
        this.#record = result.record;
        this.#scope = result.scope;
        this.#isTimed = result.isTimed;
        for (const turn of result.turns) this.#tell(turn);
        this.#outcomes?.push(...result.outcomes);
        journal.pass(result);
        isWhole = result.look.blind.length === 0 &&
          result.outcomes.every(({ error }) => error === undefined);
        if (result.outcomes.length === 0 || !isWhole) break;
      } catch (error) {
        journal.failedPass(error);
        return false;
      }
    }
    this.#passedAtMs = clock.monotonicMs();
    return isWhole;
  }

  #input(): FewInput {
    const { ground: { dataplane, means }, clock } = this.#options;
    return {
      config: this.#config,
      dataplane,
      means,
      health: this.#checks.health,
      record: this.#record,
      nowMs: clock.wallMs(),
      memory: this.#memory,
      save: (record) => this.#save(record),
    };
  }

  /** Looks for changes by others; more seldom after one that called for nothing. */
  #watch(afterMs: number): void {
    this.#after(afterMs, async () => {
      const { ground: { dataplane }, journal } = this.#options;
      let nextMs = WATCH_MS;
      try {
        if (dataplane.disturbed(this.#scope)) {
          this.requestPass();
          await this.#running;
          nextMs = CALM_WATCH_MS;
        }
      } catch (error) {
        journal.failedPass(error);
        nextMs = CALM_WATCH_MS;
      }
      this.#watch(nextMs);
    });
  }

  /** systemd is told only as long as passes come to their end. */
  #beat(notifier: Notifier): void {
    if (this.isTurning) notifier.watchdog();
  }

  #tellStatus(): void {
    const { services } = this.#config;
    let [up, all] = [0, 0];
    for (const { name, servers } of services) {
      all += servers.size;
      const health = this.#checks.health.get(name);
      for (const server of servers.keys()) if ((health?.get(server)?.state ?? "up") === "up") up++;
    }
    const { service } = services[0] ?? {};
    const what = services.length === 1 && service?.key.kind === "address"
      ? printServiceKey(service.key).replace(/^TCP /, "")
      : `${services.length} services`;
    this.#options.notifier?.status(`${what}: ${up} of ${all} servers up`);
  }

  #every(ms: () => number, body: () => void): void {
    this.#after(ms(), () => {
      body();
      this.#every(ms, body);
    });
  }

  #after(ms: number, body: () => void): void {
    if (this.#isStopped) return;
    const timer = this.#options.clock.after(ms, () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
      if (!this.#isStopped) body();
    });
    this.#timers.push(timer);
  }
}

/** The record with those services that the next configuration has no more, to leave in the time they have. */
function withLeaving(
  record: CareRecord,
  before: Config,
  after: Config,
  nowMs: number,
): CareRecord {
  const listed = new Set(after.services.map(({ name }) => name));
  const leaving = new Map([...record.leaving].filter(([name]) => !listed.has(name)));
  for (const { name, service: { key }, drainTimeoutMs } of before.services) {
    if (!listed.has(name)) leaving.set(name, { key, untilMs: nowMs + drainTimeoutMs });
  }
  return { ...record, leaving };
}
