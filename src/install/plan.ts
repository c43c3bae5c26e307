/** What an installation takes, and what taking it away again: facts of a host in, steps out. */

import { isGenerated, MARKER } from "../generate/artifact.ts";
import { ANY_NEEDS, CONFIG_DIR, PROGRAM, STATE_DIR } from "../generate/needs.ts";
import { systemdFiles } from "../generate/systemd.ts";
import { startConfig } from "./config.ts";
import type { Found, ProgramFound } from "./tree.ts";

export const NAME = "lvscare";
export const UNIT = "/etc/systemd/system/lvscare.service";
export const DROP_INS = ["/etc/modules-load.d/lvscare.conf", "/etc/sysctl.d/90-lvscare.conf"];
/** What `systemctl enable` makes. */
export const WANTED = "/etc/systemd/system/multi-user.target.wants/lvscare.service";

export interface InstallOrder {
  /** What stands for "/"; undefined: the host itself. */
  readonly root: string | undefined;
  /** Of the unit; undefined: as it was, or where it is by default. */
  readonly config: string | undefined;
  readonly hasDropIns: boolean;
  readonly starts: boolean;
}

export interface UninstallOrder {
  readonly root: string | undefined;
  readonly purges: boolean;
}

/** The service manager, or why it is left alone. */
export type Manager =
  | { readonly kind: "absent" | "unasked" }
  | {
    readonly kind: "present";
    readonly isEnabled: boolean;
    readonly isActive: boolean;
    /** It has not read the unit since that was written. */
    readonly isOutdated: boolean;
    /** When what is active was started; undefined where that is not known. */
    readonly startedMs: number | undefined;
  };

/** A shell's completions, where the shell looks for those of programs. */
export interface Completion {
  readonly path: string;
  readonly text: string;
  /** The line that tells them from others'. */
  readonly mark: string;
  readonly found: Found;
}

export type ConfigFound =
  | { readonly kind: "kept" | "missing"; readonly path: string }
  | { readonly kind: "barred"; readonly path: string; readonly why: string };

export interface InstallFacts {
  /** This program's own file. */
  readonly own: string;
  readonly program: ProgramFound | Found;
  readonly unit: Found;
  readonly dropIns: ReadonlyMap<string, Found>;
  readonly completions: readonly Completion[];
  readonly config: ConfigFound;
  readonly manager: Manager;
}

export interface UninstallFacts {
  readonly program: ProgramFound | Found;
  readonly unit: Found;
  readonly wanted: Found;
  readonly dropIns: ReadonlyMap<string, Found>;
  readonly completions: readonly Completion[];
  readonly configFolder: Found;
  /** The names in the state directory. */
  readonly state: readonly string[];
  readonly manager: Manager;
}

export type Step =
  | { readonly kind: "put"; readonly path: string; readonly from: string; readonly size: number }
  | { readonly kind: "write"; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly kind: "mode"; readonly path: string; readonly mode: number }
  | { readonly kind: "keep"; readonly path: string; readonly why: string }
  | { readonly kind: "remove"; readonly path: string }
  | {
    readonly kind: "run";
    readonly argv: readonly [string, ...string[]];
    /** Its failure is said, and is none of the whole. */
    readonly isOptional?: boolean;
  };

export interface Plan {
  readonly steps: readonly Step[];
  /** What must be otherwise before anything is done, a line each. */
  readonly refusals: readonly string[];
  /** What is left to people, a line each. */
  readonly advice: readonly string[];
}

export function isChange({ kind }: Step): boolean {
  return kind !== "keep";
}

export function printStep(step: Step, root = ""): string {
  if (step.kind === "run") return `run ${step.argv.join(" ")}`;
  const path = root + step.path;
  switch (step.kind) {
    case "put":
      return `put ${path} (${sizeText(step.size)})`;
    case "mode":
      return `set the mode of ${path} to ${step.mode.toString(8).padStart(4, "0")}`;
    case "keep":
      return `keep ${path} (${step.why})`;
    default:
      return `${step.kind} ${path}`;
  }
}

