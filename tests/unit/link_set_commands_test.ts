/** What ip and ipset print, read; and what they are told, seen by a runner that runs nothing. */

import assert from "node:assert/strict";
import { CommandError, KernelError, UnsupportedError } from "../../src/errors.ts";
import { parseLinks, parseRoutes } from "../../src/kernel/command/ip_json.ts";
import { parseSets } from "../../src/kernel/command/ipset_xml.ts";
import { CommandLinks } from "../../src/kernel/command/links.ts";
import type { Runner } from "../../src/kernel/command/runner.ts";
import { CommandSets } from "../../src/kernel/command/sets.ts";
import { parseAddress } from "../../src/model/address.ts";
import { printInterfaceAddress, printRoute } from "../../src/model/link.ts";

const HOST = { address: parseAddress("10.0.0.1")!, prefix: 32 };

/** Answers each command line in turn; what is not foreseen fails the test. */
function runner(
  ...answers: readonly (readonly [line: string, stdout: string, stderr?: string])[]
): Runner {
  const left = [...answers];
  return {
    run(argv) {
      const [line, stdout, stderr = ""] = left.shift() ?? ["", ""];
      assert.equal(argv.join(" "), line);
      if (stderr === "" || stdout !== "") return Promise.resolve({ status: 0, stdout, stderr });
      return Promise.reject(new CommandError(`run ${line}: exit status 2`, argv, 2, stderr));
    },
  };
}

const LIST = "ip -json -details address show dev lvscare";
const ADD = "ip address add 10.0.0.1/32 dev lvscare";

const LINK_REFUSALS: readonly (readonly [stderr: string, errno: string])[] = [
  ["RTNETLINK answers: Operation not permitted\n", "EPERM"],
  ['Cannot find device "lvscare"\n', "ENODEV"],
  ["RTNETLINK answers: Cannot allocate memory\n", "ENOMEM"],
  ["Error: ipv6: IPv6 is disabled on this device.\n", "EACCES"],
  ["Error: something new.\nRTNETLINK answers: Invalid argument\n", "EINVAL"],
];

for (const [stderr, errno] of LINK_REFUSALS) {
  Deno.test(`CommandLinks: "${stderr.trim()}" is a KernelError with ${errno}`, async () => {
    const links = new CommandLinks(runner([ADD, "", stderr]));
    await assert.rejects(links.ensureAddress("lvscare", HOST), (error) => {
      assert.ok(error instanceof KernelError && error.is(errno), String(error));
      assert.equal(error.subject, "10.0.0.1/32 on lvscare");
      assert.equal(error.command, "RTM_NEWADDR");
      return true;
    });
  });
}

Deno.test("CommandLinks: words that mean no errno are a CommandError that quotes them", async () => {
  const links = new CommandLinks(runner([ADD, "", "Error: something new.\n"]));
  await assert.rejects(links.ensureAddress("lvscare", HOST), (error) => {
    assert.ok(error instanceof CommandError && !error.is("EINVAL"));
    assert.equal(error.message, "add address 10.0.0.1/32 on lvscare: ip: Error: something new.");
    assert.deepEqual(error.argv.join(" "), ADD);
    return true;
  });
});

Deno.test("CommandLinks: a kernel without dummy devices is an UnsupportedError", async () => {
  for (
    const stderr of [
      "Error: Unknown device type.\n",
      "RTNETLINK answers: Operation not supported\n",
    ]
  ) {
    const links = new CommandLinks(runner(
      [LIST, "", 'Device "lvscare" does not exist.\n'],
      ["ip link add dev lvscare up type dummy", "", stderr],
    ));
    await assert.rejects(links.ensureDummy("lvscare"), (error) => {
      assert.ok(error instanceof UnsupportedError && error.feature === "dummy", String(error));
      assert.equal(error.hint, "load the module: modprobe dummy");
      return true;
    });
  }
});

Deno.test("CommandLinks: an address that was added in between is found there", async () => {
  const shown =
    '[{"ifindex":4,"ifname":"lvscare","flags":["UP"],"linkinfo":{"info_kind":"dummy"},' +
    '"addr_info":[{"family":"inet","local":"10.0.0.1","prefixlen":32}]}]';
  const links = new CommandLinks(
    runner([ADD, "", "RTNETLINK answers: File exists\n"], [LIST, shown]),
  );
  assert.equal(await links.ensureAddress("lvscare", HOST), false);
});

Deno.test("CommandLinks: an ip that does not know -json is a CommandError that says so", async () => {
  const links = new CommandLinks(runner([LIST, "4: lvscare: <UP> mtu 1500\n"]));
  await assert.rejects(links.find("lvscare"), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.hint, "ip must know -json: iproute2 4.18 or newer");
    return true;
  });
});

Deno.test("CommandLinks: a dump that ip gave up is not taken for a short one", async () => {
  const links = new CommandLinks(runner([
    "ip -json -details -4 route show table main",
    "[]",
    "RTNETLINK answers: No buffer space available\nDump terminated\n",
  ]));
  await assert.rejects(
    links.routes(),
    (error) => error instanceof KernelError && error.is("ENOBUFS"),
  );
});

