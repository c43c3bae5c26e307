/** What `lvscare doctor` says of a host, word by word; and the command around it. */

import assert from "node:assert/strict";
import { judgeImport } from "../../scripts/check_imports.ts";
import {
  type CheckFacts,
  type FoundRule,
  type HostFacts,
  known,
  type MarkUse,
  moot,
  type Neighbour,
  type NeighbourFacts,
} from "../../src/doctor/facts.ts";
import { type Finding, joinFixes, statusOf } from "../../src/doctor/finding.ts";
import { applyFix, type FixTools, MODULES_FILE, PARAMETERS_FILE } from "../../src/doctor/fix.ts";
import { mergeModules, mergeParameters } from "../../src/doctor/fix_files.ts";
import { judgeHost } from "../../src/doctor/judge.ts";
import type { Case } from "../../src/doctor/wanted.ts";
import { fixTools } from "../../src/doctor/world.ts";
import { SyscallError } from "../../src/errors.ts";
import { FakeModules, FakeSysctl } from "../../src/kernel/fake/host.ts";
import { parseAddress } from "../../src/model/address.ts";
import {
  boot,
  caseOf,
  ETH0,
  FakeDoctor,
  fileOf,
  hostFacts,
  link,
  LO,
  modules,
  OURS,
  parameters,
  rule,
  runDoctor,
  unseen,
} from "../support/doctor_host.ts";
import { withFolder } from "../support/process.ts";

/** Level, words, mend; with --fix after the mend where that does it. */
type Said = readonly [level: Finding["level"], text: string, mend?: string, fixable?: "fixable"];

interface JudgeCase {
  /** A file; undefined: none is configured. */
  readonly file?: string | undefined;
  readonly origin?: Case["origin"];
  readonly facts?: Partial<HostFacts>;
  readonly said: readonly Said[];
}

type Cases = Readonly<Record<string, Readonly<Record<string, JudgeCase>>>>;

const LINK = fileOf([{}]);
const PLAIN = fileOf([{ more: "mode: none" }]);
const DIRECT = fileOf([{ more: "mode: none, forwarding: direct" }]);
const UDP = fileOf([{ port: 53, more: "mode: none, protocol: udp" }]);
const SIX = fileOf([{ address: "fd00:1::1", servers: ["fd00::2"], more: "mode: none" }]);
const MARK = "services:\n  - {mark: 5, servers: [192.168.0.2], check: none}\n";
const EMBEDDED = fileOf([{ more: "mode: none" }], "host: {dataplane: embedded}\n");
const GUE = fileOf([{ more: "mode: none, forwarding: tunnel, tunnel: {type: gue, port: 6080}" }]);
const GRE = fileOf([{ more: "mode: none, forwarding: tunnel, tunnel: {type: gre}" }]);
const MIXED = fileOf([{ servers: ["fd00::2"], more: "mode: none, forwarding: tunnel" }]);
const AUTO = fileOf([{}], "host: {dataplane: auto}\n");

const scheduler = (name: string) => fileOf([{ more: `mode: none, scheduler: ${name}` }]);

const OLD_VS = "use a kernel that has it, or configure another way";

const KERNEL: Cases = {
  kernel: {
    "all is there": {
      file: LINK,
      said: [["ok", "Linux 6.1.0-18-amd64 has all that is configured"]],
    },
    "nothing is configured": { said: [["ok", "Linux 6.1.0-18-amd64"]] },
    "GUE before 5.2": {
      file: GUE,
      facts: { kernel: known("5.1.21") },
      said: [["fail", `tunnels by GUE came with Linux 5.2, and this is 5.1.21: ${OLD_VS}`]],
    },
    "GUE of 5.2": {
      file: GUE,
      facts: { kernel: known("5.2.0-1") },
      said: [["ok", "Linux 5.2.0-1 has all that is configured"]],
    },
    "GRE before 5.3": {
      file: GRE,
      facts: { kernel: known("5.2.0") },
      said: [["fail", `tunnels by GRE came with Linux 5.3, and this is 5.2.0: ${OLD_VS}`]],
    },
    "mh before 4.18": {
      file: scheduler("mh"),
      facts: { kernel: known("4.15.0") },
      said: [["fail", `scheduler mh came with Linux 4.18, and this is 4.15.0: ${OLD_VS}`]],
    },
    "mh that a vendor has brought back": {
      file: scheduler("mh"),
      facts: { kernel: known("4.15.0"), modules: modules({ ip_vs_mh: "loadable" }) },
      said: [["ok", "Linux 4.15.0 has all that is configured"]],
    },
    "fo before 3.18": {
      file: scheduler("fo"),
      facts: { kernel: known("3.10.0-1160.el7.x86_64") },
      said: [[
        "fail",
        `scheduler fo came with Linux 3.18, and this is 3.10.0-1160.el7.x86_64: ${OLD_VS}`,
      ]],
    },
    "ovf before 4.3": {
      file: scheduler("ovf"),
      facts: { kernel: known("4.2.0") },
      said: [["fail", `scheduler ovf came with Linux 4.3, and this is 4.2.0: ${OLD_VS}`]],
    },
    "twos before 5.12": {
      file: scheduler("twos"),
      facts: { kernel: known("5.11.0") },
      said: [["fail", `scheduler twos came with Linux 5.12, and this is 5.11.0: ${OLD_VS}`]],
    },
    "options of the sync daemon before 4.3": {
      file: fileOf([], "host: {sync-daemon: {device: eth0, ttl: 2}}\n") + "  []\n",
      facts: { kernel: known("4.1.0") },
      said: [[
        "fail",
        "length, group, port and ttl of the sync daemon came with Linux 4.3, and this is 4.1.0: " +
        OLD_VS,
      ]],
    },
    "servers of another family before 3.18": {
      file: MIXED,
      facts: { kernel: known("3.16.0") },
      said: [[
        "fail",
        "servers of another family than their service's came with Linux 3.18, and this is " +
        `3.16.0: ${OLD_VS}`,
      ]],
    },
    "nftables before 4.18": {
      file: fileOf([{}], "host: {masquerade: nftables}\n"),
      facts: { kernel: known("4.15.0") },
      said: [[
        "fail",
        "masquerading by nftables beside others that do so came with Linux 4.18, and this is " +
        `4.15.0: ${OLD_VS}`,
      ]],
    },
    "nftables because there is no iptables": {
      file: LINK,
      facts: { kernel: known("4.15.0"), hasIptables: known(false) },
      said: [[
        "fail",
        "masquerading by nftables beside others that do so came with Linux 4.18, and this is " +
        `4.15.0: ${OLD_VS}`,
      ]],
    },
    "iptables before 4.18": {
      file: LINK,
      facts: { kernel: known("4.15.0") },
      said: [["ok", "Linux 4.15.0 has all that is configured"]],
    },
    "not known": { file: LINK, facts: { kernel: unseen("no") }, said: [] },
    "of no matter to the proxy": { file: EMBEDDED, said: [] },
  },
  modules: {
    "all loaded": {
      file: LINK,
      said: [["ok", "ip_vs, ip_vs_wrr and dummy: loaded"]],
    },
    "built in": {
      file: PLAIN,
      facts: { modules: modules({ ip_vs: "built in", ip_vs_wrr: "built in" }) },
      said: [["ok", "ip_vs and ip_vs_wrr: built in"]],
    },
    "some built in": {
      file: LINK,
      facts: { modules: modules({ dummy: "built in" }) },
      said: [["ok", "ip_vs, ip_vs_wrr and dummy: loaded, dummy built in"]],
    },
    "not loaded": {
      facts: { modules: modules({ ip_vs: "loadable" }) },
      said: [[
        "warn",
        "ip_vs is not loaded: lvscare loads it when it starts, which needs CAP_SYS_MODULE and " +
        "the host's /lib/modules",
        "modprobe ip_vs",
        "fixable",
      ]],
    },
    "several not loaded": {
      file: LINK,
      facts: { modules: modules({ ip_vs: "loadable", ip_vs_wrr: "loadable", dummy: "loadable" }) },
      said: [[
        "warn",
        "ip_vs, ip_vs_wrr and dummy are not loaded: lvscare loads them when it starts, which " +
        "needs CAP_SYS_MODULE and the host's /lib/modules",
        "modprobe -a ip_vs ip_vs_wrr dummy",
        "fixable",
      ]],
    },
    "those of rules, which the kernel loads": {
      file: LINK,
      facts: { modules: modules({ ip_set_hash_ipport: "loadable", xt_set: "not found" }) },
      said: [["ok", "ip_vs, ip_vs_wrr and dummy: loaded"]],
    },
    "those of rules that are missing": {
      file: LINK,
      facts: { modules: modules({ xt_set: "missing" }) },
      said: [[
        "fail",
        "xt_set (masquerading by iptables) is not there for Linux 6.1.0-18-amd64: use a kernel " +
        "that has it, or install the package with the rest of this one's modules",
      ]],
    },
    "those of nftables' rules": {
      file: fileOf([{}], "host: {masquerade: nftables}\n"),
      facts: { modules: modules({ nft_masq: "missing" }) },
      said: [[
        "fail",
        "nft_masq (masquerading by nftables) is not there for Linux 6.1.0-18-amd64: use a kernel " +
        "that has it, or install the package with the rest of this one's modules",
      ]],
    },
    "a scheduler that is missing": {
      file: scheduler("mh"),
      facts: { modules: modules({ ip_vs_mh: "missing" }) },
      said: [[
        "fail",
        "ip_vs_mh (scheduler mh) is not there for Linux 6.1.0-18-amd64: use a kernel that has " +
        "it, or install the package with the rest of this one's modules",
      ]],
    },
    "all of IPVS missing, which is said once": {
      file: PLAIN,
      facts: { modules: modules({ ip_vs: "missing", ip_vs_wrr: "missing" }) },
      said: [[
        "fail",
        "ip_vs (IPVS) is not there for Linux 6.1.0-18-amd64: use a kernel that has it, or " +
        "install the package with the rest of this one's modules",
      ]],
    },
    "IPVS missing where the proxy stands in": {
      file: AUTO,
      facts: { modules: modules({ ip_vs: "missing" }) },
      said: [[
        "warn",
        "ip_vs (IPVS) is not there for Linux 6.1.0-18-amd64: use a kernel that has it, or " +
        "install the package with the rest of this one's modules",
      ]],
    },
    "blocked by modprobe's configuration": {
      file: PLAIN,
      facts: { modules: modules({ ip_vs_wrr: "blocked" }) },
      said: [[
        "fail",
        "ip_vs_wrr (scheduler wrr) is not loaded, for modprobe is configured to run a program in " +
        'its place: remove the line "install ip_vs_wrr" from /etc/modprobe.d',
      ]],
    },
    "no files to look in": {
      file: PLAIN,
      facts: { modules: modules({ ip_vs: "not found", ip_vs_wrr: "not found" }) },
      said: [[
        "warn",
        "ip_vs (IPVS) is not loaded, and there is no /lib/modules/6.1.0-18-amd64 here to load it " +
        "from: mount it from the host where this is a container, or load it on the host: " +
        "modprobe ip_vs",
      ]],
    },
    "a persistence engine": {
      file: fileOf([{ more: "mode: none, protocol: udp, persistence: {engine: sip}" }]),
      facts: { modules: modules({ ip_vs_pe_sip: "loadable" }) },
      said: [[
        "warn",
        "ip_vs_pe_sip is not loaded: lvscare loads it when it starts, which needs " +
        "CAP_SYS_MODULE and the host's /lib/modules",
        "modprobe ip_vs_pe_sip",
        "fixable",
      ]],
    },
    "nothing of IPVS for the proxy": { file: EMBEDDED, said: [] },
    "not known": { file: LINK, facts: { modules: unseen("no") }, said: [] },
  },
  boot: {
    "all of them": {
      file: LINK,
      said: [["ok", "ip_vs, ip_vs_wrr and dummy: loaded with every boot"]],
    },
    "some are not": {
      file: LINK,
      facts: { bootModules: boot("ip_vs") },
      said: [[
        "warn",
        "ip_vs_wrr and dummy are not loaded at boot: parameters of net.ipv4.vs that are set then " +
        "are lost, and a container that may not load modules finds no IPVS; " +
        "/etc/modules-load.d/lvscare.conf should name all of them",
        "lvscare doctor --fix",
        "fixable",
      ]],
    },
    "what is built in needs none": {
      file: PLAIN,
      facts: {
        modules: modules({ ip_vs: "built in", ip_vs_wrr: "built in" }),
        bootModules: boot("nothing"),
      },
      said: [],
    },
    "what is not there cannot be": {
      facts: { modules: modules({ ip_vs: "missing" }), bootModules: boot("nothing") },
      said: [],
    },
    "not known": { file: LINK, facts: { bootModules: unseen("no") }, said: [] },
  },
};

