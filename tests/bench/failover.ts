/**
 * How soon a server that has gone is out of IPVS's table, and one that is back is in it again: keepalived and
 * `lvscare run` beside each other in one guest, on the same keepalived.conf (TCP_CHECK and HTTP_GET, retry 0,
 * delay_loop 1), each on a host of its own that checks the same servers over a bridge.
 *
 *   scripts/bench failover [RUNS]
 *
 * Each run takes a server of one kind away and brings it back; 20 of them for each kind if nothing is said.
 * How long it takes until a check comes is the interval's matter, and no part of the time: it begins for each
 * tool with the first packet, as it leaves the server, by which its own check can know.
 *
 * - gone: the server has closed its listening socket, and its kernel resets the tool's next SYN. What counts is
 *   that reset (a RST with sequence number 0, which answers a SYN and nothing else).
 * - back: for TCP_CHECK the SYN and ACK of the first connection that is taken; for HTTP_GET the packet with the
 *   whole answer, which is one, and says how long it is. keepalived asks a failed URL twice before it believes
 *   it, a delay_loop apart, so for HTTP_GET the last answer before the change is counted from, too.
 *
 * A packet socket on the server's bridge holds these packets with the kernel's own time of each. The table's
 * change is the moment at which the kernel's function that adds, changes or takes out a server returns to the
 * tool, which a probe of the kernel's tracing (kretprobe) notes, with the thread that called it. Both clocks
 * are the same one (tracing's "tai" is CLOCK_REALTIME where nobody has set the offset of TAI, which is
 * checked), their resolution is a microsecond, and neither costs one of the tools more than the other: nothing
 * looks at tables while time is taken, but for one look at the trace every 100 ms. Afterwards the table
 * of each is read and must be what it should be.
 *
 * Where a tool changes its table before its first reset (a connection was under way that was not accepted
 * yet) the run does not count for it, and is made again.
 */

import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { write } from "../support/http_servers.ts";
import { ip, must } from "../support/network.ts";
import { Namespace } from "../support/own_namespace.ts";
import { median, percentile, printTable, spawn } from "./report.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const [runs = 20] = Deno.args.map(Number);
const TRACING = "/tmp/tracing";
const FOLDER = "/tmp/bench";
const LOOK_MS = 100;
const DEADLINE_MS = 30_000;
/** A busy machine takes its time. */
const START_MS = 120_000;
/** Until both have checked everything more than once. */
const WARM_UP_MS = 5000;

const TOOLS = ["keepalived", "lvscare"] as const;
type Tool = typeof TOOLS[number];
const HOSTS: Readonly<Record<Tool, string>> = { keepalived: "10.77.1.1", lvscare: "10.77.1.2" };
/** The first one goes and comes back. */
const SERVERS = ["10.77.0.1", "10.77.0.2"] as const;

interface Kind {
  readonly check: "TCP_CHECK" | "HTTP_GET";
  /** What its check has beside limits. */
  readonly lines: readonly string[];
  /** Of the virtual server and of real ones. */
  readonly port: number;
}

const KINDS: readonly Kind[] = [
  { check: "TCP_CHECK", lines: [], port: 8000 },
  {
    check: "HTTP_GET",
    lines: ["url {", "path /healthz", "status_code 200", "}"],
    port: 8001,
  },
];

const TURNS = ["gone", "back"] as const;
type Turn = typeof TURNS[number];
type Measure = Turn | "back, from the last answer";

function measuresOf({ check }: Kind): readonly Measure[] {
  return check === "TCP_CHECK" ? ["gone", "back"] : ["gone", "back", "back, from the last answer"];
}

async function outside(): Promise<void> {
  if (!(runs >= 1)) throw new RangeError(`${Deno.args[0]} runs: must be at least 1`);
  await spawn(`${ROOT}scripts/lvscare`, ["version"], "null");
  await spawn(`${ROOT}scripts/guest`, [
    ...["--env", "LVSCARE_BENCH=inside", "--"],
    ...[`${ROOT}scripts/deno`, "run", "-A", "--no-check", import.meta.filename!, `${runs}`],
  ]);
}

