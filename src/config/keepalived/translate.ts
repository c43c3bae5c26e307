/** The statements of keepalived's language to what files of `lvscare run` would say. */

import { addressFamily, type Family, parseAddress } from "../../model/address.ts";
import { parseNetmask } from "../../ipvsadm/netmask.ts";
import { quote } from "../given.ts";
import { BlockReader, type Handlers, type Note, type ReaderOptions, type Said } from "./block.ts";
import {
  type CheckerPlace,
  draftCheck,
  isWeighing,
  type SslBlock,
  type TrackFile,
} from "./checks.ts";
import { type Checker, fileWeight, userOf } from "./checker_block.ts";
import { DraftList, DraftMap } from "./draft.ts";
import { type Method, readService, type ServerBlock, type ServiceBlock } from "./service_block.ts";
import type { Statement } from "./statements.ts";
import { type Target, targetsOf } from "./targets.ts";
import type { Word } from "./words.ts";

export interface Translation {
  readonly draft: DraftMap;
  /** What is said of the file that changes nothing of what it means here. */
  readonly notes: readonly Note[];
}

const PERSISTENCE_S = 360;
const SCHEDULER = "wlc";
const VRRP = "it is of the VRRP half, which is left to keepalived";
const NEVER_FLUSHED = "nothing is ever flushed: what this program did not make it does not touch";
const SERVICES_LIMIT = 50_000;
const TRACK_WEIGHT_MOST = 254;
/** In seconds, as much as the kernel takes. */
const TIMEOUT_MOST_S = 596 * 3600;

export function translate(
  statements: readonly Statement[],
  top: Word,
  options: ReaderOptions,
): Translation {
  const translator = new Translator(top, options);
  translator.read(statements);
  return translator.translation();
}

/** Words about mail, and about keepalived's own process: nothing here is another thing for them. */
const MAIL_WORDS = [
  ...["notification_email", "notification_email_from", "smtp_server", "smtp_helo_name"],
  ...["smtp_connect_timeout", "smtp_alert", "smtp_alert_checker", "smtp_alert_vrrp"],
  ...["no_email_faults", "no_checker_emails"],
];
const OWN_WORDS = [
  ...["router_id", "process_names", "process_name", "reload_file", "reload_time_file"],
  ...["reload_repeat", "reload_check_config", "max_auto_priority", "lvs_process_name"],
  ...["random_seed", "namespace_with_ipsets"],
  ...["min_auto_priority_delay", "umask", "tmp_config_directory", "instance", "use_pid_dir"],
  ...[
    "data_use_instance",
    "json_version",
    "config_save_dir",
    "child_wait_time",
    "rs_init_notifies",
  ],
  ...["process_monitor_rcv_bufs", "process_monitor_rcv_bufs_force", "rx_bufs_policy"],
  ...["rx_bufs_size", "rx_bufs_multiples", "default_interface", "dynamic_interfaces"],
  ...["allow_if_changes", "disable_local_igmp"],
];
const SCRIPT_WORDS = [
  ...["startup_script", "startup_script_timeout", "shutdown_script", "shutdown_script_timeout"],
];
const FIFO_WORDS = [
  ...["notify_fifo", "notify_fifo_script", "lvs_notify_fifo", "lvs_notify_fifo_script"],
];
const FIFO = "this program writes to no pipe; programs can be named by notify_up, notify_down, " +
  "quorum_up and quorum_down";
const VRRP_WORDS = [
  ...["enable_traps", "enable_dbus", "log_unknown_vrids", "fifo_write_vrrp_states_on_reload"],
  ...["nftables", "nftables_counters", "nftables_priority", "nftables_ifindex"],
];
const OF_VRRP = /^(?:vrrp|snmp|enable_snmp|bfd|dbus|garp|vmac)_/;
const OWN_PROCESS = /^(?:checker|lvs_netlink)_/;

class Translator {
  readonly #reader: BlockReader;
  readonly #top: Word;
  readonly #host: DraftMap;
  readonly #groups = new Map<string, Statement>();
  readonly #services: ServiceBlock[] = [];
  readonly #ssl: SslBlock = {};
  readonly #files = new Map<string, TrackFile>();
  #user: Said<string> | undefined;
  #count = 0;

  constructor(top: Word, options: ReaderOptions) {
    this.#reader = new BlockReader(options);
    this.#top = top;
    this.#host = new DraftMap(top);
  }

