/** What the kernel's refusals mean for nftables, and what to do about them. */

import { type LvscareError, UnsupportedError } from "../errors.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";
import { type Attempt, type Meaning, meaningOf, refusal, type Said } from "./refusal.ts";

const MEANINGS: readonly Meaning[] = [
  { errno: "EPERM", why: "not permitted", hint: "it needs CAP_NET_ADMIN: run it as root" },
  {
    errno: "ENOENT",
    ops: ["change entries"],
    why: "no such set, or an entry is gone",
    hint: "make the rules first",
  },
  {
    errno: "ENOENT",
    why: "the kernel lacks a part of nftables",
    hint: "load the modules: modprobe nft_chain_nat, modprobe nft_masq",
  },
  { errno: "EBUSY", why: "a rule of another table's owner refers to it" },
  { errno: "ENOSPC", why: "the set is full" },
];

export function nftError(attempt: Attempt, errno: string, said: Said = {}): LvscareError {
  const meaning = meaningOf(MEANINGS, attempt.op, errno);
  const why = meaning?.why ?? errnoMeaning(errnoNumber(errno) ?? 0);
  return refusal(attempt, errno, { why, hint: meaning?.hint }, said);
}

export function noNftables({ op, subject }: Attempt, cause?: unknown): UnsupportedError {
  return new UnsupportedError(`${op} ${subject}: this kernel has no nftables`, "nf_tables", {
    op,
    subject,
    hint: "load the module: modprobe nf_tables, or use --masquerade iptables",
    ...(cause !== undefined && { cause }),
  });
}
