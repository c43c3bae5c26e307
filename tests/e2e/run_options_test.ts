/** Every option that files can say, in a real table: as ipvsadm saves it, and with nothing left to change. */

import assert from "node:assert/strict";
import { until, V4 } from "../support/care_lab.ts";
import { must } from "../support/network.ts";
import { RunLab } from "../support/run_lab.ts";

const FILE = `
defaults: {mode: none, scheduler: rr}
services:
  - {address: 10.200.0.1, port: [80, 443], servers: [10.1.0.1, {address: 10.1.0.2, weight: 7}]}
  - address: 10.200.0.2
    port: 53
    protocol: [tcp, udp]
    one-packet: true
    servers: ["10.1.0.1:5353"]
  - address: 10.200.0.3
    port: 80
    scheduler: sh
    scheduler-flags: [sh-port, sh-fallback]
    persistence: {timeout: 90s, mask: 255.255.255.0}
    upper-threshold: 100
    lower-threshold: 50
    servers: ["10.1.0.1:8080"]
  - {address: 10.200.0.4, port: 80, forwarding: direct, servers: [10.1.0.1]}
  - address: 10.200.0.5
    port: 80
    forwarding: tunnel
    servers:
      - 10.1.0.1
      - {address: 10.1.0.2, tunnel: {type: gue, port: 6080, checksum: remote}}
      - {address: 10.1.0.3, tunnel: {type: gre, checksum: checksum}}
  - {address: 10.200.0.6, port: 0, persistence: 5m, servers: [10.1.0.1]}
  - {mark: 5, scheduler: mh, persistence: 1m, servers: ["10.1.0.1:80"]}
  - {mark: 6, servers: ["[fd00:1::1]:80"]}
  - address: "fd00:200::1"
    port: 80
    persistence: {prefix: 64}
    servers: ["[fd00:1::1]:8080"]
  - {address: 10.200.0.7, port: 36412, protocol: sctp, servers: [10.1.0.1]}
`;

const SAVED = [
  "-A -t 10.200.0.1:80 -s rr",
  "-a -t 10.200.0.1:80 -r 10.1.0.1:80 -m -w 1",
  "-a -t 10.200.0.1:80 -r 10.1.0.2:80 -m -w 7",
  "-A -t 10.200.0.1:443 -s rr",
  "-a -t 10.200.0.1:443 -r 10.1.0.1:443 -m -w 1",
  "-a -t 10.200.0.1:443 -r 10.1.0.2:443 -m -w 7",
  "-A -t 10.200.0.2:53 -s rr",
  "-a -t 10.200.0.2:53 -r 10.1.0.1:5353 -m -w 1",
  "-A -u 10.200.0.2:53 -s rr -o",
  "-a -u 10.200.0.2:53 -r 10.1.0.1:5353 -m -w 1",
  "-A -t 10.200.0.3:80 -s sh -p 90 -M 255.255.255.0 -b sh-fallback,sh-port",
  "-a -t 10.200.0.3:80 -r 10.1.0.1:8080 -m -w 1 -x 100 -y 50",
  "-A -t 10.200.0.4:80 -s rr",
  "-a -t 10.200.0.4:80 -r 10.1.0.1:80 -g -w 1",
  "-A -t 10.200.0.5:80 -s rr",
  "-a -t 10.200.0.5:80 -r 10.1.0.1:80 -i -w 1 --tun-type ipip",
  "-a -t 10.200.0.5:80 -r 10.1.0.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
  "-a -t 10.200.0.5:80 -r 10.1.0.3:80 -i -w 1 --tun-type gre --tun-csum",
  "-A -t 10.200.0.6:0 -s rr -p 300",
  "-a -t 10.200.0.6:0 -r 10.1.0.1:0 -m -w 1",
  "-A -f 5 -s mh -p 60",
  "-a -f 5 -r 10.1.0.1:80 -m -w 1",
  "-A -f 6 -6 -s rr",
  "-a -f 6 -6 -r [fd00:1::1]:80 -m -w 1",
  "-A -t [fd00:200::1]:80 -s rr -p 300 -M 64",
  "-a -t [fd00:200::1]:80 -r [fd00:1::1]:8080 -m -w 1",
  "-A --sctp-service 10.200.0.7:36412 -s rr",
  "-a --sctp-service 10.200.0.7:36412 -r 10.1.0.1:36412 -m -w 1",
];

/** As lvscare saves the table: thresholds and tunnels too, which not every ipvsadm does. */
async function saved(run: RunLab): Promise<string[]> {
  const { stdout, status, stderr } = await run.lab.lvscare(["ipvs", "save", "-n"]);
  assert.equal(status, 0, stderr);
  return stdout.trim().split("\n").toSorted();
}

Deno.test("every option gets into the table, and a second look finds nothing to change", async () => {
  await using run = await RunLab.open(V4);
  run.write("lvscare.yaml", FILE);
  const process = run.start("--wait");
  await process.said(/ready/);
  assert.doesNotMatch(process.output, /error/);
  assert.deepEqual(await saved(run), SAVED.toSorted(), await must("ipvsadm", "-Sn"));
  assert.match(await must("ipvsadm", "-Ln", "--thresholds"), /10\.1\.0\.1:8080 +100 +50 /);
  const plan = await run.lvscare("plan");
  assert.deepEqual([plan.status, plan.stdout], [0, "nothing to do: all is as it must be\n"]);

  const from = process.output.length;
  run.write("lvscare.yaml", FILE.replace("weight: 7", "weight: 9").replace("scheduler: mh, ", ""));
  const reloaded = await run.lvscare("reload");
  assert.equal(reloaded.stdout, "12 services, 16 servers, 3 changes\n", reloaded.stderr);
  assert.match(process.output.slice(from), /edit server 10\.1\.0\.2:80 .*: weight 7 -> 9/);
  assert.match(process.output.slice(from), /edit service FWM 5: mh persistent 60 s \/32 -> rr/);

  run.write("lvscare.yaml", "services: []\n");
  assert.equal((await run.lvscare("reload")).status, 0);
  await until(async () => (await saved(run)).join() === "", "the table is empty");
  await process.stop();
});
