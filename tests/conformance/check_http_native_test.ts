/** What checks of types http and https say of servers, real ones and bad ones, over HTTP/1.0, 1.1 and 2. */

import assert from "node:assert/strict";
import type { Expectation, HttpCheck, HttpUrl } from "../../src/config/check.ts";
import { bracketed } from "../../src/health/probes/host_name.ts";
import { testConnections, testNetwork, testSecurity } from "../support/check_hardships.ts";
import {
  ask,
  type CheckFamily,
  type CheckLab,
  FAMILIES,
  labTest,
  OK,
  SILENCE,
} from "../support/check_lab.ts";
import { NGINX, startNginx } from "../support/check_programs.ts";
import {
  checkOf,
  contains,
  httpOf,
  impatient,
  KNOWN,
  TRUST_ALL,
  url,
  VERIFY,
} from "../support/check_requests.ts";
import { answering, type Conduct, dripping, flooding, serveAs } from "../support/check_servers.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const HEAD = "HTTP/1.1 200 OK\r\nX-Slow: ";
/** SETTINGS, and then one ping after the other. */
const SETTINGS = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
const PING = Uint8Array.of(0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);

testNetwork({ name: "http", check: httpOf() });
testConnections({ name: "http", check: httpOf(), drip: [HEAD, "x"] });
testConnections({ name: "http of 1.0", check: httpOf({ version: "1.0" }), drip: [HEAD, "x"] });
testConnections({ name: "http of 2", check: httpOf({ version: "2" }), drip: [SETTINGS, PING] });
testConnections({
  ...{ name: "https", check: httpOf({ scheme: "https" }), drip: [HEAD, "x"], isSecured: true },
});
testSecurity("https", (tls) => httpOf({ scheme: "https", tls }));

interface Way {
  readonly name: string;
  readonly check: Pick<HttpCheck, "scheme" | "version">;
  readonly port: number;
  /** As nginx calls it. */
  readonly protocol: string;
}

const WAYS: readonly Way[] = [
  {
    ...{ name: "http of 1.0", check: { scheme: "http", version: "1.0" }, port: NGINX.plain },
    protocol: "HTTP/1.0",
  },
  {
    ...{ name: "http of 1.1", check: { scheme: "http", version: "1.1" }, port: NGINX.plain },
    protocol: "HTTP/1.1",
  },
  {
    ...{ name: "http of 2", check: { scheme: "http", version: "2" }, port: NGINX.h2c },
    protocol: "HTTP/2.0",
  },
  {
    ...{ name: "https of 1.0", check: { scheme: "https", version: "1.0" }, port: NGINX.tls },
    protocol: "HTTP/1.0",
  },
  {
    ...{ name: "https of 1.1", check: { scheme: "https", version: "1.1" }, port: NGINX.tls },
    protocol: "HTTP/1.1",
  },
  {
    ...{ name: "https of 2", check: { scheme: "https", version: "2" }, port: NGINX.h2 },
    protocol: "HTTP/2.0",
  },
];

const MD5_OF_BROKEN = "7657a3a3c58088d06aa33ab174622ef4";
const NO_MD5 = "0".repeat(32);

interface Case {
  readonly what: string;
  readonly check: Partial<HttpCheck & HttpUrl>;
  /** Where it is not good. */
  readonly situation?: string;
  readonly values?: (
    target: { readonly host: string },
  ) => Readonly<Record<string, string | number>>;
}

const BROKEN = { path: "/fail", status: [[503, 503]] } as const;

