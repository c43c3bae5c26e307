/** A world for `lvscare run` and its like in which nothing is. */

import type { DoctorHost } from "../../src/cli/doctor.ts";
import type { InstallHost } from "../../src/cli/install.ts";
import type { ProbeHost } from "../../src/cli/probe.ts";
import type { CliHost } from "../../src/cli/program.ts";
import type { RunHost } from "../../src/cli/run.ts";
import { systemClock } from "../../src/clock.ts";
import { LvscareError } from "../../src/errors.ts";

const never = () => Promise.reject(new LvscareError("not here"));

export const NO_SERVICES: RunHost = {
  readFiles: never,
  convert: () => {
    throw new LvscareError("not here");
  },
  run: never,
  prepare: never,
  preview: never,
  devices: () => Promise.resolve(undefined),
  reload: never,
  status: never,
  now: () => 0,
  hasColors: false,
};

/** A world for `lvscare probe` in which no server is. */
export const NO_PROBER: ProbeHost = {
  clock: systemClock,
  makeProbe: () => ({
    describe: () => "",
    run: () => Promise.resolve({ ok: false, reason: "not here" }),
  }),
  lookUp: () => Promise.resolve(undefined),
  hasColors: false,
};

/** A world for `lvscare doctor` in which nothing can be looked at. */
export const NO_DOCTOR: DoctorHost = {
  exists: () => false,
  look: never,
  fix: never,
  hasColors: false,
};

/** A world for `lvscare install` in which there is no program. */
export const NO_INSTALLER: InstallHost = {
  program: undefined,
  isRoot: false,
  folder: "/",
  openTree: () => {
    throw new LvscareError("not here");
  },
  systemctl: { look: never, run: never },
};

export const NO_TOOLS: Pick<CliHost, "prober" | "doctor" | "installer"> = {
  prober: NO_PROBER,
  doctor: NO_DOCTOR,
  installer: NO_INSTALLER,
};
