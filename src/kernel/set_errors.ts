/** What the kernel's refusals mean for sets, and what to do about them. */

import { type LvscareError, UnsupportedError } from "../errors.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";
import { type Attempt, type Meaning, meaningOf, refusal, type Said } from "./refusal.ts";

const MEANINGS: readonly Meaning[] = [
  { errno: "EPERM", why: "not permitted", hint: "it needs CAP_NET_ADMIN: run it as root" },
  { errno: "ENOENT", why: "no such set", hint: "create the set first" },
  {
    errno: "EBUSY",
    why: "a rule or another set refers to it",
    hint: "remove the rules that match on it first: iptables-save shows them",
  },
  { errno: "ENOSPC", ops: ["add entry"], why: "the set is full" },
  { errno: "ENOSPC", why: "the kernel has as many sets as it can have" },
];

/** ipset's own errors: the common errno that callers ask for, and the meaning where that says too little. */
const OWN: Readonly<Record<string, readonly [errno: string, why?: string]>> = {
  IPSET_ERR_PROTOCOL: ["EPROTO", "the kernel does not understand the request"],
  IPSET_ERR_FIND_TYPE: ["EOPNOTSUPP", "set type not supported"],
  IPSET_ERR_MAX_SETS: ["ENOSPC"],
  IPSET_ERR_BUSY: ["EBUSY"],
  IPSET_ERR_EXIST_SETNAME2: ["EEXIST"],
  IPSET_ERR_TYPE_MISMATCH: ["EINVAL", "the sets are of different types"],
  IPSET_ERR_EXIST: ["EEXIST"],
  IPSET_ERR_INVALID_CIDR: ["EINVAL", "not a prefix that the set takes"],
  IPSET_ERR_INVALID_NETMASK: ["EINVAL", "not a netmask that the set takes"],
  IPSET_ERR_INVALID_FAMILY: ["EAFNOSUPPORT", "not a family that the set type has"],
  IPSET_ERR_TIMEOUT: ["EINVAL", "the set has no timeouts"],
  IPSET_ERR_REFERENCED: ["EBUSY"],
  IPSET_ERR_IPADDR_IPV4: ["EINVAL", "the set holds IPv4 addresses"],
  IPSET_ERR_IPADDR_IPV6: ["EINVAL", "the set holds IPv6 addresses"],
  IPSET_ERR_COUNTER: ["EINVAL", "the set has no counters"],
  IPSET_ERR_COMMENT: ["EINVAL", "the set has no comments"],
  IPSET_ERR_INVALID_MARKMASK: ["EINVAL", "not a mask that the set takes"],
  IPSET_ERR_SKBINFO: ["EINVAL", "the set has no packet metadata"],
  IPSET_ERR_BITMASK_NETMASK_EXCL: ["EINVAL", "a bitmask and a netmask exclude each other"],
  IPSET_ERR_HASH_FULL: ["ENOSPC"],
  IPSET_ERR_HASH_ELEM: ["EINVAL", "the set cannot hold such an entry"],
  IPSET_ERR_INVALID_PROTO: ["EINVAL", "not a protocol that the set takes"],
  IPSET_ERR_MISSING_PROTO: ["EINVAL", "an entry needs a protocol"],
  IPSET_ERR_HASH_RANGE_UNSUPPORTED: ["EINVAL", "the set takes no ranges"],
  IPSET_ERR_HASH_RANGE: ["EINVAL", "not a range that the set takes"],
};

/** The error for a refusal by the kernel; `errno` is a common one or one of ipset's own. */
export function setError(attempt: Attempt, errno: string, said: Said = {}): LvscareError {
  const { op, subject } = attempt;
  if (errno === "IPSET_ERR_FIND_TYPE") {
    return new UnsupportedError(
      `${op} ${subject}: this kernel has no sets of type hash:ip,port`,
      "ip_set_hash_ipport",
      {
        op,
        subject,
        hint: "load the module: modprobe ip_set_hash_ipport",
        ...(said.cause !== undefined && { cause: said.cause }),
      },
    );
  }
  const [common, ownWhy] = OWN[errno] ?? [errno];
  const meaning = meaningOf(MEANINGS, op, common);
  return refusal(attempt, common, {
    why: ownWhy ?? meaning?.why ?? errnoMeaning(errnoNumber(common) ?? 0),
    hint: meaning?.hint,
  }, common === errno ? said : { ...said, text: said.text ?? errno });
}

export function noIpset(attempt: Attempt, cause?: unknown): UnsupportedError {
  const { op, subject } = attempt;
  return new UnsupportedError(`${op} ${subject}: this kernel has no ipset`, "ip_set", {
    op,
    subject,
    hint: "load the module: modprobe ip_set",
    ...(cause !== undefined && { cause }),
  });
}
