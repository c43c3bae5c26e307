/** What checks of type grpc say of servers, real ones and bad ones. */

import assert from "node:assert/strict";
import { type GrpcOptions, startGrpc } from "../support/check_grpc.ts";
import { testConnections, testNetwork, testSecurity } from "../support/check_hardships.ts";
import { ask, eachFamily, FAMILIES, labTest, OK, SILENCE } from "../support/check_lab.ts";
import { NGINX, startNginx } from "../support/check_programs.ts";
import { checkOf, impatient, KNOWN, TRUST_ALL, VERIFY } from "../support/check_requests.ts";
import { answering, flooding, serveAs } from "../support/check_servers.ts";
import { bad, titleOf, unheard } from "../support/check_words.ts";

const CHECK = checkOf("grpc");
const SECURE = checkOf("grpc", { tls: TRUST_ALL });
const NAMED = checkOf("grpc", { tls: { ...VERIFY, serverName: "good.example" } });
const SETTINGS = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
const PING = Uint8Array.of(0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);

testNetwork({ name: "grpc", check: CHECK });
testConnections({ name: "grpc", check: CHECK, drip: [SETTINGS, PING] });
testConnections({
  ...{ name: "grpc over TLS", check: SECURE, drip: [SETTINGS, PING], isSecured: true },
});
testSecurity("grpc over TLS", (tls) => ({ ...CHECK, tls }));

const SERVICES: GrpcOptions["services"] = {
  "": 1,
  "up.Service": 1,
  "new.Service": 0,
  "down.Service": 2,
  "no.Service": 3,
  "sick.Service": { code: "INTERNAL", details: "sick, 100% sure" },
  "busy.Service": { code: "UNAVAILABLE", details: "come\nagain" },
  "silent.Service": "silent",
};

const STATES: readonly (readonly [service: string, state: string])[] = [
  ["new.Service", "UNKNOWN"],
  ["down.Service", "NOT_SERVING"],
  ["no.Service", "SERVICE_UNKNOWN"],
];

const ERRORS = [
  ["sick.Service", "INTERNAL", "sick, 100% sure"],
  ["busy.Service", "UNAVAILABLE", "come.again"],
] as const;

const WAYS = [
  { name: "grpc", check: CHECK, server: {} },
  { name: "grpc over TLS", check: NAMED, server: { certificate: "trusted" } },
  {
    name: "grpc over TLS with our certificate",
    check: checkOf("grpc", { tls: { ...KNOWN, serverName: "good.example" } }),
    server: { certificate: "trusted", isDemanding: true },
  },
] as const;

for (const { name, check, server } of WAYS) {
  labTest(`${name} says of each service of a real server how it is`, async (lab) => {
    await eachFamily(async ({ one: address }) => {
      const options = { address, port: 50051, services: SERVICES, ...server };
      const target = await startGrpc(lab, options);
      for (const service of ["", "up.Service"]) {
        assert.deepEqual(await ask({ ...check, service }, target), OK);
      }
      for (const [service, state] of STATES) {
        const expected = bad("grpc", "the service does not serve", { state });
        assert.deepEqual(await ask({ ...check, service }, target), expected);
      }
      for (const [service, code, message] of ERRORS) {
        const expected = bad("grpc", "the server fails otherwise", { code, message });
        assert.deepEqual(await ask({ ...check, service }, target), expected);
      }
      const expected = bad("grpc", "the service is not known", { message: "unknown service" });
      assert.deepEqual(await ask({ ...check, service: "what.Service" }, target), expected);
      const late = bad("grpc", "the server says nothing", { timeout: SILENCE });
      const silent = impatient({ ...check, service: "silent.Service" });
      assert.deepEqual(await ask(silent, target), late);
    });
  });
}

const BARE = "the server has no health service";

labTest(titleOf("grpc", "grpc", BARE), (lab) =>
  eachFamily(async ({ one: address }) => {
    const target = await startGrpc(lab, { address, port: 50051 });
    const expected = bad("grpc", BARE, { message: "Method not found!" });
    assert.deepEqual(await ask(CHECK, target), expected);
  }));

const OTHER = "another protocol than HTTP/2 is spoken";

labTest("grpc says of a web server that it knows no gRPC, or no HTTP/2", async (lab) => {
  await startNginx(lab);
  for (const { one: address } of FAMILIES) {
    const tell = (check: typeof CHECK, port: number) => ask(check, { address, port });
    const answered = bad("grpc", "the server knows no gRPC, and answers");
    assert.deepEqual(await tell(CHECK, NGINX.h2c), answered);
    const missing = bad("grpc", "the server knows no gRPC", { status: 404 });
    assert.deepEqual(await tell(SECURE, NGINX.h2), missing);
    const version = bad("grpc", OTHER, { beginning: "HTTP/1.1 400 Bad Req" });
    assert.deepEqual(await tell(CHECK, NGINX.plain), version);
    assert.deepEqual(await tell(SECURE, NGINX.tls), bad("grpc", "the server speaks no HTTP/2"));
  }
});

labTest(titleOf("grpc over TLS", "grpc", OTHER), async () => {
  for (const { one: hostname } of FAMILIES) {
    const conduct = answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    await using server = serveAs(conduct, { hostname, certificate: "trusted" });
    const expected = bad("grpc", OTHER, { beginning: "HTTP/1.1 400 Bad Req" });
    assert.deepEqual(await ask(SECURE, server.endpoint), expected);
  }
});

labTest(titleOf("grpc", "grpc", "the answer does not end"), async () => {
  // A head with status 200 (of HPACK's own table), and data of a byte each.
  const head = Uint8Array.of(...SETTINGS, 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88);
  const data = Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0, 1, 0x78);
  for (const { one: hostname } of FAMILIES) {
    await using server = serveAs(flooding(head, data), { hostname });
    const expected = bad("grpc", "the answer does not end");
    assert.deepEqual(await ask(CHECK, server.endpoint), expected);
    await server.abandoned();
  }
});

Deno.test("grpc has said all of its words", () => assert.deepEqual(unheard("grpc"), []));
