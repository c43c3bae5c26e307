/**
 * keepalived and `lvscare run` side by side: for each file a pair of hosts, in a network namespace each, that
 * check the same servers over a bridge. This process is where the servers are, and is the servers.
 */

import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import { printServiceKey } from "../../src/model/ipvs.ts";
import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";
import { BINARY, CareProcess } from "./care_lab.ts";
import { certificate, untilClosed, write } from "./http_servers.ts";
import { feed, ip, must } from "./network.ts";
import { Namespace } from "./own_namespace.ts";

const FILES = new URL("keepalived_files/", import.meta.url).pathname;
const KEY = new URL("certificates/server.key", import.meta.url).pathname;

/** What the lines are compared with that begin with "@". */
const CONFIG_ID = "lab";

/** The files that are compared, by their names; those that begin with "_" are parts of others. */
export function keepalivedFiles(): string[] {
  return [...Deno.readDirSync(FILES)].map(({ name }) => name)
    .filter((name) => name.endsWith(".conf") && !name.startsWith("_")).sort();
}

/** How all that listens at a server behaves. */
export type Conduct =
  | "good"
  /** Nobody listens. */
  | "refusing"
  /** Connections are taken and reset. */
  | "resetting"
  /** Connections are taken, and that is all. */
  | "silent"
  /** Answers say that something is wrong: status 500, 554, SERVFAIL. */
  | "failing"
  /** Answers are good in their form, and are others. */
  | "other"
  /** Answers begin, and go on with a byte now and then, long after whoever asked has no time any more. */
  | "dripping";

const BODY = "hello world\nsecond line\n";
const OTHER_BODY = "something else\n";
const DRIP_MS = 12_000;
const RESET_MS = 500;

/** Whom a mail server wants to hear, by its port. */
const MAIL: Readonly<Record<number, string>> = {
  25: "smtpchecker.keepalived.org",
  2525: "mail.lab.test",
};
const [PLAIN, HTTPS] = [9000, 443];
const TCP_PORTS = [80, 8080, PLAIN, HTTPS, ...Object.keys(MAIL).map(Number)];
const [DNS, ECHO] = [53, 7];

/** A server of all that is checked, on an address of each family. */
export class LabServer {
  readonly addresses: readonly [string, string];
  /** How many connections or questions were taken, by "PORT PEER". */
  readonly asked = new Map<string, number>();
  #conduct: Conduct = "refusing";
  #listening: (() => void | Promise<void>)[] = [];
  readonly #open = new Set<Deno.Conn>();
  readonly #talks = new Set<Promise<void>>();
  /** Of connections to the port behind TLS: whom the client asked for, by its port. */
  readonly #names = new Map<number, string>();
  #secure: Deno.TlsListener | undefined;

  constructor(readonly number: number) {
    this.addresses = [`10.77.0.${number}`, `fd77::${number}`];
  }

  async behave(conduct: Conduct): Promise<void> {
    const was = listensAs(this.#conduct);
    this.#conduct = conduct;
    for (const connection of this.#open) closeQuietly(connection);
    if (listensAs(conduct) === was) return;
    await Promise.all(this.#listening.splice(0).map((close) => close()));
    await Promise.all(this.#talks);
    if (conduct === "refusing") return;
    for (const address of this.addresses) await this.#listen(address);
  }

  async #listen(address: string): Promise<void> {
    const isV4 = address === this.addresses[0];
    for (const port of TCP_PORTS) {
      // Who is named in a handshake is the same over both families.
      if (port === HTTPS && !isV4) continue;
      if (this.#conduct === "resetting") await this.#listenToReset(address, port);
      else this.#listenTcp(address, port);
    }
    await this.#listenUdp(address, DNS, (question) => this.#answerDns(question));
    await this.#listenUdp(address, ECHO, () => this.#answerEcho());
    if (isV4 && this.#conduct !== "resetting") this.#listenSecurely();
  }

  #listenTcp(hostname: string, port: number): void {
    const listener = Deno.listen({ hostname, port });
    this.#listening.push(() => listener.close());
    this.#accept(listener, (connection) => {
      const { hostname: peer } = connection.remoteAddr as Deno.NetAddr;
      this.#count(port, peer);
      if (port === PLAIN || this.#conduct === "silent") return untilClosed(connection);
      if (port === HTTPS) return this.#relay(connection);
      const helo = MAIL[port];
      return helo === undefined ? this.#talkHttp(connection) : this.#talkSmtp(connection, helo);
    });
  }

  #accept(listener: Deno.Listener, talk: (connection: Deno.Conn) => Promise<void>): void {
    const serve = async () => {
      for await (const connection of listener) {
        this.#open.add(connection);
        this.#track(
          talk(connection).catch(() => {}).finally(() => {
            this.#open.delete(connection);
            closeQuietly(connection);
          }),
        );
      }
    };
    this.#track(serve().catch(() => {}));
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#talks.delete(tracked));
    this.#talks.add(tracked);
  }

  #count(port: number, peer: string): void {
    const key = `${port} ${peer}`;
    this.asked.set(key, (this.asked.get(key) ?? 0) + 1);
  }

