/** How those are told who want to know: a program by its standard input, a URL by POST. */

import type { Clock } from "../clock.ts";
import type { NotifyConfig } from "../config/config.ts";
import { LvscareError } from "../errors.ts";
import { withoutPort } from "../health/probes/host_name.ts";
import { httpProbe } from "../health/probes/http.ts";
import type { Address } from "../model/address.ts";
import { type Account, findAccount } from "../sys/accounts.ts";
import { type AloneOptions, endGroup, spawnAlone } from "../sys/process.ts";
import type { Message, Tell } from "./notifications.ts";

export function teller(clock: Clock): Tell {
  return (to, message, signal) =>
    to.to.kind === "program"
      ? tellProgram(to.to.command, to, message, signal)
      : tellUrl(to.to.url, to, message, signal, clock);
}

async function tellProgram(
  [program, ...args]: readonly [string, ...string[]],
  { user }: NotifyConfig,
  message: Message,
  signal: AbortSignal,
): Promise<void> {
  const account = user === undefined ? undefined : accountOf(user);
  const child = start(program, {
    ...{ args, account, env: environmentOf(message), stdin: "piped", stdout: "null" },
  });
  const end = () => endGroup(child);
  signal.addEventListener("abort", end);
  try {
    // A program that does not read it is none the worse.
    const line = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
    void new Blob([line]).stream().pipeTo(child.stdin).catch(() => {});
    const { code, signal: ending } = await child.status;
    if (code !== 0) throw new LvscareError(`it ended with ${ending ?? `status ${code}`}`);
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}

function start(program: string, options: AloneOptions): Deno.ChildProcess {
  try {
    return spawnAlone(program, options);
  } catch (error) {
    throw new LvscareError(whyNot(error), { cause: error });
  }
}

function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "it was not found";
  if (error instanceof Deno.errors.PermissionDenied) return "it may not be run";
  return `it could not be run: ${error instanceof Error ? error.message : String(error)}`;
}

function environmentOf({ event, service, server = "", reason = "" }: Message) {
  return {
    LVSCARE_EVENT: event,
    LVSCARE_SERVICE: service,
    LVSCARE_SERVER: server,
    LVSCARE_REASON: reason,
  };
}

function accountOf(user: string): Account {
  const account = findAccount(user);
  if (account) return account;
  throw new LvscareError(`the user "${user}" is not known to this host`);
}

async function tellUrl(
  text: string,
  { timeoutMs }: NotifyConfig,
  message: Message,
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  const { protocol, username, password, hostname, port, host, pathname, search } = new URL(text);
  const isPlain = protocol === "http:";
  const probe = httpProbe({
    ...{ kind: "http", scheme: isPlain ? "http" : "https", version: "1.1", method: "POST" },
    body: JSON.stringify(message),
    headers: [
      ["Content-Type", "application/json"],
      ["Host", host],
      ...credentials(username, password),
    ],
    // Whoever is sent elsewhere has not been told.
    urls: [{ path: pathname + search, status: [[200, 299]], expect: [] }],
    ...{ redirects: 0, tls: { verify: true }, timeoutMs },
  }, { clock });
  // A name is looked up by whoever connects.
  const address = withoutPort(hostname) as Address;
  const result = await probe.run(
    { address, port: Number(port) || (isPlain ? 80 : 443) },
    signal,
  );
  if (!result.ok) throw new LvscareError(withoutQuotes(result.reason));
}

/** Those of a URL, in which bytes are spelt as %20 is. */
function credentials(username: string, password: string): (readonly [string, string])[] {
  if (username === "" && password === "") return [];
  const bytes = `${username}:${password}`.replace(
    /%([\da-f]{2})/gi,
    (_, code) => String.fromCharCode(parseInt(code, 16)),
  );
  return [["Authorization", `Basic ${btoa(bytes)}`]];
}

/** What an odd server answers may be what it was asked, and the path of that may be secret. */
function withoutQuotes(reason: string): string {
  return reason.replace(/"[^]*"/, "…");
}
