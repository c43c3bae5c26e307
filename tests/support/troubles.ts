/**
 * What goes wrong, by what is seen of it: the part of docs/troubleshooting.md that is made. What doctor says is said by
 * doctor itself, of a host that is made of values; the lines of the log are looked for in the source.
 */

import assert from "node:assert/strict";
import { type HostFacts, known, moot } from "../../src/doctor/facts.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { judgeHost } from "../../src/doctor/judge.ts";
import { parseAddress } from "../../src/model/address.ts";
import {
  boot,
  caseOf,
  ETH0,
  fileOf,
  hostFacts,
  link,
  LO,
  modules,
  OURS,
  parameters,
  rule,
  unseen,
} from "./doctor_host.ts";

interface Example {
  /** The findings that are shown, of those that this host comes to. */
  readonly id: string;
  readonly file?: string;
  readonly facts?: Partial<HostFacts>;
}

export interface Trouble {
  /** What is seen, as a heading. */
  readonly symptom: string;
  readonly examples?: readonly Example[];
  /** Lines of the log, or of standard error; what differs each time stands in braces. */
  readonly log?: readonly string[];
  /** What is done about it, beside what doctor's lines say. */
  readonly mend?: string;
}

const LINK = fileOf([{}]);
const PLAIN = fileOf([{ more: "mode: none" }]);
const DIRECT = fileOf([{ servers: ["192.168.0.9"], more: "mode: none, forwarding: direct" }]);
const UDP = fileOf([{ port: 53, more: "mode: none, protocol: udp" }]);
const SIX = fileOf([{ address: "fd00:1::1", servers: ["fd00::2"], more: "mode: none" }]);
const MARK_14 = fileOf([{}], "host: {masquerade-bit: 14}\n");
const ON_LO = link("lo", ["127.0.0.1/8", "10.0.0.1/32"], { index: 1 });

const set = (values: Readonly<Record<string, string>>) => ({ parameters: parameters(values) });
const checks = (level: "failed" | "unable", reason: string): Partial<HostFacts> => ({
  checks: known({
    left: 0,
    servers: [
      { service: "TCP 10.0.0.1:80", server: "192.168.0.2:80", level, reason },
      { service: "TCP 10.0.0.1:80", server: "192.168.0.3:80", level: "good", reason: "" },
    ],
  }),
});

