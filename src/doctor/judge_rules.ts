/** Packet filters and those who make their rules: what they do to packets of virtual services. */

import { type Address, addressFamily, familyBits } from "../model/address.ts";
import { isWithin, parseNetwork } from "./judge_addresses.ts";
import { type FoundRule, type HostFacts, type MarkUse, valueOf } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { CILIUM_BEHIND, openPorts } from "./mends.ts";
import {
  type Case,
  listOf,
  markBitOf,
  markedServices,
  rulesKind,
  servicesOf,
  virtualAddresses,
  wantsIpvs,
} from "./wanted.ts";

/** All that are known; undefined where nothing is. */
function rulesOf({ rules, legacyRules }: HostFacts): readonly FoundRule[] | undefined {
  if (!rules.known && !legacyRules.known) return undefined;
  return [...valueOf(rules) ?? [], ...valueOf(legacyRules) ?? []];
}

/** Whose rules are known by their names. */
const OWNERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^KUBE-|^kube-proxy$/, "kube-proxy"],
  [/^(?:OLD_)?CILIUM_/, "Cilium"],
  [/^cali-|^calico/, "Calico"],
  [/^FLANNEL-/, "flannel"],
  [/^DOCKER|^docker/, "Docker"],
  [/^LIBVIRT_/, "libvirt"],
  [/^firewalld$/, "firewalld"],
];

function ownerOf({ chain, table }: FoundRule): string | undefined {
  return OWNERS.find(([pattern]) => pattern.test(chain) || pattern.test(table))?.[1];
}

const OUR_CHAINS = ["VIRTUAL-SERVICES", "VIRTUAL-MARK-MASQ", "VIRTUAL-POSTROUTING"];
const OUR_COMMENT = "accept for all marked by lvscare";
const OUR_TABLE = "lvscare";

function isOurs({ table, chain, comment }: FoundRule): boolean {
  return table === OUR_TABLE || OUR_CHAINS.includes(chain) || comment === OUR_COMMENT;
}

/** Bits that are spoken for wherever these are, whatever their rules say at the moment. */
const RESERVED: readonly {
  readonly owner: string;
  readonly bits: number;
  readonly device: RegExp;
}[] = [
  // Its programs in the kernel keep who sent a packet in the upper half.
  { owner: "Cilium", bits: 0xffff0f00, device: /^cilium_/ },
  { owner: "Calico", bits: 0xffff0000, device: /^cali|^vxlan\.calico$/ },
];

/** Whoever writes a whole mark where packets come in does so before iptables' table nat, in which ours is set. */
function isBeforeOurs({ table, chain, marks }: FoundRule): boolean {
  return ["raw", "mangle"].includes(table) && ["PREROUTING", "OUTPUT"].includes(chain) &&
    marks.some(({ bits, how }) => bits === ALL && how === "writes");
}

/** What the bit of the mark collides with. */
interface Collision {
  readonly owner: string;
  readonly where: string;
  readonly use: MarkUse | undefined;
  readonly isDropped: boolean;
}

export function judgeMark(facts: HostFacts, wanted: Case): Finding[] {
  const bit = markBitOf(wanted);
  const found = rulesOf(facts);
  if (bit === undefined || !found) return [];
  const byIptables = rulesKind(wanted, valueOf(facts.hasIptables)) === "iptables";
  const others = found.filter((rule) => !isOurs(rule) && !(byIptables && isBeforeOurs(rule)));
  const reserved = reservedBits(facts, others);
  const mask = (2 ** bit) >>> 0;
  const id = "mark";
  const what = `mark bit ${bit} (${hex(mask)})`;
  const collisions = [
    ...others.flatMap((rule) => collisionOf(rule, mask)),
    ...reserved.filter(({ bits }) => overlaps(bits, mask)).map(({ owner, bits }): Collision => ({
      ...{ owner, where: `it keeps ${hex(bits)} for itself`, use: undefined, isDropped: false },
    })),
  ];
  const [worst] = collisions.toSorted((a, b) => Number(b.isDropped) - Number(a.isDropped));
  if (!worst) {
    const isSure = facts.rules.known && facts.legacyRules.known;
    return isSure ? [{ id, level: "ok", text: `${what} is used by nobody else` }] : [];
  }
  const { owner, where, isDropped } = worst;
  const free = freeBit(others, reserved);
  const advice = worst.use?.bits === ALL
    ? "it is so with every bit"
    : free === undefined
    ? "no bit is free"
    : `bit ${free} is free: ${
      wanted.origin === "flags" ? `--masqueradebit ${free}` : `masquerade-bit: ${free} of host`
    }`;
  const breaks = isDropped
    ? "what goes to virtual services is dropped"
    : worst.use?.how === "writes"
    ? "marks of ours are wiped out, or packets of others masqueraded"
    : "what goes to virtual services is taken for theirs";
  const text = `${what}, by which packets are masqueraded, is also ${owner}'s (${where}): ` +
    `${breaks}; ${advice}`;
  return [{ id, level: isDropped ? "fail" : "warn", text }];
}

