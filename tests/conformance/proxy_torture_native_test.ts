/** Crowds, the deaf and the violent: none of them costs the embedded proxy anything that stays, nor others. */

import assert from "node:assert/strict";
import { resetSocket } from "../../src/sys/sockets.ts";
import { send, startConnect } from "../../src/sys/sockets.ts";
import { toSocketAddress } from "../../src/sys/socket_address.ts";
import { until } from "../support/care_lab.ts";
import {
  conductServer,
  Conversation,
  descriptors,
  ProxyLab,
  talkingServer,
  writeAll,
} from "../support/proxy_lab.ts";

const MEGABYTE = 1 << 20;

interface Torture {
  readonly lab: ProxyLab;
  /** What this process had of descriptors before. */
  readonly before: number;
}

/** Runs it beside somebody who asks all the time; afterwards nothing is left of either. */
async function beside(body: (torture: Torture) => Promise<void>): Promise<void> {
  await using lab = new ProxyLab();
  await lab.serve(["a", "b"].map((name) => lab.named(name)));
  // What is compiled and opened with the first is not what leaks.
  await lab.askers(50);
  await lab.settled(descriptors());
  const before = descriptors();
  const memory = Deno.memoryUsage().rss;
  let isOver = false;
  const steady = (async () => {
    let asked = 0;
    for (; !isOver; asked++) {
      assert.match(await lab.ask("steady"), /^[ab]$/);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return asked;
  })();
  try {
    await body({ lab, before });
  } finally {
    isOver = true;
  }
  assert.ok(await steady > 3, "somebody asked beside it");
  await lab.settled(before);
  const grownMb = (Deno.memoryUsage().rss - memory) / MEGABYTE;
  assert.ok(grownMb < 200, `${grownMb.toFixed(0)} MB more than before`);
}

Deno.test("2,000 connections at once are all answered, and all are gone afterwards", () =>
  beside(async ({ lab }) => {
    const held: Conversation[] = [];
    for (let i = 0; i < 20; i++) {
      const some = Array.from({ length: 100 }, () => Conversation.open(lab.key));
      held.push(...await Promise.all(some));
    }
    await until(async () => await lab.active() >= 2000, "all are there");
    const answers = await Promise.all(held.map((each, i) => each.ask(`${i}`)));
    for (const [i, answer] of answers.entries()) assert.match(answer, new RegExp(`^[ab] ${i}$`));
    await Promise.all(held.map((each) => each[Symbol.asyncDispose]()));
  }));

Deno.test("20,000 connections in a row are each answered", () =>
  beside(async ({ lab }) => {
    let left = 20_000;
    let wrong = 0;
    const asker = async () => {
      const bytes = new Uint8Array(64);
      while (left-- > 0) {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port: lab.port });
        await writeAll(connection, "x\n");
        const length = await connection.read(bytes);
        if (!/^[ab] x\n$/.test(new TextDecoder().decode(bytes.subarray(0, length ?? 0)))) wrong++;
        connection.close();
      }
    };
    await Promise.all(Array.from({ length: 50 }, asker));
    assert.equal(wrong, 0);
    const total = (await lab.entries()).reduce(
      (sum, { stats }) => sum + Number(stats!.counters.connections),
      0,
    );
    assert.ok(total >= 20_000, `${total}`);
  }));

/** Writes until it has waited for so long, and says how much went. */
async function writeUntilFull(connection: Deno.Conn): Promise<number> {
  const chunk = new Uint8Array(MEGABYTE / 4);
  let written = 0;
  for (;;) {
    const write = connection.write(chunk);
    write.catch(() => {});
    const timer = Promise.withResolvers<undefined>();
    const waiting = setTimeout(() => timer.resolve(undefined), 500);
    const length = await Promise.race([write, timer.promise]);
    clearTimeout(waiting);
    if (length === undefined) return written;
    written += length;
    if (written > 1000 * MEGABYTE) return written;
  }
}

