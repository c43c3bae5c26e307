/** What ipvsadm really printed (tests/golden/ipvsadm), printed and read by this program. */

import assert from "node:assert/strict";
import { KernelError, UsageError } from "../../src/errors.ts";
import { parseArguments } from "../../src/ipvsadm/arguments.ts";
import { parseConnections, printConnections } from "../../src/ipvsadm/connections.ts";
import { joinListings, parseListing } from "../../src/ipvsadm/listing.ts";
import { NO_NAMES, parseNames } from "../../src/ipvsadm/names.ts";
import type { ListFormat } from "../../src/ipvsadm/operation.ts";
import { printService, printTable } from "../../src/ipvsadm/print.ts";
import {
  parseDaemonListing,
  parseTimeoutListing,
  printDaemons,
  printTimeouts,
} from "../../src/ipvsadm/print_daemons.ts";
import { parseRules, printRules } from "../../src/ipvsadm/save.ts";
import { ipvsError } from "../../src/kernel/command/ipvs_errors.ts";
import { MemoryIpvsTable } from "../../src/kernel/memory/ipvs_table.ts";
import { type IpvsChange, printServiceKey, type ServiceEntry } from "../../src/model/ipvs.ts";
import { parseTranscript, type Step, type Transcript } from "../support/transcript.ts";

const FOLDER = new URL("ipvsadm/", import.meta.url);
/** How many scenarios scripts/capture_golden makes. */
const COUNT = 11;

const NAMES = parseNames(
  `http 80/tcp www
https 443/tcp
http-alt 8080/tcp webcache
http-alt 8080/udp
imaps 993/tcp
domain 53/tcp
domain 53/udp
sip 5060/tcp
sip 5060/udp`,
  "127.0.0.1 localhost",
);

const transcripts = new Map<string, Transcript>();
for (const { name } of Deno.readDirSync(FOLDER)) {
  transcripts.set(
    name.replace(/\.txt$/, ""),
    parseTranscript(Deno.readTextFileSync(new URL(name, FOLDER))),
  );
}

function scenario(name: string): Transcript {
  const found = transcripts.get(name);
  assert.ok(found, `tests/golden/ipvsadm/${name}.txt is missing`);
  return found;
}

function words(step: Step): string[] {
  assert.equal(step.argv[0], "ipvsadm");
  return step.argv.slice(1);
}

function outputOf({ steps }: Transcript, command: string): string {
  const step = steps.find(({ argv }) => argv.join(" ") === command);
  assert.ok(step, `${command} was not captured`);
  return step.stdout;
}

/** The table as CommandIpvsTable reads it. */
function readTable(transcript: Transcript): ServiceEntry[] {
  const view = (name: string) => outputOf(transcript, `ipvsadm -Ln --nosort --exact --${name}`);
  const entries = joinListings({
    tunInfo: view("tun-info"),
    thresholds: view("thresholds"),
    persistentConn: view("persistent-conn"),
    stats: view("stats"),
    rate: view("rate"),
  });
  assert.ok(entries, "the views do not fit together");
  return entries;
}

const TABLES = [
  "empty",
  "services",
  "unnamed",
  "servers",
  "order",
  "names",
  "rules",
  "traffic",
];

Deno.test("the golden files are all there", () => {
  assert.equal(transcripts.size, COUNT);
  for (const { steps, remarks } of transcripts.values()) {
    assert.ok(steps.length > 0);
    assert.match(remarks[1] ?? "", /^made by scripts\/capture_golden with ipvsadm v1\.31 /);
  }
});

for (const name of TABLES) {
  Deno.test(`printTable() and printRules() print what ipvsadm printed: ${name}`, () => {
    const transcript = scenario(name);
    const { info } = parseListing(outputOf(transcript, "ipvsadm -Ln --nosort --exact --tun-info"));
    const entries = readTable(transcript);
    let compared = 0;
    for (const step of transcript.steps) {
      const operation = parseArguments(words(step.argv[0] === "ipvsadm" ? step : IGNORED), NAMES);
      if (operation.op === "list") {
        const shown = operation.format.view === "rate"
          ? withOwnRates(entries, step.stdout)
          : entries;
        assert.equal(print(info, shown, operation), step.stdout, step.argv.join(" "));
        compared++;
      } else if (operation.op === "save") {
        const format = { numeric: operation.numeric, thresholds: false, stable: false };
        assert.equal(printRules(entries, format, NAMES), step.stdout, step.argv.join(" "));
        compared++;
      }
    }
    assert.ok(compared >= 7, `${compared} views were compared`);
  });
}

