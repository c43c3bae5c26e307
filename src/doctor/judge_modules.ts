/** Kernel and modules: whether all is there that the configuration needs, now and after a boot. */

import { type HostFacts, type ModuleState, valueOf } from "./facts.ts";
import type { Finding, Level } from "./finding.ts";
import { loadAtBoot, loadModules } from "./mends.ts";
import {
  allServers,
  type Case,
  listOf,
  markedServices,
  rulesKind,
  servicesOf,
  wantedModules,
  wantsIpvs,
} from "./wanted.ts";
import { addressFamily } from "../model/address.ts";
import { keyFamily } from "../model/ipvs.ts";

type Version = readonly [major: number, minor: number];

/** With which Linux a scheduler came; those before 3.0 are everywhere. */
const SCHEDULERS: Readonly<Record<string, Version>> = {
  fo: [3, 18],
  ovf: [4, 3],
  mh: [4, 18],
  twos: [5, 12],
};

interface Feature {
  readonly name: string;
  readonly since: Version;
  readonly isWanted: (wanted: Case, facts: HostFacts) => boolean;
}

const FEATURES: readonly Feature[] = [
  {
    name: "servers of another family than their service's",
    since: [3, 18],
    isWanted: (wanted) =>
      servicesOf(wanted).some(({ service, servers }) =>
        [...servers.values()].some(({ address }) =>
          addressFamily(address) !== keyFamily(service.key)
        )
      ),
  },
  {
    name: "length, group, port and ttl of the sync daemon",
    since: [4, 3],
    isWanted: ({ config }) =>
      config?.table.daemons.some(({ maxLength, group, port, ttl }) =>
        [maxLength, group, port, ttl].some((each) => each !== undefined)
      ) ?? false,
  },
  {
    name: "masquerading by nftables beside others that do so",
    since: [4, 18],
    isWanted: (wanted, { hasIptables }) =>
      markedServices(wanted).length > 0 && rulesKind(wanted, valueOf(hasIptables)) === "nftables",
  },
  {
    name: "tunnels by GUE",
    since: [5, 2],
    isWanted: (wanted) => hasTunnel(wanted, "gue"),
  },
  {
    name: "tunnels by GRE",
    since: [5, 3],
    isWanted: (wanted) => hasTunnel(wanted, "gre"),
  },
];

function hasTunnel(wanted: Case, encapsulation: "gue" | "gre"): boolean {
  return allServers(wanted).some(({ forwarding }) =>
    forwarding.method === "tunnel" && forwarding.encapsulation === encapsulation
  );
}

export function judgeKernel(facts: HostFacts, wanted: Case): Finding[] {
  const release = valueOf(facts.kernel);
  const version = release === undefined ? undefined : versionOf(release);
  if (version === undefined || !wantsIpvs(wanted)) return [];
  const features = FEATURES.filter(({ isWanted }) => isWanted(wanted, facts));
  const lacking = [...features, ...lackingSchedulers(facts, wanted)]
    .filter(({ since }) => isOlder(version, since));
  if (lacking.length === 0) {
    const what = servicesOf(wanted).length === 0 ? "" : " has all that is configured";
    return [{ id: "kernel", level: "ok", text: `Linux ${release}${what}` }];
  }
  return lacking.map(({ name, since }) => ({
    id: "kernel",
    level: "fail",
    text: `${name} came with Linux ${since.join(".")}, and this is ${release}: ` +
      "use a kernel that has it, or configure another way",
  }));
}

/** A vendor may have brought one back to an older kernel: then its module is there. */
function lackingSchedulers(facts: HostFacts, wanted: Case): Pick<Feature, "name" | "since">[] {
  const modules = valueOf(facts.modules);
  const names = new Set(servicesOf(wanted).map(({ service: { scheduler } }) => scheduler));
  return [...names].flatMap((name) => {
    const since = SCHEDULERS[name];
    const state = modules?.get(`ip_vs_${name}`);
    return since === undefined || (state !== undefined && IS_THERE.has(state))
      ? []
      : [{ name: `scheduler ${name}`, since }];
  });
}

const IS_THERE: ReadonlySet<ModuleState> = new Set(["loaded", "built in", "loadable"]);

function versionOf(release: string): Version | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

