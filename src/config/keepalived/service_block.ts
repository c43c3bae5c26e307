/** The blocks virtual_server, real_server and virtual_server_group. */

import type { Address } from "../../model/address.ts";
import { quote } from "../given.ts";
import { didYouMean } from "../values.ts";
import type { BlockReader, Handlers, Said, Script } from "./block.ts";
import {
  type Checker,
  CHECKERS,
  readChecker,
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
  scheduler?: Said<string> | undefined;
  readonly flags: Said<string>[];
  onePacket?: Said<boolean> | undefined;
  method?: Method | undefined;
  /** Undefined value: the default time. */
  persistence?: Said<number | undefined> | undefined;
  granularity?: Said<string> | undefined;
  engine?: Said<string> | undefined;
  protocol?: Said<string> | undefined;
  family?: Said<string> | undefined;
  host?: Said<string> | undefined;
  omega?: Said<boolean> | undefined;
  quorum?: Said<number> | undefined;
  hysteresis?: Said<number> | undefined;
  inhibit?: Said<boolean> | undefined;
  readonly scripts: { readonly on: "quorum-up" | "quorum-down"; readonly script: Script }[];
  sorry?: { readonly address: Said<Address>; readonly port: Said<number> | undefined } | undefined;
  sorryMethod?: Method | undefined;
  sorryInhibit?: Said<boolean> | undefined;
}

const MAIL =
  "this program sends no mail; a program that does can be named by notify_up and notify_down";
const SNMP = "it is a name for SNMP alone, which this program does not speak";

export function readService(reader: BlockReader, statement: Statement): ServiceBlock {
  const [word, ...target] = statement.words;
  const block: ServiceBlock = {
    ...{ word, target, timing: {}, servers: [], flags: [], scripts: [] },
  };
  reader.block(statement, {
    ...timingHandlers(reader, block.timing),
    ...ownHandlers(reader, block),
  });
  return block;
}

function ownHandlers(reader: BlockReader, block: ServiceBlock): Handlers {
  const scheduler = (s: Statement) => block.scheduler = reader.text(s);
  const method = (s: Statement) => block.method = readMethod(reader, s);
  const flag = ({ words: [word] }: Statement) => block.flags.push({ value: word.text, word });
  const flags = ["flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback"];
  return {
    ...{ lvs_sched: scheduler, lb_algo: scheduler, lvs_method: method, lb_kind: method },
    ...Object.fromEntries(flags.map((name) => [name, flag])),
    ops: (s) => block.onePacket = reader.flag(s),
    persistence_engine: (s) => block.engine = reader.text(s),
    persistence_timeout: (s) => {
      const [word, given] = s.words;
      const said = given && reader.wholeOf(given, 1, 31 * 86_400);
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
    ip_family: (s) => block.family = reader.text(s),
    virtualhost: (s) => block.host = reader.text(s),
    omega: (s) => block.omega = reader.flag(s),
    quorum: (s) => block.quorum = reader.whole(s, 1, 1_000_000_000),
    hysteresis: (s) => block.hysteresis = reader.whole(s, 0, 1_000_000_000),
    quorum_up: (s) => addScript(reader, block, "quorum-up", s),
    quorum_down: (s) => addScript(reader, block, "quorum-down", s),
    inhibit_on_failure: (s) => block.inhibit = reader.flag(s),
    sorry_server: (s) => {
      const [word, at, port] = s.words;
      if (!at) reader.complain(word, "sorry_server has no address, must have one");
      const address = reader.address(at);
      if (address) block.sorry = { address, port: reader.port(port) };
    },
    sorry_server_inhibit: (s) => block.sorryInhibit = reader.flag(s),
    sorry_server_lvs_method: (s) => block.sorryMethod = readMethod(reader, s),
    real_server: (s) => {
      const server = readServer(reader, s);
      if (server) block.servers.push(server);
    },
    ha_suspend: { unsupported: "checks go on whether the address is on this host or not" },
    smtp_alert: { unsupported: MAIL },
    snmp_name: { note: SNMP },
  };
}

function addScript<On extends string>(
  reader: BlockReader,
  block: { readonly scripts: { readonly on: On; readonly script: Script }[] },
  on: On,
  statement: Statement,
): void {
  const script = reader.script(statement);
  if (script) block.scripts.push({ on, script });
}

function readServer(reader: BlockReader, statement: Statement): ServerBlock | undefined {
  const [word, at, written, more] = statement.words;
  if (!at) return reader.complain(word, "real_server has no address, must have one");
  if (more) reader.complain(more, `${quote(more.text)} is one word too many behind real_server`);
  const address = reader.address(at);
  const port = reader.port(written);
  if (!address) return undefined;
  const block: ServerBlock = { word, address, port, timing: {}, checkers: [], scripts: [] };
  const method = (s: Statement) => block.method = readMethod(reader, s);
  const checkers = CHECKERS.map((type): [string, Handlers[string]] => [
    type,
    (s) => block.checkers.push(readChecker(reader, type, s)),
  ]);
  reader.block(statement, {
    ...timingHandlers(reader, block.timing),
    ...Object.fromEntries(checkers),
    ...{ lvs_method: method, lb_kind: method },
    weight: (s) => block.weight = reader.whole(s, 0, 65_535),
    inhibit_on_failure: (s) => block.inhibit = reader.flag(s),
    uthreshold: (s) => block.upper = reader.whole(s, 0, 999_999_999),
    lthreshold: (s) => block.lower = reader.whole(s, 0, 999_999_999),
    virtualhost: (s) => block.host = reader.text(s),
    notify_up: (s) => addScript(reader, block, "server-up", s),
    notify_down: (s) => addScript(reader, block, "server-down", s),
    BFD_CHECK: { unsupported: "this program does not speak BFD" },
    smtp_alert: { unsupported: MAIL },
    snmp_name: { note: SNMP },
  });
  return block;
}

const METHODS: Readonly<Record<string, Method["forwarding"]>> = {
  ...{ nat: "masquerade", dr: "direct", tun: "tunnel" },
};
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
  const tunnel: Record<string, string> = {};
  for (let at = 0; at < rest.length; at++) {
    const { text } = rest[at]!;
    const value = rest[at + 1];
    if (text === "type" && value && ["ipip", "gue", "gre"].includes(value.text)) {
      tunnel["type"] = value.text;
      at++;
    } else if (text === "port" && value) {
      tunnel["port"] = value.text;
      at++;
    } else if (CHECKSUMS[text] !== undefined) tunnel["checksum"] = CHECKSUMS[text];
    else {reader.complain(
        rest[at]!,
        `${quote(text)}: must be type ipip, gue or gre, port or a checksum`,
      );}
  }
  return { word: kind, forwarding, tunnel };
}
