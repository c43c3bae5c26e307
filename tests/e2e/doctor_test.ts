/**
 * `lvscare doctor` on hosts that lack something: each finding is provoked, its line is seen, what it prints as its
 * mend is run (or, where that is a file or another host, what its text says is done), and then it is well.
 */

import assert from "node:assert/strict";
import type { Finding } from "../../src/doctor/finding.ts";
import { MODULES_FILE, PARAMETERS_FILE } from "../../src/doctor/fix.ts";
import { parseAddress } from "../../src/model/address.ts";
import { toSocketAddress } from "../../src/sys/socket_address.ts";
import { closeSocket, send, startConnect } from "../../src/sys/sockets.ts";
import { BINARY, CareLab, type LabFamily, PORT, V4, V6 } from "../support/care_lab.ts";
import { withoutIpvs } from "../support/ipvs_module.ts";
import { must } from "../support/network.ts";
import { type Ran, run } from "../support/process.ts";

/** Programs that are not on this host stand here, and do what the real ones would. */
const STAND_INS: Readonly<Record<string, string>> = {
  "firewall-cmd": `for word; do
  port=\${word#--add-port=}
  nft add rule inet firewalld filter_IN_public_allow tcp dport "\${port%/*}" accept
done`,
  // What Cilium does when it starts with that configuration.
  cilium: `test "$*" = "config set prepend-iptables-chains false" &&
  iptables -D OUTPUT -j CILIUM_OUTPUT && iptables -A OUTPUT -j CILIUM_OUTPUT`,
  sudo: 'exec "$@"',
};

interface Examined {
  readonly status: number;
  readonly ok: boolean;
  readonly findings: readonly (Finding & { readonly fixable: boolean })[];
  readonly did: readonly { readonly ok: boolean; readonly text: string }[];
}

class DoctorLab implements AsyncDisposable {
  readonly lab: CareLab;
  readonly folder: string;

  private constructor(lab: CareLab, folder: string) {
    this.lab = lab;
    this.folder = folder;
  }

