/** A dataplane in memory: what the care loop does to it can be looked at, refused and cut off. */

import type { CareGround } from "../../src/care/run.ts";
import type { Blindness, Dataplane, Look } from "../../src/dataplane/dataplane.ts";
import { routeKey } from "../../src/desired/owned.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import { reportDaemon } from "../../src/kernel/memory/ipvs_rules.ts";
import {
  type DaemonRole,
  type IpvsChange,
  printServiceKey,
  type ServerConnections,
  type ServerEntry,
  type Service,
  type ServiceEntry,
  type SyncDaemon,
  type Timeouts,
} from "../../src/model/ipvs.ts";
import { type Link, printInterfaceAddress, type Route } from "../../src/model/link.ts";
import { printSetEntry, type SetEntry } from "../../src/model/masquerade.ts";
import { printSyncDaemon, runsAs } from "../../src/model/sync_daemon.ts";
import type { ObservedMasquerade, Scope } from "../../src/plan/observed.ts";
import type { Step } from "../../src/plan/step.ts";

/** What care stands on when all is in memory. */
export function fakeGround(dataplane: FakeDataplane): CareGround {
  return {
    dataplane,
    means: { kind: "kernel", rules: "iptables" },
    farewell: "leaving everything in place",
    choice: "as tests have it",
    ready: () => Promise.resolve(),
  };
}

const IDLE: ServerConnections = { active: 0, inactive: 0, persistent: 0 };

interface FakeRules {
  /** Undefined: no rules. */
  markBit: number | undefined;
  readonly missing: string[];
  /** Undefined: no set. */
  entries: Map<string, SetEntry> | undefined;
}

export class FakeDataplane implements Dataplane {
  readonly name = "fake";
  readonly parameters = new Map<string, string>();
  readonly devices = new Map<string, Link>();
  readonly rules = new Map<string, FakeRules>();
  readonly services = new Map<string, { service: Service; servers: Map<string, ServerEntry> }>();
  readonly routes = new Map<string, Route>();
  timeouts: Timeouts = { tcpS: 900, tcpFinS: 120, udpS: 300 };
  readonly daemons = new Map<DaemonRole, SyncDaemon>();
  readonly applied: Step[] = [];
  isDisturbed = false;
  /** What is thrown instead of doing the step. */
  refuse: (step: Step) => Error | undefined = () => undefined;
  /** Parts that cannot be read: "routes", "services", "timeouts", "sync daemons". */
  blind: readonly Blindness[] = [];

