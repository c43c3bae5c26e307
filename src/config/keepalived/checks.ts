/** A checker of keepalived's as a check of ours. */

import { type Address, addressFamily } from "../../model/address.ts";
import { quote } from "../given.ts";
import type { BlockReader } from "./block.ts";
import {
  type Checker,
  type CheckerType,
  patternOf,
  type Timing,
  type UrlBlock,
} from "./checker_block.ts";
import { DraftList, DraftMap } from "./draft.ts";
import type { Word } from "./words.ts";

/** What the checker's service and server say, and what files name. */
export interface CheckerPlace {
  readonly service: Timing;
  readonly server: Timing;
  readonly address: Address;
  /** Whom a server is asked as, where the checker does not say. */
  readonly host: string | undefined;
  /** The port that is asked; undefined: the server's own. */
  readonly port: number | undefined;
  readonly weight: number;
  readonly ssl: SslBlock;
  readonly files: ReadonlyMap<string, TrackFile>;
  /** Who runs scripts. */
  readonly user: string | undefined;
}

export interface SslBlock {
  ca?: { readonly value: string; readonly word: Word } | undefined;
  certificate?: { readonly value: string; readonly word: Word } | undefined;
  key?: { readonly value: string; readonly word: Word } | undefined;
}

export interface TrackFile {
  readonly path: string;
  readonly weight: number;
}

const TYPES: Readonly<Record<CheckerType, string>> = {
  HTTP_GET: "http",
  SSL_GET: "https",
  TCP_CHECK: "tcp",
  SMTP_CHECK: "smtp",
  DNS_CHECK: "dns",
  MISC_CHECK: "exec",
  UDP_CHECK: "udp",
  PING_CHECK: "icmp",
  FILE_CHECK: "file",
};

const CONNECT_TIMEOUT_S = 5;
const DELAY_LOOP_S = 60;
const RETRY: { readonly [T in CheckerType]?: number } = { DNS_CHECK: 3, MISC_CHECK: 0 };
const RETRY_DELAY_S: { readonly [T in CheckerType]?: number } = { HTTP_GET: 3, SSL_GET: 3 };
const TIMEOUT_MOST_S = 86_400;
/** At once is so much later here. */
const LEAST_DELAY_S = 0.1;
const HELO = "smtpchecker.keepalived.org";

/** Undefined where it cannot be one. */
export function draftCheck(
  reader: BlockReader,
  checker: Checker,
  place: CheckerPlace,
): DraftMap | undefined {
  const { type, word } = checker;
  const draft = new DraftMap(word).set("type", TYPES[type]);
  const timing = { ...place.service, ...known(place.server), ...known(checker.timing) };
  setTiming(draft, checker, timing);
  if ((timing.alpha?.value ?? false) !== (place.service.alpha?.value ?? false)) {
    draft.set("start", timing.alpha?.value ? "proven" : "up", timing.alpha?.word);
  }
  checkConnection(reader, checker, place);
  setConnection(draft, checker, place);
  const isGood = OWN[type](reader, draft, checker, place);
  return isGood ? draft : undefined;
}

function known(timing: Timing): Timing {
  return Object.fromEntries(Object.entries(timing).filter(([, value]) => value !== undefined));
}

