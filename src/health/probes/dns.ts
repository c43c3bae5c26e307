/** A question to a name server. */

import type { DnsCheck } from "../../config/check.ts";
import { parseAddress } from "../../model/address.ts";
import { printEndpoint } from "../../model/endpoint.ts";
import {
  decodeDnsAnswer,
  DNS_TYPES,
  type DnsAnswer,
  dnsCodeName,
  type DnsQuestion,
  type DnsRecord,
  encodeDnsQuery,
} from "./dns_message.ts";
import { ProbeFailure } from "./failure.ts";
import { GrowingBytes } from "./growing_bytes.ts";
import { malformed } from "./http_message.ts";
import type { Probe } from "./probe.ts";
import { openPlain } from "./socket_wire.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import { openUdp } from "./udp.ts";

/** A server that answers others' questions without end is not listened to for long. */
const MOST_STRAY = 100;

export function dnsProbe(check: DnsCheck, tools: ProbeTools): Probe {
  const { name, record } = check;
  const type = DNS_TYPES[record] ?? Number(record.replace(/^TYPE/, ""));
  return timedProbe(check, tools, {
    describe: (target) => `dns ${name} ${record} at ${printEndpoint(target)}`,
    ask: async (attempt) => {
      const id = crypto.getRandomValues(new Uint16Array(1))[0]!;
      const question = { name, type, id, recursive: true };
      attempt.trace?.(`? ${name} ${record}, over ${check.transport}`);
      const ask = check.transport === "tcp" ? askOverTcp : askOverUdp;
      const answer = await ask(check, question, attempt);
      const { code, answers } = answer;
      attempt.trace?.([dnsCodeName(code), ...answers.map(({ text }) => text)].join(", "));
      judge(check, answer, type);
      return GOOD;
    },
  });
}

async function askOverUdp(
  check: DnsCheck,
  question: DnsQuestion,
  attempt: Attempt,
): Promise<DnsAnswer> {
  const answer = await askOnceOverUdp(check, question, attempt);
  if (!answer.truncated) return answer;
  attempt.trace?.("the answer is cut short, asking again over tcp");
  return await askOverTcp(check, question, attempt);
}

async function askOnceOverUdp(
  check: DnsCheck,
  question: DnsQuestion,
  attempt: Attempt,
): Promise<DnsAnswer> {
  using wire = openUdp(check, attempt);
  await wire.write(encodeDnsQuery(question));
  for (let stray = 0; stray < MOST_STRAY; stray++) {
    const bytes = await wire.read();
    const answer = decodeDnsAnswer(bytes ?? new Uint8Array(), question);
    if (answer) return answer;
  }
  throw malformed("it answers other questions");
}

/** Each message has its length before it. */
async function askOverTcp(
  { source }: DnsCheck,
  question: DnsQuestion,
  { target: { address: hostname, port }, signal, trace }: Attempt,
): Promise<DnsAnswer> {
  using wire = await openPlain({ hostname, port, source, signal, trace });
  const query = encodeDnsQuery(question);
  await wire.write(new Uint8Array([query.length >> 8, query.length & 0xff, ...query]));
  const taken = new GrowingBytes();
  for (let chunk = await wire.read(); chunk; chunk = await wire.read()) {
    taken.append(chunk);
    const { bytes } = taken;
    const length = bytes.length < 2 ? Infinity : 2 + (bytes[0]! << 8) + bytes[1]!;
    if (bytes.length < length) continue;
    const answer = decodeDnsAnswer(bytes.subarray(2, length), question);
    if (answer) return answer;
    throw malformed("it answers another question");
  }
  if (taken.length > 0) throw malformed("the connection ends before it does");
  throw new ProbeFailure("connection closed before an answer");
}

function judge({ codes, answers, emptyIsGood }: DnsCheck, answer: DnsAnswer, type: number): void {
  const code = dnsCodeName(answer.code);
  if (!codes.includes(code)) throw new ProbeFailure(`the answer is ${code}`);
  const isAsked = (record: DnsRecord) => type === DNS_TYPES["ANY"] || record.type === type;
  const texts = answer.answers.filter(isAsked).map(({ text }) => text);
  if (answers.length > 0) {
    const wanted = new Set(answers.map(comparable));
    if (texts.some((text) => wanted.has(comparable(text)))) return;
    const there = texts.length === 0 ? "no record" : texts.slice(0, 3).join(", ");
    throw new ProbeFailure(`the answer is ${there}, must be ${answers.join(" or ")}`);
  }
  // Other codes that are good as they are have none.
  if (texts.length > 0 || emptyIsGood || code !== "NOERROR") return;
  throw new ProbeFailure("the answer has no record");
}

/** Addresses in their shortest form, names without the dot at their end and without regard to case. */
function comparable(text: string): string {
  return parseAddress(text) ?? text.toLowerCase().replace(/\.$/, "");
}
