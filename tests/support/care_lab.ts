/**
 * A host for `lvscare care`, in a network namespace of its own, and real servers in another one that it
 * reaches over a cable.
 */

import assert from "node:assert/strict";
import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { must } from "./network.ts";
import { Namespace } from "./own_namespace.ts";
import { type Ran, run } from "./process.ts";

export const BINARY = new URL("../../dist/lvscare", import.meta.url).pathname;
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs what follows where these programs cannot be seen. */
const ALONE = [
  ...["unshare", "--mount", "sh", "-c"],
  'mount -t tmpfs none /usr/sbin && mount --bind /dev/null /usr/bin/ip && exec "$@"',
  "sh",
];

export interface LabFamily {
  readonly name: "IPv4" | "IPv6";
  readonly virtual: string;
  readonly host: string;
  readonly servers: readonly string[];
  readonly bits: number;
  /** Spells an endpoint. */
  at(address: string, port: number): string;
}

export const V4: LabFamily = {
  name: "IPv4",
  virtual: "10.103.97.12",
  host: "192.168.77.1",
  servers: ["192.168.77.2", "192.168.77.3", "192.168.77.4"],
  bits: 24,
  at: (address, port) => `${address}:${port}`,
};

export const V6: LabFamily = {
  name: "IPv6",
  virtual: "fd00:103::12",
  host: "fd00:77::1",
  servers: ["fd00:77::2", "fd00:77::3", "fd00:77::4"],
  bits: 64,
  at: (address, port) => `[${address}]:${port}`,
};

export const PORT = 6443;

/** A server that answers each request with its own address, and can be stopped. */
class LabServer {
  readonly address: string;
  readonly #namespace: Namespace;
  #server: Deno.HttpServer | undefined;

  constructor(namespace: Namespace, address: string) {
    this.#namespace = namespace;
    this.address = address;
  }

  start(): void {
    this.#server = this.#namespace.do(() =>
      Deno.serve({ hostname: this.address, port: PORT, onListen: () => {} }, async (request) => {
        const { pathname, searchParams } = new URL(request.url);
        if (pathname === "/slow") {
          await new Promise((resolve) => setTimeout(resolve, Number(searchParams.get("ms"))));
        }
        return new Response(`${this.address}\n`, { headers: { connection: "close" } });
      })
    );
  }

  async stop(): Promise<void> {
    await this.#server?.shutdown();
    this.#server = undefined;
  }
}

export class CareLab implements AsyncDisposable {
  readonly family: LabFamily;
  readonly servers: readonly LabServer[];
  readonly stateDir: string;
  readonly #host: Namespace;
  readonly #net: Namespace;
  readonly #processes: CareProcess[] = [];

  private constructor(family: LabFamily, host: Namespace, net: Namespace, stateDir: string) {
    this.family = family;
    this.#host = host;
    this.#net = net;
    this.stateDir = stateDir;
    this.servers = family.servers.map((address) => new LabServer(net, address));
  }

  /** Puts this thread into the host's namespace until the lab is disposed. */
  static async open(family: LabFamily): Promise<CareLab> {
    const net = Namespace.make();
    const host = Namespace.make();
    const { bits, servers } = family;
    net.enter();
    await must("ip", "link", "set", "lo", "up");
    host.enter();
    await must("ip", "link", "set", "lo", "up");
    await must("ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1");
    await must("ip", "link", "set", "cable1", "netns", net.path);
    // Addresses of the link come and settle by themselves.
    await must("ip", "link", "set", "cable0", "addrgenmode", "none");
    const nodad = family === V6 ? ["nodad"] : [];
    await must("ip", "addr", "add", `${family.host}/${bits}`, "dev", "cable0", ...nodad);
    await must("ip", "link", "set", "cable0", "up");
    net.enter();
    for (const address of servers) {
      await must("ip", "addr", "add", `${address}/${bits}`, "dev", "cable1", ...nodad);
    }
    await must("ip", "link", "set", "cable1", "up");
    // An answer to the virtual address itself would not come back: it has to be masqueraded.
    await must("ip", "route", "add", "blackhole", family.virtual);
    host.enter();
    const lab = new CareLab(family, host, net, await Deno.makeTempDir({ prefix: "lvscare-lab-" }));
    for (const server of lab.servers) server.start();
    return lab;
  }

  /** Puts this thread back into the host's namespace. */
  enter(): void {
    this.#host.enter();
  }

  /** Does something synchronous on the host, wherever the thread is. */
  do(body: () => void): void {
    this.#host.do(body);
  }

  /** Does something synchronous where the servers are. */
  doBehind<T>(body: () => T): T {
    return this.#net.do(body);
  }

  /** On the first server, takes connections to that port and says nothing. */
  listenSilently(port: number): Disposable & { readonly accepted: Promise<unknown> } {
    const listener = this.#net.do(() => Deno.listen({ hostname: this.family.servers[0]!, port }));
    const accepted = listener.accept();
    return {
      accepted,
      [Symbol.dispose]: () => {
        accepted.then((connection) => connection.close());
        listener.close();
      },
    };
  }

