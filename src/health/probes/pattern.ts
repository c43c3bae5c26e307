/**
 * Regular expressions that take linear time on hostile text, where JavaScript's could hang.
 *
 * The way of Thompson and Pike: all that could match goes through the text at once, at each byte as
 * many steps at most as the pattern has instructions. Whether there is a match is told by an
 * automaton that is built as the text needs it, so that most bytes take one look into a table.
 * Who writes the pattern has the last word on time all the same: with thousands of repetitions
 * each byte can take thousands of steps.
 */

import {
  type ByteSet,
  type Counts,
  EDGE,
  KINDS,
  LAST_LINE_FEED,
  LINE_FEED,
  LINE_FEED_BYTE,
  type Node,
  OTHER,
  parsePattern,
  PatternError,
  type PatternOptions,
  WORD,
  WORD_BYTES,
} from "./pattern_syntax.ts";

export { PatternError, type PatternOptions };

export interface PatternMatch {
  readonly start: number;
  /** Behind its last byte. */
  readonly end: number;
}

/** It looks at bytes; what is not ASCII in its source are the bytes of UTF-8. */
export interface Pattern {
  /** Whether it matches anywhere. */
  test(bytes: Uint8Array): boolean;
  /**
   * The match that PCRE finds: the leftmost, and of those the one that it would try first, so that
   * quantifiers are greedy or lazy as written. Rarely the end is another, where a loop goes around
   * what can be empty. Assertions see what is before `from`.
   */
  search(bytes: Uint8Array, from?: number): PatternMatch | undefined;
}

/** Throws PatternError. To be called once a pattern: what a text needed is kept for the next one. */
export function compilePattern(source: string, options: PatternOptions = {}): Pattern {
  const program = new Assembler().assemble(parsePattern(source, options));
  return new Automaton(program, options.anchored ?? false);
}

/** Takes a byte of the set `arg` and goes on at `next`. */
const TAKE = 0;
/** Goes on at `next` and, less gladly, at `arg`. */
const SPLIT = 1;
/** The same for a loop, which is left when come to again without a byte between, as in PCRE. */
const LOOP = 2;
/** Goes on at `next` where the place in the text is one of `arg`. */
const PLACE = 3;
const MATCH = 4;

const MAX_INSTRUCTIONS = 20_000;

interface Program {
  readonly entry: number;
  readonly op: Uint8Array;
  readonly next: Uint16Array;
  readonly arg: Uint32Array;
  readonly alphabet: Alphabet;
}

/** Bytes that no set tells from each other are one symbol; the text's end is a symbol too. */
interface Alphabet {
  readonly symbols: Uint8Array;
  /** Of a line feed that is the text's last byte. */
  readonly lastLineFeed: number;
  readonly end: number;
  readonly size: number;
  /** Whether a set has a symbol, at `set * size + symbol`. */
  readonly accepts: Uint8Array;
  /** What a symbol is to an assertion that it stands behind, and to one that stands behind it. */
  readonly behind: Uint8Array;
  readonly before: Uint8Array;
}

/** Writes programs from their end, so that each instruction knows where to go on. */
class Assembler {
  readonly #op: number[] = [];
  readonly #next: number[] = [];
  readonly #arg: number[] = [];
  /** Assertions ask for the first two. */
  readonly #sets = new Map<ByteSet, number>([[LINE_FEED_BYTE, 0], [WORD_BYTES, 1]]);

