/** What a program sends to the kernel over netlink and what comes back, as bytes, seen by strace. */

export interface Captured {
  readonly sent: readonly string[];
  readonly received: readonly string[];
}

export interface Fixture extends Captured {
  /** The program and its arguments. */
  readonly command: readonly string[];
}

/** A file of fixtures: which tool on which kernel they were captured from. */
export interface FixtureFile {
  readonly tool: string;
  readonly kernel: string;
  readonly fixtures: readonly Fixture[];
}

/** Runs a program under strace and gives the datagrams of its sockets, as hexadecimal text. */
export async function capture(command: readonly string[]): Promise<Captured> {
  const log = await Deno.makeTempFile();
  const { success, stderr } = await new Deno.Command("strace", {
    args: [
      ...[
        "-f",
        "-q",
        "-o",
        log,
        "-e",
        "trace=sendmsg,sendto,recvmsg,recvfrom",
        "-e",
        "signal=none",
      ],
      ...["-e", "read=all", "-e", "write=all", "-s", "0", ...command],
    ],
    stdin: "null",
    stdout: "null",
    env: { LC_ALL: "C" },
  }).output();
  const text = await Deno.readTextFile(log);
  await Deno.remove(log);
  if (!success) {
    throw new Error(`${command.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
  }
  return readTrace(text);
}

/** Datagrams from strace's log: a line a call, then a dump of its buffers. */
function readTrace(text: string): Captured {
  const sent: string[] = [];
  const received: string[] = [];
  let into: string[] | undefined;
  let open = false;
  for (const line of text.split("\n")) {
    const call = /^(?:\d+ +)?(send|recv)(?:msg|to|from)\(.* = (-?\d+)/.exec(line);
    if (call) {
      // A look ahead shows what is read again by the next call.
      const counts = Number(call[2]) > 0 && !line.includes("MSG_PEEK");
      into = counts ? (call[1] === "send" ? sent : received) : undefined;
      open = false;
      continue;
    }
    const dump = /^ \| [0-9a-f]{5,} {2}((?:[0-9a-f]{2} {1,2})+)/.exec(line);
    if (!dump || !into) continue;
    const bytes = dump[1]!.replaceAll(" ", "");
    if (open) into[into.length - 1] += bytes;
    else into.push(bytes);
    open = true;
  }
  return { sent, received };
}