  static async open(family: LabFamily): Promise<DoctorLab> {
    const lab = await CareLab.open(family);
    const folder = await Deno.makeTempDir({ prefix: "lvscare-doctor-" });
    // Whoever runs it without root reads it too.
    await Deno.chmod(folder, 0o755);
    await Deno.mkdir(`${folder}/bin`);
    await Deno.symlink(BINARY, `${folder}/bin/lvscare`);
    for (const [name, text] of Object.entries(STAND_INS)) {
      await Deno.writeTextFile(`${folder}/bin/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    return new DoctorLab(lab, folder);
  }

  /** The only file of the configuration. */
  get path(): string {
    return `${this.folder}/lvscare.yaml`;
  }

  write(text: string): void {
    Deno.writeTextFileSync(this.path, text);
  }

  /** Runs words as a shell would, without any of its own. */
  run(words: readonly string[]): Promise<Ran> {
    const PATH = `${this.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
    return run(["/usr/bin/env", ...words], { env: { PATH, LC_ALL: "C" } });
  }

  /** The words that stand before it, as unshare's, are run with it. */
  async examine(flags: readonly string[] = [], before: readonly string[] = []): Promise<Examined> {
    const ran = await this.run([
      ...before,
      "lvscare",
      "doctor",
      "-c",
      this.path,
      "--json",
      ...flags,
    ]);
    assert.equal(ran.stderr, "");
    return { did: [], ...JSON.parse(ran.stdout), status: ran.status };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What is to be seen of a host that is not well. */
interface Trouble {
  readonly id: string;
  readonly level: "warn" | "fail";
  readonly said: RegExp;
  /** The command line that it prints; without it, `done` does what the text says. */
  readonly mend?: RegExp;
  readonly done?: (text: string) => void | Promise<unknown>;
}

/** Sees each trouble and nothing else, mends it, and sees that all is well. */
async function mended(host: DoctorLab, troubles: readonly Trouble[]): Promise<void> {
  const before = await host.examine();
  const bad = before.findings.filter(({ level }) => level !== "ok");
  const shown = bad.map(({ id, level }) => `${id} ${level}`).sort();
  const detail = JSON.stringify(bad, undefined, 1);
  assert.deepEqual(shown, troubles.map(({ id, level }) => `${id} ${level}`).sort(), detail);
  assert.equal(before.status, bad.some(({ level }) => level === "fail") ? 1 : 3);
  for (const { id, level, said, mend, done } of troubles) {
    const found = bad.find((each) =>
      each.id === id && each.level === level && said.test(each.text)
    );
    assert.ok(found, `${id} ${level} ${said}: ${detail}`);
    assert.equal(found.mend !== undefined, mend !== undefined, detail);
    if (found.mend !== undefined) {
      assert.match(found.mend, mend!);
      const ran = await host.run(found.mend.split(" "));
      // A doctor that mends the one has others to warn of.
      const isFine = found.mend.includes("lvscare") ? ran.stderr === "" : ran.status === 0;
      assert.ok(isFine, `${found.mend}: ${ran.stderr}${ran.stdout}`);
    }
    await done?.(found.text);
  }
  const after = await host.examine();
  const left = after.findings.filter(({ level }) => level !== "ok");
  assert.deepEqual(left, []);
  assert.deepEqual([after.status, after.ok], [0, true]);
  for (const { id } of troubles) {
    // A configuration that is another now may have nothing to say of it.
    const isGone = troubles.find((each) => each.id === id)?.done !== undefined;
    assert.ok(isGone || after.findings.some((each) => each.id === id), `nothing is said of ${id}`);
  }
}

const sysctl = (...words: readonly string[]) => must("sysctl", "-qw", ...words);

/** Of other findings nothing is to be seen. */
async function makeWell({ family }: CareLab): Promise<void> {
  await must("modprobe", "-a", "ip_vs", "ip_vs_wrr", "dummy");
  await Deno.mkdir("/etc/modules-load.d", { recursive: true });
  await Deno.writeTextFile("/etc/modules-load.d/test.conf", "ip_vs\nip_vs_wrr\ndummy\n");
  await sysctl("net.ipv4.tcp_keepalive_time=600", "net.ipv4.vs.conntrack=1");
  await sysctl(family === V6 ? "net.ipv6.conf.all.forwarding=1" : "net.ipv4.ip_forward=1");
}

/** Runs ip where the servers are. */
function behind(lab: CareLab, ...args: readonly string[]): void {
  const { success, stderr } = lab.doBehind(() =>
    new Deno.Command("ip", { args: [...args] }).outputSync()
  );
  assert.ok(success, new TextDecoder().decode(stderr));
}

const listed = (family: LabFamily) => family.servers.map((each) => `"${each}"`).join(", ");
const CHECK = "check: {type: http, path: /healthz, timeout: 5s}";
/** The lab's virtual service, for mode link. */
const service = (family: LabFamily, more = "") =>
  `  - {address: "${family.virtual}", port: ${PORT}, servers: [${
    listed(family)
  }], ${CHECK}${more}}\n`;

Deno.test("parameters, modules at boot and a server that is gone", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab } = host;
  const { virtual } = V4;
  await makeWell(lab);
  await Deno.remove("/etc/modules-load.d/test.conf");
  host.write(
    `services:\n${service(V4)}` +
      `  - {address: ${virtual}, port: 53, protocol: udp, check: none, servers: [${
        listed(V4)
      }]}\n` +
      `  - {address: ${virtual}, port: 443, persistence: 5m, check: none, servers: [${
        listed(V4)
      }]}\n`,
  );
  await must("ipvsadm", "-A", "-t", lab.virtual, "-s", "wrr");
  await sysctl(
    ...["net.ipv4.vs.conntrack=0", "net.ipv4.vs.drop_entry=3", "net.ipv4.vs.drop_packet=1"],
    ...["net.ipv4.vs.sloppy_tcp=1", "net.ipv4.ip_forward=0", "net.ipv4.conf.cable0.rp_filter=1"],
    "net.ipv4.tcp_keepalive_time=7200",
  );
  await lab.servers[0]!.stop();
  await mended(host, [
    {
      id: "vs-conntrack",
      level: "fail",
      said: /services of mode link are in the table/,
      mend: /^sysctl -w net\.ipv4\.vs\.conntrack=1$/,
    },
    {
      id: "expire-nodest",
      level: "warn",
      said: /expire_nodest_conn is 0/,
      mend: /^sysctl -w net\.ipv4\.vs\.expire_nodest_conn=1$/,
    },
    {
      id: "expire-template",
      level: "warn",
      said: /expire_quiescent_template is 0/,
      mend: /^sysctl -w net\.ipv4\.vs\.expire_quiescent_template=1$/,
    },
    {
      id: "vs-defence",
      level: "warn",
      said: /drop_entry is 3 \(always: .*\) and net\.ipv4\.vs\.drop_packet is 1 \(when/,
      mend: /^sysctl -w net\.ipv4\.vs\.drop_entry=0 net\.ipv4\.vs\.drop_packet=0$/,
    },
    {
      id: "vs-sloppy-tcp",
      level: "warn",
      said: /sloppy_tcp is 1/,
      mend: /^sysctl -w net\.ipv4\.vs\.sloppy_tcp=0$/,
    },
    {
      id: "ip-forward",
      level: "warn",
      said: /ip_forward is 0/,
      mend: /^sysctl -w net\.ipv4\.ip_forward=1$/,
    },
    {
      id: "rp-filter",
      level: "warn",
      said: /strict on cable0/,
      mend: /^sysctl -w net\.ipv4\.conf\.all\.rp_filter=2$/,
    },
    {
      id: "tcp-keepalive",
      level: "warn",
      said: /is 7200 s, and IPVS forgets a connection of TCP that is silent for 900 s/,
      mend: /^sysctl -w net\.ipv4\.tcp_keepalive_time=600$/,
    },
    {
      id: "checks",
      level: "warn",
      said:
        /^TCP \S+: 1 of 3 servers fails its check: 192\.168\.77\.2:6443 \(connection refused\)$/,
      done: () => lab.servers[0]!.start(),
    },
    {
      id: "boot",
      level: "warn",
      said: /^ip_vs, ip_vs_wrr and dummy are not loaded at boot/,
      mend: /^lvscare doctor -c \S+ --fix$/,
    },
  ]);
  assert.match(await Deno.readTextFile(MODULES_FILE), /^ip_vs\nip_vs_wrr\ndummy\n/m);
  await Deno.remove(MODULES_FILE);
});

Deno.test("--fix does all of that by itself, once, and nothing else", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab } = host;
  await makeWell(lab);
  await Deno.remove("/etc/modules-load.d/test.conf");
  // It must be there for its parameters to be there; the scheduler need not.
  await withoutIpvs(() => must("modprobe", "ip_vs").then(() => {}));
  host.write(`services:\n${service(V4)}`);
  await sysctl("net.ipv4.vs.sloppy_tcp=1", "net.ipv4.ip_forward=0", "net.ipv4.vs.conntrack=0");
  const before = await lab.snapshot();
  const { status, did, findings } = await host.examine(["--fix"]);
  assert.deepEqual(did.filter(({ ok }) => !ok), []);
  assert.deepEqual(did.map(({ text }) => text).sort(), [
    "loaded module ip_vs_wrr",
    "set net.ipv4.ip_forward: 0 -> 1",
    "set net.ipv4.vs.conntrack: 0 -> 1",
    "set net.ipv4.vs.sloppy_tcp: 1 -> 0",
    `wrote ${MODULES_FILE}: ip_vs, ip_vs_wrr, dummy`,
    `wrote ${PARAMETERS_FILE}: net.ipv4.vs.conntrack, net.ipv4.vs.sloppy_tcp, net.ipv4.ip_forward`,
  ]);
  assert.deepEqual(findings.filter(({ level }) => level !== "ok"), []);
  assert.equal(status, 0);
  assert.equal(await lab.snapshot(), before);
  const files = [await Deno.readTextFile(MODULES_FILE), await Deno.readTextFile(PARAMETERS_FILE)];
  const again = await host.run(["lvscare", "doctor", "-c", host.path, "--fix"]);
  assert.match(again.stdout, /^did {3}nothing: there is nothing that --fix mends\n/);
  assert.equal(again.status, 0);
  const after = [await Deno.readTextFile(MODULES_FILE), await Deno.readTextFile(PARAMETERS_FILE)];
  assert.deepEqual(after, files);
  // As systemd-sysctl does it with the next boot.
  await sysctl("net.ipv4.vs.sloppy_tcp=1");
  await must("sysctl", "-q", "-p", PARAMETERS_FILE);
  assert.equal((await must("sysctl", "-n", "net.ipv4.vs.sloppy_tcp")).trim(), "0");
  await Deno.remove(MODULES_FILE);
  await Deno.remove(PARAMETERS_FILE);
});

Deno.test("addresses that are elsewhere, and servers that cannot be reached", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab } = host;
  await makeWell(lab);
  const near = "192.168.77.100";
  const quiet = "10.103.97.20";
  const lonely = "10.103.97.21";
  const well = `services:\n${service(V4)}` +
    `  - {address: ${near}, port: 80, check: none, servers: [192.168.77.2]}\n` +
    `  - {address: ${quiet}, port: 80, mode: none, forwarding: direct, check: none, ` +
    "servers: [192.168.77.1, 192.168.77.3]}\n" +
    `  - {address: ${lonely}, port: 80, mode: none, check: none, servers: [192.168.77.2]}\n`;
  host.write(
    `host: {sync-daemon: {device: sync0}}\n${well}` +
      `  - {address: ${lonely}, port: 81, mode: none, check: none, servers: [127.0.0.1]}\n` +
      `  - {address: ${quiet}, port: 82, mode: none, forwarding: direct, check: none, ` +
      "servers: [192.168.99.9]}\n" +
      `  - {address: ${quiet}, port: 83, mode: route, gateway: 192.168.77.2, check: none, ` +
      "servers: [192.168.77.3]}\n",
  );
  await must("ip", "link", "add", "sync0", "type", "dummy");
  await must("ip", "addr", "add", `${V4.virtual}/24`, "dev", "cable0");
  await must("ip", "addr", "add", `${quiet}/32`, "dev", "lo");
  behind(lab, "addr", "add", `${near}/32`, "dev", "cable1");
  await mended(host, [
    {
      id: "address",
      level: "fail",
      said: /^10\.103\.97\.12 is on device cable0 as 10\.103\.97\.12\/24, must be on lvscare alone/,
      mend: /^ip addr del 10\.103\.97\.12\/24 dev cable0$/,
    },
    {
      id: "address",
      level: "warn",
      said: /^10\.103\.97\.21 is on no device of this host/,
      mend: /^ip addr add 10\.103\.97\.21\/32 dev lo$/,
    },
    {
      id: "address",
      level: "fail",
      said: /^TCP 10\.103\.97\.20:83: its route leads by way of 192\.168\.77\.2, which is no/,
      done() {},
    },
    {
      id: "duplicate",
      level: "warn",
      said:
        /^192\.168\.77\.100 is answered for on cable0 by another host \([\da-f]{2}(:[\da-f]{2}){5}\)/,
      done: () => behind(lab, "addr", "del", `${near}/32`, "dev", "cable1"),
    },
    {
      id: "arp",
      level: "warn",
      said: /^direct routing to this host: .* TCP 10\.103\.97\.20:80.* answers for it on cable0/,
      mend: /^sysctl -w net\.ipv4\.conf\.all\.arp_ignore=1 net\.ipv4\.conf\.all\.arp_announce=2$/,
    },
    {
      id: "reach",
      level: "fail",
      said: /^the sync daemon is to speak over device sync0, which is down/,
      mend: /^ip link set sync0 up$/,
    },
    { id: "reach", level: "warn", said: /127\.0\.0\.1:81 is on the loopback device/, done() {} },
    {
      id: "reach",
      level: "fail",
      said: /192\.168\.99\.9:82 is to get its packets by direct routing and is of no network/,
      done: () => host.write(`host: {sync-daemon: {device: sync0}}\n${well}`),
    },
  ]);
});

