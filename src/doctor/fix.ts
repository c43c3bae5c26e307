/** What --fix does: loads modules, sets parameters, and has both done with every boot. Nothing else. */

import { LvscareError } from "../errors.ts";
import type { Modules, Sysctl } from "../kernel/host.ts";
import type { Fix } from "./finding.ts";
import { mergeModules, mergeParameters } from "./fix_files.ts";

export const MODULES_FILE = "/etc/modules-load.d/lvscare.conf";
export const PARAMETERS_FILE = "/etc/sysctl.d/90-lvscare.conf";

export interface FixTools {
  readonly modules: Pick<Modules, "isLoaded" | "load">;
  readonly sysctl: Pick<Sysctl, "ensure">;
  /** Undefined where there is no such file. */
  read(path: string): string | undefined;
  /** Puts a whole file in its place, and makes its folder. */
  replace(path: string, text: string): void;
}

/** What was done, or could not be. */
export interface Deed {
  readonly ok: boolean;
  readonly text: string;
}

/** Says nothing of what is so already. */
export async function applyFix(fix: Fix, tools: FixTools): Promise<Deed[]> {
  const { modules = [], bootModules = [], parameters = {} } = fix;
  const deeds: Deed[] = [];
  const attempt = async (what: string, body: () => Promise<string | undefined>) => {
    try {
      const text = await body();
      if (text !== undefined) deeds.push({ ok: true, text });
    } catch (error) {
      if (!(error instanceof LvscareError)) throw error;
      const hint = error.hint === undefined ? "" : ` (${error.hint})`;
      deeds.push({ ok: false, text: `${what}: ${error.message}${hint}` });
    }
  };
  for (const name of modules) {
    await attempt("not loaded", async () => {
      if (await tools.modules.isLoaded(name)) return undefined;
      await tools.modules.load(name);
      return `loaded module ${name}`;
    });
  }
  if (bootModules.length > 0) {
    await attempt(
      "not written",
      () =>
        rewrite(
          tools,
          MODULES_FILE,
          (before) => mergeModules(before, bootModules),
          bootModules.join(", "),
        ),
    );
  }
  for (const [name, value] of Object.entries(parameters)) {
    await attempt("not set", async () => {
      const change = await tools.sysctl.ensure(name, value);
      return change && `set ${name}: ${change.before} -> ${value}`;
    });
  }
  if (Object.keys(parameters).length > 0) {
    await attempt(
      "not written",
      () =>
        rewrite(
          tools,
          PARAMETERS_FILE,
          (before) => mergeParameters(before, parameters),
          Object.keys(parameters).join(", "),
        ),
    );
  }
  return deeds;
}

function rewrite(
  { read, replace }: FixTools,
  path: string,
  merge: (before: string | undefined) => string,
  what: string,
): Promise<string | undefined> {
  const before = read(path);
  const after = merge(before);
  if (after === before) return Promise.resolve(undefined);
  replace(path, after);
  return Promise.resolve(`${before === undefined ? "wrote" : "changed"} ${path}: ${what}`);
}
