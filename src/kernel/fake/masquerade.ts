/** Masquerading in memory, for tests: rules are pieces that are there or not, some with a bit of the mark. */

import type { Family } from "../../model/address.ts";
import type { Masquerade, MasqueradeOptions } from "../masquerade.ts";
import { checkEntries, checkMarkBit, within, without } from "../masquerade_rules.ts";
import { setError } from "../set_errors.ts";
import { printSetEntry, type SetEntry } from "../sets.ts";

export type FakePiece = "set" | "jump" | "rule that marks" | "rule that masquerades";

export const FAKE_PIECES: readonly FakePiece[] = [
  "set",
  "jump",
  "rule that marks",
  "rule that masquerades",
];

type Change = Parameters<Masquerade["changeEntries"]>[1];

interface State {
  /** What is there, and by which bit where that makes a difference. */
  readonly pieces: Map<FakePiece, number | undefined>;
  readonly entries: Map<string, SetEntry>;
}

export class FakeMasquerade implements Masquerade {
  readonly name = "fake";
  readonly #states: Readonly<Record<Family, State>> = { ipv4: emptyState(), ipv6: emptyState() };
  #writes = 0;

  /** How often anything was changed by the contract's methods. */
  get writes(): number {
    return this.#writes;
  }

  missing(options: MasqueradeOptions): Promise<string[]> {
    return this.#try(() => this.#missing("read rules", options));
  }

  ensure(options: MasqueradeOptions): Promise<string[]> {
    return this.#try(() => {
      const missing = this.#missing("make rules", options);
      const { pieces } = this.#states[options.family];
      for (const piece of missing) pieces.set(piece, bitOf(piece, options));
      if (missing.length > 0) this.#writes++;
      return missing;
    });
  }

  exists(family: Family): Promise<boolean> {
    return this.#try(() => this.#states[family].pieces.size > 0);
  }

  entries(family: Family): Promise<SetEntry[]> {
    return this.#try(() => [...this.#states[family].entries.values()]);
  }

  changeEntries(family: Family, { add = [], remove = [] }: Change): Promise<void> {
    const attempt = { command: "changeEntries", op: "change entries", subject: `of ${family}` };
    return this.#try(() => {
      checkEntries(attempt, family, [...add, ...remove]);
      const { pieces, entries } = this.#states[family];
      if (!pieces.has("set")) throw setError(attempt, "ENOENT");
      const there = [...entries.values()];
      const [gone, fresh] = [within(remove, there), without(add, there)];
      for (const entry of gone) entries.delete(printSetEntry(entry));
      for (const entry of fresh) entries.set(printSetEntry(entry), entry);
      if (gone.length + fresh.length > 0) this.#writes++;
    });
  }

  remove(family: Family): Promise<boolean> {
    return this.#try(() => {
      const { pieces } = this.#states[family];
      if (pieces.size === 0) return false;
      for (const piece of FAKE_PIECES) this.lose(family, piece);
      this.#writes++;
      return true;
    });
  }

  close(): void {}

  /** As somebody else would: takes the piece away, and with the set what is in it. */
  lose(family: Family, piece: FakePiece): void {
    const { pieces, entries } = this.#states[family];
    pieces.delete(piece);
    if (piece === "set") entries.clear();
  }

  /** As somebody else would: makes the piece that is there go by another bit. */
  alter(family: Family, piece: FakePiece, markBit: number): void {
    const { pieces } = this.#states[family];
    if (pieces.get(piece) === undefined) throw new TypeError(`no piece with a bit: "${piece}"`);
    pieces.set(piece, markBit);
  }

  /** The bits that the rules of the family go by. */
  bits(family: Family): number[] {
    const bits = [...this.#states[family].pieces.values()].filter((bit) => bit !== undefined);
    return [...new Set(bits)];
  }

  #missing(op: string, options: MasqueradeOptions): FakePiece[] {
    checkMarkBit({ command: "ensure", op, subject: `of ${options.family}` }, options);
    const { pieces } = this.#states[options.family];
    return FAKE_PIECES.filter((piece) =>
      !pieces.has(piece) || pieces.get(piece) !== bitOf(piece, options)
    );
  }

  /** Does it at once; a refusal is a rejection, as it is of those that wait. */
  #try<T>(body: () => T): Promise<T> {
    return new Promise((resolve) => resolve(body()));
  }
}

function emptyState(): State {
  return { pieces: new Map(), entries: new Map() };
}

function bitOf(piece: FakePiece, { markBit }: MasqueradeOptions): number | undefined {
  return piece.startsWith("rule") ? markBit : undefined;
}
