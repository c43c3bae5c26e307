/** What can be said of a check in a file. */

import { DNS_CODES, DNS_TYPES, isDnsName } from "../../health/probes/dns_message.ts";
import { compilePattern, PatternError } from "../../health/probes/pattern.ts";
import { isDeviceName } from "../../model/link.ts";
import { PROXY_PROTOCOLS } from "../../wire/proxy_protocol.ts";
import { readMethod, readPath } from "../care_check.ts";
import { type Expectation, HTTP_VERSIONS, type SourceConfig, type StatusRange } from "../check.ts";
import { STARTS, UNABLE } from "../config.ts";
import { type Given, refuse } from "../given.ts";
import { checkHeader, type Header, TOKEN } from "../headers.ts";
import {
  complainOf,
  type Fields,
  listOf,
  mapped,
  oneOrMore,
  scalar,
  type Shape,
  shortFor,
  type Table,
  table,
  tableOf,
  type ValuesOf,
} from "./shape.ts";
import {
  absolutePath,
  choice,
  command,
  duration,
  flag,
  hostAddress,
  percent,
  text,
  whole,
} from "./scalars.ts";

export const CHECK_TYPES = [
  ...["http", "https", "tcp", "tls", "udp", "icmp", "dns", "smtp", "grpc", "exec", "file"] as const,
  "none",
] as const;
export type CheckType = typeof CHECK_TYPES[number];

/** Headers, by their names. */
const headers: Shape<readonly Header[]> = {
  schema: { type: "object", additionalProperties: { type: "string" } },
  read(node, place) {
    if (node.kind !== "map") return place.complain(node, "must be a map of names to values");
    const read: Header[] = [];
    for (const { key, at, value } of node.entries) {
      const inside = place.inside(key);
      if (!TOKEN.test(key)) place.complain({ at }, "must be the name of a header");
      else if (value.kind !== "scalar") inside.complain(value, "must be a single value");
      else {
        try {
          read.push(checkHeader({ text: "", name: "", origin: "file" }, key, value.text));
        } catch (error) {
          complainOf(error, value, inside);
        }
      }
    }
    return read;
  },
};

const interval = duration({ min: "100ms", max: "24h" });
const path = scalar({ type: "string" }, readPath);

/** "200", or "200-299". */
const statusRanges: Shape<readonly StatusRange[]> = oneOrMore(
  scalar({ type: ["integer", "string"], pattern: "^\\d{3}(-\\d{3})?$" }, readStatusRange),
);