/** What kube-proxy answers, and where. */
function serveKubeProxy(lab: CareLab, excluded: () => readonly string[]): Deno.HttpServer {
  let server: Deno.HttpServer | undefined;
  lab.do(() => {
    const options = { hostname: "127.0.0.1", port: 10249, onListen: () => {} };
    server = Deno.serve(options, ({ url }) => {
      if (new URL(url).pathname === "/proxyMode") return new Response("ipvs");
      const ipvs = { excludeCIDRs: excluded() };
      return Response.json({ "kubeproxy.config.k8s.io": { mode: "ipvs", ipvs } });
    });
  });
  return server!;
}

Deno.test("rules of others, and who else cares for IPVS", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab } = host;
  await makeWell(lab);
  const file = (bit: string) => `host: {masquerade-bit: ${bit}}\nservices:\n${service(V4)}`;
  host.write(file("0"));
  const once = await lab.lvscare([...lab.flags(), "--mode", "link", "--run-once"]);
  assert.equal(once.status, 0, once.stdout + once.stderr);
  await must("iptables", "-t", "nat", "-N", "KUBE-MARK-MASQ");
  await must("iptables", "-t", "nat", "-A", "KUBE-MARK-MASQ", "-j", "MARK", "--or-mark", "0x3");
  await must("iptables", "-N", "CILIUM_OUTPUT");
  await must("iptables", "-I", "OUTPUT", "-j", "CILIUM_OUTPUT");
  await must("iptables-legacy", "-A", "FORWARD", "-p", "tcp", "-j", "ACCEPT");
  await must("nft", "add", "table", "inet", "firewalld");
  await must("nft", "add", "chain", "inet", "firewalld", "filter_IN_public_allow");
  await must("nft", "add", "rule", "inet", "firewalld", "filter_IN_public_allow", "counter");
  await must("ip", "link", "add", "kube-ipvs0", "type", "dummy");
  let excluded: readonly string[] = ["10.104.0.0/16"];
  const kubeProxy = serveKubeProxy(lab, () => excluded);
  try {
    await mended(host, [
      {
        id: "mark",
        level: "warn",
        said: /^mark bit 0 \(0x1\), .* is also kube-proxy's \(chain KUBE-MARK-MASQ .* writes 0x3\)/,
        done: (text) => {
          const free = /bit (\d+) is free: masquerade-bit: \1 of host/.exec(text)?.[1];
          assert.equal(free, "2");
          host.write(file(free));
        },
      },
      {
        id: "two-iptables",
        level: "warn",
        said: /^rules of iptables-legacy \(ip filter\) stand beside rules of nftables/,
        done: () => must("iptables-legacy", "-F"),
      },
      {
        id: "cilium",
        level: "warn",
        said: /^Cilium's chains stand before lvscare's rule in OUTPUT of filter \(nftables, ip\)/,
        mend: /^cilium config set prepend-iptables-chains false$/,
      },
      {
        id: "kube-proxy",
        level: "fail",
        said: /put 10\.103\.97\.12\/32 into excludeCIDRs/,
        done: () => void (excluded = [...excluded, "10.103.97.12/32"]),
      },
      {
        id: "firewalld",
        level: "warn",
        said: /no rule of it is seen that lets 6443\/tcp in/,
        mend: /^firewall-cmd --add-port=6443\/tcp$/,
      },
    ]);
  } finally {
    await kubeProxy.shutdown();
  }
  // Packets with that bit are dropped, firewalld is known by its process, and kube-proxy does not answer.
  await must("iptables", "-N", "KUBE-FIREWALL");
  await must("iptables", "-A", "KUBE-FIREWALL", "-m", "mark", "--mark", "0x4/0x4", "-j", "DROP");
  await must("nft", "delete", "table", "inet", "firewalld");
  await Deno.writeTextFile("/run/firewalld.pid", `${Deno.pid}\n`);
  const { findings } = await host.examine();
  await Deno.remove("/run/firewalld.pid");
  const said = new Map(findings.map(({ id, level, text }) => [id, `${level} ${text}`]));
  assert.match(said.get("mark")!, /^fail mark bit 2 \(0x4\).*is dropped; bit 3 is free/);
  assert.match(said.get("firewalld")!, /^warn firewalld is active, and no rule/);
  assert.match(
    said.get("kube-proxy")!,
    /^warn .*must have 10\.103\.97\.12\/32, .* \(nobody listens on 127\.0\.0\.1:10249\)$/,
  );
});