/** Each of them in each way, of nginx. */
const CASES: readonly Case[] = [
  { what: "the status is good", check: {} },
  { what: "a status of 500 and above is accepted", check: BROKEN },
  { what: "a chain of redirects ends well", check: { path: "/chain" } },
  {
    what: "the first of redirects counts",
    check: { path: "/loop", redirects: 0, status: [[302, 302]] },
  },
  { what: "the method is another, and a body is sent", check: { method: "POST", body: "hello" } },
  { what: "the body is right", check: { expect: [contains("ok ")] } },
  { what: "the digest is right", check: { ...BROKEN, expect: [md5(MD5_OF_BROKEN)] } },
  { what: "the text is found in a large body", check: { path: "/big", expect: [contains("xxx")] } },
  { what: "a large body is not wanted", check: { path: "/big" } },
  {
    what: "",
    check: { path: "/fail" },
    situation: "the status is not accepted",
    values: () => ({ status: 503 }),
  },
  {
    what: ", as a path is not there",
    check: { path: "/none" },
    situation: "the status is not accepted",
    values: () => ({ status: 404 }),
  },
  {
    what: "",
    check: { urls: [url(), url({ path: "/fail" })] },
    situation: "the status of one of several paths is not accepted",
    values: () => ({ path: "/fail", status: 503 }),
  },
  {
    what: "",
    check: { urls: [url({ expect: [contains("never")] }), url()] },
    situation: "the body of one of several paths is another than expected",
    values: () => ({ path: "/healthz", text: "never" }),
  },
  {
    what: "",
    check: { path: "/loop", redirects: 3 },
    situation: "redirects do not end",
    values: () => ({ count: 3 }),
  },
  {
    what: "",
    check: { path: "/away" },
    situation: "nobody listens where it is redirected to",
    values: ({ host }) => ({ place: `${host}:9` }),
  },
  {
    what: "",
    check: { path: "/ftp" },
    situation: "it is redirected to another protocol",
    values: () => ({ protocol: "ftp:" }),
  },
  {
    what: "",
    check: { path: "/no-url" },
    situation: "what it is redirected to is no URL",
    values: () => ({ location: "http://[1/" }),
  },
  {
    what: "",
    check: { expect: [contains("never")] },
    situation: "the body is another than expected",
    values: () => ({ text: "never" }),
  },
  {
    what: "",
    check: { expect: [contains("ok", { not: true })] },
    situation: "the body has what it must not have",
    values: () => ({ text: "ok" }),
  },
  {
    what: "",
    check: { expect: [{ kind: "pattern", text: "^never" }] },
    situation: "the body has no match",
    values: () => ({ text: "^never" }),
  },
  {
    what: "",
    check: { ...BROKEN, expect: [md5(NO_MD5)] },
    situation: "the body has another digest",
    values: () => ({ kind: "md5", digest: MD5_OF_BROKEN, text: NO_MD5 }),
  },
  {
    what: "",
    check: { path: "/big", expect: [contains("never", { not: true })] },
    situation: "the whole body counts, and is too large",
  },
];

function md5(text: string): Expectation {
  return { kind: "md5", text };
}

for (const { name, check, port, protocol } of WAYS) {
  labTest(
    `${name} is spoken, and the server sees what is asked`,
    (lab) =>
      withNginx(lab, async ({ one: address }) => {
        const seen = `ok ${protocol} from ${address} port `;
        const request = `to www.example, PUT, proxied , body ${check.version === "2" ? "" : 5}`;
        const asked = httpOf({
          ...{ ...check, method: "PUT", body: "hello", host: "www.example" },
          expect: [contains(seen), contains(request)],
        });
        assert.deepEqual(await ask(asked, { address, port }), OK);
      }),
  );

  labTest(
    `${name} says of each page of a real server what it is`,
    (lab) =>
      withNginx(lab, async ({ one: address }) => {
        for (const { what, check: more, situation, values } of CASES) {
          const asked = more.urls
            ? checkOf("http", { ...check, ...more })
            : httpOf({ ...check, ...more });
          const given = values?.({ host: bracketed(address) });
          const expected = situation === undefined ? OK : bad("http", situation, given);
          assert.deepEqual(await ask(asked, { address, port }), expected, situation ?? what);
        }
      }),
  );
}

async function withNginx(
  lab: CheckLab,
  body: (family: CheckFamily) => Promise<void>,
): Promise<void> {
  await startNginx(lab);
  for (const family of FAMILIES) await body(family);
}

