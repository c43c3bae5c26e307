/** Asks the `lvscare run` of this host, or a `lvscare care`. */

import { RUN } from "../care/instance.ts";
import { LvscareError } from "../errors.ts";
import { errnoOf } from "../state/failure.ts";
import { controlPath, RELOAD, type ReloadAnswer, STATUS, type StatusAnswer } from "./control.ts";

export function askReload(stateDir: string): Promise<ReloadAnswer> {
  return ask(asked(stateDir, RUN), RELOAD);
}

/** Of the instance of that name: RUN, or the virtual server of `lvscare care`. */
export function askStatus(stateDir: string, name: string = RUN): Promise<StatusAnswer> {
  return ask(asked(stateDir, name), STATUS);
}

/** Who is asked. */
interface Asked {
  readonly socket: string;
  readonly command: string;
}

function asked(stateDir: string, name: string): Asked {
  const command = name === RUN ? "lvscare run" : `lvscare care --vs ${name}`;
  return { socket: controlPath(stateDir, name), command };
}

async function ask<T>(
  who: Asked,
  { method, path }: typeof RELOAD | typeof STATUS,
): Promise<T> {
  const { socket } = who;
  reach(who);
  try {
    const { status, body } = await exchange(socket, `${method} ${path}`);
    if (status !== 200 && status !== 422) throw new Error(`status ${status}`);
    return JSON.parse(body);
  } catch (error) {
    throw unreachable(who, "it does not answer", error);
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
function reach(who: Asked): void {
  const { socket, command } = who;
  try {
    Deno.statSync(socket);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw errno === "EACCES" || errno === "EPERM"
      ? new LvscareError(`ask ${command} at "${socket}": permission denied`, {
        op: "ask",
        subject: socket,
        hint: "be root, or the user that it runs as",
        cause: error,
      })
      : unreachable(who, "nobody is there", error);
  }
}

function unreachable({ socket, command }: Asked, what: string, cause: unknown): LvscareError {
  return new LvscareError(`ask ${command} at "${socket}": ${what}`, {
    op: "ask",
    subject: socket,
    hint: "start it, or give its --state-dir",
    cause,
  });
}