const services = (...names: readonly string[]): HostFacts["table"] =>
  known({
    ...{ size: 4096, connections: 0, services: new Set(names) },
    timeouts: { tcpS: 900, tcpFinS: 120, udpS: 300 },
  });
const IT_SETS = "lvscare sets it to 1 when it starts, which needs a /proc/sys that can be written";

const ON_LO = link("lo", ["127.0.0.1/8", "10.0.0.1/32"], { index: 1 });
const ELSEWHERE = "must have the virtual address on lo and answer for it to nobody, which is not " +
  "seen from here: there arp_ignore must be 1 and arp_announce 2 (net.ipv4.conf.all)";

const PARAMETERS: Cases = {
  "vs-conntrack": {
    "1": { file: LINK, said: [["ok", "net.ipv4.vs.conntrack is 1"]] },
    "0, and nothing is balanced yet": {
      file: LINK,
      facts: { parameters: parameters({ "net.ipv4.vs.conntrack": "0" }) },
      said: [[
        "warn",
        "net.ipv4.vs.conntrack is 0, with which nothing of mode link is masqueraded: " + IT_SETS,
        "sysctl -w net.ipv4.vs.conntrack=1",
        "fixable",
      ]],
    },
    "0, and services are in the table": {
      file: LINK,
      facts: {
        parameters: parameters({ "net.ipv4.vs.conntrack": "0" }),
        table: services("TCP 10.0.0.1:80"),
      },
      said: [[
        "fail",
        "net.ipv4.vs.conntrack is 0, and services of mode link are in the table: what goes to " +
        "their servers is not masqueraded, and answers do not come back",
        "sysctl -w net.ipv4.vs.conntrack=1",
        "fixable",
      ]],
    },
    "of no matter without rules": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv4.vs.conntrack": "0" }) },
      said: [],
    },
    "not there before ip_vs is": {
      file: LINK,
      facts: { parameters: parameters({ "net.ipv4.vs.conntrack": undefined }) },
      said: [],
    },
    "not known": { file: LINK, facts: { parameters: unseen("no") }, said: [] },
  },
  "expire-nodest": {
    "1": { file: UDP, said: [["ok", "net.ipv4.vs.expire_nodest_conn is 1"]] },
    "0": {
      file: UDP,
      facts: { parameters: parameters({ "net.ipv4.vs.expire_nodest_conn": "0" }) },
      said: [[
        "warn",
        "net.ipv4.vs.expire_nodest_conn is 0: clients of UDP go on to a server that was taken " +
        `out; ${IT_SETS}`,
        "sysctl -w net.ipv4.vs.expire_nodest_conn=1",
        "fixable",
      ]],
    },
    "a mark may be of UDP": {
      file: MARK,
      said: [["ok", "net.ipv4.vs.expire_nodest_conn is 1"]],
    },
    "of no matter to TCP": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv4.vs.expire_nodest_conn": "0" }) },
      said: [],
    },
  },
  "expire-template": {
    "0": {
      file: fileOf([{ more: "mode: none, persistence: 5m" }]),
      facts: { parameters: parameters({ "net.ipv4.vs.expire_quiescent_template": "0" }) },
      said: [[
        "warn",
        "net.ipv4.vs.expire_quiescent_template is 0: clients that belong to a server go on to it " +
        `when its weight is 0; ${IT_SETS}`,
        "sysctl -w net.ipv4.vs.expire_quiescent_template=1",
        "fixable",
      ]],
    },
    "1": {
      file: fileOf([{ more: "mode: none, persistence: 5m" }]),
      said: [["ok", "net.ipv4.vs.expire_quiescent_template is 1"]],
    },
    "of no matter without persistence": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv4.vs.expire_quiescent_template": "0" }) },
      said: [],
    },
  },
  "vs-defence": {
    "none": {
      said: [["ok", "drop_entry, drop_packet and secure_tcp of net.ipv4.vs are 0"]],
    },
    "always": {
      facts: { parameters: parameters({ "net.ipv4.vs.drop_entry": "3" }) },
      said: [[
        "warn",
        "net.ipv4.vs.drop_entry is 3 (always: connections are forgotten at random): IPVS defends " +
        "itself at the cost of clients; where nothing attacks it, 0 serves them all",
        "sysctl -w net.ipv4.vs.drop_entry=0",
        "fixable",
      ]],
    },
    "when memory is short": {
      facts: {
        parameters: parameters({ "net.ipv4.vs.drop_packet": "1", "net.ipv4.vs.secure_tcp": "2" }),
      },
      said: [[
        "warn",
        "net.ipv4.vs.drop_packet is 1 (when memory is short: one of several packets is dropped) " +
        "and net.ipv4.vs.secure_tcp is 2 (now, as memory is short: a connection counts as one " +
        "only after its handshake): IPVS defends itself at the cost of clients; where nothing " +
        "attacks it, 0 serves them all",
        "sysctl -w net.ipv4.vs.drop_packet=0 net.ipv4.vs.secure_tcp=0",
        "fixable",
      ]],
    },
    "of no matter to the proxy": { file: EMBEDDED, said: [] },
  },
  "vs-sloppy-tcp": {
    "0": { said: [["ok", "net.ipv4.vs.sloppy_tcp is 0"]] },
    "1": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv4.vs.sloppy_tcp": "1" }) },
      said: [[
        "warn",
        "net.ipv4.vs.sloppy_tcp is 1: any packet of TCP begins a connection, so that those of " +
        "connections that have ended go to any server",
        "sysctl -w net.ipv4.vs.sloppy_tcp=0",
        "fixable",
      ]],
    },
    "1, and wanted so": {
      file: scheduler("mh"),
      facts: { parameters: parameters({ "net.ipv4.vs.sloppy_tcp": "1" }) },
      said: [[
        "ok",
        "net.ipv4.vs.sloppy_tcp is 1, as it may be with the schedulers sh and mh: connections " +
        "can go on by way of another balancer",
      ]],
    },
  },
  "ip-forward": {
    "1": { file: PLAIN, said: [["ok", "net.ipv4.ip_forward is 1"]] },
    "0": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv4.ip_forward": "0" }) },
      said: [[
        "warn",
        "net.ipv4.ip_forward is 0: clients on this host get answers from servers, other hosts " +
        "and containers do not",
        "sysctl -w net.ipv4.ip_forward=1",
        "fixable",
      ]],
    },
    "of no matter to direct routing": {
      file: DIRECT,
      facts: { parameters: parameters({ "net.ipv4.ip_forward": "0" }) },
      said: [],
    },
    "of no matter to IPv6": {
      file: SIX,
      facts: { parameters: parameters({ "net.ipv4.ip_forward": "0" }) },
      said: [],
    },
  },
  "ipv6-forward": {
    "1": { file: SIX, said: [["ok", "net.ipv6.conf.all.forwarding is 1"]] },
    "0, which a person decides": {
      file: SIX,
      facts: { parameters: parameters({ "net.ipv6.conf.all.forwarding": "0" }) },
      said: [[
        "warn",
        "net.ipv6.conf.all.forwarding is 0: clients on this host get answers from servers, other " +
        "hosts and containers do not; where it is 1 routes come from router advertisements only " +
        "with accept_ra=2",
        "sysctl -w net.ipv6.conf.all.forwarding=1",
      ]],
    },
    "of no matter to IPv4": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv6.conf.all.forwarding": "0" }) },
      said: [],
    },
  },
  "rp-filter": {
    "loose": { file: DIRECT, said: [["ok", "rp_filter is strict on no device"]] },
    "strict on a device": {
      file: DIRECT,
      facts: { parameters: parameters({ "net.ipv4.conf.eth0.rp_filter": "1" }) },
      said: [[
        "warn",
        "rp_filter is strict on eth0: packets are dropped whose way back is another device, as " +
        "it may be with direct routing; 2 is loose",
        "sysctl -w net.ipv4.conf.all.rp_filter=2",
        "fixable",
      ]],
    },
    "strict on all, of two reasons": {
      file: fileOf([{}, { address: "10.0.0.3", more: "mode: none, forwarding: tunnel" }]),
      facts: {
        parameters: parameters({
          "net.ipv4.conf.all.rp_filter": "1",
          "net.ipv4.conf.eth0.rp_filter": "0",
        }),
      },
      said: [[
        "warn",
        "rp_filter is strict on eth0: packets are dropped whose way back is another device, as " +
        "it may be with tunnels and addresses on a dummy device; 2 is loose",
        "sysctl -w net.ipv4.conf.all.rp_filter=2",
        "fixable",
      ]],
    },
    "strict on a device, and loose by all": {
      file: DIRECT,
      facts: {
        parameters: parameters({
          "net.ipv4.conf.all.rp_filter": "2",
          "net.ipv4.conf.eth0.rp_filter": "1",
        }),
      },
      said: [["ok", "rp_filter is strict on no device"]],
    },
    "a device with a dot in its name": {
      file: DIRECT,
      facts: {
        devices: known([LO, link("eth0.7", ["192.168.0.9/24"])]),
        parameters: parameters({ "net.ipv4.conf.eth0/7.rp_filter": "1" }),
      },
      said: [[
        "warn",
        "rp_filter is strict on eth0.7: packets are dropped whose way back is another device, as " +
        "it may be with direct routing; 2 is loose",
        "sysctl -w net.ipv4.conf.all.rp_filter=2",
        "fixable",
      ]],
    },
    "strict on a container's device, which has no address here": {
      file: DIRECT,
      facts: {
        devices: known([LO, ETH0, link("cali1", ["fe80::1/64"])]),
        parameters: parameters({ "net.ipv4.conf.cali1.rp_filter": "1" }),
      },
      said: [["ok", "rp_filter is strict on no device"]],
    },
    "of no matter to the rest": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv4.conf.all.rp_filter": "1" }) },
      said: [],
    },
    "devices not known": { file: DIRECT, facts: { devices: unseen("no") }, said: [] },
  },
  arp: {
    "servers elsewhere": {
      file: DIRECT,
      facts: { devices: known([LO, ETH0]) },
      said: [["ok", `direct routing: the server ${ELSEWHERE}`]],
    },
    "several servers elsewhere": {
      file: fileOf([{
        servers: ["192.168.0.2", "192.168.0.3"],
        more: "mode: none, forwarding: direct",
      }]),
      facts: { devices: known([LO, ETH0]) },
      said: [["ok", `direct routing: each of 2 servers ${ELSEWHERE}`]],
    },
    "this host is a server, and answers": {
      file: fileOf([{
        servers: ["192.168.0.9", "192.168.0.2"],
        more: "mode: none, forwarding: direct",
      }]),
      facts: { devices: known([ON_LO, ETH0]) },
      said: [[
        "warn",
        "direct routing to this host: this host has the address of TCP 10.0.0.1:80 and answers " +
        "for it on eth0, so that clients come past the balancer; arp_ignore must be 1 and " +
        "arp_announce 2",
        "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
        "fixable",
      ]],
    },
    "this host is a server, and only announces": {
      file: fileOf([{ servers: ["192.168.0.9"], more: "mode: none, forwarding: direct" }]),
      facts: {
        devices: known([ON_LO, ETH0]),
        parameters: parameters({ "net.ipv4.conf.eth0.arp_ignore": "1" }),
      },
      said: [[
        "warn",
        "direct routing to this host: this host has the address of TCP 10.0.0.1:80 and answers " +
        "for it on eth0, so that clients come past the balancer; arp_ignore must be 1 and " +
        "arp_announce 2",
        "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
        "fixable",
      ]],
    },
    "this host is a server, and is quiet": {
      file: fileOf([{ servers: ["192.168.0.9"], more: "mode: none, forwarding: direct" }]),
      facts: {
        devices: known([ON_LO, ETH0]),
        parameters: parameters({
          "net.ipv4.conf.all.arp_ignore": "1",
          "net.ipv4.conf.all.arp_announce": "2",
        }),
      },
      said: [["ok", "direct routing: this host answers nobody for the address of TCP 10.0.0.1:80"]],
    },
    "this host has the address and is none of the servers": {
      file: DIRECT,
      facts: { devices: known([ON_LO, ETH0]) },
      said: [[
        "ok",
        "direct routing: this host has the address of TCP 10.0.0.1:80 and answers for it on " +
        "eth0, as the balancer does; a server must not: there arp_ignore must be 1 and " +
        "arp_announce 2 (net.ipv4.conf.all)",
      ]],
    },
    "our own device has it, for this host balances": {
      file: fileOf([{ servers: ["192.168.0.9"], more: "forwarding: direct" }]),
      said: [["ok", `direct routing: the server ${ELSEWHERE}`]],
    },
    "of no matter to the rest": { file: PLAIN, said: [] },
  },
  "tcp-keepalive": {
    "under the timeout": {
      file: PLAIN,
      said: [["ok", "net.ipv4.tcp_keepalive_time is 600 s, under IPVS's timeout for TCP of 900 s"]],
    },
    "over it": {
      file: PLAIN,
      facts: { parameters: parameters({ "net.ipv4.tcp_keepalive_time": "7200" }) },
      said: [[
        "warn",
        "net.ipv4.tcp_keepalive_time is 7200 s, and IPVS forgets a connection of TCP that is " +
        "silent for 900 s: programs on this host find idle connections dead; other clients need " +
        "the same",
        "sysctl -w net.ipv4.tcp_keepalive_time=600",
        "fixable",
      ]],
    },
    "over the one that is configured": {
      file: fileOf([{ more: "mode: none" }], "host: {timeouts: {tcp: 5m}}\n"),
      said: [[
        "warn",
        "net.ipv4.tcp_keepalive_time is 600 s, and IPVS forgets a connection of TCP that is " +
        "silent for 300 s: programs on this host find idle connections dead; other clients need " +
        "the same",
        "sysctl -w net.ipv4.tcp_keepalive_time=200",
        "fixable",
      ]],
    },
    "over IPVS's own, where its table is not seen": {
      file: PLAIN,
      facts: {
        parameters: parameters({ "net.ipv4.tcp_keepalive_time": "900" }),
        table: unseen("no"),
      },
      said: [[
        "warn",
        "net.ipv4.tcp_keepalive_time is 900 s, and IPVS forgets a connection of TCP that is " +
        "silent for 900 s: programs on this host find idle connections dead; other clients need " +
        "the same",
        "sysctl -w net.ipv4.tcp_keepalive_time=600",
        "fixable",
      ]],
    },
    "of no matter to UDP": { file: UDP, said: [] },
  },
  "conntrack-table": {
    "room": { said: [["ok", "connection tracking has 100 of at most 1000 connections"]] },
    "near its end": {
      facts: { conntrack: known({ count: 800, most: 1000 }) },
      said: [[
        "warn",
        "connection tracking has 800 of at most 1000 connections: when it is full, packets of " +
        "new ones are dropped",
        "sysctl -w net.netfilter.nf_conntrack_max=2000",
        "fixable",
      ]],
    },
    "at its end": {
      facts: { conntrack: known({ count: 955, most: 1000 }) },
      said: [[
        "fail",
        "connection tracking has 955 of at most 1000 connections: when it is full, packets of " +
        "new ones are dropped",
        "sysctl -w net.netfilter.nf_conntrack_max=2000",
        "fixable",
      ]],
    },
    "not there": { facts: { conntrack: moot() }, said: [] },
  },
  "vs-table": {
    "room": { said: [["ok", "IPVS has 12 connections in a table of 4096 rows"]] },
    "full": {
      facts: {
        table: known({
          ...{ size: 4096, connections: 5000, services: new Set<string>() },
          timeouts: { tcpS: 900, tcpFinS: 120, udpS: 300 },
        }),
      },
      said: [[
        "warn",
        'IPVS has 5000 connections in a table of 4096 rows: every packet searches for long; put "' +
        'options ip_vs conn_tab_bits=14" into /etc/modprobe.d/lvscare.conf, and load ip_vs anew, ' +
        "which ends all connections",
      ]],
    },
    "not known": { facts: { table: unseen("no") }, said: [] },
  },
};

