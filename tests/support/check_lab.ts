/** A network of a test's own, in which checks are made: of servers that are there, and of some that are not. */

import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import type { CheckRequest } from "../../src/config/check.ts";
import { makeProbe } from "../../src/health/probes/make.ts";
import type { Probe, ProbeResult, Trace } from "../../src/health/probes/probe.ts";
import { sharedPoll } from "../../src/health/probes/socket_poll.ts";
import type { ProbeTools } from "../../src/health/probes/timed.ts";
import { type Address, addressToBytes } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { until } from "./care_lab.ts";
import { untilTrue } from "./http_check.ts";
import { closedPort } from "./http_servers.ts";
import { feed, ip, ownNetwork } from "./network.ts";

export interface CheckFamily {
  readonly name: "IPv4" | "IPv6";
  /** Three addresses of this host. */
  readonly loopback: Address;
  readonly one: Address;
  readonly other: Address;
  /** At the other end of a cable, where nobody takes what is sent there. */
  readonly nobody: Address;
  /** No address of this host. */
  readonly foreign: Address;
}

export const V4: CheckFamily = {
  name: "IPv4",
  loopback: "127.0.0.1" as Address,
  one: "10.77.0.1" as Address,
  other: "10.77.0.2" as Address,
  nobody: "10.78.0.9" as Address,
  foreign: "10.79.0.1" as Address,
};

export const V6: CheckFamily = {
  name: "IPv6",
  loopback: "::1" as Address,
  one: "fd77::1" as Address,
  other: "fd77::2" as Address,
  nobody: "fd78::9" as Address,
  foreign: "fd79::1" as Address,
};

export const FAMILIES: readonly CheckFamily[] = [V4, V6];

/** For both at once. */
export async function eachFamily(body: (family: CheckFamily) => Promise<void>): Promise<void> {
  await Promise.all(FAMILIES.map(body));
}

/** Both cables end in this network again, where no address is theirs: what goes out is lost. */
const CABLES = ["cable0", "cable1"];

const NETWORK: readonly string[] = [
  "link set lo up",
  ...FAMILIES.flatMap(({ one, other }) => [one, other]).map((address) =>
    `addr add ${address} dev lo${address.includes(":") ? " nodad" : ""}`
  ),
  ...CABLES.flatMap((cable, i) => [
    `link add ${cable} type veth peer name far${i}`,
    `link set far${i} up`,
    `link set ${cable} up`,
    `addr add 10.78.0.${i + 1}/24 dev ${cable} metric ${i + 1}`,
    `addr add fd78::${i + 1}/64 dev ${cable} metric ${i + 1} nodad`,
    `neigh add ${V4.nobody} lladdr 02:00:00:00:00:09 dev ${cable} nud permanent`,
    `neigh add ${V6.nobody} lladdr 02:00:00:00:00:09 dev ${cable} nud permanent`,
  ]),
];

/** The kernel takes its time until an address of IPv6 is one that can be sent to. */
function hasRoutes(): boolean {
  // The thread's, as the process is elsewhere.
  const routes = Deno.readTextFileSync("/proc/thread-self/net/ipv6_route");
  const own = [V6.one, V6.other, ...CABLES.map((_, i) => `fd78::${i + 1}` as Address)];
  return own.every((address) => routes.includes(`${addressToBytes(address).toHex()} 80 `));
}

export class CheckLab implements AsyncDisposable {
  /** Of the test's own. */
  readonly folder: string;
  readonly #network: Disposable;
  readonly #things: AsyncDisposable[] = [];

  private constructor(folder: string, network: Disposable) {
    this.folder = folder;
    this.#network = network;
  }

  static async open(): Promise<CheckLab> {
    const folder = await Deno.makeTempDir({ prefix: "lvscare-test-" });
    const network = ownNetwork();
    const lab = new CheckLab(folder, network);
    try {
      await ip(...NETWORK);
      await untilTrue(hasRoutes);
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends with the test, before what was there already. */
  async use<T extends AsyncDisposable>(thing: T | Promise<T>): Promise<T> {
    const there = await thing;
    this.#things.push(there);
    return there;
  }

  /** Writes a file of the test's folder, and gives its path. */
  async write(name: string, text: string | Uint8Array, mode = 0o644): Promise<string> {
    const path = `${this.folder}/${name}`;
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    await Deno.writeFile(path, bytes, { mode });
    await Deno.chmod(path, mode);
    return path;
  }

  /** Rules of nftables, in chains of one table: `chain output { … }`. */
  async nft(rules: string): Promise<void> {
    await feed(`table inet test {\n${rules}\n}\n`, "nft", "-f", "-");
  }

  /** How many packets a rule with that comment has counted. */
  async counted(comment: string): Promise<number> {
    const listed = await feed("list table inet test", "nft", "-f", "-");
    const rule = listed.split("\n").find((line) => line.includes(`comment "${comment}"`));
    assert.ok(rule !== undefined, listed);
    return Number(/counter packets (\d+)/.exec(rule)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const thing of this.#things.reverse()) await thing[Symbol.asyncDispose]();
    this.#network[Symbol.dispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A test in a network of its own, after which no descriptor is left that was not there before. */
export function labTest(name: string, body: (lab: CheckLab) => Promise<void>): void {
  Deno.test(name, async () => {
    // What all checks share is opened with the first of them, and stays.
    sharedPoll();
    const before = descriptors();
    {
      await using lab = await CheckLab.open();
      await body(lab);
    }
    await until(
      () => descriptors().length <= before.length,
      "as many descriptors as before",
      () => `before: ${before.join(" ")}\nafter: ${descriptors().join(" ")}`,
    );
  });
}

function descriptors(): readonly string[] {
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => linkOf(`/proc/self/fd/${name}`))
    .filter((link) => link !== undefined);
}

function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined; // the descriptor that the folder was read by
  }
}

/** A port where nobody listens. */
export function refusing({ loopback }: CheckFamily): Endpoint {
  return closedPort(loopback);
}

export const OK: ProbeResult = { ok: true };
/** Where an answer is to come, however busy the machine is. */
export const PATIENCE_MS = 10_000;
/** Where silence is what is tested. */
export const SILENCE_MS = 200;
export const SILENCE = `${SILENCE_MS}ms`;

export function probeFor(check: CheckRequest, tools: Partial<ProbeTools> = {}): Probe {
  return makeProbe(check, { clock: systemClock, ...tools });
}

export async function ask(
  check: CheckRequest,
  target: Endpoint,
  tools: Partial<ProbeTools> & { readonly trace?: Trace } = {},
): Promise<ProbeResult> {
  const { trace, ...others } = tools;
  return await probeFor(check, others).run(target, new AbortController().signal, trace);
}
