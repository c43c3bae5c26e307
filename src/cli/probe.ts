/** `lvscare probe`: one check, made now, with each of its steps. */

import { type Command, Option } from "@commander-js/extra-typings";
import type { Clock } from "../clock.ts";
import type { CheckRequest } from "../config/check.ts";
import { CHECK, type CheckType, meantForOthers } from "../config/files/check_fields.ts";
import type { JsonSchema } from "../config/files/shape.ts";
import type { Given } from "../config/given.ts";
import { readDurationMs, readInteger } from "../config/values.ts";
import { EXIT_FAILURE, EXIT_OK, UsageError } from "../errors.ts";
import type { Probe, ProbeResult, Trace } from "../health/probes/probe.ts";
import { type Address, addressFamily, type Family } from "../model/address.ts";
import type { CliContext } from "./program.ts";
import { type CheckKey, PROBE_KEYS, type ProbeOrder, readProbe } from "./probe_target.ts";

/** The world outside, which tests replace. */
export interface ProbeHost {
  readonly clock: Clock;
  makeProbe(check: CheckRequest): Probe;
  /** The first address of a name, of that family or of any; undefined where it has none. */
  lookUp(name: string, family: Family | undefined): Promise<Address | undefined>;
  readonly hasColors: boolean;
}

/** The check could not be made, and says nothing of the server. */
const EXIT_UNABLE = 3;
const MOST_CHECKS = 1000;

const MORE = `
Targets:
  http://HOST[:80][/PATH]     https://HOST[:443][/PATH]    HOST:PORT, or tcp://HOST:PORT
  tls://HOST[:443]            udp://HOST:PORT              icmp://HOST, or ping://HOST
  dns://HOST[:53][/NAME][?type=A&transport=tcp]            smtp://HOST[:25]
  grpc://HOST[:50051][/SERVICE]                            grpcs://HOST[:50051][/SERVICE]
  exec:PROGRAM, or exec with --command                     file:PATH, or file with --file
A host is an address, or a name that is looked up once, as the first step of the first check.

Options mean what the keys of a check in the files of lvscare run mean. A value is a text as it
stands, or in quotes of its own: '"as \\r\\n here"'. Where there can be several, or a map, [a, b] and
{name: value} are read as YAML. Of http and https, --expect 200 or 200-299 is the status that is
accepted, and anything else a text.

Times are milliseconds. The first check takes some more, in which the program loads what it needs.
The status is 0 where the check is good, 1 where it failed, 3 where it could not be made.

Examples:
  lvscare probe 10.0.0.1:80
  lvscare probe http://10.0.0.1:8080/healthz --expect 200 --headers '{Authorization: Basic ...}'
  lvscare probe https://api.example:6443/healthz --address 10.0.0.1 --ca /etc/ca.pem
  lvscare probe tcp://10.0.0.1:25 --expect 220 --count 5 --interval 500ms
  lvscare probe tls://[fd00::1] --days 14
  lvscare probe 'dns://10.0.0.53/www.example?type=A' --timeout 2s
  lvscare probe exec --command '[/usr/bin/test, -e, /run/ready]' --address 10.0.0.1
`;

export function addProbe(
  program: Command,
  host: ProbeHost,
  { output, setStatus }: CliContext,
): void {
  const command: Command<[string]> = program.command("probe")
    .argument("<target>", "what is asked, as http://10.0.0.1:8080/healthz or 10.0.0.1:80")
    .description("check one server now, and show each step with its time in milliseconds")
    .configureHelp({ optionDescription: ({ description }) => description })
    .addHelpText("after", MORE);
  for (const option of checkOptions()) command.addOption(option);
  command
    .addOption(ownOption("--count <number>", "How many checks are made, up to 1000. Default: 1"))
    .addOption(
      ownOption("--interval <value>", "From the start of one to the next. Default: 1s"),
    )
    .addOption(new Option("--json", "Print one JSON object").default(false).helpGroup(OUTPUT))
    .addHelpOption(new Option("-h, --help", "Show this help").helpGroup(OUTPUT))
    .action(async (target) => {
      const given = givenTexts(command);
      const order = readProbe(target, checkTexts(given));
      const series = readSeries(given);
      const teller = command.getOptionValue("json") ? jsonTeller : textTeller;
      const tell = teller((text) => output.out(text), series.count, host.hasColors);
      setStatus(await probe(order, series, host, tell));
    });
}

const OUTPUT = "How often, and how it is shown:";

/** Titles of help, each with the types that its keys are for; a key is in the first that holds. */
const GROUPS: readonly [title: string, holds: (types: readonly CheckType[]) => boolean][] = [
  ["Any check:", (types) => types.includes("icmp") && types.length > 1],
  ["http and https:", (types) => types.every((type) => type === "http" || type === "https")],
  ["Encryption:", (types) => types.includes("smtp") && types.length > 1],
  ["tcp, udp and http:", ({ length }) => length > 1],
  ["One type of check:", () => true],
];