  assemble(node: Node): Program {
    const entry = this.#node(node, this.#emit(MATCH, 0, 0));
    return {
      entry,
      op: Uint8Array.from(this.#op),
      next: Uint16Array.from(this.#next),
      arg: Uint32Array.from(this.#arg),
      alphabet: alphabetOf([...this.#sets.keys()]),
    };
  }

  #emit(op: number, next: number, arg: number): number {
    if (this.#op.length === MAX_INSTRUCTIONS) {
      const what = `compiles to more than ${MAX_INSTRUCTIONS} instructions`;
      throw new PatternError(`${what}: must be shorter or repeat less often`, 0);
    }
    this.#next.push(next);
    this.#arg.push(arg);
    return this.#op.push(op) - 1;
  }

  /** Where to enter what matches the node and then goes on at `next`. */
  #node(node: Node, next: number): number {
    switch (node.kind) {
      case "byte":
        return this.#emit(TAKE, next, this.#set(node.set));
      case "place":
        return this.#emit(PLACE, next, node.places);
      case "sequence":
        return node.items.reduceRight((entry, item) => this.#node(item, entry), next);
      case "choice":
        return this.#choice(node.items, next);
      case "repeat":
        return this.#repeat(node.item, node.counts, next);
    }
  }

  #choice(items: readonly Node[], next: number): number {
    const entries = items.map((item) => this.#node(item, next));
    return entries.reduceRight((others, first) => this.#emit(SPLIT, first, others));
  }

  #set(set: ByteSet): number {
    const known = this.#sets.get(set) ?? this.#sets.size;
    this.#sets.set(set, known);
    return known;
  }

  #repeat(item: Node, counts: Counts, next: number): number {
    const isEndless = counts.max === Infinity;
    let entry = isEndless ? this.#loop(item, counts, next) : this.#options(item, counts, next);
    // A loop has one of those that must be.
    for (let i = isEndless ? 1 : 0; i < counts.min; i++) entry = this.#node(item, entry);
    return entry;
  }

  #loop(item: Node, { min, isLazy }: Counts, next: number): number {
    const loop = this.#emit(isLazy ? SPLIT : LOOP, next, next);
    const body = this.#node(item, loop);
    this.#aim(loop, body, next, isLazy);
    return min === 0 ? loop : body;
  }

  /** Those that may be, each within the one before. */
  #options(item: Node, { min, max, isLazy }: Counts, next: number): number {
    let entry = next;
    for (let i = min; i < max; i++) {
      const body = this.#node(item, entry);
      entry = this.#aim(this.#emit(SPLIT, 0, 0), body, next, isLazy);
    }
    return entry;
  }

  #aim(split: number, body: number, next: number, isLazy: boolean): number {
    this.#next[split] = isLazy ? next : body;
    this.#arg[split] = isLazy ? body : next;
    return split;
  }
}

function alphabetOf(sets: readonly ByteSet[]): Alphabet {
  const members = sets.map((set) => [...set.toString(2).padStart(256, "0")].reverse());
  const symbols = symbolsOf(members);
  const lastLineFeed = Math.max(...symbols) + 1;
  const size = lastLineFeed + 2;
  const accepts = new Uint8Array(sets.length * size);
  const behind = new Uint8Array(size);
  for (let byte = 0; byte < 256; byte++) {
    const symbol = symbols[byte] ?? 0;
    members.forEach((bits, set) => accepts[set * size + symbol] = Number(bits[byte]));
    behind[symbol] = members[0]?.[byte] === "1" ? LINE_FEED : OTHER;
    if (members[1]?.[byte] === "1") behind[symbol] = WORD;
  }
  const lineFeed = symbols[10] ?? 0;
  sets.forEach((_, set) =>
    accepts[set * size + lastLineFeed] = accepts[set * size + lineFeed] ?? 0
  );
  const before = behind.slice();
  before[lastLineFeed] = LINE_FEED;
  behind[lastLineFeed] = LAST_LINE_FEED;
  behind[lastLineFeed + 1] = EDGE;
  return { symbols, lastLineFeed, end: lastLineFeed + 1, size, accepts, behind, before };
}

/** Numbers the bytes so that two have the same one if they are in the same sets. */
function symbolsOf(members: readonly (readonly string[])[]): Uint8Array {
  const symbols = new Uint8Array(256);
  for (const bits of members) {
    const numbers = new Map<string, number>();
    for (let byte = 0; byte < 256; byte++) {
      const key = `${symbols[byte]} ${bits[byte]}`;
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      symbols[byte] = number;
    }
  }
  return symbols;
}

/** An assertion's answer where what stands behind it is not known yet. */
const UNKNOWN = KINDS;

/** The instructions that are waited at in one place of the text, those tried first at the front. */
class Threads {
  readonly pcs: Uint16Array;
  /** Where the matches that they may become begin. */
  readonly starts: Uint32Array;
  count = 0;
  hasMatch = false;
  /** Whether one of them waits for what stands behind the place. */
  isAsking = false;
  /** What stands before the place. */
  before = EDGE;
  readonly #program: Program;
  /** The round in which each was reached last, or one more where that was twice and left a loop. */
  readonly #seen: Uint32Array;
  #round = 0;
  readonly #stack: Uint16Array;

  constructor(program: Program) {
    const size = program.op.length;
    this.#program = program;
    this.pcs = new Uint16Array(size);
    this.starts = new Uint32Array(size);
    this.#seen = new Uint32Array(size);
    this.#stack = new Uint16Array(size + 1);
  }

