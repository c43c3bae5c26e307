/** Health checks over HTTP and HTTPS, as LVScare makes them. */

import type { Clock } from "../../clock.ts";
import type { HttpCheck } from "../../config/care.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { ownHeader, type ProxyProtocol } from "../../wire/proxy_protocol.ts";
import { ProbeFailure, reasonOf } from "./failure.ts";
import { bracketed, withoutPort } from "./host_name.ts";
import { firstLeg, type HttpLeg, nextLeg } from "./http_leg.ts";
import { encodeRequest, HeadReader, type HttpHead, malformed } from "./http_message.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { withinTime } from "./time_limit.ts";
import { tlsOpener } from "./tls_wire.ts";
import { openPlain } from "./socket_wire.ts";
import type { OpenWire, Wire } from "./wire.ts";

const MOST_REDIRECTS = 10;

export interface HttpProbeOptions {
  readonly clock: Clock;
  /** Authorities in PEM, to be trusted instead of the host's. */
  readonly caCerts?: readonly string[];
  /** How servers want to be told by a proxy who comes; undefined: not at all. */
  readonly proxyProtocol?: ProxyProtocol | undefined;
}

export function httpProbe(check: HttpCheck, options: HttpProbeOptions): Probe {
  const { clock, caCerts, proxyProtocol } = options;
  const preface = proxyProtocol && ownHeader(proxyProtocol);
  const { method, scheme, path, timeoutMs } = check;
  const openers = { http: openPlain, https: tlsOpener({ verify: !check.skipVerify, caCerts }) };
  return {
    describe: (target) => `${method} ${scheme}://${printEndpoint(target)}${path}`,
    run: (target, signal) =>
      withinTime({ clock, timeoutMs, signal }, async (signal) => {
        try {
          return judge(
            check,
            await follow({ first: firstLeg(check, target), openers, preface, signal }),
          );
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

/** One check: where it goes first, and how it gets anywhere. */
interface Errand {
  readonly first: HttpLeg;
  readonly openers: Openers;
  /** Of the PROXY protocol, for the server that is checked and no other. */
  readonly preface: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/** Asks, and asks on where an answer sends us; gives the last one's status. */
async function follow(errand: Errand): Promise<number> {
  const { first } = errand;
  let leg = first;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const head = await exchange(leg, errand).catch((error) => {
      throw new ProbeFailure(whereabouts(first, leg) + reasonOf(error, leg.hostname));
    });
    const next = nextLeg(leg, head);
    if (!next) return head.status;
    leg = next;
  }
  throw new ProbeFailure(`stopped after ${MOST_REDIRECTS} redirects`);
}

function isSamePlace(a: HttpLeg, b: HttpLeg): boolean {
  return a.hostname === b.hostname && a.port === b.port;
}

/** The log line names the server; that it is another one that does not answer must be said. */
function whereabouts(first: HttpLeg, leg: HttpLeg): string {
  return isSamePlace(leg, first) ? "" : `redirected to "${bracketed(leg.hostname)}:${leg.port}": `;
}

/** One request and the head of its answer; the rest is not waited for. */
async function exchange(leg: HttpLeg, errand: Errand): Promise<HttpHead> {
  const { hostname, port, request } = leg;
  const { first, openers, signal } = errand;
  const preface = isSamePlace(leg, first) ? errand.preface : undefined;
  const serverName = withoutPort(request.host);
  using wire = await openers[leg.scheme]({ hostname, port, serverName, preface, signal });
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
