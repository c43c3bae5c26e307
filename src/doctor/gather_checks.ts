/** Each configured check, made once. */

import type { Clock } from "../clock.ts";
import type { CheckRequest } from "../config/check.ts";
import type { CheckConfig, Config, ServerConfig } from "../config/config.ts";
import type { Probe, ProbeResult } from "../health/probes/probe.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { CheckFacts, ServerCheck } from "./facts.ts";
import { serversOf } from "./wanted.ts";

export interface CheckTools {
  readonly clock: Clock;
  makeProbe(check: CheckRequest): Probe;
}

/** So many servers are checked, so many at once, and no new one after that time. */
const MOST_SERVERS = 1000;
const AT_ONCE = 50;
const LIMIT_MS = 60_000;

/** One check of one server, in however many services it stands. */
interface Errand {
  readonly probe: Probe;
  readonly endpoint: Endpoint;
  result: ProbeResult | undefined;
}

interface Subject {
  readonly service: string;
  readonly server: ServerConfig;
  readonly errands: readonly Errand[];
}

export async function runChecks(config: Config, tools: CheckTools): Promise<CheckFacts> {
  const errands = new Map<string, Errand>();
  const probes = new Map<string, Probe>();
  const subjects: Subject[] = [];
  const checked = new Set<string>();
  let left = 0;
  for (const service of config.services) {
    for (const server of serversOf(service)) {
      if (server.checks.length === 0) continue;
      if (!checked.has(server.name) && checked.size >= MOST_SERVERS) left++;
      else {
        checked.add(server.name);
        const own = server.checks.map((check) => errandOf(server, check, errands, probes, tools));
        subjects.push({ service: service.name, server, errands: own });
      }
    }
  }
  await runAll([...errands.values()], tools.clock);
  const ended = subjects.filter(({ errands }) => errands.every(({ result }) => result));
  return { servers: ended.map(judge), left: left + subjects.length - ended.length };
}

function errandOf(
  { address, port }: ServerConfig,
  check: CheckConfig,
  errands: Map<string, Errand>,
  probes: Map<string, Probe>,
  { makeProbe }: CheckTools,
): Errand {
  const kind = JSON.stringify(check.request);
  const probe = probes.get(kind) ?? makeProbe(check.request);
  probes.set(kind, probe);
  const endpoint = { address: check.address ?? address, port: check.port ?? port };
  const key = `${endpoint.address} ${endpoint.port} ${kind}`;
  const errand = errands.get(key) ?? { probe, endpoint, result: undefined };
  errands.set(key, errand);
  return errand;
}

async function runAll(errands: readonly Errand[], clock: Clock): Promise<void> {
  const lateMs = clock.monotonicMs() + LIMIT_MS;
  const waiting = errands.values();
  const work = async () => {
    for (const errand of waiting) {
      if (clock.monotonicMs() >= lateMs) return;
      errand.result = await errand.probe.run(errand.endpoint, new AbortController().signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** As care does it: all of them must be good, or any. */
function judge({ service, server, errands }: Subject): ServerCheck {
  const results = errands.map(({ result }) => result!);
  const bad = results.filter((result) => !result.ok);
  const isGood = server.need === "all" ? bad.length === 0 : bad.length < results.length;
  const [worst] = bad.toSorted((a, b) => Number(a.unable ?? false) - Number(b.unable ?? false));
  if (isGood || !worst) return { service, server: server.name, level: "good", reason: "" };
  const level = worst.unable ? "unable" : "failed";
  return { service, server: server.name, level, reason: printable(worst.reason) };
}

/** What a server says must not drive the terminal. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}
