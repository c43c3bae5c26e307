/** The socket that a running `lvscare run` or `care` answers on, for root and its own user. */

import { errnoOf, refusal } from "../state/failure.ts";
import { type Control, type ControlHandlers, controlPath, RELOAD, STATUS } from "./control.ts";

export function openControl(
  stateDir: string,
  name: string,
  handlers: ControlHandlers,
): Control {
  const path = controlPath(stateDir, name);
  // A socket that can be reached before its mode is set could be opened by anybody.
  const nursery = `${stateDir}/.run-${Deno.pid}`;
  let server: Deno.HttpServer;
  try {
    removeQuietly(nursery);
    Deno.mkdirSync(nursery, { mode: 0o700 });
    server = Deno.serve(
      {
        path: `${nursery}/s`,
        onListen: () => {},
        onError: () => answer(500, { error: "it failed; see the log" }),
      },
      (request) => respond(request, handlers),
    );
    Deno.chmodSync(`${nursery}/s`, 0o600);
    Deno.renameSync(`${nursery}/s`, path);
  } catch (error) {
    throw refusal(
      "open socket",
      path,
      "must be a path that a socket can be made at",
      errnoOf(error) ?? "EINVAL",
      error,
    );
  } finally {
    removeQuietly(nursery);
  }
  return {
    close() {
      removeQuietly(path);
      return server.shutdown();
    },
  };
}

async function respond(request: Request, handlers: ControlHandlers): Promise<Response> {
  const { pathname } = new URL(request.url);
  const asked = `${request.method} ${pathname}`;
  if (asked === `${STATUS.method} ${STATUS.path}`) return answer(200, await handlers.status());
  if (handlers.reload && asked === `${RELOAD.method} ${RELOAD.path}`) {
    const reloaded = await handlers.reload();
    return answer(reloaded.ok ? 200 : 422, reloaded);
  }
  const all = [STATUS, ...handlers.reload ? [RELOAD] : []];
  const known = all.find(({ path }) => path === pathname);
  if (!known) {
    const paths = all.map(({ method, path }) => `${method} ${path}`).join(", ");
    return answer(404, { error: `nothing is at this path: there are ${paths}` });
  }
  return answer(405, { error: `must be ${known.method}` }, { allow: known.method });
}

function answer(status: number, value: unknown, headers: Record<string, string> = {}): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { ...headers, "content-type": "application/json", connection: "close" },
  });
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
