/** The socket that `lvscare run` answers on. */

import assert from "node:assert/strict";
import { askReload, askStatus } from "../../src/admin/client.ts";
import {
  controlPath,
  type ReloadAnswer,
  type StatusAnswer,
  verdictOf,
} from "../../src/admin/control.ts";
import { openControl } from "../../src/admin/server.ts";
import { run, withFolder } from "../support/process.ts";

const STATUS: StatusAnswer = {
  pid: 7,
  configuration: "/etc/lvscare",
  dataplane: "as tests have it",
  startedMs: 1,
  loadedMs: 2,
  isReady: true,
  isTurning: true,
  isSettled: true,
  services: [],
};

function test(
  name: string,
  body: (stateDir: string, answers: { reload: ReloadAnswer | Error }) => Promise<void>,
): void {
  Deno.test(name, () =>
    withFolder(async (stateDir) => {
      const answers = { reload: { ok: true, text: "done", problems: [] } as ReloadAnswer | Error };
      // One that a killed process has left.
      Deno.writeTextFileSync(controlPath(stateDir), "");
      const control = openControl(stateDir, "run", {
        status: () => Promise.resolve(STATUS),
        reload: () =>
          answers.reload instanceof Error
            ? Promise.reject(answers.reload)
            : Promise.resolve(answers.reload),
      });
      try {
        await body(stateDir, answers);
      } finally {
        await control.close();
      }
      assert.deepEqual([...Deno.readDirSync(stateDir)], []);
    }));
}

/** What comes back for these bytes. */
async function say(stateDir: string, text: string): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path: controlPath(stateDir) });
  await connection.write(new TextEncoder().encode(text));
  await connection.closeWrite();
  let answer = "";
  const buffer = new Uint8Array(4096);
  for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
    answer += new TextDecoder().decode(buffer.subarray(0, n));
  }
  return answer;
}

test("status and reload are answered, and a wrong configuration too", async (stateDir, answers) => {
  assert.deepEqual(await askStatus(stateDir), STATUS);
  assert.deepEqual(await askReload(stateDir), answers.reload);
  answers.reload = { ok: false, problems: ["a.yaml:1:1: is a list, must be a map"] };
  assert.deepEqual(await askReload(stateDir), answers.reload);
  answers.reload = new Error("a defect");
  await assert.rejects(askReload(stateDir), /it does not answer/);
  assert.deepEqual(await askStatus(stateDir), STATUS);
});

test("only root and its own user can open it", async (stateDir) => {
  assert.equal(Deno.statSync(controlPath(stateDir)).mode! & 0o777, 0o600);
  Deno.chmodSync(stateDir, 0o755);
  const curl = (...before: string[]) =>
    run([
      ...before,
      ...["curl", "-sS", "--unix-socket", controlPath(stateDir), "http://lvscare/v1/status"],
    ], { env: { PATH: "/usr/bin:/bin" } });
  const nobody = await curl("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");
  assert.notEqual(nobody.status, 0);
  assert.match(nobody.stderr, /connect|denied/i);
  assert.equal((await curl()).stdout, `${JSON.stringify(STATUS)}\n`);
});

test("what is no question of its own gets an error, and the next is answered", async (stateDir) => {
  const at = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  assert.match(
    await say(stateDir, `GET /nothing ${at}`),
    /^HTTP\/1\.1 404 [^]*there are GET \/v1\/status/,
  );
  assert.match(await say(stateDir, `GET /v1/reload ${at}`), /^HTTP\/1\.1 405 [^]*must be POST/);
  assert.match(await say(stateDir, `POST /v1/status ${at}`), /^HTTP\/1\.1 405 [^]*must be GET/);
  for (
    const text of ["", "nonsense\r\n\r\n", "\0".repeat(1000), `GET /${"x".repeat(100_000)} ${at}`]
  ) {
    assert.doesNotMatch(await say(stateDir, text).catch(() => ""), /^HTTP\/1\.1 2/);
  }
  const body = "x".repeat(1000);
  const long =
    `POST /v1/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n${body}`;
  assert.match(await say(stateDir, long), /^HTTP\/1\.1 200 /);
  assert.deepEqual(await askStatus(stateDir), STATUS);
});

