/** The steps that make IPVS's own settings what they must be: its timeouts, and its sync daemons. */

import type { Timeouts } from "../model/ipvs.ts";
import { asksMore, findRole, runsAs } from "../model/sync_daemon.ts";
import type { Situation } from "./plan.ts";
import type { Step } from "./step.ts";

export function planTimeouts({ desired, observed: { timeouts: before } }: Situation): Step[] {
  if (!before) return [];
  const names = Object.keys(desired.timeouts) as (keyof Timeouts)[];
  const different = names.filter((name) => desired.timeouts[name] !== before[name]);
  if (different.length === 0) return [];
  return [{
    kind: "setTimeouts",
    before: pick(before, different),
    timeouts: pick(desired.timeouts, different),
  }];
}

/** Those that are wanted; one of ours that runs in another way is stopped before. */
export function planDaemons({ desired, owned, observed }: Situation): Step[] {
  const { daemons: running } = observed;
  if (!running) return [];
  return desired.daemons.flatMap((daemon): Step[] => {
    const there = findRole(running, daemon.role);
    const start = { kind: "startDaemon", daemon } as const;
    if (!there) return [start];
    const ours = owned.daemons.filter((each) => runsAs(there, each));
    // What ours was started with and nobody asks for any more is not the kernel's choice.
    const more = ours.find((each) => asksMore(each, daemon));
    if (runsAs(there, daemon) && !more) return [];
    const before = more ?? ours[0];
    // Where it is somebody else's the refusal says what runs there.
    return before ? [{ kind: "stopDaemon", daemon: before }, start] : [start];
  });
}

/** Ours whose roles nobody wants any more. */
export function planLeftDaemons({ desired, owned, observed }: Situation): Step[] {
  return (observed.daemons ?? []).flatMap((there): Step[] => {
    if (findRole(desired.daemons, there.role)) return [];
    const daemon = owned.daemons.find((each) => runsAs(there, each));
    return daemon ? [{ kind: "stopDaemon", daemon }] : [];
  });
}

function pick(timeouts: Partial<Timeouts>, names: readonly (keyof Timeouts)[]): Partial<Timeouts> {
  return Object.fromEntries(
    names.filter((name) => timeouts[name] !== undefined).map((name) => [name, timeouts[name]]),
  );
}