export const TROUBLES: readonly Trouble[] = [
  {
    symptom: "It ends at once, for there is no IPVS",
    examples: [
      { id: "modules", facts: { modules: modules({ ip_vs: "loadable" }) } },
      { id: "modules", facts: { modules: modules({ ip_vs: "missing" }) } },
      { id: "modules", facts: { modules: modules({ ip_vs: "blocked" }) } },
      { id: "modules", facts: { modules: modules({ ip_vs: "not found" }) } },
    ],
    log: [
      "load module ip_vs: not permitted (EPERM) (it needs CAP_SYS_MODULE: load it on the host: " +
      "modprobe ip_vs, or balance without it: --dataplane embedded)",
      "this kernel has no IPVS, so this program balances by itself, as a proxy: {why}",
    ],
    mend: "Load the module on the host. A container needs `/lib/modules` of the host and " +
      "CAP_SYS_MODULE for that, or a host that loads it at boot (`lvscare doctor --fix`, or " +
      "`lvscare install --drop-ins`). The second line is of `--dataplane auto`.",
  },
  {
    symptom: "It works until the host is booted",
    examples: [{ id: "boot", file: LINK, facts: { bootModules: boot("ip_vs") } }],
    mend: "`lvscare install` has it started with every boot; what `--run-once` made is gone then.",
  },
  {
    symptom: "The kernel refuses what is configured",
    examples: [{
      id: "kernel",
      file: fileOf([{ more: "mode: none, scheduler: mh" }]),
      facts: { kernel: known("4.15.0") },
    }],
    log: [
      "the scheduler {scheduler} does not work: {why}",
      "add service {service}: no such scheduler or persistence engine (ENOENT)",
      "no trouble any more: {what}",
    ],
    mend:
      "A trouble is logged when it begins and when it ends; `lvscare status` says in its first " +
      "line that some changes were refused.",
  },
  {
    symptom: "It refuses to start",
    examples: [{
      id: "address",
      file: LINK,
      facts: { devices: known([LO, link("eth0", ["10.0.0.1/24"]), OURS]) },
    }],
    log: [
      "{address} is on device {device} as {network}, must be on {device} alone " +
      "(where it shall stay there, mode must be none)",
      "care for {service}: {who} does so already (stop it first, or give another virtual server)",
      "{service} is cared for by lvscare care --vs {service}, must be by one alone",
    ],
    mend:
      "`lvscare check` says every mistake of the files with its line; status 2 is a wrong command " +
      "line or configuration, which systemd does not try again.",
  },
  {
    symptom: "Clients on this host get no answer",
    examples: [
      {
        id: "vs-conntrack",
        file: LINK,
        facts: {
          ...set({ "net.ipv4.vs.conntrack": "0" }),
          table: known({
            ...{ size: 4096, connections: 0, services: new Set(["TCP 10.0.0.1:80"]) },
            timeouts: { tcpS: 900, tcpFinS: 120, udpS: 300 },
          }),
        },
      },
      {
        id: "mark",
        file: MARK_14,
        facts: {
          rules: known([rule({
            ...{ table: "nat", chain: "KUBE-MARK-MASQ", target: "MARK" },
            marks: [{ bits: 0x4000, how: "writes" }],
          })]),
        },
      },
      {
        id: "cilium",
        file: LINK,
        facts: {
          rules: known([
            rule({ chain: "OUTPUT", target: "CILIUM_OUTPUT" }),
            rule({
              ...{ chain: "OUTPUT", target: "ACCEPT", comment: "accept for all marked by lvscare" },
              marks: [{ bits: 1, how: "reads" }],
            }),
          ]),
        },
      },
      {
        id: "two-iptables",
        facts: {
          rules: known([rule({ family: "inet", table: "fw" })]),
          legacyRules: known([rule({ by: "iptables-legacy" })]),
        },
      },
    ],
    log: ["set {parameter} to {value}: /proc/sys is read-only here"],
  },
  {
    symptom: "Clients on other hosts get no answer",
    examples: [
      { id: "ip-forward", file: PLAIN, facts: set({ "net.ipv4.ip_forward": "0" }) },
      { id: "ipv6-forward", file: SIX, facts: set({ "net.ipv6.conf.all.forwarding": "0" }) },
      { id: "rp-filter", file: LINK, facts: set({ "net.ipv4.conf.eth0.rp_filter": "1" }) },
      {
        id: "firewalld",
        file: fileOf([{ port: 6443 }]),
        facts: { firewalld: known(true) },
      },
      { id: "address", file: PLAIN, facts: { devices: known([LO, ETH0]) } },
      { id: "reach", file: fileOf([{ servers: ["127.0.0.1"] }]) },
      {
        id: "reach",
        file: fileOf([{ servers: ["192.168.7.2"], more: "mode: none, forwarding: direct" }]),
      },
    ],
  },
  {
    symptom: "There is no route to the virtual address",
    examples: [
      { id: "address", file: fileOf([{ more: "mode: route, gateway: 192.168.0.1" }]) },
    ],
    log: ["running routeMode and Target IP is not valid IP, skipping"],
    mend:
      "Mode route leads by way of an address of this host: `--ip`, `LVSCARE_NODE_IP`, or a line " +
      "with `lvscare.node.ip` in `/etc/hosts`.",
  },
  {
    symptom: "Some connections go to another host",
    examples: [
      {
        id: "duplicate",
        file: fileOf([{ address: "192.168.0.100", servers: ["192.168.0.2"] }]),
        facts: {
          neighbours: {
            ipv4: known({
              ...{ asked: [parseAddress("192.168.0.100")!], left: 0 },
              answers: [{
                ...{ address: parseAddress("192.168.0.100")!, device: "eth0" },
                hardware: "52:54:00:00:00:01",
              }],
            }),
            ipv6: moot(),
          },
        },
      },
      { id: "arp", file: DIRECT, facts: { devices: known([ON_LO, ETH0]) } },
    ],
  },
  {
    symptom: "The service goes, and is made again, over and over",
    examples: [{
      id: "kube-proxy",
      file: LINK,
      facts: { kubeProxy: known({ mode: known("ipvs"), excluded: known([]) }) },
    }],
    log: ["Add new IPVS service: add service {service} {scheduler}"],
    mend: "`lvscare generate kube-proxy` makes the configuration with the addresses left out. " +
      "Without kube-proxy: somebody else clears the table, as `ipvsadm -C` does.",
  },
  {
    symptom: "A server gets no connections",
    examples: [
      { id: "checks", file: LINK, facts: checks("failed", "connection refused") },
      { id: "checks", file: LINK, facts: checks("unable", "no such program") },
    ],
    log: [
      "probe error: {check}: {why}",
      "check not possible: {check}: {why}",
      "Trying to update wight to 0 for graceful termination: edit server {server} of {service}: " +
      "weight 1 -> 0 ({why})",
      "probe ok again: {check}, after {seconds}s",
    ],
    mend: "`lvscare status` shows the last check of every server, `lvscare probe` makes one step " +
      "by step. What the words mean: [checks](checks.md). Weight 0 with good checks was set by " +
      "an operator, or stands in the files.",
  },
  {
    symptom: "The quorum is lost",
    log: ["{service}: has lost its quorum: {what}", "{service}: has its quorum"],
    mend: "Fewer servers are healthy than `quorum` asks for; see the one before.",
  },
  {
    symptom: "Clients stay at a server that is gone",
    examples: [
      { id: "expire-nodest", file: UDP, facts: set({ "net.ipv4.vs.expire_nodest_conn": "0" }) },
      {
        id: "expire-template",
        file: fileOf([{ more: "mode: none, persistence: 5m" }]),
        facts: set({ "net.ipv4.vs.expire_quiescent_template": "0" }),
      },
    ],
  },
  {
    symptom: "Idle connections are dead",
    examples: [{
      id: "tcp-keepalive",
      file: PLAIN,
      facts: set({ "net.ipv4.tcp_keepalive_time": "7200" }),
    }],
    mend: "`host.timeouts.tcp` in the files, or `lvscare ipvs timeout`, has IPVS remember longer.",
  },
  {
    symptom: "Connections are lost under load",
    examples: [
      {
        id: "conntrack-table",
        facts: { conntrack: known({ count: 955, most: 1000 }) },
      },
      { id: "vs-defence", facts: set({ "net.ipv4.vs.drop_entry": "3" }) },
      { id: "vs-sloppy-tcp", file: PLAIN, facts: set({ "net.ipv4.vs.sloppy_tcp": "1" }) },
      {
        id: "vs-table",
        facts: {
          table: known({
            ...{ size: 4096, connections: 5000, services: new Set<string>() },
            timeouts: { tcpS: 900, tcpFinS: 120, udpS: 300 },
          }),
        },
      },
    ],
  },
  {
    symptom: "A reload changes nothing",
    log: [
      "{reload}: the configuration stays as it was, for the new one is wrong",
      "host.{key} is another one: that takes a restart",
    ],
    mend: "All that is wrong stands in the lines behind it, and `lvscare check` says the same.",
  },
  {
    symptom: "It remembers nothing",
    log: ["going on without memory: {why}", "{path}: it is moved aside"],
    mend:
      "The state directory (`--state-dir`, `/run/lvscare`) cannot be written, or has something " +
      "else in it. It works on; what is not listed any more stays in the kernel.",
  },
  {
    symptom: "status and reload find nobody",
    log: [
      'ask {command} at "{socket}": nobody is there (start it, or give its --state-dir)',
      'ask {command} at "{socket}": permission denied (be root, or the user that it runs as)',
      "going on without a socket for {what}: {why}",
    ],
    mend: "They ask by the `--state-dir` of `lvscare run`; a `lvscare care` is asked with its " +
      "virtual server: `lvscare status --vs 10.103.97.12:6443`.",
  },
  {
    symptom: "systemd or the kubelet starts it anew, over and over",
    log: ["{variable} is set: this process will stop dead {when}"],
    mend: "`lvscare status --live` says what they see: 1 where passes do not end. The log of the " +
      "run before says what the last pass did (`journalctl -u lvscare`, `kubectl logs " +
      "--previous`). The line above is of a switch for tests that was left on.",
  },
  {
    symptom: "doctor does not see everything",
    examples: [{
      id: "unseen",
      file: LINK,
      facts: { isRoot: known(false), table: unseen("not permitted") },
    }],
  },
  {
    symptom: "systemd is told nothing",
    log: ["not telling systemd anything: {why}", "cannot tell systemd {what}: {why}"],
    mend: "The unit must have `Type=notify` and `NotifyAccess=main`, as the one has that " +
      "`lvscare generate systemd` prints.",
  },
];

