/**
 * Filling, reading, comparing and emptying an IPVS table, side by side in one guest: lvscare over netlink and
 * over ipvsadm, ipvsadm itself, and a C program that sends the same messages.
 *
 *   scripts/bench kernel [ROUNDS [SERVICES SERVERS]]
 *
 * Each round has a network namespace of its own: a table that was just emptied keeps its servers in a list
 * that every new one is looked up in, which would measure that list.
 */

import { parseAddress } from "../../src/model/address.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import {
  type IpvsChange,
  printServiceKey,
  type Server,
  type Service,
  type ServiceEntry,
} from "../../src/model/ipvs.ts";
import type { IpvsTable } from "../../src/kernel/ipvs_table.ts";
import { CommandIpvsTable } from "../../src/kernel/command/ipvs_table.ts";
import { ProcessRunner } from "../../src/kernel/command/runner.ts";
import { NetlinkIpvsTable } from "../../src/kernel/netlink/ipvs_table.ts";
import { NETLINK_GENERIC } from "../../src/sys/transport.ts";
import { openLibcTransport } from "../../src/sys/libc_transport.ts";
import { NetlinkSocket } from "../../src/sys/netlink_socket.ts";
import { enterNewNamespace } from "../support/namespace.ts";
import { withFolder } from "../support/process.ts";
import { elapsed, median, printTable, spawn } from "./report.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const [rounds = 5, services = 500, servers = 10] = Deno.args.map(Number);
const STEPS = ["add", "list", "pass", "delete"] as const;
/** How many passes with nothing to do are made in a row, as a daemon makes them. */
const PASSES = 20;
type Times = Partial<Record<typeof STEPS[number], number>>;

/** An entry that is as it was is the very same object, whose text is known. */
const texts = new WeakMap<Server, string>();

if (Deno.env.get("LVSCARE_BENCH") === "inside") await inside();
else await outside();

/** On the host: compiles the C program and starts the rest in a guest. */
async function outside(): Promise<void> {
  await withFolder(async (folder) => {
    const program = `${folder}/ipvs_baseline`;
    const source = `${ROOT}tests/bench/guest/ipvs_baseline.c`;
    await spawn("cc", ["-O2", "-static", "-o", program, source]);
    await Deno.chmod(program, 0o755);
    const inner = [`${ROOT}scripts/deno`, "run", "-A", "--no-check", import.meta.filename!];
    await spawn(`${ROOT}scripts/guest`, [
      ...["--out", folder, "--env", "LVSCARE_BENCH=inside", "--"],
      ...inner,
      ...[rounds, services, servers].map(String),
    ]);
  });
}

async function inside(): Promise<void> {
  const rows: Record<string, Times[]> = {
    "ipvsadm": [],
    "C program": [],
    "lvscare over netlink": [],
    "lvscare over ipvsadm": [],
  };
  // Taking turns, so that a busy host is as busy for all of them.
  for (let round = 0; round < rounds; round++) {
    rows["C program"]!.push(await measureProgram());
    rows["lvscare over netlink"]!.push(
      await measureTable(() =>
        new NetlinkIpvsTable(new NetlinkSocket(openLibcTransport(NETLINK_GENERIC)))
      ),
    );
    rows["ipvsadm"]!.push(await measureIpvsadm());
    rows["lvscare over ipvsadm"]!.push(
      await measureTable(() => new CommandIpvsTable(new ProcessRunner())),
    );
  }
  const of = (name: string, step: typeof STEPS[number]) =>
    median(rows[name]!.map((times) => times[step] ?? NaN));
  const ratio = (name: string, step: typeof STEPS[number], base: string) => {
    const value = of(name, step) / of(base, step === "pass" ? "list" : step);
    return Number.isNaN(value) ? "" : value.toFixed(2);
  };
  const kernel = Deno.osRelease();
  console.log(
    `${services} services of ${servers} servers, ${rounds} rounds, kernel ${kernel}, medians`,
  );
  printTable(
    ["", ...STEPS.map((step) => `${step} ms`), "first add ms"],
    Object.entries(rows).map(([name, times]) => [
      name,
      ...STEPS.map((step) => times[0]?.[step] === undefined ? "" : of(name, step).toFixed(1)),
      (times[0]?.add ?? NaN).toFixed(1),
    ]),
  );
  const ours = "lvscare over netlink";
  console.log();
  printTable(["ratio of lvscare over netlink to", ...STEPS], [
    ["ipvsadm", ...STEPS.map((step) => ratio(ours, step, "ipvsadm"))],
    ["C program", ...STEPS.map((step) => ratio(ours, step, "C program"))],
  ]);
}

