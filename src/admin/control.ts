/** What others may ask a running `lvscare run`, and what it answers: over HTTP, on a socket of its own. */

import type { ServiceStatus } from "../care/status.ts";

export type ReloadAnswer =
  /** The new configuration is in force; problems are changes that were refused and will be tried again. */
  | { readonly ok: true; readonly text: string; readonly problems: readonly string[] }
  /** Nothing has changed. */
  | { readonly ok: false; readonly problems: readonly string[] };

export interface StatusAnswer {
  readonly pid: number;
  readonly configuration: string;
  readonly dataplane: string;
  /** Milliseconds since 1970, as all times here. */
  readonly startedMs: number;
  /** When the configuration that is in force was read. */
  readonly loadedMs: number;
  readonly isReady: boolean;
  /** Whether the last look at the kernel left nothing undone. */
  readonly isSettled: boolean;
  readonly services: readonly ServiceStatus[];
}

export interface ControlHandlers {
  reload(): Promise<ReloadAnswer>;
  status(): Promise<StatusAnswer>;
}

export interface Control {
  /** Removes the socket; resolves when the last answer is out. */
  close(): Promise<void>;
}

/** Where the socket is. */
export function controlPath(stateDir: string): string {
  return `${stateDir}/run.sock`;
}

export const RELOAD = { method: "POST", path: "/v1/reload" } as const;
export const STATUS = { method: "GET", path: "/v1/status" } as const;
