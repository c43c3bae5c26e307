/** How `lvscare doctor` finds out what is so: files, messages, programs, questions; all of it against fakes. */

import assert from "node:assert/strict";
import type { CheckRequest } from "../../src/config/check.ts";
import type { FoundRule, HostFacts, MarkUse, ModuleState } from "../../src/doctor/facts.ts";
import { known, moot } from "../../src/doctor/facts.ts";
import { type DoctorWorld, gatherFacts } from "../../src/doctor/gather.ts";
import { runChecks } from "../../src/doctor/gather_checks.ts";
import { kubeProxyAt, readKubeProxy } from "../../src/doctor/gather_kube.ts";
import { type HostFiles, readBootModules, readModules } from "../../src/doctor/gather_modules.ts";
import {
  decodeAdvertisement,
  decodeArp,
  encodeArp,
  encodeSolicitation,
  printHardware,
  solicitedGroup,
} from "../../src/doctor/neighbour_messages.ts";
import { isAsked } from "../../src/doctor/neighbours.ts";
import { decodeFoundRule } from "../../src/doctor/nft_rules.ts";
import { parseSaved } from "../../src/doctor/saved_rules.ts";
import type { Case } from "../../src/doctor/wanted.ts";
import { hostFiles } from "../../src/doctor/world.ts";
import { KernelError, LvscareError, SyscallError, WireError } from "../../src/errors.ts";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import { ProcSysctl } from "../../src/kernel/proc_sysctl.ts";
import { parseAddress } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import type { Service } from "../../src/model/ipvs.ts";
import { splitMessages } from "../../src/wire/message.ts";
import { caseOf, ETH0, fileOf, link, LO, OURS, rule, unseen } from "../support/doctor_host.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import { withFolder } from "../support/process.ts";

const reads = (bits: number): MarkUse => ({ bits, how: "reads" });
const writes = (bits: number): MarkUse => ({ bits, how: "writes" });

