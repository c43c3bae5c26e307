/** --health-req-headers. Their values may be secrets: no error shows one. */

import { type Given, quote, refuseUnseen } from "./given.ts";

export type Header = readonly [name: string, value: string];

/** A name as HTTP allows one, of headers and of methods. */
export const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Those that the program sets itself; a second one would garble the request. */
const OWN = ["connection", "content-length", "transfer-encoding"];

/** In the order given; of one name the last. */
export function readHeaders(givens: readonly Given[]): Header[] {
  const headers = new Map<string, Header>();
  for (const given of givens) {
    for (const [at, pair] of splitPairs(given).entries()) {
      const header = readHeader(given, pair, at + 1);
      headers.set(header[0].toLowerCase(), header);
    }
  }
  return [...headers.values()];
}

function readHeader(given: Given, pair: string, position: number): Header {
  const equals = pair.indexOf("=");
  const subject = `pair ${position}`;
  if (equals < 0) {
    refuseUnseen(
      given,
      subject,
      'has no "=", must be name=value',
      "a pair with a comma in its value stands in double quotes",
    );
  }
  const name = pair.slice(0, equals).replace(/^[ \t]+/, "");
  // Where a name is none, it may be a value that was cut in two, and a secret.
  if (!TOKEN.test(name)) {
    refuseUnseen(given, subject, 'has no header name before its "=", must be name=value');
  }
  return checkHeader(given, name, pair.slice(equals + 1));
}

/** A header whose name is one. */
export function checkHeader(given: Given, name: string, value: string): Header {
  if (OWN.includes(name.toLowerCase())) {
    refuseUnseen(given, quote(name), "is set by the program itself, must be another header");
  }
  if (!/^[\t\x20-\x7e]*$/.test(value)) {
    refuseUnseen(given, quote(name), "its value must be printable ASCII on one line");
  }
  return [name, value.trim()];
}

/**
 * As pflag does: with a single "=" all is one pair and commas belong to its value; otherwise commas
 * separate, and double quotes around a pair keep them.
 */
function splitPairs(given: Given): string[] {
  const { text } = given;
  if (text.split("=").length === 2) return [text.replace(/^"(.*)"$/s, "$1")];
  const field = /[ \t]*"((?:[^"]|"")*)"[ \t]*(?:,|$)|([^",]*)(?:,|$)/y;
  const pairs: string[] = [];
  while (true) {
    const match = field.exec(text);
    if (!match) {
      const subject = `pair ${pairs.length + 1}`;
      refuseUnseen(given, subject, "has a double quote that does not stand around the whole pair");
    }
    pairs.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (!match[0].endsWith(",")) return pairs;
  }
}
