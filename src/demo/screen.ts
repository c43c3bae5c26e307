/** Lines that stay, and on a terminal one below them that moves. */

export interface ScreenOptions {
  write(text: string): void;
  /** Undefined where it is no terminal. */
  readonly columns: number | undefined;
}

const CLEAR_LINE = "\r\x1b[K";

export class Screen {
  readonly #options: ScreenOptions;
  #moving = "";

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  get isTerminal(): boolean {
    return this.#options.columns !== undefined;
  }

  /** A line that stays. */
  line(text = ""): void {
    const { write } = this.#options;
    if (this.#moving === "") write(`${text}\n`);
    else write(`${CLEAR_LINE}${text}\n${this.#moving}`);
  }

  /** The line that moves, where there is a terminal; empty for none. */
  move(text: string): void {
    const { write, columns } = this.#options;
    if (columns === undefined) return;
    this.#moving = text.slice(0, columns - 1);
    write(`${CLEAR_LINE}${this.#moving}`);
  }
}
