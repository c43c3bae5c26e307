/**
 * What probing 1,000 HTTP servers every second costs, and how punctual it is; beside it 100 of HTTPS.
 *
 *   scripts/bench probes [SECONDS]
 *
 * The servers are a process of their own, so that what is counted is the prober's work alone.
 */

import { cpuUsage, memoryUsage } from "node:process";
import { systemClock } from "../../src/clock.ts";
import type { HttpCheck } from "../../src/config/check.ts";
import { httpCheck } from "../support/http_check.ts";
import { httpProbe } from "../../src/health/probes/http.ts";
import type { Probe } from "../../src/health/probes/probe.ts";
import { startProbes } from "../../src/health/scheduler.ts";
import type { Address } from "../../src/model/address.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { serveText } from "../support/http_servers.ts";
import { median, printTable } from "./report.ts";

const SERVE = "serve";
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
const PORTS = 4;
const INTERVAL_MS = 1000;
const CHECK = httpCheck({ timeoutMs: 1000 });

interface Measured {
  readonly probes: number;
  readonly failures: number;
  /** Of one core, while probes ran. */
  readonly load: number;
  readonly latenessMs: readonly number[];
}

if (Deno.args[0] === SERVE) await serveUntilClosed(Deno.args[1] as HttpCheck["scheme"]);
else await main(Number(Deno.args[0] ?? 10));

async function main(seconds: number): Promise<void> {
  const rows: string[][] = [];
  for (const [scheme, count] of [["http", 1000], ["https", 100]] as const) {
    const child = spawnServers(scheme);
    try {
      const targets = await targetsOf(child, count);
      rows.push(rowOf(`${count} over ${scheme}`, await measure(scheme, targets, seconds)));
    } finally {
      await child.stdin.close();
      await child.status;
    }
  }
  const head = [
    "servers",
    "probes",
    "failed",
    "ms CPU each",
    "of one core",
    "late: median ms",
    "worst ms",
    "MB",
  ];
  printTable(head, rows);
}

function rowOf(name: string, { probes, failures, load, latenessMs }: Measured): string[] {
  return [
    name,
    `${probes}`,
    `${failures}`,
    (load * INTERVAL_MS / Number(name.split(" ")[0])).toFixed(3),
    `${(100 * load).toFixed(1)}%`,
    median(latenessMs).toFixed(1),
    Math.max(...latenessMs).toFixed(1),
    (memoryUsage().rss / 1e6).toFixed(0),
  ];
}

async function measure(
  scheme: HttpCheck["scheme"],
  targets: readonly Endpoint[],
  seconds: number,
): Promise<Measured> {
  const probe = httpProbe({ ...CHECK, scheme }, { clock: systemClock });
  // What is loaded and compiled with the first ones is not what a daemon costs.
  await Promise.all(targets.slice(0, 50).map((target) => probe.run(target, never())));
  let probes = 0;
  let failures = 0;
  const latenessMs: number[] = [];
  const usage = cpuUsage();
  const startMs = performance.now();
  const timed = watched(probe, targets, startMs, latenessMs);
  const probing = startProbes({
    targets: targets.map((endpoint) => ({
      ...{ id: printEndpoint(endpoint), endpoint, probe: timed, intervalMs: INTERVAL_MS },
    })),
    atOnce: Infinity,
    clock: systemClock,
    onResult: (_, { ok }) => {
      probes++;
      if (!ok) failures++;
    },
  });
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const elapsedUs = (performance.now() - startMs) * 1000;
  const { user, system } = cpuUsage(usage);
  await probing.stop();
  return { probes, failures, load: (user + system) / elapsedUs, latenessMs };
}

/** The same probe, with a note of how long after its time each start is. */
function watched(
  probe: Probe,
  targets: readonly Endpoint[],
  startMs: number,
  latenessMs: number[],
): Probe {
  const dueMs = new Map(
    targets.map((
      target,
      i,
    ) => [printEndpoint(target), startMs + (i * INTERVAL_MS) / targets.length]),
  );
  return {
    ...probe,
    run(target, signal) {
      const name = printEndpoint(target);
      const due = dueMs.get(name)!;
      latenessMs.push(performance.now() - due);
      dueMs.set(name, due + INTERVAL_MS);
      return probe.run(target, signal);
    },
  };
}

function never(): AbortSignal {
  return new AbortController().signal;
}

function spawnServers(scheme: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename!, SERVE, scheme],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

/** Every port at every address: 127.0.0.1 and its like are all this host, and each is a server of its own. */
async function targetsOf({ stdout }: Deno.ChildProcess, count: number): Promise<Endpoint[]> {
  const { value } = await stdout.getReader().read();
  const ports: number[] = JSON.parse(new TextDecoder().decode(value));
  return Array.from({ length: count }, (_, i) => ({
    address: `127.0.1.${1 + Math.floor(i / PORTS)}` as Address,
    port: ports[i % PORTS]!,
  }));
}

/** Says which ports it answers at, and ends when nobody holds its standard input any more. */
async function serveUntilClosed(scheme: HttpCheck["scheme"]): Promise<void> {
  const options = {
    hostname: "0.0.0.0",
    ...(scheme === "https" && { certificate: "self_signed" }),
  };
  await using servers = new AsyncDisposableStack();
  const ports = Array.from({ length: PORTS }, () => {
    return servers.use(serveText(ANSWER, options)).endpoint.port;
  });
  console.log(JSON.stringify(ports));
  await Deno.stdin.read(new Uint8Array(1));
}