function collisionOf(rule: FoundRule, mask: number): Collision[] {
  return rule.marks.filter(({ bits }) => overlaps(bits, mask)).map((use) => ({
    owner: ownerOf(rule) ?? "somebody else",
    where: `chain ${rule.chain} of table ${rule.table} in ${rule.by} ${use.how} ${
      use.bits === ALL ? "all of the mark" : hex(use.bits)
    }`,
    use,
    isDropped: use.how === "reads" && rule.target === "DROP",
  }));
}

const ALL = 0xffff_ffff;

function overlaps(a: number, b: number): boolean {
  return (a & b) !== 0;
}

function hex(bits: number): string {
  return `0x${(bits >>> 0).toString(16)}`;
}

function reservedBits(facts: HostFacts, rules: readonly FoundRule[]): typeof RESERVED {
  const devices = valueOf(facts.devices) ?? [];
  const owners = new Set(rules.map(ownerOf));
  return RESERVED.filter(({ owner, device }) =>
    owners.has(owner) || devices.some(({ name }) => device.test(name))
  );
}

/** Those of kube-proxy, which may come to any host of a cluster. */
const UNWISE = 0xc000;

function freeBit(rules: readonly FoundRule[], reserved: typeof RESERVED): number | undefined {
  // Who writes the whole mark would take any.
  const uses = rules.flatMap(({ marks }) => marks).filter(({ bits }) => bits !== ALL);
  const taken = [...uses, ...reserved].reduce((sum, { bits }) => (sum | bits) >>> 0, UNWISE);
  for (let bit = 0; bit < 32; bit++) if (!overlaps(taken, (2 ** bit) >>> 0)) return bit;
  return undefined;
}

/** Cilium puts its jumps before all others each time that it starts, and a packet that it accepts is past ours. */
export function judgeCilium(facts: HostFacts, wanted: Case): Finding[] {
  const rules = rulesOf(facts);
  if (!rules || markedServices(wanted).length === 0) return [];
  const outputs = Map.groupBy(
    rules.filter(({ table, chain }) => table === "filter" && chain === "OUTPUT"),
    ({ by, family }) => `${by} ${family}`,
  );
  const id = "cilium";
  let isThere = false;
  for (const chain of outputs.values()) {
    const theirs = chain.findIndex(({ target }) => /^(?:OLD_)?CILIUM_/.test(target));
    const ours = chain.findIndex(({ comment }) => comment === OUR_COMMENT);
    if (theirs >= 0) isThere = true;
    if (theirs < 0 || ours < 0 || ours < theirs) continue;
    const [{ family, by }] = chain as [FoundRule];
    const text = `Cilium's chains stand before lvscare's rule in OUTPUT of filter (${by}, ` +
      `${family}), which accepts what goes to virtual services: what Cilium drops or marks ` +
      "does not come to it; with prepend-iptables-chains=false they stand behind";
    return [{ id, level: "warn", text, ...CILIUM_BEHIND }];
  }
  const text = "Cilium's chains do not stand before lvscare's rule in OUTPUT";
  return isThere ? [{ id, level: "ok", text }] : [];
}

