/** What there is of an installation on a host. */

import { CONFIG_DIR, PROGRAM, STATE_DIR } from "../generate/needs.ts";
import {
  type Completion,
  type ConfigFound,
  configPath,
  DROP_INS,
  type InstallFacts,
  type InstallOrder,
  type Manager,
  type UninstallFacts,
  UNIT,
  WANTED,
} from "./plan.ts";
import type { Found, ProgramFound, Tree } from "./tree.ts";

export interface CompletionScript {
  readonly shell: "bash" | "zsh" | "fish";
  readonly text: string;
}

export interface Surroundings {
  readonly tree: Tree;
  /** This program's own file. */
  readonly own: string;
  readonly scripts: readonly CompletionScript[];
  readonly manager: Manager;
}

/** For each shell the folders that it may look in, and the file's name there. */
const PLACES: Readonly<Record<CompletionScript["shell"], readonly [string[], name: string]>> = {
  bash: [["/usr/share/bash-completion/completions"], "lvscare"],
  zsh: [["/usr/share/zsh/vendor-completions", "/usr/share/zsh/site-functions"], "_lvscare"],
  fish: [["/usr/share/fish/vendor_completions.d"], "lvscare.fish"],
};

export function gatherInstall(order: InstallOrder, around: Surroundings): InstallFacts {
  const { tree, own, manager } = around;
  const unit = tree.look(UNIT);
  return {
    ...{ own, unit, manager },
    program: findProgram(around),
    dropIns: findDropIns(tree),
    // A shell that has several places has its completions in the first.
    completions: around.scripts.flatMap((script) => findCompletions(script, tree).slice(0, 1)),
    config: findConfig(configPath(order, unit), tree),
  };
}

export function gatherUninstall(around: Surroundings): UninstallFacts {
  const { tree, manager } = around;
  const state = tree.look(STATE_DIR);
  return {
    manager,
    unit: tree.look(UNIT),
    wanted: tree.look(WANTED),
    program: findProgram(around),
    dropIns: findDropIns(tree),
    completions: around.scripts.flatMap((script) => findCompletions(script, tree)),
    configFolder: tree.look(CONFIG_DIR),
    state: state.kind === "folder" ? tree.names(STATE_DIR) : [],
  };
}

function findProgram({ tree, own }: Surroundings): ProgramFound | Found {
  const found = tree.look(PROGRAM);
  return found.kind === "none" || found.kind === "file" ? tree.compare(PROGRAM, own) : found;
}

function findDropIns(tree: Tree): Map<string, Found> {
  return new Map(DROP_INS.map((path) => [path, tree.look(path)]));
}

function findCompletions({ shell, text }: CompletionScript, tree: Tree): Completion[] {
  const [folders, name] = PLACES[shell];
  const mark = text.split("\n").find((line) => line.startsWith("# Completion of lvscare")) ?? "";
  return folders.filter((folder) => tree.look(folder).kind === "folder")
    .map((folder) => `${folder}/${name}`)
    .map((path) => ({ path, text, mark, found: tree.look(path) }));
}

function findConfig(path: string, tree: Tree): ConfigFound {
  const found = tree.look(path);
  if (found.kind === "barred") return { kind: "barred", path, why: found.why };
  if (found.kind === "file" || found.kind === "link") return { kind: "kept", path };
  if (found.kind === "none" && path.endsWith(".conf")) {
    return { kind: "barred", path, why: "there is no such file, and keepalived's are not made up" };
  }
  if (found.kind === "none" && /\.ya?ml$/.test(path)) return { kind: "missing", path };
  const main = `${path}/lvscare.yaml`;
  const there = tree.look(main);
  if (there.kind === "barred") return { kind: "barred", path: main, why: there.why };
  if (there.kind !== "none") return { kind: "kept", path: main };
  const parts = `${path}/conf.d`;
  const hasParts = tree.look(parts).kind === "folder" &&
    tree.names(parts).some((name) => /^[^.].*\.ya?ml$/s.test(name));
  return hasParts ? { kind: "kept", path: parts } : { kind: "missing", path: main };
}
