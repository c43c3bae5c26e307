/** What goes wrong with the state directory: the host refuses, or a file holds something else than a value. */

import { LvscareError, SyscallError } from "../errors.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";

const ELSEWHERE = "give another directory with --state-dir";

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: `free space there, or ${ELSEWHERE}`,
  EDQUOT: `free space there, or ${ELSEWHERE}`,
  EFBIG: "care for fewer servers",
};

/** A stored value that must not be believed. Until it is discarded it stays where it is, to be looked at. */
export class CorruptStateError extends LvscareError {
  override readonly name = "CorruptStateError";
  constructor(
    readonly file: string,
    /** What is, and what must be: "is empty, must be JSON". */
    readonly reason: string,
    cause?: unknown,
  ) {
    super(`read state ${JSON.stringify(file)}: ${reason}`, {
      op: "read state",
      subject: file,
      hint: "move the file away; what it remembered must then be cleaned up by hand",
      ...(cause !== undefined && { cause }),
    });
  }
}

/** Says of every refusal by the host what was being done to which path; errors of other kinds pass. */
export function attempt<T>(op: string, path: string, must: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === undefined ? error : refusal(op, path, must, errno, error);
  }
}

/** The error of an operation that the host refused, or would. */
export function refusal(
  op: string,
  path: string,
  must: string,
  errno: string,
  cause?: unknown,
): SyscallError {
  const number = errnoNumber(errno);
  const is = number === undefined ? errno : `${errnoMeaning(number)} (${errno})`;
  const call = cause instanceof SyscallError ? cause.call : op;
  return new SyscallError(`${op} ${JSON.stringify(path)}: ${is}, ${must}`, call, errno, {
    op,
    subject: path,
    hint: HINTS[errno] ?? ELSEWHERE,
    ...(cause !== undefined && { cause }),
  });
}

/** The errno's name of an error of ours or of Deno's, which keeps it as `code`. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof SyscallError) return error.errno;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