async function measureTable(open: () => IpvsTable): Promise<Times> {
  enterNewNamespace();
  const wanted = makeTable();
  const table = open();
  const times: Times = {};
  try {
    times.add = await elapsed(async () => {
      const outcomes = await table.apply(wanted.flatMap(additions));
      const failed = outcomes.find((error) => error !== undefined);
      if (failed) throw failed;
    });
    times.list = await elapsed(() => table.list());
    const passes: number[] = [];
    for (let i = 0; i < PASSES; i++) {
      passes.push(
        await elapsed(async () => {
          const differences = countDifferences(wanted, await table.list());
          if (differences !== 0) throw new Error(`${differences} differences`);
        }),
      );
    }
    times.pass = median(passes);
    times.delete = await elapsed(() =>
      table.apply(wanted.map(({ service }) => ({ kind: "deleteService", key: service.key })))
    );
  } finally {
    table.close();
  }
  return times;
}

async function measureIpvsadm(): Promise<Times> {
  enterNewNamespace();
  const rules = makeTable().flatMap(({ service: { key }, servers }) => {
    if (key.kind !== "address") return [];
    const at = `${key.address}:${key.port}`;
    return [
      `-A -t ${at} -s rr`,
      ...servers.map(({ server }) => `-a -t ${at} -r ${server.address}:${server.port} -m -w 1`),
    ];
  });
  await Deno.writeTextFile("/out/rules", `${rules.join("\n")}\n`);
  return {
    add: await elapsed(() => spawn("sh", ["-c", "exec ipvsadm -R < /out/rules"])),
    list: await elapsed(() => spawn("ipvsadm", ["-Ln"], "null")),
    delete: await elapsed(() => spawn("ipvsadm", ["-C"])),
  };
}

async function measureProgram(): Promise<Times> {
  enterNewNamespace();
  const command = new Deno.Command("/out/ipvs_baseline", {
    args: [`${services}`, `${servers}`],
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  if (!success) throw new Error("ipvs_baseline failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

function makeTable(): ServiceEntry[] {
  const connections = { active: 0, inactive: 0, persistent: 0 };
  return Array.from({ length: services }, (_, i) => {
    const address = parseAddress(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)!;
    const service: Service = {
      key: { kind: "address", protocol: "tcp", address, port: 80 },
      scheduler: "rr",
      schedulerFlags: [],
      onePacket: false,
    };
    const entries = Array.from({ length: servers }, (_, j) => {
      const n = i * servers + j;
      const server: Server = {
        address: parseAddress(`192.${168 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`)!,
        port: 8080,
        weight: 1,
        forwarding: { method: "masquerade" },
        upperThreshold: 0,
        lowerThreshold: 0,
      };
      return { server, connections };
    });
    return { service, servers: entries };
  });
}

function additions({ service, servers }: ServiceEntry): IpvsChange[] {
  const { key } = service;
  const add = servers.map(({ server }): IpvsChange => ({ kind: "addServer", key, server }));
  return [{ kind: "addService", service }, ...add];
}

function textOf(server: Server): string {
  const known = texts.get(server);
  if (known !== undefined) return known;
  const { weight, forwarding, upperThreshold, lowerThreshold } = server;
  const options = [weight, forwarding.method, upperThreshold, lowerThreshold];
  const text = `${printEndpoint(server)} ${options.join(" ")}`;
  texts.set(server, text);
  return text;
}

/** What a pass with nothing to do does after reading. */
function countDifferences(
  wanted: readonly ServiceEntry[],
  found: readonly ServiceEntry[],
): number {
  const text = ({ service, servers }: ServiceEntry) =>
    `${printServiceKey(service.key)} ${service.scheduler} ` +
    servers.map(({ server }) => textOf(server)).sort().join();
  const there = new Set(found.map(text));
  return wanted.filter((entry) => !there.has(text(entry))).length + there.size - wanted.length;
}
