/** Checks as tests make them: what is not said is what most of them want. */

import { PATIENCE_MS, SILENCE_MS } from "./check_lab.ts";
import {
  type CheckRequest,
  type Expectation,
  type HttpCheck,
  type HttpUrl,
  statusRanges,
  type TlsConfig,
} from "../../src/config/check.ts";

export type CheckKind = CheckRequest["kind"];
export type CheckOf<K extends CheckKind> = Extract<CheckRequest, { readonly kind: K }>;

const CERTIFICATES = new URL("certificates/", import.meta.url).pathname;

/** The path of a file of certificates/. */
export function pem(name: string): string {
  return `${CERTIFICATES}${name}`;
}

/** Whoever is not signed by the authority of certificates/ is refused. */
export const VERIFY: TlsConfig = { verify: true, caFile: pem("authority.pem") };
export const TRUST_ALL: TlsConfig = { verify: false };
/** Says who it is, too. */
export const KNOWN: TlsConfig = {
  ...VERIFY,
  certificateFile: pem("trusted.pem"),
  keyFile: pem("server.key"),
};

const timeoutMs = PATIENCE_MS;

const DEFAULTS: { readonly [K in CheckKind]: CheckOf<K> } = {
  http: {
    ...{ kind: "http", scheme: "http", version: "1.1", method: "GET", body: "", headers: [] },
    ...{ urls: [url()], redirects: 10, tls: TRUST_ALL, timeoutMs },
  },
  tcp: { kind: "tcp", tls: undefined, send: undefined, expect: [], timeoutMs },
  tls: { kind: "tls", tls: TRUST_ALL, days: 0, timeoutMs },
  udp: { kind: "udp", send: bytes("ping"), expect: [], silenceIsGood: false, timeoutMs },
  icmp: { kind: "icmp", size: 56, timeoutMs },
  dns: {
    ...{ kind: "dns", name: "www.check.test", record: "A", transport: "udp", codes: ["NOERROR"] },
    ...{ answers: [], emptyIsGood: false, timeoutMs },
  },
  smtp: { kind: "smtp", helo: "localhost", security: "none", tls: TRUST_ALL, timeoutMs },
  grpc: { kind: "grpc", service: "", tls: undefined, timeoutMs },
  exec: {
    ...{ kind: "exec", command: ["/bin/true"], user: undefined, statusIsWeight: false },
    timeoutMs,
  },
  file: { kind: "file", path: "/nonexistent", scale: undefined, base: 1, timeoutMs },
};

export function checkOf<K extends CheckKind>(
  kind: K,
  more: Partial<Omit<CheckOf<K>, "kind">> = {},
): CheckOf<K> {
  return { ...DEFAULTS[kind], ...more };
}

/** That gives up soon: for servers that never answer. */
export function impatient<C extends CheckRequest>(check: C): C {
  return { ...check, timeoutMs: SILENCE_MS };
}

export function url(more: Partial<HttpUrl> = {}): HttpUrl {
  return { path: "/healthz", status: statusRanges([]), expect: [], ...more };
}

/** A check of one path, and what must be in its answer. */
export function httpOf(more: Partial<HttpCheck & HttpUrl> = {}): HttpCheck {
  const { path = "/healthz", status = statusRanges([]), expect = [], host, ...others } = more;
  return checkOf("http", { urls: [{ path, status, expect, host }], ...others });
}

export function contains(text: string, more: { readonly not?: boolean } = {}): Expectation {
  return { kind: "contains", text, ...more };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
