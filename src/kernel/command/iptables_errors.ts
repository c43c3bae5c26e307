/** What the programs of iptables say when they fail, as the error that it means. */

import { CommandError, type LvscareError, UnsupportedError } from "../../errors.ts";
import { type Attempt, type Meaning, meaningOf, refusal } from "../refusal.ts";
import { errnoMeaning, errnoNumber } from "../../sys/errno.ts";
import { errnoOfText } from "./strerror.ts";

const MEANINGS: readonly Meaning[] = [
  { errno: "EPERM", why: "not permitted", hint: "it needs CAP_NET_ADMIN: run it as root" },
  {
    errno: "EAGAIN",
    why: "another program holds the lock of iptables for too long",
    hint: "see which one it is: fuser -v /run/xtables.lock",
  },
];

/** Sentences that the programs have for errors, and what they mean. */
const SENTENCES: readonly (readonly [words: RegExp, errno: string])[] = [
  [/holding the xtables lock/, "EAGAIN"],
  [/: Permission denied(?: \(you must be root\))?$/, "EPERM"],
  [/Operation not permitted/, "EPERM"],
  [/: Set \S+ doesn't exist\.$/, "ENOENT"],
];

/** nf_tables' own: "line 3: CHAIN_DEL failed (Device or resource busy): chain X". */
const NFT_FAILURE = /^line \d+: [A-Z_]+ failed \((.*?)\)/;

/** How a kernel without the part that they need is told, by either kind of iptables. */
const NO_KERNEL_PART =
  /Table does not exist|Failed to initialize nft: Protocol not supported|generation id: Invalid argument/;

/** The error that was meant: of the same class, whichever program of the family said it. */
export function iptablesError(error: unknown, attempt: Attempt): unknown {
  if (error instanceof UnsupportedError) return noProgram(error, attempt);
  if (!(error instanceof CommandError)) return error;
  const lines = error.stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (lines.some((line) => NO_KERNEL_PART.test(line))) return noKernelPart(error, attempt);
  for (const text of lines) {
    const errno = errnoOfLine(text);
    if (errno !== undefined) {
      const meaning = meaningOf(MEANINGS, attempt.op, errno);
      const why = meaning?.why ?? errnoMeaning(errnoNumber(errno) ?? 0);
      return refusal(attempt, errno, { why, hint: meaning?.hint }, { text, cause: error });
    }
  }
  return failure(error, lines, attempt);
}

/** Whether the failure can be that of a program, or a kernel, that knows no random source ports. */
export function mayLackRandomFully(error: unknown): boolean {
  const { cause } = error as Error;
  if (cause instanceof CommandError && /random-fully/.test(cause.stderr)) return true;
  return ["EINVAL", "EOPNOTSUPP"].some((errno) => (error as Partial<LvscareError>).is?.(errno));
}

/** Whether iptables-save read a rule whose set was gone when it asked for the name of it. */
export function isOutdated(error: unknown): boolean {
  return error instanceof CommandError &&
    /Set with index \d+ in kernel doesn't exist/.test(error.stderr);
}

/** Whether iptables-restore says that it could not begin with a table, and not why. */
export function tableNotOpened(error: unknown): string | undefined {
  if (!(error instanceof CommandError)) return undefined;
  return /unable to initialize table '(.*?)'/.exec(error.stderr)?.[1];
}

/** nft made rules in the table that iptables cannot print, so that ours could be there unseen. */
export function unreadableTable(table: string, { op, subject }: Attempt): UnsupportedError {
  return new UnsupportedError(
    `${op} ${subject}: table "${table}" holds rules of nft, must hold only rules that iptables can read`,
    "iptables",
    { op, subject, hint: "masquerade with nftables instead" },
  );
}

/** A rule of somebody else's refers to a chain that was to be removed. */
export function chainInUse(rule: string, chain: string, attempt: Attempt): LvscareError {
  return refusal(attempt, "EBUSY", {
    why: `rule "${rule}" refers to chain ${chain}, must be gone first`,
    hint: "it is somebody else's: remove it, then clean once more",
  });
}

function errnoOfLine(line: string): string | undefined {
  const sentence = SENTENCES.find(([words]) => words.test(line));
  if (sentence) return sentence[1];
  const reason = NFT_FAILURE.exec(line)?.[1];
  return reason === undefined ? undefined : errnoOfText(reason);
}

function noProgram(cause: UnsupportedError, { op, subject }: Attempt): UnsupportedError {
  return new UnsupportedError(`${op} ${subject}: ${cause.message}`, "iptables", {
    op,
    subject,
    hint: "install it: apt-get install iptables, or masquerade with nftables",
    cause,
  });
}

function noKernelPart(cause: CommandError, { op, subject }: Attempt): UnsupportedError {
  const said = cause.stderr.trim().replace(/\s*\n\s*/g, "; ");
  return new UnsupportedError(
    `${op} ${subject}: this kernel has no iptables: ${said}`,
    "iptables",
    {
      op,
      subject,
      hint: "load the modules: modprobe iptable_nat, modprobe iptable_filter (ip6table_ for IPv6)",
      cause,
    },
  );
}

function failure(
  error: CommandError,
  lines: readonly string[],
  { op, subject }: Attempt,
): CommandError {
  const said = lines.length > 0 ? lines.join("; ") : error.message;
  return new CommandError(
    `${op} ${subject}: ${said}`,
    error.argv,
    error.exit,
    error.stderr,
    undefined,
    { op, subject, cause: error },
  );
}
