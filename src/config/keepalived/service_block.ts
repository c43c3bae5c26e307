/** The blocks virtual_server, real_server and virtual_server_group. */

import { type Address, parseAddress } from "../../model/address.ts";
import { quote } from "../given.ts";
import { didYouMean } from "../values.ts";
import type { BlockReader, Handler, Handlers, Said, Script } from "./block.ts";
import {
  type Checker,
  CHECKERS,
  readCheckers,
  type Timing,
  timingHandlers,
} from "./checker_block.ts";
import type { Statement } from "./statements.ts";
import type { Word } from "./words.ts";

/** How packets reach servers, as our files say it. */
export interface Method {
  readonly word: Word;
  readonly forwarding: "masquerade" | "direct" | "tunnel";
  readonly tunnel?: Readonly<Record<string, string>> | undefined;
}

export interface ServerBlock {
  readonly word: Word;
  readonly address: Said<Address>;
  /** Undefined: none was written. */
  readonly port: Said<number> | undefined;
  readonly timing: Timing;
  readonly checkers: Checker[];
  weight?: Said<number> | undefined;
  method?: Method | undefined;
  inhibit?: Said<boolean> | undefined;
  upper?: Said<number> | undefined;
  lower?: Said<number> | undefined;
  host?: Said<string> | undefined;
  readonly scripts: { readonly on: "server-up" | "server-down"; readonly script: Script }[];
}

export interface ServiceBlock {
  readonly word: Word;
  /** The words behind virtual_server. */
  readonly target: readonly Word[];
  readonly timing: Timing;
  readonly servers: ServerBlock[];
  /** Why it may have none has been said. */
  isBroken: boolean;
  scheduler?: Said<string> | undefined;
  /** Of servers that say none. */
  weight?: Said<number> | undefined;
  readonly flags: Said<string>[];
  onePacket?: Said<boolean> | undefined;
  method?: Method | undefined;
  /** Undefined value: the default time. */
  persistence?: Said<number | undefined> | undefined;
  granularity?: Said<string> | undefined;
  engine?: Said<string> | undefined;
  protocol?: Said<string> | undefined;
  family?: Said<"inet" | "inet6"> | undefined;
  host?: Said<string> | undefined;
  omega?: Said<boolean> | undefined;
  quorum?: Said<number> | undefined;
  hysteresis?: Said<number> | undefined;
  inhibit?: Said<boolean> | undefined;
  readonly scripts: { readonly on: "quorum-up" | "quorum-down"; readonly script: Script }[];
  sorry?: SaidEndpoint | undefined;
  /** One is there, right or wrong. */
  saysSorry?: boolean | undefined;
  sorryMethod?: Method | undefined;
  sorryInhibit?: Said<boolean> | undefined;
}

const MAIL =
  "this program sends no mail; a program that does can be named by notify_up and notify_down";
const NO_MAIL = "this program sends no mail in any case";
const SNMP = "it is a name for SNMP alone, which this program does not speak";

const SCHEDULERS = [
  ...["rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq"],
  "twos",
];
const WEIGHT_MOST = 65_535;
const NOWHERE = parseAddress("0.0.0.0")!;

export function readService(reader: BlockReader, statement: Statement): ServiceBlock {
  const [word, ...target] = statement.words;
  const block: ServiceBlock = {
    ...{
      word,
      target,
      timing: {},
      servers: [],
      isBroken: !statement.block,
      flags: [],
      scripts: [],
    },
  };
  reader.block(statement, {
    ...timingHandlers(reader, block.timing),
    ...ownHandlers(reader, block),
  });
  return block;
}