function isOlder([major, minor]: Version, [wantedMajor, wantedMinor]: Version): boolean {
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

export function judgeModules(facts: HostFacts, wanted: Case): Finding[] {
  const states = valueOf(facts.modules);
  if (!states) return [];
  const modules = wantedModules(wanted, rulesKind(wanted, valueOf(facts.hasIptables)))
    .map((module) => ({ ...module, state: states.get(module.name) }));
  const isThereAtAll = IS_THERE.has(states.get("ip_vs") ?? "loaded");
  const bad = modules.flatMap(({ name, why, state, loadsItself }): Finding[] => {
    // Without ip_vs its parts are missing too, and nobody needs to hear of each.
    if (state === undefined || (name.startsWith("ip_vs_") && !isThereAtAll)) return [];
    if (state === "not found" && loadsItself) return [];
    const said = HINDRANCES[state]?.(name, why, facts);
    const level = state === "not found" ? "warn" : levelOf(name, wanted);
    return said === undefined ? [] : [{ id: "modules", level, text: said }];
  });
  const idle = modules.filter(({ state, loadsItself }) => state === "loadable" && !loadsItself)
    .map(({ name }) => name);
  if (idle.length > 0) {
    const be = idle.length === 1 ? "is" : "are";
    const them = idle.length === 1 ? "it" : "them";
    bad.push({
      id: "modules",
      level: "warn",
      text: `${listOf(idle, 20)} ${be} not loaded: lvscare loads ${them} when it starts, ` +
        "which needs CAP_SYS_MODULE and the host's /lib/modules",
      ...loadModules(idle),
    });
  }
  const there = modules.filter(({ state }) => state === "loaded" || state === "built in");
  if (bad.length > 0 || there.length === 0) return bad;
  const builtIn = there.filter(({ state }) => state === "built in").map(({ name }) => name);
  const how = builtIn.length === 0
    ? "loaded"
    : builtIn.length === there.length
    ? "built in"
    : `loaded, ${listOf(builtIn, 20)} built in`;
  const names = there.map(({ name }) => name);
  return [{ id: "modules", level: "ok", text: `${listOf(names, 20)}: ${how}` }];
}

/** Where this program may balance by itself, IPVS is only the better way. */
function levelOf(name: string, { config }: Case): Level {
  return config?.host.dataplane === "auto" && name.startsWith("ip_vs") ? "warn" : "fail";
}

const HINDRANCES: {
  readonly [S in ModuleState]?: (name: string, why: string, facts: HostFacts) => string;
} = {
  missing: (name, why, { kernel }) =>
    `${name} (${why}) is not there for Linux ${valueOf(kernel) ?? ""}: use a kernel that has it, ` +
    "or install the package with the rest of this one's modules",
  blocked: (name, why) =>
    `${name} (${why}) is not loaded, for modprobe is configured to run a program in its place: ` +
    `remove the line "install ${name}" from /etc/modprobe.d`,
  "not found": (name, why, { kernel }) =>
    `${name} (${why}) is not loaded, and there is no /lib/modules/${valueOf(kernel) ?? ""} here ` +
    "to load it from: mount it from the host where this is a container, or load it on the " +
    `host: modprobe ${name}`,
};

/** Until it is loaded nobody balances, and parameters that it has cannot be set. */
export function judgeBoot(facts: HostFacts, wanted: Case): Finding[] {
  const states = valueOf(facts.modules);
  const atBoot = valueOf(facts.bootModules);
  if (!states || !atBoot) return [];
  const modules = wantedModules(wanted, rulesKind(wanted, valueOf(facts.hasIptables)))
    .filter(({ name, loadsItself }) => {
      const state = states.get(name);
      return !loadsItself && (state === "loaded" || state === "loadable");
    })
    .map(({ name }) => name);
  const late = modules.filter((name) => !atBoot.has(name));
  if (modules.length === 0) return [];
  if (late.length === 0) {
    return [{ id: "boot", level: "ok", text: `${listOf(modules, 20)}: loaded with every boot` }];
  }
  const be = late.length === 1 ? "is" : "are";
  return [{
    id: "boot",
    level: "warn",
    text: `${listOf(late, 20)} ${be} not loaded at boot: parameters of net.ipv4.vs that are set ` +
      "then are lost, and a container that may not load modules finds no IPVS; " +
      "/etc/modules-load.d/lvscare.conf should name all of them",
    ...loadAtBoot(wanted.call, late),
  }];
}
