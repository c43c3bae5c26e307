/** Checks as tests make them, and what they give. */

import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../src/clock.ts";
import { type HttpCheck, statusRanges } from "../../src/config/check.ts";
import { httpProbe } from "../../src/health/probes/http.ts";
import type { Probe, ProbeResult } from "../../src/health/probes/probe.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import { certificate, write } from "./http_servers.ts";

/** What tests mostly say of a check. */
export interface SimpleCheck {
  readonly scheme: "http" | "https";
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: HttpCheck["headers"];
  readonly extraStatus: readonly number[];
  readonly skipVerify: boolean;
  readonly timeoutMs: number;
}

export function httpCheck(
  {
    scheme = "http",
    method = "GET",
    path = "/healthz",
    body = "",
    headers = [],
    extraStatus = [],
    skipVerify = true,
    timeoutMs = 10_000,
  }: Partial<SimpleCheck> = {},
): HttpCheck {
  return {
    ...{ kind: "http", scheme, version: "1.1", method, body, headers },
    urls: [{ path, status: statusRanges(extraStatus), expect: [] }],
    ...{ redirects: 10, tls: { verify: !skipVerify }, timeoutMs },
  };
}

export const CHECK: HttpCheck = httpCheck();
export const OK: ProbeResult = { ok: true };
export const OK_TEXT = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
export const failed = (reason: string): ProbeResult => ({ ok: false, reason });

export const redirect = (location: string, status = 302): string =>
  `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\n\r\n`;

/** It trusts the authority of certificates/ and no other. */
export function probeOf(check: Partial<SimpleCheck> = {}, clock: Clock = systemClock): Probe {
  return httpProbe(httpCheck(check), { clock, caCerts: [certificate("authority")] });
}

export function ask(target: Endpoint, check: Partial<SimpleCheck> = {}): Promise<ProbeResult> {
  return probeOf(check).run(target, new AbortController().signal);
}

/** Turns of the event loop until something is so, which only the kernel knows the moment of. */
export async function untilTrue(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000; turn++) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.fail("it never came to be so");
}

/** Sends on along a chain: "/9" to "/8" and so forth, and answers "/0". */
export function countDown(connection: Deno.Conn, request: string): Promise<void> {
  const left = Number(/\/(\d+)/.exec(request)?.[1]);
  return write(connection, left === 0 ? OK_TEXT : redirect(`/${left - 1}`));
}
