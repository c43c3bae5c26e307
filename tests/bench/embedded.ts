/**
 * The embedded proxy beside HAProxy, with one thread, in TCP mode, the same servers and the same balancing.
 *
 *   scripts/bench embedded [SECONDS [ROUNDS]]
 *
 * Each round measures one after the other; the table has medians of rounds, and what the first is of the second.
 * wrk asks, another HAProxy answers; "CPU" is the proxy's own time, user's and kernel's.
 */

import { openGround } from "../../src/care/ground.ts";
import { runCare } from "../../src/care/run.ts";
import { systemClock } from "../../src/clock.ts";
import { parseAddress } from "../../src/model/address.ts";
import { careConfig } from "../support/care_arbitraries.ts";
import { HOST } from "../support/care_inside.ts";
import { median, printTable } from "./report.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const CONNECTIONS = 64;
const SERVERS = 3;
const BIG = 1 << 18;
const REACTIONS = 20;

const MEGABYTES: Readonly<Record<string, number>> = {
  B: 2 ** -20,
  KB: 2 ** -10,
  MB: 1,
  GB: 2 ** 10,
  TB: 2 ** 20,
};

interface Load {
  readonly name: string;
  readonly wrk: readonly string[];
  readonly path: string;
  /** What one of wrk's units is called. */
  readonly unit: "requests" | "megabytes";
}

const LOADS: readonly Load[] = [
  { name: "kept connections", wrk: ["-c", `${CONNECTIONS}`], path: "/", unit: "requests" },
  {
    name: "new connections",
    wrk: ["-c", `${CONNECTIONS}`, "-H", "Connection: close"],
    path: "/",
    unit: "requests",
  },
  { name: "one stream", wrk: ["-c", "1"], path: "/big", unit: "megabytes" },
];

interface Proxy {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

interface Measured {
  readonly perSecond: number;
  readonly cpuUs: number;
}

await main(Number(Deno.args[0] ?? 5), Number(Deno.args[1] ?? 3));

async function main(seconds: number, rounds: number): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lvscare-bench-" });
  const children: Deno.ChildProcess[] = [];
  const start = (program: string, args: readonly string[]) => {
    const child = new Deno.Command(program, {
      args: [...args],
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    children.push(child);
    return child;
  };
  try {
    const ports = freePorts(SERVERS + 2);
    const servers = ports.slice(0, SERVERS);
    const [haproxyPort = 0, embeddedPort = 0] = ports.slice(SERVERS);
    const startHaproxy = async (name: string, config: string) => {
      const file = `${folder}/${name}.cfg`;
      await Deno.writeTextFile(file, config);
      return start("/usr/sbin/haproxy", ["-q", "-db", "-f", file]);
    };
    await startHaproxy("servers", await serversConfig(folder, servers));
    const haproxy = await startHaproxy("proxy", haproxyConfig(haproxyPort, servers));
    const embedded = start(`${ROOT}scripts/lvscare`, [
      ...["care", "--dataplane", "embedded", "--vs", `127.0.0.1:${embeddedPort}`, "--mode", ""],
      ...["--rs", servers.map((port) => `127.0.0.1:${port}`).join(",")],
      ...["--health-schem", "http", "--health-path", "/", "--state-dir", `${folder}/state`],
    ]);
    const proxies: Proxy[] = [
      { name: "embedded", port: embeddedPort, pid: embedded.pid },
      { name: "HAProxy", port: haproxyPort, pid: haproxy.pid },
    ];
    for (const { port } of proxies) await answering(port);
    const idle = await memoryMb(embedded.pid);
    await compare(proxies, servers[0]!, seconds, rounds);
    const [ours, theirs] = await Promise.all(proxies.map(({ pid }) => memoryMb(pid)));
    console.log(
      `\nmemory: embedded ${idle} MB before, ${ours} MB after, HAProxy ${theirs} MB after`,
    );
    console.log(`from a failed check to weight 0: median ${(await reactionMs()).toFixed(2)} ms`);
  } finally {
    for (const child of children) {
      try {
        child.kill();
      } catch {
        // It has ended before, and said why.
      }
      await child.status;
    }
    await Deno.remove(folder, { recursive: true });
  }
}

async function compare(
  proxies: readonly Proxy[],
  direct: number,
  seconds: number,
  rounds: number,
): Promise<void> {
  const rows: string[][] = [];
  for (const load of LOADS) {
    const seen = new Map(proxies.map(({ name }) => [name, [] as Measured[]]));
    const without: number[] = [];
    // What is compiled while it runs for the first time is not what a daemon costs.
    for (const { port } of proxies) await wrk(load, port, Math.min(2, seconds));
    for (let round = 0; round < rounds; round++) {
      for (const proxy of proxies) seen.get(proxy.name)!.push(await measure(load, proxy, seconds));
      without.push(await wrk(load, direct, seconds) / seconds);
    }
    const [ours, theirs] = proxies.map(({ name }) => ({
      perSecond: median(seen.get(name)!.map(({ perSecond }) => perSecond)),
      cpuUs: median(seen.get(name)!.map(({ cpuUs }) => cpuUs)),
    })) as [Measured, Measured];
    rows.push([
      load.name,
      `${load.unit}/s`,
      ours.perSecond.toFixed(0),
      theirs.perSecond.toFixed(0),
      median(without).toFixed(0),
      (ours.perSecond / theirs.perSecond).toFixed(2),
      ours.cpuUs.toFixed(1),
      theirs.cpuUs.toFixed(1),
      (theirs.cpuUs / ours.cpuUs).toFixed(2),
    ]);
  }
  printTable([
    "load",
    "unit",
    "embedded",
    "HAProxy",
    "no proxy",
    "ratio",
    "CPU us",
    "HAProxy's",
    "ratio",
  ], rows);
}

async function measure(load: Load, proxy: Proxy, seconds: number): Promise<Measured> {
  const before = await cpuUs(proxy.pid);
  const done = await wrk(load, proxy.port, seconds);
  const used = await cpuUs(proxy.pid) - before;
  return { perSecond: done / seconds, cpuUs: used / done };
}

/** How many requests were answered, or megabytes came, in so many seconds. */
async function wrk({ wrk, path, unit }: Load, port: number, seconds: number): Promise<number> {
  const args = ["-t", "1", "-d", `${seconds}s`, ...wrk, `http://127.0.0.1:${port}${path}`];
  const { stdout } = await new Deno.Command("wrk", { args }).output();
  const text = new TextDecoder().decode(stdout);
  const errors = /Socket errors: .*|Non-2xx.*/.exec(text)?.[0];
  if (errors) console.log(`${path} through ${port}: ${errors}`);
  const [, requests, read, scale] = /(\d+) requests in \S+ ([\d.]+)([KMGT]?B) read/.exec(text) ??
    [];
  if (requests === undefined) throw new Error(`wrk said:\n${text}`);
  return unit === "requests" ? Number(requests) : Number(read) * MEGABYTES[scale!]!;
}

/** All the time that the process and its threads have run. A tick is 10 ms everywhere. */
async function cpuUs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function memoryMb(pid: number): Promise<string> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024).toFixed(0);
}

