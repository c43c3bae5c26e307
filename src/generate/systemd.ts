/** The unit of systemd, and what the host is to load and to set at its start. */

import type { CareConfig } from "../config/care.ts";
import { type Given, refuse } from "../config/given.ts";
import { UsageError } from "../errors.ts";
import { type Artifact, heading } from "./artifact.ts";
import { readCareLine } from "./care_line.ts";
import { type Flags, type GenerateFlag, readAbsolutePath, splitWords } from "./flags.ts";
import { capabilitiesOf, CONFIG_DIR, LOAD_MODULES, type Needs, PROGRAM } from "./needs.ts";

/** What is to run: `lvscare run`, or with a command line of its own `lvscare care`. */
export const JOB_FLAGS = [
  {
    name: "config",
    short: "c",
    kind: "value",
    value: "path",
    help: `the files of lvscare run (default: ${CONFIG_DIR})`,
  },
  {
    name: "care",
    kind: "value",
    value: "flags",
    help: 'for lvscare care instead, with its flags in one word: "--vs 10.0.0.1:6443 --rs …"',
  },
] as const satisfies readonly GenerateFlag[];

export const SYSTEMD_FLAGS = [
  ...JOB_FLAGS,
  {
    name: "program",
    kind: "value",
    value: "path",
    initial: PROGRAM,
    help: "where the program is",
  },
  {
    name: "drop-ins",
    kind: "switch",
    help: "with what the host loads and sets at its start, so that the unit need not do it; " +
      "--output is then a directory that stands for /",
  },
] as const satisfies readonly GenerateFlag[];

/** What runs. */
export type Job =
  | { readonly kind: "run"; readonly path: string }
  | { readonly kind: "care"; readonly words: readonly string[]; readonly config: CareConfig };

export function readJob(flags: Flags): Job {
  const config = flags.one("config");
  const care = flags.one("care");
  if (!care) {
    return { kind: "run", path: config ? readAbsolutePath(config) : CONFIG_DIR };
  }
  if (config) refuse(config, "is for lvscare run, and --care is given");
  const words = splitWords(care);
  if (words[0] === "care") words.shift();
  const read = readCareLine(words, care);
  for (const [isOn, name] of [[read.clean, "clean"], [read.dryRun, "dry-run"]] as const) {
    if (isOn) throw new UsageError(`--care has --${name}: nothing of that stays`);
  }
  return { kind: "care", words, config: read };
}

export interface Systemd {
  readonly job: Job;
  readonly program: string;
  readonly hasDropIns: boolean;
}

export function readSystemd(flags: Flags): Systemd {
  const job = readJob(flags);
  if (job.kind === "care") stateDirectory(job.config.stateDir, flags.one("care")!);
  return {
    job,
    program: readAbsolutePath(flags.value("program")),
    hasDropIns: flags.isOn("drop-ins"),
  };
}

/** The unit, and behind it the drop-ins where they are asked for. */
export function systemdFiles(systemd: Systemd, needs: Needs): Artifact[] {
  const unit = { path: "/etc/systemd/system/lvscare.service", text: printUnit(systemd, needs) };
  return systemd.hasDropIns ? [unit, ...dropIns(needs)] : [unit];
}

function dropIns(needs: Needs): Artifact[] {
  if (needs.dataplane === "embedded") return [];
  const modules: Artifact = {
    path: "/etc/modules-load.d/lvscare.conf",
    text: heading("systemd", "At once: systemctl restart systemd-modules-load") +
      modulesOf(needs).map((name) => `${name}\n`).join(""),
  };
  if (needs.parameters.length === 0) return [modules];
  return [modules, {
    path: "/etc/sysctl.d/90-lvscare.conf",
    text: heading("systemd", "At once, after the modules: systemctl restart systemd-sysctl") +
      needs.parameters.map((name) => `-${name} = 1\n`).join(""),
  }];
}

function modulesOf({ schedulers, hasDevices }: Needs): string[] {
  return ["ip_vs", ...schedulers.map((name) => `ip_vs_${name}`), ...hasDevices ? ["dummy"] : []];
}

type Section = readonly (readonly [key: string, value: string] | string)[];

function printUnit(systemd: Systemd, needs: Needs): string {
  const sections: [string, Section][] = [
    ["Unit", unitSection()],
    ["Service", [...serviceSection(systemd, needs), ...hardening(systemd, needs)]],
    ["Install", [["WantedBy", "multi-user.target"]]],
  ];
  const text = sections.map(([name, lines]) => `\n[${name}]\n${lines.map(printLine).join("")}`);
  return heading(
    "systemd",
    "systemctl daemon-reload && systemctl enable --now lvscare",
  ) + text.join("");
}

function printLine(line: Section[number]): string {
  if (typeof line !== "string") return `${line[0]}=${line[1]}\n`;
  return line === "" ? "\n" : `# ${line}\n`;
}

function unitSection(): Section {
  return [
    ["Description", "Health-checked virtual servers (IPVS)"],
    ["Wants", "network-online.target"],
    ["After", "network-online.target"],
    "What the kubelet connects to is there before it starts.",
    ["Before", "kubelet.service"],
    "However often it has failed.",
    ["StartLimitIntervalSec", "0"],
  ];
}

