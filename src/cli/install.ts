/** `lvscare install` and `lvscare uninstall`: this program as a service of the host. */

import type { Command } from "@commander-js/extra-typings";
import { EXIT_DIFFERENT } from "../care/run.ts";
import { EXIT_FAILURE, LvscareError } from "../errors.ts";
import { readAbsolutePath, readPath } from "../generate/flags.ts";
import { applySteps } from "../install/apply.ts";
import {
  type CompletionScript,
  gatherInstall,
  gatherUninstall,
  type Surroundings,
} from "../install/gather.ts";
import {
  isChange,
  type Manager,
  type Plan,
  planInstall,
  planUninstall,
  printStep,
} from "../install/plan.ts";
import type { Systemctl } from "../install/systemctl.ts";
import type { Tree } from "../install/tree.ts";
import type { CliContext } from "./program.ts";
import { describeError } from "./report.ts";

/** The world outside, which tests replace. */
export interface InstallHost {
  /** This program's own file; undefined where it runs from source. */
  readonly program: string | undefined;
  readonly isRoot: boolean;
  readonly folder: string;
  /** The host's files, or those below the folder. */
  openTree(root: string): Tree;
  readonly systemctl: Systemctl;
}

/** What `lvscare completions` prints for the shell. */
type ScriptOf = (shell: CompletionScript["shell"], context: CliContext) => Promise<string>;

const SHELLS = ["bash", "zsh", "fish"] as const;

const INSTALL_MORE = `
It puts there, unless it is so already:
  /usr/bin/lvscare                      this program, with mode 0755
  /etc/systemd/system/lvscare.service   the unit, as lvscare generate systemd prints it
  /etc/modules-load.d/lvscare.conf, /etc/sysctl.d/90-lvscare.conf
                                        with --drop-ins, and from then on without it too
  /etc/lvscare/lvscare.yaml             the example with no service in force, if there is none
  completions for bash, zsh and fish    where the host has a folder for them

Then the service is enabled and started, or started again where the program or the unit has changed;
services go on in the kernel meanwhile. Files of yours stay as they are: a unit or drop-in whose first
line does not say that it was generated ends it before anything is written. A unit that was generated
is replaced; what you want otherwise, say by systemctl edit lvscare. Of an earlier installation,
--config stays as it was.

It may be repeated. With --dry-run the status is 3 where there is anything to do.

Examples:
  lvscare install --dry-run       each step, and nothing is done
  sudo ./lvscare install          this host cares for services from now on, and after each boot
  lvscare install --root ./stage  the same files below a folder, for a package or an image
`;

const UNINSTALL_MORE = `
What was not put there by lvscare install stays: it is told by its first lines, and the program by
what is in it. Services stay in the kernel, so that traffic goes on; the last line says how they are
removed. With --dry-run the status is 3 where there is anything to do.

Examples:
  lvscare uninstall --dry-run     each step, and nothing is done
  lvscare uninstall               all but configuration and state
  lvscare uninstall --purge       those too: /etc/lvscare, and of /run/lvscare what is of lvscare run
`;

export function addInstall(
  program: Command,
  host: InstallHost,
  scriptOf: ScriptOf,
  context: CliContext,
): void {
  staged(program.command("install"))
    .description(
      "make this program a service of the host, with unit, configuration and completions",
    )
    .option("--config <path>", "the files that it cares for (default: /etc/lvscare)")
    .option("--no-start", "put the files there, and leave systemd alone")
    .option("--drop-ins", "have the host load modules and set parameters, and not the service")
    .addHelpText("after", INSTALL_MORE)
    .action(async ({ config, start, dropIns, dryRun, root: given }) => {
      const root = readRoot(given, host);
      const order = {
        root,
        config: config === undefined ? undefined : readAbsolutePath(flag("config", config)),
        hasDropIns: dropIns === true,
        starts: start && root === undefined,
      };
      const around = await lookAround(
        { root, dryRun, asks: order.starts },
        host,
        (shell) => scriptOf(shell, context),
      );
      const plan = planInstall(order, gatherInstall(order, around));
      await carryOut(plan, { root, dryRun, tree: around.tree }, host, context);
    });

  staged(program.command("uninstall"))
    .description("take away what lvscare install has put there")
    .option("--purge", "the configuration and the state, too")
    .addHelpText("after", UNINSTALL_MORE)
    .action(async ({ purge, dryRun, root: given }) => {
      const root = readRoot(given, host);
      const around = await lookAround(
        { root, dryRun, asks: root === undefined },
        host,
        (shell) => scriptOf(shell, context),
      );
      const plan = planUninstall({ root, purges: purge === true }, gatherUninstall(around));
      await carryOut(plan, { root, dryRun, tree: around.tree }, host, context);
    });
}

function staged(command: Command) {
  return command
    .option("--root <dir>", "a folder that stands for /; nothing is started or stopped")
    .option("--dry-run", "show each step and do nothing; status 3 if there is any", false);
}

function flag(name: string, text: string) {
  return { text, name: `--${name}`, origin: "flag" } as const;
}

/** Without a slash at its end, so that "" is the host's own. */
function readRoot(given: string | undefined, host: InstallHost): string | undefined {
  if (given === undefined) return undefined;
  const path = readPath(flag("root", given));
  return (path.startsWith("/") ? path : `${host.folder}/${path}`).replace(/\/+$/, "");
}

interface Looking {
  readonly root: string | undefined;
  readonly dryRun: boolean;
  /** Whether systemd has a part in it. */
  readonly asks: boolean;
}

async function lookAround(
  { root, dryRun, asks }: Looking,
  host: InstallHost,
  scriptOf: (shell: CompletionScript["shell"]) => Promise<string>,
): Promise<Surroundings> {
  if (host.program === undefined) {
    throw new LvscareError("this runs from source, and there is no program to put anywhere", {
      hint: "scripts/build makes one: dist/lvscare",
    });
  }
  if (root === undefined && !dryRun && !host.isRoot) {
    throw new LvscareError("the host's files are root's, and this is another user", {
      hint: "run it with sudo, or look at it with --dry-run",
    });
  }
  const scripts = SHELLS.map(async (shell) => ({ shell, text: await scriptOf(shell) }));
  const manager: Manager = asks ? await host.systemctl.look() : { kind: "unasked" };
  return {
    tree: host.openTree(root ?? ""),
    own: host.program,
    scripts: await Promise.all(scripts),
    manager,
  };
}

async function carryOut(
  { steps, refusals, advice }: Plan,
  { root, dryRun, tree }: Pick<Looking, "root" | "dryRun"> & Pick<Surroundings, "tree">,
  { systemctl }: InstallHost,
  { output, setStatus }: CliContext,
): Promise<void> {
  if (refusals.length > 0) {
    for (const line of refusals) output.err(`lvscare: ${line}\n`);
    setStatus(EXIT_FAILURE);
    return;
  }
  const say = (line: string) => output.out(`${line}\n`);
  const hasChanges = steps.some(isChange);
  if (dryRun) {
    for (const step of steps) say(printStep(step, root));
    if (hasChanges) setStatus(EXIT_DIFFERENT);
  } else {
    await applySteps(steps, {
      ...{ tree, systemctl },
      say: (step) => say(printStep(step, root)),
      warn: (error) => output.err(`lvscare: ${describeError(error)}\n`),
    });
  }
  if (!hasChanges) say("nothing to do: all is as it must be");
  for (const line of advice) say(line);
}
