/**
 * A host as what the care loop drives: an IPVS table, the kernel's or this program's own, with devices, rules,
 * parameters and routes around it.
 */

import { LvscareError, UnsupportedError } from "../errors.ts";
import type { Family } from "../model/address.ts";
import {
  type DaemonRole,
  type IpvsChange,
  printServiceKey,
  type ServiceEntry,
  type ServiceKey,
  type SyncDaemon,
} from "../model/ipvs.ts";
import type { Link } from "../model/link.ts";
import type { MasqueradeKind } from "../model/masquerade.ts";
import { findRole, printSyncDaemon, runsAs } from "../model/sync_daemon.ts";
import type { Sysctl } from "../kernel/host.ts";
import type { IpvsTable } from "../kernel/ipvs_table.ts";
import type { Links } from "../kernel/links.ts";
import type { Kernel } from "../kernel/select.ts";
import type { Observed, ObservedMasquerade, Scope } from "../plan/observed.ts";
import type { Step } from "../plan/step.ts";
import type { Blindness, Dataplane, Look } from "./dataplane.ts";

/** The contracts that it is made of. */
export type HostParts = Pick<
  Kernel,
  "choice" | "table" | "links" | "masquerade" | "watch" | "close"
>;

export class HostDataplane implements Dataplane {
  readonly name: string;
  readonly #parts: HostParts;
  readonly #sysctl: Sysctl;

  /** Takes over the parts. */
  constructor(parts: HostParts, sysctl: Sysctl) {
    this.#parts = parts;
    this.#sysctl = sysctl;
    this.name = parts.choice;
  }