Deno.test("IPv6: forwarding, an address that is nowhere, and one that another host has", async () => {
  await using host = await DoctorLab.open(V6);
  const { lab } = host;
  await makeWell(lab);
  const near = "fd00:77::100";
  host.write(
    `services:\n${service(V6, ", mode: none")}` +
      `  - {address: "${near}", port: 80, check: none, servers: ["fd00:77::2"]}\n`,
  );
  await sysctl("net.ipv6.conf.all.forwarding=0");
  behind(lab, "addr", "add", `${near}/128`, "dev", "cable1", "nodad");
  await mended(host, [
    {
      id: "ipv6-forward",
      level: "warn",
      said: /^net\.ipv6\.conf\.all\.forwarding is 0/,
      mend: /^sysctl -w net\.ipv6\.conf\.all\.forwarding=1$/,
    },
    {
      id: "address",
      level: "warn",
      said: /^fd00:103::12 is on no device of this host: packets/,
      mend: /^ip addr add fd00:103::12\/128 dev lo$/,
    },
    {
      id: "duplicate",
      level: "warn",
      said:
        /^fd00:77::100 is answered for on cable0 by another host \([\da-f]{2}(:[\da-f]{2}){5}\)/,
      done: () => behind(lab, "addr", "del", `${near}/128`, "dev", "cable1"),
    },
  ]);
});