  clear(before: number): void {
    this.before = before;
    this.count = 0;
    this.hasMatch = this.isAsking = false;
    this.#round += 2;
    if (this.#round >= 0xffff_ffff) {
      this.#seen.fill(0);
      this.#round = 2;
    }
  }

  /** Goes on from an instruction until all that is reached must wait for bytes. */
  add(pc: number, start: number, behind: number): void {
    const { op, next, arg } = this.#program;
    const seen = this.#seen;
    const stack = this.#stack;
    const round = this.#round;
    let depth = 0;
    let at = pc;
    for (;;) {
      if (seen[at]! < round) {
        seen[at] = round;
        const kind = op[at]!;
        if (kind === SPLIT || kind === LOOP) {
          stack[depth++] = arg[at]!;
          at = next[at]!;
          continue;
        }
        const answer = kind === PLACE ? this.#ask(arg[at]!, behind) : undefined;
        if (answer === true) {
          at = next[at]!;
          continue;
        }
        if (answer === undefined) this.#wait(at, kind, start);
      } else if (op[at] === LOOP && seen[at] === round) {
        seen[at] = round + 1;
        at = arg[at]!;
        continue;
      }
      if (depth === 0) return;
      at = stack[--depth]!;
    }
  }

  /** Whether the place is one of those; nothing where that depends on what is not known yet. */
  #ask(places: number, behind: number): boolean | undefined {
    const answers = places >> (this.before * KINDS) & (1 << KINDS) - 1;
    if (behind !== UNKNOWN) return (answers >> behind & 1) === 1;
    return answers === 0 ? false : undefined;
  }

  #wait(pc: number, kind: number, start: number): void {
    this.pcs[this.count] = pc;
    this.starts[this.count++] = start;
    if (kind === MATCH) this.hasMatch = true;
    else if (kind === PLACE) this.isAsking = true;
  }

  /** All but the starts, in a string that is the same for the same set. */
  toKey(): string {
    const pcs = this.pcs.subarray(0, this.count).sort();
    const before = this.isAsking ? this.before : OTHER;
    return String.fromCharCode(before) + Reflect.apply(String.fromCharCode, undefined, pcs);
  }

  fromKey(key: string): void {
    this.clear(key.charCodeAt(0));
    for (let i = 1; i < key.length; i++) {
      const pc = key.charCodeAt(i);
      this.#wait(pc, this.#program.op[pc]!, 0);
    }
  }
}

/** What a step can lead to beside a row of the table; 0 is what was not looked at yet. */
const MATCHED = -1;
const FAILED = -2;
const FULL = -3;
/** The table has more to tell. */
const ALIVE = -4;

const MAX_STATES = 1_000;
/** Of all states together. */
const MAX_THREADS = 200_000;

class Automaton implements Pattern {
  readonly #program: Program;
  /** Whether a match can only begin where the search does. */
  readonly #isAnchored: boolean;
  #now: Threads;
  #then: Threads;
  readonly #settled: Threads;
  /** A row for each state: where each symbol leads. */
  #table = new Int32Array();
  #keys: string[] = [];
  readonly #rows = new Map<string, number>();
  #threads = 0;
  #isFull = false;

  constructor(program: Program, isAnchored: boolean) {
    this.#program = program;
    this.#now = new Threads(program);
    this.#then = new Threads(program);
    this.#settled = new Threads(program);
    this.#isAnchored = isAnchored || !this.#canBeginLater();
  }

