import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import type { Address } from "../../src/model/address.ts";
import type { IpvsChange, Server, Service, ServiceKey } from "../../src/model/ipvs.ts";
import { parseArguments } from "../../src/ipvsadm/arguments.ts";
import { parseNames } from "../../src/ipvsadm/names.ts";
import type { Operation } from "../../src/ipvsadm/operation.ts";

const names = parseNames(`
# a comment
http            80/tcp   www www-http  # WorldWideWeb HTTP
domain          53/udp
https           443/tcp
late-http       80/tcp
nonsense        99999/tcp
`);

const parse = (line: string): Operation =>
  parseArguments(line === "" ? [] : line.split(" "), names);

const TCP80: ServiceKey = {
  kind: "address",
  protocol: "tcp",
  address: "10.0.0.1" as Address,
  port: 80,
};
const WLC: Service = { key: TCP80, scheduler: "wlc", schedulerFlags: [], onePacket: false };
const SERVER: Server = {
  address: "10.1.0.1" as Address,
  port: 80,
  weight: 1,
  forwarding: { method: "direct" },
  upperThreshold: 0,
  lowerThreshold: 0,
};

function change(wanted: IpvsChange): Operation {
  return { op: "change", change: wanted };
}

const addService = (service: Partial<Service>) =>
  change({ kind: "addService", service: { ...WLC, ...service } });
const addServer = (server: Partial<Server>, key: ServiceKey = TCP80) =>
  change({ kind: "addServer", key, server: { ...SERVER, ...server } });

const IPV6_KEY: ServiceKey = { ...TCP80, address: "2001:db8::1" as Address };
const mark = (value: number, family: "ipv4" | "ipv6" = "ipv4"): ServiceKey => ({
  kind: "mark",
  mark: value,
  family,
});

