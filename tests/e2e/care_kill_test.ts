/** Killed at any moment, what `lvscare care` leaves is something that the next start knows what to do with. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { CareConfig, Mode } from "../../src/config/care.ts";
import { parseAddress } from "../../src/model/address.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { StateDirectory } from "../../src/state/directory.ts";
import { encodeRecord } from "../../src/state/record.ts";
import { readRecord } from "../../src/state/record_file.ts";
import { careConfig, endpoint } from "../support/care_arbitraries.ts";
import { runInside } from "../support/care_inside.ts";
import { CareLab, type CareProcess, V4 } from "../support/care_lab.ts";
import { must } from "../support/network.ts";

const KILLS = 200;
/** So many hosts take turns: while one is looked at, the next one's lvscare starts. */
const LANES = 3;

type Stage = "start" | "pass" | "drain" | "clean";
const STAGES: readonly Stage[] = ["start", "pass", "drain", "clean"];

interface Round {
  readonly stage: Stage;
  /** What is killed. */
  readonly killed: CareConfig;
  /** When, in milliseconds from where it begins to work. */
  readonly afterMs: number;
  /** What is started then. */
  readonly next: CareConfig;
}

const servers = fc.subarray(V4.servers.map((address) => endpoint(address, 6443)), { minLength: 1 });
const virtual = fc.constantFrom(endpoint("10.103.97.12", 6443), endpoint("10.103.97.13", 80));
const mode: fc.Arbitrary<Mode> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant("link" as const),
      device: fc.constantFrom("lvscare", "care1"),
      markBit: fc.constantFrom(0, 9),
    }),
    weight: 3,
  },
  fc.constant<Mode>({ kind: "route", gateway: parseAddress(V4.host) }),
);

function configs(stateDir: string): fc.Arbitrary<CareConfig> {
  return fc.record({
    virtualServer: virtual,
    servers,
    mode,
    masquerade: fc.constantFrom("iptables" as const, "nftables" as const),
    drainTimeoutMs: fc.constantFrom(0, 30_000),
  }).map((given) => careConfig({ ...given, stateDir }));
}

Deno.test(`after ${KILLS} kills at random moments each start ends where its arguments lead, and the next has nothing to do`, async () => {
  const seed = Date.now() & 0xffff_ffff;
  console.log(`seed ${seed}`);
  const lanes: Lane[] = [];
  try {
    for (let i = 0; i < LANES; i++) lanes.push(await Lane.open());
    // Whatever is begun is looked at too.
    const rounds = lanes.map((lane, i) =>
      sample(lane.lab.stateDir, seed + i, Math.ceil((KILLS - i) / LANES))
    );
    for (const [i, lane] of lanes.entries()) await lane.begin(rounds[i]!.shift()!);
    for (let kill = 0; kill < KILLS; kill++) {
      const lane = lanes[kill % LANES]!;
      await lane.check(`seed ${seed}, kill ${kill}`);
      const round = rounds[kill % LANES]!.shift();
      if (round) await lane.begin(round);
    }
    for (const lane of lanes) await lane.checkForeign();
  } finally {
    for (const lane of lanes.toReversed()) await lane.lab[Symbol.asyncDispose]();
  }
});

function sample(stateDir: string, seed: number, numRuns: number): Round[] {
  const config = configs(stateDir);
  const round = fc.record({
    stage: fc.constantFrom(...STAGES),
    killed: config,
    afterMs: fc.nat(400),
    next: config,
  });
  return fc.sample(round, { seed, numRuns });
}

/** One host, its lvscare that is going to be killed, and what is to come after. */
class Lane {
  readonly lab: CareLab;
  readonly #before: string;
  #round: Round | undefined;
  #process: CareProcess | undefined;

  private constructor(lab: CareLab, before: string) {
    this.lab = lab;
    this.#before = before;
  }

  static async open(): Promise<Lane> {
    const lab = await CareLab.open(V4);
    await lab.addForeign();
    return new Lane(lab, await lab.snapshot());
  }

  /** Starts what is to be killed, when it has begun to work and so much later. */
  async begin(round: Round): Promise<void> {
    const { stage, killed, afterMs } = round;
    this.lab.enter();
    const args = flagsOf(killed, stage);
    // There has to be something to drain or to clean.
    if (stage === "drain" || stage === "clean") {
      const full = { ...killed, servers: V4.servers.map((each) => endpoint(each, 6443)) };
      assert.equal((await runInside({ ...full, runOnce: true })).status, 0);
      forgetThatItWasOnce(full);
    }
    if (stage === "pass") setTimeout(() => this.lab.do(damage), 1500);
    this.#round = round;
    this.#process = this.lab.start(args);
    // A clean says nothing before it has done its work, so it is killed by the time that a start takes.
    if (stage === "clean") this.#process.killAfter(/^/, 1000 + 3 * afterMs);
    else this.#process.killAfter(/ info /, stage === "pass" ? 400 + afterMs : afterMs);
  }

