/** Where a health check goes first, and where an answer sends it on to, as Go's client does. Pure. */

import type { HttpCheck, HttpUrl } from "../../config/check.ts";
import { type Endpoint, printEndpoint } from "../../model/endpoint.ts";
import { ProbeFailure } from "./failure.ts";
import { bracketed, withoutPort } from "./host_name.ts";
import { type HttpHead, type HttpRequest, malformed, quote } from "./http_message.ts";

/** One request, and where to. */
export interface HttpLeg {
  readonly scheme: "http" | "https";
  /** A name, or an address without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly request: HttpRequest;
}

/** Meant for the server they were given for, and not for whomever it sends us to. */
const SECRETS = ["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"];

export function firstLeg(check: HttpCheck, url: HttpUrl, target: Endpoint): HttpLeg {
  const { scheme, method, body } = check;
  const given = check.headers.find(([name]) => name.toLowerCase() === "host");
  const headers = check.headers.filter((header) => header !== given);
  const host = url.host ?? given?.[1] ?? printEndpoint(target);
  const version = check.version === "1.0" ? "1.0" as const : "1.1" as const;
  const request = { method, target: url.path, host, headers, body, version };
  return { scheme, hostname: target.address, port: target.port, request };
}

/** Undefined where the answer is the last one. */
export function nextLeg(leg: HttpLeg, { status, location }: HttpHead): HttpLeg | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || !location) return undefined;
  const url = resolve(location, leg);
  const hostname = withoutPort(url.hostname);
  const place = {
    scheme: url.protocol === "http:" ? "http" as const : "https" as const,
    hostname,
    port: Number(url.port) || (url.protocol === "http:" ? 80 : 443),
  };
  const { headers } = leg.request;
  const request = {
    ...(status < 307 ? withoutBody(leg.request) : leg.request),
    target: url.pathname + url.search,
    // Whoever asks one server as another one is sent on within that other one by a path alone.
    host: isPath(location) ? leg.request.host : url.host,
    headers: hostname === leg.hostname ? headers : headers.filter(([name]) => !isSecret(name)),
  };
  return { ...place, request };
}

function resolve(location: string, { scheme, hostname, port, request }: HttpLeg): URL {
  const url = URL.parse(location, `${scheme}://${bracketed(hostname)}:${port}${request.target}`);
  if (!url) throw malformed(`its Location is ${quote(location)}, must be a URL`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new ProbeFailure(`redirected to ${quote(url.protocol)}: must be http or https`);
  }
  return url;
}

function isPath(location: string): boolean {
  return !/^(?:[a-z][a-z0-9+.-]*:|[/\\]{2})/i.test(location);
}

function withoutBody(request: HttpRequest): HttpRequest {
  const method = request.method === "HEAD" ? "HEAD" : "GET";
  return { ...request, method, body: "" };
}

function isSecret(name: string): boolean {
  return SECRETS.includes(name.toLowerCase());
}
