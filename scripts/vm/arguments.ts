import { parseArgs } from "node:util";
import { UsageError } from "../../src/errors.ts";

export interface GuestOptions {
  /** The program and its arguments; empty for a shell. */
  readonly command: readonly string[];
  readonly without: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly kernel: string;
  readonly memoryMib: number;
  readonly cpus: number;
  readonly accel: string;
  readonly console: boolean;
  readonly help: boolean;
  readonly timeoutSeconds?: number;
  readonly out?: string;
}

export const HELP =
  `Runs a program in a throw-away machine with a real ip_vs kernel (emulated: slow).

  scripts/guest [options] -- CMD ARGS…   run CMD there, in this folder
  scripts/guest [options]                a shell there

The guest sees this host's files; what it writes stays in its memory and is gone at the end. /tmp and
/run are empty there. CMD runs as root; its output, input (unless that is a terminal) and exit status
are passed through. Beside --env it gets PATH, HOME, TERM, LANG, DENO_DIR and DENO_NO_UPDATE_CHECK.

  --without MODULE     a kernel without this module and what needs it; repeatable
  --kernel NAME        default, rt, or a Debian kernel package ("linux-image-6.1.0-50-amd64")
  --out DIR            a folder of the host that the guest can write to, as /out
  --env NAME=VALUE     a variable for CMD; repeatable
  --timeout SECONDS    give up after this time, start of the machine included
  --memory MIB         memory of the guest (4096)
  --cpus N             processors of the guest (2)
  --accel NAME         QEMU's accelerator (tcg,thread=multi)
  --console            show the kernel's console on standard error
  --help               this text

Exit status: CMD's, 128+n when signal n ended it, 124 after --timeout, 125 when the guest failed, 2 for
wrong usage or a missing Debian package. Kernels are kept in .cache/guest; delete it to renew them.
`;

const VALUE = { type: "string" } as const;
const VALUES = { type: "string", multiple: true } as const;
const FLAG = { type: "boolean" } as const;

function readOptions(args: string[]) {
  const options = {
    ...{ without: VALUES, env: VALUES, kernel: VALUE, out: VALUE, timeout: VALUE },
    ...{ memory: VALUE, cpus: VALUE, accel: VALUE, console: FLAG, help: FLAG },
  };
  try {
    return parseArgs({ args, options }).values;
  } catch (err) {
    if (!(err instanceof TypeError)) throw err;
    const [what = ""] = err.message.split(/\. |\n/); // the rest is a lecture
    throw new UsageError(what, { hint: "see --help; the command stands after --" });
  }
}

function positive(name: string, text: string, pattern = /^\d+$/): number {
  if (!pattern.test(text) || !(Number(text) > 0)) {
    throw new UsageError(`--${name} "${text}" must be a number above 0`);
  }
  return Number(text);
}

function variable(text: string): readonly [string, string] {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`--env "${text}" must be NAME=VALUE`);
  }
  return [name, value];
}

/** Understands the command line of scripts/guest, or throws a UsageError. */
export function parseGuestArguments(args: readonly string[]): GuestOptions {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const options = readOptions(args.slice(0, end));
  const { timeout, out } = options;
  return {
    command: args.slice(end + 1),
    without: [...new Set(options.without?.map((name) => name.replaceAll("-", "_")))].sort(),
    env: Object.fromEntries((options.env ?? []).map(variable)),
    kernel: options.kernel ?? "default",
    memoryMib: positive("memory", options.memory ?? "4096"),
    cpus: positive("cpus", options.cpus ?? "2"),
    accel: options.accel ?? "tcg,thread=multi",
    console: options.console ?? false,
    help: options.help ?? false,
    ...(timeout !== undefined && { timeoutSeconds: positive("timeout", timeout, /^\d+(\.\d+)?$/) }),
    ...(out !== undefined && { out }),
  };
}
