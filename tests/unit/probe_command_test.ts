import assert from "node:assert/strict";
import { complete } from "../../src/cli/completions.ts";
import { probeHost } from "../../src/cli/care_host.ts";
import type { ProbeHost } from "../../src/cli/probe.ts";
import { PROBE_KEYS } from "../../src/cli/probe_target.ts";
import { type CliHost, createProgram, runCli } from "../../src/cli/program.ts";
import { systemClock } from "../../src/clock.ts";
import type { CheckRequest, HttpCheck } from "../../src/config/check.ts";
import { CHECK } from "../../src/config/files/check_fields.ts";
import { LvscareError } from "../../src/errors.ts";
import { makeProbe } from "../../src/health/probes/make.ts";
import type { Probe, ProbeResult, Trace } from "../../src/health/probes/probe.ts";
import { type Address, parseAddress } from "../../src/model/address.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import { closedPort, serve, serveText, write } from "../support/http_servers.ts";
import { NO_SERVICES, NO_TOOLS } from "../support/run_host.ts";

const never = () => Promise.reject(new LvscareError("not here"));
const NOTHING: CliHost = {
  care: { env: () => undefined, readHosts: never, runCare: never },
  services: NO_SERVICES,
  ...NO_TOOLS,
  runDemo: never,
  openIpvsTable: never,
  readStdin: never,
  readTextFile: never,
};

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(prober: ProbeHost, ...words: string[]): Promise<Outcome> {
  let out = "";
  let err = "";
  const status = await runCli(["probe", ...words], {
    output: { out: (text) => out += text, err: (text) => err += text },
    host: { ...NOTHING, prober },
    debug: false,
  });
  return { status, out, err };
}

const NAMES: Readonly<Record<string, string>> = {
  "api.example": "10.0.0.1",
  "six.example": "fd00::6",
  localhost: "127.0.0.1",
};

/** What every check answers, how long it takes, and what it says of itself. */
interface Answer {
  readonly result: ProbeResult;
  readonly ms?: number;
  readonly steps?: readonly string[];
}

class FakeProber implements ProbeHost {
  readonly clock = new FakeClock();
  readonly hasColors: boolean;
  readonly requests: CheckRequest[] = [];
  readonly targets: Endpoint[] = [];
  readonly lookups: (readonly [name: string, family: string | undefined])[] = [];
  /** Not before so long has a name its address. */
  lookupMs = 0;
  /** The last is for all that come behind it. */
  readonly #answers: Answer[];

  constructor(answers: readonly Answer[] = [{ result: { ok: true } }], hasColors = false) {
    this.#answers = [...answers];
    this.hasColors = hasColors;
  }

  makeProbe(check: CheckRequest): Probe {
    this.requests.push(check);
    const { describe } = makeProbe(check, { clock: this.clock });
    return { describe, run: (target, _signal, trace) => this.#run(target, trace) };
  }

  async lookUp(name: string, family: string | undefined): Promise<Address | undefined> {
    this.lookups.push([name, family]);
    if (this.lookupMs > 0) await this.#wait(this.lookupMs);
    return parseAddress(NAMES[name] ?? "");
  }

  async #run(target: Endpoint, trace?: Trace): Promise<ProbeResult> {
    this.targets.push(target);
    const { result, ms = 0, steps = [] } = this.#answers.length > 1
      ? this.#answers.shift()!
      : this.#answers[0]!;
    if (ms > 0) await this.#wait(ms);
    for (const step of steps) trace?.(step);
    // A program's output may come behind its end.
    queueMicrotask(() => void settled().then(() => trace?.("too late")));
    return result;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve));
  }
}

/** Runs it until it is done, in time that does not pass. */
async function runSlowly(prober: FakeProber, ...words: string[]): Promise<Outcome> {
  let isDone = false;
  const running = run(prober, ...words).finally(() => isDone = true);
  for (let turn = 0; turn < 100 && !isDone; turn++) {
    await settled();
    await prober.clock.advance(100);
  }
  return await running;
}

/** A command line without quotes. */
function wordsOf(line: string | readonly string[]): string[] {
  return typeof line === "string" ? line.split(" ") : [...line];
}