function readStatusRange(given: Given): StatusRange {
  const [, first, last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(given.text) ?? [];
  const range = [Number(first), Number(last)] as const;
  if (range[0] >= 100 && range[1] <= 599 && range[0] <= range[1]) return range;
  return refuse(given, "must be a status from 100 to 599, or two as 200-299");
}

const pattern: Shape<string> = scalar({ type: "string" }, (given) => {
  try {
    compilePattern(given.text);
    return given.text;
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return refuse(given, error.message);
  }
});

function digest(length: number): Shape<string> {
  return scalar(
    { type: "string", pattern: `^[0-9a-fA-F]{${length}}$` },
    (given) =>
      given.text.length === length && /^[0-9a-f]*$/i.test(given.text)
        ? given.text
        : refuse(given, `must be ${length} hexadecimal digits`),
  );
}

const EXPECT = {
  contains: { shape: text, help: "A text that must be in the answer" },
  pattern: {
    shape: pattern,
    help: "A regular expression that must match somewhere in it, in linear time: no look-around " +
      "and no back references",
  },
  md5: { shape: digest(32), help: "The MD5 digest of the whole answer" },
  sha256: { shape: digest(64), help: "The SHA-256 digest of the whole answer" },
  "ignore-case": { shape: flag, help: "Without regard to case, of ASCII letters. Default: false" },
  not: { shape: flag, help: "It must not be there. Default: false" },
  from: { shape: whole(0, 1 << 20), help: "Where in the answer it may begin. Default: 0" },
  to: { shape: whole(0, 1 << 20), help: "Where it must have begun. Default: the end" },
} as const satisfies Fields;

type ExpectTable = Table<ValuesOf<typeof EXPECT>>;

const KINDS = ["contains", "pattern", "md5", "sha256"] as const;

const expectation: Shape<Expectation> = {
  schema: { oneOf: [text.schema, table(EXPECT).schema] },
  read(node, place) {
    if (node.kind !== "map") {
      const contained = text.read(node, place);
      return contained === undefined ? undefined : { kind: "contains", text: contained };
    }
    const read = table(EXPECT).read(node, place);
    return read && readExpectation(read);
  },
};

function readExpectation({ values, node, place }: ExpectTable): Expectation | undefined {
  const [kind, ...more] = KINDS.filter((each) => node.entries.some(({ key }) => key === each));
  if (kind === undefined) {
    return place.complain(node, `has none of ${KINDS.join(", ")}, must have one`);
  }
  if (more.length > 0) return place.complain(node, `has ${kind} and ${more[0]}, must have one`);
  const wanted = values[kind];
  if (wanted === undefined) return undefined;
  if (kind === "md5" || kind === "sha256") return { kind, text: wanted };
  const { from, to, not, "ignore-case": ignoreCase } = values;
  return { kind, text: wanted, from, to, not, ignoreCase };
}

const expect = oneOrMore(expectation);

const URL = {
  path: { shape: path, help: "The path, with a query where one is needed. Default: the check's" },
  host: { shape: text, help: "Whom the server is asked as. Default: the header Host" },
  status: { shape: listOf(whole(100, 599)), help: "As of the check. Default: the check's" },
  accept: { shape: statusRanges, help: "As of the check. Default: the check's" },
  expect: { shape: expect, help: "What must be in the answer. Default: the check's" },
} as const satisfies Fields;

const shortUrl: Shape<Table<ValuesOf<typeof URL>>> = {
  schema: path.schema,
  read(node, place) {
    const read = path.read(node, place);
    return read === undefined ? undefined : tableOf({ path: read }, node, place);
  },
};

const SOURCE = {
  address: { shape: hostAddress, help: "An address of this host" },
  port: { shape: whole(1, 65_535), help: "A port of this host" },
  device: {
    shape: scalar(
      { type: "string", maxLength: 15 },
      (given) =>
        isDeviceName(given.text) ? given.text : refuse(given, "must be the name of a device"),
    ),
    help: "The device that packets leave by, which takes CAP_NET_RAW",
  },
  mark: { shape: whole(1, 0xffff_ffff), help: "Their firewall mark, which takes CAP_NET_ADMIN" },
} as const satisfies Fields;

const source: Shape<SourceConfig> = {
  schema: { oneOf: [hostAddress.schema, table(SOURCE).schema] },
  read(node, place) {
    if (node.kind === "map") return table(SOURCE).read(node, place)?.values;
    const address = hostAddress.read(node, place);
    return address && { address };
  },
};

const domain = scalar(
  { type: "string" },
  (given) =>
    isDnsName(given.text) ? given.text : refuse(given, "must be a domain name, as www.example"),
);

const QUERY = {
  name: { shape: domain, help: "The name that is asked for. Default: ." },
  type: {
    shape: scalar({ type: "string" }, (given) => {
      const type = given.text.toUpperCase();
      const isKnown = type in DNS_TYPES || /^TYPE\d{1,5}$/.test(type);
      return isKnown ? type : refuse(given, "must be a type of record, as A, SOA or TYPE65");
    }),
    help: "The type of record. Default: SOA",
  },
  transport: { shape: choice(["udp", "tcp"]), help: "How it is asked. Default: udp" },
  codes: {
    shape: oneOrMore(
      scalar({ enum: Object.keys(DNS_CODES) }, (given) => {
        const code = given.text.toUpperCase();
        return code in DNS_CODES ? code : refuse(given, "must be a code, as NOERROR or NXDOMAIN");
      }),
    ),
    help: "Codes of answers that are good. Default: NOERROR",
  },
  answers: {
    shape: oneOrMore(text),
    help: "Records of which one must be in the answer, as 10.0.0.1. Default: any",
  },
  empty: { shape: flag, help: "Whether an answer without a record is good. Default: false" },
} as const satisfies Fields;

export type QueryValues = ValuesOf<typeof QUERY>;

const shortQuery: Shape<Table<QueryValues>> = {
  schema: domain.schema,
  read(node, place) {
    const name = domain.read(node, place);
    return name === undefined ? undefined : tableOf({ name }, node, place);
  },
};

const hex: Shape<Uint8Array> = scalar(
  { type: "string", pattern: "^([0-9a-fA-F]{2} ?)*$" },
  (given) => {
    const digits = given.text.replaceAll(/\s/g, "");
    if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) {
      return refuse(given, "must be pairs of hexadecimal digits, as 00 ff");
    }
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  },
);

