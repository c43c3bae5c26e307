import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { httpProbe } from "../../src/health/probes/http.ts";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import { ask, failed, httpCheck, OK, OK_TEXT } from "../support/http_check.ts";
import { type Answer, serve, serveText, write } from "../support/http_servers.ts";

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
  const check = httpCheck({ scheme: "https", skipVerify: false });
  const probe = httpProbe(check, { clock: systemClock });
  const result = await probe.run(server.endpoint, new AbortController().signal);
  assert.deepEqual(result, failed("certificate not trusted"));
});