Deno.test("parseArguments() understands services as ipvsadm does", () => {
  const cases: [string, Operation][] = [
    ["-A -t 10.0.0.1:80", addService({})],
    ["--add-service --tcp-service 10.0.0.1:80", addService({})],
    ["--add-service --tcp-service=10.0.0.1:80 --scheduler=rr", addService({ scheduler: "rr" })],
    ["-At 10.0.0.1:80 -srr", addService({ scheduler: "rr" })],
    ["-A -t10.0.0.1:80 -s=rr", addService({ scheduler: "rr" })],
    ["-t 10.0.0.1:80 -A", addService({})],
    ["-A -t 10.0.0.1:http", addService({})],
    ["-A -t 10.0.0.1:www-http", addService({})],
    [
      "-A -u 10.0.0.1:domain -o",
      addService({ key: { ...TCP80, protocol: "udp", port: 53 }, onePacket: true }),
    ],
    ["-A --sctp-service 10.0.0.1:80", addService({ key: { ...TCP80, protocol: "sctp" } })],
    ["-A -t [2001:db8::1]:80", addService({ key: IPV6_KEY })],
    ["-A -t [2001:DB8:0::1]:80", addService({ key: IPV6_KEY })],
    ["-A -f 5", addService({ key: mark(5) })],
    ["-A -f 5 -6", addService({ key: mark(5, "ipv6") })],
    ["-A -6 -f 5", addService({ key: mark(5, "ipv6") })],
    ["-A -f 4294967295 --ops", addService({ key: mark(4294967295), onePacket: true })],
    ["-A -t 10.0.0.1:80 -p", addService({ persistence: { timeoutS: 360, prefix: 32 } })],
    ["-A -p -t 10.0.0.1:80", addService({ persistence: { timeoutS: 360, prefix: 32 } })],
    ["-A -t 10.0.0.1:80 -p 300", addService({ persistence: { timeoutS: 300, prefix: 32 } })],
    ["-A -t 10.0.0.1:80 -p300", addService({ persistence: { timeoutS: 300, prefix: 32 } })],
    [
      "-A -t 10.0.0.1:80 --persistent=300 -M 255.255.0.0",
      addService({ persistence: { timeoutS: 300, prefix: 16 } }),
    ],
    [
      "-A -t 10.0.0.1:80 -p 300 -M 255.0.255.0",
      addService({ persistence: { timeoutS: 300, prefix: 8, mask: "255.0.255.0" as Address } }),
    ],
    [
      "-A -M 64 -t [2001:db8::1]:80 -p 1",
      addService({ key: IPV6_KEY, persistence: { timeoutS: 1, prefix: 64 } }),
    ],
    [
      "-A -t [2001:db8::1]:80 -p 2678400",
      addService({ key: IPV6_KEY, persistence: { timeoutS: 2678400, prefix: 128 } }),
    ],
    [
      "-A -u 10.0.0.1:5060 -p 60 --pe sip",
      addService({
        key: { ...TCP80, protocol: "udp", port: 5060 },
        persistence: { timeoutS: 60, prefix: 32, engine: "sip" },
      }),
    ],
    [
      "-A -t 10.0.0.1 -p",
      addService({ key: { ...TCP80, port: 0 }, persistence: { timeoutS: 360, prefix: 32 } }),
    ],
    [
      "-A -t 2001:db8::1 -p",
      addService({ key: { ...IPV6_KEY, port: 0 }, persistence: { timeoutS: 360, prefix: 128 } }),
    ],
    [
      "-A -t 10.0.0.1:80 -s sh -b sh-port,sh-fallback",
      addService({ scheduler: "sh", schedulerFlags: [1, 2] }),
    ],
    [
      "-A -b mh-port -t 10.0.0.1:80 -s mh",
      addService({ scheduler: "mh", schedulerFlags: [2] }),
    ],
    [
      "-A -t 10.0.0.1:80 --sched-flags flag-3,flag-1,flag-1",
      addService({ schedulerFlags: [1, 3] }),
    ],
    [
      "-E -t 10.0.0.1:80 -s wrr",
      change({ kind: "editService", service: { ...WLC, scheduler: "wrr" } }),
    ],
    ["-D -t 10.0.0.1:80", change({ kind: "deleteService", key: TCP80 })],
    ["-D -f 7 -6", change({ kind: "deleteService", key: mark(7, "ipv6") })],
  ];
  for (const [line, wanted] of cases) assert.deepEqual(parse(line), wanted, line);
});

Deno.test("parseArguments() understands real servers as ipvsadm does", () => {
  const cases: [string, Operation][] = [
    ["-a -t 10.0.0.1:80 -r 10.1.0.1:80", addServer({})],
    ["-a -t 10.0.0.1:80 -r 10.1.0.1", addServer({})],
    ["-a -r 10.1.0.1 -t 10.0.0.1:80 -m", addServer({ forwarding: { method: "masquerade" } })],
    [
      "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5",
      addServer({ port: 8080, weight: 5, forwarding: { method: "masquerade" } }),
    ],
    // Only masquerading changes ports; ipvsadm puts the service's port in the place of another one.
    ["-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -g", addServer({})],
    [
      "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -i",
      addServer({ forwarding: { method: "tunnel", encapsulation: "ipip" } }),
    ],
    ["-a -f 5 -r 10.1.0.1", addServer({ port: 0 }, mark(5))],
    ["-a -f 5 -r 10.1.0.1:8080", addServer({ port: 8080 }, mark(5))],
    ["-a -t 10.0.0.1:80 -r 10.1.0.1 -w1", addServer({ weight: 1 })],
    ["-a -t 10.0.0.1:80 -r 10.1.0.1 -gw0", addServer({ weight: 0 })],
    ["-a -t 10.0.0.1:80 -r 10.1.0.1 -w 2147483647", addServer({ weight: 2147483647 })],
    [
      "-a -t 10.0.0.1:80 -r 10.1.0.1 -x 100 -y 50",
      addServer({ upperThreshold: 100, lowerThreshold: 50 }),
    ],
    [
      "-a -t 10.0.0.1:80 -r [2001:db8::9] -i",
      addServer({
        address: "2001:db8::9" as Address,
        forwarding: { method: "tunnel", encapsulation: "ipip" },
      }),
    ],
    [
      "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue --tun-port 6080",
      addServer({
        forwarding: { method: "tunnel", encapsulation: "gue", port: 6080, checksum: "none" },
      }),
    ],
    [
      "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue --tun-port 6080 --tun-remcsum",
      addServer({
        forwarding: { method: "tunnel", encapsulation: "gue", port: 6080, checksum: "remote" },
      }),
    ],
    [
      "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type=gre --tun-csum",
      addServer({ forwarding: { method: "tunnel", encapsulation: "gre", checksum: "checksum" } }),
    ],
    [
      "-e -t 10.0.0.1:80 -r 10.1.0.1 -w 0",
      change({ kind: "editServer", key: TCP80, server: { ...SERVER, weight: 0 } }),
    ],
    [
      "-d -t 10.0.0.1:80 -r 10.1.0.1:8080",
      change({
        kind: "deleteServer",
        key: TCP80,
        server: { address: "10.1.0.1" as Address, port: 8080 },
      }),
    ],
  ];
  for (const [line, wanted] of cases) assert.deepEqual(parse(line), wanted, line);
});

