/** The IPVS table over generic netlink. */

import { KernelError, LvscareError, UnsupportedError, WireError } from "../../errors.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import {
  type DaemonRole,
  type IpvsChange,
  type IpvsInfo,
  keyFamily,
  printServiceKey,
  type ServerEntry,
  type ServiceEntry,
  type ServiceKey,
  type SyncDaemon,
  type Timeouts,
} from "../../model/ipvs.ts";
import { errnoMeaning, errnoNumber } from "../../sys/errno.ts";
import type { NetlinkSocket } from "../../sys/netlink_socket.ts";
import type { GenlFamily } from "../../wire/genl.ts";
import {
  changeRequest,
  daemonsRequest,
  decodeInfo,
  decodeListedDaemon,
  decodeListedServer,
  decodeListedService,
  decodeTimeouts,
  flushRequest,
  getServiceRequest,
  infoRequest,
  type ListedService,
  listServersRequest,
  listServicesRequest,
  setTimeoutsRequest,
  startDaemonRequest,
  stopDaemonRequest,
  timeoutsRequest,
  zeroRequest,
} from "../../wire/ipvs.ts";
import { IPVS_GENL_NAME, STATS_TYPES } from "../../wire/ipvs_tables.ts";
import type { Message, Request } from "../../wire/message.ts";
import { explainIpvs, NO_IPVS_HINT } from "../hints.ts";
import type { IpvsTable, ListOptions } from "../ipvs_table.ts";
import { inContext } from "./attempt.ts";
import { DumpMemory } from "./dump_memory.ts";

/** What is being done, for errors. */
interface Doing {
  readonly op: string;
  readonly subject: string;
  readonly scheduler?: string;
}

const CHANGE_OPS: Readonly<Record<IpvsChange["kind"], string>> = {
  addService: "add service",
  editService: "edit service",
  deleteService: "delete service",
  addServer: "add server",
  editServer: "edit server",
  deleteServer: "delete server",
};

const FOUND_LIMIT = 64;

export class NetlinkIpvsTable implements IpvsTable {
  readonly name: string;
  readonly #socket: NetlinkSocket;
  readonly #services = new DumpMemory<ListedService>(STATS_TYPES.service);
  /** Services that were asked for one by one, by their names. */
  readonly #found = new Map<string, DumpMemory<ListedService>>();
  /** By the service as it is remembered: one that changed starts anew. */
  readonly #servers = new WeakMap<ListedService, DumpMemory<ServerEntry>>();

