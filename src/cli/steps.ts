/** A plan on the screen: what comes in green, what goes in red, what is changed in yellow. */

import type { Step } from "../plan/step.ts";
import { stepText } from "../plan/text.ts";

type Kind = "add" | "change" | "remove";

const SIGNS: Readonly<Record<Kind, string>> = { add: "+", change: "~", remove: "-" };
const COLORS: Readonly<Record<Kind, number>> = { add: 32, change: 33, remove: 31 };

/** One line each, with how many there are of each kind. */
export function printSteps(steps: readonly Step[], hasColors: boolean): string {
  if (steps.length === 0) return "nothing to do: all is as it must be\n";
  const counts = { add: 0, change: 0, remove: 0 };
  const lines = steps.map((step) => {
    const kind = kindOf(step);
    counts[kind]++;
    const line = `${SIGNS[kind]} ${stepText(step)}`;
    return hasColors ? `\x1b[${COLORS[kind]}m${line}\x1b[0m\n` : `${line}\n`;
  });
  const { add, change, remove } = counts;
  return `${lines.join("")}${add} to add, ${change} to change, ${remove} to remove\n`;
}

/** The step with its words. */
export function stepJson(step: Step): unknown {
  return { effect: kindOf(step), text: stepText(step), ...step };
}

function kindOf(step: Step): Kind {
  switch (step.kind) {
    case "setParameter":
    case "setTimeouts":
      return "change";
    case "makeDevice":
      return step.found === "down" ? "change" : "add";
    case "putRoute":
      return step.before ? "change" : "add";
    case "change":
      if (step.change.kind.startsWith("add")) return "add";
      return step.change.kind.startsWith("edit") ? "change" : "remove";
    case "addAddress":
    case "makeRules":
    case "addEntries":
    case "startDaemon":
      return "add";
    case "stopDaemon":
    case "removeRoute":
    case "removeEntries":
    case "removeRules":
    case "removeAddress":
    case "removeDevice":
      return "remove";
  }
}
