/**
 * Where each command of README.md and docs is run, and in what order. A command of a page that does not stand here
 * fails tests/unit/pages_test.ts, and so does one that stands in no page any more.
 */

export interface PageCommand {
  readonly run: string;
  /** How it may end; 0 where nothing is said. */
  readonly statuses?: readonly number[];
  /** What it must have printed. */
  readonly says?: RegExp;
  /** It stays: it is started, what follows runs beside it, and it is asked to stop at the end. */
  readonly stays?: boolean;
}

export interface Story {
  readonly name: string;
  readonly page: string;
  /**
   * native: tests/conformance/pages_native_test.ts, in the repository, with stand-ins for scp and ctr.
   * guest: tests/e2e/readme_test.ts, in the guest, on a host with servers at the addresses that pages name.
   * own guest: tests/boot/readme_test.ts, in the repository; the command starts a guest.
   * bench: scripts/test's stage bench runs exactly these.
   * runner: what runs these tests, which is not run by them.
   */
  readonly place: "native" | "guest" | "own guest" | "bench" | "runner";
  readonly commands: readonly (string | PageCommand)[];
}

const CARE = "lvscare care --vs 10.103.97.12:6443 --rs 192.168.0.2:6443,192.168.0.3:6443";
const ADDED = /add server 192\.168\.0\.3:6443 weight 1 to TCP 10\.103\.97\.12:6443/;

