/** What checks of type tls say of servers, real ones and bad ones. */

import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import type { TlsCheck } from "../../src/config/check.ts";
import { testConnections, testNetwork, testSecurity } from "../support/check_hardships.ts";
import { ask, FAMILIES, labTest, OK } from "../support/check_lab.ts";
import { NGINX, startNginx } from "../support/check_programs.ts";
import { checkOf, KNOWN, VERIFY } from "../support/check_requests.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const CHECK = checkOf("tls");
const NAMED = { ...VERIFY, serverName: "good.example" };

testNetwork({ name: "tls", check: CHECK });
testConnections({ name: "tls", check: CHECK, isSecured: true });
testSecurity("tls", (tls) => ({ ...CHECK, tls }));

const GOOD: readonly (readonly [what: string, check: TlsCheck, port: number])[] = [
  ["a handshake is all that is wanted", CHECK, NGINX.tls],
  ["an expired certificate is not looked at", CHECK, NGINX.expired],
  ["the certificate has the name", { ...CHECK, tls: NAMED }, NGINX.tls],
  ["another name is asked for", {
    ...CHECK,
    tls: { ...VERIFY, serverName: "other.example" },
  }, NGINX.otherName],
  ["we have a certificate, too", { ...CHECK, tls: { ...NAMED, ...KNOWN } }, NGINX.demanding],
];

for (const [what, check, port] of GOOD) {
  labTest(`tls is good where ${what}`, async (lab) => {
    await startNginx(lab);
    for (const { one: address } of FAMILIES) {
      assert.deepEqual(await ask(check, { address, port }), OK);
    }
  });
}

labTest("tls is good with an address that the certificate names", async (lab) => {
  await startNginx(lab);
  for (const { loopback: address } of FAMILIES) {
    const check = { ...CHECK, tls: VERIFY };
    assert.deepEqual(await ask(check, { address, port: NGINX.tls }), OK);
  }
});

labTest("tls is good with a proxy's header before the handshake", async (lab) => {
  await startNginx(lab);
  for (const { one: address } of FAMILIES) {
    for (const proxyProtocol of ["v1", "v2"] as const) {
      const target = { address, port: NGINX.proxiedTls };
      assert.deepEqual(await ask(CHECK, target, { proxyProtocol }), OK);
    }
    const { ok } = await ask(CHECK, { address, port: NGINX.proxiedTls });
    assert.equal(ok, false, "the server wants one");
  }
});

const DAY_MS = 86_400_000;

/** It is so long before the certificates of tests end. */
function daysBefore(days: number, end: string) {
  return { clock: { ...systemClock, wallMs: () => Date.parse(end) - days * DAY_MS } };
}

labTest(titleOf("tls", "tls", "the certificate ends too soon"), async (lab) => {
  await startNginx(lab);
  for (const { one: address } of FAMILIES) {
    const target = { address, port: NGINX.tls };
    const clock = daysBefore(13.5, "2999-01-01T00:00:00Z");
    const expected = bad("tls", "the certificate ends too soon", {
      ...{ days: 13, date: "2999-01-01", wanted: 14 },
    });
    assert.deepEqual(await ask({ ...CHECK, days: 14 }, target, clock), expected);
    assert.deepEqual(await ask({ ...CHECK, days: 13 }, target, clock), OK);
    assert.deepEqual(await ask({ ...CHECK, days: 0 }, target, clock), OK);
  }
});

const ENDED = "the certificate has ended, and days are asked for";

labTest(titleOf("tls", "tls", ENDED), async (lab) => {
  await startNginx(lab);
  for (const { one: address } of FAMILIES) {
    const target = { address, port: NGINX.expired };
    const expected = bad("tls", ENDED, { date: "2001-01-01" });
    assert.deepEqual(await ask({ ...CHECK, days: 1 }, target), expected);
  }
});

Deno.test("tls has said all of its words", () => assert.deepEqual(unheard("tls"), []));
