import assert from "node:assert/strict";
import type { CareConfig } from "../../src/config/care.ts";
import type { Address } from "../../src/model/address.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { runCare } from "../support/care_command.ts";
import { httpCheck, type SimpleCheck } from "../support/http_check.ts";

const at = (address: string, port: number): Endpoint => ({ address: address as Address, port });
const GOOD = ["--vs", "10.0.0.1:80", "--rs", "10.0.0.2:80", "--mode="];

/** What GOOD alone means. */
const DEFAULTS: CareConfig = {
  virtualServer: at("10.0.0.1", 80),
  scheduler: "rr",
  servers: [at("10.0.0.2", 80)],
  mode: { kind: "none" },
  check: httpCheck({ scheme: "https" }),
  persistenceMs: 0,
  serverLimit: 0,
  intervalMs: 5_000,
  rise: 1,
  fall: 1,
  keepLast: false,
  drainTimeoutMs: 0,
  drain: false,
  dataplane: "kernel",
  proxy: { protocol: undefined, connectTimeoutMs: 5000, idleTimeoutMs: 900_000 },
  stateDir: "/run/lvscare",
  backend: undefined,
  masquerade: "auto",
  log: { level: "info", format: "text" },
  runOnce: false,
  clean: false,
  dryRun: false,
};

const check = (news: Partial<SimpleCheck>): Partial<CareConfig> => ({
  check: httpCheck({ scheme: "https", ...news }),
});

interface Right {
  readonly words?: readonly string[];
  /** The words do not stand behind GOOD. */
  readonly alone?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** How it differs from DEFAULTS. */
  readonly means: Partial<CareConfig>;
}