/** Captured on Linux 6.18 from what iptables 1.8.9 and nft 1.0.6 had made; _12_ is twelve bytes of zero. */
const RULES: readonly (readonly [rule: string, hex: string, Partial<FoundRule>])[] = [
  [
    "iptables -t nat -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
    `a0000000060a020801000000ac2200000200001f080001006e617400130002004b5542452d4d41524b2d4d415351
00000c0003000000000000000002640004002c0001000c000100636f756e746572001c0002000c00010000000000
000000000c0002000000000000000000340001000b000100746172676574000024000200090001004d41524b0000
000008000200000000020c0003000040000000400000`,
    {
      family: "ip",
      table: "nat",
      chain: "KUBE-MARK-MASQ",
      target: "MARK",
      marks: [writes(0x4000)],
    },
  ],
  [
    'iptables -t nat -A POSTROUTING -m comment --comment "…" -m mark ! --mark 0x4000/0x4000 -j RETURN',
    `60020000060a020801000000ac2200000200001f080001006e61740010000200504f5354524f5554494e47000c00
03000000000000000004280204002c0101000a0001006d617463680000001c0102000c000100636f6d6d656e7400
0800020000000000040103006b756265726e6574657320706f7374726f7574696e672072756c6573_228_2400010
0090001006d6574610000000014000200080002000000000308000100000000014c0001000c00010062697477697
365003c00020008000100000000010800020000000001080003000000000408000600000000000c0004000800010
0004000000c00050008000100000000002c00010008000100636d700020000200080001000000000108000200000
000010c00030008000100004000002c0001000c000100636f756e746572001c0002000c000100000000000000000
00c0002000000000000000000300001000e000100696d6d6564696174650000001c0002000800010000000000100
002000c00020008000100fffffffb`,
    {
      family: "ip",
      table: "nat",
      chain: "POSTROUTING",
      comment: "kubernetes postrouting rules",
      target: "RETURN",
      marks: [reads(0x4000)],
    },
  ],
  [
    "iptables -t nat -A POSTROUTING -j MASQUERADE --random-fully",
    `bc000000060a020801000000ac2200000200001f080001006e61740010000200504f5354524f5554494e47000c00
030000000000000000050c0006000000000000000004780004002c0001000c000100636f756e746572001c000200
0c00010000000000000000000c0002000000000000000000480001000b0001007461726765740000380002000f00
01004d415351554552414445000008000200000000001c0003000100000010_19_`,
    { family: "ip", table: "nat", chain: "POSTROUTING", target: "MASQUERADE" },
  ],
  [
    "iptables -A OUTPUT -j CILIUM_OUTPUT",
    `ac000000060a020801000000ac2200000200001f0b00010066696c74657200000b0002004f555450555400000c00
03000000000000000003740004002c0001000c000100636f756e746572001c0002000c0001000000000000000000
0c0002000000000000000000440001000e000100696d6d6564696174650000003000020008000100000000002400
02002000020008000100fffffffd1200020043494c49554d5f4f5554505554000000`,
    { family: "ip", table: "filter", chain: "OUTPUT", target: "CILIUM_OUTPUT" },
  ],
  [
    'iptables -A OUTPUT -m comment --comment "…" -m mark --mark 0x1/0x1 -j ACCEPT',
    `6c020000060a020801000000ac2200000200001f0b00010066696c74657200000b0002004f555450555400000c00
030000000000000000040c0006000000000000000003280204002c0101000a0001006d617463680000001c010200
0c000100636f6d6d656e740008000200000000000401030061636365707420666f7220616c6c206d61726b656420
6279206c767363617265_224_24000100090001006d6574610000000014000200080002000000000308000100000
000014c0001000c00010062697477697365003c00020008000100000000010800020000000001080003000000000
408000600000000000c00040008000100010000000c00050008000100000000002c00010008000100636d7000200
00200080001000000000108000200000000000c00030008000100010000002c0001000c000100636f756e7465720
01c0002000c00010000000000000000000c0002000000000000000000300001000e000100696d6d6564696174650
000001c0002000800010000000000100002000c0002000800010000000001`,
    {
      family: "ip",
      table: "filter",
      chain: "OUTPUT",
      comment: "accept for all marked by lvscare",
      target: "ACCEPT",
      marks: [reads(0x1)],
    },
  ],
  [
    "iptables -A OUTPUT -m mark --mark 0x8000/0x8000 -j DROP",
    `40010000060a020801000000ac2200000200001f0b00010066696c74657200000b0002004f555450555400000c00
030000000000000000050c0006000000000000000004fc00040024000100090001006d6574610000000014000200
080002000000000308000100000000014c0001000c00010062697477697365003c00020008000100000000010800
020000000001080003000000000408000600000000000c00040008000100008000000c0005000800010000000000
2c00010008000100636d700020000200080001000000000108000200000000000c00030008000100008000002c00
01000c000100636f756e746572001c0002000c00010000000000000000000c000200000000000000000030000100
0e000100696d6d6564696174650000001c0002000800010000000000100002000c0002000800010000000000`,
    { family: "ip", table: "filter", chain: "OUTPUT", target: "DROP", marks: [reads(0x8000)] },
  ],
  [
    "iptables -A INPUT -p tcp --dport 6443 -j ACCEPT",
    `48010000060a020801000000ac2200000200001f0b00010066696c74657200000a000200494e5055540000000c00
030000000000000000071001040024000100090001006d6574610000000014000200080002000000001008000100
000000012c00010008000100636d700020000200080001000000000108000200000000000c000300050001000600
0000340001000c0001007061796c6f61640024000200080001000000000108000200000000020800030000000002
08000400000000022c00010008000100636d700020000200080001000000000108000200000000000c0003000600
0100192b00002c0001000c000100636f756e746572001c0002000c00010000000000000000000c00020000000000
00000000300001000e000100696d6d6564696174650000001c0002000800010000000000100002000c0002000800
010000000001`,
    { family: "ip", table: "filter", chain: "INPUT", target: "ACCEPT", port: 6443 },
  ],
  [
    "iptables -t mangle -A PREROUTING -j MARK --set-mark 0x10",
    `a0000000060a020801000000ac2200000200001f0b0001006d616e676c6500000f000200505245524f5554494e47
00000c0003000000000000000002640004002c0001000c000100636f756e746572001c0002000c00010000000000
000000000c0002000000000000000000340001000b000100746172676574000024000200090001004d41524b0000
000008000200000000020c00030010000000ffffffff`,
    {
      family: "ip",
      table: "mangle",
      chain: "PREROUTING",
      target: "MARK",
      marks: [writes(0xffffffff)],
    },
  ],
  [
    "iptables -t mangle -A PREROUTING -m mark --mark 0x5 -j ACCEPT",
    `f8000000060a020801000000ac2200000200001f0b0001006d616e676c6500000f000200505245524f5554494e47
00000c00030000000000000000030c0006000000000000000002b000040024000100090001006d65746100000000
14000200080002000000000308000100000000012c00010008000100636d70002000020008000100000000010800
0200000000000c00030008000100050000002c0001000c000100636f756e746572001c0002000c00010000000000
000000000c0002000000000000000000300001000e000100696d6d6564696174650000001c000200080001000000
0000100002000c0002000800010000000001`,
    { family: "ip", table: "mangle", chain: "PREROUTING", target: "ACCEPT", marks: [reads(0x5)] },
  ],
  [
    "iptables -t mangle -A PREROUTING -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf0",
    `b8000000060a020801000000ac2200000200001f0b0001006d616e676c6500000f000200505245524f5554494e47
00000c00030000000000000000040c0006000000000000000003700004002c0001000c000100636f756e74657200
1c0002000c00010000000000000000000c0002000000000000000000400001000b00010074617267657400003000
02000d000100434f4e4e4d41524b0000000008000200000000021400030000000000f0000000f000000000000200`,
    {
      family: "ip",
      table: "mangle",
      chain: "PREROUTING",
      target: "CONNMARK",
      marks: [writes(0xf0)],
    },
  ],
  [
    "iptables -t mangle -A POSTROUTING -j CONNMARK --save-mark --nfmask 0x30 --ctmask 0x30",
    `ac000000060a020801000000ac2200000200001f0b0001006d616e676c65000010000200504f5354524f5554494e
47000c0003000000000000000006700004002c0001000c000100636f756e746572001c0002000c00010000000000
000000000c0002000000000000000000400001000b0001007461726765740000300002000d000100434f4e4e4d41
524b0000000008000200000000021400030000000000300000003000000000000100`,
    {
      family: "ip",
      table: "mangle",
      chain: "POSTROUTING",
      target: "CONNMARK",
      marks: [reads(0x30)],
    },
  ],
  [
    "ip6tables -A INPUT -p tcp -m multiport --dports 80,443 -j REJECT",
    `4c010000060a020801000000ac2200000a00001f0b00010066696c74657200000a000200494e5055540000000c00
030000000000000000021401040024000100090001006d6574610000000014000200080002000000001008000100
000000012c00010008000100636d700020000200080001000000000108000200000000000c000300050001000600
0000600001000a0001006d61746368000000500002000e0001006d756c7469706f72740000000800020000000001
3400030001025000bb01_42_2c0001000c000100636f756e746572001c0002000c00010000000000000000000c00
02000000000000000000340001000b0001007461726765740000240002000b00010052454a454354000008000200
000000000c0003000400000000000000`,
    { family: "ip6", table: "filter", chain: "INPUT", target: "REJECT" },
  ],
  [
    "nft inet firewalld filter_IN_public_allow tcp dport 6443 accept",
    `30010000060a020801000000ac2200000100001f0e0001006669726577616c6c640000001b00020066696c746572
5f494e5f7075626c69635f616c6c6f7700000c0003000000000000000002e400040024000100090001006d657461
0000000014000200080002000000001008000100000000012c00010008000100636d700020000200080001000000
000108000200000000000c0003000500010006000000340001000c0001007061796c6f6164002400020008000100
000000010800020000000002080003000000000208000400000000022c00010008000100636d7000200002000800
01000000000108000200000000000c00030006000100192b0000300001000e000100696d6d656469617465000000
1c0002000800010000000000100002000c0002000800010000000001`,
    {
      family: "inet",
      table: "firewalld",
      chain: "filter_IN_public_allow",
      target: "ACCEPT",
      port: 6443,
    },
  ],
  [
    'nft … tcp dport 80 ct state new,untracked accept comment "web"',
    `e0010000060a020801000000ac2200000100001f0e0001006669726577616c6c640000001b00020066696c746572
5f494e5f7075626c69635f616c6c6f7700000c00030000000000000000030c00060000000000000000027c010400
24000100090001006d6574610000000014000200080002000000001008000100000000012c00010008000100636d
700020000200080001000000000108000200000000000c0003000500010006000000340001000c0001007061796c
6f6164002400020008000100000000010800020000000002080003000000000208000400000000022c0001000800
0100636d700020000200080001000000000108000200000000000c00030006000100005000002000010007000100
6374000014000200080001000000000108000200000000004c0001000c00010062697477697365003c0002000800
0100000000010800020000000001080003000000000408000600000000000c00040008000100480000000c000500
08000100000000002c00010008000100636d700020000200080001000000000108000200000000010c0003000800
010000000000300001000e000100696d6d6564696174650000001c0002000800010000000000100002000c000200
08000100000000010a0007000004776562000000`,
    {
      family: "inet",
      table: "firewalld",
      chain: "filter_IN_public_allow",
      comment: "web",
      target: "ACCEPT",
      port: 80,
    },
  ],
  [
    "nft … reject",
    `80000000060a020801000000ac2200000100001f0e0001006669726577616c6c640000001b00020066696c746572
5f494e5f7075626c69635f616c6c6f7700000c00030000000000000000040c000600000000000000000328000400
240001000b00010072656a65637400001400020008000100000000020500020001000000`,
    { family: "inet", table: "firewalld", chain: "filter_IN_public_allow", target: "REJECT" },
  ],
  [
    "nft … ip daddr 10.0.0.1 tcp dport 81 goto y",
    `f4010000060a020801000000ac2200000100001f0e0001006669726577616c6c640000001b00020066696c746572
5f494e5f7075626c69635f616c6c6f7700000c00030000000000000000070c00060000000000000000049c010400
24000100090001006d6574610000000014000200080002000000000f08000100000000012c00010008000100636d
700020000200080001000000000108000200000000000c0003000500010002000000340001000c0001007061796c
6f6164002400020008000100000000010800020000000001080003000000001008000400000000042c0001000800
0100636d700020000200080001000000000108000200000000000c000300080001000a0000012400010009000100
6d6574610000000014000200080002000000001008000100000000012c00010008000100636d7000200002000800
01000000000108000200000000000c0003000500010006000000340001000c0001007061796c6f61640024000200
08000100000000010800020000000002080003000000000208000400000000022c00010008000100636d70002000
0200080001000000000108000200000000000c0003000600010000510000380001000e000100696d6d6564696174
65000000240002000800010000000000180002001400020008000100fffffffc0600020079000000`,
    { family: "inet", table: "firewalld", chain: "filter_IN_public_allow", target: "y", port: 81 },
  ],
  [
    "nft … meta mark set meta mark or 0x4000",
    `e0000000060a020801000000ac2200000200001f0f0001006b7562652d70726f78790000180002006d61726b2d66
6f722d6d617371756572616465000c00030000000000000000029800040024000100090001006d65746100000000
14000200080002000000000308000100000000014c0001000c00010062697477697365003c000200080001000000
00010800020000000001080003000000000408000600000000000c00040008000100ffbfffff0c00050008000100
0040000024000100090001006d657461000000001400020008000200000000030800030000000001`,
    { family: "ip", table: "kube-proxy", chain: "mark-for-masquerade", marks: [writes(0x4000)] },
  ],
  [
    "nft … meta mark and 0x4000 == 0x4000 meta mark set meta mark xor 0x4000 masquerade",
    `a4010000060a020801000000ac2200000200001f0f0001006b7562652d70726f78790000180002006d61726b2d66
6f722d6d617371756572616465000c00030000000000000000030c00060000000000000000025001040024000100
090001006d6574610000000014000200080002000000000308000100000000014c0001000c000100626974776973
65003c00020008000100000000010800020000000001080003000000000408000600000000000c00040008000100
004000000c00050008000100000000002c00010008000100636d7000200002000800010000000001080002000000
00000c000300080001000040000024000100090001006d6574610000000014000200080002000000000308000100
000000014c0001000c00010062697477697365003c00020008000100000000010800020000000001080003000000
000408000600000000000c00040008000100ffffffff0c000500080001000040000024000100090001006d657461
0000000014000200080002000000000308000300000000011c000100090001006d617371000000000c0002000800
010000000010`,
    {
      family: "ip",
      table: "kube-proxy",
      chain: "mark-for-masquerade",
      target: "MASQUERADE",
      marks: [reads(0x4000), writes(0x4000)],
    },
  ],
  [
    "nft … meta mark 0x7 drop",
    `d8000000060a020801000000ac2200000200001f0f0001006b7562652d70726f78790000180002006d61726b2d66
6f722d6d617371756572616465000c00030000000000000000040c00060000000000000000038400040024000100
090001006d6574610000000014000200080002000000000308000100000000012c00010008000100636d70002000
0200080001000000000108000200000000000c0003000800010007000000300001000e000100696d6d6564696174
650000001c0002000800010000000000100002000c0002000800010000000000`,
    {
      family: "ip",
      table: "kube-proxy",
      chain: "mark-for-masquerade",
      target: "DROP",
      marks: [reads(0x7)],
    },
  ],
  [
    "nft … meta mark set 0x9",
    `a8000000060a020801000000ac2200000200001f0f0001006b7562652d70726f78790000180002006d61726b2d66
6f722d6d617371756572616465000c00030000000000000000050c0006000000000000000004540004002c000100
0e000100696d6d6564696174650000001800020008000100000000010c0002000800010009000000240001000900
01006d657461000000001400020008000200000000030800030000000001`,
    {
      family: "ip",
      table: "kube-proxy",
      chain: "mark-for-masquerade",
      marks: [writes(0xffffffff)],
    },
  ],
  [
    "nft … meta mark set ct mark",
    `9c000000060a020801000000ac2200000200001f0f0001006b7562652d70726f78790000180002006d61726b2d66
6f722d6d617371756572616465000c00030000000000000000060c00060000000000000000054800040020000100
0700010063740000140002000800010000000001080002000000000324000100090001006d657461000000001400
020008000200000000030800030000000001`,
    {
      family: "ip",
      table: "kube-proxy",
      chain: "mark-for-masquerade",
      marks: [writes(0xffffffff)],
    },
  ],
  [
    "nft … meta mark { 1, 2 } jump x",
    `e4000000060a020801000000ac2200000200001f0f0001006b7562652d70726f78790000180002006d61726b2d66
6f722d6d617371756572616465000c000300000000000000000b0c00060000000000000000069000040024000100
090001006d657461000000001400020008000200000000030800010000000001300001000b0001006c6f6f6b7570
0000200002000b0001005f5f73657430000008000200000000010800050000000000380001000e000100696d6d65
6469617465000000240002000800010000000000180002001400020008000100fffffffd0600020078000000`,
    { family: "ip", table: "kube-proxy", chain: "mark-for-masquerade", target: "x" },
  ],
];

