/** A program whose exit status says how the server is. */

import type { Clock } from "../../clock.ts";
import type { ExecCheck } from "../../config/check.ts";
import { type Account, findAccount } from "../../sys/accounts.ts";
import { endGroup, spawnAlone } from "../../sys/process.ts";
import { ProbeFailure, reasonOf, UnableError } from "./failure.ts";
import type { Probe, ProbeResult, Trace } from "./probe.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";

/** What a shell says of a program that it cannot run, or does not find. */
const NOT_RUN: Readonly<Record<number, string>> = {
  126: "could not be run (status 126)",
  127: "was not found (status 127)",
};
/** Of what it says no more is shown. */
const OUTPUT_LIMIT = 2000;
/** Whoever is killed ends at once, unless the kernel holds it: as at a file of a server that is gone. */
const END_MS = 500;
/** What a program has said before it ended is there at once; others may keep its output open for long. */
const LAST_WORDS_MS = 100;

export function execProbe(check: ExecCheck, tools: ProbeTools): Probe {
  const [program] = check.command;
  return timedProbe(check, tools, {
    describe: ({ address, port }) => `exec ${program} for ${address} port ${port}`,
    ask: (attempt) => run(check, attempt, tools.clock),
  });
}

async function run(check: ExecCheck, attempt: Attempt, clock: Clock): Promise<ProbeResult> {
  const { signal, trace } = attempt;
  signal.throwIfAborted();
  const child = start(check, attempt);
  const output = trace && new Output(child.stdout, trace);
  const stopped = Promise.withResolvers<void>();
  const stop = () => {
    endGroup(child);
    stopped.resolve();
  };
  signal.addEventListener("abort", stop);
  try {
    const ended = stopped.promise.then(() => within(END_MS, child.status, clock));
    const status = await Promise.race([child.status, ended]);
    if (!status) throw new ProbeFailure("the program cannot be ended");
    // What it has left behind goes too.
    endGroup(child);
    await output?.finish(clock);
    const { code, signal: ending } = status;
    trace?.(ending === null ? `status ${code}` : `ended by ${ending}`);
    if (ending !== null) throw new ProbeFailure(`the program was ended by ${ending}`);
    return judge(check, code);
  } finally {
    signal.removeEventListener("abort", stop);
    output?.close();
  }
}

/** What it gives, or nothing where that takes longer. */
async function within<T>(ms: number, work: Promise<T>, clock: Clock): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = clock.after(ms, () => late.resolve(undefined));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
  }
}

function judge({ statusIsWeight, command: [program] }: ExecCheck, status: number): ProbeResult {
  const trouble = NOT_RUN[status];
  if (trouble !== undefined) throw new UnableError(`the program "${program}" ${trouble}`);
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
    throw new UnableError(`the program "${program}" ${whyNot(error, user)}`);
  }
}

function accountOf(user: string): Account {
  const account = findAccount(user);
  if (account) return account;
  throw new UnableError(`the user "${user}" is not known to this host`);
}

function whyNot(error: unknown, user: string | undefined): string {
  if (error instanceof Deno.errors.NotFound) return "was not found";
  if (error instanceof Deno.errors.PermissionDenied) {
    // What may not be executed is EACCES.
    const isForUser = user !== undefined && "code" in error && error.code === "EPERM";
    return isForUser ? `may not be run as "${user}", needs CAP_SETUID` : "may not be run";
  }
  return `could not be run: ${reasonOf(error, "")}`;
}

/** What a program says, line by line as it comes. */
class Output {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #over: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>, trace: Trace) {
    this.#reader = stream.getReader();
    this.#over = this.#show(trace);
  }

  async #show(trace: Trace): Promise<void> {
    let left = OUTPUT_LIMIT;
    for (;;) {
      const { value: chunk } = await this.#reader.read();
      if (!chunk) return;
      // The rest is taken, too: whoever is not heard is ended by the kernel.
      const text = new TextDecoder().decode(chunk.subarray(0, left));
      for (const line of text.split("\n")) if (line !== "") trace(`| ${line}`);
      left -= Math.min(left, chunk.length);
    }
  }

  /** All that was said before. */
  async finish(clock: Clock): Promise<void> {
    await within(LAST_WORDS_MS, this.#over, clock);
  }

  close(): void {
    this.#reader.cancel().catch(() => {});
  }
}
