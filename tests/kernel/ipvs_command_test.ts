/** `lvscare ipvs` beside ipvsadm on one kernel's table: the same command lines do and print the same. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { runIpvs } from "../../src/cli/ipvs/command.ts";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";
import { NO_NAMES } from "../../src/ipvsadm/names.ts";
import { printRules } from "../../src/ipvsadm/save.ts";
import { table, type TableSpec } from "../support/ipvs_arbitraries.ts";
import { ip, ownNetwork } from "../support/network.ts";
import { run } from "../support/process.ts";

interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function ours(args: readonly string[], stdin = ""): Promise<Said> {
  let stdout = "";
  let stderr = "";
  const status = await runIpvs(args, {
    output: { out: (text) => stdout += text, err: (text) => stderr += text },
    debug: false,
    table: () =>
      Promise.resolve(new NetlinkIpvsTable(new NetlinkSocket(openLibcTransport(NETLINK_GENERIC)))),
    readStdin: () => Promise.resolve(stdin),
    readTextFile: (path) => Deno.readTextFile(path),
  });
  return { status, stdout, stderr };
}

function theirs(args: readonly string[], stdin?: string): Promise<Said> {
  const env = { LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  return run(["/usr/sbin/ipvsadm", ...args], { env, ...(stdin !== undefined && { stdin }) });
}

/** A table with something of everything. */
const RULES = [
  "-A -t 10.0.0.1:80 -s wrr",
  "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 0",
  "-a -t 10.0.0.1:80 -r 192.168.0.3:8080 -m -w 100",
  "-a -t 10.0.0.1:80 -r 10.1.0.9:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
  "-a -t 10.0.0.1:80 -r 127.0.0.1:80 -g -w 1",
  "-A -u 10.0.0.1:53 -s rr -o",
  "-A -u 192.168.0.1:5060 -s rr -p 60 -M 255.255.255.0 --pe sip -o",
  "-A --sctp-service 10.0.0.1:80 -s sh -b sh-fallback,sh-port",
  "-A -t [2001:db8::1]:443 -s mh -p 300 -M 64 -b mh-port",
  "-a -t [2001:db8::1]:443 -r [2001:db8:1111:2222:3333:4444:5555:6666]:8443 -m -w 1",
  "-a -t [2001:db8::1]:443 -r 10.1.0.1:443 -i -w 1 --tun-type ipip",
  "-A -f 5 -s rr -b flag-1,flag-3",
  "-a -f 5 -r 10.1.0.2:0 -g -w 1",
  "-A -f 5 -6 -s wlc",
];

const VIEWS = [
  "-L",
  "-Ln",
  "-ln --nosort",
  "--list --numeric --stats",
  "-Ln --stats --exact",
  "-Ln --rate",
  "-Ln --rate --exact",
  "-Ln --thresholds",
  "-Ln --persistent-conn",
  "-Ln --tun-info",
  "-Ln -t 10.0.0.1:80",
  "-Ln -t [2001:db8::1]:https --stats",
  "-L -f 5 -6",
  "-Sn",
  "-Lnc",
  "-Lnc --persistent-conn",
  "-L --timeout",
  "-L --daemon",
];

async function clear(): Promise<void> {
  assert.equal((await ours(["-C"])).status, 0);
  assert.equal((await theirs(["-Sn"])).stdout, "");
}

Deno.test("lvscare ipvs makes of every command line what ipvsadm makes of it", async () => {
  await clear();
  for (const rule of RULES) {
    assert.deepEqual(await theirs(rule.split(" ")), {
      status: 0,
      signal: null,
      stdout: "",
      stderr: "",
    });
  }
  const wanted = (await theirs(["-Sn"])).stdout;
  assert.equal(wanted.split("\n").length, RULES.length + 1);
  await clear();
  for (const rule of RULES) {
    assert.deepEqual(await ours(rule.split(" ")), { status: 0, stdout: "", stderr: "" });
  }
  assert.equal((await theirs(["-Sn"])).stdout, wanted);
});

Deno.test("lvscare ipvs prints what ipvsadm prints, byte for byte", async () => {
  await clear();
  assert.equal((await ours(["restore"], RULES.join("\n"))).status, 0);
  for (const view of VIEWS) {
    const { status, stdout, stderr } = await theirs(view.split(" "));
    assert.deepEqual([status, stderr], [0, ""], view);
    assert.deepEqual(await ours(view.split(" ")), { status: 0, stdout, stderr: "" }, view);
  }
});