function bytesOf(hex: string): Uint8Array {
  const pieces = hex.replace(/\s/g, "").match(/_\d+_|../g) ?? [];
  return new Uint8Array(pieces.flatMap((piece) => {
    const zeros = /^_(\d+)_$/.exec(piece)?.[1];
    return zeros === undefined ? [parseInt(piece, 16)] : Array<number>(Number(zeros)).fill(0);
  }));
}

Deno.test(`decodeFoundRule() reads ${RULES.length} rules as iptables and nft make them`, async (t) => {
  assert.equal(RULES.length, 22);
  for (const [name, hex, expected] of RULES) {
    await t.step(name, () => {
      const [message, ...more] = splitMessages(bytesOf(hex));
      assert.equal(more.length, 0);
      assert.deepEqual(decodeFoundRule(message!), rule(expected));
    });
  }
});

Deno.test("decodeFoundRule() of a rule that is cut short is a WireError, or what is whole of it", () => {
  let refused = 0;
  for (const [name, hex, { table }] of RULES) {
    const bytes = bytesOf(hex);
    for (let length = 20; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      new DataView(cut.buffer).setUint32(0, length, true);
      try {
        assert.equal(decodeFoundRule(splitMessages(cut)[0]!).table, table);
      } catch (error) {
        assert.ok(error instanceof WireError, `${name} at ${length}: ${error}`);
        refused++;
      }
    }
  }
  assert.ok(refused > 5000, `${refused}`);
});