  read(statements: readonly Statement[]): void {
    const reader = this.#reader;
    const namespace = { unsupported: "start this program in that namespace" };
    reader.read(statements, {
      global_defs: (s) => reader.block(s, this.#globals(), globalFallback),
      virtual_server: (s) => this.#services.push(readService(reader, s)),
      virtual_server_group: (s) => this.#group(s),
      SSL: (s) => reader.block(s, this.#sslHandlers()),
      track_file: (s) => this.#trackFile(s),
      vrrp_track_file: (s) => this.#trackFile(s),
      bfd_instance: { unsupported: "this program does not speak BFD" },
      ...{ net_namespace: namespace, net_namespace_ipvs: namespace },
    }, (word) => TOP_OF_VRRP.test(word) ? { note: VRRP } : globalFallback(word));
  }

  #globals(): Handlers {
    const apart = { unsupported: "each service of a group is one of its own here" };
    const namespace = { unsupported: "start this program in that namespace" };
    return {
      lvs_timeouts: (s) => this.#timeouts(s),
      lvs_sync_daemon: (s) => this.#syncDaemon(s),
      script_user: (s) => this.#user = userOf(this.#reader, s),
      ...namesOf(["lvs_flush", "lvs_flush_on_stop", "lvs_flush_onstop"], { note: NEVER_FLUSHED }),
      ...namesOf(MAIL_WORDS, { note: "this program sends no mail" }),
      checker_log_all_failures: { note: "all failures are logged with --logger DEBUG" },
      enable_script_security: { note: "no shell runs programs here" },
      include_check: () => {},
      ...namesOf(["nftables_ipvs", "nftables_ipvs_start_fwmark", "nftables_ipvs_priority"], apart),
      ...namesOf(FIFO_WORDS, { unsupported: FIFO }),
      ...namesOf(SCRIPT_WORDS, { note: "it is not run here: a unit can do so" }),
      ...{ net_namespace: namespace, net_namespace_ipvs: namespace },
      linkbeat_use_polling: { note: VRRP },
    };
  }

  #sslHandlers(): Handlers {
    const reader = this.#reader;
    const ssl = this.#ssl;
    return {
      ca: (s) => ssl.ca = reader.text(s),
      certificate: (s) => ssl.certificate = reader.text(s),
      key: (s) => ssl.key = reader.text(s),
      password: { unsupported: "keys must have none" },
    };
  }

  #group(statement: Statement): void {
    const name = this.#reader.one(statement, "name");
    if (!this.#reader.enter(statement) || !name) return;
    if (this.#groups.has(name.text)) {
      this.#reader.complain(name, `there is a virtual_server_group ${quote(name.text)} already`);
    } else this.#groups.set(name.text, statement);
  }

