/** From what was given, on the command line and in the environment, to a configuration that can be used. */

import { UsageError } from "../errors.ts";
import { parseLogLevel } from "../log.ts";
import { parseEndpoint } from "../model/endpoint.ts";
import {
  type Backend,
  BACKENDS,
  type CareConfig,
  DATAPLANES,
  MASQUERADE_CHOICES,
  type Mode,
  PROXY_SCHEDULERS,
} from "./care.ts";
import { readCheck } from "./care_check.ts";
import { readServers, readVirtualServer } from "./care_endpoints.ts";
import { type CareFlagName, LOG_FORMATS, LOG_LEVELS } from "./care_flags.ts";
import { readMode } from "./care_mode.ts";
import { readProxy } from "./care_proxy.ts";
import { findOne, findValue, type Given, quote, refuse, type Sources } from "./given.ts";
import { parseBool } from "./pflag.ts";
import {
  didYouMean,
  readChoice,
  readDurationMs,
  readInteger,
  readSwitch,
  refuseChoice,
} from "./values.ts";

export interface CareInput extends Sources {
  /** What stood on the command line beside flags. */
  readonly words: readonly string[];
  /** The text of the hosts file; empty where there is none. */
  readonly hosts: string;
}

export interface CareReading {
  readonly config: CareConfig;
  /** What an operator should know before it starts, as log lines. */
  readonly notes: readonly string[];
}

/** Throws a UsageError for what stands on the command line, a ConfigError for what the environment says. */
export function readCareConfig(input: CareInput): CareReading {
  const wordNotes = readWords(input);
  const value = (flag: CareFlagName) => findValue(input, flag);
  const clean = readSwitch(value("clean"));
  const virtualServer = readVirtualServer(input);
  const servers = readServers(input, virtualServer, clean);
  const dataplane = readChoice(value("dataplane"), DATAPLANES);
  const { mode, notes } = onDataplane(
    dataplane,
    readMode({ sources: input, virtual: virtualServer.address, hosts: input.hosts }),
  );
  const scheduler = readScheduler(value("scheduler"), dataplane);
  const config: CareConfig = {
    virtualServer,
    servers,
    scheduler: scheduler.name,
    persistenceMs: readDurationMs(value("persistence"), { min: "0s", max: "744h" }),
    serverLimit: readInteger(value("server-limit"), 0, 999_999_999),
    mode,
    check: readCheck(input),
    intervalMs: readDurationMs(value("interval"), { min: "100ms", max: "24h" }),
    rise: readInteger(value("rise"), 1, 1000),
    fall: readInteger(value("fall"), 1, 1000),
    keepLast: readSwitch(value("keep-last")),
    drainTimeoutMs: readDurationMs(value("drain-timeout"), { min: "0s", max: "24h" }),
    drain: readSwitch(value("drain")),
    dataplane,
    proxy: readProxy(input, dataplane),
    stateDir: readDirectory(value("state-dir")),
    backend: readBackend(findOne(input, "backend")),
    masquerade: readChoice(value("masquerade"), MASQUERADE_CHOICES),
    log: {
      level: readLevel(value("logger")),
      format: readChoice(value("log-format"), LOG_FORMATS),
    },
    runOnce: readSwitch(value("run-once")),
    clean,
    dryRun: readSwitch(value("dry-run")),
  };
  if (dataplane === "embedded" && config.runOnce && !clean) {
    refuse(value("run-once"), "nothing stays of an embedded proxy that has ended");
  }
  return { config, notes: [...wordNotes, ...scheduler.notes, ...notes] };
}

/** A route leads to IPVS; a proxy is where its address is. */
function onDataplane(
  dataplane: CareConfig["dataplane"],
  reading: { readonly mode: Mode; readonly notes: readonly string[] },
): typeof reading {
  const { mode } = reading;
  if (dataplane !== "embedded" || mode.kind !== "route") return reading;
  const notes = mode.gateway === undefined
    ? []
    : ["no route is made: the embedded proxy answers where its address is, see --mode link"];
  return { mode: { kind: "none" }, notes };
}

/** Flags whose values fall apart where quotes were forgotten, and whose parts may be secrets. */
const SPACED: readonly CareFlagName[] = ["health-req-headers", "health-req-body"];

/** LVScare's users write "--run-once true"; to it that was a word of no meaning, and it started all the same. */
function readWords({ words, flags }: CareInput): string[] {
  const word = words.find((each) => parseBool(each) === undefined);
  if (word !== undefined) refuseWord(word, flags);
  return words.map((each) => `ignored ${quote(each)}: ${adviseOn(each)}`);
}

function refuseWord(word: string, flags: CareInput["flags"]): never {
  if (SPACED.some((flag) => flags.has(flag))) {
    throw new UsageError("unexpected argument: not shown, it may be part of a header or a body", {
      hint: "a value with spaces stands in quotes",
    });
  }
  // What is behind "=" may be a header, its flag being the value of the flag before it.
  const shown = quote(word.replace(/=.*/s, "=..."));
  throw new UsageError(`unexpected argument ${shown}: must be a flag`, { hint: adviseOn(word) });
}

function adviseOn(word: string): string {
  if (parseBool(word) !== undefined) {
    return `what a switch is set to stands after "=", as in --run-once=${word}`;
  }
  return parseEndpoint(word)
    ? "one --rs takes one word: repeat it, or put commas between servers"
    : "see lvscare care --help";
}

const SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos".split(" ");

/** Which schedulers there are is the kernel's to say, and newer ones have more. */
function readScheduler(
  given: Given,
  dataplane: CareConfig["dataplane"],
): { name: string; notes: string[] } {
  const { text, name } = given;
  if (dataplane === "embedded") return { name: readChoice(given, PROXY_SCHEDULERS), notes: [] };
  if (!/^[a-z]{1,15}$/.test(text)) {
    refuse(
      given,
      "must be a scheduler's name: 1 to 15 small letters",
      didYouMean(text.toLowerCase(), SCHEDULERS),
    );
  }
  const near = SCHEDULERS.includes(text) ? undefined : didYouMean(text, SCHEDULERS);
  const notes = near === undefined
    ? []
    : [`${name} ${quote(text)} is a scheduler that only the kernel may know: ${near}`];
  return { name: text, notes };
}

function readDirectory(given: Given): string {
  if (/^\/[^\p{Cc}]*$/u.test(given.text)) return given.text;
  return refuse(given, 'must be an absolute path, beginning with "/"');
}

function readBackend(given: Given | undefined): Backend | undefined {
  if (!given) return undefined;
  return readChoice(given, BACKENDS);
}

function readLevel(given: Given): CareConfig["log"]["level"] {
  const { text } = given;
  return parseLogLevel(text) ?? refuseChoice(given, LOG_LEVELS, text.toUpperCase());
}
