/** What can come between any check and its server, and the tests that each kind of check has of it. */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import type { CheckRequest, SourceConfig, TlsConfig } from "../../src/config/check.ts";
import type { Address } from "../../src/model/address.ts";
import { type Endpoint, printEndpoint } from "../../src/model/endpoint.ts";
import { type AloneOptions, askAlone, DRAINED, POWERLESS } from "./check_alone.ts";
import { until } from "./care_lab.ts";
import {
  ask,
  type CheckFamily,
  type CheckLab,
  eachFamily,
  FAMILIES,
  labTest,
  OK,
  probeFor,
  refusing,
  SILENCE,
  V4,
  V6,
} from "./check_lab.ts";
import { startDemandingTls } from "./check_programs.ts";
import { impatient, KNOWN, pem, VERIFY } from "./check_requests.ts";
import {
  type BadServerOptions,
  closing,
  type Conduct,
  dripping,
  greeting,
  halfClosed,
  leaving,
  serveAs,
  serveResets,
  silent,
} from "./check_servers.ts";
import { bad, hasWords, titleOf } from "./check_words.ts";
import { must } from "./network.ts";

/** One way in which checks of a kind are made. */
export interface Subject {
  /** "smtp over STARTTLS". */
  readonly name: string;
  readonly check: CheckRequest;
  /** How it hears the beginning of a good answer that does not end; undefined: not over a connection. */
  readonly drip?: readonly [beginning: string | Uint8Array, drop: string | Uint8Array];
  /** Waits for the server to speak first. */
  readonly listensFirst?: boolean;
  /** Encrypted from the first byte on. */
  readonly isSecured?: boolean;
}

type Values = Readonly<Record<string, string | number>>;

interface Hardship {
  readonly situation: string;
  readonly prepare?: (lab: CheckLab, subject: Subject) => Promise<void>;
  readonly targets: (family: CheckFamily) => readonly Endpoint[];
  readonly source?: (family: CheckFamily) => SourceConfig;
  readonly values?: (family: CheckFamily) => Values;
  readonly isSilent?: true;
}

/** Ports and addresses that rules and routes of these tests are about. */
const LOST = 7;
const FORBIDDEN = 8;
const TAKEN = 4445;
const SOME = 80;
const UNREACHABLE = ["10.65.0.1", "fd65::1"] as const;
const PROHIBITED = ["10.66.0.1", "fd66::1"] as const;

function of([v4, v6]: readonly [string, string], family: CheckFamily): Endpoint {
  return { address: (family === V4 ? v4 : v6) as Address, port: SOME };
}

function route(kind: string, [v4, v6]: readonly [string, string]): () => Promise<void> {
  return async () => {
    await must("ip", "route", "add", kind, v4);
    await must("ip", "-6", "route", "add", kind, v6);
  };
}

const loopback = ({ loopback: address }: CheckFamily) => [{ address, port: SOME }];

/** What is done with packets of the kind's checks to that port. */
function inputRules(
  { check: { kind } }: Subject,
  port: number,
  verdicts: { readonly v4: string; readonly v6: string; readonly any: string },
): string {
  const rules = kind === "icmp"
    ? `icmp type echo-request ${verdicts.v4}\nicmpv6 type echo-request ${verdicts.v6}`
    : `meta l4proto { tcp, udp } th dport ${port} ${verdicts.any}`;
  return `chain input { type filter hook input priority 0\n${rules}\n}`;
}

const DROP = { v4: "drop", v6: "drop", any: "drop" };
const REJECT = {
  v4: "reject with icmp type admin-prohibited",
  v6: "reject with icmpv6 type admin-prohibited",
  any: "reject with icmpx type admin-prohibited",
};

