import assert from "node:assert/strict";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import { endpoint } from "../support/care_arbitraries.ts";
import { ask, countDown, failed, OK, OK_TEXT, probeOf, redirect } from "../support/http_check.ts";
import {
  closedPort,
  serve,
  serveText,
  type TestServer,
  untilClosed,
  write,
} from "../support/http_servers.ts";

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