const reads = (bits: number): MarkUse => ({ bits, how: "reads" });
const writes = (bits: number): MarkUse => ({ bits, how: "writes" });
const marked = (rest: Partial<FoundRule>, ...marks: readonly MarkUse[]) => rule({ ...rest, marks });
const KUBE = marked({ table: "nat", chain: "KUBE-MARK-MASQ", target: "MARK" }, writes(0x4000));
const OURS_IN_OUTPUT = rule({
  ...{ chain: "OUTPUT", target: "ACCEPT", comment: "accept for all marked by lvscare" },
  marks: [reads(1)],
});
const CILIUM_IN_OUTPUT = rule({ chain: "OUTPUT", target: "CILIUM_OUTPUT" });
const bit = (number: number) => fileOf([{}], `host: {masquerade-bit: ${number}}\n`);
const TAKES = "kube-proxy in mode ipvs takes away services that are not its own";
const opening = (port: number) =>
  rule({ family: "inet", table: "firewalld", chain: "filter_IN_public", target: "ACCEPT", port });

const RULES: Cases = {
  mark: {
    "nobody else's": {
      file: LINK,
      facts: { rules: known([OURS_IN_OUTPUT, KUBE]) },
      said: [["ok", "mark bit 0 (0x1) is used by nobody else"]],
    },
    "our own rules are no others'": {
      file: LINK,
      facts: {
        rules: known([
          marked({ table: "lvscare", chain: "output" }, writes(1)),
          marked({ table: "nat", chain: "VIRTUAL-MARK-MASQ" }, writes(1)),
          OURS_IN_OUTPUT,
        ]),
      },
      said: [["ok", "mark bit 0 (0x1) is used by nobody else"]],
    },
    "kube-proxy's, by its rules": {
      file: bit(14),
      facts: { rules: known([KUBE]) },
      said: [[
        "warn",
        "mark bit 14 (0x4000), by which packets are masqueraded, is also kube-proxy's (chain " +
        "KUBE-MARK-MASQ of table nat in nftables writes 0x4000): marks of ours are wiped out, or " +
        "packets of others masqueraded; bit 0 is free: masquerade-bit: 0 of host",
      ]],
    },
    "kube-proxy's, by flags": {
      file: bit(14),
      origin: "flags",
      facts: { rules: known([marked({ table: "kube-proxy", chain: "x" }, reads(0x4000))]) },
      said: [[
        "warn",
        "mark bit 14 (0x4000), by which packets are masqueraded, is also kube-proxy's (chain x " +
        "of table kube-proxy in nftables reads 0x4000): what goes to virtual services is taken " +
        "for theirs; bit 0 is free: --masqueradebit 0",
      ]],
    },
    "one by which packets are dropped": {
      file: bit(15),
      facts: {
        legacyRules: known([
          KUBE,
          marked({
            ...{ by: "iptables-legacy", chain: "KUBE-FIREWALL", target: "DROP" },
          }, reads(0x8000)),
        ]),
      },
      said: [[
        "fail",
        "mark bit 15 (0x8000), by which packets are masqueraded, is also kube-proxy's (chain " +
        "KUBE-FIREWALL of table filter in iptables-legacy reads 0x8000): what goes to virtual " +
        "services is dropped; bit 0 is free: masquerade-bit: 0 of host",
      ]],
    },
    "somebody's who writes the whole mark": {
      file: LINK,
      facts: { rules: known([marked({ table: "mangle", chain: "X" }, writes(0xffffffff))]) },
      said: [[
        "warn",
        "mark bit 0 (0x1), by which packets are masqueraded, is also somebody else's (chain X " +
        "of table mangle in nftables writes all of the mark): marks of ours are wiped out, or " +
        "packets of others masqueraded; it is so with every bit",
      ]],
    },
    "somebody's who writes the whole mark before iptables' table nat": {
      file: LINK,
      facts: {
        rules: known([marked({ table: "mangle", chain: "PREROUTING" }, writes(0xffffffff))]),
      },
      said: [["ok", "mark bit 0 (0x1) is used by nobody else"]],
    },
    "somebody's who writes the whole mark when nftables may have set ours": {
      file: fileOf([{}], "host: {masquerade: nftables}\n"),
      facts: {
        rules: known([marked({ table: "mangle", chain: "OUTPUT" }, writes(0xffffffff))]),
      },
      said: [[
        "warn",
        "mark bit 0 (0x1), by which packets are masqueraded, is also somebody else's (chain " +
        "OUTPUT of table mangle in nftables writes all of the mark): marks of ours are wiped " +
        "out, or packets of others masqueraded; it is so with every bit",
      ]],
    },
    "Cilium's, which its device tells": {
      file: bit(8),
      facts: { devices: known([LO, ETH0, OURS, link("cilium_host", [])]) },
      said: [[
        "warn",
        "mark bit 8 (0x100), by which packets are masqueraded, is also Cilium's (it keeps " +
        "0xffff0f00 for itself): what goes to virtual services is taken for theirs; bit 0 is " +
        "free: masquerade-bit: 0 of host",
      ]],
    },
    "Calico's, which a chain tells": {
      file: bit(20),
      facts: { rules: known([rule({ chain: "cali-FORWARD" })]) },
      said: [[
        "warn",
        "mark bit 20 (0x100000), by which packets are masqueraded, is also Calico's (it keeps " +
        "0xffff0000 for itself): what goes to virtual services is taken for theirs; bit 0 is " +
        "free: masquerade-bit: 0 of host",
      ]],
    },
    "rules of one kind not known": {
      file: LINK,
      facts: { legacyRules: unseen("no") },
      said: [],
    },
    "no rules known": {
      file: LINK,
      facts: { rules: unseen("no"), legacyRules: unseen("no") },
      said: [],
    },
    "nothing marked": { file: PLAIN, facts: { rules: known([KUBE]) }, said: [] },
  },
  "two-iptables": {
    "no rules": { said: [["ok", "there are no rules of others"]] },
    "of one kind": {
      facts: { rules: known([KUBE]) },
      said: [["ok", "all rules are nftables's"]],
    },
    "of the other kind, beside our table": {
      facts: {
        rules: known([rule({ table: "lvscare" })]),
        legacyRules: known([rule({ by: "iptables-legacy" })]),
      },
      said: [["ok", "all rules are iptables-legacy's"]],
    },
    "of both": {
      facts: {
        rules: known([KUBE, rule({ family: "inet", table: "fw" })]),
        legacyRules: known([rule({ by: "iptables-legacy" })]),
      },
      said: [[
        "warn",
        "rules of iptables-legacy (ip filter) stand beside rules of nftables (ip nat and inet " +
        "fw): packets go through both, each program shows one kind, and what is accepted in the " +
        "one is dropped in the other; move them to one kind: iptables-legacy-save shows what is " +
        "in the other",
      ]],
    },
    "not known": { facts: { legacyRules: unseen("no") }, said: [] },
  },
  cilium: {
    "before us": {
      file: LINK,
      facts: { rules: known([CILIUM_IN_OUTPUT, OURS_IN_OUTPUT]) },
      said: [[
        "warn",
        "Cilium's chains stand before lvscare's rule in OUTPUT of filter (nftables, ip), which " +
        "accepts what goes to virtual services: what Cilium drops or marks does not come to it; " +
        "with prepend-iptables-chains=false they stand behind",
        "cilium config set prepend-iptables-chains false",
      ]],
    },
    "behind us": {
      file: LINK,
      facts: { rules: known([OURS_IN_OUTPUT, CILIUM_IN_OUTPUT]) },
      said: [["ok", "Cilium's chains do not stand before lvscare's rule in OUTPUT"]],
    },
    "before we come, who come first": {
      file: LINK,
      facts: { rules: known([CILIUM_IN_OUTPUT]) },
      said: [["ok", "Cilium's chains do not stand before lvscare's rule in OUTPUT"]],
    },
    "not there": { file: LINK, facts: { rules: known([OURS_IN_OUTPUT]) }, said: [] },
  },
  "kube-proxy": {
    "not there": { file: LINK, said: [] },
    "in another mode by now": {
      file: LINK,
      facts: { kubeProxy: known({ mode: known("nftables"), excluded: known([]) }) },
      said: [["ok", "kube-proxy is in mode nftables; kube-ipvs0 is left of its mode ipvs"]],
    },
    "without our exclusion": {
      file: LINK,
      facts: { kubeProxy: known({ mode: known("ipvs"), excluded: known(["10.0.1.0/24"]) }) },
      said: [[
        "fail",
        `${TAKES}: put 10.0.0.1/32 into excludeCIDRs (ipvs) of its configuration, the config map ` +
        "kube-proxy in kube-system, and start it anew",
      ]],
    },
    "without that of one of two": {
      file: fileOf([{}, { address: "fd00:1::1", servers: ["fd00::2"] }]),
      facts: { kubeProxy: known({ mode: known("ipvs"), excluded: known(["10.0.0.0/8"]) }) },
      said: [[
        "fail",
        `${TAKES}: put fd00:1::1/128 into excludeCIDRs (ipvs) of its configuration, the config ` +
        "map kube-proxy in kube-system, and start it anew",
      ]],
    },
    "with it": {
      file: LINK,
      facts: { kubeProxy: known({ mode: known("ipvs"), excluded: known(["10.0.0.0/29", "x"]) }) },
      said: [["ok", "kube-proxy in mode ipvs leaves 10.0.0.1 alone"]],
    },
    "that does not answer": {
      file: LINK,
      facts: { kubeProxy: known({ mode: unseen("silence"), excluded: unseen("silence") }) },
      said: [[
        "warn",
        `${TAKES} (kube-ipvs0 is there): its excludeCIDRs must have 10.0.0.1/32, which could not ` +
        "be read (silence)",
      ]],
    },
    "that does not answer, and nothing is configured": {
      facts: { kubeProxy: known({ mode: unseen("silence"), excluded: unseen("silence") }) },
      said: [[
        "warn",
        `${TAKES} (kube-ipvs0 is there): what is cared for must be in its excludeCIDRs, which ` +
        "could not be read (silence)",
      ]],
    },
    "and nothing is configured": {
      facts: { kubeProxy: known({ mode: known("ipvs"), excluded: known([]) }) },
      said: [["ok", `${TAKES}: what is cared for must be in its excludeCIDRs`]],
    },
  },
  firewalld: {
    "not there": { file: LINK, said: [] },
    "by its process": {
      file: fileOf([{ port: 6443 }, { port: 53, more: "protocol: udp" }]),
      facts: { firewalld: known(true) },
      said: [[
        "warn",
        "firewalld is active, and no rule of it is seen that lets 6443/tcp and 53/udp in: " +
        "clients on other hosts are refused before IPVS sees their packets (with --permanent " +
        "too, it stays so)",
        "firewall-cmd --add-port=6443/tcp --add-port=53/udp",
      ]],
    },
    "by its table, one port open": {
      file: fileOf([{ port: 6443 }, { port: 80 }]),
      facts: { rules: known([opening(80)]) },
      said: [[
        "warn",
        "firewalld is active, and no rule of it is seen that lets 6443/tcp in: clients on other " +
        "hosts are refused before IPVS sees their packets (with --permanent too, it stays so)",
        "firewall-cmd --add-port=6443/tcp",
      ]],
    },
    "all open": {
      file: fileOf([{ port: 6443 }]),
      facts: { rules: known([opening(6443)]) },
      said: [["ok", "firewalld is active, and has rules that let 6443/tcp in"]],
    },
    "nothing configured": {
      facts: { firewalld: known(true) },
      said: [[
        "warn",
        "firewalld is active: ports of virtual services must be open in the zone of the device " +
        "that clients come in by",
      ]],
    },
  },
};