  async observe(scope: Scope): Promise<Look> {
    const { table, links } = this.#parts;
    const blind: Blindness[] = [];
    const look = async <T>(part: string, read: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        blind.push({ part, error });
        return undefined;
      }
    };
    const parameters = new Map<string, string | undefined>();
    for (const name of scope.parameters) {
      await look(name, async () => parameters.set(name, await this.#sysctl.read(name)));
    }
    const devices: Map<string, Awaited<ReturnType<Links["find"]>>> = new Map();
    for (const name of scope.devices) {
      await look(`device ${name}`, async () => devices.set(name, await links.find(name)));
    }
    const masquerades: ObservedMasquerade[] = [];
    for (const each of scope.masquerades) {
      await look(`rules of ${each.kind}`, async () => {
        masquerades.push(await this.#observeRules(each));
      });
    }
    const services = await look(
      "services",
      () => ofIpvs(() => findServices(table, scope.services), NO_SERVICES),
    );
    const routes = scope.routes ? await look("routes", () => links.routes()) : undefined;
    const timeouts = scope.timeouts
      ? await look("timeouts", () => ofIpvs<Observed["timeouts"]>(() => table.timeouts(), {}))
      : undefined;
    const daemons = scope.daemons
      ? await look("sync daemons", () => ofIpvs(() => table.daemons(), []))
      : undefined;
    const observed: Observed = {
      ...{ parameters, devices, masquerades, services, routes, timeouts, daemons },
    };
    return { observed, blind };
  }

  async apply(steps: readonly Step[]): Promise<readonly unknown[]> {
    const errors: unknown[] = [];
    for (let at = 0; at < steps.length;) {
      const changes = changesFrom(steps, at);
      if (changes.length > 0) errors.push(...await this.#change(changes));
      else errors.push(await this.#attempt(steps[at]!));
      at = errors.length;
    }
    return errors;
  }

  /** Changes to the table go to the kernel together. */
  async #change(changes: readonly IpvsChange[]): Promise<readonly unknown[]> {
    try {
      return await this.#parts.table.apply(changes);
    } catch (error) {
      return changes.map(() => error);
    }
  }

  async #attempt(step: Step): Promise<unknown> {
    try {
      await this.#take(step);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async #take(step: Step): Promise<void> {
    const { links, table } = this.#parts;
    switch (step.kind) {
      case "setParameter":
        await this.#sysctl.ensure(step.name, step.value);
        return;
      case "setTimeouts":
        await table.setTimeouts(step.timeouts);
        return;
      case "startDaemon":
        await startDaemon(table, step.daemon);
        return;
      case "stopDaemon":
        await stopDaemon(table, step.daemon.role);
        return;
      case "makeDevice":
        await links.ensureDummy(step.name);
        return;
      case "addAddress":
        await links.ensureAddress(step.device, step.address);
        return;
      case "makeRules":
        await this.#parts.masquerade(step.by).ensure(step);
        return;
      case "addEntries":
        await this.#parts.masquerade(step.by).changeEntries(step.family, { add: step.entries });
        return;
      case "change":
        return;
      case "putRoute":
        await links.ensureRoute(step.route);
        return;
      case "removeRoute":
        await links.removeRoute(step.route);
        return;
      case "removeEntries":
        await this.#parts.masquerade(step.by).changeEntries(step.family, { remove: step.entries });
        return;
      case "removeRules":
        await this.#parts.masquerade(step.by).remove(step.family);
        return;
      case "removeAddress":
        await links.removeAddress(step.device, step.address);
        return;
      case "removeDevice":
        await links.removeDummy(step.name);
        return;
    }
  }

  disturbed(scope: Scope): boolean {
    return this.#parts.watch?.disturbed(scope) ?? false;
  }

  listServices(): Promise<readonly ServiceEntry[]> {
    return this.#parts.table.list({ stats: true });
  }

  listDevices(): Promise<readonly Link[]> {
    return this.#parts.links.list();
  }

  close(): void {
    this.#parts.close();
  }

  async #observeRules(
    { kind, family, markBit }: {
      readonly kind: MasqueradeKind;
      readonly family: Family;
      readonly markBit: number | undefined;
    },
  ): Promise<ObservedMasquerade> {
    try {
      const rules = this.#parts.masquerade(kind);
      const missing = markBit === undefined ? [] : await rules.missing({ family, markBit });
      const exists = await rules.exists(family);
      return { kind, family, exists, missing, entries: await rules.entries(family) };
    } catch (error) {
      // Of what the host cannot have nothing is left over; what is wanted is another matter.
      if (markBit !== undefined || !(error instanceof UnsupportedError)) throw error;
      return { kind, family, exists: false, missing: [], entries: [] };
    }
  }
}

/** From that step on all that are changes to the table, up to the first that is none. */
function changesFrom(steps: readonly Step[], from: number): IpvsChange[] {
  const changes: IpvsChange[] = [];
  for (let at = from; at < steps.length; at++) {
    const step = steps[at]!;
    if (step.kind !== "change") break;
    changes.push(step.change);
  }
  return changes;
}

const NO_SERVICES: ReadonlyMap<string, ServiceEntry> = new Map();

/** More of them than this are found faster in the whole table than one by one. */
const FEW = 4;

/** One that runs as it must is well; of another it is told what runs there. */
async function startDaemon(table: IpvsTable, daemon: SyncDaemon): Promise<void> {
  try {
    await table.startDaemon(daemon);
  } catch (error) {
    if (!(error instanceof LvscareError && error.is("EEXIST"))) throw error;
    const { role } = daemon;
    const running = findRole(await table.daemons(), role);
    if (!running) throw error;
    if (runsAs(running, daemon)) return;
    const context = {
      op: "start",
      subject: `${role} sync daemon`,
      hint: `stop it, if nobody needs it: lvscare ipvs daemon stop ${role}`,
      cause: error,
    };
    const text = `another one runs: ${printSyncDaemon(running)}`;
    throw new LvscareError(`start ${role} sync daemon: ${text} (EEXIST)`, context, "EEXIST");
  }
}

async function stopDaemon(table: IpvsTable, role: DaemonRole): Promise<void> {
  try {
    await table.stopDaemon(role);
  } catch (error) {
    if (!(error instanceof LvscareError && error.is("ESRCH"))) throw error;
  }
}

async function findServices(
  table: IpvsTable,
  keys: readonly ServiceKey[],
): Promise<ReadonlyMap<string, ServiceEntry>> {
  const found = new Map<string, ServiceEntry>();
  if (keys.length <= FEW) {
    for (const key of keys) {
      const entry = await table.find(key);
      if (entry) found.set(printServiceKey(key), entry);
    }
    return found;
  }
  const wanted = new Set(keys.map(printServiceKey));
  for (const entry of await table.list()) {
    const name = printServiceKey(entry.service.key);
    if (wanted.has(name)) found.set(name, entry);
  }
  return found;
}

/** Where there is no IPVS there is nothing of it; changing something says what is missing. */
async function ofIpvs<T>(read: () => Promise<T>, nothing: T): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UnsupportedError && error.feature === "ip_vs") return nothing;
    throw error;
  }
}
