/** Connection synchronisation daemons: the one that runs beside the one that was asked for. */

import { addressFamily } from "./address.ts";
import type { DaemonRole, SyncDaemon } from "./ipvs.ts";

/** What is left to the kernel where it is not given, in the words that people read. */
const OPTIONS = {
  maxLength: "max length",
  group: "group",
  port: "port",
  ttl: "ttl",
} as const satisfies Partial<Record<keyof SyncDaemon, string>>;

const OPTION_NAMES = Object.keys(OPTIONS) as (keyof typeof OPTIONS)[];

/** All that it says, which also tells one from another: "master on eth0 id 3 port 9000". */
export function printSyncDaemon(daemon: SyncDaemon): string {
  const options = OPTION_NAMES.filter((name) => daemon[name] !== undefined)
    .map((name) => ` ${OPTIONS[name]} ${daemon[name]}`);
  return `${daemon.role} on ${daemon.interface} id ${daemon.syncId}${options.join("")}`;
}

/** There is no more than one of each role. */
export function findRole(
  daemons: readonly SyncDaemon[],
  role: DaemonRole,
): SyncDaemon | undefined {
  return daemons.find((each) => each.role === role);
}

/** Whether the one that runs is what was asked for, as far as either says. */
export function runsAs(running: SyncDaemon, asked: SyncDaemon): boolean {
  const { maxLength } = asked;
  const expected = { ...asked, maxLength: maxLength && messageLength(asked, maxLength) };
  return running.role === asked.role && running.interface === asked.interface &&
    running.syncId === asked.syncId && OPTION_NAMES.every((name) => {
      const [is, must] = [running[name], expected[name]];
      // The kernel fills in what was not given; before Linux 4.3 it knows and tells none of them.
      return is === undefined || must === undefined || is === must;
    });
}

/** Whether the one asks for something that the other leaves to the kernel. */
export function asksMore(one: SyncDaemon, other: SyncDaemon): boolean {
  return OPTION_NAMES.some((name) => one[name] !== undefined && other[name] === undefined);
}

/** What start_sync_thread() of net/netfilter/ipvs/ip_vs_sync.c makes of a length, or of none for an MTU of 1500. */
export function messageLength({ role, group }: SyncDaemon, given?: number): number {
  const headers = group !== undefined && addressFamily(group) === "ipv6" ? 48 : 28;
  if (given === undefined) return 1500 - headers;
  const least = role === "backup" ? 1024 : 1;
  return Math.min(Math.max(given, least), 65_535 - headers);
}