const at = (address: string, device = "eth0", hardware = "52:54:00:00:00:01"): Neighbour => ({
  ...{ address: parseAddress(address)!, device, hardware },
});
function neighbours(
  answers: readonly Neighbour[],
  changes: Partial<NeighbourFacts> = {},
): HostFacts["neighbours"] {
  const asked = [parseAddress("10.0.0.1")!];
  return { ipv4: known({ asked, left: 0, answers, ...changes }), ipv6: moot() };
}
const NEAR = fileOf([{ address: "192.168.0.100", servers: ["192.168.0.2"] }]);

const ADDRESSES: Cases = {
  address: {
    "where they should be": {
      file: LINK,
      said: [[
        "ok",
        "1 virtual address is on no wrong device",
      ]],
    },
    "of several": {
      file: fileOf([{}, { address: "10.0.0.2" }]),
      said: [[
        "ok",
        "2 virtual addresses are on no wrong device",
      ]],
    },
    "on another device": {
      file: LINK,
      facts: { devices: known([LO, link("eth0", ["10.0.0.1/24"]), OURS]) },
      said: [[
        "fail",
        "10.0.0.1 is on device eth0 as 10.0.0.1/24, must be on lvscare alone: lvscare refuses it " +
        "so (where it shall stay there, mode must be none)",
        "ip addr del 10.0.0.1/24 dev eth0",
      ]],
    },
    "on no device, and nobody puts it there": {
      file: PLAIN,
      facts: { devices: known([LO, ETH0]) },
      said: [[
        "warn",
        "10.0.0.1 is on no device of this host: packets for it come to IPVS only where " +
        "something else puts it there (VRRP) or leads them here",
        "ip addr add 10.0.0.1/32 dev lo",
      ]],
    },
    "on no device, for the proxy": {
      file: EMBEDDED,
      facts: { devices: known([LO, ETH0]) },
      said: [[
        "warn",
        "10.0.0.1 is on no device of this host: packets for it come to the proxy only where " +
        "something else puts it there (VRRP) or leads them here",
        "ip addr add 10.0.0.1/32 dev lo",
      ]],
    },
    "a route by way of this host": {
      file: fileOf([{ more: "mode: route, gateway: 192.168.0.9" }]),
      said: [[
        "ok",
        "1 virtual address is on no wrong device",
      ]],
    },
    "a route by way of another": {
      file: fileOf([{ more: "mode: route, gateway: 192.168.0.1" }]),
      said: [[
        "fail",
        "TCP 10.0.0.1:80: its route leads by way of 192.168.0.1, which is no address of this " +
        "host: packets leave it and never come to IPVS; give one of its own",
      ]],
    },
    "not known": { file: LINK, facts: { devices: unseen("no") }, said: [] },
  },
  duplicate: {
    "nobody answers": {
      file: LINK,
      facts: { neighbours: neighbours([]) },
      said: [["ok", "no other host answers for 1 virtual address of IPv4"]],
    },
    "another host of the same network answers": {
      file: NEAR,
      facts: { neighbours: neighbours([at("192.168.0.100")]) },
      said: [[
        "warn",
        "192.168.0.100 is answered for on eth0 by another host (52:54:00:00:00:01): clients of " +
        "that network reach the one or the other; only one host may answer for it",
      ]],
    },
    "servers of direct routing answer": {
      file: fileOf([{
        address: "192.168.0.100",
        servers: ["192.168.0.2", "192.168.0.3"],
        more: "mode: none, forwarding: direct",
      }]),
      facts: {
        neighbours: neighbours([
          at("192.168.0.100"),
          at("192.168.0.100", "eth0", "52:54:00:00:00:02"),
        ]),
      },
      said: [[
        "warn",
        "192.168.0.100 is answered for on eth0 by another host (52:54:00:00:00:01 and 1 other): " +
        "clients of that network reach the one or the other; only one host may answer for it; " +
        "on a server of direct routing: sysctl -w net.ipv4.conf.all.arp_ignore=1 " +
        "net.ipv4.conf.all.arp_announce=2",
      ]],
    },
    "another host has it too, where nobody asks": {
      file: LINK,
      facts: { neighbours: neighbours([at("10.0.0.1")]) },
      said: [[
        "ok",
        "10.0.0.1 is answered for on eth0 by another host (52:54:00:00:00:01), and is of no " +
        "network there: nobody asks for it, as long as routes lead to one of them",
      ]],
    },
    "too many to ask for": {
      file: LINK,
      facts: { neighbours: neighbours([], { left: 2 }) },
      said: [
        ["ok", "no other host answers for 1 virtual address of IPv4"],
        [
          "ok",
          "2 more virtual addresses of IPv4: nobody was asked whether another host has it",
        ],
      ],
    },
    "IPv6": {
      file: fileOf([{ address: "fd00::100", servers: ["fd00::2"] }]),
      facts: {
        neighbours: {
          ipv4: moot(),
          ipv6: known({
            ...{ asked: [parseAddress("fd00::100")!], left: 0 },
            answers: [at("fd00::100")],
          }),
        },
      },
      said: [[
        "warn",
        "fd00::100 is answered for on eth0 by another host (52:54:00:00:00:01): clients of that " +
        "network reach the one or the other; only one host may answer for it",
      ]],
    },
    "not known": {
      file: LINK,
      facts: { neighbours: { ipv4: unseen("no"), ipv6: moot() } },
      said: [],
    },
  },
  reach: {
    "all": {
      file: LINK,
      said: [["ok", "1 server can be reached in the way that is configured"]],
    },
    "on the loopback device": {
      file: fileOf([{ servers: ["127.0.0.1", "192.168.0.2"] }]),
      said: [[
        "warn",
        "TCP 10.0.0.1:80: server 127.0.0.1:80 is on the loopback device: clients on this host " +
        "alone reach it, for IPVS drops packets of others, with route_localnet too; let it " +
        "listen on an address of this host",
      ]],
    },
    "this host itself": {
      file: fileOf([{ servers: ["192.168.0.9"] }]),
      said: [["ok", "1 server can be reached in the way that is configured"]],
    },
    "direct routing to another network": {
      file: fileOf([{ servers: ["192.168.7.2"], more: "mode: none, forwarding: direct" }]),
      said: [[
        "fail",
        "TCP 10.0.0.1:80: server 192.168.7.2:80 is to get its packets by direct routing and is " +
        "of no network of this host: a router between would send them back; use tunnels, or " +
        "masquerade",
      ]],
    },
    "a device of the sync daemon that is not there": {
      file: fileOf([{}], "host: {sync-daemon: {device: eth7}}\n"),
      said: [[
        "fail",
        "the sync daemon is to speak over device eth7, which is not there: connections are told " +
        "to nobody",
      ]],
    },
    "a device of the sync daemon that is down": {
      file: fileOf([{}], "host: {sync-daemon: {device: eth1}}\n"),
      facts: { devices: known([LO, ETH0, link("eth1", [], { up: false })]) },
      said: [[
        "fail",
        "the sync daemon is to speak over device eth1, which is down: connections are told to " +
        "nobody",
        "ip link set eth1 up",
      ]],
    },
    "servers of another family beside a sync daemon": {
      file: fileOf(
        [{ servers: ["fd00::2"], more: "mode: none, forwarding: tunnel" }],
        "host: {sync-daemon: {device: eth0}}\n",
      ),
      said: [[
        "fail",
        "TCP 10.0.0.1:80 has servers of another family, which the kernel refuses beside a sync " +
        "daemon: do without the one or the other",
      ]],
    },
    "not known": { file: LINK, facts: { devices: unseen("no") }, said: [] },
    "of no matter to the proxy": { file: EMBEDDED, said: [] },
  },
};

