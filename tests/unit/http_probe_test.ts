import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import type { HttpCheck } from "../../src/config/care.ts";
import { httpProbe } from "../../src/health/probes/http.ts";
import type { Probe, ProbeResult } from "../../src/health/probes/probe.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { endpoint } from "../support/care_arbitraries.ts";
import { FakeClock } from "../support/fake_clock.ts";
import {
  type Answer,
  certificate,
  closedPort,
  openSockets,
  serve,
  serveFull,
  type ServerOptions,
  serveSilence,
  serveText,
  type TestServer,
  untilClosed,
  write,
} from "../support/http_servers.ts";
import { run } from "../support/process.ts";

const CHECK: HttpCheck = {
  scheme: "http",
  method: "GET",
  path: "/healthz",
  body: "",
  headers: [],
  extraStatus: [],
  skipVerify: true,
  timeoutMs: 10_000,
};
const OK: ProbeResult = { ok: true };
const OK_TEXT = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const failed = (reason: string): ProbeResult => ({ ok: false, reason });

function probeOf(check: Partial<HttpCheck> = {}, clock = systemClock): Probe {
  return httpProbe({ ...CHECK, ...check }, { clock, caCerts: [certificate("authority")] });
}

function ask(target: Endpoint, check: Partial<HttpCheck> = {}): Promise<ProbeResult> {
  return probeOf(check).run(target, new AbortController().signal);
}

Deno.test("describe() says what is asked of whom", () => {
  const probe = probeOf({ scheme: "https", path: "/healthz?full=1" });
  assert.equal(
    probe.describe(endpoint("10.0.0.1", 6443)),
    "GET https://10.0.0.1:6443/healthz?full=1",
  );
  assert.equal(
    probe.describe(endpoint("fd00::1", 443)),
    "GET https://[fd00::1]:443/healthz?full=1",
  );
});

const ANSWERS: readonly (readonly [text: string, expected: ProbeResult])[] = [
  ["HTTP/1.1 200 OK\r\n\r\n", OK],
  ["HTTP/1.1 399 Odd\r\n\r\n", OK],
  ["HTTP/1.1 304 Not Modified\r\n\r\n", OK],
  ["HTTP/1.1 302 Found\r\n\r\n", OK],
  ["HTTP/1.1 401 Unauthorized\r\n\r\n", OK],
  ["HTTP/1.1 400 Bad Request\r\n\r\n", failed("status 400")],
  ["HTTP/1.1 500 Internal Server Error\r\n\r\n", failed("status 500")],
  ["", failed("connection closed before an answer")],
  ["HTTP/1.1 200 OK\r\nX: y", failed("malformed answer: it ends before its head does")],
  ["garbage", failed('malformed answer: it begins with "garbage", must begin with "HTTP/1."')],
  [
    `HTTP/1.1 200 OK\r\nX: ${"x".repeat(1 << 20)}`,
    failed("malformed answer: its head has more than 64 KiB"),
  ],
];

for (const scheme of ["http", "https"] as const) {
  const certificates = scheme === "https" ? { certificate: "self_signed" } : {};
  for (const [text, expected] of ANSWERS) {
    Deno.test(`over ${scheme}, the answer ${JSON.stringify(text.slice(0, 40))} is ${JSON.stringify(expected)}`, async () => {
      await using server = serveText(text, certificates);
      assert.deepEqual(await ask(server.endpoint, { scheme, extraStatus: [401] }), expected);
    });
  }

  Deno.test(`over ${scheme}, method, path, headers and body are sent as the check has them`, async () => {
    await using server = serveText(OK_TEXT, certificates);
    const headers = [["Host", "good.example"], ["X-Key", "secret"]] as const;
    const result = await ask(server.endpoint, {
      scheme,
      method: "POST",
      path: "/a?b=c",
      headers,
      body: "grüße",
    });
    assert.deepEqual(result, OK);
    assert.deepEqual(server.requests, [
      "POST /a?b=c HTTP/1.1\r\nHost: good.example\r\nUser-Agent: lvscare\r\nX-Key: secret\r\n" +
      "Content-Length: 7\r\nConnection: close\r\n\r\ngrüße",
    ]);
  });

  Deno.test(`over ${scheme}, a server of IPv6 is asked by its address in brackets`, async () => {
    await using server = serveText(OK_TEXT, { hostname: "::1", ...certificates });
    assert.deepEqual(await ask(server.endpoint, { scheme }), OK);
    assert.match(
      server.requests[0]!,
      new RegExp(`\r\nHost: \\[::1\\]:${server.endpoint.port}\r\n`),
    );
  });

  Deno.test(`over ${scheme}, an answer is enough: neither its body nor the connection's end is waited for`, async () => {
    await using server = serve(async (connection) => {
      await write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome");
      await untilClosed(connection);
    }, certificates);
    assert.deepEqual(await ask(server.endpoint, { scheme }), OK);
    await server.abandoned();
  });

  Deno.test(`over ${scheme}, where nobody listens is "connection refused"`, async () => {
    assert.deepEqual(await ask(closedPort(), { scheme }), failed("connection refused"));
  });
}