  /** Takes over the socket, which is one of NETLINK_GENERIC. */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
    this.name = `netlink over ${socket.transport}`;
  }

  info(): Promise<IpvsInfo> {
    return this.#do({ op: "read", subject: "IPVS version" }, (family) => {
      return decodeInfo(this.#ask(infoRequest(family)));
    });
  }

  list({ stats = false }: ListOptions = {}): Promise<ServiceEntry[]> {
    return this.#do({ op: "list", subject: "IPVS services" }, () => {
      return this.#listServices(stats).map((listed) => this.#withServers(listed, stats));
    });
  }

  find(key: ServiceKey, { stats = false }: ListOptions = {}): Promise<ServiceEntry | undefined> {
    const name = printServiceKey(key);
    return this.#do({ op: "find service", subject: name }, () => {
      const message = this.#askService(key);
      if (message) return this.#withServers(this.#decodeFound(name, message, stats), stats);
      this.#found.delete(name);
      return undefined;
    });
  }

  #decodeFound(name: string, message: Message, stats: boolean): ListedService {
    if (stats) return decodeListedService(message, stats);
    let memory = this.#found.get(name);
    if (!memory) {
      // Whoever asks for many services, one after the other, does not come back to the first so soon.
      if (this.#found.size >= FOUND_LIMIT) this.#found.clear();
      this.#found.set(name, memory = new DumpMemory(STATS_TYPES.service));
    }
    return memory.decode([message], (message) => decodeListedService(message, stats))[0]!;
  }

  apply(changes: readonly IpvsChange[]): Promise<(LvscareError | undefined)[]> {
    const doing = { op: "change", subject: "IPVS services" };
    return this.#do(doing, (family) => {
      const requests = changes.map((change) => changeRequest(family, change));
      const outcomes = this.#socket.batch(requests);
      return outcomes.map((error, i) => error && explain(error, changeDoing(changes[i]!)));
    });
  }

  clear(): Promise<void> {
    return this.#do({ op: "clear", subject: "the IPVS table" }, (family) => {
      this.#socket.change(flushRequest(family));
    });
  }

  zero(key?: ServiceKey): Promise<void> {
    const subject = key ? printServiceKey(key) : "all services";
    return this.#do({ op: "zero counters of", subject }, (family) => {
      this.#socket.change(zeroRequest(family, key));
    });
  }

  timeouts(): Promise<Timeouts> {
    return this.#do({ op: "read", subject: "IPVS timeouts" }, (family) => {
      return decodeTimeouts(this.#ask(timeoutsRequest(family)));
    });
  }

  setTimeouts(timeouts: Partial<Timeouts>): Promise<void> {
    const doing = { op: "set", subject: "IPVS timeouts" };
    return this.#do(doing, (family) => {
      const request = setTimeoutsRequest(family, timeouts);
      for (const value of Object.values(timeouts)) {
        if (value === undefined || (Number.isInteger(value) && value > 0)) continue;
        // To the kernel, 0 says that a timeout stays as it is.
        throw new KernelError(
          `set IPVS timeouts: "${value}": must be whole seconds from 1 on`,
          request.command,
          "EINVAL",
          {},
          doing,
        );
      }
      this.#socket.change(request);
    });
  }

  daemons(): Promise<SyncDaemon[]> {
    return this.#do({ op: "list", subject: "sync daemons" }, (family) => {
      return this.#dumpDaemons(family);
    });
  }

  startDaemon(daemon: SyncDaemon): Promise<void> {
    return this.#do({ op: "start", subject: `${daemon.role} sync daemon` }, (family) => {
      this.#socket.change(startDaemonRequest(family, daemon));
    });
  }

  stopDaemon(role: DaemonRole): Promise<void> {
    return this.#do({ op: "stop", subject: `${role} sync daemon` }, (family) => {
      try {
        this.#socket.change(stopDaemonRequest(family, role));
      } catch (error) {
        if (!(error instanceof KernelError && error.is("EINTR"))) throw error;
        // A daemon that had not begun to run yet counts as interrupted, and is gone all the same.
        if (this.#dumpDaemons(family).some((daemon) => daemon.role === role)) throw error;
      }
    });
  }

  close(): void {
    this.#socket.close();
  }

  #dumpDaemons(family: GenlFamily): SyncDaemon[] {
    return this.#socket.dump(daemonsRequest(family), decodeListedDaemon);
  }

  /** Does it at once; the promise is the contract's, since other implementations do wait. */
  #do<T>(doing: Doing, body: (family: GenlFamily) => T): Promise<T> {
    try {
      return Promise.resolve(body(this.#family()));
    } catch (error) {
      return Promise.reject(explain(error, doing));
    }
  }

  #family(): GenlFamily {
    return this.#socket.family(IPVS_GENL_NAME);
  }

  #listServices(stats: boolean): ListedService[] {
    const messages = this.#dumpServices();
    const decode = (message: Message) => decodeListedService(message, stats);
    return stats ? messages.map(decode) : this.#services.decode(messages, decode);
  }

  #dumpServices(): Message[] {
    return this.#withFamily((family) => {
      return this.#socket.dump(listServicesRequest(family), (message) => message);
    });
  }

  #askService(key: ServiceKey): Message | undefined {
    try {
      return this.#withFamily((family) => this.#ask(getServiceRequest(family, key)));
    } catch (error) {
      if (error instanceof KernelError && error.is("ESRCH")) return undefined;
      throw error;
    }
  }

  /** Every pass begins with a look, so it is here that a family number gone stale is noticed. */
  #withFamily<T>(look: (family: GenlFamily) => T): T {
    try {
      return look(this.#family());
    } catch (error) {
      if (!(error instanceof KernelError && error.is("ENOENT"))) throw error;
      this.#socket.forgetFamily(IPVS_GENL_NAME);
      return look(this.#family());
    }
  }

  #withServers(listed: ListedService, stats: boolean): ServiceEntry {
    const servers = this.#listServers(listed, stats);
    const { service } = listed;
    return listed.stats ? { service, servers, stats: listed.stats } : { service, servers };
  }

  #listServers(listed: ListedService, stats: boolean): ServerEntry[] {
    const request = listServersRequest(this.#family(), listed.key);
    const messages = this.#socket.dump(request, (message) => message);
    const family = keyFamily(listed.service.key);
    const decode = (message: Message) => decodeListedServer(message, family, stats);
    if (stats) return messages.map(decode);
    let memory = this.#servers.get(listed);
    if (!memory) this.#servers.set(listed, memory = new DumpMemory(STATS_TYPES.server));
    return memory.decode(messages, decode);
  }

  #ask(request: Request): Message {
    const [message] = this.#socket.ask(request);
    if (!message) throw new WireError(`${request.command}: the answer is empty`);
    return message;
  }
}

function changeDoing(change: IpvsChange): Doing {
  const op = CHANGE_OPS[change.kind];
  if ("service" in change) {
    const { key, scheduler } = change.service;
    return { op, subject: printServiceKey(key), scheduler };
  }
  const service = printServiceKey(change.key);
  const subject = "server" in change ? `${service} -> ${printEndpoint(change.server)}` : service;
  return { op, subject };
}

/** The error with what was being done, why it was refused, and what to do about it. */
function explain<E>(error: E, doing: Doing): E | LvscareError {
  const { op, subject } = doing;
  if (error instanceof UnsupportedError && error.feature === IPVS_GENL_NAME) {
    return new UnsupportedError(`${op} ${subject}: this kernel has no IPVS`, "ip_vs", {
      op,
      subject,
      hint: NO_IPVS_HINT,
      cause: error,
    });
  }
  if (error instanceof WireError) return inContext(error, doing);
  // What was refused before it was sent says all of this already.
  if (!(error instanceof KernelError) || error.op !== undefined) return error;
  const { command, errno, extendedAck } = error;
  const explanation = explainIpvs(command, errno, doing);
  const hint = explanation.hint ?? error.hint;
  const why = explanation.why ?? errnoMeaning(errnoNumber(errno) ?? 0);
  const said = extendedAck.text === undefined ? "" : `: ${extendedAck.text}`;
  return new KernelError(
    `${op} ${subject}: ${why} (${errno})${said}`,
    command,
    errno,
    extendedAck,
    { op, subject, ...(hint !== undefined && { hint }), cause: error },
  );
}
