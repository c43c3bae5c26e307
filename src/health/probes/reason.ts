/** Why a probe failed, in words that a person uses. The log line says of whom. */

import { MalformedAnswer } from "./http_message.ts";

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
  EACCES: "not permitted by this host's firewall",
  EPERM: "not permitted by this host's firewall",
  EADDRNOTAVAIL: "local resources exhausted: no free port",
  EMFILE: "local resources exhausted: too many open files",
  ENFILE: "local resources exhausted: too many open files",
  ENOBUFS: "local resources exhausted: no buffer space",
  ENOMEM: "local resources exhausted: out of memory",
};

/** By what their messages hold, where there is no code. */
const BY_MESSAGE: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/certificate.*(?:Expired|expired)/, "certificate expired"],
  [/certificate.*(?:NotValidYet|not valid yet)/, "certificate not valid yet"],
  [/certificate.*(?:NotValidForName|not valid for)/, "certificate is for another name"],
  [
    /certificate.*(?:UnknownIssuer|CaUsedAsEndEntity|UnsupportedCertVersion)/,
    "certificate not trusted",
  ],
  [/certificate.*Revoked/, "certificate revoked"],
];

export function reasonOf(error: unknown): string {
  if (error instanceof MalformedAnswer) return `malformed answer: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const known = code === undefined ? undefined : BY_CODE[code];
  if (known !== undefined) return known;
  if (error instanceof Deno.errors.UnexpectedEof) return "connection closed before an answer";
  const { message } = error;
  const byMessage = BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1];
  if (byMessage !== undefined) return byMessage;
  if (/failed to lookup|Name or service|ENOTFOUND/.test(message)) return "host name not found";
  if (/tls|ssl|handshake|received (?:corrupt|fatal)/i.test(message)) {
    return `TLS handshake failed: ${firstLine(message)}`;
  }
  return firstLine(message);
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/ \(os error \d+\)/, "").slice(0, 200);
}
