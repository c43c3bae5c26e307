/** Errors as people read them: one line, and where it helps what to do. */

import { ConfigError, EXIT_FAILURE, LvscareError } from "../errors.ts";
import type { Output } from "./output.ts";

/** Says what went wrong and gives the exit status it means. */
export function reportError(error: unknown, output: Output, debug: boolean): number {
  output.err(`lvscare: ${describeError(error)}\n`);
  // inspect() shows the causes too, each with its trace.
  if (debug) output.err(`${Deno.inspect(error, { colors: false })}\n`);
  return error instanceof LvscareError ? error.exitStatus : EXIT_FAILURE;
}

export function describeError(error: unknown): string {
  if (!(error instanceof LvscareError)) {
    const message = error instanceof Error ? error.message : String(error);
    return `internal error: ${oneLine(message)} (run it with LVSCARE_DEBUG=1 for the trace)`;
  }
  const hint = error.hint === undefined ? "" : ` (${error.hint})`;
  return oneLine(`${describePosition(error)}${error.message}${hint}`);
}

function describePosition(error: LvscareError): string {
  if (!(error instanceof ConfigError)) return "";
  const { file, line, column, path } = error.position;
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return [place, path].filter((part) => part).map((part) => `${part}: `).join("");
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, "; ");
}
