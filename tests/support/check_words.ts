/** What checks say of what they find: tests expect these words, and docs/checks.md shows them. */

import assert from "node:assert/strict";
import type { BadResult } from "../../src/health/probes/probe.ts";
import type { CheckKind } from "./check_requests.ts";

export interface CheckWords {
  readonly kind: CheckKind;
  readonly situation: string;
  /** With what is another thing each time in braces: "status {status}". */
  readonly words: string;
  /** The check could not be made, which says nothing of the server. */
  readonly unable: boolean;
}

const SECURED: readonly CheckKind[] = ["http", "tcp", "tls", "smtp", "grpc"];
/** Over connections, at least where that was chosen. */
const STREAMS: readonly CheckKind[] = [...SECURED, "dns"];
const SENT: readonly CheckKind[] = [...STREAMS, "udp", "icmp"];
const TALKING = STREAMS.filter((kind) => kind !== "tls");

type Row = readonly [situation: string, words: string];

function say(kinds: CheckKind | readonly CheckKind[], ...rows: readonly Row[]): CheckWords[] {
  return rows.flatMap(([situation, words]) =>
    [kinds].flat().map((kind) => ({ kind, situation, words, unable: false }))
  );
}

function sayUnable(...given: Parameters<typeof say>): CheckWords[] {
  return say(...given).map((each) => ({ ...each, unable: true }));
}

const LATE = "no answer within {timeout}";
const CLOSED = "connection closed before an answer";
const LARGE = "the answer has more than 1 MiB";
const NO_TEXT = 'the answer has no "{text}"';
const HAS_TEXT = 'the answer has "{text}", must not have it';
const NO_MATCH = "the answer has no match of /{text}/";
const FORBIDDEN = "not permitted by this host, as by its firewall";
const NO_FILES = "local resources exhausted: too many open files";
const SAYS = "malformed answer: ";

