/** A ping. Root uses a raw socket where the host allows no other, users must be allowed one. */

import type { IcmpCheck } from "../../config/check.ts";
import { type Address, addressFamily, type Family, parseAddress } from "../../model/address.ts";
import { ProbeFailure, UnableError } from "./failure.ts";
import { decodeIcmp, encodeEcho } from "./icmp_message.ts";
import type { Probe } from "./probe.ts";
import { openDatagrams } from "./socket_wire.ts";
import { type Attempt, GOOD, type ProbeTools, timedProbe } from "./timed.ts";
import type { Wire } from "./wire.ts";

/** Bytes by which an answer is known, whatever id the kernel has given the question. */
const TOKEN_SIZE = 8;

export function icmpProbe(check: IcmpCheck, tools: ProbeTools): Probe {
  return timedProbe(check, tools, {
    describe: (target) => `ping ${target.address}`,
    ask: async (attempt) => {
      const address = parseAddress(attempt.target.address);
      if (address === undefined) throw new UnableError(`"${attempt.target.address}" is no address`);
      const family = addressFamily(address);
      const { wire: opened, isRaw } = open(address, check, attempt);
      using wire = opened;
      const payload = new Uint8Array(Math.max(check.size, TOKEN_SIZE));
      crypto.getRandomValues(payload.subarray(0, TOKEN_SIZE));
      const [id = 0, sequence = 0] = crypto.getRandomValues(new Uint16Array(2));
      attempt.trace?.(`echo request of ${payload.length} bytes, ${isRaw ? "raw" : "ping"} socket`);
      await wire.write(encodeEcho({ family, id, sequence, payload }));
      await awaitReply(wire, { family, isRaw, payload, id, sequence });
      attempt.trace?.("echo reply");
      return GOOD;
    },
  });
}

function open(
  address: Address,
  { source }: IcmpCheck,
  { signal }: Attempt,
): { readonly wire: Wire; readonly isRaw: boolean } {
  const options = { port: 0, source, signal };
  try {
    return { wire: openDatagrams("echo", address, options), isRaw: false };
  } catch (error) {
    if (!hasCode(error, "EACCES")) throw error;
  }
  try {
    return { wire: openDatagrams("raw echo", address, options), isRaw: true };
  } catch (error) {
    if (!hasCode(error, "EPERM")) throw error;
    throw new UnableError(
      "no socket for pings: must have CAP_NET_RAW, or a group within net.ipv4.ping_group_range",
    );
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

interface Ping {
  readonly family: Family;
  readonly isRaw: boolean;
  readonly payload: Uint8Array;
  readonly id: number;
  readonly sequence: number;
}

/** A raw socket gets everybody's messages from there. */
async function awaitReply(wire: Wire, { family, isRaw, payload, id, sequence }: Ping) {
  const hasIpHeader = isRaw && family === "ipv4";
  for (;;) {
    const bytes = await wire.read();
    if (!bytes) throw new ProbeFailure("an empty answer");
    const message = decodeIcmp(bytes, { family, hasIpHeader });
    if (message?.kind === "reply") {
      if (isSame(message.payload, payload)) return;
    } else if (message && message.kind !== "other") {
      const { request } = message;
      if (request?.id === id && request.sequence === sequence) {
        throw new ProbeFailure(message.reason);
      }
    }
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
