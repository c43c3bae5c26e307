/**
 * A long run with faults: servers that answer well, wrongly, slowly, by halves or not at all, reloads with
 * other servers, and questions at the socket. What is looked at is memory and descriptors, which must not grow.
 *
 *   scripts/bench soak [THOUSANDS]
 *
 * So many thousand checks are waited for, 300 if nothing is said. The program is whole but for the kernel.
 */

import { askReload, askStatus } from "../../src/admin/client.ts";
import { bundle } from "../../scripts/bundle.ts";
import { PERMISSION_FLAGS } from "../../scripts/permissions.ts";
import { readKernelFile } from "../../src/sys/kernel_file.ts";
import { withFolder } from "../support/process.ts";
import { printTable } from "./report.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PORTS = 10;
const ADDRESSES = 30;
const ROWS = 10;
const TIMEOUT_MS = 300;
const INTERVAL_MS = 100;
const DEADLINE_MS = 30 * 60_000;

if (Deno.args[0] === "serve") serve();
else await main(Number(Deno.args[0] ?? 300) * 1000);

async function main(checks: number): Promise<void> {
  await withFolder(async (folder) => {
    const script = `${folder}/program.js`;
    const program = `${ROOT}tests/support/fake_program.ts`;
    await Deno.writeTextFile(script, await bundle(ROOT, program, folder));
    const servers = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", import.meta.filename!, "serve"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const said = servers.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const ports: number[] = JSON.parse((await said.read()).value ?? "[]");
    const stdin = servers.stdin.getWriter();
    const counted = async () => {
      await stdin.write(new TextEncoder().encode("\n"));
      return Number((await said.read()).value);
    };
    writeFiles(folder, ports, 0);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "--no-config",
          ...PERMISSION_FLAGS,
          script,
          "run",
          "-c",
          `${folder}/lvscare.yaml`,
        ],
        ...["--state-dir", `${folder}/state`, "--logger", "INFO"],
      ],
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const started = performance.now();
    const rows: string[][] = [];
    try {
      for (let round = 1; round <= ROWS;) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        if (performance.now() - started > DEADLINE_MS) throw new Error("it takes too long");
        const count = await counted();
        if (count < checks * round / ROWS) continue;
        writeFiles(folder, ports, round);
        const reloaded = await askReload(`${folder}/state`);
        if (!reloaded.ok) throw new Error(reloaded.problems.join());
        const { services } = await askStatus(`${folder}/state`);
        const all = services.flatMap(({ servers }) => servers);
        const up = all.filter(({ state }) => state === "up").length;
        const seconds = (performance.now() - started) / 1000;
        rows.push([
          `${count}`,
          seconds.toFixed(0),
          `${up} of ${all.length}`,
          memoryMb(child.pid).toFixed(1),
          `${[...Deno.readDirSync(`/proc/${child.pid}/fd`)].length}`,
        ]);
        round++;
      }
    } finally {
      child.kill("SIGTERM");
      await child.status;
      await stdin.close();
      await servers.status;
      await said.cancel();
    }
    printTable(["checks that reached a server", "s", "up", "MB", "descriptors"], rows);
  });
}

/** Another service has other servers in each round; the rest stays. */
function writeFiles(folder: string, ports: readonly number[], round: number): void {
  const services = ports.map((port, i) => {
    const count = i === round % PORTS ? ADDRESSES / 2 : ADDRESSES;
    const servers = Array.from({ length: count }, (_, j) => `      - 127.0.2.${j + 1}:${port}\n`);
    return `  - address: 10.0.0.${i + 1}\n    port: 80\n    servers:\n${servers.join("")}`;
  });
  Deno.writeTextFileSync(
    `${folder}/lvscare.yaml`,
    `defaults:
  mode: none
  drain: true
  check: {type: http, path: /healthz, interval: ${INTERVAL_MS}ms, timeout: ${TIMEOUT_MS}ms, rise: 2, fall: 2}
services:
${services.join("")}`,
  );
}

function memoryMb(pid: number): number {
  const status = readKernelFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** What a server may do with a connection; most of the time it is well. */
const WAYS: readonly ((connection: Deno.Conn) => Promise<void>)[] = [
  ...Array(12).fill((connection: Deno.Conn) => say(connection, OK)),
  (connection) => say(connection, "HTTP/1.1 500 Not today\r\n\r\n"),
  (connection) =>
    say(connection, "HTTP/1.1 302 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\n\r\n"),
  (connection) => say(connection, "\x00\x01nonsense\r\n\r\n"),
  (connection) => say(connection, "HTTP/1.1 200 OK\r\nX: "),
  (connection) => say(connection, `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}`),
  // Closed with the request unread: a reset.
  async () => {},
  async (connection) => {
    await connection.read(new Uint8Array(4096));
  },
  // Never an end: the check gives up.
  async (connection) => {
    await say(connection, "HTTP/1.1 ");
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS / 6));
      await connection.write(new TextEncoder().encode("2"));
    }
  },
];

async function say(connection: Deno.Conn, text: string): Promise<void> {
  await connection.read(new Uint8Array(4096));
  await connection.write(new TextEncoder().encode(text));
}

/** Serves until its input ends, and says for each byte of it how many connections there were. */
function serve(): void {
  let count = 0;
  let random = 1;
  const answer = async (connection: Deno.Conn) => {
    count++;
    random = (random * 48_271) % 0x7fff_ffff;
    try {
      await WAYS[random % WAYS.length]!(connection);
    } catch {
      // The check has gone.
    }
    connection.close();
  };
  const listen = async (listener: Deno.TcpListener) => {
    const { port } = listener.addr as Deno.NetAddr;
    for (;;) {
      try {
        for await (const connection of listener) {
          void answer(connection);
          // Now and then nobody listens for a moment.
          if (count % 5000 === 0) break;
        }
      } catch {
        // What was reset before it was accepted.
      }
      try {
        listener.close();
      } catch {
        // It is closed with its iteration.
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
      listener = Deno.listen({ hostname: "0.0.0.0", port });
    }
  };
  const listeners = Array.from(
    { length: PORTS },
    () => Deno.listen({ hostname: "0.0.0.0", port: 0 }),
  );
  for (const listener of listeners) void listen(listener);
  console.log(JSON.stringify(listeners.map(({ addr }) => (addr as Deno.NetAddr).port)));
  const tell = async () => {
    for await (const _ of Deno.stdin.readable) console.log(count);
    Deno.exit();
  };
  void tell();
}
