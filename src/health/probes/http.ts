/** Health checks over HTTP and HTTPS, as LVScare makes them, and richer ones. */

import type { HttpCheck, HttpUrl, StatusRange } from "../../config/check.ts";
import { type Endpoint, printEndpoint } from "../../model/endpoint.ts";
import { ownHeader } from "../../wire/proxy_protocol.ts";
import { BODY_LIMIT, Expectations } from "./expectation.ts";
import { isUnable, ProbeFailure, reasonOf, UnableError } from "./failure.ts";
import { bracketed, withoutPort } from "./host_name.ts";
import { type Body, readBody } from "./http_body.ts";
import { firstLeg, type HttpLeg, nextLeg } from "./http_leg.ts";
import {
  encodeRequest,
  HeadReader,
  type HttpHead,
  type HttpRequest,
  malformed,
} from "./http_message.ts";
import { askHttp2 } from "./http2/ask.ts";
import type { Probe, Trace } from "./probe.ts";
import { openPlain } from "./socket_wire.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import { TlsClient } from "./tls_wire.ts";
import type { Wire } from "./wire.ts";

export function httpProbe(check: HttpCheck, tools: ProbeTools): Probe {
  const proxyProtocol = check.proxyProtocol ?? tools.proxyProtocol;
  const parts: Parts = {
    check,
    tls: new TlsClient(check.tls, tools.caCerts),
    preface: proxyProtocol && ownHeader(proxyProtocol),
    expectations: new Map(check.urls.map((url) => [url, new Expectations(url.expect)])),
  };
  return timedProbe(check, tools, {
    describe: (target) => describe(check, target),
    ask: async (attempt) => {
      for (const url of check.urls) await askUrl(parts, url, attempt);
      return GOOD;
    },
  });
}

function describe({ method, scheme, urls: [url, ...more] }: HttpCheck, target: Endpoint): string {
  const first = `${method} ${scheme}://${printEndpoint(target)}${url?.path ?? ""}`;
  return more.length === 0 ? first : `${first} and ${more.length} more`;
}

/** What all requests of a check share. */
interface Parts {
  readonly check: HttpCheck;
  readonly tls: TlsClient;
  /** Of the PROXY protocol, for the server that is checked and no other. */
  readonly preface: Uint8Array | undefined;
  readonly expectations: ReadonlyMap<HttpUrl, Expectations>;
}

/** One request: where it goes first, and how it gets anywhere. */
interface Errand extends Parts {
  readonly first: HttpLeg;
  readonly signal: AbortSignal;
  readonly trace: Trace | undefined;
  readonly wantsBody: boolean;
}

interface Answer {
  readonly head: HttpHead;
  /** Where it is wanted. */
  readonly body: Body | undefined;
}

async function askUrl(parts: Parts, url: HttpUrl, { target, signal, trace }: Attempt) {
  const { check, expectations } = parts;
  const expected = expectations.get(url)!;
  const first = firstLeg(check, url, target);
  const wantsBody = !expected.isEmpty;
  const { head, body } = await follow({ ...parts, first, signal, trace, wantsBody });
  const where = check.urls.length > 1 ? `${url.path}: ` : "";
  if (!isAccepted(head.status, url.status)) {
    throw new ProbeFailure(`${where}status ${head.status}`);
  }
  if (!body) return;
  trace?.(`${body.bytes.length} bytes of body${body.isCut ? ", and more" : ""}`);
  await expected.check(body.bytes, body.isCut).catch((error) => {
    throw new ProbeFailure(where + reasonOf(error, target.address));
  });
}

function isAccepted(status: number, ranges: readonly StatusRange[]): boolean {
  return ranges.some(([first, last]) => first <= status && status <= last);
}