Deno.test("a server that drops a request with a reset is told from one that closes", async () => {
  // What is left unread when a connection is closed makes the kernel reset it.
  await using server = serve(async (connection) => {
    await connection.read(new Uint8Array(1));
  }, { isFirst: true });
  assert.deepEqual(await ask(server.endpoint), failed("connection reset"));
});

const HANDSHAKES: readonly (readonly [what: string, answer: Answer, reason: string])[] = [
  ["closes", () => {}, "TLS handshake failed: connection closed"],
  [
    "speaks HTTP",
    (connection) => write(connection, "HTTP/1.0 400 Bad Request\r\n\r\n"),
    "TLS handshake failed: the server answered without TLS",
  ],
  [
    "refuses with an alert",
    (connection) => write(connection, Uint8Array.of(21, 3, 3, 0, 2, 2, 40)),
    "TLS handshake failed: received fatal alert: HandshakeFailure",
  ],
];

for (const [what, answer, reason] of HANDSHAKES) {
  Deno.test(`a server that ${what} instead of a handshake is "${reason}"`, async () => {
    await using server = serve(async (connection, request) => {
      await connection.read(new Uint8Array(4096));
      await answer(connection, request);
    }, { isFirst: true });
    const result = await ask(server.endpoint, { scheme: "https" });
    assert.equal(result.ok, false);
    assert.ok(!result.ok && result.reason.startsWith(reason), JSON.stringify(result));
  });
}

Deno.test("HTTP to a server of TLS is a failure", async () => {
  await using server = serveText(OK_TEXT, { certificate: "trusted" });
  assert.equal((await ask(server.endpoint)).ok, false);
});

const CERTIFICATES:
  readonly (readonly [name: string, host: string | undefined, expected: ProbeResult])[] = [
    ["trusted", "good.example", OK],
    ["trusted", "good.example:6443", OK],
    ["trusted", undefined, OK],
    ["trusted", "evil.example", failed("certificate is for another name")],
    ["other_name", "other.example", OK],
    ["other_name", "good.example", failed("certificate is for another name")],
    ["other_name", undefined, failed("certificate is for another name")],
    ["expired", "good.example", failed("certificate expired")],
    ["early", "good.example", failed("certificate not valid yet")],
    ["self_signed", "good.example", failed("certificate not trusted")],
  ];

for (const [name, host, expected] of CERTIFICATES) {
  const headers = host === undefined ? [] : [["Host", host]] as const;
  const whom = host ?? "the address";

  Deno.test(`the certificate ${name} for ${whom} is ${JSON.stringify(expected)}, and refused before anything is asked`, async () => {
    await using server = serveText(OK_TEXT, { certificate: name });
    const check = { scheme: "https", skipVerify: false, headers } as const;
    assert.deepEqual(await ask(server.endpoint, check), expected);
    assert.equal(server.requests.length, expected.ok ? 1 : 0);
  });

  Deno.test(`the certificate ${name} for ${whom} is not looked at where that is not wanted`, async () => {
    await using server = serveText(OK_TEXT, { certificate: name });
    assert.deepEqual(await ask(server.endpoint, { scheme: "https", headers }), OK);
  });
}

Deno.test("an authority that is trusted nowhere makes no certificate good", async () => {
  await using server = serveText(OK_TEXT, { certificate: "trusted" });
  const check = { ...CHECK, scheme: "https", skipVerify: false } as const;
  const probe = httpProbe(check, { clock: systemClock });
  const result = await probe.run(server.endpoint, new AbortController().signal);
  assert.deepEqual(result, failed("certificate not trusted"));
});

/** Sends on along a chain: "/9" to "/8" and so forth, and answers "/0". */
const countDown: Answer = (connection, request) => {
  const left = Number(/\/(\d+)/.exec(request)?.[1]);
  return write(
    connection,
    left === 0 ? OK_TEXT : `HTTP/1.1 302 Found\r\nLocation: /${left - 1}\r\n\r\n`,
  );
};

for (
  const [redirects, expected] of [[1, OK], [10, OK], [
    11,
    failed("stopped after 10 redirects"),
  ]] as const
) {
  Deno.test(`a chain of ${redirects} redirects is ${JSON.stringify(expected)}`, async () => {
    await using server = serve(countDown);
    assert.deepEqual(await ask(server.endpoint, { path: `/${redirects}` }), expected);
    assert.equal(server.requests.length, Math.min(redirects, 10) + 1);
  });
}