/** The findings of an example, bad ones alone; there must be one. */
export async function findingsOf({ id, file, facts }: Example): Promise<Finding[]> {
  const found = judgeHost(hostFacts(facts), await caseOf(file))
    .filter((finding) => finding.id === id && finding.level !== "ok");
  assert.ok(found.length > 0, `doctor finds nothing of ${id}`);
  return found;
}

/** The part of the page that is made, with an index. */
export async function renderTroubles(): Promise<string> {
  const index = TROUBLES.map(({ symptom }) => `- [${symptom}](#${anchorOf(symptom)})\n`);
  const parts = await Promise.all(TROUBLES.map(renderTrouble));
  return `${index.join("")}\n${parts.join("\n")}`;
}

async function renderTrouble({ symptom, examples = [], log = [], mend }: Trouble): Promise<string> {
  const findings = (await Promise.all(examples.map(findingsOf))).flat();
  const ids = [...new Set(findings.map(({ id }) => `\`${id}\``))];
  const lines = findings.map(({ level, text, mend }) =>
    `${level.padEnd(6)}${text}\n${mend === undefined ? "" : `      mend: ${mend}\n`}`
  );
  return [
    `### ${symptom}\n`,
    ...(lines.length === 0
      ? []
      : [`doctor (${ids.join(", ")}):\n`, `\`\`\`text\n${lines.join("")}\`\`\`\n`]),
    ...(log.length === 0 ? [] : ["log:\n", `\`\`\`text\n${log.join("\n")}\n\`\`\`\n`]),
    ...(mend === undefined ? [] : [`${mend}\n`]),
  ].join("\n");
}

export function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
}
