/** Health checks over HTTP and HTTPS, as LVScare makes them. */

import type { Clock } from "../../clock.ts";
import type { HttpCheck } from "../../config/care.ts";
import { type Endpoint } from "../../model/endpoint.ts";
import { hostOf, nameOfHost } from "./host_name.ts";
import { encodeRequest, HeadReader, type HttpHead, type HttpRequest } from "./http_message.ts";
import type { Probe, ProbeResult } from "./probe.ts";
import { reasonOf } from "./reason.ts";
import { openPlain, openUnverified, openVerified, type Wire } from "./wire.ts";

const MOST_REDIRECTS = 10;
/** These are for the server that they were meant for, and not for whom it sends us to. */
const SECRETS = ["authorization", "cookie", "www-authenticate"];

export interface HttpProbeOptions {
  readonly clock: Clock;
  /** Certificates, in PEM, of authorities to be trusted beside the usual ones. */
  readonly caCerts?: readonly string[];
}

/** One request, and where to. */
interface Leg {
  readonly scheme: "http" | "https";
  readonly hostname: string;
  readonly port: number;
  readonly request: HttpRequest;
}

export function httpProbe(check: HttpCheck, options: HttpProbeOptions): Probe {
  return {
    describe: (target) => `${check.method} ${check.scheme}://${hostOf(target)}${check.path}`,
    run: (target, signal) =>
      withinTime(check, options.clock, signal, async (signal) => {
        const status = await follow(check, firstLeg(check, target), options, signal);
        if (status === undefined) return `stopped after ${MOST_REDIRECTS} redirects`;
        return status < 400 || check.extraStatus.includes(status) ? undefined : `status ${status}`;
      }),
  };
}

/** One limit for all: connecting, encrypting, redirects and a server that answers byte by byte. */
async function withinTime(
  { timeoutMs }: HttpCheck,
  clock: Clock,
  outer: AbortSignal,
  body: (signal: AbortSignal) => Promise<string | undefined>,
): Promise<ProbeResult> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let isLate = false;
  const timer = clock.after(timeoutMs, () => {
    isLate = true;
    abort();
  });
  outer.addEventListener("abort", abort);
  try {
    outer.throwIfAborted();
    const reason = await body(controller.signal);
    return reason === undefined ? { ok: true } : { ok: false, reason };
  } catch (error) {
    if (isLate) return { ok: false, reason: `no answer within ${printTime(timeoutMs)}` };
    return { ok: false, reason: outer.aborted ? "aborted" : reasonOf(error) };
  } finally {
    timer.cancel();
    outer.removeEventListener("abort", abort);
  }
}

/** The status of the last answer; undefined where there were too many on the way. */
async function follow(
  check: HttpCheck,
  first: Leg,
  options: HttpProbeOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  let leg = first;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const head = await exchange(leg, check, options, signal);
    const next = nextLeg(leg, head);
    if (!next) return head.status;
    leg = next;
  }
  return undefined;
}

async function exchange(
  { scheme, hostname, port, request }: Leg,
  { skipVerify }: HttpCheck,
  { caCerts = [] }: HttpProbeOptions,
  signal: AbortSignal,
): Promise<HttpHead> {
  const open = scheme === "http" ? openPlain : skipVerify ? openUnverified : openVerified;
  const serverName = nameOfHost(request.host);
  using wire = await open({ hostname, port, serverName, caCerts, signal });
  const close = () => wire[Symbol.dispose]();
  signal.addEventListener("abort", close);
  try {
    signal.throwIfAborted();
    await wire.write(encodeRequest(request));
    return await readHead(wire);
  } finally {
    signal.removeEventListener("abort", close);
  }
}

async function readHead(wire: Wire): Promise<HttpHead> {
  const reader = new HeadReader();
  for (;;) {
    const chunk = await wire.read();
    if (!chunk) throw new Deno.errors.UnexpectedEof("no answer");
    const head = reader.push(chunk);
    if (head) return head;
  }
}

function firstLeg(check: HttpCheck, target: Endpoint): Leg {
  const { scheme, method, path, headers, body } = check;
  const host = headers.find(([name]) => name.toLowerCase() === "host")?.[1] ?? hostOf(target);
  return {
    scheme,
    hostname: target.address,
    port: target.port,
    request: { method, target: path, host, headers, body },
  };
}

/** Where an answer sends us, with what of the request is to be sent there. */
function nextLeg(leg: Leg, { status, location }: HttpHead): Leg | undefined {
  const keeps = status === 307 || status === 308;
  if (!keeps && ![301, 302, 303].includes(status)) return undefined;
  if (!location) return undefined;
  const here = `${leg.scheme}://${bracketed(leg.hostname)}:${leg.port}${leg.request.target}`;
  const url = URL.parse(location, here);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  const scheme = url.protocol === "http:" ? "http" : "https";
  const hostname = nameOfHost(url.hostname);
  const port = Number(url.port) || (scheme === "http" ? 80 : 443);
  const isSameHost = hostname === leg.hostname && port === leg.port;
  const { method, headers, body, host } = leg.request;
  const isPlain = keeps || method === "GET" || method === "HEAD";
  return {
    scheme,
    hostname,
    port,
    request: {
      method: isPlain ? method : "GET",
      target: `${url.pathname}${url.search}`,
      host: isSameHost ? host : `${url.hostname}:${port}`,
      headers: isSameHost ? headers : headers.filter(([name]) => !isPersonal(name)),
      body: keeps ? body : "",
    },
  };
}

function isPersonal(name: string): boolean {
  return [...SECRETS, "host"].includes(name.toLowerCase());
}

function bracketed(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** "10s", "1.5s", "250ms". */
function printTime(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`;
}