const checked = (
  servers: readonly (readonly [server: string, reason?: string, level?: "failed" | "unable"])[],
  left = 0,
  service = "TCP 10.0.0.1:80",
): HostFacts["checks"] =>
  known<CheckFacts>({
    left,
    servers: servers.map(([server, reason = "", level = "failed"]) => ({
      ...{ service, server, reason, level: reason === "" ? "good" : level },
    })),
  });

const CHECKS: Cases = {
  checks: {
    "all good": {
      file: LINK,
      facts: { checks: checked([["192.168.0.2:80"], ["192.168.0.3:80"]]) },
      said: [["ok", "2 servers pass their checks"]],
    },
    "one good": {
      file: LINK,
      facts: { checks: checked([["192.168.0.2:80"]]) },
      said: [["ok", "1 server passes its check"]],
    },
    "one of two failed": {
      file: LINK,
      facts: { checks: checked([["192.168.0.2:80", "connection refused"], ["192.168.0.3:80"]]) },
      said: [[
        "warn",
        "TCP 10.0.0.1:80: 1 of 2 servers fails its check: 192.168.0.2:80 (connection refused)",
      ]],
    },
    "two of three failed": {
      file: LINK,
      facts: { checks: checked([["a", "x"], ["b", "y"], ["c"]]) },
      said: [["warn", "TCP 10.0.0.1:80: 2 of 3 servers fail their checks: a (x), b (y)"]],
    },
    "the only one failed": {
      file: LINK,
      facts: { checks: checked([["a", "no answer within 10s"]]) },
      said: [[
        "fail",
        "TCP 10.0.0.1:80: its only server fails its check: a (no answer within 10s)",
      ]],
    },
    "both failed": {
      file: LINK,
      facts: { checks: checked([["a", "x"], ["b", "y"]]) },
      said: [["fail", "TCP 10.0.0.1:80: both servers fail their checks: a (x), b (y)"]],
    },
    "more than are told": {
      file: LINK,
      facts: { checks: checked([..."abcdefg"].map((name) => [name, "x"])) },
      said: [[
        "fail",
        "TCP 10.0.0.1:80: all 7 servers fail their checks: a (x), b (x), c (x), d (x), e (x) and " +
        "2 more",
      ]],
    },
    "one that cannot be made": {
      file: LINK,
      facts: { checks: checked([["a", "no such program", "unable"], ["b"]]) },
      said: [["warn", "TCP 10.0.0.1:80: 1 check cannot be made from here: a (no such program)"]],
    },
    "some left": {
      file: LINK,
      facts: { checks: checked([["a"]], 12) },
      said: [
        ["ok", "1 server passes its check"],
        ["ok", "12 servers are left, not checked: lvscare status says how they are"],
      ],
    },
    "none": { file: LINK, said: [] },
    "not known": { file: LINK, facts: { checks: unseen("no") }, said: [] },
  },
};