export function judgeKubeProxy(facts: HostFacts, wanted: Case): Finding[] {
  const kubeProxy = valueOf(facts.kubeProxy);
  if (!kubeProxy || !wantsIpvs(wanted)) return [];
  const id = "kube-proxy";
  const mode = valueOf(kubeProxy.mode);
  if (mode !== undefined && mode !== "ipvs") {
    const text = `kube-proxy is in mode ${mode}; kube-ipvs0 is left of its mode ipvs`;
    return [{ id, level: "ok", text }];
  }
  const addresses = [...virtualAddresses(wanted).keys()];
  const takes = "kube-proxy in mode ipvs takes away services that are not its own";
  if (!kubeProxy.excluded.known) {
    const must = addresses.length === 0
      ? "what is cared for must be in its excludeCIDRs"
      : `its excludeCIDRs must have ${listOf(addresses.map(networkOf), 20)}`;
    const text = `${takes} (kube-ipvs0 is there): ${must}, which could not be read ` +
      `(${kubeProxy.excluded.why})`;
    return [{ id, level: "warn", text }];
  }
  const networks = kubeProxy.excluded.value.map(parseNetwork).filter((each) => each !== undefined);
  const open = addresses.filter((each) => !networks.some((network) => isWithin(each, network)));
  if (open.length === 0) {
    const text = addresses.length === 0
      ? `${takes}: what is cared for must be in its excludeCIDRs`
      : `kube-proxy in mode ipvs leaves ${listOf(addresses)} alone`;
    return [{ id, level: "ok", text }];
  }
  const text = `${takes}: put ${listOf(open.map(networkOf), 20)} into excludeCIDRs (ipvs) of ` +
    "its configuration, the config map kube-proxy in kube-system, and start it anew";
  return [{ id, level: "fail", text }];
}

function networkOf(address: Address): string {
  return `${address}/${familyBits(addressFamily(address))}`;
}

export function judgeFirewalld(facts: HostFacts, wanted: Case): Finding[] {
  const table = valueOf(facts.rules)?.filter((rule) => rule.table === "firewalld") ?? [];
  if (valueOf(facts.firewalld) !== true && table.length === 0) return [];
  const id = "firewalld";
  const ports = new Map<string, number>();
  for (const { service: { key } } of servicesOf(wanted)) {
    if (key.kind === "address" && key.port !== 0) {
      ports.set(`${key.port}/${key.protocol}`, key.port);
    }
  }
  if (ports.size === 0) {
    const text = "firewalld is active: ports of virtual services must be open in the zone of " +
      "the device that clients come in by";
    return [{ id, level: "warn", text }];
  }
  const open = new Set(table.filter(({ target }) => target === "ACCEPT").map(({ port }) => port));
  const closed = [...ports].filter(([, port]) => !open.has(port)).map(([name]) => name);
  if (closed.length === 0) {
    const text = `firewalld is active, and has rules that let ${listOf([...ports.keys()])} in`;
    return [{ id, level: "ok", text }];
  }
  const text =
    `firewalld is active, and no rule of it is seen that lets ${listOf(closed, 20)} in: ` +
    "clients on other hosts are refused before IPVS sees their packets (with --permanent too, " +
    "it stays so)";
  return [{ id, level: "warn", text, ...openPorts(closed) }];
}

export function judgeTwoKinds({ rules, legacyRules }: HostFacts): Finding[] {
  const legacy = valueOf(legacyRules);
  const modern = valueOf(rules)?.filter((rule) => !isOurs(rule));
  if (!legacy || !modern) return [];
  const id = "two-iptables";
  if (legacy.length === 0 || modern.length === 0) {
    const kind = legacy.length > 0 ? "iptables-legacy" : modern.length > 0 ? "nftables" : undefined;
    const text = kind === undefined ? "there are no rules of others" : `all rules are ${kind}'s`;
    return [{ id, level: "ok", text }];
  }
  const tables = (found: readonly FoundRule[]) =>
    listOf([...new Set(found.map(({ family, table }) => `${family} ${table}`))]);
  const text = `rules of iptables-legacy (${tables(legacy)}) stand beside rules of nftables ` +
    `(${tables(modern)}): packets go through both, each program shows one kind, and what is ` +
    "accepted in the one is dropped in the other; move them to one kind: iptables-legacy-save " +
    "shows what is in the other";
  return [{ id, level: "warn", text }];
}
