import assert from "node:assert/strict";
import { runIpvs } from "../../src/cli/ipvs/command.ts";
import type { IpvsContext } from "../../src/cli/ipvs/context.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import type { Address } from "../../src/model/address.ts";

const CONNECTIONS = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 0A000005 A26A 0A000001 0050 0A010002 1F90 ESTABLISHED     894
UDP 0A000005 0000 0A000001 13C4 0A010002 13C4 NONE            894 sip id@example.com
`;

const FILES: Readonly<Record<string, string>> = {
  "/etc/services": "http 80/tcp www\ndomain 53/udp\n",
  "/etc/hosts": "127.0.0.1 localhost\n",
  "/proc/net/ip_vs_conn": CONNECTIONS,
};

class Console {
  readonly fake = new MemoryIpvsTable({ interfaces: ["eth0", "eth1"] });
  stdin = "";
  files: Record<string, string> = { ...FILES };
  confirm: IpvsContext["confirm"] | undefined;
  opened = 0;
  closed = 0;

  async run(line: string): Promise<{ status: number; out: string; err: string }> {
    let out = "";
    let err = "";
    const table = new Proxy(this.fake, {
      get: (target, name) => {
        if (name === "close") return () => void this.closed++;
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const status = await runIpvs(line === "" ? [] : line.split(" "), {
      output: { out: (text) => out += text, err: (text) => err += text },
      debug: false,
      table: () => {
        this.opened++;
        return Promise.resolve(table);
      },
      readStdin: () => Promise.resolve(this.stdin),
      readTextFile: (path) => {
        const text = this.files[path];
        return text === undefined
          ? Promise.reject(new Deno.errors.NotFound(path))
          : Promise.resolve(text);
      },
      ...(this.confirm && { confirm: this.confirm }),
    });
    assert.equal(this.opened, this.closed, `${line}: what was opened is closed`);
    return { status, out, err };
  }

  /** Runs a line that must succeed. */
  async ok(line: string): Promise<string> {
    const { status, out, err } = await this.run(line);
    assert.deepEqual([status, err], [0, ""], line);
    return out;
  }

  /** Runs a line that must fail, and gives the one line that it says. */
  async fails(line: string, wantedStatus: number): Promise<string> {
    const { status, out, err } = await this.run(line);
    assert.equal(status, wantedStatus, `${line}: ${err}`);
    assert.equal(out, "", line);
    assert.match(err, /^lvscare: [^\n]+\n$/, line);
    return err.slice("lvscare: ".length, -1);
  }

  async rules(): Promise<string[]> {
    return (await this.ok("save")).split("\n").slice(0, -1);
  }
}

Deno.test("words and ipvsadm's options do the same", async () => {
  const pairs: [words: string, options: string][] = [
    ["add service tcp 10.0.0.9:80", "-A -t 10.0.0.9:80"],
    ["add service tcp 10.0.0.1:http --scheduler rr", "-A -t 10.0.0.1:80 -s rr"],
    ["add service udp 10.0.0.1:domain --one-packet", "-A -u 10.0.0.1:53 -o"],
    ["add service sctp [2001:db8::1]:80", "-A --sctp-service [2001:db8::1]:80"],
    ["add service mark 5 --ipv6", "-A -f 5 -6"],
    ["add service tcp 10.0.0.2:443 --persistent", "-A -t 10.0.0.2:443 -p"],
    [
      "add service tcp 10.0.0.3:443 --persistent 300 --netmask 24 --engine sip",
      "-A -t 10.0.0.3:443 -p 300 -M 255.255.255.0 --pe sip",
    ],
    ["add service tcp [::1]:443 --persistent=9 --netmask=/64", "-A -t [::1]:443 -p 9 -M 64"],
    ["add service tcp 10.0.0.4:80 -s sh --flags sh-port", "-A -t 10.0.0.4:80 -s sh -b sh-port"],
    [
      "add server tcp 10.0.0.1:80 10.1.0.1:8080 --forward masquerade --weight 3",
      "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3",
    ],
    ["add server tcp 10.0.0.1:80 10.1.0.2", "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g"],
    [
      "add server tcp 10.0.0.1:80 10.1.0.3 --upper 9 --lower 5",
      "-a -t 10.0.0.1:80 -r 10.1.0.3 -x 9 -y 5",
    ],
    [
      "add server tcp 10.0.0.1:80 10.1.0.4 --forward=tunnel --tunnel gue --tunnel-port 6080 --tunnel-checksum remote",
      "-a -t 10.0.0.1:80 -r 10.1.0.4 -i --tun-type gue --tun-port 6080 --tun-remcsum",
    ],
    ["add server mark 5 [::2]:0 --ipv6", "-a -f 5 -6 -r [::2]:0"],
    ["delete server tcp 10.0.0.1:80 10.1.0.2", "-d -t 10.0.0.1:80 -r 10.1.0.2"],
    ["delete service mark 5 -6", "-D -f 5 -6"],
    ["zero tcp 10.0.0.1:80", "-Z -t 10.0.0.1:80"],
    ["zero", "-Z"],
    ["timeout 100 0 300", "--set 100 0 300"],
    [
      "daemon start master --interface eth1 --id 7 --ttl 3 --group 224.0.0.9 --port 99 --max-length 1400",
      "--start-daemon master --mcast-interface eth1 --syncid 7 --mcast-ttl 3 --mcast-group 224.0.0.9 --mcast-port 99 --sync-maxlen 1400",
    ],
    ["list", "-L"],
    ["list -n", "-Ln"],
    ["list tcp 10.0.0.1:80 --numeric", "-Ln -t 10.0.0.1:80"],
    ["list --stats --exact --no-sort", "-L --stats --exact --nosort"],
    ["list --rate", "-L --rate"],
    ["list --thresholds", "-L --thresholds"],
    ["list --persistent-conn", "-L --persistent-conn"],
    ["list --tunnels", "-L --tun-info"],
    ["connections", "-Lc"],
    ["connections -n --persistent-conn", "-Lnc --persistent-conn"],
    ["timeout", "-L --timeout"],
    ["daemon list", "-L --daemon"],
    ["daemon stop master", "--stop-daemon master"],
  ];
  const byWords = new Console();
  const byOptions = new Console();
  for (const [words, options] of pairs) {
    assert.equal(await byWords.ok(words), await byOptions.ok(options), words);
    const stats = { stats: true };
    assert.deepEqual(await byWords.fake.list(stats), await byOptions.fake.list(stats), words);
    assert.deepEqual(await byWords.fake.timeouts(), await byOptions.fake.timeouts(), words);
    assert.deepEqual(await byWords.fake.daemons(), await byOptions.fake.daemons(), words);
  }
  assert.equal((await byWords.fake.list()).length, 8);
});

Deno.test("edit changes what is given and keeps the rest", async () => {
  const console = new Console();
  await console.ok("add service tcp 10.0.0.1:80 -s sh --flags sh-port,sh-fallback -p 300 -M 24");
  await console.ok(
    "add server tcp 10.0.0.1:80 10.1.0.1:8080 --forward masquerade -w 3 --upper 9 --lower 4",
  );
  const cases: [line: string, service: string, server: string][] = [
    [
      "edit server tcp 10.0.0.1:80 10.1.0.1:8080 --weight 0",
      "-s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port",
      "-r 10.1.0.1:8080 -m -w 0 -x 9 -y 4",
    ],
    [
      "edit server tcp 10.0.0.1:80 10.1.0.1:8080 --lower 5",
      "-s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port",
      "-r 10.1.0.1:8080 -m -w 0 -x 9 -y 5",
    ],
    [
      "edit service tcp 10.0.0.1:80 --netmask 16",
      "-s sh -p 300 -M 255.255.0.0 -b sh-fallback,sh-port",
      "-r 10.1.0.1:8080 -m -w 0 -x 9 -y 5",
    ],
    [
      "edit service tcp 10.0.0.1:http --persistent 60 --no-flags",
      "-s sh -p 60 -M 255.255.0.0",
      "-r 10.1.0.1:8080 -m -w 0 -x 9 -y 5",
    ],
    [
      "edit service tcp 10.0.0.1:80 -b sh-port",
      "-s sh -p 60 -M 255.255.0.0 -b sh-port",
      "-r 10.1.0.1:8080 -m -w 0 -x 9 -y 5",
    ],
    // The flag was sh's.
    [
      "edit service tcp 10.0.0.1:80 --scheduler wrr",
      "-s wrr -p 60 -M 255.255.0.0",
      "-r 10.1.0.1:8080 -m -w 0 -x 9 -y 5",
    ],
    [
      "edit service tcp 10.0.0.1:80 --no-persistent",
      "-s wrr",
      "-r 10.1.0.1:8080 -m -w 0 -x 9 -y 5",
    ],
  ];
  for (const [line, service, server] of cases) {
    assert.equal(await console.ok(line), "");
    assert.deepEqual(await console.rules(), [
      `-A -t 10.0.0.1:80 ${service}`,
      `-a -t 10.0.0.1:80 ${server}`,
    ], line);
  }
});

Deno.test("edit server changes ways of forwarding, and keeps those that ipvsadm has no word for", async () => {
  const console = new Console();
  await console.ok("add service tcp 10.0.0.1:80 -s rr");
  await console.ok("add server tcp 10.0.0.1:80 10.1.0.1 --weight 5");
  const edits: [options: string, server: string][] = [
    ["--forward tunnel", "-i -w 5 --tun-type ipip"],
    ["--tunnel gue --tunnel-port 6080", "-i -w 5 --tun-type gue --tun-port 6080 --tun-nocsum"],
    ["--tunnel-checksum remote", "-i -w 5 --tun-type gue --tun-port 6080 --tun-remcsum"],
    ["--tunnel-port 6081", "-i -w 5 --tun-type gue --tun-port 6081 --tun-remcsum"],
    ["--weight 6", "-i -w 6 --tun-type gue --tun-port 6081 --tun-remcsum"],
    ["--tunnel gre", "-i -w 6 --tun-type gre --tun-nocsum"],
    ["--forward masquerade", "-m -w 6"],
    ["--tunnel ipip", "-i -w 6 --tun-type ipip"],
    ["--forward direct", "-g -w 6"],
  ];
  for (const [options, server] of edits) {
    await console.ok(`edit server tcp 10.0.0.1:80 10.1.0.1:80 ${options}`);
    assert.equal((await console.rules())[1], `-a -t 10.0.0.1:80 -r 10.1.0.1:80 ${server}`, options);
  }
  const key = {
    kind: "address",
    protocol: "tcp",
    address: "10.0.0.1" as Address,
    port: 80,
  } as const;
  const local = {
    address: "10.1.0.2" as Address,
    port: 8080,
    weight: 1,
    forwarding: { method: "local" },
    upperThreshold: 0,
    lowerThreshold: 0,
  } as const;
  await console.fake.apply([{ kind: "addServer", key, server: local }]);
  await console.ok("edit server tcp 10.0.0.1:80 10.1.0.2:8080 --weight 0");
  const [entry] = await console.fake.list();
  assert.deepEqual(entry?.servers[1]?.server, { ...local, weight: 0 });
});

Deno.test("save and restore bring a table back, thresholds too, while -S prints what ipvsadm prints", async () => {
  const console = new Console();
  await console.ok("add service tcp 10.0.0.1:80 -s rr");
  await console.ok("add server tcp 10.0.0.1:80 10.1.0.1 --upper 9");
  const rules = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 1 -x 9\n";
  assert.equal(await console.ok("save"), rules);
  assert.equal(
    await console.ok("-S"),
    "-A -t 10.0.0.1:http -s rr\n-a -t 10.0.0.1:http -r 10.1.0.1:http -g -w 1\n",
  );
  await console.ok("-C");
  console.stdin = `# saved\n\nipvsadm ${rules}`;
  await console.ok("restore");
  assert.equal(await console.ok("save"), rules);
  await console.ok("-C");
  console.files["rules"] = rules;
  await console.ok("restore rules");
  assert.equal(await console.ok("save"), rules);
  await console.ok("-C");
  await console.ok("-R");
  assert.equal(await console.ok("save"), rules);
});

