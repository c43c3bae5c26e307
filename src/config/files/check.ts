/** What a file says of a check to the check that it is, and what in it does not agree. */

import { MOST_REDIRECTS } from "../care_check.ts";
import { type CheckRequest, type HttpUrl, statusRanges, type TlsConfig } from "../check.ts";
import type { CheckConfig, Start } from "../config.ts";
import {
  type CheckTable,
  type CheckType,
  type CheckValues,
  meantForOthers,
  type UrlValues,
} from "./check_fields.ts";
import { complainIn } from "./shape.ts";

const INTERVAL_MS = 5000;
const TIMEOUT_MS = 10_000;
const PING_SIZE = 56;
const HELO = "localhost";

/** Undefined: no check. */
export function checkOf(values: CheckValues, start: Start): CheckConfig | undefined {
  const request = requestOf(values);
  if (!request) return undefined;
  const { interval: intervalMs = INTERVAL_MS } = values;
  return {
    request,
    address: values.address,
    port: values.port,
    intervalMs,
    fastIntervalMs: values["fast-interval"] ?? intervalMs,
    downIntervalMs: values["down-interval"] ?? intervalMs,
    jitter: values.jitter ?? 0,
    spreadMs: values.spread,
    rise: values.rise ?? 1,
    fall: values.fall ?? 1,
    start: values.start ?? start,
    unable: values.unable ?? "fail",
    failedWeight: values["failed-weight"],
  };
}

/** Those that ask nobody need no port. */
export function needsPort({ kind }: CheckRequest): boolean {
  return kind !== "icmp" && kind !== "exec" && kind !== "file";
}

function requestOf(values: CheckValues): CheckRequest | undefined {
  const { type = "none", source, timeout: timeoutMs = TIMEOUT_MS } = values;
  const basics = { timeoutMs, ...(source && { source }) };
  const security = values.security ?? "none";
  const tls = security === "none" ? undefined : tlsOf(values);
  const expect = values.expect ?? [];
  switch (type) {
    case "none":
      return undefined;
    case "http":
    case "https":
      return { ...basics, ...httpOf(values, type) };
    case "tcp": {
      const proxyProtocol = values["proxy-protocol"];
      return { ...basics, kind: "tcp", tls, send: sendOf(values), expect, proxyProtocol };
    }
    case "tls":
      return { ...basics, kind: "tls", tls: tlsOf(values), days: values.days ?? 0 };
    case "udp": {
      const send = sendOf(values) ?? new Uint8Array();
      const silence = values.silence ?? (expect.length > 0 ? "fail" : "ok");
      return { ...basics, kind: "udp", send, expect, silenceIsGood: silence === "ok" };
    }
    case "icmp":
      return { ...basics, kind: "icmp", size: values.size ?? PING_SIZE };
    case "dns": {
      const query = values.query?.values ?? {};
      return {
        ...{ ...basics, kind: "dns", name: query.name ?? ".", record: query.type ?? "SOA" },
        transport: query.transport ?? "udp",
        codes: query.codes ?? ["NOERROR"],
        answers: query.answers ?? [],
        emptyIsGood: query.empty ?? false,
      };
    }
    case "smtp":
      return {
        ...{ ...basics, kind: "smtp", helo: values.helo ?? HELO, security },
        tls: tlsOf(values),
      };
    case "grpc":
      return { ...basics, kind: "grpc", service: values["grpc-service"] ?? "", tls };
    case "exec":
      return values.command && {
        ...{ ...basics, kind: "exec", command: values.command, user: values.user },
        statusIsWeight: values["status-weight"] ?? false,
      };
    case "file":
      return values.file === undefined ? undefined : {
        ...{ ...basics, kind: "file", path: values.file },
        ...{ scale: values["file-scale"], base: values["file-base"] ?? 1 },
      };
  }
}

function httpOf(values: CheckValues, scheme: "http" | "https") {
  const first = urlOf(values, {});
  return {
    ...{ kind: "http" as const, scheme, version: values.version ?? "1.1" },
    method: values.method ?? "GET",
    body: values.body ?? "",
    headers: values.headers ?? [],
    urls: values.urls?.map((url) => urlOf(values, url.values)) ?? [first],
    redirects: values.redirects ?? MOST_REDIRECTS,
    tls: tlsOf(values),
    proxyProtocol: values["proxy-protocol"],
  };
}

/** What the one does not say is the check's. */
function urlOf(check: CheckValues, url: UrlValues): HttpUrl {
  const extra = url.status?.filter((code) => code >= 400) ?? check.status ?? [];
  const status = url.accept ?? (url.status ? undefined : check.accept) ?? statusRanges(extra);
  return {
    path: url.path ?? check.path ?? "/healthz",
    host: url.host,
    status,
    expect: url.expect ?? check.expect ?? [],
  };
}

function tlsOf(values: CheckValues): TlsConfig {
  const { ca, verify = ca !== undefined, certificate, key } = values;
  return {
    verify,
    serverName: values["server-name"],
    caFile: ca,
    certificateFile: certificate,
    keyFile: key,
  };
}

function sendOf(values: CheckValues): Uint8Array | undefined {
  const { send, "send-hex": bytes } = values;
  return bytes ?? (send === undefined ? undefined : new TextEncoder().encode(send));
}

/** What must be said for a type. */
const NEEDED: { readonly [T in CheckType]?: keyof CheckValues } = {
  exec: "command",
  file: "file",
};

/** Says what was given and means nothing, and what is missing; what was inherited may be meant for others. */
export function judgeCheck(own: CheckTable, effective: CheckValues): void {
  const { type = "none" } = effective;
  for (const key of Object.keys(own.values)) {
    if (key === "type") continue;
    if (type === "none") complainIn(own, key, "means nothing without a type");
    else {
      const others = meantForOthers(key, type);
      if (others) complainIn(own, key, `means nothing for ${type}, is for ${others.join(", ")}`);
    }
    if (type === "none") break;
  }
  const needed = NEEDED[type];
  if (needed !== undefined && effective[needed] === undefined) {
    complainIn(own, "type", `${type} needs ${needed}`);
  }
  if (effective.send !== undefined && effective["send-hex"]) {
    complainIn(own, "send-hex", "must not stand beside send, which says the same");
  }
  if ((effective.certificate === undefined) !== (effective.key === undefined)) {
    complainIn(own, "certificate", "certificate and key must both be given");
  }
  if (effective.security === "starttls" && type !== "smtp") {
    complainIn(own, "security", "starttls is for smtp alone, must be none or tls");
  }
  if (effective.urls && own.values.path !== undefined) {
    complainIn(own, "path", "must not stand beside urls, which have their own");
  }
}
