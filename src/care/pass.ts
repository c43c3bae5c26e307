/** One pass: look, desire, plan, apply; what is ours is written down before the kernel has it. */

import type { CareConfig } from "../config/care.ts";
import { serviceKey } from "../config/care_services.ts";
import { type Config, PLAIN_SERVICE, type ServiceConfig } from "../config/config.ts";
import type { Dataplane, Look } from "../dataplane/dataplane.ts";
import {
  joinOwned,
  NOTHING_OWNED,
  type Owned,
  ownedOf,
  withDaemons,
  withoutOthers,
} from "../desired/owned.ts";
import {
  type DesiredDevice,
  type DesiredService,
  type DesiredState,
  NOTHING,
} from "../desired/state.ts";
import {
  hostAddress,
  type Means,
  ROUTE_METRIC,
  settingsOf,
  surroundingsOf,
} from "../desired/surroundings.ts";
import { expectWeights, settleWeights } from "../desired/weights.ts";
import { type Address, addressFamily } from "../model/address.ts";
import { printServiceKey, type ServiceEntry, type SyncDaemon } from "../model/ipvs.ts";
import { printInterfaceAddress } from "../model/link.ts";
import { findRole, printSyncDaemon, runsAs } from "../model/sync_daemon.ts";
import { type Observed, type Scope, scopeOf } from "../plan/observed.ts";
import { plan } from "../plan/plan.ts";
import type { Step } from "../plan/step.ts";
import {
  type CareRecord,
  EMPTY_MEMORY,
  type LeavingService,
  type ServiceMemory,
} from "../state/record.ts";
import { applySteps, type StepOutcome } from "./apply.ts";
import {
  type Cared,
  Carer,
  type CarerInput,
  type PassMemory,
  type QuorumTurn,
  withMemory,
} from "./carer.ts";

export interface PassInput extends CarerInput {
  readonly config: Config;
  readonly dataplane: Dataplane;
  readonly means: Means;
  /** What other instances own, of which nothing is taken away. */
  readonly others: readonly Owned[];
  /** Writes the record down; called before the kernel is changed, and after. */
  readonly save: (record: CareRecord) => void;
}

/** What a pass over a few services takes away is known to be their own. */
export type FewInput = Omit<PassInput, "others">;

export interface PassResult {
  readonly record: CareRecord;
  /** Each in its order, done or not. */
  readonly outcomes: readonly StepOutcome[];
  readonly look: Look;
  readonly scope: Scope;
  readonly desired: DesiredState;
  /** Services that have lost their quorum, or have it again. */
  readonly turns: readonly QuorumTurn[];
  /** Later the same pass would come to something else, though nothing happens. */
  readonly isTimed: boolean;
}

/** What a pass would do, and on what it would do it. */
export interface Prospect {
  readonly look: Look;
  readonly scope: Scope;
  readonly desired: DesiredState;
  readonly steps: readonly Step[];
  /** The record with what the look has taught. */
  readonly record: CareRecord;
  /** The services that are cared for, those that are leaving too; none where the table could not be seen. */
  readonly cared: readonly Cared[];
  /** Those of them that nothing has to be found out about. */
  readonly settled: ReadonlySet<string>;
  /** Services that have lost their quorum, or have it again. */
  readonly turns: readonly QuorumTurn[];
}

export async function prospect(input: PassInput): Promise<Prospect> {
  const { config, dataplane, means, record, others } = input;
  const leaving = findLeaving(input);
  const surround = () =>
    surroundingsOf(config, {
      ...{ means, owned: record.owned },
      leaving: [...leaving.values()].map(({ key }) => key),
      withdrawn,
    });
  const withdrawn = new Set<Address>();
  let surroundings = surround();
  const listed = config.services.map(({ service }) => service.key);
  const settings = settingsOf(config, means);
  const scope = scopeOf({ ...surroundings, ...settings, services: listed }, record.owned);
  const look = await dataplane.observe(scope);
  const table = look.observed.services;
  const carer = new Carer(input);
  if (table) {
    const left = leaving.size;
    for (const each of config.services) carer.care(each, table.get(each.name));
    for (const [name, each] of leaving) {
      const entry = table.get(name);
      // With the last server its service goes; that is the plan's to see.
      const isOver = !entry || entry.servers.length === 0 || each.untilMs <= input.nowMs;
      if (isOver) leaving.delete(name);
      else carer.care(leavingConfig(each, entry, input.nowMs), entry);
    }
    for (const { config, hasQuorum } of carer.cared) {
      const { quorum: { without }, service: { key } } = config;
      if (!hasQuorum && without === "withdraw" && key.kind === "address") {
        withdrawn.add(key.address);
      }
    }
    // What is to go had to be looked at.
    if (leaving.size < left || withdrawn.size > 0) surroundings = surround();
  }
  const { cared, services, settled, turns } = carer;
  const desired = {
    ...{ ...surroundings, ...settings },
    services: cared.map(({ desired }) => desired),
  };
  const isMade = madeDevices(surroundings.devices, look.observed, others);
  const isStarted = startedDaemons(record.owned, look.observed);
  const learned: CareRecord = {
    ...record,
    leaving,
    // Who is leaving is not known to a pass that has not seen them.
    services: table ? services : record.services,
    owned: joinOwned(record.owned, ownedOf(desired, { isMade, isStarted })),
  };
  const owned = withoutOthers(learned.owned, others);
  const steps = plan({ desired, owned, observed: look.observed, settled });
  return { look, scope, desired, steps, record: learned, cared, settled, turns };
}