Deno.test("restore does nothing when one line is wrong, and says which", async () => {
  const console = new Console();
  console.files["rules"] = "-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.1.0.1 -w x\n-Q\n";
  assert.equal(
    await console.fails("restore rules", 2),
    'rules:2: weight "x": must be a whole number from 0 to 2147483647 (and 1 more lines are wrong)',
  );
  assert.deepEqual(await console.fake.list(), []);
  assert.equal(console.opened, 0);
  console.files["rules"] = "-A -t 10.0.0.1:80\n-L\n";
  assert.equal(
    await console.fails("restore rules", 2),
    'rules:2: option "-L": must be one of -A -E -D -a -e -d: only these change rules',
  );
  assert.equal(
    await console.fails("restore nowhere", 2),
    'read rules from "nowhere": there is no such file',
  );
});

Deno.test("restore makes what can be made, and says of each line that failed why", async () => {
  const console = new Console();
  console.stdin = `-A -t 10.0.0.1:80
-A -t 10.0.0.1:80
-a -t 10.0.0.9:80 -r 10.1.0.1
-a -t 10.0.0.1:80 -r 10.1.0.1
`;
  const { status, out, err } = await console.run("restore -");
  assert.deepEqual([status, out], [1, ""]);
  const lines = err.split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[0]!, /^lvscare: standard input:2: add service TCP 10\.0\.0\.1:80: .*EEXIST/);
  assert.match(lines[1]!, /^lvscare: standard input:3: add server TCP 10\.0\.0\.9:80 -> .*ESRCH/);
  assert.equal((await console.rules()).length, 2);
});

