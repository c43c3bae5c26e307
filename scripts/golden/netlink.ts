/**
 * What ip, ipset and nft send, and what the kernel answers. It is captured in the guest, under strace:
 *
 *     scripts/guest --out tests/golden/netlink -- scripts/deno run -A scripts/golden/netlink.ts /out
 */

import { traceNetlink } from "./strace.ts";

/** A file of tests/golden/netlink. */
export interface Fixture {
  readonly tool: "ip" | "ipset" | "nft";
  readonly version: string;
  readonly kernel: string;
  readonly command: string;
  readonly status: number;
  readonly sent: readonly string[];
  /** Only of commands that read, and of those that are refused. */
  readonly received: readonly string[];
}

/** Commands by the names of their files. Each scenario runs them in their order, on a host of its own. */
export const SCENARIOS: readonly Readonly<Record<string, string>>[] = [
  {
    ip_link_add_dummy: "ip link add lvscare type dummy",
    ip_link_add_dummy_up: "ip link add dev care1 up type dummy",
    ip_link_add_dummy_mtu: "ip link add dev care2 mtu 9000 type dummy",
    ip_link_add_taken: "ip link add lvscare type dummy",
    ip_link_add_unknown_kind: "ip link add dev care3 type nosuchkind",
    ip_link_set_up: "ip link set dev lvscare up",
    ip_link_set_down: "ip link set dev lvscare down",
    ip_link_set_mtu: "ip link set dev lvscare mtu 1400",
    ip_link_show: "ip -details link show",
    ip_link_show_one: "ip -details link show dev port0",
    ip_link_show_absent: "ip link show dev nobody",
    ip_link_del: "ip link del dev lvscare",
  },
  {
    ip_addr_add_v4_host: "ip addr add 10.0.0.1/32 dev port0",
    ip_addr_add_v4_prefix: "ip addr add 10.10.0.1/24 dev port0",
    ip_addr_add_v4_loopback: "ip addr add 127.0.0.9/8 dev lo",
    ip_addr_add_v4_broadcast: "ip addr add 10.11.0.1/24 broadcast 10.11.0.255 dev port0",
    ip_addr_add_v4_metric: "ip addr add 10.12.0.1/24 dev port0 metric 77",
    ip_addr_add_v4_label: "ip addr add 10.13.0.1/24 dev port0 label port0:vip",
    ip_addr_add_v4_peer: "ip addr add 10.14.0.1 peer 10.14.0.2/32 dev port0",
    ip_addr_replace_v4: "ip addr replace 10.0.0.1/32 dev port0",
    ip_addr_add_v4_taken: "ip addr add 10.0.0.1/32 dev port0",
    ip_addr_add_v6_host: "ip addr add 2001:db8::1/128 dev port0 nodad",
    ip_addr_add_v6_prefix: "ip addr add 2001:db8:1::1/64 dev port0",
    ip_addr_add_v6_lifetime:
      "ip addr add 2001:db8:2::1/64 dev port0 valid_lft 3600 preferred_lft 1800",
    ip_addr_add_v6_taken: "ip addr add 2001:db8::1/128 dev port0 nodad",
    ip_addr_show: "ip addr show",
    ip_addr_del_v4: "ip addr del 10.10.0.1/24 dev port0",
    ip_addr_del_v4_absent: "ip addr del 10.99.0.1/24 dev port0",
    ip_addr_del_v6: "ip addr del 2001:db8::1/128 dev port0",
    ip_addr_del_v6_absent: "ip addr del 2001:db8:99::1/128 dev port0",
  },
  {
    ip_route_add_v4: "ip route add 10.0.0.1/32 via 192.168.77.2 metric 50",
    ip_route_add_v4_device: "ip route add 10.1.0.0/16 dev port0",
    ip_route_add_v4_default: "ip route add default via 192.168.77.254",
    ip_route_add_v4_table: "ip route add 10.2.0.0/16 dev port0 table 100",
    ip_route_add_v4_by_v6: "ip route add 10.3.0.0/16 via inet6 fe80::7 dev port0",
    ip_route_add_v4_multipath:
      "ip route add 10.4.0.0/16 nexthop via 192.168.77.2 nexthop via 192.168.77.3",
    ip_route_add_v4_blackhole: "ip route add blackhole 10.5.0.0/16",
    ip_route_add_v4_taken: "ip route add 10.0.0.1/32 via 192.168.77.3 metric 50",
    ip_route_add_v4_unreachable: "ip route add 10.6.0.0/16 via 172.31.0.1",
    ip_route_replace_v4: "ip route replace 10.0.0.1/32 via 192.168.77.3 dev port0 metric 50",
    ip_route_add_v6: "ip -6 route add 2001:db8::1/128 via 2001:db8:77::2 metric 50",
    ip_route_add_v6_device: "ip -6 route add 2001:db8:1::/48 dev port0",
    ip_route_add_v6_default: "ip -6 route add default via 2001:db8:77::fe",
    ip_route_add_v6_multipath:
      "ip -6 route add 2001:db8:4::/48 nexthop via 2001:db8:77::2 nexthop via 2001:db8:77::3",
    ip_route_add_v6_unreachable: "ip -6 route add 2001:db8:6::/48 via 2001:db8:99::1",
    ip_route_replace_v6: "ip -6 route replace 2001:db8::1/128 via 2001:db8:77::3 metric 50",
    ip_route_show_v4: "ip -4 route show table all",
    ip_route_show_v6: "ip -6 route show table all",
    ip_route_del_v4: "ip route del 10.0.0.1/32 via 192.168.77.3 metric 50",
    ip_route_del_v4_device: "ip route del 10.1.0.0/16 dev port0 scope link",
    ip_route_del_v4_absent: "ip route del 10.99.0.1/32",
    ip_route_del_v6: "ip -6 route del 2001:db8::1/128 via 2001:db8:77::3 metric 50",
    ip_route_del_v6_absent: "ip -6 route del 2001:db8:99::1/128",
  },
  {
    ipset_create_v4: "ipset create four hash:ip,port family inet",
    ipset_create_v6: "ipset create six hash:ip,port family inet6",
    ipset_create_sizes: "ipset create sized hash:ip,port hashsize 2048 maxelem 1",
    ipset_create_timeout: "ipset create timed hash:ip,port timeout 600",
    ipset_create_taken: "ipset create four hash:ip,port family inet",
    ipset_create_exist: "ipset -exist create four hash:ip,port family inet",
    ipset_create_other_type: "ipset create other bitmap:port range 0-1000",
    ipset_add_v4_tcp: "ipset add four 10.0.0.1,tcp:80",
    ipset_add_v4_udp: "ipset add four 10.0.0.1,udp:53",
    ipset_add_v4_sctp: "ipset add four 10.0.0.1,sctp:36412",
    ipset_add_v4_icmp: "ipset add four 10.0.0.1,icmp:echo-request",
    ipset_add_v6_tcp: "ipset add six 2001:db8::1,tcp:443",
    ipset_add_v6_udp: "ipset add six 2001:db8::1,udp:53",
    ipset_add_v6_sctp: "ipset add six 2001:db8::1,sctp:65535",
    ipset_add_timeout: "ipset add timed 10.0.0.1,tcp:80 timeout 60",
    ipset_add_taken: "ipset add four 10.0.0.1,tcp:80",
    ipset_add_exist: "ipset -exist add four 10.0.0.1,tcp:80",
    ipset_add_one: "ipset add sized 10.0.0.1,tcp:80",
    ipset_add_full: "ipset add sized 10.0.0.2,tcp:80",
    ipset_add_absent: "ipset add nobody 10.0.0.1,tcp:80",
    ipset_list_v4: "ipset list four",
    ipset_list_v6: "ipset list six",
    ipset_list_timeout: "ipset list timed",
    ipset_list_other_type: "ipset list other",
    ipset_list_absent: "ipset list nobody",
    ipset_create_list: "ipset create listed list:set",
    ipset_add_set: "ipset add listed four",
    ipset_destroy_used: "ipset destroy four",
    ipset_del_v4: "ipset del four 10.0.0.1,tcp:80",
    ipset_del_v4_absent: "ipset del four 10.0.0.1,tcp:80",
    ipset_del_v6: "ipset del six 2001:db8::1,tcp:443",
    ipset_destroy_v6: "ipset destroy six",
    ipset_destroy_absent: "ipset destroy six",
  },
  {
    nft_add_table_v4: "nft add table ip lvscare",
    nft_add_table_v6: "nft add table ip6 lvscare",
    nft_add_table_asleep: "nft add table ip asleep { flags dormant ; }",
    nft_add_chain_prerouting: `nft add chain ip lvscare prerouting ${hook("prerouting")}`,
    nft_add_chain_output: `nft add chain ip6 lvscare output ${hook("output")}`,
    nft_add_chain_postrouting: `nft add chain ip lvscare postrouting ${hook("postrouting")}`,
    nft_add_chain_plain: "nft add chain ip lvscare plain",
    nft_add_set_v4:
      "nft add set ip lvscare virtual-services { type ipv4_addr . inet_proto . inet_service ; }",
    nft_add_set_v6:
      "nft add set ip6 lvscare virtual-services { type ipv6_addr . inet_proto . inet_service ; }",
    nft_add_set_taken: "nft create set ip lvscare virtual-services { type ipv4_addr ; }",
    nft_add_element_v4: "nft add element ip lvscare virtual-services { 10.0.0.1 . tcp . 80 }",
    nft_add_element_v4_two:
      "nft add element ip lvscare virtual-services { 10.0.0.1 . udp . 53 , 10.0.0.2 . sctp . 9 }",
    nft_add_element_v4_icmp: "nft add element ip lvscare virtual-services { 10.0.0.1 . icmp . 0 }",
    nft_add_element_v6: "nft add element ip6 lvscare virtual-services { 2001:db8::1 . tcp . 443 }",
    nft_add_element_absent: "nft add element ip lvscare nobody { 10.0.0.1 . tcp . 80 }",
    nft_add_rule_mark_v4:
      "nft add rule ip lvscare prerouting ip daddr . meta l4proto . th dport @virtual-services " +
      'meta mark set meta mark | 0x1 comment "from other hosts"',
    nft_add_rule_mark_v6:
      "nft add rule ip6 lvscare output ip6 daddr . meta l4proto . th dport @virtual-services " +
      'meta mark set meta mark | 0x80000000 comment "from this host"',
    nft_add_rule_masquerade:
      "nft add rule ip lvscare postrouting meta mark & 0x1 == 0x1 masquerade fully-random " +
      'comment "to a server, as this host"',
    nft_add_rule_foreign: "nft add rule ip lvscare plain tcp dport 22 counter accept",
    nft_list_chain: "nft list chain ip lvscare prerouting",
    nft_list_ruleset: "nft list ruleset",
    nft_list_set_v4: "nft list set ip lvscare virtual-services",
    nft_list_set_v6: "nft list set ip6 lvscare virtual-services",
    nft_list_table_absent: "nft list table ip nobody",
    nft_delete_element_v4: "nft delete element ip lvscare virtual-services { 10.0.0.1 . tcp . 80 }",
    nft_delete_element_absent:
      "nft delete element ip lvscare virtual-services { 10.0.0.1 . tcp . 80 }",
    nft_add_rule_jump: "nft add rule ip lvscare postrouting jump plain",
    nft_delete_chain_used: "nft delete chain ip lvscare plain",
    nft_flush_chain: "nft flush chain ip lvscare prerouting",
    nft_delete_chain: "nft delete chain ip lvscare prerouting",
    nft_delete_table: "nft delete table ip lvscare",
    nft_delete_table_absent: "nft delete table ip lvscare",
  },
];