  /** As soon as anything is said, or a while after nothing was: who only connects has gone by then. */
  async #listenToReset(hostname: string, port: number): Promise<void> {
    const server = createServer((socket: Socket) => {
      const timer = setTimeout(() => socket.resetAndDestroy(), RESET_MS);
      socket.on("error", () => {});
      socket.on("close", () => clearTimeout(timer));
      socket.on("data", () => socket.resetAndDestroy());
    });
    await new Promise<void>((resolve) => server.listen(port, hostname, resolve));
    this.#listening.push(() => new Promise((resolve) => server.close(() => resolve())));
  }

  async #listenUdp(
    address: string,
    port: number,
    answer: (question: Uint8Array) => Uint8Array | undefined,
  ): Promise<void> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.on("error", () => {});
    socket.on("message", (question, { address: peer, port: peerPort }) => {
      this.#count(port, peer);
      const bytes = this.#conduct === "silent" || this.#conduct === "dripping"
        ? undefined
        : answer(question);
      if (bytes) socket.send(bytes, peerPort, peer, () => {});
    });
    await new Promise<void>((resolve) => socket.bind(port, address, resolve));
    this.#listening.push(() => new Promise((resolve) => socket.close(resolve)));
  }

  async #talkHttp(connection: Deno.Conn, named?: string): Promise<void> {
    const request = await readUntil(connection, "\r\n\r\n");
    const [, path = "", version = ""] = /^GET (\S+) HTTP\/(\S+)\r\n/.exec(request) ?? [];
    const host = /^host: *(\S+)/im.exec(request)?.[1] ?? "";
    const [, what = "", wanted = ""] = /^\/(\w*)\/?(.*)$/.exec(path) ?? [];
    const seen: Readonly<Record<string, string>> = { as: host, version, named: named ?? "nobody" };
    const good = what === "status" ? wanted : (seen[what] ?? wanted) === wanted ? "200" : "421";
    const status = this.#conduct === "failing" ? "500" : good;
    const body = status === "204" ? "" : this.#conduct === "other" ? OTHER_BODY : BODY;
    const head = `HTTP/1.1 ${status} x\r\nServer: lab\r\nContent-Length: ${body.length}\r\n\r\n`;
    if (this.#conduct === "dripping") await drip(connection, head.slice(0, 20));
    else if (what === "half") await drip(connection, head + body.slice(0, 5));
    else await write(connection, head + body);
  }

  async #talkSmtp(connection: Deno.Conn, helo: string): Promise<void> {
    if (this.#conduct === "failing") return await write(connection, "554 no\r\n");
    if (this.#conduct === "dripping") return await drip(connection, "22");
    await write(connection, "220 lab ESMTP\r\n");
    const hello = await readUntil(connection, "\r\n");
    const isWelcome = new RegExp(`^(?:HELO|EHLO) ${RegExp.escape(helo)}\r\n`, "i").test(hello);
    if (!isWelcome) return await write(connection, "501 who are you\r\n");
    await write(connection, /^EHLO/i.test(hello) ? "250-lab\r\n250 HELP\r\n" : "250 lab\r\n");
    await readUntil(connection, "QUIT\r\n");
    await write(connection, "221 bye\r\n");
  }

  #answerDns(question: Uint8Array): Uint8Array {
    const text = new TextDecoder("latin1").decode(question).toLowerCase();
    const code = this.#conduct === "failing" ? 2 : text.includes("\x07missing") ? 3 : 0;
    const answer = question.slice();
    answer.set([0x80 | (question[2]! & 0x79), 0x80 | code], 2);
    return answer;
  }

  #answerEcho(): Uint8Array {
    return new Uint8Array(this.#conduct === "other" ? [0xcd, 1] : [0xab, 0x12, 0x34, 0x56]);
  }

  /** Behind a relay that knows whom the client asks for, which Deno's own TLS does not tell. */
  #listenSecurely(): void {
    const listener = Deno.listenTls({
      ...{ hostname: "127.0.0.1", port: 0 },
      cert: certificate("trusted"),
      key: Deno.readTextFileSync(KEY),
    });
    this.#secure = listener;
    this.#listening.push(() => listener.close());
    this.#accept(listener, (connection) => {
      const { port } = connection.remoteAddr as Deno.NetAddr;
      return this.#talkHttp(connection, this.#names.get(port));
    });
  }

  async #relay(client: Deno.Conn): Promise<void> {
    const { port } = this.#secure!.addr as Deno.NetAddr;
    const chunk = new Uint8Array(4096);
    const size = await client.read(chunk) ?? 0;
    using inner = await Deno.connect({ hostname: "127.0.0.1", port });
    const own = (inner.localAddr as Deno.NetAddr).port;
    this.#names.set(own, serverNameOf(chunk.subarray(0, size)) ?? "nobody");
    try {
      await write(inner, chunk.subarray(0, size));
      await Promise.all([pass(client, inner), pass(inner, client)]);
    } finally {
      this.#names.delete(own);
    }
  }

  close(): Promise<void> {
    return this.behave("refusing");
  }
}

