/** The two ends of a codec: a buffer that grows as it is written, and bytes with a view to read them by. */

/** Bytes to be decoded, with the DataView that all readers of one message share. */
export class Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Grows by doubling and is used again after `reset()`: thousands of messages cost one allocation. */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Valid until the next `reserve`, which may move the bytes. */
  get view(): DataView {
    return this.#view;
  }

  /** Makes room for `size` bytes, which the caller writes all of, and says where they begin. */
  reserve(size: number): number {
    const start = this.#length;
    const end = start + size;
    if (end > this.#bytes.length) this.#grow(end);
    this.#length = end;
    return start;
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /** Writes zeros up to the next multiple of `alignment`, counted from `origin`. */
  pad(alignment: number, origin: number): void {
    const over = (this.#length - origin) % alignment;
    if (over === 0) return;
    const start = this.reserve(alignment - over);
    this.#bytes.fill(0, start, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  /** Cuts off what was written after `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** What was written, without a copy: valid until something else is written. */
  peek(start = 0): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(start, this.#length);
  }

  /** A copy of what was written. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(atLeast: number): void {
    const bytes = new Uint8Array(Math.max(atLeast, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