const RIGHT: Readonly<Record<string, Right>> = {
  "nothing more": { means: {} },
  "servers in any number of words, each once": {
    words: ["--rs=10.0.0.3:80, 10.0.0.2:80", "--rs", "10.0.0.4:8080"],
    means: { servers: [at("10.0.0.2", 80), at("10.0.0.3", 80), at("10.0.0.4", 8080)] },
  },
  "the last of a repeated flag": {
    words: ["--scheduler=wlc", "--scheduler=sh", "--rise=2", "--rise=3"],
    means: { scheduler: "sh", rise: 3 },
  },
  "IPv6 in its one spelling": {
    words: ["--vs", "[FD00:0::1]:6443", "--rs=[fd00::2]:6443", "--mode="],
    alone: true,
    means: { virtualServer: at("fd00::1", 6443), servers: [at("fd00::2", 6443)] },
  },
  "a clean without servers": {
    words: ["--vs=10.0.0.1:80", "--mode=", "-C"],
    alone: true,
    means: { clean: true, servers: [] },
  },
  "virtual and real servers from the environment": {
    alone: true,
    env: { CARE_VS: "10.0.0.1:80", CARE_RS: "10.0.0.2:80,10.0.0.3:80", CARE_MODE: "" },
    means: { servers: [at("10.0.0.2", 80), at("10.0.0.3", 80)] },
  },
  "a loopback address where nothing leads to it": {
    words: ["--vs=127.0.0.1:80", "--rs=127.0.0.2:80", "--mode="],
    alone: true,
    means: { virtualServer: at("127.0.0.1", 80), servers: [at("127.0.0.2", 80)] },
  },
  "a clean once and dry": {
    words: ["-C", "--run-once", "--dry-run"],
    means: { clean: true, runOnce: true, dryRun: true },
  },
  "link mode": {
    words: ["--mode", "link", "-i", "dummy0", "--masqueradebit=31", "--masquerade=iptables"],
    means: { mode: { kind: "link", device: "dummy0", markBit: 31 }, masquerade: "iptables" },
  },
  "a device's name of 15 bytes": {
    words: ["--mode=link", "-iabcdefghijklmno"],
    means: { mode: { kind: "link", device: "abcdefghijklmno", markBit: 0 } },
  },
  "a scheduler that is not known here": {
    words: ["--scheduler", "newest"],
    means: { scheduler: "newest" },
  },
  "times in seconds and in Go's words": {
    words: ["--interval=2", "--health-timeout=1.5s", "--drain-timeout=1m30s"],
    means: { intervalMs: 2_000, drainTimeoutMs: 90_000, ...check({ timeoutMs: 1_500 }) },
  },
  "the shortest and the longest times": {
    words: ["--interval=100ms", "--health-timeout=1ms", "--drain-timeout=24h"],
    means: { intervalMs: 100, drainTimeoutMs: 86_400_000, ...check({ timeoutMs: 1 }) },
  },
  "a request of all parts": {
    words: [
      ...[
        "--health-schem=HTTP",
        "--health-path=/ready?verbose=1&x=%20",
        "--health-req-method=POST",
      ],
      ...["--health-req-body", "--a=b, c", "--health-insecure-skip-verify=f"],
    ],
    means: check({
      scheme: "http",
      path: "/ready?verbose=1&x=%20",
      method: "POST",
      body: "--a=b, c",
      skipVerify: false,
    }),
  },
  "headers, of one name the last": {
    words: ["--health-req-headers=Host=a.example, X-A=1", "--health-req-headers=x-a=2"],
    means: check({ headers: [["Host", "a.example"], ["x-a", "2"]] }),
  },
  "a lone header with commas": {
    words: ["--health-req-headers", "Accept=text/html, text/plain"],
    means: check({ headers: [["Accept", "text/html, text/plain"]] }),
  },
  "quoted pairs with commas and quotes": {
    words: ["--health-req-headers", '"Accept=a,b","X=say ""=""",Y='],
    means: check({ headers: [["Accept", "a,b"], ["X", 'say "="'], ["Y", ""]] }),
  },
  "a header with signs of equality": {
    words: ["--health-req-headers", "Authorization=Basic YQ=="],
    means: check({ headers: [["Authorization", "Basic YQ=="]] }),
  },
  "LVScare's habits: a path without its slash, and codes that are healthy anyway": {
    words: ["--health-path=healthz", "--health-status=401,403,200,201"],
    means: check({ path: "/healthz", extraStatus: [401, 403] }),
  },
  "more healthy codes, each once": {
    words: ["--health-status=401, 403", "--health-status=401", "--health-status=599"],
    means: check({ extraStatus: [401, 403, 599] }),
  },
  "clients that come back, and limits": {
    words: ["--persistence=5m", "--server-limit", "1000"],
    means: { persistenceMs: 300_000, serverLimit: 1000 },
  },
  "the embedded proxy": {
    words: [
      ...["--dataplane", "embedded", "--proxy-protocol=v2", "--connect-timeout=1500ms"],
      ...["--idle-timeout", "3600", "--scheduler=mh", "--drain"],
    ],
    means: {
      dataplane: "embedded",
      proxy: { protocol: "v2", connectTimeoutMs: 1500, idleTimeoutMs: 3_600_000 },
      scheduler: "mh",
      drain: true,
      mode: { kind: "none" },
    },
  },
  "whatever suits, with what the proxy is to have": {
    words: ["--dataplane=auto", "--proxy-protocol=v1", "--scheduler=lblc"],
    means: {
      dataplane: "auto",
      proxy: { ...DEFAULTS.proxy, protocol: "v1" },
      scheduler: "lblc",
    },
  },
  "the rest": {
    words: [
      ...["--rise=2", "--fall=1000", "--keep-last", "--backend=command", "--logger=DEBG"],
      ...["--log-format=json", "--state-dir=/var/lib/lvs care"],
    ],
    means: {
      rise: 2,
      fall: 1000,
      keepLast: true,
      backend: "command",
      log: { level: "debug", format: "json" },
      stateDir: "/var/lib/lvs care",
    },
  },
  "the environment": {
    env: {
      CARE_SCHEDULER: "mh",
      CARE_RUN_ONCE: "true",
      CARE_HEALTH_INSECURE_SKIP_VERIFY: "0",
      CARE_HEALTH_STATUS: "401,403",
      CARE_HEALTH_REQ_HEADERS: "A=1,B=2",
      CARE_INTERVAL: "1m",
    },
    means: {
      scheduler: "mh",
      runOnce: true,
      intervalMs: 60_000,
      ...check({ skipVerify: false, extraStatus: [401, 403], headers: [["A", "1"], ["B", "2"]] }),
    },
  },
  "a flag over its variable, be it wrong": {
    words: ["--interval=7", "--run-once=false"],
    env: { CARE_INTERVAL: "never", CARE_RUN_ONCE: "1", CARE_RS: "10.0.0.9:80" },
    means: { intervalMs: 7_000 },
  },
  "empty variables as none": {
    env: { CARE_VS: "", CARE_SCHEDULER: "", CARE_CLEAN: "", CARE_HEALTH_PATH: "" },
    means: {},
  },
};

for (const [name, { words = [], alone = false, env = {}, means }] of Object.entries(RIGHT)) {
  Deno.test(`readCareConfig() understands ${name}`, async () => {
    const { said, config, notes } = await runCare(alone ? words : [...GOOD, ...words], { env });
    assert.equal(said, "");
    assert.deepEqual(config, { ...DEFAULTS, ...means });
    assert.deepEqual(notes, []);
  });
}
