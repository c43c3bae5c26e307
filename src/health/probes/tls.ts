/** A handshake, and for how long the certificate is valid. */

import type { TlsCheck } from "../../config/check.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { ownHeader } from "../../wire/proxy_protocol.ts";
import { ProbeFailure } from "./failure.ts";
import type { Probe } from "./probe.ts";
import { openPlain } from "./socket_wire.ts";
import { GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import { TlsClient } from "./tls_wire.ts";

const DAY_MS = 86_400_000;

export function tlsProbe(check: TlsCheck, tools: ProbeTools): Probe {
  const { days, source } = check;
  const tls = new TlsClient(check.tls, tools.caCerts);
  const preface = tools.proxyProtocol && ownHeader(tools.proxyProtocol);
  return timedProbe(check, tools, {
    describe: (target) => `tls ${printEndpoint(target)}`,
    ask: async ({ target: { address: hostname, port }, signal, trace }) => {
      const plain = await openPlain({ hostname, port, source, preface, signal, trace });
      using wire = await tls.secure(plain, { serverName: hostname, signal, trace });
      const left = (wire.validToMs - tools.clock.wallMs()) / DAY_MS;
      if (days > 0 && left < days) throw new ProbeFailure(expiry(wire.validToMs, left, days));
      return GOOD;
    },
  });
}

function expiry(validToMs: number, left: number, days: number): string {
  const date = new Date(validToMs).toISOString().slice(0, 10);
  if (left < 0) return `certificate expired on ${date}`;
  return `certificate expires in ${Math.floor(left)} days, on ${date}, must be valid for ${days}`;
}