const HARDSHIPS: readonly Hardship[] = [
  { situation: "nobody listens on the port", targets: (family) => [refusing(family)] },
  {
    situation: "what is sent is lost",
    prepare: (lab, subject) => lab.nft(inputRules(subject, LOST, DROP)),
    targets: ({ one, nobody }) => [
      { address: one, port: LOST },
      // On the wire, where that address is nobody's.
      { address: nobody, port: SOME },
    ],
    isSilent: true,
  },
  {
    situation: "a firewall on the way forbids it",
    prepare: (lab, subject) => lab.nft(inputRules(subject, FORBIDDEN, REJECT)),
    targets: ({ one }) => [{ address: one, port: FORBIDDEN }],
  },
  {
    situation: "a route says unreachable",
    prepare: route("unreachable", UNREACHABLE),
    targets: (family) => [of(UNREACHABLE, family)],
  },
  {
    situation: "a route of this host forbids it",
    prepare: route("prohibit", PROHIBITED),
    targets: (family) => [of(PROHIBITED, family)],
  },
  {
    situation: "a firewall of this host forbids it",
    prepare: (lab) => lab.nft("chain output { type filter hook output priority 0; policy drop; }"),
    targets: loopback,
  },
  {
    situation: "no route leads there",
    targets: ({ foreign }) => [{ address: foreign, port: SOME }],
  },
  {
    situation: "the source is no address of this host",
    targets: loopback,
    source: ({ foreign }) => ({ address: foreign }),
    values: ({ foreign }) => ({ source: foreign }),
  },
  {
    situation: "the source is of the other family",
    targets: loopback,
    source: (family) => ({ address: otherFamily(family).one }),
    values: (family) => ({ source: otherFamily(family).one, address: family.loopback }),
  },
  {
    situation: "the device is not there",
    targets: loopback,
    source: () => ({ device: "nowhere0" }),
    values: () => ({ device: "nowhere0" }),
  },
  {
    situation: "somebody listens on the source port",
    prepare: async (lab) => {
      for (const { one } of FAMILIES) await lab.use(occupy(one, TAKEN));
    },
    targets: ({ other }) => [{ address: other, port: SOME }],
    source: ({ one }) => ({ address: one, port: TAKEN }),
    values: ({ one }) => ({ source: printEndpoint({ address: one, port: TAKEN }) }),
  },
];

function otherFamily(family: CheckFamily): CheckFamily {
  return family === V4 ? V6 : V4;
}