const SAVED = `# Generated by iptables-save v1.8.9
*nat
:PREROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
[12:720] -A PREROUTING -m comment --comment "say \\"hello\\" -j DROP" -j KUBE-SERVICES
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-OLD -j MARK --or-mark 0x4000
-A X -j MARK --set-xmark 0x10
-A X -j MARK --and-mark 0xfffffff0
-A X -m mark --mark 5 -g Y
-A X -m mark ! --mark 0x1/0x1 -j RETURN
-A X -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf0
-A X -j CONNMARK --save-mark
-A X -m connmark --mark 0x1 -j ACCEPT
-A X -p tcp -m tcp --dport 6443 -j ACCEPT
-A X -p tcp -m tcp --dport 80:90 -j ACCEPT
-A EMPTY
COMMIT
`;

Deno.test("parseSaved() reads what iptables-save prints, of old versions too", () => {
  const legacy = (chain: string, rest: Partial<FoundRule>) =>
    rule({ by: "iptables-legacy", family: "ip6", table: "nat", chain, ...rest });
  assert.deepEqual(parseSaved(SAVED, "ip6"), [
    legacy("PREROUTING", { comment: 'say "hello" -j DROP', target: "KUBE-SERVICES" }),
    legacy("KUBE-MARK-MASQ", { target: "MARK", marks: [writes(0x4000)] }),
    legacy("KUBE-OLD", { target: "MARK", marks: [writes(0x4000)] }),
    legacy("X", { target: "MARK", marks: [writes(0xffffffff)] }),
    legacy("X", { target: "MARK", marks: [writes(0xf)] }),
    legacy("X", { target: "Y", marks: [reads(5)] }),
    legacy("X", { target: "RETURN", marks: [reads(1)] }),
    legacy("X", { target: "CONNMARK", marks: [writes(0xf0)] }),
    legacy("X", { target: "CONNMARK", marks: [reads(0xffffffff)] }),
    legacy("X", { target: "ACCEPT" }),
    legacy("X", { target: "ACCEPT", port: 6443 }),
    legacy("X", { target: "ACCEPT" }),
    legacy("EMPTY", {}),
  ]);
  assert.deepEqual(parseSaved("", "ip"), []);
});

const hex = (bytes: Uint8Array) => bytes.toHex();
const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

Deno.test("ARP's question names nobody, and whoever has the address is known by question and answer", () => {
  const address = parseAddress("10.0.0.1")!;
  const question = encodeArp(MAC, address);
  assert.equal(hex(question), "0001080006040001525400123456000000000000000000000a000001");
  assert.equal(printHardware(MAC), "52:54:00:12:34:56");
  const answer = Uint8Array.fromHex("00010800060400020200000000010a0000015254001234560a000002");
  assert.deepEqual(decodeArp(answer), { address, hardware: "02:00:00:00:00:01" });
  const padded = new Uint8Array([...answer, ...new Uint8Array(18)]);
  assert.deepEqual(decodeArp(padded), decodeArp(answer));
  assert.equal(decodeArp(answer.slice(0, 27)), undefined);
  assert.equal(decodeArp(answer.with(3, 1)), undefined);
  assert.equal(decodeArp(answer.with(4, 8)), undefined);
});

Deno.test("a neighbour solicitation goes to the group of its target, and advertisements are understood", () => {
  const address = parseAddress("fd00::12:3456")!;
  assert.equal(solicitedGroup(address), "ff02::1:ff12:3456");
  const target = "fd000000000000000000000000123456";
  assert.equal(
    hex(encodeSolicitation(MAC, address)),
    `8700000000000000${target}0101525400123456`,
  );
  const advertisement = (options: string) =>
    Uint8Array.fromHex(`8800000060000000${target}${options}`);
  assert.deepEqual(decodeAdvertisement(advertisement("0201020000000001")), {
    ...{ address, hardware: "02:00:00:00:00:01" },
  });
  assert.deepEqual(decodeAdvertisement(advertisement("")), { address, hardware: "" });
  assert.deepEqual(decodeAdvertisement(advertisement("05010000000000000201020000000001")), {
    ...{ address, hardware: "02:00:00:00:00:01" },
  });
  assert.equal(decodeAdvertisement(advertisement("0200020000000001")), undefined);
  assert.equal(decodeAdvertisement(advertisement("").slice(0, 23)), undefined);
  assert.equal(decodeAdvertisement(encodeSolicitation(MAC, address)), undefined);
});