function ownHandlers(reader: BlockReader, block: ServiceBlock): Handlers {
  const scheduler = (s: Statement) => block.scheduler = readScheduler(reader, s);
  const method = (s: Statement) => block.method = readMethod(reader, s);
  const flag = (s: Statement) => {
    const said = reader.on(s);
    if (said) block.flags.push({ value: said.word.text, word: said.word });
  };
  const flags = ["flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback"];
  return {
    ...{ lvs_sched: scheduler, lb_algo: scheduler, lvs_method: method, lb_kind: method },
    ...Object.fromEntries(flags.map((name) => [name, flag])),
    hashed: { note: "the kernel sets it by itself" },
    ops: (s) => block.onePacket = reader.on(s),
    weight: (s) => block.weight = reader.whole(s, 1, WEIGHT_MOST),
    persistence_engine: (s) => block.engine = reader.text(s),
    persistence_timeout: (s) => {
      const [word, given] = s.words;
      const said = given && reader.whole(s, 1, 31 * 86_400);
      block.persistence = said ?? { value: undefined, word };
    },
    persistence_granularity: (s) => block.granularity = reader.text(s),
    protocol: (s) => {
      const said = reader.text(s);
      if (!said) return;
      const value = said.value.toLowerCase();
      if (["tcp", "udp", "sctp"].includes(value)) block.protocol = { value, word: said.word };
      else reader.complain(said.word, `${quote(said.value)}: must be TCP, UDP or SCTP`);
    },
    ip_family: (s) => block.family = readFamily(reader, reader.one(s, "family")),
    virtualhost: (s) => block.host = reader.text(s),
    // keepalived looks at no word behind these three, and takes "off" for on.
    alpha: (s) => block.timing.alpha = reader.on(s),
    omega: (s) => block.omega = reader.on(s),
    inhibit_on_failure: (s) => block.inhibit = reader.on(s),
    quorum: (s) => block.quorum = reader.whole(s, 1, 1_000_000_000),
    hysteresis: (s) => block.hysteresis = reader.whole(s, 0, 1_000_000_000),
    quorum_up: (s) => addScript(reader, block, "quorum-up", s),
    quorum_down: (s) => addScript(reader, block, "quorum-down", s),
    sorry_server: (s) => {
      block.sorry = readEndpoint(reader, s);
      block.saysSorry = true;
    },
    sorry_server_inhibit: (s) => block.sorryInhibit = reader.on(s),
    sorry_server_lvs_method: (s) => block.sorryMethod = readMethod(reader, s),
    real_server: (s) => {
      const server = readServer(reader, s);
      if (server) block.servers.push(server);
      else block.isBroken = true;
    },
    ha_suspend: { unsupported: "checks go on whether the address is on this host or not" },
    smtp_alert: mailHandler(reader),
    snmp_name: { note: SNMP },
  };
}

function readScheduler(reader: BlockReader, statement: Statement): Said<string> | undefined {
  const said = reader.text(statement);
  if (!said || SCHEDULERS.includes(said.value)) return said;
  const near = didYouMean(said.value.toLowerCase(), SCHEDULERS);
  const hint = near === undefined ? "" : ` (${near})`;
  const must = `must be one of ${SCHEDULERS.join(", ")}`;
  return reader.complain(said.word, `${quote(said.value)}: ${must}${hint}`);
}

export function readFamily(
  reader: BlockReader,
  word: Word | undefined,
): Said<"inet" | "inet6"> | undefined {
  if (!word) return undefined;
  const { text } = word;
  if (text === "inet" || text === "inet6") return { value: text, word };
  return reader.complain(word, `${quote(text)}: must be inet or inet6`);
}

interface SaidEndpoint {
  readonly address: Said<Address>;
  readonly port: Said<number> | undefined;
}

/** An address, and behind it a port or none. */
function readEndpoint(reader: BlockReader, { words }: Statement): SaidEndpoint | undefined {
  const [keyword, at, written, more] = words;
  if (!at) return reader.complain(keyword, `${keyword.text} has no address, must have one`);
  if (more) {
    reader.complain(more, `${quote(more.text)} is one word too many behind ${keyword.text}`);
  }
  const address = reader.address(at);
  const port = reader.port(written);
  return address && (port || !written || written.text === "0") ? { address, port } : undefined;
}

/** Only what asks for mail cannot be had. */
function mailHandler(reader: BlockReader): Handler {
  return (statement) => {
    const [word] = statement.words;
    const said = reader.flag(statement);
    if (said?.value) reader.unsupported(word, `smtp_alert is not supported: ${MAIL}`);
    else if (said) reader.note(word, `smtp_alert: ${NO_MAIL}`);
  };
}

function addScript<On extends string>(
  reader: BlockReader,
  block: { readonly scripts: { readonly on: On; readonly script: Script }[] },
  on: On,
  statement: Statement,
): void {
  const [word] = statement.words;
  const script = reader.script(statement);
  if (block.scripts.some((each) => each.on === on)) {
    reader.complain(word, `there is a ${word.text} already, must be one`);
  } else if (script) block.scripts.push({ on, script });
}

