/** What ipvsadm prints: one transcript a scenario. */

import { printTranscript, type Step } from "../../tests/support/transcript.ts";
import { makeTraffic, prepareTraffic } from "./traffic.ts";

interface Scenario {
  /** One sentence: what is special about it. */
  readonly about: string;
  /** ipvsadm's command lines, without the program's name. */
  readonly commands: readonly string[];
  /** What is then captured: more of them, or whole commands where they begin with "/". */
  readonly views: readonly string[];
  /** Before the commands. */
  readonly prepare?: (namespace: string) => Promise<void>;
  /** Between commands and views. */
  readonly act?: (namespace: string) => Promise<void>;
}

/** Every table that ipvsadm prints of services. */
const TABLES = [
  "-Ln",
  "-Ln --nosort",
  "-Ln --tun-info",
  "-Ln --thresholds",
  "-Ln --persistent-conn",
  "-Ln --stats",
  "-Ln --stats --exact",
  "-Ln --rate",
  "-Ln --rate --exact",
  "-Sn",
];
/** What CommandIpvsTable reads, so that a test can make the table from it. */
const READ_BY_US = [
  "-Ln --nosort --exact --tun-info",
  "-Ln --nosort --exact --thresholds",
  "-Ln --nosort --exact --persistent-conn",
  "-Ln --nosort --exact --stats",
  "-Ln --nosort --exact --rate",
];
const ALL = [...TABLES, ...READ_BY_US];

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  empty: { about: "no services at all", commands: [], views: [...ALL, "-L", "-S"] },
  services: {
    about: "every kind of service and option of one",
    commands: [
      "-A -t 10.0.0.1:80",
      "-A -t 10.0.0.1:81 -s rr",
      "-A -u 10.0.0.1:53 -s wrr -o",
      "-A --sctp-service 10.0.0.1:80 -s lc",
      "-A -t 10.0.0.2:0 -p",
      "-A -t 10.0.0.2:443 -p 300 -M 255.255.255.0",
      "-A -t 10.0.0.2:444 -p 2678400 -M 0.0.0.0",
      "-A -u 10.0.0.2:5060 -p 60 --pe sip -o",
      "-A -t 10.0.0.3:80 -s sh -b sh-fallback,sh-port",
      "-A -t 10.0.0.3:81 -s sh -b sh-port",
      "-A -t 10.0.0.3:82 -s mh -b mh-fallback",
      "-A -t 10.0.0.3:83 -s mh -b mh-port,flag-1 -p 5",
      "-A -t 10.0.0.3:84 -s rr -b flag-1,flag-2,flag-3",
      "-A -t [2001:db8::1]:80",
      "-A -t [2001:db8::1]:443 -p 100 -M 64 -s sed",
      "-A -u [2001:db8:1:2:3:4:5:6]:53 -p 7 -M 128 -s nq",
      "-A --sctp-service [::1.2.3.4]:80 -s dh",
      "-A -t [::ffff:1.2.3.4]:80 -s fo",
      "-A -t [::7]:80 -s ovf",
      "-A -t [::1:0]:80 -s lblc",
      "-A -f 1 -s lblcr",
      "-A -f 2147483647 -p 20 -M 255.255.0.0",
      "-A -f 1 -6 -p 20 -M 56",
      "-A -f 77 -o -s rr",
    ],
    views: ALL,
  },
  unnamed: {
    about: "flags that ipvsadm takes and does not show again",
    commands: ["-A -t 10.0.0.3:80 -s sh -b flag-3", "-A -t 10.0.0.3:81 -s mh -b flag-3"],
    views: ALL.filter((view) => view !== "-Sn"),
  },
  servers: {
    about: "every kind of server and option of one",
    commands: [
      "-A -t 10.0.0.1:80 -s wrr",
      "-a -t 10.0.0.1:80 -r 10.1.0.1",
      "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 0",
      "-a -t 10.0.0.1:80 -r 10.1.0.3:8080 -m -w 100",
      "-a -t 10.0.0.1:80 -r 10.1.0.3:8081 -m -w 2147483647 -x 2147483647 -y 7",
      "-a -t 10.0.0.1:80 -r 10.1.0.4:8080 -g -x 5",
      "-a -t 10.0.0.1:80 -r 10.1.0.5 -i",
      "-a -t 10.0.0.1:80 -r 10.1.0.6 -i --tun-type ipip",
      "-a -t 10.0.0.1:80 -r 10.1.0.7 -i --tun-type gue --tun-port 6080",
      "-a -t 10.0.0.1:80 -r 10.1.0.8 -i --tun-type gue --tun-port 65535 --tun-csum",
      "-a -t 10.0.0.1:80 -r 10.1.0.9 -i --tun-type gue --tun-port 1 --tun-remcsum -x 100 -y 50",
      "-a -t 10.0.0.1:80 -r 10.1.0.10 -i --tun-type gre",
      "-a -t 10.0.0.1:80 -r 10.1.0.11 -i --tun-type gre --tun-csum",
      "-a -t 10.0.0.1:80 -r [2001:db8::99]:80 -i",
      "-a -t 10.0.0.1:80 -r 127.0.0.1",
      "-A -t [2001:db8::1]:80",
      "-a -t [2001:db8::1]:80 -r [2001:db8::2]:8080 -m",
      "-a -t [2001:db8::1]:80 -r [2001:db8:1111:2222:3333:4444:5555:6666]:80 -w 3",
      "-a -t [2001:db8::1]:80 -r 10.1.0.1:80 -i",
      "-A -f 5 -s rr",
      "-a -f 5 -r 10.1.0.1",
      "-a -f 5 -r 10.1.0.2:8080",
      "-a -f 5 -r 10.1.0.3:0 -m",
      "-A -f 5 -6",
      "-a -f 5 -6 -r [2001:db8::2]:0",
      "-e -t 10.0.0.1:80 -r 10.1.0.1 -w 9",
      "-d -t 10.0.0.1:80 -r 10.1.0.2:80",
    ],
    views: [...ALL, "-Ln -t 10.0.0.1:80", "-Ln -f 5 -6", "-Ln -t [2001:db8::1]:80 --stats"],
  },
  order: {
    about: "addresses and marks whose distances overflow when they are sorted",
    commands: [
      ...[
        "10.0.0.1",
        "192.168.0.1",
        "127.9.9.9",
        "128.0.0.1",
        "223.255.0.1",
        "1.0.0.1",
        "172.16.0.1",
      ]
        .flatMap((address) => [`-A -t ${address}:80 -s rr`, `-A -u ${address}:9 -s rr`]),
      ...[
        "10.0.0.1",
        "192.168.0.1",
        "127.9.9.9",
        "128.0.0.1",
        "223.255.0.1",
        "1.0.0.1",
        "172.16.0.1",
      ]
        .map((address) => `-a -t 10.0.0.1:80 -r ${address}:80 -m`),
      "-a -t 10.0.0.1:80 -r 10.0.0.1:443 -m",
      "-a -t 10.0.0.1:80 -r 10.0.0.1:8080 -m",
      "-A -t [fd00::1]:80 -s rr",
      "-A -t [2001:db8::1]:80 -s rr",
      "-A -t [2001:db8::ffff:1]:80 -s rr",
      "-A -t [7fff::1]:80 -s rr",
      "-A -t [9000::1]:80 -s rr",
      "-A -f 4294967295 -s rr",
      "-A -f 2147483648 -s rr",
      "-A -f 3 -s rr",
      "-A -f 3 -6 -s rr",
    ],
    views: [...TABLES.filter((view) => view !== "-Sn"), ...READ_BY_US],
  },
  names: {
    about: "names of ports and hosts in the place of numbers",
    commands: [
      "-A -t 10.0.0.1:http -s rr",
      "-a -t 10.0.0.1:http -r 10.1.0.1:http-alt -m",
      "-a -t 10.0.0.1:http -r 127.0.0.1",
      "-a -t 10.0.0.1:http -r 10.1.0.2:60001 -m",
      "-A -u 10.0.0.1:domain -s rr",
      "-A --sctp-service 10.0.0.1:80 -s rr",
      "-A -t [2001:db8::1]:https -s rr",
      "-a -t [2001:db8::1]:https -r [2001:db8::2]:imaps -m",
    ],
    views: [
      "-L",
      "-L --stats",
      "-L --thresholds",
      "-L --persistent-conn",
      "-L --tun-info",
      ...READ_BY_US,
    ],
  },
  rules: {
    about: "rules with names",
    commands: [
      "-A -t 10.0.0.1:http -s sh -b sh-port",
      "-a -t 10.0.0.1:http -r 10.1.0.1:http-alt -m -x 9",
      "-A -u 10.0.0.1:domain -s rr -p",
      "-A -t [2001:db8::1]:https -s rr",
      "-a -t [2001:db8::1]:https -r [2001:db8::2]:imaps -m",
    ],
    views: ["-S", "-Sn", ...READ_BY_US],
  },
  refusals: {
    about: "what the kernel refuses, in ipvsadm's words",
    commands: [
      "-A -t 10.0.0.1:80",
      "-A -t [2001:db8::1]:80",
      "-a -t 10.0.0.1:80 -r 10.1.0.1",
    ],
    views: [
      "-A -t 10.0.0.1:80",
      "-A -t 10.0.0.9:80 -s nosuch",
      "-A -t 10.0.0.9:80 -p --pe nosuch",
      "-E -t 10.0.0.1:80 -s nosuch",
      "-E -t 10.0.0.9:80",
      "-D -t 10.0.0.9:80",
      "-a -t 10.0.0.9:80 -r 10.1.0.1",
      "-a -t 10.0.0.1:80 -r 10.1.0.1",
      "-a -t 10.0.0.1:80 -r 10.1.0.9 -y 5",
      "-a -t 10.0.0.1:80 -r 10.1.0.1 -y 5",
      "-e -t 10.0.0.1:80 -r 10.1.0.9 -y 5",
      "-a -t 10.0.0.1:80 -r 224.0.0.1",
      "-a -t 10.0.0.1:80 -r 0.0.0.0",
      "-a -t 10.0.0.1:80 -r 255.255.255.255",
      "-a -t 10.0.0.1:80 -r 240.0.0.1",
      "-a -t [2001:db8::1]:80 -r [fe80::1]:80",
      "-a -t [2001:db8::1]:80 -r [ff02::1]:80",
      "-a -t [2001:db8::1]:80 -r [::]:80",
      "-e -t 10.0.0.1:80 -r 10.1.0.9",
      "-e -t 10.0.0.9:80 -r 10.1.0.1",
      "-d -t 10.0.0.1:80 -r 10.1.0.9",
      "-d -t 10.0.0.9:80 -r 10.1.0.1",
      "-Z -t 10.0.0.9:80",
      "--stop-daemon master",
      "--start-daemon master --mcast-interface nosuch0",
      "/usr/bin/setpriv --reuid 65534 --clear-groups --bounding-set=-all ipvsadm -Ln",
    ],
  },
  timeouts: {
    about: "timeouts",
    commands: ["--set 10 0 30"],
    views: ["-L --timeout", "-Ln --timeout"],
  },
  daemons: {
    about: "both synchronisation daemons",
    prepare: async () => {
      await run(["ip", "link", "add", "sync0", "type", "dummy"]);
      await run(["ip", "address", "add", "10.9.0.1/24", "dev", "sync0"]);
      await run(["ip", "link", "set", "sync0", "up"]);
    },
    commands: [
      "--start-daemon master --mcast-interface sync0",
      "--start-daemon backup --mcast-interface sync0 --syncid 255 --sync-maxlen 2000 --mcast-group 224.0.0.99 --mcast-port 9000 --mcast-ttl 255",
    ],
    views: ["-L --daemon", "--start-daemon master --mcast-interface sync0"],
  },
  traffic: {
    about: "counters, rates and connections of real traffic",
    prepare: prepareTraffic,
    commands: [
      "-A -t 10.0.0.1:80 -s rr",
      "-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m",
      "-A -t 10.0.0.1:81 -s rr -p 600",
      "-a -t 10.0.0.1:81 -r 10.1.0.2:8080 -m",
      "-A -u 10.0.0.1:5060 -s rr -p 900 --pe sip -o",
      "-a -u 10.0.0.1:5060 -r 10.1.0.2:5060 -m",
      "-A -t [2001:db8::1]:80 -s rr",
      "-a -t [2001:db8::1]:80 -r [fd01::2]:8080 -m",
    ],
    act: makeTraffic,
    views: [
      ...ALL.filter((view) => !view.includes("rate")),
      "-Ln --rate",
      "-Ln --nosort --exact --rate",
      "/usr/bin/cat /proc/net/ip_vs_conn",
      "-Lnc",
      "-Lc",
      "-Lnc --persistent-conn",
    ],
  },
};