Deno.test("neighbours are asked for on devices that are up, have an address and are no dummies", () => {
  assert.equal(isAsked(ETH0, "ipv4"), true);
  assert.equal(isAsked(ETH0, "ipv6"), true);
  assert.equal(isAsked(link("eth1", ["10.0.0.1/8"]), "ipv6"), false);
  assert.equal(isAsked(link("eth1", []), "ipv4"), false);
  assert.equal(isAsked(link("eth1", ["10.0.0.1/8"], { up: false }), "ipv4"), false);
  assert.equal(isAsked(LO, "ipv4"), false);
  assert.equal(isAsked(OURS, "ipv4"), false);
});

/** Files below a folder, by their paths. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  use: (host: HostFiles, root: string) => void | Promise<void>,
): Promise<void> {
  await withFolder(async (root) => {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(`${root}${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      await Deno.writeTextFile(root + path, text);
    }
    await use(hostFiles(root), root);
  });
}

const RELEASE = "6.1.0-18-amd64";
const MODULES_DEP = [
  "kernel/net/netfilter/ipvs/ip_vs.ko: kernel/net/netfilter/nf_conntrack.ko",
  "kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/net/netfilter/ipvs/ip_vs.ko",
  "kernel/net/netfilter/ipvs/ip_vs_wrr.ko: kernel/net/netfilter/ipvs/ip_vs.ko",
  "kernel/net/netfilter/ipvs/ip_vs_lc.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko",
  "",
].join("\n");
const MODULE_FILES = {
  "/proc/modules": "ip_vs 188416 2 ip_vs_rr, Live 0x0\nip_vs_sh 16384 0 - Loading 0x0\n",
  [`/lib/modules/${RELEASE}/modules.dep`]: MODULES_DEP,
  [`/lib/modules/${RELEASE}/modules.builtin`]: "kernel/drivers/net/dummy.ko\n",
  "/etc/modprobe.d/a.conf": "# install ip_vs_lc /bin/true\ninstall ip-vs-wrr /bin/true\n",
  "/usr/lib/modprobe.d/a.conf": "install ip_vs_rr /bin/true\n",
};

interface ModuleCase {
  readonly files: Readonly<Record<string, string>>;
  readonly states: Readonly<Record<string, ModuleState>>;
}

const MODULES: Readonly<Record<string, ModuleCase>> = {
  "with files": {
    files: MODULE_FILES,
    states: {
      ip_vs: "loaded",
      ip_vs_rr: "loadable",
      ip_vs_lc: "loadable",
      ip_vs_wrr: "blocked",
      ip_vs_sh: "missing",
      ip_vs_mh: "missing",
      dummy: "built in",
    },
  },
  "without a folder of this kernel's": {
    files: { ...{ "/proc/modules": "ip_vs 188416 2 - Live 0x0\n" }, "/lib/modules/5/x": "" },
    states: { ip_vs: "loaded", ip_vs_rr: "not found" },
  },
  "without modules": {
    files: {},
    states: { ip_vs: "missing", dummy: "missing", xt_set: "unsure" },
  },
  "without modules, some built in": {
    files: { "/sys/module/ip_vs/parameters/conn_tab_bits": "12\n" },
    states: { ip_vs: "built in", ip_vs_rr: "unsure" },
  },
  "loaded, but not yet": {
    files: { "/proc/modules": "", "/sys/module/ip_vs/initstate": "coming\n" },
    states: { ip_vs: "not found" },
  },
};

Deno.test("readModules() tells a module's state by the files of the host", async (t) => {
  for (const [name, { files, states }] of Object.entries(MODULES)) {
    await t.step(name, () =>
      withFiles(files, (host) => {
        const found = readModules(host, Object.keys(states), RELEASE);
        assert.ok(found.known);
        assert.deepEqual(Object.fromEntries(found.value), states);
      }));
  }
});

Deno.test("readBootModules() reads every place, and a file hides its namesakes", () =>
  withFiles({
    "/etc/modules": "# comment\nip-vs conn_tab_bits=18\n\n",
    "/etc/modules-load.d/a.conf": "ip_vs_rr\n;no\n",
    "/usr/lib/modules-load.d/a.conf": "hidden\n",
    "/usr/lib/modules-load.d/b.conf": "  dummy  \n",
    "/usr/lib/modules-load.d/README": "nothing\n",
    "/proc/cmdline": "quiet modules-load=nf_conntrack,br-netfilter modules_load=x root=/dev/sda1\n",
  }, (host) => {
    const found = readBootModules(host);
    assert.ok(found.known);
    assert.deepEqual([...found.value].sort(), [
      ...["br_netfilter", "dummy", "ip_vs", "ip_vs_rr", "nf_conntrack", "x"],
    ]);
  }));

Deno.test("what may not be read is not known, and why", () => {
  const forbidden: HostFiles = {
    read: (path) => {
      throw new SyscallError(`open ${path}: permission denied (EACCES)`, "open", "EACCES");
    },
    exists: () => true,
    list: () => [],
  };
  assert.deepEqual(readBootModules(forbidden), unseen("not permitted"));
  assert.deepEqual(readModules(forbidden, ["ip_vs"], RELEASE), unseen("not permitted"));
});

const KEY = {
  kind: "address",
  protocol: "tcp",
  address: parseAddress("10.0.0.1")!,
  port: 80,
} as const;
const SERVICE: Service = { key: KEY, scheduler: "rr", schedulerFlags: [], onePacket: false };

/** What a world was asked for. */
interface Log {
  readonly ran: string[];
  readonly asked: string[];
  closed: number;
}

function worldOf(
  files: HostFiles,
  root: string,
  changes: Partial<DoctorWorld> = {},
): { readonly world: DoctorWorld; readonly log: Log } {
  const log: Log = { ran: [], asked: [], closed: 0 };
  const world: DoctorWorld = {
    clock: new FakeClock(),
    files,
    sysctl: new ProcSysctl(`${root}/proc/sys`),
    makeProbe: () => ({ describe: () => "", run: () => Promise.resolve({ ok: true }) }),
    listLinks: () => Promise.resolve([LO, ETH0, OURS]),
    async openTable() {
      const table = new MemoryIpvsTable();
      await table.apply([{ kind: "addService", service: SERVICE }]);
      const close = table.close.bind(table);
      table.close = () => {
        log.closed++;
        close();
      };
      return table;
    },
    dumpRules: () => [rule({ chain: "X" })],
    run(argv) {
      log.ran.push(argv.join(" "));
      return Promise.resolve("*filter\n-A FORWARD -j DROP\nCOMMIT\n");
    },
    askNeighbours({ family, addresses }) {
      log.asked.push(`${family} ${addresses.length}`);
      return Promise.resolve([]);
    },
    getKubeProxy(path) {
      log.asked.push(path);
      return Promise.resolve(known(path === "/proxyMode" ? "ipvs\n" : "{}"));
    },
    ...changes,
  };
  return { world, log };
}

