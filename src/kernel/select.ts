/** Which implementation of each contract is used: asked for, or found out at start. */

import { EmbeddedIpvsTable, type EmbeddedOptions } from "../dataplane/embedded/table.ts";
import type { Backend, MasqueradeChoice } from "../config/care.ts";
import { ConfigError, LvscareError, UnsupportedError } from "../errors.ts";
import type { Family } from "../model/address.ts";
import type { MasqueradeKind } from "../model/masquerade.ts";
import { openLibcTransport } from "../sys/libc_transport.ts";
import { openLibnlTransport } from "../sys/libnl_transport.ts";
import { NetlinkSocket } from "../sys/netlink_socket.ts";
import { NETLINK_GENERIC, NETLINK_NETFILTER, NETLINK_ROUTE } from "../sys/transport.ts";
import { CommandIpvsTable } from "./command/ipvs_table.ts";
import { CommandLinks } from "./command/links.ts";
import { IptablesMasquerade } from "./command/masquerade.ts";
import { ProcessRunner } from "./command/runner.ts";
import { CommandSets } from "./command/sets.ts";
import type { Modules } from "./host.ts";
import type { IpvsTable } from "./ipvs_table.ts";
import type { Links } from "./links.ts";
import type { Masquerade } from "./masquerade.ts";
import { NetlinkIpvsTable } from "./netlink/ipvs_table.ts";
import { NetlinkLinks } from "./netlink/links.ts";
import { NftablesMasquerade } from "./netlink/masquerade.ts";
import { NetlinkSets } from "./netlink/sets.ts";
import { NetlinkWatch } from "./netlink/watch.ts";
import type { Watch } from "./watch.ts";

const TRANSPORTS = { libc: openLibcTransport, libnl: openLibnlTransport } as const;
export type TransportName = keyof typeof TRANSPORTS;

/** The transport that LVSCARE_NETLINK asks for; libc where it asks for none. */
export function parseTransport(value: string | undefined): TransportName {
  if (value === undefined || value === "") return "libc";
  if (Object.hasOwn(TRANSPORTS, value)) return value as TransportName;
  throw new ConfigError(`LVSCARE_NETLINK "${value}": must be libc or libnl`);
}

export interface KernelChoice {
  /** Undefined: netlink, or ipvsadm and its like where no socket can be had. */
  readonly backend: Backend | undefined;
  readonly transport: TransportName;
}

/** The kernel's IPVS table, ready for use. */
export async function openIpvsTable(choice: KernelChoice, modules: Modules): Promise<IpvsTable> {
  const table = chooseTable(choice);
  try {
    await readyIpvs(table, modules);
    return table;
  } catch (err) {
    table.close();
    throw err;
  }
}

/** Loads ip_vs if it is missing. Where that is impossible, the error says why. */
export async function readyIpvs(table: IpvsTable, modules: Modules): Promise<void> {
  try {
    await table.info();
  } catch (err) {
    if (!(err instanceof UnsupportedError) || err.feature !== "ip_vs") throw err;
    await modules.load("ip_vs");
    await table.info();
  }
}

/** What surrounds IPVS, each by the implementation that was chosen. */
export interface Kernel {
  /** The choice in words, for the one line of the log that says it. */
  readonly choice: string;
  /** It may still lack its module: see readyIpvs(). */
  readonly table: IpvsTable;
  readonly links: Links;
  /** Whose rules are made, where any are needed: after chooseRules(). */
  readonly rules: MasqueradeKind;
  /** Finds out whose rules suit this host, once. Says in words what was chosen, if it was now. */
  chooseRules(families: readonly Family[]): Promise<string | undefined>;
  /** Opened when first asked for. */
  masquerade(kind: MasqueradeKind): Masquerade;
  /** Undefined where the kernel's notifications cannot be heard. */
  readonly watch: Watch | undefined;
  close(): void;
}

export interface EmbeddedKernelOptions extends KernelChoice {
  /** Whether an address is put on a device, which takes permission; all else takes none. */
  readonly hasDevice: boolean;
  readonly proxy: EmbeddedOptions;
}

/** This program in the place of IPVS. What surrounds it is opened when it is asked for. */
export function openEmbedded({ hasDevice, proxy, ...choice }: EmbeddedKernelOptions): Kernel {
  const table = new EmbeddedIpvsTable(proxy);
  const byCommand = choice.backend === "command";
  const open = (protocol: number, strictCheck = false) => openSocket(choice, protocol, strictCheck);
  let links: Links | undefined;
  const openLinks = () =>
    links ??= byCommand
      ? new CommandLinks(new ProcessRunner())
      : new NetlinkLinks(open(NETLINK_ROUTE, true));
  const watch = hasDevice && !byCommand
    ? new NetlinkWatch(open(NETLINK_ROUTE), open(NETLINK_NETFILTER))
    : undefined;
  return {
    choice: `${table.name}${hasDevice ? `, devices by ${openLinks().name}` : ""}`,
    table,
    get links() {
      return openLinks();
    },
    rules: "iptables",
    chooseRules: () => Promise.resolve(undefined),
    masquerade: () => {
      throw new UnsupportedError("the embedded proxy needs no rules", "rules");
    },
    watch,
    close() {
      for (const part of [table, links, watch]) part?.close();
    },
  };
}

