/** What the kernel's refusals mean for devices, addresses and routes, and what to do about them. */

import { type LvscareError, UnsupportedError } from "../errors.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";
import { type Attempt, type Meaning, meaningOf, refusal, type Said } from "./refusal.ts";

const ADD_ROUTE = ["add route"];
const ADD_ADDRESS = ["add address"];

const MEANINGS: readonly Meaning[] = [
  { errno: "EPERM", why: "not permitted", hint: "it needs CAP_NET_ADMIN: run it as root" },
  { errno: "ENODEV", why: "no such device", hint: "create the device first" },
  { errno: "EEXIST", ops: ["add device"], why: "the name is taken" },
  {
    errno: "EEXIST",
    ops: ADD_ADDRESS,
    why: "the device has this address already, with another prefix",
    hint: "remove it there, or use the same prefix",
  },
  {
    errno: "EACCES",
    ops: ADD_ADDRESS,
    why: "IPv6 is switched off on this device",
    hint: "set net.ipv6.conf.{device}.disable_ipv6 to 0",
  },
  { errno: "ENETUNREACH", ops: ADD_ROUTE, why: "no way to the gateway", hint: gatewayHint() },
  { errno: "EHOSTUNREACH", ops: ADD_ROUTE, why: "no way to the gateway", hint: gatewayHint() },
  {
    errno: "ENETDOWN",
    ops: ADD_ROUTE,
    why: "the device of this way is down",
    hint: "bring the device up first",
  },
  {
    errno: "EOPNOTSUPP",
    ops: [...ADD_ADDRESS, ...ADD_ROUTE],
    why: "address family not supported",
    hint: "this kernel is without IPv6",
  },
  {
    errno: "EAFNOSUPPORT",
    ops: [...ADD_ADDRESS, ...ADD_ROUTE],
    why: "address family not supported",
    hint: "this kernel is without IPv6",
  },
];

function gatewayHint(): string {
  return "a gateway must be on a network that one of this host's devices is on";
}

/** The error for a refusal by the kernel, whoever asked it. */
export function linkError(attempt: Attempt, errno: string, said: Said = {}): LvscareError {
  const { op, subject } = attempt;
  if (op === "add device" && errno === "EOPNOTSUPP") {
    return new UnsupportedError(`${op} ${subject}: this kernel has no dummy devices`, "dummy", {
      op,
      subject,
      hint: "load the module: modprobe dummy",
      ...(said.cause !== undefined && { cause: said.cause }),
    });
  }
  const meaning = meaningOf(MEANINGS, op, errno);
  const device = / on (\S+)$/.exec(subject)?.[1] ?? "all";
  return refusal(attempt, errno, {
    why: meaning?.why ?? errnoMeaning(errnoNumber(errno) ?? 0),
    hint: meaning?.hint?.replace("{device}", device),
  }, said);
}
