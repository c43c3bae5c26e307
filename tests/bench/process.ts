/**
 * `lvscare care` without its kernel: how long a run takes from exec to exit, how much memory it has while
 * nothing happens, and how soon it ends when it is asked to.
 */

import { bundle } from "../../scripts/bundle.ts";
import { PERMISSION_FLAGS } from "../../scripts/permissions.ts";
import { withFolder } from "../support/process.ts";
import { median, printTable } from "./report.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const ROUNDS = Number(Deno.args[0] ?? 15);
const CERTIFICATES = `${ROOT}tests/support/certificates/`;
const SERVERS = 3;
/** How long it idles before its memory is looked at, at this interval. */
const IDLE_MS = ROUNDS > 1 ? 10_000 : 1000;
const INTERVAL = "1s";

await withFolder(async (folder) => {
  const script = `${folder}/program.js`;
  const program = `${ROOT}tests/support/fake_program.ts`;
  await Deno.writeTextFile(script, await bundle(ROOT, program, folder));
  const deno = ["run", "--no-config", ...PERMISSION_FLAGS, script];
  const serve = (tls: { cert?: string; key?: string }) =>
    Array.from({ length: SERVERS }, () => {
      const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls };
      return Deno.serve(options as Deno.ServeTcpOptions, () => new Response("ok"));
    });
  const servers = {
    http: serve({}),
    https: serve({
      cert: await Deno.readTextFile(`${CERTIFICATES}self_signed.pem`),
      key: await Deno.readTextFile(`${CERTIFICATES}server.key`),
    }),
  };
  const care = (scheme: keyof typeof servers) => [
    ...["care", "--vs", "10.0.0.1:6443", "--mode", "link", "--health-schem", scheme],
    ...["--rs", servers[scheme].map(({ addr }) => `127.0.0.1:${addr.port}`).join(",")],
    ...["--interval", INTERVAL, "--state-dir", `${folder}/state`],
  ];
  const times: Record<string, number[]> = { "version": [], "care --run-once": [] };
  const memory: Record<keyof typeof servers, number[]> = { http: [], https: [] };
  const stops: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    times["version"]!.push(await elapsed([...deno, "version"]));
    times["care --run-once"]!.push(await elapsed([...deno, ...care("http"), "--run-once"]));
  }
  for (let round = 0; round < Math.min(3, ROUNDS); round++) {
    for (const scheme of ["http", "https"] as const) {
      const { memoryMb, stopMs } = await idle([...deno, ...care(scheme)]);
      memory[scheme].push(memoryMb);
      stops.push(stopMs);
    }
  }
  await Promise.all(Object.values(servers).flat().map((server) => server.shutdown()));
  printTable(["", "median", "least", "most"], [
    ...Object.entries(times).map(([name, each]) => row(`${name}, exec to exit, ms`, each)),
    ...Object.entries(memory).map(([scheme, each]) =>
      row(`memory with ${SERVERS} servers over ${scheme}, MB`, each)
    ),
    row("from SIGTERM to the end, ms", stops),
  ]);
});

function row(name: string, values: readonly number[]): string[] {
  return [
    name,
    ...[median(values), Math.min(...values), Math.max(...values)].map((value) => value.toFixed(1)),
  ];
}

async function elapsed(args: readonly string[]): Promise<number> {
  const started = performance.now();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return performance.now() - started;
}

async function idle(args: readonly string[]): Promise<{ memoryMb: number; stopMs: number }> {
  const child = new Deno.Command(Deno.execPath(), { args: [...args], stdout: "null" }).spawn();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
  const memoryMb = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  const started = performance.now();
  child.kill("SIGTERM");
  const { code } = await child.status;
  if (code !== 0) throw new Error(`it ended with ${code}`);
  return { memoryMb, stopMs: performance.now() - started };
}
