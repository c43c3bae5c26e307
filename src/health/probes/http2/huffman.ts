/** The Huffman code of HPACK (RFC 7541, appendix B), to be read alone: we send none. */

import { malformed } from "../http_message.ts";

/** How many bits each symbol has. The code is canonical, so that nothing else need be known of it. */
const LENGTHS = `
  13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
  6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
  13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
  15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
  20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
  22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
  26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
  20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
  30`;

/** Ends the text, and must never be there. */
const EOS = 256;
const LONGEST = 30;
const LONGEST_PADDING = 7;

/** The codes of one length follow one another, in the order of their symbols. */
interface Codes {
  readonly first: number;
  readonly symbols: readonly number[];
}

let byLength: readonly Codes[] | undefined;

/** Made when it is first needed: most programs never do. */
function codesByLength(): Codes[] {
  const lengths = LENGTHS.trim().split(/\s+/).map(Number);
  let first = 0;
  return Array.from({ length: LONGEST + 1 }, (_, length) => {
    const symbols = lengths.flatMap((bits, symbol) => bits === length ? [symbol] : []);
    const own = { first, symbols };
    first = 2 * (first + symbols.length);
    return own;
  });
}

export function decodeHuffman(bytes: Uint8Array): Uint8Array {
  const codes = byLength ??= codesByLength();
  const text: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift--) {
      code = code << 1 | byte >> shift & 1;
      length++;
      // Every row of bits is a symbol or the beginning of one: no code is longer than the longest.
      const { first, symbols } = codes[length]!;
      const symbol = symbols[code - first];
      if (symbol === undefined) continue;
      if (symbol === EOS) throw malformed("its headers have the Huffman code of EOS");
      text.push(symbol);
      code = length = 0;
    }
  }
  // The beginning of EOS fills up the last byte.
  if (length > LONGEST_PADDING || code !== (1 << length) - 1) {
    throw malformed("its headers have a Huffman code with wrong padding");
  }
  return Uint8Array.from(text);
}