function listensAs(conduct: Conduct): string {
  return conduct === "refusing" || conduct === "resetting" ? conduct : "good";
}

function closeQuietly(connection: { close(): void }): void {
  try {
    connection.close();
  } catch {
    // It was closed before.
  }
}

async function readUntil(connection: Deno.Conn, end: string): Promise<string> {
  const chunk = new Uint8Array(4096);
  let text = "";
  while (!text.includes(end)) {
    const size = await connection.read(chunk);
    if (size === null) throw new Error("closed before its end");
    text += new TextDecoder("latin1").decode(chunk.subarray(0, size));
  }
  return text;
}

/** Until whoever listens leaves. */
async function drip(connection: Deno.Conn, beginning: string): Promise<void> {
  await write(connection, beginning);
  const timer = setInterval(() => write(connection, "0").catch(() => {}), DRIP_MS);
  await untilClosed(connection).finally(() => clearInterval(timer));
}

async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const chunk = new Uint8Array(16_384);
  for (;;) {
    const size = await from.read(chunk).catch(() => null);
    if (size === null) return await to.closeWrite().catch(() => {});
    await write(to, chunk.subarray(0, size));
  }
}

/** Of a ClientHello, the host_name of its extension server_name (RFC 6066). */
function serverNameOf(hello: Uint8Array): string | undefined {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.length);
  let at = 43;
  at += 1 + view.getUint8(at);
  at += 2 + view.getUint16(at);
  at += 1 + view.getUint8(at);
  at += 2;
  while (at + 4 <= hello.length) {
    const [type, size] = [view.getUint16(at), view.getUint16(at + 2)];
    if (type === 0) {
      const length = view.getUint16(at + 7);
      return new TextDecoder().decode(hello.subarray(at + 9, at + 9 + length));
    }
    at += 4 + size;
  }
  return undefined;
}

/** The two programs of a pair. */
export const TOOLS = ["keepalived", "lvscare"] as const;
export type Tool = typeof TOOLS[number];

/** A program that cares for the services of a file, on a host of its own. */
class Side {
  readonly #namespace: Namespace;
  readonly #table: NetlinkIpvsTable;
  #process: CareProcess | undefined;
  #isOver = false;