const UNSEEN: Cases = {
  configuration: {
    "none": {
      said: [["ok", "nothing is configured: the host is looked at in general"]],
    },
    "two services": {
      file: fileOf([{}, { port: 81, servers: ["192.168.0.2", "192.168.0.3"] }]),
      said: [["ok", "2 services and 3 servers"]],
    },
  },
  unseen: {
    "nothing": { file: LINK, said: [] },
    "what was not needed": { facts: { table: moot() }, said: [] },
    "without root": {
      file: LINK,
      facts: {
        isRoot: known(false),
        table: unseen("not permitted"),
        rules: unseen("not permitted"),
        neighbours: { ipv4: unseen("not permitted"), ipv6: moot() },
        legacyRules: unseen("broken"),
      },
      said: [[
        "warn",
        "not seen: IPVS's table, rules of nftables and iptables, who else has virtual addresses " +
        "of IPv4 (not permitted); rules of iptables-legacy (broken)",
        "sudo lvscare doctor",
      ]],
    },
    "as root in a container": {
      facts: { table: unseen("not permitted") },
      said: [[
        "warn",
        "not seen: IPVS's table (not permitted); root needs CAP_NET_ADMIN and CAP_NET_RAW too, " +
        "which containers lack",
      ]],
    },
    "another reason": {
      facts: { devices: unseen("list devices: no buffer space left (ENOBUFS)") },
      said: [[
        "warn",
        "not seen: devices and addresses (list devices: no buffer space left (ENOBUFS))",
      ]],
    },
  },
};

const ALL: Cases = {
  ...KERNEL,
  ...PARAMETERS,
  ...RULES,
  ...ADDRESSES,
  ...CHECKS,
  ...UNSEEN,
};

for (const [id, cases] of Object.entries(ALL)) {
  Deno.test(`${id}: each level in its words, with what mends it`, async (t) => {
    for (const [name, { file, origin, facts, said }] of Object.entries(cases)) {
      await t.step(name, async () => {
        const wanted = await caseOf(file, origin);
        const findings = judgeHost(hostFacts(facts), wanted);
        const own = findings.filter((finding) => finding.id === id).map(saidOf);
        assert.deepEqual(own, said.map((each) => [...each]));
      });
    }
  });
}

function saidOf({ level, text, mend, fix }: Finding): unknown[] {
  return [
    ...[level, text],
    ...(mend === undefined ? [] : [mend]),
    ...(fix === undefined ? [] : ["fixable"]),
  ];
}

Deno.test("every finding is met at every level that it has", () => {
  const levels = Object.entries(ALL).map(([id, cases]) => {
    const met = Object.values(cases).flatMap(({ said }) => said.map(([level]) => level));
    return [id, [...new Set(met)].sort().join(" ")];
  });
  assert.deepEqual(Object.fromEntries(levels), {
    kernel: "fail ok",
    modules: "fail ok warn",
    boot: "ok warn",
    "vs-conntrack": "fail ok warn",
    "expire-nodest": "ok warn",
    "expire-template": "ok warn",
    "vs-defence": "ok warn",
    "vs-sloppy-tcp": "ok warn",
    "ip-forward": "ok warn",
    "ipv6-forward": "ok warn",
    "rp-filter": "ok warn",
    arp: "ok warn",
    "tcp-keepalive": "ok warn",
    "conntrack-table": "fail ok warn",
    "vs-table": "ok warn",
    mark: "fail ok warn",
    "two-iptables": "ok warn",
    cilium: "ok warn",
    "kube-proxy": "fail ok warn",
    firewalld: "ok warn",
    address: "fail ok warn",
    duplicate: "ok warn",
    reach: "fail ok warn",
    checks: "fail ok warn",
    configuration: "ok",
    unseen: "warn",
  });
});

