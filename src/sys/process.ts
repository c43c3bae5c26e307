/** Programs that may misbehave: each is the first of a process group, which is ended as a whole. */

import type { Account } from "./accounts.ts";

export interface AloneOptions {
  readonly args: readonly string[];
  readonly account: Account | undefined;
  /** Beside a PATH; nothing of this program's own is handed on, for it may be secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: "piped" | "null";
  readonly stdout: "piped" | "null";
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Throws what Deno throws where it cannot be run. */
export function spawnAlone(program: string, options: AloneOptions): Deno.ChildProcess {
  const { args, account, env, stdin = "null", stdout } = options;
  return new Deno.Command(program, {
    args: [...args],
    cwd: "/",
    clearEnv: true,
    env: { PATH, LC_ALL: "C", ...env },
    stdin,
    stdout,
    stderr: "null",
    ...account,
    detached: true,
  }).spawn();
}

/** Ends it and all that it has started. */
export function endGroup({ pid }: Deno.ChildProcess): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // Nothing is left of it.
  }
}
