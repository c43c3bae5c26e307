/** What servers can be asked, as values. Every one of them is read by one prober of src/health/probes. */

import type { Address } from "../model/address.ts";
import type { ProxyProtocol } from "../wire/proxy_protocol.ts";

/** Where a check's packets come from; what is undefined is the kernel's choice. */
export interface SourceConfig {
  readonly address?: Address | undefined;
  readonly port?: number | undefined;
  readonly device?: string | undefined;
  readonly mark?: number | undefined;
}

/** What every check has. */
export interface CheckBasics {
  /** For the whole check, redirects and several requests too. */
  readonly timeoutMs: number;
  readonly source?: SourceConfig | undefined;
}

export interface TlsConfig {
  /** Refuse certificates that are not trusted, or of another server. */
  readonly verify: boolean;
  /**
   * Whom the server is asked for and whom its certificate must name; undefined: the host of the request; empty:
   * it is not asked for anybody.
   */
  readonly serverName?: string | undefined;
  /** Files in PEM. Authorities to be trusted instead of the host's; what the server may demand of us. */
  readonly caFile?: string | undefined;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** A text that is looked for in an answer, or a pattern; with `not` it must not be there. */
export interface TextExpectation {
  readonly kind: "contains" | "pattern";
  readonly text: string;
  readonly ignoreCase?: boolean | undefined;
  readonly not?: boolean | undefined;
  /** Where in the answer the pattern may begin; what is before and behind is not looked at. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** What the whole body comes to, in hexadecimal. */
export interface DigestExpectation {
  readonly kind: "md5" | "sha256";
  readonly text: string;
}

export type Expectation = TextExpectation | DigestExpectation;

export type StatusRange = readonly [first: number, last: number];

/** One request of a check. */
export interface HttpUrl {
  /** Path and query. */
  readonly path: string;
  /** Whom the server is asked as; undefined: the header Host, or the endpoint. */
  readonly host?: string | undefined;
  readonly status: readonly StatusRange[];
  /** All of them must hold. */
  readonly expect: readonly Expectation[];
}

export const SCHEMES = ["http", "https"] as const;
export const HTTP_VERSIONS = ["1.0", "1.1", "2"] as const;

export interface HttpCheck extends CheckBasics {
  readonly kind: "http";
  readonly scheme: typeof SCHEMES[number];
  readonly version: typeof HTTP_VERSIONS[number];
  /** As it was given: methods are told apart by case. */
  readonly method: string;
  /** Empty: none. */
  readonly body: string;
  /** In the order given, each name once; never one that belongs to the connection. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** At least one, asked in turn; each must be answered well. */
  readonly urls: readonly HttpUrl[];
  /** How many redirects are followed; what the last of them answers is what counts. */
  readonly redirects: number;
  readonly tls: TlsConfig;
  readonly proxyProtocol?: ProxyProtocol | undefined;
}

/** Bytes of any protocol. */
export interface TcpCheck extends CheckBasics {
  readonly kind: "tcp";
  readonly tls: TlsConfig | undefined;
  /** What is said when the connection is there. */
  readonly send: Uint8Array | undefined;
  /** Read until all of it holds; empty: nothing is read. */
  readonly expect: readonly Expectation[];
  readonly proxyProtocol?: ProxyProtocol | undefined;
}

export interface TlsCheck extends CheckBasics {
  readonly kind: "tls";
  readonly tls: TlsConfig;
  /** The certificate must be valid for at least so long. */
  readonly days: number;
}

export interface UdpCheck extends CheckBasics {
  readonly kind: "udp";
  readonly send: Uint8Array;
  readonly expect: readonly Expectation[];
  /** Whether a server that says nothing, and does not refuse, is healthy. */
  readonly silenceIsGood: boolean;
}

export interface IcmpCheck extends CheckBasics {
  readonly kind: "icmp";
  /** Bytes behind the header. */
  readonly size: number;
}

export interface DnsCheck extends CheckBasics {
  readonly kind: "dns";
  readonly name: string;
  /** As in a zone file: "A", "SOA". */
  readonly record: string;
  readonly transport: "udp" | "tcp";
  /** By name: "NOERROR". */
  readonly codes: readonly string[];
  /** At least one record of the answer must be one of these, as text; empty: any answer. */
  readonly answers: readonly string[];
  /** Whether an answer without a record is good. */
  readonly emptyIsGood: boolean;
}

export interface SmtpCheck extends CheckBasics {
  readonly kind: "smtp";
  /** Who we say that we are. */
  readonly helo: string;
  readonly security: "none" | "starttls" | "tls";
  readonly tls: TlsConfig;
}

export interface GrpcCheck extends CheckBasics {
  readonly kind: "grpc";
  /** Empty: the server as a whole. */
  readonly service: string;
  readonly tls: TlsConfig | undefined;
}

export interface ExecCheck extends CheckBasics {
  readonly kind: "exec";
  readonly command: readonly [string, ...string[]];
  /** Numbers, or undefined: as this program runs. */
  readonly user: string | undefined;
  /** A status of 2 and above is healthy, and the weight is the status without 2. */
  readonly statusIsWeight: boolean;
}

/** A file that says a weight, "up" or "down"; with a scale, a number that changes a weight. */
export interface FileCheck extends CheckBasics {
  readonly kind: "file";
  readonly path: string;
  /** The weight is the base and so many times the number; with 0, any number but 0 is a failure. */
  readonly scale: number | undefined;
  readonly base: number;
}

export type CheckRequest =
  | HttpCheck
  | TcpCheck
  | TlsCheck
  | UdpCheck
  | IcmpCheck
  | DnsCheck
  | SmtpCheck
  | GrpcCheck
  | ExecCheck
  | FileCheck;

/** All that is below 400, and those. */
export function statusRanges(extra: readonly number[]): readonly StatusRange[] {
  return [[100, 399], ...extra.map((code): StatusRange => [code, code])];
}
