/** What checks of type dns say of name servers, a real one and bad ones. */

import assert from "node:assert/strict";
import type { DnsCheck } from "../../src/config/check.ts";
import { type DatagramAnswer, serveDatagrams } from "../support/check_datagrams.ts";
import { testConnections, testNetwork } from "../support/check_hardships.ts";
import { ask, eachFamily, FAMILIES, labTest, OK, refusing, SILENCE } from "../support/check_lab.ts";
import { startDnsmasq } from "../support/check_programs.ts";
import { bytes, checkOf, impatient } from "../support/check_requests.ts";
import { answering, type Conduct, flooding, serveAs } from "../support/check_servers.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const CHECK = checkOf("dns");
const OVER_TCP = checkOf("dns", { transport: "tcp" });

testNetwork({ name: "dns over UDP", check: CHECK });
// A message of 4096 bytes has begun.
const DRIP = [Uint8Array.of(0x10, 0), "x"] as const;
testConnections({ name: "dns over TCP", check: OVER_TCP, drip: DRIP });

const NO_ZONE = { ...CHECK, name: "elsewhere.example" };
const NONE = { ...CHECK, name: "none.check.test" };
const FOUR = { ...CHECK, name: "four.check.test", record: "AAAA" };

const GOOD: readonly (readonly [what: string, check: DnsCheck])[] = [
  ["a name has an address", CHECK],
  ["the address is the one", { ...CHECK, answers: ["10.0.0.1", "10.0.0.80"] }],
  ["an address of IPv6 is spelled otherwise", {
    ...{ ...CHECK, record: "AAAA", answers: ["FD00:0:0::80"] },
  }],
  ["a name is spelled otherwise", { ...CHECK, name: "WWW.Check.Test." }],
  ["a name is another's alias", {
    ...{ ...CHECK, name: "alias.check.test", answers: ["10.0.0.80"] },
  }],
  ["the alias itself is asked for", {
    ...{ ...CHECK, name: "alias.check.test", record: "CNAME", answers: ["www.check.test"] },
  }],
  ["a zone begins", { ...CHECK, name: "check.test", record: "SOA" }],
  ["a zone has its mail server", {
    ...{ ...CHECK, name: "check.test", record: "MX", answers: ["10 MAIL.check.test."] },
  }],
  ["the type has no name", { ...CHECK, name: "check.test", record: "TYPE6" }],
  ["the answer is too long for a datagram", { ...CHECK, name: "long.check.test", record: "TXT" }],
  ["an answer without a record is good", { ...FOUR, emptyIsGood: true }],
  ["NXDOMAIN is good", { ...NONE, codes: ["NXDOMAIN"] }],
  ["REFUSED is good", { ...NO_ZONE, codes: ["NOERROR", "REFUSED"] }],
];

const WRONG: readonly {
  readonly situation: string;
  readonly check: DnsCheck;
  readonly values?: Readonly<Record<string, string>>;
}[] = [
  { situation: "the code is not accepted", check: NONE, values: { code: "NXDOMAIN" } },
  { situation: "the code is not accepted", check: NO_ZONE, values: { code: "REFUSED" } },
  {
    situation: "the code is not accepted",
    check: { ...CHECK, codes: ["NXDOMAIN"] },
    values: { code: "NOERROR" },
  },
  { situation: "the answer has no record", check: FOUR },
  {
    situation: "the records are others than wanted",
    check: { ...CHECK, answers: ["10.0.0.1", "10.0.0.2"] },
    values: { records: "10.0.0.80", wanted: "10.0.0.1 or 10.0.0.2" },
  },
  {
    situation: "there is no record, and one is wanted",
    check: { ...FOUR, answers: ["fd00::1"] },
    values: { wanted: "fd00::1" },
  },
  {
    situation: "there is no record, and one is wanted",
    check: { ...NONE, codes: ["NXDOMAIN"], answers: ["10.0.0.80"] },
    values: { wanted: "10.0.0.80" },
  },
];

for (const transport of ["udp", "tcp"] as const) {
  labTest(`dns over ${transport} is good with a real server in every way`, async (lab) => {
    await startDnsmasq(lab);
    for (const { one: address } of FAMILIES) {
      for (const [what, check] of GOOD) {
        const target = { address, port: 53 };
        assert.deepEqual(await ask({ ...check, transport }, target), OK, what);
      }
    }
  });

  labTest(`dns over ${transport} says what a real server's answers lack`, async (lab) => {
    await startDnsmasq(lab);
    for (const { one: address } of FAMILIES) {
      for (const { situation, check, values } of WRONG) {
        const expected = bad("dns", situation, values);
        assert.deepEqual(await ask({ ...check, transport }, { address, port: 53 }), expected);
      }
    }
  });
}

