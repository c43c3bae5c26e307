interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What the guest's init must know; it reads it as a shell script over the control port. */
export interface Job {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder to run in, the same on host and guest. */
  readonly directory: string;
  /** The kernel's release, and the host's folder that is to be its /lib/modules/RELEASE. */
  readonly release: string;
  readonly modules: string;
  /** Whether there is a folder that carries files out. */
  readonly out: boolean;
  /** The size of the terminal of an interactive job; any other has three streams. */
  readonly terminal?: TerminalSize;
}

/** The words that tell stty. */
export function terminalSize({ rows, columns }: TerminalSize): string {
  return `rows ${rows} cols ${columns}`;
}

export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * `env` of the host's root executes the program: its environment is exactly the given one, and a
 * program that is not found gives 127, one that cannot be executed 126.
 */
export function encodeJob(job: Job): string {
  const settings = {
    directory: job.directory,
    release: job.release,
    modules: job.modules,
    out: job.out ? "yes" : "",
    terminal: job.terminal ? terminalSize(job.terminal) : "",
  };
  const variables = Object.entries(job.env).map(([name, value]) => `${name}=${value}`);
  return [
    ...Object.entries(settings).map(([name, value]) => `${name}=${shellQuote(value)}`),
    "run_job() {",
    `  exec /usr/bin/env -i ${[...variables, ...job.argv].map(shellQuote).join(" ")}`,
    "}",
    "",
  ].join("\n");
}

/** The job's end as init tells it: its exit status and how many bytes it wrote to each stream. */
export interface JobEnd {
  readonly status: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/** Reads "exit STATUS STDOUT STDERR"; undefined until the whole line is there. */
export function parseJobEnd(text: string): JobEnd | undefined {
  const found = /^exit (\d+) (\d+) (\d+)\n/m.exec(text);
  if (found === null) return undefined;
  const [status = 0, stdoutBytes = 0, stderrBytes = 0] = found.slice(1).map(Number);
  return { status, stdoutBytes, stderrBytes };
}
