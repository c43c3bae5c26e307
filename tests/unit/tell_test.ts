/** Programs and servers that are told, real ones, and above all those that misbehave. */

import assert from "node:assert/strict";
import { Journal } from "../../src/care/journal.ts";
import { type Message, Notifications } from "../../src/care/notifications.ts";
import { teller } from "../../src/care/tell.ts";
import { systemClock } from "../../src/clock.ts";
import type { NotifyConfig } from "../../src/config/config.ts";
import { configureLogs, resetLogs } from "../../src/log.ts";
import { printEndpoint } from "../../src/model/endpoint.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import { at, named, notifyConfig, serverConfig } from "../support/health_lab.ts";
import { untilTrue } from "../support/http_check.ts";
import {
  closedPort,
  openSockets,
  serve,
  serveReset,
  serveSilence,
  serveText,
  write,
} from "../support/http_servers.ts";
import { withFolder } from "../support/process.ts";

const MESSAGE: Message = {
  event: "server-down",
  service: named(1),
  server: at(1),
  reason: 'it said "nö" $(id)',
  time: "1970-01-01T00:16:40.000Z",
};
const OF = `was not told of server-down of ${named(1)}`;
const ACCEPTED = "HTTP/1.1 204 No Content\r\n\r\n";

function tell(to: NotifyConfig["to"], differences: Partial<NotifyConfig> = {}): Promise<void> {
  const { signal } = new AbortController();
  return teller(systemClock)(notifyConfig([], { to, ...differences }), MESSAGE, signal);
}

/** Writes a shell script that knows its folder, and gives its path. */
async function script(folder: string, text: string): Promise<string> {
  const path = `${folder}/tell`;
  await Deno.writeTextFile(path, `#!/bin/sh\ncd '${folder}'\n${text}\n`, { mode: 0o755 });
  return path;
}

function program(path: string, ...args: string[]): NotifyConfig["to"] {
  return { kind: "program", command: [path, ...args] };
}

/** A file's text as soon as it has a whole line. */
async function lineOf(path: string): Promise<string> {
  const read = () => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return "";
    }
  };
  await untilTrue(() => read().endsWith("\n"));
  return read().trim();
}

