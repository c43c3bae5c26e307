/** One pass: look, desire, plan, apply; what is ours is written down before the kernel has it. */

import type { CareConfig } from "../config/care.ts";
import type { Dataplane, Look } from "../dataplane/dataplane.ts";
import { desire, hostAddress, type Means, serviceKey } from "../desired/desire.ts";
import { joinOwned, type Owned, ownedOf, withoutOthers } from "../desired/owned.ts";
import type { HealthStates } from "../desired/servers.ts";
import type { DesiredState } from "../desired/state.ts";
import { expectWeights, learnWeights, settleWeights } from "../desired/weights.ts";
import type { Endpoint } from "../model/endpoint.ts";
import { printServiceKey, type ServerEntry } from "../model/ipvs.ts";
import { printInterfaceAddress } from "../model/link.ts";
import { type Observed, type Scope, scopeOf } from "../plan/observed.ts";
import { plan } from "../plan/plan.ts";
import type { Step } from "../plan/step.ts";
import type { CareRecord } from "../state/record.ts";
import { applySteps, type StepOutcome } from "./apply.ts";

export interface PassInput {
  readonly config: CareConfig;
  readonly dataplane: Dataplane;
  readonly means: Means;
  readonly health: HealthStates;
  readonly record: CareRecord;
  /** What other instances own, of which nothing is taken away. */
  readonly others: readonly Owned[];
  readonly nowMs: number;
  /** Writes the record down; called before the kernel is changed, and after. */
  readonly save: (record: CareRecord) => void;
}

export interface PassResult {
  readonly record: CareRecord;
  /** Each in its order, done or not. */
  readonly outcomes: readonly StepOutcome[];
  readonly look: Look;
  readonly desired: DesiredState;
}

/** What a pass would do, and on what it would do it. */
export interface Prospect {
  readonly look: Look;
  readonly desired: DesiredState;
  readonly steps: readonly Step[];
  /** The record with what the look has taught. */
  readonly record: CareRecord;
  readonly table: readonly ServerEntry[] | undefined;
}

/** All that a pass of this instance has to look at. */
export function careScope({ config, means, health, record, nowMs }: PassInput): Scope {
  const outline = desire(config, { ...record, health, table: [], nowMs, means });
  return scopeOf(outline.state, record.owned);
}

export async function prospect(input: PassInput): Promise<Prospect> {
  const { config, dataplane, means, health, record, others, nowMs } = input;
  const look = await dataplane.observe(careScope(input));
  const table = ownServers(look.observed, config.virtualServer);
  const weights = learnWeights(record.weights, config.servers, table ?? []);
  const circumstances = { health, nowMs, means, drains: record.drains, weights };
  const { state, drains } = desire(config, { ...circumstances, table: table ?? [] });
  const learned = {
    ...record,
    weights,
    // Who is leaving is not known to a pass that has not seen them.
    drains: table ? drains : record.drains,
    owned: joinOwned(
      record.owned,
      ownedOf(state, {
        madeDevice: willMake(state, look.observed, others),
        inKernel: means.kind === "kernel",
      }),
    ),
  };
  const steps = plan({
    desired: state,
    owned: withoutOthers(learned.owned, others),
    observed: look.observed,
  });
  return { look, desired: state, steps, record: learned, table };
}

export async function runPass(input: PassInput): Promise<PassResult> {
  const { config, dataplane, save } = input;
  const { look, desired, steps, record, table } = await prospect(input);
  const weights = expectWeights(record.weights, table ?? [], wantedServers(desired));
  const expected = { ...record, weights };
  if (steps.length === 0) {
    const settled = settle(input, desired, expected, table, look.blind.length === 0);
    save(settled);
    return { record: settled, outcomes: [], look, desired };
  }
  save(expected);
  const outcomes = await applySteps(dataplane, steps);
  const services = [serviceKey(config.virtualServer)];
  const after = await dataplane.observe({ ...NOTHING_TO_SEE, services });
  const isWhole = look.blind.length === 0 && outcomes.every(({ error }) => error === undefined);
  const now = ownServers(after.observed, config.virtualServer);
  const settled = settle(input, desired, expected, now, isWhole);
  save(settled);
  return { record: settled, outcomes, look, desired };
}

/** A look at nothing, to be given what matters. */
export const NOTHING_TO_SEE: Scope = {
  parameters: [],
  devices: [],
  masquerades: [],
  services: [],
  routes: false,
};

/** The record after a pass. What could not be seen or taken away is still ours. */
function settle(
  { config, means }: PassInput,
  desired: DesiredState,
  record: CareRecord,
  table: readonly ServerEntry[] | undefined,
  isWhole: boolean,
): CareRecord {
  const made = record.owned.devices.find(({ name }) => name === desired.device?.name)?.made;
  return {
    ...record,
    owned: isWhole
      ? ownedOf(desired, { madeDevice: made ?? false, inKernel: means.kind === "kernel" })
      : record.owned,
    weights: table
      ? settleWeights(record.weights, config.servers, table, wantedServers(desired))
      : record.weights,
  };
}

/** A device that is there already, without our address, was made by somebody else and is left to them. */
function willMake(
  { device }: DesiredState,
  { devices }: Observed,
  others: readonly Owned[],
): boolean {
  const link = device && devices.get(device.name);
  if (!link) return true;
  const shared = others.flatMap((owned) => owned.devices).filter(({ name }) => name === link.name);
  if (shared.some(({ made }) => made)) return true;
  const ours = new Set(device.addresses.map(printInterfaceAddress));
  return link.addresses.some((address) => ours.has(printInterfaceAddress(address)));
}

/** Our service's servers: none where there is no such service, undefined where that could not be seen. */
function ownServers(
  { services }: Observed,
  virtualServer: Endpoint,
): readonly ServerEntry[] | undefined {
  const name = printServiceKey(serviceKey(virtualServer));
  const found = services?.find(({ service }) => printServiceKey(service.key) === name);
  return services && (found?.servers ?? []);
}

/** Every server that will be in the table, with its weight; also 0 of one that is taken out in two steps. */
function wantedServers({ services }: DesiredState) {
  return services.flatMap(({ servers, removals }) => [
    ...servers.map(({ server }) => server),
    ...removals.map(({ address, port }) => ({ address, port, weight: 0 })),
  ]);
}

/** What a clean takes for this instance's, where nothing is remembered: all that has its names. */
export function ownedByName(config: CareConfig): Owned {
  const { virtualServer, mode } = config;
  const { address, port } = virtualServer;
  const host = hostAddress(virtualServer);
  const family = address.includes(":") ? "ipv6" : "ipv4";
  const entries = [{ address, protocol: "tcp" as const, port }];
  return {
    devices: [{
      name: mode.kind === "link" ? mode.device : "lvscare",
      made: true,
      addresses: [host],
    }],
    masquerades: [{ kind: "iptables", family, entries }, { kind: "nftables", family, entries }],
    services: [serviceKey(virtualServer)],
    routes: [{ destination: host, metric: 50 }],
  };
}