export const CHECK = {
  type: {
    shape: choice(CHECK_TYPES),
    help: "How servers are asked; none: they are always in use. Default: none",
  },
  address: { shape: hostAddress, help: "Whom to ask. Default: the server" },
  port: { shape: whole(1, 65_535), help: "The port that is asked. Default: the server's own" },
  source: { shape: source, help: "Where checks come from: an address, or more. Default: any" },
  interval: {
    shape: interval,
    help: "From the start of one check to the next, from 100ms to 24h. Default: 5s",
  },
  "fast-interval": {
    shape: interval,
    help: "The same while results in a row are counted, to go or to come back. Default: interval",
  },
  "down-interval": {
    shape: interval,
    help: "The same while the check finds the server down. Default: interval",
  },
  jitter: {
    shape: percent,
    help: "Each check comes later by up to this part of the interval, as 10%. Default: 0%",
  },
  spread: {
    shape: duration({ min: "0s", max: "24h" }),
    help: "The time over which first checks are spread. Default: the interval",
  },
  timeout: {
    shape: duration({ min: "1ms", max: "24h" }),
    help: "How long one check may take, redirects too. Default: 10s",
  },
  rise: {
    shape: whole(1, 1000),
    help: "How many good checks in a row bring a server back. Default: 1",
  },
  fall: {
    shape: whole(1, 1000),
    help: "How many failed checks in a row take a server down. Default: 1",
  },
  start: {
    shape: choice(STARTS),
    help: "What the check takes for granted before its first result. Default: the service's",
  },
  unable: {
    shape: choice(UNABLE),
    help: "What a check counts for that cannot be made, as without its program: fail, or ignore, " +
      "which leaves everything as it was. Default: fail",
  },
  "failed-weight": {
    shape: whole(0, 65_535),
    help: "The weight of a server that fails this check, in the place of being down",
  },
  method: {
    shape: scalar({ type: "string" }, readMethod),
    help: "The request's method. Default: GET",
  },
  path: { shape: path, help: "The path, with a query where one is needed. Default: /healthz" },
  urls: {
    shape: oneOrMore(shortFor(shortUrl, table(URL))),
    help: "Several paths, asked in turn; each must be answered well",
  },
  body: { shape: text, help: "The request's body. Default: none" },
  headers: {
    shape: headers,
    help: "Headers of the request, Host too, by their names. Default: none",
  },
  status: {
    shape: mapped(oneOrMore(whole(100, 599)), (codes) => codes.filter((code) => code >= 400)),
    help: "Status codes that are healthy too, beside all below 400. Default: none",
  },
  accept: {
    shape: statusRanges,
    help: "The status codes that are healthy, and no others, as [200, 301-302]",
  },
  redirects: {
    shape: whole(0, 100),
    help: "How many redirects are followed; 0: the first answer counts. Default: 10",
  },
  version: { shape: choice(HTTP_VERSIONS), help: "The version of HTTP. Default: 1.1" },
  expect: {
    shape: expect,
    help: "What must be in the answer of http, tcp or udp: a text, or a map; or several",
  },
  "proxy-protocol": {
    shape: choice(PROXY_PROTOCOLS),
    help: "The PROXY protocol's header comes first. Default: host.proxy's",
  },
  security: {
    shape: choice(["none", "tls", "starttls"]),
    help: "Of tcp, grpc and smtp: whether it is encrypted. Default: none",
  },
  verify: {
    shape: flag,
    help: "Whether a server's certificate must be one to trust. Default: true with ca, else false",
  },
  "server-name": {
    shape: text,
    help: "The name a certificate is asked for and must have (SNI). Default: that of the request",
  },
  ca: { shape: absolutePath, help: "A file of authorities to trust, in PEM. Default: the host's" },
  certificate: { shape: absolutePath, help: "A file with our certificate, in PEM" },
  key: { shape: absolutePath, help: "A file with our certificate's key, in PEM" },
  days: {
    shape: whole(0, 36_500),
    help: "Of tls: for how many days the certificate must be valid yet. Default: 0, not judged",
  },
  send: { shape: text, help: "What is said, by tcp or udp. Default: nothing" },
  "send-hex": { shape: hex, help: "The same in hexadecimal, as 00 ff" },
  silence: {
    shape: choice(["ok", "fail"]),
    help: "Of udp: what no answer means. Default: fail where something is expected, else ok",
  },
  size: { shape: whole(0, 65_507), help: "Of icmp: bytes behind the header. Default: 56" },
  query: { shape: shortFor(shortQuery, table(QUERY)), help: "Of dns: what is asked; or the name" },
  helo: { shape: domain, help: "Of smtp: who we say that we are. Default: localhost" },
  "grpc-service": { shape: text, help: "Of grpc: the service. Default: the server as a whole" },
  command: {
    shape: command,
    help: "Of exec: the program, and what it is given; no shell reads it. It must end with 0",
  },
  user: { shape: text, help: "Of exec: the user that runs it, or numbers as 65534:65534" },
  "status-weight": {
    shape: flag,
    help: "Of exec: a status of 2 and above is good, and the weight is that less 2. Default: false",
  },
  file: {
    shape: absolutePath,
    help: "Of file: where up, down or a weight stands, and is followed",
  },
  "file-scale": {
    shape: whole(-65_535, 65_535),
    help:
      "Of file: a number stands there, and the weight is file-base and so many times that; with " +
      "0, any number but 0 is a failure. Default: the file says the weight itself",
  },
  "file-base": { shape: whole(0, 65_535), help: "Of file: see file-scale. Default: 1" },
} as const satisfies Fields;

