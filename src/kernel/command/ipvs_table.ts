/** The IPVS table by way of ipvsadm. */

import { CommandError, KernelError, LvscareError } from "../../errors.ts";
import { changeArguments, daemonArguments, keyArguments } from "../../ipvsadm/spell.ts";
import { joinListings, parseListing } from "../../ipvsadm/listing.ts";
import { parseDaemonListing, parseTimeoutListing } from "../../ipvsadm/print_daemons.ts";
import { MAX_TIMEOUT_S } from "../../ipvsadm/values.ts";
import {
  type DaemonRole,
  type IpvsChange,
  type IpvsInfo,
  printServiceKey,
  type ServiceEntry,
  type ServiceKey,
  type SyncDaemon,
  type Timeouts,
} from "../../model/ipvs.ts";
import { describeChange, type IpvsRequest } from "../ipvs_request.ts";
import type { IpvsTable, ListOptions } from "../ipvs_table.ts";
import { batchInput, readBatch } from "./ipvs_batch.ts";
import { ipvsError, isStartFailure } from "./ipvs_errors.ts";
import type { Runner, RunOptions, RunResult } from "./runner.ts";

/** How often a table that changes while it is read is read again. */
const LIST_TRIES = 5;
/** How many changes one process gets: enough that starting it costs nothing beside them. */
const BATCH_SIZE = 1024;
/** How long stopping a daemon may take: its thread looks every second or two whether it should end. */
const STOP_TIMEOUT_MS = 8_000;