Deno.test("a host on which nothing is known has one warning, and no finding throws", async () => {
  const nothing = unseen<never>("not permitted");
  const facts: HostFacts = {
    ...Object.fromEntries(Object.keys(hostFacts()).map((name) => [name, nothing])),
    neighbours: { ipv4: nothing, ipv6: nothing },
  } as unknown as HostFacts;
  const files = [undefined, LINK, DIRECT, UDP, SIX, MARK, EMBEDDED, GUE, MIXED, AUTO];
  for (const file of files) {
    const findings = judgeHost(facts, await caseOf(file));
    const levels = findings.filter(({ level }) => level !== "ok").map((
      { id, level },
    ) => [id, level]);
    assert.deepEqual(levels, [["unseen", "warn"]], file);
  }
});

Deno.test("statusOf(): 0 where all is ok, 3 with a warning, 1 with a failure", () => {
  const finding = (level: Finding["level"]): Finding => ({ id: "x", level, text: "" });
  assert.equal(statusOf([]), 0);
  assert.equal(statusOf([finding("ok")]), 0);
  assert.equal(statusOf([finding("ok"), finding("warn")]), 3);
  assert.equal(statusOf([finding("fail"), finding("warn")]), 1);
});

Deno.test("joinFixes() takes each module and parameter once, and nothing of what is ok", () => {
  assert.deepEqual(
    joinFixes([
      { id: "a", level: "warn", text: "", fix: { modules: ["ip_vs", "dummy"] } },
      { id: "b", level: "fail", text: "", fix: { modules: ["ip_vs"], bootModules: ["ip_vs"] } },
      { id: "c", level: "warn", text: "", fix: { parameters: { a: "1" } } },
      { id: "d", level: "warn", text: "", fix: { parameters: { b: "2" } } },
      { id: "e", level: "ok", text: "", fix: { parameters: { c: "3" } } },
      { id: "f", level: "fail", text: "" },
    ]),
    { modules: ["ip_vs", "dummy"], bootModules: ["ip_vs"], parameters: { a: "1", b: "2" } },
  );
});

const WARNED = hostFacts({ parameters: parameters({ "net.ipv4.vs.sloppy_tcp": "1" }) });
const FAILED = hostFacts({ conntrack: known({ count: 10, most: 10 }) });

Deno.test("doctor prints a line each, the mend below it, and a sum", async () => {
  const { status, out, err } = await runDoctor(new FakeDoctor([WARNED]), []);
  assert.deepEqual([status, err], [3, ""]);
  assert.equal(
    out,
    `ok    nothing is configured: the host is looked at in general
ok    Linux 6.1.0-18-amd64
ok    ip_vs: loaded
ok    ip_vs: loaded with every boot
ok    drop_entry, drop_packet and secure_tcp of net.ipv4.vs are 0
warn  net.ipv4.vs.sloppy_tcp is 1: any packet of TCP begins a connection, so that those of connections that have ended go to any server
      mend: sysctl -w net.ipv4.vs.sloppy_tcp=0
ok    IPVS has 12 connections in a table of 4096 rows
ok    connection tracking has 100 of at most 1000 connections
ok    there are no rules of others
8 ok, 1 warn; lvscare doctor --fix mends 1 of them
`,
  );
});

Deno.test("doctor colours the level and nothing else", async () => {
  const { out } = await runDoctor(new FakeDoctor([WARNED], true), []);
  assert.ok(out.includes("\n\x1b[32mok    \x1b[0mLinux 6"));
  assert.ok(out.includes("\n\x1b[33mwarn  \x1b[0mnet.ipv4.vs.sloppy_tcp"));
  const failed = await runDoctor(new FakeDoctor([FAILED], true), []);
  assert.ok(failed.out.includes("\n\x1b[31mfail  \x1b[0mconnection tracking"));
});

Deno.test("doctor's JSON has every finding, and its mend where there is one", async () => {
  const { status, out } = await runDoctor(new FakeDoctor([FAILED]), ["--json"]);
  assert.equal(status, 1);
  assert.match(out, /^[^\n]+\n$/);
  const { ok, findings, did } = JSON.parse(out);
  assert.deepEqual([ok, did], [false, undefined]);
  assert.deepEqual(findings[0], {
    id: "configuration",
    level: "ok",
    text: "nothing is configured: the host is looked at in general",
    fixable: false,
  });
  assert.deepEqual(findings.filter(({ level }: Finding) => level !== "ok"), [{
    id: "conntrack-table",
    level: "fail",
    text: "connection tracking has 10 of at most 10 connections: when it is full, packets of " +
      "new ones are dropped",
    mend: "sysctl -w net.netfilter.nf_conntrack_max=20",
    fixable: true,
  }]);
  const good = await runDoctor(new FakeDoctor(), ["--json"]);
  assert.deepEqual([good.status, JSON.parse(good.out).ok], [0, true]);
});

Deno.test("--fix does what can be done, says it, and judges what is so afterwards", async () => {
  const doctor = new FakeDoctor([WARNED, hostFacts()]);
  doctor.deeds = [
    { ok: true, text: "set net.ipv4.vs.sloppy_tcp: 1 -> 0" },
    { ok: false, text: "not written: no" },
  ];
  const { status, out } = await runDoctor(doctor, ["--fix"]);
  assert.equal(status, 0);
  assert.deepEqual(doctor.fixes, [
    { modules: [], bootModules: [], parameters: { "net.ipv4.vs.sloppy_tcp": "0" } },
  ]);
  assert.deepEqual(doctor.again, [false, true]);
  assert.match(
    out,
    /^did {3}set net\.ipv4\.vs\.sloppy_tcp: 1 -> 0\nleft {2}not written: no\nok {4}nothing is/,
  );
  assert.match(out, /^ok {4}net\.ipv4\.vs\.sloppy_tcp is 0$/m);
  assert.match(out, /\n9 ok\n$/);
  const json = await runDoctor(new FakeDoctor([WARNED]), ["--fix", "--json"]);
  assert.deepEqual(JSON.parse(json.out).did, []);
  assert.equal(json.status, 3);
});

Deno.test("--fix with nothing to mend says so", async () => {
  const { out } = await runDoctor(new FakeDoctor(), ["--fix"]);
  assert.match(out, /^did {3}nothing: there is nothing that --fix mends\nok /);
});

const FLAGS = ["--vs", "10.0.0.1:80", "--rs", "192.168.0.2:80", "--mode", "link"];

Deno.test("doctor takes its configuration from files, from care's flags, from the environment or from none", async (t) => {
  const cases: readonly {
    readonly name: string;
    readonly words?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly paths?: readonly string[];
    readonly is: readonly [origin: Case["origin"], call: string, services: number];
  }[] = [
    { name: "none", is: ["none", "lvscare doctor", 0] },
    {
      name: "/etc/lvscare",
      paths: ["/etc/lvscare/lvscare.yaml"],
      is: ["files", "lvscare doctor", 1],
    },
    { name: "its parts alone", paths: ["/etc/lvscare/conf.d"], is: ["files", "lvscare doctor", 1] },
    { name: "-c", words: ["-c", "/x"], is: ["files", "lvscare doctor -c /x", 1] },
    {
      name: "--config with a space",
      words: ["--config=/a b"],
      is: ["files", "lvscare doctor -c '/a b'", 1],
    },
    {
      name: "flags",
      words: FLAGS,
      paths: ["/etc/lvscare/lvscare.yaml"],
      is: [
        "flags",
        "lvscare doctor --vs 10.0.0.1:80 --rs 192.168.0.2:80 --mode link",
        1,
      ],
    },
    {
      name: "flags as pflag spells them, of which secrets are not said again",
      words: [
        ...["--vs=[fd00:1::1]:80", "--rs", "[fd00::2]:80", "--mode=", "-ix", "--run-once=false"],
        ...["--health-req-headers", "Authorization=x"],
      ],
      is: [
        "flags",
        "lvscare doctor --vs '[fd00:1::1]:80' --rs '[fd00::2]:80' --iface x --mode= " +
        "--run-once=false",
        1,
      ],
    },
    {
      name: "the environment",
      env: { CARE_VS: "10.0.0.1:80", CARE_RS: "192.168.0.2:80", CARE_MODE: "link" },
      is: ["flags", "lvscare doctor", 1],
    },
    {
      name: "-c before the environment",
      words: ["-c", "/x"],
      env: { CARE_VS: "10.0.0.1:80" },
      is: ["files", "lvscare doctor -c /x", 1],
    },
  ];
  for (const { name, words = [], env = {}, paths = [], is } of cases) {
    await t.step(name, async () => {
      const doctor = new FakeDoctor();
      doctor.paths = paths;
      const { status, err } = await runDoctor(doctor, words, { env, file: LINK });
      assert.equal(err, "");
      assert.ok(status === 0 || status === 3 || status === 1);
      const [{ origin, call, config }] = doctor.cases as [Case];
      assert.deepEqual([origin, origin === "flags" ? sorted(call) : call], [
        is[0],
        origin === "flags" ? sorted(is[1]) : is[1],
      ]);
      assert.equal(config?.services.length ?? 0, is[2]);
    });
  }
});

