/** `lvscare run` and what belongs to it: check, schema, plan, reload and status. */

import { type Command, Option, type OptionValues } from "@commander-js/extra-typings";
import {
  EXIT_NOT_READY,
  type ReloadAnswer,
  type StatusAnswer,
  verdictOf,
} from "../admin/control.ts";
import type { Preview } from "../care/preview.ts";
import { ConfigProblems } from "../care/problems.ts";
import { EXIT_DIFFERENT } from "../care/run.ts";
import type { ServeOptions } from "../care/serve.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../config/care_flags.ts";
import { readEndpoint } from "../config/care_endpoints.ts";
import { count, describeConfig } from "../config/config.ts";
import { judgeDevices } from "../config/files/host.ts";
import { fileSchema } from "../config/files/fields.ts";
import type { FilesReading, ReadChoices } from "../config/files/read.ts";
import { EXIT_FAILURE, EXIT_USAGE, UsageError } from "../errors.ts";
import { type LogFormat, type LogOptions, parseLogLevel } from "../log.ts";
import { printEndpoint } from "../model/endpoint.ts";
import type { Link } from "../model/link.ts";
import { describeError } from "./report.ts";
import { printSteps, stepJson } from "./steps.ts";
import { printStatus } from "./status_table.ts";
import type { CliContext } from "./program.ts";

/** The world outside, which tests replace. */
export interface RunHost {
  readFiles(path: string, choices: ReadChoices): Promise<FilesReading>;
  /** A file in keepalived's language as one of ours. */
  convert(
    path: string,
    choices: ReadChoices,
  ): { readonly text: string; readonly report: FilesReading["report"] };
  run(options: ServeOptions, log: Pick<LogOptions, "level" | "format">): Promise<number>;
  prepare(
    options: Pick<ServeOptions, "path" | "choices">,
    log: Pick<LogOptions, "level" | "format">,
  ): Promise<number>;
  preview(
    options: Pick<ServeOptions, "path" | "choices" | "stateDir">,
    warn: (text: string, error?: unknown) => void,
  ): Promise<Preview>;
  /** The host's devices; undefined where they cannot be read. */
  devices(): Promise<readonly Link[] | undefined>;
  reload(stateDir: string): Promise<ReloadAnswer>;
  /** Of `lvscare run`, or of the `lvscare care` for that virtual server. */
  status(stateDir: string, virtualServer?: string): Promise<StatusAnswer>;
  /** For ages, in a table. */
  now(): number;
  readonly hasColors: boolean;
}

const CONFIG_HELP =
  "a file (*.conf: keepalived's), or a directory with lvscare.yaml and conf.d/*.yaml";
const STATE_HELP = "where the state and the socket are";
const DEFAULT_CONFIG = "/etc/lvscare";
const DEFAULT_STATE = "/run/lvscare";

const RUN_MORE = `
SIGHUP reads the files again, as lvscare reload does: a wrong configuration changes nothing.

Examples:
  lvscare check -c /etc/lvscare   every mistake in the files, each with its place
  lvscare plan -c /etc/lvscare    what would change in the kernel
  lvscare run -c /etc/lvscare     care for the services of the files
  lvscare status                  how they are
`;

export function addRun(program: Command, context: CliContext): void {
  const { host: { services: host }, setStatus } = context;
  configured(program.command("run"))
    .description("care for the services that are written in files")
    .option("--watch", "reload when the files change", false)
    .option("--wait", "say that it is ready only when every server has been checked once", false)
    .option(
      "--prepare",
      "only load modules and set the kernel's parameters that the files call for, and end: " +
        "what runs after that need not be able to",
      false,
    )
    .addOption(
      new Option("--logger <level>", "the least level that is logged").default("INFO")
        .argParser(readLevel),
    )
    .addOption(
      new Option("--log-format <format>", "how lines look").choices(LOG_FORMATS).default("text"),
    )
    .addHelpText("after", RUN_MORE)
    .action(async ({ config, stateDir, watch, wait, prepare, logger, logFormat, ...read }) => {
      const options = { path: config, choices: choicesOf(read), stateDir, watch, wait };
      const log = { level: parseLogLevel(logger)!, format: logFormat as LogFormat };
      try {
        setStatus(await (prepare ? host.prepare(options, log) : host.run(options, log)));
      } catch (error) {
        setStatus(sayProblems(error, context));
      }
    });
}

export function addRunTools(program: Command, context: CliContext): void {
  addCheck(program, context);
  addConvert(program, context);
  addPlan(program, context);
  addReload(program, context);
  addStatus(program, context);
}

function configured(command: Command) {
  return stated(reading(command.option("-c, --config <path>", CONFIG_HELP, DEFAULT_CONFIG)));
}

/** How files in keepalived's language are read. */
function reading<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
) {
  return command
    .option("--config-id <id>", "of keepalived's files: what @ compares with; the host's name")
    .option("--skip-unsupported", "of keepalived's files: leave out what is not supported", false);
}

function choicesOf(
  { configId, skipUnsupported }: {
    readonly configId?: string | undefined;
    readonly skipUnsupported: boolean;
  },
): ReadChoices {
  return { configId, skipsUnsupported: skipUnsupported };
}

function stated<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
) {
  return command.addOption(
    new Option("--state-dir <path>", STATE_HELP).default(DEFAULT_STATE).argParser(readDirectory),
  );
}

