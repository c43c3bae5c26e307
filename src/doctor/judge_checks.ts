/** Servers that fail their checks now. */

import { type CheckFacts, type HostFacts, type ServerCheck, valueOf } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { type Case, countOf } from "./wanted.ts";

/** So many of a service are told with their reasons. */
const MOST_TOLD = 5;

/** One for each service with servers that are not well; the wanted case says nothing that facts do not. */
export function judgeChecks(facts: HostFacts, _: Case): Finding[] {
  const checks = valueOf(facts.checks);
  if (!checks || checks.servers.length + checks.left === 0) return [];
  const id = "checks";
  const findings = [...byService(checks)].flatMap(([service, servers]): Finding[] => {
    const failed = servers.filter(({ level }) => level === "failed");
    const unable = servers.filter(({ level }) => level === "unable");
    return [
      ...(failed.length === 0 ? [] : [{
        id,
        level: failed.length === servers.length ? "fail" as const : "warn" as const,
        text: `${service}: ${ofServers(failed, servers)}: ${told(failed)}`,
      }]),
      ...(unable.length === 0 ? [] : [{
        id,
        level: "warn" as const,
        text: `${service}: ${countOf(unable.length, "check")} cannot be made from here: ` +
          told(unable),
      }]),
    ];
  });
  const { left, servers } = checks;
  if (left > 0) {
    const text = `${countOf(left, "server")} ${left === 1 ? "is" : "are"} left, not checked: ` +
      "lvscare status says how they are";
    findings.push({ id, level: "ok", text });
  }
  const good = servers.filter(({ level }) => level === "good").length;
  if (good === servers.length && good > 0) {
    const what = good === 1 ? "1 server passes its check" : `${good} servers pass their checks`;
    findings.unshift({ id, level: "ok", text: what });
  }
  return findings;
}

function ofServers(failed: readonly ServerCheck[], servers: readonly ServerCheck[]): string {
  if (servers.length === 1) return "its only server fails its check";
  const all = failed.length === servers.length;
  if (failed.length > 1 || all) {
    const which = !all
      ? `${failed.length} of ${servers.length}`
      : servers.length === 2
      ? "both"
      : `all ${servers.length}`;
    return `${which} servers fail their checks`;
  }
  return `1 of ${servers.length} servers fails its check`;
}

function told(servers: readonly ServerCheck[]): string {
  const first = servers.slice(0, MOST_TOLD).map(({ server, reason }) => `${server} (${reason})`);
  const more = servers.length - first.length;
  return `${first.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function byService({ servers }: CheckFacts): ReadonlyMap<string, readonly ServerCheck[]> {
  return Map.groupBy(servers, ({ service }) => service);
}