/** What is not undefined. */
function defined(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

const HTTP = {
  ...{ kind: "http", scheme: "http", version: "1.1", method: "GET", body: "", headers: [] },
  ...{ urls: [{ path: "/healthz", status: [[100, 399]], expect: [] }], redirects: 10 },
  ...{ tls: { verify: false }, timeoutMs: 10_000 },
};

/** One url, of which these parts are others. */
function url(parts: Partial<HttpCheck["urls"][number]> | { readonly status: unknown }) {
  return { urls: [{ ...HTTP.urls[0], ...parts }] };
}

const HTTPS = { ...HTTP, scheme: "https" };
const TCP = { kind: "tcp", expect: [], timeoutMs: 10_000 };
const TLS = { kind: "tls", tls: { verify: false }, days: 0, timeoutMs: 10_000 };
const UDP = { kind: "udp", send: {}, expect: [], silenceIsGood: true, timeoutMs: 10_000 };
const ICMP = { kind: "icmp", size: 56, timeoutMs: 10_000 };
const DNS = {
  ...{ kind: "dns", name: ".", record: "SOA", transport: "udp", codes: ["NOERROR"] },
  ...{ answers: [], emptyIsGood: false, timeoutMs: 10_000 },
};
const SMTP = {
  ...{ kind: "smtp", helo: "localhost", security: "none", tls: { verify: false } },
  timeoutMs: 10_000,
};
const GRPC = { kind: "grpc", service: "", timeoutMs: 10_000 };
const EXEC = { kind: "exec", statusIsWeight: false, timeoutMs: 10_000 };
const FILE = { kind: "file", base: 1, timeoutMs: 10_000 };

function contains(text: string) {
  return { kind: "contains", text } as const;
}

type RightCase = readonly [
  line: string | readonly string[],
  target: string,
  request: Readonly<Record<string, unknown>>,
];

const TARGETS: readonly RightCase[] = [
  ["10.0.0.1:80", "10.0.0.1:80", TCP],
  ["[fd00::1]:80", "[fd00::1]:80", TCP],
  ["tcp://10.0.0.1:25", "10.0.0.1:25", TCP],
  ["TCP://10.0.0.1:25/", "10.0.0.1:25", TCP],
  ["tcp://10.0.0.1 --port 26", "10.0.0.1:26", TCP],
  ["http://10.0.0.1", "10.0.0.1:80", HTTP],
  ["http://10.0.0.1:8080/a?b=c", "10.0.0.1:8080", { ...HTTP, ...url({ path: "/a?b=c" }) }],
  ["http://10.0.0.1?b=/c", "10.0.0.1:80", { ...HTTP, ...url({ path: "/?b=/c" }) }],
  ["https://[fd00::1]/", "[fd00::1]:443", { ...HTTPS, ...url({ path: "/" }) }],
  ["tls://[fd00::1]:443 --days 14", "[fd00::1]:443", { ...TLS, days: 14 }],
  ["tls://10.0.0.1", "10.0.0.1:443", TLS],
  ["udp://10.0.0.1:53", "10.0.0.1:53", UDP],
  ["icmp://10.0.0.1", "10.0.0.1:0", ICMP],
  ["ping://[fd00::1] --size 8", "[fd00::1]:0", { ...ICMP, size: 8 }],
  ["dns://10.0.0.53", "10.0.0.53:53", DNS],
  [
    "dns://10.0.0.53/www.example?type=A",
    "10.0.0.53:53",
    { ...DNS, name: "www.example", record: "A" },
  ],
  [
    "dns://10.0.0.53:54/a.?type=aaaa&transport=tcp&codes=NOERROR&codes=NXDOMAIN&empty=true",
    "10.0.0.53:54",
    {
      ...{ ...DNS, name: "a.", record: "AAAA", transport: "tcp", emptyIsGood: true },
      codes: ["NOERROR", "NXDOMAIN"],
    },
  ],
  ["dns://10.0.0.53 --query www.example", "10.0.0.53:53", { ...DNS, name: "www.example" }],
  [
    ["dns://10.0.0.53", "--query", "{name: a.example, type: A, answers: [10.0.0.1]}"],
    "10.0.0.53:53",
    { ...DNS, name: "a.example", record: "A", answers: ["10.0.0.1"] },
  ],
  ["smtp://10.0.0.1 --security starttls", "10.0.0.1:25", { ...SMTP, security: "starttls" }],
  ["grpc://10.0.0.1:50052/my.Service", "10.0.0.1:50052", { ...GRPC, service: "my.Service" }],
  ["grpc://10.0.0.1/", "10.0.0.1:50051", GRPC],
  ["grpcs://10.0.0.1", "10.0.0.1:50051", { ...GRPC, tls: { verify: false } }],
  [
    "exec:/usr/local/bin/check",
    "127.0.0.1:0",
    { ...EXEC, command: ["/usr/local/bin/check"] },
  ],
  [
    ["exec:/usr/bin/test", "--command", "[-e, /x]", "--address", "10.0.0.1", "--port", "80"],
    "10.0.0.1:80",
    { ...EXEC, command: ["/usr/bin/test", "-e", "/x"] },
  ],
  [
    ["exec:/usr/bin/test", "--command", "[/usr/bin/test, -e]"],
    "127.0.0.1:0",
    { ...EXEC, command: ["/usr/bin/test", "-e"] },
  ],
  [
    ["exec", "--command", "[/usr/bin/test, -e, /x]", "--address", "10.0.0.1"],
    "10.0.0.1:0",
    { ...EXEC, command: ["/usr/bin/test", "-e", "/x"] },
  ],
  [
    "exec --command /bin/x --user 65534:65534 --status-weight true",
    "127.0.0.1:0",
    { ...EXEC, command: ["/bin/x"], user: "65534:65534", statusIsWeight: true },
  ],
  ["file:/run/weight", "127.0.0.1:0", { ...FILE, path: "/run/weight" }],
  ["file:///run/weight", "127.0.0.1:0", { ...FILE, path: "/run/weight" }],
  ["file --file /run/weight", "127.0.0.1:0", { ...FILE, path: "/run/weight" }],
];

const OPTIONS: readonly RightCase[] = [
  ["http://10.0.0.1 --expect 200", "10.0.0.1:80", { ...HTTP, ...url({ status: [[200, 200]] }) }],
  [
    "http://10.0.0.1 --expect 200-299 --expect 404",
    "10.0.0.1:80",
    { ...HTTP, ...url({ status: [[200, 299], [404, 404]] }) },
  ],
  [
    "http://10.0.0.1 --expect 200 --expect fine --accept 301",
    "10.0.0.1:80",
    { ...HTTP, ...url({ status: [[301, 301], [200, 200]], expect: [contains("fine")] }) },
  ],
  [
    ["http://10.0.0.1", "--expect", "[200, {contains: 42}]"],
    "10.0.0.1:80",
    { ...HTTP, ...url({ status: [[200, 200]], expect: [contains("42")] }) },
  ],
  [
    ["http://10.0.0.1", "--accept", "[200, 301-302]"],
    "10.0.0.1:80",
    { ...HTTP, ...url({ status: [[200, 200], [301, 302]] }) },
  ],
  [
    "http://10.0.0.1 --status 404 --path x --method HEAD --redirects 0 --version 1.0",
    "10.0.0.1:80",
    {
      ...{ ...HTTP, method: "HEAD", redirects: 0, version: "1.0" },
      ...url({ path: "/x", status: [[100, 399], [404, 404]] }),
    },
  ],
  [
    ["http://10.0.0.1", "--headers", "{Authorization: x, Host: a.example}"],
    "10.0.0.1:80",
    { ...HTTP, headers: [["Authorization", "x"], ["Host", "a.example"]] },
  ],
  [
    ["http://10.0.0.1", "--headers", "A: 1", "--headers", "B: 2", "--headers", "a: 3"],
    "10.0.0.1:80",
    { ...HTTP, headers: [["a", "3"], ["B", "2"]] },
  ],
  [
    ["http://10.0.0.1", "--body", '{"a": [1]}', "--method", "POST"],
    "10.0.0.1:80",
    { ...HTTP, method: "POST", body: '{"a": [1]}' },
  ],
  [
    ["http://10.0.0.1", "--urls", "[/a, {path: /b, accept: 503, host: b.example}]"],
    "10.0.0.1:80",
    {
      ...HTTP,
      urls: [
        { path: "/a", status: [[100, 399]], expect: [] },
        { path: "/b", status: [[503, 503]], expect: [], host: "b.example" },
      ],
    },
  ],
  ["tcp://10.0.0.1:25 --expect 220", "10.0.0.1:25", { ...TCP, expect: [contains("220")] }],
  [
    ["tcp://10.0.0.1:25", "--expect", "Server: x # y"],
    "10.0.0.1:25",
    { ...TCP, expect: [contains("Server: x # y")] },
  ],
  [
    ["tcp://10.0.0.1:25", "--expect", '"status":"ok"'],
    "10.0.0.1:25",
    { ...TCP, expect: [contains('"status":"ok"')] },
  ],
  [
    ["tcp://10.0.0.1:25", "--expect", "{pattern: '^220 ', ignore-case: true}"],
    "10.0.0.1:25",
    { ...TCP, expect: [{ kind: "pattern", text: "^220 ", ignoreCase: true }] },
  ],
  ["tcp://10.0.0.1:25 --expect null", "10.0.0.1:25", { ...TCP, expect: [contains("null")] }],
  [
    "udp://10.0.0.1:53 --send-hex 00ff --silence fail --timeout 250ms",
    "10.0.0.1:53",
    { ...UDP, send: { 0: 0, 1: 255 }, silenceIsGood: false, timeoutMs: 250 },
  ],
  [
    ["udp://10.0.0.1:53", "--send", "a\r\n"],
    "10.0.0.1:53",
    { ...UDP, send: { 0: 97, 1: 13, 2: 10 } },
  ],
  [
    ["udp://10.0.0.1:53", "--send", '"a\\r\\n"'],
    "10.0.0.1:53",
    { ...UDP, send: { 0: 97, 1: 13, 2: 10 } },
  ],
  [
    ["udp://10.0.0.1:53", "--send", "'a' or 'b'"],
    "10.0.0.1:53",
    { ...UDP, send: { ...new TextEncoder().encode("'a' or 'b'") } },
  ],
  ["udp://10.0.0.1:53 --send [a", "10.0.0.1:53", { ...UDP, send: { 0: 91, 1: 97 } }],
  [
    "http://10.0.0.1 --source 10.0.0.9",
    "10.0.0.1:80",
    { ...HTTP, source: { address: "10.0.0.9" } },
  ],
  [
    ["http://10.0.0.1", "--source", "{device: eth0, mark: 7}"],
    "10.0.0.1:80",
    { ...HTTP, source: { device: "eth0", mark: 7 } },
  ],
  [
    "https://10.0.0.1:6443/healthz --verify true --ca /etc/ca.pem --server-name api.example",
    "10.0.0.1:6443",
    { ...HTTPS, tls: { verify: true, caFile: "/etc/ca.pem", serverName: "api.example" } },
  ],
  [
    "tls://10.0.0.1 --ca /ca.pem --certificate /c.pem --key /k.pem",
    "10.0.0.1:443",
    {
      ...TLS,
      tls: { verify: true, caFile: "/ca.pem", certificateFile: "/c.pem", keyFile: "/k.pem" },
    },
  ],
  [
    "tcp://10.0.0.1:80 --security tls --proxy-protocol v2",
    "10.0.0.1:80",
    { ...TCP, tls: { verify: false }, proxyProtocol: "v2" },
  ],
  ["grpc://10.0.0.1 --grpc-service a.B", "10.0.0.1:50051", { ...GRPC, service: "a.B" }],
  ["smtp://10.0.0.1 --helo a.example", "10.0.0.1:25", { ...SMTP, helo: "a.example" }],
];

const BY_NAME: readonly RightCase[] = [
  ["http://api.example", "10.0.0.1:80", { ...HTTP, ...url({ host: "api.example" }) }],
  [
    "https://api.example:6443/x",
    "10.0.0.1:6443",
    { ...HTTPS, ...url({ host: "api.example:6443", path: "/x" }) },
  ],
  [
    "https://api.example --port 6443 --address 10.0.0.9",
    "10.0.0.9:6443",
    { ...HTTPS, ...url({ host: "api.example:6443" }) },
  ],
  [
    ["http://api.example", "--headers", "Host: other.example"],
    "10.0.0.1:80",
    { ...HTTP, headers: [["Host", "other.example"]] },
  ],
  ["six.example:80", "[fd00::6]:80", TCP],
  ["tls://api.example", "10.0.0.1:443", {
    ...TLS,
    tls: { verify: false, serverName: "api.example" },
  }],
  [
    "grpcs://api.example --server-name b.example",
    "10.0.0.1:50051",
    { ...GRPC, tls: { verify: false, serverName: "b.example" } },
  ],
];

async function assertRight([line, target, request]: RightCase): Promise<FakeProber> {
  const prober = new FakeProber();
  const { status, err } = await run(prober, ...wordsOf(line));
  assert.deepEqual([status, err], [0, ""], `${line}`);
  assert.equal(printEndpoint(prober.targets[0]!), target, `${line}`);
  assert.deepEqual(defined(prober.requests[0]!), request, `${line}`);
  return prober;
}

Deno.test("probe asks whom its target names, as that says", async (t) => {
  for (const each of TARGETS) {
    await t.step(`${each[0]}`, async () => {
      const prober = await assertRight(each);
      assert.deepEqual(prober.lookups, []);
    });
  }
});

Deno.test("probe takes every option as a file takes the key, and plain text as it stands", async (t) => {
  for (const each of OPTIONS) await t.step(`${each[0]}`, async () => void await assertRight(each));
});

Deno.test("probe asks a server of a name by that name", async (t) => {
  for (const each of BY_NAME) await t.step(`${each[0]}`, async () => void await assertRight(each));
});

const WRONG: readonly (readonly [line: string | readonly string[], said: string])[] = [
  [
    "htps://10.0.0.1",
    '"htps://10.0.0.1": has the scheme "htps", must be one of http, https, tcp, ' +
    "tls, udp, icmp, ping, dns, smtp, grpc, grpcs, exec, file (did you mean https?)",
  ],
  ["10.0.0.1", '"10.0.0.1": has no port, must be as http://10.0.0.1:8080/healthz or 10.0.0.1:80'],
  [
    "fd00::1",
    '"fd00::1": has no port, must be as http://10.0.0.1:8080/healthz or 10.0.0.1:80 ' +
    "(an IPv6 address with a port stands in brackets)",
  ],
  ["web", '"web": is no target, must be as http://10.0.0.1:8080/healthz or 10.0.0.1:80'],
  [
    "tcp:10.0.0.1:80",
    '"tcp:10.0.0.1:80": its host is no address or name, must be an address or a ' +
    "name, as tcp://10.0.0.1:25 (an IPv6 address stands in brackets)",
  ],
  [
    "10.0.0.1:80/x",
    '"10.0.0.1:80/x": has a path and no scheme, must be as ' +
    "http://10.0.0.1:8080/healthz or 10.0.0.1:80 (did you mean http://10.0.0.1:80/x?)",
  ],
  ["tcp://10.0.0.1", '"tcp://10.0.0.1": has no port, must have one, as tcp://10.0.0.1:25'],
  ["udp://api.example", '"udp://api.example": has no port, must have one, as udp://10.0.0.1:53'],
  ["tcp://10.0.0.1:0", '"tcp://10.0.0.1:0": its port must be a whole number from 1 to 65535'],
  ["http://10.0.0.1:", '"http://10.0.0.1:": its port must be a whole number from 1 to 65535'],
  [
    "http://10.0.0.1:080",
    '"http://10.0.0.1:080": its port must be a whole number from 1 to 65535',
  ],
  [
    "http://10.0.0.256",
    '"http://10.0.0.256": its host "10.0.0.256" is no address or name, must be ' +
    "an address or a name, as http://10.0.0.1:8080/healthz",
  ],
  [
    "http://fd00::1/",
    '"http://fd00::1/": its host is no address or name, must be an address or a ' +
    "name, as http://10.0.0.1:8080/healthz (an IPv6 address stands in brackets)",
  ],
  [
    "http://[10.0.0.1]/",
    '"http://[10.0.0.1]/": its host must stand without brackets, as ' +
    "http://10.0.0.1:8080/healthz",
  ],
  [
    "icmp://[fe80::1%eth0]",
    '"icmp://[fe80::1%eth0]": its address has a zone, must be an address ' +
    "or a name, as icmp://10.0.0.1",
  ],
  [
    "http:///x",
    '"http:///x": has no host, must be an address or a name, as ' +
    "http://10.0.0.1:8080/healthz",
  ],
  [
    "http://-a.example",
    '"http://-a.example": its host "-a.example" is no address or name, must be ' +
    "an address or a name, as http://10.0.0.1:8080/healthz",
  ],
  [
    "http://0.0.0.0",
    '"http://0.0.0.0": is the address of no host, must be the address of one host',
  ],
  [
    "http://u:secret@10.0.0.1",
    "the target has a user before its host, must have none (of http it " +
    "stands in --headers '{Authorization: ...}')",
  ],
  [
    "htps://u:secret@10.0.0.1",
    "the target has a user before its host, must have none (of http it " +
    "stands in --headers '{Authorization: ...}')",
  ],
  ["icmp://10.0.0.1:80", '"icmp://10.0.0.1:80": has a port, must have none: pings have no ports'],
  ["tls://10.0.0.1/x", '"tls://10.0.0.1/x": ends with "/x", which means nothing for tls'],
  [
    "http://10.0.0.1/a#b",
    '"http://10.0.0.1/a#b": its path "/a#b": has a fragment, must end ' +
    'before the "#" (fragments are never sent to a server)',
  ],
  [
    "dns://10.0.0.1/a?type=Q",
    '"dns://10.0.0.1/a?type=Q": its query: type: "Q": must be a type of ' +
    "record, as A, SOA or TYPE65",
  ],
  ["exec", '--command is missing: "exec" needs it, or to be as exec:/usr/local/bin/check'],
  ["file", '--file is missing: "file" needs it, or to be as file:/run/weight'],
  ["exec:check", '"exec:check": its command "check": must be an absolute path, beginning with "/"'],
  ["file:", '"file:": its file "": must be an absolute path, beginning with "/"'],
  [
    "file:/a --file /b",
    '--file: must not stand beside "file:/a", which says it',
  ],
  [
    "http://10.0.0.1/a --path /b",
    '--path: must not stand beside "http://10.0.0.1/a", which says it',
  ],
  [
    "grpcs://10.0.0.1 --security none",
    '--security: must not stand beside "grpcs://10.0.0.1", ' +
    "which says it",
  ],
  [
    "http://10.0.0.1/a --urls /b",
    '"http://10.0.0.1/a": its path must not stand beside urls, ' +
    "which have their own",
  ],
  ["http://10.0.0.1 --port abc", '--port "abc": must be a whole number from 1 to 65535'],
  ["http://10.0.0.1 --verify maybe", '--verify "maybe": must be true or false'],
  [
    "http://10.0.0.1 --timeout 2d",
    '--timeout "2d": is no duration, must be seconds or a duration ' +
    "such as 500ms, 5s or 1m30s",
  ],
  [
    "http://10.0.0.1 --address a.example",
    '--address "a.example": must be an address, as 10.0.0.1 ' +
    "or fd00::1 (names are not looked up)",
  ],
  ["http://10.0.0.1 --port 1 --port 2", "--port: is there 2 times, must be there once"],
  [
    "http://10.0.0.1 --expect 600",
    '--expect "600": must be a status from 100 to 599, or two as ' +
    "200-299",
  ],
  [
    ["http://10.0.0.1", "--expect", "[200, 42]"],
    '--expect: [1]: "42": must be a status from 100 to 599, or two as 200-299',
  ],
  [
    ["http://10.0.0.1", "--expect", "{status: up}"],
    '--expect: "status" is unknown, must be one of contains, pattern, md5, sha256, ignore-case, ' +
    "not, from, to",
  ],
  [
    ["http://10.0.0.1", "--urls", "[/a, {accept: x}]"],
    '--urls: [1].accept: "x": must be a status ' +
    "from 100 to 599, or two as 200-299",
  ],
  ["http://10.0.0.1 --headers secret", "--headers: must be a map of names to values"],
  [
    ["http://10.0.0.1", "--headers", "{A: *secret}"],
    "--headers:1:5: is no YAML, must be as {Name: value}",
  ],
  [
    ["http://10.0.0.1", "--headers", "{Content-Length: 5}"],
    '--headers: Content-Length: "Content-Length": is set by the program itself, must be another ' +
    "header",
  ],
  ["http://10.0.0.1 --version 3", '--version "3": must be 1.0, 1.1 or 2 (did you mean 2?)'],
  ["tls://10.0.0.1 --expect x", "--expect: means nothing for tls, is for http, https, tcp, udp"],
  ["tcp://10.0.0.1:1 --path /x", "--path: means nothing for tcp, is for http, https"],
  [
    "tcp://10.0.0.1:1 --security starttls",
    "--security: starttls is for smtp alone, must be none " +
    "or tls",
  ],
  ["icmp://10.0.0.1 --days 5", "--days: means nothing for icmp, is for tls"],
  [
    "exec:/x --source 10.0.0.1",
    "--source: means nothing for exec, is for http, https, tcp, tls, " +
    "udp, icmp, dns, smtp, grpc",
  ],
  [
    "udp://10.0.0.1:1 --send a --send-hex 00",
    "--send-hex: must not stand beside send, which says " +
    "the same",
  ],
  ["tls://10.0.0.1 --key /k.pem", "certificate and key must both be given"],
  [
    "dns://10.0.0.1/a --query b",
    '--query: must not stand beside "dns://10.0.0.1/a", which says it',
  ],
  ["10.0.0.1:80 --count 0", '--count "0": must be a whole number from 1 to 1000'],
  ["10.0.0.1:80 --count 1001", '--count "1001": must be a whole number from 1 to 1000'],
  ["10.0.0.1:80 --interval 5s", "--interval: means nothing without --count"],
  [
    "10.0.0.1:80 --count 2 --interval x",
    '--interval "x": is no duration, must be seconds or a ' +
    "duration such as 500ms, 5s or 1m30s",
  ],
  [
    "10.0.0.1:80 --rise 2",
    "unknown option '--rise' (did you mean one of --file, --size?)",
  ],
  ["10.0.0.1:80 --expct x", "unknown option '--expct' (did you mean --expect?)"],
  [
    "10.0.0.1:80 10.0.0.2:80",
    "too many arguments for 'probe'. Expected 1 argument but got 2: " +
    "10.0.0.1:80, 10.0.0.2:80 (see lvscare probe --help)",
  ],
  [[], "missing required argument 'target' (see lvscare probe --help)"],
];

Deno.test("a wrong probe is refused in one line with status 2, before anybody is asked", async (t) => {
  for (const [line, said] of WRONG) {
    await t.step(`${line}`, async () => {
      const prober = new FakeProber();
      const outcome = await run(prober, ...wordsOf(line));
      assert.deepEqual(outcome, { status: 2, out: "", err: `lvscare: ${said}\n` });
      assert.deepEqual([prober.requests, prober.lookups], [[], []]);
    });
  }
});

const REFUSED: ProbeResult = { ok: false, reason: "connection refused" };
const UNABLE: ProbeResult = {
  ...{ ok: false, unable: true },
  reason: "the source 10.9.9.9 is no address of this host",
};

Deno.test("probe shows each step with its time, then the result", async () => {
  const cases: [Answer, number, string][] = [
    [
      { result: { ok: true }, ms: 100, steps: ["connected", "< 200"] },
      0,
      "     0.0  tcp 10.0.0.1:80\n   100.0  connected\n   100.0  < 200\nok in 100.0 ms\n",
    ],
    [
      { result: { ok: true, weight: 5 } },
      0,
      "     0.0  tcp 10.0.0.1:80\nok in 0.0 ms, weight 5\n",
    ],
    [
      { result: REFUSED, ms: 200 },
      1,
      "     0.0  tcp 10.0.0.1:80\nfailed after 200.0 ms: connection refused\n",
    ],
    [
      { result: UNABLE },
      3,
      "     0.0  tcp 10.0.0.1:80\n" +
      "not possible: the source 10.9.9.9 is no address of this host\n",
    ],
    [
      { result: { ok: false, reason: "a\x1b[2Jb" }, steps: ["< \x1b[2J\u202e"] },
      1,
      "     0.0  tcp 10.0.0.1:80\n     0.0  < \\u{1b}[2J\\u{202e}\n" +
      "failed after 0.0 ms: a\\u{1b}[2Jb\n",
    ],
  ];
  for (const [answer, status, out] of cases) {
    const outcome = await runSlowly(new FakeProber([answer]), "10.0.0.1:80");
    assert.deepEqual(outcome, { status, out, err: "" });
  }
});

Deno.test("probe paints the result on a terminal, and nothing else", async () => {
  const cases: [ProbeResult, string][] = [
    [{ ok: true }, "\x1b[32mok\x1b[0m in 0.0 ms"],
    [REFUSED, "\x1b[31mfailed\x1b[0m after 0.0 ms: connection refused"],
    [UNABLE, "\x1b[33mnot possible\x1b[0m: the source 10.9.9.9 is no address of this host"],
  ];
  for (const [result, wanted] of cases) {
    const { out } = await run(new FakeProber([{ result }], true), "10.0.0.1:80");
    assert.equal(out, `     0.0  tcp 10.0.0.1:80\n${wanted}\n`);
  }
});

Deno.test("probe --json prints one object, for one check and for several", async () => {
  const one = await runSlowly(
    new FakeProber([{ result: REFUSED, ms: 100, steps: ["a"] }]),
    ...["10.0.0.1:80", "--json"],
  );
  assert.equal(one.status, 1);
  const failed = {
    ...{ ok: false, unable: false, reason: "connection refused", weight: null, ms: 100 },
    steps: [{ ms: 0, text: "tcp 10.0.0.1:80" }, { ms: 100, text: "a" }],
  };
  assert.equal(one.out, `${JSON.stringify(failed)}\n`);

  const answers = [{ result: REFUSED, ms: 100, steps: ["a"] }, {
    result: { ok: true, weight: 3 } as const,
    ms: 200,
  }, { result: UNABLE }];
  const many = await runSlowly(
    new FakeProber(answers),
    ...["10.0.0.1:80", "--json", "--count", "3"],
  );
  const steps = [{ ms: 0, text: "tcp 10.0.0.1:80" }];
  assert.deepEqual(JSON.parse(many.out), {
    ...{ ok: false, count: 3, good: 1, ms: { min: 200, median: 200, max: 200 } },
    checks: [
      failed,
      { ok: true, unable: false, reason: null, weight: 3, ms: 200, steps },
      { ...failed, unable: true, reason: UNABLE.ok ? "" : UNABLE.reason, ms: 0, steps },
    ],
  });
  assert.equal(many.out.split("\n").length, 2);
});

Deno.test("probe --count asks again from start to start, and sums up", async () => {
  const good = (ms: number) => ({ result: { ok: true } as const, ms });
  const prober = new FakeProber([good(100), good(400), { result: REFUSED }, good(200), good(300)]);
  const starts: number[] = [];
  const { clock, targets } = prober;
  const push = targets.push.bind(targets);
  targets.push = (...each) => {
    starts.push(clock.monotonicMs());
    return push(...each);
  };
  const { status, out } = await runSlowly(
    prober,
    ...["10.0.0.1:80", "--count", "5", "--interval", "300ms"],
  );
  assert.equal(status, 1);
  // The second takes longer than the interval: the next does not wait.
  assert.deepEqual(starts, [0, 300, 700, 1000, 1300]);
  assert.equal(out.split("\n\n").length, 6);
  assert.match(out, /\n\n4 of 5 good: min 100\.0, median 250\.0, max 400\.0 ms\n$/);
  assert.equal(prober.requests.length, 1);
});

Deno.test("of several checks the status is the worst: failed, then not possible", async () => {
  const good: ProbeResult = { ok: true };
  const cases: [ProbeResult[], number, string][] = [
    [[good, good], 0, "2 of 2 good: min 0.0, median 0.0, max 0.0 ms"],
    [[good, UNABLE], 3, "1 of 2 good: min 0.0, median 0.0, max 0.0 ms"],
    [[UNABLE, REFUSED], 1, "0 of 2 good"],
    [[UNABLE, UNABLE], 3, "0 of 2 good"],
  ];
  for (const [results, status, last] of cases) {
    const prober = new FakeProber(results.map((result) => ({ result })));
    const outcome = await runSlowly(prober, "10.0.0.1:80", "--count", "2", "--interval", "0s");
    assert.equal(outcome.status, status);
    assert.equal(outcome.out.split("\n").at(-2), last);
  }
});

Deno.test("a name is looked up once, in the family of the source, and within the time limit", async () => {
  const prober = new FakeProber();
  prober.lookupMs = 100;
  const { out } = await runSlowly(
    prober,
    ...["http://api.example/", "--count", "2", "--source", "10.0.0.9"],
  );
  assert.deepEqual(prober.lookups, [["api.example", "ipv4"]]);
  assert.equal(
    out,
    "   100.0  api.example is 10.0.0.1\n   100.0  GET http://10.0.0.1:80/\nok in 100.0 ms\n\n" +
      "     0.0  GET http://10.0.0.1:80/\nok in 0.0 ms\n\n" +
      "2 of 2 good: min 0.0, median 50.0, max 100.0 ms\n",
  );

  const unknown = await run(new FakeProber(), "http://nowhere.example/");
  assert.deepEqual(unknown, {
    ...{ status: 3, err: "" },
    out: "not possible: the name nowhere.example was not found\n",
  });

  const slow = new FakeProber();
  slow.lookupMs = 5000;
  const late = await runSlowly(slow, "http://api.example/", "--timeout", "1s");
  assert.equal(late.status, 3);
  assert.equal(slow.clock.monotonicMs(), 1000);
  assert.equal(slow.targets.length, 0);

  const given = new FakeProber();
  const elsewhere = await run(given, "http://api.example/", "--address", "10.0.0.9");
  assert.match(elsewhere.out, /^ +0\.0 {2}api\.example is 10\.0\.0\.9\n/);
  assert.deepEqual(given.lookups, []);
});

/** Times and ports of clients are others every time. */
function withoutTimes(text: string): string {
  return text.replaceAll(/^ *\d+\.\d {2}/gm, "T  ").replaceAll(/\d+\.\d ms/g, "T ms")
    .replaceAll(/from 127\.0\.0\.1:\d+/g, "from here");
}

Deno.test("probe shows what real servers answer", async () => {
  const prober = probeHost();
  await using http = serveText("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  await using mail = serve((connection) => write(connection, "220 mail\r\n"), { isFirst: true });
  const at = printEndpoint(http.endpoint);
  const mailAt = printEndpoint(mail.endpoint);
  const shut = printEndpoint(closedPort());
  const secret = ["--headers", "X-Key: s3cret", "--body", "s3cret", "--method", "POST"];
  const cases: [string[], number, string][] = [
    [
      [`http://${at}/a`, "--expect", "200", "--expect", "hello", ...secret],
      0,
      `T  POST http://${at}/a\nT  connected to ${at} from here\n` +
      `T  > POST /a HTTP/1.1, Host: ${at}\nT  < HTTP/1 200\nT  5 bytes of body\nok in T ms\n`,
    ],
    [
      [`http://${at}/`, "--expect", "204"],
      1,
      `T  GET http://${at}/\nT  connected to ${at} from here\n` +
      `T  > GET / HTTP/1.1, Host: ${at}\nT  < HTTP/1 200\nfailed after T ms: status 200\n`,
    ],
    [
      [mailAt, "--expect", "220"],
      0,
      `T  tcp ${mailAt}\nT  connected to ${mailAt} from here\nT  < "220 mail.."\nok in T ms\n`,
    ],
    [[`tcp://${shut}`], 1, `T  tcp ${shut}\nfailed after T ms: connection refused\n`],
    [
      [`tcp://${shut}`, "--source", "192.0.2.99"],
      3,
      `T  tcp ${shut}\nnot possible: the source 192.0.2.99 is no address of this host\n`,
    ],
    [
      ["exec:/lvscare/is/not/there"],
      3,
      "T  exec /lvscare/is/not/there for 127.0.0.1 port 0\n" +
      'not possible: the program "/lvscare/is/not/there" was not found\n',
    ],
  ];
  for (const [words, status, wanted] of cases) {
    const { out, ...rest } = await run(prober, ...words);
    assert.deepEqual({ out: withoutTimes(out), ...rest }, { out: wanted, status, err: "" });
  }
  // It was sent nevertheless.
  assert.match(http.requests[0]!, /^POST \/a .*X-Key: s3cret\r\n.*s3cret$/s);
});

Deno.test("the host finds names that it has, in the family that is asked for", async () => {
  const { lookUp, clock } = probeHost();
  assert.equal(clock, systemClock);
  assert.equal(await lookUp("localhost", "ipv4"), "127.0.0.1");
  assert.equal(await lookUp("127.0.0.9", undefined), "127.0.0.9");
  assert.equal(await lookUp("lvscare.invalid", undefined), undefined);
});

Deno.test("every key of a check is an option or is not for one check, and help has all of them", async () => {
  const { status, out } = await run(new FakeProber(), "--help");
  assert.equal(status, 0);
  const absent = [
    ...["type", "interval", "fast-interval", "down-interval", "jitter", "spread", "rise", "fall"],
    ...["start", "unable", "failed-weight"],
  ];
  const keys = Object.keys(CHECK);
  assert.deepEqual(keys.filter((key) => !PROBE_KEYS.includes(key as never)), absent);
  assert.equal(PROBE_KEYS.length, keys.length - absent.length);
  for (const key of [...PROBE_KEYS, "count", "interval", "json", "help"]) {
    assert.match(out, new RegExp(`^ .*--${key}(?: |$)`, "m"), key);
  }
  for (const key of PROBE_KEYS.filter((key) => key !== "address" && key !== "port")) {
    const words = CHECK[key].help.replace(/ Default: host\.proxy's$/, "");
    assert.ok(out.replaceAll(/\s+/g, " ").includes(words), key);
  }
  const groups = [...out.matchAll(/^([A-Za-z][^\n]*):$/gm)].map((match) => match[1]);
  assert.deepEqual(groups, [
    ...["Arguments", "Any check", "http and https", "Encryption", "tcp, udp and http"],
    ...["One type of check", "How often, and how it is shown", "Targets", "Examples"],
  ]);
  assert.deepEqual(out.split("\n").filter((line) => line.length > 100), []);
});

Deno.test("completions know probe's options and the values that they can have", () => {
  const program = createProgram({
    ...{ output: { out: () => {}, err: () => {} }, debug: false, setStatus: () => {} },
    host: { ...NOTHING, prober: new FakeProber() },
  });
  const values = (...words: string[]) => complete(program, words).map(({ value }) => value);
  assert.deepEqual(values("pro"), ["probe"]);
  assert.deepEqual(values("probe", "--se"), [
    "--security",
    "--server-name",
    "--send",
    "--send-hex",
  ]);
  assert.deepEqual(values("probe", "--security", ""), ["none", "tls", "starttls"]);
});