export interface KernelOptions extends KernelChoice {
  readonly masquerade: MasqueradeChoice;
  /** For which packets rules are needed. */
  readonly rulesFor: readonly Family[];
}

export async function openKernel(options: KernelOptions): Promise<Kernel> {
  const runner = new ProcessRunner();
  const table = chooseTable(options);
  const byCommand = table instanceof CommandIpvsTable;
  const open = (protocol: number, strictCheck = false) =>
    openSocket(options, protocol, strictCheck);
  const links = byCommand ? new CommandLinks(runner) : new NetlinkLinks(open(NETLINK_ROUTE, true));
  const sets = () => byCommand ? new CommandSets(runner) : new NetlinkSets(open(NETLINK_NETFILTER));
  const make: Record<MasqueradeKind, () => Masquerade> = {
    iptables: () => new IptablesMasquerade(runner, sets()),
    nftables: () => new NftablesMasquerade(open(NETLINK_NETFILTER)),
  };
  const masquerades = new Map<MasqueradeKind, Masquerade>();
  const masquerade = (kind: MasqueradeKind) => {
    const known = masquerades.get(kind) ?? make[kind]();
    masquerades.set(kind, known);
    return known;
  };
  let rules: Awaited<ReturnType<typeof chooseRules>> | undefined;
  const choose = async (families: readonly Family[]) => {
    if (rules || families.length === 0) return undefined;
    const iptables = () => masquerade("iptables");
    rules = await chooseRules(options.masquerade, families, byCommand, iptables);
    return `rules by ${rules.why}`;
  };
  const chosen = await choose(options.rulesFor);
  const watch = byCommand
    ? undefined
    : new NetlinkWatch(open(NETLINK_ROUTE), open(NETLINK_NETFILTER));
  return {
    choice: `IPVS by ${table.name}, devices and routes by ${links.name}` +
      (chosen === undefined ? "" : `, ${chosen}`),
    table,
    links,
    get rules() {
      return rules?.kind ?? "iptables";
    },
    chooseRules: choose,
    masquerade,
    watch,
    close() {
      for (const part of [table, links, watch, ...masquerades.values()]) part?.close();
    },
  };
}

/** The host's devices, to look at. */
export function openLinks(transport: TransportName): Links {
  return new NetlinkLinks(openSocket({ backend: undefined, transport }, NETLINK_ROUTE, true));
}

function openSocket(
  { transport }: KernelChoice,
  protocol: number,
  strictCheck: boolean,
): NetlinkSocket {
  return new NetlinkSocket(TRANSPORTS[transport](protocol, { strictCheck }));
}

function chooseTable({ backend, transport }: KernelChoice): IpvsTable {
  if (backend === "command") return new CommandIpvsTable(new ProcessRunner());
  try {
    return new NetlinkIpvsTable(new NetlinkSocket(TRANSPORTS[transport](NETLINK_GENERIC)));
  } catch (err) {
    // Only a socket that cannot be had, and only where nothing was asked for, makes way for the programs.
    if (backend === "netlink" || !(err instanceof UnsupportedError)) throw err;
    return new CommandIpvsTable(new ProcessRunner());
  }
}

/**
 * Where iptables works, LVScare's users look for their rules there. What it lacks, the program or a part of the
 * kernel, it says by itself when it is asked whether its rules are there.
 */
async function chooseRules(
  choice: MasqueradeChoice,
  families: readonly Family[],
  byCommand: boolean,
  iptables: () => Masquerade,
): Promise<{ kind: MasqueradeKind; why: string }> {
  if (choice !== "auto") return { kind: choice, why: `${choice}, as asked for` };
  if (byCommand) return { kind: "iptables", why: "iptables, as all is done by programs" };
  try {
    let isThere = false;
    for (const family of families) isThere = await iptables().exists(family) || isThere;
    return {
      kind: "iptables",
      why: `iptables, ${isThere ? "where they are" : "which works here"}`,
    };
  } catch (error) {
    if (error instanceof UnsupportedError) {
      return { kind: "nftables", why: `nftables, as ${error.feature} is not there` };
    }
    // It is there, and what is in its way now is told by what is tried next.
    if (error instanceof LvscareError) return { kind: "iptables", why: "iptables" };
    throw error;
  }
}
