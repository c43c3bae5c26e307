/** What ipvsadm says when the kernel refuses, as the error that the kernel gave. */

import { CommandError, KernelError, type LvscareError, UnsupportedError } from "../../errors.ts";
import { explainIpvs, NO_IPVS_HINT } from "../hints.ts";
import type { IpvsRequest } from "../ipvs_request.ts";

/** ipvsadm's own sentences; where it has none it prints the C library's. */
const ERRNOS: readonly (readonly [text: string, errno: string])[] = [
  ["Service already exists", "EEXIST"],
  ["Destination already exists", "EEXIST"],
  ["Daemon has already run", "EEXIST"],
  ["Scheduler or persistence engine not found", "ENOENT"],
  ["No such destination", "ENOENT"],
  ["No such service", "ESRCH"],
  ["Service not defined", "ESRCH"],
  ["No daemon is running", "ESRCH"],
  ["Permission denied (you must be root)", "EPERM"],
  ["Invalid operation.  Possibly wrong module version, address not unicast, ...", "EINVAL"],
  ["Protocol not available", "ENOPROTOOPT"],
  ["Memory allocation problem", "ENOMEM"],
  ["Operation not supported with IPv6", "EOPNOTSUPP"],
  ["Operation not supported with specified address family", "EAFNOSUPPORT"],
  ["Module is wrong version", "EMSGSIZE"],
  ["File exists", "EEXIST"],
  ["No such process", "ESRCH"],
  ["No such file or directory", "ENOENT"],
  ["No such device", "ENODEV"],
  ["Numerical result out of range", "ERANGE"],
  ["Device or resource busy", "EBUSY"],
  ["Operation not permitted", "EPERM"],
  ["Address already in use", "EADDRINUSE"],
  ["Cannot assign requested address", "EADDRNOTAVAIL"],
  ["Network is unreachable", "ENETUNREACH"],
  ["Network is down", "ENETDOWN"],
  ["Resource temporarily unavailable", "EAGAIN"],
  ["Interrupted system call", "EINTR"],
  ["Bad address", "EFAULT"],
];

const NO_IPVS = /^Can't initialize ipvs: (.*)/m;

/** Whether the program could not even begin, for want of rights or of the kernel's IPVS. */
export function isStartFailure(stderr: string): boolean {
  return NO_IPVS.test(stderr);
}

/** The error that the words mean: the same class as over netlink where the kernel spoke. */
export function ipvsError(
  stderr: string,
  request: IpvsRequest,
  failed: {
    readonly argv: readonly string[];
    readonly exit: number | null;
    readonly cause?: unknown;
  },
): LvscareError {
  const context = {
    op: request.op,
    subject: request.subject,
    ...(failed.cause !== undefined && { cause: failed.cause }),
  };
  const noIpvs = NO_IPVS.exec(stderr);
  if (noIpvs) {
    const said = noIpvs[1]!;
    // Without CAP_NET_ADMIN the program cannot even ask.
    if (errnoOf(said) === "EPERM") return kernelError("EPERM", said, request, context);
    return new UnsupportedError(
      `${request.op} ${request.subject}: this kernel has no IPVS`,
      "ip_vs",
      {
        ...context,
        hint: NO_IPVS_HINT,
      },
    );
  }
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  for (const line of lines) {
    const errno = errnoOf(line);
    if (errno !== undefined) return kernelError(errno, line, request, context);
  }
  const said = lines.join("; ") || "it said nothing";
  return new CommandError(
    `${request.op} ${request.subject}: ipvsadm: ${said}`,
    failed.argv,
    failed.exit,
    stderr,
    undefined,
    context,
  );
}

function errnoOf(line: string): string | undefined {
  return ERRNOS.find(([text]) => line === text)?.[1];
}

function kernelError(
  errno: string,
  said: string,
  request: IpvsRequest,
  context: { readonly op: string; readonly subject: string; readonly cause?: unknown },
): KernelError {
  const { command, op, subject } = request;
  const { why, hint } = explainIpvs(command, errno, request);
  return new KernelError(
    `${op} ${subject}: ${why ?? said} (${errno})`,
    command,
    errno,
    {},
    { ...context, ...(hint !== undefined && { hint }) },
  );
}
