/** `lvscare care` from its configuration to its exit status: once, for good, dry, or to clean up. */

import type { Control, ControlHandlers, StatusAnswer } from "../admin/control.ts";
import type { Clock } from "../clock.ts";
import type { CareConfig } from "../config/care.ts";
import type { CheckRequest } from "../config/check.ts";
import { careServices } from "../config/care_services.ts";
import type { Config } from "../config/config.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Means } from "../desired/surroundings.ts";
import { joinOwned, NOTHING_OWNED } from "../desired/owned.ts";
import { LvscareError } from "../errors.ts";
import type { Probe } from "../health/probes/probe.ts";
import { printEndpoint } from "../model/endpoint.ts";
import { stepText } from "../plan/text.ts";
import { EMPTY_RECORD } from "../state/record.ts";
import type { ProxyProtocol } from "../wire/proxy_protocol.ts";
import { clean, planClean } from "./clean.ts";
import { type GroundRequest, groundRequest, type Needs, needsOf } from "./ground.ts";
import { Instance, type InstanceOptions } from "./instance.ts";
import { Journal } from "./journal.ts";
import { CareLoop } from "./loop.ts";
import type { Notifier } from "./notify.ts";
import { ownedByName, prospect } from "./pass.ts";
import { serviceStatus } from "./status.ts";

export const EXIT_DIFFERENT = 3;

/** What is cared for, and by which means. */
export interface CareGround {
  readonly dataplane: Dataplane;
  readonly means: Means;
  /** The means in words, for the log. */
  readonly choice: string;
  /** What becomes of its work when it stops, for the log. */
  readonly farewell: string;
  /** The kernel, where it is not the ground: an earlier run may have left things there. */
  openKernel?(): Promise<Dataplane>;
  /** Makes ready what services need: modules, and whose rules. Throws where nothing can be done without it. */
  ready(needs: Needs, say: Pick<Journal, "info" | "doubt">): Promise<void>;
}

export interface CareWorld {
  readonly clock: Clock;
  readonly pid: number;
  readonly unit: string | undefined;
  openGround(
    request: GroundRequest,
    warn: (text: string, error?: unknown) => void,
  ): Promise<CareGround>;
  probe(
    check: CheckRequest,
    options: { readonly clock: Clock; readonly proxyProtocol: ProxyProtocol | undefined },
  ): Probe;
  openNotifier(warn: (text: string) => void): Notifier | undefined;
  /** Answers others through the socket of that instance in the state directory. */
  openControl(stateDir: string, name: string, handlers: ControlHandlers): Control;
  /** Standard output, for a plan. */
  out(text: string): void;
  /** Calls back at each of these signals until disposed. */
  onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGUSR1", body: () => void): Disposable;
  /** Ends the process at once. */
  exit(status: number): never;
}

export async function runCare(
  config: CareConfig,
  notes: readonly string[],
  world: CareWorld,
): Promise<number> {
  const journal = new Journal();
  for (const note of notes) journal.warn(note);
  const request = groundRequest(careServices(config), purposeOf(config));
  const ground = await world.openGround(request, (...said) => journal.warn(...said));
  try {
    if (config.dryRun) return await runDry(config, world, ground, journal);
    using instance = Instance.open(instanceOptions(config, world, journal));
    await leaveKernel(ground, instance, journal);
    if (config.clean) return await runClean(config, ground, instance, journal);
    return await runLoop(config, world, ground, instance, journal);
  } finally {
    ground.dataplane.close();
  }
}

function purposeOf({ dryRun, clean, runOnce }: CareConfig): GroundRequest["purpose"] {
  if (clean) return "clean";
  if (runOnce) return "once";
  return dryRun ? "look" : "care";
}

function instanceOptions(
  { virtualServer, stateDir }: CareConfig,
  { pid, unit }: CareWorld,
  journal: Journal,
): InstanceOptions {
  const name = printEndpoint(virtualServer);
  const warn = (text: string, error?: unknown) => journal.warn(text, error);
  return { name, command: `lvscare care --vs ${name}`, stateDir, unit, pid, warn };
}