export const CHECK_WORDS: readonly CheckWords[] = [
  ...say([...STREAMS, "udp"], ["nobody listens on the port", "connection refused"]),
  ...say(
    SENT,
    ["what is sent is lost", LATE],
    ["a firewall on the way forbids it", "no route to host"],
    ["a route says unreachable", "no route to host"],
    ["no route leads there", "network unreachable"],
  ),
  ...say([...STREAMS, "udp"], ["the server says nothing", LATE]),
  ...say(
    STREAMS,
    ["the answer comes byte by byte, without end", LATE],
    ["the server resets the connection", "connection reset"],
  ),
  ...say(
    TALKING,
    ["the server closes the connection", CLOSED],
    ["the server closes its side of the connection", CLOSED],
  ),

  ...say(
    SECURED,
    ["the server closes within the TLS handshake", "TLS handshake failed: connection closed"],
    ["the server speaks no TLS", "TLS handshake failed: the server answered without TLS"],
    ["the certificate has expired", "certificate expired"],
    ["the certificate is of the future", "certificate not valid yet"],
    ["the certificate is another server's", "certificate is for another name"],
    ["the certificate is signed by nobody trusted", "certificate not trusted"],
    [
      "the server demands a certificate, in TLS 1.2",
      "TLS handshake failed: received fatal alert: HandshakeFailure",
    ],
  ),
  ...say(
    SECURED.filter((kind) => kind !== "tls"),
    [
      "the server demands a certificate, in TLS 1.3",
      "TLS handshake failed: the server demands a certificate",
    ],
  ),
  ...say(
    ["http", "grpc"],
    ["the server speaks no HTTP/2", "the server speaks no HTTP/2"],
    [
      "another protocol than HTTP/2 is spoken",
      `${SAYS}it begins with "{beginning}", must be HTTP/2`,
    ],
  ),
  ...say(
    "tls",
    [
      "the certificate ends too soon",
      "certificate expires in {days} days, on {date}, must be valid for {wanted}",
    ],
    ["the certificate has ended, and days are asked for", "certificate expired on {date}"],
  ),

  ...say(
    "http",
    ["the status is not accepted", "status {status}"],
    ["the status of one of several paths is not accepted", "{path}: status {status}"],
    ["the server demands a certificate, as nginx does", "status 400"],
    ["redirects do not end", "stopped after {count} redirects"],
    ["nobody listens where it is redirected to", 'redirected to "{place}": connection refused'],
    ["what it is redirected to is no URL", `${SAYS}its Location is "{location}", must be a URL`],
    [
      "it is redirected to another protocol",
      'redirected to "{protocol}": must be http or https',
    ],
    [
      "another protocol is spoken",
      `${SAYS}it begins with "{beginning}", must begin with "HTTP/1."`,
    ],
    ["the head does not end", `${SAYS}its head has more than 64 KiB`],
    ["the body is cut", `${SAYS}the connection ends before its body does`],
    ["a chunk has no size", `${SAYS}the size of a chunk is "{size}"`],
    ["the whole body counts, and is too large", LARGE],
    ["the body does not end, over HTTP/2", `${SAYS}it has more than 10000 frames`],
    ["the body is another than expected", NO_TEXT],
    ["the body of one of several paths is another than expected", `{path}: ${NO_TEXT}`],
    ["the body has what it must not have", HAS_TEXT],
    ["the body has no match", NO_MATCH],
    [
      "the body has another digest",
      "the {kind} of the answer is {digest}, must be {text}",
    ],
  ),

  ...say(
    "tcp",
    ["the answer is another than expected", NO_TEXT],
    ["the answer has what it must not have", HAS_TEXT],
    ["the answer has no match", NO_MATCH],
    ["the whole answer counts, and is too large", LARGE],
    ["the answer comes in very many pieces", "the answer comes in too small pieces"],
  ),

  ...say(
    "udp",
    ["the answer is another than expected", NO_TEXT],
    ["the answer has what it must not have", HAS_TEXT],
    ["the answer has no match", NO_MATCH],
  ),

  ...say(
    "dns",
    ["the code is not accepted", "the answer is {code}"],
    ["the answer has no record", "the answer has no record"],
    ["the records are others than wanted", "the answer is {records}, must be {wanted}"],
    ["there is no record, and one is wanted", "the answer is no record, must be {wanted}"],
    ["the answer is no DNS", `${SAYS}it has {bytes} bytes, must have at least 12`],
    ["the answer is cut, over TCP", `${SAYS}the connection ends before it does`],
    ["the answer is to another question, over TCP", `${SAYS}it answers another question`],
    ["answers to other questions do not end, over UDP", `${SAYS}it answers other questions`],
  ),

  ...say(
    "smtp",
    ["the server turns away", 'the greeting is "{line}", must be 220'],
    ["another protocol is spoken", `${SAYS}the greeting is "{line}", must begin with a code`],
    ["the greeting does not end", `${SAYS}the greeting has more than 64 KiB`],
    ["a line does not end", `${SAYS}a line has more than 64 KiB`],
    ["EHLO is refused", 'the answer to EHLO is "{line}", must be 250'],
    ["STARTTLS is not offered", "the server offers no STARTTLS"],
    ["STARTTLS is refused", 'the answer to STARTTLS is "{line}", must be 220'],
    [
      "something was sent before it is encrypted",
      `${SAYS}something stands behind the answer to STARTTLS`,
    ],
  ),

  ...say(
    "grpc",
    ["the service does not serve", "the service is {state}"],
    ["the service is not known", 'grpc NOT_FOUND: "{message}"'],
    ["the server has no health service", 'grpc UNIMPLEMENTED: "{message}"'],
    ["the server fails otherwise", 'grpc {code}: "{message}"'],
    ["the server knows no gRPC", "status {status}"],
    ["the server knows no gRPC, and answers", `${SAYS}it has no grpc-status`],
    ["the answer does not end", `${SAYS}it has more than 10000 frames`],
  ),

  ...say(
    "exec",
    ["the program takes too long", LATE],
    ["the status is not 0", "status {status}"],
    ["the program is ended by a signal", "the program was ended by {signal}"],
  ),

  ...say(
    "file",
    ["the file says so", "the file says down"],
    [
      "the file says something else",
      'the file says "{text}", must say up, down or a weight up to 65535',
    ],
    ["the file must say a number, and says none", 'the file says "{text}", must say a number'],
    ["the file must say 0, and does not", "the file says {number}"],
    ["the file is too large", "the file has more than 4096 bytes"],
  ),

  ...sayUnable(
    SENT,
    ["the source is no address of this host", "the source {source} is no address of this host"],
    [
      "the source is of the other family",
      "the source {source} is of another family than {address}",
    ],
    ["the device is not there", 'the device "{device}" is not there'],
    [
      "a mark is to be set, without CAP_NET_ADMIN",
      "the mark {mark} cannot be set: not permitted, needs CAP_NET_ADMIN",
    ],
    ["a route of this host forbids it", FORBIDDEN],
    ["no descriptor is left", NO_FILES],
  ),
  ...sayUnable(["udp", "icmp", "dns"], ["a firewall of this host forbids it", FORBIDDEN]),
  ...sayUnable(
    [...STREAMS, "udp"],
    [
      "the source port is below 1024, without CAP_NET_BIND_SERVICE",
      "the source {source} cannot be used: not permitted, needs CAP_NET_BIND_SERVICE",
    ],
    ["somebody listens on the source port", "the source {source} cannot be used: in use"],
  ),
  ...sayUnable(
    SECURED,
    ["a file of TLS is missing", "the file {file} is not there"],
    ["a file of TLS is a folder", "the file {file} cannot be read"],
    ["a file of TLS has something else", "the file {file} has no {what} in PEM"],
    ["a file of TLS is damaged", "the {what} in {file} cannot be read"],
    [
      "our key and certificate do not belong together",
      "the key in {key} is not that of the certificate in {certificate}",
    ],
  ),
  ...sayUnable("icmp", [
    "pings are not permitted",
    "no socket for pings: must have CAP_NET_RAW, or a group within net.ipv4.ping_group_range",
  ]),
  ...sayUnable(
    "exec",
    ["the program is not there", 'the program "{program}" was not found'],
    ["the program is none", 'the program "{program}" may not be run'],
    ["a shell does not find the program", 'the program "{program}" was not found (status 127)'],
    ["a shell cannot run the program", 'the program "{program}" could not be run (status 126)'],
    ["nobody knows the user", 'the user "{user}" is not known to this host'],
    [
      "another user is to run it, without CAP_SETUID",
      'the program "{program}" may not be run as "{user}", needs CAP_SETUID',
    ],
    ["no descriptor is left", `the program "{program}" could not be run: ${NO_FILES}`],
  ),
  ...sayUnable(
    "file",
    ["the file is not there", "{file} is not there"],
    ["the file is a folder, or a pipe", "{file} is no file"],
    ["the file cannot be read", "{file} cannot be read"],
  ),
];

