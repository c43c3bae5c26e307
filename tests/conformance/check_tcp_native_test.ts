/** What checks of type tcp say of servers, real ones and bad ones. */

import assert from "node:assert/strict";
import type { Expectation, TcpCheck } from "../../src/config/check.ts";
import { Expectations } from "../../src/health/probes/expectation.ts";
import { ask, FAMILIES, labTest, OK, SILENCE } from "../support/check_lab.ts";
import { testConnections, testNetwork, testSecurity } from "../support/check_hardships.ts";
import { NGINX, startNginx } from "../support/check_programs.ts";
import {
  bytes,
  checkOf,
  contains,
  impatient,
  TRUST_ALL,
  VERIFY,
} from "../support/check_requests.ts";
import { answering, flooding, saying, serveAs, silent } from "../support/check_servers.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const REQUEST = bytes("GET /healthz HTTP/1.0\r\n\r\n");
const CHECK = checkOf("tcp", { send: REQUEST, expect: [contains("200 OK")] });
const DRIP = ["HTTP/1.1 ", "2"] as const;

const PLAIN = { name: "tcp", check: CHECK, drip: DRIP };
testNetwork(PLAIN);
testConnections(PLAIN);
testConnections({
  ...{ name: "tcp over TLS", check: { ...CHECK, tls: TRUST_ALL }, drip: DRIP, isSecured: true },
});
testSecurity("tcp over TLS", (tls) => ({ ...CHECK, tls }));

const GOOD: readonly (readonly [what: string, check: TcpCheck, port: number])[] = [
  ["a connection is all that is wanted", checkOf("tcp"), NGINX.plain],
  ["a web server answers what is expected", CHECK, NGINX.plain],
  ["the same, encrypted", { ...CHECK, tls: TRUST_ALL }, NGINX.tls],
  [
    "the same, with a certificate of the name that is asked for",
    { ...CHECK, tls: { ...VERIFY, serverName: "good.example" } },
    NGINX.tls,
  ],
  [
    "all of several expectations hold",
    {
      ...CHECK,
      expect: [
        contains("200 OK"),
        { kind: "pattern", text: "^HTTP/1\\.1 2.. " },
        { kind: "contains", text: "SERVER: NGINX", ignoreCase: true },
      ],
    },
    NGINX.plain,
  ],
  [
    "the answer ends without what must not be there",
    { ...CHECK, expect: [contains("503 Service", { not: true })] },
    NGINX.plain,
  ],
  ["a proxy's line comes first", { ...CHECK, proxyProtocol: "v1" }, NGINX.proxied],
  ["a proxy's header comes first", { ...CHECK, proxyProtocol: "v2" }, NGINX.proxied],
  [
    "a proxy's header comes before the handshake",
    { ...CHECK, proxyProtocol: "v2", tls: TRUST_ALL },
    NGINX.proxiedTls,
  ],
];

for (const [what, check, port] of GOOD) {
  labTest(`tcp is good where ${what}`, async (lab) => {
    await startNginx(lab);
    for (const { one: address } of FAMILIES) {
      assert.deepEqual(await ask(check, { address, port }), OK);
    }
  });
}

const WRONG: readonly (readonly [situation: string, expectation: Expectation])[] = [
  ["the answer is another than expected", contains("503 Service Unavailable")],
  ["the answer has what it must not have", contains("200 OK", { not: true })],
  ["the answer has no match", { kind: "pattern", text: "HTTP/1\\.1 [345]" }],
];

for (const [situation, expectation] of WRONG) {
  labTest(titleOf("tcp", "tcp", situation), async (lab) => {
    await startNginx(lab);
    const expected = bad("tcp", situation, { text: expectation.text });
    for (const { one: address } of FAMILIES) {
      const check = { ...CHECK, expect: [expectation] };
      assert.deepEqual(await ask(check, { address, port: NGINX.plain }), expected);
    }
  });
}

labTest("tcp waits for more than another answer than expected where the server stays", async () => {
  await using server = serveAs(saying("SSH-2.0-OpenSSH_9.2p1\r\n"));
  const expected = bad("tcp", "the server says nothing", { timeout: SILENCE });
  assert.deepEqual(await ask(impatient(CHECK), server.endpoint), expected);
  await server.abandoned();
});

labTest(
  "tcp is good with a server that says nothing where a connection is all that is wanted",
  async () => {
    await using server = serveAs(silent);
    assert.deepEqual(await ask(checkOf("tcp"), server.endpoint), OK);
  },
);

labTest("tcp looks through bytes that are no text", async () => {
  await using server = serveAs(
    answering(Uint8Array.of(0xff, 0, 0xfe, 0x2b, 0x50, 0x4f, 0x4e, 0x47, 0)),
  );
  assert.deepEqual(await ask({ ...CHECK, expect: [contains("+PONG")] }, server.endpoint), OK);
});

labTest(titleOf("tcp", "tcp", "the whole answer counts, and is too large"), async () => {
  for (
    const expectation of [
      contains("z", { not: true }),
      { kind: "sha256", text: "0".repeat(64) },
    ] as const
  ) {
    await using server = serveAs(flooding("", "x"));
    const expected = bad("tcp", "the whole answer counts, and is too large");
    assert.deepEqual(await ask({ ...CHECK, expect: [expectation] }, server.endpoint), expected);
    await server.abandoned();
  }
});

Deno.test(titleOf("tcp", "tcp", "the answer comes in very many pieces"), async () => {
  const reader = new Expectations([contains("never")]).reader();
  const piece = bytes("x".repeat(64));
  await assert.rejects(async () => {
    while (!await reader.push(piece));
  }, { message: bad("tcp", "the answer comes in very many pieces").reason });
});

Deno.test("tcp has said all of its words", () => assert.deepEqual(unheard("tcp"), []));