function isRunning(pid: string): boolean {
  try {
    // A zombie has ended, and waits for init to see it.
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** Notifications that tell in earnest, on a clock of the tests. */
class Lab {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  #running = 0;
  readonly #notifications = new Notifications({
    ...{ clock: this.clock, journal: new Journal() },
    tell: (...said) => {
      this.#running++;
      return teller(this.clock)(...said).finally(() => this.#running--);
    },
  });

  tell(to: NotifyConfig["to"], timeoutMs = 10_000): void {
    const server = serverConfig(1, { notify: [notifyConfig([], { to, timeoutMs })] });
    this.#notifications.server({ service: named(1), server, isUp: false, reason: "status 500" });
  }

  /** Waits until everybody has been told or has failed. */
  async over(): Promise<string[]> {
    await untilTrue(() => this.#running === 0);
    await settled();
    assert.equal(this.clock.pending, 0);
    return this.lines.splice(0).map((line) => line.replace(/^\S+ /, "").trimEnd());
  }
}

function test(name: string, body: (lab: Lab, folder: string) => Promise<void>): void {
  Deno.test(name, () =>
    withFolder(async (folder) => {
      const lab = new Lab();
      configureLogs({ level: "info", format: "text", write: (line) => lab.lines.push(line) });
      try {
        await body(lab, folder);
      } finally {
        resetLogs();
      }
    }));
}

test(
  "a program gets a line of JSON, variables, its arguments, and nothing of ours",
  async (_, folder) => {
    const path = await script(folder, 'cat > in; env > env; printf "%s\\n" "$@" > args');
    await tell(program(path, "a b", "$HOME", ""));
    const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
    assert.equal(read("in"), `${JSON.stringify(MESSAGE)}\n`);
    assert.equal(read("args"), "a b\n$HOME\n\n");
    const env = Object.fromEntries(
      read("env").trim().split("\n").map((line) => line.split("=", 2)),
    );
    const { PATH: _path, PWD: _pwd, OLDPWD: _old, SHLVL: _level, _: _self, ...rest } = env;
    assert.deepEqual(rest, {
      LC_ALL: "C",
      LVSCARE_EVENT: "server-down",
      LVSCARE_SERVICE: named(1),
      LVSCARE_SERVER: at(1),
      LVSCARE_REASON: 'it said "nö" $(id)',
    });
  },
);

test("a program is run as the user that it is to have, if there is one", async (_, folder) => {
  const path = await script(folder, "id -u > user");
  await tell(program(path), { user: `${Deno.uid()}:${Deno.gid()}` });
  assert.equal(await lineOf(`${folder}/user`), `${Deno.uid()}`);
  await assert.rejects(tell(program(path), { user: "nobody-of-that-name" }), {
    message: 'the user "nobody-of-that-name" is not known to this host',
  });
});

for (
  const [what, text, mode, words] of [
    ["ends with 1", "exit 1", 0o755, "it ended with status 1"],
    ["ends with 1 and reads nothing", "exec <&-; exit 1", 0o755, "it ended with status 1"],
    ["is ended by a signal", "kill -TERM $$", 0o755, "it ended with SIGTERM"],
    ["may not be run", "exit 0", 0o644, "it may not be run"],
    ["is not there", undefined, 0, "it was not found"],
  ] as const
) {
  test(`a program that ${what} is said in one warning`, async (lab, folder) => {
    const path = await script(folder, text ?? "");
    if (text === undefined) await Deno.remove(path);
    else await Deno.chmod(path, mode);
    lab.tell(program(path, "--password", "s3cret"));
    assert.deepEqual(await lab.over(), [`warn ${path} ${OF}: ${words}`]);
  });
}

for (
  const [what, text] of [
    ["does not read what it is told", "exit 0"],
    ["closes what it is told by", "exec <&-"],
    ["floods its output", "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2"],
  ] as const
) {
  test(`a program that ${what} is none the worse`, async (lab, folder) => {
    lab.tell(program(await script(folder, text)));
    assert.deepEqual(await lab.over(), []);
  });
}

test(
  "a program that hangs is ended when its time is up, with its children",
  async (lab, folder) => {
    // Whoever asks for its end is not heard.
    const text =
      "trap '' TERM INT HUP; sleep 1000 & echo $! > child; echo $$ > own; wait; sleep 1000";
    const path = await script(folder, text);
    lab.tell(program(path), 3000);
    const pids = [await lineOf(`${folder}/own`), await lineOf(`${folder}/child`)];
    await lab.clock.advance(2999);
    assert.deepEqual(pids.map(isRunning), [true, true]);
    await lab.clock.advance(1);
    assert.deepEqual(await lab.over(), [`warn ${path} ${OF}: it took too long`]);
    await untilTrue(() => !pids.some(isRunning));
  },
);

test(
  "a program that hangs and floods does not keep others from being told",
  async (lab, folder) => {
    const path = await script(folder, 'case "$1" in yes) exec yes ;; esac; echo told > told');
    lab.tell(program(path, "yes"), 3000);
    lab.tell(program(path));
    assert.equal(await lineOf(`${folder}/told`), "told");
    await lab.clock.advance(3000);
    assert.deepEqual(await lab.over(), [`warn ${path} ${OF}: it took too long`]);
  },
);

test("what a program leaves behind goes with it", async (lab, folder) => {
  const path = await script(folder, "sleep 1000 & echo $! > child; exit 0");
  lab.tell(program(path));
  assert.deepEqual(await lab.over(), []);
  const pid = await lineOf(`${folder}/child`);
  await untilTrue(() => !isRunning(pid));
});

test("a URL gets the JSON by POST, at its path and with its name and password", async () => {
  await using server = serveText(ACCEPTED);
  const { address, port } = server.endpoint;
  const url = `http://me%40home:s%C3%B6cret@${address}:${port}/hook/a?token=b#c`;
  await tell({ kind: "url", url });
  const body = JSON.stringify(MESSAGE);
  assert.equal(
    server.requests[0],
    "POST /hook/a?token=b HTTP/1.1\r\n" +
      `Host: ${address}:${port}\r\n` +
      "User-Agent: lvscare\r\n" +
      "Content-Type: application/json\r\n" +
      // "me@home:söcret" in UTF-8.
      "Authorization: Basic bWVAaG9tZTpzw7ZjcmV0\r\n" +
      `Content-Length: ${new TextEncoder().encode(body).length}\r\n` +
      "Connection: close\r\n\r\n" +
      body,
  );
});

test("a URL may have a name that is looked up, an address of IPv6, and no path", async () => {
  await using named = serveText(ACCEPTED);
  await tell({ kind: "url", url: `http://localhost:${named.endpoint.port}` });
  assert.match(named.requests[0]!, /^POST \/ HTTP\/1\.1\r\nHost: localhost:\d+\r\n(?!.*Basic)/s);
  await using sixth = serveText(ACCEPTED, { hostname: "::1" });
  await tell({ kind: "url", url: `http://[::1]:${sixth.endpoint.port}/x` });
  assert.match(sixth.requests[0]!, /^POST \/x HTTP\/1\.1\r\nHost: \[::1\]:\d+\r\n/);
});

/** A secret at every place of a URL. */
const secretUrl = (place: string, scheme = "http") =>
  `${scheme}://me:s3cret@${place}/s3cret/hook?token=s3cret`;

for (
  const [what, answer, words] of [
    ["answers 500", "HTTP/1.1 500 Oh no\r\n\r\n", "status 500"],
    ["sends on", "HTTP/1.1 302 Found\r\nLocation: /s3cret\r\n\r\n", "status 302"],
    ["speaks another protocol", "220 s3cret ESMTP\r\n", "malformed answer: it begins with …"],
    [
      "answers with what it was asked",
      "HTTP/1.1 200 OK\r\nPOST /s3cret/hook?token=s3cret\r\n\r\n",
      "malformed answer: it has the header …, must have a colon",
    ],
    ["closes", "", "connection closed before an answer"],
  ] as const
) {
  test(`a server that ${what} is said in one warning, and nothing that is secret`, async (lab) => {
    await using server = serveText(answer);
    const place = printEndpoint(server.endpoint);
    lab.tell({ kind: "url", url: secretUrl(place) });
    assert.deepEqual(await lab.over(), [`warn http://${place} ${OF}: ${words}`]);
  });
}

test("a server that sends back what it gets does not bring what is secret into the log", async (lab) => {
  await using server = serve((connection, request) => write(connection, request));
  const place = printEndpoint(server.endpoint);
  lab.tell({ kind: "url", url: secretUrl(place) });
  assert.deepEqual(await lab.over(), [
    `warn http://${place} ${OF}: malformed answer: it begins with …`,
  ]);
});

test("nobody, one who resets and one who is not trusted are said in one warning each", async (lab) => {
  const nobody = printEndpoint(closedPort());
  lab.tell({ kind: "url", url: secretUrl(nobody) });
  assert.deepEqual(await lab.over(), [`warn http://${nobody} ${OF}: connection refused`]);
  using reset = await serveReset();
  const place = printEndpoint(reset.endpoint);
  lab.tell({ kind: "url", url: secretUrl(place) });
  assert.deepEqual(await lab.over(), [`warn http://${place} ${OF}: connection reset`]);
  await using stranger = serveText(ACCEPTED, { certificate: "trusted" });
  const strange = printEndpoint(stranger.endpoint);
  lab.tell({ kind: "url", url: secretUrl(strange, "https") });
  assert.deepEqual(await lab.over(), [`warn https://${strange} ${OF}: certificate not trusted`]);
  assert.deepEqual(stranger.requests, []);
});

test("a server that hangs is left when its time is up, and nothing stays open", async (lab) => {
  await using silent = serveSilence();
  const before = openSockets();
  const place = printEndpoint(silent.endpoint);
  lab.tell({ kind: "url", url: secretUrl(place) }, 3000);
  await silent.accepted();
  await lab.clock.advance(2999);
  assert.deepEqual(lab.lines, []);
  await lab.clock.advance(1);
  assert.deepEqual(await lab.over(), [`warn http://${place} ${OF}: it took too long`]);
  await silent.abandoned();
  await untilTrue(() => openSockets() <= before);
});