const TREE = {
  ...MODULE_FILES,
  "/proc/modules": "ip_vs 1 2 - Live 0x0\nnf_tables 1 0 - Live 0x0\n",
  "/proc/sys/kernel/osrelease": `${RELEASE}\n`,
  "/proc/self/status": "Name:\tlvscare\nUid:\t0\t0\t0\t0\n",
  "/proc/sys/net/ipv4/ip_forward": "1\n",
  "/proc/sys/net/ipv4/vs/conntrack": "0\n",
  "/proc/sys/net/ipv4/conf/eth0/rp_filter": "1\n",
  "/proc/sys/net/netfilter/nf_conntrack_count": "7\n",
  "/proc/sys/net/netfilter/nf_conntrack_max": "1000\n",
  "/proc/net/ip_tables_names": "filter\n",
  "/proc/net/ip6_tables_names": "",
  "/usr/sbin/iptables": "",
  "/usr/sbin/iptables-legacy-save": "",
  "/run/firewalld.pid": "4711\n",
};

const LINKED = fileOf([{}]);

Deno.test("gatherFacts() finds each fact where it stands", () =>
  withFiles(TREE, async (files, root) => {
    const { world, log } = worldOf(files, root);
    const facts = await gatherFacts(await caseOf(LINKED), world);
    assert.deepEqual(facts.isRoot, known(true));
    assert.deepEqual(facts.kernel, known(RELEASE));
    assert.equal(valueOf(facts.modules).get("ip_vs_wrr"), "blocked");
    assert.equal(valueOf(facts.parameters).get("net.ipv4.ip_forward"), "1");
    assert.equal(valueOf(facts.parameters).get("net.ipv4.conf.eth0.rp_filter"), "1");
    assert.equal(valueOf(facts.parameters).get("net.ipv4.vs.drop_entry"), undefined);
    assert.deepEqual(valueOf(facts.devices).map(({ name }) => name), ["lo", "eth0", "lvscare"]);
    assert.deepEqual([...valueOf(facts.table).services], ["TCP 10.0.0.1:80"]);
    assert.deepEqual(valueOf(facts.rules).map(({ chain }) => chain), ["X"]);
    assert.deepEqual(valueOf(facts.legacyRules), [
      rule({ by: "iptables-legacy", target: "DROP" }),
    ]);
    assert.deepEqual(log.ran, ["iptables-legacy-save"]);
    assert.deepEqual(facts.hasIptables, known(true));
    // The process is gone, and its file is left.
    assert.deepEqual(facts.firewalld, known(false));
    assert.deepEqual(facts.conntrack, known({ count: 7, most: 1000 }));
    assert.deepEqual(
      facts.neighbours.ipv4,
      known({
        ...{ asked: [parseAddress("10.0.0.1")!], left: 0, answers: [] },
      }),
    );
    assert.equal(facts.neighbours.ipv6.known, false);
    assert.deepEqual(facts.kubeProxy, moot());
    assert.deepEqual(log.asked, ["ipv4 1"]);
    assert.equal(log.closed, 1);
  }));

function valueOf<T>(
  fact: { readonly known: true; readonly value: T } | { readonly known: false },
): T {
  assert.ok(fact.known);
  return fact.value;
}

Deno.test("gatherFacts() asks for nothing that is not needed, or would load a module", () =>
  withFiles(
    { ...MODULE_FILES, "/proc/modules": "", "/proc/sys/kernel/osrelease": RELEASE },
    async (files, root) => {
      const { world, log } = worldOf(files, root);
      const facts = await gatherFacts(await caseOf(undefined), world);
      assert.deepEqual(facts.table, moot("ip_vs is not loaded"));
      assert.deepEqual(facts.rules, known([]));
      assert.deepEqual(facts.legacyRules, known([]));
      assert.deepEqual(facts.checks, moot());
      assert.deepEqual(facts.conntrack, moot("connections are not tracked"));
      assert.deepEqual([log.ran, log.asked, log.closed], [[], [], 0]);
    },
  ));

Deno.test("gatherFacts() asks for nftables' rules where that loads nothing, and takes its absence for none", async (t) => {
  const refused = (errno: string) => () => {
    throw new KernelError("no", "NFT_MSG_GETRULE", errno);
  };
  const some = () => [rule({ chain: "X" })];
  const modules = { "/proc/modules": "x 1 0 - Live 0x0\n" };
  const folder = { [`/lib/modules/${RELEASE}/modules.dep`]: MODULES_DEP };
  const cases: Readonly<
    Record<
      string,
      readonly [Readonly<Record<string, string>>, () => FoundRule[], HostFacts["rules"]]
    >
  > = {
    "not there": [{ ...modules, ...folder }, some, known([])],
    "nobody can tell": [modules, some, moot("nobody can tell whether nftables is there")],
    "a kernel without modules that has it": [{}, some, known(some())],
    "a kernel without modules that lacks it": [{}, refused("EINVAL"), known([])],
    "a kernel without modules that does not tell": [{}, refused("EPERM"), unseen("not permitted")],
  };
  for (const [name, [tree, dumpRules, expected]] of Object.entries(cases)) {
    await t.step(
      name,
      () =>
        withFiles({ ...tree, "/proc/sys/kernel/osrelease": RELEASE }, async (files, root) => {
          const { world } = worldOf(files, root, { dumpRules });
          assert.deepEqual((await gatherFacts(await caseOf(undefined), world)).rules, expected);
        }),
    );
  }
});

Deno.test("gatherFacts() takes slow facts from before, and looks at the rest anew", () =>
  withFiles(TREE, async (files, root) => {
    const { world, log } = worldOf(files, root);
    const wanted = await caseOf(LINKED);
    const before = await gatherFacts(wanted, world);
    await Deno.writeTextFile(`${root}/proc/sys/net/ipv4/ip_forward`, "0\n");
    const after = await gatherFacts(wanted, world, before);
    assert.equal(valueOf(after.parameters).get("net.ipv4.ip_forward"), "0");
    assert.equal(after.checks, before.checks);
    assert.equal(after.neighbours, before.neighbours);
    assert.deepEqual(log.asked, ["ipv4 1"]);
  }));

