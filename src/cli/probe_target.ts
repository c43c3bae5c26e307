/** What `lvscare probe` is to ask, and whom: its target and its options, read as a file would be. */

import type { CheckRequest, HttpCheck } from "../config/check.ts";
import { judgeHostAddress } from "../config/care_endpoints.ts";
import { checkOf, judgeCheck, needsPort } from "../config/files/check.ts";
import { CHECK, type CheckType, type CheckValues } from "../config/files/check_fields.ts";
import { type Problem, Report } from "../config/files/report.ts";
import { type JsonSchema, type Shape, table, ValuePlace } from "../config/files/shape.ts";
import { quote } from "../config/given.ts";
import { didYouMean } from "../config/values.ts";
import { parseYaml, type YamlEntry, type YamlNode } from "../config/yaml.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { type Address, parseAddress } from "../model/address.ts";

export type CheckKey = keyof CheckValues;

/** Those that are about checks again and again, or about servers; and the type, which the target says. */
const NOT_FOR_ONE: readonly CheckKey[] = [
  ...["type", "interval", "fast-interval", "down-interval", "jitter", "spread", "rise"] as const,
  ...["fall", "start", "unable", "failed-weight"] as const,
];

/** What one check can be told, each as an option of its name. */
export const PROBE_KEYS: readonly CheckKey[] = (Object.keys(CHECK) as CheckKey[])
  .filter((key) => !NOT_FOR_ONE.includes(key));

/** One check, and whom it asks. */
export interface ProbeOrder {
  readonly request: CheckRequest;
  /** Undefined: it is the name's, which is to be looked up. */
  readonly address: Address | undefined;
  readonly name: string | undefined;
  readonly port: number;
}

export interface Scheme {
  readonly type: Exclude<CheckType, "none">;
  /** Undefined: it must be given, where the type needs one. */
  readonly port?: number;
  /** Asked encrypted. */
  readonly isSecure?: true;
  /** An example, for messages. */
  readonly example: string;
}

export const SCHEMES: Readonly<Record<string, Scheme>> = {
  http: { type: "http", port: 80, example: "http://10.0.0.1:8080/healthz" },
  https: { type: "https", port: 443, example: "https://10.0.0.1:6443/healthz" },
  tcp: { type: "tcp", example: "tcp://10.0.0.1:25" },
  tls: { type: "tls", port: 443, example: "tls://[fd00::1]:443" },
  udp: { type: "udp", example: "udp://10.0.0.1:53" },
  icmp: { type: "icmp", example: "icmp://10.0.0.1" },
  ping: { type: "icmp", example: "ping://10.0.0.1" },
  dns: { type: "dns", port: 53, example: "dns://10.0.0.53/www.example?type=A" },
  smtp: { type: "smtp", port: 25, example: "smtp://10.0.0.1" },
  grpc: { type: "grpc", port: 50_051, example: "grpc://10.0.0.1:50051/my.Service" },
  grpcs: {
    ...{ type: "grpc", port: 50_051, isSecure: true },
    example: "grpcs://10.0.0.1:50051/my.Service",
  },
  exec: { type: "exec", example: "exec:/usr/local/bin/check" },
  file: { type: "file", example: "file:/run/weight" },
};

/** A target by its parts. */
interface Target {
  readonly text: string;
  readonly scheme: Scheme;
  readonly address: Address | undefined;
  readonly name: string | undefined;
  readonly port: number | undefined;
  /** What it says of the check itself. */
  readonly said: ReadonlyMap<CheckKey, YamlNode>;
}

/** Throws a UsageError where they cannot be meant; the options' texts are by their keys. */
export function readProbe(
  text: string,
  options: ReadonlyMap<CheckKey, readonly string[]>,
): ProbeOrder {
  const target = readTarget(text);
  const values = readValues(target, nodesOf(target, options));
  const { scheme: { type, port: usualPort }, name } = target;
  const port = values.port ?? target.port ?? usualPort;
  const isHttp = type === "http" || type === "https";
  // HTTP has the name of its server from the request, which a redirect may change.
  const serverName = values["server-name"] ?? (isHttp ? undefined : name);
  const named = serverName === undefined ? values : { ...values, "server-name": serverName };
  const { request } = checkOf(named, "up")!;
  if (port === undefined && needsPort(request)) {
    throw new UsageError(
      `${quote(text)}: has no port, must have one, as ${target.scheme.example}`,
    );
  }
  return {
    request: request.kind === "http" && name !== undefined
      ? askedAs(request, name, port!)
      : request,
    address: values.address ?? target.address,
    name,
    port: port ?? 0,
  };
}

