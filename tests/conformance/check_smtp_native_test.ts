/** What checks of type smtp say of mail servers, a real one and bad ones. */

import assert from "node:assert/strict";
import { testConnections, testNetwork, testSecurity } from "../support/check_hardships.ts";
import { ask, FAMILIES, labTest, OK, SILENCE, V4, V6 } from "../support/check_lab.ts";
import { startSmtp } from "../support/check_programs.ts";
import { bytes, checkOf, impatient, KNOWN, VERIFY } from "../support/check_requests.ts";
import { type Conduct, flooding, saying, serveAs } from "../support/check_servers.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const PLAIN = checkOf("smtp");
const STARTTLS = checkOf("smtp", { security: "starttls" });
const TLS = checkOf("smtp", { security: "tls" });
const NAMED = { ...VERIFY, serverName: "good.example" };
/** A greeting of many lines. */
const DRIP = ["220-hello\r\n", "220-x\r\n"] as const;

const SUBJECT = { name: "smtp", check: PLAIN, drip: DRIP, listensFirst: true };
testNetwork(SUBJECT);
testConnections(SUBJECT);
testConnections({ ...SUBJECT, name: "smtp over TLS", check: TLS, isSecured: true });
testSecurity("smtp over TLS", (tls) => ({ ...TLS, tls }));

labTest("smtp is good with a real server, plain, over STARTTLS and over TLS", async (lab) => {
  const starts = FAMILIES.flatMap(({ one: address }) => [
    startSmtp(lab, { address, port: 25 }),
    startSmtp(lab, { address, port: 587, security: "starttls" }),
    startSmtp(lab, { address, port: 465, security: "tls" }),
  ]);
  await Promise.all(starts);
  for (const { one: address } of FAMILIES) {
    assert.deepEqual(await ask(PLAIN, { address, port: 25 }), OK);
    assert.deepEqual(await ask(PLAIN, { address, port: 587 }), OK, "which need not be encrypted");
    for (const tls of [STARTTLS.tls, NAMED, { ...NAMED, ...KNOWN }]) {
      assert.deepEqual(await ask({ ...STARTTLS, tls }, { address, port: 587 }), OK);
      assert.deepEqual(await ask({ ...TLS, tls }, { address, port: 465 }), OK);
    }
    const missing = bad("smtp", "STARTTLS is not offered");
    assert.deepEqual(await ask(STARTTLS, { address, port: 25 }), missing);
    const clear = bad("smtp", "the server speaks no TLS");
    assert.deepEqual(await ask(TLS, { address, port: 25 }), clear);
  }
});

labTest("smtp goes through a whole conversation, and says goodbye", async (lab) => {
  await startSmtp(lab, { address: V4.one, port: 587, security: "starttls" });
  const steps: string[] = [];
  const trace = (text: string) => void steps.push(text);
  const check = { ...STARTTLS, helo: "checker.example" };
  assert.deepEqual(await ask(check, { address: V4.one, port: 587 }, { trace }), OK);
  const said = steps.filter((step) => step.startsWith(">"));
  assert.deepEqual(said, [
    ...["> EHLO checker.example", "> STARTTLS", "> EHLO checker.example", "> QUIT"],
  ]);
});

const CERTIFICATES = [
  ["expired", "the certificate has expired", V4],
  ["other_name", "the certificate is another server's", V6],
] as const;

for (const [certificate, situation, { one: address }] of CERTIFICATES) {
  labTest(titleOf("smtp over STARTTLS", "smtp", situation), async (lab) => {
    await startSmtp(lab, { address, port: 587, security: "starttls", certificate });
    const target = { address, port: 587 };
    assert.deepEqual(await ask({ ...STARTTLS, tls: NAMED }, target), bad("smtp", situation));
    assert.deepEqual(await ask(STARTTLS, target), OK, "which is not looked at");
  });
}

const HELLO = "220 hello\r\n";
const OFFER = `${HELLO}250-hello\r\n250-SIZE\r\n250 starttls\r\n`;
const SSH = "SSH-2.0-OpenSSH_9.2p1";

/** Hears something behind each of what it says, and leaves. */
function conversing(...lines: readonly string[]): Conduct {
  return async (connection) => {
    for (const line of lines) {
      await connection.write(bytes(line));
      await connection.read(new Uint8Array(4096));
    }
  };
}

const CONDUCTS: readonly {
  readonly situation: string;
  readonly how?: string;
  readonly conduct: Conduct;
  readonly values?: Readonly<Record<string, string>>;
}[] = [
  {
    situation: "the server turns away",
    conduct: saying("554 no service\r\n"),
    values: { line: "554 no service" },
  },
  { situation: "another protocol is spoken", conduct: saying(`${SSH}\r\n`), values: { line: SSH } },
  { situation: "the greeting does not end", conduct: flooding("", "220-x\r\n") },
  { situation: "a line does not end", conduct: flooding("220 ", "x") },
  {
    situation: "EHLO is refused",
    conduct: saying(`${HELLO}554 what?\r\n`),
    values: { line: "554 what?" },
  },
  {
    situation: "STARTTLS is refused",
    conduct: saying(`${OFFER}454 not now\r\n`),
    values: { line: "454 not now" },
  },
  { situation: "STARTTLS is not offered", conduct: saying(`${HELLO}250 STARTTLSX\r\n`) },
  {
    situation: "something was sent before it is encrypted",
    conduct: saying(`${OFFER}220 go\r\n250 not from me\r\n`),
  },
  {
    situation: "the server speaks no TLS",
    how: ", behind STARTTLS",
    conduct: conversing(HELLO, "250 STARTTLS\r\n", "220 go\r\n", "250 hello\r\n"),
  },
  {
    situation: "the server closes the connection",
    how: ", behind its greeting",
    conduct: conversing(HELLO),
  },
  {
    situation: "the server closes within the TLS handshake",
    how: ", behind STARTTLS",
    conduct: conversing(HELLO, "250 STARTTLS\r\n", "220 go\r\n"),
  },
];

for (const { situation, how = "", conduct, values } of CONDUCTS) {
  labTest(titleOf("smtp", "smtp", situation) + how, async () => {
    for (const { one: hostname } of FAMILIES) {
      await using server = serveAs(conduct, { hostname });
      assert.deepEqual(await ask(STARTTLS, server.endpoint), bad("smtp", situation, values));
      await server.abandoned();
    }
  });
}

labTest("smtp waits for a handshake behind STARTTLS no longer than for all", async () => {
  await using server = serveAs(saying(`${OFFER}220 go\r\n`));
  const late = bad("smtp", "the server says nothing", { timeout: SILENCE });
  assert.deepEqual(await ask(impatient(STARTTLS), server.endpoint), late);
});

Deno.test("smtp has said all of its words", () => assert.deepEqual(unheard("smtp"), []));
