/** Runs command lines of `lvscare care` against a world made of values. */

import assert from "node:assert/strict";
import { Command, CommanderError } from "@commander-js/extra-typings";
import { addCare } from "../../src/cli/care.ts";
import type { CliContext } from "../../src/cli/program.ts";
import { describeError } from "../../src/cli/report.ts";
import type { CareConfig } from "../../src/config/care.ts";
import { LvscareError } from "../../src/errors.ts";
import { NO_SERVICES, NO_TOOLS } from "./run_host.ts";

export interface CareWorld {
  readonly env?: Readonly<Record<string, string>>;
  /** The hosts file; absent: it cannot be read. */
  readonly hosts?: string;
  /** What the run ends with. */
  readonly status?: number;
}

export interface CareOutcome {
  readonly status: number;
  /** The one line that says what is wrong; empty where nothing is. */
  readonly said: string;
  readonly help: string;
  /** What was run; undefined where nothing was. */
  readonly config: CareConfig | undefined;
  readonly notes: readonly string[];
  readonly error: unknown;
}

export async function runCare(
  words: readonly string[],
  { env = {}, hosts, status: ends = 0 }: CareWorld = {},
): Promise<CareOutcome> {
  let outcome: CareOutcome = {
    status: 0,
    said: "",
    help: "",
    config: undefined,
    notes: [],
    error: undefined,
  };
  const note = (news: Partial<CareOutcome>) => outcome = { ...outcome, ...news };
  const program = new Command("lvscare").enablePositionalOptions().exitOverride()
    .configureOutput({
      writeOut: (text) => note({ help: outcome.help + text }),
      writeErr: () => {},
      getOutHelpWidth: () => 100,
      getOutHasColors: () => false,
    });
  addCare(program, {
    output: { out: () => {}, err: () => {} },
    debug: false,
    setStatus: (status) => note({ status }),
    host: {
      ...NOTHING,
      care: {
        env: (name) => Object.hasOwn(env, name) ? env[name] : undefined,
        readHosts: () =>
          hosts === undefined ? Promise.reject(new Deno.errors.NotFound()) : Promise.resolve(hosts),
        runCare: (config, notes) => {
          note({ config, notes });
          return Promise.resolve(ends);
        },
      },
    },
  });
  try {
    await program.parseAsync(["care", ...words], { from: "user" });
  } catch (error) {
    note({ error, ...judge(error) });
  }
  return outcome;
}

/** Nothing here reaches for the kernel or a terminal. */
const NOTHING: Omit<CliContext["host"], "care"> = {
  openIpvsTable: () => Promise.reject(new LvscareError("no table")),
  services: NO_SERVICES,
  ...NO_TOOLS,
  runDemo: () => Promise.resolve(0),
  readStdin: () => Promise.resolve(""),
  readTextFile: () => Promise.reject(new Deno.errors.NotFound()),
};

function judge(error: unknown): Pick<CareOutcome, "status" | "said"> {
  if (!(error instanceof CommanderError)) {
    const status = error instanceof LvscareError ? error.exitStatus : -1;
    return { status, said: describeError(error) };
  }
  // Help ends by an error too.
  if (error.exitCode === 0) return { status: 0, said: "" };
  return { status: 2, said: error.message.replace(/^error: /, "").replace("\n", " ") };
}

export interface WrongCare {
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The whole line, its hint in brackets. */
  readonly said: string;
}

/** Each is refused with its one line and status 2, and nothing is run. */
export async function assertRefused(cases: readonly WrongCare[]): Promise<void> {
  for (const { words, env = {}, said } of cases) {
    const outcome = await runCare(words, { env });
    const what = JSON.stringify([words, env]);
    assert.equal(outcome.said, said, what);
    assert.equal(outcome.status, 2, what);
    assert.equal(outcome.config, undefined, what);
    assert.match(outcome.said, /^\P{Cc}+$/u, what);
  }
}
