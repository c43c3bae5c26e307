/** An IPVS table whose services this process serves itself: what the kernel would do, without the kernel. */

import type { Clock } from "../../clock.ts";
import type { ProxyProtocol } from "../../wire/proxy_protocol.ts";
import { type LvscareError, SyscallError, UnsupportedError } from "../../errors.ts";
import { describeChange } from "../../kernel/ipvs_request.ts";
import type { IpvsTable, ListOptions } from "../../kernel/ipvs_table.ts";
import { MemoryIpvsTable } from "../../kernel/memory/ipvs_table.ts";
import { type Endpoint, printEndpoint } from "../../model/endpoint.ts";
import {
  type IpvsChange,
  type IpvsInfo,
  printServiceKey,
  type ServerEntry,
  type Service,
  type ServiceEntry,
  type ServiceKey,
  type SyncDaemon,
  type Timeouts,
} from "../../model/ipvs.ts";
import type { Backend } from "./backend.ts";
import { Balancer } from "./balancer.ts";
import { Complaints } from "./complaints.ts";
import type { Frontend, Limits, Surroundings } from "./frontend.ts";
import { ESTIMATE_S } from "./meter.ts";
import { Reactor } from "./reactor.ts";
import { SCHEDULERS } from "./schedulers.ts";
import { TcpListener } from "./tcp_listener.ts";
import { UdpFrontend } from "./udp_frontend.ts";

export interface EmbeddedOptions {
  readonly clock: Clock;
  /** How long a server may take to accept a connection. */
  readonly connectTimeoutMs: number;
  /** How long a connection may be silent; like the kernel's timeout for TCP, it can be set later too. */
  readonly idleTimeoutMs: number;
  /** How servers are told who the client is; undefined: not at all. */
  readonly proxyProtocol: ProxyProtocol | undefined;
  warn(text: string, error?: unknown): void;
}

const TICK_MS = 250;

interface Running {
  readonly balancer: Balancer;
  readonly frontend: Frontend;
}

export class EmbeddedIpvsTable implements IpvsTable {
  readonly name = "the embedded proxy";
  /** What is refused and what is there, by the kernel's rules. */
  readonly #ledger = new MemoryIpvsTable({ schedulers: SCHEDULERS, interfaces: [] });
  readonly #services = new Map<string, Running>();
  readonly #reactor: Reactor;
  readonly #clock: Clock;
  /** Frontends only read it; time and limits move on in it. */
  readonly #surroundings: Surroundings & { nowS: number; limits: Limits };
  readonly #complaints: Complaints;
  readonly #onDefect: (error: unknown) => void;
  #estimatedS: number;
  #ticker: { cancel(): void } | undefined;

