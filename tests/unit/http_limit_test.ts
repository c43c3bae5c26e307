/** Checks that get no answer: when they end, and that nothing of them stays. */

import assert from "node:assert/strict";
import { FakeClock } from "../support/fake_clock.ts";
import {
  ask,
  countDown,
  failed,
  OK_TEXT,
  probeOf,
  redirect,
  untilTrue,
} from "../support/http_check.ts";
import {
  openSockets,
  serve,
  serveFull,
  type ServerOptions,
  serveSilence,
  serveText,
  untilClosed,
  write,
} from "../support/http_servers.ts";

/** Ways to get no answer, and what each waits for. */
const SILENT:
  readonly (readonly [what: string, scheme: "http" | "https", options: ServerOptions])[] = [
    ["a server that never answers", "http", {}],
    ["a server that never answers in a handshake", "https", {}],
    ["a server that never answers behind a handshake", "https", { certificate: "self_signed" }],
  ];

for (const [what, scheme, options] of SILENT) {
  Deno.test(`${what} is waited for until the limit, and left then`, async () => {
    const clock = new FakeClock();
    await using server = serveSilence(options);
    const accepted = server.accepted();
    const result = probeOf({ scheme }, clock).run(server.endpoint, new AbortController().signal);
    let isOver = false;
    result.then(() => isOver = true);
    await accepted;
    await clock.advance(9999);
    assert.equal(isOver, false);
    await clock.advance(1);
    assert.deepEqual(await result, failed("no answer within 10s"));
    await server.abandoned();
    assert.equal(clock.pending, 0);
  });

  Deno.test(`${what} is left as soon as the check is to stop`, async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    await using server = serveSilence(options);
    const accepted = server.accepted();
    const result = probeOf({ scheme }, clock).run(server.endpoint, abort.signal);
    await accepted;
    abort.abort();
    assert.equal((await result).ok, false);
    await server.abandoned();
    assert.equal(clock.pending, 0);
  });
}

for (const scheme of ["http", "https"] as const) {
  Deno.test(`over ${scheme}, a connection that is not made by the limit is given up and closed`, async () => {
    const clock = new FakeClock();
    using server = await serveFull();
    const probe = probeOf({ scheme }, clock);
    const before = openSockets();
    const results = Array.from(
      { length: 5 },
      () => probe.run(server.endpoint, new AbortController().signal),
    );
    await untilTrue(() => openSockets() >= before + 5);
    await clock.advance(10_000);
    assert.deepEqual(await Promise.all(results), Array(5).fill(failed("no answer within 10s")));
    await untilTrue(() => openSockets() <= before);
  });

  Deno.test(`over ${scheme}, bytes that come one by one do not put off the limit`, async () => {
    const clock = new FakeClock();
    const connected = Promise.withResolvers<Deno.Conn>();
    await using server = serve((connection) => {
      connected.resolve(connection);
      return untilClosed(connection);
    }, scheme === "https" ? { certificate: "self_signed" } : {});
    const result = probeOf({ scheme, timeoutMs: 1500 }, clock)
      .run(server.endpoint, new AbortController().signal);
    const connection = await connected.promise;
    for (const byte of "HTTP/1.1 200 OK") {
      await write(connection, byte);
      await clock.advance(100);
    }
    assert.deepEqual(await result, failed("no answer within 1.5s"));
    await server.abandoned();
  });

  Deno.test(`over ${scheme}, one limit holds for a check with all its redirects`, async () => {
    const clock = new FakeClock();
    await using server = serve(async (connection) => {
      await clock.advance(400);
      await write(connection, redirect("/again"));
    }, scheme === "https" ? { certificate: "self_signed" } : {});
    const result = await probeOf({ scheme, timeoutMs: 1000 }, clock)
      .run(server.endpoint, new AbortController().signal);
    assert.deepEqual(result, failed("no answer within 1s"));
    assert.equal(server.requests.length, 3);
  });

  Deno.test(`over ${scheme}, a check that is to stop before it began asks nothing`, async () => {
    await using server = serveText(OK_TEXT);
    const result = await probeOf({ scheme }).run(server.endpoint, AbortSignal.abort());
    assert.equal(result.ok, false);
    assert.deepEqual(server.requests, []);
  });

  Deno.test(`over ${scheme}, a hundred checks of every kind leave no socket behind`, async () => {
    const certificates = scheme === "https" ? { certificate: "self_signed" } : {};
    const before = openSockets();
    {
      await using good = serveText(OK_TEXT, certificates);
      await using early = serveText("", { isFirst: true });
      await using garbage = serveText("garbage", certificates);
      await using chain = serve(countDown, certificates);
      const targets = [good, early, garbage, chain].map((server) => server.endpoint);
      for (let round = 0; round < 25; round++) {
        const checks = targets.map((target) => ask(target, { scheme, path: "/3" }));
        const results = await Promise.all(checks);
        assert.deepEqual(results.map(({ ok }) => ok), [true, false, false, true]);
      }
    }
    await untilTrue(() => openSockets() < before + 10);
  });
}
