/** `lvscare care` as it is run: the program itself, a real kernel, real servers and real requests. */

import assert from "node:assert/strict";
import {
  CareLab,
  type CareProcess,
  type LabFamily,
  RequestLoop,
  until,
  V4,
  V6,
} from "../support/care_lab.ts";
import { feed, must } from "../support/network.ts";

interface Variant {
  readonly name: string;
  readonly family: LabFamily;
  readonly flags: readonly string[];
  /** On a host without programs. */
  readonly alone?: boolean;
  /** What stands in the rules when it is whole. */
  readonly rules: readonly [program: string, ...args: string[]];
}

const NAT = ["-t", "nat", "-S"] as const;
const VARIANTS: readonly Variant[] = [
  { name: "as LVScare does it", family: V4, flags: [], rules: ["iptables", ...NAT] },
  { name: "with IPv6", family: V6, flags: [], rules: ["ip6tables", ...NAT] },
  {
    name: "with nftables",
    family: V4,
    flags: ["--masquerade", "nftables", "--masqueradebit", "7"],
    rules: ["nft", "list", "table", "ip", "lvscare"],
  },
  {
    name: "with nftables and IPv6",
    family: V6,
    flags: ["--masquerade", "nftables"],
    rules: ["nft", "list", "table", "ip6", "lvscare"],
  },
  {
    name: "with programs only",
    family: V4,
    flags: ["--backend", "command"],
    rules: ["iptables", ...NAT],
  },
  {
    name: "without any program",
    family: V4,
    flags: [],
    alone: true,
    rules: ["nft", "list", "table", "ip", "lvscare"],
  },
];

const LINK = ["--mode", "link"];

for (const variant of VARIANTS) {
  Deno.test(`link mode ${variant.name}: a server stops and comes back, and a clean leaves nothing`, async () => {
    const { family, flags, alone, rules } = variant;
    await using lab = await CareLab.open(family);
    await lab.addForeign();
    const before = await lab.snapshot();
    const args = [...lab.flags(), ...LINK, ...flags];
    const care = alone ? lab.startAlone(args) : lab.start(args);
    const run = (...more: string[]) =>
      alone ? lab.lvscareAlone([...args, ...more]) : lab.lvscare([...args, ...more]);
    const [first, second, third] = family.servers as [string, string, string];
    await until(async () => (await lab.weights())?.[third] === 1, "the service is there", () => {
      return care.output + care.errors;
    });
    assert.deepEqual(await lab.answering(), [...family.servers].sort());
    assert.match(await must(...rules), /lvscare|VIRTUAL-/);

    await lab.servers[1]!.stop();
    await care.said(/Trying to update wight to 0 for graceful termination/);
    await care.said(/Trying to delete real server/);
    assert.deepEqual(await lab.weights(), { [first]: 1, [third]: 1 });
    assert.deepEqual(await lab.answering(), [first, third].sort());

    lab.servers[1]!.start();
    await care.said(/Trying to add real server back/);
    assert.deepEqual(await lab.weights(), { [first]: 1, [second]: 1, [third]: 1 });
    assert.deepEqual(await lab.answering(), [...family.servers].sort());

    assert.equal((await care.stop()).code, 0, care.output + care.errors);
    assert.deepEqual(await lab.answering(), [...family.servers].sort());

    const dry = await run("--dry-run");
    assert.deepEqual([dry.status, dry.stdout], [0, ""], dry.stderr);
    const cleaned = await run("-C");
    assert.equal(cleaned.status, 0, cleaned.stdout + cleaned.stderr);
    assert.equal(await lab.snapshot(), before);
    const again = await run("-C", "--dry-run");
    assert.deepEqual([again.status, again.stdout], [0, ""], again.stderr);
  });
}