function addCheck(program: Command, { host: { services: host }, output, setStatus }: CliContext) {
  reading(program.command("check").option("-c, --config <path>", CONFIG_HELP, DEFAULT_CONFIG))
    .description("say everything that is wrong in the files of lvscare run")
    .option("--json", "say it as JSON", false)
    .option("--schema", "print the files' JSON Schema instead, for editors", false)
    .action(async ({ config: path, json, schema, ...read }) => {
      if (schema) {
        output.out(`${JSON.stringify(fileSchema(), undefined, 2)}\n`);
        return;
      }
      const found = await host.readFiles(path, choicesOf(read));
      judgeDevices(found, await host.devices() ?? []);
      const { config, report, files, notes } = found;
      if (json) {
        const { isEmpty: ok, problems } = report;
        output.out(`${JSON.stringify({ ok, problems, ...(notes.length > 0 && { notes }) })}\n`);
      } else {
        for (const line of notes) output.out(`note: ${line}\n`);
        for (const line of report.lines) output.out(`${line}\n`);
      }
      if (!report.isEmpty) setStatus(EXIT_USAGE);
      else if (!json) {
        const what = describeConfig(config!).replace(", ", " and ");
        output.out(`${path}: ${what} in ${count(files, "file")}, nothing is wrong\n`);
      }
    });
}

function addConvert(program: Command, { host: { services: host }, output, setStatus }: CliContext) {
  reading(program.command("convert").argument("<file>", "a file in keepalived's language"))
    .description("print keepalived's virtual servers as a file of lvscare run")
    .action((path, read) => {
      const { text, report } = host.convert(path, choicesOf(read));
      if (report.isEmpty) output.out(text);
      else {
        for (const line of report.lines) output.err(`${line}\n`);
        setStatus(EXIT_USAGE);
      }
    });
}

function addPlan(program: Command, context: CliContext): void {
  const { host: { services: host }, output, setStatus } = context;
  configured(program.command("plan"))
    .description("show what lvscare run would change in the kernel; status 3 if anything")
    .option("--json", "show it as JSON", false)
    .action(async ({ config: path, stateDir, json, ...read }) => {
      const choices = choicesOf(read);
      const warn = (text: string, error?: unknown) =>
        output.err(`lvscare: ${error === undefined ? text : `${text}: ${describeError(error)}`}\n`);
      try {
        const { steps, blind } = await host.preview({ path, choices, stateDir }, warn);
        if (json) output.out(`${JSON.stringify({ steps: steps.map(stepJson) })}\n`);
        else output.out(printSteps(steps, host.hasColors));
        for (const { part, error } of blind) warn(`cannot read ${part}`, error);
        if (blind.length > 0) setStatus(EXIT_FAILURE);
        else if (steps.length > 0) setStatus(EXIT_DIFFERENT);
      } catch (error) {
        setStatus(sayProblems(error, context));
      }
    });
}

function addReload(program: Command, { host: { services: host }, output, setStatus }: CliContext) {
  stated(program.command("reload"))
    .description("have lvscare run read its files again")
    .option("--json", "print the answer as JSON", false)
    .action(async ({ stateDir, json }) => {
      const answer = await host.reload(stateDir);
      if (json) output.out(`${JSON.stringify(answer)}\n`);
      else {
        if (answer.ok) output.out(`${answer.text}\n`);
        for (const problem of answer.problems) output.err(`${problem}\n`);
      }
      if (!answer.ok) setStatus(EXIT_USAGE);
      else if (answer.problems.length > 0) setStatus(EXIT_FAILURE);
    });
}

const STATUS_MORE = `
The status is 0 where it is ready: its last pass left nothing undone, and every service is in the
table, whatever becomes of its servers. It is 3 where it runs and is not ready, and 1 where it does
not run, cannot be asked, or its passes do not end. With --live, 3 is 0.

Examples:
  lvscare status
  lvscare status --vs 10.103.97.12:6443 --live
`;

function addStatus(program: Command, context: CliContext): void {
  const { host: { services: host }, output, setStatus } = context;
  stated(program.command("status"))
    .description("show the services and servers of lvscare run or care, and how they are")
    .addOption(
      new Option("--vs <address:port>", "of the lvscare care for this virtual server")
        .argParser(readVirtualServer),
    )
    .option("--live", "ask only whether it runs and its passes end: for what starts it anew", false)
    .option("--json", "show it as JSON", false)
    .addHelpText("after", STATUS_MORE)
    .action(async ({ stateDir, vs, live, json }) => {
      const status = await host.status(stateDir, vs);
      output.out(
        json ? `${JSON.stringify(status)}\n` : printStatus(status, host.now(), host.hasColors),
      );
      const verdict = verdictOf(status);
      if (verdict === "stuck") setStatus(EXIT_FAILURE);
      else if (verdict === "not ready" && !live) setStatus(EXIT_NOT_READY);
    });
}

/** As `lvscare care` calls it by. */
function readVirtualServer(text: string): string {
  return printEndpoint(readEndpoint({ text, name: "--vs", origin: "flag" }));
}

/** Every mistake of a configuration, each on its line; anything else is said elsewhere. */
function sayProblems(error: unknown, { output }: CliContext): number {
  if (!(error instanceof ConfigProblems)) throw error;
  for (const line of error.lines) output.err(`${line}\n`);
  return error.exitStatus;
}

function readLevel(text: string): string {
  if (parseLogLevel(text) !== undefined) return text;
  throw new UsageError(`--logger "${text}": must be one of ${LOG_LEVELS.join(", ")}`);
}

function readDirectory(text: string): string {
  if (/^\/[^\p{Cc}]*$/u.test(text)) return text;
  throw new UsageError(`--state-dir "${text}": must be an absolute path, beginning with "/"`);
}