  get virtual(): string {
    return this.family.at(this.family.virtual, PORT);
  }

  /** The flags that every case here starts with. */
  flags(...servers: readonly string[]): string[] {
    const { family, stateDir } = this;
    const listed = servers.length > 0 ? servers : family.servers;
    return [
      ...["care", "--vs", this.virtual, "--health-schem", "http", "--health-path", "/healthz"],
      ...["--rs", listed.map((address) => family.at(address, PORT)).join(",")],
      ...["--interval", "1s", "--health-timeout", "2s", "--state-dir", stateDir],
    ];
  }

  lvscareAlone(args: readonly string[]): Promise<Ran> {
    return run([...ALONE, BINARY, ...args], { env: { PATH } });
  }

  /** Runs lvscare to its end. */
  lvscare(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
    return run([BINARY, ...args], { env: { PATH, LC_ALL: "C", ...env } });
  }

  /** Starts lvscare, to be stopped or killed. */
  start(args: readonly string[], env: Record<string, string> = {}): CareProcess {
    return this.#start([BINARY, ...args], env);
  }

  /** The same on a host that has none of the programs of administration. */
  startAlone(args: readonly string[]): CareProcess {
    return this.#start([...ALONE, BINARY, ...args], {});
  }

  /** The same by way of another program, which runs what stands behind its own words. */
  startBy(words: readonly string[], args: readonly string[]): CareProcess {
    return this.#start([...words, BINARY, ...args], {});
  }

  #start(argv: readonly string[], env: Record<string, string>): CareProcess {
    const process = new CareProcess(argv, { PATH, LC_ALL: "C", ...env });
    this.#processes.push(process);
    return process;
  }

  /** One request to the virtual address or another, from the host itself: who answered. */
  async request(path = "/", hostname = this.family.virtual, port = PORT): Promise<string> {
    using connection = await Deno.connect({ hostname, port });
    const text = `GET ${path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(text));
    const answer = await new Response(connection.readable).text();
    return answer.trim().split("\n").at(-1) ?? "";
  }

  /** Who answers, over some requests. */
  async answering(count = 6): Promise<string[]> {
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) seen.add(await this.request());
    return [...seen].sort();
  }

  /** The weights of the virtual server's servers; undefined where there is no such service. */
  async weights(virtual = this.virtual): Promise<Record<string, number> | undefined> {
    const rules = await must("ipvsadm", "-Sn");
    if (!rules.includes(`-A -t ${virtual} `)) return undefined;
    const lines = rules.matchAll(/^-a -t (\S+) -r (\S+):\d+ .*-w (\d+)/gm);
    return Object.fromEntries(
      [...lines].filter(([, service]) => service === virtual)
        .map(([, , server, weight]) => [server!.replace(/[[\]]/g, ""), Number(weight)]),
    );
  }

  /** Everything in the host's kernel that care could touch, as text. */
  async snapshot(): Promise<string> {
    const commands = [
      ["ipvsadm", "-Sn"],
      ["ip", "-o", "addr", "show"],
      ["ip", "route", "show", "table", "all"],
      ["ip", "-6", "route", "show", "table", "all"],
      ["ipset", "save"],
      ["nft", "-s", "list", "ruleset"],
    ] as const;
    const parts = [];
    for (const [program, ...args] of commands) {
      const text = await must(program, ...args);
      parts.push(`# ${program} ${args.join(" ")}\n${withoutCounters(text)}`);
    }
    return parts.join("");
  }

  /** Things of others, of every kind that care touches. */
  async addForeign(): Promise<void> {
    const { family } = this;
    const six = family === V6;
    const iptables = six ? "ip6tables" : "iptables";
    const address = (n: number) => six ? `fd00:55::${n}` : `10.55.0.${n}`;
    const host = (n: number) => `${address(n)}/${six ? 128 : 32}`;
    const service = six ? `[${address(1)}]:80` : `${address(1)}:80`;
    await must("ip", "link", "add", "theirs0", "type", "dummy");
    await must("ip", "link", "set", "theirs0", "addrgenmode", "none");
    await must("ip", "link", "set", "theirs0", "up");
    await must("ip", "addr", "add", host(1), "dev", "theirs0");
    await must("ip", "route", "add", host(9), "via", family.servers[0]!, "metric", "50");
    await must("ipvsadm", "-A", "-t", service, "-s", "wlc");
    await must("ipvsadm", "-a", "-t", service, "-r", family.at(family.servers[0]!, 80), "-m");
    await must("ipset", "create", "theirs", "hash:ip,port", ...(six ? ["family", "inet6"] : []));
    await must("ipset", "add", "theirs", `${address(1)},tcp:80`);
    await must(iptables, "-t", "nat", "-N", "THEIRS");
    await must(iptables, "-t", "nat", "-A", "OUTPUT", "-d", host(1), "-j", "THEIRS");
    await must(iptables, "-t", "nat", "-A", "PREROUTING", "-d", host(1), "-j", "THEIRS");
    await must(iptables, "-t", "nat", "-A", "POSTROUTING", "-s", host(2), "-j", "MASQUERADE");
    await must(iptables, "-A", "OUTPUT", "-m", "mark", "--mark", "0x4000/0x4000", "-j", "ACCEPT");
  }

  /** What addForeign() has made, as it is now. */
  async foreign(): Promise<string> {
    const lines = (await this.snapshot()).split("\n");
    return lines.filter((line) => /theirs|10\.55\.|fd00:55:|0x0*4000\b/i.test(line)).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) await process.kill();
    for (const server of this.servers) await server.stop();
    this.#net.close();
    this.#host.close();
    await Deno.remove(this.stateDir, { recursive: true });
  }
}