function serviceSection({ job, program }: Systemd, { dataplane }: Needs): Section {
  const isOnce = job.kind === "care" && job.config.runOnce;
  const words = job.kind === "run" ? ["run", "-c", job.path] : ["care", ...job.words];
  const start = ["ExecStart", commandLine(program, words)] as const;
  const directory = directoryLines(job);
  const lock: Section = dataplane === "embedded" ? [] : [
    "iptables-legacy takes a lock there, and may write nowhere else.",
    ["ExecStartPre", "-+/bin/touch /run/xtables.lock"],
  ];
  if (isOnce) {
    return [["Type", "oneshot"], ["RemainAfterExit", "yes"], ...lock, start, ...directory];
  }
  return [
    ["Type", "notify"],
    ["NotifyAccess", "main"],
    ...lock,
    start,
    ...job.kind === "run"
      ? [
        "Fails, and changes nothing, where the files are wrong.",
        ["ExecReload", commandLine(program, ["reload"])],
      ] as const
      : [
        "Looks at all of it at once; other flags take a restart.",
        ["ExecReload", "/bin/kill -HUP $MAINPID"],
      ] as const,
    ["WatchdogSec", "30"],
    ["Restart", "on-failure"],
    ["RestartSec", "2"],
    "Wrong flags or files stay wrong.",
    ["RestartPreventExitStatus", "2"],
    "What it made stays in the kernel when it ends, and traffic goes on.",
    ["KillMode", "mixed"],
    ["TimeoutStopSec", "15"],
    ["OOMScoreAdjust", "-900"],
    ...directory,
  ];
}

/** What is ours in the kernel outlives the process, and so must the memory of it. */
function directoryLines(job: Job): Section {
  const [key, name] = job.kind === "run"
    ? ["RuntimeDirectory", "lvscare"]
    : stateDirectory(job.config.stateDir);
  return [
    [key, systemdWord(name)],
    [`${key}Mode`, "0700"],
    ...key === "RuntimeDirectory" ? [[`${key}Preserve`, "yes"]] as const : [],
  ];
}

/** A state directory where systemd makes one. */
function stateDirectory(path: string, given?: Given): readonly [key: string, name: string] {
  const [, root, name = ""] = /^\/(run|var\/lib)\/(.+?)\/*$/.exec(path) ?? [];
  const isPlain = name !== "" && !name.split("/").some((part) => /^\.{0,2}$/.test(part));
  if (given && !isPlain) {
    refuse(
      { ...given, text: path },
      "--state-dir must be below /run or /var/lib",
    );
  }
  return [root === "run" ? "RuntimeDirectory" : "StateDirectory", name];
}

/** What it lives under. Measured: it makes no call outside @system-service, @pkey and @module. */
function hardening({ job, hasDropIns, program }: Systemd, needs: Needs): Section {
  const isKernel = needs.dataplane !== "embedded";
  const loads = isKernel && !hasDropIns;
  const sets = loads && needs.parameters.length > 0;
  const capabilities = [...capabilitiesOf(needs), ...loads ? [LOAD_MODULES] : []];
  const paths = [program, ...job.kind === "run" ? [job.path] : []];
  const isIn = (...folders: readonly string[]) =>
    paths.some((path) => folders.some((folder) => path.startsWith(folder)));
  return [
    "",
    "It is root, with no more than these rights.",
    ["CapabilityBoundingSet", capabilities.map((name) => `CAP_${name}`).join(" ")],
    ["NoNewPrivileges", "yes"],
    ["UMask", "0077"],
    ...job.kind === "run"
      ? [
        "Programs of checks and notifications may write below /run/lvscare and in a /tmp of their own.",
      ]
      : [],
    ["ProtectSystem", "strict"],
    ...isKernel ? [["ReadWritePaths", "-/run/xtables.lock"]] as const : [],
    ["ProtectHome", isIn("/home/", "/root/", "/run/user/") ? "read-only" : "yes"],
    ["PrivateTmp", isIn("/tmp/", "/var/tmp/") ? "no" : "yes"],
    ["PrivateDevices", "yes"],
    ["ProtectControlGroups", "yes"],
    ["ProtectKernelLogs", "yes"],
    ["ProtectClock", "yes"],
    ["ProtectHostname", "yes"],
    ...loads
      ? [
        "It loads ip_vs and schedulers where they are missing; with --drop-ins the host does that.",
        ["ProtectKernelModules", "no"],
      ] as const
      : [["ProtectKernelModules", "yes"]] as const,
    ...sets
      ? [
        "It sets parameters of IPVS below /proc/sys; with --drop-ins the host does that.",
        ["ProtectKernelTunables", "no"],
      ] as const
      : [["ProtectKernelTunables", "yes"]] as const,
    ["RestrictAddressFamilies", "AF_NETLINK AF_INET AF_INET6 AF_UNIX"],
    ["RestrictNamespaces", "yes"],
    ["RestrictRealtime", "yes"],
    ["RestrictSUIDSGID", "yes"],
    ["LockPersonality", "yes"],
    ["KeyringMode", "private"],
    "The runtime makes code while it runs.",
    ["MemoryDenyWriteExecute", "no"],
    ["SystemCallArchitectures", "native"],
    ["SystemCallErrorNumber", "EPERM"],
    ["SystemCallFilter", ["@system-service", "@pkey", ...loads ? ["@module"] : []].join(" ")],
    ["SystemCallFilter", "~@aio @keyring"],
  ];
}

/** The program's own path is taken as it stands, but for specifiers. */
function commandLine(program: string, words: readonly string[]): string {
  return [quoted(program.replaceAll("%", "%%")), ...words.map(systemdWord)].join(" ");
}

/** A word as ExecStart= takes it, where "%" and "$" mean something in quotes too. */
export function systemdWord(word: string): string {
  return quoted(word.replaceAll("%", "%%").replaceAll("$", "$$$$"));
}

function quoted(word: string): string {
  return /^[\w./:=,@%$+\[\]-]+$/.test(word) ? word : JSON.stringify(word);
}
