/** What checks of type udp say of servers that answer, refuse, or say nothing. */

import assert from "node:assert/strict";
import type { Expectation } from "../../src/config/check.ts";
import { until } from "../support/care_lab.ts";
import { serveDatagrams } from "../support/check_datagrams.ts";
import { testNetwork } from "../support/check_hardships.ts";
import { ask, eachFamily, FAMILIES, labTest, OK, refusing, SILENCE } from "../support/check_lab.ts";
import { bytes, checkOf, contains, impatient } from "../support/check_requests.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const CHECK = checkOf("udp", { expect: [contains("pong")] });
const SILENCE_IS_GOOD = checkOf("udp", { silenceIsGood: true });
const NOTHING = "the server says nothing";

testNetwork({ name: "udp", check: CHECK });

labTest(titleOf("udp", "udp", NOTHING), () =>
  eachFamily(async ({ one }) => {
    await using server = await serveDatagrams(one, () => []);
    const expected = bad("udp", NOTHING, { timeout: SILENCE });
    assert.deepEqual(await ask(impatient(CHECK), server.endpoint), expected);
    await until(() => server.peers.length === 1, "it was asked once");
  }));

labTest("udp is good with a server that says nothing where that is good", async (lab) => {
  await lab.nft("chain input { type filter hook input priority 0; udp dport 7 drop; }");
  await eachFamily(async ({ one }) => {
    await using server = await serveDatagrams(one, () => []);
    assert.deepEqual(await ask(impatient(SILENCE_IS_GOOD), server.endpoint), OK);
    // What is lost cannot be told from what is heard by somebody who says nothing.
    assert.deepEqual(await ask(impatient(SILENCE_IS_GOOD), { address: one, port: 7 }), OK);
  });
});

labTest(
  "udp says that nobody listens, and what this host forbids, where silence is good too",
  async (lab) => {
    await lab.nft("chain output { type filter hook output priority 0; udp dport 8 drop; }");
    for (const family of FAMILIES) {
      const refused = bad("udp", "nobody listens on the port");
      assert.deepEqual(await ask(SILENCE_IS_GOOD, refusing(family)), refused);
      const forbidden = bad("udp", "a firewall of this host forbids it");
      assert.deepEqual(await ask(SILENCE_IS_GOOD, { address: family.one, port: 8 }), forbidden);
    }
  },
);

const GOOD: readonly (readonly [what: string, answer: string, expect: readonly Expectation[]])[] = [
  ["anything is answered", "whatever", []],
  ["an empty datagram is answered", "", []],
  ["the answer is the right one", "pong", [contains("pong")]],
  ["the answer has not what it must not have", "pong", [contains("error", { not: true })]],
  ["the answer is as large as can be", "x".repeat(60_000) + "end", [contains("end")]],
];

for (const [what, answer, expect] of GOOD) {
  labTest(`udp is good where ${what}`, async () => {
    for (const { one } of FAMILIES) {
      await using server = await serveDatagrams(one, () => [bytes(answer)]);
      for (const silenceIsGood of [false, true]) {
        assert.deepEqual(await ask({ ...CHECK, expect, silenceIsGood }, server.endpoint), OK);
      }
      assert.deepEqual(server.questions.map((each) => new TextDecoder().decode(each)), [
        "ping",
        "ping",
      ]);
    }
  });
}

const WRONG: readonly (readonly [situation: string, expectation: Expectation])[] = [
  ["the answer is another than expected", contains("other")],
  ["the answer has what it must not have", contains("pong", { not: true })],
  ["the answer has no match", { kind: "pattern", text: "^[^p]" }],
];

for (const [situation, expectation] of WRONG) {
  labTest(titleOf("udp", "udp", situation), async () => {
    for (const { one } of FAMILIES) {
      await using server = await serveDatagrams(one, () => [bytes("pong"), bytes("other")]);
      // The first answer counts.
      for (const silenceIsGood of [false, true]) {
        const check = { ...CHECK, expect: [expectation], silenceIsGood };
        const expected = bad("udp", situation, { text: expectation.text });
        assert.deepEqual(await ask(check, server.endpoint), expected);
      }
    }
  });
}

labTest("udp sends nothing at all as a datagram, too", async () => {
  for (const { one } of FAMILIES) {
    await using server = await serveDatagrams(one, () => [bytes("pong")]);
    assert.deepEqual(await ask({ ...CHECK, send: new Uint8Array() }, server.endpoint), OK);
    assert.deepEqual(server.questions.map(({ length }) => length), [0]);
  }
});

Deno.test("udp has said all of its words", () => assert.deepEqual(unheard("udp"), []));
