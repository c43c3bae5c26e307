/** What was tried and refused, as one error. */

import { KernelError } from "../errors.ts";

/** What is being done, as an operator would say it. */
export interface Attempt {
  /** By the kernel's name, for errors: "RTM_NEWADDR". */
  readonly command: string;
  /** "add address". */
  readonly op: string;
  /** "10.0.0.1/32 on lvscare". */
  readonly subject: string;
}

/** One line of a table that says what refusals mean. */
export interface Meaning {
  readonly errno: string;
  /** The operations it is said of; all where there are none. */
  readonly ops?: readonly string[];
  readonly why: string;
  readonly hint?: string;
}

/** What the kernel, or a program that asked it, said beside the errno. */
export interface Said {
  readonly text?: string | undefined;
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

/** The first line that fits counts. */
export function meaningOf(
  table: readonly Meaning[],
  op: string,
  errno: string,
): Meaning | undefined {
  return table.find((line) => line.errno === errno && (line.ops?.includes(op) ?? true));
}

/** "add address 10.0.0.1/32 on lvscare: no such device (ENODEV)". */
export function refusal(
  { command, op, subject }: Attempt,
  errno: string,
  { why, hint }: { readonly why: string; readonly hint?: string | undefined },
  said: Said = {},
): KernelError {
  const { text, offset, cause } = said;
  const detail = text === undefined ? "" : `: ${text}`;
  return new KernelError(
    `${op} ${subject}: ${why} (${errno})${detail}`,
    command,
    errno,
    { ...(text !== undefined && { text }), ...(offset !== undefined && { offset }) },
    { op, subject, ...(hint !== undefined && { hint }), ...(cause !== undefined && { cause }) },
  );
}
