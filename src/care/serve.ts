/** `lvscare run` from its files to its exit status: start, reload, status, stop. */

import type { Control, ReloadAnswer, StatusAnswer } from "../admin/control.ts";
import { judgeDevices, judgeRivals } from "../config/files/host.ts";
import type { FilesReading, ReadChoices } from "../config/files/read.ts";
import { type Config, count, describeConfig, type HostConfig } from "../config/config.ts";
import { LvscareError } from "../errors.ts";
import { groundRequest, needsOf } from "./ground.ts";
import { Instance, RUN } from "./instance.ts";
import { Journal } from "./journal.ts";
import { CareLoop } from "./loop.ts";
import { Notifications, type Tell } from "./notifications.ts";
import type { Notifier } from "./notify.ts";
import { ConfigProblems } from "./problems.ts";
import {
  answerStatus,
  type CareGround,
  type CareWorld,
  leaveKernel,
  probeMaker,
  tryOpenControl,
  untilSignal,
} from "./run.ts";

export interface ServeOptions {
  /** A file, or a directory. */
  readonly path: string;
  readonly choices: ReadChoices;
  readonly stateDir: string;
  /** Reload when the files change. */
  readonly watch: boolean;
  /** Say that it is ready only when every server has been checked once. */
  readonly wait: boolean;
}

export interface ServeWorld extends CareWorld {
  tell: Tell;
  readFiles(path: string, choices: ReadChoices): Promise<FilesReading>;
  /** Changes when the files do. */
  fingerprint(path: string, choices: ReadChoices): string | undefined;
}

/** How often files are looked at, and how long they must have been still. */
const WATCH_MS = 1000;
/** How often it is asked whether all has been checked. */
const READY_MS = 100;

export async function runServices(options: ServeOptions, world: ServeWorld): Promise<number> {
  const journal = new Journal();
  const warn = (text: string, error?: unknown) => journal.warn(text, error);
  // Before the files are read: what is written from here on is news.
  const { path, choices } = options;
  const fingerprint = options.watch ? world.fingerprint(path, choices) : undefined;
  const reading = await world.readFiles(path, choices);
  const first = demand(reading);
  const ground = await world.openGround(groundRequest(first, "care"), warn);
  try {
    const { stateDir } = options;
    const command = `lvscare run -c ${path}`;
    using instance = Instance.open({ ...world, name: RUN, command, stateDir, warn });
    await judge(reading, ground, instance);
    await leaveKernel(ground, instance, journal);
    for (const note of reading.notes) journal.info(note);
    journal.info(`${describeConfig(first)} from ${path}: ${ground.choice}`);
    if (ground.means.kind === "embedded" && isGiven(first.table)) {
      journal.warn("timeouts and sync daemons are of IPVS, and the embedded proxy has none");
    }
    using notifier = world.openNotifier(warn);
    const daemon = new Daemon({ options, world, ground, instance, journal, notifier }, first);
    return await daemon.run(fingerprint);
  } finally {
    ground.dataplane.close();
  }
}

function isGiven({ timeouts, daemons }: Config["table"]): boolean {
  return Object.keys(timeouts).length > 0 || daemons.length > 0;
}

/** The configuration, or all that is wrong with it. */
export function demand({ config, report }: FilesReading): Config {
  if (config && report.isEmpty) return config;
  throw new ConfigProblems(report);
}

/** Refuses what does not agree with the host. */
async function judge(
  reading: FilesReading,
  { dataplane }: CareGround,
  instance: Instance,
): Promise<void> {
  const { services } = demand(reading);
  if (services.some(({ mode }) => mode.kind === "link")) {
    judgeDevices(reading, await dataplane.listDevices());
  }
  judgeRivals(reading, instance.rivals());
  demand(reading);
}

interface Parts {
  readonly options: ServeOptions;
  readonly world: ServeWorld;
  readonly ground: CareGround;
  readonly instance: Instance;
  readonly journal: Journal;
  readonly notifier: Notifier | undefined;
}

class Daemon {
  readonly #parts: Parts;
  readonly #loop: CareLoop;
  readonly #startedMs: number;
  #loadedMs: number;
  #isReady = false;
  /** Reloads, one after the other. */
  #reloads: Promise<unknown> = Promise.resolve();
  #timers = new Set<{ cancel(): void }>();
  #isStopped = false;