export type CheckValues = ValuesOf<typeof CHECK>;
export type CheckTable = Table<CheckValues>;
export type UrlValues = ValuesOf<typeof URL>;

const HTTP: readonly CheckType[] = ["http", "https"];
const ENCRYPTED: readonly CheckType[] = ["https", "tls", "tcp", "smtp", "grpc"];
const CONNECTED: readonly CheckType[] = [
  ...HTTP,
  "tcp",
  "tls",
  "udp",
  "icmp",
  "dns",
  "smtp",
  "grpc",
];

/** Whom a key is for; those that are not here are for all. */
const MEANT_FOR: { readonly [K in keyof CheckValues]?: readonly CheckType[] } = {
  ...{ source: CONNECTED, method: HTTP, path: HTTP, urls: HTTP, body: HTTP, headers: HTTP },
  ...{ status: HTTP, accept: HTTP, redirects: HTTP, version: HTTP },
  expect: [...HTTP, "tcp", "udp"],
  "proxy-protocol": [...HTTP, "tcp"],
  security: ["tcp", "smtp", "grpc"],
  ...{ verify: ENCRYPTED, "server-name": ENCRYPTED, ca: ENCRYPTED },
  ...{ certificate: ENCRYPTED, key: ENCRYPTED },
  ...{ days: ["tls"], send: ["tcp", "udp"], "send-hex": ["tcp", "udp"], silence: ["udp"] },
  ...{ size: ["icmp"], query: ["dns"], helo: ["smtp"], "grpc-service": ["grpc"] },
  ...{ "file-scale": ["file"], "file-base": ["file"] },
  ...{ command: ["exec"], user: ["exec"], "status-weight": ["exec"], file: ["file"] },
};

/** Those for whom the key means something, where it means nothing for this type. */
export function meantForOthers(key: string, type: CheckType): readonly CheckType[] | undefined {
  const types = MEANT_FOR[key as keyof CheckValues];
  return types === undefined || types.includes(type) ? undefined : types;
}

/** The type alone. */
const shortCheck: Shape<CheckTable> = {
  schema: CHECK.type.shape.schema,
  read(node, place) {
    const type = CHECK.type.shape.read(node, place);
    return type && tableOf({ type }, node, place);
  },
};

export const check: Shape<CheckTable> = shortFor(shortCheck, table(CHECK));