const IGNORED: Step = { argv: ["ipvsadm", "-C"], stdout: "", stderr: "", status: 0 };

function print(
  info: { version: string; connectionTableSize: number },
  entries: readonly ServiceEntry[],
  operation: { readonly key?: ServiceEntry["service"]["key"]; readonly format: ListFormat },
): string {
  const { key, format } = operation;
  if (key === undefined) return printTable(info, entries, format, NAMES);
  const entry = entries.find(({ service }) =>
    printServiceKey(service.key) === printServiceKey(key)
  );
  assert.ok(entry);
  return printService(entry, format, NAMES);
}

/** Rates decay between one view and the next: each is compared with what it says itself. */
function withOwnRates(entries: readonly ServiceEntry[], text: string): ServiceEntry[] {
  const listing = parseListing(text);
  const rates = (columns: readonly string[]) => {
    const [connections, inPackets, outPackets, inBytes, outBytes] = columns.map(BigInt);
    return {
      connections: connections!,
      inPackets: inPackets!,
      outPackets: outPackets!,
      inBytes: inBytes!,
      outBytes: outBytes!,
    };
  };
  return entries.map((entry) => {
    const listed = listing.services
      .find(({ key }) => printServiceKey(key) === printServiceKey(entry.service.key))!;
    return {
      ...entry,
      stats: { ...entry.stats!, rates: rates(listed.columns) },
      servers: entry.servers.map((server) => {
        const { address, port } = server.server;
        const found = listed.servers
          .find(({ endpoint }) => endpoint.address === address && endpoint.port === port)!;
        return { ...server, stats: { ...server.stats!, rates: rates(found.columns) } };
      }),
    };
  });
}

for (const name of ["empty", "services", "unnamed", "servers", "order", "names", "rules"]) {
  Deno.test(`the fake holds after ipvsadm's commands what the kernel held: ${name}`, async () => {
    const transcript = scenario(name);
    const fake = new MemoryIpvsTable();
    for (const change of changesOf(transcript)) {
      assert.deepEqual(await fake.apply([change]), [undefined], JSON.stringify(change));
    }
    const sort = (entries: readonly ServiceEntry[]) =>
      entries.map(({ service, servers, stats }) => ({
        service,
        stats,
        servers: servers.toSorted((a, b) => order(a.server, b.server)),
      })).toSorted((a, b) => order(a.service.key, b.service.key));
    assert.deepEqual(sort(await fake.list({ stats: true })), sort(readTable(transcript)));
  });
}

