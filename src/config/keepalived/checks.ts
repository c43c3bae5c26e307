/** A checker of keepalived's as a check of ours. */

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
  const { delayLoop, connectTimeout, retry, delayBeforeRetry, warmup, alpha } = timing;
  const interval = delayLoop?.value ?? DELAY_LOOP_S;
  draft.set("interval", duration(interval), delayLoop?.word ?? word);
  const timeout = connectTimeout?.value ?? CONNECT_TIMEOUT_S;
  if (type === "MISC_CHECK") {
    const limit = scriptTimeout?.value || interval;
    draft.set("timeout", duration(limit), scriptTimeout?.word ?? word);
  } else if (type !== "FILE_CHECK") {
    // Each of several requests has its time there.
    const limit = timeout * Math.max(1, urls.length);
    draft.set("timeout", duration(limit), connectTimeout?.word ?? word);
  }
  if (type !== "FILE_CHECK") {
    const retries = retry?.value ?? RETRY[type] ?? 1;
    if (retries > 0) {
      draft.set("fall", retries + 1, retry?.word ?? word);
      const delay = delayBeforeRetry?.value ?? defaultDelay(type, interval);
      if (delay !== interval) draft.set("fast-interval", duration(delay), delayBeforeRetry?.word);
    }
  }
  if (warmup) draft.set("spread", duration(warmup.value), warmup.word);
  if (alpha?.value) draft.set("start", "proven", alpha.word);
}

function defaultDelay(type: CheckerType, interval: number): number {
  return type === "DNS_CHECK" ? interval : RETRY_DELAY_S[type] ?? 1;
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
  MISC_CHECK(reader, draft, { script, user, dynamic, word }, place) {
    if (!script) {
      reader.complain(word, "MISC_CHECK has no misc_path, must have one");
      return false;
    }
    draft.set("command", script.command, script.word);
    draft.set("user", user?.value ?? script.user ?? place.user, user?.word ?? script.word);
    if (dynamic?.value) draft.set("status-weight", true, dynamic.word);
    return true;
  },
  UDP_CHECK(_, draft, { payload, reply, replyLeast, replyMost, word }) {
    draft.set("send-hex", payload?.value, payload?.word);
    draft.set("silence", reply ? "fail" : "ok", reply?.word);
    if (reply) {
      const least = replyLeast?.value ?? 0;
      const most = Math.max(least, replyMost?.value ?? 255);
      const list = new DraftList(word);
      list.add(
        new DraftMap(word).set("pattern", `\\A(?s:.){${least},${most}}\\z`),
        replyLeast?.word ?? replyMost?.word ?? word,
      );
      if (reply.value !== "") list.add(new DraftMap(word).set("pattern", beginning(reply.value)));
      draft.set("expect", list, reply.word);
    }
    return true;
  },
  FILE_CHECK(reader, draft, { file, dynamic, fileWeight, word }, { files, weight }) {
    const known = file && files.get(file.value);
    if (!known) {
      const name = file ? ` "${file.value}"` : "";
      reader.complain(file?.word ?? word, `there is no track_file${name}`);
      return false;
    }
    const scale = fileWeight?.value ?? known.weight;
    draft.set("file", known.path, file.word);
    if (scale !== 0 && dynamic?.value) draft.set("file-base", weight);
    draft.set("file-scale", scale === 0 || dynamic?.value ? scale : 0, fileWeight?.word);
    // There it is a 0 that nobody wrote.
    draft.set("unable", "ignore");
    if (scale !== 0 && !dynamic?.value) {
      reader.note(word, "a track_file without dynamic changes no weight, and any number is good");
      return false;
    }
    return true;
  },
};

/** As much of the bytes as there is must be the beginning; "x" is any half of a byte. */
function beginning(digits: string): string {
  const bytes = digits.match(/../g) ?? [];
  const inner = bytes.reduceRight((rest, pair) => `(?:${byteClass(pair)}${rest}|\\z)`, "");
  return `\\A${inner}`;
}

function byteClass([high = "0", low = "0"]: string): string {
  if (high !== "x" && low !== "x") return `\\x${high}${low}`;
  if (high === "x" && low === "x") return "[\\x00-\\xff]";
  if (low === "x") return `[\\x${high}0-\\x${high}f]`;
  const digits = [..."0123456789abcdef"];
  return `[${digits.map((digit) => `\\x${digit}${low}`).join("")}]`;
}
