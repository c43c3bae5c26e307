/** What ip says when the kernel refuses, as the error that the kernel gave. */

import { CommandError, type LvscareError } from "../../errors.ts";
import { linkError } from "../link_errors.ts";
import type { Attempt } from "../refusal.ts";
import { errnoOfText } from "./strerror.ts";

/**
 * Where the kernel explains itself, ip prints the explanation and drops the errno. These are the explanations
 * of what can happen here.
 */
const EXPLANATIONS: readonly (readonly [text: string, errno: string])[] = [
  ["Unknown device type", "EOPNOTSUPP"],
  ["ipv4: Address already assigned", "EEXIST"],
  ["ipv6: address already assigned", "EEXIST"],
  ["ipv4: Address not found", "EADDRNOTAVAIL"],
  ["ipv6: address not found", "EADDRNOTAVAIL"],
  ["ipv6: IPv6 is disabled on this device", "EACCES"],
  ["ipv4: FIB table does not exist", "ENOENT"],
  ["ipv6: FIB table does not exist", "ENOENT"],
  ["Nexthop has invalid gateway", "ENETUNREACH"],
  ["Nexthop device is not up", "ENETDOWN"],
  ["Device for nexthop is not up", "ENETDOWN"],
  ["Egress device not specified", "ENODEV"],
  ["Invalid prefix for given prefix length", "EINVAL"],
  ["Invalid gateway address", "EINVAL"],
  ["Gateway can not be a local address", "EINVAL"],
];

/** The errno that ip's words mean, and the words; undefined where they mean none. */
export function ipErrno(stderr: string): { errno: string; text: string } | undefined {
  for (const line of stderr.split("\n")) {
    const answer = /^RTNETLINK answers: (.*)$/.exec(line)?.[1];
    const answered = answer === undefined ? undefined : errnoOfText(answer);
    if (answer !== undefined && answered !== undefined) return { errno: answered, text: answer };
    if (/^(?:Cannot find device|Device) ".*?"(?: does not exist\.?)?$/.test(line)) {
      return { errno: "ENODEV", text: line };
    }
    const said = /^Error: (.*?)\.?$/.exec(line)?.[1];
    const explained = EXPLANATIONS.find(([text]) => text === said);
    if (explained) return { errno: explained[1], text: explained[0] };
  }
  return undefined;
}

/** The error of the same class as over netlink, where the kernel spoke. */
export function ipError(error: CommandError, attempt: Attempt): LvscareError {
  const meant = ipErrno(error.stderr);
  if (meant) return linkError(attempt, meant.errno, { text: meant.text, cause: error });
  const { op, subject } = attempt;
  const said = error.stderr.trim().replace(/\s*\n\s*/g, "; ") || error.message;
  return new CommandError(
    `${op} ${subject}: ip: ${said}`,
    error.argv,
    error.exit,
    error.stderr,
    undefined,
    { op, subject, cause: error },
  );
}
