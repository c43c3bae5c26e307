/** The program ipvsadm over the table in memory, as a Runner: what CommandIpvsTable sees without a kernel. */

import { CommandError, KernelError, UsageError } from "../../src/errors.ts";
import { parseArguments } from "../../src/ipvsadm/arguments.ts";
import { NO_NAMES } from "../../src/ipvsadm/names.ts";
import type { Operation } from "../../src/ipvsadm/operation.ts";
import { printService, printTable } from "../../src/ipvsadm/print.ts";
import { printDaemons, printTimeouts } from "../../src/ipvsadm/print_daemons.ts";
import { printRules } from "../../src/ipvsadm/save.ts";
import type { Runner, RunOptions, RunResult } from "../../src/kernel/command/runner.ts";
import type { IpvsTable } from "../../src/kernel/ipvs_table.ts";
import { printServiceKey } from "../../src/model/ipvs.ts";

/** Its words for what the kernel refuses: as scripts/capture_golden has seen them. */
const WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  IPVS_CMD_NEW_SERVICE: {
    EEXIST: "Service already exists",
    ENOENT: "Scheduler or persistence engine not found",
  },
  IPVS_CMD_SET_SERVICE: {
    ESRCH: "No such service",
    ENOENT: "Scheduler or persistence engine not found",
  },
  IPVS_CMD_DEL_SERVICE: { ESRCH: "No such service" },
  IPVS_CMD_ZERO: { ESRCH: "No such service" },
  IPVS_CMD_NEW_DEST: { ESRCH: "Service not defined", EEXIST: "Destination already exists" },
  IPVS_CMD_SET_DEST: { ESRCH: "Service not defined", ENOENT: "No such destination" },
  IPVS_CMD_DEL_DEST: { ESRCH: "Service not defined", ENOENT: "No such destination" },
  IPVS_CMD_NEW_DAEMON: { EEXIST: "Daemon has already run" },
  IPVS_CMD_DEL_DAEMON: { ESRCH: "No daemon is running" },
};
const COMMON_WORDS: Readonly<Record<string, string>> = {
  EINVAL: "Invalid operation.  Possibly wrong module version, address not unicast, ...",
  ERANGE: "Numerical result out of range",
  ENODEV: "No such device",
};

export class FakeIpvsadm implements Runner {
  readonly #table: IpvsTable;
  /** Every command line that was run. */
  readonly ran: string[][] = [];
  /** Called before each command line. */
  onRun: (argv: readonly string[]) => Promise<void> | void = () => {};

  constructor(table: IpvsTable) {
    this.#table = table;
  }

  async run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
    this.ran.push([...argv]);
    await this.onRun(argv);
    const result = await this.#runLine(argv.slice(1), String(options.stdin ?? ""));
    if ((options.expect ?? [0]).includes(result.status)) return result;
    throw new CommandError(`run ${argv.join(" ")}`, argv, result.status, result.stderr);
  }

  async #runLine(args: readonly string[], stdin = ""): Promise<RunResult> {
    const failed = (status: number, stderr: string) => ({
      status,
      stdout: "",
      stderr: `${stderr}\n`,
    });
    // The order of options is popt's: the wrong one is found where it stands.
    const unknown = args.slice(1).find((each) => each.startsWith("--change-"));
    if (unknown !== undefined) return failed(255, `${unknown}: unknown option`);
    try {
      return { status: 0, stderr: "", ...await this.#do(parseArguments(args, NO_NAMES), stdin) };
    } catch (error) {
      // Thresholds are not looked at before the kernel does it.
      if (error instanceof UsageError) {
        const isLate = error.message.includes("must not be above the upper threshold");
        return isLate ? failed(255, COMMON_WORDS["ERANGE"]!) : failed(2, error.message);
      }
      if (!(error instanceof KernelError)) throw error;
      const said = WORDS[error.command]?.[error.errno] ?? COMMON_WORDS[error.errno];
      if (said === undefined) throw new TypeError(`no words for ${error.command} ${error.errno}`);
      return failed(255, said);
    }
  }

  async #restore(stdin: string): Promise<Partial<RunResult> & { stdout: string }> {
    let status = 0;
    let stderr = "";
    for (const line of stdin.split("\n").filter((each) => each !== "")) {
      const result = await this.#runLine(line.split(" "));
      stderr += result.stderr;
      status = result.status;
      // What it cannot understand ends it.
      if (status === 2) break;
    }
    return { status, stderr, stdout: "" };
  }

  async #do(operation: Operation, stdin: string): Promise<Partial<RunResult> & { stdout: string }> {
    const table = this.#table;
    switch (operation.op) {
      case "change": {
        const [error] = await table.apply([operation.change]);
        if (error) throw error;
        break;
      }
      case "list": {
        const entries = await table.list({ stats: true });
        const { key, format } = operation;
        if (!key) return { stdout: printTable(await table.info(), entries, format, NO_NAMES) };
        const name = printServiceKey(key);
        const entry = entries.find(({ service }) => printServiceKey(service.key) === name)!;
        return { stdout: printService(entry, format, NO_NAMES) };
      }
      case "save": {
        const format = { numeric: operation.numeric, thresholds: false, stable: false };
        return { stdout: printRules(await table.list(), format, NO_NAMES) };
      }
      case "restore":
        return await this.#restore(stdin);
      case "timeouts":
        return { stdout: printTimeouts(await table.timeouts()) };
      case "daemons":
        return { stdout: printDaemons(await table.daemons()) };
      case "clear":
        await table.clear();
        break;
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
      case "connections":
      case "help":
      case "version":
        throw new TypeError(`CommandIpvsTable has no need of ${operation.op}`);
    }
    return { stdout: "" };
  }
}
