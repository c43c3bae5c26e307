/**
 * `lvscare run` beside keepalived, on the same services in one guest: from the start until all is in the
 * kernel, a reload that changes one weight, and what it costs to check a hundred HTTP servers. Then natively,
 * with the kernel in memory: reading files, and a pass with nothing to do.
 *
 *   scripts/bench care [ROUNDS]
 *
 * With 1 round the tables are small, and servers are checked for a few seconds only.
 */

import { elapsed, median, printTable, spawn } from "./report.ts";
import { enterNewNamespace } from "../support/namespace.ts";
import { FakeDataplane } from "../support/fake_dataplane.ts";
import { withFolder } from "../support/process.ts";
import { PassMemory } from "../../src/care/carer.ts";
import { prospect, runPass } from "../../src/care/pass.ts";
import { readFiles } from "../../src/config/files/read.ts";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import type { Address } from "../../src/model/address.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { EMPTY_RECORD } from "../../src/state/record.ts";
import type { ServiceKey } from "../../src/model/ipvs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const [rounds = 3] = Deno.args.map(Number);
const isQuick = rounds === 1;

interface Size {
  readonly services: number;
  readonly servers: number;
}

const START: Size = isQuick ? { services: 50, servers: 10 } : { services: 500, servers: 10 };
const LARGE: Size = isQuick ? { services: 100, servers: 16 } : { services: 2000, servers: 16 };
const LARGEST: Size = { ...LARGE, services: 2 * LARGE.services };
const CHECKED = isQuick ? 10 : 100;
const CHECK_S = isQuick ? 5 : 60;
/** What it takes for a rhythm to be there. */
const WARM_UP_S = isQuick ? 2 : 10;
const DEADLINE_MS = 120_000;
const POLL_MS = 10;
/** Clock ticks a second, of the times in /proc. */
const TICKS = 100;

const TOOLS = ["keepalived", "lvscare"] as const;
type Tool = typeof TOOLS[number];

if (Deno.args[0] === "serve") serve();
else if (Deno.env.get("LVSCARE_BENCH") === "inside") await inside();
else await outside();

async function outside(): Promise<void> {
  await spawn(`${ROOT}scripts/lvscare`, ["version"], "null");
  await spawn(`${ROOT}scripts/guest`, [
    ...["--env", "LVSCARE_BENCH=inside", "--"],
    ...[`${ROOT}scripts/deno`, "run", "-A", "--no-check", import.meta.filename!, `${rounds}`],
  ]);
  console.log();
  await natively();
}

async function inside(): Promise<void> {
  await Deno.mkdir("/tmp/bench", { recursive: true });
  // A copy in memory, as any host has its programs on a disk of its own.
  await Deno.copyFile(`${ROOT}dist/lvscare`, "/tmp/bench/lvscare");
  await Deno.chmod("/tmp/bench/lvscare", 0o755);
  const rows: Record<string, Record<Tool, number[]>> = {};
  const note = (row: string, tool: Tool, ms: number) => {
    (rows[row] ??= { keepalived: [], lvscare: [] })[tool].push(ms);
  };
  for (let round = 0; round < rounds; round++) {
    for (const tool of TOOLS) {
      note(`start, ${print(START)}, ms`, tool, (await measure(tool, START)).startMs);
      for (const size of [LARGE, LARGEST]) {
        const { startMs, reloadMs } = await measure(tool, size);
        note(`start, ${print(size)}, ms`, tool, startMs);
        note(`reload, ${print(size)}, ms`, tool, reloadMs);
      }
    }
  }
  for (const tool of TOOLS) {
    const { cpuMs, memoryMb, perSecond } = await check(tool);
    note(`CPU a check, ${CHECKED} servers, ms`, tool, cpuMs);
    note(`checks a second`, tool, perSecond);
    note(`memory while it checks, MB`, tool, memoryMb);
  }
  console.log(`kernel ${Deno.osRelease()}, ${rounds} rounds, medians`);
  printTable(
    ["", ...TOOLS, "ratio"],
    Object.entries(rows).map(([name, each]) => {
      const [theirs, ours] = [median(each.keepalived), median(each.lvscare)];
      return [name, theirs.toFixed(1), ours.toFixed(1), (ours / theirs).toFixed(2)];
    }),
  );
}

function print({ services, servers }: Size): string {
  return `${services} x ${servers}`;
}

