/** Why a probe failed, in words that a person uses. The log line says of whom. */

import { LvscareError, SyscallError } from "../../errors.ts";
import type { BadResult } from "./probe.ts";

/** A failure whose message is the probe's reason. */
export class ProbeFailure extends LvscareError {
  override readonly name: string = "ProbeFailure";
}

/** A check that could not be made: it is not the server that is to blame. */
export class UnableError extends ProbeFailure {
  override readonly name = "UnableError";
}

const NO_FILES = "local resources exhausted: too many open files";
const NOT_PERMITTED = "not permitted by this host, as by its firewall";
const NOT_TRUSTED = "certificate not trusted";

/** By the codes of Deno's and Node's errors. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  ECONNABORTED: "connection aborted",
  EHOSTUNREACH: "no route to host",
  EHOSTDOWN: "host is down",
  ENETUNREACH: "network unreachable",
  ENETDOWN: "network is down",
  ETIMEDOUT: "connection timed out",
  EACCES: NOT_PERMITTED,
  EPERM: NOT_PERMITTED,
  EADDRNOTAVAIL: "local resources exhausted: no free port",
  EMFILE: NO_FILES,
  ENFILE: NO_FILES,
  ENOBUFS: "local resources exhausted: no buffer space",
  ENOMEM: "local resources exhausted: out of memory",
  CERT_HAS_EXPIRED: "certificate expired",
  CERT_NOT_YET_VALID: "certificate not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate is for another name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  ERR_SSL_WRONG_VERSION_NUMBER: "TLS handshake failed: the server answered without TLS",
};

/** What a server's alerts come to; of protocols it is offered HTTP/2 alone, or none. */
const BY_ALERT: Readonly<Record<string, string>> = {
  NoApplicationProtocol: "the server speaks no HTTP/2",
  CertificateRequired: "TLS handshake failed: the server demands a certificate",
};

/** This host's own troubles, and no word about a server. */
const UNABLE: ReadonlySet<string> = new Set([
  ...["EACCES", "EPERM", "EADDRNOTAVAIL", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"],
]);

/** What a socket is told before it connects, and what it means that the kernel refuses. */
const BEFORE: Readonly<Record<string, (error: SyscallError) => string>> = {
  source: ({ subject, errno }) =>
    errno === "EADDRNOTAVAIL"
      ? `the source ${subject} is no address of this host`
      : `the source ${subject} cannot be used: ${known(errno, "CAP_NET_BIND_SERVICE")}`,
  device: ({ subject, errno }) =>
    errno === "ENODEV"
      ? `the device "${subject}" is not there`
      : `the device "${subject}" cannot be used: ${known(errno, "CAP_NET_RAW")}`,
  mark: ({ subject, errno }) =>
    `the mark ${subject} cannot be set: ${known(errno, "CAP_NET_ADMIN")}`,
};

function known(errno: string, capability: string): string {
  if (errno === "EPERM" || errno === "EACCES") return `not permitted, needs ${capability}`;
  return errno === "EADDRINUSE" ? "in use" : errno;
}

/** The result of a check that ended with this. */
export function failureOf(error: unknown, hostname: string): BadResult {
  const reason = reasonOf(error, hostname);
  return isUnable(error) ? { ok: false, reason, unable: true } : { ok: false, reason };
}

export function isUnable(error: unknown): boolean {
  if (error instanceof UnableError || error instanceof SyscallError) return true;
  return error instanceof Error && UNABLE.has(codeOf(error));
}

/** What Node says of a name; Deno has words alone. */
const NO_NAME = ["ENOTFOUND", "EAI_AGAIN"];

/** `hostname` is what was to be connected to: where it is a name, it may be one that is not found. */
export function reasonOf(error: unknown, hostname: string): string {
  if (error instanceof ProbeFailure) return error.message;
  if (error instanceof SyscallError) return BEFORE[error.call]?.(error) ?? error.message;
  if (!(error instanceof Error)) return firstLine(String(error));
  const { message } = error;
  const code = codeOf(error);
  // Its code says only that the connection was reset.
  if (code === "ECONNRESET" && /socket disconnected before secure/.test(message)) {
    return "TLS handshake failed: connection closed";
  }
  // Most have a code that is known, and patterns are slow the first time.
  const known = BY_CODE[code] ?? BY_ALERT[alertOf(message)];
  if (known !== undefined) return known;
  if (NO_NAME.includes(code) || /failed to lookup address/.test(message)) {
    return `host name "${hostname}" not found`;
  }
  if (/^ERR_(?:SSL|TLS)_/.test(code) || /^received (?:corrupt|fatal)/.test(message)) {
    return `TLS handshake failed: ${firstLine(message)}`;
  }
  return firstLine(message);
}

function alertOf(message: string): string {
  return /^received fatal alert: (\w+)/.exec(message)?.[1] ?? "";
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

/** A log line takes no more. */
const LONGEST = 200;

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/ \(os error \d+\)/, "").slice(0, LONGEST);
}