/**
 * Makes these services what they should be, and looks at nothing else: for a few of many, of which it is known
 * that they differ. A full pass has to follow.
 */
export async function runFew(
  input: FewInput,
  few: readonly ServiceConfig[],
): Promise<Pick<PassResult, "record" | "outcomes" | "turns">> {
  const { dataplane, record } = input;
  const services = few.map(({ service }) => service.key);
  const { observed } = await dataplane.observe({ ...NOTHING_TO_SEE, services });
  const carer = new Carer(input);
  for (const each of few) {
    const entry = observed.services?.get(each.name);
    // Where it is not there yet, what leads to it may not be either.
    if (entry) carer.care(each, entry);
  }
  const desired = { ...NOTHING, services: carer.cared.map(({ desired }) => desired) };
  const steps = plan({ desired, owned: NOTHING_OWNED, observed });
  const learned = { ...record, services: new Map([...record.services, ...carer.services]) };
  const { turns } = carer;
  if (steps.length === 0) return { record: learned, outcomes: [], turns };
  const expected = expect(learned, carer.cared, carer.settled);
  input.save(expected);
  return { record: expected, outcomes: await applySteps(dataplane, steps), turns };
}

export async function runPass(input: PassInput): Promise<PassResult> {
  const { look, scope, desired, steps, record, cared, settled, turns } = await prospect(input);
  const isTimed = cared.some((each) => each.isTimed);
  const seen = { look, scope, desired, turns, isTimed };
  if (steps.length === 0) {
    const ended = settle(record, cared, settled, desired, look.blind.length === 0);
    input.save(ended);
    remember(input.memory, ended, cared, look);
    return { record: ended, outcomes: [], ...seen };
  }
  const expected = expect(record, cared, settled);
  input.save(expected);
  const outcomes = await applySteps(input.dataplane, steps);
  const owned = withDaemons(
    expected.owned,
    daemonsOf("stopDaemon", outcomes),
    daemonsOf("startDaemon", outcomes),
  );
  return { record: { ...expected, owned }, outcomes, ...seen };
}

/** A look at nothing, to be given what matters. */
export const NOTHING_TO_SEE: Scope = {
  parameters: [],
  devices: [],
  masquerades: [],
  services: [],
  routes: false,
  timeouts: false,
  daemons: false,
};

/** Our services that are no longer listed, and that nobody else has taken over. */
function findLeaving({ config, record, others, nowMs }: PassInput): Map<string, LeavingService> {
  const listed = new Set(config.services.map(({ name }) => name));
  const ours = record.owned.services.filter((key) => !listed.has(printServiceKey(key)));
  if (ours.length === 0) return new Map();
  const theirs = new Set(others.flatMap(({ services }) => services.map(printServiceKey)));
  const leaving = new Map<string, LeavingService>();
  for (const key of ours) {
    const name = printServiceKey(key);
    if (theirs.has(name)) continue;
    const untilMs = record.leaving.get(name)?.untilMs ?? nowMs + config.drainTimeoutMs;
    leaving.set(name, { key, untilMs });
  }
  return leaving;
}

/** A service that has no server any more but those in its table, and is otherwise as it was. */
function leavingConfig(
  { key, untilMs }: LeavingService,
  { service }: ServiceEntry,
  nowMs: number,
): ServiceConfig {
  return {
    name: printServiceKey(key),
    service,
    servers: new Map(),
    mode: { kind: "none" },
    ...PLAIN_SERVICE,
    drainTimeoutMs: untilMs - nowMs,
  };
}