Deno.test("clear asks at a terminal, and elsewhere wants --yes", async () => {
  const console = new Console();
  await console.ok("add service mark 1");
  assert.equal(
    await console.fails("clear", 2),
    "clear: must be confirmed by --yes where nobody can be asked",
  );
  const questions: string[] = [];
  let answer = false;
  console.confirm = (question) => {
    questions.push(question);
    return Promise.resolve(answer);
  };
  assert.equal(await console.fails("clear", 1), "nothing was removed");
  assert.equal((await console.fake.list()).length, 1);
  answer = true;
  await console.ok("clear");
  assert.equal((await console.fake.list()).length, 0);
  assert.equal(questions.length, 2);
  await console.ok("add service mark 1");
  await console.ok("clear --yes");
  await console.ok("add service mark 1");
  await console.ok("clear -y");
  assert.equal((await console.fake.list()).length, 0);
  assert.equal(questions.length, 2);
});

Deno.test("list -o json keeps every bit of a counter", async () => {
  const console = new Console();
  await console.ok("add service tcp 10.0.0.1:80 -s sh --flags sh-port --persistent 300 -M 24");
  await console.ok(
    "add server tcp 10.0.0.1:80 10.1.0.1 --forward tunnel --tunnel gue --tunnel-port 6080 --upper 9",
  );
  await console.ok("add service mark 4294967295 --ipv6");
  const key = {
    kind: "address",
    protocol: "tcp",
    address: "10.0.0.1" as Address,
    port: 80,
  } as const;
  const counters = {
    connections: 1n,
    inPackets: 2n,
    outPackets: 3n,
    inBytes: 2n ** 64n - 1n,
    outBytes: 5n,
  };
  console.fake.setServiceStats(key, { counters });
  const zeros = {
    connections: "0",
    inPackets: "0",
    outPackets: "0",
    inBytes: "0",
    outBytes: "0",
  };
  const service = {
    protocol: "tcp",
    address: "10.0.0.1",
    port: 80,
    scheduler: "sh",
    schedulerFlags: ["sh-port"],
    onePacket: false,
    persistence: { timeoutSeconds: 300, prefix: 24, engine: null },
    counters: {
      connections: "1",
      inPackets: "2",
      outPackets: "3",
      inBytes: "18446744073709551615",
      outBytes: "5",
    },
    perSecond: zeros,
    servers: [{
      address: "10.1.0.1",
      port: 80,
      weight: 1,
      forward: "tunnel",
      tunnel: { type: "gue", port: 6080, checksum: "none" },
      upperThreshold: 9,
      lowerThreshold: 0,
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      counters: zeros,
      perSecond: zeros,
    }],
  };
  const table = JSON.parse(await console.ok("list --stats --output=json"));
  assert.deepEqual(table, {
    version: "1.2.1",
    connectionTableSize: 4096,
    services: [
      {
        mark: 4294967295,
        family: "ipv6",
        scheduler: "wlc",
        schedulerFlags: [],
        onePacket: false,
        persistence: null,
        counters: zeros,
        perSecond: zeros,
        servers: [],
      },
      service,
    ],
  });
  assert.deepEqual(JSON.parse(await console.ok("list tcp 10.0.0.1:80 --rate -o json")), service);
  const plain = JSON.parse(await console.ok("list -o json"));
  assert.equal(plain.services.every((each: object) => !("counters" in each)), true);
});