Deno.test("parseArguments() understands everything else as ipvsadm does", () => {
  const plain = { view: "servers", numeric: false, exact: false, sorted: true } as const;
  const numeric = { ...plain, numeric: true };
  const cases: [string, Operation][] = [
    ["", { op: "list", format: plain }],
    ["-L", { op: "list", format: plain }],
    ["-l", { op: "list", format: plain }],
    ["-Ln", { op: "list", format: numeric }],
    ["-ln", { op: "list", format: numeric }],
    ["--list --numeric --sort", { op: "list", format: numeric }],
    ["-Ln --nosort", { op: "list", format: { ...numeric, sorted: false } }],
    ["-L --stats -n --exact", { op: "list", format: { ...numeric, view: "stats", exact: true } }],
    ["-LXn --rate", { op: "list", format: { ...numeric, view: "rate", exact: true } }],
    ["-Ln --rate --stats", { op: "list", format: { ...numeric, view: "stats" } }],
    ["-Ln --thresholds", { op: "list", format: { ...numeric, view: "thresholds" } }],
    ["-Ln --persistent-conn", { op: "list", format: { ...numeric, view: "persistent-conn" } }],
    ["-Ln --tun-info", { op: "list", format: { ...numeric, view: "tun-info" } }],
    ["-Ln -t 10.0.0.1:80", { op: "list", key: TCP80, format: numeric }],
    ["-Ln -f 3 -6", { op: "list", key: mark(3, "ipv6"), format: numeric }],
    ["-Lnc", { op: "connections", format: { numeric: true, engineData: false } }],
    ["-lcn --persistent-conn", { op: "connections", format: { numeric: true, engineData: true } }],
    ["-L --timeout", { op: "timeouts" }],
    ["-Ln --daemon", { op: "daemons" }],
    ["-S", { op: "save", numeric: false }],
    ["-Sn", { op: "save", numeric: true }],
    ["-R", { op: "restore" }],
    ["-C", { op: "clear" }],
    ["-Z", { op: "zero" }],
    ["-Z -t 10.0.0.1:80", { op: "zero", key: TCP80 }],
    ["--set 900 0 300", { op: "setTimeouts", timeouts: { tcpS: 900, udpS: 300 } }],
    ["--set 1 2 2678400", { op: "setTimeouts", timeouts: { tcpS: 1, tcpFinS: 2, udpS: 2678400 } }],
    [
      "--start-daemon master",
      { op: "startDaemon", daemon: { role: "master", syncId: 0, interface: "eth0" } },
    ],
    [
      "--start-daemon=backup --mcast-interface lvs0 --syncid 255 --sync-maxlen 1400 --mcast-group ff02::81 --mcast-port 8849 --mcast-ttl 2",
      {
        op: "startDaemon",
        daemon: {
          role: "backup",
          syncId: 255,
          interface: "lvs0",
          maxLength: 1400,
          group: "ff02::81" as Address,
          port: 8849,
          ttl: 2,
        },
      },
    ],
    ["--stop-daemon backup", { op: "stopDaemon", role: "backup" }],
    ["--stop-daemon master --syncid 3", { op: "stopDaemon", role: "master" }],
    ["-h", { op: "help" }],
    ["--version", { op: "version" }],
  ];
  for (const [line, wanted] of cases) assert.deepEqual(parse(line), wanted, line);
});

