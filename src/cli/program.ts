/** The command line's root: its commands, their help, and what is said when a command line is wrong. */

import { Command, CommanderError } from "@commander-js/extra-typings";
import { buildInfo } from "../build_info.ts";
import type { Backend } from "../config/care.ts";
import { EXIT_OK, UsageError } from "../errors.ts";
import type { IpvsTable } from "../kernel/ipvs_table.ts";
import { addCare, type CareHost } from "./care.ts";
import type { DemoOptions } from "../demo/demo.ts";
import { addDemo } from "./demo.ts";
import { addDoctor, type DoctorHost } from "./doctor.ts";
import { addCompletions } from "./completions.ts";
import { addGenerate } from "./generate.ts";
import { addInstall, type InstallHost } from "./install.ts";
import { addIpvs } from "./ipvs.ts";
import { addProbe, type ProbeHost } from "./probe.ts";
import { addRun, addRunTools, type RunHost } from "./run.ts";
import type { Output } from "./output.ts";
import { reportError } from "./report.ts";
import { addVersion } from "./version.ts";

/** The world outside, which tests replace. */
export interface CliHost {
  readonly care: CareHost;
  readonly services: RunHost;
  readonly prober: ProbeHost;
  readonly doctor: DoctorHost;
  readonly installer: InstallHost;
  /** The kernel's table by that backend, or by the one that suits the host. */
  openIpvsTable(backend?: Backend): Promise<IpvsTable>;
  runDemo(options: DemoOptions): Promise<number>;
  /** All of standard input. */
  readStdin(): Promise<string>;
  readTextFile(path: string): Promise<string>;
  /** Asks the person at the terminal; absent where there is none. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined;
}

export interface CliOptions {
  readonly output: Output;
  readonly host: CliHost;
  /** Show the traces of errors. */
  readonly debug: boolean;
  /** How wide help may be; undefined where no terminal is there to say. */
  readonly columns?: number | undefined;
}

/** What a command sees. */
export interface CliContext extends CliOptions {
  /** The exit status that a command ends with unless it throws; 0 if it never says. */
  setStatus(status: number): void;
}

const EXAMPLES = `
Examples:
  lvscare care --vs 10.103.97.12:6443 --rs 192.168.0.2:6443,192.168.0.3:6443
                                  keeps two servers behind one address healthy
  lvscare run -c /etc/lvscare     does so for all services that are written in files
  lvscare demo                    shows that, with servers of its own, and ends
  lvscare probe 10.0.0.1:80       checks one server now, step by step
  lvscare doctor                  what stands between this host and working virtual servers
  lvscare ipvs -Ln                the kernel's table, as ipvsadm prints it
  lvscare generate static-pod --help
                                  what an installation is made of: manifests, units, examples
  sudo ./lvscare install          this program as a service of the host
  lvscare version                 what this is and what it was built from
  lvscare completions bash        a script that completes command lines in bash
`;

/** Runs one command line and gives its exit status. Never throws. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  let status = EXIT_OK;
  const context: CliContext = { ...options, setStatus: (value) => status = value };
  const program = createProgram(context, args[0]);
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (err) {
    if (!(err instanceof CommanderError)) return reportError(err, context.output, context.debug);
    // Help and version end by an error too, their text already written.
    if (err.exitCode === 0) return EXIT_OK;
    return reportError(toUsageError(err, args, program), context.output, context.debug);
  }
}

/** Commands that are made together. */
interface Branch {
  readonly group: string;
  /** None for those that need to see all others. */
  readonly names: readonly string[];
  readonly add: (program: Command, context: CliContext) => void;
}

const BRANCHES: readonly Branch[] = [
  { group: "Virtual servers:", names: ["care"], add: addCare },
  { group: "Virtual servers:", names: ["run"], add: addRun },
  { group: "Virtual servers:", names: ["demo"], add: addDemo },
  {
    group: "Services in files:",
    names: ["check", "convert", "plan", "reload", "status"],
    add: addRunTools,
  },
  {
    group: "Servers:",
    names: ["probe"],
    add: (program, context) => addProbe(program, context.host.prober, context),
  },
  {
    group: "The kernel:",
    names: ["doctor"],
    add: (program, context) => addDoctor(program, context.host.doctor, context),
  },
  { group: "The kernel:", names: ["ipvs"], add: addIpvs },
  { group: "Installation:", names: ["generate"], add: addGenerate },
  {
    group: "Installation:",
    names: ["install", "uninstall"],
    add: (program, context) =>
      addInstall(program, context.host.installer, completionScript, context),
  },
  { group: "This program:", names: ["version"], add: addVersion },
  { group: "This program:", names: [], add: addCompletions },
];

/** The tree of commands, as help and completions see it too; of a command that is named, its branch alone. */
export function createProgram(context: CliContext, word = ""): Command {
  const columns = context.columns ?? 100;
  const program = new Command("lvscare")
    .description("Keeps Linux virtual servers (IPVS) healthy.")
    .version(buildInfo().version, "-V, --version", "print the version number")
    .helpOption("-h, --help", "show this help, or that of a command")
    .helpCommand(false)
    .enablePositionalOptions()
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.output.out(text),
      writeErr: () => {}, // said once, by runCli()
      getOutHelpWidth: () => columns,
      getOutHasColors: () => false,
    });
  // To make them all takes longer than most of them take to run.
  const named = BRANCHES.filter(({ names }) => names.includes(word));
  for (const { group, add } of named.length > 0 ? named : BRANCHES) {
    program.commandsGroup(group);
    add(program, context);
  }
  return program;
}

/** What `lvscare completions` prints. */
async function completionScript(shell: string, context: CliContext): Promise<string> {
  let text = "";
  const output = { ...context.output, out: (more: string) => void (text += more) };
  const program = createProgram({ ...context, output });
  await program.parseAsync(["completions", shell], { from: "user" });
  return text;
}

function toUsageError(
  error: CommanderError,
  args: readonly string[],
  program: Command,
): UsageError {
  const [said = "", guess] = error.message
    .replace(/^error: /, "")
    .replace(/\. Allowed choices are /, ": must be one of ")
    .split("\n");
  const meant = guess?.match(/Did you mean (.*)\?/)?.[1];
  const help = `see ${commandPath(args, program)} --help`;
  return new UsageError(said.replace(/\.$/, ""), {
    hint: meant === undefined ? help : `did you mean ${meant}?`,
    cause: error,
  });
}

/** The commands that the words name, as far as they name any: "lvscare version". */
function commandPath(args: readonly string[], program: Command): string {
  const names = [program.name()];
  let commands = program.commands;
  for (const word of args) {
    const found = commands.find((command) => command.name() === word);
    if (!found) break;
    names.push(word);
    commands = found.commands;
  }
  return names.join(" ");
}
