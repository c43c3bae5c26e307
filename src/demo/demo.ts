/** `lvscare demo`: a server stops and comes back under load, and nobody who asks notices. */

import { SILENT_NOTIFIER } from "../care/notify.ts";
import { type CareWorld, runCare } from "../care/run.ts";
import type { CareConfig } from "../config/care.ts";
import { readCareConfig } from "../config/read_care.ts";
import { LvscareError, SyscallError } from "../errors.ts";
import { configureLogs } from "../log.ts";
import { parseAddress } from "../model/address.ts";
import { type Endpoint, printEndpoint } from "../model/endpoint.ts";
import { errnoOf } from "../state/failure.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";
import { DemoClient } from "./client.ts";
import { Screen, type ScreenOptions } from "./screen.ts";
import { DemoServer, pause } from "./server.ts";

export interface DemoOptions {
  /** Stay when the story is over. */
  readonly keep: boolean;
  /** Real IPVS instead of the embedded proxy. */
  readonly kernel: boolean;
}

export interface DemoWorld extends ScreenOptions {
  readonly care: Omit<CareWorld, "onSignal" | "openNotifier" | "out">;
  onSignal: CareWorld["onSignal"];
}

const PER_SECOND = 100;
const STEADY_MS = 3000;
const LOOK_MS = 100;
const HOST = parseAddress("127.0.0.1")!;
/** For documentation (RFC 5737): nobody has it. */
const KERNEL_ADDRESS = parseAddress("198.51.100.80")!;
const KERNEL_DEVICE = "lvscare-demo";

/** Tells the story, and gives the exit status: 0 if no request failed and the counts add up. */
export async function runDemo(options: DemoOptions, world: DemoWorld): Promise<number> {
  const screen = new Screen(world);
  const stateDir = await makeFolder();
  const servers = ["a", "b", "c"].map((name) => new DemoServer(name, HOST));
  try {
    const flags = flagsOf(options, servers, stateDir);
    const { config } = readCareConfig({ flags, words: [], env: () => undefined, hosts: "" });
    return await new Demo(options, world, screen, servers, config).run(flags);
  } finally {
    for (const server of servers) await server.end();
    await Deno.remove(stateDir, { recursive: true });
  }
}

/** For what it remembers, which goes with it. */
async function makeFolder(): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix: "lvscare-demo-" });
  } catch (cause) {
    // The runtime keeps everybody out of /dev, /proc and /sys.
    const errno = cause instanceof Deno.errors.NotCapable ? "EACCES" : errnoOf(cause);
    if (errno === undefined) throw cause;
    const why = `${errnoMeaning(errnoNumber(errno)!)} (${errno})`;
    throw new SyscallError(
      `demo: cannot make a folder for temporary files: ${why}`,
      "mkdir",
      errno,
      {
        op: "demo",
        hint: "name a folder that can be written to: TMPDIR=/run lvscare demo",
        cause,
      },
    );
  }
}

function flagsOf(
  { kernel }: DemoOptions,
  servers: readonly DemoServer[],
  stateDir: string,
): Map<string, readonly string[]> {
  const virtual: Endpoint = kernel
    ? { address: KERNEL_ADDRESS, port: 80 }
    : { address: HOST, port: freePort() };
  const flags: Record<string, string> = {
    vs: printEndpoint(virtual),
    rs: servers.map(({ endpoint }) => printEndpoint(endpoint)).join(","),
    dataplane: kernel ? "kernel" : "embedded",
    ...(kernel ? { mode: "link", iface: KERNEL_DEVICE } : { mode: "" }),
    "health-schem": "http",
    interval: "200ms",
    drain: "true",
    "state-dir": stateDir,
  };
  return new Map(Object.entries(flags).map(([name, value]) => [name, [value]]));
}

function freePort(): number {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  listener.close();
  return listener.addr.port;
}

class Demo {
  readonly #options: DemoOptions;
  readonly #world: DemoWorld;
  readonly #screen: Screen;
  readonly #servers: readonly DemoServer[];
  readonly #config: CareConfig;
  readonly #startedMs = performance.now();
  /** Somebody wants it to end. */
  readonly #ending = Promise.withResolvers<void>();
  #isEnding = false;
  readonly #ready = Promise.withResolvers<void>();
  #stopCare: () => void = () => {};

  constructor(
    options: DemoOptions,
    world: DemoWorld,
    screen: Screen,
    servers: readonly DemoServer[],
    config: CareConfig,
  ) {
    this.#options = options;
    this.#world = world;
    this.#screen = screen;
    this.#servers = servers;
    this.#config = config;
  }

