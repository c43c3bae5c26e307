/** The kernel's list of sockets that something happened to. */

import { socketLibrary } from "./sockets.ts";
import { syscallError } from "./libc.ts";

export const READABLE = 0x001;
export const WRITABLE = 0x004;
/** An error, which the socket itself tells. */
export const FAILED = 0x008;
/** Both directions are over. */
export const HUNG_UP = 0x010;
/** The other side writes no more. */
export const PEER_ENDED = 0x2000;
/** Tells of each event once, when it happens. */
const EDGE_TRIGGERED = 1 << 31;

const EPOLL_CTL_ADD = 1;
const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const BATCH = 512;

/** struct epoll_event is packed on x86-64 only: 32 bits of events, 64 of our own. */
const WORDS = Deno.build.arch === "x86_64" ? 3 : 4;

/** Each socket has an owner, to be told. */
export class Epoll<Owner> {
  readonly #library = socketLibrary();
  readonly #fd: number;
  /** Written to, it ends a wait. */
  readonly #bell: number;
  readonly #events = new Int32Array(BATCH * WORDS);
  readonly #one = new Int32Array(WORDS);
  /** By descriptor. */
  readonly #owners: (Owner | undefined)[] = [];
  /** The kernel gives a descriptor's number to the next socket at once; events of the last one are told by it. */
  readonly #stamps: number[] = [];
  #stamp = 0;

  constructor() {
    this.#fd = this.#library.epoll_create1(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw syscallError("epoll_create1", "sockets");
    this.#bell = this.#library.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (this.#bell < 0) {
      const error = syscallError("eventfd", "sockets");
      this.#library.close(this.#fd);
      throw error;
    }
    this.#control(this.#bell, 0, READABLE);
  }

  /**
   * From here on events of the socket come, each once. It leaves by itself when it is closed; its owner is to
   * be forgotten before. False where the kernel has no memory for it.
   */
  add(fd: number, events: number, owner: Owner): boolean {
    const stamp = this.#stamp = (this.#stamp + 1) | 0;
    if (!this.#control(fd, stamp, events)) return false;
    this.#owners[fd] = owner;
    this.#stamps[fd] = stamp;
    return true;
  }

  forget(fd: number): void {
    this.#owners[fd] = undefined;
  }

  #control(fd: number, stamp: number, events: number): boolean {
    const one = this.#one;
    one[0] = events | EDGE_TRIGGERED;
    one[WORDS - 2] = fd;
    one[WORDS - 1] = stamp;
    return this.#library.epoll_ctl(this.#fd, EPOLL_CTL_ADD, fd, one) === 0;
  }

  /** How many events there are, waiting for the first at most so long. */
  wait(ms: number): number {
    const count = this.#library.epoll_wait(this.#fd, this.#events, BATCH, ms);
    return count < 0 ? 0 : count;
  }

  /** The same in another thread, waiting as long as it takes. */
  async rest(): Promise<number> {
    const count = await this.#library.epoll_wait_later(this.#fd, this.#events, BATCH, -1);
    return count < 0 ? 0 : count;
  }

  /** Ends a rest(). */
  ring(): void {
    this.#library.write(this.#bell, new BigUint64Array([1n]), 8n);
  }

  events(index: number): number {
    return this.#events[index * WORDS]!;
  }

  /** Whose event it is; undefined where that socket is gone. */
  owner(index: number): Owner | undefined {
    const fd = this.#events[index * WORDS + WORDS - 2]!;
    const stamp = this.#events[index * WORDS + WORDS - 1]!;
    return this.#stamps[fd] === stamp ? this.#owners[fd] : undefined;
  }

  close(): void {
    this.#library.close(this.#bell);
    this.#library.close(this.#fd);
  }
}
