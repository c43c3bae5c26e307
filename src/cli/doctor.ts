/** `lvscare doctor`: what stands between this host and working virtual servers, and how it is mended. */

import { type Command, Option } from "@commander-js/extra-typings";
import { CARE_FLAGS, type CareFlagName } from "../config/care_flags.ts";
import { NO_GATEWAY } from "../config/care_mode.ts";
import { careServices } from "../config/care_services.ts";
import type { CareFlag } from "../config/check_flags.ts";
import type { ReadChoices } from "../config/files/read.ts";
import { quote } from "../config/given.ts";
import { type FlagShape, normalizeFlags, parseBool } from "../config/pflag.ts";
import { readCareConfig } from "../config/read_care.ts";
import type { HostFacts } from "../doctor/facts.ts";
import { type Finding, type Fix, joinFixes, LEVELS, statusOf } from "../doctor/finding.ts";
import type { Deed } from "../doctor/fix.ts";
import type { SlowFacts } from "../doctor/gather.ts";
import { judgeHost } from "../doctor/judge.ts";
import type { Case } from "../doctor/wanted.ts";
import { EXIT_USAGE, UsageError } from "../errors.ts";
import type { CliContext } from "./program.ts";

/** The world outside, which tests replace. */
export interface DoctorHost {
  exists(path: string): boolean;
  /** Slow facts that are known from before are not looked at again. */
  look(wanted: Case, before?: SlowFacts): Promise<HostFacts>;
  fix(fix: Fix): Promise<readonly Deed[]>;
  readonly hasColors: boolean;
}

const DEFAULT_CONFIG = "/etc/lvscare";
/** Either makes it one. */
const DEFAULT_PARTS = ["lvscare.yaml", "conf.d"];

const MORE = `
Every other flag of lvscare care is taken as well, so that its command line can be looked at as it
stands. Without a configuration, and without /etc/lvscare, the host is looked at in general.

A line is ok, warn or fail. What begins with "mend:" can be pasted. With --fix, modules are loaded
(and named in /etc/modules-load.d/lvscare.conf) and parameters set (and kept in
/etc/sysctl.d/90-lvscare.conf); nothing else is changed, and what may let somebody in or cut the
host off is left to you.

The status is 0 where all is ok, 3 where anything is warned of, 1 where anything fails.

Examples:
  lvscare doctor
  lvscare doctor -c /etc/keepalived/keepalived.conf --json
  lvscare doctor --vs 10.103.97.12:6443 --rs 192.168.0.2:6443,192.168.0.3:6443 --mode link --fix
`;

/** Of LVScare's flags those that are shown; the rest is known from lvscare care. */
const SHOWN: { readonly [N in CareFlagName]?: string } = {
  vs: "a virtual server, as lvscare care takes it: 10.103.97.12:6443",
  rs: "its real servers",
  mode: 'how packets get to it: link, route (the default) or --mode ""',
};
const WHAT = "What is looked at:";
const HOW = "What is done with it:";

const OWN_FLAGS: readonly FlagShape[] = [
  { name: "config", short: "c", kind: "value" },
  { name: "config-id", kind: "value" },
  { name: "skip-unsupported", kind: "switch" },
  { name: "fix", kind: "switch" },
  { name: "json", kind: "switch" },
];

export function addDoctor(program: Command, host: DoctorHost, context: CliContext): void {
  const command: Command = program.command("doctor");
  command
    .description("say what stands between this host and working virtual servers, and what mends it")
    .configureHelp({
      optionTerm: ({ flags }) => flags.replace(SWITCH_VALUE, ""),
      optionDescription: ({ description }) => description,
    })
    .addHelpText("after", MORE)
    .addOption(
      valueOption(
        "-c, --config <path>",
        "the files of lvscare run, or keepalived's (*.conf); /etc/lvscare if it is there",
      ),
    );
  for (const flag of CARE_FLAGS) command.addOption(careOption(flag));
  command
    .addOption(valueOption("--config-id <id>", "of keepalived's files: what @ compares with"))
    .addOption(
      switchOption("--skip-unsupported", "of keepalived's files: leave out what is not supported")
        .helpGroup(WHAT),
    )
    .addOption(switchOption("--fix", "load modules and set parameters, now and with every boot"))
    .addOption(switchOption("--json", "print one JSON object"))
    .addHelpOption(new Option("-h, --help", "show this help").helpGroup(HOW));
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (words) => parse(normalizeFlags(words, [...CARE_FLAGS, ...OWN_FLAGS]));
  command.action(async () => {
    const given = givenOf(command);
    const wanted = await readCase(given, host, context);
    if (wanted) await examine(wanted, given, host, context);
    else context.setStatus(EXIT_USAGE);
  });
}