  // deno-lint-ignore require-await -- the contract's
  async observe(scope: Scope): Promise<Look> {
    const unseen = new Set(this.blind.map(({ part }) => part));
    const services = new Map<string, ServiceEntry>();
    for (const name of scope.services.map(printServiceKey)) {
      const found = this.services.get(name);
      if (found) services.set(name, { ...found, servers: [...found.servers.values()] });
    }
    return {
      observed: {
        parameters: new Map(scope.parameters.map((name) => [name, this.parameters.get(name)])),
        devices: new Map(scope.devices.map((name) => [name, this.devices.get(name)])),
        masquerades: scope.masquerades.map((each) => this.#lookAtRules(each)),
        services: unseen.has("services") ? undefined : services,
        routes: scope.routes && !unseen.has("routes") ? [...this.routes.values()] : undefined,
        timeouts: scope.timeouts && !unseen.has("timeouts") ? this.timeouts : undefined,
        daemons: scope.daemons && !unseen.has("sync daemons")
          ? [...this.daemons.values()]
          : undefined,
      },
      blind: this.blind,
    };
  }

  // deno-lint-ignore require-await -- the contract's
  async apply(steps: readonly Step[]): Promise<readonly unknown[]> {
    return steps.map((step) => {
      try {
        const refusal = this.refuse(step);
        if (refusal) return refusal;
        this.applied.push(step);
        this.#do(step);
      } catch (error) {
        return error;
      }
    });
  }

  listServices(): Promise<readonly ServiceEntry[]> {
    return Promise.resolve(
      [...this.services.values()].map((found) => ({
        ...found,
        servers: [...found.servers.values()],
      })),
    );
  }

  listDevices(): Promise<readonly Link[]> {
    return Promise.resolve([...this.devices.values()]);
  }

  disturbed(): boolean {
    const disturbed = this.isDisturbed;
    this.isDisturbed = false;
    return disturbed;
  }

  close(): void {}

  /** The weights of a service's servers, by address and port. */
  weights(service = [...this.services.values()][0]): Record<string, number> {
    return Object.fromEntries(
      [...service?.servers ?? []].map(([name, { server }]) => [name, server.weight]),
    );
  }

  change(change: IpvsChange): void {
    if (change.kind === "addService" || change.kind === "editService") {
      const key = printServiceKey(change.service.key);
      const known = this.services.get(key);
      if ((known === undefined) !== (change.kind === "addService")) throw new Error(change.kind);
      this.services.set(key, { service: change.service, servers: known?.servers ?? new Map() });
      return;
    }
    const key = printServiceKey(change.key);
    const found = this.services.get(key);
    if (!found) throw new Error(`${change.kind}: no service ${key}`);
    if (change.kind === "deleteService") {
      this.services.delete(key);
      return;
    }
    const name = printEndpoint(change.server);
    const known = found.servers.get(name);
    if ((known === undefined) !== (change.kind === "addServer")) throw new Error(change.kind);
    if (change.kind === "deleteServer") found.servers.delete(name);
    else {
      const connections = known?.connections ?? IDLE;
      found.servers.set(name, { server: change.server, connections });
    }
  }

  /** As anybody does it; the kernel fills in what is not given. */
  startDaemon(daemon: SyncDaemon): void {
    const running = this.daemons.get(daemon.role);
    if (!running) this.daemons.set(daemon.role, reportDaemon(daemon));
    else if (!runsAs(running, daemon)) throw new Error(`another one: ${printSyncDaemon(running)}`);
  }

  setConnections(name: string, active: number): void {
    for (const { servers } of this.services.values()) {
      const entry = servers.get(name);
      if (entry) servers.set(name, { ...entry, connections: { ...IDLE, active } });
    }
  }

  #do(step: Step): void {
    switch (step.kind) {
      case "setParameter":
        this.parameters.set(step.name, step.value);
        return;
      case "setTimeouts":
        this.timeouts = { ...this.timeouts, ...step.timeouts };
        return;
      case "startDaemon":
        this.startDaemon(step.daemon);
        return;
      case "stopDaemon":
        this.daemons.delete(step.daemon.role);
        return;
      case "makeDevice": {
        const known = this.devices.get(step.name);
        if (known && known.kind !== "dummy") throw new Error("not a dummy device");
        const addresses = known?.addresses ?? [];
        this.devices.set(step.name, { ...step, index: 7, kind: "dummy", up: true, addresses });
        return;
      }
      case "addAddress": {
        const link = this.devices.get(step.device);
        if (!link) throw new Error("no such device");
        this.devices.set(step.device, { ...link, addresses: [...link.addresses, step.address] });
        return;
      }
      case "removeAddress": {
        const link = this.devices.get(step.device)!;
        const gone = printInterfaceAddress(step.address);
        const addresses = link.addresses.filter((each) => printInterfaceAddress(each) !== gone);
        this.devices.set(step.device, { ...link, addresses });
        return;
      }
      case "removeDevice":
        this.devices.delete(step.name);
        return;
      case "makeRules": {
        const rules = this.#rulesOf(step);
        rules.markBit = step.markBit;
        rules.missing.length = 0;
        rules.entries ??= new Map();
        return;
      }
      case "addEntries":
      case "removeEntries": {
        const { entries } = this.#rulesOf(step);
        if (!entries) throw new Error("no such set");
        for (const entry of step.entries) {
          if (step.kind === "addEntries") entries.set(printSetEntry(entry), entry);
          else entries.delete(printSetEntry(entry));
        }
        return;
      }
      case "removeRules":
        this.rules.delete(`${step.by} ${step.family}`);
        return;
      case "change":
        this.change(step.change);
        return;
      case "putRoute":
        this.routes.set(routeKey(step.route), step.route);
        return;
      case "removeRoute":
        this.routes.delete(routeKey(step.route));
        return;
    }
  }

  #rulesOf({ by, family }: { readonly by: string; readonly family: string }): FakeRules {
    const key = `${by} ${family}`;
    const known = this.rules.get(key);
    if (known) return known;
    const made: FakeRules = { markBit: undefined, missing: [], entries: undefined };
    this.rules.set(key, made);
    return made;
  }

  #lookAtRules({ kind, family, markBit }: Scope["masquerades"][number]): ObservedMasquerade {
    const found = this.rules.get(`${kind} ${family}`);
    const missing = [
      ...(found?.entries ? [] : ["set"]),
      ...(found?.markBit === undefined ? ["rules"] : []),
      ...(found?.markBit !== undefined && found.markBit !== markBit ? ["rules with the bit"] : []),
      ...found?.missing ?? [],
    ];
    return {
      kind,
      family,
      exists: found !== undefined,
      missing: markBit === undefined ? [] : missing,
      entries: [...found?.entries?.values() ?? []],
    };
  }
}
