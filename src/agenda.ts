/** Things in the order in which they are due: a binary heap. */

export interface Due {
  dueMs: number;
}

export class Agenda<T extends Due> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** What is due next. */
  get next(): T | undefined {
    return this.#heap[0];
  }

  add(each: T): void {
    this.#heap.push(each);
    this.#rise(this.#heap.length - 1);
  }

  /** Takes what is due next out. */
  take(): T | undefined {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink(0);
    }
    return first;
  }

  /** Keeps those that it says, and forgets the others. */
  keep(isKept: (each: T) => boolean): void {
    const kept = this.#heap.filter(isKept);
    this.#heap.length = 0;
    for (const each of kept) this.add(each);
  }

  #rise(at: number): void {
    const heap = this.#heap;
    const each = heap[at]!;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.dueMs <= each.dueMs) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = each;
  }

  #sink(at: number): void {
    const heap = this.#heap;
    const each = heap[at]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.dueMs < heap[child]!.dueMs) child++;
      if (each.dueMs <= heap[child]!.dueMs) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = each;
  }
}
