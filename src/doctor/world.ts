/** The host that this process runs on, to be looked at and to be mended. */

import { LvscareError, SyscallError, UnsupportedError } from "../errors.ts";
import type { Modules, Sysctl } from "../kernel/host.ts";
import type { IpvsTable } from "../kernel/ipvs_table.ts";
import type { Link } from "../model/link.ts";
import { errnoOf } from "../state/failure.ts";
import { replaceFile } from "../state/atomic_file.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";
import { kernelFileExists, readKernelFile } from "../sys/kernel_file.ts";
import { openLibcTransport } from "../sys/libc_transport.ts";
import { NetlinkSocket } from "../sys/netlink_socket.ts";
import { NETLINK_NETFILTER } from "../sys/transport.ts";
import type { Clock } from "../clock.ts";
import { makeProbe } from "../health/probes/make.ts";
import type { FoundRule } from "./facts.ts";
import type { FixTools } from "./fix.ts";
import type { DoctorWorld } from "./gather.ts";
import { KUBE_PROXY, kubeProxyAt } from "./gather_kube.ts";
import { type HostFiles, isAbsent } from "./gather_modules.ts";
import { askNeighbours } from "./neighbours.ts";
import { allRulesRequest, decodeFoundRule } from "./nft_rules.ts";

/** What is made by others of the program. */
export interface DoctorParts {
  readonly clock: Clock;
  readonly modules: Modules;
  readonly sysctl: Sysctl;
  openLinks(): { list(): Promise<readonly Link[]>; close(): void };
  /** With modules that are loaded where they are missing. */
  openTable(modules: Modules): Promise<IpvsTable>;
  run(argv: readonly [string, ...string[]]): Promise<string>;
}

export function doctorWorld(parts: DoctorParts): DoctorWorld {
  const { clock, sysctl, openLinks, openTable, run } = parts;
  return {
    clock,
    sysctl,
    files: hostFiles(),
    makeProbe: (check) => makeProbe(check, { clock }),
    async listLinks() {
      const links = openLinks();
      try {
        return await links.list();
      } finally {
        links.close();
      }
    },
    openTable: () => openTable(NO_LOADING),
    dumpRules,
    run,
    askNeighbours,
    getKubeProxy: kubeProxyAt(KUBE_PROXY),
  };
}

/** Whoever looks changes nothing. */
const NO_LOADING: Modules = {
  isLoaded: () => Promise.resolve(false),
  load: (name) => Promise.reject(new UnsupportedError(`module ${name} is not loaded`, name)),
};

/** Files by their paths, below a root that tests put in the place of the host's. */
export function hostFiles(root = ""): HostFiles {
  return {
    read(path) {
      try {
        return readKernelFile(root + path);
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
    exists: (path) => kernelFileExists(root + path),
    list(folder) {
      try {
        return [...Deno.readDirSync(root + folder)].map(({ name }) => name);
      } catch {
        // None, or it may not be read: then nothing of it counts for others either.
        return [];
      }
    },
  };
}

function dumpRules(): readonly FoundRule[] {
  const socket = new NetlinkSocket(openLibcTransport(NETLINK_NETFILTER));
  try {
    return socket.dump(allRulesRequest(), decodeFoundRule);
  } finally {
    socket.close();
  }
}

export function fixTools(
  { modules, sysctl }: Pick<DoctorParts, "modules" | "sysctl">,
  root = "",
): FixTools {
  return {
    modules,
    sysctl,
    read: hostFiles(root).read,
    replace(path, text) {
      const at = path.lastIndexOf("/");
      const folder = root + path.slice(0, at);
      try {
        Deno.mkdirSync(folder, { recursive: true });
        replaceFile(folder, path.slice(at + 1), new TextEncoder().encode(text));
        // As all files there: whoever boots may not be root yet, and nothing in it is secret.
        Deno.chmodSync(root + path, 0o644);
      } catch (error) {
        throw refused(path, error);
      }
    },
  };
}

function refused(path: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof LvscareError) return error;
  const meaning = errnoMeaning(errnoNumber(errno) ?? 0);
  return new SyscallError(`write ${path}: ${meaning} (${errno})`, "write", errno, {
    op: "write",
    subject: path,
    cause: error,
  });
}