Deno.test("connections, timeout and daemon list have JSON too", async () => {
  const console = new Console();
  assert.deepEqual(JSON.parse(await console.ok("connections -o json")), {
    connections: [{
      protocol: "tcp",
      client: { address: "10.0.0.5", port: 41578 },
      virtual: { address: "10.0.0.1", port: 80 },
      server: { address: "10.1.0.2", port: 8080 },
      state: "ESTABLISHED",
      expiresSeconds: 894,
      engine: null,
    }, {
      protocol: "udp",
      client: { address: "10.0.0.5", port: 0 },
      virtual: { address: "10.0.0.1", port: 5060 },
      server: { address: "10.1.0.2", port: 5060 },
      state: "NONE",
      expiresSeconds: 894,
      engine: { name: "sip", data: "id@example.com" },
    }],
  });
  assert.equal(console.opened, 0);
  assert.deepEqual(JSON.parse(await console.ok("timeout -o json")), {
    tcpSeconds: 900,
    tcpFinSeconds: 120,
    udpSeconds: 300,
  });
  await console.ok("daemon start backup");
  assert.deepEqual(JSON.parse(await console.ok("daemon list -o json")), {
    daemons: [{
      role: "backup",
      syncId: 0,
      interface: "eth0",
      maxLength: 1472,
      group: "224.0.0.81",
      port: 8848,
      ttl: 1,
    }],
  });
});

