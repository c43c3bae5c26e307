/** The flags that say how servers are checked, and what a flag of `lvscare care` is. */

import { SCHEMES } from "./check.ts";
import type { FlagShape } from "./pflag.ts";

export interface CareFlag extends FlagShape {
  readonly choices?: readonly string[];
  /** What its value is, for the help; a switch has none. */
  readonly value?: string;
  /** Its value when nobody gives one, as it would be written. */
  readonly initial?: string;
  readonly help: string;
  readonly group: string;
}

const CHECKS = "How servers are checked:";

export const CHECK_FLAGS = [
  {
    group: CHECKS,
    name: "interval",
    kind: "value",
    value: "time",
    initial: "5s",
    help: "the time between checks, in seconds or as 500ms, 1m30s; from 100ms to 24h",
  },
  {
    group: CHECKS,
    name: "health-schem",
    kind: "value",
    value: "scheme",
    choices: SCHEMES,
    initial: "https",
    help: "http or https",
  },
  {
    group: CHECKS,
    name: "health-path",
    kind: "value",
    value: "path",
    initial: "/healthz",
    help: "the path, with a query where one is needed",
  },
  {
    group: CHECKS,
    name: "health-req-method",
    kind: "value",
    value: "method",
    initial: "GET",
    help: "the method of the request",
  },
  {
    group: CHECKS,
    name: "health-req-body",
    kind: "value",
    value: "text",
    initial: "",
    help: "the body of the request (without it: none)",
  },
  {
    group: CHECKS,
    name: "health-req-headers",
    kind: "list",
    value: "name=value,...",
    help: "headers of the request, Host too; repeat it or put commas between them " +
      "(without it: none)",
  },
  {
    group: CHECKS,
    name: "health-status",
    kind: "list",
    value: "code,...",
    help: "status codes from 400 to 599 that are healthy too (without it: only those below 400)",
  },
  {
    group: CHECKS,
    name: "health-insecure-skip-verify",
    kind: "switch",
    initial: "true",
    help: "accept every certificate; with =false only those that verify",
  },
  {
    group: CHECKS,
    name: "health-timeout",
    kind: "value",
    value: "time",
    initial: "10s",
    help: "the time that one check may take, from 1ms to 24h",
  },
] as const satisfies readonly CareFlag[];