async function inside(): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  // A copy in memory, as any host has its programs on a disk of its own.
  await Deno.copyFile(`${ROOT}dist/lvscare`, `${FOLDER}/lvscare`);
  await Deno.chmod(`${FOLDER}/lvscare`, 0o755);
  await Deno.writeTextFile(`${FOLDER}/keepalived.conf`, KINDS.map(printService).join("\n"));
  const trace = await Trace.open();
  const net = Namespace.make();
  net.enter();
  await ip(
    ...["link set lo up", "link add bridge0 type bridge", "link set bridge0 up"],
    ...SERVERS.map((address) => `addr add ${address}/16 dev bridge0`),
  );
  using wire = new Wire("bridge0");
  const servers = KINDS.map((kind) => SERVERS.map((address) => new Server(kind, address)));
  for (const server of servers.flat()) server.start();
  const sides = [await addSide(net, "keepalived"), await addSide(net, "lvscare")];
  const bench: Bench = { sides, wire, trace, times: new Map(), count: { made: 0, invalid: 0 } };
  try {
    for (const side of sides) side.start();
    await until(
      () => sides.every((side) => KINDS.every(({ port }) => side.has(port, 2))) ? true : undefined,
      START_MS,
    );
    await pause(WARM_UP_MS);
    for (const [i, kind] of KINDS.entries()) await measure(bench, kind, servers[i]![0]!);
  } finally {
    for (const side of sides) await side.stop();
    for (const server of servers.flat()) server.stop();
    net.close();
    trace.close();
  }
  report(bench);
}

interface Bench {
  readonly sides: readonly Side[];
  readonly wire: Wire;
  readonly trace: Trace;
  readonly times: Times;
  readonly count: { made: number; invalid: number };
}

/** Takes the server away and brings it back, until there are so many times of each tool as were asked for. */
async function measure(bench: Bench, kind: Kind, server: Server): Promise<void> {
  const isLacking = () =>
    TOOLS.some((tool) =>
      TURNS.some((turn) => timesOf(bench.times, kind, turn, tool).length < runs)
    );
  for (let run = 0; isLacking(); run++) {
    if (run >= 2 * runs + 5) throw new Error("too few runs count");
    for (const turn of TURNS) {
      // At any moment of each one's rhythm.
      await pause(500 + 1000 * Math.random());
      await measureTurn(bench, kind, server, turn);
    }
  }
}

async function measureTurn(bench: Bench, kind: Kind, server: Server, turn: Turn): Promise<void> {
  const { sides, wire, trace, times, count } = bench;
  wire.drain();
  trace.clear();
  if (turn === "gone") server.stop();
  else server.start();
  const lines = await until(() => {
    const lines = trace.read();
    return sides.every((side) => side.changesAmong(lines).length > 0) ? lines : undefined;
  });
  const packets = wire.drain();
  for (const side of sides) {
    const [change] = side.changesAmong(lines);
    const begins = packets.filter((packet) =>
      isBegin(packet, kind, turn, side.tool) && packet.atUs <= change!.atUs
    );
    count.made++;
    if (begins.length === 0) count.invalid++;
    const note = (measure: Measure, begin: Packet | undefined) => {
      const known = timesOf(times, kind, measure, side.tool);
      if (begin && known.length < runs) known.push((change!.atUs - begin.atUs) / 1000);
    };
    note(turn, begins[0]);
    if (turn === "back") note("back, from the last answer", begins.at(-1));
  }
  const left = turn === "gone" ? 1 : 2;
  await until(() => sides.every((side) => side.has(kind.port, left)) ? true : undefined);
}

function report({ times, count: { made, invalid } }: Bench): void {
  console.log(
    `kernel ${Deno.osRelease()}, ${runs} runs; ${invalid} of ${made} times did not count; ` +
      "ms from the packet to the changed table",
  );
  const rows: string[][] = [];
  for (const kind of KINDS) {
    for (const measure of measuresOf(kind)) {
      const each = TOOLS.map((tool) => {
        const values = timesOf(times, kind, measure, tool);
        return [median(values), percentile(values, 0.9), Math.max(...values)];
      });
      for (const [i, tool] of TOOLS.entries()) {
        const ratios = each[i]!.map((value, j) => value / each[0]![j]!);
        rows.push([
          `${kind.check}, ${measure}: ${tool}`,
          ...each[i]!.map((value) => value.toFixed(2)),
          ...ratios.map((ratio) => i === 0 ? "" : ratio.toFixed(2)),
        ]);
      }
    }
  }
  printTable(["", "median", "90 %", "worst", "ratio", "of 90 %", "of worst"], rows);
}