Deno.test("servers that all fail are a failure, and the text says what the JSON says", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab } = host;
  await makeWell(lab);
  host.write(`services:\n${service(V4)}`);
  for (const server of lab.servers) await server.stop();
  const { findings, status } = await host.examine();
  const bad = findings.filter(({ level }) => level !== "ok");
  assert.deepEqual(bad.map(({ id, level }) => `${id} ${level}`), ["checks fail"]);
  assert.match(
    bad[0]!.text,
    /^TCP \S+: all 3 servers fail their checks: (\S+ \(connection refused\)(, |$)){3}/,
  );
  assert.equal(status, 1);
  const ran = await host.run(["lvscare", "doctor", "-c", host.path]);
  const lines = findings.flatMap(({ level, text, mend }) => [
    `${level.padEnd(6)}${text}`,
    ...(mend === undefined ? [] : [`      mend: ${mend}`]),
  ]);
  assert.deepEqual(ran.stdout.split("\n").slice(0, -2), lines);
  assert.equal(ran.status, 1);
  for (const words of [["-c", "/nothing"], ["--vs", "x"], ["--fix=maybe"], ["--nothing"]]) {
    const wrong = await host.run(["lvscare", "doctor", ...words]);
    assert.deepEqual([wrong.status, wrong.stdout], [2, ""], words.join(" "));
    assert.match(wrong.stderr, /^[^\n]+\n$/);
  }
});

