/** A connection, and, where wanted, what is said over it and what must be answered. */

import type { TcpCheck } from "../../config/check.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { ownHeader } from "../../wire/proxy_protocol.ts";
import { Expectations } from "./expectation.ts";
import { ProbeFailure } from "./failure.ts";
import { quote } from "./http_message.ts";
import type { Probe, Trace } from "./probe.ts";
import { openPlain } from "./socket_wire.ts";
import { GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import { TlsClient } from "./tls_wire.ts";
import type { Wire } from "./wire.ts";

export function tcpProbe(check: TcpCheck, tools: ProbeTools): Probe {
  const { send, source } = check;
  const tls = check.tls && new TlsClient(check.tls, tools.caCerts);
  const proxyProtocol = check.proxyProtocol ?? tools.proxyProtocol;
  const preface = proxyProtocol && ownHeader(proxyProtocol);
  const expectations = new Expectations(check.expect);
  return timedProbe(check, tools, {
    describe: (target) => `${tls ? "tls" : "tcp"} ${printEndpoint(target)}`,
    ask: async ({ target: { address: hostname, port }, signal, trace }) => {
      const plain = await openPlain({ hostname, port, source, preface, signal, trace });
      using wire = tls ? await tls.secure(plain, { serverName: hostname, signal, trace }) : plain;
      if (send) {
        trace?.(`> ${quote(new TextDecoder().decode(send))}`);
        await wire.write(send);
      }
      if (!expectations.isEmpty) await expect(wire, expectations, trace);
      return GOOD;
    },
  });
}

async function expect(wire: Wire, expectations: Expectations, trace: Trace | undefined) {
  const reader = expectations.reader();
  for (let chunk = await wire.read(); chunk; chunk = await wire.read()) {
    trace?.(`< ${quote(new TextDecoder().decode(chunk))}`);
    if (await reader.push(chunk)) return;
  }
  if (reader.bytes.length === 0) throw new ProbeFailure("connection closed before an answer");
  await expectations.check(reader.bytes, false);
}