type Times = Map<string, number[]>;

function timesOf(times: Times, { check }: Kind, measure: Measure, tool: Tool): number[] {
  const key = `${check} ${measure} ${tool}`;
  const known = times.get(key) ?? [];
  times.set(key, known);
  return known;
}

function printService({ check, lines, port }: Kind): string {
  const servers = SERVERS.flatMap((address) => [
    `real_server ${address} ${port} {`,
    ...["weight 1", `${check} {`, ...lines, "connect_timeout 3", "retry 0", "}", "}"],
  ]);
  const how = ["delay_loop 1", "lb_algo rr", "lb_kind NAT", "protocol TCP"];
  return [`virtual_server 10.99.0.1 ${port} {`, ...how, ...servers, "}", ""].join("\n");
}

/** The service's lines in a table where so many of its servers are left, the last ones. */
function expected(port: number, left: number): string[] {
  return SERVERS.slice(SERVERS.length - left).map((server) => `${port} ${server}:${port} 1`);
}

/** A tool on a host of its own. */
class Side {
  readonly tool: Tool;
  readonly #host: Namespace;
  #child: Deno.ChildProcess | undefined;

  constructor(tool: Tool, host: Namespace) {
    this.tool = tool;
    this.#host = host;
  }

  start(): void {
    const argv = {
      keepalived: [
        ...["keepalived", "--dont-fork", "--log-console", "--check"],
        ...["--use-file", `${FOLDER}/keepalived.conf`],
        ...["--pid", `${FOLDER}/pid`, "--checkers_pid", `${FOLDER}/checkers`],
      ],
      lvscare: [
        ...[`${FOLDER}/lvscare`, "run", "-c", `${FOLDER}/keepalived.conf`],
        ...["--state-dir", `${FOLDER}/state`],
      ],
    }[this.tool];
    const [program = "", ...args] = argv;
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#child = this.#host.do(() => new Deno.Command(program, options).spawn());
  }

  /** What this tool has changed, of what was traced. */
  changesAmong(lines: readonly Traced[]): Traced[] {
    const threads = this.#child ? threadsOf(this.#child.pid) : [];
    return lines.filter(({ thread }) => threads.includes(thread));
  }

  /** Whether so many servers of that service are left in its table. */
  has(port: number, left: number): boolean {
    const lines = this.#table().filter((line) => line.startsWith(`${port} `));
    return lines.join() === expected(port, left).join();
  }

  /** A line for each server: "8000 10.77.0.1:8000 1", the service's port first and the weight last. */
  #table(): string[] {
    const text = this.#host.do(() => readKernelFile("/proc/thread-self/net/ip_vs"));
    const lines: string[] = [];
    let service = 0;
    for (const line of text.split("\n")) {
      const [, address = "", port = ""] = /^(?:TCP| {2}->) +(\w{8}):(\w{4})/.exec(line) ?? [];
      if (line.startsWith("TCP")) service = parseInt(port, 16);
      else if (port !== "") {
        const bytes = [0, 2, 4, 6].map((at) => parseInt(address.slice(at, at + 2), 16));
        const weight = line.trim().split(/ +/)[3];
        lines.push(`${service} ${bytes.join(".")}:${parseInt(port, 16)} ${weight}`);
      }
    }
    return lines.sort();
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#child?.status;
    this.#host.close();
  }
}

async function addSide(net: Namespace, tool: Tool): Promise<Side> {
  const host = Namespace.make();
  await ip(
    `link add port-${tool} type veth peer name cable0 netns ${host.path}`,
    `link set port-${tool} master bridge0`,
    `link set port-${tool} up`,
  );
  host.enter();
  await ip("link set lo up", `addr add ${HOSTS[tool]}/16 dev cable0`, "link set cable0 up");
  net.enter();
  return new Side(tool, host);
}

