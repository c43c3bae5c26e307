/** A small HTTP server that says its name, and stops as servers should: first it fails its check. */

import type { Address } from "../model/address.ts";
import type { Endpoint } from "../model/endpoint.ts";

/** Some answers take their time, so that there is something to finish when it stops. */
const SLOW_EVERY = 10;
const SLOW_MS = 400;
/** A server that nobody has asked for so long has been taken out. */
const QUIET_MS = 600;
const LOOK_MS = 50;

export class DemoServer {
  readonly name: string;
  /** Requests that it answered, without checks. */
  answered = 0;
  #endpoint: Endpoint;
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  #isStopping = false;
  #open = 0;
  #askedAtMs = 0;

  constructor(name: string, address: Address) {
    this.name = name;
    this.#endpoint = { address, port: 0 };
    this.start();
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Requests under way. */
  get open(): number {
    return this.#open;
  }

  /** Also after a stop, at the same port. */
  start(): void {
    const { address, port } = this.#endpoint;
    this.#isStopping = false;
    this.#server = Deno.serve(
      { hostname: address, port, onListen: () => {} },
      (request) => this.#answer(request),
    );
    this.#endpoint = { address, port: this.#server.addr.port };
  }

  /** Fails its check, answers whoever comes all the same, and ends when nobody comes any more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#askedAtMs = performance.now();
    while (this.#open > 0 || performance.now() - this.#askedAtMs < QUIET_MS) await pause(LOOK_MS);
    await this.end();
  }

  /** Ends when what is under way is answered. */
  async end(): Promise<void> {
    await this.#server?.shutdown();
    this.#server = undefined;
  }

  async #answer(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === "/healthz") {
      return new Response("", { status: this.#isStopping ? 503 : 200 });
    }
    this.#askedAtMs = performance.now();
    this.#open++;
    try {
      if (this.answered++ % SLOW_EVERY === 0) await pause(SLOW_MS);
      return new Response(`${this.name}\n`, { headers: { connection: "close" } });
    } finally {
      this.#open--;
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
