/** Health checks over HTTP and HTTPS, as LVScare makes them. */

import type { Clock } from "../../clock.ts";
import type { HttpCheck } from "../../config/care.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { ProbeFailure, reasonOf } from "./failure.ts";
import { bracketed, withoutPort } from "./host_name.ts";
import { firstLeg, type HttpLeg, nextLeg } from "./http_leg.ts";
import { encodeRequest, HeadReader, type HttpHead, malformed } from "./http_message.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { withinTime } from "./time_limit.ts";
import { tlsOpener } from "./tls_wire.ts";
import { openPlain, type OpenWire, type Wire } from "./wire.ts";

const MOST_REDIRECTS = 10;

export interface HttpProbeOptions {
  readonly clock: Clock;
  /** Authorities in PEM, to be trusted instead of the host's. */
  readonly caCerts?: readonly string[];
}

export function httpProbe(check: HttpCheck, options: HttpProbeOptions): Probe {
  const { clock, caCerts } = options;
  const { method, scheme, path, timeoutMs } = check;
  const openers = { http: openPlain, https: tlsOpener({ verify: !check.skipVerify, caCerts }) };
  return {
    describe: (target) => `${method} ${scheme}://${printEndpoint(target)}${path}`,
    run: (target, signal) =>
      withinTime({ clock, timeoutMs, signal }, async (signal) => {
        try {
          return judge(check, await follow(firstLeg(check, target), openers, signal));
        } catch (error) {
          return { ok: false, reason: reasonOf(error, target.address) };
        }
      }),
  };
}

function judge({ extraStatus }: HttpCheck, status: number): ProbeResult {
  if (status < 400 || extraStatus.includes(status)) return { ok: true };
  return { ok: false, reason: `status ${status}` };
}

type Openers = Readonly<Record<HttpLeg["scheme"], OpenWire>>;

/** Asks, and asks on where an answer sends us; gives the last one's status. */
async function follow(first: HttpLeg, openers: Openers, signal: AbortSignal): Promise<number> {
  let leg = first;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const head = await exchange(leg, openers[leg.scheme], signal).catch((error) => {
      throw new ProbeFailure(whereabouts(first, leg) + reasonOf(error, leg.hostname));
    });
    const next = nextLeg(leg, head);
    if (!next) return head.status;
    leg = next;
  }
  throw new ProbeFailure(`stopped after ${MOST_REDIRECTS} redirects`);
}

/** The log line names the server; that it is another one that does not answer must be said. */
function whereabouts(first: HttpLeg, { hostname, port }: HttpLeg): string {
  if (hostname === first.hostname && port === first.port) return "";
  return `redirected to "${bracketed(hostname)}:${port}": `;
}

/** One request and the head of its answer; the rest is not waited for. */
async function exchange(leg: HttpLeg, open: OpenWire, signal: AbortSignal): Promise<HttpHead> {
  const { hostname, port, request } = leg;
  using wire = await open({ hostname, port, serverName: withoutPort(request.host), signal });
  await wire.write(encodeRequest(request));
  return await readHead(wire);
}

async function readHead(wire: Wire): Promise<HttpHead> {
  const reader = new HeadReader();
  let chunk = await wire.read();
  if (!chunk) throw new ProbeFailure("connection closed before an answer");
  for (; chunk; chunk = await wire.read()) {
    const head = reader.push(chunk);
    if (head) return head;
  }
  throw malformed("it ends before its head does");
}
