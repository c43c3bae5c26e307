/** Steps in words: one line each, with before and after. */

import { printEndpoint } from "../model/endpoint.ts";
import {
  type Forwarding,
  type IpvsChange,
  printServiceKey,
  type Server,
  type Service,
  type Timeouts,
} from "../model/ipvs.ts";
import { printInterfaceAddress, printRoute } from "../model/link.ts";
import { type MasqueradeKind, printSetEntry, type SetEntry } from "../model/masquerade.ts";
import { printSyncDaemon } from "../model/sync_daemon.ts";
import type { Family } from "../model/address.ts";
import type { Step } from "./step.ts";

type ChangeStep = Extract<Step, { kind: "change" }>;

/** What a step does: "add server 10.0.0.2:6443 weight 1 to TCP 10.0.0.1:6443". */
export function stepText(step: Step): string {
  switch (step.kind) {
    case "setParameter":
      return `set ${step.name}: ${step.before} -> ${step.value}`;
    case "setTimeouts":
      return `set timeouts ${timeoutDifferences(step.before, step.timeouts)}`;
    case "startDaemon":
      return `start sync daemon ${printSyncDaemon(step.daemon)}`;
    case "stopDaemon":
      return `stop sync daemon ${printSyncDaemon(step.daemon)}`;
    case "makeDevice":
      return step.found === "down"
        ? `bring up device ${step.name}: it is down`
        : `add dummy device ${step.name}`;
    case "addAddress":
      return `add address ${printInterfaceAddress(step.address)} to device ${step.device}`;
    case "makeRules":
      return `make rules of ${rulesOf(step)}, bit ${step.markBit}: ${step.missing.join(", ")}`;
    case "addEntries":
      return `add ${printEntries(step.entries)} to the set of ${rulesOf(step)}`;
    case "change":
      return changeText(step);
    case "putRoute":
      return step.before
        ? `replace route ${printRoute(step.before)} -> ${printRoute(step.route)}`
        : `add route ${printRoute(step.route)}`;
    case "removeRoute":
      return `remove route ${printRoute(step.route)}`;
    case "removeEntries":
      return `remove ${printEntries(step.entries)} from the set of ${rulesOf(step)}`;
    case "removeRules":
      return `remove rules and set of ${rulesOf(step)}`;
    case "removeAddress":
      return `remove address ${printInterfaceAddress(step.address)} from device ${step.device}`;
    case "removeDevice":
      return `remove dummy device ${step.name}`;
  }
}

/** The same with the words that LVScare has for it, which people look for in logs. */
export function logText(step: Step): string {
  const legacy = legacyText(step);
  return legacy === undefined ? stepText(step) : `${legacy}: ${stepText(step)}`;
}

function legacyText(step: Step): string | undefined {
  switch (step.kind) {
    case "removeDevice":
      return `Deleting dummy device ${step.name}`;
    case "removeRules":
      return step.by === "iptables" ? "Cleanup IPTables rules" : undefined;
    case "change":
      return legacyChange(step);
  }
  return undefined;
}

function legacyChange({ change, before, isNew }: ChangeStep): string | undefined {
  switch (change.kind) {
    case "addService":
      return "Add new IPVS service";
    case "addServer":
      return isNew ? undefined : "Trying to add real server back";
    case "deleteServer":
      return "Trying to delete real server";
    case "editServer": {
      const { weight } = change.server;
      const was = (before as Server | undefined)?.weight;
      if (was === weight) return undefined;
      return weight === 0
        ? "Trying to update wight to 0 for graceful termination"
        : `Trying to update wight to ${weight} to receive traffic`;
    }
  }
  return undefined;
}

function changeText({ change, before, why }: ChangeStep): string {
  const text = plainChange(change, before);
  return why === undefined ? text : `${text} (${why})`;
}

function plainChange(change: IpvsChange, before: Service | Server | undefined): string {
  switch (change.kind) {
    case "addService":
      return `add service ${printServiceKey(change.service.key)} ${change.service.scheduler}`;
    case "editService": {
      const was = describeService(before as Service);
      const is = describeService(change.service);
      return `edit service ${printServiceKey(change.service.key)}: ${was} -> ${is}`;
    }
    case "deleteService":
      return `remove service ${printServiceKey(change.key)}`;
    case "addServer": {
      const { server } = change;
      return `add server ${printEndpoint(server)} weight ${server.weight} to ` +
        printServiceKey(change.key);
    }
    case "editServer":
      return `edit server ${printEndpoint(change.server)} of ${printServiceKey(change.key)}: ` +
        differences(before as Server, change.server);
    case "deleteServer":
      return `remove server ${printEndpoint(change.server)} from ${printServiceKey(change.key)}`;
  }
}

/** All that an edit can change, as ipvsadm would print it. */
function describeService({ scheduler, schedulerFlags, onePacket, persistence }: Service): string {
  const words = [scheduler, ...schedulerFlags.map((flag) => `flag-${flag}`)];
  if (onePacket) words.push("ops");
  if (persistence) {
    words.push(`persistent ${persistence.timeoutS} s /${persistence.mask ?? persistence.prefix}`);
  }
  return words.join(" ");
}

function differences(before: Server, after: Server): string {
  const parts: string[] = [];
  const compare = (name: string, was: string | number, is: string | number) => {
    if (was !== is) parts.push(`${name} ${was} -> ${is}`);
  };
  compare("weight", before.weight, after.weight);
  compare("forwarding", printForwarding(before.forwarding), printForwarding(after.forwarding));
  compare("upper threshold", before.upperThreshold, after.upperThreshold);
  compare("lower threshold", before.lowerThreshold, after.lowerThreshold);
  return parts.join(", ");
}

const TIMEOUT_NAMES = {
  tcpS: "tcp",
  tcpFinS: "tcp-fin",
  udpS: "udp",
} as const satisfies Record<keyof Timeouts, string>;

function timeoutDifferences(before: Partial<Timeouts>, after: Partial<Timeouts>): string {
  const names = Object.keys(TIMEOUT_NAMES) as (keyof Timeouts)[];
  const spell = (seconds: number | undefined) => seconds === undefined ? "none" : `${seconds} s`;
  return names.filter((name) => after[name] !== undefined)
    .map((name) => `${TIMEOUT_NAMES[name]} ${spell(before[name])} -> ${spell(after[name])}`)
    .join(", ");
}

function printForwarding(forwarding: Forwarding): string {
  return Object.values(forwarding).join(" ");
}

function printEntries(entries: readonly SetEntry[]): string {
  return `${entries.length === 1 ? "entry" : "entries"} ${entries.map(printSetEntry).join(" ")}`;
}

function rulesOf({ by, family }: { readonly by: MasqueradeKind; readonly family: Family }): string {
  return `${by} for ${family === "ipv4" ? "IPv4" : "IPv6"}`;
}