function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${Math.round(bytes / 1e6)} MB`;
}

/** What a unit that was generated runs: the files of `lvscare run`, or something else. */
export type UnitJob =
  | { readonly kind: "run"; readonly config: string }
  | { readonly kind: "other"; readonly command: string };

/** Undefined where there is no unit, or it was not generated. */
export function readUnit(unit: Found): UnitJob | undefined {
  if (unit.kind !== "file" || !isGenerated(unit.text, undefined)) return undefined;
  const [, command = ""] = /^ExecStart=(.*)$/m.exec(unit.text) ?? [];
  const [, word] = /^(?:"(?:[^"\\]|\\.)*"|\S+) run -c ("(?:[^"\\]|\\.)*"|\S+)$/.exec(command) ?? [];
  const config = word === undefined ? undefined : readWord(word);
  return config === undefined ? { kind: "other", command } : { kind: "run", config };
}

/** A word as systemdWord() writes it. */
function readWord(word: string): string | undefined {
  try {
    const text: unknown = word.startsWith('"') ? JSON.parse(word) : word;
    return String(text).replaceAll("%%", "%").replaceAll("$$", "$");
  } catch {
    return undefined;
  }
}

/** A later installation that does not say it changes nothing of what is cared for. */
export function configPath(order: InstallOrder, unit: Found): string {
  const job = readUnit(unit);
  return order.config ?? (job?.kind === "run" ? job.config : CONFIG_DIR);
}

export function planInstall(order: InstallOrder, facts: InstallFacts): Plan {
  const root = order.root ?? "";
  const refusals: string[] = [];
  const refuse = (path: string, why: string) => refusals.push(`install ${root}${path}: ${why}`);
  const { program, unit, dropIns, config } = facts;

  const job = readUnit(unit);
  if (job?.kind === "other" && order.config === undefined) {
    refuse(
      UNIT,
      `it runs ${JSON.stringify(job.command)}, and lvscare run would take its place ` +
        "(that is done with --config PATH)",
    );
  }
  const path = configPath(order, unit);
  const hasDropIns = order.hasDropIns || [...dropIns.values()].some(isOurs);
  const made = systemdFiles(
    { job: { kind: "run", path }, program: PROGRAM, hasDropIns },
    ANY_NEEDS,
  );
  const files = made.map((file) => ({ path: file.path!, text: file.text })).flatMap((file) => {
    const found = file.path === UNIT ? unit : dropIns.get(file.path) ?? { kind: "none" as const };
    const why = objection(found);
    if (why !== undefined) refuse(file.path, why);
    const text = DROP_INS.includes(file.path) ? withAdditions(file.text, found) : file.text;
    return writeUnlessSame(file.path, text, found);
  });
  const programSteps = planProgram(program, facts.own, refuse);
  if (config.kind === "barred") refuse(config.path, config.why);
  const changed = [...programSteps, ...files];
  const steps = [
    ...programSteps,
    ...files,
    ...facts.completions.flatMap(planCompletion),
    ...planConfig(config),
    ...planStart(facts, changed),
  ];
  return { steps, refusals, advice: adviceOf(order, facts.manager, path) };
}

/** Why a file of ours must not stand where that is. */
function objection(found: Found): string | undefined {
  switch (found.kind) {
    case "none":
      return undefined;
    case "barred":
      return found.why;
    case "folder":
      return "there is a directory, must be a file";
    case "link":
      return "there is a symbolic link, must be a file (remove it; a unit's to /dev/null by " +
        "systemctl unmask lvscare)";
    case "file":
      return isGenerated(found.text, undefined)
        ? undefined
        : `the file there is yours, as it does not begin with "${MARKER}" (move it away)`;
  }
}

function isOurs(found: Found): boolean {
  return found.kind === "file" && isGenerated(found.text, undefined);
}

/** Settings that others have added stay, as `lvscare doctor --fix` adds some. */
function withAdditions(text: string, found: Found): string {
  if (found.kind !== "file" || !isOurs(found)) return text;
  const settings = (from: string) => from.split("\n").filter((line) => /^\s*[^\s#;]/.test(line));
  const nameOf = (line: string) => line.replace(/^[\s-]+/, "").replace(/\s*=.*/, "").trim();
  const known = new Set(settings(text).map(nameOf));
  const added = settings(found.text).filter((line) => !known.has(nameOf(line)));
  return text + added.map((line) => `${line}\n`).join("");
}

function writeUnlessSame(path: string, text: string, found: Found): Step[] {
  if (found.kind === "file" && found.text === text) return [];
  return [{ kind: "write", path, text, mode: found.kind === "file" ? found.mode : 0o644 }];
}

function planProgram(
  found: InstallFacts["program"],
  from: string,
  refuse: (path: string, why: string) => void,
): Step[] {
  const path = PROGRAM;
  switch (found.kind) {
    case "same":
      return found.mode === 0o755 ? [] : [{ kind: "mode", path, mode: 0o755 }];
    case "other":
      refuse(path, "there is another program (move it away)");
      return [];
    case "barred":
      refuse(path, found.why);
      return [];
    case "folder":
      refuse(path, "there is a directory, must be a file");
      return [];
    case "link":
      refuse(path, "there is a symbolic link, must be a file (remove it)");
      return [];
    default:
      return "size" in found ? [{ kind: "put", path, from, size: found.size }] : [];
  }
}

function planCompletion({ path, text, mark, found }: Completion): Step[] {
  if (found.kind === "file") {
    return isGenerated(found.text, mark)
      ? writeUnlessSame(path, text, found)
      : [{ kind: "keep", path, why: "yours" }];
  }
  if (found.kind === "none") return [{ kind: "write", path, text, mode: 0o644 }];
  return [{ kind: "keep", path, why: "yours, and no file" }];
}

function planConfig(config: ConfigFound): Step[] {
  const { kind, path } = config;
  if (kind === "missing") return [{ kind: "write", path, text: startConfig(), mode: 0o644 }];
  return kind === "kept" ? [{ kind: "keep", path, why: "yours" }] : [];
}

function planStart({ manager, program, unit }: InstallFacts, changed: readonly Step[]): Step[] {
  if (manager.kind !== "present") return [];
  const writes = (paths: readonly string[]) =>
    changed.some((step) => step.kind === "write" && paths.includes(step.path));
  const steps: Step[] = [];
  if (writes([UNIT]) || manager.isOutdated) steps.push(run("daemon-reload"));
  for (const [i, name] of ["systemd-modules-load", "systemd-sysctl"].entries()) {
    if (writes([DROP_INS[i]!])) steps.push({ ...run("restart", name), isOptional: true });
  }
  const { isEnabled, isActive, startedMs = Infinity } = manager;
  if (!isActive) return [...steps, isEnabled ? run("start", NAME) : run("enable", "--now", NAME)];
  if (!isEnabled) steps.push(run("enable", NAME));
  const isNewer = (found: Found | ProgramFound) =>
    "changedMs" in found && found.changedMs > startedMs;
  // An earlier one may have put files there and started nothing.
  const isChanged = changed.some(({ kind }) => kind === "put") || writes([UNIT]);
  if (isChanged || isNewer(program) || isNewer(unit)) steps.push(run("restart", NAME));
  return steps;
}

function run(...words: readonly string[]): Step & { kind: "run" } {
  return { kind: "run", argv: ["systemctl", ...words] };
}

function adviceOf({ root }: InstallOrder, { kind }: Manager, config: string): string[] {
  if (root !== undefined) {
    return [`nothing was started; it is enabled there by: systemctl --root ${root} enable ${NAME}`];
  }
  const start = `systemctl daemon-reload && systemctl enable --now ${NAME}`;
  if (kind === "unasked") return [`nothing was started; that is done by: ${start}`];
  if (kind === "present") return [];
  return [
    `no systemd runs here, so nothing was started; where one does: ${start}; without: ` +
    `${PROGRAM} run -c ${config}`,
  ];
}

/** Files in the state directory that are of `lvscare run`, and not of a `lvscare care` beside it. */
const RUN_STATE = /^run\./;

export function planUninstall(order: UninstallOrder, facts: UninstallFacts): Plan {
  const { unit, wanted, dropIns, completions, program, manager } = facts;
  const steps: Step[] = [];
  const take = (path: string, found: Found, mark?: string) => {
    if (found.kind === "none") return;
    const isOwn = found.kind === "file" && isGenerated(found.text, mark);
    steps.push(isOwn ? { kind: "remove", path } : { kind: "keep", path, why: "yours" });
  };
  const isRunning = manager.kind === "present" && (manager.isActive || manager.isEnabled);
  const isOwnUnit = isOurs(unit);
  if (isOwnUnit && isRunning) steps.push(run("disable", "--now", NAME));
  take(UNIT, unit);
  if (isOwnUnit && manager.kind !== "present" && wanted.kind === "link") {
    steps.push({ kind: "remove", path: WANTED });
  }
  for (const [path, found] of dropIns) take(path, found);
  for (const { path, found, mark } of completions) take(path, found, mark);
  // What somebody else's unit runs is needed.
  const isNeeded = unit.kind !== "none" && !isOwnUnit;
  if (program.kind === "same" || program.kind === "older") {
    steps.push(
      isNeeded
        ? { kind: "keep", path: PROGRAM, why: "your unit runs it" }
        : { kind: "remove", path: PROGRAM },
    );
  } else if (program.kind !== "none") {
    steps.push({ kind: "keep", path: PROGRAM, why: "not this program" });
  }
  if (isOwnUnit && manager.kind === "present") steps.push(run("daemon-reload"));
  steps.push(...planLeavings(order, facts));
  return { steps, refusals: [], advice: order.root === undefined ? [lastWords(order, facts)] : [] };
}

function planLeavings({ purges }: UninstallOrder, facts: UninstallFacts): Step[] {
  const { configFolder, state, unit } = facts;
  const steps: Step[] = [];
  const job = readUnit(unit);
  if (configFolder.kind !== "none") {
    steps.push(
      purges && configFolder.kind === "folder"
        ? { kind: "remove", path: CONFIG_DIR }
        : { kind: "keep", path: CONFIG_DIR, why: "yours" },
    );
  }
  if (job?.kind === "run" && !`${job.config}/`.startsWith(`${CONFIG_DIR}/`)) {
    steps.push({ kind: "keep", path: job.config, why: "yours" });
  }
  if (state.length === 0) return steps;
  const own = state.filter((name) => RUN_STATE.test(name));
  if (!purges) {
    steps.push({ kind: "keep", path: STATE_DIR, why: "what it has made in the kernel" });
  } else if (own.length === state.length) steps.push({ kind: "remove", path: STATE_DIR });
  else {
    steps.push(
      ...own.map((name): Step => ({ kind: "remove", path: `${STATE_DIR}/${name}` })),
      { kind: "keep", path: STATE_DIR, why: "others than lvscare run use it" },
    );
  }
  return steps;
}

function lastWords({ purges }: UninstallOrder, { state }: UninstallFacts): string {
  if (!state.some((name) => RUN_STATE.test(name))) {
    return "nothing is known of services in the kernel; ipvsadm -Ln shows what there is";
  }
  const services = "services stay in the kernel, so that traffic goes on";
  return purges
    ? `${services}, and nothing knows any more which were its own: ipvsadm -Ln shows them, ` +
      "ipvsadm -D removes one"
    : `${services}; to have them removed, with any copy of the program: ` +
      "echo 'services: []' >/tmp/none.yaml && lvscare run -c /tmp/none.yaml, and Ctrl-C " +
      "when lvscare status shows none";
}
