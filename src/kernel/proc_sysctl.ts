/** Kernel parameters below /proc/sys. Those of the network are those of this process's namespace. */

import { SyscallError, UnsupportedError } from "../errors.ts";
import { kernelFileExists, readKernelFile, writeKernelFile } from "../sys/kernel_file.ts";
import type { Sysctl } from "./host.ts";

/** The modules that make parameters, by how their names begin. */
const MAKERS: readonly (readonly [prefix: string, module: string])[] = [
  ["net.ipv4.vs.", "ip_vs"],
  ["net.netfilter.nf_conntrack", "nf_conntrack"],
  ["net.bridge.", "br_netfilter"],
];

/** Why a parameter cannot be written, by errno. */
const REFUSALS: Readonly<Record<string, string>> = {
  EROFS: "/proc/sys is read-only here",
  EACCES: "not permitted",
  EPERM: "not permitted",
  EINVAL: "not a value that it takes",
  ERANGE: "not a value that it takes",
};

export class ProcSysctl implements Sysctl {
  readonly #root: string;

  constructor(root = "/proc/sys") {
    this.#root = root;
  }

  read(name: string): Promise<string | undefined> {
    return attempt(() => this.#read(name));
  }

  ensure(name: string, value: string): Promise<{ readonly before: string } | undefined> {
    return attempt(() => {
      const before = this.#read(name);
      if (before === undefined) throw missing(name);
      if (sameValue(before, value)) return undefined;
      try {
        writeKernelFile(this.#path(name)!, value);
      } catch (error) {
        throw refused(error, name, value);
      }
      return { before };
    });
  }

  #read(name: string): string | undefined {
    const path = this.#path(name);
    if (path === undefined || !kernelFileExists(path)) return undefined;
    try {
      return readKernelFile(path).replace(/\n$/, "");
    } catch (error) {
      // The name of a folder, or gone in between: no parameter.
      if (isOneOf(error, "EISDIR", "ENOENT")) return undefined;
      throw error;
    }
  }

  /** As sysctl does it, a "/" stands for a dot that belongs to a name: "net.ipv4.conf.eth0/1.forwarding". */
  #path(name: string): string | undefined {
    const parts = name.split(".").map((part) => part.replaceAll("/", "."));
    const isName = parts.every((part) => /^[^\0]+$/.test(part) && part !== "." && part !== "..");
    return isName ? `${this.#root}/${parts.join("/")}` : undefined;
  }
}

/** The kernel separates several values by tabs. */
function sameValue(a: string, b: string): boolean {
  const words = (text: string) => text.trim().split(/\s+/).join(" ");
  return words(a) === words(b);
}

function missing(name: string): UnsupportedError {
  const module = MAKERS.find(([prefix]) => name.startsWith(prefix))?.[1];
  return new UnsupportedError(`set ${name}: this kernel has no such parameter`, name, {
    op: "set parameter",
    subject: name,
    ...(module !== undefined && { hint: `load the module that has it: modprobe ${module}` }),
  });
}

function refused(error: unknown, name: string, value: string): unknown {
  if (!(error instanceof SyscallError)) return error;
  const why = REFUSALS[error.errno];
  return new SyscallError(
    `set ${name} to "${value}": ${why === undefined ? error.message : `${why} (${error.errno})`}`,
    error.call,
    error.errno,
    {
      op: "set parameter",
      subject: name,
      ...(why?.startsWith("not a value") === false && {
        hint: `set it on the host as root: sysctl -w ${name}="${value}"`,
      }),
      cause: error,
    },
  );
}

function isOneOf(error: unknown, ...errnos: readonly string[]): boolean {
  return error instanceof SyscallError && errnos.some((errno) => error.is(errno));
}

/** Does it at once; the promise is the contract's. */
function attempt<T>(body: () => T): Promise<T> {
  try {
    return Promise.resolve(body());
  } catch (error) {
    return Promise.reject(error);
  }
}