Deno.test("parseLinks() skips what ip left out, and addresses that are not IP", () => {
  const links = parseLinks(
    '[{},{"ifindex":2,"ifname":"mux","link":"eth0","flags":["NOARP"],"addr_info":' +
      '[{"family":"mctp","local":"8","prefixlen":0},{"family":"inet","local":"10.0.0.1",' +
      '"address":"10.0.0.2","prefixlen":32}]}]',
  );
  assert.deepEqual(links, [{
    index: 2,
    name: "mux",
    kind: undefined,
    up: false,
    addresses: [HOST],
  }]);
  assert.deepEqual(parseLinks(""), []);
  assert.throws(() => parseLinks('{"a":1}'), SyntaxError);
  assert.throws(() => parseLinks('[{"ifindex":"2","ifname":"a"}]'), SyntaxError);
});

Deno.test("parseRoutes() reads plain routes, whichever way ip writes them", () => {
  const routes = parseRoutes(
    JSON.stringify([
      { type: "unicast", dst: "default", gateway: "192.168.0.1", dev: "eth0", flags: [] },
      { dst: "10.0.0.1", via: { family: "inet6", host: "fe80::1" }, dev: "eth0", metric: 50 },
      { type: "blackhole", dst: "10.1.0.0/16", flags: [] },
      { type: "unicast", dst: "10.2.0.0/16", nexthops: [], flags: [] },
      { type: "unicast", dst: "10.3.0.0/16", tos: "0x08", dev: "eth0", flags: [] },
      { type: "unicast", dst: "10.4.0.0/16", flags: [] },
      { type: "unicast", dst: "10.5.0.0/16", dev: "eth0", flags: ["linkdown"] },
    ]),
    "ipv4",
  );
  assert.deepEqual(routes.map(printRoute), [
    "0.0.0.0/0 via 192.168.0.1 dev eth0 metric 0",
    "10.0.0.1/32 via fe80::1 dev eth0 metric 50",
    "10.5.0.0/16 dev eth0 metric 0",
  ]);
  const [route] = parseRoutes('[{"dst":"default","dev":"eth0","metric":1024}]', "ipv6");
  assert.equal(printInterfaceAddress(route!.destination), "::/0");
});

const TERSE = "ipset list s -output xml -terse";
const EMPTY = `<ipsets>
<ipset name="s">
<type>hash:ip,port</type>
<header><family>inet</family></header>
<members>
</members>
</ipset>
</ipsets>
`;

const SET_REFUSALS: readonly (readonly [stderr: string, errno: string])[] = [
  ["Kernel error received: Operation not permitted", "EPERM"],
  ["Set cannot be destroyed: it is in use by a kernel component", "EBUSY"],
  ["Kernel error received: Cannot allocate memory", "ENOMEM"],
];

for (const [words, errno] of SET_REFUSALS) {
  Deno.test(`CommandSets: "${words}" is a KernelError with ${errno}`, async () => {
    const sets = new CommandSets(
      runner([TERSE, EMPTY], ["ipset destroy s", "", `ipset v7.17: ${words}\n`]),
    );
    await assert.rejects(sets.removeSet("s"), (error) => {
      assert.ok(error instanceof KernelError && error.is(errno), String(error));
      assert.equal(error.subject, "s");
      return true;
    });
  });
}

Deno.test("CommandSets: a kernel without ipset, or without the type, is an UnsupportedError", async () => {
  const cases = [
    ["Kernel error received: Invalid argument", "ip_set"],
    ["Kernel error received: set type not supported", "ip_set_hash_ipport"],
  ] as const;
  for (const [words, feature] of cases) {
    const answer = [
      "ipset create s hash:ip,port family inet",
      "",
      `ipset v7.17: ${words}\n`,
    ] as const;
    await assert.rejects(
      new CommandSets(runner(answer)).ensureSet("s", "ipv4"),
      (error) => error instanceof UnsupportedError && error.feature === feature,
    );
  }
});

Deno.test("CommandSets: what ipset finds wrong itself is a CommandError that quotes it", async () => {
  const words = "ipset v7.17: Syntax error: something new\n";
  await assert.rejects(new CommandSets(runner([TERSE, "", words])).removeSet("s"), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.message, "find set s: ipset v7.17: Syntax error: something new");
    return true;
  });
});

Deno.test("parseSets() reads names as they are, and refuses what is cut short", () => {
  const xml = EMPTY.replace('"s"', '"a<b&"c>"').replace(
    "</members>",
    "<member><elem>10.0.0.1,tcp:80</elem></member>\n<member><elem>10.0.0.1,icmp:8/3</elem></member>\n</members>",
  );
  assert.deepEqual(parseSets(xml), [{
    name: 'a<b&"c>',
    type: "hash:ip,port",
    family: "ipv4",
    entries: [{ address: "10.0.0.1", protocol: "tcp", port: 80 }],
  }]);
  assert.deepEqual(parseSets("<ipsets>\n</ipsets>\n"), []);
  assert.throws(() => parseSets(EMPTY.slice(0, -3)), SyntaxError);
  assert.throws(() => parseSets(EMPTY.replace(/<type>.*\n/, "")), SyntaxError);
  assert.throws(() => parseSets(xml.replace("10.0.0.1,tcp", "host,tcp")), SyntaxError);
});
