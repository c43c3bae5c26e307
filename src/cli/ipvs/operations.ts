/** Does what an operation asks for, and prints what there is to print. */

import { EXIT_OK, KernelError, UnsupportedError } from "../../errors.ts";
import { CONNECTIONS_FILE, parseConnections, printConnections } from "../../ipvsadm/connections.ts";
import type { Names } from "../../ipvsadm/names.ts";
import type { ConnectionsFormat, ListFormat, Operation } from "../../ipvsadm/operation.ts";
import { sortEntries } from "../../ipvsadm/order.ts";
import { printService, printTable } from "../../ipvsadm/print.ts";
import { printDaemons, printTimeouts } from "../../ipvsadm/print_daemons.ts";
import { printRules } from "../../ipvsadm/save.ts";
import { explainIpvs, NO_IPVS_HINT } from "../../kernel/hints.ts";
import type { IpvsTable } from "../../kernel/ipvs_table.ts";
import { printServiceKey, type ServiceKey } from "../../model/ipvs.ts";
import type { IpvsContext } from "./context.ts";
import {
  connectionsJson,
  daemonsJson,
  printJson,
  serviceJson,
  tableJson,
  timeoutsJson,
} from "./json.ts";

export interface Surroundings {
  readonly table: () => Promise<IpvsTable>;
  readonly names: Names;
  readonly context: IpvsContext;
  readonly json: boolean;
  /** Rules with all that ipvsadm can read, in an order that does not change by itself. */
  readonly complete: boolean;
}

export async function runOperation(
  operation: Operation,
  surroundings: Surroundings,
): Promise<number> {
  const { context, json, names, complete } = surroundings;
  const say = (text: string) => context.output.out(text);
  if (operation.op === "connections") {
    say(await showConnections(operation.format, surroundings));
    return EXIT_OK;
  }
  const table = await surroundings.table();
  switch (operation.op) {
    case "change": {
      const [error] = await table.apply([operation.change]);
      if (error) throw error;
      break;
    }
    case "list":
      say(await showTable(table, operation.key, operation.format, surroundings));
      break;
    case "save": {
      const format = { numeric: operation.numeric, thresholds: complete, stable: complete };
      say(printRules(await table.list(), format, names));
      break;
    }
    case "timeouts": {
      const timeouts = await table.timeouts();
      say(json ? printJson(timeoutsJson(timeouts)) : printTimeouts(timeouts));
      break;
    }
    case "daemons": {
      const daemons = await table.daemons();
      say(json ? printJson(daemonsJson(daemons)) : printDaemons(daemons));
      break;
    }
    case "zero":
      await table.zero(operation.key);
      break;
    case "setTimeouts":
      await table.setTimeouts(operation.timeouts);
      break;
    case "startDaemon":
      await table.startDaemon(operation.daemon);
      break;
    case "stopDaemon":
      await table.stopDaemon(operation.role);
      break;
    case "version": {
      const { version, connectionTableSize } = await table.info();
      say(`IP Virtual Server version ${version} (size=${connectionTableSize})\n`);
      break;
    }
    case "clear":
    case "restore":
    case "help":
      throw new TypeError(`${operation.op} is a command of its own`);
  }
  return EXIT_OK;
}

async function showTable(
  table: IpvsTable,
  key: ServiceKey | undefined,
  format: ListFormat,
  { json, names }: Surroundings,
): Promise<string> {
  const stats = format.view === "stats" || format.view === "rate";
  if (key !== undefined) {
    const entry = await table.find(key, { stats });
    if (!entry) throw noSuchService(key);
    const [sorted = entry] = format.sorted ? sortEntries([entry]) : [];
    return json ? printJson(serviceJson(sorted)) : printService(entry, format, names);
  }
  const entries = await table.list({ stats });
  const info = await table.info();
  if (!json) return printTable(info, entries, format, names);
  return printJson(tableJson(info, format.sorted ? sortEntries(entries) : entries));
}

function noSuchService(key: ServiceKey): KernelError {
  const subject = printServiceKey(key);
  const command = "IPVS_CMD_GET_SERVICE";
  const { why } = explainIpvs(command, "ESRCH");
  return new KernelError(`list ${subject}: ${why} (ESRCH)`, command, "ESRCH", {}, {
    op: "list",
    subject,
  });
}

async function showConnections(
  format: ConnectionsFormat,
  { context, json, names }: Surroundings,
): Promise<string> {
  let text: string;
  try {
    text = await context.readTextFile(CONNECTIONS_FILE);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UnsupportedError("list connections: this kernel has no IPVS", "ip_vs", {
      op: "list",
      subject: "connections",
      hint: NO_IPVS_HINT,
      cause,
    });
  }
  const connections = parseConnections(text);
  return json
    ? printJson(connectionsJson(connections))
    : printConnections(connections, format, names);
}