Deno.test("help says every command and every option of words", async () => {
  const console = new Console();
  const help = await console.ok("--help");
  for (const line of ["", "-h", "help", "list --help", "add service tcp 10.0.0.1:80 -h"]) {
    assert.equal(await console.ok(line), help, line);
  }
  for (
    const word of [
      "list",
      "connections",
      "add",
      "edit",
      "delete",
      "save",
      "restore",
      "clear",
      "zero",
      "timeout",
      "daemon",
    ]
  ) {
    assert.match(help, new RegExp(`^  ${word} `, "m"), word);
  }
  // Every line of an example runs.
  const examples = help.split("Examples:\n")[1]!.trim().split("\n")
    .map((line) => line.trim().replace(/^lvscare ipvs /, "").replace(/ >.*/, ""));
  assert.equal(examples.length, 8);
  for (const line of examples.filter((each) => !each.startsWith("-A"))) await console.ok(line);
  assert.ok(help.split("\n").every((line) => line.length <= 100));
  assert.equal(console.opened, console.closed);
});

const WRONG: readonly [line: string, status: number, message: string | RegExp][] = [
  ["lits", 2, /^command "lits": must be one of list, .*; did you mean "list"\?$/],
  ["add", 2, `add "": must be one of service, server`],
  [
    "add servise tcp 10.0.0.1:80",
    2,
    `add "servise": must be one of service, server; did you mean "service"?`,
  ],
  ["add service", 2, `add service: a service, as "tcp 10.0.0.1:80" or "mark 5", must follow`],
  [
    "add service tpc 10.0.0.1:80",
    2,
    `service "tpc": must be one of tcp, udp, sctp, mark; did you mean "tcp"?`,
  ],
  ["add service tcp", 2, "add service: an address and a port must follow"],
  ["add service mark", 2, "add service: a number must follow"],
  ["add service mark zero", 2, `firewall mark "zero": must be a whole number from 1 to 4294967295`],
  [
    "add service tcp 10.0.0.1:80 10.1.0.1",
    2,
    `word "10.1.0.1": nothing more is expected by add service`,
  ],
  [
    "add service tcp 10.0.0.1:80 --weight 3",
    2,
    /^option "--weight": not with add service: must be of --flags /,
  ],
  [
    "add service tcp 10.0.0.1:80 --shceduler rr",
    2,
    `unknown option "--shceduler" of add service: did you mean "--scheduler"?`,
  ],
  [
    "add service tcp 10.0.0.1:80 -p 5 --netmask 33",
    2,
    `netmask "33": must be a dotted mask, as "255.255.255.0"`,
  ],
  [
    "add server tcp 10.0.0.1:80",
    2,
    "add server: a server's address, with or without a port, must follow",
  ],
  [
    "add server tcp 10.0.0.1:80 10.1.0.1 --forward route",
    2,
    `option --forward "route": must be direct, masquerade or tunnel`,
  ],
  [
    "add server tcp 10.0.0.1:80 10.1.0.1 --forward tunel",
    2,
    `option --forward "tunel": must be direct, masquerade or tunnel; did you mean "tunnel"?`,
  ],
  [
    "add server tcp 10.0.0.1:80 10.1.0.1 --forward",
    2,
    `option "--forward": a value must follow, not the end of the line`,
  ],
  [
    "add server tcp 10.0.0.1:80 10.1.0.1:8080",
    2,
    `real server "10.1.0.1:8080": its port must be the service's, which is 80, or use --forward masquerade`,
  ],
  [
    "add server tcp 10.0.0.1:80 10.1.0.1 --tunnel gue",
    2,
    `option "--tun-type": must stand beside -i: it describes a tunnel`,
  ],
  ["edit service tcp 10.0.0.1:80", 2, "edit service: what to change must follow, as an option"],
  [
    "edit service tcp 10.0.0.1:80 -p 5 --no-persistent",
    2,
    `option "--persistent": must not be given and taken away`,
  ],
  [
    "edit service tcp 10.0.0.9:80 -s rr",
    1,
    /^edit service TCP 10\.0\.0\.9:80: no such service \(ESRCH\)/,
  ],
  [
    "edit server tcp 10.0.0.1:80 10.1.0.9 -w 1",
    1,
    /^edit server TCP 10\.0\.0\.1:80 -> 10\.1\.0\.9:80: .* \(ENOENT\)/,
  ],
  ["edit server tcp 10.0.0.9:80 10.1.0.9 -w 1", 1, /ESRCH/],
  [
    "edit server tcp 10.0.0.1:80 10.1.0.1:8080 --forward direct",
    2,
    `real server "10.1.0.1:8080": only masquerading leads to port 8080: delete it, and add it with port 80`,
  ],
  ["delete service tcp 10.0.0.9:80", 1, /^delete service TCP 10\.0\.0\.9:80: .*ESRCH/],
  [
    "delete server tcp 10.0.0.1:80 10.1.0.9",
    1,
    /^delete server TCP 10\.0\.0\.1:80 -> 10\.1\.0\.9:80: .*ENOENT/,
  ],
  ["list tcp 10.0.0.9:80", 1, /^list TCP 10\.0\.0\.9:80: no such service \(ESRCH\)$/],
  ["list -o yaml", 2, `option --output "yaml": must be json or text`],
  ["list --stat", 2, `unknown option "--stat" of list: did you mean "--stats"?`],
  ["list everything", 2, `service "everything": must be one of tcp, udp, sctp, mark`],
  ["connections tcp", 2, `word "tcp": nothing more is expected by connections`],
  ["save --stats", 2, `option "--stats": not with save: must be of -n`],
  ["save file", 2, `word "file": nothing more is expected by save`],
  ["clear now", 2, `word "now": nothing more is expected by clear`],
  [
    "timeout 5",
    2,
    `timeout "5": must be three times in seconds: TCP, TCP after FIN, and UDP (0 keeps one)`,
  ],
  ["timeout 1 2 x", 2, `timeout "x": must be a whole number from 0 to 2678400`],
  ["daemon", 2, `daemon "": must be one of start, stop, list`],
  ["daemon start", 2, "daemon start: master or backup must follow"],
  ["daemon start slave", 2, `--start-daemon "slave": must be master or backup`],
  ["daemon start master --interface nosuch0", 1, /^start master sync daemon: .*ENODEV/],
  ["daemon stop backup", 1, /^stop backup sync daemon: .*ESRCH/],
  ["-A -t 10.0.0.1:80", 1, /^add service TCP 10\.0\.0\.1:80: .*EEXIST/],
  [
    "-A -t nowhere",
    2,
    `virtual service "nowhere": "nowhere" must be an IP address: host names are not looked up`,
  ],
];

Deno.test("every mistake is one line with the status of its kind", async () => {
  for (const [line, status, message] of WRONG) {
    const console = new Console();
    await console.ok("-A -t 10.0.0.1:80");
    await console.ok("-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m");
    const said = await console.fails(line, status);
    if (typeof message === "string") assert.equal(said, message, line);
    else assert.match(said, message, line);
    assert.equal((await console.rules()).length, 2, line);
  }
});

Deno.test("connections on a kernel without IPVS says what to do", async () => {
  const console = new Console();
  delete console.files["/proc/net/ip_vs_conn"];
  const said = await console.fails("connections", 1);
  assert.equal(said, "list connections: this kernel has no IPVS (load the module: modprobe ip_vs)");
});