/** Packets counted, lifetimes, numbers of devices and addresses of the link come and change by themselves. */
function withoutCounters(text: string): string {
  return text.replace(/^.*(?:fe80:|ff00:).*\n/gm, "").replace(/^\d+: /gm, "")
    .replace(/ initval \S+/g, "").replace(
      /valid_lft \S+ preferred_lft \S+/g,
      "",
    ).replace(/ +$/gm, "")
    .replace(/\\/g, "").replace(/counter packets \d+ bytes \d+/g, "counter");
}

/** A running lvscare, with all that it has said so far. */
export class CareProcess {
  readonly #child: Deno.ChildProcess;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #read: Promise<unknown>;
  output = "";
  errors = "";
  #isOver = false;

  constructor(argv: readonly string[], env: Record<string, string>) {
    const [program = "", ...args] = argv;
    this.#child = new Deno.Command(program, {
      args,
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#status = this.#child.status.finally(() => this.#isOver = true);
    this.#stdout = this.#child.stdout.getReader();
    this.#read = Promise.all([
      follow(this.#stdout, (text) => this.output += text),
      follow(this.#child.stderr.getReader(), (text) => this.errors += text),
    ]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  signal(signal: Deno.Signal): void {
    if (!this.#isOver) this.#child.kill(signal);
  }

  /** Waits for its end. */
  async end(): Promise<Deno.CommandStatus> {
    const status = await this.#status;
    await this.#read;
    return status;
  }

  /** Reads its output no more: from here on writing to it fails. */
  closeLog(): Promise<void> {
    return this.#stdout.cancel();
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.end();
  }

  /** Kills it so long after it has said that. */
  killAfter(what: RegExp, ms: number): void {
    const check = setInterval(() => {
      if (!what.test(this.output) && !this.#isOver) return;
      clearInterval(check);
      if (!this.#isOver) setTimeout(() => this.signal("SIGKILL"), ms);
    }, 5);
  }

  /** Asks it to stop, and waits until it has. */
  stop(): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    return this.end();
  }

  /** Waits until it has said that, from an offset into its output on. */
  said(what: RegExp, from = 0): Promise<void> {
    return until(
      () => {
        if (this.#isOver) {
          throw new Error(`it ended without: ${what}\n${this.output}${this.errors}`);
        }
        return what.test(this.output.slice(from));
      },
      `it says ${what}`,
      () => this.output + this.errors,
    );
  }

  /** Resident memory in megabytes. */
  memoryMb(): number {
    const status = readKernelFile(`/proc/${this.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  }
}

async function follow(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    take(decoder.decode(read.value, { stream: true }));
  }
}

const DEADLINE_MS = 20_000;

/** Waits for what the real world takes its time for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  context: () => string | Promise<string> = () => "",
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!await condition()) {
    if (performance.now() > deadline) assert.fail(`not within 20 s: ${what}\n${await context()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Requests at a steady rate for as long as something goes on, and what became of them. */
export class RequestLoop {
  readonly #lab: CareLab;
  readonly #everyMs: number;
  readonly #ask: (count: number) => Promise<string>;
  readonly #open = new Set<Promise<void>>();
  #isOver = false;
  readonly #running: Promise<void>;
  answered = 0;
  readonly failures: string[] = [];

  /** Each is told how many were before it. */
  constructor(
    lab: CareLab,
    perSecond: number,
    ask: (count: number) => Promise<string> = () => lab.request(),
  ) {
    this.#lab = lab;
    this.#everyMs = 1000 / perSecond;
    this.#ask = ask;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await Promise.all(this.#open);
  }

  async #run(): Promise<void> {
    const started = performance.now();
    for (let i = 0; !this.#isOver && i < 10_000; i++) {
      const request = this.#request(i);
      this.#open.add(request);
      request.finally(() => this.#open.delete(request));
      const next = started + (i + 1) * this.#everyMs;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    }
  }

  async #request(count: number): Promise<void> {
    try {
      const answer = await this.#ask(count);
      if (this.#lab.family.servers.includes(answer)) this.answered++;
      else this.failures.push(`answer ${JSON.stringify(answer)}`);
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
    }
  }
}
