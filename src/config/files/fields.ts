/** All that can stand in a file of `lvscare run`. */

import { parseNetmask } from "../../ipvsadm/netmask.ts";
import { type Address, parseAddress } from "../../model/address.ts";
import { parseEndpoint } from "../../model/endpoint.ts";
import { PROXY_PROTOCOLS } from "../../wire/proxy_protocol.ts";
import { BACKENDS, DATAPLANES, MASQUERADE_CHOICES } from "../care.ts";
import { judgeHostAddress } from "../care_endpoints.ts";
import { readDevice } from "../care_mode.ts";
import {
  NEEDS,
  NOTIFY_EVENTS,
  type NotifyConfig,
  STARTS,
  WHEN_FAILED,
  WITHOUT_QUORUM,
} from "../config.ts";
import { type Given, refuse, refuseUnseen } from "../given.ts";
import { readDurationMs, readSwitch } from "../values.ts";
import { check } from "./check_fields.ts";
import {
  choice,
  command,
  duration,
  flag,
  hostAddress,
  percent,
  readHostAddress,
  text,
  whole,
} from "./scalars.ts";
import {
  complainIn,
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

/** "80", or "8000-8010" for eleven. */
const ports: Shape<readonly number[]> = mapped(
  oneOrMore(
    scalar({ type: ["integer", "string"], pattern: "^\\d{1,5}(-\\d{1,5})?$" }, readPorts),
  ),
  (each) => each.flat(),
);

function readPorts(given: Given): number[] {
  const [first, last, ...more] = given.text.split("-").map((text) => ({ ...given, text }));
  const must = "must be a port from 0 to 65535, or two as 8000-8010";
  const from = readPort(first!, given, must);
  const to = last ? readPort(last, given, must) : from;
  if (more.length > 0 || to < from) refuse(given, must);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function readPort({ text }: Given, whole: Given, must: string): number {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : refuse(whole, must);
}

/** The names of schedulers are the kernel's, and newer ones have more. */
const scheduler: Shape<string> = scalar(
  { type: "string", pattern: "^[a-z]{1,15}$", examples: ["rr", "wrr", "lc", "wlc", "sh", "mh"] },
  (given) =>
    /^[a-z]{1,15}$/.test(given.text)
      ? given.text
      : refuse(given, "must be a scheduler's name: 1 to 15 small letters"),
);

const device: Shape<string> = scalar({ type: "string", maxLength: 15 }, readDevice);

const TUNNEL = {
  type: { shape: choice(["ipip", "gue", "gre"]), help: "The encapsulation. Default: ipip" },
  port: { shape: whole(1, 65_535), help: "The server's port for gue, which must have one" },
  checksum: {
    shape: choice(["none", "checksum", "remote"]),
    help: "The checksum of gue and gre; remote is for gue alone. Default: none",
  },
} as const satisfies Fields;

export type TunnelValues = ValuesOf<typeof TUNNEL>;

const PERSISTENCE = {
  timeout: {
    shape: duration({ min: "1s", max: "744h" }),
    help: "How long a client belongs to a server after its last connection. Default: 5m",
  },
  prefix: {
    shape: whole(0, 128),
    help: "How many bits of an address make it the same client, as 24. Default: all",
  },
  mask: {
    shape: scalar(
      { type: "string" },
      (given) =>
        parseNetmask(given.text) ?? refuse(given, "must be a mask of IPv4, as 255.255.255.0"),
    ),
    help: "The same as a mask of IPv4, as 255.255.255.0",
  },
  engine: {
    shape: scalar(
      { type: "string", pattern: "^[a-z0-9_]{1,15}$" },
      (given) =>
        /^[a-z0-9_]{1,15}$/.test(given.text)
          ? given.text
          : refuse(given, "must be the name of an engine, as sip"),
    ),
    help: "The persistence engine, as sip. Default: none",
  },
} as const satisfies Fields;

export type PersistenceValues = ValuesOf<typeof PERSISTENCE>;

/** A map, its timeout alone, or none. */
const persistence: Shape<Table<PersistenceValues> | "none"> = {
  schema: {
    oneOf: [
      { type: ["string", "integer"], examples: ["5m", 300, "none"] },
      table(PERSISTENCE).schema,
    ],
  },
  read(node, place) {
    if (node.kind !== "scalar") return table(PERSISTENCE).read(node, place);
    if (node.text === "none" || node.text === "0") return "none";
    const timeout = PERSISTENCE.timeout.shape.read(node, place);
    return timeout === undefined ? undefined : tableOf({ timeout }, node, place);
  },
};

const url: Shape<string> = scalar({ type: "string", format: "uri" }, (given) => {
  const parsed = URL.parse(given.text);
  const isGood = (parsed?.protocol === "http:" || parsed?.protocol === "https:") &&
    /^[\x21-\x7e]*$/.test(given.text);
  // It may have a secret.
  if (!isGood) refuseUnseen(given, "the URL", "must be one of http or https");
  return given.text;
});

const NOTIFY = {
  on: {
    shape: oneOrMore(choice(NOTIFY_EVENTS)),
    help: `Of what: ${NOTIFY_EVENTS.join(", ")}. Default: of all`,
  },
  program: {
    shape: command,
    help: "A program, and what it is given; a line of JSON stands on its standard input",
  },
  url: { shape: url, help: "Who gets the JSON by POST" },
  user: { shape: text, help: "The user that runs the program. Default: ours" },
  timeout: {
    shape: duration({ min: "100ms", max: "1h" }),
    help: "How long it may take. Default: 10s",
  },
} as const satisfies Fields;

const notify: Shape<NotifyConfig> = {
  schema: { oneOf: [{ type: "string" }, table(NOTIFY).schema] },
  read(node, place) {
    if (node.kind !== "map") {
      const isUrl = node.kind === "scalar" && /^https?:/i.test(node.text);
      if (isUrl) {
        const to = url.read(node, place);
        return to === undefined ? undefined : readNotify({ url: to });
      }
      const program = command.read(node, place);
      return program && readNotify({ program });
    }
    const read = table(NOTIFY).read(node, place);
    if (!read) return undefined;
    const { program, url: to, user } = read.values;
    if (
      node.entries.some(({ key }) => key === "program") ===
        node.entries.some(({ key }) => key === "url")
    ) return place.complain(node, "must have program or url, and one of them");
    if (to !== undefined && user !== undefined) complainIn(read, "user", "is for a program alone");
    return program || to !== undefined ? readNotify(read.values) : undefined;
  },
};

function readNotify({ on = [], program, url, user, timeout = 10_000 }: ValuesOf<typeof NOTIFY>) {
  const to = program
    ? { kind: "program" as const, command: program }
    : url !== undefined && { kind: "url" as const, url };
  return to ? { on, to, user, timeoutMs: timeout } : undefined;
}

/** What is a server's, and can be said for all of a service's, or of a file's. */
const SERVER_SETTINGS = {
  weight: {
    shape: whole(0, 65_535),
    help: "How much a server gets beside the others; 0: no new connections. Default: 1",
  },
  forwarding: {
    shape: choice(["masquerade", "direct", "tunnel"]),
    help: "How packets reach servers. Default: masquerade",
  },
  tunnel: { shape: table(TUNNEL), help: "The tunnel, where forwarding is one" },
  "upper-threshold": {
    shape: whole(0, 999_999_999),
    help: "Connections at which a server gets no more; 0: no limit. Default: 0",
  },
  "lower-threshold": {
    shape: whole(0, 999_999_999),
    help: "Connections at which it gets some again; 0: three quarters of the upper. Default: 0",
  },
  check: { shape: check, help: "How servers are checked; or the type alone" },
  checks: {
    shape: listOf(check),
    help: "Several checks; what one of them does not say is check's",
  },
  need: {
    shape: choice(NEEDS),
    help: "How many of several checks must be good: all, or any of them. Default: all",
  },
  "when-failed": {
    shape: choice(WHEN_FAILED),
    help: "What becomes of a server that failed. step: weight 0, and out with its next failed " +
      "check; remove: out at once; inhibit: weight 0 until it is back. Default: step",
  },
  notify: {
    shape: oneOrMore(notify),
    help: "Who is told when a server goes or is back, and of the service when its quorum is lost " +
      "or had again: a program's path, a URL, or a map; or several",
  },
} as const satisfies Fields;

const QUORUM = {
  weight: { shape: whole(1, 1_000_000_000), help: "The weight that is needed. Default: 1" },
  hysteresis: {
    shape: whole(0, 1_000_000_000),
    help: "It is lost at so much less, and had again at so much more. Default: 0",
  },
  without: {
    shape: choice(WITHOUT_QUORUM),
    help: "What is done without it, beside the sorry server. withdraw: the address is taken away " +
      "from here, with all services on it. Default: keep",
  },
  start: { shape: choice(STARTS), help: "Whether it is there at start. Default: the service's" },
} as const satisfies Fields;

export type QuorumValues = ValuesOf<typeof QUORUM>;

const shortQuorum: Shape<Table<QuorumValues>> = {
  schema: QUORUM.weight.shape.schema,
  read(node, place) {
    const weight = QUORUM.weight.shape.read(node, place);
    return weight === undefined ? undefined : tableOf({ weight }, node, place);
  },
};

/** A time, for ever, or none. */
const drain: Shape<number> = scalar(
  { type: ["boolean", "string", "integer"], examples: [true, false, "30s"] },
  (given) => {
    const isSwitch = /^(?:t|f|true|false)$/i.test(given.text);
    if (isSwitch) return readSwitch(given) ? Infinity : 0;
    if (!/^\d/.test(given.text)) return refuse(given, "must be true, false or a duration as 30s");
    return readDurationMs(given, { min: "0s", max: "24h" });
  },
);

/** What is a service's, and can be said for all of a file's. */
const SERVICE_SETTINGS = {
  protocol: {
    shape: oneOrMore(choice(["tcp", "udp", "sctp"])),
    help: "The protocol, or several. Default: tcp",
  },
  mode: {
    shape: choice(["link", "route", "none"]),
    help:
      "How packets get here. link: the address is put on a dummy device, and what goes there is " +
      "masqueraded; route: a route leads to it; none: nothing is done. Default: link",
  },
  device: { shape: device, help: "The dummy device of mode link. Default: lvscare" },
  gateway: {
    shape: oneOrMore(hostAddress),
    help: "This host's own address, one a family, for mode route. Default: $LVSCARE_NODE_IP",
  },
  scheduler: { shape: scheduler, help: "Who gets the next connection. Default: wrr" },
  "scheduler-flags": {
    shape: listOf(text),
    help: "Flags of the scheduler, as sh-port, sh-fallback, mh-port, mh-fallback, flag-3",
  },
  "one-packet": {
    shape: flag,
    help: "Each packet of UDP is a connection of its own. Default: false",
  },
  persistence: {
    shape: persistence,
    help: "How long a client comes back to the same server; or none. Default: none",
  },
  start: {
    shape: choice(STARTS),
    help:
      "What a server is of which nothing is known: up, or proven, which is down until a check of " +
      "it was good. Default: up",
  },
  "keep-last": {
    shape: flag,
    help: "Never take the last server out, however its checks end. Default: false",
  },
  quorum: {
    shape: shortFor(shortQuorum, table(QUORUM)),
    help: "How much weight of healthy servers the service needs; or a map. Default: 1",
  },
  panic: {
    shape: percent,
    help:
      "Where fewer servers are healthy than this part of all, as 30%, all are used. Default: 0%",
  },
  "slow-start": {
    shape: duration({ min: "0s", max: "24h" }),
    help: "How long a server that is back takes to get its weight, step by step. Default: 0s",
  },
  "notify-end": {
    shape: flag,
    help: "Whether at the end of the program all is said to be down. Default: false",
  },
  drain: {
    shape: drain,
    help: "Whether a server that fails its checks keeps the connections that it has, or for how " +
      "long. Default: false",
  },
  "maintenance-drain": {
    shape: duration({ min: "0s", max: "24h" }),
    help: "How long a server of weight 0 keeps its connections. Default: until they end",
  },
  "drain-timeout": {
    shape: duration({ min: "0s", max: "24h" }),
    help: "How long what is no longer listed may keep its connections. Default: 30s",
  },
} as const satisfies Fields;

const SETTINGS = { ...SERVICE_SETTINGS, ...SERVER_SETTINGS } as const;

export type SettingValues = ValuesOf<typeof SETTINGS>;
export type ServerSettingValues = ValuesOf<typeof SERVER_SETTINGS>;

const SERVER = {
  address: { shape: hostAddress, help: "The server's address; must be given" },
  port: { shape: whole(0, 65_535), help: "Its port. Default: the service's" },
  ...SERVER_SETTINGS,
} as const satisfies Fields;

export type ServerValues = ValuesOf<typeof SERVER>;

/** "10.0.0.2:8080", or an address alone. */
const shortServer: Shape<Table<ServerValues>> = {
  schema: { type: "string", examples: ["10.0.0.2:8080", "[fd00::2]:8080", "10.0.0.2"] },
  read(node, place) {
    const endpoint = shortEndpoint.read(node, place);
    return endpoint && tableOf(endpoint, node, place);
  },
};

const shortEndpoint = scalar({ type: "string" }, (given): { address: Address; port?: number } => {
  const endpoint = parseEndpoint(given.text);
  if (endpoint) {
    const problem = judgeHostAddress(endpoint.address);
    return problem === undefined ? endpoint : refuse(given, problem);
  }
  const address = parseAddress(given.text);
  if (address !== undefined) return { address: readHostAddress(given) };
  return refuse(
    given,
    "must be a server, as 10.0.0.2:8080 or [fd00::2]:8080",
    /^[\w.-]*[a-z][\w.-]*(:\d+)?$/i.test(given.text) ? "names are not looked up" : undefined,
  );
});

const SORRY = {
  ...SERVER,
  inhibit: {
    shape: flag,
    help: "It stays in the table with weight 0 while it is not needed. Default: false",
  },
} as const satisfies Fields;

export type SorryTable = Table<ValuesOf<typeof SORRY>>;

const shortSorry: Shape<SorryTable> = shortServer;

const SERVICE = {
  name: { shape: text, help: "What people call it; it means nothing else" },
  address: {
    shape: oneOrMore(hostAddress),
    help: "The virtual address, or several: each is a service of its own",
  },
  port: {
    shape: ports,
    help: "The port, or several, as [80, 443, 8000-8010]: each is a service of its own",
  },
  mark: {
    shape: whole(1, 0xffff_ffff),
    help: "The firewall mark of its packets, in the place of address and port",
  },
  servers: {
    shape: listOf(shortFor(shortServer, table(SERVER))),
    help: "The servers behind it",
  },
  sorry: {
    shape: shortFor(shortSorry, table(SORRY)),
    help: "The server that stands in while there is no quorum; it is checked as the others are",
  },
  ...SETTINGS,
} as const satisfies Fields;

export type ServiceTable = Table<ValuesOf<typeof SERVICE>>;
export type ServerTable = Table<ServerValues>;

const DEFAULTS = table(SETTINGS);
const SERVICES = listOf(table(SERVICE));

const PROXY = {
  protocol: {
    shape: choice(PROXY_PROTOCOLS),
    help: "Tells servers who the client is, by the PROXY protocol. Default: not at all",
  },
  "connect-timeout": {
    shape: duration({ min: "100ms", max: "1h" }),
    help: "How long a server may take to accept. Default: 5s",
  },
  "idle-timeout": {
    shape: duration({ min: "1s", max: "720h" }),
    help: "How long a connection may be silent. Default: 15m",
  },
} as const satisfies Fields;

const seconds = duration({ min: "1s", max: "596h" });

const TIMEOUTS = {
  tcp: { shape: seconds, help: "Of connections of TCP" },
  "tcp-fin": { shape: seconds, help: "Of those that are ending" },
  udp: { shape: seconds, help: "Of UDP" },
} as const satisfies Fields;

export type TimeoutValues = ValuesOf<typeof TIMEOUTS>;

const SYNC_DAEMON = {
  device: { shape: device, help: "The device that is spoken over; must be given" },
  role: {
    shape: choice(["both", "master", "backup"]),
    help: "master tells others, backup listens. Default: both",
  },
  id: { shape: whole(0, 255), help: "Only those of one id hear each other. Default: 0" },
  "max-length": { shape: whole(1, 65_507), help: "Of a message. Default: the kernel's" },
  group: {
    shape: scalar(
      { type: "string" },
      (given) => parseAddress(given.text) ?? refuse(given, "must be an address, as 224.0.0.81"),
    ),
    help: "The multicast group. Default: 224.0.0.81",
  },
  port: { shape: whole(1, 65_535), help: "The port of UDP. Default: 8848" },
  ttl: { shape: whole(1, 255), help: "How many routers may lie between. Default: 1" },
} as const satisfies Fields;

export type SyncDaemonValues = ValuesOf<typeof SYNC_DAEMON>;

const HOST = {
  dataplane: {
    shape: choice(DATAPLANES),
    help: "Who balances: kernel (IPVS), embedded (this program), or auto. Default: kernel",
  },
  backend: {
    shape: choice(BACKENDS),
    help: "How the kernel is spoken to: netlink, or command (ipvsadm and its like)",
  },
  masquerade: {
    shape: choice(MASQUERADE_CHOICES),
    help: "Whose rules masquerade: iptables, nftables, or auto, what suits the host. Default: auto",
  },
  "masquerade-bit": {
    shape: whole(0, 31),
    help: "The bit of the firewall mark that marks what is masqueraded. Default: 0",
  },
  "sync-interval": {
    shape: duration({ min: "100ms", max: "24h" }),
    help: "The kernel is looked at no less often than this. Default: 5s",
  },
  "checks-at-once": {
    shape: whole(1, 100_000),
    help: "How many checks may be under way at once. Default: 1000",
  },
  timeouts: {
    shape: table(TIMEOUTS),
    help: "How long IPVS remembers idle connections. Default: as it is",
  },
  "sync-daemon": {
    shape: table(SYNC_DAEMON),
    help: "IPVS tells other hosts of its connections, or hears of theirs. Default: as it is",
  },
  proxy: { shape: table(PROXY), help: "Of the embedded proxy" },
} as const satisfies Fields;

export type HostTable = Table<ValuesOf<typeof HOST>>;

/** What the first file of a directory may say. */
const MAIN = {
  host: {
    shape: table(HOST),
    help: "What is the host's and not a service's; a change of dataplane, backend, masquerade, " +
      "checks-at-once and proxy takes a restart",
  },
  defaults: { shape: DEFAULTS, help: "What services and servers have that do not say it" },
  services: { shape: SERVICES, help: "The services" },
} as const satisfies Fields;

/** What any other may say. */
const PART = {
  defaults: {
    shape: DEFAULTS,
    help: "What services and servers of this file have that do not say it",
  },
  services: MAIN.services,
} as const satisfies Fields;

export type MainTable = Table<ValuesOf<typeof MAIN>>;

export const MAIN_FILE: Shape<MainTable> = table(MAIN);
export const PART_FILE: Shape<Table<ValuesOf<typeof PART>>> = table(PART);

/** Of both kinds of file, for editors. */
export function fileSchema(): unknown {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of lvscare run",
    description: "lvscare.yaml, or a file of conf.d, which has no host",
    ...MAIN_FILE.schema,
  };
}
