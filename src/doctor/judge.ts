/** All that is judged, in the order in which it is told. */

import { describeConfig } from "../config/config.ts";
import { type Fact, FORBIDDEN, type HostFacts, valueOf } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { judgeAddresses, judgeNeighbours, judgeReach } from "./judge_addresses.ts";
import { judgeChecks } from "./judge_checks.ts";
import { judgeBoot, judgeKernel, judgeModules } from "./judge_modules.ts";
import {
  judgeArp,
  judgeConntrack,
  judgeConntrackTable,
  judgeDefence,
  judgeExpiry,
  judgeForwarding,
  judgeKeepalive,
  judgeReversePath,
  judgeSloppy,
  judgeTable,
} from "./judge_parameters.ts";
import {
  judgeCilium,
  judgeFirewalld,
  judgeKubeProxy,
  judgeMark,
  judgeTwoKinds,
} from "./judge_rules.ts";
import { asRoot } from "./mends.ts";
import type { Case } from "./wanted.ts";

export type Judge = (facts: HostFacts, wanted: Case) => readonly Finding[];

const JUDGES: readonly Judge[] = [
  judgeConfig,
  judgeUnseen,
  judgeKernel,
  judgeModules,
  judgeBoot,
  judgeConntrack,
  judgeExpiry,
  judgeDefence,
  judgeSloppy,
  judgeForwarding,
  judgeReversePath,
  judgeArp,
  judgeKeepalive,
  judgeTable,
  judgeConntrackTable,
  judgeMark,
  judgeTwoKinds,
  judgeCilium,
  judgeKubeProxy,
  judgeFirewalld,
  judgeAddresses,
  judgeNeighbours,
  judgeReach,
  judgeChecks,
];

export function judgeHost(facts: HostFacts, wanted: Case): Finding[] {
  return JUDGES.flatMap((judge) => judge(facts, wanted));
}

function judgeConfig(_: HostFacts, { config, notes }: Case): Finding[] {
  const id = "configuration";
  const text = config === undefined
    ? "nothing is configured: the host is looked at in general"
    : describeConfig(config).replace(", ", " and ");
  return [
    { id, level: "ok", text },
    ...notes.map((note): Finding => ({ id, level: "warn", text: note })),
  ];
}

/** What each fact is to people. */
const NAMES: { readonly [K in Exclude<keyof HostFacts, "neighbours">]: string } = {
  isRoot: "who this is",
  kernel: "the kernel's version",
  modules: "modules",
  bootModules: "modules that are loaded at boot",
  parameters: "kernel parameters",
  devices: "devices and addresses",
  table: "IPVS's table",
  rules: "rules of nftables and iptables",
  legacyRules: "rules of iptables-legacy",
  hasIptables: "whether iptables is installed",
  firewalld: "whether firewalld runs",
  kubeProxy: "kube-proxy's mode",
  conntrack: "connection tracking",
  checks: "the servers' checks",
};

/** What could not be looked at, all of it in one. */
function judgeUnseen(facts: HostFacts, { call }: Case): Finding[] {
  const { neighbours, ...rest } = facts;
  const missing = [
    ...Object.entries(rest).map(([name, fact]) => [NAMES[name as keyof typeof NAMES], fact]),
    ["who else has virtual addresses of IPv4", neighbours.ipv4],
    ["who else has virtual addresses of IPv6", neighbours.ipv6],
  ] as readonly (readonly [string, Fact<unknown>])[];
  const unseen = missing.flatMap(([name, fact]) =>
    fact.known || fact.isMoot ? [] : [{ name, why: fact.why }]
  );
  if (unseen.length === 0) return [];
  const groups = [...Map.groupBy(unseen, ({ why }) => why)];
  const said = groups.map(([why, those]) => `${those.map(({ name }) => name).join(", ")} (${why})`);
  const isForbidden = unseen.some(({ why }) => why === FORBIDDEN);
  const isRoot = valueOf(facts.isRoot) === true;
  const lacks = isForbidden && isRoot
    ? "; root needs CAP_NET_ADMIN and CAP_NET_RAW too, which containers lack"
    : "";
  return [{
    id: "unseen",
    level: "warn",
    text: `not seen: ${said.join("; ")}${lacks}`,
    ...(isForbidden && !isRoot && asRoot(call)),
  }];
}
