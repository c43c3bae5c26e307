/** Kernel parameters and modules in memory, for tests. */

import { SyscallError, UnsupportedError } from "../../errors.ts";
import type { Modules, Sysctl } from "../host.ts";

export class FakeSysctl implements Sysctl {
  readonly #values: Map<string, string>;
  /** As in a container: what is set already is fine, and nothing can be set. */
  readOnly = false;

  constructor(values: Readonly<Record<string, string>> = {}) {
    this.#values = new Map(Object.entries(values));
  }

  read(name: string): Promise<string | undefined> {
    return Promise.resolve(this.#values.get(name));
  }

  ensure(name: string, value: string): Promise<{ readonly before: string } | undefined> {
    const before = this.#values.get(name);
    const context = { op: "set parameter", subject: name };
    if (before === undefined) {
      const message = `set ${name}: this kernel has no such parameter`;
      return Promise.reject(new UnsupportedError(message, name, context));
    }
    if (before === value) return Promise.resolve(undefined);
    if (this.readOnly) {
      const message = `set ${name} to "${value}": /proc/sys is read-only here (EROFS)`;
      return Promise.reject(new SyscallError(message, "open", "EROFS", context));
    }
    this.#values.set(name, value);
    return Promise.resolve({ before });
  }

  /** As the kernel or somebody else would: a parameter appears, changes or, without a value, is gone. */
  set(name: string, value: string | undefined): void {
    if (value === undefined) this.#values.delete(name);
    else this.#values.set(name, value);
  }
}

/** What the kernel could load, and what each module needs. */
export type FakeModuleFiles = Readonly<Record<string, readonly string[]>>;

export class FakeModules implements Modules {
  readonly #files: FakeModuleFiles;
  readonly #loaded: Set<string>;

  constructor(files: FakeModuleFiles = {}, loaded: readonly string[] = []) {
    this.#files = files;
    this.#loaded = new Set(loaded);
  }

  /** In the order in which they were loaded. */
  get loaded(): readonly string[] {
    return [...this.#loaded];
  }

  isLoaded(name: string): Promise<boolean> {
    return Promise.resolve(this.#loaded.has(name));
  }

  async load(name: string): Promise<void> {
    if (this.#loaded.has(name)) return;
    const needed = this.#files[name];
    if (!needed) {
      throw new UnsupportedError(`load module ${name}: kernel fake has no such module`, name, {
        op: "load module",
        subject: name,
      });
    }
    for (const each of needed) await this.load(each);
    this.#loaded.add(name);
  }
}