function order(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function changesOf({ steps }: Transcript): IpvsChange[] {
  return steps.flatMap((step) => {
    if (step.argv[0] !== "ipvsadm") return [];
    const operation = parseArguments(words(step), NAMES);
    return operation.op === "change" ? [operation.change] : [];
  });
}

Deno.test("parseRules() reads what ipvsadm -S and -Sn wrote", async () => {
  for (const [name, view] of [["services", "-Sn"], ["servers", "-Sn"], ["rules", "-S"]] as const) {
    const transcript = scenario(name);
    const saved = outputOf(transcript, `ipvsadm ${view}`);
    const rules = parseRules(saved, "saved", NAMES);
    assert.equal(rules.length, saved.split("\n").length - 1);
    const fake = new MemoryIpvsTable();
    const answers = await fake.apply(rules.map(({ change }) => change));
    assert.deepEqual(answers.filter((answer) => answer !== undefined), []);
    const format = { numeric: view === "-Sn", thresholds: false, stable: false };
    assert.equal(printRules(await fake.list(), format, NAMES), saved);
  }
});

Deno.test("what the kernel refuses by ipvsadm's words, the fake refuses with the same errno", async () => {
  const { steps } = scenario("refusals");
  const fake = new MemoryIpvsTable();
  const refused: string[] = [];
  for (const step of steps) {
    const isOurs = step.argv[0] === "ipvsadm";
    if (step.status === 0) {
      const operation = parseArguments(words(step), NAMES);
      assert.ok(operation.op === "change");
      assert.deepEqual(await fake.apply([operation.change]), [undefined], step.argv.join(" "));
      continue;
    }
    const error = ipvsError(
      step.stderr,
      { command: "IPVS_CMD", op: "do", subject: "it" },
      { argv: step.argv, exit: step.status },
    );
    assert.ok(error instanceof KernelError, `${step.argv.join(" ")}: ${step.stderr}`);
    refused.push(error.errno);
    if (isOurs) await assertFakeRefuses(fake, words(step), error.errno);
  }
  assert.deepEqual(
    refused.toSorted().filter((errno, index, all) => errno !== all[index - 1]),
    ["EEXIST", "EINVAL", "ENODEV", "ENOENT", "EPERM", "ERANGE", "ESRCH"],
  );
  assert.ok(refused.length >= 24);
});

async function assertFakeRefuses(
  fake: MemoryIpvsTable,
  args: string[],
  errno: string,
): Promise<void> {
  const line = args.join(" ");
  let operation;
  try {
    operation = parseArguments(args, NAMES);
  } catch (error) {
    // Thresholds the wrong way round do not come as far as the kernel.
    assert.ok(error instanceof UsageError && line.endsWith("-y 5"), line);
    return;
  }
  switch (operation.op) {
    case "change": {
      const [answer] = await fake.apply([operation.change]);
      assert.ok(answer?.is(errno), `${line}: ${answer?.message}`);
      break;
    }
    case "zero":
      await assert.rejects(fake.zero(operation.key), (error: KernelError) => error.is(errno));
      break;
    case "startDaemon":
      await assert.rejects(
        fake.startDaemon(operation.daemon),
        (error: KernelError) => error.is(errno),
      );
      break;
    case "stopDaemon":
      await assert.rejects(
        fake.stopDaemon(operation.role),
        (error: KernelError) => error.is(errno),
      );
      break;
    default:
      assert.fail(`nothing to refuse: ${line}`);
  }
}

Deno.test("timeouts are printed and read as ipvsadm prints them", () => {
  const text = outputOf(scenario("timeouts"), "ipvsadm -L --timeout");
  const timeouts = { tcpS: 10, tcpFinS: 120, udpS: 30 };
  assert.deepEqual(parseTimeoutListing(text), timeouts);
  assert.equal(printTimeouts(timeouts), text);
});

Deno.test("daemons are printed and read as ipvsadm prints them, and the fake reports the same", async () => {
  const transcript = scenario("daemons");
  const text = outputOf(transcript, "ipvsadm -L --daemon");
  const daemons = parseDaemonListing(text);
  assert.equal(daemons.length, 2);
  assert.equal(printDaemons(daemons), text);
  const fake = new MemoryIpvsTable({ interfaces: ["sync0"] });
  for (const step of transcript.steps.filter(({ status }) => status === 0)) {
    const operation = parseArguments(words(step), NO_NAMES);
    if (operation.op === "startDaemon") await fake.startDaemon(operation.daemon);
  }
  assert.deepEqual(await fake.daemons(), daemons);
});

Deno.test("printConnections() prints what ipvsadm -Lc prints of the kernel's list", () => {
  const transcript = scenario("traffic");
  const connections = parseConnections(outputOf(transcript, "/usr/bin/cat /proc/net/ip_vs_conn"));
  assert.equal(connections.length, 7);
  const [sip, ...others] = connections.filter(({ engine }) => engine);
  assert.deepEqual([sip, others], [{
    protocol: "UDP",
    client: { address: "10.0.0.1", port: 0 },
    virtual: { address: "10.0.0.1", port: 5060 },
    server: { address: "10.1.0.2", port: 5060 },
    state: "NONE",
    expiresS: sip?.expiresS,
    engine: { name: "sip", data: "3c26700bc4e8@example.com" },
  }, []]);
  const views = transcript.steps.filter(({ argv }) => /^-L.*c/.test(argv[1] ?? ""));
  assert.equal(views.length, 3);
  for (const step of views) {
    const operation = parseArguments(words(step), NAMES);
    assert.ok(operation.op === "connections");
    // Time goes on between one view and the next.
    const withoutTime = (text: string) => text.replaceAll(/\b\d\d:\d\d /g, "mm:ss ");
    const printed = printConnections(connections, operation.format, NAMES);
    assert.equal(withoutTime(printed), withoutTime(step.stdout), step.argv.join(" "));
  }
});

Deno.test("printConnections() counts the time to expiry in minutes, however many", () => {
  for (
    const [expiresS, shown] of [[0, "00:00"], [59, "00:59"], [894, "14:54"], [360_000, "6000:00"]]
  ) {
    const line = `TCP 0A000001 A26A 0A000001 0050 0A010002 1F90 TIME_WAIT   ${expiresS}`;
    const connections = parseConnections(`title\n${line}\n`);
    const text = printConnections(connections, { numeric: true, engineData: false }, NO_NAMES);
    const [, , third] = text.split("\n");
    assert.equal(
      third,
      `TCP ${
        String(shown).padEnd(6)
      } TIME_WAIT   10.0.0.1:41578     10.0.0.1:80        10.1.0.2:8080`,
    );
  }
});