/** Commander gives switches a value only where they may have one; people need not see that. */
const SWITCH_VALUE = " [value]";

function valueOption(flags: string, help: string): Option {
  return new Option(flags, help).helpGroup(WHAT).argParser(gather);
}

function switchOption(flags: string, help: string): Option {
  const option = new Option(`${flags}${SWITCH_VALUE}`, help);
  return option.helpGroup(HOW).argParser(gather);
}

function careOption(flag: CareFlag): Option {
  const { name, short, kind, value, choices, help } = flag;
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const flags = `${names}${kind === "switch" ? SWITCH_VALUE : ` <${value}>`}`;
  const shown = SHOWN[name as CareFlagName];
  const option = new Option(flags, shown ?? help);
  // For completions only: care's reader judges.
  if (choices) option.argChoices = choices.filter((choice) => choice !== "");
  return option.helpGroup(WHAT).hideHelp(shown === undefined).argParser(gather);
}

/** All values of one flag: which of them count is said where they are read. */
function gather(value: string, previous: unknown): string[] {
  return Array.isArray(previous) ? [...previous, value] : [value];
}

interface Given {
  readonly config: string | undefined;
  readonly choices: ReadChoices;
  readonly fix: boolean;
  readonly json: boolean;
  /** Of lvscare care. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

function givenOf(command: Command): Given {
  const values = new Map<string, readonly string[]>();
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (Array.isArray(value)) values.set(option.name(), value);
  }
  const last = (name: string) => values.get(name)?.at(-1);
  const isOn = (name: string) => {
    const text = last(name) ?? "false";
    const value = parseBool(text);
    if (value !== undefined) return value;
    throw new UsageError(`--${name} ${quote(text)}: must be true or false`);
  };
  const own = new Set(OWN_FLAGS.map(({ name }) => name));
  return {
    config: last("config"),
    choices: { configId: last("config-id"), skipsUnsupported: isOn("skip-unsupported") },
    fix: isOn("fix"),
    json: isOn("json"),
    flags: new Map([...values].filter(([name]) => !own.has(name))),
  };
}

/** Undefined where the configuration is wrong, which has been said. */
async function readCase(
  given: Given,
  host: DoctorHost,
  context: CliContext,
): Promise<Case | undefined> {
  const { host: { care } } = context;
  const [flag] = given.flags.keys();
  if (given.config !== undefined && flag !== undefined) {
    throw new UsageError(`--${flag}: must not stand beside --config`, {
      hint: "a host is looked at for files, or for what flags say",
    });
  }
  if (given.config !== undefined) {
    return await readFiles(given.config, `lvscare doctor -c ${shellWord(given.config)}`, given, {
      context,
    });
  }
  if (flag !== undefined || (care.env("CARE_VS") ?? "") !== "") {
    return await readFlags(given.flags, context);
  }
  if (DEFAULT_PARTS.some((name) => host.exists(`${DEFAULT_CONFIG}/${name}`))) {
    return await readFiles(DEFAULT_CONFIG, "lvscare doctor", given, { context });
  }
  return { config: undefined, origin: "none", call: "lvscare doctor", notes: [] };
}

async function readFiles(
  path: string,
  call: string,
  { choices }: Given,
  { context: { host: { services }, output } }: { readonly context: CliContext },
): Promise<Case | undefined> {
  const { config, report, notes } = await services.readFiles(path, choices);
  // Notes tell what of a file is not for this program, and change nothing here.
  if (config) return { config, origin: "files", call, notes: [] };
  for (const line of [...notes.map((note) => `note: ${note}`), ...report.lines]) {
    output.err(`${line}\n`);
  }
  return undefined;
}

async function readFlags(
  flags: Given["flags"],
  { host: { care } }: CliContext,
): Promise<Case> {
  const hosts = await care.readHosts().catch(() => "");
  const { config, notes } = readCareConfig({ flags, words: [], env: care.env, hosts });
  return {
    config: careServices(config),
    origin: "flags",
    call: ["lvscare doctor", ...flagWords(flags)].join(" "),
    // What a gateway is missing for is a finding of its own.
    notes: notes.filter((note) => !note.startsWith(NO_GATEWAY)),
  };
}

/** What may be secret is not said again. */
const SECRETS: readonly CareFlagName[] = ["health-req-headers", "health-req-body"];

function flagWords(flags: Given["flags"]): string[] {
  const shown = [...flags].filter(([name]) => !(SECRETS as readonly string[]).includes(name));
  return shown.flatMap(([name, values]) =>
    values.map((value) => {
      const { kind } = CARE_FLAGS.find((flag) => flag.name === name) as CareFlag;
      if (kind === "switch" || value === "") return `--${name}=${value}`;
      return `--${name} ${shellWord(value)}`;
    })
  );
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

async function examine(
  wanted: Case,
  { fix, json }: Given,
  host: DoctorHost,
  { output, setStatus }: CliContext,
): Promise<void> {
  let facts = await host.look(wanted);
  let findings = judgeHost(facts, wanted);
  let deeds: readonly Deed[] | undefined;
  if (fix) {
    deeds = await host.fix(joinFixes(findings));
    facts = await host.look(wanted, facts);
    findings = judgeHost(facts, wanted);
  }
  output.out(
    json
      ? `${JSON.stringify(toJson(findings, deeds))}\n`
      : printFindings(findings, deeds, wanted, host.hasColors),
  );
  setStatus(statusOf(findings));
}

function toJson(findings: readonly Finding[], deeds: readonly Deed[] | undefined): unknown {
  return {
    ok: findings.every(({ level }) => level === "ok"),
    ...(deeds && { did: deeds }),
    findings: findings.map(({ id, level, text, mend, fix }) => ({
      ...{ id, level, text },
      ...(mend !== undefined && { mend }),
      fixable: fix !== undefined,
    })),
  };
}

const COLORS = { ok: 32, warn: 33, fail: 31, did: 36, left: 33 } as const;

function printFindings(
  findings: readonly Finding[],
  deeds: readonly Deed[] | undefined,
  { call }: Case,
  hasColors: boolean,
): string {
  const head = (word: keyof typeof COLORS) => {
    const padded = word.padEnd(6);
    return hasColors ? `\x1b[${COLORS[word]}m${padded}\x1b[0m` : padded;
  };
  const lines = [
    ...(deeds ?? []).map(({ ok, text }) => `${head(ok ? "did" : "left")}${text}`),
    ...(deeds?.length === 0 ? [`${head("did")}nothing: there is nothing that --fix mends`] : []),
    ...findings.flatMap(({ level, text, mend }) => [
      `${head(level)}${text}`,
      ...(mend === undefined ? [] : [`      mend: ${mend}`]),
    ]),
  ];
  const counts = LEVELS.map((level) => ({
    level,
    count: findings.filter((finding) => finding.level === level).length,
  })).filter(({ count }) => count > 0).map(({ level, count }) => `${count} ${level}`);
  const fixable = findings.filter(({ level, fix }) => level !== "ok" && fix).length;
  const advice = fixable === 0 || deeds ? "" : `; ${call} --fix mends ${fixable} of them`;
  return `${lines.join("\n")}\n${counts.join(", ")}${advice}\n`;
}