  constructor(parts: Parts, config: Config) {
    const { world, ground, instance, journal, notifier } = parts;
    this.#parts = parts;
    this.#startedMs = this.#loadedMs = world.clock.wallMs();
    const probeOf = probeMaker(config, world, ground);
    const { clock } = world;
    const notifications = new Notifications({ tell: world.tell, clock, journal });
    this.#loop = new CareLoop({
      ...{ ground, config, instance, journal, probeOf, clock, notifier, notifications },
    });
  }

  async run(fingerprint: string | undefined): Promise<number> {
    const { world, journal, notifier, ground } = this.#parts;
    const signal = untilSignal(world, {
      SIGHUP: () => void this.#reload("SIGHUP"),
      SIGUSR1: () => journal.info(`state ${JSON.stringify(this.#loop.describe())}`),
    });
    const begun = await Promise.race([this.#begin().then(() => "begun" as const), signal]);
    if (begun === "begun") {
      const control = this.#openControl();
      this.#loop.start();
      this.#awaitReady();
      if (this.#parts.options.watch) this.#watch(fingerprint, undefined);
      await signal;
      // Whoever keeps a connection open is not waited for.
      void control?.close();
    }
    journal.info(`${await signal}: stopping, and ${ground.farewell}`);
    notifier?.stopping();
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    await this.#loop.stop();
    return 0;
  }

  async #begin(): Promise<void> {
    await this.#makeReady(this.#loop.config);
    await this.#loop.begin();
  }

  #makeReady(config: Config): Promise<void> {
    const { ground, journal } = this.#parts;
    return ground.ready(needsOf(config), journal);
  }

  #openControl(): Control | undefined {
    const { world, options: { stateDir }, journal } = this.#parts;
    return tryOpenControl(world, { stateDir, name: RUN, journal }, {
      reload: () => this.#reload("reload"),
      status: () => this.#status(),
    });
  }

  #awaitReady(): void {
    const { options, notifier, journal } = this.#parts;
    if (options.wait && !this.#loop.checks.areAllChecked) {
      this.#after(READY_MS, () => this.#awaitReady());
      return;
    }
    this.#isReady = true;
    journal.info(options.wait ? "ready: every server has been checked" : "ready");
    notifier?.ready();
  }

  #reload(why: string): Promise<ReloadAnswer> {
    const reloaded = this.#reloads.then(() => this.#reloadNow(why));
    this.#reloads = reloaded;
    return reloaded;
  }

  async #reloadNow(why: string): Promise<ReloadAnswer> {
    const { journal, notifier } = this.#parts;
    if (this.#isStopped) return { ok: false, problems: ["it is stopping"] };
    notifier?.reloading();
    try {
      return await this.#takeOver(why);
    } catch (error) {
      const problems = error instanceof ConfigProblems ? error.lines : [messageOf(error)];
      journal.error(`${why}: the configuration stays as it was, for the new one is wrong`);
      for (const line of problems) journal.error(line);
      return { ok: false, problems };
    } finally {
      if (this.#isReady) notifier?.ready();
    }
  }

  async #takeOver(why: string): Promise<ReloadAnswer> {
    const { world, options, ground, journal } = this.#parts;
    const reading = await world.readFiles(options.path, options.choices);
    const config = demand(reading);
    const fixed = fixedDifference(this.#loop.config, config);
    if (fixed !== undefined) {
      throw new LvscareError(`host.${fixed} is another one: that takes a restart`);
    }
    await judge(reading, ground, this.#parts.instance);
    await this.#makeReady(config);
    const outcomes = await this.#loop.reconfigure(config);
    this.#loadedMs = world.clock.wallMs();
    const refused = outcomes.filter(({ error }) => error !== undefined);
    const text = `${describeConfig(config)}, ${count(outcomes.length - refused.length, "change")}`;
    journal.info(`${why}: ${text}`);
    const problems = refused.map(({ error }) => messageOf(error));
    return { ok: true, text, problems };
  }

  /** Looks for other files, and reloads when they have been still for a while. */
  #watch(loaded: string | undefined, seen: string | undefined): void {
    this.#after(WATCH_MS, async () => {
      const { world, options } = this.#parts;
      const now = world.fingerprint(options.path, options.choices);
      const isNews = now !== undefined && now !== loaded;
      if (isNews && now === seen) {
        await this.#reload("watch");
        this.#watch(now, undefined);
      } else this.#watch(loaded, isNews ? now : undefined);
    });
  }

  #status(): Promise<StatusAnswer> {
    const { world: { pid }, options, ground } = this.#parts;
    return answerStatus(this.#loop, ground, {
      ...{ pid, configuration: options.path, isReady: this.#isReady },
      ...{ startedMs: this.#startedMs, loadedMs: this.#loadedMs },
    });
  }

  #after(ms: number, body: () => void): void {
    if (this.#isStopped) return;
    const timer = this.#parts.world.clock.after(ms, () => {
      this.#timers.delete(timer);
      if (!this.#isStopped) body();
    });
    this.#timers.add(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What of the host differs and cannot while the program runs. */
function fixedDifference(before: Config, after: Config): string | undefined {
  if (before.checksAtOnce !== after.checksAtOnce) return "checks-at-once";
  const keys = Object.keys(before.host) as (keyof HostConfig)[];
  return keys.find((key) => JSON.stringify(before.host[key]) !== JSON.stringify(after.host[key]));
}