/** In a namespace of its own, whose tables nobody has used before. */
async function measure(
  tool: Tool,
  size: Size,
): Promise<{ readonly startMs: number; readonly reloadMs: number }> {
  enterNewNamespace();
  const folder = await Deno.makeTempDir({ dir: "/tmp/bench" });
  using table = openTable();
  write(tool, folder, size, 1);
  const started = performance.now();
  const child = start(tool, folder);
  try {
    const last = keyOf(size.services - 1);
    await until(async () => (await table.find(last))?.servers.length === size.servers);
    // Both go through their lists in order; that it is so is not taken for granted.
    await until(async () => {
      const entries = await table.list();
      return entries.length === size.services &&
        entries.every(({ servers }) => servers.length === size.servers);
    });
    const startMs = performance.now() - started;
    await new Promise((resolve) => setTimeout(resolve, isQuick ? 500 : 5000));
    write(tool, folder, size, 2);
    const changed = keyOf(size.services >> 1);
    const asked = performance.now();
    child.kill("SIGHUP");
    await until(async () => {
      const entry = await table.find(changed);
      return entry?.servers.some(({ server }) => server.weight === 2) ?? false;
    });
    return { startMs, reloadMs: performance.now() - asked };
  } finally {
    await end(child);
    await Deno.remove(folder, { recursive: true });
  }
}