/** The server is asked by the name that it was given by, unless something else was said. */
function askedAs(request: HttpCheck, name: string, port: number): HttpCheck {
  if (request.headers.some(([header]) => header.toLowerCase() === "host")) return request;
  const host = port === SCHEMES[request.scheme]!.port ? name : `${name}:${port}`;
  return { ...request, urls: request.urls.map((url) => ({ ...url, host: url.host ?? host })) };
}

const EXAMPLES = "must be as http://10.0.0.1:8080/healthz or 10.0.0.1:80";
/** Those that ask nobody tell whom they are about. */
const NOBODY = parseAddress("127.0.0.1")!;

function readTarget(text: string): Target {
  const local = /^(exec|file)(?::(?:\/\/(?=\/))?(.*))?$/s.exec(text);
  if (local) return localTarget(text, SCHEMES[local[1]!]!, local[2]);
  const [, word, rest] = /^([^:/?#]*):\/\/(.*)$/s.exec(text) ?? [];
  if (word === undefined) return bareTarget(text);
  const [, authority = "", path = ""] = /^([^/?#]*)(.*)$/s.exec(rest!)!;
  refuseUser(authority);
  const name = word.toLowerCase();
  const scheme = Object.hasOwn(SCHEMES, name) ? SCHEMES[name]! : refuseScheme(text, word);
  const place = readPlace(text, authority, scheme);
  if (scheme.type === "icmp" && place.port !== undefined) {
    throw new UsageError(`${quote(text)}: has a port, must have none: pings have no ports`);
  }
  return { text, scheme, ...place, said: readPath(text, scheme, path) };
}

function localTarget(text: string, scheme: Scheme, path: string | undefined): Target {
  const key = scheme.type === "exec" ? "command" : "file";
  const said = new Map<CheckKey, YamlNode>(path === undefined ? [] : [[key, scalarOf(path)]]);
  return { text, scheme, address: NOBODY, name: undefined, port: undefined, said };
}

/** Without a scheme. */
function bareTarget(text: string): Target {
  const [, place = "", more] = /^([^/?#]*)(.*)$/s.exec(text)!;
  const scheme = SCHEMES["tcp"]!;
  refuseUser(place);
  if (parseAddress(text) !== undefined) {
    const hint = text.includes(":") ? "an IPv6 address with a port stands in brackets" : undefined;
    throw new UsageError(`${quote(text)}: has no port, ${EXAMPLES}`, hint ? { hint } : {});
  }
  if (!/:\d+$/.test(place)) throw new UsageError(`${quote(text)}: is no target, ${EXAMPLES}`);
  const read = readPlace(text, place, scheme);
  if (more) {
    throw new UsageError(`${quote(text)}: has a path and no scheme, ${EXAMPLES}`, {
      hint: `did you mean http://${text}?`,
    });
  }
  return { text, scheme, ...read, said: new Map() };
}

function refuseScheme(text: string, scheme: string): never {
  const names = Object.keys(SCHEMES);
  const hint = didYouMean(scheme.toLowerCase(), names);
  throw new UsageError(
    `${quote(text)}: has the scheme ${quote(scheme)}, must be one of ${names.join(", ")}`,
    hint === undefined ? {} : { hint },
  );
}

/** What stands there may be a password, and is not shown. */
function refuseUser(authority: string): void {
  if (!authority.includes("@")) return;
  throw new UsageError("the target has a user before its host, must have none", {
    hint: "of http it stands in --headers '{Authorization: ...}'",
  });
}

const LABEL = "[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?";
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*\\.?$`, "i");

function readPlace(
  text: string,
  authority: string,
  { example }: Scheme,
): Pick<Target, "address" | "name" | "port"> {
  const wrong = (problem: string, hint?: string): never => {
    throw new UsageError(`${quote(text)}: ${problem}`, hint === undefined ? {} : { hint });
  };
  const must = `must be an address or a name, as ${example}`;
  if (/^[^[\]]*:[^[\]]*:/.test(authority)) {
    wrong(`its host is no address or name, ${must}`, "an IPv6 address stands in brackets");
  }
  const [, inside, outside, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(authority) ??
    wrong(`its host is no address or name, ${must}`);
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && !(/^[1-9]\d{0,4}$/.test(digits!) && port <= 65_535)) {
    wrong("its port must be a whole number from 1 to 65535");
  }
  if (inside?.includes("%")) wrong(`its address has a zone, ${must}`);
  if (inside !== undefined && !inside.includes(":")) {
    wrong(`its host must stand without brackets, as ${example}`);
  }
  const host = inside ?? outside!;
  if (host === "") wrong(`has no host, ${must}`);
  const address = parseAddress(host);
  if (address !== undefined) {
    const problem = judgeHostAddress(address);
    return problem === undefined ? { address, name: undefined, port } : wrong(problem);
  }
  // What ends with a number is an address that is none, and nobody's name.
  if (inside !== undefined || !HOST_NAME.test(host) || /(?:^|\.)\d+\.?$/.test(host)) {
    wrong(`its host ${quote(host)} is no address or name, ${must}`);
  }
  return { address: undefined, name: host, port };
}

/** What stands behind the host. */
function readPath(text: string, { type, isSecure }: Scheme, path: string): Target["said"] {
  const said = new Map<CheckKey, YamlNode>();
  if (isSecure) said.set("security", scalarOf("tls"));
  if (type === "http" || type === "https") {
    if (path !== "") said.set("path", scalarOf(path));
  } else if (type === "dns") {
    const query = queryOf(path);
    if (query) said.set("query", query);
  } else if (type === "grpc") {
    if (path.length > 1) said.set("grpc-service", scalarOf(path.slice(1)));
  } else if (path !== "" && path !== "/") {
    throw new UsageError(
      `${quote(text)}: ends with ${quote(path)}, which means nothing for ${type}`,
    );
  }
  return said;
}

/** "/www.example?type=A": the name, and anything else that --query can say. */
function queryOf(path: string): YamlNode | undefined {
  const [, name = "", search = ""] = /^\/?([^?]*)(?:\?(.*))?$/s.exec(path)!;
  const texts = new Map<string, string[]>(name === "" ? [] : [["name", [name]]]);
  for (const [key, value] of new URLSearchParams(search)) {
    texts.set(key, [...texts.get(key) ?? [], value]);
  }
  if (texts.size === 0) return undefined;
  return mapOf([...texts].map(([key, values]) => {
    const [first, ...more] = values.map(scalarOf);
    return { key, at: 0, value: more.length === 0 ? first! : listOf([first!, ...more]) };
  }));
}

/** All that is said of the check, by the target and by the options, as a map in a file would. */
function nodesOf(
  { text, said, scheme: { type } }: Target,
  options: ReadonlyMap<CheckKey, readonly string[]>,
): Map<CheckKey, YamlNode> {
  const nodes = new Map(said);
  for (const [key, texts] of options) {
    const node = joinNodes(key, texts.map((each) => nodeOf(key, each)));
    const before = said.get(key);
    if (before && key !== "command") {
      throw new UsageError(`--${key}: must not stand beside ${quote(text)}, which says it`);
    }
    nodes.set(key, before ? argumentsOf(before, node) : node);
  }
  if (type === "http" || type === "https") splitExpect(nodes);
  return nodes;
}

/** The target names the program, the option what it is given; with the program once more, or without. */
function argumentsOf(program: YamlNode, words: YamlNode): YamlNode {
  const items = itemsOf(words);
  const isAgain = program.kind === "scalar" && items[0]?.kind === "scalar" &&
    items[0].text === program.text;
  return listOf([program, ...items.slice(isAgain ? 1 : 0)]);
}

/** A number that an answer of HTTP must have is its status. */
function splitExpect(nodes: Map<CheckKey, YamlNode>): void {
  const expect = nodes.get("expect");
  if (!expect) return;
  const isStatus = (node: YamlNode) => node.kind === "scalar" && /^\d+(?:-\d+)?$/.test(node.text);
  const statuses = itemsOf(expect).filter(isStatus);
  if (statuses.length === 0) return;
  // Judged here, so that a wrong one is said of its own option.
  judgeValue("expect", CHECK.accept.shape, expect.kind === "list" ? listOf(statuses) : expect);
  const accept = nodes.get("accept");
  nodes.set("accept", listOf([...(accept ? itemsOf(accept) : []), ...statuses]));
  const texts = itemsOf(expect).filter((node) => !isStatus(node));
  if (texts.length === 0) nodes.delete("expect");
  else nodes.set("expect", listOf(texts));
}

function judgeValue<T>(key: CheckKey, shape: Shape<T>, node: YamlNode): void {
  const report = new Report();
  shape.read(node, new ValuePlace(report, NOWHERE).inside(key));
  const [problem] = report.problems;
  if (problem) throw new UsageError(describeProblem(problem));
}

/** Command lines have no lines and columns. */
const NOWHERE = { path: "", text: "" };

function readValues(target: Target, nodes: ReadonlyMap<CheckKey, YamlNode>): CheckValues {
  const { text, said, scheme: { type } } = target;
  const report = new Report();
  const entries = [...nodes].map(([key, value]) => ({ key, at: 0, value }));
  const node = mapOf([{ key: "type", at: 0, value: scalarOf(type) }, ...entries]);
  const read = table(CHECK).read(node, new ValuePlace(report, NOWHERE))!;
  for (const key of ["command", "file"] as const) {
    if (type === (key === "command" ? "exec" : key) && !nodes.has(key)) {
      const { example } = target.scheme;
      throw new UsageError(`--${key} is missing: ${quote(text)} needs it, or to be as ${example}`);
    }
  }
  if (report.isEmpty) judgeCheck(read, read.values);
  const [problem] = report.problems;
  if (problem) throw new UsageError(describeProblem(problem, { text, said }));
  return read.values;
}

/** "--port "x": must be …", "--urls: [0].status: …"; what the target says is said of the target. */
function describeProblem(
  { path, text }: Problem,
  target?: Pick<Target, "text" | "said">,
): string {
  const [, key = "", inside = ""] = /^([\w-]*)\.?(.*)$/s.exec(path)!;
  if (key === "") return text;
  const isTargets = target && (key === "type" || target.said.has(key as CheckKey));
  const subject = isTargets ? `${quote(target.text)}: its ${key}` : `--${key}`;
  if (inside !== "") return `${subject}: ${inside}: ${text}`;
  const isValue = /^"(?:[^"\\]|\\.)*": /.test(text);
  return isValue || isTargets ? `${subject} ${text}` : `${subject}: ${text}`;
}

/** Several of one option are as one that is a list, or a map, where there can be such. */
function joinNodes(key: CheckKey, nodes: readonly YamlNode[]): YamlNode {
  const [first, ...more] = nodes;
  if (more.length === 0) return first!;
  const { schema } = CHECK[key].shape;
  if (takes(schema, "array")) return listOf(nodes.flatMap(itemsOf));
  if (takes(schema, "scalar")) {
    throw new UsageError(`--${key}: is there ${nodes.length} times, must be there once`);
  }
  // Headers: of one name the last counts.
  const entries = new Map<string, YamlEntry>();
  for (const node of nodes) {
    if (node.kind !== "map") return node;
    for (const entry of node.entries) entries.set(entry.key.toLowerCase(), entry);
  }
  return mapOf([...entries.values()]);
}

/**
 * The value of an option. A text is what it is, unless it stands in quotes as a whole; what begins as a list or
 * a map is one where the option can have such.
 */
function nodeOf(key: CheckKey, text: string): YamlNode {
  const { schema } = CHECK[key].shape;
  const isText = takes(schema, "scalar");
  const begin = text.trimStart()[0] ?? "";
  const isStructure = begin === "[" && takes(schema, "array") ||
    begin === "{" && takes(schema, "object");
  if (isStructure || !isText) return parseOption(key, text) ?? scalarOf(text);
  if (begin !== '"' && begin !== "'") return scalarOf(text);
  try {
    const node = parseYaml(text, "");
    return node?.kind === "scalar" ? scalarOf(node.text) : scalarOf(text);
  } catch (error) {
    if (error instanceof ConfigError) return scalarOf(text);
    throw error;
  }
}

function parseOption(key: CheckKey, text: string): YamlNode | undefined {
  try {
    return parseYaml(text, `--${key}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { line, column } = error.position;
    // What is wrong in headers may be a part of a secret.
    const problem = key === "headers"
      ? `--headers:${line}:${column}: is no YAML, must be as {Name: value}`
      : error.message;
    throw new UsageError(problem);
  }
}

/** Whether values of that kind can be right. */
function takes(schema: JsonSchema, kind: "scalar" | "array" | "object"): boolean {
  const { oneOf, type } = schema as {
    readonly oneOf?: readonly JsonSchema[];
    readonly type?: unknown;
  };
  if (oneOf) return oneOf.some((each) => takes(each, kind));
  return (type === "array" || type === "object" ? type : "scalar") === kind;
}

function scalarOf(text: string): YamlNode {
  return { kind: "scalar", value: text, text, at: 0, depth: 0, size: 1 };
}

function listOf(items: readonly YamlNode[]): YamlNode {
  return { kind: "list", items, at: 0, depth: 1, size: 1 + items.length };
}

function mapOf(entries: readonly YamlEntry[]): YamlNode & { readonly kind: "map" } {
  return { kind: "map", entries, at: 0, depth: 1, size: 1 + entries.length };
}

function itemsOf(node: YamlNode): readonly YamlNode[] {
  return node.kind === "list" ? node.items : [node];
}
