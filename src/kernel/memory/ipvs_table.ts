/**
 * An IPVS table in memory: it refuses what the kernel refuses, with the kernel's errors and in the kernel's
 * order of checks. Nothing flows through it; tests set counters and connections themselves.
 */

import { KernelError, type LvscareError } from "../../errors.ts";
import { addressFamily } from "../../model/address.ts";
import { type Endpoint, printEndpoint } from "../../model/endpoint.ts";
import {
  type Counters,
  type DaemonRole,
  type IpvsChange,
  type IpvsInfo,
  keyFamily,
  printServiceKey,
  type Server,
  type ServerConnections,
  type ServerEntry,
  type Service,
  type ServiceEntry,
  type ServiceKey,
  type Stats,
  type SyncDaemon,
  type Timeouts,
} from "../../model/ipvs.ts";
import { explainIpvs } from "../hints.ts";
import { describeChange, type IpvsRequest } from "../ipvs_request.ts";
import type { IpvsTable, ListOptions } from "../ipvs_table.ts";
import {
  checkDaemon,
  checkPersistence,
  checkServer,
  type Refusal,
  refuse,
  reportDaemon,
} from "./ipvs_rules.ts";

const NO_COUNTERS: Counters = {
  connections: 0n,
  inPackets: 0n,
  outPackets: 0n,
  inBytes: 0n,
  outBytes: 0n,
};
const NO_STATS: Stats = { counters: NO_COUNTERS, rates: NO_COUNTERS };
const NO_CONNECTIONS: ServerConnections = { active: 0, inactive: 0, persistent: 0 };

/** The kernel's defaults. */
const DEFAULT_TIMEOUTS: Timeouts = { tcpS: 900, tcpFinS: 120, udpS: 300 };
const MAX_TIMEOUT_S = 31 * 86_400;

/** The schedulers and engines that the kernel tree has. */
const SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf twos".split(" ");
const ENGINES = ["sip"];

interface HeldServer {
  server: Server;
  connections: ServerConnections;
  stats: Stats;
}

interface HeldService {
  service: Service;
  servers: Map<string, HeldServer>;
  stats: Stats;
}

export interface MemoryTableOptions {
  /** Default: all that the kernel tree has. */
  readonly schedulers?: readonly string[];
  /** Interfaces that exist, for the daemons. Default: "lo". */
  readonly interfaces?: readonly string[];
}

