/** One virtual service: who of its servers gets a client. Pure, but for the connections that it counts. */

import { type Endpoint, printEndpoint } from "../../model/endpoint.ts";
import type { Server, Service } from "../../model/ipvs.ts";
import { Backend } from "./backend.ts";
import { Meter } from "./meter.ts";
import { makeScheduler, type Scheduler } from "./schedulers.ts";
import type { Client } from "../../sys/socket_address.ts";

/** So many clients are remembered; of more than that, the ones that came first are forgotten. */
const CLIENTS_LIMIT = 100_000;
/** Who wants to know the client; the others are spared it. */
const BY_CLIENT = ["sh", "mh"];

/** Where a client belongs, and until when. */
interface Template {
  readonly backend: Backend;
  sessions: number;
  untilS: number;
}

/** A choice, to be given back when the session is over. */
export interface Choice {
  readonly backend: Backend;
  readonly template: Template | undefined;
}

export class Balancer {
  readonly meter = new Meter();
  readonly #backends = new Map<string, Backend>();
  readonly #templates = new Map<string, Template>();
  #service: Service;
  #scheduler: Scheduler<Backend>;

  /** The scheduler must be one of SCHEDULERS. */
  constructor(service: Service) {
    this.#service = service;
    this.#scheduler = schedulerOf(service);
  }

  get service(): Service {
    return this.#service;
  }

  set service(service: Service) {
    if (service.persistence?.prefix !== this.#service.persistence?.prefix) this.#templates.clear();
    this.#service = service;
    this.#scheduler = schedulerOf(service);
    this.#update();
  }

  get backends(): Iterable<Backend> {
    return this.#backends.values();
  }

  /** Whether choose() needs to know who the client is. */
  get wantsClient(): boolean {
    const { scheduler, persistence } = this.#service;
    return persistence !== undefined || BY_CLIENT.includes(scheduler);
  }

  find(server: Endpoint): Backend | undefined {
    return this.#backends.get(printEndpoint(server));
  }

  add(server: Server): void {
    const backend = new Backend(server);
    this.#backends.set(backend.name, backend);
    this.#update();
  }

  edit(server: Server): void {
    const backend = this.find(server);
    if (!backend) return;
    backend.server = server;
    this.#update();
  }

  remove(server: Endpoint): Backend | undefined {
    const backend = this.find(server);
    if (!backend) return undefined;
    this.#backends.delete(backend.name);
    for (const [client, template] of this.#templates) {
      if (template.backend === backend) this.#templates.delete(client);
    }
    this.#update();
    return backend;
  }

  /** A server that was not tried yet; undefined where there is none that takes any. */
  choose(client: Client, tried: ReadonlySet<Backend>, nowS: number): Choice | undefined {
    const name = this.#nameOf(client);
    const known = name === undefined ? undefined : this.#templates.get(name);
    if (known && isGood(known, tried, nowS)) return this.#use(known, nowS);
    const backend = this.#scheduler.pick(client, (each) => !each.isFull && !tried.has(each));
    if (!backend) return undefined;
    if (name === undefined) return { backend, template: undefined };
    const template = { backend, sessions: 0, untilS: nowS };
    // At the end of the order of age.
    this.#templates.delete(name);
    this.#templates.set(name, template);
    if (this.#templates.size > CLIENTS_LIMIT) {
      const [oldest] = this.#templates.keys();
      this.#templates.delete(oldest!);
    }
    return this.#use(template, nowS);
  }

  /** The session of that choice is over: a client belongs to its server for a while longer. */
  release({ template }: Choice, nowS: number): void {
    if (!template) return;
    template.sessions--;
    template.untilS = nowS + (this.#service.persistence?.timeoutS ?? 0);
  }

  /** How many clients belong to each server for now; none to those that are not named. */
  persistent(): ReadonlyMap<Backend, number> {
    const counts = new Map<Backend, number>();
    for (const { backend } of this.#templates.values()) {
      counts.set(backend, (counts.get(backend) ?? 0) + 1);
    }
    return counts;
  }

  /** Forgets clients whose time is up. */
  expire(nowS: number): void {
    for (const [client, { sessions, untilS }] of this.#templates) {
      if (sessions === 0 && untilS <= nowS) this.#templates.delete(client);
    }
  }

  #use(template: Template, nowS: number): Choice {
    template.sessions++;
    template.untilS = nowS + (this.#service.persistence?.timeoutS ?? 0);
    return { backend: template.backend, template };
  }

  #update(): void {
    this.#scheduler.update([...this.#backends.values()]);
  }

  /** What makes clients the same one, where that matters. */
  #nameOf({ bytes }: Client): string | undefined {
    const { persistence } = this.#service;
    if (!persistence) return undefined;
    const masked = bytes.map((byte, i) => byte & maskByte(persistence.prefix - 8 * i));
    return String.fromCharCode(...masked);
  }
}

function schedulerOf({ scheduler, schedulerFlags }: Service): Scheduler<Backend> {
  const made = makeScheduler<Backend>(scheduler, schedulerFlags);
  if (!made) throw new TypeError(`no scheduler ${scheduler} here`);
  return made;
}

/** Draining goes before belonging: a server of weight 0 gets nobody new. */
function isGood(
  { backend, sessions, untilS }: Template,
  tried: ReadonlySet<Backend>,
  nowS: number,
): boolean {
  return backend.weight > 0 && !tried.has(backend) && (sessions > 0 || untilS > nowS);
}

/** A byte of a mask of which so many bits are left. */
function maskByte(bits: number): number {
  return bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}