const CARE = "[fd00::1]:6443";

Deno.test("an instance of care answers on a socket of its own, and has nothing to read again", async () => {
  await withFolder(async (stateDir) => {
    const answer = (pid: number) => ({ status: () => Promise.resolve({ ...STATUS, pid }) });
    const care = openControl(stateDir, CARE, answer(1));
    const other = openControl(stateDir, "10.0.0.1:6443", answer(2));
    assert.equal(controlPath(stateDir, CARE), `${stateDir}/%5Bfd00%3A%3A1%5D%3A6443.sock`);
    assert.equal((await askStatus(stateDir, CARE)).pid, 1);
    assert.equal((await askStatus(stateDir, "10.0.0.1:6443")).pid, 2);
    using client = Deno.createHttpClient({
      proxy: { transport: "unix", path: controlPath(stateDir, CARE) },
    });
    const post = await fetch("http://lvscare/v1/reload", { method: "POST", client });
    assert.equal(post.status, 404);
    assert.deepEqual(await post.json(), {
      error: "nothing is at this path: there are GET /v1/status",
    });
    await care.close();
    await assert.rejects(askStatus(stateDir, CARE), {
      message: `ask lvscare care --vs ${CARE} at "${controlPath(stateDir, CARE)}": nobody is there`,
    });
    assert.equal((await askStatus(stateDir, "10.0.0.1:6443")).pid, 2);
    await other.close();
  });
});

Deno.test("verdictOf() tells ready, not ready and stuck apart", () => {
  const service = (isThere: boolean): StatusAnswer["services"][number] => ({
    ...{ service: "TCP 10.0.0.1:80", isListed: true, isThere },
    servers: [{ server: "10.0.0.2:80", state: "down" }],
  });
  const cases: [Partial<StatusAnswer>, ReturnType<typeof verdictOf>][] = [
    [{}, "ready"],
    // Whatever becomes of its servers.
    [{ services: [service(true)] }, "ready"],
    [{ services: [service(true), service(false)] }, "not ready"],
    [{ isReady: false }, "not ready"],
    [{ isSettled: false }, "not ready"],
    [{ isTurning: false }, "stuck"],
    [{ isTurning: false, isReady: false, services: [service(false)] }, "stuck"],
  ];
  for (const [more, wanted] of cases) {
    assert.equal(verdictOf({ ...STATUS, ...more }), wanted, JSON.stringify(more));
  }
});

Deno.test("who takes the question and says nothing is not waited for", async () => {
  await withFolder(async (stateDir) => {
    using silent = Deno.listen({ transport: "unix", path: `${stateDir}/run.sock` });
    const asking = assert.rejects(askStatus(stateDir, undefined, 50), {
      message: `ask lvscare run at "${stateDir}/run.sock": it has not answered within 0.05s`,
      hint: "it stands still: see its log, and start it anew",
    });
    using _connection = await silent.accept();
    await asking;
  });
});

Deno.test("where nobody runs, the error says what to do", async () => {
  await withFolder(async (stateDir) => {
    await assert.rejects(askStatus(stateDir), {
      message: `ask lvscare run at "${stateDir}/run.sock": nobody is there`,
      hint: "start it, or give its --state-dir",
    });
    // The socket of one that was killed.
    const listener = Deno.listen({ transport: "unix", path: `${stateDir}/run.sock` });
    const left = `${stateDir}/left`;
    Deno.renameSync(`${stateDir}/run.sock`, left);
    listener.close();
    Deno.renameSync(left, `${stateDir}/run.sock`);
    await assert.rejects(askStatus(stateDir), { hint: "start it, or give its --state-dir" });
  });
});

Deno.test("a directory whose path is too long for a socket gets its error", async () => {
  await withFolder((folder) => {
    const stateDir = `${folder}/${"x".repeat(120)}`;
    Deno.mkdirSync(stateDir);
    assert.throws(
      () =>
        openControl(stateDir, "run", {
          status: () => Promise.reject(),
          reload: () => Promise.reject(),
        }),
      /open socket .*run\.sock.*: .*must be a path that a socket can be made at/,
    );
    assert.deepEqual([...Deno.readDirSync(stateDir)], []);
    return Promise.resolve();
  });
});
