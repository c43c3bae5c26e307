/** A world for `lvscare run` and its like in which nothing is. */

import type { RunHost } from "../../src/cli/run.ts";
import { LvscareError } from "../../src/errors.ts";

const never = () => Promise.reject(new LvscareError("not here"));

export const NO_SERVICES: RunHost = {
  readFiles: never,
  convert: () => {
    throw new LvscareError("not here");
  },
  run: never,
  preview: never,
  devices: () => Promise.resolve(undefined),
  reload: never,
  status: never,
  now: () => 0,
  hasColors: false,
};