  constructor(readonly tool: Tool, readonly address: string, namespace: Namespace) {
    this.#namespace = namespace;
    this.#table = namespace.do(() =>
      new NetlinkIpvsTable(new NetlinkSocket(openLibcTransport(NETLINK_GENERIC)))
    );
  }

  start(folder: string, file: string): void {
    const own = `${folder}/${file}.${this.tool}`;
    const argv = {
      keepalived: [
        ...["keepalived", "--dont-fork", "--log-console", "--log-detail", "--check"],
        ...["--use-file", `${folder}/${file}`, "--config-id", CONFIG_ID],
        ...["--pid", `${own}.pid`, "--checkers_pid", `${own}.checkers`],
      ],
      lvscare: [
        ...[`${folder}/lvscare`, "run", "-c", `${folder}/${file}`, "--config-id", CONFIG_ID],
        ...["--state-dir", `${own}.state`],
      ],
    }[this.tool];
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
    const started = this.#namespace.do(() => new CareProcess(argv, env));
    started.end().then(() => this.#isOver = true);
    this.#process = started;
  }

  /** All that it has said. */
  get said(): string {
    return this.#process ? this.#process.output + this.#process.errors : "";
  }

  /** What of the table changes with health, in any order: cheap enough to be read again and again. */
  look(): string {
    const services: string[] = [];
    let service = "";
    if (this.#isOver) throw new Error(`${this.tool} has ended: ${this.said}`);
    const text = this.#namespace.do(() => readKernelFile("/proc/thread-self/net/ip_vs"));
    for (const line of text.split("\n").slice(3)) {
      const server = /^ {2}-> (\S+) +(\S+) +(\S+)/.exec(line);
      if (server) services.push(`${service} -> ${server.slice(1).join(" ")}`);
      else if (line !== "") services.push(service = line.trim().replace(/ +/g, " "));
    }
    return services.sort().join("\n");
  }

  /** The whole table, as ipvsadm saves it, with what it leaves out of that; in any order. */
  async table(): Promise<string> {
    const child = this.#namespace.do(() =>
      new Deno.Command("ipvsadm", { args: ["-Sn"], stdin: "null", stdout: "piped" }).spawn()
    );
    const { stdout } = await child.output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    for (const { service, servers } of await this.#table.list()) {
      const { key, ...how } = service;
      lines.push(`${printServiceKey(key)} ${JSON.stringify(how)}`);
      for (const { server } of servers) {
        const { address, port, ...how } = server;
        lines.push(
          `${printServiceKey(key)} -> ${printEndpoint({ address, port })} ${JSON.stringify(how)}`,
        );
      }
    }
    lines.push(`timeouts ${JSON.stringify(await this.#table.timeouts())}`);
    return lines.sort().join("\n");
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#table.close();
    this.#namespace.close();
  }
}

/** Both programs on one file. */
export interface Pair {
  readonly file: string;
  readonly keepalived: Side;
  readonly lvscare: Side;
}

/** How often tables are looked at, and for how long they must stay as they are. */
const LOOK_MS = 1000;
const CALM_MS = 2500;

export interface Settling {
  /** Whether keepalived has come to what was waited for. */
  readonly isThere: (pair: Pair, look: string) => boolean;
  /** No less: what changes nothing in a table takes its time, too. */
  readonly leastMs: number;
  readonly mostMs: number;
}

export class KeepalivedLab implements AsyncDisposable {
  readonly folder: string;
  readonly servers: readonly LabServer[] = [1, 2, 3, 4].map((n) => new LabServer(n));
  readonly pairs: readonly Pair[];
  readonly #net: Namespace;

  private constructor(folder: string, net: Namespace, pairs: readonly Pair[]) {
    this.folder = folder;
    this.#net = net;
    this.pairs = pairs;
  }

  /** Puts this thread where the servers are until the lab is disposed. */
  static async open(files: readonly string[]): Promise<KeepalivedLab> {
    const folder = await Deno.makeTempDir({ prefix: "lvscare-keepalived-" });
    for (const { name } of Deno.readDirSync(FILES)) {
      await Deno.copyFile(`${FILES}${name}`, `${folder}/${name}`);
    }
    // In memory, as any host has its programs on a disk of its own.
    await Deno.copyFile(BINARY, `${folder}/lvscare`);
    await Deno.chmod(`${folder}/lvscare`, 0o755);
    await Deno.writeTextFile(`${folder}/script`, SCRIPT, { mode: 0o755 });
    await Deno.mkdir(`${folder}/state`);
    const net = Namespace.make();
    net.enter();
    await ip(
      ...["link set lo up", "link add bridge0 type bridge", "link set bridge0 addrgenmode none"],
      ...["link set bridge0 up", "addr add 10.77.255.1/16 dev bridge0"],
    );
    const pairs: Pair[] = [];
    for (const [i, file] of files.entries()) {
      pairs.push({
        file,
        keepalived: await addSide(net, "keepalived", 2 * i),
        lvscare: await addSide(net, "lvscare", 2 * i + 1),
      });
    }
    const lab = new KeepalivedLab(folder, net, pairs);
    await ip(...lab.servers.flatMap(({ addresses: [four, six] }) => [
      `addr add ${four}/16 dev bridge0`,
      `addr add ${six}/64 dev bridge0 nodad`,
    ]));
    await feed(DROPPING, "nft", "-f", "-");
    // Every refusal is told of, however many there are.
    await must("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0");
    for (const server of lab.servers) await server.behave("good");
    lab.state("1", "0");
    lab.state("2", "0");
    lab.state("file", "0");
    return lab;
  }