/** A chain as one of ours, which packets come through by themselves. */
function hook(name: string): string {
  const [type, priority] = name === "postrouting" ? ["nat", 100] : ["filter", -150];
  return `{ type ${type} hook ${name} priority ${priority} ; policy accept ; }`;
}

/** Their received messages are kept, whatever their exit status. */
const READS = / (?:show|list)\b/;

const HOST = `link set lo up
link add port0 type veth peer name peer0
link set port0 addrgenmode none
link set peer0 addrgenmode none
address add 192.168.77.1/24 dev port0
address add 2001:db8:77::1/64 dev port0 nodad
link set port0 up
link set peer0 up
`;

/** Runs every command in the guest, and writes a file for each and one that lists them. */
export async function captureNetlink(folder: string): Promise<void> {
  const versions = {
    ip: (await must(["ip", "-V"])).trim(),
    ipset: (await must(["ipset", "--version"])).trim().split("\n")[0]!,
    nft: (await must(["nft", "--version"])).trim(),
  };
  const kernel = (await must(["uname", "-r"])).trim();
  const commands: Record<string, string> = {};
  for (const [i, scenario] of SCENARIOS.entries()) {
    const namespace = `golden${i}`;
    await must(["ip", "netns", "add", namespace]);
    await must(["ip", "-n", namespace, "-batch", "-"], HOST);
    for (const [name, command] of Object.entries(scenario)) {
      const fixture = await capture(namespace, command, versions, kernel);
      await Deno.writeTextFile(`${folder}/${name}.json`, `${JSON.stringify(fixture, null, 2)}\n`);
      commands[name] = command;
    }
  }
  const manifest = { madeBy: "scripts/golden/netlink.ts", kernel, ...versions, commands };
  await Deno.writeTextFile(
    `${folder}/tools_manifest.json`,
    `${JSON.stringify(manifest, null, 2)}\n`,
  );
}

async function capture(
  namespace: string,
  command: string,
  versions: Readonly<Record<Fixture["tool"], string>>,
  kernel: string,
): Promise<Fixture> {
  const tool = command.split(" ")[0] as Fixture["tool"];
  const { sent, received, status, output } = await traceNetlink(namespace, command.split(" "));
  console.error(
    `${status === 0 ? "" : `[${status}] `}${command}${status === 0 ? "" : `: ${output}`}`,
  );
  if (sent.length === 0) throw new Error(`${command}: nothing was sent`);
  const keeps = status !== 0 || READS.test(command);
  return {
    tool,
    version: versions[tool],
    kernel,
    command,
    status,
    sent,
    received: keeps ? received : [],
  };
}

async function must(argv: readonly [string, ...string[]], stdin = ""): Promise<string> {
  const [program, ...args] = argv;
  const child = new Deno.Command(program, {
    args,
    env: { LC_ALL: "C" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`${argv.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const [folder, ...rest] = Deno.args;
  if (folder === undefined || rest.length > 0) {
    console.error("usage: scripts/golden/netlink.ts FOLDER");
    Deno.exit(2);
  }
  await captureNetlink(folder);
}