/** What is another default here than in a file. */
const DEFAULTS: { readonly [K in CheckKey]?: string } = {
  address: "the target's",
  port: "the target's",
  "proxy-protocol": "none",
};

function checkOptions(): Option[] {
  const options = PROBE_KEYS.map((key) => {
    const { shape: { schema }, help } = CHECK[key];
    const usual = DEFAULTS[key];
    const option = new Option(
      `--${key} <${valueName(schema)}>`,
      usual === undefined ? help : help.replace(/Default: .*$/, `Default: ${usual}`),
    );
    // For completions only: the file's reader judges.
    const choices = schema["enum"];
    if (Array.isArray(choices)) option.argChoices = choices;
    return { option: option.argParser(gather), group: groupOf(key) };
  });
  return options.toSorted((a, b) => a.group - b.group)
    .map(({ option, group }) => option.helpGroup(GROUPS[group]![0]));
}

function groupOf(key: CheckKey): number {
  // No key is for checks without a type: those that are not for all are for others.
  const types = meantForOthers(key, "none");
  return types === undefined ? 0 : GROUPS.findIndex(([, holds]) => holds(types));
}

/** What stands in the place of a value. */
function valueName(schema: JsonSchema): string {
  const { oneOf, type, enum: choices, pattern } = schema as {
    readonly oneOf?: readonly JsonSchema[];
    readonly type?: unknown;
    readonly enum?: readonly string[];
    readonly pattern?: string;
  };
  if (oneOf) return valueName(oneOf[0]!);
  if (choices) return choices.join("|");
  if (type === "boolean") return "true|false";
  if (type === "integer") return "number";
  if (type === "object") return "map";
  if (pattern === "^/") return "path";
  return type === "string" ? "text" : "value";
}

function ownOption(flags: string, help: string): Option {
  return new Option(flags, help).helpGroup(OUTPUT).argParser(gather);
}

/** All values of one option: which of them count is said where they are read. */
function gather(value: string, previous: unknown): string[] {
  return Array.isArray(previous) ? [...previous, value] : [value];
}

function givenTexts(command: Command<[string]>): Map<string, readonly string[]> {
  const texts = new Map<string, readonly string[]>();
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (Array.isArray(value)) texts.set(option.name(), value);
  }
  return texts;
}

function checkTexts(given: ReadonlyMap<string, readonly string[]>) {
  return new Map(
    PROBE_KEYS.filter((key) => given.has(key)).map((key) => [key, given.get(key)!] as const),
  );
}

interface Series {
  readonly count: number;
  readonly intervalMs: number;
}

function readSeries(given: ReadonlyMap<string, readonly string[]>): Series {
  const last = (name: string): Given => {
    const text = given.get(name)?.at(-1);
    return {
      text: text ?? "1",
      name: `--${name}`,
      origin: text === undefined ? "default" : "flag",
    };
  };
  const count = readInteger(last("count"), 1, MOST_CHECKS);
  const interval = last("interval");
  const intervalMs = readDurationMs(interval, { min: "0s", max: "24h" });
  if (!given.has("count") && interval.origin === "flag") {
    throw new UsageError("--interval: means nothing without --count");
  }
  return { count, intervalMs };
}

interface Step {
  /** Since the start of the check. */
  readonly ms: number;
  readonly text: string;
}

interface Outcome {
  readonly result: ProbeResult;
  readonly ms: number;
  readonly steps: readonly Step[];
}

/** Says what happens, as it does. */
interface Teller {
  step(step: Step): void;
  outcome(outcome: Outcome): void;
  end(outcomes: readonly Outcome[]): void;
}

/** Makes the checks, and gives the exit status. */
async function probe(
  order: ProbeOrder,
  { count, intervalMs }: Series,
  host: ProbeHost,
  tell: Teller,
): Promise<number> {
  const { clock } = host;
  const prober = host.makeProbe(order.request);
  let address = order.address;
  const check = async (trace: Trace): Promise<ProbeResult> => {
    if (order.name !== undefined && outcomes.length === 0) {
      address ??= await lookUp(order.name, order.request, host);
      if (address !== undefined) trace(`${order.name} is ${address}`);
    }
    if (address === undefined) {
      return { ok: false, unable: true, reason: `the name ${order.name} was not found` };
    }
    const target = { address, port: order.port };
    trace(prober.describe(target));
    return await prober.run(target, new AbortController().signal, trace);
  };
  const outcomes: Outcome[] = [];
  for (let left = count; left > 0; left--) {
    const startMs = clock.monotonicMs();
    const outcome = await observe(clock, check, tell);
    outcomes.push(outcome);
    tell.outcome(outcome);
    if (left > 1) await sleep(clock, startMs + intervalMs - clock.monotonicMs());
  }
  tell.end(outcomes);
  return statusOf(outcomes);
}

