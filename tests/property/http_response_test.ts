import assert from "node:assert/strict";
import fc from "fast-check";
import { systemClock } from "../../src/clock.ts";
import { httpCheck } from "../support/http_check.ts";
import { ProbeFailure } from "../../src/health/probes/failure.ts";
import { httpProbe } from "../../src/health/probes/http.ts";
import { HEAD_LIMIT, HeadReader, type HttpHead } from "../../src/health/probes/http_message.ts";
import { serve, write } from "../support/http_servers.ts";

const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,8}$/);
const text = fc.string({ maxLength: 20 });
const lineEnd = fc.constantFrom("\r\n", "\n", "\n\r", "\r", "\r\n ");
const header = fc.tuple(fc.oneof(token, fc.constant("Location"), text), text)
  .map(([name, value]) => `${name}: ${value}`);
const statusLine = fc.oneof(
  fc.tuple(fc.constantFrom("HTTP/1.1 ", "HTTP/1.0 ", "HTTP/2 "), fc.nat(1200), text)
    .map(([version, status, phrase]) => `${version}${status} ${phrase}`),
  text,
);
/** What looks enough like an answer to come into every branch. */
const message = fc.tuple(statusLine, fc.array(header, { maxLength: 4 }), lineEnd, text)
  .map(([first, headers, end, body]) => [first, ...headers, "", body].join(end));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(message, { maxLength: 3 }).map((parts) => new TextEncoder().encode(parts.join(""))),
);
/** Bytes, and where they are cut into pieces. */
const pieces = fc.tuple(bytes, fc.array(fc.nat(200), { maxLength: 8 }))
  .map(([whole, cuts]) => cut(whole, cuts));

function cut(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const bounds = [0, ...cuts.filter((at) => at < whole.length), whole.length].sort((a, b) => a - b);
  return bounds.slice(1).map((end, i) => whole.slice(bounds[i], end));
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** What is read of an answer; every failure counts as the same one, as its words quote what came so far. */
function outcome(parts: readonly Uint8Array[]): HttpHead | "unfinished" | "refused" {
  const reader = new HeadReader();
  try {
    for (const part of parts) {
      const head = reader.push(part);
      if (head) return head;
    }
    return "unfinished";
  } catch (error) {
    assert.ok(error instanceof ProbeFailure, String(error));
    assert.match(error.message, /^[\x20-\x7e]*$/);
    return "refused";
  }
}

Deno.test("what is read of an answer does not depend on how it is cut", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(pieces, (parts) => {
      const found = outcome(parts);
      assert.deepEqual(found, outcome([join(parts)]));
      const kind = typeof found === "string" ? found : "head";
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }),
    { numRuns: 3000 },
  );
  assert.deepEqual([...seen.keys()].sort(), ["head", "refused", "unfinished"]);
});

Deno.test("a head has a status of three digits", () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const found = outcome(parts);
      if (typeof found !== "string") assert.ok(found.status >= 101 && found.status <= 999);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a head is refused just where it is over the limit, however it is cut", () => {
  const start = "HTTP/1.1 200 OK\r\nX: ";
  fc.assert(
    fc.property(
      fc.integer({ min: HEAD_LIMIT - 3, max: HEAD_LIMIT + 3 }),
      fc.array(fc.nat(HEAD_LIMIT + 3), { maxLength: 8 }),
      (length, cuts) => {
        const whole = `${start}${"x".repeat(length - start.length - 4)}\r\n\r\n`;
        const found = outcome(cut(new TextEncoder().encode(whole), cuts));
        const head = { status: 200, location: undefined };
        assert.deepEqual(found, length > HEAD_LIMIT ? "refused" : head);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("whatever a server says in whatever pieces, a probe gives a result", async () => {
  const probe = httpProbe(httpCheck({ path: "/", timeoutMs: 60_000 }), { clock: systemClock });
  let answer: readonly Uint8Array[] = [];
  await using server = serve(async (connection) => {
    for (const part of answer) await write(connection, part);
  });
  await fc.assert(
    fc.asyncProperty(pieces.filter((parts) => !leadsAway(parts)), async (parts) => {
      answer = parts;
      const result = await probe.run(server.endpoint, new AbortController().signal);
      const found = outcome(parts);
      if (typeof found === "string") assert.ok(!result.ok && result.reason.length > 0);
      else assert.equal(result.ok, found.status < 400);
    }),
    { numRuns: 300 },
  );
});

/** No test asks servers that chance names. */
function leadsAway(parts: readonly Uint8Array[]): boolean {
  const found = outcome(parts);
  return typeof found !== "string" && found.location !== undefined;
}