Deno.test("link mode: each thing that is taken away or changed is back at once, and a line says what it was", async () => {
  await using lab = await CareLab.open(V4);
  await lab.addForeign();
  const care = lab.start([...lab.flags(), ...LINK]);
  await until(async () => (await lab.weights()) !== undefined, "the service is there");
  await lab.answering();
  const whole = await lab.snapshot();
  const { virtual } = lab;
  const server = V4.at(V4.servers[0]!, 6443);
  const damages: readonly (readonly [name: string, says: RegExp, lines: readonly string[]])[] = [
    ["service", /add service TCP/, [`ipvsadm -D -t ${virtual}`]],
    ["scheduler", /edit service .*: wlc -> rr/, [`ipvsadm -E -t ${virtual} -s wlc`]],
    ["server", /add server/, [`ipvsadm -d -t ${virtual} -r ${server}`]],
    ["forwarding", /forwarding direct -> masq/, [`ipvsadm -e -t ${virtual} -r ${server} -g -w 1`]],
    ["device", /add dummy device lvscare/, ["ip link del lvscare"]],
    ["device down", /bring up device lvscare/, ["ip link set lvscare down"]],
    ["address", /add address/, [`ip addr del ${V4.virtual}/32 dev lvscare`]],
    ["entry", /add entry/, [`ipset del VIRTUAL-IP ${V4.virtual},tcp:6443`]],
    ["parameter", /set net\.ipv4\.vs\.conntrack: 0 -> 1/, ["sysctl -w net.ipv4.vs.conntrack=0"]],
    ["jump", /make rules/, ["iptables -t nat -D POSTROUTING 2"]],
    ["chain", /make rules/, ["iptables -t nat -F VIRTUAL-MARK-MASQ"]],
    ["accept rule", /make rules/, ["iptables -D OUTPUT 1"]],
    ["set", /make rules/, [
      "iptables -t nat -F VIRTUAL-SERVICES",
      "ipset destroy VIRTUAL-IP",
    ]],
  ];
  const damage = async (lines: readonly string[]) => {
    for (const line of lines) await feed("", ...line.split(" ") as [string, ...string[]]);
  };
  const settled = async () => await lab.snapshot() === whole;
  for (const [name, says, lines] of damages) {
    const from = care.output.length;
    await damage(lines);
    await until(settled, `${name} is back`, async () => `${care.output}\n${await lab.snapshot()}`);
    await care.said(says, from);
    assert.deepEqual(await lab.answering(), [...V4.servers].sort(), name);
  }
  await damage(
    damages.filter(([name]) =>
      ["service", "device", "accept rule", "parameter", "set"].includes(name)
    ).flatMap(([, , lines]) => lines),
  );
  await until(settled, "all is back", () => care.output);
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
  await care.stop();
});

Deno.test("route mode takes its way from --ip, from LVSCARE_NODE_IP and from the hosts file; flushed, it is back", async () => {
  await using lab = await CareLab.open(V4);
  await lab.addForeign();
  const before = await lab.snapshot();
  const route = () => must("ip", "route", "show", `${V4.virtual}/32`);
  const wanted = new RegExp(`^${V4.virtual} via ${V4.host} dev cable0 metric 50`);
  const check = async (care: CareProcess) => {
    await until(async () => wanted.test(await route()), "the route is there", () => care.output);
    await must("ip", "route", "flush", `${V4.virtual}/32`);
    await until(async () => wanted.test(await route()), "the route is back", () => care.output);
    await care.said(/add route 10\.103\.97\.12\/32 via 192\.168\.77\.1/);
    await care.stop();
    assert.equal((await lab.lvscare([...lab.flags(), "-C"])).status, 0);
    assert.equal(await lab.snapshot(), before);
  };
  await check(lab.start([...lab.flags(), "--ip", V4.host]));
  await check(lab.start(lab.flags(), { LVSCARE_NODE_IP: V4.host }));
  const hosts = await Deno.readTextFile("/etc/hosts");
  try {
    await Deno.writeTextFile("/etc/hosts", `${hosts}\n${V4.host}\tnode7 lvscare.node.ip # this\n`);
    await check(lab.start(lab.flags()));
  } finally {
    await Deno.writeTextFile("/etc/hosts", hosts);
  }
  const without = lab.start(lab.flags());
  await without.said(/warn running routeMode and Target IP is not valid IP, skipping/);
  await until(async () => (await lab.weights()) !== undefined, "it goes on");
  assert.equal(await route(), "");
  await without.stop();
});

