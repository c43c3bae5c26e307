/** A program whose exit status says how the server is. */

import type { ExecCheck } from "../../config/check.ts";
import { type Account, findAccount } from "../../sys/accounts.ts";
import { endGroup, spawnAlone } from "../../sys/process.ts";
import { ProbeFailure, UnableError } from "./failure.ts";
import { quote } from "./http_message.ts";
import type { Probe, ProbeResult, Trace } from "./probe.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";

/** What a shell says of a program that it cannot run, or does not find. */
const NOT_RUN: Readonly<Record<number, string>> = {
  126: "could not be run (status 126)",
  127: "was not found (status 127)",
};
/** Of what it says no more is shown. */
const OUTPUT_LIMIT = 2000;

export function execProbe(check: ExecCheck, tools: ProbeTools): Probe {
  const [program] = check.command;
  return timedProbe(check, tools, {
    describe: ({ address, port }) => `exec ${program} for ${address} port ${port}`,
    ask: (attempt) => run(check, attempt),
  });
}

async function run(check: ExecCheck, attempt: Attempt): Promise<ProbeResult> {
  const { signal, trace } = attempt;
  const child = start(check, attempt);
  const end = () => endGroup(child);
  signal.addEventListener("abort", end);
  try {
    if (trace) void show(child.stdout, trace);
    const { code, signal: ending } = await child.status;
    trace?.(ending === null ? `status ${code}` : `ended by ${ending}`);
    if (ending !== null) throw new ProbeFailure(`the program was ended by ${ending}`);
    return judge(check, code);
  } finally {
    signal.removeEventListener("abort", end);
    // What it has left behind goes too.
    end();
  }
}

function judge({ statusIsWeight, command: [program] }: ExecCheck, status: number): ProbeResult {
  const trouble = NOT_RUN[status];
  if (trouble !== undefined) throw new UnableError(`the program ${quote(program)} ${trouble}`);
  if (status === 0) return GOOD;
  if (status >= 2 && statusIsWeight) return { ok: true, weight: status - 2 };
  return { ok: false, reason: `status ${status}` };
}

function start(
  { command: [program, ...args], user }: ExecCheck,
  { target: { address, port }, trace }: Attempt,
): Deno.ChildProcess {
  const account = user === undefined ? undefined : accountOf(user);
  try {
    return spawnAlone(program, {
      args,
      account,
      env: { LVSCARE_ADDRESS: address, LVSCARE_PORT: `${port}` },
      // Whoever floods must not keep us busy.
      stdout: trace ? "piped" : "null",
    });
  } catch (error) {
    throw new UnableError(`the program ${quote(program)} ${whyNot(error)}`);
  }
}

function accountOf(user: string): Account {
  const account = findAccount(user);
  if (account) return account;
  throw new UnableError(`the user ${quote(user)} is not known to this host`);
}

function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "was not found";
  if (error instanceof Deno.errors.PermissionDenied) return "may not be run";
  const words = error instanceof Error ? error.message : String(error);
  return `could not be run: ${words.replace(/ \(os error \d+\)/, "")}`;
}

async function show(stream: ReadableStream<Uint8Array>, trace: Trace): Promise<void> {
  let left = OUTPUT_LIMIT;
  for await (const chunk of stream) {
    const text = new TextDecoder().decode(chunk.subarray(0, left));
    for (const line of text.split("\n")) if (line !== "") trace(`| ${line}`);
    left -= chunk.length;
    if (left <= 0) break;
  }
}
