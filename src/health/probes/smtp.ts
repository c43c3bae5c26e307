/** A mail server's greeting, and what it answers to ours; also encrypted. */

import type { SmtpCheck } from "../../config/check.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import { ownHeader } from "../../wire/proxy_protocol.ts";
import { ProbeFailure } from "./failure.ts";
import { malformed, quote } from "./http_message.ts";
import type { Probe, Trace } from "./probe.ts";
import { openPlain } from "./socket_wire.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import { TlsClient } from "./tls_wire.ts";
import type { Wire } from "./wire.ts";

/** Of one reply no more is read. */
const REPLY_LIMIT = 64 << 10;

export function smtpProbe(check: SmtpCheck, tools: ProbeTools): Probe {
  const tls = new TlsClient(check.tls, tools.caCerts);
  const preface = tools.proxyProtocol && ownHeader(tools.proxyProtocol);
  return timedProbe(check, tools, {
    describe: (target) => `smtp ${printEndpoint(target)}`,
    ask: async (attempt) => {
      await converse(check, tls, preface, attempt);
      return GOOD;
    },
  });
}

async function converse(
  { security, helo, source }: SmtpCheck,
  tls: TlsClient,
  preface: Uint8Array | undefined,
  { target: { address: hostname, port }, signal, trace }: Attempt,
): Promise<void> {
  const secure = (wire: Wire) => tls.secure(wire, { serverName: hostname, signal, trace });
  const plain = await openPlain({ hostname, port, source, preface, signal, trace });
  using first = security === "tls" ? await secure(plain) : plain;
  const talk = new Conversation(first, trace);
  await talk.expect("the greeting", 220);
  const extensions = await talk.greet(helo, security !== "starttls");
  if (security !== "starttls") return await talk.quit();
  if (!extensions.some((line) => /^STARTTLS$/i.test(line))) {
    throw new ProbeFailure("the server offers no STARTTLS");
  }
  await talk.say("STARTTLS", 220);
  // What was sent before it was encrypted could be anybody's.
  if (!talk.isQuiet) throw malformed("something stands behind the answer to STARTTLS");
  using second = await secure(first);
  const secret = new Conversation(second, trace);
  await secret.say(`EHLO ${helo}`, 250);
  await secret.quit();
}

class Conversation {
  readonly #wire: Wire;
  readonly #trace: Trace | undefined;
  #text = "";
  /** The line that came last. */
  #last = "";

  constructor(wire: Wire, trace: Trace | undefined) {
    this.#wire = wire;
    this.#trace = trace;
  }

  /** Nothing has come that was not asked for. */
  get isQuiet(): boolean {
    return this.#text === "";
  }

  async say(command: string, code: number): Promise<readonly string[]> {
    this.#trace?.(`> ${command}`);
    await this.#wire.write(new TextEncoder().encode(`${command}\r\n`));
    return await this.expect(`the answer to ${command.split(" ", 1)[0]}`, code);
  }

  /** A server of old may know the short greeting alone, which has no extensions. */
  async greet(helo: string, mayBeShort: boolean): Promise<readonly string[]> {
    try {
      return await this.say(`EHLO ${helo}`, 250);
    } catch (error) {
      const isUnknown = mayBeShort && /^50[02]/.test(this.#last);
      if (!isUnknown) throw error;
      return await this.say(`HELO ${helo}`, 250);
    }
  }

  /** The lines of a reply without their code, which must be that one. */
  async expect(what: string, code: number): Promise<readonly string[]> {
    const lines: string[] = [];
    for (let size = 0; size < REPLY_LIMIT;) {
      const line = this.#last = await this.#line();
      size += line.length;
      this.#trace?.(`< ${line}`);
      const match = /^(\d{3})(?:([ -])(.*))?$/.exec(line);
      if (!match) throw malformed(`${what} is ${quote(line)}, must begin with a code`);
      if (Number(match[1]) !== code) {
        throw new ProbeFailure(`${what} is ${quote(line)}, must be ${code}`);
      }
      lines.push(match[3] ?? "");
      if (match[2] !== "-") return lines;
    }
    throw malformed(`${what} has more than ${REPLY_LIMIT >> 10} KiB`);
  }

  /** Goodbye; whether it is answered is nobody's matter any more. */
  async quit(): Promise<void> {
    this.#trace?.("> QUIT");
    await this.#wire.write(new TextEncoder().encode("QUIT\r\n")).catch(() => {});
  }

  async #line(): Promise<string> {
    const decoder = new TextDecoder();
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end).replace(/\r$/, "");
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#text.length > REPLY_LIMIT) {
        throw malformed(`a line has more than ${REPLY_LIMIT >> 10} KiB`);
      }
      const chunk = await this.#wire.read();
      if (!chunk) throw new ProbeFailure("connection closed before an answer");
      this.#text += decoder.decode(chunk, { stream: true });
    }
  }
}