labTest(
  "https is good with a certificate of the name that is asked for",
  (lab) =>
    withNginx(lab, async ({ one: address }) => {
      for (const version of ["1.0", "1.1", "2"] as const) {
        const check = httpOf({ scheme: "https", version, tls: VERIFY, host: "good.example:443" });
        const port = version === "2" ? NGINX.h2 : NGINX.tls;
        assert.deepEqual(await ask(check, { address, port }), OK);
      }
    }),
);

const DEMANDED = "the server demands a certificate, as nginx does";

labTest(titleOf("https", "http", DEMANDED), (lab) =>
  withNginx(lab, async ({ one: address }) => {
    const target = { address, port: NGINX.demanding };
    const check = httpOf({ scheme: "https", host: "good.example" });
    assert.deepEqual(await ask({ ...check, tls: VERIFY }, target), bad("http", DEMANDED));
    assert.deepEqual(await ask({ ...check, tls: KNOWN }, target), OK);
  }));

for (const proxyProtocol of ["v1", "v2"] as const) {
  labTest(
    `http and https speak the PROXY protocol ${proxyProtocol} where a server wants it`,
    (lab) =>
      withNginx(lab, async ({ one: address }) => {
        // Of a check's own connection no client is told.
        const seen = [contains(`from ${address}`), contains("proxied ,")];
        for (const { check, port } of WAYS.filter(({ check }) => check.version !== "2")) {
          const proxied = port === NGINX.tls ? NGINX.proxiedTls : NGINX.proxied;
          const asked = httpOf({ ...check, expect: seen });
          const good = await ask({ ...asked, proxyProtocol }, { address, port: proxied });
          assert.deepEqual(good, OK);
          // The same, where it is the host's and not the check's.
          assert.deepEqual(await ask(asked, { address, port: proxied }, { proxyProtocol }), OK);
          assert.equal((await ask(asked, { address, port: proxied })).ok, false, "it is wanted");
          const unwanted = await ask({ ...asked, proxyProtocol }, { address, port });
          assert.equal(unwanted.ok, false, "it is not wanted");
        }
      }),
  );
}

labTest(
  titleOf("https of 2", "http", "the server speaks no HTTP/2"),
  (lab) =>
    withNginx(lab, async ({ one: address }) => {
      const check = httpOf({ scheme: "https", version: "2" });
      const expected = bad("http", "the server speaks no HTTP/2");
      // This one refuses the handshake, and the other ones do as if nothing had been asked for.
      assert.deepEqual(await ask(check, { address, port: NGINX.tls }), expected);
      await using server = serveAs(answering("HTTP/1.1 200 OK\r\n\r\n"), {
        ...{ hostname: address, certificate: "trusted" },
      });
      assert.deepEqual(await ask(check, server.endpoint), expected);
    }),
);

const OTHER_THAN_2 = "another protocol than HTTP/2 is spoken";

labTest(
  titleOf("http of 2", "http", OTHER_THAN_2),
  (lab) =>
    withNginx(lab, async ({ one: address }) => {
      const expected = bad("http", OTHER_THAN_2, { beginning: "HTTP/1.1 400 Bad Req" });
      const asked = ask(httpOf({ version: "2" }), { address, port: NGINX.plain });
      assert.deepEqual(await asked, expected);
    }),
);

const OTHER = "another protocol is spoken";

