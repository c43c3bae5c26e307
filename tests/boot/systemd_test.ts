/** `lvscare install`, its unit and all that it says, under a real systemd with a real IPVS. */

import assert from "node:assert/strict";
import { ORIGINAL, SystemdLab, VIRTUAL } from "../support/systemd_lab.ts";

const UNIT = "/etc/systemd/system/lvscare.service";
const DROP_INS = ["/etc/modules-load.d/lvscare.conf", "/etc/sysctl.d/90-lvscare.conf"];
const CONFIG = "/etc/lvscare/lvscare.yaml";
const OVERRIDE = "/etc/systemd/system/lvscare.service.d/mine.conf";

/** Everything that a check or a notification may do under the unit. */
const SERVICES = `services:
  - name: web
    address: ${VIRTUAL}
    port: 80
    mode: link
    notify: [/opt/told]
    checks:
      - { type: http, path: /, interval: 1s }
      - { type: icmp, interval: 2s }
      - { type: exec, command: [/opt/check], user: nobody, interval: 2s }
    servers: [10.2.1.2, 10.2.2.2]
`;
/** A service that nothing is asked of, by a scheduler that no drop-in names. */
const another = (scheduler: string) =>
  `  - name: other
    address: 10.103.97.13
    port: 80
    mode: none
    scheduler: ${scheduler}
    check: none
    servers: [10.2.1.2]
`;

const CHECK = `#!/bin/sh
id -u >/tmp/checked
[ "$(id -u)" = 65534 ]
`;
const TOLD = `#!/bin/sh
echo "$LVSCARE_EVENT" >>/run/lvscare/told
`;

/** What is said of what went wrong or may go wrong. */
function troubles(log: string): string[] {
  return log.split("\n").filter((line) => /^\S+ (?:warn|error|fatal) /.test(line));
}

const ACTIVE = "systemctl -q is-active lvscare";
const modules = (log: string) => log.split("\n").map((line) => line.split(" ")[0]!);

