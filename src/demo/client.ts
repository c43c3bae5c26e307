/** Asks at a steady rate, over a new connection each time, and counts who answers. */

import type { Endpoint } from "../model/endpoint.ts";

const REQUEST = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n",
);

/** Longer than any answer takes. */
const PATIENCE_MS = 5000;

async function request({ address, port }: Endpoint): Promise<string> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const connection = await Deno.connect({ hostname: address, port, signal });
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await connection.write(REQUEST);
    return await new Response(connection.readable).text();
  } finally {
    signal.removeEventListener("abort", close);
  }
}

export class DemoClient {
  readonly #target: Endpoint;
  readonly #everyMs: number;
  readonly #open = new Set<Promise<void>>();
  readonly #answers = new Map<string, number>();
  readonly #running: Promise<void>;
  #isOver = false;
  sent = 0;
  /** Why, in the client's words. */
  readonly failures: string[] = [];

  constructor(target: Endpoint, perSecond: number) {
    this.#target = target;
    this.#everyMs = 1000 / perSecond;
    this.#running = this.#run();
  }

  /** How many answers came from the server of that name. */
  answersOf(name: string): number {
    return this.#answers.get(name) ?? 0;
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await Promise.all(this.#open);
  }

  async #run(): Promise<void> {
    const startedMs = performance.now();
    while (!this.#isOver) {
      const request = this.#ask();
      this.#open.add(request);
      request.finally(() => this.#open.delete(request));
      const dueMs = startedMs + ++this.sent * this.#everyMs;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
    }
  }

  async #ask(): Promise<void> {
    try {
      const answer = await request(this.#target);
      const name = answer.trim().split("\n").at(-1) ?? "";
      if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`answer ${JSON.stringify(answer)}`);
      this.#answers.set(name, this.answersOf(name) + 1);
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
    }
  }
}