  async run(flags: ReadonlyMap<string, readonly string[]>): Promise<number> {
    const screen = this.#screen;
    this.#watchSignals();
    screen.line(
      `Three servers, a virtual server before them, and ${PER_SECOND} requests a second. It runs`,
    );
    screen.line(`  ${commandLine(flags)}`);
    screen.line();
    const write = (line: string) => screen.line(`  | ${line.trimEnd()}`);
    configureLogs({ ...this.#config.log, write });
    const care = this.#care();
    try {
      await Promise.race([this.#ready.promise, this.#ending.promise, care]);
      const client = new DemoClient(this.#config.virtualServer, PER_SECOND);
      await this.#tell(client);
      await client.stop();
      screen.move("");
      const status = this.#sum(client);
      if (this.#options.keep && !this.#isEnding) await this.#stay();
      return status;
    } finally {
      this.#stopCare();
      await care;
      if (this.#options.kernel) {
        await runCare({ ...this.#config, clean: true }, [], this.#careWorld());
      }
    }
  }

  async #tell(client: DemoClient): Promise<void> {
    const screen = this.#screen;
    const b = this.#servers[1]!;
    const counting = this.#count(client);
    await this.#pause(STEADY_MS);
    if (!this.#isEnding) {
      screen.line(`b is to stop: it fails its checks from now on, and answers whoever comes.`);
      await Promise.race([b.stop(), this.#ending.promise]);
    }
    if (!this.#isEnding) {
      screen.line(`b has stopped: nobody came any more, and ${b.open} requests are left.`);
      await this.#pause(STEADY_MS);
    }
    if (!this.#isEnding) {
      screen.line("b starts again.");
      b.start();
      await this.#pause(STEADY_MS);
    }
    await counting();
  }

  /** Shows how many each answered in the last second: every second as a line, or all the time in one that moves. */
  #count(client: DemoClient): () => Promise<void> {
    const started = performance.now();
    const { isTerminal } = this.#screen;
    const everyMs = isTerminal ? LOOK_MS : 1000;
    const seen: number[][] = [];
    let isOver = false;
    const counting = (async () => {
      while (!isOver) {
        const now = this.#servers.map(({ name }) => client.answersOf(name));
        seen.push(now);
        const before = seen.at(-1 - 1000 / everyMs) ?? seen[0]!;
        const last = now.map((count, i) => count - before[i]!);
        if (isTerminal) this.#screen.move(this.#status(client, last, started));
        else if (seen.length > 1) this.#screen.line(this.#status(client, last, started));
        const dueMs = started + seen.length * everyMs;
        await this.#pause(dueMs - performance.now());
        if (this.#isEnding) return;
      }
    })();
    return async () => {
      isOver = true;
      await counting;
    };
  }

  #status({ failures }: DemoClient, last: readonly number[], startedMs: number): string {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0).padStart(2);
    const counts = this.#servers.map(({ name }, i) => {
      const count = last[i] ?? 0;
      const bar = this.#screen.isTerminal ? ` ${"▇".repeat(count / 10).padEnd(5)}` : "";
      return `${name} ${`${count}`.padStart(4)}${bar}`;
    });
    return `${seconds} s   ${counts.join("   ")}   failed ${failures.length}`;
  }

  #sum(client: DemoClient): number {
    const screen = this.#screen;
    const { sent, failures } = client;
    const counts = this.#servers.map(({ name }) => `${name} ${client.answersOf(name)}`);
    const answered = this.#servers.reduce((sum, { name }) => sum + client.answersOf(name), 0);
    const told = this.#servers.reduce((sum, server) => sum + server.answered, 0);
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1);
    screen.line();
    screen.line(`${sent} requests: ${counts.join(", ")}, failed ${failures.length} (${seconds} s)`);
    for (const reason of new Set(failures)) screen.line(`  failed: ${reason}`);
    const isRight = answered + failures.length === sent && told === answered;
    if (!isRight) screen.line(`these do not add up: the servers have counted ${told}`);
    return isRight && failures.length === 0 ? 0 : 1;
  }

  async #stay(): Promise<void> {
    const address = printEndpoint(this.#config.virtualServer);
    this.#screen.line();
    this.#screen.line(`It stays until Ctrl-C. Try: curl http://${address}/`);
    await this.#ending.promise;
  }

  async #care(): Promise<void> {
    const status = await runCare(this.#config, [], this.#careWorld());
    if (status !== 0) throw new LvscareError("demo: care has ended by itself");
  }

  #careWorld(): CareWorld {
    return {
      ...this.#world.care,
      openNotifier: () => ({
        ...SILENT_NOTIFIER,
        ready: () => {
          this.#ready.resolve();
          return true;
        },
      }),
      out: (text) => this.#screen.line(text.trimEnd()),
      onSignal: (signal, body) => {
        if (signal === "SIGTERM") this.#stopCare = body;
        return { [Symbol.dispose]: () => {} };
      },
    };
  }

  #watchSignals(): void {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      this.#world.onSignal(signal, () => {
        if (this.#isEnding) this.#world.care.exit(1);
        this.#isEnding = true;
        this.#ending.resolve();
      });
    }
  }

  #pause(ms: number): Promise<void> {
    return Promise.race([pause(ms), this.#ending.promise]);
  }
}

function commandLine(flags: ReadonlyMap<string, readonly string[]>): string {
  const words = [...flags].filter(([name]) => name !== "state-dir").map(([name, [value = ""]]) =>
    value === "true" ? `--${name}` : `--${name} ${value === "" ? '""' : value}`
  );
  return `lvscare care ${words.join(" ")}`;
}
