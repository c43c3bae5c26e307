/** Kernel parameters by /proc/sys, without any program. */

import { type LvscareError, SyscallError, UnsupportedError } from "../errors.ts";
import { readKernelFile, writeKernelFile } from "../sys/kernel_file.ts";
import type { Sysctl } from "./host.ts";

export class ProcSysctl implements Sysctl {
  readonly #root: string;

  /** `root` is where the parameters are: another place in tests. */
  constructor(root = "/proc/sys") {
    this.#root = root;
  }

  // deno-lint-ignore require-await -- the contract allows for implementations that wait
  async read(name: string): Promise<string | undefined> {
    try {
      return readKernelFile(this.#path(name)).trim();
    } catch (err) {
      if (isAbsent(err)) return undefined;
      throw explain("read", name, err);
    }
  }

  async ensure(name: string, value: string): Promise<{ before: string } | undefined> {
    const before = await this.read(name);
    if (before === undefined) {
      throw new UnsupportedError(`set ${name}: this kernel has no such parameter`, name, {
        op: "set",
        subject: name,
        hint: "load the module that it belongs to",
      });
    }
    if (before === value) return undefined;
    try {
      writeKernelFile(this.#path(name), value);
    } catch (err) {
      throw explain("set", `${name} from ${before} to ${value}`, err);
    }
    return { before };
  }

  /** A name has dots where the path has slashes; a slash in it is a dot of a device's name. */
  #path(name: string): string {
    const parts = name.split(".").map((part) => part.replaceAll("/", "."));
    if (parts.some((part) => part === "" || part === "..")) {
      throw new TypeError(`not a kernel parameter: ${name}`);
    }
    return `${this.#root}/${parts.join("/")}`;
  }
}

function isAbsent(err: unknown): boolean {
  return err instanceof SyscallError && (err.is("ENOENT") || err.is("ENOTDIR"));
}

function explain(op: string, subject: string, err: unknown): LvscareError {
  if (!(err instanceof SyscallError)) throw err;
  const hints: Readonly<Record<string, string>> = {
    EROFS: "/proc/sys is read-only here: set it on the host, or let the container write it",
    EACCES: "it needs to be root, with CAP_NET_ADMIN",
    EPERM: "it needs CAP_NET_ADMIN",
    EINVAL: "the kernel does not take this value",
  };
  const hint = hints[err.errno];
  return new SyscallError(`${op} ${subject}: ${err.message}`, err.call, err.errno, {
    op,
    subject,
    cause: err,
    ...(hint === undefined ? {} : { hint }),
  });
}