  async check(which: string): Promise<void> {
    const { stage, killed, next } = this.#round!;
    await this.#process!.end();
    this.lab.enter();
    const context = () =>
      `${which}, ${stage}: ${JSON.stringify(killed)}\nthen ${JSON.stringify(next)}\n` +
      this.#process!.output;
    const ran = await runInside({ ...next, runOnce: true });
    assert.equal(ran.status, 0, context());
    const dry = await runInside({ ...next, dryRun: true });
    assert.deepEqual([dry.status, dry.out], [0, ""], context());
    assert.deepEqual(await this.#found(), expected(next), context());
    // What ran once is meant to stay: it makes room for the next round.
    assert.equal((await runInside({ ...next, clean: true })).status, 0, context());
  }

  async checkForeign(): Promise<void> {
    this.lab.enter();
    assert.equal(await this.lab.snapshot(), this.#before);
  }

  /** All of ours that the kernel has. */
  async #found(): Promise<Record<string, unknown>> {
    const rules = await must("ipvsadm", "-Sn");
    const addresses = await must("ip", "-o", "-4", "addr", "show");
    const sets = await must("ipset", "save");
    const nft = await must("nft", "-s", "list", "ruleset");
    return {
      services: [...rules.matchAll(/^-A -t (10\.103\.\S+)/gm)].map((each) => each[1]),
      servers: [...rules.matchAll(/^-a -t 10\.103\.\S+ -r (\S+) -m -w (\d+)$/gm)]
        .map((each) => `${each[1]} ${each[2]}`).toSorted(),
      addresses: [...addresses.matchAll(/(\w+) +inet (10\.103\S+)/g)].map((each) =>
        `${each[1]} ${each[2]}`
      ),
      entries: [...sets.matchAll(/^add VIRTUAL-IP (\S+)/gm)].map((each) => each[1]),
      tables: [...nft.matchAll(/^table (ip6? lvscare) /gm)].length,
      elements: [...nft.matchAll(/elements = \{ (10\.103\S+ \. tcp \. \d+) \}/g)].map((each) =>
        each[1]
      ),
      routes: (await must("ip", "route", "show", "metric", "50"))
        .split("\n").filter((line) => line.startsWith("10.103.")).length,
    };
  }
}

function expected({ virtualServer, servers, mode, masquerade }: CareConfig) {
  const isLink = mode.kind === "link";
  const { address, port } = virtualServer;
  const isNft = isLink && masquerade === "nftables";
  return {
    services: [printEndpoint(virtualServer)],
    servers: servers.map((each) => `${printEndpoint(each)} 1`).toSorted(),
    addresses: isLink ? [`${mode.device} ${address}/32`] : [],
    entries: isLink && !isNft ? [`${address},tcp:${port}`] : [],
    tables: isNft ? 1 : 0,
    elements: isNft ? [`${address} . tcp . ${port}`] : [],
    routes: isLink ? 0 : 1,
  };
}

/** What ran once is left in place by other instances; here it is to be as if it had been killed before. */
function forgetThatItWasOnce({ stateDir, virtualServer }: CareConfig): void {
  const directory = StateDirectory.open(stateDir);
  const name = printEndpoint(virtualServer);
  const record = readRecord(directory, name)!;
  directory.write(name, encodeRecord({ ...record, phase: "running" }));
}

/** Something for a pass to do. */
function damage(): void {
  for (const args of [["link", "del", "lvscare"], ["link", "del", "care1"]]) {
    new Deno.Command("ip", { args, stderr: "null" }).outputSync();
  }
}

function flagsOf(config: CareConfig, stage: Stage): string[] {
  const { virtualServer, servers, mode, masquerade, drainTimeoutMs, stateDir } = config;
  const list = (each: readonly Endpoint[]) => each.map(printEndpoint).join(",");
  const way = mode.kind === "link"
    ? ["--mode", "link", "--iface", mode.device, "--masqueradebit", `${mode.markBit}`]
    : ["--ip", V4.host];
  return [
    ...["care", "--vs", printEndpoint(virtualServer), "--rs", list(servers), ...way],
    ...["--masquerade", masquerade, "--drain-timeout", `${drainTimeoutMs}ms`],
    ...["--interval", "200ms", "--health-schem", "http", "--state-dir", stateDir],
    ...(stage === "clean" ? ["-C"] : []),
  ];
}
