/** One request over HTTP/2, and its answer. */

import { ProbeFailure } from "../failure.ts";
import type { Body } from "../http_body.ts";
import { type HttpHead, malformed } from "../http_message.ts";
import type { Wire } from "../wire.ts";
import { Http2Exchange, type Http2Request } from "./exchange.ts";

export interface Http2Result {
  readonly head: HttpHead;
  /** Where it was wanted. */
  readonly body: Body | undefined;
  /** What a header says, or what trails the body. */
  readonly header: (lowerCase: string) => string | undefined;
}

/** Without a limit of the body it is not waited for. */
export async function askHttp2(
  wire: Wire,
  request: Http2Request,
  bodyLimit?: number,
): Promise<Http2Result> {
  const exchange = new Http2Exchange(request, { bodyLimit: (bodyLimit ?? 0) + 1 });
  await wire.write(exchange.begin());
  let isSilent = true;
  for (let chunk = await wire.read(); chunk; chunk = await wire.read()) {
    isSilent = false;
    const out = exchange.push(chunk);
    // An answer may be there already, and whoever gave it be gone.
    if (out.length > 0) await wire.write(out).catch(() => {});
    const result = resultOf(exchange, bodyLimit);
    if (result) return result;
  }
  if (isSilent) throw new ProbeFailure("connection closed before an answer");
  throw malformed("it ends before its end");
}

function resultOf(
  { head, answer }: Http2Exchange,
  bodyLimit: number | undefined,
): Http2Result | undefined {
  if (!head || (bodyLimit !== undefined && !answer)) return undefined;
  const fields = [...answer?.trailers ?? [], ...head.headers];
  const header = (wanted: string) => fields.find(([name]) => name === wanted)?.[1];
  const bytes = answer?.body ?? new Uint8Array();
  const limit = bodyLimit ?? 0;
  return {
    head: { status: head.status, location: header("location") },
    body: bodyLimit === undefined
      ? undefined
      : { bytes: bytes.subarray(0, limit), isCut: bytes.length > limit },
    header,
  };
}
