/** Runs programs: arguments as an array and never through a shell, in the C locale, within limits. */

import { CommandError, UnsupportedError } from "../../errors.ts";

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  /** Default: 30 seconds. */
  readonly timeoutMs?: number;
  /** How much of each stream is taken before the program is ended. Default: 64 MB. */
  readonly maxOutputBytes?: number;
  /** Exit statuses that are no failure. Default: 0 alone. */
  readonly expect?: readonly number[];
}

export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What implementations by programs are given to run them with; tests give a table of answers. */
export interface Runner {
  /**
   * Runs the program to its end. Throws CommandError where it fails, is ended or says too much, and
   * UnsupportedError where it is not installed.
   */
  run(argv: readonly [string, ...string[]], options?: RunOptions): Promise<RunResult>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_OUTPUT_BYTES = 64 << 20;

/** Which Debian package has a program. */
const PACKAGES: Readonly<Record<string, string>> = {
  ipvsadm: "ipvsadm",
  ipset: "ipset",
  iptables: "iptables",
  ip6tables: "iptables",
  ip: "iproute2",
  modprobe: "kmod",
};

/** Where administrators' programs are, which the PATH of a user or of a service may leave out. */
const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

export class ProcessRunner implements Runner {
  readonly #path: string;

  /** `path` is where programs are looked for. */
  constructor(path: string = SYSTEM_PATH) {
    this.#path = path;
  }

  async run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
    const limit = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const child = await this.#spawn(argv, options.stdin !== undefined);
    let ended: string | undefined;
    const end = (why: string) => {
      ended ??= why;
      try {
        child.kill("SIGKILL");
      } catch {
        // It has just ended by itself.
      }
    };
    const timer = setTimeout(() => end(`it took longer than ${timeoutMs} ms`), timeoutMs);
    try {
      const tooMuch = () => end(`it said more than ${limit} bytes`);
      const [, stdout, stderr, status] = await Promise.all([
        options.stdin === undefined ? undefined : writeAll(child.stdin, options.stdin),
        readAll(child.stdout, limit, tooMuch),
        readAll(child.stderr, limit, tooMuch),
        child.status,
      ]);
      const result = { status: status.code, stdout, stderr };
      const expected = options.expect ?? [0];
      if (ended === undefined && status.signal === null && expected.includes(status.code)) {
        return result;
      }
      throw failure(argv, ended ?? describeStatus(status), {
        ...result,
        exit: ended === undefined && status.signal === null ? status.code : null,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #spawn(
    argv: readonly [string, ...string[]],
    withInput: boolean,
  ): Promise<Deno.ChildProcess> {
    const [program, ...args] = argv;
    const file = await this.#find(program);
    try {
      return new Deno.Command(file, {
        args,
        clearEnv: true,
        env: { LC_ALL: "C", PATH: this.#path },
        stdin: withInput ? "piped" : "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) throw notInstalled(program, cause);
      throw new CommandError(
        `run ${program}: ${(cause as Error).message}`,
        argv,
        null,
        "",
        undefined,
        {
          op: `run ${program}`,
          cause,
        },
      );
    }
  }

  /** The first such file on the path. */
  async #find(program: string): Promise<string> {
    if (program.includes("/")) return program;
    for (const folder of this.#path.split(":")) {
      const file = `${folder}/${program}`;
      const info = await Deno.stat(file).catch(() => undefined);
      if (info?.isFile && ((info.mode ?? 0o111) & 0o111) !== 0) return file;
    }
    throw notInstalled(program);
  }
}

function notInstalled(program: string, cause?: unknown): UnsupportedError {
  const name = program.slice(program.lastIndexOf("/") + 1);
  const owner = PACKAGES[name];
  return new UnsupportedError(`run ${program}: there is no such program`, name, {
    op: `run ${name}`,
    hint: owner === undefined ? `install ${name}` : `install it: apt-get install ${owner}`,
    ...(cause !== undefined && { cause }),
  });
}

function describeStatus(status: Deno.CommandStatus): string {
  return status.signal === null ? `exit status ${status.code}` : `ended by signal ${status.signal}`;
}

function failure(
  argv: readonly [string, ...string[]],
  why: string,
  result: { readonly exit: number | null; readonly stderr: string },
): CommandError {
  const said = result.stderr.trim().replace(/\s*\n\s*/g, "; ");
  const message = `run ${argv.join(" ")}: ${why}${said === "" ? "" : `: ${said}`}`;
  return new CommandError(message, argv, result.exit, result.stderr, undefined, {
    op: `run ${argv[0]}`,
  });
}

async function writeAll(
  stream: WritableStream<Uint8Array>,
  input: string | Uint8Array,
): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input);
    await writer.close();
  } catch {
    // A program that ends without reading all of its input says by its status whether that was right.
    await writer.abort().catch(() => {});
  }
}

async function readAll(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  tooMuch: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limit) tooMuch();
    else text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