  start(): void {
    for (const { file, keepalived, lvscare } of this.pairs) {
      for (const side of [keepalived, lvscare]) side.start(this.folder, file);
    }
  }

  /** What scripts and files say from now on. */
  state(name: string, text: string): void {
    const path = `${this.folder}/state/${name}`;
    Deno.writeTextFileSync(`${path}.next`, `${text}\n`);
    Deno.renameSync(`${path}.next`, path);
  }

  /** Lets all packets to that server vanish, or no more. */
  async drop(server: LabServer, isDropped: boolean): Promise<void> {
    const verb = isDropped ? "add" : "delete";
    const [four, six] = server.addresses;
    const lines = [
      `${verb} element inet lab four { ${four} }`,
      `${verb} element inet lab six { ${six} }`,
    ];
    await feed(`${lines.join("\n")}\n`, "nft", "-f", "-");
  }

  /**
   * Waits until in each pair keepalived has come to what was waited for, lvscare to the same, and both have
   * stayed there for a moment; or until there is no time left.
   */
  async settle({ isThere, leastMs, mostMs }: Settling): Promise<void> {
    const started = performance.now();
    const since = new Map<Pair, readonly [state: string, sinceMs: number]>();
    for (;;) {
      const now = performance.now();
      let isSettled = now - started >= leastMs;
      for (const pair of this.pairs) {
        const [theirs, ours] = [pair.keepalived.look(), pair.lvscare.look()];
        const known = since.get(pair);
        const state = `${theirs}\n\n${ours}`;
        if (known?.[0] !== state) since.set(pair, [state, now]);
        const calmMs = known?.[0] === state ? now - known[1] : 0;
        if (theirs !== ours || calmMs < CALM_MS || !isThere(pair, theirs)) isSettled = false;
      }
      if (isSettled || now - started > mostMs) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A namespace leads back to the one that it was made in: those of the pairs first.
    for (const { keepalived, lvscare } of this.pairs) {
      await Promise.all([keepalived.stop(), lvscare.stop()]);
    }
    for (const server of this.servers) await server.close();
    this.#net.close();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Its status is what a file says. */
const SCRIPT = `#!/bin/sh
case $1 in
slow) exec sleep 4 ;;
killed) kill -KILL $$ ;;
least) exit 2 ;;
most) exit 255 ;;
esac
read -r status <"\${0%/*}/state/$1"
exit "$status"
`;

/** Neighbours are found all the same, as of a host whose firewall drops. */
const DROPPING = `table inet lab {
  set four { type ipv4_addr; }
  set six { type ipv6_addr; }
  chain input {
    type filter hook input priority 0;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    ip daddr @four drop
    ip6 daddr @six drop
  }
}
`;

async function addSide(net: Namespace, tool: Tool, number: number): Promise<Side> {
  const host = Namespace.make();
  const [port, four, six] = [
    `port${number}`,
    `10.77.1.${number + 1}`,
    `fd77::1:${(number + 1).toString(16)}`,
  ];
  await ip(
    `link add ${port} type veth peer name cable0 netns ${host.path}`,
    `link set ${port} master bridge0 addrgenmode none`,
    `link set ${port} up`,
  );
  host.enter();
  await ip(
    ...["link set lo up", "link set cable0 addrgenmode none", `addr add ${four}/16 dev cable0`],
    ...[`addr add ${six}/64 dev cable0 nodad`, "link set cable0 up"],
  );
  net.enter();
  return new Side(tool, four, host);
}