Deno.test("under 20 requests a second: a stopping server loses only what it held, a leaving one and a kill nothing", async () => {
  await using lab = await CareLab.open(V4);
  const args = [...lab.flags(), ...LINK, "--drain-timeout", "30s"];
  let care = lab.start(args);
  await until(async () => (await lab.weights()) !== undefined, "the service is there");
  await lab.answering();

  const leaving = new RequestLoop(lab, 20);
  const held = lab.request("/slow?ms=4000");
  await care.stop();
  const [first, second] = V4.servers as [string, string, string];
  care = lab.start([...lab.flags(first, second), ...LINK, "--drain-timeout", "30s"]);
  await pause(3000);
  await care.kill();
  care = lab.start(args);
  await pause(3000);
  await leaving.stop();
  assert.deepEqual(leaving.failures, []);
  assert.ok(leaving.answered > 60, `${leaving.answered}`);
  assert.ok(V4.servers.includes(await held));

  await care.said(/care for/);
  const stopping = new RequestLoop(lab, 20);
  await pause(500);
  await lab.servers[2]!.stop();
  await care.said(/Trying to delete real server/);
  const failed = stopping.failures.length;
  await pause(1500);
  await stopping.stop();
  // Until its first failed probe a stopped server refuses what is sent to it, which is every third request.
  assert.ok(failed <= stopping.answered, stopping.failures.join("\n"));
  assert.equal(stopping.failures.length, failed, stopping.failures.join("\n"));
  await care.stop();
});

Deno.test("several instances share device, chains and set; cleaning one leaves the others working", async () => {
  await using lab = await CareLab.open(V4);
  await lab.addForeign();
  const before = await lab.snapshot();
  const other = "10.103.97.13:6443";
  const flagsOf = (vs: string) =>
    [...lab.flags(), ...LINK].map((each) => each === lab.virtual ? vs : each);
  const first = lab.start(flagsOf(lab.virtual));
  await first.said(/add service/);
  const second = lab.start(flagsOf(other));
  await second.said(/add service/);
  await until(async () => (await lab.weights()) !== undefined, "both are there");

  const third = await lab.lvscare(flagsOf(lab.virtual));
  assert.equal(third.status, 1);
  assert.match(
    third.stderr,
    /care for 10\.103\.97\.12:6443: process \d+ \(lvscare care --vs .*\) does so already/,
  );

  await second.stop();
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
  assert.equal((await lab.lvscare([...flagsOf(other), "-C"])).status, 0);
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
  assert.match(await must("ip", "addr", "show", "lvscare"), /10\.103\.97\.12\/32/);
  assert.doesNotMatch(await must("ip", "addr", "show", "lvscare"), /10\.103\.97\.13/);
  await first.stop();
  assert.equal((await lab.lvscare([...flagsOf(lab.virtual), "-C"])).status, 0);
  assert.equal(await lab.snapshot(), before);
});

Deno.test("run once sets up and ends; signals tell and stop", async () => {
  await using lab = await CareLab.open(V4);
  const once = await lab.lvscare([...lab.flags(), ...LINK, "--run-once"]);
  assert.equal(once.status, 0, once.stdout + once.stderr);
  assert.deepEqual(await lab.answering(), [...V4.servers].sort());
  const dry = await lab.lvscare([...lab.flags(V4.servers[0]!), ...LINK, "--dry-run"]);
  assert.equal(dry.status, 3);
  const removed = (n: number) =>
    `remove server 192.168.77.${n}:6443 from TCP 10.103.97.12:6443 (no longer listed)`;
  assert.deepEqual(dry.stdout.trim().split("\n").toSorted(), [removed(3), removed(4)]);
  const care = lab.start([...lab.flags(), ...LINK, "--log-format", "json"]);
  await care.said(/care for/);
  await until(() => {
    care.signal("SIGUSR1");
    return care.output.includes("state {");
  }, "it tells its state");
  // The runtime would open a debugger at this signal, half a second after its start.
  await pause(1500);
  care.signal("SIGUSR1");
  await pause(1500);
  assert.equal(care.errors, "");
  const line = care.output.split("\n").find((each) => each.includes("state {"))!;
  const state = JSON.parse(JSON.parse(line).message.slice("state ".length));
  assert.equal(state.virtualServer, lab.virtual);
  assert.equal(state.servers.length, 3);
  await lab.servers[0]!.stop();
  care.signal("SIGHUP");
  await care.said(/SIGHUP: a full pass/);
  assert.equal((await care.stop()).code, 0);
  const cleaned = await lab.lvscare([...lab.flags(), ...LINK, "--run-once", "-C"]);
  assert.equal(cleaned.status, 0);
  assert.equal(await lab.weights(), undefined);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