Deno.test("gatherFacts() says of each fact why it is not known", () =>
  withFiles({ ...TREE, "/run/firewalld.pid": "1\n", "/proc/1/comm": "x" }, async (files, root) => {
    const eperm = () => Promise.reject(new KernelError("no", "X", "EPERM"));
    const { world } = worldOf(files, root, {
      listLinks: () => Promise.reject(new LvscareError("no such family")),
      openTable: eperm,
      dumpRules: () => {
        throw new KernelError("no", "NFT_MSG_GETRULE", "EPERM");
      },
      run: () => Promise.reject(new LvscareError("there is no such program")),
      askNeighbours: () => Promise.reject(new SyscallError("no", "socket", "EPERM")),
    });
    const facts = await gatherFacts(await caseOf(LINKED), world);
    assert.deepEqual(facts.devices, unseen("no such family"));
    assert.deepEqual(facts.table, unseen("not permitted"));
    assert.deepEqual(facts.rules, unseen("not permitted"));
    assert.deepEqual(facts.legacyRules, unseen("there is no such program"));
    assert.deepEqual(facts.neighbours.ipv4, moot("devices are not known"));
    assert.deepEqual(facts.firewalld, known(true));
    const asking = await gatherFacts(await caseOf(LINKED), {
      ...world,
      listLinks: () => Promise.resolve([ETH0]),
    });
    assert.deepEqual(asking.neighbours.ipv4, unseen("not permitted"));
  }));

Deno.test("a defect while looking is no fact", () =>
  withFiles(TREE, async (files, root) => {
    const { world } = worldOf(files, root, {
      listLinks: () => Promise.reject(new TypeError("defect")),
    });
    await assert.rejects(gatherFacts(await caseOf(LINKED), world), TypeError);
  }));

Deno.test("the plain iptables-save is asked where there is no other", () =>
  withFiles({ "/proc/net/ip_tables_names": "nat\n" }, async (files, root) => {
    const { world, log } = worldOf(files, root);
    await gatherFacts(await caseOf(undefined), world);
    assert.deepEqual(log.ran, ["iptables-save"]);
  }));

Deno.test("kube-proxy is asked where its device is", () =>
  withFiles({}, async (files, root) => {
    const { world, log } = worldOf(files, root, {
      listLinks: () => Promise.resolve([link("kube-ipvs0", [], { kind: "dummy" })]),
    });
    const facts = await gatherFacts(await caseOf(undefined), world);
    assert.deepEqual(log.asked, ["/proxyMode", "/configz"]);
    assert.deepEqual(valueOf(facts.kubeProxy).mode, known("ipvs"));
  }));

Deno.test("no more than 256 addresses are asked for", () =>
  withFiles({}, async (files, root) => {
    const services = Array.from({ length: 300 }, (_, i) => ({
      address: `10.0.${i >> 8}.${(i & 255) || 1}`,
      port: 80 + i,
    }));
    const { world, log } = worldOf(files, root);
    const facts: HostFacts = await gatherFacts(await caseOf(fileOf(services)), world);
    const { asked, left } = valueOf(facts.neighbours.ipv4);
    assert.equal(asked.length, 256);
    assert.equal(left, new Set(services.map(({ address }) => address)).size - 256);
    assert.deepEqual(log.asked, ["ipv4 256"]);
  }));

const CONFIGZ: Readonly<
  Record<string, readonly [text: string, excluded: readonly string[] | string]>
> = {
  "networks": [
    '{"kubeproxy.config.k8s.io":{"mode":"ipvs","ipvs":{"excludeCIDRs":["10.0.0.0/8"]}}}',
    ["10.0.0.0/8"],
  ],
  "none": ['{"kubeproxy.config.k8s.io":{"ipvs":{"excludeCIDRs":null}}}', []],
  "none, by its absence": ['{"kubeproxy.config.k8s.io":{"ipvs":{}}}', []],
  "another configuration": ['{"x":{}}', "/configz is no configuration of kube-proxy"],
  "no JSON": ["404", "/configz is no configuration of kube-proxy"],
  "nothing": ["null", "/configz is no configuration of kube-proxy"],
  "a list": ["[null]", "/configz is no configuration of kube-proxy"],
};

Deno.test("readKubeProxy() finds the excluded networks in its configuration", async (t) => {
  for (const [name, [text, excluded]] of Object.entries(CONFIGZ)) {
    await t.step(name, async () => {
      const found = await readKubeProxy((path) =>
        Promise.resolve(path === "/configz" ? known(text) : known("ipvs"))
      );
      assert.deepEqual(
        found.excluded,
        typeof excluded === "string" ? unseen(excluded) : known(excluded),
      );
    });
  }
});

Deno.test("kubeProxyAt() gets a page, and gives up on who refuses, says nothing or something else", async () => {
  const pages: Readonly<Record<string, string>> = {
    "/ok": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "/missing": "HTTP/1.0 404 Not Found\r\n\r\n",
    "/odd": "SSH-2.0\r\n",
    "/long": `HTTP/1.0 200 OK\r\n\r\n${"x".repeat(100_000)}`,
  };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      const bytes = new Uint8Array(1000);
      const length = await connection.read(bytes) ?? 0;
      const path = new TextDecoder().decode(bytes.subarray(0, length)).split(" ")[1] ?? "";
      const page = pages[path];
      if (page === undefined) {
        // Says nothing, until the other side has enough of it.
        await connection.read(bytes).catch(() => {});
      } else {
        const answer = new TextEncoder().encode(page);
        for (let at = 0; at < answer.length;) at += await connection.write(answer.subarray(at));
      }
      connection.close();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const get = kubeProxyAt({ hostname: "127.0.0.1", port });
  const place = `127.0.0.1:${port}`;
  assert.deepEqual(await get("/ok"), known("hi"));
  assert.deepEqual(await get("/long"), known("x".repeat(100_000)));
  assert.deepEqual(await get("/missing"), unseen(`${place}/missing answers 404`));
  assert.deepEqual(await get("/odd"), unseen(`${place}/odd answers nothing`));
  assert.deepEqual(await get("/silent"), unseen(`${place} does not answer within 1000 ms`));
  listener.close();
  await serving;
  assert.deepEqual(await get("/ok"), unseen(`nobody listens on ${place}`));
});

