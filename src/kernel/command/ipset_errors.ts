/** What ipset says when the kernel refuses, as the error that the kernel gave. */

import { CommandError, type LvscareError } from "../../errors.ts";
import type { Attempt } from "../refusal.ts";
import { noIpset, setError } from "../set_errors.ts";
import { errnoOfText } from "./strerror.ts";

/** The beginnings of ipset's own sentences, and what the kernel said by them. */
const SENTENCES: readonly (readonly [text: string, errno: string])[] = [
  ["The set with the given name does not exist", "ENOENT"],
  ["Set cannot be created: set with the same name already exists", "EEXIST"],
  ["Set cannot be destroyed: it is in use by a kernel component", "IPSET_ERR_BUSY"],
  ["Element cannot be added to the set: it's already added", "IPSET_ERR_EXIST"],
  ["Element cannot be deleted from the set: it's not added", "IPSET_ERR_EXIST"],
  ["Hash is full, cannot add more elements", "IPSET_ERR_HASH_FULL"],
  ["Null-valued element, cannot be stored in a hash type of set", "IPSET_ERR_HASH_ELEM"],
  ["Kernel error received: set type not supported", "IPSET_ERR_FIND_TYPE"],
  ["Kernel error received: maximal number of sets reached", "IPSET_ERR_MAX_SETS"],
  ["Protocol family not supported by the set type", "IPSET_ERR_INVALID_FAMILY"],
];

/** What is done before anything is known of the kernel, and of which nothing else is invalid. */
const FIRST = ["find set", "list set", "add set"];

const KERNEL = /^Kernel error received: (.*)$/;

/** The errno that ipset's words mean, where they mean one. */
export function ipsetErrno(stderr: string): string | undefined {
  for (const line of stderr.split("\n")) {
    const said = line.replace(/^ipset v\S+: /, "").trim();
    const sentence = SENTENCES.find(([text]) => said.startsWith(text));
    if (sentence) return sentence[1];
    const kernel = KERNEL.exec(said)?.[1];
    const errno = kernel === undefined ? undefined : errnoOfText(kernel);
    if (errno !== undefined) return errno;
  }
  return undefined;
}

/** The error of the same class as over netlink, where the kernel spoke. */
export function ipsetError(error: CommandError, attempt: Attempt): LvscareError {
  const errno = ipsetErrno(error.stderr);
  // What ipset first asks for is the protocol, and a kernel without ipset takes that for invalid.
  if (errno === "EINVAL" && FIRST.includes(attempt.op)) return noIpset(attempt, error);
  if (errno !== undefined) return setError(attempt, errno, { cause: error });
  const { op, subject } = attempt;
  const said = error.stderr.trim().replace(/\s*\n\s*/g, "; ") || error.message;
  return new CommandError(
    `${op} ${subject}: ${said}`,
    error.argv,
    error.exit,
    error.stderr,
    undefined,
    { op, subject, cause: error },
  );
}
