/** The table that the suite of Masquerade expects, in a network namespace of its own, and ways to break it. */

import { NftablesMasquerade } from "../../src/kernel/netlink/masquerade.ts";
import type { MasqueradeOptions } from "../../src/kernel/masquerade.ts";
import type { Family } from "../../src/model/address.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_NETFILTER, type Transport } from "../../src/sys/transport.ts";
import { getGenerationRequest } from "../../src/wire/nft.ts";
import { NFNL_BODY } from "../../src/wire/nfnetlink.ts";
import { NFT_GENERATION } from "../../src/wire/nft_tables.ts";
import type { Damage, MasqueradeHost } from "../conformance/masquerade.ts";
import { feed, must, ownNetwork } from "./network.ts";

type OpenTransport = (protocol: number) => Transport;

/** As alike to ours as theirs can be. */
const FOREIGN = `
table inet lvscare { chain output { type filter hook output priority -150; meta mark 0x1 accept; }; }
table ip theirs {
  set virtual-services { type ipv4_addr . inet_proto . inet_service; elements = { 10.0.0.1 . tcp . 80 }; }
  chain postrouting { type nat hook postrouting priority 100; meta mark 0x4000 masquerade fully-random; }
}
table ip6 theirs { chain output { type filter hook output priority 0; meta mark set 0x1; }; }
`;

export async function nftablesHost(
  writing: OpenTransport,
  reading: OpenTransport = writing,
): Promise<MasqueradeHost> {
  const network = ownNetwork();
  const open = (transport: OpenTransport) =>
    new NftablesMasquerade(new NetlinkSocket(transport(NETLINK_NETFILTER)));
  try {
    await nft(FOREIGN);
    const [writer, reader] = [open(writing), open(reading)];
    return {
      writer,
      reader,
      damages: nftablesDamages,
      foreign,
      bits,
      generation: () => Promise.resolve(generation()),
      [Symbol.asyncDispose]() {
        writer.close();
        reader.close();
        network[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  } catch (error) {
    network[Symbol.dispose]();
    throw error;
  }
}

function nft(commands: string): Promise<string> {
  return feed(commands, "nft", "-f", "-");
}

function nameOf(family: Family): string {
  return `${family === "ipv4" ? "ip" : "ip6"} lvscare`;
}

async function foreign(): Promise<string> {
  const tables = (await must("nft", "-s", "list", "ruleset")).split(/^(?=table )/m);
  return tables.filter((table) => !/^table ip6? lvscare /.test(table)).join("");
}

async function bits(family: Family): Promise<number[]> {
  const tables = (await must("nft", "-s", "-n", "list", "ruleset")).split(/^(?=table )/m);
  const ours = tables.find((table) => table.startsWith(`table ${nameOf(family)} `)) ?? "";
  // A mask of one bit may be printed as a prefix.
  const marks = [...ours.matchAll(/(?:\||&) (0x[0-9a-f]+)|mark (0x[0-9a-f]+)\/1\b/g)];
  return [...new Set(marks.map(([, value, prefix]) => Math.log2(Number(value ?? prefix))))];
}

function generation(): string {
  using socket = new NetlinkSocket(openLibcTransport(NETLINK_NETFILTER));
  const [answer] = socket.ask(getGenerationRequest());
  return `generation ${NFT_GENERATION.read(answer!.input, NFNL_BODY).id}`;
}

function nftablesDamages({ family, markBit }: MasqueradeOptions): Damage[] {
  const table = nameOf(family);
  const address = family === "ipv4" ? "ip daddr" : "ip6 daddr";
  const type = family === "ipv4" ? "ipv4_addr" : "ipv6_addr";
  const bit = `0x${(2 ** markBit).toString(16)}`;
  const damage = (
    name: string,
    says: RegExp,
    commands: readonly string[],
    more: Partial<Damage> = {},
  ): Damage => ({ name, says, ...more, apply: async () => void await nft(commands.join("\n")) });
  const chain = (name: string, hooked: string) => [
    `flush chain ${table} ${name}`,
    `delete chain ${table} ${name}`,
    `add chain ${table} ${name} { ${hooked}; }`,
  ];
  const marking = `${address} . meta l4proto . th dport @virtual-services meta mark set meta mark`;
  const masquerading = (mask: string) =>
    `add rule ${table} postrouting meta mark & ${mask} == ${mask} masquerade`;
  const whole = (piece: string) => new RegExp(`^${piece}$`);
  return [
    ...["prerouting", "output", "postrouting"].flatMap((name) => [
      damage(`chain ${name} is flushed`, whole(`rules of chain ${name}`), [
        `flush chain ${table} ${name}`,
      ]),
      damage(`chain ${name} is deleted`, whole(`chain ${name}`), [
        `flush chain ${table} ${name}`,
        `delete chain ${table} ${name}`,
      ]),
      damage(`a rule is put before ours in ${name}`, whole(`rules of chain ${name}`), [
        `insert rule ${table} ${name} counter accept`,
      ]),
    ]),
    damage("a rule is repeated", whole("rules of chain output"), [
      `add rule ${table} output ${marking} | ${bit} comment "from this host"`,
    ]),
    damage("a chain hangs elsewhere", whole("chain output: it is hooked in otherwise"), [
      ...chain("output", "type filter hook input priority -150"),
    ]),
    damage("a chain comes too late", whole("chain prerouting: it is hooked in otherwise"), [
      ...chain("prerouting", "type filter hook prerouting priority 0"),
    ]),
    damage("a chain drops", whole("chain output: it is hooked in otherwise"), [
      `add chain ${table} output { policy drop; }`,
    ]),
    damage("a chain is not hooked in", whole("chain postrouting: it is hooked in otherwise"), [
      `flush chain ${table} postrouting`,
      `delete chain ${table} postrouting`,
      `add chain ${table} postrouting`,
    ]),
    damage("another bit is set", whole("rules of chain prerouting"), [
      `flush chain ${table} prerouting`,
      `add rule ${table} prerouting ${marking} | 0x80000`,
    ]),
    damage("another bit is masqueraded", whole("rules of chain postrouting"), [
      `flush chain ${table} postrouting`,
      `${masquerading("0x80000")} fully-random`,
    ]),
    damage("source ports are not random", whole("rules of chain postrouting"), [
      `flush chain ${table} postrouting`,
      masquerading(bit),
    ]),
    damage("the table is asleep", /^table ip6? lvscare: it is asleep$/, [
      `add table ${table} { flags dormant; }`,
    ]),
    damage("the set is deleted", whole("set virtual-services"), [
      `flush chain ${table} prerouting`,
      `flush chain ${table} output`,
      `delete set ${table} virtual-services`,
    ], { pieces: 3, loses: "set" }),
    damage("the set is of another type", /: its set is of another type$/, [
      `delete table ${table}`,
      `add table ${table}`,
      `add set ${table} virtual-services { type ${type}; }`,
    ], { pieces: 5, loses: "set" }),
    damage("the table is deleted", /^table ip6? lvscare$/, [`delete table ${table}`], {
      pieces: 5,
      loses: "everything",
    }),
  ];
}