/** How long it takes from a check that failed until the proxy has the weight. Every other check fails. */
async function reactionMs(): Promise<number> {
  const stateDir = await Deno.makeTempDir({ prefix: "lvscare-bench-" });
  const [port = 0] = freePorts(1);
  const config = careConfig({
    ...{ stateDir, intervalMs: 100, dataplane: "embedded", mode: { kind: "none" } },
    virtualServer: { address: parseAddress("127.0.0.1")!, port },
    servers: [{ address: parseAddress("127.0.0.1")!, port: 1 }],
  });
  const seen: number[] = [];
  let checks = 0;
  let failedAtMs = 0;
  let stop = () => {};
  await runCare(config, [], {
    clock: systemClock,
    pid: Deno.pid,
    unit: undefined,
    openNotifier: () => undefined,
    openControl: () => ({ close: () => Promise.resolve() }),
    out: () => {},
    exit: (status) => Deno.exit(status),
    onSignal: (signal, body) => {
      if (signal === "SIGTERM") stop = body;
      return { [Symbol.dispose]: () => {} };
    },
    openGround: async (request, warn) => {
      const ground = await openGround(request, HOST, warn);
      const apply = ground.dataplane.apply.bind(ground.dataplane);
      ground.dataplane.apply = async (steps) => {
        const errors = await apply(steps);
        for (const step of steps) {
          if (step.kind !== "change" || step.change.kind !== "editServer") continue;
          if (step.change.server.weight !== 0) continue;
          seen.push(performance.now() - failedAtMs);
          if (seen.length === REACTIONS) stop();
        }
        return errors;
      };
      return ground;
    },
    probe: () => ({
      describe: () => "a check",
      run: () => {
        failedAtMs = performance.now();
        return Promise.resolve(
          checks++ % 2 === 0 ? { ok: true } : { ok: false, reason: "the bench wants it so" },
        );
      },
    }),
  });
  await Deno.remove(stateDir, { recursive: true });
  return median(seen);
}

async function answering(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // It is still starting.
    }
    await new Promise<void>((resolve) => systemClock.after(50, resolve));
  }
  throw new Error(`nothing answers on port ${port}`);
}

function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** HAProxy once more, to answer: a word, or as much as fits into one of its buffers. */
async function serversConfig(folder: string, ports: readonly number[]): Promise<string> {
  await Deno.writeFile(`${folder}/big`, new Uint8Array(BIG));
  const binds = ports.map((port) => `  bind 127.0.0.1:${port}`).join("\n");
  return `global
  nbthread 2
  maxconn 2000
  tune.bufsize ${BIG + 65_536}
defaults
  mode http
  timeout connect 5s
  timeout client 900s
  timeout server 900s
frontend servers
${binds}
  http-request return status 200 content-type text/plain file ${folder}/big if { path /big }
  http-request return status 200 content-type text/plain string ok
`;
}

function haproxyConfig(port: number, servers: readonly number[]): string {
  const lines = servers.map((each, i) => `  server s${i} 127.0.0.1:${each} check inter 5s`);
  return `global
  nbthread 1
  maxconn 5000
defaults
  mode tcp
  timeout connect 5s
  timeout client 900s
  timeout server 900s
listen bench
  bind 127.0.0.1:${port}
  balance roundrobin
${lines.join("\n")}
`;
}
