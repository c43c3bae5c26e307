/** What was read to what is cared for: inheritance, one entry to its many services, and what does not agree. */

import { type Origin, printOrigin, type Report } from "./report.ts";
import type { Address } from "../../model/address.ts";
import type { SyncDaemon } from "../../model/ipvs.ts";
import type { Config, HostConfig, ServiceConfig, TableConfig } from "../config.ts";
import type {
  HostTable,
  MainTable,
  ServiceTable,
  SettingValues,
  SyncDaemonValues,
} from "./fields.ts";
import { DRAIN_TIMEOUT_MS, EntryBuilder } from "./service.ts";
import { complainIn, type Table } from "./shape.ts";

/** What stands in one file. */
export interface Document {
  readonly table: MainTable;
  /** Its defaults are everybody's. */
  readonly isMain: boolean;
}

/** What an entry came to, and under which circumstances. */
interface BuiltEntry {
  readonly circumstances: string;
  readonly inherited: readonly (Table<SettingValues> | undefined)[];
  readonly services: readonly ServiceConfig[];
}

/** An entry that is as it was gives the very same services. */
export type EntryMemory = WeakMap<ServiceTable, BuiltEntry>;

export interface BuildInput {
  readonly entries: EntryMemory;
  readonly documents: readonly Document[];
  readonly nodeAddresses: readonly Address[];
  /** Gets each service's place. */
  readonly origins: Map<string, Origin>;
  readonly report: Report;
}

/** More than a kernel is asked to balance, and few enough to be read in a moment. */
const SERVICES_LIMIT = 50_000;

export function buildConfig(input: BuildInput): Config {
  const { documents, nodeAddresses, origins, entries, report } = input;
  const main = documents.find(({ isMain }) => isMain)?.table.values;
  const host = hostOf(main?.host);
  const values = main?.host?.values ?? {};
  const markBit = values["masquerade-bit"] ?? 0;
  const services: ServiceConfig[] = [];
  const circumstances = JSON.stringify([host.dataplane, markBit, nodeAddresses]);
  const conflicts = new Conflicts();
  files: for (const { table, isMain } of documents) {
    const inherited = [main?.defaults, isMain ? undefined : table.values.defaults]
      .filter((each) => each !== undefined);
    for (const entry of table.values.services ?? []) {
      const builder = new EntryBuilder({ entry, inherited, host, markBit, nodeAddresses });
      if (services.length + builder.count > SERVICES_LIMIT) {
        complainIn(entry, undefined, `with it there are more than ${SERVICES_LIMIT} services`);
        break files;
      }
      const known = entries.get(entry);
      const isKnown = known?.circumstances === circumstances &&
        known.inherited.length === inherited.length &&
        known.inherited.every((each, i) => each === inherited[i]);
      const before = report.count;
      const built = isKnown ? known.services : builder.build();
      if (report.count === before) {
        entries.set(entry, { circumstances, inherited, services: built });
      }
      for (const service of built) {
        const first = origins.get(service.name);
        if (first) {
          const text = `${service.name} is a service at ${printOrigin(first)} already`;
          complainIn(entry, builder.keyOfName, text);
          continue;
        }
        const origin = entry.place.inside(builder.keyOfName).origin(builder.nameNode);
        origins.set(service.name, origin);
        const conflict = conflicts.add(service, origin);
        if (conflict !== undefined) complainIn(entry, "mode", conflict);
        services.push(service);
      }
    }
  }
  return {
    host,
    table: tableOf(main?.host),
    services,
    intervalMs: values["sync-interval"] ?? 5000,
    drainTimeoutMs: main?.defaults?.values["drain-timeout"] ?? DRAIN_TIMEOUT_MS,
    checksAtOnce: values["checks-at-once"] ?? 1000,
    remembersHealth: true,
  };
}

function hostOf(table: HostTable | undefined): HostConfig {
  const { dataplane = "kernel", backend, masquerade = "auto", proxy } = table?.values ?? {};
  const values = proxy?.values ?? {};
  return {
    ...{ dataplane, backend, masquerade },
    proxy: {
      protocol: values.protocol,
      connectTimeoutMs: values["connect-timeout"] ?? 5000,
      idleTimeoutMs: values["idle-timeout"] ?? 900_000,
    },
  };
}

function tableOf(host: HostTable | undefined): TableConfig {
  const { timeouts, "sync-daemon": daemon } = host?.values ?? {};
  if (host?.values.dataplane === "embedded") {
    for (const key of ["timeouts", "sync-daemon"] as const) {
      if (host.values[key]) complainIn(host, key, "is of IPVS, which the embedded proxy is not");
    }
  }
  const { tcp, "tcp-fin": tcpFin, udp } = timeouts?.values ?? {};
  return {
    timeouts: {
      ...(tcp !== undefined && { tcpS: Math.round(tcp / 1000) }),
      ...(tcpFin !== undefined && { tcpFinS: Math.round(tcpFin / 1000) }),
      ...(udp !== undefined && { udpS: Math.round(udp / 1000) }),
    },
    daemons: daemon ? daemonsOf(daemon) : [],
  };
}

function daemonsOf(table: Table<SyncDaemonValues>): SyncDaemon[] {
  const { device, role = "both", id = 0, "max-length": maxLength, group, port, ttl } = table.values;
  if (device === undefined) {
    const isGiven = table.node.entries.some(({ key }) => key === "device");
    if (!isGiven) complainIn(table, undefined, "has no device, must have one");
    return [];
  }
  const roles = role === "both" ? ["master", "backup"] as const : [role];
  return roles.map((role) => ({
    ...{ role, syncId: id, interface: device },
    ...(maxLength !== undefined && { maxLength }),
    ...(group !== undefined && { group }),
    ...(port !== undefined && { port }),
    ...(ttl !== undefined && { ttl }),
  }));
}

/** What two services of one address cannot both have. */
class Conflicts {
  readonly #ways = new Map<Address, { readonly way: string; readonly origin: Origin }>();

  /** What is wrong with it beside those before it. */
  add({ service: { key }, mode }: ServiceConfig, origin: Origin): string | undefined {
    if (key.kind !== "address" || mode.kind === "none") return undefined;
    const way = mode.kind === "link"
      ? `on device ${mode.device}`
      : `by a route via ${mode.gateway}`;
    const known = this.#ways.get(key.address);
    if (!known) this.#ways.set(key.address, { way, origin });
    else if (known.way !== way) {
      return `${key.address} is ${way}, and ${known.way} at ${
        printOrigin(known.origin)
      }: must be one`;
    }
    return undefined;
  }
}