/** What is said instead of an answer, or in it. */
const CONDUCTS: readonly {
  readonly situation: string;
  readonly how: string;
  readonly conduct: Conduct;
  readonly values?: Readonly<Record<string, string>>;
  readonly wantsBody?: boolean;
}[] = [
  {
    ...{ situation: OTHER, how: ", SSH", conduct: answering("SSH-2.0-OpenSSH_9.2p1\r\n") },
    values: { beginning: "SSH-2.0-OpenSSH_9.2p" },
  },
  {
    ...{ situation: OTHER, how: ", HTTP/2", conduct: answering(SETTINGS) },
    values: { beginning: "........." },
  },
  {
    situation: "the head does not end",
    how: ", in a line",
    conduct: flooding("HTTP/1.1 200 OK\r\nX: ", "x"),
  },
  {
    situation: "the head does not end",
    how: ", in lines",
    conduct: flooding("HTTP/1.1 200 OK\r\n", "X: x\r\n"),
  },
  {
    situation: "the head does not end",
    how: ", in heads",
    conduct: flooding("", "HTTP/1.1 100 Continue\r\n\r\n"),
  },
  {
    ...{ situation: "the body is cut", how: "", wantsBody: true },
    conduct: async (connection) => {
      const text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
      await connection.read(new Uint8Array(4096));
      await connection.write(new TextEncoder().encode(text));
    },
  },
  {
    ...{ situation: "a chunk has no size", how: "", wantsBody: true, values: { size: "zz" } },
    conduct: answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
  },
  {
    ...{ situation: "the whole body counts, and is too large", how: ", until the end" },
    ...{ wantsBody: true, conduct: flooding("HTTP/1.1 200 OK\r\n\r\n", "x") },
  },
  {
    ...{ situation: "the whole body counts, and is too large", how: ", in chunks" },
    wantsBody: true,
    conduct: flooding("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nxxxx\r\n"),
  },
];

for (const { situation, how, conduct, values, wantsBody } of CONDUCTS) {
  for (const scheme of ["http", "https"] as const) {
    labTest(titleOf(scheme, "http", situation) + how, async () => {
      for (const { one: hostname } of FAMILIES) {
        const options = { hostname, ...(scheme === "https" && { certificate: "trusted" }) };
        await using server = serveAs(conduct, options);
        const expect = wantsBody ? [contains("never", { not: true })] : [];
        const check = httpOf({ scheme, expect, tls: TRUST_ALL });
        assert.deepEqual(await ask(check, server.endpoint), bad("http", situation, values));
        await server.abandoned();
      }
    });
  }
}

const ENDLESS = "the body does not end, over HTTP/2";

labTest(titleOf("http of 2", "http", ENDLESS), async () => {
  // A head with status 200 (of HPACK's own table), and data of a byte each.
  const head = Uint8Array.of(...SETTINGS, 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88);
  const data = Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0, 1, 0x78);
  for (const { one: hostname } of FAMILIES) {
    await using server = serveAs(flooding(head, data), { hostname });
    const wanting = httpOf({ version: "2", expect: [contains("never")] });
    assert.deepEqual(await ask(wanting, server.endpoint), bad("http", ENDLESS));
    assert.deepEqual(await ask(httpOf({ version: "2" }), server.endpoint), OK);
    await server.abandoned();
  }
});

const BODIES: readonly (readonly [how: string, beginning: string, drop: string])[] = [
  ["until the end", "HTTP/1.1 200 OK\r\n\r\n", "x"],
  ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"],
  ["of a certain length", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x"],
];

for (const [how, beginning, drop] of BODIES) {
  labTest(`http waits for a body no longer than for all, ${how}`, async () => {
    await using server = serveAs(dripping(beginning, drop));
    const late = bad("http", "the server says nothing", { timeout: SILENCE });
    const wanting = httpOf({ expect: [contains("never")] });
    assert.deepEqual(await ask(impatient(wanting), server.endpoint), late);
    assert.deepEqual(await ask(httpOf(), server.endpoint), OK, "whose body is not wanted");
    await server.abandoned();
  });
}

labTest("http waits for a chain of redirects no longer than for all of it", async () => {
  const step: Conduct = async (connection) => {
    await connection.read(new Uint8Array(4096));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const text = "HTTP/1.1 302 Found\r\nLocation: /on\r\n\r\n";
    await connection.write(new TextEncoder().encode(text));
  };
  await using server = serveAs(step);
  const late = bad("http", "the server says nothing", { timeout: SILENCE });
  const check = impatient(httpOf({ redirects: 100 }));
  assert.deepEqual(await ask(check, server.endpoint), late);
});

Deno.test("http has said all of its words", () => assert.deepEqual(unheard("http"), []));
