/** What all probes have: a limit in time, and an answer whatever happens. */

import type { Clock } from "../../clock.ts";
import type { CheckBasics } from "../../config/check.ts";
import type { Endpoint } from "../../model/endpoint.ts";
import type { ProxyProtocol } from "../../wire/proxy_protocol.ts";
import { failureOf } from "./failure.ts";
import type { Probe, ProbeResult, Trace } from "./probe.ts";
import { withinTime } from "./time_limit.ts";

export interface ProbeTools {
  readonly clock: Clock;
  /** Authorities in PEM, to be trusted instead of the host's where a check does not name its own. */
  readonly caCerts?: readonly string[] | undefined;
  /** How servers want to be told by a proxy who comes, where a check does not say; undefined: not at all. */
  readonly proxyProtocol?: ProxyProtocol | undefined;
}

export interface Attempt {
  readonly target: Endpoint;
  readonly signal: AbortSignal;
  readonly trace: Trace | undefined;
}

/** `ask` may throw, and what it has open must close when its signal is aborted. */
export function timedProbe(
  { timeoutMs }: CheckBasics,
  { clock }: ProbeTools,
  { describe, ask }: {
    readonly describe: Probe["describe"];
    readonly ask: (attempt: Attempt) => Promise<ProbeResult>;
  },
): Probe {
  return {
    describe,
    run: (target, signal, trace) =>
      withinTime({ clock, timeoutMs, signal }, async (signal) => {
        try {
          return await ask({ target, signal, trace });
        } catch (error) {
          return failureOf(error, target.address);
        }
      }),
  };
}

export const GOOD: ProbeResult = { ok: true };