Deno.test("what lvscare saves ipvsadm restores, and the other way round", async () => {
  await clear();
  await ours(["restore"], RULES.join("\n"));
  await ours("edit server tcp 10.0.0.1:80 10.1.0.1:80 --upper 9 --lower 3".split(" "));
  const saved = (await ours(["save"])).stdout;
  assert.match(saved, / -x 9 -y 3\n/);
  await clear();
  assert.equal((await theirs(["-R"], saved)).status, 0);
  assert.equal((await ours(["save"])).stdout, saved);
  const theirRules = (await theirs(["-Sn"])).stdout;
  await clear();
  assert.deepEqual(await ours(["-R"], theirRules), { status: 0, stdout: "", stderr: "" });
  assert.equal((await theirs(["-Sn"])).stdout, theirRules);
});

/** A table can be full of services by mark and odd flags; half of the time is ipvsadm's start. */
const RANDOM_TABLES = 500;

Deno.test(`${RANDOM_TABLES} random tables: what ipvsadm saves lvscare restores, and the other way round`, async () => {
  // Servers that were removed stay in a list of the namespace, and each new one is looked up in it.
  const perNamespace = 100;
  let rules = 0;
  for (let done = 0; done < RANDOM_TABLES; done += perNamespace) {
    using _network = ownNetwork();
    await ip("link set lo up");
    await fc.assert(
      fc.asyncProperty(table, async (specs) => {
        await ours(["-C"]);
        const lines = specs.flatMap(rulesOf);
        assert.deepEqual(await ours(["restore"], lines.join("\n")), QUIET);
        const saved = sorted((await theirs(["-Sn"])).stdout);
        rules += saved.length;
        assert.equal(saved.length, lines.length);
        await ours(["-C"]);
        assert.deepEqual(await ours(["restore"], saved.join("\n")), QUIET);
        assert.deepEqual(sorted((await theirs(["-Sn"])).stdout), saved);
        const ourRules = (await ours(["save"])).stdout;
        await ours(["-C"]);
        const { status, stderr } = await theirs(["-R"], ourRules);
        assert.deepEqual([status, stderr], [0, ""]);
        assert.deepEqual(sorted((await theirs(["-Sn"])).stdout), saved);
        assert.equal((await ours(["save"])).stdout, ourRules);
      }),
      { numRuns: perNamespace },
    );
  }
  assert.ok(rules > 4 * RANDOM_TABLES, `${rules} rules`);
});

const QUIET = { status: 0, stdout: "", stderr: "" };

function rulesOf({ service, servers }: TableSpec): string[] {
  const none = { active: 0, inactive: 0, persistent: 0 };
  const entry = { service, servers: servers.map((server) => ({ server, connections: none })) };
  const format = { numeric: true, thresholds: true, stable: true };
  return sorted(printRules([entry], format, NO_NAMES));
}

/** Services first; the kernel lists them in an order that depends on which came first. */
function sorted(rules: string): string[] {
  return rules.trim().split("\n").filter((line) => line !== "").toSorted();
}

Deno.test("lvscare ipvs fails where ipvsadm fails, in one line that says why", async () => {
  await clear();
  await ours(["restore"], RULES.join("\n"));
  const before = (await theirs(["-Sn"])).stdout;
  const cases: [line: string, status: number][] = [
    ["-A -t 10.0.0.1:80", 1],
    ["-A -t 10.0.0.2:80 -s nosuch", 1],
    ["-E -t 10.0.0.2:80", 1],
    ["-a -t 10.0.0.1:80 -r 10.1.0.1", 1],
    ["-a -t 10.0.0.1:80 -r 224.0.0.1", 1],
    ["-d -t 10.0.0.1:80 -r 10.1.0.77", 1],
    ["-Z -f 77", 1],
    ["-Ln -t 10.0.0.77:80", 1],
    ["--stop-daemon master", 1],
    ["-A -t 10.0.0.2:0", 2],
    ["-A -t 10.0.0.2:80 -o", 2],
    ["-a -t 10.0.0.1:80 -r [2001:db8::9]:80 -m", 2],
    ["-a -t 10.0.0.1:80 -r 10.1.0.5 -i --tun-type gue", 2],
    ["-Lc --stats", 2],
    ["-A -t 10.0.0.2:80 -w 1", 2],
    ["--set 1 2", 2],
  ];
  for (const [line, status] of cases) {
    assert.notEqual((await theirs(line.split(" "))).status, 0, line);
    const said = await ours(line.split(" "));
    assert.deepEqual([said.status, said.stdout], [status, ""], `${line}: ${said.stderr}`);
    assert.match(said.stderr, /^lvscare: [^\n]+\n$/, line);
  }
  assert.equal((await theirs(["-Sn"])).stdout, before);
  await clear();
});
