/** Hosts for `lvscare doctor` that are made of values, and configurations in a few words. */

import assert from "node:assert/strict";
import type { DoctorHost } from "../../src/cli/doctor.ts";
import { type CliHost, runCli } from "../../src/cli/program.ts";
import type { Config } from "../../src/config/config.ts";
import { readFiles } from "../../src/config/files/read.ts";
import {
  type Fact,
  type FoundRule,
  type HostFacts,
  known,
  type ModuleState,
  moot,
} from "../../src/doctor/facts.ts";
import type { Fix } from "../../src/doctor/finding.ts";
import type { Deed } from "../../src/doctor/fix.ts";
import type { Case } from "../../src/doctor/wanted.ts";
import { LvscareError } from "../../src/errors.ts";
import { parseAddress } from "../../src/model/address.ts";
import type { Link } from "../../src/model/link.ts";
import { withFolder } from "./process.ts";
import { NO_SERVICES, NO_TOOLS } from "./run_host.ts";

const configs = new Map<string, Promise<Config>>();

/** What the text of a file says, which must be right. */
export function configOf(text: string): Promise<Config> {
  const reading = configs.get(text) ?? withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/lvscare.yaml`, text);
    const { config, report } = await readFiles({ path: folder, nodeAddresses: [] });
    assert.deepEqual(report.lines, [], text);
    return config!;
  });
  configs.set(text, reading);
  return reading;
}

export interface ServiceWords {
  readonly address?: string;
  readonly port?: number;
  readonly servers?: readonly string[];
  /** More keys, as YAML in one line. */
  readonly more?: string;
}

/** A file of services, one each; `head` is what stands before them. */
export function fileOf(services: readonly ServiceWords[], head = ""): string {
  const entries = services.map(
    ({ address = "10.0.0.1", port = 80, servers = ["192.168.0.2"], more = "" }) =>
      `  - {address: "${address}", port: ${port}, check: none, servers: [${
        servers.map((each) => `"${each}"`).join(", ")
      }]${more === "" ? "" : `, ${more}`}}\n`,
  );
  return `${head}services:\n${entries.join("")}`;
}

export async function caseOf(
  text: string | undefined,
  origin: Case["origin"] = text === undefined ? "none" : "files",
): Promise<Case> {
  const config = text === undefined ? undefined : await configOf(text);
  return { config, origin, call: "lvscare doctor", notes: [] };
}

export function link(name: string, addresses: readonly string[], rest: Partial<Link> = {}): Link {
  return {
    ...{ index: 2, name, kind: undefined, up: true, ...rest },
    addresses: addresses.map((text) => {
      const [host = "", bits] = text.split("/");
      return { address: parseAddress(host)!, prefix: Number(bits) };
    }),
  };
}

export const LO = link("lo", ["127.0.0.1/8", "::1/128"], { index: 1 });
export const ETH0 = link("eth0", ["192.168.0.9/24", "fd00::9/64"]);
export const OURS = link("lvscare", ["10.0.0.1/32"], { index: 3, kind: "dummy" });

/** Parameters as they should be, with the differences. */
export function parameters(
  changes: Readonly<Record<string, string | undefined>> = {},
): HostFacts["parameters"] {
  const vs = ["drop_entry", "drop_packet", "secure_tcp", "sloppy_tcp"]
    .map((name) => [`net.ipv4.vs.${name}`, "0"]);
  const good = {
    ...Object.fromEntries(vs),
    "net.ipv4.vs.conntrack": "1",
    "net.ipv4.vs.expire_nodest_conn": "1",
    "net.ipv4.vs.expire_quiescent_template": "1",
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv4.tcp_keepalive_time": "600",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.eth0.rp_filter": "2",
    "net.ipv4.conf.all.arp_ignore": "0",
    "net.ipv4.conf.eth0.arp_ignore": "0",
    "net.ipv4.conf.all.arp_announce": "0",
    "net.ipv4.conf.eth0.arp_announce": "0",
  };
  return known(new Map(Object.entries({ ...good, ...changes })));
}

const LOADED = ["ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh", "dummy"];

export function modules(
  changes: Readonly<Record<string, ModuleState>> = {},
): HostFacts["modules"] {
  const loaded: [string, ModuleState][] = LOADED.map((name) => [name, "loaded"]);
  return known(new Map([...loaded, ...Object.entries(changes)]));
}

export function boot(...names: readonly string[]): HostFacts["bootModules"] {
  return known(new Set(names.length === 0 ? LOADED : names));
}

export function rule(rest: Partial<FoundRule>): FoundRule {
  return {
    ...{ by: "nftables", family: "ip", table: "filter", chain: "FORWARD", comment: "" },
    ...{ target: "", marks: [], port: undefined, ...rest },
  };
}

/** A host on which all is well, but for the differences. */
export function hostFacts(changes: Partial<HostFacts> = {}): HostFacts {
  const timeouts = { tcpS: 900, tcpFinS: 120, udpS: 300 };
  return {
    isRoot: known(true),
    kernel: known("6.1.0-18-amd64"),
    modules: modules(),
    bootModules: boot(),
    parameters: parameters(),
    devices: known([LO, ETH0, OURS]),
    table: known({ size: 4096, connections: 12, timeouts, services: new Set<string>() }),
    rules: known([]),
    legacyRules: known([]),
    hasIptables: known(true),
    firewalld: known(false),
    kubeProxy: moot(),
    conntrack: known({ count: 100, most: 1000 }),
    neighbours: { ipv4: moot(), ipv6: moot() },
    checks: known({ servers: [], left: 0 }),
    ...changes,
  };
}

const never = () => Promise.reject(new LvscareError("not here"));

/** A world for the command: it looks at the facts that it is given, one after the other. */
export class FakeDoctor implements DoctorHost {
  readonly #facts: readonly HostFacts[];
  readonly hasColors: boolean;
  readonly cases: Case[] = [];
  /** Whether slow facts were handed on. */
  readonly again: boolean[] = [];
  readonly fixes: Fix[] = [];
  deeds: readonly Deed[] = [];
  paths: readonly string[] = [];

  constructor(facts: readonly HostFacts[] = [hostFacts()], hasColors = false) {
    this.#facts = facts;
    this.hasColors = hasColors;
  }

  exists(path: string): boolean {
    return this.paths.includes(path);
  }

  look(wanted: Case, before?: unknown): Promise<HostFacts> {
    const facts = this.#facts[Math.min(this.cases.length, this.#facts.length - 1)]!;
    this.cases.push(wanted);
    this.again.push(before !== undefined);
    return Promise.resolve(facts);
  }

  fix(fix: Fix): Promise<readonly Deed[]> {
    this.fixes.push(fix);
    return Promise.resolve(this.deeds);
  }
}

export interface DoctorOutcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface DoctorSurroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** The text of the one file that can be read, wherever it is. */
  readonly file?: string;
}

/** Runs `lvscare doctor` with these words. */
export async function runDoctor(
  doctor: DoctorHost,
  words: readonly string[],
  { env = {}, file = "" }: DoctorSurroundings = {},
): Promise<DoctorOutcome> {
  let out = "";
  let err = "";
  const host: CliHost = {
    care: {
      env: (name) => Object.hasOwn(env, name) ? env[name] : undefined,
      readHosts: never,
      runCare: never,
    },
    services: {
      ...NO_SERVICES,
      readFiles: () =>
        withFolder(async (folder) => {
          await Deno.writeTextFile(`${folder}/lvscare.yaml`, file);
          return await readFiles({ path: `${folder}/lvscare.yaml`, nodeAddresses: [] });
        }),
    },
    ...NO_TOOLS,
    doctor,
    runDemo: never,
    openIpvsTable: never,
    readStdin: never,
    readTextFile: never,
  };
  const status = await runCli(["doctor", ...words], {
    output: { out: (text) => out += text, err: (text) => err += text },
    host,
    debug: false,
  });
  return { status, out, err };
}

/** What a fact is that nobody could find out. */
export function unseen<T>(why: string): Fact<T> {
  return { known: false, why, isMoot: false };
}
