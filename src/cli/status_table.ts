/** `lvscare status` as a table. */

import type { StatusAnswer } from "../admin/control.ts";
import type { ServerStatus, ServiceStatus } from "../care/status.ts";

const TITLES = ["", "STATE", "SINCE", "WEIGHT", "ACTIVE", "IDLE", "CONN/S", "IN B/S", "OUT B/S"];
/** Numbers stand at the right. */
const NUMBERS_FROM = 3;

const COLORS: Readonly<Record<ServerStatus["state"], number | undefined>> = {
  up: 32,
  unchecked: undefined,
  draining: 33,
  leaving: 33,
  "standing in": 33,
  standby: undefined,
  down: 31,
};

interface Row {
  readonly cells: readonly string[];
  /** The last check's words, which have no width. */
  readonly tail: string;
  readonly color: number | undefined;
}

export function printStatus(status: StatusAnswer, nowMs: number, hasColors: boolean): string {
  const { pid, configuration, dataplane, startedMs, loadedMs } = status;
  const { isReady, isTurning, isSettled } = status;
  const head = [
    `process ${pid}, up ${age(nowMs - startedMs)}`,
    `${configuration} read ${age(nowMs - loadedMs)} ago`,
    ...(isReady ? [] : ["not ready yet"]),
    ...(isTurning ? [] : ["its passes do not end, see the log"]),
    ...(isSettled ? [] : ["some changes were refused, see the log"]),
  ];
  const rows = status.services.flatMap((service) => [
    serviceRow(service),
    ...service.servers.map((server) => serverRow(server, nowMs)),
  ]);
  return `${head.join(", ")}\n${dataplane}\n\n${printRows(rows, hasColors)}`;
}

function serviceRow(status: ServiceStatus): Row {
  const { service, scheduler, isListed, isThere, trouble, perSecond, servers } = status;
  const up = servers.filter(({ state }) => state === "up" || state === "unchecked").length;
  const all = servers.filter(({ state }) => state !== "standby" && state !== "standing in").length;
  const counted = `${up} of ${all} up${trouble === undefined ? "" : `, ${trouble}`}`;
  const state = isListed ? isThere ? counted : "not in the table" : "leaving";
  const cells = [`${service} ${scheduler ?? ""}`, state, "", "", "", "", ...rates(perSecond)];
  return { cells, tail: "", color: undefined };
}

function serverRow(server: ServerStatus, nowMs: number): Row {
  const { state, sinceMs, untilMs, weight, connections, perSecond, check } = server;
  const { active, inactive = 0 } = connections ?? {};
  const since = untilMs !== undefined
    ? `${age(untilMs - nowMs)} left`
    : sinceMs === undefined
    ? ""
    : age(nowMs - sinceMs);
  const cells = [
    `  ${server.server}`,
    state,
    since,
    weight === undefined ? "-" : `${weight}`,
    active === undefined ? "" : `${active}`,
    active === undefined ? "" : `${inactive}`,
    ...rates(perSecond),
  ];
  const tail = check ? `${check.text}, ${age(nowMs - check.atMs)} ago` : "";
  return { cells, tail, color: COLORS[state] };
}

function rates(perSecond: ServiceStatus["perSecond"]): string[] {
  if (!perSecond) return ["", "", ""];
  const { connections, inBytes, outBytes } = perSecond;
  return [connections, inBytes, outBytes].map(amount);
}

function printRows(rows: readonly Row[], hasColors: boolean): string {
  const cells = [TITLES, ...rows.map((row) => row.cells)];
  const widths = TITLES.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const print = (row: readonly string[], color?: number) =>
    row.map((cell, i) => {
      const padded = i < NUMBERS_FROM ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
      return i === 1 && hasColors && color !== undefined
        ? `\x1b[${color}m${padded}\x1b[0m`
        : padded;
    }).join("  ");
  const lines = rows.map(({ cells, tail, color }) => `${print(cells, color)}  ${tail}`.trimEnd());
  return [`${print(TITLES)}  LAST CHECK`, ...lines, ""].join("\n");
}

/** "12s", "3m", "5h", "2d": the largest unit of which there are two, or the one there is. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  for (const [unit, size] of [["d", 86_400], ["h", 3600], ["m", 60]] as const) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)}${unit}`;
  }
  return `${seconds}s`;
}

/** "950", "12k", "3.4M". */
export function amount(number: number): string {
  let value = number;
  for (const unit of ["", "k", "M", "G"]) {
    if (value < 1000) {
      return unit !== "" && value < 10
        ? `${value.toFixed(1)}${unit}`
        : `${Math.round(value)}${unit}`;
    }
    value /= 1000;
  }
  return `${Math.round(value)}T`;
}