Deno.test("without root it says what it could not see, and looks at the rest", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab } = host;
  await makeWell(lab);
  host.write(`services:\n${service(V4)}`);
  const before = await lab.snapshot();
  const { findings, status } = await host.examine([], [
    ...["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
  ]);
  assert.equal(await lab.snapshot(), before);
  const bad = findings.filter(({ level }) => level !== "ok");
  assert.deepEqual(bad.map(({ id, level }) => `${id} ${level}`), ["unseen warn"]);
  const { text, mend } = bad[0]!;
  assert.match(text, /^not seen: IPVS's table, rules of nftables and iptables/);
  assert.match(text, /who else has virtual addresses of IPv4 \(not permitted\)$/);
  assert.equal(status, 3);
  for (const id of ["modules", "address", "checks", "ip-forward"]) {
    assert.ok(findings.some((each) => each.id === id && each.level === "ok"), id);
  }
  const mended = await host.run(mend!.split(" "));
  assert.equal(mended.status, 0, mended.stdout);
});

Deno.test("tables that are full", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab } = host;
  const options = "/etc/modprobe.d/lvscare.conf";
  const limit = "/proc/sys/net/netfilter/nf_conntrack_max";
  await withoutIpvs(() => must("modprobe", "ip_vs", "conn_tab_bits=8").then(() => {}));
  await makeWell(lab);
  await sysctl("net.ipv4.vs.expire_nodest_conn=1");
  const udp = `  - {address: ${V4.host}, port: 53, protocol: udp, mode: none, check: none, ` +
    "servers: [192.168.77.2]}\n";
  host.write(`services:\n${udp}`);
  await must("ipvsadm", "-A", "-u", `${V4.host}:53`, "-s", "wrr");
  await must("ipvsadm", "-a", "-u", `${V4.host}:53`, "-r", "192.168.77.2:53", "-m");
  // So that connections are tracked at all.
  await must("iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "INVALID");
  lab.do(() => {
    const address = toSocketAddress({ address: parseAddress(V4.host)!, port: 53 });
    // Each from a port of its own.
    const sockets = Array.from({ length: 300 }, () => startConnect("datagram", address));
    for (const socket of sockets) send(socket, new Uint8Array(1), 1);
    for (const socket of sockets) closeSocket(socket);
  });
  const count = Number(await must("sysctl", "-n", "net.netfilter.nf_conntrack_count"));
  const before = (await Deno.readTextFile(limit)).trim();
  const inFirst = ["nsenter", "--net=/proc/1/ns/net"];
  await must("nsenter", inFirst[1]!, "sysctl", "-qw", `net.netfilter.nf_conntrack_max=${count}`);
  try {
    const { findings } = await host.examine();
    const bad = new Map(
      findings.filter(({ level }) => level !== "ok").map((finding) => [finding.id, finding]),
    );
    assert.deepEqual([...bad.keys()].sort(), ["conntrack-table", "vs-table"]);
    const table = bad.get("vs-table")!;
    assert.match(table.text, /^IPVS has \d{3} connections in a table of 256 rows/);
    const [, line = "", bits] = /put "(options ip_vs conn_tab_bits=(\d+))" into/.exec(table.text) ??
      [];
    assert.equal(bits, "10");
    await Deno.writeTextFile(options, `${line}\n`);
    const conntrack = bad.get("conntrack-table")!;
    assert.equal(conntrack.level, "fail");
    assert.equal(conntrack.mend, `sysctl -w net.netfilter.nf_conntrack_max=${2 * count}`);
    // Only the first namespace may set it for all.
    const mended = await host.run([...inFirst, ...conntrack.mend!.split(" ")]);
    assert.equal(mended.status, 0, mended.stderr);
    await withoutIpvs(() => must("modprobe", "ip_vs").then(() => {}));
    await makeWell(lab);
    await sysctl("net.ipv4.vs.expire_nodest_conn=1");
    const after = await host.examine();
    const said = new Map(after.findings.map(({ id, level, text }) => [id, `${level} ${text}`]));
    assert.match(said.get("vs-table")!, /^ok IPVS has 0 connections in a table of 1024 rows$/);
    assert.match(said.get("conntrack-table")!, /^ok connection tracking has \d+ of at most \d+/);
    assert.equal(after.status, 0, JSON.stringify(after.findings));
  } finally {
    await must("nsenter", inFirst[1]!, "sysctl", "-qw", `net.netfilter.nf_conntrack_max=${before}`);
    await Deno.remove(options).catch(() => {});
    await withoutIpvs(() => must("modprobe", "ip_vs").then(() => {}));
  }
});

