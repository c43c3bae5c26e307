/** The numbers of Linux's errors (asm-generic, which x86-64 and arm64 share), their names and meanings. */

const ERRNO: Readonly<Record<number, readonly [name: string, meaning: string]>> = {
  1: ["EPERM", "not permitted"],
  2: ["ENOENT", "no such thing"],
  3: ["ESRCH", "no such thing"],
  4: ["EINTR", "interrupted by a signal"],
  5: ["EIO", "input or output failed"],
  6: ["ENXIO", "no such device or address"],
  7: ["E2BIG", "too long"],
  8: ["ENOEXEC", "not an executable format"],
  9: ["EBADF", "bad file descriptor"],
  10: ["ECHILD", "no child process"],
  11: ["EAGAIN", "not ready, try again"],
  12: ["ENOMEM", "out of memory"],
  13: ["EACCES", "permission denied"],
  14: ["EFAULT", "bad memory address"],
  16: ["EBUSY", "busy"],
  17: ["EEXIST", "exists already"],
  18: ["EXDEV", "crosses devices"],
  19: ["ENODEV", "no such device"],
  20: ["ENOTDIR", "not a directory"],
  21: ["EISDIR", "is a directory"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "too many open files on this host"],
  24: ["EMFILE", "too many open files in this process"],
  25: ["ENOTTY", "not a terminal"],
  26: ["ETXTBSY", "file is being executed"],
  27: ["EFBIG", "file too large"],
  28: ["ENOSPC", "no space left"],
  29: ["ESPIPE", "cannot seek"],
  30: ["EROFS", "read-only"],
  31: ["EMLINK", "too many links"],
  32: ["EPIPE", "broken pipe"],
  33: ["EDOM", "outside of the domain"],
  34: ["ERANGE", "out of range"],
  35: ["EDEADLK", "would deadlock"],
  36: ["ENAMETOOLONG", "name too long"],
  38: ["ENOSYS", "not implemented by this kernel"],
  39: ["ENOTEMPTY", "not empty"],
  40: ["ELOOP", "too many links to follow"],
  61: ["ENODATA", "no data"],
  62: ["ETIME", "timer expired"],
  71: ["EPROTO", "protocol error"],
  74: ["EBADMSG", "bad message"],
  75: ["EOVERFLOW", "value too large"],
  84: ["EILSEQ", "bad byte sequence"],
  88: ["ENOTSOCK", "not a socket"],
  89: ["EDESTADDRREQ", "destination address required"],
  90: ["EMSGSIZE", "message too long"],
  91: ["EPROTOTYPE", "wrong protocol for the socket"],
  92: ["ENOPROTOOPT", "option not known to this kernel"],
  93: ["EPROTONOSUPPORT", "protocol not supported"],
  94: ["ESOCKTNOSUPPORT", "socket type not supported"],
  95: ["EOPNOTSUPP", "operation not supported"],
  96: ["EPFNOSUPPORT", "protocol family not supported"],
  97: ["EAFNOSUPPORT", "address family not supported"],
  98: ["EADDRINUSE", "address in use"],
  99: ["EADDRNOTAVAIL", "address not available"],
  100: ["ENETDOWN", "network is down"],
  101: ["ENETUNREACH", "network unreachable"],
  102: ["ENETRESET", "connection reset by the network"],
  103: ["ECONNABORTED", "connection aborted"],
  104: ["ECONNRESET", "connection reset"],
  105: ["ENOBUFS", "no buffer space left"],
  106: ["EISCONN", "connected already"],
  107: ["ENOTCONN", "not connected"],
  110: ["ETIMEDOUT", "timed out"],
  111: ["ECONNREFUSED", "connection refused"],
  112: ["EHOSTDOWN", "host is down"],
  113: ["EHOSTUNREACH", "host unreachable"],
  114: ["EALREADY", "under way already"],
  115: ["EINPROGRESS", "under way"],
  116: ["ESTALE", "stale handle"],
  122: ["EDQUOT", "quota exceeded"],
  125: ["ECANCELED", "cancelled"],
  132: ["ERFKILL", "switched off"],
  // The kernel's own; it should never show, but some subsystems let it through.
  524: ["ENOTSUPP", "operation not supported"],
};

const NUMBERS = new Map(
  Object.entries(ERRNO).map(([number, [name]]) => [name, Number(number)]),
);

/** The errno's name; an unknown number is its own name ("E4097"): ipset has private ones there. */
export function errnoName(errno: number): string {
  return ERRNO[errno]?.[0] ?? `E${errno}`;
}

/** What the errno means, in a few words. */
export function errnoMeaning(errno: number): string {
  return ERRNO[errno]?.[1] ?? `error ${errno}`;
}

/** The number of a name, or undefined. */
export function errnoNumber(name: string): number | undefined {
  const unknown = /^E(\d+)$/.exec(name);
  return NUMBERS.get(name) ?? (unknown ? Number(unknown[1]) : undefined);
}