async function runLoop(
  config: CareConfig,
  world: CareWorld,
  ground: CareGround,
  instance: Instance,
  journal: Journal,
): Promise<number> {
  const { clock } = world;
  journal.info(`care for ${printEndpoint(config.virtualServer)}: ${ground.choice}`);
  using notifier = config.runOnce ? undefined : world.openNotifier((text) => journal.warn(text));
  const services = careServices(config);
  const probeOf = probeMaker(services, world, ground);
  const loop = new CareLoop({
    ...{ ground, config: services, instance, journal, probeOf, clock, notifier },
  });
  const begin = async () => {
    await ground.ready(needsOf(services), journal);
    const isWhole = await loop.begin();
    if (!loop.isStopped) await takePlaces(ground, instance, journal);
    return isWhole;
  };
  if (config.runOnce) {
    const isWhole = await begin();
    loop.leave("once");
    return isWhole ? 0 : 1;
  }
  const signal = untilSignal(world, {
    SIGHUP: () => {
      journal.info("SIGHUP: a full pass");
      loop.requestPass();
    },
    SIGUSR1: () => journal.info(`state ${JSON.stringify(describe(config, loop))}`),
  });
  let control: Control | undefined;
  const begun = await Promise.race([begin(), signal]);
  if (typeof begun === "boolean") {
    if (instance.hasMemory) control = openCareControl(config, world, { ground, loop, journal });
    loop.start();
    notifier?.ready();
  }
  await signal;
  // Whoever keeps a connection open is not waited for.
  void control?.close();
  journal.info(`${await signal}: stopping, and ${ground.farewell}`);
  notifier?.stopping();
  await loop.stop();
  return 0;
}

function openCareControl(
  { virtualServer, stateDir }: CareConfig,
  world: CareWorld,
  { ground, loop, journal }: {
    readonly ground: CareGround;
    readonly loop: CareLoop;
    readonly journal: Journal;
  },
): Control | undefined {
  const startedMs = world.clock.wallMs();
  const name = printEndpoint(virtualServer);
  return tryOpenControl(world, { stateDir, name, journal }, {
    status: () =>
      answerStatus(loop, ground, {
        ...{ pid: world.pid, configuration: "command line", isReady: true },
        ...{ startedMs, loadedMs: startedMs },
      }),
  });
}

/** It goes on without one, too. */
export function tryOpenControl(
  { openControl }: Pick<CareWorld, "openControl">,
  { stateDir, name, journal }: {
    readonly stateDir: string;
    readonly name: string;
    readonly journal: Journal;
  },
  handlers: ControlHandlers,
): Control | undefined {
  try {
    return openControl(stateDir, name, handlers);
  } catch (error) {
    if (!(error instanceof LvscareError)) throw error;
    const asked = handlers.reload ? "reload and status" : "status";
    journal.warn(`going on without a socket for ${asked}`, error);
    return undefined;
  }
}

/** How it is now, to whoever asks. */
export async function answerStatus(
  { config, checks, record, isTurning, isWhole: isSettled }: CareLoop,
  { dataplane, choice }: CareGround,
  known: Pick<
    StatusAnswer,
    "pid" | "configuration" | "startedMs" | "loadedMs" | "isReady"
  >,
): Promise<StatusAnswer> {
  const table = await dataplane.listServices().catch(() => undefined);
  const services = serviceStatus({ config, checks, record, table });
  return { ...known, dataplane: choice, isTurning, isSettled, services };
}

/** Of the one service there is. */
function describe({ virtualServer }: CareConfig, loop: CareLoop): unknown {
  const { services, leaving: _, owned, ...means } = loop.describe();
  const [{ servers, leaving } = { servers: [], leaving: {} }] = services;
  return { virtualServer: printEndpoint(virtualServer), ...means, servers, leaving, owned };
}

/** Servers that are told by the proxy who comes want to be told by everybody. */
export function probeMaker(
  { host }: Config,
  { clock, probe }: Pick<CareWorld, "clock" | "probe">,
  { means }: CareGround,
): (check: CheckRequest) => Probe {
  const proxyProtocol = means.kind === "embedded" ? host.proxy.protocol : undefined;
  return (check) => probe(check, { clock, proxyProtocol });
}

