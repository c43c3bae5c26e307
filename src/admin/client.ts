/** Asks the `lvscare run` of this host, or a `lvscare care`. */

import { RUN } from "../care/instance.ts";
import { LvscareError } from "../errors.ts";
import { errnoOf } from "../state/failure.ts";
import { controlPath, RELOAD, type ReloadAnswer, STATUS, type StatusAnswer } from "./control.ts";

/** Long enough for a table of tens of thousands. A reload takes as long as its changes do. */
const STATUS_MS = 10_000;

export function askReload(stateDir: string): Promise<ReloadAnswer> {
  return ask(asked(stateDir, RUN), RELOAD);
}

/** Of the instance of that name: RUN, or the virtual server of `lvscare care`. */
export function askStatus(
  stateDir: string,
  name: string = RUN,
  withinMs: number = STATUS_MS,
): Promise<StatusAnswer> {
  return ask(asked(stateDir, name), STATUS, withinMs);
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
  withinMs?: number,
): Promise<T> {
  reach(who);
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    using connection = await Deno.connect({ transport: "unix", path: who.socket });
    const giveUp = () => {
      isLate = true;
      connection[Symbol.dispose]();
    };
    if (withinMs !== undefined) timer = setTimeout(giveUp, withinMs);
    const { status, body } = await exchange(connection, `${method} ${path}`);
    if (status !== 200 && status !== 422) throw new Error(`status ${status}`);
    return JSON.parse(body);
  } catch (error) {
    if (!isLate) throw unreachable(who, "it does not answer", error);
    const what = `it has not answered within ${withinMs! / 1000}s`;
    throw unreachable(who, what, error, "it stands still: see its log, and start it anew");
  } finally {
    clearTimeout(timer);
  }
}

/** Not by fetch(), which reads the host's authorities first, and fails where there are none. */
async function exchange(
  connection: Deno.Conn,
  request: string,
): Promise<{ status: number; body: string }> {
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

function unreachable(
  { socket, command }: Asked,
  what: string,
  cause: unknown,
  hint = "start it, or give its --state-dir",
): LvscareError {
  const text = `ask ${command} at "${socket}": ${what}`;
  return new LvscareError(text, { op: "ask", subject: socket, hint, cause });
}