Deno.test("lvscare lives under systemd, from its installation over restarts, a hang and a new start of the host to its removal", async (t) => {
  await using lab = await SystemdLab.open();
  const { guest } = lab;
  let isWell = true;
  /** What comes after one that failed would tell of nothing else. */
  const step = async (name: string, body: () => Promise<void>) => {
    if (!isWell) return;
    isWell = await t.step(name, body);
    if (!isWell) console.error((await guest.sh("journalctl -u lvscare -n 60 --no-pager")).stdout);
  };
  const put = (path: string, text: string) =>
    guest.must(`mkdir -p ${path.replace(/\/[^/]*$/, "")} && cat >${path} <<'END'\n${text}END\n`);
  const override = async (...lines: readonly string[]) => {
    await put(OVERRIDE, ["[Service]", ...lines, ""].join("\n"));
    await guest.must("systemctl daemon-reload");
  };
  const install = (...flags: readonly string[]) =>
    guest.must([ORIGINAL, "install", ...flags].join(" "));
  const kernel = async () => await guest.must("cat /proc/net/ip_vs");
  const pid = async () => await lab.property("MainPID");
  let before = new Map<string, string>();

  guest.write("/opt/check", CHECK, 0o755);
  guest.write("/opt/told", TOLD, 0o755);
  await guest.boot();

  await step("install does nothing where a unit of somebody's own is", async () => {
    await put(UNIT, "[Service]\nExecStart=/usr/bin/sleep 1000\n");
    before = await lab.files();
    const { status, stdout, stderr } = await guest.sh(`${ORIGINAL} install`);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(
      stderr,
      /^lvscare: install \S+lvscare\.service: the file there is yours, [^\n]*\n$/,
    );
    assert.deepEqual(await lab.files(), before);
    await guest.must(`rm ${UNIT}`);
    before.delete(UNIT);
  });

  await step("install puts it there and starts it; again, there is nothing to do", async () => {
    assert.match(await guest.must("systemctl --version"), /^systemd 252 /);
    const said = await install();
    assert.match(said, /^put \/usr\/bin\/lvscare \(\d+ MB\)$/m);
    assert.match(said, /^write \/etc\/systemd\/system\/lvscare.service$/m);
    assert.match(said, /^run systemctl enable --now lvscare$/m);
    await guest.must(ACTIVE);
    assert.equal(await lab.property("UnitFileState"), "enabled");
    assert.match(await install(), /^nothing to do: all is as it must be$/m);
    await guest.must(ACTIVE);
    // It says nothing of what it does not understand.
    const { status, stdout, stderr } = await guest.sh(`systemd-analyze verify ${UNIT} 2>&1`);
    assert.deepEqual([status, stdout, stderr], [0, "", ""]);
    assert.equal(await guest.must(`cat ${UNIT}`), await lab.here("generate", "systemd"));
    const score = await guest.must("systemd-analyze security lvscare --no-pager");
    console.log(score.trim().split("\n").at(-1));
  });

  await step("its process has the rights that the unit leaves it, and no other", async () => {
    const status = await guest.must(`cat /proc/${await pid()}/status`);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    // KILL, SETGID, SETUID, NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_MODULE
    const bits = [5, 6, 7, 10, 12, 13, 16].reduce((sum, bit) => sum + 2 ** bit, 0);
    assert.match(status, new RegExp(`^CapBnd:\t0*${bits.toString(16)}$`, "m"));
    assert.match(status, new RegExp(`^CapEff:\t0*${bits.toString(16)}$`, "m"));
  });

  await step("it loads modules itself, where nobody else would", async () => {
    assert.ok(!modules(await guest.must("cat /proc/modules")).includes("ip_vs"));
    await guest.must("sysctl -q -w kernel.modprobe=/bin/false");
    await put(CONFIG, `services:\n${another("sed")}`);
    await guest.must("systemctl reload lvscare");
    assert.match(await kernel(), /^TCP +0A67610D:0050 sed/m);
    const loaded = modules(await guest.must("cat /proc/modules"));
    for (const name of ["ip_vs", "ip_vs_sed"]) assert.ok(loaded.includes(name), `${loaded}`);
    await guest.must("sysctl -q -w kernel.modprobe=/sbin/modprobe");
  });

  await step("reload makes address, rules and service; clients are answered", async () => {
    await put(CONFIG, `host: { masquerade: nftables }\n${SERVICES}${another("sed")}`);
    // Whose rules they are takes a restart.
    assert.notEqual((await guest.sh("systemctl reload lvscare")).status, 0);
    assert.match(await lab.log(), /error host\.masquerade is another one: that takes a restart/);
    await guest.must("systemctl restart lvscare");
    assert.match(await guest.must("ip -4 addr show lvscare"), /10\.103\.97\.12\/32/);
    assert.equal(await guest.must("cat /proc/sys/net/ipv4/vs/conntrack"), "1\n");
    await guest.until(
      `[ "$(cat /proc/$(systemctl show lvscare -p MainPID --value)/root/tmp/checked)" = 65534 ]`,
      "a check that nobody runs",
    );
    assert.ok((await guest.sh("ls /tmp/checked")).status !== 0);
    await lab.startClients();
    assert.deepEqual(troubles(await lab.log()), []);
  });

  await step(
    "a restart loses no request and no connection, and changes nothing in the kernel",
    async () => {
      const [was, asked] = [await pid(), await lab.answers()];
      await guest.must("systemctl restart lvscare");
      assert.notEqual(await pid(), was);
      assert.ok(await lab.moreAnswers() > asked);
      const log = await lab.log();
      assert.deepEqual(troubles(log), []);
      assert.match(log, /SIGTERM: stopping, and leaving everything in place/);
      assert.doesNotMatch(log, /add service|del service|add server|del server/);
    },
  );

  await step(
    "a wrong switch for a hang is refused, and systemd does not try it again",
    async () => {
      await override("Environment=LVSCARE_DEBUG_HANG=soon");
      assert.notEqual((await guest.sh("systemctl restart lvscare")).status, 0);
      assert.equal(await lab.property("ActiveState"), "failed");
      assert.equal(await lab.property("ExecMainStatus"), "2");
      assert.equal(await lab.property("NRestarts"), "0");
      assert.match(await lab.log(), /^lvscare: LVSCARE_DEBUG_HANG "soon": must be SIGUSR2, /m);
      await lab.moreAnswers();
    },
  );

  await step(
    "the watchdog ends a process that hangs, and it is started again; clients see nothing of it",
    async () => {
      await override("Environment=LVSCARE_DEBUG_HANG=SIGUSR2");
      await guest.must("systemctl restart lvscare");
      const was = await pid();
      await guest.must("systemctl kill --kill-whom=main -s SIGUSR2 lvscare");
      await guest.until('[ "$(systemctl show lvscare -p NRestarts --value)" = 1 ]', "a restart");
      await guest.until(ACTIVE, "its start");
      assert.notEqual(await pid(), was);
      const log = await lab.log();
      assert.match(log, /LVSCARE_DEBUG_HANG: stopping dead, as it asks for/);
      assert.match(log, /Watchdog timeout \(limit 30s\)!/);
      assert.match(log, /code=(killed|dumped), status=6\/ABRT/);
      await lab.moreAnswers();
    },
  );

  await step("a connection was kept over all of it, and no request was lost", async () => {
    const [asked, lines] = [await lab.moreAnswers(), await lab.stopClients()];
    console.log(`${asked} requests answered, ${lines} s of one connection`);
    assert.ok(lines > 30, `${lines}`);
  });

  await step("it cares, and makes no system call that the unit forbids", async () => {
    await override("SystemCallErrorNumber=kill");
    await guest.must("systemctl restart lvscare");
    await lab.log();
    const hasTwo = async () => /-> 0A020202:0050 /.test(await kernel());
    await guest.must("kill $(ip netns pids two)");
    await guest.eventually(async () => !await hasTwo(), "the server's end");
    await guest.must("/opt/serve two");
    await guest.eventually(hasTwo, "the server's return");
    assert.match(await guest.must("cat /run/lvscare/told"), /^server-down\nserver-up$/m);
    await guest.must("systemctl reload lvscare && lvscare status");
    assert.equal(await lab.property("NRestarts"), "0");
  });

  await step("install --drop-ins leaves modules and parameters to the host", async () => {
    await lab.log();
    await put(CONFIG, `host: { masquerade: iptables }\n${SERVICES}${another("mh")}`);
    const said = await install("--drop-ins");
    for (const path of DROP_INS) assert.match(said, new RegExp(`^write ${path}$`, "m"));
    assert.match(said, new RegExp(`^keep ${CONFIG} \\(yours\\)$`, "m"));
    assert.match(said, /^run systemctl restart lvscare$/m);
    await guest.must(ACTIVE);
    assert.match(await guest.must(`cat ${UNIT}`), /^ProtectKernelModules=yes$/m);
    // No drop-in names its module, and it may not load it: the kernel does.
    assert.match(await kernel(), /^TCP +0A67610D:0050 mh/m);
    assert.match(await guest.must("iptables-save -t nat"), /VIRTUAL-SERVICES/);
    assert.equal(await lab.property("NRestarts"), "0");
    assert.deepEqual(troubles(await lab.log()), []);
    await guest.must(`rm ${OVERRIDE}`);
  });

  await step(
    "after a new start of the host it is there, with its modules and parameters",
    async () => {
      await guest.reboot();
      await guest.must(ACTIVE);
      assert.match(await kernel(), /^TCP +0A67610C:0050 /m);
      const loaded = modules(await guest.must("cat /proc/modules"));
      const wanted = [
        "dummy",
        "ip_vs",
        ...["rr", "wrr", "lc", "wlc", "sh"].map((name) => `ip_vs_${name}`),
      ];
      for (const name of wanted) assert.ok(loaded.includes(name), `${name} is not in ${loaded}`);
      // By its name: it may end before the journal has found out which unit it is of.
      const host = await guest.must("journalctl -b -o cat --no-pager -t systemd-modules-load");
      assert.match(host, /Inserted module 'ip_vs'/);
      for (const name of ["conntrack", "expire_nodest_conn", "expire_quiescent_template"]) {
        assert.equal(await guest.must(`cat /proc/sys/net/ipv4/vs/${name}`), "1\n");
      }
      assert.equal(await lab.property("NRestarts"), "0");
      // The servers may come later than it does.
      await guest.until("lvscare status", "its status");
      await lab.startClients();
      await lab.stopClients();
      assert.doesNotMatch(await lab.log(), /scheduler/);
    },
  );

  await step("uninstall takes away what is its own, and nothing else", async () => {
    const said = await guest.must("lvscare uninstall");
    assert.match(said, /^run systemctl disable --now lvscare$/m);
    assert.match(said, /^keep \/etc\/lvscare \(yours\)$/m);
    assert.notEqual((await guest.sh(ACTIVE)).status, 0);
    const after = await lab.files();
    assert.ok(after.delete(CONFIG));
    assert.deepEqual([...after].sort(), [...before].sort());
    assert.match(await kernel(), /^TCP +0A67610C:0050 /m);
  });
});