/** Waits for a signal to end; the one after it ends at once. */
export function untilSignal(
  world: Pick<CareWorld, "onSignal" | "exit">,
  others: Readonly<Record<"SIGHUP" | "SIGUSR1", () => void>>,
): Promise<"SIGTERM" | "SIGINT"> {
  return new Promise((resolve) => {
    let isEnding = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      world.onSignal(signal, () => {
        if (isEnding) world.exit(1);
        isEnding = true;
        resolve(signal);
      });
    }
    for (const signal of ["SIGHUP", "SIGUSR1"] as const) world.onSignal(signal, others[signal]);
  });
}

/**
 * Takes what an earlier run had in the kernel out of it, where this one balances elsewhere: packets would go on to
 * where nobody cares for them.
 */
export async function leaveKernel(
  { openKernel }: CareGround,
  instance: Instance,
  journal: Journal,
): Promise<void> {
  const record = instance.read();
  if (!openKernel || !record) return;
  const { devices, ...inKernel } = record.owned;
  if (Object.values(inKernel).every((each) => each.length === 0)) return;
  const dataplane = await openKernel();
  try {
    const owned = { ...NOTHING_OWNED, ...inKernel };
    const result = await clean({ dataplane, owned, others: instance.othersThan(instance.name) });
    journal.pass(result);
    if (!result.isWhole) {
      throw new LvscareError(
        `care for ${instance.name}: what it had in the kernel is still there`,
        {
          op: "care",
          subject: instance.name,
          hint: "run it once as root, with --clean",
        },
      );
    }
    instance.save({ ...record, owned: { ...NOTHING_OWNED, devices } });
  } finally {
    dataplane.close();
  }
}

/** Cleans up after instances that ended without doing so; after the first pass, for some of it may be ours now. */
async function takePlaces(
  { dataplane }: CareGround,
  instance: Instance,
  journal: Journal,
): Promise<void> {
  for (const { name, owned, forget } of instance.predecessors()) {
    const result = await clean({ dataplane, owned, others: instance.othersThan(name) });
    journal.info(`${name}: its instance ended without cleaning up, so that is done now`);
    journal.pass(result);
    if (result.isWhole) forget();
  }
}

async function runClean(
  config: CareConfig,
  { dataplane }: CareGround,
  instance: Instance,
  journal: Journal,
): Promise<number> {
  const result = await clean({ dataplane, ...cleanScope(config, instance) });
  journal.pass(result);
  if (!result.isWhole) return 1;
  instance.forget();
  return 0;
}

function cleanScope(config: CareConfig, instance: Instance) {
  const record = instance.read();
  const byName = ownedByName(config);
  // What is remembered knows better whether the device was made by us.
  const isKnown = new Set(record?.owned.devices.map(({ name }) => name));
  const named = {
    ...byName,
    devices: byName.devices.map((device) => ({
      ...device,
      made: device.made && !isKnown.has(device.name),
    })),
  };
  return {
    owned: joinOwned(record?.owned ?? NOTHING_OWNED, named),
    others: instance.othersThan(instance.name),
  };
}

async function runDry(
  config: CareConfig,
  world: CareWorld,
  ground: CareGround,
  journal: Journal,
): Promise<number> {
  const { dataplane } = ground;
  using instance = Instance.look(instanceOptions(config, world, journal));
  const plans = config.clean
    ? [await planClean({ dataplane, ...cleanScope(config, instance) })]
    : await planAll(config, world, ground, instance);
  const steps = plans.flatMap((each) => each.steps);
  for (const step of steps) world.out(`${stepText(step)}\n`);
  const blind = plans.flatMap(({ look }) => look.blind);
  for (const { part, error } of blind) journal.warn(`cannot read ${part}`, error);
  if (blind.length > 0) return 1;
  return steps.length === 0 ? 0 : EXIT_DIFFERENT;
}

/** This instance's own plan, and those for what others have left behind. */
async function planAll(
  config: CareConfig,
  { clock }: CareWorld,
  { dataplane, means }: CareGround,
  instance: Instance,
) {
  const own = await prospect({
    config: careServices(config),
    dataplane,
    means,
    // Nothing has been checked, and all are up.
    health: new Map(),
    record: instance.read() ?? EMPTY_RECORD,
    others: instance.othersThan(instance.name),
    nowMs: clock.wallMs(),
    save: () => {},
  });
  const left = [];
  for (const { name, owned } of instance.predecessors()) {
    const others = [...instance.othersThan(name), own.record.owned];
    left.push(await planClean({ dataplane, owned, others }));
  }
  return [own, ...left];
}
