/**
 * What happens to the sockets of checks. A runtime's own connection costs several times as much as the
 * system calls under it, and checks are many and short.
 */

import { Epoll, READABLE, WRITABLE } from "../../sys/epoll.ts";

/** So many turns it takes, and more, until who was told that a socket is ready has done what there is to do. */
const TURNS = 30;

let shared: SocketPoll | undefined;

export function sharedPoll(): SocketPoll {
  return shared ??= new SocketPoll();
}

/** Runs only as long as there is a socket. */
class SocketPoll {
  readonly #epoll = new Epoll<() => void>();
  #active = 0;
  #isRunning = false;
  /** Another thread waits for the next event. */
  #isResting = false;

  /** Calls back whenever the socket may be read or written; false where the kernel has no memory for it. */
  watch(fd: number, onReady: () => void): boolean {
    if (!this.#epoll.add(fd, READABLE | WRITABLE, onReady)) return false;
    this.#active++;
    if (!this.#isRunning) void this.#run();
    return true;
  }

  /** To be called once, before the socket is closed. */
  forget(fd: number): void {
    this.#epoll.forget(fd);
    this.#active--;
    if (this.#active === 0 && this.#isResting) this.#epoll.ring();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#active > 0) {
      this.#dispatch(await this.#wait());
      for (let turn = 0; turn < TURNS; turn++) await null;
    }
    this.#isRunning = false;
  }

  async #wait(): Promise<number> {
    const count = this.#epoll.wait(0);
    if (count > 0) return count;
    this.#isResting = true;
    try {
      return await this.#epoll.rest();
    } finally {
      this.#isResting = false;
    }
  }

  #dispatch(count: number): void {
    for (let i = 0; i < count; i++) this.#epoll.owner(i)?.();
  }
}