const heard = new Set<CheckWords>();

function find(kind: CheckKind, situation: string): CheckWords {
  const found = CHECK_WORDS.find((each) => each.kind === kind && each.situation === situation);
  assert.ok(found, `no words for ${kind}: ${situation}`);
  return found;
}

export function hasWords(kind: CheckKind, situation: string): boolean {
  return CHECK_WORDS.some((each) => each.kind === kind && each.situation === situation);
}

/** The name of a test of that. */
export function titleOf(name: string, kind: CheckKind, situation: string): string {
  return `${name} says "${find(kind, situation).words}" where ${situation}`;
}

/** The result of a check of that kind in that situation. */
export function bad(
  kind: CheckKind,
  situation: string,
  values: Readonly<Record<string, string | number>> = {},
): BadResult {
  const found = find(kind, situation);
  heard.add(found);
  const reason = found.words.replace(/\{(\w+)\}/g, (_, name) => {
    assert.ok(name in values, `${situation}: what is {${name}}?`);
    return `${values[name]}`;
  });
  return { ok: false, reason, ...(found.unable && { unable: true }) };
}

/** The situations of that kind that no test of this process has come to yet. */
export function unheard(kind: CheckKind): readonly string[] {
  return CHECK_WORDS.filter((each) => each.kind === kind && !heard.has(each))
    .map(({ situation }) => situation);
}

/** The table in Markdown: rows of the same situation and words are one. */
export function renderCheckWords(): string {
  const rows = Map.groupBy(
    CHECK_WORDS,
    ({ situation, words, unable }) => JSON.stringify([unable, situation, words]),
  );
  const lines = [...rows.values()].map((row) => {
    const { situation, words, unable } = row[0]!;
    const kinds = row.map(({ kind }) => kind).join(", ");
    const cells = [kinds, situation, `\`${words}\``, unable ? "unable" : "failed"];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  const head = ["| type | what is found | words | counts as |", "| --- | --- | --- | --- |"];
  return `${[...head, ...lines].join("\n")}\n`;
}