/** A hundred servers on loopback, each asked once a second, as far as the tool keeps up with it. */
async function check(
  tool: Tool,
): Promise<{ readonly cpuMs: number; readonly memoryMb: number; readonly perSecond: number }> {
  enterNewNamespace();
  const folder = await Deno.makeTempDir({ dir: "/tmp/bench" });
  const servers = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename!, "serve"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const counts = servers.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const asked = async () => {
    const writer = servers.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    writer.releaseLock();
    return Number((await counts.read()).value);
  };
  await counts.read();
  write(tool, folder, { services: 1, servers: CHECKED }, 1, true);
  const child = start(tool, folder);
  try {
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_S * 1000));
    const before = [await asked(), cpuTicks(child.pid)] as const;
    await new Promise((resolve) => setTimeout(resolve, CHECK_S * 1000));
    const after = [await asked(), cpuTicks(child.pid)] as const;
    const checks = after[0] - before[0];
    const cpuMs = (after[1] - before[1]) * 1000 / TICKS / checks;
    return { cpuMs, memoryMb: memoryMb(child.pid), perSecond: checks / CHECK_S };
  } finally {
    await end(child);
    await servers.stdin.close();
    await servers.status;
    await counts.cancel();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Answers on every address of the host, and says how often for each byte that it is sent. */
function serve(): void {
  let count = 0;
  Deno.serve({ hostname: "0.0.0.0", port: 8080, onListen: () => console.log(0) }, () => {
    count++;
    return new Response("ok", { headers: { connection: "close" } });
  });
  const answer = async () => {
    for await (const _ of Deno.stdin.readable) console.log(count);
    Deno.exit();
  };
  void answer();
}

function openTable(): NetlinkIpvsTable & Disposable {
  const table = new NetlinkIpvsTable(new NetlinkSocket(openLibcTransport(NETLINK_GENERIC)));
  return Object.assign(table, { [Symbol.dispose]: () => table.close() });
}

function start(tool: Tool, folder: string): Deno.ChildProcess {
  const argv = {
    keepalived: [
      ...["keepalived", "-n", "-C", "-f", `${folder}/keepalived.conf`],
      ...["-p", `${folder}/pid`, "-c", `${folder}/checkers`],
    ],
    lvscare: [
      ...["/tmp/bench/lvscare", "run", "-c", folder],
      ...["--state-dir", `${folder}/state`, "--logger", "WARN"],
    ],
  }[tool];
  const [program = "", ...args] = argv;
  return new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
}

async function end(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  await child.status;
}

function serviceAddress(i: number): string {
  return `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
}

function keyOf(i: number): ServiceKey {
  return { kind: "address", protocol: "tcp", address: serviceAddress(i) as Address, port: 80 };
}

/** The same services for both, a file each; of one server in the middle the weight is the one given. */
function write(tool: Tool, folder: string, size: Size, weight: number, isChecked = false): void {
  const { services, servers } = size;
  const middle = services >> 1;
  if (weight === 1) {
    Deno.mkdirSync(`${folder}/conf.d`);
    const main = {
      keepalived: ["keepalived.conf", "include conf.d/*.conf\n"],
      lvscare: [
        "lvscare.yaml",
        `defaults:\n  mode: none\n  check: ${
          isChecked ? "{type: http, path: /healthz, interval: 1s, timeout: 5s}" : "none"
        }\n`,
      ],
    }[tool] as [string, string];
    Deno.writeTextFileSync(`${folder}/${main[0]}`, main[1]);
  }
  for (let i = 0; i < services; i++) {
    if (weight !== 1 && i !== middle) continue;
    const listed = Array.from({ length: servers }, (_, j): WrittenServer => {
      const n = i * servers + j;
      return {
        address: isChecked
          ? `127.0.1.${j + 1}`
          : `192.${168 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`,
        weight: i === middle && j === servers >> 1 ? weight : 1,
      };
    });
    const name = `${folder}/conf.d/${String(i).padStart(5, "0")}`;
    const print = { keepalived: printKeepalived, lvscare: printOurs }[tool];
    const ending = { keepalived: "conf", lvscare: "yaml" }[tool];
    Deno.writeTextFileSync(`${name}.${ending}`, print(serviceAddress(i), listed, isChecked));
  }
}

interface WrittenServer {
  readonly address: string;
  readonly weight: number;
}

function printKeepalived(
  address: string,
  servers: readonly WrittenServer[],
  isChecked: boolean,
): string {
  const check = "HTTP_GET { url { path /healthz\n status_code 200 }\n connect_timeout 5 }";
  return `virtual_server ${address} 80 {\n delay_loop 1\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n${
    servers.map(({ address, weight }) =>
      ` real_server ${address} 8080 {\n weight ${weight}\n${isChecked ? check : ""}\n }\n`
    ).join("")
  }}\n`;
}

function printOurs(address: string, servers: readonly WrittenServer[]): string {
  return `services:\n  - address: ${address}\n    port: 80\n    servers:\n${
    servers.map(({ address, weight }) =>
      weight === 1
        ? `      - ${address}:8080\n`
        : `      - {address: ${address}, port: 8080, weight: ${weight}}\n`
    ).join("")
  }`;
}

/** User and system time of a process and its children. */
function cpuTicks(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    const fields = readKernelFile(`/proc/${each}/stat`).replace(/^.*\) /s, "").split(" ");
    return sum + Number(fields[11]) + Number(fields[12]);
  }, 0);
}

function memoryMb(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    const status = readKernelFile(`/proc/${each}/status`);
    return sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  }, 0);
}

/** The process and its children: keepalived's checkers are one. */
function tree(pid: number): number[] {
  const children = readKernelFile(`/proc/${pid}/task/${pid}/children`).trim();
  return [
    pid,
    ...children.split(" ").filter((each) => each !== "").flatMap((each) => tree(Number(each))),
  ];
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error("it takes too long");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function natively(): Promise<void> {
  const rows: string[][] = [];
  for (const services of isQuick ? [100, 1000] : [1000, 10_000]) {
    const size = { services, servers: 10 };
    await withFolder(async (folder) => {
      write("lvscare", folder, size, 1, true);
      rows.push([`read and check ${print(size)}, a file each, ms`, await read(folder)]);
      const parts = [...Deno.readDirSync(`${folder}/conf.d`)].map(({ name }) => name).sort()
        .map((name) => Deno.readTextFileSync(`${folder}/conf.d/${name}`));
      const path = `${folder}/all.yaml`;
      const first = Deno.readTextFileSync(`${folder}/lvscare.yaml`);
      Deno.writeTextFileSync(
        path,
        first + parts.map((part, i) => i === 0 ? part : part.replace(/^services:\n/, "")).join(""),
      );
      rows.push([`the same in one file, ms`, await read(path)]);
    });
  }
  for (const services of isQuick ? [10, 100] : [100, 1000, 10_000]) {
    const size = { services, servers: 10 };
    await withFolder(async (folder) => {
      rows.push([`a pass with nothing to do, ${print(size)}, ms`, await pass(folder, size)]);
    });
  }
  console.log("natively, without a kernel, medians");
  printTable(["", ""], rows);
}

async function read(path: string): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < Math.max(3, rounds); i++) {
    times.push(
      await elapsed(async () => {
        const { config, report } = await readFiles({ path, nodeAddresses: [] });
        if (!config) throw new Error(report.lines[0]);
      }),
    );
  }
  return median(times).toFixed(0);
}

/** The kernel in memory costs nothing to read: what is left is the pass itself. */
async function pass(folder: string, size: Size): Promise<string> {
  write("lvscare", folder, size, 1, false);
  const { config } = await readFiles({ path: folder, nodeAddresses: [] });
  const dataplane = new FakeDataplane();
  let record = EMPTY_RECORD;
  const memory = new PassMemory(() => 0);
  const input = () => ({
    ...{ config: config!, dataplane, means: { kind: "kernel", rules: "iptables" } as const },
    ...{ health: new Map(), record, others: [], nowMs: 1_000_000, save: () => {}, memory },
  });
  for (let i = 0; i < 3; i++) record = (await runPass(input())).record;
  if ((await prospect(input())).steps.length > 0) throw new Error("it does not settle");
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    times.push(
      await elapsed(async () => {
        record = (await runPass(input())).record;
      }),
    );
  }
  return median(times).toFixed(1);
}
