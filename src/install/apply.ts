/** Does the steps of a plan. */

import { CommandError, LvscareError } from "../errors.ts";
import type { Step } from "./plan.ts";
import type { Systemctl } from "./systemctl.ts";
import type { NewFile, Tree } from "./tree.ts";

export interface Applying {
  readonly tree: Tree;
  readonly systemctl: Pick<Systemctl, "run">;
  /** Of each step, when it is done or, if it takes its time, begun. */
  say(step: Step): void;
  /** Of what has failed and does not matter so much. */
  warn(error: LvscareError): void;
}

/** All new files are written beside their places before the first is put there. */
export async function applySteps(steps: readonly Step[], applying: Applying): Promise<void> {
  const { tree, say } = applying;
  tree.stage(steps.flatMap(newFile)).commit();
  for (const step of steps) {
    if (step.kind === "run") {
      say(step);
      await runStep(step, applying);
      continue;
    }
    if (step.kind === "mode") tree.setMode(step.path, step.mode);
    if (step.kind === "remove") tree.remove(step.path);
    say(step);
  }
}

function newFile(step: Step): NewFile[] {
  if (step.kind === "put") {
    return [{ path: step.path, mode: 0o755, content: { copyOf: step.from } }];
  }
  if (step.kind !== "write") return [];
  return [{ path: step.path, mode: step.mode, content: { text: step.text } }];
}

async function runStep(
  { argv, isOptional = false }: Step & { kind: "run" },
  { systemctl, warn }: Applying,
): Promise<void> {
  try {
    await systemctl.run(argv);
  } catch (error) {
    if (isOptional && error instanceof LvscareError) return warn(error);
    if (!(error instanceof CommandError)) throw error;
    // Of several lines the first says what is the matter, but for those of links that were made before.
    const lines = error.stderr.trim().split("\n");
    const first = lines.find((line) => !/^(?:Created symlink|Removed) /.test(line)) ?? "";
    const what = first === "" ? error.message : `run ${argv.join(" ")}: ${first}`;
    throw new LvscareError(what, {
      op: "run systemctl",
      hint: "journalctl -u lvscare -n 20 says why, and this command can be repeated",
      cause: error,
    });
  }
}