/** The question itself, said to be an answer. */
const echo: DatagramAnswer = (question) => {
  question[2]! |= 0x80;
  return [question];
};

const OTHERS: DatagramAnswer = (question) => {
  question[0]! ^= 1;
  return Array.from({ length: 200 }, () => echo(question)[0]!);
};

const DATAGRAMS: readonly {
  readonly situation: string;
  readonly how?: string;
  readonly answer: DatagramAnswer;
  readonly values?: Readonly<Record<string, string | number>>;
}[] = [
  { situation: "the server says nothing", answer: () => [], values: { timeout: SILENCE } },
  {
    ...{ situation: "the server says nothing", how: ", and answers another question" },
    ...{ answer: (question) => OTHERS(question).slice(0, 3), values: { timeout: SILENCE } },
  },
  { situation: "answers to other questions do not end, over UDP", answer: OTHERS },
  { situation: "the answer is no DNS", answer: () => [bytes("hello")], values: { bytes: 5 } },
  {
    ...{ situation: "the answer is no DNS", how: ", and empty" },
    ...{ answer: () => [bytes("")], values: { bytes: 0 } },
  },
  { situation: "the answer has no record", how: ", and is the question", answer: echo },
  {
    ...{ situation: "the code is not accepted", how: ", and the question is not repeated" },
    values: { code: "FORMERR" },
    answer: (
      question,
    ) => [Uint8Array.of(question[0]!, question[1]!, 0x80, 1, ...new Uint8Array(8))],
  },
];

for (const { situation, how = "", answer, values } of DATAGRAMS) {
  labTest(titleOf("dns over UDP", "dns", situation) + how, () =>
    eachFamily(async ({ one }) => {
      await using server = await serveDatagrams(one, answer);
      const expected = bad("dns", situation, values);
      const check = expected.reason.includes(SILENCE) ? impatient(CHECK) : CHECK;
      assert.deepEqual(await ask(check, server.endpoint), expected);
    }));
}

labTest(
  "dns over UDP goes on over TCP where the answer is cut, and says that nobody is there",
  async () => {
    for (const { one } of FAMILIES) {
      await using server = await serveDatagrams(one, (question) => {
        question[2]! |= 0x82;
        return [question];
      });
      const expected = bad("dns", "nobody listens on the port");
      assert.deepEqual(await ask(CHECK, server.endpoint), expected);
    }
  },
);

labTest("dns over UDP is told at once that nobody listens", async () => {
  for (const family of FAMILIES) {
    assert.deepEqual(await ask(CHECK, refusing(family)), bad("dns", "nobody listens on the port"));
  }
});

/** With its length before it, as it came. */
const otherQuestion: Conduct = async (connection) => {
  const question = new Uint8Array(4096);
  const length = await connection.read(question) ?? 0;
  question[2]! ^= 1;
  question[4]! |= 0x80;
  await connection.write(question.subarray(0, length));
};

const CONDUCTS: readonly {
  readonly situation: string;
  readonly how?: string;
  readonly conduct: Conduct;
  readonly values?: Readonly<Record<string, string | number>>;
}[] = [
  { situation: "the answer is to another question, over TCP", conduct: otherQuestion },
  {
    situation: "the answer is to another question, over TCP",
    how: ", and does not end",
    conduct: flooding(Uint8Array.of(0xff, 0xff), "x"),
  },
  {
    situation: "the answer is cut, over TCP",
    conduct: async (connection) => {
      await connection.read(new Uint8Array(4096));
      await connection.write(Uint8Array.of(0x10, 0, 1, 2, 3));
    },
  },
  {
    situation: "the answer is no DNS",
    conduct: answering(Uint8Array.of(0, 3, 1, 2, 3)),
    values: { bytes: 3 },
  },
];

for (const { situation, how = "", conduct, values } of CONDUCTS) {
  labTest(titleOf("dns over TCP", "dns", situation) + how, async () => {
    for (const { one: hostname } of FAMILIES) {
      await using server = serveAs(conduct, { hostname });
      assert.deepEqual(await ask(OVER_TCP, server.endpoint), bad("dns", situation, values));
    }
  });
}

Deno.test("dns has said all of its words", () => assert.deepEqual(unheard("dns"), []));
