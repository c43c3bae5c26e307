/** The blocks of checkers: HTTP_GET and the others. */

import { compilePattern, PatternError } from "../../health/probes/pattern.ts";
import type { Address } from "../../model/address.ts";
import { quote } from "../given.ts";
import { type BlockReader, type Handlers, type Said, type Script, unlessZero } from "./block.ts";
import type { Statement } from "./statements.ts";
import type { Word } from "./words.ts";

/** What is a service's, a server's or a checker's, each the default of the next. */
export interface Timing {
  connectTimeout?: Said<number> | undefined;
  retry?: Said<number> | undefined;
  delayBeforeRetry?: Said<number> | undefined;
  warmup?: Said<number> | undefined;
  delayLoop?: Said<number> | undefined;
  alpha?: Said<boolean> | undefined;
}

/** Where a checker goes, and where it comes from. */
export interface Connection {
  ip?: Said<Address> | undefined;
  port?: Said<number> | undefined;
  bindTo?: Said<Address> | undefined;
  bindIf?: Said<string> | undefined;
  bindPort?: Said<number> | undefined;
  fwmark?: Said<number> | undefined;
}

export interface HostBlock {
  readonly connection: Connection;
  readonly connectTimeout: Said<number> | undefined;
}

export interface UrlBlock {
  readonly word: Word;
  path?: Said<string> | undefined;
  digest?: Said<string> | undefined;
  readonly status: Said<string>[];
  host?: Said<string> | undefined;
  regex?: Said<string> | undefined;
  regexNot: boolean;
  /** As they stand before a pattern: "is". */
  regexFlags: string;
  regexFrom?: Said<number> | undefined;
  regexTo?: Said<number> | undefined;
}

export const CHECKERS = [
  ...["HTTP_GET", "SSL_GET", "TCP_CHECK", "SMTP_CHECK", "DNS_CHECK", "MISC_CHECK"] as const,
  ...["UDP_CHECK", "PING_CHECK", "FILE_CHECK"] as const,
] as const;
export type CheckerType = typeof CHECKERS[number];

export interface Checker {
  readonly type: CheckerType;
  readonly word: Word;
  readonly timing: Timing;
  readonly connection: Connection;
  readonly urls: UrlBlock[];
  /** Others that SMTP_CHECK asks. */
  readonly hosts: HostBlock[];
  host?: Said<string> | undefined;
  version?: Said<string> | undefined;
  sni?: Said<boolean> | undefined;
  helo?: Said<string> | undefined;
  name?: Said<string> | undefined;
  record?: Said<string> | undefined;
  script?: Script | undefined;
  scriptTimeout?: Said<number> | undefined;
  user?: Said<string> | undefined;
  dynamic?: Said<boolean> | undefined;
  payload?: Said<string> | undefined;
  /** What must be answered, in hexadecimal with "x" for what may be anything; empty: anything. */
  reply?: Said<string> | undefined;
  replyLeast?: Said<number> | undefined;
  replyMost?: Said<number> | undefined;
  file?: Said<string> | undefined;
  /** What it cannot be without is there, and has been said to be wrong. */
  isWrong?: boolean | undefined;
  fileWeight?: Said<number> | undefined;
}

const DAY_S = 86_400;
const MOST_TIMEOUT_S = 4294;
const MOST_RETRIES = 999;

/** The words that all three levels have. */
export function timingHandlers(reader: BlockReader, timing: Timing): Handlers {
  return { ...scheduleHandlers(reader, timing), ...timeoutHandlers(reader, timing) };
}

function scheduleHandlers(reader: BlockReader, timing: Timing): Handlers {
  return {
    retry: (s) => timing.retry = reader.whole(s, 0, MOST_RETRIES),
    delay_before_retry: (s) => timing.delayBeforeRetry = reader.seconds(s, 0, DAY_S),
    warmup: (s) => timing.warmup = reader.seconds(s, 0, DAY_S),
    delay_loop: (s) => timing.delayLoop = reader.seconds(s, 0.1, DAY_S),
    alpha: (s) => timing.alpha = reader.flag(s),
  };
}

function timeoutHandlers(reader: BlockReader, timing: Timing): Handlers {
  return {
    connect_timeout: (s) => timing.connectTimeout = reader.seconds(s, 0.001, MOST_TIMEOUT_S),
  };
}

const FAILURES_LOGGED = "each failure that is news is logged, all others with --logger DEBUG";

