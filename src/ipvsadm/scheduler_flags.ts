/** The names of scheduler flags: each scheduler gives its own meaning to the same three bits. */

import type { SchedulerFlag } from "../model/ipvs.ts";

const OWN_NAMES: Readonly<Record<string, Readonly<Partial<Record<SchedulerFlag, string>>>>> = {
  sh: { 1: "sh-fallback", 2: "sh-port" },
  mh: { 1: "mh-fallback", 2: "mh-port" },
};

export const FLAGS: readonly SchedulerFlag[] = [1, 2, 3];

export function schedulerFlagName(scheduler: string, flag: SchedulerFlag): string {
  return OWN_NAMES[scheduler]?.[flag] ?? `flag-${flag}`;
}

/** Whether ipvsadm, which takes every flag, also shows it again: of sh and mh it shows only the named ones. */
export function isShown(scheduler: string, flag: SchedulerFlag): boolean {
  const own = OWN_NAMES[scheduler];
  return own === undefined || own[flag] !== undefined;
}

/** "sh-fallback,sh-port" */
export function printSchedulerFlags(scheduler: string, flags: readonly SchedulerFlag[]): string {
  return flags.map((flag) => schedulerFlagName(scheduler, flag)).join(",");
}

export type SchedulerFlagAnswer =
  | { readonly flag: SchedulerFlag }
  /** The name is a flag's, but of this other scheduler. */
  | { readonly belongsTo: string }
  | undefined;

/** Which flag the name means for a scheduler; "flag-1" to "flag-3" are good for every one. */
export function schedulerFlag(scheduler: string, name: string): SchedulerFlagAnswer {
  const general = FLAGS.find((flag) => name === `flag-${flag}`);
  if (general !== undefined) return { flag: general };
  for (const [owner, names] of Object.entries(OWN_NAMES)) {
    const flag = FLAGS.find((each) => names[each] === name);
    if (flag !== undefined) return owner === scheduler ? { flag } : { belongsTo: owner };
  }
  return undefined;
}

/** All names that a scheduler's flags have, for a message. */
export function schedulerFlagNames(scheduler: string): string[] {
  return [
    ...Object.values(OWN_NAMES[scheduler] ?? {}),
    ...FLAGS.map((flag) => `flag-${flag}`),
  ];
}
