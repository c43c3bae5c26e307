/** The loop: passes when something happened and at least every interval, and probes beside them. */

import type { Clock } from "../clock.ts";
import type { CareConfig } from "../config/care.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Probe, ProbeResult } from "../health/probes/probe.ts";
import type { Means } from "../desired/desire.ts";
import { initialHealth, reduceHealth, type ServerHealth } from "../health/reducer.ts";
import { type Probing, startProbes } from "../health/scheduler.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import { type CareRecord, EMPTY_RECORD } from "../state/record.ts";
import type { Instance } from "./instance.ts";
import type { Journal } from "./journal.ts";
import type { Notifier } from "./notify.ts";
import { careScope, type PassInput, runPass } from "./pass.ts";

/** How soon a change by others is noticed, where the kernel tells of it. */
const WATCH_MS = 250;
/** The same after one that was none of our business: busy hosts have many. */
const CALM_WATCH_MS = 1000;
/** A server that is to leave is looked at this often, however long the interval is. */
const DRAIN_MS = 1000;
/** Who stops a service waits a second, and has more to do than to wait. */
const STOP_MS = 800;
/** One change may call for the next; three in a row are settled by the one before the last. */
const ROUNDS = 4;

export interface LoopOptions {
  readonly config: CareConfig;
  readonly dataplane: Dataplane;
  readonly means: Means;
  readonly instance: Instance;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly notifier?: Notifier | undefined;
}

export class CareLoop {
  readonly #options: LoopOptions;
  readonly #health = new Map<string, ServerHealth>();
  #record: CareRecord;
  #probing: Probing | undefined;
  #timers: { cancel(): void }[] = [];
  /** Asked for and not begun yet. */
  #isWanted = false;
  #running: Promise<void> | undefined;
  /** The last pass did all that there was to do. */
  #isWhole = false;
  #isStopped = false;
  #stopping: Promise<void> | undefined;
  #passedAtMs = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#record = { ...options.instance.read() ?? EMPTY_RECORD, phase: "running" };
    const now = options.clock.wallMs();
    for (const server of options.config.servers) {
      this.#health.set(printEndpoint(server), initialHealth(now));
    }
  }

  /** The first pass. Says whether all was done. */
  async begin(): Promise<boolean> {
    this.requestPass();
    await this.#running;
    return this.#isWhole;
  }

  /** Probes and passes until stop(). */
  start(): void {
    const { config, probe, clock, notifier } = this.#options;
    this.#probing = startProbes({
      targets: config.servers,
      probe,
      intervalMs: config.intervalMs,
      clock,
      onResult: (server, result) => this.#onResult(server, result),
    });
    this.#every(() => config.intervalMs, () => this.requestPass());
    this.#every(() => this.#record.drains.size > 0 ? DRAIN_MS : config.intervalMs, () => {
      if (this.#record.drains.size > 0) this.requestPass();
    });
    this.#watch(WATCH_MS);
    const beat = notifier?.watchdogIntervalMs;
    if (notifier && beat !== undefined) this.#every(() => beat, () => this.#beat(notifier));
    this.#tellStatus();
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** A full pass as soon as the one that may be under way is over. */
  requestPass(): void {
    this.#isWanted = true;
    this.#running ??= this.#run();
  }

  /** Ends probes and passes; what is in the kernel stays. A program that hangs is not waited for. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    const ended = Promise.all([this.#probing?.stop(), this.#running]);
    const late = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(STOP_MS, late.resolve);
    await Promise.race([ended, late.promise]);
    timer.cancel();
    this.leave("stopped");
  }

  /** Writes down that this instance ends on purpose. */
  leave(phase: CareRecord["phase"]): void {
    this.#record = { ...this.#record, phase };
    this.#options.instance.save(this.#record);
  }

  /** Everything that this instance knows, as values for JSON. */
  describe(): unknown {
    const { config, dataplane, means } = this.#options;
    const { weights, drains, owned } = this.#record;
    return {
      virtualServer: printEndpoint(config.virtualServer),
      dataplane: dataplane.name,
      ...(means.kind === "kernel" && { rules: means.rules }),
      servers: config.servers.map((server) => {
        const name = printEndpoint(server);
        return { server: name, ...this.#health.get(name), weight: weights.get(name) };
      }),
      leaving: Object.fromEntries(drains),
      owned,
    };
  }

  async #run(): Promise<void> {
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      this.#isWhole = await this.#settle();
      this.#tellStatus();
    }
    this.#running = undefined;
  }

  /** Makes a pass, and another one until there is nothing to do. */
  async #settle(): Promise<boolean> {
    const { journal, clock } = this.#options;
    let isWhole = true;
    for (let round = 0; round < ROUNDS; round++) {
      try {
        const result = await runPass(this.#input());
        this.#record = result.record;
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

  #input(): PassInput {
    const { config, dataplane, means, instance, clock } = this.#options;
    return {
      config,
      dataplane,
      means,
      health: this.#health,
      record: this.#record,
      others: instance.othersThan(instance.name),
      nowMs: clock.wallMs(),
      save: (record) => {
        this.#record = record;
        instance.save(record);
      },
    };
  }

  #onResult(server: Endpoint, result: ProbeResult): void {
    const { config, probe, journal, clock } = this.#options;
    const name = printEndpoint(server);
    const before = this.#health.get(name) ?? initialHealth(clock.wallMs());
    const after = reduceHealth(before, result, config, clock.wallMs());
    this.#health.set(name, after);
    journal.probe(probe.describe(server), result, before, after);
    if (after.state !== before.state) this.requestPass();
  }

  /** Looks for changes by others; more seldom after one that called for nothing. */
  #watch(afterMs: number): void {
    this.#after(afterMs, async () => {
      const { dataplane, journal } = this.#options;
      let nextMs = WATCH_MS;
      try {
        if (dataplane.disturbed(careScope(this.#input()))) {
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
    const { clock, config } = this.#options;
    const silentMs = clock.monotonicMs() - this.#passedAtMs;
    if (silentMs <= 3 * config.intervalMs + CALM_WATCH_MS) notifier.watchdog();
  }

  #tellStatus(): void {
    const { notifier, config } = this.#options;
    const states = [...this.#health.values()];
    const up = states.filter(({ state }) => state === "up").length;
    const name = printEndpoint(config.virtualServer);
    notifier?.status(`${name}: ${up} of ${states.length} servers up`);
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