/** One, or with several hosts one for each of them. */
export function readCheckers(
  reader: BlockReader,
  type: CheckerType,
  statement: Statement,
): readonly Checker[] {
  const [word] = statement.words;
  const checker: Checker = { type, word, timing: {}, connection: {}, urls: [], hosts: [] };
  reader.block(statement, { ...handlersOf(reader, checker), ...OWN[type](reader, checker) });
  if (!statement.block) return [];
  const { hosts, ...own } = checker;
  if (hosts.length === 0) return [checker];
  // Where it says itself how to connect, it is one more.
  const isOwn = Object.values(own.connection).some((said) => said !== undefined) ||
    own.timing.connectTimeout !== undefined;
  const all = hosts.map(({ connection, connectTimeout }): Checker => {
    const timing = connectTimeout ? { ...own.timing, connectTimeout } : own.timing;
    return { ...own, timing, connection, hosts: [] };
  });
  return isOwn ? [{ ...own, hosts: [] }, ...all] : all;
}

/** Those of all checkers, of which files have none, and programs no connection. */
function handlersOf(reader: BlockReader, { type, timing, connection }: Checker): Handlers {
  if (type === "FILE_CHECK") return {};
  const schedule = {
    ...scheduleHandlers(reader, timing),
    "log_all_failures": { note: FAILURES_LOGGED },
  };
  if (type === "MISC_CHECK") return schedule;
  return {
    ...schedule,
    ...timeoutHandlers(reader, timing),
    ...connectionHandlers(reader, connection),
  };
}

function connectionHandlers(reader: BlockReader, connection: Connection): Handlers {
  const port = (s: Statement) => reader.whole(s, 1, 65_535);
  return {
    connect_ip: (s) => connection.ip = reader.address(reader.one(s, "address")),
    connect_port: (s) => connection.port = port(s),
    bindto: (s) => connection.bindTo = reader.address(reader.one(s, "address")),
    bind_if: (s) => connection.bindIf = reader.device(s),
    bind_port: (s) => connection.bindPort = port(s),
    fwmark: (s) => connection.fwmark = unlessZero(reader.whole(s, 0, 0xffff_ffff)),
  };
}

type Own = (reader: BlockReader, checker: Checker) => Handlers;

const http: Own = (reader, checker) => ({
  url: (s) => checker.urls.push(readUrl(reader, s)),
  virtualhost: (s) => checker.host = reader.text(s),
  http_protocol: (s) => {
    const said = reader.text(s);
    if (!said) return;
    if (/^1\.(?:0[cC]?|1)$/.test(said.value)) checker.version = said;
    else reader.complain(said.word, `${quote(said.value)}: must be 1.0, 1.0C or 1.1`);
  },
  // It is older than the word that it stands for.
  nb_get_retry: (s) => checker.timing.retry = reader.whole(s, 0, MOST_RETRIES),
  enable_sni: { note: "it is for SSL_GET alone" },
  fast_recovery: { note: "several URLs are always asked one after the other, without a wait" },
});

const OWN: Readonly<Record<CheckerType, Own>> = {
  HTTP_GET: http,
  SSL_GET: (reader, checker) => ({
    ...http(reader, checker),
    enable_sni: (s) => checker.sni = reader.flag(s),
  }),
  TCP_CHECK: () => ({}),
  PING_CHECK: () => ({}),
  SMTP_CHECK: (reader, checker) => ({
    helo_name: (s) => checker.helo = reader.text(s),
    host: (s) => {
      const [connection, timing]: [Connection, Timing] = [{}, {}];
      reader.block(s, {
        // What says when is said of all of them.
        ...handlersOf(reader, { ...checker, connection }),
        ...timeoutHandlers(reader, timing),
      });
      checker.hosts.push({ connection, connectTimeout: timing.connectTimeout });
    },
  }),
  DNS_CHECK: (reader, checker) => ({
    name: (s) => checker.name = reader.text(s),
    type: (s) => checker.record = reader.text(s),
  }),
  MISC_CHECK: (reader, checker) => ({
    misc_path: (s) => {
      checker.script = reader.script(s);
      checker.isWrong = !checker.script;
    },
    misc_timeout: (s) => checker.scriptTimeout = reader.whole(s, 0, MOST_TIMEOUT_S),
    misc_dynamic: (s) => checker.dynamic = reader.on(s),
    user: (s) => checker.user = userOf(reader, s),
  }),
  UDP_CHECK: (reader, checker) => ({
    payload: (s) => {
      if (s.words.length > 1) checker.payload = hexOf(reader, s, false);
      else reader.complain(s.words[0], "payload has no value, must have one");
    },
    require_reply: (s) => checker.reply = hexOf(reader, s, true),
    min_reply_length: (s) => checker.replyLeast = reader.whole(s, 0, 65_535),
    max_reply_length: (s) => checker.replyMost = reader.whole(s, 0, 65_535),
  }),
  FILE_CHECK: (reader, checker) => ({
    track_file: (s) => {
      checker.file = reader.text(s);
      checker.isWrong = !checker.file;
    },
    // keepalived 2.2.7 has it in its manual, but does not know it, and acts as if it were there.
    dynamic: { note: "what stands in the file counts in any case" },
    weight: (s) => checker.fileWeight = fileWeight(reader, s, 65_535),
  }),
};

