/** The process's own surroundings, as `lvscare care` needs them. */

import { askReload, askStatus } from "../admin/client.ts";
import { openControl } from "../admin/server.ts";
import { armHang, blockForever, HANG_VARIABLE, readHang } from "../care/hang.ts";
import { Journal } from "../care/journal.ts";
import { openNotifier } from "../care/notify.ts";
import { teller } from "../care/tell.ts";
import { prepareServices } from "../care/prepare.ts";
import { previewServices } from "../care/preview.ts";
import { runServices, type ServeWorld } from "../care/serve.ts";
import { NODE_NAME, NODE_VARIABLE } from "../config/care_mode.ts";
import { fingerprint } from "../config/files/load.ts";
import {
  type FilesReading,
  isKeepalived,
  type ReadChoices,
  readFiles,
  ReadMemory,
} from "../config/files/read.ts";
import { convertKeepalived, keepalivedFingerprint } from "../config/keepalived/read.ts";
import { findHostAddresses } from "../config/hosts_file.ts";
import { type Address, type Family, parseAddress } from "../model/address.ts";
import type { Link } from "../model/link.ts";
import { type CareWorld, runCare } from "../care/run.ts";
import { unitOf } from "../care/instance.ts";
import { systemClock } from "../clock.ts";
import { LvscareError } from "../errors.ts";
import { makeProbe } from "../health/probes/make.ts";
import { buildInfo } from "../build_info.ts";
import { hostSystemctl } from "../install/systemctl.ts";
import { openTree } from "../install/tree.ts";
import { configureLogs } from "../log.ts";
import { isSignalBlocked, takeSignal } from "../sys/blocked_signal.ts";
import { kernelFileExists, readKernelFile } from "../sys/kernel_file.ts";
import { openLibc } from "../sys/libc.ts";
import { kernelMonotonicUs } from "../sys/notify_socket.ts";
import { runDemo } from "../demo/demo.ts";
import { applyFix } from "../doctor/fix.ts";
import { gatherFacts } from "../doctor/gather.ts";
import { type DoctorParts, doctorWorld, fixTools } from "../doctor/world.ts";
import type { CareHost } from "./care.ts";
import type { DoctorHost } from "./doctor.ts";
import type { InstallHost } from "./install.ts";
import type { ProbeHost } from "./probe.ts";
import type { CliHost } from "./program.ts";
import type { RunHost } from "./run.ts";

/** More than any hosts file that is meant: the rest of a larger one is not read. */
const HOSTS_LIMIT = 1 << 20;

export function careHost(openGround: CareWorld["openGround"]): CareHost {
  return {
    env: (name) => Deno.env.get(name),
    readHosts,
    runCare(config, notes) {
      configureLogs({ ...config.log, write: writeLine, colors: hasColors() });
      hangIfAsked();
      return runCare(config, notes, { ...PROCESS, openGround });
    },
  };
}

export function runHost(
  openGround: CareWorld["openGround"],
  openLinks: () => { list(): Promise<readonly Link[]>; close(): void },
): RunHost {
  // Made when it is needed: to find the unit that this process is in takes libc.
  const world = (): ServeWorld => ({
    ...PROCESS,
    openGround,
    readFiles: readOwnFiles,
    fingerprint: (path, choices) =>
      isKeepalived(path)
        ? keepalivedFingerprint({ path, ...keepalivedOptions(choices) })
        : fingerprint(path),
    tell: teller(systemClock),
  });
  return {
    readFiles: readOwnFiles,
    convert: (path, choices) => convertKeepalived({ path, ...keepalivedOptions(choices) }),
    run(options, log) {
      configureLogs({ ...log, write: writeLine, colors: hasColors() });
      hangIfAsked();
      return runServices(options, world());
    },
    prepare(options, log) {
      configureLogs({ ...log, write: writeLine, colors: hasColors() });
      return prepareServices(options, world());
    },
    preview: (options, warn) => previewServices(options, world(), warn),
    async devices() {
      try {
        const links = openLinks();
        try {
          return await links.list();
        } finally {
          links.close();
        }
      } catch (error) {
        if (error instanceof LvscareError) return undefined;
        throw error;
      }
    },
    reload: askReload,
    status: askStatus,
    now: () => systemClock.wallMs(),
    get hasColors() {
      return hasColors();
    },
  };
}

export function probeHost(): ProbeHost {
  return {
    clock: systemClock,
    makeProbe: (check) => makeProbe(check, { clock: systemClock }),
    lookUp,
    get hasColors() {
      return hasColors();
    },
  };
}

export function doctorHost(parts: DoctorParts): DoctorHost {
  const world = doctorWorld(parts);
  return {
    exists: (path) => world.files.exists(path),
    look: (wanted, before) => gatherFacts(wanted, world, before),
    fix: (fix) => applyFix(fix, fixTools(parts)),
    get hasColors() {
      return hasColors();
    },
  };
}