  #canBeginLater(): boolean {
    return [LINE_FEED, WORD, OTHER].some((before) => {
      this.#now.clear(before);
      this.#now.add(this.#program.entry, 0, UNKNOWN);
      return this.#now.count > 0;
    });
  }

  test(bytes: Uint8Array): boolean {
    let row = this.#begin();
    for (let at = 0; row > 0; at++) {
      const symbol = this.#symbolAt(bytes, at);
      row = this.#table[row + symbol] || this.#explore(row, symbol);
      if (row === FULL) return this.#simulate(bytes, at + 1);
    }
    return row === MATCHED;
  }

  #symbolAt(bytes: Uint8Array, at: number): number {
    const { symbols, lastLineFeed, end } = this.#program.alphabet;
    const last = bytes.length - 1;
    if (at < last) return symbols[bytes[at]!]!;
    if (at > last) return end;
    return bytes[at] === 10 ? lastLineFeed : symbols[bytes[at]!]!;
  }

  /** The row of the text's start. */
  #begin(): number {
    if (this.#isFull) this.#forget();
    this.#then.clear(EDGE);
    this.#then.add(this.#program.entry, 0, UNKNOWN);
    return this.#then.hasMatch ? MATCHED : this.#rowOfThen();
  }

  #forget(): void {
    this.#rows.clear();
    this.#keys = [];
    this.#table.fill(0);
    this.#threads = 0;
    this.#isFull = false;
  }

  #explore(row: number, symbol: number): number {
    this.#now.fromKey(this.#keys[row / this.#program.alphabet.size - 1] ?? "");
    const outcome = this.#step(symbol);
    const to = outcome === ALIVE ? this.#rowOfThen() : outcome;
    if (to !== FULL) this.#table[row + symbol] = to;
    return to;
  }

  #rowOfThen(): number {
    const key = this.#then.toKey();
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    this.#isFull = this.#rows.size === MAX_STATES || this.#threads + key.length > MAX_THREADS;
    if (this.#isFull) return FULL;
    this.#threads += key.length;
    this.#keys.push(key);
    const { size } = this.#program.alphabet;
    // The first is left out, as 0 is no row.
    const row = this.#keys.length * size;
    this.#rows.set(key, row);
    if (row + size > this.#table.length) {
      const larger = new Int32Array(2 * (row + size));
      larger.set(this.#table);
      this.#table = larger;
    }
    return row;
  }

  /** Goes on without keeping states: a text that needs so many hardly comes to one again. */
  #simulate(bytes: Uint8Array, from: number): boolean {
    let outcome = ALIVE;
    for (let at = from; outcome === ALIVE; at++) {
      [this.#now, this.#then] = [this.#then, this.#now];
      outcome = this.#step(this.#symbolAt(bytes, at));
    }
    return outcome === MATCHED;
  }

  /** From the threads of `now` to those of `then`, which do not know yet what is behind them. */
  #step(symbol: number): number {
    const { entry, next, arg, alphabet: { accepts, before, behind, size, end } } = this.#program;
    const from = this.#now.isAsking ? this.#settle(behind[symbol]!) : this.#now;
    if (from.hasMatch) return MATCHED;
    if (symbol === end) return FAILED;
    const to = this.#then;
    to.clear(before[symbol]!);
    for (let i = 0; i < from.count; i++) {
      const pc = from.pcs[i]!;
      if (accepts[arg[pc]! * size + symbol] === 1) to.add(next[pc]!, 0, UNKNOWN);
    }
    if (!this.#isAnchored) to.add(entry, 0, UNKNOWN);
    if (to.hasMatch) return MATCHED;
    return to.count === 0 && this.#isAnchored ? FAILED : ALIVE;
  }

  /** The threads of `now` once it is known what stands behind them. */
  #settle(behind: number): Threads {
    const { pcs, count, before } = this.#now;
    this.#settled.clear(before);
    for (let i = 0; i < count; i++) this.#settled.add(pcs[i]!, 0, behind);
    return this.#settled;
  }

  search(bytes: Uint8Array, from = 0): PatternMatch | undefined {
    if (from === 0 && !this.test(bytes)) return undefined;
    const { op, next, arg, entry, alphabet } = this.#program;
    const { accepts, before, behind, size } = alphabet;
    const previous = from === 0 ? alphabet.end : this.#symbolAt(bytes, from - 1);
    let [now, then] = [this.#now, this.#then];
    let found: PatternMatch | undefined;
    now.clear(before[previous]!);
    let symbol = this.#symbolAt(bytes, from);
    for (let at = from; at <= bytes.length; at++) {
      // What begins here is tried after all that began before.
      if (!found && (at === from || !this.#isAnchored)) now.add(entry, at, behind[symbol]!);
      else if (now.count === 0) break;
      const following = this.#symbolAt(bytes, at + 1);
      then.clear(before[symbol]!);
      for (let i = 0; i < now.count; i++) {
        const pc = now.pcs[i]!;
        if (op[pc] === MATCH) {
          found = { start: now.starts[i]!, end: at };
          break;
        }
        if (accepts[arg[pc]! * size + symbol] === 1) {
          then.add(next[pc]!, now.starts[i]!, behind[following]!);
        }
      }
      [now, then] = [then, now];
      symbol = following;
    }
    return found;
  }
}