export class MemoryIpvsTable implements IpvsTable {
  readonly name = "memory";
  readonly #schedulers: readonly string[];
  readonly #interfaces: readonly string[];
  readonly #services = new Map<string, HeldService>();
  readonly #daemons = new Map<DaemonRole, SyncDaemon>();
  readonly #failures: {
    readonly matches: (change: IpvsChange) => boolean;
    readonly errno: string;
  }[] = [];
  #timeouts = DEFAULT_TIMEOUTS;

  constructor(options: MemoryTableOptions = {}) {
    this.#schedulers = options.schedulers ?? SCHEDULERS;
    this.#interfaces = options.interfaces ?? ["lo"];
  }

  info(): Promise<IpvsInfo> {
    return Promise.resolve({ version: "1.2.1", connectionTableSize: 4096 });
  }

  list(options: ListOptions = {}): Promise<ServiceEntry[]> {
    const entries = [...this.#services.values()].map(({ service, servers, stats }) => ({
      service,
      servers: [...servers.values()].map(({ server, connections, stats }): ServerEntry => ({
        server,
        connections,
        ...(options.stats && { stats }),
      })),
      ...(options.stats && { stats }),
    }));
    return Promise.resolve(entries);
  }

  async find(key: ServiceKey, options: ListOptions = {}): Promise<ServiceEntry | undefined> {
    const subject = printServiceKey(key);
    const entries = await this.list(options);
    return entries.find(({ service }) => printServiceKey(service.key) === subject);
  }

  apply(changes: readonly IpvsChange[]): Promise<(LvscareError | undefined)[]> {
    return Promise.resolve(changes.map((change) => {
      const failure = this.#takeFailure(change);
      const refusal = failure ?? this.#change(change);
      return refusal && kernelError(describeChange(change), refusal);
    }));
  }

  clear(): Promise<void> {
    this.#services.clear();
    return Promise.resolve();
  }

  zero(key?: ServiceKey): Promise<void> {
    const found = key && this.#services.get(printServiceKey(key));
    if (key && !found) {
      return Promise.reject(
        kernelError({
          command: "IPVS_CMD_ZERO",
          op: "zero counters of",
          subject: printServiceKey(key),
        }, refuse("ESRCH", "no such service")),
      );
    }
    for (const each of found ? [found] : this.#services.values()) {
      each.stats = { ...each.stats, counters: NO_COUNTERS };
      for (const server of each.servers.values()) {
        server.stats = { ...server.stats, counters: NO_COUNTERS };
      }
    }
    return Promise.resolve();
  }

  timeouts(): Promise<Timeouts> {
    return Promise.resolve(this.#timeouts);
  }

  setTimeouts(timeouts: Partial<Timeouts>): Promise<void> {
    for (const value of Object.values(timeouts)) {
      if (Number.isInteger(value) && value > 0 && value <= MAX_TIMEOUT_S) continue;
      const refusal = refuse(
        "EINVAL",
        `${value}: must be whole seconds from 1 to ${MAX_TIMEOUT_S}`,
      );
      return Promise.reject(
        kernelError(
          { command: "IPVS_CMD_SET_CONFIG", op: "set", subject: "IPVS timeouts" },
          refusal,
        ),
      );
    }
    this.#timeouts = { ...this.#timeouts, ...timeouts };
    return Promise.resolve();
  }

  daemons(): Promise<SyncDaemon[]> {
    const roles = ["master", "backup"] as const;
    return Promise.resolve(
      roles.map((role) => this.#daemons.get(role)).filter((each) => each !== undefined),
    );
  }

  startDaemon(daemon: SyncDaemon): Promise<void> {
    const refusal = this.#startRefusal(daemon);
    if (refusal) {
      const subject = `${daemon.role} sync daemon`;
      return Promise.reject(
        kernelError({ command: "IPVS_CMD_NEW_DAEMON", op: "start", subject: subject }, refusal),
      );
    }
    this.#daemons.set(daemon.role, reportDaemon(daemon));
    return Promise.resolve();
  }

  stopDaemon(role: DaemonRole): Promise<void> {
    if (this.#daemons.delete(role)) return Promise.resolve();
    const refusal = refuse("ESRCH", "no daemon is running");
    return Promise.reject(
      kernelError(
        { command: "IPVS_CMD_DEL_DAEMON", op: "stop", subject: `${role} sync daemon` },
        refusal,
      ),
    );
  }

  close(): void {}

  /** Lets the next change that matches fail with this errno, once. */
  failNext(matches: (change: IpvsChange) => boolean, errno: string): void {
    this.#failures.push({ matches, errno });
  }

  /** Sets a service's counters and rates; a missing part stays as it is. */
  setServiceStats(key: ServiceKey, stats: Partial<Stats>): void {
    const found = this.#found(key);
    found.stats = { ...found.stats, ...stats };
  }

  setServerStats(key: ServiceKey, server: Endpoint, stats: Partial<Stats>): void {
    const found = this.#foundServer(key, server);
    found.stats = { ...found.stats, ...stats };
  }

  setConnections(key: ServiceKey, server: Endpoint, connections: Partial<ServerConnections>): void {
    const found = this.#foundServer(key, server);
    found.connections = { ...found.connections, ...connections };
  }

  #found(key: ServiceKey): HeldService {
    const found = this.#services.get(printServiceKey(key));
    if (!found) throw new TypeError(`the table has no service ${printServiceKey(key)}`);
    return found;
  }

  #foundServer(key: ServiceKey, server: Endpoint): HeldServer {
    const found = this.#found(key).servers.get(printEndpoint(server));
    if (!found) throw new TypeError(`the table has no server ${printEndpoint(server)}`);
    return found;
  }

  #takeFailure(change: IpvsChange): Refusal | undefined {
    const index = this.#failures.findIndex(({ matches }) => matches(change));
    if (index < 0) return undefined;
    const [failure] = this.#failures.splice(index, 1);
    return refuse(failure!.errno, "the test wants it so");
  }

  #change(change: IpvsChange): Refusal | undefined {
    const key = "service" in change ? change.service.key : change.key;
    const found = this.#services.get(printServiceKey(key));
    if (change.kind === "addService") {
      return found ? refuse("EEXIST", "service exists") : this.#addService(change.service);
    }
    if (!found) return refuse("ESRCH", "no such service");
    switch (change.kind) {
      case "editService": {
        const refusal = this.#serviceRefusal(change.service);
        if (!refusal) found.service = change.service;
        return refusal;
      }
      case "deleteService":
        this.#services.delete(printServiceKey(key));
        return undefined;
      case "addServer":
        return this.#addServer(found, change.server);
      case "editServer":
        return this.#editServer(found, change.server);
      case "deleteServer":
        return found.servers.delete(printEndpoint(change.server))
          ? undefined
          : refuse("ENOENT", "no such server");
    }
  }

  #addService(service: Service): Refusal | undefined {
    const refusal = this.#serviceRefusal(service);
    if (refusal) return refusal;
    this.#services.set(printServiceKey(service.key), {
      service,
      servers: new Map(),
      stats: NO_STATS,
    });
  }

  #serviceRefusal({ key, scheduler, persistence }: Service): Refusal | undefined {
    if (!this.#schedulers.includes(scheduler)) return refuse("ENOENT", `no scheduler ${scheduler}`);
    const engine = persistence?.engine;
    if (engine !== undefined && !ENGINES.includes(engine)) {
      return refuse("ENOENT", `no persistence engine ${engine}`);
    }
    return persistence && checkPersistence(persistence, keyFamily(key));
  }

  #addServer(found: HeldService, server: Server): Refusal | undefined {
    const mixed = this.#mixedRefusal(found, server);
    if (mixed) return mixed;
    const name = printEndpoint(server);
    const refusal = checkServer(server, found.servers.has(name) ? "exists" : "new");
    if (refusal) return refusal;
    found.servers.set(name, { server, connections: NO_CONNECTIONS, stats: NO_STATS });
  }

  #editServer(found: HeldService, server: Server): Refusal | undefined {
    const mixed = this.#mixedRefusal(found, server);
    if (mixed) return mixed;
    const old = found.servers.get(printEndpoint(server));
    const refusal = checkServer(server, old ? "edited" : "missing");
    if (refusal || !old) return refusal;
    old.server = server;
  }

  #mixedRefusal({ service }: HeldService, server: Server): Refusal | undefined {
    if (addressFamily(server.address) === keyFamily(service.key)) return undefined;
    // Messages of the synchronisation protocol cannot tell the two families of one connection.
    if (this.#daemons.size > 0) return refuse("EINVAL", "a sync daemon allows one family only");
    return server.forwarding.method === "tunnel"
      ? undefined
      : refuse("EINVAL", "only a tunnel leads to another family");
  }

  #startRefusal(daemon: SyncDaemon): Refusal | undefined {
    const mixed = [...this.#services.values()].some(({ service, servers }) =>
      [...servers.values()].some(({ server }) =>
        addressFamily(server.address) !== keyFamily(service.key)
      )
    );
    if (mixed) return refuse("EINVAL", "a server is of another family than its service");
    if (this.#daemons.has(daemon.role)) return refuse("EEXIST", "daemon is running");
    return checkDaemon(daemon, this.#interfaces);
  }
}

function kernelError(request: IpvsRequest, refusal: Refusal): KernelError {
  const { command, op, subject } = request;
  const { errno } = refusal;
  const { why, hint } = explainIpvs(command, errno, request);
  return new KernelError(
    `${op} ${subject}: ${why ?? refusal.why} (${errno})`,
    command,
    errno,
    {},
    { op, subject, ...(hint !== undefined && { hint }) },
  );
}
