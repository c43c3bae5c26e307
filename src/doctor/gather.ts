/** Looks at a host once, and writes nothing. */

import type { Config } from "../config/config.ts";
import type { Sysctl } from "../kernel/host.ts";
import type { IpvsTable } from "../kernel/ipvs_table.ts";
import { type Address, addressFamily, type Family } from "../model/address.ts";
import { printServiceKey } from "../model/ipvs.ts";
import type { Link } from "../model/link.ts";
import {
  type CheckFacts,
  type ConntrackFacts,
  type Fact,
  type FoundRule,
  type HostFacts,
  known,
  type KubeProxyFacts,
  type ModuleState,
  moot,
  type NeighbourFacts,
  type TableFacts,
  unknown,
  valueOf,
} from "./facts.ts";
import { type CheckTools, runChecks } from "./gather_checks.ts";
import { type Get, readKubeProxy } from "./gather_kube.ts";
import { attempt, type HostFiles, readBootModules, readModules, whyNot } from "./gather_modules.ts";
import { DEVICE_PARAMETERS, deviceParameter, PARAMETERS } from "./judge_parameters.ts";
import { askNeighbours } from "./neighbours.ts";
import { parseSaved } from "./saved_rules.ts";
import { type Case, rulesKind, virtualAddresses, wantedModules, wantsIpvs } from "./wanted.ts";

/** What is looked at, and by what; tests put their own in its place. */
export interface DoctorWorld extends CheckTools {
  readonly files: HostFiles;
  readonly sysctl: Pick<Sysctl, "read">;
  listLinks(): Promise<readonly Link[]>;
  /** Never loads a module. */
  openTable(): Promise<Pick<IpvsTable, "info" | "list" | "timeouts" | "close">>;
  /** All that nftables has. */
  dumpRules(): readonly FoundRule[];
  /** What the program prints. */
  run(argv: readonly [string, ...string[]]): Promise<string>;
  readonly askNeighbours: typeof askNeighbours;
  readonly getKubeProxy: Get;
}

/** What takes its time, and is not changed by what --fix does. */
export type SlowFacts = Pick<HostFacts, "neighbours" | "checks" | "kubeProxy">;

/** With slow facts from before, only the rest is looked at anew. */
export async function gatherFacts(
  wanted: Case,
  world: DoctorWorld,
  before?: SlowFacts,
): Promise<HostFacts> {
  const { files } = world;
  const kernel = attempt(() => files.read("/proc/sys/kernel/osrelease")?.trim() ?? "");
  const release = valueOf(kernel);
  const hasIptables = attempt(() =>
    PROGRAM_FOLDERS.some((each) => files.exists(`${each}/iptables`))
  );
  const names = wantedModules(wanted, rulesKind(wanted, valueOf(hasIptables)))
    .map(({ name }) => name);
  const modules = readModules(files, [...new Set([...names, "ip_vs", "nf_tables"])], release);
  const isThere = (name: string) =>
    ["loaded", "built in"].includes(valueOf(modules)?.get(name) ?? "");
  const devices = await asked(async () => await world.listLinks());
  const needsTable = wantsIpvs(wanted) && isThere("ip_vs");
  return {
    isRoot: attempt(() => isRoot(files)),
    kernel,
    modules,
    bootModules: readBootModules(files),
    parameters: await asked(() => readParameters(world.sysctl, valueOf(devices) ?? [])),
    devices,
    table: needsTable ? await asked(() => readTable(world)) : moot("ip_vs is not loaded"),
    rules: readRules(world, valueOf(modules)?.get("nf_tables")),
    legacyRules: await readLegacyRules(world),
    hasIptables,
    firewalld: attempt(() => isFirewalldThere(files)),
    conntrack: await readConntrack(world.sysctl),
    ...before ? slowOf(before) : await gatherSlow(wanted, world, valueOf(devices)),
  };
}

/** All facts may have been handed on, of which the rest is old. */
function slowOf({ neighbours, checks, kubeProxy }: SlowFacts): SlowFacts {
  return { neighbours, checks, kubeProxy };
}

/** By the user that counts, which is the second of four. */
function isRoot(files: HostFiles): boolean {
  return /^Uid:\s+\d+\s+0\s/m.test(files.read("/proc/self/status") ?? "");
}

const PROGRAM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

async function asked<T>(body: () => Promise<T>): Promise<Fact<T>> {
  try {
    return known(await body());
  } catch (error) {
    return unknown(whyNot(error));
  }
}

async function readParameters(
  sysctl: Pick<Sysctl, "read">,
  devices: readonly Link[],
): Promise<ReadonlyMap<string, string | undefined>> {
  const names = [
    ...PARAMETERS,
    ...["all", ...devices.map(({ name }) => name)].flatMap((device) =>
      DEVICE_PARAMETERS.map((name) => deviceParameter(device, name))
    ),
  ];
  const values = new Map<string, string | undefined>();
  for (const name of names) values.set(name, await sysctl.read(name));
  return values;
}

