/** One check of one server: what every prober is. */

import type { Endpoint } from "../../model/endpoint.ts";

export interface GoodResult {
  readonly ok: true;
  /** What the server is to get from now on, where the check says it. */
  readonly weight?: number;
}

export interface BadResult {
  readonly ok: false;
  /** Why, in words that a person uses: "connection refused", "no answer within 10s", "status 500". */
  readonly reason: string;
  /** The check could not be made, and says nothing of the server: it is this host that lacks something. */
  readonly unable?: true;
}

export type ProbeResult = GoodResult | BadResult;

/** Gets each step of a check in words, as it is made. */
export type Trace = (text: string) => void;

export interface Probe {
  /** What it does, for a log line: "GET https://…/healthz". */
  describe(target: Endpoint): string;
  /**
   * Asks the server once. Never throws and never hangs: within its time limit there is an answer, and every
   * socket is closed. Ends early, with any result, when the signal is aborted.
   */
  run(target: Endpoint, signal: AbortSignal, trace?: Trace): Promise<ProbeResult>;
  /** Where it can be known that another answer is to be had now: calls back then, until disposed. */
  watch?(onNews: () => void): Disposable;
}