export const STORIES: readonly Story[] = [
  {
    name: "the tests themselves",
    page: "README.md",
    place: "runner",
    commands: ["scripts/test"],
  },
  {
    name: "the demo and what is there",
    page: "README.md",
    place: "native",
    commands: [
      "scripts/lvscare demo",
      { run: "scripts/lvscare --help", says: /^Usage: lvscare / },
      { run: "scripts/lvscare version", says: /^lvscare \d/ },
      { run: "scripts/lvscare version -o json", says: /^\{"version":/ },
      { run: "scripts/lvscare completions bash", says: /complete .*lvscare/ },
      { run: "scripts/lvscare ipvs --help", says: /^Usage: lvscare ipvs / },
    ],
  },
  {
    name: "a host",
    page: "README.md",
    place: "guest",
    commands: [
      "scp dist/lvscare root@192.168.0.1:/usr/local/bin/lvscare",
      {
        run:
          "lvscare doctor --vs 10.103.97.12:6443 --rs 192.168.0.2:6443,192.168.0.3:6443 --mode link --fix",
        statuses: [0, 3],
        says: /^did {3}.*\n[\s\S]*2 servers pass their checks/,
      },
      { run: `${CARE} --mode link --dry-run`, statuses: [3], says: ADDED },
      { run: `${CARE} --mode link`, stays: true, says: ADDED },
      { run: "curl -ks https://10.103.97.12:6443/healthz", says: /^192\.168\.0\.[23]\n$/ },
      { run: "lvscare ipvs list --numeric", says: /TCP +10\.103\.97\.12:6443 rr\n.*\n? +-> 192/ },
      {
        run: "lvscare care --vs 10.103.97.12:6443 --mode link --clean",
        says: /remove service TCP 10\.103\.97\.12:6443/,
      },
    ],
  },
  {
    name: "a single run",
    page: "README.md",
    place: "guest",
    commands: [{ run: `${CARE} --mode link --run-once`, says: ADDED }],
  },
  {
    name: "a service of systemd",
    page: "README.md",
    place: "guest",
    commands: [
      { run: "./lvscare install", says: /put \/usr\/bin\/lvscare/ },
      "mkdir -p /etc/lvscare/conf.d",
      `cat >/etc/lvscare/conf.d/api.yaml <<'END'
services:
  - name: api
    address: 10.103.97.12
    port: 6443
    servers: [192.168.0.2, 192.168.0.3, 192.168.0.4]
    check: { type: https, path: /healthz }
END`,
      { run: "lvscare check", says: /1 service and 3 servers in 2 files, nothing is wrong/ },
      { run: "lvscare plan", statuses: [3], says: /add service TCP 10\.103\.97\.12:6443/ },
      "systemctl reload lvscare",
      { run: "lvscare status", says: /TCP 10\.103\.97\.12:6443[\s\S]*192\.168\.0\.4/ },
    ],
  },
  {
    name: "a unit of its own",
    page: "README.md",
    place: "guest",
    commands: [
      "cp lvscare /usr/bin/lvscare",
      {
        run: "lvscare generate systemd --output /etc/systemd/system/lvscare.service " +
          '--care "--vs 10.103.97.12:6443 --rs 192.168.0.2:6443,192.168.0.3:6443 --mode link"',
        says: /^wrote \/etc\/systemd\/system\/lvscare\.service\n$/,
      },
      "systemctl daemon-reload",
      "systemctl enable --now lvscare",
    ],
  },
  {
    name: "an image",
    page: "README.md",
    place: "native",
    commands: [
      { run: "scripts/image", says: /lvscare:\S+ for linux\// },
      "scp dist/lvscare dist/image/lvscare.tar root@192.168.0.1:",
      { run: "ctr -n k8s.io images import lvscare.tar", says: /^lvscare:\d\S*\n$/ },
    ],
  },
  {
    name: "a static pod",
    page: "README.md",
    place: "guest",
    commands: [{
      run: "./lvscare generate static-pod --vip 10.103.97.12 --masters 192.168.0.2,192.168.0.3 " +
        "--options --mode=link",
      says: /^wrote \/etc\/kubernetes\/manifests\/kube-sealyun-lvscare\.yaml\n$/,
    }],
  },
  {
    name: "lvscare ipvs in a guest",
    page: "README.md",
    place: "own guest",
    commands: [
      "scripts/guest -- dist/lvscare ipvs -A -t 10.0.0.1:80 -s rr",
      "scripts/guest -- dist/lvscare ipvs add service tcp 10.0.0.1:80 --scheduler rr",
      { run: "scripts/guest -- dist/lvscare ipvs list -o json", says: /"services": *\[\]/ },
    ],
  },
  {
    name: "care in a guest",
    page: "docs/care.md",
    place: "own guest",
    commands: [`scripts/guest -- dist/${CARE} --mode link --run-once`],
  },
  {
    name: "care's help",
    page: "docs/care.md",
    place: "native",
    commands: [{ run: "scripts/lvscare care --help", says: /^Usage: lvscare care / }],
  },
  {
    name: "a host that ran LVScare",
    page: "docs/lvscare.md",
    place: "guest",
    commands: [{ run: `${CARE} --mode link --dry-run`, statuses: [3], says: ADDED }],
  },
  {
    name: "a static pod as sealctl makes it",
    page: "docs/lvscare.md",
    place: "native",
    commands: [
      {
        run: "scripts/lvscare generate static-pod --masters 192.168.0.2,192.168.0.3 --print",
        says: /^kind: Pod$/m,
      },
      { run: "scripts/lvscare generate static-pod --help", says: /--set-img/ },
    ],
  },
  {
    name: "files and their plan",
    page: "docs/run.md",
    place: "native",
    commands: [
      { run: "scripts/lvscare check -c tests/support/example", says: /nothing is wrong/ },
      { run: "scripts/lvscare check --schema", says: /"title": "Configuration of lvscare run"/ },
      { run: "scripts/lvscare run --help", says: /^Usage: lvscare run / },
      {
        run: "scripts/lvscare check -c tests/support/example/keepalived.conf",
        says: /nothing is wrong/,
      },
      {
        run: "scripts/lvscare convert tests/support/example/keepalived.conf",
        says: /^services:$/m,
      },
    ],
  },
  {
    name: "a plan in a guest",
    page: "docs/run.md",
    place: "own guest",
    commands: [{
      run: "scripts/guest -- sh -c 'dist/lvscare plan -c tests/support/example | cat'",
      says: /add service TCP 10\.103\.97\.12:6443/,
    }],
  },
  {
    name: "a check now",
    page: "docs/checks.md",
    place: "native",
    commands: [
      { run: "scripts/lvscare probe --help", says: /^Usage: lvscare probe / },
      "scripts/lvscare probe exec:/bin/true",
    ],
  },
  {
    name: "what building is told",
    page: "docs/building.md",
    place: "native",
    commands: [
      { run: "scripts/build --help", says: /^usage: scripts\/build / },
      { run: "scripts/image --help", says: /^usage: scripts\/image / },
      "scripts/image --root dist/image-root",
      { run: "scripts/guest --help", says: /scripts\/guest \[options\]/ },
      { run: "scripts/test --help", says: /^usage: scripts\/test / },
      "scripts/reference",
    ],
  },
  {
    name: "a guest",
    page: "docs/building.md",
    place: "own guest",
    commands: [{
      run: "scripts/guest -- sh -c 'grep -c IP /proc/net/ip_vs; uname -r'",
      says: /^\d+\n\d+\.\d+/,
    }],
  },
  {
    name: "benchmarks",
    page: "docs/building.md",
    place: "bench",
    commands: [
      ...["start", "process", "probes", "care", "failover", "soak", "embedded", "kernel", "wire"],
    ].map((name) => `scripts/bench ${name} 1`),
  },
  {
    name: "what stands in the way",
    page: "docs/troubleshooting.md",
    place: "guest",
    commands: [
      { run: "lvscare doctor", statuses: [0, 3], says: /1 service and 3 servers/ },
      {
        run: "lvscare doctor -c /etc/lvscare --fix",
        statuses: [0, 3],
        says: /3 servers pass their checks/,
      },
      { run: "lvscare status", says: /192\.168\.0\.4/ },
      { run: "lvscare probe https://192.168.0.2:6443/healthz", says: /^ok in /m },
    ],
  },
];

/** Each with what it must do. */
export function commandsIn({ commands }: Story): PageCommand[] {
  return commands.map((command) => typeof command === "string" ? { run: command } : command);
}

export function storiesAt(place: Story["place"]): Story[] {
  return STORIES.filter((story) => story.place === place);
}

/** The commands that the stories of a page run, all places together. */
export function toldCommands(page: string): string[] {
  return STORIES.filter((story) => story.page === page)
    .flatMap((story) => commandsIn(story).map(({ run }) => run));
}