/** Listens for both streams and datagrams. */
async function occupy(hostname: Address, port: number): Promise<AsyncDisposable> {
  const listener = Deno.listen({ hostname, port });
  const socket = createSocket(hostname.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve) => socket.bind(port, hostname, resolve));
  return {
    async [Symbol.asyncDispose]() {
      listener.close();
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

/** Of all that needs no server. */
export function testNetwork(subject: Subject): void {
  const { name, check } = subject;
  const cases = HARDSHIPS.filter(({ situation }) => hasWords(check.kind, situation));
  for (const { situation, prepare, targets, source, values, isSilent } of cases) {
    const timed = isSilent ? impatient(check) : check;
    labTest(titleOf(name, check.kind, situation), async (lab) => {
      await prepare?.(lab, subject);
      await eachFamily(async (family) => {
        const sourced = source ? { ...timed, source: source(family) } : timed;
        const expected = bad(check.kind, situation, { timeout: SILENCE, ...values?.(family) });
        const results = targets(family).map((target) => ask(sourced, target));
        for (const result of await Promise.all(results)) assert.deepEqual(result, expected);
      });
    });
  }
  testTakenAway(subject);
}

/** What a process without powers, or without descriptors, says. */
function testTakenAway({ name, check }: Subject): void {
  const { kind } = check;
  const MARK = 7;
  const PORT = 79;
  const cases: readonly {
    readonly situation: string;
    readonly options: AloneOptions;
    readonly source?: SourceConfig;
    readonly values?: (family: CheckFamily) => Values;
  }[] = [
    { situation: "no descriptor is left", options: DRAINED },
    {
      situation: "a mark is to be set, without CAP_NET_ADMIN",
      options: POWERLESS,
      source: { mark: MARK },
      values: () => ({ mark: MARK }),
    },
    {
      situation: "the source port is below 1024, without CAP_NET_BIND_SERVICE",
      options: POWERLESS,
      source: { port: PORT },
      values: (family) => ({ source: family === V4 ? `0.0.0.0:${PORT}` : `[::]:${PORT}` }),
    },
  ];
  for (const { situation, options, source, values } of cases) {
    if (!hasWords(kind, situation)) continue;
    labTest(titleOf(name, kind, situation), async () => {
      // Users may ping, so that it is not that what fails.
      Deno.writeTextFileSync("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
      const tasks = FAMILIES.map((family) => {
        return { check: { ...check, ...(source && { source }) }, target: refusing(family) };
      });
      const expected = FAMILIES.map((family) => bad(kind, situation, values?.(family)));
      assert.deepEqual(await askAlone(options, tasks), expected);
    });
  }
}

/** Of servers that behave badly on a connection. */
export function testConnections(subject: Subject): void {
  const { name, check, drip, listensFirst = false, isSecured = false } = subject;
  const { kind } = check;
  const secured = isSecured ? { certificate: "trusted" } : {};
  // A handshake has begun, and the rest of it is to come.
  const beginning: Conduct = dripping(Uint8Array.of(0x16, 3, 3, 0x40, 0), "\x02");
  const cases: readonly BadConduct[] = [
    ["the server says nothing", "", silent],
    ...(isSecured
      ? [
        ["the answer comes byte by byte, without end", ", in the handshake", beginning],
        ["the server closes within the TLS handshake", "", closing],
        ["the server closes within the TLS handshake", ", its side of it", halfClosed],
        ["the server says nothing", ", behind the handshake", silent, secured],
      ] as const
      : []),
    ...(drip
      ? [
        ["the answer comes byte by byte, without end", "", dripping(...drip), secured],
        ["the server closes the connection", "", listensFirst ? leaving : closing, secured],
        ["the server closes its side of the connection", "", halfClosed, secured],
      ] as const
      : []),
  ];
  for (const [situation, how, conduct, options = {}] of cases) {
    // A handshake is all that is wanted.
    if (kind === "tls" && "certificate" in options) continue;
    labTest(titleOf(name, kind, situation) + how, () =>
      eachFamily(async ({ one }) => {
        await using server = serveAs(conduct, { hostname: one, ...options });
        const expected = bad(kind, situation, { timeout: SILENCE });
        const timed = expected.reason.includes(SILENCE) ? impatient(check) : check;
        assert.deepEqual(await ask(timed, server.endpoint), expected);
        // On a busy machine it may not have been taken before its time was over.
        await until(() => server.peers.length === 1, "it was asked");
        // Whoever gives up leaves nobody waiting.
        await server.abandoned();
      }));
  }
  for (const when of ["connection", "data"] as const) {
    if (when === "data" && listensFirst) continue;
    const situation = "the server resets the connection";
    labTest(
      `${titleOf(name, kind, situation)} at its first ${when}`,
      () =>
        eachFamily(async ({ one }) => {
          await using server = await serveResets(one, when);
          assert.deepEqual(await ask(check, server.endpoint), bad(kind, situation));
        }),
    );
  }
}

type BadConduct = readonly [
  situation: string,
  how: string,
  conduct: Conduct,
  options?: BadServerOptions,
];

const NAMED: TlsConfig = { ...VERIFY, serverName: "good.example" };

const CERTIFICATES: readonly (readonly [certificate: string, situation: string])[] = [
  ["expired", "the certificate has expired"],
  ["early", "the certificate is of the future"],
  ["other_name", "the certificate is another server's"],
  ["self_signed", "the certificate is signed by nobody trusted"],
];

/** Of certificates, the server's and ours; the check with that configuration, from the first byte on. */
export function testSecurity(name: string, checkWith: (tls: TlsConfig) => CheckRequest): void {
  const { kind } = checkWith(VERIFY);

  for (const [certificate, situation] of CERTIFICATES) {
    labTest(titleOf(name, kind, situation), () =>
      eachFamily(async ({ one }) => {
        await using server = serveAs(silent, { hostname: one, certificate });
        assert.deepEqual(await ask(checkWith(NAMED), server.endpoint), bad(kind, situation));
      }));
  }

  labTest(
    `${name}: an authority that the host does not trust makes no certificate good`,
    () =>
      eachFamily(async ({ one }) => {
        await using server = serveAs(silent, { hostname: one, certificate: "trusted" });
        const expected = bad(kind, "the certificate is signed by nobody trusted");
        assert.deepEqual(await ask(checkWith({ verify: true }), server.endpoint), expected);
      }),
  );

  labTest(titleOf(name, kind, "the server speaks no TLS"), () =>
    eachFamily(async ({ one }) => {
      const conduct: Conduct = dripping("HTTP/1.0 400 Bad Request\r\n", "\r\n");
      await using server = serveAs(conduct, { hostname: one });
      const expected = bad(kind, "the server speaks no TLS");
      assert.deepEqual(await ask(checkWith(VERIFY), server.endpoint), expected);
    }));

  for (const [version, words] of [["tls1_2", "TLS 1.2"], ["tls1_3", "TLS 1.3"]] as const) {
    const situation = `the server demands a certificate, in ${words}`;
    // In TLS 1.3 the server says so when all is done for the client, and a handshake is all that was wanted.
    const isHeard = hasWords(kind, situation);
    const title = isHeard
      ? titleOf(name, kind, situation)
      : `${name} does not notice that ${situation}`;
    labTest(title, async (lab) => {
      const port = 9443;
      await startDemandingTls(lab, { port, version });
      for (const { one: address } of FAMILIES) {
        const without = await ask(checkWith(NAMED), { address, port });
        assert.deepEqual(without, isHeard ? bad(kind, situation) : OK);
        const known = await ask(impatient(checkWith({ ...NAMED, ...KNOWN })), { address, port });
        // What is said behind the handshake is no matter of certificates.
        assert.doesNotMatch(JSON.stringify(known), /TLS|certificate/);
      }
    });
  }

  const damaged = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
  const files: readonly {
    readonly situation: string;
    readonly file: (lab: CheckLab) => string | Promise<string>;
    /** What stands in the place of a key. */
    readonly key?: (lab: CheckLab) => string | Promise<string>;
  }[] = [
    { situation: "a file of TLS is missing", file: ({ folder }) => `${folder}/none.pem` },
    { situation: "a file of TLS is a folder", file: ({ folder }) => folder },
    {
      situation: "a file of TLS has something else",
      file: () => pem("server.key"),
      key: () => pem("trusted.pem"),
    },
    {
      situation: "a file of TLS is damaged",
      file: (lab) => lab.write("damaged.pem", damaged("CERTIFICATE")),
      key: (lab) => lab.write("damaged.key", damaged("PRIVATE KEY")),
    },
  ];
  for (const { situation, file: fileOf, key: keyOf = fileOf } of files) {
    labTest(titleOf(name, kind, situation), async (lab) => {
      await using server = serveAs(silent, { certificate: "trusted" });
      const { certificateFile, keyFile } = KNOWN;
      const [wrong, wrongKey] = [await fileOf(lab), await keyOf(lab)];
      const cases = [
        [{ verify: true, caFile: wrong }, wrong, "certificate"],
        [{ verify: false, certificateFile: wrong, keyFile }, wrong, "certificate"],
        [{ verify: false, certificateFile, keyFile: wrongKey }, wrongKey, "key"],
      ] as const;
      for (const [tls, file, what] of cases) {
        const expected = bad(kind, situation, { file, what });
        assert.deepEqual(await ask(checkWith(tls), server.endpoint), expected);
      }
    });
  }

  const stranger = "our key and certificate do not belong together";
  labTest(titleOf(name, kind, stranger), async () => {
    await using server = serveAs(silent, { certificate: "trusted" });
    const [certificate, key] = [pem("authority.pem"), pem("server.key")];
    const tls = { verify: false, certificateFile: certificate, keyFile: key };
    const expected = bad(kind, stranger, { certificate, key });
    assert.deepEqual(await ask(checkWith(tls), server.endpoint), expected);
  });

  labTest(`${name} reads its authorities again where there are others`, async (lab) => {
    const file = `${lab.folder}/authorities.pem`;
    await using server = serveAs(greeting, { certificate: "trusted" });
    const probe = probeFor(checkWith({ ...NAMED, caFile: file }));
    const trusts = async () => {
      const result = await probe.run(server.endpoint, new AbortController().signal);
      return JSON.stringify(result);
    };
    const { reason: missing } = bad(kind, "a file of TLS is missing", { file });
    const { reason: distrusted } = bad(kind, "the certificate is signed by nobody trusted");
    assert.match(await trusts(), new RegExp(missing));
    await Deno.copyFile(pem("self_signed.pem"), file);
    assert.match(await trusts(), new RegExp(distrusted));
    await Deno.copyFile(pem("authority.pem"), file);
    assert.doesNotMatch(await trusts(), new RegExp(`${missing}|${distrusted}`));
  });
}