export class CommandIpvsTable implements IpvsTable {
  readonly name = "ipvsadm";
  readonly #runner: Runner;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  async info(): Promise<IpvsInfo> {
    const text = await this.#read(["-Ln"], request("IPVS_CMD_GET_INFO", "read", "IPVS version"));
    return parseListing(text).info;
  }

  async list(options: ListOptions = {}): Promise<ServiceEntry[]> {
    const view = (name: string) =>
      this.#read(
        ["-Ln", "--nosort", "--exact", `--${name}`],
        request("IPVS_CMD_GET_SERVICE", "list", "IPVS services"),
      );
    for (let attempt = 0; attempt < LIST_TRIES; attempt++) {
      const [tunInfo, thresholds, persistentConn, stats, rate] = await Promise.all([
        view("tun-info"),
        view("thresholds"),
        view("persistent-conn"),
        ...(options.stats ? [view("stats"), view("rate")] : []),
      ]);
      const entries = joinListings({
        tunInfo,
        thresholds,
        persistentConn,
        ...(stats !== undefined && { stats }),
        ...(rate !== undefined && { rate }),
      });
      if (entries) return entries;
    }
    throw new CommandError(
      `list IPVS services: the table changed in each of ${LIST_TRIES} readings`,
      ["ipvsadm", "-Ln"],
      0,
      "",
      "EINTR",
      { op: "list" },
    );
  }

  async find(key: ServiceKey, options: ListOptions = {}): Promise<ServiceEntry | undefined> {
    const subject = printServiceKey(key);
    const entries = await this.list(options);
    return entries.find(({ service }) => printServiceKey(service.key) === subject);
  }

  async apply(changes: readonly IpvsChange[]): Promise<(LvscareError | undefined)[]> {
    const results: (LvscareError | undefined)[] = new Array(changes.length).fill(undefined);
    const waiting: { index: number; change: IpvsChange; words: string[] }[] = [];
    for (const [index, change] of changes.entries()) {
      try {
        waiting.push({ index, change, words: changeArguments(change) });
      } catch (error) {
        if (!(error instanceof LvscareError)) throw error;
        results[index] = error;
      }
    }
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_SIZE);
      const { result, argv } = await this.#runBatch(batch.map(({ words }) => words));
      const { answers } = readBatch(result.stderr, batch.length);
      const failure = (said: string, change: IpvsChange) =>
        ipvsError(said, describeChange(change), { argv, exit: result.status });
      if (isStartFailure(result.stderr)) {
        // What the program cannot do for one change it cannot do for any.
        for (const { index, change } of waiting) results[index] = failure(result.stderr, change);
        break;
      }
      for (const [i, { said }] of answers.entries()) {
        const { index, change } = batch[i]!;
        if (said !== "") results[index] = failure(said, change);
      }
      waiting.splice(0, answers.length);
    }
    return results;
  }

  async #runBatch(
    lines: readonly (readonly string[])[],
  ): Promise<{ result: RunResult; argv: readonly string[] }> {
    const argv = ["ipvsadm", "-R"] as const;
    // Its status tells only how its last line ended: 255 for a marker, 2 for a line that it cannot read.
    const expect = [0, 2, 255];
    const result = await this.#runner.run(argv, { stdin: batchInput(lines), expect });
    return { result, argv };
  }

  async clear(): Promise<void> {
    await this.#write(["-C"], request("IPVS_CMD_FLUSH", "clear", "the IPVS table"));
  }

  async zero(key?: ServiceKey): Promise<void> {
    const subject = key ? printServiceKey(key) : "all services";
    const words = key ? keyArguments(key) : [];
    await this.#write(["-Z", ...words], request("IPVS_CMD_ZERO", "zero counters of", subject));
  }

  async timeouts(): Promise<Timeouts> {
    const asked = request("IPVS_CMD_GET_CONFIG", "read", "IPVS timeouts");
    return parseTimeoutListing(await this.#read(["-L", "--timeout"], asked));
  }

  async setTimeouts(timeouts: Partial<Timeouts>): Promise<void> {
    const asked = request("IPVS_CMD_SET_CONFIG", "set", "IPVS timeouts");
    const values = [timeouts.tcpS, timeouts.tcpFinS, timeouts.udpS];
    for (const value of values) {
      if (value !== undefined) checkTimeout(value, asked);
    }
    // To the kernel, and so to ipvsadm, 0 says that a timeout stays as it is.
    await this.#write(["--set", ...values.map((value) => String(value ?? 0))], asked);
  }

  async daemons(): Promise<SyncDaemon[]> {
    const asked = request("IPVS_CMD_GET_DAEMON", "list", "sync daemons");
    return parseDaemonListing(await this.#read(["-L", "--daemon"], asked));
  }

  async startDaemon(daemon: SyncDaemon): Promise<void> {
    const asked = request("IPVS_CMD_NEW_DAEMON", "start", `${daemon.role} sync daemon`);
    await this.#write(daemonArguments(daemon), asked);
  }

  async stopDaemon(role: DaemonRole): Promise<void> {
    const asked = request("IPVS_CMD_DEL_DAEMON", "stop", `${role} sync daemon`);
    try {
      await this.#write(["--stop-daemon", role], asked, { timeoutMs: STOP_TIMEOUT_MS });
    } catch (error) {
      // The kernel sends no answer when it stops a daemon before its thread has run for the first time, and
      // ipvsadm waits for one for ever. Stopped it is.
      const unanswered = error instanceof CommandError && error.exit === null;
      if (!unanswered || (await this.daemons()).some((daemon) => daemon.role === role)) throw error;
    }
  }

  close(): void {}

  async #read(words: readonly string[], asked: IpvsRequest): Promise<string> {
    return (await this.#run(words, asked)).stdout;
  }

  async #write(
    words: readonly string[],
    asked: IpvsRequest,
    options: RunOptions = {},
  ): Promise<void> {
    await this.#run(words, asked, options);
  }

  async #run(
    words: readonly string[],
    asked: IpvsRequest,
    options: RunOptions = {},
  ): Promise<RunResult> {
    try {
      return await this.#runner.run(["ipvsadm", ...words], options);
    } catch (error) {
      // Where it ran to its end, what it said is the kernel's answer.
      if (!(error instanceof CommandError) || error.exit === null) throw error;
      throw ipvsError(error.stderr, asked, { argv: error.argv, exit: error.exit, cause: error });
    }
  }
}

function request(command: string, op: string, subject: string): IpvsRequest {
  return { command, op, subject };
}

function checkTimeout(value: number, asked: IpvsRequest): void {
  if (Number.isInteger(value) && value > 0 && value <= MAX_TIMEOUT_S) return;
  throw new KernelError(
    `set IPVS timeouts: ${value}: must be whole seconds from 1 to ${MAX_TIMEOUT_S}`,
    asked.command,
    "EINVAL",
    {},
    { op: asked.op, subject: asked.subject },
  );
}
