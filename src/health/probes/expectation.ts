/** Whether an answer is the one that was expected. */

import type { Expectation, TextExpectation } from "../../config/check.ts";
import { ProbeFailure } from "./failure.ts";
import { GrowingBytes } from "./growing_bytes.ts";
import { compilePattern } from "./pattern.ts";

/** Of an answer no more is looked at. */
export const BODY_LIMIT = 1 << 20;
/** What may be looked through for one answer that comes in many pieces. */
const WORK_LIMIT = 64 << 20;

interface Judge {
  /** What is wrong; undefined: nothing. */
  readonly judge: (bytes: Uint8Array) => string | undefined | Promise<string | undefined>;
  /** More bytes cannot make it wrong again. */
  readonly isFinal: boolean;
}

/** All of what is expected of one answer. */
export class Expectations {
  readonly #judges: readonly Judge[];

  constructor(list: readonly Expectation[]) {
    this.#judges = list.map(judgeOf);
  }

  get isEmpty(): boolean {
    return this.#judges.length === 0;
  }

  /** Throws where the whole answer is not what was expected. */
  async check(bytes: Uint8Array, isCut: boolean): Promise<void> {
    if (isCut && this.#judges.some(({ isFinal }) => !isFinal)) {
      throw new ProbeFailure(`the answer has more than ${BODY_LIMIT >> 20} MiB`);
    }
    for (const { judge } of this.#judges) {
      const wrong = await judge(bytes);
      if (wrong !== undefined) throw new ProbeFailure(wrong);
    }
  }

  /** For answers whose end is not known: whether it is good already, whatever may follow. */
  reader(): ExpectationReader {
    return new ExpectationReader(this.#judges);
  }
}

export class ExpectationReader {
  readonly #judges: readonly Judge[];
  readonly #taken = new GrowingBytes();
  #work = 0;

  constructor(judges: readonly Judge[]) {
    this.#judges = judges;
  }

  get bytes(): Uint8Array {
    return this.#taken.bytes;
  }

  /** Whether all that was expected is there. */
  async push(chunk: Uint8Array): Promise<boolean> {
    if (this.#taken.length + chunk.length > BODY_LIMIT) {
      throw new ProbeFailure(`the answer has more than ${BODY_LIMIT >> 20} MiB`);
    }
    this.#taken.append(chunk);
    for (const { judge, isFinal } of this.#judges) {
      if (!isFinal) return false;
      // Byte by byte, each of them would have all looked through again.
      this.#work += this.#taken.length;
      if (this.#work > WORK_LIMIT) throw new ProbeFailure("the answer comes in too small pieces");
      if (await judge(this.bytes) !== undefined) return false;
    }
    return true;
  }
}

function judgeOf(expectation: Expectation): Judge {
  switch (expectation.kind) {
    case "contains":
    case "pattern":
      return textJudge(expectation);
    case "md5":
    case "sha256":
      return {
        isFinal: false,
        judge: async (bytes) => {
          const { createHash } = await import("node:crypto");
          const digest = createHash(expectation.kind).update(bytes).digest("hex");
          if (digest === expectation.text.toLowerCase()) return undefined;
          return `the ${expectation.kind} of the answer is ${digest}, must be ${expectation.text}`;
        },
      };
  }
}

function textJudge(expectation: TextExpectation): Judge {
  const { kind, text, not = false, from = 0, to } = expectation;
  const find = kind === "contains" ? finder(expectation) : matcher(expectation);
  const isThere = (bytes: Uint8Array) => {
    const start = find(bytes, from);
    return start !== undefined && (to === undefined || start <= to);
  };
  const what = kind === "contains" ? `"${text}"` : `match of /${text}/`;
  const one = kind === "contains" ? what : `a ${what}`;
  const wrong = not ? `the answer has ${one}, must not have it` : `the answer has no ${what}`;
  return {
    isFinal: !not && !(kind === "pattern" && /[$]|\\[zZbB]/.test(text)),
    judge: (bytes) => isThere(bytes) === not ? wrong : undefined,
  };
}

/** Where it begins first, at that place or behind it. */
type Find = (bytes: Uint8Array, from: number) => number | undefined;

function matcher({ text, ignoreCase = false, to }: TextExpectation): Find {
  const pattern = compilePattern(text, { ignoreCase });
  return (bytes, from) => {
    // Where it is does not matter, and that it is there is found out faster.
    if (from === 0 && to === undefined) return pattern.test(bytes) ? 0 : undefined;
    return pattern.search(bytes, from)?.start;
  };
}

/** One character for each byte, so that places are the same. */
const decoder = new TextDecoder("latin1");

function finder({ text, ignoreCase = false }: TextExpectation): Find {
  const bytes = new TextEncoder().encode(text);
  const wanted = ignoreCase ? decoder.decode(bytes).toLowerCase() : decoder.decode(bytes);
  return (bytes, from) => {
    const found = decoder.decode(bytes);
    const at = (ignoreCase ? found.toLowerCase() : found).indexOf(wanted, from);
    return at < 0 ? undefined : at;
  };
}
