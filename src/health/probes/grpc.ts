/** The health protocol of gRPC (grpc.health.v1): one call over HTTP/2. */

import type { GrpcCheck } from "../../config/check.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { ownHeader } from "../../wire/proxy_protocol.ts";
import { ProbeFailure } from "./failure.ts";
import { malformed, quote } from "./http_message.ts";
import { askHttp2 } from "./http2/ask.ts";
import type { Probe } from "./probe.ts";
import { openPlain } from "./socket_wire.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import { TlsClient } from "./tls_wire.ts";
import type { Wire } from "./wire.ts";

const PATH = "/grpc.health.v1.Health/Check";
const ANSWER_LIMIT = 4096;

/** By their numbers. */
const CODES = [
  ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"],
  ...["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"],
  ...["ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
  "UNAUTHENTICATED",
];
const STATES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING = 1;

export function grpcProbe(check: GrpcCheck, tools: ProbeTools): Probe {
  const tls = check.tls && new TlsClient(check.tls, tools.caCerts);
  const preface = tools.proxyProtocol && ownHeader(tools.proxyProtocol);
  const body = encodeCheck(check.service);
  return timedProbe(check, tools, {
    describe: (target) =>
      `grpc ${printEndpoint(target)}${check.service === "" ? "" : ` ${check.service}`}`,
    ask: async (attempt) => {
      using wire = await open(check, tls, preface, attempt);
      const headers = [["content-type", "application/grpc"], ["te", "trailers"]] as const;
      attempt.trace?.(`> POST ${PATH} ${quote(check.service)}`);
      const answer = await askHttp2(wire, {
        ...{ method: "POST", scheme: tls ? "https" : "http", path: PATH, headers, body },
        authority: printEndpoint(attempt.target),
      }, ANSWER_LIMIT);
      attempt.trace?.(`< HTTP/2 ${answer.head.status}`);
      judge(answer);
      return GOOD;
    },
  });
}

async function open(
  { source }: GrpcCheck,
  tls: TlsClient | undefined,
  preface: Uint8Array | undefined,
  { target: { address: hostname, port }, signal, trace }: Attempt,
): Promise<Wire> {
  const plain = await openPlain({ hostname, port, source, preface, signal, trace });
  if (!tls) return plain;
  return await tls.secure(plain, { serverName: hostname, protocols: ["h2"], signal, trace });
}

type Answer = Awaited<ReturnType<typeof askHttp2>>;

function judge({ head, body, header }: Answer): void {
  if (head.status !== 200) throw new ProbeFailure(`status ${head.status}`);
  const code = header("grpc-status");
  if (code === undefined) throw malformed("it has no grpc-status");
  if (code !== "0") {
    const name = CODES[Number(code)] ?? quote(code);
    const message = header("grpc-message");
    throw new ProbeFailure(message ? `grpc ${name}: ${quote(unescaped(message))}` : `grpc ${name}`);
  }
  const state = decodeState(body?.bytes ?? new Uint8Array());
  if (state !== SERVING) throw new ProbeFailure(`the service is ${STATES[state] ?? state}`);
}

/** What servers say comes with bytes as "%0A"; what is none of that stays as it is. */
function unescaped(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

/** A message behind its prefix: not compressed, and its length. The name is its field 1. */
function encodeCheck(service: string): Uint8Array {
  const name = new TextEncoder().encode(service);
  const field = name.length === 0 ? [] : [0x0a, ...encodeVarint(name.length), ...name];
  const bytes = new Uint8Array(5 + field.length);
  new DataView(bytes.buffer).setUint32(1, field.length);
  bytes.set(field, 5);
  return bytes;
}

function encodeVarint(value: number): number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...encodeVarint(value >> 7)];
}

/** Field 1 of the answer, an enumeration; 0 where it is not there. */
function decodeState(bytes: Uint8Array): number {
  if (bytes.length < 5) throw malformed("it has no message");
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (bytes[0] !== 0 || bytes.length !== 5 + length) throw malformed("its message is not whole");
  if (length === 0) return 0;
  const [tag, state = 0] = bytes.subarray(5);
  if (tag !== 0x08 || state >= 0x80) throw malformed("its message is no state of health");
  return state;
}
