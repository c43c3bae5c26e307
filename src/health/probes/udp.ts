/** A datagram, and what comes back: an answer, a refusal, or nothing. */

import type { UdpCheck } from "../../config/check.ts";
import { parseAddress } from "../../model/address.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { Expectations } from "./expectation.ts";
import { UnableError } from "./failure.ts";
import { quote } from "./http_message.ts";
import type { Probe } from "./probe.ts";
import { openDatagrams } from "./socket_wire.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import type { Wire } from "./wire.ts";

/** Who listens for nothing is refused at once, and who is silent is so until this much is left of the time. */
const REST = 0.1;

export function udpProbe(check: UdpCheck, tools: ProbeTools): Probe {
  const expectations = new Expectations(check.expect);
  return timedProbe(check, tools, {
    describe: (target) => `udp ${printEndpoint(target)}`,
    ask: async (attempt) => {
      using wire = openUdp(check, attempt);
      attempt.trace?.(`> ${quote(new TextDecoder().decode(check.send))}`);
      await wire.write(check.send);
      const answer = check.silenceIsGood
        ? await untilSilent(wire, check, tools, attempt)
        : await wire.read() ?? new Uint8Array();
      if (answer === SILENCE) return GOOD;
      attempt.trace?.(`< ${quote(new TextDecoder().decode(answer))}`);
      await expectations.check(answer, false);
      return GOOD;
    },
  });
}

export function openUdp({ source }: Pick<UdpCheck, "source">, { target, signal }: Attempt): Wire {
  const address = parseAddress(target.address);
  if (address === undefined) throw new UnableError(`"${target.address}" is no address`);
  return openDatagrams("datagram", address, { port: target.port, source, signal });
}

const SILENCE = new Uint8Array();

async function untilSilent(
  wire: Wire,
  { timeoutMs }: UdpCheck,
  { clock }: ProbeTools,
  { trace }: Attempt,
): Promise<Uint8Array> {
  const silence = Promise.withResolvers<Uint8Array>();
  const timer = clock.after(timeoutMs * (1 - REST), () => silence.resolve(SILENCE));
  try {
    const read = wire.read().then((answer) => answer ?? new Uint8Array());
    // Where it was silent, what comes when the socket is closed is nobody's.
    read.catch(() => {});
    const answer = await Promise.race([read, silence.promise]);
    if (answer === SILENCE) trace?.("no answer, and no refusal");
    return answer;
  } finally {
    timer.cancel();
  }
}
