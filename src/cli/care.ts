/** `lvscare care`: LVScare's command line, and what is new beside it. */

import { type Command, Option } from "@commander-js/extra-typings";
import type { CareConfig } from "../config/care.ts";
import { CARE_FLAGS } from "../config/care_flags.ts";
import type { CareFlag } from "../config/check_flags.ts";
import { normalizeFlags } from "../config/pflag.ts";
import { type CareInput, readCareConfig } from "../config/read_care.ts";
import type { CliContext } from "./program.ts";

/** The world outside, which tests replace. */
export interface CareHost {
  readonly env: (name: string) => string | undefined;
  /** The hosts file; that it cannot be read is no failure of the command. */
  readHosts(): Promise<string>;
  /** Gives the exit status. The notes are to be logged as warnings before all else. */
  runCare(config: CareConfig, notes: readonly string[]): Promise<number>;
}

const MORE = `
Every flag can come from the environment too: CARE_HEALTH_PATH is --health-path. The flag wins.

Examples:
  lvscare care --vs 10.103.97.12:6443 --rs 192.168.0.2:6443,192.168.0.3:6443
                                  masters behind one address, checked every 5 seconds
  lvscare care --vs 10.103.97.12:6443 --rs 192.168.0.2:6443 --mode link --run-once
                                  set it up before the host joins, and exit
  lvscare care --vs 10.103.97.12:6443 --mode link --clean
                                  take it all away again
`;

export function addCare(program: Command, { host: { care }, setStatus }: CliContext): void {
  const command: Command = program.command("care");
  command
    .description("keep a virtual server and the real servers behind it healthy")
    .usage("--vs <address:port> --rs <address:port,...> [flags]")
    .allowExcessArguments() // refused by readCareConfig(), with better words
    .configureHelp({
      optionTerm: ({ flags }) => flags.replace(SWITCH_VALUE, ""),
      optionDescription: ({ description }) => description,
    })
    .addHelpText("after", MORE);
  for (const flag of CARE_FLAGS) command.addOption(toOption(flag));
  command.addHelpOption(new Option("-h, --help", "show this help").helpGroup("Logs and the rest:"));
  readAsPflag(command);
  command.action(async () => {
    const input = { ...parsedInput(command), env: care.env, hosts: await readHosts(care) };
    const { config, notes } = readCareConfig(input);
    setStatus(await care.runCare(config, notes));
  });
}

/** Commander gives switches a value only where they may have one; people need not see that. */
const SWITCH_VALUE = " [value]";

function toOption(flag: CareFlag): Option {
  const { name, short, kind, value, initial, choices, help, group } = flag;
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const option = new Option(
    `${names}${kind === "switch" ? SWITCH_VALUE : ` <${value}>`}`,
    initial === undefined || initial === "" ? help : `${help} (default: ${initial})`,
  );
  // For completions only: choices() would judge a value without its origin, and at once.
  if (choices) option.argChoices = choices.filter((choice) => choice !== "");
  return option.helpGroup(group).argParser(gather);
}

/** All values of one flag: which of them count is not commander's to say. */
function gather(value: string, previous: unknown): string[] {
  return Array.isArray(previous) ? [...previous, value] : [value];
}

/** Commander has other spellings than LVScare's users know, and reads the words through this method. */
function readAsPflag(command: Command): void {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (words) => parse(normalizeFlags(words, CARE_FLAGS));
}

function parsedInput(command: Command): Pick<CareInput, "flags" | "words"> {
  const flags = new Map<string, readonly string[]>();
  for (const option of command.options) {
    const values: unknown = command.getOptionValue(option.attributeName());
    if (Array.isArray(values)) flags.set(option.name(), values);
  }
  return { flags, words: command.args };
}

async function readHosts(care: CareHost): Promise<string> {
  try {
    return await care.readHosts();
  } catch {
    return "";
  }
}
