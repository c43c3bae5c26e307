/** What others may ask a running `lvscare run` or `care`, and what it answers: over HTTP, on a socket of its own. */

import { RUN } from "../care/instance.ts";
import type { ServiceStatus } from "../care/status.ts";
import { socketFile } from "../state/file_names.ts";

export type ReloadAnswer =
  /** The new configuration is in force; problems are changes that were refused and will be tried again. */
  | { readonly ok: true; readonly text: string; readonly problems: readonly string[] }
  /** Nothing has changed. */
  | { readonly ok: false; readonly problems: readonly string[] };

export interface StatusAnswer {
  readonly pid: number;
  /** The path of the files; of `lvscare care` that there are none. */
  readonly configuration: string;
  readonly dataplane: string;
  /** Milliseconds since 1970, as all times here. */
  readonly startedMs: number;
  /** When the configuration that is in force was read. */
  readonly loadedMs: number;
  readonly isReady: boolean;
  /** Whether looks at the kernel come to their end, in time: what a watchdog wants to know. */
  readonly isTurning: boolean;
  /** Whether the last look at the kernel left nothing undone. */
  readonly isSettled: boolean;
  readonly services: readonly ServiceStatus[];
}

/** Runs, and is not ready. */
export const EXIT_NOT_READY = 3;

/**
 * How it is, for those who start what does not run and send clients to what is ready: "ready" says that all is in
 * the kernel as it was asked for, and nothing of servers, which may all be down.
 */
export function verdictOf(status: StatusAnswer): "ready" | "not ready" | "stuck" {
  const { isTurning, isReady, isSettled, services } = status;
  if (!isTurning) return "stuck";
  return isReady && isSettled && services.every(({ isThere }) => isThere) ? "ready" : "not ready";
}

export interface ControlHandlers {
  /** Absent where there are no files to read again. */
  reload?(): Promise<ReloadAnswer>;
  status(): Promise<StatusAnswer>;
}

export interface Control {
  /** Removes the socket; resolves when the last answer is out. */
  close(): Promise<void>;
}

/** Where the socket of that instance is: RUN, or the virtual server of `lvscare care`. */
export function controlPath(stateDir: string, name: string = RUN): string {
  return `${stateDir}/${socketFile(name)}`;
}

export const RELOAD = { method: "POST", path: "/v1/reload" } as const;
export const STATUS = { method: "GET", path: "/v1/status" } as const;
