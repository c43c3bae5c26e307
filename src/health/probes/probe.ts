/** One check of one server: what every prober is. */

import type { Endpoint } from "../../model/endpoint.ts";

export type ProbeResult =
  | { readonly ok: true }
  /** Why, in words that a person uses: "connection refused", "no answer within 10s", "status 500". */
  | { readonly ok: false; readonly reason: string };

export interface Probe {
  /** What it does, for a log line: "GET https://…/healthz". */
  describe(target: Endpoint): string;
  /**
   * Asks the server once. Never throws and never hangs: within its time limit there is an answer, and every
   * socket is closed. Ends early, with any result, when the signal is aborted.
   */
  run(target: Endpoint, signal: AbortSignal): Promise<ProbeResult>;
}
