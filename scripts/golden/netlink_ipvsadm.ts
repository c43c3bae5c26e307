/** What ipvsadm sends for each of its operations, and what the kernel answers. */

import { capture, type Fixture, type FixtureFile } from "./datagrams.ts";

/** Commands in their order, each with what must be there before it. */
const COMMANDS: readonly string[] = [
  // Daemons: the kernel refuses them once an IPv6 service has an IPv4 server.
  "--start-daemon master --mcast-interface golden0",
  "--start-daemon backup --mcast-interface golden0 --syncid 7",
  "-L --daemon",
  "--stop-daemon master",
  "--stop-daemon backup",
  "--start-daemon master --mcast-interface golden0 --syncid 255 --sync-maxlen 1400 --mcast-group 224.0.0.99 --mcast-port 9000 --mcast-ttl 3",
  "--stop-daemon master",
  // Services: every protocol, family, scheduler and option.
  ..."rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh".split(" ")
    .map((scheduler, i) => `-A -t 10.0.0.${i + 1}:80 -s ${scheduler}`),
  "-A -u 10.0.1.1:53 -s rr",
  "-A --sctp-service 10.0.1.2:9899 -s rr",
  "-A -t [2001:db8::1]:443 -s wlc",
  "-A -u [2001:db8::1]:53 -s rr",
  "-A --sctp-service [2001:db8::2]:9899 -s sh",
  "-A -f 1 -s rr",
  "-A -f 4294967295 -s rr",
  "-A -f 7 -6 -s wrr",
  "-A -t 10.0.2.1:80 -s rr -p 360",
  "-A -t 10.0.2.2:80 -s rr -p 1 -M 255.255.255.0",
  "-A -t 10.0.2.3:0 -s wlc -p 86400",
  "-A -t [2001:db8::3]:80 -s rr -p 600 -M 64",
  "-A -f 9 -s rr -p 300 -M 255.255.0.0",
  "-A -u 10.0.2.4:5060 -s rr -p 300 --pe sip",
  "-A -u 10.0.2.5:53 -s rr -o",
  "-A -t 10.0.2.6:80 -s sh -b sh-port",
  "-A -t 10.0.2.7:80 -s sh -b sh-fallback,sh-port",
  "-A -t 10.0.2.8:80 -s mh -b mh-fallback",
  "-A -t 10.0.2.9:80 -s mh -b mh-fallback,mh-port",
  "-A -t 10.0.2.10:80 -s rr -b flag-1,flag-2,flag-3",
  // Servers: every way of forwarding, weights and thresholds.
  "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m",
  "-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m -w 0",
  "-a -t 10.0.0.1:80 -r 10.1.0.3:8080 -m -w 65535",
  "-a -t 10.0.0.1:80 -r 10.1.0.4:8080 -m -x 100 -y 10",
  "-a -t 10.0.0.1:80 -r 10.1.0.5 -g",
  "-a -t 10.0.0.1:80 -r 127.0.0.1:80 -g -w 3",
  "-a -t 10.0.0.1:80 -r 10.1.0.6 -i",
  "-a -t 10.0.0.1:80 -r 10.1.0.7 -i --tun-type gue --tun-port 5555",
  "-a -t 10.0.0.1:80 -r 10.1.0.8 -i --tun-type gue --tun-port 5555 --tun-csum",
  "-a -t 10.0.0.1:80 -r 10.1.0.9 -i --tun-type gue --tun-port 5555 --tun-remcsum",
  "-a -t 10.0.0.1:80 -r 10.1.0.10 -i --tun-type gre",
  "-a -t 10.0.0.1:80 -r 10.1.0.11 -i --tun-type gre --tun-csum",
  "-a -u 10.0.1.1:53 -r 10.1.1.1:5353 -m",
  "-a --sctp-service 10.0.1.2:9899 -r 10.1.1.2:9899 -m",
  "-a -t [2001:db8::1]:443 -r [2001:db8:1::1]:8443 -m",
  "-a -t [2001:db8::1]:443 -r [2001:db8:1::2]:443 -g -w 7",
  "-a -t [2001:db8::1]:443 -r 10.1.2.1:443 -i",
  "-a -f 1 -r 10.1.3.1:0 -g",
  "-a -f 7 -6 -r [2001:db8:1::3]:0 -g",
  // What is read.
  "-L -n",
  "-L -n -t 10.0.0.1:80",
  "-L -n -t [2001:db8::1]:443",
  "-L -n -f 1",
  "-L -n --stats",
  "-S -n",
  "-L --timeout",
  // Edits.
  "-E -t 10.0.0.1:80 -s wlc",
  "-E -t 10.0.0.1:80 -s rr -p 120",
  "-E -t [2001:db8::1]:443 -s sh -b sh-port",
  "-E -f 1 -s wrr",
  "-e -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5",
  "-e -t 10.0.0.1:80 -r 10.1.0.6 -i -w 5",
  "-e -t 10.0.0.1:80 -r 10.1.0.4:8080 -m -x 0 -y 0",
  "-e -t [2001:db8::1]:443 -r [2001:db8:1::1]:8443 -m -w 0",
  "-e -f 1 -r 10.1.3.1:0 -g -w 2",
  // Counters and timeouts.
  "-Z",
  "-Z -t 10.0.0.1:80",
  "-Z -f 1",
  "--set 900 120 300",
  "--set 0 60 0",
  // Removals.
  "-d -t 10.0.0.1:80 -r 10.1.0.1:8080",
  "-d -t [2001:db8::1]:443 -r [2001:db8:1::1]:8443",
  "-d -f 1 -r 10.1.3.1:0",
  "-D -t 10.0.0.1:80",
  "-D -u 10.0.1.1:53",
  "-D --sctp-service 10.0.1.2:9899",
  "-D -t [2001:db8::1]:443",
  "-D -f 1",
  "-D -f 7 -6",
  "-C",
];

export async function captureNetlinkIpvsadm(folder: string): Promise<void> {
  // The sync daemon wants a device that can multicast and has an address.
  for (
    const line of [
      "link add golden0 type dummy",
      "link set golden0 up multicast on",
      "address add 10.9.0.1/24 dev golden0",
    ]
  ) {
    const { success } = await new Deno.Command("ip", { args: line.split(" ") }).output();
    if (!success) throw new Error(`ip ${line} failed`);
  }
  const fixtures: Fixture[] = [];
  for (const line of COMMANDS) {
    const command = ["ipvsadm", ...line.split(" ")];
    fixtures.push({ command, ...await capture(command) });
  }
  const { stdout } = await new Deno.Command("dpkg-query", {
    args: ["-W", "-f", "${Package} ${Version}", "ipvsadm"],
  }).output();
  const file: FixtureFile = {
    tool: new TextDecoder().decode(stdout),
    kernel: Deno.osRelease(),
    fixtures,
  };
  await Deno.writeTextFile(`${folder}/ipvsadm.json`, `${JSON.stringify(file, null, 2)}\n`);
}
