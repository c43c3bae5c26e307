/** What the care loop says in the log: each change once, each trouble when it begins, changes and ends. */

import { getLogger, type Logger } from "@logtape/logtape";
import { LvscareError } from "../errors.ts";
import type { ProbeResult } from "../health/probes/probe.ts";
import type { CheckHealth } from "../health/reducer.ts";
import type { Step } from "../plan/step.ts";
import { logText, stepText } from "../plan/text.ts";
import type { QuorumTurn } from "./carer.ts";
import type { PassResult } from "./pass.ts";

export class Journal {
  readonly #log: Logger;
  /** What is wrong now, by what it is about: as long as it stays the same it is not said again. */
  #troubles: ReadonlyMap<string, string> = new Map();
  /** Schedulers whose modules could not be loaded, and why. The kernel may have them all the same. */
  #doubts: Map<string, unknown> = new Map();

  constructor(log: Logger = getLogger(["lvscare", "care"])) {
    this.#log = log;
  }

  info(text: string): void {
    this.#log.info`${text}`;
  }

  warn(text: string, error?: unknown): void {
    const line = error === undefined ? text : `${text}: ${words(error)}`;
    this.#log.warn`${line}`;
  }

  error(text: string): void {
    this.#log.error`${text}`;
  }

  /** Why schedulers may not be there: it is said when the kernel has refused one of them, and not before. */
  doubt(schedulers: ReadonlyMap<string, unknown>): void {
    this.#doubts = new Map(schedulers);
  }

  /** What a pass has done and could not do. */
  pass({ outcomes, look }: Pick<PassResult, "outcomes" | "look">): void {
    const troubles = new Map<string, string>();
    for (const { part, error } of look.blind) troubles.set(`read ${part}`, words(error));
    this.steps(outcomes);
    for (const { step, error } of outcomes) {
      if (error === undefined) continue;
      troubles.set(stepText(step), words(error));
      this.#confirm(step, error);
    }
    for (const [what, why] of troubles) {
      const isNew = this.#troubles.get(what) !== why;
      const text = `${what}: ${why}`;
      if (isNew) this.#log.error`${text}`;
      else this.#log.debug`${text}`;
    }
    for (const what of this.#troubles.keys()) {
      if (!troubles.has(what)) this.#log.info`no trouble any more: ${what}`;
    }
    this.#troubles = troubles;
  }

  /** What was doubted is true where the kernel knows no such scheduler. */
  #confirm(step: Step, error: unknown): void {
    if (step.kind !== "change" || !("service" in step.change)) return;
    const { scheduler } = step.change.service;
    const isUnknown = error instanceof LvscareError && error.is("ENOENT");
    if (!isUnknown || !this.#doubts.has(scheduler)) return;
    this.warn(`the scheduler ${scheduler} does not work`, this.#doubts.get(scheduler));
    this.#doubts.delete(scheduler);
  }

  /** What was done. */
  steps(outcomes: PassResult["outcomes"]): void {
    // Thousands of lines that nobody asked for cost more than the steps.
    if (!this.#log.isEnabledFor("info")) return;
    for (const { step, error } of outcomes) {
      if (error === undefined) this.#log.info`${logText(step)}`;
    }
  }

  /** A pass that did not come to its end: a defect, or a host that refuses everything. */
  failedPass(error: unknown): void {
    this.#log.error`a pass failed: ${words(error)}`;
  }

  quorum({ config: { name, mode, sorry, quorum }, hasQuorum, isReplaced }: QuorumTurn): void {
    if (hasQuorum) this.#log.info`${name}: has its quorum`;
    else {
      const then = [
        ...(sorry ? [`${sorry.server.name} ${isReplaced ? "stands in" : "is down too"}`] : []),
        ...(quorum.without === "withdraw" && mode.kind !== "none"
          ? ["its address is withdrawn"]
          : []),
      ].join(", ");
      this.#log.warn`${name}: has lost its quorum${then && `: ${then}`}`;
    }
  }

  /** What one check has come to; `downMs` is for how long its server was not up before. */
  probe(
    what: string,
    result: ProbeResult,
    before: CheckHealth,
    after: CheckHealth,
    downMs: number,
  ): void {
    if (!result.ok) {
      const trouble = result.unable ? "check not possible" : "probe error";
      const text = `${trouble}: ${what}: ${result.reason}`;
      // A server that stays down says so every few seconds, and once is enough.
      const isNews = before.lastReason !== result.reason ||
        (before.failures === 0 && after.failures > 0);
      if (isNews) this.#log.warn`${text}`;
      else this.#log.debug`${text}`;
    } else if (!before.isUp && after.isUp) {
      const seconds = Math.round(downMs / 1000);
      this.#log.info`probe ok again: ${what}, after ${seconds}s`;
    } else this.#log.debug`probe ok: ${what}`;
  }
}

/** An error as one line: a defect keeps its name, what is ours has said all already. */
function words(error: unknown): string {
  if (error instanceof LvscareError) {
    return error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
  }
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
