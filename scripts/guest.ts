/** Runs a program in a throw-away virtual machine with a real ip_vs kernel: see scripts/guest --help. */

import { LvscareError, UsageError } from "../src/errors.ts";
import { type GuestOptions, HELP, parseGuestArguments } from "./vm/arguments.ts";
import type { Job } from "./vm/job.ts";
import { findKernel, type Kernel, stopPreparing } from "./vm/kernel.ts";
import { EXIT_GUEST_FAILED, runMachine } from "./vm/machine.ts";
import { GUEST_PROGRAMS } from "./vm/packages.ts";

const CACHE = new URL("../.cache/guest", import.meta.url).pathname;
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** What goes along from the host's environment. */
const VARIABLES = ["PATH", "TERM", "LANG", "DENO_DIR", "DENO_NO_UPDATE_CHECK"];

/** Programs of administration are found also where only root's PATH has their folders. */
function addSbin(): void {
  const folders = (Deno.env.get("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(":");
  const sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].filter((each) => !folders.includes(each));
  Deno.env.set("PATH", [...folders, ...sbin].join(":"));
}

function checkHost(): void {
  if (Deno.build.arch !== "x86_64") {
    throw new UsageError(`the guest runs this host's programs on x86_64, not ${Deno.build.arch}`);
  }
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const isThere = (path: string) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  };
  const missing = Object.entries(GUEST_PROGRAMS)
    .filter(([, program]) => !folders.some((folder) => isThere(`${folder}/${program}`)))
    .map(([name]) => name);
  if (missing.length > 0) {
    throw new UsageError("Debian packages are missing", {
      hint: `apt-get install ${missing.join(" ")}`,
    });
  }
}

function makeJob(options: GuestOptions, kernel: Kernel): Job {
  const isShell = options.command.length === 0;
  const isInteractive = isShell && Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const passed = VARIABLES.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return {
    argv: isShell ? [Deno.env.get("SHELL") ?? "/bin/sh"] : options.command,
    env: { ...Object.fromEntries(passed), HOME: "/root", ...options.env },
    directory: Deno.cwd(),
    release: kernel.release,
    modules: kernel.modules,
    out: options.out !== undefined,
    ...(isInteractive ? { terminal: Deno.consoleSize() } : {}),
  };
}

/** The exit status for the signal that has come, which explains all failures after it. */
let interruption: number | undefined;

async function main(args: readonly string[]): Promise<number> {
  const options = parseGuestArguments(args);
  if (options.help) {
    console.log(HELP.trimEnd());
    return 0;
  }
  addSbin();
  checkHost();
  const interrupted = new Promise<number>((resolve) => {
    for (const [signal, status] of Object.entries(SIGNALS)) {
      Deno.addSignalListener(signal as keyof typeof SIGNALS, () => {
        interruption = status;
        stopPreparing.abort();
        resolve(status);
      });
    }
  });
  const kernel = await findKernel(CACHE, options.kernel, options.without);
  if (options.out !== undefined) await Deno.mkdir(options.out, { recursive: true });
  const out = options.out && await Deno.realPath(options.out);
  const job = makeJob(options, kernel);
  return await runMachine({ ...options, ...(out && { out }) }, kernel, job, interrupted);
}

try {
  Deno.exit(await main(Deno.args));
} catch (err) {
  if (interruption !== undefined) Deno.exit(interruption);
  if (!(err instanceof Error)) throw err;
  const hint = err instanceof LvscareError && err.hint ? `: ${err.hint}` : "";
  console.error(`scripts/guest: ${err.message}${hint}`);
  Deno.exit(err instanceof UsageError ? err.exitStatus : EXIT_GUEST_FAILED);
}