/** Flags come in the order of their table, or of the command line: it does not matter. */
function sorted(call: string): string {
  return call.split(" --").sort().join(" --");
}

Deno.test("a gateway that is missing is said once, and other notes as warnings", async () => {
  const words = ["--vs", "10.0.0.1:80", "--rs", "192.168.0.2:80", "--scheduler", "wrrr"];
  const { out } = await runDoctor(new FakeDoctor(), words);
  const warned = out.split("\n").filter((line) => line.startsWith("warn"));
  assert.deepEqual(warned, [
    'warn  --scheduler "wrrr" is a scheduler that only the kernel may know: did you mean wrr?',
    "warn  TCP 10.0.0.1:80: no address of this host is known that its route could lead by, so " +
    "none is made: give --ip, LVSCARE_NODE_IP, or lvscare.node.ip in /etc/hosts",
  ]);
});

Deno.test("wrong usage and wrong configurations are status 2, and nothing is looked at", async (t) => {
  const cases: readonly (readonly [words: readonly string[], said: string | RegExp])[] = [
    [["-c", "/x", ...FLAGS], /^lvscare: --vs: must not stand beside --config \(.+\)\n$/],
    [["--vs", "10.0.0.1:80"], /^lvscare: --rs is missing: must be at least one real server/],
    [["--vs", "nowhere", "--rs", "10.0.0.2:80"], /^lvscare: --vs "nowhere": /],
    [["--fixx"], "lvscare: unknown option '--fixx' (did you mean --fix?)\n"],
    [["--fix=maybe"], 'lvscare: --fix "maybe": must be true or false\n'],
    [["more"], /^lvscare: too many arguments for 'doctor'/],
    [["-c"], /^lvscare: option '-c, --config <path>' argument missing/],
  ];
  for (const [words, said] of cases) {
    await t.step(words.join(" "), async () => {
      const doctor = new FakeDoctor();
      const { status, out, err } = await runDoctor(doctor, words, { file: LINK });
      assert.deepEqual([status, out, doctor.cases.length], [2, "", 0]);
      if (typeof said === "string") assert.equal(err, said);
      else assert.match(err, said);
    });
  }
  await t.step("a file with mistakes", async () => {
    const doctor = new FakeDoctor();
    const { status, out, err } = await runDoctor(doctor, ["-c", "/x"], { file: "services: x\n" });
    assert.deepEqual([status, out, doctor.cases.length], [2, "", 0]);
    assert.match(err, /^\S+lvscare\.yaml:1:11: services: is a single value, must be a list\n$/);
  });
});

Deno.test("doctor's help shows what is meant for it, in lines that fit", async () => {
  const { status, out } = await runDoctor(new FakeDoctor(), ["--help"]);
  assert.equal(status, 0);
  for (const word of ["-c, --config <path>", "--vs", "--rs", "--mode", "--fix ", "--json ", "-h"]) {
    assert.ok(out.includes(`\n  ${word}`), word);
  }
  assert.ok(!out.includes("--health-path"));
  assert.ok(!out.includes("[value]"));
  assert.ok(out.split("\n").every((line) => line.length <= 100));
});

/** A host's files, modules and parameters, all in memory. */
function tools(
  files: Map<string, string>,
  parts: { readonly modules?: FakeModules; readonly sysctl?: FakeSysctl } = {},
): FixTools {
  const { modules = new FakeModules({ ip_vs: [] }), sysctl = new FakeSysctl({ a: "0" }) } = parts;
  return {
    modules,
    sysctl,
    read: (path) => files.get(path),
    replace: (path, text) => void files.set(path, text),
  };
}

const FIX = { modules: ["ip_vs"], bootModules: ["ip_vs"], parameters: { a: "1" } };

Deno.test("applyFix() loads, sets and writes, says what it did, and has nothing to do again", async () => {
  const files = new Map<string, string>();
  const modules = new FakeModules({ ip_vs: ["nf_conntrack"], nf_conntrack: [] });
  const with_ = tools(files, { modules });
  assert.deepEqual(await applyFix(FIX, with_), [
    { ok: true, text: "loaded module ip_vs" },
    { ok: true, text: "wrote /etc/modules-load.d/lvscare.conf: ip_vs" },
    { ok: true, text: "set a: 0 -> 1" },
    { ok: true, text: "wrote /etc/sysctl.d/90-lvscare.conf: a" },
  ]);
  const head = "# Written by lvscare doctor --fix, which leaves other lines as they are.\n";
  assert.deepEqual(Object.fromEntries(files), {
    [MODULES_FILE]: `${head}ip_vs\n`,
    [PARAMETERS_FILE]: `${head}a = 1\n`,
  });
  assert.deepEqual(await applyFix(FIX, with_), []);
  assert.deepEqual([...files.keys()], [MODULES_FILE, PARAMETERS_FILE]);
});

Deno.test("applyFix() with nothing to do touches nothing", async () => {
  const files = new Map<string, string>();
  const with_ = tools(files);
  assert.deepEqual(await applyFix({}, with_), []);
  const empty = { modules: [], bootModules: [], parameters: {} };
  assert.deepEqual(await applyFix(empty, with_), []);
  assert.equal(files.size, 0);
});

Deno.test("applyFix() says what it could not do, and does the rest", async () => {
  const files = new Map<string, string>();
  const sysctl = new FakeSysctl({ a: "0" });
  sysctl.readOnly = true;
  const with_: FixTools = {
    ...tools(files, { modules: new FakeModules(), sysctl }),
    replace(path, text) {
      if (path === MODULES_FILE) throw new SyscallError(`write ${path}: no`, "write", "EROFS");
      files.set(path, text);
    },
  };
  assert.deepEqual(await applyFix(FIX, with_), [
    { ok: false, text: "not loaded: load module ip_vs: kernel fake has no such module" },
    { ok: false, text: "not written: write /etc/modules-load.d/lvscare.conf: no" },
    { ok: false, text: 'not set: set a to "1": /proc/sys is read-only here (EROFS)' },
    { ok: true, text: "wrote /etc/sysctl.d/90-lvscare.conf: a" },
  ]);
});

Deno.test("mergeModules() adds what is not there, however it is spelled, and keeps the rest", () => {
  const before = "# mine\nip-vs options\n\n;dummy\nnf_conntrack";
  assert.equal(
    mergeModules(before, ["ip_vs", "dummy"]),
    "# mine\nip-vs options\n\n;dummy\nnf_conntrack\ndummy\n",
  );
  assert.equal(mergeModules(before, ["ip_vs"]), before);
  assert.equal(mergeModules("", ["ip_vs"]), "ip_vs\n");
});

Deno.test("mergeParameters() sets each once, in its place, and keeps the rest", () => {
  const before = "# mine\nnet.ipv4.ip_forward=0\n-net/ipv4/conf/eth0.1/rp_filter = 1\n" +
    "net.ipv4.ip_forward = 0\nkernel.x = 1\n";
  const values = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.eth0/1.rp_filter": "2",
    "net.ipv4.vs.conntrack": "1",
  };
  const after = "# mine\nnet.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0/1.rp_filter = 2\n" +
    "kernel.x = 1\nnet.ipv4.vs.conntrack = 1\n";
  assert.equal(mergeParameters(before, values), after);
  assert.equal(mergeParameters(after, values), after);
  assert.equal(mergeParameters("a = 1", { b: "2" }), "a = 1\nb = 2\n");
});

Deno.test("fixTools() writes whole files below their folders, for all to read", () =>
  withFolder(async (root) => {
    const parts = { modules: new FakeModules({ ip_vs: [] }), sysctl: new FakeSysctl({ a: "0" }) };
    const with_ = fixTools(parts, root);
    assert.equal((await applyFix(FIX, with_)).every(({ ok }) => ok), true);
    for (const path of [MODULES_FILE, PARAMETERS_FILE]) {
      assert.match(await Deno.readTextFile(root + path), /^# Written by lvscare doctor/);
      assert.equal((await Deno.stat(root + path)).mode! & 0o777, 0o644);
    }
    assert.deepEqual(await applyFix(FIX, with_), []);
    assert.deepEqual([...Deno.readDirSync(`${root}/etc/sysctl.d`)].map(({ name }) => name), [
      "90-lvscare.conf",
    ]);
    await Deno.remove(`${root}/etc/modules-load.d`, { recursive: true });
    await Deno.writeTextFile(`${root}/etc/modules-load.d`, "");
    const [deed] = await applyFix({ bootModules: ["ip_vs"] }, with_);
    assert.equal(deed?.ok, false);
    assert.match(deed!.text, /^not written: write \/etc\/modules-load\.d\/lvscare\.conf: .+\(E/);
  }));

Deno.test("judges reach for nothing but facts and configurations", () => {
  for (const target of ["src/sys/libc.ts", "src/doctor/world.ts", "src/kernel/proc_sysctl.ts"]) {
    assert.ok(judgeImport("src/doctor/judge_rules.ts", target), target);
  }
  for (const target of ["src/doctor/facts.ts", "src/doctor/judge.ts", "src/model/link.ts"]) {
    assert.equal(judgeImport("src/doctor/judge_rules.ts", target), undefined, target);
  }
});