const WRONG: readonly [line: string, message: string][] = [
  [
    "-t 10.0.0.1:80",
    `command missing: must be one of -A -E -D -C -R -S -a -e -d -L -Z, not "-t"`,
  ],
  [
    "word",
    `command missing: must be one of -A -E -D -C -R -S -a -e -d -L -Z, not "word"`,
  ],
  ["-A -D -t 10.0.0.1:80", `option "-D": must not stand beside "-A": one command at a time`],
  ["-A", `service missing: must be given by -t, -u, --sctp-service or -f`],
  ["-D -6", `service missing: must be given by -t, -u, --sctp-service or -f`],
  ["-A -t", `option "-t": a value must follow, not the end of the line`],
  ["-A -t -s rr", `option "-t": a value must follow, not "-s"`],
  ["-A -t 10.0.0.1:80 -t 10.0.0.2:80", `option "-t": must be given only once`],
  ["-A -t 10.0.0.1:80 -u 10.0.0.2:80", `option "-u": must not stand beside "-t"`],
  ["-A -t 10.0.0.1:80 -f 5", `option "-f": must not stand beside "-t"`],
  ["-A -t 10.0.0.1:80 -6", `option "-6": must stand beside -f: an address says its family itself`],
  [
    "-A -t 10.0.0.1:65536",
    `virtual service "10.0.0.1:65536": the port must be from 0 to 65535, not 65536`,
  ],
  [
    "-A -t 10.0.0.1:htpp",
    `virtual service "10.0.0.1:htpp": the port must be a number from 0 to 65535 or a tcp service of /etc/services, not "htpp"`,
  ],
  [
    "-A -u 10.0.0.1:http",
    `virtual service "10.0.0.1:http": the port must be a number from 0 to 65535 or a udp service of /etc/services, not "http"`,
  ],
  [
    "-A -t 10.0.0.256:80",
    `virtual service "10.0.0.256:80": "10.0.0.256" is no IPv4 address: must be four numbers from 0 to 255`,
  ],
  ["-A -t 80", `virtual service "80": "80" is no IPv4 address: must be four numbers from 0 to 255`],
  [
    "-A -t web.example.com:80",
    `virtual service "web.example.com:80": "web.example.com" must be an IP address: host names are not looked up`,
  ],
  [
    "-A -t [10.0.0.1]:80",
    `virtual service "[10.0.0.1]:80": only an IPv6 address stands in brackets`,
  ],
  [
    "-A -t [2001:db8::g]:80",
    `virtual service "[2001:db8::g]:80": "2001:db8::g" is no IPv6 address`,
  ],
  [
    "-A -t [2001:db8::1:80",
    `virtual service "[2001:db8::1:80": must be an address and a port, as "10.0.0.1:80" or "[2001:db8::1]:80"`,
  ],
  [
    "-A -t :80",
    `virtual service ":80": must be an address and a port, as "10.0.0.1:80" or "[2001:db8::1]:80"`,
  ],
  ["-A -t 10.0.0.1", `virtual service "10.0.0.1": port 0 is every port, and must stand beside -p`],
  [
    "-A -t 10.0.0.1:80 -o",
    `virtual service "10.0.0.1:80": -o is one packet a connection, and must stand beside -u or -f`,
  ],
  ["-A -f 0", `firewall mark "0": must be a whole number from 1 to 4294967295`],
  ["-A -f 4294967296", `firewall mark "4294967296": must be a whole number from 1 to 4294967295`],
  ["-A -f 0x10", `firewall mark "0x10": must be a whole number from 1 to 4294967295`],
  ["-A -t 10.0.0.1:80 -s", `option "-s": a value must follow, not the end of the line`],
  [
    "-A -t 10.0.0.1:80 -s round/robin",
    `scheduler "round/robin": must be a name of 1 to 15 letters, as rr, wrr, lc, wlc, sh or mh`,
  ],
  ["-A -t 10.0.0.1:80 -p 0", `persistence timeout "0": must be a whole number from 1 to 2678400`],
  [
    "-A -t 10.0.0.1:80 -p 2678401",
    `persistence timeout "2678401": must be a whole number from 1 to 2678400`,
  ],
  ["-A -t 10.0.0.1:80 -p 5m", `persistence timeout "5m": must be a whole number from 1 to 2678400`],
  ["-A -t 10.0.0.1:80 -M 255.255.255.0", `option "-M" "255.255.255.0": must stand beside -p`],
  ["-A -t 10.0.0.1:80 --pe sip", `option "--pe" "sip": must stand beside -p`],
  ["-A -t 10.0.0.1:80 -p -M 24", `netmask "24": must be dotted for IPv4, as "255.255.255.0"`],
  ["-A -t 10.0.0.1:80 -p -M mask", `netmask "mask": must be a dotted mask, as "255.255.255.0"`],
  ["-A -t [::1]:80 -p -M 129", `netmask "129": must be a whole number from 1 to 128`],
  [
    "-A -t [::1]:80 -p -M 255.255.255.0",
    `netmask "255.255.255.0": must be a whole number from 1 to 128`,
  ],
  [
    "-A -t 10.0.0.1:80 -s rr -b sh-port",
    `scheduler flags "sh-port": "sh-port" belongs to scheduler sh, not to rr`,
  ],
  [
    "-A -t 10.0.0.1:80 -s sh -b sh-prot",
    `scheduler flags "sh-prot": "sh-prot" is no flag of scheduler sh: must be of sh-fallback, sh-port, flag-1, flag-2, flag-3; did you mean "sh-port"?`,
  ],
  [
    "-A -t 10.0.0.1:80 -w 1",
    `option "-w": not with -A: must be of -t -u --sctp-service -f -6 -s -b -p -M --pe -o`,
  ],
  [
    "-A -t 10.0.0.1:80 -n",
    `option "-n": not with -A: must be of -t -u --sctp-service -f -6 -s -b -p -M --pe -o`,
  ],
  ["-D -t 10.0.0.1:80 -s rr", `option "-s": not with -D: must be of -t -u --sctp-service -f -6`],
  ["-C -n", `option "-n": not with -C: no option goes with it`],
  ["-S --stats", `option "--stats": not with -S: must be of -n`],
  ["-a -t 10.0.0.1:80", `real server missing: must be given by -r`],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -w -1",
    `weight "-1": must be a whole number from 0 to 2147483647`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -w 2147483648",
    `weight "2147483648": must be a whole number from 0 to 2147483647`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -w 1.5",
    `weight "1.5": must be a whole number from 0 to 2147483647`,
  ],
  ["-a -t 10.0.0.1:80 -r 10.1.0.1 -w=", `weight "": must be a whole number from 0 to 2147483647`],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -x no",
    `upper threshold "no": must be a whole number from 0 to 2147483647`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -y 5",
    `lower threshold "5": must not be above the upper threshold, which is 0`,
  ],
  ["-a -t 10.0.0.1:80 -r 10.1.0.1 -g -m", `option "-m": must not stand beside "-g"`],
  [
    "-a -t 10.0.0.1:80 -r [2001:db8::9]:80 -m",
    `real server "[2001:db8::9]:80": must be ipv4 as its service is, or stand beside -i`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 --tun-type gue",
    `option "--tun-type": must stand beside -i: it describes a tunnel`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue",
    `tunnel type "gue": must have a port by --tun-port`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue --tun-port 0",
    `tunnel port "0": must be a whole number from 1 to 65535`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-port 6080",
    `option "--tun-port" "6080": must stand beside --tun-type gue`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-csum",
    `option "--tun-csum": must stand beside --tun-type gue or gre`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gre --tun-remcsum",
    `option "--tun-remcsum": must stand beside --tun-type gue`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type vxlan",
    `tunnel type "vxlan": must be ipip, gue or gre`,
  ],
  [
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue --tun-port 1 --tun-csum --tun-nocsum",
    `option "--tun-csum": must not stand beside "--tun-nocsum"`,
  ],
  [
    "-d -t 10.0.0.1:80 -r 10.1.0.1 -w 0",
    `option "-w": not with -d: must be of -t -u --sctp-service -f -6 -r`,
  ],
  ["-Lc --timeout", `option "--timeout": must not stand beside "-c": one list at a time`],
  [
    "-L --daemon -t 10.0.0.1:80",
    `option "-t": must not stand beside "--daemon": one list at a time`,
  ],
  ["-Lc --stats", `option "--stats": must not stand beside "-c"`],
  [
    "-L --timeout --persistent-conn",
    `option "--persistent-conn": must not stand beside "--timeout"`,
  ],
  ["--set 1 2", `--set "1 2": must have three timeouts: tcp, tcpfin and udp, not 2`],
  ["--set 1 2 x", `timeout "x": must be a whole number from 0 to 2678400`],
  ["--start-daemon", `option "--start-daemon": a value must follow, not the end of the line`],
  ["--start-daemon primary", `--start-daemon "primary": must be master or backup`],
  ["--start-daemon master --syncid 256", `syncid "256": must be a whole number from 0 to 255`],
  [
    "--start-daemon master --sync-maxlen 65508",
    `length of sync messages "65508": must be a whole number from 1 to 65507`,
  ],
  [
    "--start-daemon master --mcast-ttl 0",
    `multicast TTL "0": must be a whole number from 1 to 255`,
  ],
  [
    "--start-daemon master --mcast-group 10.0.0.1",
    `multicast group "10.0.0.1": must be a multicast address, as "224.0.0.81" or "ff02::81"`,
  ],
  [
    "--start-daemon master --mcast-interface an-interface-name",
    `multicast interface "an-interface-name": must be an interface's name of 1 to 15 letters`,
  ],
  ["-L word", `argument "word": nothing more is expected by -L`],
  ["-D -t 10.0.0.1:80 -- --weird", `argument "--weird": nothing more is expected by -D`],
  ["--add-servce -t 10.0.0.1:80", `unknown option "--add-servce": did you mean "--add-service"?`],
  ["-A -t 10.0.0.1:80 --shceduler rr", `unknown option "--shceduler": did you mean "--scheduler"?`],
  ["-A -t 10.0.0.1:80 --frobnicate", `unknown option "--frobnicate": see --help for all of them`],
  ["-A -t 10.0.0.1:80 -k", `unknown option "-k": see --help for all of them`],
  ["-T 10.0.0.1:80", `unknown option "-T": did you mean "-t"?`],
  ["-Lq", `unknown option "-q" in "-Lq": see --help for all of them`],
  ["-Ln --stats=yes", `option "--stats=yes": --stats takes no value`],
  ["-zero", `unknown option "-zero": did you mean "--zero"?`],
];

Deno.test("parseArguments() says of every wrong line what was wrong and what must be", () => {
  assert.ok(WRONG.length >= 40);
  for (const [line, message] of WRONG) {
    assert.throws(() => parse(line), (error) => {
      assert.ok(error instanceof UsageError, line);
      assert.equal(error.message, message, line);
      return true;
    }, line);
  }
});