/** With "reverse" it is the other way round. */
export function fileWeight(
  reader: BlockReader,
  statement: Statement,
  most: number,
): Said<number> | undefined {
  const [keyword, number, way, more] = statement.words;
  if (!number) return reader.complain(keyword, "weight has no number, must have one");
  if (way && way.text !== "reverse" && way.text !== "noreverse") {
    return reader.complain(way, `${quote(way.text)}: must be reverse, or not be there`);
  }
  if (more) reader.complain(more, `${quote(more.text)} is one word too many behind weight`);
  const said = reader.wholeOf(number, -most, most);
  if (way?.text !== "reverse" || !said) return said;
  if (said.value !== 0) return { ...said, value: -said.value };
  return reader.complain(way, `"reverse" of weight 0 is not supported: 0 is good, and no other`);
}

export function userOf(reader: BlockReader, { words }: Statement): Said<string> | undefined {
  const [keyword, user, group, more] = words;
  if (!user) return reader.complain(keyword, `${keyword.text} has no name, must have one`);
  if (more) {
    reader.complain(more, `${quote(more.text)} is one word too many behind ${keyword.text}`);
  }
  return { value: group ? `${user.text}:${group.text}` : user.text, word: user };
}

/** Digits in any groups: one that is alone in its group is a whole byte. */
function hexOf(
  reader: BlockReader,
  statement: Statement,
  mayMask: boolean,
): Said<string> | undefined {
  const [keyword, ...groups] = statement.words;
  let digits = "";
  for (const word of groups) {
    if (!(mayMask ? /^[0-9a-fx]+$/i : /^[0-9a-f]+$/i).test(word.text)) {
      return reader.complain(word, `${quote(word.text)}: must be hexadecimal digits`);
    }
    const { text } = word;
    const last = text.length % 2 === 0 ? "" : `0${text.at(-1)}`;
    digits += text.slice(0, text.length - text.length % 2) + last;
  }
  return { value: digits.toLowerCase(), word: groups[0] ?? keyword };
}

function readUrl(reader: BlockReader, statement: Statement): UrlBlock {
  const url: UrlBlock = {
    ...{ word: statement.words[0], status: [], regexNot: false, regexFlags: "" },
  };
  reader.block(statement, {
    path: (s) => url.path = reader.text(s),
    digest: (s) => url.digest = reader.text(s),
    status_code: ({ words: [, ...codes] }) => {
      for (const word of codes) url.status.push({ value: word.text, word });
    },
    virtualhost: (s) => url.host = reader.text(s),
    regex: (s) => url.regex = reader.escaped(s),
    regex_no_match: (s) => url.regexNot = reader.on(s)?.value ?? true,
    regex_options: (s) => readRegexOptions(reader, s, url),
    regex_stack: { note: "patterns are matched in linear time and need no stack" },
    regex_min_offset: (s) => url.regexFrom = reader.whole(s, 0, 1 << 20),
    regex_max_offset: (s) => url.regexTo = reader.whole(s, 0, 1 << 20),
  });
  return url;
}

const REGEX_FLAGS: Readonly<Record<string, string>> = {
  ...{ caseless: "i", dotall: "s", multiline: "m", extended: "x" },
};
/** Those that only say how, or change what is not asked for. */
const REGEX_IDLE: ReadonlySet<string> = new Set([
  ...["auto_callout", "dupnames", "never_ucp", "never_utf", "no_auto_capture", "no_auto_possess"],
  ...["no_dotstar_anchor", "no_start_optimize", "ungreedy", "never_backslash_c"],
  ...["alt_verbnames", "match_unset_backref", "use_offset_limit"],
]);

function readRegexOptions(reader: BlockReader, { words }: Statement, url: UrlBlock): void {
  for (const word of words.slice(1)) {
    const flag = REGEX_FLAGS[word.text];
    if (flag !== undefined) url.regexFlags += flag;
    else if (REGEX_IDLE.has(word.text)) reader.note(word, `${word.text}: it changes no answer`);
    else reader.unsupported(word, `the option ${quote(word.text)} of patterns is not supported`);
  }
}

/** The pattern with its flags; undefined where it is none. */
export function patternOf(
  reader: BlockReader,
  { regex, regexFlags }: UrlBlock,
): string | undefined {
  if (!regex) return undefined;
  const flags = [...new Set(regexFlags)].join("");
  const pattern = flags === "" ? regex.value : `(?${flags})${regex.value}`;
  try {
    compilePattern(pattern);
    return pattern;
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return reader.complain(regex.word, `${quote(regex.value)}: ${error.message}`);
  }
}