/** The record before a change. Which of the weights it is in the end is for the next pass to see. */
function expect(
  record: CareRecord,
  cared: readonly Cared[],
  settled: ReadonlySet<string>,
): CareRecord {
  return updateWeights(record, cared, settled, ({ weights }, { table, desired }) => {
    return expectWeights(weights, table, wantedServers(desired));
  });
}

function remember(
  memory: PassMemory | undefined,
  record: CareRecord,
  cared: readonly Cared[],
  { observed }: Look,
): void {
  if (!memory) return;
  for (const each of cared) {
    const { name } = each.config;
    const entry = observed.services?.get(name);
    const known = record.services.get(name);
    if (entry && known) memory.keep(each, entry, known);
  }
  memory.retain(new Set(cared.map(({ config }) => config.name)));
}

/** The record where nothing is left to do. What could not be seen or taken away is still ours. */
function settle(
  record: CareRecord,
  cared: readonly Cared[],
  settled: ReadonlySet<string>,
  desired: DesiredState,
  isWhole: boolean,
): CareRecord {
  const ended = updateWeights(record, cared, settled, ({ weights }, { config, table, desired }) => {
    return settleWeights(weights, config.servers, table, wantedServers(desired));
  });
  if (!isWhole) return ended;
  const made = new Map(record.owned.devices.map(({ name, made }) => [name, made]));
  const started = new Set(record.owned.daemons.map(printSyncDaemon));
  const owned = ownedOf(desired, {
    isMade: (name) => made.get(name) ?? false,
    isStarted: (daemon) => started.has(printSyncDaemon(daemon)),
  });
  return { ...ended, owned };
}

function updateWeights(
  record: CareRecord,
  cared: readonly Cared[],
  settled: ReadonlySet<string>,
  update: (memory: ServiceMemory, cared: Cared) => ServiceMemory["weights"],
): CareRecord {
  if (settled.size === cared.length) return record;
  const services = new Map(record.services);
  for (const each of cared) {
    if (settled.has(each.config.name)) continue;
    const memory = services.get(each.config.name) ?? EMPTY_MEMORY;
    services.set(each.config.name, withMemory(memory, { weights: update(memory, each) }));
  }
  return { ...record, services };
}

/** A device that is there already, without our address, was made by somebody else and is left to them. */
function madeDevices(
  devices: readonly DesiredDevice[],
  observed: Observed,
  others: readonly Owned[],
): (name: string) => boolean {
  const made = new Map(devices.map(({ name, addresses }) => {
    const link = observed.devices.get(name);
    if (!link) return [name, true];
    const shared = others.flatMap((owned) => owned.devices).filter((each) => each.name === name);
    if (shared.some(({ made }) => made)) return [name, true];
    const ours = new Set(addresses.map(printInterfaceAddress));
    return [name, link.addresses.some((address) => ours.has(printInterfaceAddress(address)))];
  }));
  return (name) => made.get(name) ?? false;
}

/** One that runs already was started by somebody else and is left to them, unless it is ours from before. */
function startedDaemons(
  owned: Owned,
  { daemons: running }: Observed,
): (daemon: SyncDaemon) => boolean {
  return ({ role }) => {
    if (!running) return false;
    const there = findRole(running, role);
    return !there || owned.daemons.some((each) => runsAs(there, each));
  };
}

/** Those of steps of that kind that were done. */
function daemonsOf(
  kind: "startDaemon" | "stopDaemon",
  outcomes: readonly StepOutcome[],
): SyncDaemon[] {
  return outcomes.flatMap(({ step, error }) =>
    step.kind === kind && error === undefined ? [step.daemon] : []
  );
}

/** Every server that will be in the table, with its weight; also 0 of one that is taken out in two steps. */
function wantedServers({ servers, removals }: DesiredService) {
  const wanted = servers.map(({ server }) => server);
  if (removals.length === 0) return wanted;
  return [...wanted, ...removals.map(({ address, port }) => ({ address, port, weight: 0 }))];
}

/** What a clean takes for this instance's, where nothing is remembered: all that has its names. */
export function ownedByName(config: CareConfig): Owned {
  const { virtualServer, mode } = config;
  const { address, port } = virtualServer;
  const host = hostAddress(virtualServer);
  const family = addressFamily(address);
  const entries = [{ address, protocol: "tcp" as const, port }];
  return {
    devices: [{
      name: mode.kind === "link" ? mode.device : "lvscare",
      made: true,
      addresses: [host],
    }],
    masquerades: [{ kind: "iptables", family, entries }, { kind: "nftables", family, entries }],
    services: [serviceKey(virtualServer)],
    routes: [{ destination: host, metric: ROUTE_METRIC }],
    daemons: [],
  };
}