/** Runs what stands behind it where these files look otherwise. */
function inMounts(...lines: readonly string[]): string[] {
  return ["unshare", "--mount", "sh", "-c", `${lines.join(" && ")} && exec "$@"`, "sh"];
}

Deno.test("modules that are not loaded, blocked or not there, and a kernel that is too old", async () => {
  await using host = await DoctorLab.open(V4);
  const { lab, folder } = host;
  const release = (await Deno.readTextFile("/proc/sys/kernel/osrelease")).trim();
  const file = (more: string) => `services:\n${service(V4, more)}`;
  host.write(file(""));
  await makeWell(lab);
  await withoutIpvs(async () => {
    await mended(host, [{
      id: "modules",
      level: "warn",
      said: /^ip_vs and ip_vs_wrr are not loaded/,
      mend: /^modprobe -a ip_vs ip_vs_wrr$/,
      // Parameters are there with their module, and are as it makes them.
      done: () => sysctl("net.ipv4.vs.conntrack=1"),
    }]);
  });
  const saidBy = async (before: readonly string[]) => {
    const { findings } = await host.examine([], before);
    return findings.filter(({ level, id }) =>
      level !== "ok" && (id === "modules" || id === "kernel")
    )
      .map(({ level, text }) => `${level} ${text}`);
  };
  await withoutIpvs(async () => {
    await must("modprobe", "ip_vs");
    const block = "/etc/modprobe.d/doctor.conf";
    await Deno.writeTextFile(block, "install ip_vs_wrr /bin/false\n");
    const [blocked = "", ...more] = await saidBy([]);
    assert.deepEqual(more, []);
    assert.match(
      blocked,
      /^fail ip_vs_wrr .*remove the line "install ip_vs_wrr" from \/etc\/modprobe/,
    );
    await Deno.remove(block);
    const [loadable = ""] = await saidBy([]);
    assert.match(loadable, /^warn ip_vs_wrr is not loaded/);

    const modules = `/lib/modules/${release}`;
    const dependencies = await Deno.readTextFile(`${modules}/modules.dep`);
    const rest = dependencies.split("\n").filter((line) => !/^\S*ip_vs_wrr/.test(line));
    await Deno.writeTextFile(`${folder}/modules.dep`, rest.join("\n"));
    const without = inMounts(`mount --bind ${folder}/modules.dep ${modules}/modules.dep`);
    assert.match(
      (await saidBy(without)).join(),
      /^fail ip_vs_wrr \(scheduler wrr\) is not there for Linux/,
    );

    const nowhere = inMounts("mount -t tmpfs none /lib/modules");
    assert.match(
      (await saidBy(nowhere)).join(),
      /^warn ip_vs_wrr .*there is no \/lib\/modules\/\S+ here to load it from/,
    );
  });
  // A kernel says of itself what stands in this file.
  await Deno.writeTextFile(`${folder}/osrelease`, "4.15.0-1-amd64\n");
  const old = inMounts(`mount --bind ${folder}/osrelease /proc/sys/kernel/osrelease`);
  host.write(
    file(", mode: none, scheduler: mh, forwarding: tunnel, tunnel: {type: gue, port: 6080}"),
  );
  const said = await saidBy(old);
  assert.ok(
    said.includes(
      "fail tunnels by GUE came with Linux 5.2, and this is 4.15.0-1-amd64: use a kernel that has " +
        "it, or configure another way",
    ),
    said.join("\n"),
  );
  assert.ok(said.some((text) => /^fail scheduler mh came with Linux 4\.18/.test(text)));
  assert.deepEqual((await saidBy([])).filter((text) => text.startsWith("fail")), []);
});