function readServer(reader: BlockReader, statement: Statement): ServerBlock | undefined {
  const [word] = statement.words;
  const endpoint = readEndpoint(reader, statement);
  // What stands in it may be wrong too.
  const { address, port } = endpoint ?? { address: { value: NOWHERE, word }, port: undefined };
  const block: ServerBlock = { word, address, port, timing: {}, checkers: [], scripts: [] };
  const method = (s: Statement) => block.method = readMethod(reader, s);
  const checkers = CHECKERS.map((type): [string, Handlers[string]] => [
    type,
    (s) => block.checkers.push(...readCheckers(reader, type, s)),
  ]);
  reader.block(statement, {
    ...timingHandlers(reader, block.timing),
    ...Object.fromEntries(checkers),
    ...{ lvs_method: method, lb_kind: method },
    weight: (s) => block.weight = reader.whole(s, 0, WEIGHT_MOST),
    inhibit_on_failure: (s) => block.inhibit = reader.flag(s),
    uthreshold: (s) => block.upper = reader.whole(s, 0, 999_999_999),
    lthreshold: (s) => block.lower = reader.whole(s, 0, 999_999_999),
    virtualhost: (s) => block.host = reader.text(s),
    notify_up: (s) => addScript(reader, block, "server-up", s),
    notify_down: (s) => addScript(reader, block, "server-down", s),
    BFD_CHECK: { unsupported: "this program does not speak BFD" },
    smtp_alert: mailHandler(reader),
    snmp_name: { note: SNMP },
  });
  return endpoint && block;
}

const METHODS: Readonly<Record<string, Method["forwarding"]>> = {
  ...{ nat: "masquerade", dr: "direct", tun: "tunnel" },
};
const TUNNELS = ["ipip", "gue", "gre"];
const CHECKSUMS: Readonly<Record<string, string>> = {
  ...{ nocsum: "none", csum: "checksum", remcsum: "remote" },
};

function readMethod(reader: BlockReader, { words }: Statement): Method | undefined {
  const [keyword, kind, ...rest] = words;
  if (!kind) {
    return reader.complain(keyword, `${keyword.text} has no method, must be NAT, DR or TUN`);
  }
  const forwarding = METHODS[kind.text.toLowerCase()];
  if (!forwarding) {
    const near = didYouMean(kind.text.toUpperCase(), ["NAT", "DR", "TUN"]);
    const hint = near === undefined ? "" : ` (${near})`;
    return reader.complain(kind, `${quote(kind.text)}: must be NAT, DR or TUN${hint}`);
  }
  if (forwarding !== "tunnel") {
    const [more] = rest;
    if (more) reader.complain(more, `${quote(more.text)} is for TUN alone`);
    return { word: kind, forwarding };
  }
  return { word: kind, forwarding, tunnel: readTunnel(reader, rest) };
}

/** What stands behind TUN, in any order. */
function readTunnel(
  reader: BlockReader,
  words: readonly Word[],
): Readonly<Record<string, string>> | undefined {
  const tunnel: Record<string, string> = {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const { text } = word;
    const value = words[at + 1];
    if (text === "type" || text === "port") {
      if (!value) return reader.complain(word, `${text} has no value, must have one`);
      if (text === "type" && !TUNNELS.includes(value.text)) {
        return reader.complain(value, `${quote(value.text)}: must be ipip, gue or gre`);
      }
      if (text === "port" && !reader.wholeOf(value, 1, 65_535)) return undefined;
      tunnel[text] = value.text;
      at++;
    } else if (CHECKSUMS[text] !== undefined) tunnel["checksum"] = CHECKSUMS[text];
    else {
      const must = "must be type ipip, gue or gre, port, nocsum, csum or remcsum";
      return reader.complain(word, `${quote(text)}: ${must}`);
    }
  }
  const { type = "ipip", port, checksum = "none" } = tunnel;
  const wrong = (type === "gue") !== (port !== undefined)
    ? `has ${port === undefined ? "no port, must have one" : "a port, must have none"}`
    : type === "ipip" && checksum !== "none"
    ? "has a checksum, must have none"
    : type === "gre" && checksum === "remote"
    ? "has remcsum, must have csum or nocsum"
    : undefined;
  if (wrong === undefined) return tunnel;
  return reader.complain(words[0]!, `a tunnel of ${type} ${wrong}`);
}