export async function captureIpvsadm(folder: string, only?: string): Promise<void> {
  const kernel = Deno.osRelease();
  const version = (await run(["ipvsadm", "--version"])).stdout.trim();
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (only !== undefined && only !== name) continue;
    const namespace = `golden-${name}`;
    await run(["ip", "netns", "add", namespace]);
    const inside = (words: string) => {
      const argv = words.startsWith("/") ? words.split(" ") : ["ipvsadm", ...words.split(" ")];
      return runInside(namespace, argv);
    };
    await runInside(namespace, ["ip", "link", "set", "lo", "up"]);
    namespaceOfRun = namespace;
    await scenario.prepare?.(namespace);
    const steps: Step[] = [];
    for (const words of scenario.commands) {
      const step = await inside(words);
      if (step.status !== 0) throw new Error(`${name}: ipvsadm ${words}: ${step.stderr}`);
      steps.push(step);
    }
    await scenario.act?.(namespace);
    for (const words of scenario.views) steps.push(await inside(words));
    namespaceOfRun = undefined;
    const remarks = [
      `${scenario.about}`,
      `made by scripts/capture_golden with ${version}, Linux ${kernel}`,
    ];
    await Deno.writeTextFile(`${folder}/${name}.txt`, printTranscript({ remarks, steps }));
    console.error(`captured ipvsadm/${name}`);
  }
}

let namespaceOfRun: string | undefined;

/** Runs a program, in the scenario's namespace where one is being prepared, and throws where it fails. */
async function run(argv: readonly string[]): Promise<Step> {
  const step = namespaceOfRun === undefined
    ? await runHere(argv)
    : await runInside(namespaceOfRun, argv);
  if (step.status !== 0) throw new Error(`${argv.join(" ")}: ${step.stderr}`);
  return step;
}

async function runInside(namespace: string, argv: readonly string[]): Promise<Step> {
  return { ...await runHere(["ip", "netns", "exec", namespace, ...argv]), argv };
}

async function runHere(argv: readonly string[]): Promise<Step> {
  const { code, stdout, stderr } = await new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    env: { LC_ALL: "C" },
  }).output();
  const decoder = new TextDecoder();
  return { argv, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), status: code };
}