async function observe(
  clock: Clock,
  check: (trace: Trace) => Promise<ProbeResult>,
  tell: Teller,
): Promise<Outcome> {
  const startMs = clock.monotonicMs();
  const steps: Step[] = [];
  let isOver = false;
  const result = await check((text) => {
    // What a program that has ended wrote may come late.
    if (isOver) return;
    const step = { ms: clock.monotonicMs() - startMs, text: printable(text) };
    steps.push(step);
    tell.step(step);
  });
  isOver = true;
  return { result, ms: clock.monotonicMs() - startMs, steps };
}

/** Within the time that the check may take, for it may well be that nobody answers. */
async function lookUp(
  name: string,
  { source, timeoutMs }: CheckRequest,
  host: ProbeHost,
): Promise<Address | undefined> {
  const family = source?.address && addressFamily(source.address);
  const late = Promise.withResolvers<undefined>();
  const timer = host.clock.after(timeoutMs, () => late.resolve(undefined));
  try {
    return await Promise.race([host.lookUp(name, family), late.promise]);
  } finally {
    timer.cancel();
  }
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

/** What a server says must not drive the terminal. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}

function isUnable({ result }: Outcome): boolean {
  return !result.ok && result.unable === true;
}

function isGood({ result }: Outcome): boolean {
  return result.ok;
}

function statusOf(outcomes: readonly Outcome[]): number {
  const bad = outcomes.filter((outcome) => !isGood(outcome));
  if (bad.length === 0) return EXIT_OK;
  return bad.every(isUnable) ? EXIT_UNABLE : EXIT_FAILURE;
}

interface Times {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Of those that were good: how long the others took is how long somebody waited. */
function timesOf(outcomes: readonly Outcome[]): Times | undefined {
  const sorted = outcomes.filter(isGood).map(({ ms }) => ms).toSorted((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)! };
}

const GREEN = 32;
const YELLOW = 33;
const RED = 31;
const WIDTH = 8;

type MakeTeller = (write: (text: string) => void, count: number, hasColors: boolean) => Teller;

const textTeller: MakeTeller = (write, count, hasColors) => {
  const paint = (text: string, color: number) => hasColors ? `\x1b[${color}m${text}\x1b[0m` : text;
  return {
    step: ({ ms, text }) => write(`${printMs(ms).padStart(WIDTH)}  ${text}\n`),
    outcome({ result, ms }) {
      const time = `${printMs(ms)} ms`;
      if (result.ok) {
        const weight = result.weight === undefined ? "" : `, weight ${result.weight}`;
        write(`${paint("ok", GREEN)} in ${time}${weight}\n`);
      } else {
        const reason = printable(result.reason);
        if (result.unable) write(`${paint("not possible", YELLOW)}: ${reason}\n`);
        else write(`${paint("failed", RED)} after ${time}: ${reason}\n`);
      }
      if (count > 1) write("\n");
    },
    end(outcomes) {
      if (count === 1) return;
      const good = outcomes.filter(isGood).length;
      const times = timesOf(outcomes);
      const words = times &&
        `: min ${printMs(times.min)}, median ${printMs(times.median)}, max ${
          printMs(times.max)
        } ms`;
      write(`${good} of ${count} good${words ?? ""}\n`);
    },
  };
};

function printMs(ms: number): string {
  return ms.toFixed(1);
}

const jsonTeller: MakeTeller = (write, count) => ({
  step() {},
  outcome() {},
  end(outcomes) {
    const checks = outcomes.map(outcomeJson);
    const all = count === 1 ? checks[0] : {
      ok: outcomes.every(isGood),
      count,
      good: outcomes.filter(isGood).length,
      ms: timesJson(timesOf(outcomes)),
      checks,
    };
    write(`${JSON.stringify(all)}\n`);
  },
});

function outcomeJson(outcome: Outcome): unknown {
  const { result, ms, steps } = outcome;
  return {
    ok: result.ok,
    unable: isUnable(outcome),
    reason: result.ok ? null : printable(result.reason),
    weight: result.ok ? result.weight ?? null : null,
    ms: rounded(ms),
    steps: steps.map(({ ms, text }) => ({ ms: rounded(ms), text })),
  };
}

function timesJson(times: Times | undefined): unknown {
  if (!times) return null;
  const { min, median, max } = times;
  return { min: rounded(min), median: rounded(median), max: rounded(max) };
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