/** All threads of a process and of its children: keepalived's checkers are one. */
function threadsOf(pid: number): number[] {
  const children = readKernelFile(`/proc/${pid}/task/${pid}/children`).trim();
  return [
    ...[...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => Number(name)),
    ...children.split(" ").filter((each) => each !== "").flatMap((each) => threadsOf(Number(each))),
  ];
}

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n" +
  "Connection: close\r\n\r\nok";

/** Takes connections, and answers what is asked. */
class Server {
  readonly #kind: Kind;
  readonly #address: string;
  #listener: Deno.TcpListener | undefined;

  constructor(kind: Kind, address: string) {
    this.#kind = kind;
    this.#address = address;
  }

  start(): void {
    const listener = Deno.listen({ hostname: this.#address, port: this.#kind.port });
    this.#listener = listener;
    const serve = async () => {
      for await (const connection of listener) void this.#talk(connection);
    };
    void serve().catch(() => {});
  }

  stop(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  async #talk(connection: Deno.TcpConn): Promise<void> {
    const chunk = new Uint8Array(4096);
    try {
      const size = await connection.read(chunk);
      if (size !== null && this.#kind.check === "HTTP_GET") await write(connection, ANSWER);
    } catch {
      // Whoever asked has gone.
    } finally {
      connection.close();
    }
  }
}

/** One change of a table that the kernel has made. */
interface Traced {
  readonly thread: number;
  readonly what: string;
  readonly atUs: number;
}

/** The kernel's own notes of changed servers. */
class Trace {
  static async open(): Promise<Trace> {
    await Deno.mkdir(TRACING, { recursive: true });
    await must("mount", "-t", "tracefs", "tracing", TRACING);
    await must("modprobe", "ip_vs");
    const put = (name: string, text: string) => {
      Deno.writeTextFileSync(`${TRACING}/${name}`, text, { append: true, create: false });
    };
    for (const what of ["add", "edit", "del"]) {
      put("kprobe_events", `r:lvscare/${what} ip_vs:ip_vs_${what}_dest status=$retval:s32\n`);
    }
    put("trace_clock", "tai");
    put("events/lvscare/enable", "1");
    const before = Date.now();
    put("trace_marker", "now");
    const after = Date.now();
    const trace = new Trace();
    const [, stamp] = /(\d+\.\d{6}): tracing_mark_write: now/.exec(trace.#text()) ?? [];
    const markedMs = Number(stamp) * 1000;
    if (!(markedMs >= before - 2 && markedMs <= after + 2)) {
      throw new Error(`the trace says ${markedMs} between ${before} and ${after}`);
    }
    return trace;
  }

  #text(): string {
    return Deno.readTextFileSync(`${TRACING}/trace`);
  }

  clear(): void {
    Deno.writeTextFileSync(`${TRACING}/trace`, "", { create: false });
  }

  /** The changes that were made, in their order. */
  read(): Traced[] {
    const line = /-(\d+) +\[\d+\] +\S+ +(\d+)\.(\d{6}): (add|edit|del): .* status=0$/gm;
    return [...this.#text().matchAll(line)].map(([, thread, seconds, fraction, what = ""]) => ({
      ...{ thread: Number(thread), what },
      atUs: Number(seconds) * 1_000_000 + Number(fraction),
    }));
  }

  close(): void {
    Deno.writeTextFileSync(`${TRACING}/events/lvscare/enable`, "0", { create: false });
  }
}

/** A packet that the server has sent. */
interface Packet {
  readonly atUs: number;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: number;
}

const [SYN, RST, ACK] = [0x02, 0x04, 0x10];

function isBegin(packet: Packet, { check, port }: Kind, turn: Turn, tool: Tool): boolean {
  const { from, fromPort, to, flags, sequence, payload } = packet;
  if (from !== SERVERS[0] || fromPort !== port || to !== HOSTS[tool]) return false;
  if (turn === "gone") return (flags & RST) !== 0 && sequence === 0;
  return check === "TCP_CHECK" ? flags === (SYN | ACK) : payload > 0;
}

const [AF_PACKET, SOCK_DGRAM, ETH_P_ALL, PACKET_OUTGOING] = [17, 2, 0x0003, 4];
const [SOL_SOCKET, SO_RCVBUFFORCE, MSG_DONTWAIT, MSG_TRUNC] = [1, 33, 0x40, 0x20];
const [SOL_PACKET, PACKET_STATISTICS] = [263, 6];
const SIOCGSTAMPNS = 0x8907;
const BUFFER_BYTES = 16 << 20;

const LIBRARY = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  recvfrom: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
    result: "isize",
  },
  ioctl: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** What this host sends over a device, with the kernel's time of each packet. */
