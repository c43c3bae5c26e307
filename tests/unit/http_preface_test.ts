/** Checks of servers that want to be told by a proxy who comes. */

import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { httpProbe } from "../../src/health/probes/http.ts";
import type { ProxyProtocol } from "../../src/wire/proxy_protocol.ts";
import { CHECK } from "../support/http_check.ts";
import { serve, serveText, type TestServer } from "../support/http_servers.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const V2 = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

function check(
  server: Pick<TestServer, "endpoint">,
  scheme: "http" | "https",
  protocol: ProxyProtocol,
) {
  const probe = httpProbe({ ...CHECK, scheme }, { clock: systemClock, proxyProtocol: protocol });
  return probe.run(server.endpoint, new AbortController().signal);
}

for (const [version, header] of [["v1", "PROXY UNKNOWN\r\n"], ["v2", V2]] as const) {
  Deno.test(`a check tells by ${version} that nobody is behind it`, async () => {
    const requests: string[] = [];
    await using server = serve(async (connection) => {
      const bytes = new Uint8Array(4096);
      let text = "";
      while (!text.endsWith("\r\n\r\n") || text === V2.slice(0, 4)) {
        const length = await connection.read(bytes);
        if (length === null) break;
        text += new TextDecoder("latin1").decode(bytes.subarray(0, length));
      }
      requests.push(text);
      await connection.write(new TextEncoder().encode(OK));
    }, { isFirst: true });
    assert.deepEqual(await check(server, "http", version), { ok: true });
    assert.ok(requests[0]!.startsWith(`${header}GET `), JSON.stringify(requests[0]));
  });
}

Deno.test("over https the header comes before the handshake", async () => {
  await using server = serveText(OK, { certificate: "self_signed" });
  using relay = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const header = new Uint8Array(15);
  const relayed = (async () => {
    const client = await relay.accept();
    for (let at = 0; at < header.length;) at += await client.read(header.subarray(at)) ?? 99;
    const { address, port } = server.endpoint;
    const onward = await Deno.connect({ hostname: address, port });
    await Promise.allSettled([
      client.readable.pipeTo(onward.writable),
      onward.readable.pipeTo(client.writable),
    ]);
  })();
  const { port } = relay.addr as Deno.NetAddr;
  const result = await check({ endpoint: { ...server.endpoint, port } }, "https", "v1");
  assert.deepEqual(result, { ok: true });
  assert.equal(new TextDecoder().decode(header), "PROXY UNKNOWN\r\n");
  await relayed;
});

Deno.test("a server that it is sent on to gets no header", async () => {
  await using other = serveText(OK);
  const { address, port } = other.endpoint;
  const location = `HTTP/1.1 302 Found\r\nLocation: http://${address}:${port}/\r\n\r\n`;
  await using first = serveText(location);
  assert.deepEqual(await check(first, "http", "v1"), { ok: true });
  assert.ok(first.requests[0]!.startsWith("PROXY UNKNOWN\r\nGET "));
  assert.ok(other.requests[0]!.startsWith("GET "));
});
