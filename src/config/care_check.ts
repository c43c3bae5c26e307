/** The --health flags: what a server is asked, and which answers are good. */

import { type HttpCheck, SCHEMES, statusRanges } from "./check.ts";
import type { CareFlagName } from "./care_flags.ts";
import {
  findAll,
  findOne,
  findValue,
  type Given,
  refuse,
  type Sources,
  splitList,
} from "./given.ts";
import { readHeaders, TOKEN } from "./headers.ts";
import { readChoice, readDurationMs, readInteger, readSwitch } from "./values.ts";

/** As many as Go's client follows, and LVScare with it. */
export const MOST_REDIRECTS = 10;

export function readCheck(sources: Sources): HttpCheck {
  const value = (flag: CareFlagName) => findValue(sources, flag);
  const scheme = value("health-schem");
  return {
    kind: "http",
    scheme: readChoice(scheme, SCHEMES, scheme.text.toLowerCase()),
    version: "1.1",
    method: readMethod(value("health-req-method")),
    body: findOne(sources, "health-req-body")?.text ?? "",
    headers: readHeaders(findAll(sources, "health-req-headers")),
    urls: [{
      path: readPath(value("health-path")),
      status: statusRanges(readStatus(findAll(sources, "health-status"))),
      expect: [],
    }],
    redirects: MOST_REDIRECTS,
    tls: { verify: !readSwitch(value("health-insecure-skip-verify")) },
    timeoutMs: readDurationMs(value("health-timeout"), { min: "1ms", max: "24h" }),
  };
}

/** As given: methods are told apart by case. */
export function readMethod(given: Given): string {
  if (!TOKEN.test(given.text)) refuse(given, "must be a method of HTTP, as GET or HEAD");
  if (given.text.toUpperCase() === "CONNECT") {
    refuse(given, "opens a tunnel and checks nothing, must be another method, as GET or HEAD");
  }
  return given.text;
}

export function readPath(given: Given): string {
  // LVScare's users leave the slash out.
  const text = given.text.startsWith("/") ? given.text : `/${given.text}`;
  if (text.includes("#")) {
    refuse(
      given,
      'has a fragment, must end before the "#"',
      "fragments are never sent to a server",
    );
  }
  if (!/^[\x21-\x7e]*$/.test(text)) {
    refuse(
      given,
      "must be printable ASCII without white space",
      "other characters stand there percent-encoded, as %20",
    );
  }
  return text;
}

function readStatus(givens: readonly Given[]): number[] {
  const codes = splitList(givens).map((given) => readInteger(given, 100, 599));
  // Those below are healthy without being named.
  return [...new Set(codes)].filter((code) => code >= 400);
}