  constructor(options: EmbeddedOptions) {
    const { clock, connectTimeoutMs, idleTimeoutMs, proxyProtocol, warn } = options;
    this.#clock = clock;
    this.#estimatedS = clock.monotonicMs() / 1000;
    this.#onDefect = (error) => warn("the embedded proxy has a defect", error);
    this.#reactor = new Reactor(this.#onDefect);
    this.#complaints = new Complaints(clock, warn);
    this.#surroundings = {
      reactor: this.#reactor,
      proxyProtocol,
      complain: (complaint) => this.#complaints.take(complaint),
      nowS: this.#estimatedS,
      limits: {
        ...KERNEL_LIMITS,
        connectS: connectTimeoutMs / 1000,
        tcpS: idleTimeoutMs / 1000,
      },
    };
  }

  info(): Promise<IpvsInfo> {
    return this.#ledger.info();
  }

  async list(options: ListOptions = {}): Promise<ServiceEntry[]> {
    const entries = await this.#ledger.list();
    return entries.map((entry) => this.#withFlow(entry, options));
  }

  async find(key: ServiceKey, options: ListOptions = {}): Promise<ServiceEntry | undefined> {
    const entry = await this.#ledger.find(key);
    return entry && this.#withFlow(entry, options);
  }

  async apply(changes: readonly IpvsChange[]): Promise<(LvscareError | undefined)[]> {
    const answers: (LvscareError | undefined)[] = [];
    for (const change of changes) answers.push(await this.#apply(change));
    return answers;
  }

  async clear(): Promise<void> {
    await this.#ledger.clear();
    for (const name of [...this.#services.keys()]) this.#close(name);
  }

  async zero(key?: ServiceKey): Promise<void> {
    await this.#ledger.zero(key);
    const name = key && printServiceKey(key);
    for (const [each, { balancer }] of this.#services) {
      if (name !== undefined && each !== name) continue;
      balancer.meter.zero();
      for (const { meter } of balancer.backends) meter.zero();
    }
  }

  timeouts(): Promise<Timeouts> {
    const { tcpS, tcpFinS, udpS } = this.#surroundings.limits;
    return Promise.resolve({ tcpS, tcpFinS, udpS });
  }

  async setTimeouts(timeouts: Partial<Timeouts>): Promise<void> {
    await this.#ledger.setTimeouts(timeouts);
    this.#surroundings.limits = { ...this.#surroundings.limits, ...timeouts };
  }

  daemons(): Promise<SyncDaemon[]> {
    return Promise.resolve([]);
  }

  startDaemon(): Promise<void> {
    return Promise.reject(noDaemons());
  }

  stopDaemon(): Promise<void> {
    return Promise.reject(noDaemons());
  }

  close(): void {
    for (const name of [...this.#services.keys()]) this.#close(name);
    this.#complaints.close();
    void this.#reactor.close();
  }

  async #apply(change: IpvsChange): Promise<LvscareError | undefined> {
    const unsupported = refuseBeyond(change);
    if (unsupported) return unsupported;
    const [refused] = await this.#ledger.apply([change]);
    if (refused) return refused;
    try {
      this.#effect(change);
      return undefined;
    } catch (error) {
      if (!(error instanceof SyscallError) || change.kind !== "addService") throw error;
      const { key } = change.service;
      await this.#ledger.apply([{ kind: "deleteService", key }]);
      return key.kind === "address" ? explain(key, error) : error;
    }
  }

  /** What the ledger has let through. */
  #effect(change: IpvsChange): void {
    const name = printServiceKey("service" in change ? change.service.key : change.key);
    if (change.kind === "addService") {
      this.#services.set(name, this.#open(change.service));
      this.#ticker ??= this.#clock.after(TICK_MS, () => this.#tick());
      return;
    }
    const { balancer } = this.#services.get(name)!;
    switch (change.kind) {
      case "editService":
        balancer.service = change.service;
        return;
      case "deleteService":
        this.#close(name);
        return;
      case "addServer":
        balancer.add(change.server);
        return;
      case "editServer":
        balancer.edit(change.server);
        return;
      case "deleteServer":
        balancer.remove(change.server)?.abort();
        return;
    }
  }

  #open(service: Service): Running {
    const balancer = new Balancer(service);
    const { key } = service;
    if (key.kind === "mark") throw new TypeError("a mark is nothing to listen on");
    const frontend = key.protocol === "udp"
      ? new UdpFrontend(key, balancer, this.#surroundings)
      : new TcpListener(key, balancer, this.#surroundings);
    return { balancer, frontend };
  }

  #close(name: string): void {
    this.#services.get(name)?.frontend.close();
    this.#services.delete(name);
  }

  #tick(): void {
    this.#ticker = undefined;
    if (this.#services.size === 0) return;
    this.#ticker = this.#clock.after(TICK_MS, () => this.#tick());
    const nowS = this.#surroundings.nowS = this.#clock.monotonicMs() / 1000;
    const isTime = nowS - this.#estimatedS >= ESTIMATE_S;
    if (isTime) this.#estimatedS = nowS;
    for (const { balancer, frontend } of this.#services.values()) {
      try {
        frontend.tick();
      } catch (error) {
        this.#onDefect(error);
      }
      balancer.expire(nowS);
      if (!isTime) continue;
      balancer.meter.estimate();
      for (const { meter } of balancer.backends) meter.estimate();
    }
  }

  #withFlow({ service, servers }: ServiceEntry, { stats }: ListOptions): ServiceEntry {
    const { balancer } = this.#services.get(printServiceKey(service.key))!;
    const persistent = balancer.persistent();
    return {
      service,
      servers: servers.map(({ server }) => {
        const backend = balancer.find(server)!;
        return flowOf(backend, persistent.get(backend) ?? 0, stats ?? false);
      }),
      ...(stats && { stats: balancer.meter.read() }),
    };
  }
}

/** The kernel's own, in seconds. */
const KERNEL_LIMITS = { tcpFinS: 120, udpS: 300 };

const noDaemons = () =>
  new UnsupportedError(
    "the embedded proxy has no connections that another host could take over",
    "sync daemon",
  );

function flowOf(
  { server, active, meter }: Backend,
  persistent: number,
  withStats: boolean,
): ServerEntry {
  const connections = { active, inactive: 0, persistent };
  return { server, connections, ...(withStats && { stats: meter.read() }) };
}

/** What only packets in the kernel can have. */
function refuseBeyond(change: IpvsChange): UnsupportedError | undefined {
  const beyond = "service" in change
    ? beyondServices(change.service)
    : change.kind === "addServer" || change.kind === "editServer"
    ? beyondServers(change.server)
    : undefined;
  if (beyond === undefined) return undefined;
  const { op, subject } = describeChange(change);
  return new UnsupportedError(`${op} ${subject}: the embedded proxy has no ${beyond}`, beyond, {
    ...{ op, subject },
    hint: "IPVS in the kernel has it: --dataplane kernel",
  });
}

function beyondServices(
  { key, scheduler, onePacket, persistence }: Service,
): string | undefined {
  if (key.kind === "mark") return "services by firewall mark";
  if (key.protocol === "sctp") return "SCTP";
  if (!SCHEDULERS.includes(scheduler)) {
    return `scheduler ${scheduler}, only ${SCHEDULERS.join(" ")}`;
  }
  if (onePacket) return "one-packet scheduling";
  if (persistence?.mask !== undefined) return `mask ${persistence.mask}, only prefixes`;
  if (persistence?.engine !== undefined) return `persistence engine ${persistence.engine}`;
  return undefined;
}

function beyondServers({ forwarding }: ServerEntry["server"]): string | undefined {
  return forwarding.method === "masquerade"
    ? undefined
    : `forwarding by ${forwarding.method}, only masquerade`;
}

/** Why an address cannot be listened on, in the words of whoever gave it. */
function explain(key: Endpoint, error: SyscallError): SyscallError {
  const { call, errno, message } = error;
  const subject = printEndpoint(key);
  const hint = HINTS[errno]?.(key);
  const why = message.slice(message.indexOf(": ") + 2);
  return new SyscallError(`listen on ${subject}: ${why}`, call, errno, {
    ...{ op: "listen on", subject, cause: error },
    ...(hint !== undefined && { hint }),
  });
}

const HINTS: Readonly<Record<string, ((key: Endpoint) => string) | undefined>> = {
  EADDRNOTAVAIL: ({ address }) =>
    `no device of this host has ${address}: --mode link puts it on one, as root`,
  EADDRINUSE: ({ port }) => `another program listens there: see ss -lntp 'sport = :${port}'`,
  EACCES: ({ port }) => `port ${port} needs root or CAP_NET_BIND_SERVICE`,
};
