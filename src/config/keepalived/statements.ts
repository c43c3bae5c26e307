/** Statements and blocks, put together from their words and braces. */

import { type Origin, printOrigin, type Report } from "../files/report.ts";
import { quote } from "../given.ts";
import type { Line } from "./line.ts";
import type { Word } from "./words.ts";

const DEPTH_LIMIT = 50;

export interface Statement {
  readonly words: readonly [Word, ...Word[]];
  /** Undefined where it opens none. */
  readonly block: readonly Statement[] | undefined;
  /** All of its words as they were written, for escapedWords(). */
  readonly line: Line;
}

interface Filling {
  readonly words: readonly [Word, ...Word[]];
  block: Statement[] | undefined;
  readonly line: Line;
}

interface Open {
  readonly list: Statement[];
  /** What it is the block of; undefined for the top and for blocks of nothing. */
  readonly owner: Filling | undefined;
  /** Where its brace is. */
  readonly origin: Origin | undefined;
}

export class StatementBuilder {
  readonly #report: Report;
  readonly #top: Open = { list: [], owner: undefined, origin: undefined };
  readonly #open: Open[] = [this.#top];
  /** Deeper ones are counted, not kept. */
  #tooDeep = 0;
  /** The last statement, as long as a block can follow. */
  #last: Filling | undefined;
  #passedOver: Origin | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  /** The first words of the statements around the next one. */
  get path(): readonly string[] {
    return this.#open.slice(1).map(({ owner }) => owner?.words[0].text ?? "");
  }

  add(words: readonly [Word, ...Word[]], line: Line): void {
    this.#last = { words, block: undefined, line };
    if (this.#tooDeep === 0) this.#open.at(-1)!.list.push(this.#last);
  }

  open(origin: Origin): void {
    const owner = this.#last;
    this.#last = undefined;
    if (this.#tooDeep > 0 || this.#open.length > DEPTH_LIMIT) {
      if (this.#tooDeep++ === 0) this.#report.add(origin, `nests more than ${DEPTH_LIMIT} deep`);
      return;
    }
    if (!owner) this.#report.add(origin, "{ stands behind no word, must open somebody's block");
    const list: Statement[] = [];
    if (owner) owner.block = list;
    this.#open.push({ list, owner, origin });
  }

  close(origin: Origin): void {
    this.#last = undefined;
    if (this.#tooDeep > 0) this.#tooDeep--;
    else if (this.#open.length > 1) this.#open.pop();
    else {
      const brace = this.#passedOver && printOrigin(this.#passedOver);
      const why = brace === undefined
        ? ""
        : ` (the condition of ${brace} leaves out that line with its brace, but no others)`;
      this.#report.add(origin, `} closes no block${why}`);
    }
  }

  /** Remembers a line that does not count but would have opened a block: its end is then one too many. */
  passOver(origin: Origin): void {
    this.#passedOver = origin;
  }

  end(): readonly Statement[] {
    for (const { owner, origin } of this.#open) {
      if (!origin) continue;
      const whose = owner === undefined ? "" : ` of ${quote(owner.words[0].text)}`;
      this.#report.add(origin, `has no } for the {${whose}`);
    }
    return this.#top.list;
  }
}