/** `run` gives what a program printed. */
export function installHost(
  run: (argv: readonly [string, ...string[]]) => Promise<string>,
): InstallHost {
  return {
    get program() {
      return buildInfo().base === "source" ? undefined : Deno.execPath();
    },
    get isRoot() {
      return openLibc({ geteuid: { parameters: [], result: "u32" } }).geteuid() === 0;
    },
    get folder() {
      return Deno.cwd();
    },
    openTree,
    systemctl: hostSystemctl({
      run,
      isBooted: () => kernelFileExists("/run/systemd/system"),
      wallMs: () => systemClock.wallMs(),
      monotonicMs: () => Number(kernelMonotonicUs()) / 1000,
    }),
  };
}

async function lookUp(name: string, family: Family | undefined): Promise<Address | undefined> {
  const { lookup } = await import("node:dns/promises");
  try {
    const families = { ipv4: 4, ipv6: 6 } as const;
    const found = await lookup(name, { family: family === undefined ? 0 : families[family] });
    return parseAddress(found.address);
  } catch {
    // Whatever it is that keeps it from being found.
    return undefined;
  }
}

/** What does not change from one reading to the next is not read again. */
const READ = new ReadMemory();

/** The first part of the host's name, as keepalived takes it. */
function hostId(): string | undefined {
  try {
    return readKernelFile("/proc/sys/kernel/hostname").trim().split(".")[0];
  } catch (error) {
    if (error instanceof LvscareError) return undefined;
    throw error;
  }
}

function keepalivedOptions({ configId, skipsUnsupported }: ReadChoices) {
  const env = (name: string) => Deno.env.get(name);
  return { configId: configId ?? hostId(), skipsUnsupported, env };
}

/** The files, with this host's own addresses for the routes of those that do not say one. */
async function readOwnFiles(path: string, choices: ReadChoices): Promise<FilesReading> {
  const given = parseAddress(Deno.env.get(NODE_VARIABLE) ?? "");
  const named = async () => findHostAddresses(await readHosts().catch(() => ""), NODE_NAME);
  const nodeAddresses = given === undefined ? await named() : [given];
  const keepalived = isKeepalived(path) ? keepalivedOptions(choices) : undefined;
  return await readFiles({ path, nodeAddresses, memory: READ, keepalived });
}

export function demoRunner(openGround: CareWorld["openGround"]): CliHost["runDemo"] {
  return (options) =>
    runDemo(options, {
      care: { ...PROCESS, openGround },
      onSignal: PROCESS.onSignal,
      write: writeLine,
      columns: Deno.stdout.isTerminal() ? Deno.consoleSize().columns || 80 : undefined,
    });
}

const SIGUSR1 = 10;
const POLL_MS = 250;

/** The packed program blocks it, for at that signal the runtime opens a debugger. */
function pollSignal(number: number, body: () => void): Disposable {
  const timer = setInterval(() => {
    if (takeSignal(number)) body();
  }, POLL_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const PROCESS: Omit<CareWorld, "openGround"> = {
  clock: systemClock,
  pid: Deno.pid,
  get unit() {
    return ownUnit();
  },
  probe: makeProbe,
  openControl,
  openNotifier: (warn) => openNotifier(notifyEnvironment(), { warn }),
  out: writeLine,
  onSignal(signal, body) {
    if (signal === "SIGUSR1" && isSignalBlocked(SIGUSR1)) return pollSignal(SIGUSR1, body);
    Deno.addSignalListener(signal, body);
    return { [Symbol.dispose]: () => Deno.removeSignalListener(signal, body) };
  },
  exit: (status) => Deno.exit(status),
};

/** For tests of what watches this process. */
function hangIfAsked(): void {
  const hang = readHang(Deno.env.get(HANG_VARIABLE));
  if (!hang) return;
  armHang(hang, {
    clock: systemClock,
    journal: new Journal(),
    onSignal: (signal, body) => Deno.addSignalListener(signal, body),
    block: blockForever,
  });
}

async function readHosts(): Promise<string> {
  using file = await Deno.open("/etc/hosts");
  const bytes = new Uint8Array(HOSTS_LIMIT);
  let length = 0;
  for (let read: number | null = 0; read !== null && length < HOSTS_LIMIT;) {
    read = await file.read(bytes.subarray(length));
    length += read ?? 0;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function notifyEnvironment() {
  const names = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;
  return Object.fromEntries(
    names.map((name) => [name, Deno.env.get(name)]).filter(([, value]) => value !== undefined),
  );
}

function ownUnit(): string | undefined {
  try {
    return unitOf(readKernelFile("/proc/self/cgroup"));
  } catch (error) {
    if (error instanceof LvscareError) return undefined;
    throw error;
  }
}

/** A log that nobody can read any more (a closed pipe, a full disk) does not stop the care. */
function writeLine(line: string): void {
  const bytes = new TextEncoder().encode(line);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  } catch {
    // There is nobody to tell.
  }
}

function hasColors(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}