async function readTable({ openTable }: DoctorWorld): Promise<TableFacts> {
  const table = await openTable();
  try {
    const { connectionTableSize } = await table.info();
    const services = await table.list();
    const connections = services.flatMap(({ servers }) => servers.map((each) => each.connections));
    return {
      size: connectionTableSize,
      connections: connections.reduce(
        (sum, { active, inactive, persistent }) => sum + active + inactive + persistent,
        0,
      ),
      timeouts: await table.timeouts(),
      services: new Set(services.map(({ service }) => printServiceKey(service.key))),
    };
  } finally {
    table.close();
  }
}

/** To ask where nftables is not loaded would load it. */
function readRules(
  { dumpRules }: DoctorWorld,
  state: ModuleState | undefined,
): Fact<readonly FoundRule[]> {
  switch (state) {
    case "loaded":
    case "built in":
      return attempt(dumpRules);
    case "unsure": {
      // A kernel that loads nothing refuses what it does not have.
      const rules = attempt(dumpRules, ABSENT);
      return rules.known ? known(rules.value ?? []) : rules;
    }
    case "not found":
    case undefined:
      return moot("nobody can tell whether nftables is there");
    default:
      return known([]);
  }
}

const ABSENT = ["EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT"];

/** Where no table of theirs has ever been used there are none, whatever is installed. */
async function readLegacyRules(world: DoctorWorld): Promise<Fact<readonly FoundRule[]>> {
  const rules: FoundRule[] = [];
  for (const [family, file, program] of LEGACY) {
    const tables = attempt(() => world.files.read(file) ?? "");
    if (!tables.known) return tables;
    if (tables.value.trim() === "") continue;
    const text = await runFirst(world, [`${program}-legacy-save`, `${program}-save`]);
    if (!text.known) return text;
    rules.push(...parseSaved(text.value, family));
  }
  return known(rules);
}

const LEGACY = [
  ["ip", "/proc/net/ip_tables_names", "iptables"],
  ["ip6", "/proc/net/ip6_tables_names", "ip6tables"],
] as const;

async function runFirst(
  world: DoctorWorld,
  [first, second]: readonly [string, string],
): Promise<Fact<string>> {
  const found = PROGRAM_FOLDERS.some((folder) => world.files.exists(`${folder}/${first}`));
  return await asked(() => world.run([found ? first : second]));
}

/** Its file stays behind when it is killed. */
function isFirewalldThere(files: HostFiles): boolean {
  const pid = (files.read("/run/firewalld.pid") ?? files.read("/var/run/firewalld.pid"))?.trim();
  return pid !== undefined && /^\d+$/.test(pid) && files.exists(`/proc/${pid}/comm`);
}

async function readConntrack(sysctl: Pick<Sysctl, "read">): Promise<Fact<ConntrackFacts>> {
  return await asked(async () => {
    const count = await sysctl.read("net.netfilter.nf_conntrack_count");
    const most = await sysctl.read("net.netfilter.nf_conntrack_max");
    return count === undefined || most === undefined
      ? undefined
      : { count: Number(count), most: Number(most) };
  }).then((fact) => {
    if (!fact.known) return fact;
    return fact.value ? known(fact.value) : moot("connections are not tracked");
  });
}

async function gatherSlow(
  wanted: Case,
  world: DoctorWorld,
  devices: readonly Link[] | undefined,
): Promise<SlowFacts> {
  const addresses = [...virtualAddresses(wanted).keys()];
  const [ipv4, ipv6, checks, kubeProxy] = await Promise.all([
    readNeighbours("ipv4", addresses, devices, world),
    readNeighbours("ipv6", addresses, devices, world),
    readChecks(wanted.config, world),
    readKube(devices, world),
  ]);
  return { neighbours: { ipv4, ipv6 }, checks, kubeProxy };
}

/** To ask for more of them at once would look like an attack. */
const MOST_ASKED = 256;

async function readNeighbours(
  family: Family,
  addresses: readonly Address[],
  devices: readonly Link[] | undefined,
  { clock, askNeighbours }: DoctorWorld,
): Promise<Fact<NeighbourFacts>> {
  const own = addresses.filter((address) => addressFamily(address) === family);
  if (own.length === 0) return moot();
  if (!devices) return moot("devices are not known");
  const questioned = own.slice(0, MOST_ASKED);
  const found = await asked(() => askNeighbours({ family, addresses: questioned, devices, clock }));
  if (!found.known) return found;
  return known({
    asked: questioned,
    left: own.length - questioned.length,
    answers: found.value,
  });
}

async function readChecks(
  config: Config | undefined,
  world: DoctorWorld,
): Promise<Fact<CheckFacts>> {
  if (!config) return moot();
  return await asked(() => runChecks(config, world));
}

/** The device is there wherever kube-proxy is, or was, in mode ipvs. */
async function readKube(
  devices: readonly Link[] | undefined,
  { getKubeProxy }: DoctorWorld,
): Promise<Fact<KubeProxyFacts>> {
  if (!devices?.some(({ name }) => name === "kube-ipvs0")) return moot();
  return known(await readKubeProxy(getKubeProxy));
}
