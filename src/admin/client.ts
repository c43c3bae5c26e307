/** Asks the `lvscare run` of this host. */

import { LvscareError } from "../errors.ts";
import { errnoOf } from "../state/failure.ts";
import { controlPath, RELOAD, type ReloadAnswer, STATUS, type StatusAnswer } from "./control.ts";

export function askReload(stateDir: string): Promise<ReloadAnswer> {
  return ask(stateDir, RELOAD);
}

export function askStatus(stateDir: string): Promise<StatusAnswer> {
  return ask(stateDir, STATUS);
}

async function ask<T>(
  stateDir: string,
  { method, path }: typeof RELOAD | typeof STATUS,
): Promise<T> {
  const socket = controlPath(stateDir);
  reach(socket);
  try {
    const { status, body } = await exchange(socket, `${method} ${path}`);
    if (status !== 200 && status !== 422) throw new Error(`status ${status}`);
    return JSON.parse(body);
  } catch (error) {
    throw unreachable(socket, "it does not answer", error);
  }
}

/** Not by fetch(), which reads the host's authorities first, and fails where there are none. */
async function exchange(path: string, request: string): Promise<{ status: number; body: string }> {
  using connection = await Deno.connect({ transport: "unix", path });
  const text = `${request} HTTP/1.0\r\nHost: lvscare\r\n\r\n`;
  await connection.write(new TextEncoder().encode(text));
  const answer = await new Response(connection.readable).text();
  const [head = "", status] = /^HTTP\/1\.\d (\d{3})[^]*?\r\n\r\n/.exec(answer) ?? [];
  return { status: Number(status), body: answer.slice(head.length) };
}

/** Why a socket cannot be reached is told by its place better than by what fetch says. */
function reach(socket: string): void {
  try {
    Deno.statSync(socket);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw errno === "EACCES" || errno === "EPERM"
      ? new LvscareError(`ask lvscare run at "${socket}": permission denied`, {
        op: "ask",
        subject: socket,
        hint: "be root, or the user that it runs as",
        cause: error,
      })
      : unreachable(socket, "nobody is there", error);
  }
}

function unreachable(socket: string, what: string, cause: unknown): LvscareError {
  return new LvscareError(`ask lvscare run at "${socket}": ${what}`, {
    op: "ask",
    subject: socket,
    hint: "start it, or give its --state-dir",
    cause,
  });
}
