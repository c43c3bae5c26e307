/** The netlink messages of a program, taken from what strace writes about it. */

const NLMSG_HDRLEN = 16;

export interface Exchange {
  /** Each message as hex digits; sequence numbers and ports, which differ each time, are zero. */
  readonly sent: readonly string[];
  readonly received: readonly string[];
  readonly status: number;
  readonly output: string;
}

/** Runs a program under strace, in a network namespace that `ip netns` knows. */
export async function traceNetlink(
  namespace: string,
  argv: readonly string[],
): Promise<Exchange> {
  const log = await Deno.makeTempFile({ prefix: "lvscare-strace-" });
  const calls = "trace=sendto,sendmsg,recvfrom,recvmsg";
  const strace = ["strace", "-o", log, "-e", calls, "-e", "read=all", "-e", "write=all"];
  try {
    const { code, stdout, stderr } = await new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...strace, ...argv],
      env: { LC_ALL: "C" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return {
      ...parseStrace(await Deno.readTextFile(log)),
      status: code,
      output: decoder.decode(stdout) + decoder.decode(stderr),
    };
  } finally {
    await Deno.remove(log);
  }
}

/** Reads strace's log: a line for each call, and below it the bytes that it carried. */
export function parseStrace(log: string): { sent: string[]; received: string[] } {
  const sent: string[] = [];
  const received: string[] = [];
  let messages: string[] | undefined;
  let digits = "";
  const finish = () => {
    messages?.push(...splitMessages(digits));
    digits = "";
  };
  for (const line of log.split("\n")) {
    const call = /^(send|recv)(?:to|from|msg)\(/.exec(line)?.[1];
    if (call !== undefined) {
      finish();
      messages = call === "send" ? sent : received;
    } else if (/^ \| [0-9a-f]{5} /.test(line)) {
      // By column: what stands on the right, as text, may look like digits too.
      digits += line.slice(10, 59).replaceAll(" ", "");
    }
  }
  finish();
  return { sent, received };
}

/** Programs send larger buffers than their messages; zeros follow the last one. */
function splitMessages(digits: string): string[] {
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const view = new DataView(bytes.buffer);
  const messages: string[] = [];
  for (let at = 0; at + NLMSG_HDRLEN <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > bytes.length - at) break;
    bytes.fill(0, at + 8, at + NLMSG_HDRLEN);
    messages.push(bytes.slice(at, at + length).toHex());
    at += (length + 3) & ~3;
  }
  return messages;
}
