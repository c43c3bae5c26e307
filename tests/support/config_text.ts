/**
 * A Config in a few lines, for people who compare it with what they have written. What is as most files leave it is
 * not printed; nothing else is kept quiet, also what is added to a Config some day.
 */

import assert from "node:assert/strict";
import type {
  CheckRequest,
  Expectation,
  HttpUrl,
  SourceConfig,
  TlsConfig,
} from "../../src/config/check.ts";
import {
  type CheckConfig,
  type Config,
  type NotifyConfig,
  PLAIN_SERVICE,
  type ServerConfig,
  type ServiceConfig,
} from "../../src/config/config.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import {
  type Forwarding,
  keyFamily,
  printServiceKey,
  type Service,
  type SyncDaemon,
} from "../../src/model/ipvs.ts";
import { familyBits } from "../../src/model/address.ts";

export function printConfig(config: Config): string[] {
  const { services, table, host, ...rest } = config;
  return [
    ...odd({ ...rest, ...host }, USUAL_HOST).map((text) => `host ${text}`),
    ...odd(table.timeouts, {}).map((text) => `timeout ${text}`),
    ...table.daemons.map(printDaemon),
    ...services.flatMap(printService),
  ];
}

const USUAL_HOST = {
  ...{ dataplane: "kernel", backend: undefined, masquerade: "auto" },
  proxy: { protocol: undefined, connectTimeoutMs: 5000, idleTimeoutMs: 900_000 },
  ...{ intervalMs: 5000, drainTimeoutMs: 30_000, checksAtOnce: 1000, remembersHealth: true },
};