const redirect = (location: string, status = 302) =>
  `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\n\r\n`;
const urlOf = (scheme: string, { endpoint: { port } }: TestServer, host = "127.0.0.1") =>
  `${scheme}://${host}:${port}/there`;

Deno.test("a redirect is followed to another scheme and port, and what is said there counts", async () => {
  await using there = serveText("HTTP/1.1 503 Busy\r\n\r\n", { certificate: "self_signed" });
  await using here = serveText(redirect(urlOf("https", there)));
  assert.deepEqual(await ask(here.endpoint), failed("status 503"));
  assert.match(there.requests[0]!, /^GET \/there HTTP\/1.1\r\n/);
});

Deno.test("a redirect is followed to a host by its name, which is not told any secret", async () => {
  await using there = serveText(OK_TEXT);
  await using here = serveText(redirect(urlOf("http", there, "localhost"), 307));
  const headers = [["Authorization", "Bearer x"], ["X", "y"]] as const;
  assert.deepEqual(await ask(here.endpoint, { method: "PUT", body: "z", headers }), OK);
  assert.equal(
    there.requests[0],
    `PUT /there HTTP/1.1\r\nHost: localhost:${there.endpoint.port}\r\nUser-Agent: lvscare\r\nX: y\r\n` +
      "Content-Length: 1\r\nConnection: close\r\n\r\nz",
  );
});

Deno.test("where a redirect leads to another server that fails, that one is named", async () => {
  const { port } = closedPort();
  await using here = serveText(redirect(`http://127.0.0.1:${port}/`));
  const reason = `redirected to "127.0.0.1:${port}": connection refused`;
  assert.deepEqual(await ask(here.endpoint), failed(reason));
});

/** Ways to get no answer, and what each waits for. */
const SILENT:
  readonly (readonly [what: string, scheme: "http" | "https", options: ServerOptions])[] = [
    ["a server that never answers", "http", {}],
    ["a server that never answers in a handshake", "https", {}],
    ["a server that never answers behind a handshake", "https", { certificate: "self_signed" }],
  ];

for (const [what, scheme, options] of SILENT) {
  Deno.test(`${what} is waited for until the limit, and left then`, async () => {
    const clock = new FakeClock();
    await using server = serveSilence(options);
    const accepted = server.accepted();
    const result = probeOf({ scheme }, clock).run(server.endpoint, new AbortController().signal);
    let isOver = false;
    result.then(() => isOver = true);
    await accepted;
    await clock.advance(9999);
    assert.equal(isOver, false);
    await clock.advance(1);
    assert.deepEqual(await result, failed("no answer within 10s"));
    await server.abandoned();
    assert.equal(clock.pending, 0);
  });

  Deno.test(`${what} is left as soon as the check is to stop`, async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    await using server = serveSilence(options);
    const accepted = server.accepted();
    const result = probeOf({ scheme }, clock).run(server.endpoint, abort.signal);
    await accepted;
    abort.abort();
    assert.equal((await result).ok, false);
    await server.abandoned();
    assert.equal(clock.pending, 0);
  });
}

for (const scheme of ["http", "https"] as const) {
  Deno.test(`over ${scheme}, a connection that is not made by the limit is given up and closed`, async () => {
    const clock = new FakeClock();
    using server = await serveFull();
    const probe = probeOf({ scheme }, clock);
    const before = openSockets();
    const results = Array.from(
      { length: 5 },
      () => probe.run(server.endpoint, new AbortController().signal),
    );
    await untilTrue(() => openSockets() >= before + 5);
    await clock.advance(10_000);
    assert.deepEqual(await Promise.all(results), Array(5).fill(failed("no answer within 10s")));
    await untilTrue(() => openSockets() <= before);
  });

  Deno.test(`over ${scheme}, bytes that come one by one do not put off the limit`, async () => {
    const clock = new FakeClock();
    const connected = Promise.withResolvers<Deno.Conn>();
    await using server = serve((connection) => {
      connected.resolve(connection);
      return untilClosed(connection);
    }, scheme === "https" ? { certificate: "self_signed" } : {});
    const result = probeOf({ scheme, timeoutMs: 1500 }, clock)
      .run(server.endpoint, new AbortController().signal);
    const connection = await connected.promise;
    for (const byte of "HTTP/1.1 200 OK") {
      await write(connection, byte);
      await clock.advance(100);
    }
    assert.deepEqual(await result, failed("no answer within 1.5s"));
    await server.abandoned();
  });

  Deno.test(`over ${scheme}, one limit holds for a check with all its redirects`, async () => {
    const clock = new FakeClock();
    await using server = serve(async (connection) => {
      await clock.advance(400);
      await write(connection, redirect("/again"));
    }, scheme === "https" ? { certificate: "self_signed" } : {});
    const result = await probeOf({ scheme, timeoutMs: 1000 }, clock)
      .run(server.endpoint, new AbortController().signal);
    assert.deepEqual(result, failed("no answer within 1s"));
    assert.equal(server.requests.length, 3);
  });

  Deno.test(`over ${scheme}, a check that is to stop before it began asks nothing`, async () => {
    await using server = serveText(OK_TEXT);
    const result = await probeOf({ scheme }).run(server.endpoint, AbortSignal.abort());
    assert.equal(result.ok, false);
    assert.deepEqual(server.requests, []);
  });

  Deno.test(`over ${scheme}, a hundred checks of every kind leave no socket behind`, async () => {
    const certificates = scheme === "https" ? { certificate: "self_signed" } : {};
    const before = openSockets();
    {
      await using good = serveText(OK_TEXT, certificates);
      await using early = serveText("", { isFirst: true });
      await using garbage = serveText("garbage", certificates);
      await using chain = serve(countDown, certificates);
      const targets = [good, early, garbage, chain].map((server) => server.endpoint);
      for (let round = 0; round < 25; round++) {
        const checks = targets.map((target) => ask(target, { scheme, path: "/3" }));
        const results = await Promise.all(checks);
        assert.deepEqual(results.map(({ ok }) => ok), [true, false, false, true]);
      }
    }
    await untilTrue(() => openSockets() < before + 10);
  });
}