/** "5s", "500ms". */
function duration(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`;
}

function setTiming(draft: DraftMap, { type, word, urls, scriptTimeout }: Checker, timing: Timing) {
  const { delayLoop, connectTimeout, retry, delayBeforeRetry, warmup } = timing;
  const interval = delayLoop?.value ?? DELAY_LOOP_S;
  draft.set("interval", duration(interval), delayLoop?.word ?? word);
  const timeout = connectTimeout?.value ?? CONNECT_TIMEOUT_S;
  if (type === "MISC_CHECK") {
    const limit = scriptTimeout?.value || interval;
    draft.set("timeout", duration(limit), scriptTimeout?.word ?? word);
  } else if (type !== "FILE_CHECK") {
    // Each of several requests has its time there.
    const limit = Math.min(TIMEOUT_MOST_S, timeout * Math.max(1, urls.length));
    draft.set("timeout", duration(limit), connectTimeout?.word ?? word);
  }
  if (type !== "FILE_CHECK") {
    const retries = retry?.value ?? RETRY[type] ?? 1;
    if (retries > 0) {
      draft.set("fall", retries + 1, retry?.word ?? word);
      const delay = Math.max(
        LEAST_DELAY_S,
        delayBeforeRetry?.value ?? defaultDelay(type, interval),
      );
      if (delay !== interval) draft.set("fast-interval", duration(delay), delayBeforeRetry?.word);
    }
  }
  if (warmup) draft.set("spread", duration(warmup.value), warmup.word);
}

function defaultDelay(type: CheckerType, interval: number): number {
  return type === "DNS_CHECK" ? interval : RETRY_DELAY_S[type] ?? 1;
}

/** What would never connect. */
function checkConnection(reader: BlockReader, { connection }: Checker, { address }: CheckerPlace) {
  const { ip, bindTo, bindIf } = connection;
  const to = ip?.value ?? address;
  if (bindTo && addressFamily(bindTo.value) !== addressFamily(to)) {
    const must = `must be of the family of ${to}, which is asked`;
    reader.complain(bindTo.word, `${quote(bindTo.word.text)}: ${must}`);
  }
  if (ip && /^fe[89ab]/i.test(ip.value) && !bindIf) {
    const must = "is a link's own address, must have bind_if beside it";
    reader.complain(ip.word, `${quote(ip.word.text)}: ${must}`);
  }
}

function setConnection(draft: DraftMap, { connection, word }: Checker, { port }: CheckerPlace) {
  const { ip, port: own, bindTo, bindIf, bindPort, fwmark } = connection;
  draft.set("address", ip?.value, ip?.word);
  draft.set("port", own?.value ?? port, own?.word ?? word);
  const first = [bindTo, bindIf, bindPort, fwmark].find((each) => each)?.word;
  if (!first) return;
  const source = new DraftMap(first);
  source.set("address", bindTo?.value, bindTo?.word).set("port", bindPort?.value, bindPort?.word);
  source.set("device", bindIf?.value, bindIf?.word).set("mark", fwmark?.value, fwmark?.word);
  draft.set("source", source, first);
}

/** Whether it can be one. */
type Own = (
  reader: BlockReader,
  draft: DraftMap,
  checker: Checker,
  place: CheckerPlace,
) => boolean;

const http: Own = (reader, draft, checker, place) => {
  const { urls, version, word } = checker;
  if (urls.length === 0) {
    reader.complain(word, `${checker.type} has no url, must have one`);
    return false;
  }
  const plain = version?.value.toLowerCase() ?? "1.0";
  draft.set("version", plain === "1.1" ? "1.1" : "1.0", version?.word);
  draft.set("redirects", 0);
  const list = new DraftList(word);
  for (const url of urls) list.add(draftUrl(reader, url, checker, place), url.word);
  draft.set("urls", list);
  return true;
};

function draftUrl(reader: BlockReader, url: UrlBlock, checker: Checker, place: CheckerPlace) {
  const { path, host = checker.host, status, digest, regexFrom, regexTo, regexNot, word } = url;
  const draft = new DraftMap(word).set("path", path?.value ?? "/", path?.word);
  draft.set("host", host?.value ?? place.host, host?.word);
  const [first] = status;
  if (first) draft.set("accept", status.map(({ value }) => value), first.word);
  else draft.set("accept", ["200-299"]);
  const expected = new DraftList(word);
  if (digest) expected.add(new DraftMap(digest.word).set("md5", digest.value), digest.word);
  const pattern = patternOf(reader, url);
  if (pattern !== undefined) {
    const text = new DraftMap(url.regex!.word).set("pattern", pattern);
    if (regexNot) text.set("not", true);
    text.set("from", regexFrom?.value, regexFrom?.word);
    expected.add(text.set("to", regexTo?.value, regexTo?.word));
  }
  if (expected.items.length > 0) draft.set("expect", expected);
  return draft;
}

const always = () => true;

const OWN: Readonly<Record<CheckerType, Own>> = {
  HTTP_GET: http,
  SSL_GET(reader, draft, checker, place) {
    if (!http(reader, draft, checker, place)) return false;
    const { ca, certificate, key } = place.ssl;
    if (!checker.sni?.value) draft.set("server-name", "");
    draft.set("ca", ca?.value, ca?.word);
    draft.set("certificate", certificate?.value, certificate?.word);
    draft.set("key", key?.value, key?.word);
    if (ca) {
      draft.notes.push("keepalived reads the authorities and verifies nothing; here they count");
    }
    return true;
  },
  TCP_CHECK: always,
  PING_CHECK: always,
  SMTP_CHECK(_, draft, { helo }) {
    draft.set("helo", helo?.value ?? HELO, helo?.word);
    return true;
  },
  DNS_CHECK(_, draft, { name, record, word }) {
    const query = new DraftMap(word).set("name", name?.value || ".", name?.word);
    query.set("type", record?.value ?? "SOA", record?.word).set("empty", true);
    draft.set("query", query);
    return true;
  },
  MISC_CHECK(reader, draft, { script, user, dynamic, isWrong, word }, place) {
    if (!script) {
      if (!isWrong) reader.complain(word, "MISC_CHECK has no misc_path, must have one");
      return false;
    }
    draft.set("command", script.command, script.word);
    draft.set("user", user?.value ?? script.user ?? place.user, user?.word ?? script.word);
    if (dynamic?.value) draft.set("status-weight", true, dynamic.word);
    return true;
  },
  UDP_CHECK(reader, draft, { payload, reply, replyLeast, replyMost }) {
    const isCompared = reply !== undefined && reply.value !== "";
    if (!isCompared) {
      for (const [name, said] of Object.entries({ min: replyLeast, max: replyMost })) {
        if (said) {
          reader.note(said.word, `${name}_reply_length: it is for the bytes of require_reply`);
        }
      }
    }
    draft.set("send-hex", payload?.value, payload?.word);
    draft.set("silence", reply ? "fail" : "ok", reply?.word);
    if (reply) {
      const least = replyLeast?.value ?? 0;
      const most = replyMost?.value ?? REPLY_MOST;
      const word = replyLeast?.word ?? replyMost?.word ?? reply.word;
      if (least > most) {
        const text = `no reply has at least ${least} and at most ${most} bytes`;
        reader.complain(word, `${text}: max_reply_length must be more`);
      }
      const list = new DraftList(word);
      const length = isCompared ? lengthPattern(reader, word, least, most) : undefined;
      if (length !== undefined) list.add(new DraftMap(word).set("pattern", length), word);
      const { value: digits } = reply;
      if (digits.length > 2 * COUNT_MOST) {
        const text = `has ${digits.length / 2} bytes, must have at most ${COUNT_MOST}`;
        reader.complain(reply.word, `require_reply ${text}`);
      } else {
        for (const pattern of beginnings(digits)) {
          list.add(new DraftMap(word).set("pattern", pattern));
        }
      }
      if (list.items.length > 0) draft.set("expect", list, reply.word);
    }
    return true;
  },
  FILE_CHECK(reader, draft, { file, fileWeight, isWrong, word }, { files, weight }) {
    if (!file) {
      if (!isWrong) reader.complain(word, "FILE_CHECK has no track_file, must have one");
      return false;
    }
    const known = files.get(file.value);
    if (!known) {
      reader.complain(file.word, `there is no track_file ${quote(file.value)}`);
      return false;
    }
    const scale = scaleOf(fileWeight, known);
    draft.set("file", known.path, file.word);
    if (scale !== 0) draft.set("file-base", weight);
    draft.set("file-scale", scale, fileWeight?.word);
    // There it is a 0 that nobody wrote.
    draft.set("unable", "ignore");
    return true;
  },
};

/** Whether it sets its server's weight. */
export function isWeighing(
  { dynamic, file, fileWeight }: Checker,
  files: CheckerPlace["files"],
): boolean {
  const known = file && files.get(file.value);
  return dynamic?.value === true || (known !== undefined && scaleOf(fileWeight, known) !== 0);
}

function scaleOf(own: Checker["fileWeight"], { weight }: TrackFile): number {
  return own?.value ?? weight;
}

const REPLY_MOST = 255;
/** No datagram has more bytes. */
const DATAGRAM_MOST = 65_507;
/** What patterns can count up to. */
const COUNT_MOST = 5000;

/** So many bytes and no others. */
function lengthPattern(
  reader: BlockReader,
  word: Word,
  least: number,
  most: number,
): string | undefined {
  const isEndless = most >= DATAGRAM_MOST;
  if ((isEndless ? least : Math.max(least, most)) > COUNT_MOST) {
    const must = `must be up to ${COUNT_MOST} bytes, or any number of them (${DATAGRAM_MOST})`;
    return reader.complain(word, `a reply of ${least} to ${most} bytes is not supported: ${must}`);
  }
  return `\\A(?s:.){${least},${isEndless ? "" : Math.max(least, most)}}\\z`;
}

/** How many bytes a pattern can look at one after the other. */
const PIECE = 100;

/** As much of the bytes as there is must be the beginning; "x" is any half of a byte. */
function beginnings(digits: string): string[] {
  const bytes = digits.match(/../g) ?? [];
  const patterns: string[] = [];
  for (let start = 0; start < bytes.length; start += PIECE) {
    const piece = bytes.slice(start, start + PIECE);
    const inner = piece.reduceRight((rest, pair) => `(?:${byteClass(pair)}${rest}|\\z)`, "");
    // What is shorter has been looked at by those before.
    const past = `(?:(?s:.){0,${start - 1}}\\z|(?s:.){${start}}${inner})`;
    patterns.push(`\\A${start === 0 ? inner : past}`);
  }
  return patterns;
}

function byteClass([high = "0", low = "0"]: string): string {
  if (high !== "x" && low !== "x") return `\\x${high}${low}`;
  if (high === "x" && low === "x") return "[\\x00-\\xff]";
  if (low === "x") return `[\\x${high}0-\\x${high}f]`;
  const digits = [..."0123456789abcdef"];
  return `[${digits.map((digit) => `\\x${digit}${low}`).join("")}]`;
}