Deno.test("a client that never reads stops its server, and nobody else", () =>
  beside(async ({ lab }) => {
    await using second = new ProxyLab();
    const written = Promise.withResolvers<number>();
    const flood = conductServer(async (connection) => {
      written.resolve(await writeUntilFull(connection));
    });
    await second.serve([second.add(flood)]);
    const deaf = await Deno.connect({ hostname: "127.0.0.1", port: second.port });
    const megabytes = await written.promise / MEGABYTE;
    assert.ok(megabytes > 0 && megabytes < 100, `${megabytes} MB were taken`);
    assert.match(await lab.ask(), /^[ab]$/);
    deaf.close();
    await until(async () => await second.active() === 0, "it is gone");
  }));

Deno.test("a server that never reads stops its client, and nobody else", () =>
  beside(async ({ lab }) => {
    await using second = new ProxyLab();
    const end = Promise.withResolvers<void>();
    await second.serve([second.add(conductServer(() => end.promise))]);
    const eager = await Deno.connect({ hostname: "127.0.0.1", port: second.port });
    const megabytes = await writeUntilFull(eager) / MEGABYTE;
    assert.ok(megabytes > 0 && megabytes < 100, `${megabytes} MB were taken`);
    assert.match(await lab.ask(), /^[ab]$/);
    end.resolve();
    eager.close();
    await until(async () => await second.active() === 0, "it is gone");
  }));

/** A client of the system's own calls, that can leave with a reset. */
function violent(lab: ProxyLab, said = ""): number {
  const fd = startConnect("stream", toSocketAddress(lab.key));
  assert.ok(fd >= 0, `${fd}`);
  const bytes = new TextEncoder().encode(said);
  if (bytes.length > 0) assert.equal(send(fd, bytes, bytes.length), bytes.length);
  return fd;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("clients that reset at every stage leave nothing behind", () =>
  beside(async ({ lab }) => {
    for (let i = 0; i < 50; i++) {
      // Before it was taken; before it is known; in the midst of a line; with the answer on its way.
      resetSocket(violent(lab));
      for (const said of ["", "half a line", "a line\n"]) {
        for (const ms of [0, 1, 5]) {
          const fd = violent(lab, said);
          if (ms > 0) await pause(ms);
          resetSocket(fd);
        }
      }
    }
  }));

Deno.test("servers that reset at every stage leave nothing behind, and the client learns of it", () =>
  beside(async () => {
    const conducts: Record<string, (connection: Deno.Conn) => Promise<void>> = {
      "at once": () => Promise.resolve(),
      // To close with something unread is a reset.
      "with something unread": () => pause(20),
      "in the midst of an answer": async (connection) => {
        await writeAll(connection, "half an ans");
        await pause(20);
      },
      "after its end": async (connection) => {
        await connection.closeWrite();
        await pause(20);
      },
    };
    for (const [when, conduct] of Object.entries(conducts)) {
      await using second = new ProxyLab();
      await second.serve([second.add(conductServer(conduct))]);
      for (let i = 0; i < 50; i++) {
        const ended = (async () => {
          const connection = await Deno.connect({ hostname: "127.0.0.1", port: second.port });
          try {
            await writeAll(connection, "unread\n".repeat(1000));
            const bytes = new Uint8Array(100);
            while (await connection.read(bytes) !== null);
          } finally {
            connection.close();
          }
        })();
        await ended.catch((error) => {
          assert.match(String(error), /reset by peer|Broken pipe/, when);
        });
      }
      await until(async () => await second.active() === 0, `all are gone: ${when}`);
    }
  }));

Deno.test("a table that is closed in the midst of everything leaves no descriptor", async () => {
  const before = descriptors();
  {
    await using lab = new ProxyLab();
    await lab.serve([lab.add(talkingServer(async () => {
      await pause(50);
      return "late\n";
    }))]);
    const held = await Promise.all(
      Array.from({ length: 100 }, () => Conversation.open(lab.key)),
    );
    for (const each of held) each.send("x\n");
    lab.table.close();
    for (const each of held) await each.ended();
    await Promise.all(held.map((each) => each[Symbol.asyncDispose]()));
  }
  await until(() => descriptors() <= before, "as many as before", () => `${descriptors()}`);
});
