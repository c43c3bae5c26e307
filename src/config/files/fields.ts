/** All that can stand in a file of `lvscare run`. */

import { parseNetmask } from "../../ipvsadm/netmask.ts";
import { type Address, parseAddress } from "../../model/address.ts";
import { parseEndpoint } from "../../model/endpoint.ts";
import { PROXY_PROTOCOLS } from "../../wire/proxy_protocol.ts";
import { BACKENDS, DATAPLANES, MASQUERADE_CHOICES, SCHEMES } from "../care.ts";
import { readMethod, readPath } from "../care_check.ts";
import { judgeHostAddress } from "../care_endpoints.ts";
import { readDevice } from "../care_mode.ts";
import { STARTS } from "../config.ts";
import { type Given, refuse } from "../given.ts";
import { checkHeader, type Header, TOKEN } from "../headers.ts";
import {
  type DurationRange,
  readChoice,
  readDurationMs,
  readInteger,
  readSwitch,
} from "../values.ts";
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
  type ValuePlace,
  type ValuesOf,
} from "./shape.ts";
import type { YamlNode } from "../yaml.ts";

function choice<const T extends string>(choices: readonly T[]): Shape<T> {
  return scalar({ enum: choices }, (given) => readChoice(given, choices));
}

function whole(minimum: number, maximum: number): Shape<number> {
  return scalar(
    { type: "integer", minimum, maximum },
    (given) => readInteger(given, minimum, maximum),
  );
}

function duration(range: DurationRange): Shape<number> {
  return scalar(
    { type: ["string", "integer"], examples: ["500ms", "5s", "1m30s", 5] },
    (given) => readDurationMs(given, range),
  );
}

const flag: Shape<boolean> = scalar({ type: "boolean" }, readSwitch);
const text: Shape<string> = scalar({ type: "string" }, ({ text }) => text);

/** An address of one host. */
const hostAddress: Shape<Address> = scalar({ type: "string" }, readHostAddress);

function readHostAddress(given: Given): Address {
  const address = parseAddress(given.text) ??
    refuse(given, "must be an address, as 10.0.0.1 or fd00::1", adviseOnAddress(given.text));
  const problem = judgeHostAddress(address);
  return problem === undefined ? address : refuse(given, problem);
}

function adviseOnAddress(text: string): string | undefined {
  if (parseEndpoint(text)) return "the port stands beside it, as port";
  return /^[\w.-]*[a-z][\w.-]*$/i.test(text) ? "names are not looked up" : undefined;
}

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

const CHECK = {
  type: {
    shape: choice([...SCHEMES, "none"]),
    help: "How servers are asked; none: they are always in use. Default: none",
  },
  port: { shape: whole(1, 65_535), help: "The port that is asked. Default: the server's own" },
  interval: {
    shape: duration({ min: "100ms", max: "24h" }),
    help: "From the start of one check to the next, from 100ms to 24h. Default: 5s",
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
  method: {
    shape: scalar({ type: "string" }, readMethod),
    help: "The request's method. Default: GET",
  },
  path: {
    shape: scalar({ type: "string" }, readPath),
    help: "The path, with a query where one is needed. Default: /healthz",
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
  verify: {
    shape: flag,
    help: "Whether a server's certificate must be one to trust. Default: false",
  },
} as const satisfies Fields;

export type CheckValues = ValuesOf<typeof CHECK>;

/** The type alone. */
const shortCheck: Shape<Table<CheckValues>> = {
  schema: CHECK.type.shape.schema,
  read(node, place) {
    const type = CHECK.type.shape.read(node, place);
    return type && tableOf({ type }, node, place);
  },
};

/** What stands for a map of these values. */
function tableOf<V>(values: V, { at, depth, size }: YamlNode, place: ValuePlace): Table<V> {
  return { values, node: { kind: "map", entries: [], at, depth, size }, place };
}

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
  check: {
    shape: shortFor(shortCheck, table(CHECK)),
    help: "How servers are checked; or the type alone",
  },
} as const satisfies Fields;

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
  drain: {
    shape: flag,
    help: "A server that fails its checks keeps the connections that it has. Default: false",
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