const CHECKED = (more: string) =>
  `services:\n  - {address: 10.0.0.1, port: 80, servers: [192.168.0.2, 192.168.0.3], ${more}}\n`;

/** Answers by the server, and what it was asked. */
class FakeProbes {
  readonly clock = new FakeClock();
  readonly asked: Endpoint[] = [];
  readonly made: CheckRequest[] = [];
  running = 0;
  most = 0;
  readonly #answer: (target: Endpoint, check: CheckRequest) => ProbeResult | Promise<ProbeResult>;

  constructor(
    answer: (target: Endpoint, check: CheckRequest) => ProbeResult | Promise<ProbeResult>,
  ) {
    this.#answer = answer;
  }

  readonly makeProbe = (check: CheckRequest) => {
    this.made.push(check);
    return {
      describe: () => "",
      run: async (target: Endpoint) => {
        this.asked.push(target);
        this.most = Math.max(this.most, ++this.running);
        const result = await this.#answer(target, check);
        this.running--;
        return result;
      },
    };
  };
}

async function check(text: string, probes: FakeProbes) {
  const { config } = await caseOf(text) as Required<Case>;
  return await runChecks(config!, probes);
}

Deno.test("runChecks() asks each server once, wherever it stands, and says how that ended", async () => {
  const probes = new FakeProbes(({ address }) =>
    address === "192.168.0.2" ? { ok: true } : { ok: false, reason: "refused\x1b" }
  );
  const both = `${CHECKED("check: tcp, name: a")}  - {address: 10.0.0.2, port: 80, ` +
    "servers: [192.168.0.3, 192.168.0.4], check: tcp}\n";
  const { servers, left } = await check(both, probes);
  assert.deepEqual(
    servers.map(({ service, server, level, reason }) => `${service} ${server} ${level} ${reason}`),
    [
      "TCP 10.0.0.1:80 192.168.0.2:80 good ",
      "TCP 10.0.0.1:80 192.168.0.3:80 failed refused\\u{1b}",
      "TCP 10.0.0.2:80 192.168.0.3:80 failed refused\\u{1b}",
      "TCP 10.0.0.2:80 192.168.0.4:80 failed refused\\u{1b}",
    ],
  );
  assert.equal(left, 0);
  assert.deepEqual(probes.asked.map(({ address }) => address), [
    ...["192.168.0.2", "192.168.0.3", "192.168.0.4"],
  ]);
  assert.equal(probes.made.length, 1);
});

const SEVERAL = "checks: [{type: tcp, port: 1}, {type: icmp, address: 192.168.0.9}]";

Deno.test("runChecks() makes several checks of a server, of which all must be good, or any", async () => {
  const answer = ({ port }: Endpoint): ProbeResult =>
    ({ ok: port !== 1, reason: "port 1" }) as const;
  for (const [need, level] of [["all", "failed"], ["any", "good"]] as const) {
    const probes = new FakeProbes(answer);
    const { servers } = await check(CHECKED(`${SEVERAL}, need: ${need}`), probes);
    assert.deepEqual(servers.map((each) => each.level), [level, level], need);
    // Both servers are asked by the same address for the second.
    assert.deepEqual(probes.asked.map(({ address, port }) => `${address} ${port}`).sort(), [
      "192.168.0.2 1",
      "192.168.0.3 1",
      "192.168.0.9 80",
    ]);
  }
});

Deno.test("runChecks() tells a failure before a check that cannot be made", async () => {
  const unable = new FakeProbes(() => ({ ok: false, reason: "no socket", unable: true }));
  const { servers } = await check(CHECKED("check: tcp"), unable);
  assert.deepEqual(servers.map(({ level }) => level), ["unable", "unable"]);
  const mixed = new FakeProbes((_, { kind }) =>
    kind === "icmp"
      ? { ok: false, reason: "no socket", unable: true }
      : { ok: false, reason: "refused" }
  );
  const { servers: [first] } = await check(CHECKED(SEVERAL), mixed);
  assert.deepEqual([first?.level, first?.reason], ["failed", "refused"]);
});

Deno.test("runChecks() runs 50 at once, 1,000 servers, and counts what is left", async () => {
  const many = Array.from({ length: 1003 }, (_, i) => `192.168.${i >> 8}.${i & 255}:${i + 1}`);
  const text = `services:\n  - {address: 10.0.0.1, port: 80, check: tcp, servers: [${
    many.slice(1).map((each) => `"${each}"`).join(", ")
  }]}\n`;
  const probes = new FakeProbes(async () => {
    await null;
    return { ok: true };
  });
  const { servers, left } = await check(text, probes);
  assert.deepEqual([servers.length, left, probes.most], [1000, 2, 50]);
  assert.equal(probes.asked.length, 1000);
});

Deno.test("runChecks() begins no check after a minute", async () => {
  const hosts = Array.from({ length: 60 }, (_, i) => `192.168.0.${i + 1}`);
  const text = `services:\n  - {address: 10.0.0.1, port: 80, check: tcp, servers: [${
    hosts.join(", ")
  }]}\n`;
  const probes: FakeProbes = new FakeProbes(() =>
    new Promise((resolve) => void probes.clock.after(61_000, () => resolve({ ok: true })))
  );
  let isOver = false;
  const running = check(text, probes).finally(() => isOver = true);
  for (let i = 0; i < 5 && !isOver; i++) {
    // A file is read first, for which the clock does not move.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await settled();
    if (probes.asked.length > 0) await probes.clock.advance(61_000);
  }
  const { servers, left } = await running;
  assert.deepEqual([servers.length, left], [50, 10]);
});

Deno.test("servers without checks, and services without servers, are nothing to run", async () => {
  const probes = new FakeProbes(() => ({ ok: true }));
  assert.deepEqual(await check(LINKED, probes), { servers: [], left: 0 });
  assert.equal(probes.made.length, 0);
});

Deno.test("hostFiles() has no text of what is not there", () =>
  withFiles({ "/a/b": "text" }, (files) => {
    assert.equal(files.read("/a/b"), "text");
    assert.equal(files.read("/a/c"), undefined);
    assert.equal(files.read("/a/b/c"), undefined);
    assert.deepEqual(files.list("/a"), ["b"]);
    assert.deepEqual(files.list("/nothing"), []);
    assert.deepEqual([files.exists("/a"), files.exists("/b")], [true, false]);
  }));