class Wire implements Disposable {
  readonly #libc = Deno.dlopen("libc.so.6", LIBRARY);
  readonly #descriptor: number;

  constructor(device: string) {
    const { socket, bind, setsockopt, if_nametoindex, ioctl } = this.#libc.symbols;
    const protocol = ETH_P_ALL << 8;
    this.#descriptor = check(socket(AF_PACKET, SOCK_DGRAM, protocol), "socket");
    const size = new Uint8Array(new Uint32Array([BUFFER_BYTES]).buffer);
    check(setsockopt(this.#descriptor, SOL_SOCKET, SO_RCVBUFFORCE, size, 4), "setsockopt");
    // The first time it is asked for, there is none, and from then on each packet has one.
    ioctl(this.#descriptor, SIOCGSTAMPNS, new Uint8Array(16));
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, protocol, true);
    view.setUint32(4, if_nametoindex(new TextEncoder().encode(`${device}\0`)), true);
    check(bind(this.#descriptor, address, address.length), "bind");
  }

  /** What has come since the last time; nothing may be lost. */
  drain(): Packet[] {
    const { recvfrom, ioctl, getsockopt } = this.#libc.symbols;
    const [bytes, from, length] = [new Uint8Array(2048), new Uint8Array(20), new Uint8Array(4)];
    const stamp = new BigInt64Array(2);
    const packets: Packet[] = [];
    for (;;) {
      length[0] = from.length;
      const flags = MSG_DONTWAIT | MSG_TRUNC;
      const size = Number(
        recvfrom(this.#descriptor, bytes, BigInt(bytes.length), flags, from, length),
      );
      if (size < 0) break;
      if (from[10] !== PACKET_OUTGOING) continue;
      check(ioctl(this.#descriptor, SIOCGSTAMPNS, new Uint8Array(stamp.buffer)), "SIOCGSTAMPNS");
      const atUs = Number(stamp[0]! * 1_000_000n + stamp[1]! / 1000n);
      const packet = decode(bytes.subarray(0, size), atUs);
      if (packet) packets.push(packet);
    }
    const counts = new Uint32Array(2);
    length[0] = 8;
    const into = new Uint8Array(counts.buffer);
    check(getsockopt(this.#descriptor, SOL_PACKET, PACKET_STATISTICS, into, length), "getsockopt");
    if (counts[1] !== 0) throw new Error(`${counts[1]} packets were lost`);
    return packets;
  }

  [Symbol.dispose](): void {
    this.#libc.symbols.close(this.#descriptor);
    this.#libc.close();
  }
}

/** TCP over IPv4; nothing else. */
function decode(bytes: Uint8Array, atUs: number): Packet | undefined {
  if (bytes.length < 40 || bytes[0]! >> 4 !== 4 || bytes[9] !== 6) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tcp = (bytes[0]! & 15) * 4;
  return {
    atUs,
    from: bytes.subarray(12, 16).join("."),
    fromPort: view.getUint16(tcp),
    to: bytes.subarray(16, 20).join("."),
    flags: bytes[tcp + 13]!,
    sequence: view.getUint32(tcp + 4),
    payload: view.getUint16(2) - tcp - (bytes[tcp + 12]! >> 4) * 4,
  };
}

function check(result: number, call: string): number {
  if (result < 0) throw new Error(`${call} failed`);
  return result;
}

async function until<T>(look: () => T | undefined, withinMs = DEADLINE_MS): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error("it takes too long");
    await pause(LOOK_MS);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// Last, for classes are there only from their lines on.
if (Deno.env.get("LVSCARE_BENCH") === "inside") await inside();
else await outside();
