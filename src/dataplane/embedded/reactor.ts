/** Tells the owners of sockets what happened to them, in turns beside everything else that this thread does. */

import { Epoll } from "../../sys/epoll.ts";

/** Who has a socket. */
export interface Watcher {
  /** What happened to it, as bits of sys/epoll.ts. Each event comes once. */
  onReady(events: number): void;
  /** It has thrown something, which is a defect: ends what it was about. */
  onDefect?(): void;
}

/** Who has left something for later. */
export interface Unfinished {
  onTurn(): void;
  onDefect?(): void;
}

/** As long as something happened this recently, the next event is waited for without a change of threads. */
const BUSY_MS = 3;
/** Timers and probes have their turn at least this often. */
const TURN_MS = 1;

export class Reactor {
  readonly #epoll = new Epoll<Watcher>();
  #unfinished: Unfinished[] = [];
  readonly #onError: (error: unknown) => void;
  #isClosed = false;
  readonly #over: Promise<void>;

  /** Whatever a watcher throws is told, and the others go on. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
    this.#over = this.#run();
  }

  /** False where the kernel has no memory for it. */
  watch(fd: number, events: number, watcher: Watcher): boolean {
    return this.#epoll.add(fd, events, watcher);
  }

  /** To be called before the socket is closed. */
  forget(fd: number): void {
    this.#epoll.forget(fd);
  }

  /** Calls back when all others have had their turn. */
  later(unfinished: Unfinished): void {
    this.#unfinished.push(unfinished);
  }

  /** Nobody is told of anything any more. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#epoll.ring();
    }
    await this.#over;
  }

  async #run(): Promise<void> {
    let busyAt = performance.now();
    let turnAt = busyAt;
    while (!this.#isClosed) {
      const isBusy = performance.now() - busyAt < BUSY_MS;
      const count = this.#unfinished.length > 0
        ? this.#epoll.wait(0)
        : isBusy
        ? this.#epoll.wait(TURN_MS)
        : await this.#epoll.rest();
      if (this.#isClosed) break;
      if (count > 0 || this.#unfinished.length > 0) busyAt = performance.now();
      this.#dispatch(count);
      this.#finish();
      if (performance.now() - turnAt < TURN_MS) continue;
      await new Promise((resolve) => setImmediate(resolve));
      turnAt = performance.now();
    }
    this.#epoll.close();
  }

  #dispatch(count: number): void {
    for (let i = 0; i < count; i++) {
      const watcher = this.#epoll.owner(i);
      if (watcher) this.#guard(watcher, () => watcher.onReady(this.#epoll.events(i)));
    }
  }

  #finish(): void {
    if (this.#unfinished.length === 0) return;
    const turns = this.#unfinished;
    this.#unfinished = [];
    for (const each of turns) this.#guard(each, () => each.onTurn());
  }

  #guard(owner: Watcher | Unfinished, body: () => void): void {
    try {
      body();
    } catch (error) {
      this.#onError(error);
      owner.onDefect?.();
    }
  }
}