/** "key value" of all that is not as usual; undefined is as good as none. */
function odd(values: object, usual: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).filter(([key, value]) => {
    try {
      assert.deepEqual(value, usual[key]);
      return false;
    } catch {
      return value !== undefined;
    }
  }).map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`);
}

function printDaemon({ role, interface: device, ...rest }: SyncDaemon): string {
  return [`${role} ${device}`, ...odd(rest, { syncId: 0 })].join(", ");
}

function printService(config: ServiceConfig): string[] {
  const { name, service, servers, mode, quorum, sorry, notify, notifiesEnd, ...rest } = config;
  const { key, ...settings } = service;
  assert.equal(name, printServiceKey(key));
  const { needed, hysteresis, without, start } = quorum;
  const words = [
    `${name} ${settings.scheduler}`,
    ...printSettings(service),
    ...(needed === 1 && hysteresis === 0 ? [] : [`quorum ${needed}~${hysteresis}`]),
    ...(start === "up" ? [] : [start]),
    ...(notifiesEnd ? ["tells the end"] : []),
    ...odd({ mode, without }, { mode: { kind: "none" }, without: "keep" }),
    ...odd(rest, { ...PLAIN_SERVICE, drainTimeoutMs: 30_000 }),
  ];
  return [
    words.join(", "),
    ...notify.map(printNotify),
    ...[...servers].flatMap(([name, server]) => {
      assert.equal(name, server.name);
      return printServer(server, "", notify);
    }),
    ...(sorry
      ? printServer(sorry.server, sorry.inhibit ? "inhibited sorry " : "sorry ", notify)
      : []),
  ];
}

function printSettings(
  { key, schedulerFlags, onePacket, persistence, ...rest }: Service,
): string[] {
  const { scheduler: _, ...others } = rest;
  const flags = schedulerFlags.length > 0 ? [`flags ${schedulerFlags.join(" ")}`] : [];
  if (onePacket) flags.push("one packet");
  if (persistence) {
    const { timeoutS, prefix, mask, engine, ...more } = persistence;
    const bits = prefix === familyBits(keyFamily(key)) ? "" : `/${mask ?? prefix}`;
    const by = engine === undefined ? "" : ` by ${engine}`;
    flags.push(`persistent ${timeoutS}s${bits}${by}`, ...odd(more, {}));
  }
  return [...flags, ...odd(others, {})];
}

function printNotify({ on, to, user, timeoutMs }: NotifyConfig): string {
  const what = to.kind === "program" ? printCommand(to.command) : to.url;
  const who = user === undefined ? "" : ` as ${user}`;
  const usual = odd({ timeoutMs }, { timeoutMs: 10_000 }).map((text) => `, ${text}`);
  return `  on ${on.join(" ")}: ${what}${who}${usual.join("")}`;
}

/** Words that could be read as another are in quotes. */
function printCommand(words: readonly string[]): string {
  return words.map((word) => /^[^\s"'\\,]+$/.test(word) ? word : JSON.stringify(word)).join(" ");
}

const METHODS: Readonly<Record<string, string>> = {
  masquerade: "NAT",
  direct: "DR",
  tunnel: "TUN",
};

function printForwarding(forwarding: Forwarding): string {
  const { method } = forwarding;
  const name = METHODS[method] ?? method;
  if (forwarding.method !== "tunnel") return name;
  const { method: _, encapsulation, ...rest } = forwarding;
  return [`${name} ${encapsulation}`, ...odd(rest, { checksum: "none" })].join(", ");
}

/** Servers that tell nobody else tell whom their service tells. */
function printServer(
  config: ServerConfig,
  role: string,
  inherited: readonly NotifyConfig[],
): string[] {
  const { address, port, name, weight, forwarding, whenFailed, checks, notify, ...rest } = config;
  assert.equal(name, printEndpoint({ address, port }));
  const words = [
    `  ${role}${name} ${printForwarding(forwarding)}`,
    ...(weight === 1 ? [] : [`weight ${weight}`]),
    ...(whenFailed === "remove" ? [] : [whenFailed]),
    ...odd(rest, { upperThreshold: 0, lowerThreshold: 0, need: "all" }),
  ];
  return [
    words.join(", "),
    ...(notify === inherited ? [] : notify.map((each) => `  ${printNotify(each)}`)),
    ...checks.flatMap(printCheck),
  ];
}

function printCheck(config: CheckConfig): string[] {
  const { request, address, port, intervalMs, fastIntervalMs, fall, start, spreadMs, ...rest } =
    config;
  const { timeoutMs, source, ...own } = request;
  const at = [address, port === undefined ? undefined : `:${port}`].filter((each) => each);
  const { first, more } = printRequest(own as CheckRequest);
  const words = [
    `    ${[first[0], ...at].join(" ")}`,
    `every ${seconds(intervalMs)}`,
    `within ${seconds(timeoutMs)}`,
    `fall ${fall}${fastIntervalMs === intervalMs ? "" : ` by ${seconds(fastIntervalMs)}`}`,
    ...(start === "up" ? [] : [start]),
    ...(spreadMs === undefined ? [] : [`spread ${seconds(spreadMs)}`]),
    ...(source ? [`from ${printSource(source)}`] : []),
    ...first.slice(1),
    ...odd(rest, {
      ...{ downIntervalMs: intervalMs, jitter: 0, rise: 1, unable: "fail" },
    }),
  ];
  return [words.join(", "), ...more.map((line) => `      ${line}`)];
}

function seconds(ms: number): string {
  return `${ms / 1000}s`;
}

function printSource({ address, port, device, mark, ...rest }: SourceConfig): string {
  return [
    ...(address === undefined ? [] : [address]),
    ...(port === undefined ? [] : [`:${port}`]),
    ...(device === undefined ? [] : [device]),
    ...(mark === undefined ? [] : [`mark ${mark}`]),
    ...odd(rest, {}),
  ].join(" ");
}

/** Its kind, what else is said in the first line, and other lines. */
interface Request {
  readonly first: readonly [string, ...string[]];
  readonly more: readonly string[];
}

function printRequest(request: CheckRequest): Request {
  const { kind, ...own } = request;
  switch (request.kind) {
    case "http": {
      const { kind: _, scheme, version, urls, tls, ...rest } = request;
      const usual = { method: "GET", body: "", headers: [], redirects: 0 };
      const encrypted = scheme === "https" ? printTls(tls) : odd(tls, { verify: false });
      const first = [`${scheme}/${version}`, ...encrypted, ...odd(rest, usual)] as const;
      return { first: [first[0]!, ...first.slice(1)], more: urls.flatMap(printUrl) };
    }
    case "smtp": {
      const { kind: _, helo, security, tls, ...rest } = request;
      const secure = odd({ security, ...tls }, { security: "none", verify: false });
      return { first: [kind, `hello ${helo}`, ...secure, ...odd(rest, {})], more: [] };
    }
    case "udp": {
      const { kind: _, send, expect, silenceIsGood, ...rest } = request;
      const sent = send.length === 0 ? [] : [`send ${send.toHex()}`];
      const silence = silenceIsGood ? "silence is good" : "silence is bad";
      return { first: [kind, ...sent, silence, ...odd(rest, {})], more: expect.map(printExpect) };
    }
    case "dns": {
      const { kind: _, name, record, ...rest } = request;
      const usual = { transport: "udp", codes: ["NOERROR"], answers: [], emptyIsGood: true };
      return { first: [kind, `${record} of ${name}`, ...odd(rest, usual)], more: [] };
    }
    case "exec": {
      const { kind: _, command, user, statusIsWeight, ...rest } = request;
      const run = `${printCommand(command)}${user === undefined ? "" : ` as ${user}`}`;
      const words = statusIsWeight ? ["its status is the weight"] : [];
      return { first: [kind, ...words, ...odd(rest, {})], more: [run] };
    }
    case "file": {
      const { kind: _, path, scale, base, ...rest } = request;
      return {
        first: [kind, `weight ${base} + ${scale} x`, ...odd(rest, {})],
        more: [path],
      };
    }
    case "icmp":
      return { first: [kind, ...odd(own, { size: 56 })], more: [] };
    default:
      return { first: [kind, ...odd(own, { expect: [] })], more: [] };
  }
}

function printTls({ serverName, ...rest }: TlsConfig): string[] {
  const name = serverName === "" ? [] : [`asks for ${serverName ?? "its host"}`];
  return [...name, ...odd(rest, { verify: false })];
}

function printUrl({ path, host, status, expect, ...rest }: HttpUrl): string[] {
  const words = [
    `GET ${path}`,
    ...(host === undefined ? [] : [`as ${host}`]),
    status.map(([from, to]) => from === to ? from : `${from}-${to}`).join(" "),
    ...odd(rest, {}),
  ];
  return [words.join(", "), ...expect.map((each) => `  ${printExpect(each)}`)];
}

function printExpect({ kind, text, ...rest }: Expectation): string {
  const [not, others] = "not" in rest ? [rest.not, { ...rest, not: undefined }] : [false, rest];
  return [`${not ? "no " : ""}${kind} ${text}`, ...odd(others, {})].join(", ");
}