/** Asks, and asks on where an answer sends us; gives the last one's. */
async function follow(errand: Errand): Promise<Answer> {
  const { first, check, trace } = errand;
  let leg = first;
  for (let redirects = 0;; redirects++) {
    const answer = await exchange(leg, errand).catch((error) => {
      const where = whereabouts(first, leg);
      // Its words will be found where it is caught.
      if (where === "") throw error;
      const words = where + reasonOf(error, leg.hostname);
      throw isUnable(error) ? new UnableError(words) : new ProbeFailure(words);
    });
    if (check.redirects === 0) return answer;
    const next = nextLeg(leg, answer.head);
    if (!next) return answer;
    if (redirects === check.redirects) {
      throw new ProbeFailure(`stopped after ${check.redirects} redirects`);
    }
    trace?.(`redirected to ${next.scheme}://${bracketed(next.hostname)}:${next.port}`);
    leg = next;
  }
}

function isSamePlace(a: HttpLeg, b: HttpLeg): boolean {
  return a.hostname === b.hostname && a.port === b.port;
}

/** The log line names the server; that it is another one that does not answer must be said. */
function whereabouts(first: HttpLeg, leg: HttpLeg): string {
  return isSamePlace(leg, first) ? "" : `redirected to "${bracketed(leg.hostname)}:${leg.port}": `;
}

/** One request and its answer; the body is not waited for where nobody wants it, but in HTTP/1.0. */
async function exchange(leg: HttpLeg, errand: Errand): Promise<Answer> {
  const { check, wantsBody, trace } = errand;
  using wire = await open(leg, errand);
  const { request } = leg;
  trace?.(`> ${request.method} ${request.target} HTTP/${check.version}, Host: ${request.host}`);
  if (check.version === "2") {
    const { head, body } = await askHttp2(wire, {
      ...{ method: request.method, scheme: leg.scheme, authority: request.host },
      ...{ path: request.target, headers: withAgent(request.headers) },
      body: new TextEncoder().encode(request.body),
    }, wantsBody ? BODY_LIMIT : undefined);
    trace?.(`< HTTP/2 ${head.status}`);
    return { head, body };
  }
  await wire.write(encodeRequest(request));
  const reader = new HeadReader();
  const head = await readHead(wire, reader);
  trace?.(`< HTTP/1 ${head.status}${head.location ? `, Location: ${head.location}` : ""}`);
  const options = { method: request.method, head, reader, limit: BODY_LIMIT };
  if (wantsBody) return { head, body: await readBody(wire, options) };
  // There, it is the end that makes an answer one: a server that stops halfway has not answered.
  if (check.version === "1.0") await readBody(wire, options).catch(passOverMalformed);
  return { head, body: undefined };
}

function passOverMalformed(error: unknown): void {
  if (!(error instanceof ProbeFailure)) throw error;
}

function withAgent(headers: HttpRequest["headers"]): HttpRequest["headers"] {
  const isGiven = headers.some(([name]) => name.toLowerCase() === "user-agent");
  return isGiven ? headers : [["user-agent", "lvscare"], ...headers];
}

async function open(leg: HttpLeg, errand: Errand): Promise<Wire> {
  const { scheme, hostname, port, request } = leg;
  const { first, check: { source, version }, tls, signal, trace } = errand;
  const preface = isSamePlace(leg, first) ? errand.preface : undefined;
  const wire = await openPlain({ hostname, port, source, preface, signal, trace });
  if (scheme === "http") return wire;
  const protocols = version === "2" ? ["h2"] : undefined;
  const serverName = withoutPort(request.host);
  const secured = await tls.secure(wire, { serverName, protocols, signal, trace });
  if (version !== "2" || secured.protocol === "h2") return secured;
  secured[Symbol.dispose]();
  throw new ProbeFailure("the server speaks no HTTP/2");
}

async function readHead(wire: Wire, reader: HeadReader): Promise<HttpHead> {
  let chunk = await wire.read();
  if (!chunk) throw new ProbeFailure("connection closed before an answer");
  for (; chunk; chunk = await wire.read()) {
    const head = reader.push(chunk);
    if (head) return head;
  }
  throw malformed("it ends before its head does");
}