/** Turns of the event loop until something is so, which only the kernel knows the moment of. */
async function untilTrue(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000; turn++) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.fail("it never came to be so");
}

/** Runs a check in a process of its own, as the shell prepares it, and gives the reasons that it prints. */
async function askIn(shell: string, body: string): Promise<string[]> {
  const src = new URL("../../src/", import.meta.url).href;
  const program = `
    import { httpProbe } from "${src}health/probes/http.ts";
    import { systemClock } from "${src}clock.ts";
    const check = ${JSON.stringify(CHECK)};
    async function ask(address, port = 80, scheme = "http") {
      const probe = httpProbe({ ...check, scheme }, { clock: systemClock });
      console.log((await probe.run({ address, port }, new AbortController().signal)).reason);
    }
    ${body}`;
  const argv = ["sh", "-c", shell, "sh", Deno.execPath(), "eval", "--no-check", program];
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DENO_DIR: Deno.env.get("DENO_DIR") ?? "" };
  const { stdout, stderr, status } = await run(argv, { env });
  assert.equal(status, 0, stderr);
  return stdout.trim().split("\n");
}

Deno.test("what the network's routes say has a name of its own", async () => {
  const shell = `ip link set lo up && ip route add unreachable 10.1.0.0/16 &&
    ip route add prohibit 10.2.0.0/16 && exec "$@"`;
  const body = `
    for (const scheme of ["http", "https"]) {
      for (const network of [0, 1, 2]) await ask("10." + network + ".0.1", 80, scheme);
    }`;
  const reasons = [
    "network unreachable",
    "no route to host",
    "not permitted by this host, as by its firewall",
  ];
  assert.deepEqual(await askIn(`exec unshare -n sh -c '${shell}' "$@"`, body), [
    ...reasons,
    ...reasons,
  ]);
});

Deno.test("a host name that nobody knows is named", async () => {
  const body = `
    for (const scheme of ["http", "https"]) {
      const location = scheme + "://nobody.invalid/";
      const answer = new TextEncoder().encode("HTTP/1.1 301 Moved\\r\\nLocation: " + location + "\\r\\n\\r\\n");
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const result = ask("127.0.0.1", listener.addr.port);
      const connection = await listener.accept();
      await connection.read(new Uint8Array(1000));
      await connection.write(answer);
      await result;
      connection.close();
      listener.close();
    }`;
  // In a namespace without a way out, so that no resolver far away decides how this ends, and when.
  const shell = `exec unshare -n sh -c 'ip link set lo up && exec "$@"' "$@"`;
  assert.deepEqual(await askIn(shell, body), [
    'redirected to "nobody.invalid:80": host name "nobody.invalid" not found',
    'redirected to "nobody.invalid:443": host name "nobody.invalid" not found',
  ]);
});

Deno.test("a process that has no more files says so", async () => {
  const body = `
    await ask("127.0.0.1", 1);
    await ask("127.0.0.1", 1, "https");
    try {
      for (;;) Deno.openSync("/dev/null");
    } catch { /* that was the last */ }
    await ask("127.0.0.1", 1);
    await ask("127.0.0.1", 1, "https");`;
  const exhausted = "local resources exhausted: too many open files";
  const refused = "connection refused";
  assert.deepEqual(await askIn('ulimit -n 64 && exec "$@"', body), [
    refused,
    refused,
    exhausted,
    exhausted,
  ]);
});