  #trackFile(statement: Statement): void {
    const reader = this.#reader;
    const name = reader.one(statement, "name");
    let path: Said<string> | undefined;
    let weight = 1;
    reader.block(statement, {
      file: (s) => path = reader.text(s),
      weight: (s) => weight = fileWeight(reader, s, TRACK_WEIGHT_MOST)?.value ?? weight,
      init_file: { unsupported: "this program writes no such files" },
    });
    if (name && this.#files.has(name.text)) {
      reader.complain(name, `there is a track_file ${quote(name.text)} already`);
    } else if (name && path) this.#files.set(name.text, { path: path.value, weight });
    else if (name) {
      reader.complain(name, `track_file ${quote(name.text)} has no file, must have one`);
    }
  }

  #timeouts({ words: [keyword, ...rest] }: Statement): void {
    const draft = new DraftMap(keyword);
    const names: Readonly<Record<string, string>> = { tcp: "tcp", tcpfin: "tcp-fin", udp: "udp" };
    for (let at = 0; at < rest.length; at += 2) {
      const [name, value] = [rest[at]!, rest[at + 1]];
      const key = names[name.text];
      if (!key) {
        this.#reader.complain(name, `${quote(name.text)}: must be tcp, tcpfin or udp`);
        return;
      }
      if (!value) this.#reader.complain(name, `${name.text} has no value, must have one`);
      else {
        const said = this.#reader.wholeOf(value, 1, TIMEOUT_MOST_S);
        if (said) draft.set(key, `${said.value}s`, value);
      }
    }
    if (rest.length === 0) {
      this.#reader.complain(keyword, "lvs_timeouts has no time, must have one");
    } else this.#host.set("timeouts", draft, keyword);
  }

  #syncDaemon({ words: [keyword, device, ...rest] }: Statement): void {
    const reader = this.#reader;
    if (!device) {
      reader.complain(keyword, "lvs_sync_daemon has no device, must have one");
      return;
    }
    const draft = new DraftMap(keyword).set("device", device.text, device);
    const names: Readonly<Record<string, string>> = {
      ...{ id: "id", maxlen: "max-length", port: "port", ttl: "ttl", group: "group" },
    };
    for (let at = 0; at < rest.length; at += 2) {
      const [name, value] = [rest[at]!, rest[at + 1]];
      const key = names[name.text];
      if (!key) {
        reader.unsupported(
          name,
          `${quote(name.text)}: a daemon that follows a VRRP instance is not ` +
            "supported, must be id, maxlen, port, ttl or group",
        );
        return;
      }
      if (!value) {
        reader.complain(name, `${name.text} has no value, must have one`);
        return;
      }
      if (key === "group") this.#checkGroup(value);
      draft.set(key, value.text, value);
    }
    this.#host.set("sync-daemon", draft, keyword);
  }

  #checkGroup(word: Word): void {
    const address = parseAddress(word.text);
    if (address === undefined || /^(?:22[4-9]\.|23\d\.|ff)/.test(address)) return;
    this.#reader.complain(word, `${quote(word.text)}: must be a multicast address, as 224.0.0.81`);
  }

  translation(): Translation {
    const draft = new DraftMap(this.#top);
    if (this.#host.entries.length > 0) draft.set("host", this.#host);
    draft.set("defaults", new DraftMap(this.#top).set("mode", "none"));
    const list = new DraftList(this.#top);
    for (const service of this.#services) this.#service(service, list);
    draft.set("services", list);
    return { draft, notes: this.#reader.notes };
  }

  #service(block: ServiceBlock, list: DraftList): void {
    const reader = this.#reader;
    const targets = targetsOf(reader, block, this.#groups);
    this.#checkSorry(block);
    if (block.servers.length === 0) {
      const text = "virtual_server without a real_server is not supported";
      if (!block.isBroken && targets.length > 0) reader.unsupported(block.word, text);
      return;
    }
    // One of a group's is enough for all of them.
    const isForced = !block.persistence &&
      targets.some((target) => target.kind === "addresses" && target.port === 0);
    for (const target of targets) {
      this.#count += target.kind === "mark" ? 1 : target.addresses.length;
      if (this.#count > SERVICES_LIMIT) {
        reader.complain(block.word, `with it there are more than ${SERVICES_LIMIT} services`);
        return;
      }
      if (this.#isOfFamily(block, target)) {
        list.add(this.#entry(block, target, isForced), target.word);
      }
    }
  }

  #checkSorry({ saysSorry, sorryMethod, sorryInhibit }: ServiceBlock): void {
    if (saysSorry) return;
    const said = [["lvs_method", sorryMethod], ["inhibit", sorryInhibit]] as const;
    for (const [end, each] of said) {
      const text = `sorry_server_${end} has no sorry_server beside it, must have one`;
      if (each) this.#reader.complain(each.word, text);
    }
  }

  #entry(block: ServiceBlock, target: Target, isForced: boolean): DraftMap {
    const { word, protocol, scheduler, flags, onePacket, omega, timing } = block;
    const entry = new DraftMap(target.word);
    if (target.kind === "mark") entry.set("mark", target.mark, target.word);
    else {
      entry.set("address", target.addresses.length === 1 ? target.addresses[0]! : target.addresses);
      entry.set("port", target.port).set("protocol", protocol?.value ?? "udp", protocol?.word);
      if (!protocol) entry.notes.push("no protocol is written, which is UDP");
    }
    entry.set("scheduler", scheduler?.value ?? SCHEDULER, scheduler?.word);
    if (flags[0]) entry.set("scheduler-flags", flags.map(({ value }) => value), flags[0].word);
    setMethod(entry, block.method);
    const isUdp = target.kind === "mark" || (protocol?.value ?? "udp") === "udp";
    if (onePacket && isUdp) entry.set("one-packet", true, onePacket.word);
    else if (onePacket) this.#reader.note(onePacket.word, "ops: it is for UDP alone");
    this.#persistence(entry, block, target, isForced);
    if (timing.alpha?.value) entry.set("start", "proven", timing.alpha.word);
    if (omega?.value) entry.set("notify-end", true, omega.word);
    entry.set("when-failed", block.inhibit?.value ? "inhibit" : "remove", block.inhibit?.word);
    this.#quorum(entry, block);
    const scripts = block.scripts.map((each) => this.#notify(each));
    if (scripts.length > 0) entry.set("notify", listOf(word, scripts));
    const servers = listOf(word, block.servers.map((each) => this.#server(block, each, target)));
    entry.set("servers", servers);
    this.#sorry(entry, block, target);
    return entry;
  }

  #persistence(entry: DraftMap, block: ServiceBlock, target: Target, isForced: boolean): void {
    const { persistence, granularity, engine, word } = block;
    if (engine && !persistence && !isForced && !granularity) {
      const text = "persistence_engine without persistence_timeout does nothing: must have both";
      this.#reader.complain(engine.word, text);
    }
    if (!persistence && !isForced && !granularity) return;
    const draft = new DraftMap(persistence?.word ?? word);
    draft.set("timeout", `${persistence?.value ?? PERSISTENCE_S}s`, persistence?.word);
    if (granularity) this.#granularity(draft, granularity, familyOf(block, target));
    draft.set("engine", engine?.value, engine?.word);
    if (isForced) draft.notes.push("a service of every port is always persistent");
    entry.set("persistence", draft, draft.word);
  }

  /** keepalived takes 24 for 0.0.0.24. */
  #granularity(draft: DraftMap, { value, word }: Said<string>, family: Family): void {
    const reader = this.#reader;
    if (family === "ipv6") draft.set("prefix", reader.wholeOf(word, 1, 128)?.value, word);
    else if (parseNetmask(value)) draft.set("mask", value, word);
    else reader.complain(word, `${quote(value)}: must be a mask of IPv4, as 255.255.255.0`);
  }

  /** More than there is cannot be demanded: there, it is reduced too. */
  #quorum(entry: DraftMap, block: ServiceBlock): void {
    const { quorum, hysteresis, servers, word } = block;
    if (!quorum && !hysteresis) return;
    const weightOf = ({ weight }: ServerBlock) => (weight ?? block.weight)?.value ?? 1;
    const total = servers.reduce((sum, server) => sum + weightOf(server), 0);
    const wanted = quorum?.value ?? 1;
    const needed = Math.max(1, Math.min(wanted, total));
    const asked = hysteresis?.value ?? 0;
    const kept = Math.min(asked, needed - 1);
    const draft = new DraftMap(quorum?.word ?? word).set("weight", needed, quorum?.word);
    if (needed < wanted) {
      draft.notes.push(`a quorum of ${wanted} is more than all servers have: it is ${needed}`);
    }
    if (kept > 0) draft.set("hysteresis", kept, hysteresis?.word);
    if (kept < asked) {
      draft.notes.push(`a hysteresis of ${asked} must be under the quorum: it is ${kept}`);
    }
    entry.set("quorum", draft, draft.word);
  }

  #notify({ on, script }: ServiceBlock["scripts"][number] | ServerBlock["scripts"][number]) {
    const draft = new DraftMap(script.word).set("on", on).set("program", script.command);
    return draft.set("user", script.user ?? this.#user?.value);
  }

  #server(service: ServiceBlock, block: ServerBlock, target: Target): DraftMap {
    const { word, address, port, weight, inhibit, upper, lower, timing, method } = block;
    const draft = new DraftMap(word).set("address", address.value, address.word);
    const written = port?.value;
    draft.set("port", this.#portOf(written, method ?? service.method, target), port?.word);
    const effective = weight ?? service.weight;
    draft.set("weight", effective?.value, effective?.word);
    setMethod(draft, method);
    if (inhibit && inhibit.value !== service.inhibit?.value) {
      draft.set("when-failed", inhibit.value ? "inhibit" : "remove", inhibit.word);
    }
    draft.set("upper-threshold", upper?.value, upper?.word);
    draft.set("lower-threshold", lower?.value, lower?.word);
    const scripts = block.scripts.map((each) => this.#notify(each));
    if (scripts.length > 0) draft.set("notify", listOf(word, scripts));
    const own = this.#portOf(written, method ?? service.method, target);
    const place: CheckerPlace = {
      ...{ service: service.timing, server: timing, ssl: this.#ssl, files: this.#files },
      address: address.value,
      host: block.host?.value ?? service.host?.value,
      // Checkers keep the port that was written, whatever the server gets.
      port: written !== undefined && written !== own ? written : undefined,
      weight: effective?.value ?? 1,
      user: this.#user?.value,
    };
    const checks = this.#checkers(block).map((each) => draftCheck(this.#reader, each, place))
      .filter((each) => each !== undefined);
    if (checks.length === 1) draft.set("check", checks[0]!, checks[0]!.word);
    else if (checks.length > 1) draft.set("checks", listOf(word, checks));
    return draft;
  }

  /** Two that set a weight would each add their part there; here the least counts. */
  #checkers({ checkers }: ServerBlock): readonly Checker[] {
    const [, ...more] = checkers.filter((each) => isWeighing(each, this.#files));
    for (const { type, word } of more) {
      const text = `a second ${type} that sets its server's weight is not supported`;
      this.#reader.unsupported(word, text);
    }
    return checkers.filter((each) => !more.includes(each));
  }

  /** What the server gets: without masquerading the service's, of a mark none. */
  #portOf(written: number | undefined, method: Method | undefined, target: Target): number {
    const own = target.kind === "mark" ? 0 : target.port;
    const isMasqueraded = (method?.forwarding ?? "masquerade") === "masquerade";
    return isMasqueraded ? written ?? own : own;
  }

  #sorry(entry: DraftMap, block: ServiceBlock, target: Target): void {
    const { sorry, sorryMethod, sorryInhibit } = block;
    if (!sorry) return;
    const { address, port } = sorry;
    const method = sorryMethod ?? block.method;
    const draft = new DraftMap(address.word).set("address", address.value);
    // There, it has none where none is written, which is the connection's to the kernel.
    draft.set("port", this.#portOf(port?.value ?? 0, method, target), port?.word);
    draft.set("weight", 1);
    setMethod(draft, sorryMethod);
    if (sorryInhibit?.value) draft.set("inhibit", true, sorryInhibit.word);
    entry.set("sorry", draft, address.word);
  }

  /** Of a mark, the servers say the family, and all must be of one. */
  #isOfFamily(block: ServiceBlock, target: Target): boolean {
    const reader = this.#reader;
    const family = familyOf(block, target);
    const { family: said, servers } = block;
    if (target.kind === "addresses") {
      if (!said || (said.value === "inet6") === (family === "ipv6")) return true;
      const must = `must be ${family === "ipv6" ? "inet6" : "inet"}, as ${target.addresses[0]} is`;
      reader.complain(said.word, `${quote(said.value)}: ${must}`);
      return false;
    }
    const { family: own = said?.value } = target;
    const wanted = own === undefined ? family : FAMILIES[own];
    const other = servers.find(({ address }) => addressFamily(address.value) !== wanted);
    if (!other) return true;
    const text = own === undefined
      ? "a mark with servers of both families is not supported"
      : `a mark of ${own} with servers of the other family is not supported`;
    reader.unsupported(target.word, text);
    return false;
  }
}

const FAMILIES = { inet: "ipv4", inet6: "ipv6" } as const;

function familyOf({ servers }: ServiceBlock, target: Target): Family {
  const address = target.kind === "mark" ? servers[0]?.address.value : target.addresses[0];
  return address === undefined ? "ipv4" : addressFamily(address);
}

/** What begins blocks of the VRRP half. */
const TOP_OF_VRRP =
  /^(?:vrrp_|static_|track_(?:process|group)$|linkbeat_|interface_up_down_delays$|garp_group$)/;

function globalFallback(word: string) {
  if (OF_VRRP.test(word) || VRRP_WORDS.includes(word)) return { note: VRRP };
  const isOwn = OWN_PROCESS.test(word) || OWN_WORDS.includes(word);
  return isOwn ? { note: "it is about keepalived's own process" } : undefined;
}

function namesOf(words: readonly string[], handler: Handlers[string]): Handlers {
  return Object.fromEntries(words.map((word) => [word, handler!]));
}

function listOf(word: Word, items: readonly DraftMap[]): DraftList {
  const list = new DraftList(word);
  for (const item of items) list.add(item, item.word);
  return list;
}

function setMethod(draft: DraftMap, method: Method | undefined): void {
  if (!method) return;
  draft.set("forwarding", method.forwarding, method.word);
  const entries = Object.entries(method.tunnel ?? {});
  if (entries.length === 0) return;
  const tunnel = new DraftMap(method.word);
  for (const [key, value] of entries) tunnel.set(key, value);
  draft.set("tunnel", tunnel, method.word);
}
